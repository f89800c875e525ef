//! What a pseudonym looks like, as pure functions.
//!
//! A hospital must never receive a pseudonym, so both messaging clients refuse feedback that holds one. The hospital's cannot depend on
//! the type; it needs no more than the shape: [`CODE_LENGTH`] characters of base32 and a [`check_character`].

mod check;
mod scanner;

pub use check::check_character;
pub use scanner::contains_pseudonym;

/// Characters of a pseudonym's code, without the check character: 130 bits in base32 (RFC 4648, upper case).
pub const CODE_LENGTH: usize = 26;

/// Whether `code` is the code of a pseudonym, without its check character.
#[must_use]
pub fn is_code(code: &[u8]) -> bool {
    code.len() == CODE_LENGTH && code.iter().all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'))
}
