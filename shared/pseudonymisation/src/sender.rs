//! Sender codes.

use crate::{PseudonymisationError, keyed_mac};
use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, Mac};
use pseudonymised::SenderCode;
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

/// The TTP's key of the sender codes.
#[derive(Clone)]
pub struct SenderKey {
    keyed: Hmac<Sha256>,
}

impl SenderKey {
    /// The key of these 32 bytes.
    pub fn new(key: [u8; 32]) -> Self {
        Self { keyed: keyed_mac(&Zeroizing::new(key)) }
    }
}

impl fmt::Debug for SenderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SenderKey")
    }
}

/// The code of the hospital with this number (8 digits): `S` and the first 80 bits of HMAC-SHA256 over the digits, in base32.
///
/// # Errors
///
/// [`PseudonymisationError::Sender`] when the number does not have 8 digits.
pub fn sender_code(key: &SenderKey, nihdi: &str) -> Result<SenderCode, PseudonymisationError> {
    let digits = sender_digits(nihdi)?;
    let mut mac = key.keyed.clone();
    mac.update(digits);
    let code = BASE32_NOPAD.encode(&mac.finalize().into_bytes()[..10]);
    Ok(format!("S{code}").parse()?)
}

/// The 8 digits of a hospital's number.
pub(crate) fn sender_digits(nihdi: &str) -> Result<&[u8; 8], PseudonymisationError> {
    let digits: &[u8; 8] = nihdi.as_bytes().try_into().map_err(|_| PseudonymisationError::Sender)?;
    if digits.iter().all(u8::is_ascii_digit) { Ok(digits) } else { Err(PseudonymisationError::Sender) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed apart, with Python's hmac and base64.
    #[test]
    fn a_code_of_a_fixed_key() {
        assert_eq!(sender_code(&SenderKey::new([4; 32]), "00000196").unwrap().to_string(), "SIS7SYKGYBXUNBQKM");
    }

    #[test]
    fn codes_differ_by_hospital_and_key() {
        let code = |key, nihdi| sender_code(&SenderKey::new([key; 32]), nihdi).unwrap();
        assert_ne!(code(4, "00000196"), code(4, "71999041"));
        assert_ne!(code(4, "00000196"), code(5, "00000196"));
    }

    #[test]
    fn a_hospital_has_eight_digits() {
        for wrong in ["", "0000019", "000001960", "0000019x", "000 0196"] {
            assert_eq!(sender_code(&SenderKey::new([4; 32]), wrong), Err(PseudonymisationError::Sender), "{wrong}");
        }
    }
}
