//! DHKEM(X25519, HKDF-SHA256) of RFC 9180, for keys that meet the same few others again and again.
//!
//! In authenticated mode each encapsulation has two agreements: of the fresh key with the recipient's, and of the sender's with the
//! recipient's. The second is the same each time for the same two parties, so a private key remembers it; `hpke`, whose key schedule, ciphers and
//! keys these are, works it out anew. That is all the difference: tests hold both to each other, and to the vectors of the RFC.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use hkdf::HkdfExtract;
use hpke::{
    Deserializable, HpkeError, Kem, Serializable,
    kem::{SharedSecret, X25519HkdfSha256},
    rand_core::CryptoRng,
};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

/// `suite_id` of the KEM's own derivations (RFC 9180, section 4.1).
const SUITE: [u8; 5] = [b'K', b'E', b'M', 0, 0x20];
/// `version` of all labels (section 4).
const VERSION: &[u8] = b"HPKE-v1";
/// Of a shared secret, in bytes, as the length that its derivation names.
const LENGTH: u16 = 32;

type Public = <X25519HkdfSha256 as Kem>::PublicKey;
type Encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey;
type Agreement = Zeroizing<[u8; 32]>;

/// The KEM.
pub(crate) struct RememberingKem;

/// A private key, its public one, and what it agreed on with others' public keys. Wiped on drop; clones remember together.
#[derive(Clone)]
pub(crate) struct Scalar {
    secret: StaticSecret,
    public: [u8; 32],
    agreed: Arc<Mutex<BTreeMap<[u8; 32], Agreement>>>,
}

impl Scalar {
    fn of(secret: StaticSecret) -> Self {
        let public = PublicKey::from(&secret).to_bytes();
        Self { secret, public, agreed: Arc::default() }
    }

    /// The agreement with a key that is met once; none when it is all zeros (section 7.1.4).
    fn agree(&self, with: [u8; 32]) -> Option<Agreement> {
        let agreement = self.secret.diffie_hellman(&PublicKey::from(with));
        agreement.was_contributory().then(|| Zeroizing::new(agreement.to_bytes()))
    }

    /// The agreement with a party's key, remembered as long as this key. Parties' keys are few, and come from key files.
    fn agree_for_long(&self, with: [u8; 32]) -> Option<Agreement> {
        let mut agreed = self.agreed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(agreement) = agreed.get(&with) {
            return Some(agreement.clone());
        }
        let agreement = self.agree(with)?;
        agreed.insert(with, agreement.clone());
        Some(agreement)
    }
}

impl ConstantTimeEq for Scalar {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.secret.as_bytes().ct_eq(other.secret.as_bytes())
    }
}

impl Serializable for Scalar {
    type OutputSize = <<X25519HkdfSha256 as Kem>::PrivateKey as Serializable>::OutputSize;

    fn write_exact(&self, buf: &mut [u8]) {
        buf.copy_from_slice(self.secret.as_bytes());
    }
}

impl Deserializable for Scalar {
    fn from_bytes(encoded: &[u8]) -> Result<Self, HpkeError> {
        // hpke checks the length, and clamps as section 7.1.2 wants it.
        let clamped = Zeroizing::new(<[u8; 32]>::from(<X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(encoded)?.to_bytes()));
        Ok(Self::of(StaticSecret::from(*clamped)))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "hpke asks for keys with the randomness that it was given; only test vectors fix that"
)]
impl Kem for RememberingKem {
    type PublicKey = Public;
    type PrivateKey = Scalar;
    type EncappedKey = Encapsulated;
    type NSecret = <X25519HkdfSha256 as Kem>::NSecret;

    const KEM_ID: u16 = X25519HkdfSha256::KEM_ID;

    fn sk_to_pk(scalar: &Scalar) -> Public {
        // 32 bytes are all that it asks for.
        Public::from_bytes(&scalar.public).unwrap_or_else(|_| unreachable!("a public key has 32 bytes"))
    }

