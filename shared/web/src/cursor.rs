//! Where a list goes on: opaque, and of no use for another list.
//!
//! A cursor holds the key of the last row that was shown, so rows that come or go meanwhile shift nothing. Such a key may hold a
//! pseudonym, and an address must not: so cursors are encrypted (AES-256-GCM) under a key of the store, bound to the list that gave them.

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};
use data_encoding::BASE64URL_NOPAD;
use serde::{Serialize, de::DeserializeOwned};

use crate::Code;

const NONCE: usize = 12;
/// Characters of a cursor at most; ours are far shorter.
const LENGTH_MAX: usize = 2_000;

/// Seals and opens cursors.
pub struct Cursors {
    cipher: Aes256Gcm,
}

impl std::fmt::Debug for Cursors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cursors")
    }
}

impl Cursors {
    /// Cursors under a key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self { cipher: Aes256Gcm::new(key.into()) }
    }

    /// A cursor behind `last` in the list `list`: its route and parameters.
    ///
    /// # Errors
    ///
    /// [`Code::Internal`] when there is no randomness, or the key cannot be written.
    #[expect(clippy::disallowed_methods, reason = "a nonce under a key must never come twice, so it is drawn like one")]
    pub fn seal(&self, list: &str, last: &impl Serialize) -> Result<String, Code> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|_| Code::Internal)?;
        let clear = serde_json::to_vec(last).map_err(|_| Code::Internal)?;
        let payload = Payload { msg: &clear, aad: list.as_bytes() };
        let sealed = self.cipher.encrypt(&nonce.into(), payload).map_err(|_| Code::Internal)?;
        Ok(BASE64URL_NOPAD.encode(&[&nonce[..], &sealed].concat()))
    }

    /// What a cursor of the list `list` stands behind.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidCursor`] for what is none, was changed, or is of another list.
    pub fn open<T: DeserializeOwned>(&self, list: &str, cursor: &str) -> Result<T, Code> {
        let open = || {
            let bytes = BASE64URL_NOPAD.decode(Some(cursor).filter(|text| text.len() <= LENGTH_MAX)?.as_bytes()).ok()?;
            let (nonce, sealed) = bytes.split_first_chunk::<NONCE>()?;
            let clear = self.cipher.decrypt(&(*nonce).into(), Payload { msg: sealed, aad: list.as_bytes() }).ok()?;
            serde_json::from_slice(&clear).ok()
        };
        open().ok_or(Code::InvalidCursor)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cursors() -> Cursors {
        Cursors::new(&[7; 32])
    }

    proptest! {
        #[test]
        fn a_cursor_reads_back_and_hides_what_it_holds(text in "[a-zA-Z0-9.|]{8,60}", number: i64) {
            let cursor = cursors().seal("list", &(&text, number)).unwrap();
            prop_assert_eq!(cursors().open::<(String, i64)>("list", &cursor), Ok((text.clone(), number)));
            prop_assert!(!cursor.contains(&text) && cursor != cursors().seal("list", &(&text, number)).unwrap());
            prop_assert_eq!(cursors().open::<(String, i64)>("other list", &cursor), Err(Code::InvalidCursor));
            prop_assert_eq!(Cursors::new(&[8; 32]).open::<(String, i64)>("list", &cursor), Err(Code::InvalidCursor));
        }

        #[test]
        fn a_changed_or_invented_cursor_is_refused(at in 0_usize..30, invented in ".{0,80}") {
            let mut cursor = cursors().seal("list", &17).unwrap().into_bytes();
            cursor[at] = if cursor[at] == b'A' { b'B' } else { b'A' };
            let cursor = String::from_utf8(cursor).unwrap();
            prop_assert_eq!(cursors().open::<i64>("list", &cursor), Err(Code::InvalidCursor));
            prop_assert_eq!(cursors().open::<i64>("list", &invented), Err(Code::InvalidCursor));
        }
    }
}
