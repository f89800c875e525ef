//! The messages that stand clear in healthdata's zone: steps 6 and 7 and back, and re-coding.
//!
//! They speak of pseudonyms and sender codes; an SSIN cannot be named here. Pseudonym and sender code are judged per item, so that a bad
//! one does not cost its publication.

mod arrival;
mod outgoing_feedback;
mod recoded_from;
mod recoded_patients;
mod recoded_rows;
mod validation;
mod verdict;

pub use arrival::{Arrival, ArrivalItem};
pub use outgoing_feedback::{OutgoingFeedback, OutgoingItem};
pub use recoded_from::EARLIER_MAX;
pub use recoded_patients::{Recoded, RecodedPatient, RecodedPatients};
pub use recoded_rows::RecodedRows;
pub use validation::{Validation, ValidationItem};
pub use verdict::{Verdict, VerdictFinding, VerdictItem, VerdictSeverity};

#[cfg(test)]
mod tests;
