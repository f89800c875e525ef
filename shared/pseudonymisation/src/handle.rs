//! Return handles: what the TTP needs to answer, kept by healthdata.
//!
//! A handle has [`Handle::LENGTH`] bytes, whomever it is about:
//!
//! | bytes | what |
//! | --- | --- |
//! | 0 | version of this format, 1 |
//! | 1 to 2, 3 | year (big endian) and quarter, 1 to 4, of its key |
//! | 4 to 19 | salt of its publication |
//! | 20 to 23 | its number in the publication, big endian |
//! | 24 to 80 | encrypted: sender (8 digits), kind of identity (1 SSIN, 2 generated id), value in 32 bytes with zeros behind it, item id |
//! | 81 to 96 | tag |
//!
//! The cipher is AES-256-GCM; the nonce is 8 zero bytes and the number; bytes 0 to 23 are associated data. The quarter's key is
//! HKDF-SHA256 of the handle key with the salt `precision/handle/1` and bytes 1 to 3 as info; the publication's key is
//! HKDF-SHA256 of the quarter's key with bytes 4 to 19 as salt and no info.

use crate::sender::sender_digits;
use crate::{PseudonymisationError, derive_key};
use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use identifying::{Identity, IdentityKind};
use std::fmt;
use uuid::Uuid;
use zeroize::{ZeroizeOnDrop, Zeroizing};

/// The TTP's key of the return handles, from which the quarters' keys come.
#[derive(Clone, ZeroizeOnDrop)]
pub struct HandleKey([u8; 32]);

/// A quarter of a year; each has its own key, so that old ones can be given up one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quarter {
    year: u16,
    quarter: u8,
}

/// What a handle says: whose submission it answers.
#[derive(Clone, PartialEq, Eq)]
pub struct Handle {
    /// The hospital's number, 8 digits.
    pub sender: String,
    /// The patient.
    pub identity: Identity,
    /// The item that was submitted.
    pub item_id: Uuid,
}

/// Seals the handles of one publication, each once.
pub struct HandleSealer {
    cipher: Aes256Gcm,
    /// Bytes 0 to 19 of its handles.
    front: [u8; FRONT],
    /// The number of the next handle; `None` when all are used.
    next: Option<u32>,
}

/// Opens the handles of every publication and quarter.
pub struct HandleOpener {
    key: HandleKey,
}

const VERSION: u8 = 1;
const SALT: &[u8] = b"precision/handle/1";
const VALUE: usize = 32;
/// Version, quarter and salt.
const FRONT: usize = 4 + 16;
/// The front and the number.
const HEAD: usize = FRONT + 4;
const CLEAR: usize = 8 + 1 + VALUE + 16;
const TAG: usize = 16;

impl HandleKey {
    /// The key of these 32 bytes.
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// The cipher of the publication whose handles start with `front`.
    fn cipher(&self, front: &[u8; FRONT]) -> Result<Aes256Gcm, PseudonymisationError> {
        let quarter_key = derive_key(SALT, &self.0, &[&front[1..4]])?;
        let key = derive_key(&front[4..], &quarter_key, &[])?;
        Ok(Aes256Gcm::new((&*key).into()))
    }
}

impl Quarter {
    /// The quarter of a month (1 to 12) of a year.
    ///
    /// # Errors
    ///
    /// [`PseudonymisationError::Quarter`] when there is no such month or the year is before 0.
    pub fn of(year: i16, month: i8) -> Result<Self, PseudonymisationError> {
        let year = u16::try_from(year).map_err(|_| PseudonymisationError::Quarter)?;
        match u8::try_from(month) {
            Ok(month @ 1..=12) => Ok(Self { year, quarter: month.div_ceil(3) }),
            _ => Err(PseudonymisationError::Quarter),
        }
    }
}