    fn derive_keypair(ikm: &[u8]) -> (Scalar, Public) {
        let (private, public) = X25519HkdfSha256::derive_keypair(ikm);
        let bytes = Zeroizing::new(<[u8; 32]>::from(private.to_bytes()));
        let scalar = Scalar { secret: StaticSecret::from(*bytes), public: public.to_bytes().into(), agreed: Arc::default() };
        (scalar, public)
    }

    fn decap(recipient: &Scalar, sender: Option<&Public>, encapsulated: &Encapsulated) -> Result<SharedSecret<Self>, HpkeError> {
        let enc: [u8; 32] = encapsulated.to_bytes().into();
        let fresh = recipient.agree(enc).ok_or(HpkeError::DecapError)?;
        let Some(sender) = sender else { return Ok(shared(&[&*fresh], &[&enc, &recipient.public])) };
        let sender: [u8; 32] = sender.to_bytes().into();
        let lasting = recipient.agree_for_long(sender).ok_or(HpkeError::DecapError)?;
        Ok(shared(&[&*fresh, &*lasting], &[&enc, &recipient.public, &sender]))
    }

    fn encap_with_rng(
        recipient: &Public,
        sender: Option<(&Scalar, &Public)>,
        csprng: &mut impl CryptoRng,
    ) -> Result<(SharedSecret<Self>, Encapsulated), HpkeError> {
        let (ephemeral, public) = Self::gen_keypair_with_rng(csprng);
        let (encapsulated, recipient) = (Encapsulated::from_bytes(&public.to_bytes())?, recipient.to_bytes().into());
        let fresh = ephemeral.agree(recipient).ok_or(HpkeError::EncapError)?;
        let Some((sender, _)) = sender else {
            return Ok((shared(&[&*fresh], &[&ephemeral.public, &recipient]), encapsulated));
        };
        let lasting = sender.agree_for_long(recipient).ok_or(HpkeError::EncapError)?;
        Ok((shared(&[&*fresh, &*lasting], &[&ephemeral.public, &recipient, &sender.public]), encapsulated))
    }
}

