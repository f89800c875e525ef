//! Types that identify a patient; the HD side can never depend on them.
//!
//! An identity is a national number ([`Ssin`]) or, for a patient who has none, an id that hospitals generate from the name
//! ([`GeneratedId`]). The name itself goes into [`GeneratedId::derive`] and no further.
//!
//! Nothing here has `Copy`, `Display` or `Serialize`; `Debug` prints the name of the type, and memory is wiped on drop. What
//! an identity says is read with `reveal`, so that a search for that word finds every place that does it.

mod generated;
mod identity;
mod part;
mod ssin;
mod tag;

pub use generated::{GeneratedId, SharedHospitalKey};
pub use identity::{Identity, IdentityError, IdentityKind};
pub use part::IdentityPart;
pub use ssin::Ssin;
pub use tag::{TagKey, patient_tag};

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Feeds parts to a MAC, each behind its length in bytes (4 bytes, big endian), so that no two lists of parts look alike.
fn update_framed(mac: &mut Hmac<Sha256>, parts: &[&str]) {
    for part in parts {
        // No part comes near 4 GiB; a longer one would share its length only with other parts of that size.
        mac.update(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        mac.update(part.as_bytes());
    }
}

/// What HMAC makes of a key of 32 bytes: zeros up to the block of SHA-256. Taking a block cannot fail, taking a slice could.
fn keyed_mac(key: &[u8; 32]) -> Hmac<Sha256> {
    use hmac::KeyInit;
    let mut block = zeroize::Zeroizing::new([0; 64]);
    block[..32].copy_from_slice(key);
    Hmac::new((&*block).into())
}

#[cfg(test)]
mod tests;
