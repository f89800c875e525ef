//! Sealing of the items of a publication, and the keys that do it.
//!
//! One HPKE encapsulation (RFC 9180: X25519, HKDF-SHA256, AES-256-GCM) per publication, part and recipient, in authenticated mode;
//! the key of the items comes from its exporter, so that items open in any order and alone. docs/WIRE.md has every byte. Keys and
//! encapsulations come from the operating system's randomness, also in tests and replays; only test vectors fix them, by way of the
//! module `fixed_for_vectors_only` behind the feature of that name.
//!
//! What authenticated mode does not give: whoever holds a recipient's private key can forge messages of any sender *to that
//! recipient*; and nobody can prove to a third party who sent something.

mod dhkem;
mod error;
#[cfg(any(test, feature = "fixed-for-vectors-only"))]
pub mod fixed_for_vectors_only;
mod header;
mod item;
mod key;
mod keyring;
pub mod keys;
mod opener;
mod part;
mod sealer;

pub use error::SealingError;
pub use header::{HEADER_LENGTH, open_header, seal_header};
pub use key::{KeyId, PrivateKey, PublicKey, Secret, random_bytes};
pub use keyring::Keyring;
pub use opener::Opener;
pub use part::Part;
pub use sealer::Sealer;

#[cfg(test)]
mod tests;
