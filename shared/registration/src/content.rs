//! The content of a registration, as it is sealed by a hospital for healthdata (steps 4 and 5) and stands clear in steps 3, 6 and 7.
//!
//! # Bytes, format version 1
//!
//! A *number* is unsigned LEB128 in its shortest form, below 2^63; a *text* is a number (its length in bytes) and that many bytes of UTF-8.
//!
//! | bytes | meaning |
//! | --- | --- |
//! | 1 | format version, 1 |
//! | 4 | length of the body, big endian |
//! | *body* | see below |
//! | 0.. | zeros, up to the next multiple of [`PADDING_STEP`] of the whole |
//!
//! The body:
//!
//! | bytes | meaning |
//! | --- | --- |
//! | 16 | registration id (UUID) |
//! | number | version of the registration |
//! | 1 | kind: 1 registration, 2 deletion; 3 is a [receipt](crate::receipt), whose body goes on differently |
//! | text | technical name of the definition |
//! | number | version of the definition |
//! | text | NIHDI number of the organisation, digits |
//! | 16 | patient tag |
//! | number | count of cells, then for each: place, text (not empty) |
//! | number | count of attachments, then for each: place, text (file name), number (size) and that many bytes |
//! | number | count of answers, then for each: number (of the feedback), 1 byte (1 with a place, 0 without), the place, text |
//!
//! A *place* is a number: twice the distance of its field from the field of the cell before (from 0 at the first cell and again at the
//! first attachment), plus 1 when it stands in a list, in which case the item follows as a number. Places rise strictly; the place of an answer
//! counts from field 0 each time, as answers stand in the order of the comments.

use std::fmt;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::wire::{FrameReader, FrameWriter};
use crate::{Cell, CodeKey, Comment, ContentError, Place, Policy, feedback};

/// Content is padded to a multiple of this many bytes, so that its length does not tell the register.
pub const PADDING_STEP: usize = 1024;

/// What a content says of its registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContentKind {
    /// A new registration or a new version of one.
    Registration,
    /// The registration was deleted at the hospital.
    Deletion,
}

impl ContentKind {
    const fn tag(self) -> u8 {
        match self {
            Self::Registration => 1,
            Self::Deletion => 2,
        }
    }
}

/// Everything of a content that is not a field of the register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentHead {
    /// Constant over all versions of the registration.
    pub registration_id: Uuid,
    /// Version of the registration, from 1; every submission raises it.
    pub version: u32,
    /// Registration or deletion.
    pub kind: ContentKind,
    /// Technical name of the definition, such as `Precision_Local_MAB`.
    pub dcd: String,
    /// Version of the definition.
    pub dcd_version: u32,
    /// NIHDI number of the organisation that registers, digits only.
    pub organisation: String,
    /// HMAC of the identity under a secret of this hospital: lets healthdata see that a pseudonym and a patient stay one to one.
    pub patient_tag: [u8; 16],
}

impl ContentHead {
    fn check(&self) -> Result<(), ContentError> {
        let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        if self.dcd.is_empty() || self.dcd.len() > 100 || !self.dcd.bytes().all(is_name) {
            return Err(ContentError::Malformed { what: "definition name" });
        }
        if !is_organisation(&self.organisation) {
            return Err(ContentError::Malformed { what: "organisation" });
        }
        Ok(())
    }
}

/// A file that belongs to a registration. The cell at the same place holds its name.
#[derive(Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The attachment field.
    pub place: Place,
    /// File name without folders.
    pub name: String,
    /// The file.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attachment").field("place", &self.place).field("size_bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

/// What a hospital says to a researcher's comment, with the version that follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Number of the feedback that brought the comment.
    pub number: u64,
    /// The field that the comment is about, if it is about one, and the text.
    pub comment: Comment,
}

/// A value that healthdata may not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("accept field {field}: healthdata may not have this value")]
pub struct PolicyViolation {
    /// The field.
    pub field: u16,
}

/// What healthdata may have of a registration.
#[derive(Clone, PartialEq, Eq)]
pub struct Content {
    head: ContentHead,
    cells: Vec<Cell>,
    attachments: Vec<Attachment>,
    answers: Vec<Answer>,
}

