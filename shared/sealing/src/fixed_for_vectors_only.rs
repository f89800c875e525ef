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
#[expect(clippy::disallowed_methods, reason = "this is the place where test vectors fix the encapsulation")]
pub fn sealer_for_vectors_only(
    part: Part,
    sender: Option<&PrivateKey>,
    recipient: &PublicKey,
    ikm: [u8; 32],
) -> Result<Sealer, SealingError> {
    let mode = sender.map_or(OpModeS::Base, authenticated_mode);
    let (enc, context) =
        hpke::setup_sender_with_rng::<Aead, Kdf, Kem>(&mode, recipient.point(), &item::info(part), &mut Fixed(ikm))
            .map_err(|_| SealingError::LowOrder)?;
    Sealer::new(part, recipient, enc.to_bytes().into(), |label, key| context.export(label, key))
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

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "these are the vector tests")]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;
    use crate::{Keyring, Opener};

    const PART: Part = Part::Content;

    #[test]
    fn debug_prints_names_only() {
        let private = private_key_for_vectors_only(&[0x5a; 32]).unwrap();
        let secret = secret_for_vectors_only([0x5a; 32]);
        assert_eq!(format!("{private:?}"), "PrivateKey");
        assert_eq!(format!("{secret:?}"), "Secret");
        assert_eq!(format!("{:?}", private.public()), format!("PublicKey({})", private.id()));
        let keyring = Keyring::new(private.clone(), vec![]);
        assert_eq!(format!("{keyring:?}"), format!("Keyring({} and 0 old)", private.id()));
        let sealer = Sealer::base(PART, private.public()).unwrap();
        assert_eq!(format!("{sealer:?}"), format!("Sealer(content for {})", private.id()));
        assert_eq!(format!("{:?}", Opener::base(PART, &private, &sealer.encapsulation().1).unwrap()), "Opener(content)");
    }

    /// RFC 9180 appendix A.1.1: the encapsulated key that follows from `ikmE`.
    #[test]
    fn the_encapsulated_key_is_the_one_of_rfc_9180() {
        let hex = |text: &str| <[u8; 32]>::try_from(HEXLOWER.decode(text.as_bytes()).unwrap()).unwrap();
        let recipient =
            private_key_for_vectors_only(&hex("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8")).unwrap();
        let ikm = hex("7268600d403fce431561aef583ee1613527cff655c1343f29812e66706df3234");
        let sealer = sealer_for_vectors_only(PART, None, recipient.public(), ikm).unwrap();
        assert_eq!(sealer.encapsulation().1, hex("37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431"));
    }

    /// Expected values from a program in another language that was written from RFC 9180 and docs/WIRE.md alone.
    #[test]
    fn a_client_in_another_language_seals_the_same_bytes() {
        let sender = private_key_for_vectors_only(&[1; 32]).unwrap();
        let recipient = private_key_for_vectors_only(&[2; 32]).unwrap();
        let ikm: [u8; 32] = std::array::from_fn(|at| at as u8);
        let items: [[u8; 16]; 2] = [std::array::from_fn(|at| at as u8), std::array::from_fn(|at| at as u8 + 16)];
        assert_eq!(recipient.id().to_string(), "cfa570c653bd212b");
        for (mode, expected) in [
            (Some(&sender), ["00000000bf035cfc82c0b53596bac3f7b764a79e4223688245", "00000001ad0501e9838aff20a4eb38020e372000"]),
            (None, ["00000000902fe7d88632fa0b816d730fa070593d8ad7757bfc", "000000012bb0832f72209baaadaaf1d3b0a77fad"]),
        ] {
            let mut sealer = sealer_for_vectors_only(PART, mode, recipient.public(), ikm).unwrap();
            let (_, enc) = sealer.encapsulation();
            assert_eq!(HEXLOWER.encode(&enc), "b1f1b840de7a3241b02748cf9b05b74dc8c5e8451298738817bd76aa8ebe8c2b");
            let blobs = [sealer.seal(&items[0], b"first").unwrap(), sealer.seal(&items[1], b"").unwrap()];
            assert_eq!(blobs.each_ref().map(|blob| HEXLOWER.encode(blob)), expected);
        }
    }
}
