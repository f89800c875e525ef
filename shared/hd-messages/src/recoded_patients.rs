//! Re-coding, R3: healthdata's messaging client to HD4RES.

use envelope::{ItemId, Message, Text, items};
use pseudonymised::Pseudonym;
use serde::{Deserialize, Serialize};

/// A message of re-coded patients, on whichever arrow.
pub trait Recoded: Message + Clone {
    /// The patients.
    fn items(&self) -> &[RecodedPatient];

    /// The message with these patients.
    fn of(items: Vec<RecodedPatient>) -> Self;
}

/// Patients who have another pseudonym from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecodedPatients {
    /// The patients.
    #[serde(deserialize_with = "items")]
    pub items: Vec<RecodedPatient>,
}

/// One patient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecodedPatient {
    /// The item; it stands for nothing but its place in this publication.
    pub id: ItemId,
    /// The pseudonym of an earlier epoch.
    pub old: Text<Pseudonym>,
    /// The pseudonym from now on.
    pub new: Text<Pseudonym>,
}

impl RecodedPatient {
    /// A patient who was `old` and is `new`.
    #[must_use]
    pub fn new(id: ItemId, old: &str, new: &str) -> Self {
        Self { id, old: Text::unchecked(old.to_owned()), new: Text::unchecked(new.to_owned()) }
    }
}

/// Characters that patients take on the wire, or a few more.
pub(crate) fn size_of(items: &[RecodedPatient]) -> usize {
    items.iter().map(|item| 80 + item.old.size() + item.new.size()).sum()
}

impl Recoded for RecodedPatients {
    fn items(&self) -> &[RecodedPatient] {
        &self.items
    }

    fn of(items: Vec<RecodedPatient>) -> Self {
        Self { items }
    }
}

impl Message for RecodedPatients {
    const TYPE: &'static str = "be.healthdata.precision.recoded-patients.v1";

    fn len(&self) -> usize {
        self.items.len()
    }

    fn size_max(&self) -> usize {
        size_of(&self.items)
    }
}
