//! Pseudonym and sender code; hospitals can never depend on it.
//!
//! These are what healthdata has instead of a patient and instead of a hospital. The TTP makes them (step 5); here they
//! can be read, compared and passed on, but not made from anybody's identity.

mod error;
mod part;
mod pseudonym;
mod recode_part;
mod sender_code;

pub use error::PseudonymisedError;
pub use part::PseudonymPart;
pub use pseudonym::Pseudonym;
pub use recode_part::{RECODE_MAX, RecodePart, RecodedPart};
pub use sender_code::SenderCode;

#[cfg(test)]
mod tests;
