//! The promises, and what breaks each.

use std::fmt;

use serde::Serialize;

use super::{
    field::Kind,
    onlooker::{Medium, Onlooker, Role},
};

/// What must hold. The first three are published; the others follow from how they are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Promise {
    /// The hospital never receives a pseudonym.
    HospitalWithoutPseudonym,
    /// The TTP never sees what a registration holds or is about.
    TtpWithoutContent,
    /// healthdata never sees who the patient is.
    HealthdataWithoutIdentity,
    /// healthdata can join one patient's records all the same.
    RecordsJoin,
    /// Nothing readable stands on eHealth's broker.
    SealedAtEhealth,
    /// The TTP remembers no patient.
    TtpKeepsNobody,
    /// What is the hospital's own does not leave its registration application.
    StaysInHd4dp,
    /// A hospital sees nothing of another hospital's patients.
    HospitalsApart,
    /// Logs, itineraries, figures, names of files and headers say nothing of a patient.
    NothingInRecords,
    /// What a hospital sealed is what healthdata opens, and the other way round.
    ContentUntouched,
}

impl Promise {
    /// All of them, the published ones first.
    pub const ALL: [Self; 10] = [
        Self::HospitalWithoutPseudonym,
        Self::TtpWithoutContent,
        Self::HealthdataWithoutIdentity,
        Self::RecordsJoin,
        Self::SealedAtEhealth,
        Self::TtpKeepsNobody,
        Self::StaysInHd4dp,
        Self::HospitalsApart,
        Self::NothingInRecords,
        Self::ContentUntouched,
    ];

    /// What it says.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::HospitalWithoutPseudonym => "The hospital never receives a pseudonym.",
            Self::TtpWithoutContent => "The eHealth TTP never sees registration content, nor what it is about.",
            Self::HealthdataWithoutIdentity => {
                "healthdata never sees a national number, a name, an internal patient id, a full date of birth or a full postal code."
            }
            Self::RecordsJoin => "healthdata can join one patient's records all the same, and never two patients'.",
            Self::SealedAtEhealth => "Nothing readable stands on eHealth's broker.",
            Self::TtpKeepsNobody => "The TTP remembers no patient.",
            Self::StaysInHd4dp => "Names, internal ids, unreduced values, users and files' names do not leave HD4DP.",
            Self::HospitalsApart => "A hospital sees nothing of another hospital's patients.",
            Self::NothingInRecords => "Logs, itineraries, figures, names of files and queues say nothing of a patient.",
            Self::ContentUntouched => "What one end sealed is what the other end opens.",
        }
    }

    /// Which of the three published promises it is.
    #[must_use]
    pub const fn number(self) -> Option<u8> {
        match self {
            Self::HospitalWithoutPseudonym => Some(1),
            Self::TtpWithoutContent => Some(2),
            Self::HealthdataWithoutIdentity => Some(3),
            _ => None,
        }
    }

    /// Which roles have to be looked at for it.
    #[must_use]
    pub fn concerns(self, role: Role) -> bool {
        match self {
            Self::HospitalWithoutPseudonym | Self::HospitalsApart => role.is_of_hospital(),
            Self::TtpWithoutContent | Self::TtpKeepsNobody => role == Role::EhealthTtp,
            Self::HealthdataWithoutIdentity => role.is_of_healthdata(),
            Self::SealedAtEhealth => role == Role::EhealthBroker,
            Self::StaysInHd4dp => matches!(role, Role::EhboxHco | Role::HospitalBroker),
            Self::NothingInRecords => role == Role::Operator,
            Self::RecordsJoin | Self::ContentUntouched => matches!(role, Role::Hd4dp | Role::Hd4res),
        }
    }

    /// The kinds that have to be found somewhere, or a search that does not find them elsewhere proves nothing.
    #[must_use]
    pub const fn controls(self) -> &'static [Kind] {
        match self {
            Self::HospitalWithoutPseudonym => &[Kind::Pseudonym],
            Self::TtpWithoutContent => &[Kind::FreeText],
            Self::HealthdataWithoutIdentity | Self::NothingInRecords | Self::StaysInHd4dp => {
                &[Kind::NationalNumber, Kind::Name, Kind::InternalId]
            }
            Self::TtpKeepsNobody | Self::SealedAtEhealth => &[Kind::NationalNumber],
            Self::HospitalsApart | Self::RecordsJoin | Self::ContentUntouched => &[],
        }
    }
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}

/// The promise that is broken when `onlooker` sees a value of this kind, as a whole and in clear, in this medium. `foreign` is a value of
/// another hospital's alone.
#[must_use]
pub fn broken(kind: Kind, onlooker: Onlooker, medium: Medium, foreign: bool) -> Option<Promise> {
    // An attachment lies beside the hospital's file under its own name.
    if medium == Medium::Name && onlooker.role == Role::Hd4dp && kind == Kind::AttachmentName {
        return None;
    }
    // Who may list files and queues is nobody in particular.
    let role = if medium == Medium::Name { Role::Operator } else { onlooker.role };
    let is_of_hospital_alone = matches!(kind, Kind::Withheld | Kind::Reduced | Kind::FileName | Kind::HospitalUser);
    match role {
        Role::Operator => {
            let says =
                kind.identifies() || kind.is_content() || matches!(kind, Kind::Pseudonym | Kind::SenderCode | Kind::Withheld);
            says.then_some(Promise::NothingInRecords)
        }
        Role::Hd4dp | Role::HospitalBroker | Role::EhboxHco if matches!(kind, Kind::Pseudonym | Kind::SenderCode) => {
            Some(Promise::HospitalWithoutPseudonym)
        }
        Role::Hd4dp => (foreign && kind != Kind::Register).then_some(Promise::HospitalsApart),
        Role::HospitalBroker | Role::EhboxHco => match kind {
            Kind::NationalNumber | Kind::GeneratedId | Kind::PatientTag => foreign.then_some(Promise::HospitalsApart),
            kind if kind.identifies() || is_of_hospital_alone => Some(Promise::StaysInHd4dp),
            kind => (foreign && kind != Kind::Register).then_some(Promise::HospitalsApart),
        },
        Role::EhealthBroker => match kind {
            kind if kind.is_content() || kind == Kind::Register || is_of_hospital_alone => Some(Promise::TtpWithoutContent),
            Kind::HealthdataUser => Some(Promise::TtpWithoutContent),
            _ => Some(Promise::SealedAtEhealth),
        },
        Role::EhealthTtp => match kind {
            Kind::NationalNumber | Kind::GeneratedId | Kind::Pseudonym => {
                (!matches!(medium, Medium::Opened)).then_some(Promise::TtpKeepsNobody)
            }
            Kind::SenderCode => None,
            _ => Some(Promise::TtpWithoutContent),
        },
        Role::EhboxHd | Role::HdBroker | Role::Hd4res | Role::Dhw | Role::Researcher => match kind {
            kind if kind.identifies() || matches!(kind, Kind::Withheld | Kind::Reduced) => {
                Some(Promise::HealthdataWithoutIdentity)
            }
            Kind::FileName | Kind::HospitalUser => Some(Promise::StaysInHd4dp),
            _ => None,
        },
    }
}