impl HandleSealer {
    /// Draws a salt for one publication; its handles are sealed under a key of this quarter.
    ///
    /// # Errors
    ///
    /// [`PseudonymisationError::NoRandomness`].
    #[expect(clippy::disallowed_methods, reason = "this is the place where the salts of handles are drawn")]
    pub fn new(key: &HandleKey, quarter: Quarter) -> Result<Self, PseudonymisationError> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(|_| PseudonymisationError::NoRandomness)?;
        Self::with_salt(key, quarter, salt)
    }

    pub(crate) fn with_salt(key: &HandleKey, quarter: Quarter, salt: [u8; 16]) -> Result<Self, PseudonymisationError> {
        let mut front = [0; FRONT];
        front[0] = VERSION;
        front[1..3].copy_from_slice(&quarter.year.to_be_bytes());
        front[3] = quarter.quarter;
        front[4..].copy_from_slice(&salt);
        Ok(Self { cipher: key.cipher(&front)?, front, next: Some(0) })
    }

    /// The handle of one item, [`Handle::LENGTH`] bytes.
    ///
    /// # Errors
    ///
    /// [`PseudonymisationError::Sender`] when `sender` does not have 8 digits, and [`PseudonymisationError::TooManyHandles`].
    pub fn seal(&mut self, sender: &str, identity: &Identity, item_id: Uuid) -> Result<Vec<u8>, PseudonymisationError> {
        let sender = sender_digits(sender)?;
        let number = self.next.ok_or(PseudonymisationError::TooManyHandles)?;
        self.next = number.checked_add(1);
        let mut clear = Zeroizing::new(Vec::with_capacity(CLEAR));
        clear.extend_from_slice(sender);
        clear.push(match identity.kind() {
            IdentityKind::Ssin => 1,
            IdentityKind::Generated => 2,
        });
        clear.extend_from_slice(identity.reveal().as_bytes());
        clear.resize(CLEAR - 16, 0);
        clear.extend_from_slice(item_id.as_bytes());

        let mut handle = Vec::with_capacity(Handle::LENGTH);
        handle.extend_from_slice(&self.front);
        handle.extend_from_slice(&number.to_be_bytes());
        let payload = Payload { msg: &clear, aad: &handle };
        let sealed = self.cipher.encrypt(&nonce(number).into(), payload).map_err(|_| PseudonymisationError::TooManyHandles)?;
        handle.extend_from_slice(&sealed);
        Ok(handle)
    }
}

impl HandleOpener {
    /// Opens what was sealed under this key, in any quarter.
    pub fn new(key: HandleKey) -> Self {
        Self { key }
    }

    /// Reads a handle that healthdata gave back.
    ///
    /// # Errors
    ///
    /// [`PseudonymisationError::Handle`] when a single bit of it is not as it was sealed, or it was sealed under another key.
    pub fn open(&self, handle: &[u8]) -> Result<Handle, PseudonymisationError> {
        self.read(handle).ok_or(PseudonymisationError::Handle)
    }

    fn read(&self, handle: &[u8]) -> Option<Handle> {
        let handle: &[u8; Handle::LENGTH] = handle.try_into().ok()?;
        let (head, sealed) = handle.split_first_chunk::<HEAD>()?;
        let (front, number) = head.split_first_chunk::<FRONT>()?;
        if front[0] != VERSION {
            return None;
        }
        let number = u32::from_be_bytes(*number.first_chunk()?);
        let cipher = self.key.cipher(front).ok()?;
        let clear = Zeroizing::new(cipher.decrypt(&nonce(number).into(), Payload { msg: sealed, aad: head }).ok()?);
        let (sender, rest) = clear.split_first_chunk::<8>()?;
        let ([kind], rest) = rest.split_first_chunk()?;
        let (value, item_id) = rest.split_first_chunk::<VALUE>()?;
        let kind = match kind {
            1 => IdentityKind::Ssin,
            2 => IdentityKind::Generated,
            _ => return None,
        };
        let length = value.iter().rposition(|byte| *byte != 0)? + 1;
        Some(Handle {
            sender: std::str::from_utf8(sender).ok()?.to_owned(),
            identity: Identity::from_parts(kind, std::str::from_utf8(&value[..length]).ok()?).ok()?,
            item_id: Uuid::from_slice(item_id).ok()?,
        })
    }
}

impl Handle {
    /// Bytes of every handle.
    pub const LENGTH: usize = HEAD + CLEAR + TAG;
}

fn nonce(number: u32) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[8..].copy_from_slice(&number.to_be_bytes());
    nonce
}

impl fmt::Debug for HandleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandleKey")
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle")
    }
}

impl fmt::Debug for HandleSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandleSealer")
    }
}

impl fmt::Debug for HandleOpener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandleOpener")
    }
}

#[cfg(test)]
mod tests;
