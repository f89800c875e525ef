//! What each kind of service gets from its folder.

use std::collections::BTreeMap;

use hkdf::Hkdf;
use sha2::Sha256;

use crate::{Keyring, SealingError, Secret};

use super::PublicDirectory;

/// What a hospital's HD4DP needs. Debug prints the types' names only.
#[derive(Debug, Clone)]
pub struct HospitalSecrets {
    /// Keys the patient tag; this hospital alone has it.
    pub tag_key: Secret,
    /// Keys the generated ids of patients without SSIN; all hospitals have it, neither TTP nor healthdata.
    pub generated_id_key: Secret,
    /// Keys the codes that stand for values under the policy `code`; all hospitals have it, neither TTP nor healthdata.
    pub code_key: Secret,
}

impl HospitalSecrets {
    /// Both uses of `hospitals.key` get a key of their own: HKDF-SHA256 without salt, the label as info.
    pub(super) fn new(tag_key: Secret, shared: &Secret) -> Result<Self, SealingError> {
        Ok(Self {
            tag_key,
            generated_id_key: derive(shared, b"precision/1 generated id")?,
            code_key: derive(shared, b"precision/1 code")?,
        })
    }
}

fn derive(shared: &Secret, label: &[u8]) -> Result<Secret, SealingError> {
    let mut bytes = [0; 32];
    Hkdf::<Sha256>::new(None, shared.bytes()).expand(label, &mut bytes).map_err(|_| SealingError::KeyLength)?;
    Ok(Secret::from_bytes(bytes))
}

/// What a messaging client needs: its own keys, and everybody's public ones.
#[derive(Debug, Clone)]
pub struct MessagingKeys {
    /// The client's private keys.
    pub keyring: Keyring,
    /// Public keys of all parties.
    pub public: PublicDirectory,
}

/// What the TTP needs. Debug prints names only.
#[derive(Debug, Clone)]
pub struct TtpKeys {
    /// The TTP's private keys.
    pub keyring: Keyring,
    /// Public keys of all parties.
    pub public: PublicDirectory,
    /// The master key of pseudonyms, per epoch, from 1 without gaps.
    pub masters: BTreeMap<u32, Secret>,
    /// Seals the return handles; the quarters' keys are derived from it.
    pub handle: Secret,
    /// Keys the sender codes.
    pub sender: Secret,
    /// Keys what counts distinct identifiers; the days' keys are derived from it.
    pub quota: Secret,
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    /// Computed apart, with Python's hmac.
    #[test]
    fn the_two_keys_are_the_documented_ones() {
        let secrets = HospitalSecrets::new(Secret::from_bytes([6; 32]), &Secret::from_bytes([5; 32])).unwrap();
        let hex = |secret: &Secret| HEXLOWER.encode(secret.bytes());
        assert_eq!(hex(&secrets.tag_key), "06".repeat(32));
        assert_eq!(hex(&secrets.generated_id_key), "311d1e52b3a25cb79600557072664556e3760e6935803b3515f6ffcfef5e4e82");
        assert_eq!(hex(&secrets.code_key), "9d1fb57dcdc5e67152b7d339565ec786cb6929c6d70bb9b8de531f88b4a350fb");
    }
}
