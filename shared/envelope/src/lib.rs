//! The publication: what moves on every queue of the dataflow.
//!
//! A publication is one CloudEvents 1.0 JSON document with 1 to [`MAX_ITEMS`] items and at most [`MAX_BYTES`] bytes, as an eHealthBox
//! message has. Its `type` is one constant per arrow and major version, equal for all registers, and its reader is strict: what is not
//! said in docs/WIRE.md is refused, each refusal with a [code](EnvelopeError::code).
//!
//! The four documents in [`sealed`] hold nothing but opaque blobs, so every party may know their shape. The documents that carry clear
//! text live behind the privacy wall, in `hco-messages` and `hd-messages`.

mod base64;
mod capacity;
mod error;
mod id;
mod name;
mod publication;
pub mod sealed;
mod text;

pub use base64::{B64, B64Fixed, KeyIdHex};
pub use capacity::Capacity;
pub use error::{EnvelopeError, Fault, Place};
pub use id::{IdBatch, IdError, ItemId, PublicationId};
pub use name::{NameError, ReasonCode, Source};
pub use publication::{MAX_BYTES, MAX_ITEMS, Message, Publication, id_of, items};
pub use text::Text;

use sha2::{Digest, Sha256};

/// SHA-256 over a sealed blob: what the identity, pseudonym and return part name the content or feedback by that they belong to.
#[must_use]
pub fn content_hash(sealed: &[u8]) -> [u8; 32] {
    Sha256::digest(sealed).into()
}