impl Content {
    /// Applies the definition's policies to a registration's cells: the one place where a hospital's row becomes what healthdata may have.
    ///
    /// `policies` holds one policy per field, in the definition's order. Empty cells, and cells and attachments of [`Policy::Never`], are
    /// left out. Cells may come in any order. An attachment cannot be reduced, so its policy is as is or never.
    ///
    /// # Errors
    /// [`ContentError::UnknownField`], [`ContentError::Unreducible`], [`ContentError::Order`] when a place comes twice, and
    /// [`ContentError::Malformed`] for the head or a file name.
    pub fn reduce<'a>(
        head: ContentHead,
        cells: impl IntoIterator<Item = (Place, &'a str)>,
        attachments: Vec<Attachment>,
        policies: &[Policy],
        code_key: &CodeKey,
    ) -> Result<Self, ContentError> {
        head.check()?;
        let policy_of =
            |place: Place| policies.get(usize::from(place.field)).ok_or(ContentError::UnknownField { field: place.field });
        let cells = cells.into_iter();
        let mut reduced = Vec::with_capacity(cells.size_hint().0);
        for (place, value) in cells {
            let policy = policy_of(place)?;
            if value.is_empty() || *policy == Policy::Never {
                continue;
            }
            let value = policy.reduce(value, code_key).ok_or(ContentError::Unreducible { field: place.field })?;
            reduced.push(Cell { place, value });
        }
        let mut kept = Vec::with_capacity(attachments.len());
        for attachment in attachments {
            match policy_of(attachment.place)? {
                Policy::AsIs => kept.push(attachment),
                Policy::Never => {}
                Policy::Year | Policy::Month | Policy::PostalArea | Policy::Code => {
                    return Err(ContentError::Unreducible { field: attachment.place.field });
                }
            }
        }
        reduced.sort_by_key(|cell| cell.place);
        kept.sort_by_key(|attachment| attachment.place);
        let content = Self { head, cells: reduced, attachments: kept, answers: Vec::new() };
        content.check_form()?;
        Ok(content)
    }

    /// The same with answers to a researcher's comments.
    #[must_use]
    pub fn with_answers(self, answers: Vec<Answer>) -> Self {
        Self { answers, ..self }
    }

    /// Reads what [`Content::encode`] wrote. Strict: there is one accepted form of every content.
    ///
    /// # Errors
    /// Every deviation from the format has a [`ContentError`] of its own.
    pub fn decode(bytes: &[u8]) -> Result<Self, ContentError> {
        let mut reader = FrameReader::open(bytes, PADDING_STEP)?;
        let head = ContentHead {
            registration_id: reader.uuid()?,
            version: reader.number_u32()?,
            kind: match reader.byte()? {
                1 => ContentKind::Registration,
                2 => ContentKind::Deletion,
                found => return Err(ContentError::Tag { found }),
            },
            dcd: reader.text()?.to_owned(),
            dcd_version: reader.number_u32()?,
            organisation: reader.text()?.to_owned(),
            patient_tag: reader.array()?,
        };
        head.check()?;
        let count = reader.count()?;
        let mut cells = Vec::with_capacity(count);
        for _ in 0..count {
            cells.push(Cell { place: reader.place()?, value: reader.text()?.to_owned() });
        }
        reader.restart_places();
        let count = reader.count()?;
        let mut attachments = Vec::new();
        for _ in 0..count {
            attachments.push(Attachment {
                place: reader.place()?,
                name: reader.text()?.to_owned(),
                bytes: reader.block()?.to_vec(),
            });
        }
        let count = reader.count()?;
        let mut answers = Vec::new();
        for _ in 0..count {
            answers.push(Answer { number: reader.number()?, comment: feedback::read_comment(&mut reader)? });
        }
        reader.end()?;
        let content = Self { head, cells, attachments, answers };
        content.check_form()?;
        Ok(content)
    }

