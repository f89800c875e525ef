//! What a route gives to whom: the one declaration that stands beside each route.

use std::time::Duration;

use crate::{Code, Role};

/// The media type of documents.
const JSON: &str = "application/json";
/// Bytes of a body that a route takes unless it says otherwise.
const BODY_MAX: usize = 64 * 1024;

/// What a route does, as far as the guard must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Counts, definitions: nothing about a single patient.
    Figures,
    /// Shows patient-level data: leaves an audit row.
    View,
    /// Changes something: needs an idempotency key, and leaves an audit row.
    Change,
}

/// Who may use a route, and how.
#[derive(Debug, Clone, Copy)]
pub struct Access {
    /// The roles that may use it.
    pub roles: &'static [Role],
    /// What it does.
    pub kind: Kind,
    /// Whether it needs `If-Match`.
    pub is_versioned: bool,
    /// The problems of its own, beside those that every such route may have.
    pub problems: &'static [Code],
    /// Bytes of its body at most.
    pub body_max: usize,
    /// Whether the body goes into a file while it comes.
    pub is_file: bool,
    /// How long it may take.
    pub deadline: Duration,
}

impl Access {
    const fn new(kind: Kind, roles: &'static [Role]) -> Self {
        Self {
            roles,
            kind,
            is_versioned: false,
            problems: &[],
            body_max: BODY_MAX,
            is_file: false,
            deadline: Duration::from_secs(30),
        }
    }

    /// A route that shows nothing about a single patient.
    #[must_use]
    pub const fn figures(roles: &'static [Role]) -> Self {
        Self::new(Kind::Figures, roles)
    }

    /// A route that shows patient-level data.
    #[must_use]
    pub const fn view(roles: &'static [Role]) -> Self {
        Self::new(Kind::View, roles)
    }

    /// A route that changes something.
    #[must_use]
    pub const fn change(roles: &'static [Role]) -> Self {
        Self::new(Kind::Change, roles)
    }

    /// The same, for who says which version was looked at.
    #[must_use]
    pub const fn versioned(mut self) -> Self {
        self.is_versioned = true;
        self
    }

    /// The same, with these problems of its own.
    #[must_use]
    pub const fn problems(mut self, problems: &'static [Code]) -> Self {
        self.problems = problems;
        self
    }

    /// The same, for a body of so many bytes at most.
    #[must_use]
    pub const fn body_max(mut self, bytes: usize) -> Self {
        self.body_max = bytes;
        self
    }

    /// The same, for a file of so many bytes at most, which is not kept in memory.
    #[must_use]
    pub const fn file_max(mut self, bytes: usize) -> Self {
        (self.body_max, self.is_file) = (bytes, true);
        self
    }

    /// The same, for what may take longer.
    #[must_use]
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Every problem that the route may answer with.
    pub(crate) fn all_problems(&self, media_types: &[String]) -> Vec<Code> {
        let mut all = vec![
            Code::Unauthenticated,
            Code::TokenExpired,
            Code::ForbiddenRole,
            Code::ForeignOrganisation,
            Code::UnknownParameter,
            Code::InvalidParameter,
            Code::TooLarge,
            Code::SlowRequest,
            Code::UnexpectedBody,
            Code::Busy,
            Code::StoreUnavailable,
            Code::Deadline,
            Code::Internal,
        ];
        if self.kind == Kind::Change {
            all.extend([Code::KeyMissing, Code::KeyInvalid, Code::KeyReused, Code::InProgress, Code::InvalidVersion]);
        }
        if self.is_versioned {
            all.extend([Code::VersionMissing, Code::StaleVersion]);
        }
        if !media_types.is_empty() {
            all.push(Code::WrongMediaType);
        }
        if media_types.iter().any(|media_type| media_type == JSON) {
            all.extend([Code::NotJson, Code::UnknownMember, Code::MissingMember, Code::InvalidMember]);
        }
        all.extend(self.problems);
        all.sort_unstable();
        all.dedup();
        all
    }
}
