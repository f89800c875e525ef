//! Sealing the items of a publication.

use aes_gcm::Aes256Gcm;
use hpke::{OpModeS, Serializable};

use crate::{
    KeyId, Part, PrivateKey, PublicKey, SealingError,
    item::{self, Aead, Kdf, Kem},
};

/// Seals one part of all items of a publication under one encapsulation. It hands out the index of each item, and cannot be cloned:
/// no index, so no nonce, is ever used twice.
pub struct Sealer {
    part: Part,
    recipient: KeyId,
    enc: [u8; 32],
    cipher: Aes256Gcm,
    next: Option<u32>,
}

impl Sealer {
    /// A sealer whose items prove that `sender` sealed them.
    ///
    /// # Errors
    ///
    /// [`SealingError::LowOrder`] when the recipient's key is none to seal for.
    pub fn authenticated(part: Part, sender: &PrivateKey, recipient: &PublicKey) -> Result<Self, SealingError> {
        Self::with_mode(part, &authenticated_mode(sender), recipient)
    }

    /// A sealer whose items prove nothing of who sealed them: for the content header alone.
    ///
    /// # Errors
    ///
    /// [`SealingError::LowOrder`] when the recipient's key is none to seal for.
    pub fn base(part: Part, recipient: &PublicKey) -> Result<Self, SealingError> {
        Self::with_mode(part, &OpModeS::Base, recipient)
    }

    /// The recipient's key and the encapsulated key, for the envelope.
    #[must_use]
    pub const fn encapsulation(&self) -> (KeyId, [u8; 32]) {
        (self.recipient, self.enc)
    }

    /// Seals the next item: index (4 bytes), cipher text, tag (16 bytes).
    ///
    /// # Errors
    ///
    /// [`SealingError::TooManyItems`] after 2^32 items, [`SealingError::TooLong`] beyond AES-GCM's 64 GiB.
    pub fn seal(&mut self, item_id: &[u8; 16], plaintext: &[u8]) -> Result<Vec<u8>, SealingError> {
        let index = self.next.ok_or(SealingError::TooManyItems)?;
        self.next = index.checked_add(1);
        item::seal(&self.cipher, self.part, index, item_id, plaintext)
    }

    fn with_mode(part: Part, mode: &OpModeS<'_, Kem>, recipient: &PublicKey) -> Result<Self, SealingError> {
        // Fails on an all-zero shared secret only. It panics where the operating system has no randomness: then nothing may go on.
        let (enc, context) = hpke::setup_sender::<Aead, Kdf, Kem>(mode, recipient.point(), &item::info(part))
            .map_err(|_| SealingError::LowOrder)?;
        Self::new(part, recipient, enc.to_bytes().into(), |label, key| context.export(label, key))
    }

    pub(crate) fn new(
        part: Part,
        recipient: &PublicKey,
        enc: [u8; 32],
        export: impl FnOnce(&[u8], &mut [u8]) -> Result<(), hpke::HpkeError>,
    ) -> Result<Self, SealingError> {
        Ok(Self { part, recipient: recipient.id(), enc, cipher: item::cipher(export)?, next: Some(0) })
    }

    #[cfg(test)]
    pub(crate) fn skip_to(&mut self, index: u32) {
        self.next = Some(index);
    }
}

pub(crate) fn authenticated_mode(sender: &PrivateKey) -> OpModeS<'static, Kem> {
    OpModeS::Auth((sender.scalar().clone(), sender.public().point().clone()))
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealer({} for {})", self.part, self.recipient)
    }
}
