//! The days on which a collection takes what (domain: start, end date creation, end date submission, end date comments). The days
//! themselves count.

use std::fmt;

use dcd::{Collection, Finding};
use jiff::civil::Date;

/// What a collection can be closed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gate {
    /// New registrations.
    Creation,
    /// Versions of registrations.
    Submission,
    /// Answers to what a researcher asked.
    Comments,
}

impl Gate {
    /// The refusal's name in interfaces.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Creation => "CREATION_CLOSED",
            Self::Submission => "SUBMISSION_CLOSED",
            Self::Comments => "COMMENTS_CLOSED",
        }
    }

    /// Whether the collection is open for it on a day.
    ///
    /// # Errors
    ///
    /// [`Closed`].
    pub fn pass(self, collection: &Collection, today: Date) -> Result<(), Closed> {
        let open = match self {
            Self::Creation => collection.may_create(today),
            Self::Submission => collection.may_submit(today),
            Self::Comments => collection.may_comment(today),
        };
        open.map_err(|finding| Closed { gate: self, finding: Box::new(finding) })
    }
}

/// What a version is called that a registration gets: an answer has its own last day.
pub(crate) const fn of_version(is_asked: bool) -> Gate {
    if is_asked { Gate::Comments } else { Gate::Submission }
}

/// The collection is not open for it today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// What it is closed for.
    pub gate: Gate,
    /// E13, with the days on which it is open.
    pub finding: Box<Finding>,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.gate {
            Gate::Creation => "create a registration: the collection is not open for new ones",
            Gate::Submission => "submit: the collection takes no further versions",
            Gate::Comments => "answer: the collection takes no further answers",
        })
    }
}

impl std::error::Error for Closed {}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn each_gate_is_open_from_the_first_to_its_last_day() {
        let collection = Collection {
            start: date(2026, 1, 10),
            end_creation: Some(date(2026, 1, 20)),
            end_submission: Some(date(2026, 1, 30)),
            end_comments: None,
        };
        let codes = |day| {
            let closed = |gate: Gate| gate.pass(&collection, date(2026, 1, day)).err().map(|closed| closed.gate.code());
            [Gate::Creation, Gate::Submission, Gate::Comments].map(closed)
        };
        let (creation, submission) = (Some("CREATION_CLOSED"), Some("SUBMISSION_CLOSED"));
        assert_eq!(codes(9), [creation, submission, Some("COMMENTS_CLOSED")]);
        assert_eq!(codes(10), [None; 3]);
        assert_eq!(codes(20), [None; 3]);
        assert_eq!(codes(21), [creation, None, None]);
        assert_eq!(codes(30), [creation, None, None]);
        assert_eq!(codes(31), [creation, submission, None]);
    }
}
