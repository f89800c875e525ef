//! X25519 keys, their names, and secrets of 32 bytes.

use std::fmt;

use hpke::{Deserializable, Kem as _, Serializable};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{SealingError, item::Kem};

/// Names a public key: the first 8 bytes of its SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 8]);

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

/// A party's public key.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    point: <Kem as hpke::Kem>::PublicKey,
    id: KeyId,
}

impl PublicKey {
    /// A public key from its 32 bytes (RFC 7748).
    ///
    /// # Errors
    ///
    /// [`SealingError::KeyLength`] when there are not 32 of them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SealingError> {
        <Kem as hpke::Kem>::PublicKey::from_bytes(bytes).map(Self::of).map_err(|_| SealingError::KeyLength)
    }

    /// The 32 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.point.to_bytes().into()
    }

    /// The key's name.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    pub(crate) const fn point(&self) -> &<Kem as hpke::Kem>::PublicKey {
        &self.point
    }

    fn of(point: <Kem as hpke::Kem>::PublicKey) -> Self {
        let hash: [u8; 32] = Sha256::digest(point.to_bytes()).into();
        let mut id = [0; 8];
        id.copy_from_slice(&hash[..8]);
        Self { point, id: KeyId(id) }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id)
    }
}

/// A party's private key with its public one. Debug prints the type's name only; the bytes are wiped on drop.
#[derive(Clone)]
pub struct PrivateKey {
    scalar: <Kem as hpke::Kem>::PrivateKey,
    public: PublicKey,
}

impl PrivateKey {
    /// A new key from the operating system's randomness.
    ///
    /// # Errors
    ///
    /// [`SealingError::NoRandomness`].
    pub fn generate() -> Result<Self, SealingError> {
        Self::from_bytes(&Zeroizing::new(random_bytes()?))
    }

    /// The public key.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The key's name.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.public.id
    }

    pub(crate) const fn scalar(&self) -> &<Kem as hpke::Kem>::PrivateKey {
        &self.scalar
    }

    /// Only key files and test vectors have a private key's bytes.
    pub(crate) fn from_bytes(bytes: &[u8; 32]) -> Result<Self, SealingError> {
        let scalar = <Kem as hpke::Kem>::PrivateKey::from_bytes(bytes).map_err(|_| SealingError::KeyLength)?;
        let public = PublicKey::of(Kem::sk_to_pk(&scalar));
        Ok(Self { scalar, public })
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey")
    }
}

/// 32 secret bytes of a party. Debug prints the type's name only; the bytes are wiped on drop.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Secret([u8; 32]);

impl Secret {
    /// A new secret from the operating system's randomness.
    ///
    /// # Errors
    ///
    /// [`SealingError::NoRandomness`].
    pub fn generate() -> Result<Self, SealingError> {
        random_bytes().map(Self)
    }

    /// The bytes, to key an HMAC or a cipher with.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// `N` bytes of the operating system's randomness: for salts, and for the random part of an id batch.
///
/// # Errors
///
/// [`SealingError::NoRandomness`].
#[expect(clippy::disallowed_methods, reason = "this is the place where keys and salts are drawn")]
pub fn random_bytes<const N: usize>() -> Result<[u8; N], SealingError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| SealingError::NoRandomness)?;
    Ok(bytes)
}
