//! What the items of a publication were sealed under.

use serde::{Deserialize, Serialize};

use crate::{B64, B64Fixed, KeyIdHex};

/// One HPKE encapsulation in authenticated mode: all items' parts of one kind were sealed under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encapsulation {
    /// The recipient's key that opens it.
    pub key: KeyIdHex,
    /// The encapsulated key (RFC 9180 `enc`).
    pub enc: B64Fixed<32>,
}

impl Encapsulation {
    /// An encapsulation for the recipient's key `key`.
    #[must_use]
    pub const fn new(key: [u8; 8], enc: [u8; 32]) -> Self {
        Self { key: KeyIdHex(key), enc: B64Fixed(enc) }
    }
}

/// The encapsulation of the contents. healthdata does not learn from the envelope who sent it, so a header in base mode says whose key
/// proves the sender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContentSeal {
    /// healthdata's key that opens it, and the header as well.
    pub key: KeyIdHex,
    /// The encapsulated key (RFC 9180 `enc`).
    pub enc: B64Fixed<32>,
    /// The sealed id of the sending hospital's key.
    pub header: B64,
}

impl ContentSeal {
    /// The encapsulation of contents for healthdata's key `key`.
    #[must_use]
    pub const fn new(key: [u8; 8], enc: [u8; 32], header: Vec<u8>) -> Self {
        Self { key: KeyIdHex(key), enc: B64Fixed(enc), header: B64(header) }
    }
}
