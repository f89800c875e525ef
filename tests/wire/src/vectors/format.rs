//! The files of docs/vectors. Bytes are in hexadecimal digits.

use serde::{Deserialize, Serialize};

/// `keys.json`: every key. They are of no use but here.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keys {
    /// What the file is.
    pub(super) about: String,
    /// Domain of the pseudonyms.
    pub(super) domain: String,
    /// X25519 key pairs.
    pub(super) pairs: Vec<Pair>,
    /// The other key files.
    pub(super) secrets: Vec<Secret>,
    /// What follows from them.
    pub(super) derived: Vec<Secret>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pair {
    pub(super) party: String,
    pub(super) private: String,
    pub(super) public: String,
    /// First 8 bytes of the hash of the public key.
    pub(super) key: String,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Secret {
    pub(super) party: String,
    pub(super) name: String,
    pub(super) value: String,
}

/// `*-item(s).json`: one publication and the answer to it, at every step.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Publication {
    /// What the file is.
    pub(super) about: String,
    /// What the hospital sends, in the order of the items.
    pub(super) registrations: Vec<Registration>,
    /// What healthdata answers.
    pub(super) feedback: Vec<Feedback>,
    /// The documents, in the order of the flow.
    pub(super) steps: Vec<Step>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Registration {
    pub(super) item: String,
    pub(super) identity: Identity,
    pub(super) patient_tag: String,
    pub(super) pseudonym: String,
    pub(super) sender: String,
    pub(super) handle: Handle,
    pub(super) content: Content,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Identity {
    pub(super) kind: String,
    pub(super) value: String,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Handle {
    pub(super) year: u16,
    pub(super) quarter: u8,
    pub(super) salt: String,
    pub(super) number: u32,
    pub(super) quarter_key: String,
    pub(super) publication_key: String,
    pub(super) nonce: String,
    pub(super) aad: String,
    pub(super) clear: String,
    pub(super) bytes: String,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Content {
    pub(super) registration_id: String,
    pub(super) version: u32,
    pub(super) kind: String,
    pub(super) dcd: String,
    pub(super) dcd_version: u32,
    pub(super) organisation: String,
    pub(super) cells: Vec<Cell>,
    pub(super) attachments: Vec<Attachment>,
    /// With padding.
    pub(super) bytes: String,
    /// Of `bytes`.
    pub(super) hash: String,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cell {
    pub(super) field: u16,
    /// Item of the list that the field belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) item: Option<u16>,
    pub(super) value: String,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Attachment {
    pub(super) field: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) item: Option<u16>,
    pub(super) name: String,
    pub(super) bytes: String,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Feedback {
    /// The feedback's own item.
    pub(super) item: String,
    pub(super) kind: String,
    pub(super) registration_id: String,
    pub(super) version: u32,
    /// The item that it answers.
    pub(super) answers: String,
    pub(super) number: u64,
    /// STATUS only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) content_hash: Option<String>,
    /// Requests only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) comments: Option<Vec<Comment>>,
    /// With padding.
    pub(super) bytes: String,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Comment {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) field: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) item: Option<u16>,
    pub(super) text: String,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    /// The step's number as docs/WIRE.md has it.
    pub(super) step: String,
    /// The document, byte by byte.
    pub(super) document: String,
    /// What was sealed for this step; what an earlier step sealed is in the document untouched.
    pub(super) parts: Vec<Part>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    pub(super) part: String,
    pub(super) tag: u8,
    /// `authenticated` or `base`.
    pub(super) mode: String,
    pub(super) sender: String,
    pub(super) recipient: String,
    /// The recipient's key.
    pub(super) key: String,
    /// What DeriveKeyPair (RFC 9180 section 7.1.3) makes the ephemeral key pair of.
    pub(super) ephemeral: String,
    pub(super) enc: String,
    pub(super) info: String,
    /// What the exporter gives.
    pub(super) item_key: String,
    pub(super) items: Vec<Sealed>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sealed {
    /// 32 zeros for the content header.
    pub(super) item: String,
    pub(super) index: u32,
    pub(super) nonce: String,
    pub(super) aad: String,
    pub(super) clear: String,
    /// Index, cipher text and tag.
    pub(super) blob: String,
    /// Of the blob.
    pub(super) hash: String,
}
