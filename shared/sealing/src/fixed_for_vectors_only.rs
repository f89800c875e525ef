//! Keys and encapsulations that are not random, so that test vectors come out the same. **Never for anything else**: two publications
//! under one fixed encapsulation share a key and nonces, and both can be read.

use std::convert::Infallible;

use hpke::{
    OpModeS, Serializable,
    rand_core::{TryCryptoRng, TryRng},
};

use crate::{
    Part, PrivateKey, PublicKey, Sealer, SealingError, Secret,
    item::{self, Aead, Kdf, Kem},
    sealer::authenticated_mode,
};

/// A private key of known bytes.
///
/// # Errors
///
/// None that a key of 32 bytes could have.
pub fn private_key_for_vectors_only(bytes: &[u8; 32]) -> Result<PrivateKey, SealingError> {
    PrivateKey::from_bytes(bytes)
}

/// A secret of known bytes.
#[must_use]
pub const fn secret_for_vectors_only(bytes: [u8; 32]) -> Secret {
    Secret::from_bytes(bytes)
}

/// A sealer, in authenticated mode when there is a `sender`, whose ephemeral key is derived from `ikm` (RFC 9180 section 7.1.3,
/// `ikmE` of its test vectors).
///
/// # Errors
///
/// [`SealingError::LowOrder`] when the recipient's key is none to seal for.
pub fn sealer_for_vectors_only(
    part: Part,
    sender: Option<&PrivateKey>,
    recipient: &PublicKey,
    ikm: [u8; 32],
) -> Result<Sealer, SealingError> {
    let mode = sender.map_or(OpModeS::Base, authenticated_mode);
    let (enc, context) = fixed_context(&mode, recipient, &item::info(part), ikm)?;
    Sealer::new(part, recipient, enc, |label, key| context.export(label, key))
}

/// The encapsulated key and the context of an encapsulation whose ephemeral key is derived from `ikm`.
#[expect(clippy::disallowed_methods, reason = "this is the place where test vectors fix the encapsulation")]
pub(crate) fn fixed_context(
    mode: &OpModeS<'_, Kem>,
    recipient: &PublicKey,
    info: &[u8],
    ikm: [u8; 32],
) -> Result<([u8; 32], hpke::aead::AeadCtxS<Aead, Kdf, Kem>), SealingError> {
    let (enc, context) =
        hpke::setup_sender_with_rng(mode, recipient.point(), info, &mut Fixed(ikm)).map_err(|_| SealingError::LowOrder)?;
    Ok((enc.to_bytes().into(), context))
}

/// Gives out the same bytes over and over.
struct Fixed([u8; 32]);

impl TryRng for Fixed {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for (byte, fixed) in bytes.iter_mut().zip(self.0.iter().cycle()) {
            *byte = *fixed;
        }
        Ok(())
    }
}

impl TryCryptoRng for Fixed {}
