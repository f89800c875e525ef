//! A party's private keys.

use crate::{KeyId, Opener, Part, PrivateKey, PublicKey, Sealer, SealingError, open_header};

/// The private keys of a party: any of them opens, only the current one seals. Debug prints the keys' ids.
#[derive(Clone)]
pub struct Keyring {
    current: PrivateKey,
    old: Vec<PrivateKey>,
}

impl Keyring {
    /// A keyring that seals with `current`, and opens with that and `old`.
    #[must_use]
    pub const fn new(current: PrivateKey, old: Vec<PrivateKey>) -> Self {
        Self { current, old }
    }

    /// A keyring that seals with `current` from now on, and opens with that and all that this one opens with.
    #[must_use]
    pub fn renewed(&self, current: PrivateKey) -> Self {
        Self { current, old: std::iter::once(&self.current).chain(&self.old).cloned().collect() }
    }

    /// The public key that others seal for, and by which they know what this party sealed.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        self.current.public()
    }

    /// A sealer for one part of a publication, with the current key.
    ///
    /// # Errors
    ///
    /// [`SealingError::LowOrder`] when the recipient's key is none to seal for.
    pub fn sealer(&self, part: Part, recipient: &PublicKey) -> Result<Sealer, SealingError> {
        Sealer::authenticated(part, &self.current, recipient)
    }

    /// An opener for one part of a publication that is sealed for `key`, from one of `senders`, the keys of one party.
    ///
    /// # Errors
    ///
    /// [`SealingError::UnknownKey`], or [`SealingError::LowOrder`].
    pub fn opener(&self, part: Part, senders: &[PublicKey], key: KeyId, enc: &[u8; 32]) -> Result<Opener, SealingError> {
        Opener::authenticated_by_any(part, senders, self.find(key)?, enc)
    }

    /// Opens a content header that is sealed for `key`.
    ///
    /// # Errors
    ///
    /// [`SealingError::UnknownKey`], or what [`open_header`] has against it.
    pub fn open_header(&self, key: KeyId, header: &[u8]) -> Result<KeyId, SealingError> {
        open_header(self.find(key)?, header)
    }

    fn find(&self, key: KeyId) -> Result<&PrivateKey, SealingError> {
        std::iter::once(&self.current).chain(&self.old).find(|own| own.id() == key).ok_or(SealingError::UnknownKey(key))
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keyring({} and {} old)", self.current.id(), self.old.len())
    }
}