/// `ExtractAndExpand` of what was agreed on, in the context of the keys (section 4.1).
fn shared(agreed: &[&[u8; 32]], context: &[&[u8; 32]]) -> SharedSecret<RememberingKem> {
    let mut extract = HkdfExtract::<Sha256>::new(None);
    for part in [VERSION, &SUITE, b"eae_prk"] {
        extract.input_ikm(part);
    }
    agreed.iter().for_each(|agreement| extract.input_ikm(agreement.as_slice()));
    let (_, expand) = extract.finalize();
    let length = LENGTH.to_be_bytes();
    let mut info: Vec<&[u8]> = vec![&length, VERSION, &SUITE, b"shared_secret"];
    info.extend(context.iter().map(|key| key.as_slice()));
    let mut secret = SharedSecret::default();
    // HKDF-SHA256 expands to 255 times as much.
    let expanded = expand.expand_multi_info(&info, &mut secret.0);
    debug_assert!(expanded.is_ok(), "32 bytes are few");
    secret
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use hpke::{OpModeR, OpModeS, aead::AesGcm256, kdf::HkdfSha256};
    use proptest::prelude::*;

    use super::*;

    type Theirs = X25519HkdfSha256;
    type TheirPrivate = <Theirs as Kem>::PrivateKey;

    fn hex(text: &str) -> [u8; 32] {
        HEXLOWER.decode(text.as_bytes()).unwrap().try_into().unwrap()
    }

    /// RFC 9180, appendix A.1.3: `enc`, `skRm`, `pkSm`, and the `shared_secret` that follows from them.
    #[test]
    fn an_authenticated_encapsulation_is_the_one_of_rfc_9180() {
        let recipient = Scalar::from_bytes(&hex("fdea67cf831f1ca98d8e27b1f6abeb5b7745e9d35348b80fa407ff6958f9137e")).unwrap();
        let sender = Public::from_bytes(&hex("8b0c70873dc5aecb7f9ee4e62406a397b350e57012be45cf53b7105ae731790b")).unwrap();
        let enc = Encapsulated::from_bytes(&hex("23fb952571a14a25e3d678140cd0e5eb47a0961bb18afcf85896e5453c312e76")).unwrap();
        for _ in 0..2 {
            let secret = RememberingKem::decap(&recipient, Some(&sender), &enc).unwrap();
            assert_eq!(HEXLOWER.encode(&secret.0), "2d6db4cf719dc7293fcbf3fa64690708e44e2bebc81f84608677958c0d4448a7");
        }
    }

    /// What is exported under both parties' keys, by ours and by hpke's own, there and back.
    fn exported<Sender: Kem, Recipient: Kem>(
        mode: &OpModeS<'_, Sender>,
        back: &OpModeR<'_, Recipient>,
        to: &Sender::PublicKey,
        at: &Recipient::PrivateKey,
    ) -> [[u8; 32]; 2] {
        let (enc, sealing) = hpke::setup_sender::<AesGcm256, HkdfSha256, Sender>(mode, to, b"info").unwrap();
        let enc = Recipient::EncappedKey::from_bytes(&enc.to_bytes()).unwrap();
        let opening = hpke::setup_receiver::<AesGcm256, HkdfSha256, Recipient>(back, at, &enc, b"info").unwrap();
        let mut both = [[0; 32]; 2];
        sealing.export(b"label", &mut both[0]).unwrap();
        opening.export(b"label", &mut both[1]).unwrap();
        both
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn it_agrees_with_hpke_in_both_modes_and_directions(sender: [u8; 32], recipient: [u8; 32]) {
            let (ours, theirs) = (Scalar::from_bytes(&sender).unwrap(), TheirPrivate::from_bytes(&sender).unwrap());
            let (at_ours, at_theirs) = (Scalar::from_bytes(&recipient).unwrap(), TheirPrivate::from_bytes(&recipient).unwrap());
            let (by, to) = (Theirs::sk_to_pk(&theirs), Theirs::sk_to_pk(&at_theirs));
            prop_assert_eq!(&RememberingKem::sk_to_pk(&ours), &by);
            // The second time it remembers.
            for _ in 0..2 {
                let mode = OpModeS::<RememberingKem>::Auth((ours.clone(), by.clone()));
                let [sealed, opened] = exported::<RememberingKem, Theirs>(&mode, &OpModeR::Auth(by.clone()), &to, &at_theirs);
                prop_assert_eq!(sealed, opened);
                let mode = OpModeS::<Theirs>::Auth((theirs.clone(), by.clone()));
                let [sealed, opened] = exported::<Theirs, RememberingKem>(&mode, &OpModeR::Auth(by.clone()), &to, &at_ours);
                prop_assert_eq!(sealed, opened);
            }
            let [sealed, opened] = exported::<RememberingKem, Theirs>(&OpModeS::Base, &OpModeR::Base, &to, &at_theirs);
            prop_assert_eq!(sealed, opened);
            let [sealed, opened] = exported::<Theirs, RememberingKem>(&OpModeS::Base, &OpModeR::Base, &to, &at_ours);
            prop_assert_eq!(sealed, opened);
        }
    }

    #[test]
    fn a_key_of_low_order_is_refused_and_not_remembered() {
        let scalar = Scalar::from_bytes(&[7; 32]).unwrap();
        assert!(scalar.agree_for_long([0; 32]).is_none() && scalar.agree([0; 32]).is_none());
        assert!(scalar.agreed.lock().unwrap().is_empty());
        let met = scalar.clone().agree_for_long(hex("8b0c70873dc5aecb7f9ee4e62406a397b350e57012be45cf53b7105ae731790b"));
        assert!(met.is_some() && scalar.agreed.lock().unwrap().len() == 1, "clones remember together");
    }
}
