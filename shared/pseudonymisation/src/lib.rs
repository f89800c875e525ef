//! The TTP's keyed pseudonyms, sender codes and return handles.
//!
//! Only the TTP depends on this crate: it is the one place where an identity becomes a pseudonym (step 5), and where a
//! return handle becomes an identity again (step 4 back). There is no way from a pseudonym to an identity, for the TTP
//! either: it keeps no table, and answers with the handle that healthdata gives back.
//!
//! Everything is keyed hashing (HMAC-SHA256, HKDF-SHA256) and AES-256-GCM from their crates. A pseudonym or sender code
//! is a function of key and input; only the salts of handles are random.

mod error;
#[cfg(feature = "fixed-for-vectors-only")]
pub mod fixed_for_vectors_only;
mod handle;
mod pseudonymiser;
mod sender;

pub use error::PseudonymisationError;
pub use handle::{Handle, HandleKey, HandleOpener, HandleSealer, Quarter};
pub use pseudonymiser::Pseudonymiser;
pub use sender::{SenderKey, sender_code};

use hmac::{Hmac, KeyInit};
use sha2::Sha256;
use zeroize::Zeroizing;

/// HMAC-SHA256 with its key taken in, ready to be cloned per use. Zeros up to the block are what HMAC makes of a short key.
fn keyed_mac(key: &[u8; 32]) -> Hmac<Sha256> {
    let mut block = Zeroizing::new([0; 64]);
    block[..32].copy_from_slice(key);
    Hmac::new((&*block).into())
}

/// HKDF-SHA256 (RFC 5869) to 32 bytes.
fn derive_key(salt: &[u8], key: &[u8; 32], info: &[&[u8]]) -> Result<Zeroizing<[u8; 32]>, PseudonymisationError> {
    let mut derived = Zeroizing::new([0; 32]);
    hkdf::Hkdf::<Sha256>::new(Some(salt), key)
        .expand_multi_info(info, derived.as_mut_slice())
        .map_err(|_| PseudonymisationError::KeyDerivation)?;
    Ok(derived)
}

#[cfg(test)]
mod tests;
