//! Step 3: from a checked row to what leaves HD4DP.

use dcd::Definition;
use identifying::{Identity, SharedHospitalKey, TagKey, patient_tag};
use registration::{Answer, Attachment, Cell, CodeKey, Content, ContentHead, ContentKind};
use uuid::Uuid;

use crate::{error::ItemError, patient};

/// The secrets of a hospital's HD4DP.
#[derive(Debug)]
pub struct Secrets {
    /// Of this hospital alone: tags patients, so that healthdata notices when somebody swaps them.
    pub tag: TagKey,
    /// Shared by the hospitals: makes ids for patients without a national number.
    pub generated_id: SharedHospitalKey,
    /// Shared by the hospitals: makes codes that healthdata can group by.
    pub code: CodeKey,
}

/// A registration that is ready to leave: who it is about, and what healthdata may have of it.
#[derive(Debug)]
pub struct Prepared {
    /// The patient.
    pub identity: Identity,
    /// The patient's tag.
    pub patient_tag: [u8; 16],
    /// The encoded, padded content.
    pub content: Vec<u8>,
    /// SHA-256 of the content.
    pub content_hash: [u8; 32],
}

/// What a registration is called.
#[derive(Debug, Clone, Copy)]
pub struct Naming<'a> {
    /// The registration.
    pub registration_id: Uuid,
    /// Its version.
    pub version: u32,
    /// The hospital.
    pub organisation: &'a str,
}

/// What goes with the values of a version.
#[derive(Debug, Default)]
pub struct Enclosed {
    /// The files that the values name.
    pub attachments: Vec<Attachment>,
    /// What the hospital says to a researcher's comments.
    pub answers: Vec<Answer>,
}

/// Splits a checked row into the identity and the content; the identity is known already.
///
/// # Errors
///
/// [`ItemError::Content`] when a value cannot be reduced.
pub fn prepare(
    definition: &Definition,
    naming: Naming<'_>,
    identity: Identity,
    cells: &[Cell],
    enclosed: Enclosed,
    policies: &[registration::Policy],
    secrets: &Secrets,
) -> Result<Prepared, ItemError> {
    let (patient_tag, head) = head(definition, naming, &identity, ContentKind::Registration, secrets);
    let values = cells.iter().map(|cell| (cell.place, cell.value.as_str()));
    let content = Content::reduce(head, values, enclosed.attachments, policies, &secrets.code)?;
    Ok(prepared(identity, patient_tag, &content.with_answers(enclosed.answers)))
}

/// The deletion of a registration: whose it is, and nothing of its values.
///
/// # Errors
///
/// [`ItemError::Content`] when the head is not well formed.
pub fn deletion(
    definition: &Definition,
    naming: Naming<'_>,
    identity: Identity,
    secrets: &Secrets,
) -> Result<Prepared, ItemError> {
    let (patient_tag, head) = head(definition, naming, &identity, ContentKind::Deletion, secrets);
    let content = Content::reduce(head, [], Vec::new(), &[], &secrets.code)?;
    Ok(prepared(identity, patient_tag, &content))
}

fn head(
    definition: &Definition,
    naming: Naming<'_>,
    identity: &Identity,
    kind: ContentKind,
    secrets: &Secrets,
) -> ([u8; 16], ContentHead) {
    let patient_tag = patient_tag(&secrets.tag, identity);
    let head = ContentHead {
        registration_id: naming.registration_id,
        version: naming.version,
        kind,
        dcd: definition.name().to_owned(),
        dcd_version: definition.version(),
        organisation: naming.organisation.to_owned(),
        patient_tag,
    };
    (patient_tag, head)
}

fn prepared(identity: Identity, patient_tag: [u8; 16], content: &Content) -> Prepared {
    let content = content.encode();
    let content_hash = envelope::content_hash(&content);
    Prepared { identity, patient_tag, content, content_hash }
}

/// The values of the definition's unique id, joined by `|`; the patient's identity stands for `patient_id`. It stays in the hospital.
///
/// # Errors
///
/// [`ItemError::NoIdentity`].
pub fn unique_key(definition: &Definition, identity: &Identity, cells: &[Cell]) -> String {
    let mut key = String::new();
    for (position, field) in definition.unique_id().iter().enumerate() {
        if position > 0 {
            key.push('|');
        }
        if *field == definition.patient().id {
            key.push_str(identity.reveal());
        } else if let Some(cell) = cells.iter().find(|cell| cell.place.field == *field && cell.place.item.is_none()) {
            key.push_str(&cell.value);
        }
    }
    key
}

/// The identity of a row; see [`patient::identity`].
///
/// # Errors
///
/// [`ItemError::NoIdentity`].
pub fn identity(definition: &Definition, cells: &[Cell], secrets: &Secrets) -> Result<Identity, ItemError> {
    patient::identity(definition, cells, &secrets.generated_id)
}
