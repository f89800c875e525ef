//! Rules between the fields of one registration.

use std::sync::Arc;

use crate::catalogue::Code;
use crate::condition::{Condition, Target, Truth};
use crate::field::FieldNo;
use crate::row::Row;
use crate::text::LocalText;

/// A rule of the definition.
#[derive(Debug)]
pub struct Rule {
    pub(crate) id: String,
    pub(crate) column: String,
    pub(crate) target: Target,
    pub(crate) code: Code,
    pub(crate) when: Option<Condition>,
    pub(crate) check: Condition,
    pub(crate) message: Arc<LocalText>,
    /// The list for whose every item it is checked; none when it is checked once.
    pub(crate) per_item: Option<u16>,
}

impl Rule {
    /// Its id in the definition.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The column that its findings are in, without an index.
    #[must_use]
    pub fn column(&self) -> &str {
        &self.column
    }

    /// The code of its findings: V03 or W05, or a more exact one where the rule says what a code of the catalogue says.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// What its findings say.
    #[must_use]
    pub const fn message(&self) -> &Arc<LocalText> {
        &self.message
    }

    /// Calls `broken` with the target and the item of every breach.
    pub(crate) fn breaches(&self, row: &Row<'_>, mut broken: impl FnMut(Target, Option<u16>)) {
        match self.per_item {
            Some(list) => {
                row.filled_items(list).filter(|item| self.is_broken(row, *item)).for_each(|item| broken(self.target, Some(item)))
            }
            None if self.is_broken(row, 0) => broken(self.target, self.check.offending_item(row)),
            None => {}
        }
    }

    fn is_broken(&self, row: &Row<'_>, item: u16) -> bool {
        let applies = self.when.as_ref().is_none_or(|when| when.truth(row, item) == Truth::True);
        applies && self.check.truth(row, item) == Truth::False
    }

    /// The field that a finding is in, when the rule names one.
    #[must_use]
    pub const fn field(&self) -> Option<FieldNo> {
        match self.target {
            Target::Field(field) => Some(field),
            Target::Group(_) => None,
        }
    }
}
