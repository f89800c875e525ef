//! Whether a content may enter healthdata. Pure.

use dcd::{Definition, Definitions};
use registration::{Answer, Content, Place, Policy, Submitted};
use std::{collections::BTreeMap, sync::Arc};

use crate::error::ItemError;

/// A definition with its policies at hand.
#[derive(Debug, Clone)]
pub struct Register {
    definition: Arc<Definition>,
    policies: Arc<[Policy]>,
}

/// The definitions that healthdata knows, with their policies computed once.
#[derive(Debug)]
pub struct Inspection {
    registers: BTreeMap<(String, u32), Register>,
}

/// The field that names the registering organisation in every register.
const ORGANISATION: &str = "installation_id";

impl Inspection {
    /// Prepares the inspection by `definitions`.
    #[must_use]
    pub fn new(definitions: &Definitions) -> Self {
        let register = |definition: &Arc<Definition>| {
            let key = (definition.name().to_owned(), definition.version());
            (key, Register { definition: Arc::clone(definition), policies: definition.policies().into() })
        };
        Self { registers: definitions.iter().map(register).collect() }
    }

    /// Refuses what healthdata may not have, though a hospital sealed it: another organisation than the one whose key sealed it; and in a
    /// content a `never` column, an unreduced value, a national number in a text.
    ///
    /// # Errors
    ///
    /// [`ItemError`].
    pub fn inspect(&self, submitted: &Submitted, organisation: &str) -> Result<(), ItemError> {
        match submitted {
            _ if submitted.organisation() != organisation => Err(ItemError::ForeignOrganisation),
            Submitted::Receipt(_) => Ok(()),
            Submitted::Content(content) => self.inspect_content(content, organisation),
        }
    }

    fn inspect_content(&self, content: &Content, organisation: &str) -> Result<(), ItemError> {
        let head = content.head();
        let register = self.registers.get(&(head.dcd.clone(), head.dcd_version)).ok_or(ItemError::UnknownDefinition)?;
        content.check(&register.policies).map_err(|_| ItemError::Policy)?;
        let own_field = register.definition.field_no(ORGANISATION);
        for cell in content.cells() {
            if Some(cell.place.field) == own_field && cell.value != organisation {
                return Err(ItemError::ForeignOrganisation);
            }
            if national_number::contains_number(&cell.value) {
                return Err(ItemError::NationalNumber);
            }
        }
        for Answer { comment, .. } in content.answers() {
            let is_known = |place: Place| register.definition.column_at(place).is_some();
            if !comment.place.is_none_or(is_known) {
                return Err(ItemError::Policy);
            }
            if national_number::contains_number(&comment.text) {
                return Err(ItemError::NationalNumber);
            }
        }
        for attachment in content.attachments() {
            let text = String::from_utf8_lossy(&attachment.bytes);
            if national_number::contains_number(&attachment.name) || national_number::contains_number(&text) {
                return Err(ItemError::NationalNumber);
            }
        }
        Ok(())
    }
}
