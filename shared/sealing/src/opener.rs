//! Opening the items of a publication.

use aes_gcm::Aes256Gcm;
use hpke::{Deserializable, OpModeR};

use crate::{
    Part, PrivateKey, PublicKey, SealingError,
    item::{self, Aead, Kdf, Kem},
};

/// Opens one part of the items of a publication, in any order and each alone.
pub struct Opener {
    part: Part,
    /// One per key that the sender may have used: two while it is changing keys, else one.
    ciphers: Vec<Aes256Gcm>,
}

impl Opener {
    /// An opener of what `sender` sealed for `recipient`.
    ///
    /// # Errors
    ///
    /// [`SealingError::LowOrder`] when the shared secret is all zeros. Another sender is noticed by [`Self::open`].
    pub fn authenticated(part: Part, sender: &PublicKey, recipient: &PrivateKey, enc: &[u8; 32]) -> Result<Self, SealingError> {
        Self::authenticated_by_any(part, std::slice::from_ref(sender), recipient, enc)
    }

    /// An opener of what one of `senders`, the keys of one party, sealed for `recipient`.
    ///
    /// # Errors
    ///
    /// [`SealingError::LowOrder`] when the shared secret is all zeros with each of them.
    pub fn authenticated_by_any(
        part: Part,
        senders: &[PublicKey],
        recipient: &PrivateKey,
        enc: &[u8; 32],
    ) -> Result<Self, SealingError> {
        let ciphers: Vec<_> = senders
            .iter()
            .filter_map(|sender| cipher(part, &OpModeR::Auth(sender.point().clone()), recipient, enc).ok())
            .collect();
        if ciphers.is_empty() { Err(SealingError::LowOrder) } else { Ok(Self { part, ciphers }) }
    }

    /// An opener of what anybody sealed for `recipient`: for the content header alone.
    ///
    /// # Errors
    ///
    /// [`SealingError::LowOrder`] when the shared secret is all zeros.
    pub fn base(part: Part, recipient: &PrivateKey, enc: &[u8; 32]) -> Result<Self, SealingError> {
        Ok(Self { part, ciphers: vec![cipher(part, &OpModeR::Base, recipient, enc)?] })
    }

    /// The clear text of one item.
    ///
    /// # Errors
    ///
    /// [`SealingError::CutShort`], or [`SealingError::DoesNotOpen`] when anything is not as it was sealed: recipient, sender, mode,
    /// part, index, item id, or a bit of the blob.
    pub fn open(&self, item_id: &[u8; 16], blob: &[u8]) -> Result<Vec<u8>, SealingError> {
        let mut refusal = SealingError::DoesNotOpen(self.part);
        for cipher in &self.ciphers {
            match item::open(cipher, self.part, item_id, blob) {
                Ok(clear) => return Ok(clear),
                Err(error) => refusal = error,
            }
        }
        Err(refusal)
    }
}

fn cipher(part: Part, mode: &OpModeR<'_, Kem>, recipient: &PrivateKey, enc: &[u8; 32]) -> Result<Aes256Gcm, SealingError> {
    let enc = <Kem as hpke::Kem>::EncappedKey::from_bytes(enc).map_err(|_| SealingError::KeyLength)?;
    let context = hpke::setup_receiver::<Aead, Kdf, Kem>(mode, recipient.scalar(), &enc, &item::info(part))
        .map_err(|_| SealingError::LowOrder)?;
    item::cipher(|label, key| context.export(label, key))
}

impl std::fmt::Debug for Opener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Opener({})", self.part)
    }
}
