//! The patient tag, which lets healthdata notice that two patients' contents were swapped.

use crate::{Identity, keyed_mac, update_framed};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

/// The secret of one hospital for its patient tags. Nobody else has it.
#[derive(Clone)]
pub struct TagKey {
    keyed: Hmac<Sha256>,
}

impl TagKey {
    /// The key of these 32 bytes.
    pub fn new(key: [u8; 32]) -> Self {
        Self { keyed: keyed_mac(&Zeroizing::new(key)) }
    }
}

impl fmt::Debug for TagKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TagKey")
    }
}

/// The tag of a patient at this hospital: the first 16 bytes of HMAC-SHA256 over kind and value, each behind its length.
///
/// It travels inside the content, so at healthdata sender and tag go one to one with the pseudonym that the TTP made.
pub fn patient_tag(secret: &TagKey, identity: &Identity) -> [u8; 16] {
    let mut mac = secret.keyed.clone();
    update_framed(&mut mac, &[identity.kind().as_str(), identity.reveal()]);
    let hash: [u8; 32] = mac.finalize().into_bytes().into();
    let mut tag = [0; 16];
    tag.copy_from_slice(&hash[..16]);
    tag
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::IdentityKind;

    fn ssin(digits: &str) -> Identity {
        Identity::from_parts(IdentityKind::Ssin, digits).unwrap()
    }

    /// Computed apart, with Python's hmac.
    #[test]
    fn a_tag_is_the_keyed_hash_that_the_documentation_describes() {
        let tag = patient_tag(&TagKey::new([9; 32]), &ssin("64031299906"));
        assert_eq!(data_encoding::HEXLOWER.encode(&tag), "c85be7da7f28d87d8dfa564da4894d9f");
    }

    #[test]
    fn tags_differ_by_patient_and_by_hospital() {
        let (one, other) = (TagKey::new([1; 32]), TagKey::new([2; 32]));
        let tag = patient_tag(&one, &ssin("64031299906"));
        assert_eq!(tag, patient_tag(&one, &ssin("64031299906")));
        assert_ne!(tag, patient_tag(&one, &ssin("64031200035")));
        assert_ne!(tag, patient_tag(&other, &ssin("64031299906")));
    }
}
