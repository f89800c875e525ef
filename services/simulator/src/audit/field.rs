//! What a value says, and where in a registration it stands.

use std::fmt;

use dcd::{Definition, FieldNo, Kind as FieldKind};
use registration::Policy;
use serde::Serialize;

/// What a value says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The national number.
    NationalNumber,
    /// The id of a patient without a number.
    GeneratedId,
    /// The patient's last name.
    Name,
    /// The patient's first name.
    FirstName,
    /// The hospital's own number of the patient.
    InternalId,
    /// The full date of birth.
    BirthDate,
    /// The full postal code.
    PostalCode,
    /// Another value that healthdata gets nothing of.
    Withheld,
    /// Another value that healthdata gets reduced: a month, a code.
    Reduced,
    /// What people write.
    FreeText,
    /// Every other variable of a register: codes, numbers, dates.
    Variable,
    /// What an attachment holds.
    Attachment,
    /// What an attachment is called.
    AttachmentName,
    /// A researcher's comment.
    Comment,
    /// A hospital's answer to one.
    Answer,
    /// The hospital's tag of the patient.
    PatientTag,
    /// The name of a register.
    Register,
    /// The name of a file that was uploaded.
    FileName,
    /// A user of the hospital.
    HospitalUser,
    /// A user of healthdata.
    HealthdataUser,
    /// The pseudonym.
    Pseudonym,
    /// The hospital's name at healthdata.
    SenderCode,
}

impl Kind {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 22] = [
        Self::NationalNumber,
        Self::GeneratedId,
        Self::Name,
        Self::FirstName,
        Self::InternalId,
        Self::BirthDate,
        Self::PostalCode,
        Self::Withheld,
        Self::Reduced,
        Self::FreeText,
        Self::Variable,
        Self::Attachment,
        Self::AttachmentName,
        Self::Comment,
        Self::Answer,
        Self::PatientTag,
        Self::Register,
        Self::FileName,
        Self::HospitalUser,
        Self::HealthdataUser,
        Self::Pseudonym,
        Self::SenderCode,
    ];

    /// Its name in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NationalNumber => "national number",
            Self::GeneratedId => "generated id",
            Self::Name => "name",
            Self::FirstName => "first name",
            Self::InternalId => "internal patient id",
            Self::BirthDate => "date of birth",
            Self::PostalCode => "postal code",
            Self::Withheld => "other withheld value",
            Self::Reduced => "other reduced value",
            Self::FreeText => "free text",
            Self::Variable => "variable",
            Self::Attachment => "attachment",
            Self::AttachmentName => "attachment's name",
            Self::Comment => "researcher's comment",
            Self::Answer => "hospital's answer",
            Self::PatientTag => "patient tag",
            Self::Register => "name of a register",
            Self::FileName => "name of an upload",
            Self::HospitalUser => "hospital's user",
            Self::HealthdataUser => "healthdata's user",
            Self::Pseudonym => "pseudonym",
            Self::SenderCode => "sender code",
        }
    }

    /// Whether it says who the patient is.
    #[must_use]
    pub const fn identifies(self) -> bool {
        matches!(
            self,
            Self::NationalNumber
                | Self::GeneratedId
                | Self::Name
                | Self::FirstName
                | Self::InternalId
                | Self::BirthDate
                | Self::PostalCode
        )
    }

    /// Whether it is content of a registration, which healthdata gets and eHealth does not.
    #[must_use]
    pub const fn is_content(self) -> bool {
        matches!(
            self,
            Self::FreeText
                | Self::Variable
                | Self::Attachment
                | Self::AttachmentName
                | Self::Comment
                | Self::Answer
                | Self::PatientTag
        )
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A field of a register, or what stands beside its fields.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Field {
    /// What its values say.
    pub kind: Kind,
    /// The register; none for what is not of one.
    pub register: Option<String>,
    /// The column, without the items' numbers.
    pub column: Option<String>,
}

impl Field {
    /// What stands beside the fields of a register.
    #[must_use]
    pub const fn beside(kind: Kind) -> Self {
        Self { kind, register: None, column: None }
    }

    /// A field of a register; `None` for a number that it does not have.
    #[must_use]
    pub fn of(definition: &Definition, number: FieldNo) -> Option<Self> {
        let field = definition.field(number)?;
        let patient = definition.patient();
        let is = |own: Option<FieldNo>| own == Some(number);
        let kind = match (field.kind(), field.policy()) {
            _ if number == patient.id => Kind::NationalNumber,
            _ if is(patient.name) => Kind::Name,
            _ if is(patient.first_name) => Kind::FirstName,
            _ if is(patient.internal_id) => Kind::InternalId,
            _ if is(patient.date_of_birth) && field.policy() != Some(Policy::AsIs) => Kind::BirthDate,
            (_, Some(Policy::PostalArea)) => Kind::PostalCode,
            (_, Some(Policy::Never) | None) => Kind::Withheld,
            (_, Some(Policy::Year | Policy::Month | Policy::Code)) => Kind::Reduced,
            (FieldKind::Attachment, Some(Policy::AsIs)) => Kind::AttachmentName,
            // What the program fills in itself, such as the hospital's number, is no text of anybody's.
            _ if field.is_read_only() || field.is_computed() => Kind::Variable,
            (FieldKind::Text | FieldKind::Multiline, Some(Policy::AsIs)) if field.code_list().is_none() => Kind::FreeText,
            (_, Some(Policy::AsIs)) => Kind::Variable,
        };
        Some(Self { kind, register: Some(definition.name().to_owned()), column: Some(field.column().to_owned()) })
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.register, &self.column) {
            (Some(register), Some(column)) => write!(f, "{} ({register}, {column})", self.kind),
            (Some(register), None) => write!(f, "{} ({register})", self.kind),
            (None, _) => write!(f, "{}", self.kind),
        }
    }
}
