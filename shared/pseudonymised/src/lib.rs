//! Pseudonym and sender code; hospitals can never depend on it.
//!
//! These are what healthdata has instead of a patient and instead of a hospital. The TTP makes them (step 5); here they
//! can be read, compared and passed on, but not made from anybody's identity.

mod check;
mod error;
mod part;
mod pseudonym;
mod scanner;
mod sender_code;

pub use error::PseudonymisedError;
pub use part::PseudonymPart;
pub use pseudonym::Pseudonym;
pub use scanner::looks_like_pseudonym;
pub use sender_code::SenderCode;

/// Whether all bytes are letters of RFC 4648's base32 alphabet, upper case.
fn is_base32(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'))
}

#[cfg(test)]
mod tests;
