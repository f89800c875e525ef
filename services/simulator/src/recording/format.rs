//! The lines of a recording: JSON, each with a hash over itself and everything before it.

use std::collections::BTreeMap;

use clock::Timestamp;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use topology::Nihdi;
use uuid::Uuid;

/// The version that this program writes and reads.
pub const VERSION: u32 = 1;

/// How a recording begins, and nothing else does.
pub const BEGINNING: &[u8] = br#"{"kind":"recording","version":"#;

/// Characters of a line at most: a document of 10,000,000 bytes in base64, and what stands around it.
pub const LINE_MAX: usize = envelope::MAX_BYTES.div_ceil(3) * 4 + 4_096;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Line {
    /// The first line.
    Recording(Header),
    /// A publication that passed.
    Publication(Written),
    /// Something that passed on a sealed arrow and is no document of it: its bytes are not kept, since they may be readable.
    LeftOut(LeftOut),
    /// The broker did not take a publication of an earlier line.
    Withdrawn(Withdrawn),
    /// For a while nobody listened.
    Gap(Gap),
    /// The last line of a recording that was ended in good order.
    End(End),
}

/// What a recording is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// [`VERSION`].
    pub version: u32,
    /// The recording's id.
    #[serde(with = "id")]
    pub id: Uuid,
    /// Name and version of the program that wrote it.
    pub program: String,
    /// When it was begun; all offsets count from here.
    #[serde(with = "moment")]
    pub begun_at: Timestamp,
    /// The hospitals that were listened to.
    pub hospitals: Vec<Nihdi>,
    /// Ids of the parties' keys at the time, as far as the recorder knew them: who replays it needs the private ones to open anything.
    pub keys: BTreeMap<String, Vec<String>>,
}

/// A publication as it passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// Its number, from 1 without gaps.
    pub number: u64,
    /// Microseconds since the beginning.
    pub offset_us: u64,
    /// The step.
    pub step: String,
    /// The queue that it was meant for.
    pub queue: String,
    /// The publication's id, which its document holds as well.
    #[serde(with = "id")]
    pub publication: Uuid,
    /// Its bytes in base64.
    pub document: String,
}

/// What was not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// Microseconds since the beginning.
    pub offset_us: u64,
    /// The queue that it was meant for.
    pub queue: String,
    /// Which rule of docs/WIRE.md it breaks.
    pub code: String,
    /// How many bytes it had.
    pub bytes: u64,
}

/// What came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdrawn {
    /// Number of the publication.
    pub number: u64,
}

/// From when on nobody listened. It lasts until the line after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// Microseconds since the beginning.
    pub offset_us: u64,
}

/// The end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Microseconds since the beginning.
    pub offset_us: u64,
    /// Publications that were numbered.
    pub publications: u64,
}

/// Why a line is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// It has no end, or another than a hash.
    #[error("the line is cut off")]
    CutOff,
    /// The hash is of something else.
    #[error("the line, or one before it, was changed")]
    Hash,
    /// It says something that a recording of this version does not say.
    #[error("the line says nothing that a recording says")]
    Form,
}

/// Holds each line to all lines before it.
#[derive(Debug, Clone)]
pub struct Chain {
    last: [u8; 32],
}

impl Default for Chain {
    /// Before the first line stand 32 zeros.
    fn default() -> Self {
        Self { last: [0; 32] }
    }
}

/// What stands in front of a line's hash.
const HASH: &[u8] = br#","hash":""#;
/// What stands behind it.
const CLOSING: &[u8] = b"\"}\n";
const DIGITS: usize = 64;

impl Chain {
    /// A line as it stands in the file.
    ///
    /// # Errors
    ///
    /// JSON's, of which none is known.
    pub fn write(&mut self, line: &Line) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = serde_json::to_vec(line)?;
        // The closing brace comes again behind the hash.
        bytes.pop();
        self.last = self.hash(&bytes);
        bytes.extend_from_slice(HASH);
        bytes.extend_from_slice(HEXLOWER.encode(&self.last).as_bytes());
        bytes.extend_from_slice(CLOSING);
        Ok(bytes)
    }

    /// Reads the next line, with its line end.
    ///
    /// # Errors
    ///
    /// [`LineError`].
    pub fn read(&mut self, bytes: &[u8]) -> Result<Line, LineError> {
        let rest = bytes.strip_suffix(CLOSING).ok_or(LineError::CutOff)?;
        let (rest, digits) = rest.split_last_chunk::<DIGITS>().ok_or(LineError::CutOff)?;
        let body = rest.strip_suffix(HASH).ok_or(LineError::CutOff)?;
        let hash = self.hash(body);
        if HEXLOWER.encode(&hash).as_bytes() != digits {
            return Err(LineError::Hash);
        }
        let line = serde_json::from_slice(&[body, b"}"].concat()).map_err(|_| LineError::Form)?;
        self.last = hash;
        Ok(line)
    }

    /// The hash of the last line.
    #[must_use]
    pub fn last(&self) -> String {
        HEXLOWER.encode(&self.last)
    }

    fn hash(&self, body: &[u8]) -> [u8; 32] {
        Sha256::new_with_prefix(self.last).chain_update(body).finalize().into()
    }
}

/// Moments as the text that the wire has.
pub mod moment {
    use clock::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de};

    /// Writes a moment.
    ///
    /// # Errors
    ///
    /// The writer's.
    pub fn serialize<S: Serializer>(moment: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(moment)
    }

    /// Reads a moment.
    ///
    /// # Errors
    ///
    /// The text is none.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Ids as the text that the wire has.
pub mod id {
    use std::collections::BTreeSet;

    use serde::{Deserialize, Deserializer, Serializer, de};
    use uuid::Uuid;

    /// Writes an id.
    ///
    /// # Errors
    ///
    /// The writer's.
    pub fn serialize<S: Serializer>(id: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    /// Writes several.
    ///
    /// # Errors
    ///
    /// The writer's.
    pub fn all<S: Serializer>(ids: &BTreeSet<Uuid>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(ids.iter().map(Uuid::to_string))
    }

    /// Reads an id.
    ///
    /// # Errors
    ///
    /// The text is none.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digit_of_a_hash_counts() {
        let written = Chain::default().write(&Line::Withdrawn(Withdrawn { number: 7 })).unwrap();
        assert!(Chain::default().read(&written).is_ok());
        let end = written.len() - CLOSING.len();
        for at in end - DIGITS..end {
            let mut changed = written.clone();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            assert!(matches!(Chain::default().read(&changed), Err(LineError::Hash)), "digit {at}");
        }
    }
}
