//! What a service desk needs of one registration, in one file for a ticket: where it was at one party, how it stands there, and what the party runs
//! with. Nothing of the patient: the file is made of ids, times, codes and names of queues, and held against the patient's own values before it is
//! written.

pub mod configuration;
pub mod log;
pub mod patient;

use dcd::Definitions;
use serde::Serialize;
use serde_json::Value;
use web::{TrailItem, TrailPassage};

use self::{
    log::LogLines,
    patient::{Kinds, PatientValues},
};
use crate::course::Standing;

/// What the first member of the file says.
pub const FORM: &str = "precision incident 1";

/// The file.
#[derive(Debug, Clone, Serialize)]
pub struct Incident {
    /// What this is, with the version of its form.
    pub form: &'static str,
    /// When it was made, in UTC.
    pub made_at: String,
    /// Whose view it is.
    pub party: String,
    /// What it was made with.
    pub program: Program,
    /// The registration; none at a party that knows items only.
    pub registration: Option<String>,
    /// Its register's technical name.
    pub register: Option<String>,
    /// How it stands there.
    pub standing: Standing,
    /// What of it has been on its way there.
    pub items: Vec<TrailItem>,
    /// Where it was there, oldest first.
    pub itinerary: Vec<TrailPassage>,
    /// What happened to it there, without authors and texts.
    pub history: Vec<Happened>,
    /// The registers that the program knows.
    pub definitions: Vec<KnownDefinition>,
    /// The keys that parties seal with, by the first bytes of the hash of the public one.
    pub keys: Vec<KnownKey>,
    /// The party's configuration without secrets.
    pub configuration: Option<Value>,
    /// How full the party's queues are.
    pub queues: Vec<QueueDepth>,
    /// The last lines of a log.
    pub log: Option<LogLines>,
    /// What is not in this file, and why.
    pub left_out: Vec<String>,
}

/// The program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Program {
    /// Its version.
    pub version: &'static str,
    /// The step of its schema that the party's store is at; none where no store was opened.
    pub schema: Option<u64>,
    /// Where the store is, without user and password.
    pub store: Option<String>,
}

/// Something that happened to the registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Happened {
    /// When, in UTC.
    pub at: String,
    /// What.
    pub event: String,
    /// The version that it happened to.
    pub version: u32,
    /// The status afterwards.
    pub status: String,
}

/// A register's definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KnownDefinition {
    /// Its technical name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// The SHA-256 of what it says.
    pub fingerprint: String,
}

/// The key that a party seals with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KnownKey {
    /// The party.
    pub party: String,
    /// The first 8 bytes of the SHA-256 of its public key.
    pub id: String,
}

/// How full a queue is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QueueDepth {
    /// Its name, without an installation's prefix.
    pub queue: String,
    /// Publications that wait for their reader.
    pub ready: u64,
    /// Publications that are out without a verdict.
    pub unacked: u64,
}

/// The definitions, with their fingerprints.
#[must_use]
pub fn definitions(definitions: &Definitions) -> Vec<KnownDefinition> {
    let known = |definition: &std::sync::Arc<dcd::Definition>| KnownDefinition {
        name: definition.name().to_owned(),
        version: definition.version(),
        fingerprint: definition.fingerprint().iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    definitions.iter().map(known).collect()
}

/// Why a file is not written.
#[derive(Debug, thiserror::Error)]
pub enum IncidentError {
    /// It would hold something of the patient.
    #[error("keep the patient out of the file, so it was not written: it would hold {0}")]
    Patient(Kinds),
    /// The name of the file holds something of the patient.
    #[error("keep the patient out of the file's name: it holds {0}")]
    Name(Kinds),
    /// It cannot be written as JSON.
    #[error("write the incident")]
    Json(#[from] serde_json::Error),
}

impl Incident {
    /// The file's content, once nothing of the patient was found in it.
    ///
    /// # Errors
    ///
    /// [`IncidentError`] names what was found by its kind.
    pub fn checked(&self, patient: &PatientValues) -> Result<String, IncidentError> {
        let text = serde_json::to_string_pretty(self)?;
        let mut found = patient.in_text(&text);
        // Ids and times have digits by chance; whatever else has a number's shape is one.
        each_text(&serde_json::to_value(self)?, &mut |text| found.extend(patient::shapes_in(text)));
        if found.is_empty() { Ok(text + "\n") } else { Err(IncidentError::Patient(found)) }
    }
}

/// Refuses a file name that holds something of the patient.
///
/// # Errors
///
/// [`IncidentError::Name`].
pub fn check_name(name: &str, patient: &PatientValues) -> Result<(), IncidentError> {
    let mut found = patient.in_text(name);
    found.extend(patient::shapes_in(name));
    if found.is_empty() { Ok(()) } else { Err(IncidentError::Name(found)) }
}

/// Shows every text of a document that is neither an id nor a time, nor a fingerprint.
fn each_text(value: &Value, look: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => {
            let is_id = text.parse::<uuid::Uuid>().is_ok() || text.parse::<clock::Timestamp>().is_ok();
            let is_hash = text.len().is_multiple_of(16) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            if !is_id && !is_hash {
                look(text);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| each_text(value, look)),
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            look(name);
            each_text(value, look);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