    /// The bytes described at the [module](self), padded.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let text: usize = self.cells.iter().map(|cell| cell.value.len() + 4).sum();
        let files: usize = self.attachments.iter().map(|attachment| attachment.name.len() + attachment.bytes.len() + 16).sum();
        let mut writer = FrameWriter::with_capacity((200 + text + files).next_multiple_of(PADDING_STEP));
        writer.raw(self.head.registration_id.as_bytes());
        writer.number(u64::from(self.head.version));
        writer.byte(self.head.kind.tag());
        writer.block(self.head.dcd.as_bytes());
        writer.number(u64::from(self.head.dcd_version));
        writer.block(self.head.organisation.as_bytes());
        writer.raw(&self.head.patient_tag);
        writer.number(self.cells.len() as u64);
        for cell in &self.cells {
            writer.place(cell.place);
            writer.block(cell.value.as_bytes());
        }
        writer.restart_places();
        writer.number(self.attachments.len() as u64);
        for attachment in &self.attachments {
            writer.place(attachment.place);
            writer.block(attachment.name.as_bytes());
            writer.block(&attachment.bytes);
        }
        writer.number(self.answers.len() as u64);
        for answer in &self.answers {
            writer.number(answer.number);
            feedback::write_comment(&mut writer, &answer.comment);
        }
        writer.finish(PADDING_STEP)
    }

    /// Healthdata's refusal of what it may not have: columns that never leave the hospital, values that are not reduced, fields that the
    /// definition does not have.
    ///
    /// # Errors
    /// The first field in order that breaks its policy.
    pub fn check(&self, policies: &[Policy]) -> Result<(), PolicyViolation> {
        for Cell { place, value } in &self.cells {
            if !policies.get(usize::from(place.field)).is_some_and(|policy| policy.is_reduced(value)) {
                return Err(PolicyViolation { field: place.field });
            }
        }
        for Attachment { place, .. } in &self.attachments {
            if policies.get(usize::from(place.field)) != Some(&Policy::AsIs) {
                return Err(PolicyViolation { field: place.field });
            }
        }
        Ok(())
    }

    /// SHA-256 of [`Content::encode`]; the STATUS message carries it back.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.encode()).into()
    }

    /// What is not a field.
    #[must_use]
    pub const fn head(&self) -> &ContentHead {
        &self.head
    }

    /// The filled fields that healthdata may have, in rising order of their places.
    #[must_use]
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// The value at a place, when it is filled.
    #[must_use]
    pub fn value(&self, place: Place) -> Option<&str> {
        let index = self.cells.binary_search_by_key(&place, |cell| cell.place).ok()?;
        self.cells.get(index).map(|cell| cell.value.as_str())
    }

    /// The files, in rising order of their places.
    #[must_use]
    pub fn attachments(&self) -> &[Attachment] {
        &self.attachments
    }

    /// What the hospital says to a researcher's comments.
    #[must_use]
    pub fn answers(&self) -> &[Answer] {
        &self.answers
    }

    fn check_form(&self) -> Result<(), ContentError> {
        check_order(self.cells.iter().map(|cell| cell.place))?;
        check_order(self.attachments.iter().map(|attachment| attachment.place))?;
        if let Some(cell) = self.cells.iter().find(|cell| cell.value.is_empty()) {
            return Err(ContentError::EmptyValue { field: cell.place.field });
        }
        let is_file_name = |name: &str| !name.is_empty() && name.len() <= 255 && !name.contains(['/', '\\', '\0']);
        if self.attachments.iter().any(|attachment| !is_file_name(&attachment.name)) {
            return Err(ContentError::Malformed { what: "file name" });
        }
        Ok(())
    }
}

impl fmt::Debug for Content {
    /// Prints counts only: a clear payload does not belong in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content")
            .field("cells", &self.cells.len())
            .field("attachments", &self.attachments.len())
            .finish_non_exhaustive()
    }
}

/// Whether this is the number of an organisation: 1 to 11 digits.
pub(crate) fn is_organisation(text: &str) -> bool {
    (1..=11).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn check_order(places: impl Iterator<Item = Place>) -> Result<(), ContentError> {
    let mut before: Option<Place> = None;
    for place in places {
        if before.is_some_and(|before| before >= place) {
            return Err(ContentError::Order { field: place.field });
        }
        before = Some(place);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
