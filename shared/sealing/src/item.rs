//! One item under the key that an encapsulation exports.

use aes_gcm::{
    Aes256Gcm, KeyInit, Nonce, Tag,
    aead::{AeadInOut, inout::InOutBuf},
};
use hpke::{HpkeError, aead::AesGcm256, kdf::HkdfSha256};
use zeroize::Zeroizing;

use crate::{Part, SealingError, dhkem::RememberingKem};

pub(crate) type Kem = RememberingKem;
pub(crate) type Kdf = HkdfSha256;
pub(crate) type Aead = AesGcm256;

/// The wire format's major version, first byte of the associated data.
const WIRE_VERSION: u8 = 1;

/// Bytes of a blob in front of the cipher text: the index.
pub(crate) const INDEX: usize = 4;

/// Bytes of a blob behind the cipher text: the tag.
pub(crate) const TAG: usize = 16;

/// `info` of the key schedule: wire format and part.
pub(crate) fn info(part: Part) -> [u8; 12] {
    let mut info = *b"precision/1\0";
    info[11] = part.tag();
    info
}

/// The cipher of all items under an encapsulation. `export` is the exporter of the HPKE context.
pub(crate) fn cipher(export: impl FnOnce(&[u8], &mut [u8]) -> Result<(), HpkeError>) -> Result<Aes256Gcm, SealingError> {
    let mut key = Zeroizing::new([0; 32]);
    // 32 bytes are within what HKDF-SHA256 can export.
    export(b"item key", key.as_mut_slice()).map_err(|_| SealingError::KeyLength)?;
    Ok(Aes256Gcm::new(&(*key).into()))
}

fn nonce(index: u32) -> Nonce<aes_gcm::aead::consts::U12> {
    let mut nonce = [0; 12];
    nonce[8..].copy_from_slice(&index.to_be_bytes());
    nonce.into()
}

fn associated(part: Part, index: u32, item_id: &[u8; 16]) -> [u8; 22] {
    let mut associated = [0; 22];
    associated[0] = WIRE_VERSION;
    associated[1] = part.tag();
    associated[2..6].copy_from_slice(&index.to_be_bytes());
    associated[6..].copy_from_slice(item_id);
    associated
}

/// `index || cipher text || tag`.
pub(crate) fn seal(
    cipher: &Aes256Gcm,
    part: Part,
    index: u32,
    item_id: &[u8; 16],
    plaintext: &[u8],
) -> Result<Vec<u8>, SealingError> {
    let mut blob = Vec::with_capacity(INDEX + plaintext.len() + TAG);
    blob.extend_from_slice(&index.to_be_bytes());
    blob.extend_from_slice(plaintext);
    let tag = cipher
        .encrypt_inout_detached(&nonce(index), &associated(part, index, item_id), InOutBuf::from(&mut blob[INDEX..]))
        .map_err(|_| SealingError::TooLong)?;
    blob.extend_from_slice(&tag);
    Ok(blob)
}

/// The clear text of a blob.
pub(crate) fn open(cipher: &Aes256Gcm, part: Part, item_id: &[u8; 16], blob: &[u8]) -> Result<Vec<u8>, SealingError> {
    let (index, rest) = blob.split_first_chunk::<INDEX>().ok_or(SealingError::CutShort(part))?;
    let (ciphertext, tag) = rest.split_last_chunk::<TAG>().ok_or(SealingError::CutShort(part))?;
    let index = u32::from_be_bytes(*index);
    let mut clear = ciphertext.to_vec();
    cipher
        .decrypt_inout_detached(
            &nonce(index),
            &associated(part, index, item_id),
            InOutBuf::from(clear.as_mut_slice()),
            &Tag::from(*tag),
        )
        .map_err(|_| SealingError::DoesNotOpen(part))?;
    Ok(clear)
}
