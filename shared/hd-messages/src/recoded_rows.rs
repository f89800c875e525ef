//! Re-coding, R4: HD4RES to the data warehouse.

use envelope::{Message, items};
use serde::{Deserialize, Serialize};

use crate::recoded_patients::{Recoded, RecodedPatient, size_of};

/// Patients whose rows have another pseudonym from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecodedRows {
    /// The patients.
    #[serde(deserialize_with = "items")]
    pub items: Vec<RecodedPatient>,
}

impl Recoded for RecodedRows {
    fn items(&self) -> &[RecodedPatient] {
        &self.items
    }

    fn of(items: Vec<RecodedPatient>) -> Self {
        Self { items }
    }
}

impl Message for RecodedRows {
    const TYPE: &'static str = "be.healthdata.precision.recoded-rows.v1";

    fn len(&self) -> usize {
        self.items.len()
    }

    fn size_max(&self) -> usize {
        size_of(&self.items)
    }
}
