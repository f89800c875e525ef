//! Handles whose salt is not random, so that test vectors come out the same. **Never for anything else**: two publications under one
//! salt share a key and nonces, and both can be read.

use crate::{HandleKey, HandleSealer, PseudonymisationError, Quarter};

/// A sealer of the handles of one publication with a known salt.
///
/// # Errors
///
/// None that keys of 32 bytes could have.
pub fn handle_sealer_for_vectors_only(
    key: &HandleKey,
    quarter: Quarter,
    salt: [u8; 16],
) -> Result<HandleSealer, PseudonymisationError> {
    HandleSealer::with_salt(key, quarter, salt)
}
