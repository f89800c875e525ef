//! Rules across the registrations of one patient. The data warehouse evaluates them: only it has all of a patient's registrations.

use std::sync::Arc;

use crate::catalogue::Code;
use crate::field::FieldNo;
use crate::text::LocalText;

/// A rule across registrations.
#[derive(Debug)]
pub struct AcrossRule {
    pub(crate) id: String,
    pub(crate) code: Code,
    pub(crate) kind: AcrossKind,
    pub(crate) field: FieldNo,
    pub(crate) message: Arc<LocalText>,
}

/// What an across rule demands of its field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AcrossKind {
    /// One value over all registrations of a patient that have the column, in any register.
    ConstantPerPatient,
    /// Registrations with the same value belong to one patient, in every register that has the column.
    SamePatient,
    /// The date is not before the other register's date, where the registrations have the same value in the field `link`.
    NotBefore {
        /// The field whose value joins the registrations, in this register.
        link: FieldNo,
        /// The other registers and their columns of the date.
        others: Vec<OtherColumn>,
    },
    /// One of the other registers has a registration with the same value.
    Exists {
        /// Names of the other registers.
        others: Vec<String>,
    },
}

/// A column of another register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherColumn {
    /// Technical name of the register.
    pub dcd: String,
    /// Column without an index.
    pub column: String,
}

impl AcrossRule {
    /// Its id in the definition.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// V05 when it is an error, W06 when it is a warning.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// What it demands.
    #[must_use]
    pub const fn kind(&self) -> &AcrossKind {
        &self.kind
    }

    /// The field that it is about.
    #[must_use]
    pub const fn field(&self) -> FieldNo {
        self.field
    }

    /// What a finding says.
    #[must_use]
    pub const fn message(&self) -> &Arc<LocalText> {
        &self.message
    }
}
