//! The content header: it tells healthdata, and nobody else, whose key proves the sender of the contents.

use crate::{KeyId, Opener, Part, PrivateKey, PublicKey, Sealer, SealingError};

/// Bytes of a sealed header: encapsulated key, then the blob (index, 8 bytes of cipher text, tag).
pub const HEADER_LENGTH: usize = 32 + 4 + 8 + 16;

/// A header belongs to no item.
const NO_ITEM: [u8; 16] = [0; 16];

/// Seals `sender`, the id of the hospital's current key, for healthdata. Base mode proves nothing; a false header is found out when
/// the contents do not open.
///
/// # Errors
///
/// [`SealingError::LowOrder`] when the recipient's key is none to seal for.
pub fn seal_header(recipient: &PublicKey, sender: KeyId) -> Result<Vec<u8>, SealingError> {
    let mut sealer = Sealer::base(Part::ContentHeader, recipient)?;
    let mut header = sealer.encapsulation().1.to_vec();
    header.extend_from_slice(&sealer.seal(&NO_ITEM, &sender.0)?);
    Ok(header)
}

/// Opens a header.
///
/// # Errors
///
/// [`SealingError::CutShort`], [`SealingError::LowOrder`], [`SealingError::DoesNotOpen`], or [`SealingError::HeaderLength`].
pub fn open_header(recipient: &PrivateKey, header: &[u8]) -> Result<KeyId, SealingError> {
    let (enc, blob) = header.split_first_chunk::<32>().ok_or(SealingError::CutShort(Part::ContentHeader))?;
    let clear = Opener::base(Part::ContentHeader, recipient, enc)?.open(&NO_ITEM, blob)?;
    clear.try_into().map(KeyId).map_err(|_| SealingError::HeaderLength)
}
