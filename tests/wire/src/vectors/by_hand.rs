//! The formulas of docs/WIRE.md, once more and without the project's own crates: what a client in another language would write.

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};
use data_encoding::HEXLOWER;
use hkdf::Hkdf;
use hpke::{Deserializable, Kem as _, OpModeR, Serializable, aead::AesGcm256, kdf::HkdfSha256, kem::X25519HkdfSha256};
use sha2::{Digest, Sha256};

use super::{
    format::{Handle, Keys, Part},
    read_keys, read_publications,
};

pub(super) fn hex(bytes: impl AsRef<[u8]>) -> String {
    HEXLOWER.encode(bytes.as_ref())
}

pub(super) fn bytes(hex: &str) -> Vec<u8> {
    HEXLOWER.decode(hex.as_bytes()).unwrap()
}

pub(super) fn info(tag: u8) -> Vec<u8> {
    [b"precision/1", &[tag][..]].concat()
}

pub(super) fn nonce(index: u32) -> Vec<u8> {
    [&[0; 8][..], &index.to_be_bytes()].concat()
}

pub(super) fn aad(tag: u8, index: u32, item: &[u8; 16]) -> Vec<u8> {
    [&[1, tag][..], &index.to_be_bytes(), item].concat()
}

/// The key of the items: by the recipient's private key and, in authenticated mode, the sender's public one.
pub(super) fn item_key(recipient: &[u8], sender: Option<&[u8]>, enc: &[u8], tag: u8) -> Vec<u8> {
    let recipient = <X25519HkdfSha256 as hpke::Kem>::PrivateKey::from_bytes(recipient).unwrap();
    let enc = <X25519HkdfSha256 as hpke::Kem>::EncappedKey::from_bytes(enc).unwrap();
    let mode = sender
        .map_or(OpModeR::Base, |sender| OpModeR::Auth(<X25519HkdfSha256 as hpke::Kem>::PublicKey::from_bytes(sender).unwrap()));
    let context = hpke::setup_receiver::<AesGcm256, HkdfSha256, X25519HkdfSha256>(&mode, &recipient, &enc, &info(tag)).unwrap();
    let mut key = vec![0; 32];
    context.export(b"item key", &mut key).unwrap();
    key
}

pub(super) fn public_key(private: &[u8]) -> Vec<u8> {
    let private = <X25519HkdfSha256 as hpke::Kem>::PrivateKey::from_bytes(private).unwrap();
    X25519HkdfSha256::sk_to_pk(&private).to_bytes().to_vec()
}

pub(super) fn key_id(public: &[u8]) -> Vec<u8> {
    Sha256::digest(public)[..8].to_vec()
}

pub(super) fn hkdf(key: &[u8], salt: &[u8], info: &[u8]) -> Vec<u8> {
    let mut derived = vec![0; 32];
    Hkdf::<Sha256>::new(Some(salt), key).expand(info, &mut derived).unwrap();
    derived
}

fn open(key: &[u8], nonce: &[u8], aad: &[u8], sealed: &[u8]) -> Vec<u8> {
    let cipher = Aes256Gcm::new_from_slice(key).unwrap();
    let nonce: [u8; 12] = nonce.try_into().unwrap();
    cipher.decrypt(&nonce.into(), Payload { msg: sealed, aad }).unwrap()
}

fn private(keys: &Keys, party: &str) -> Vec<u8> {
    bytes(&keys.pairs.iter().find(|pair| pair.party == party).unwrap().private)
}

fn assert_part(keys: &Keys, part: &Part) {
    let sender = public_key(&private(keys, &part.sender));
    let sender = (part.mode == "authenticated").then_some(sender.as_slice());
    let key = item_key(&private(keys, &part.recipient), sender, &bytes(&part.enc), part.tag);
    assert_eq!((hex(info(part.tag)), hex(&key)), (part.info.clone(), part.item_key.clone()));
    for item in &part.items {
        let id: [u8; 16] = bytes(&item.item.replace('-', "")).try_into().unwrap();
        assert_eq!((hex(nonce(item.index)), hex(aad(part.tag, item.index, &id))), (item.nonce.clone(), item.aad.clone()));
        let blob = bytes(&item.blob);
        assert_eq!(blob[..4], item.index.to_be_bytes());
        assert_eq!(hex(open(&key, &bytes(&item.nonce), &bytes(&item.aad), &blob[4..])), item.clear);
        assert_eq!(hex(Sha256::digest(&blob)), item.hash);
    }
}

fn assert_handle(keys: &Keys, handle: &Handle) {
    let of_ttp = bytes(&keys.secrets.iter().find(|secret| secret.name == "handle.key").unwrap().value);
    let quarter = [&handle.year.to_be_bytes()[..], &[handle.quarter]].concat();
    let quarter_key = hkdf(&of_ttp, b"precision/handle/1", &quarter);
    let publication_key = hkdf(&quarter_key, &bytes(&handle.salt), &[]);
    let head = [&[1][..], &quarter, &bytes(&handle.salt), &handle.number.to_be_bytes()].concat();
    let whole = bytes(&handle.bytes);
    assert_eq!((hex(&quarter_key), hex(&publication_key)), (handle.quarter_key.clone(), handle.publication_key.clone()));
    assert_eq!((hex(&head), hex(nonce(handle.number))), (handle.aad.clone(), handle.nonce.clone()));
    assert_eq!(whole[..24], head);
    assert_eq!(hex(open(&publication_key, &nonce(handle.number), &head, &whole[24..])), handle.clear);
}

#[test]
fn the_vectors_follow_from_the_formulas() {
    let keys = read_keys();
    for pair in &keys.pairs {
        let public = public_key(&bytes(&pair.private));
        assert_eq!((hex(&public), hex(key_id(&public))), (pair.public.clone(), pair.key.clone()));
    }
    for publication in read_publications() {
        publication.steps.iter().flat_map(|step| &step.parts).for_each(|part| assert_part(&keys, part));
        publication.registrations.iter().for_each(|registration| assert_handle(&keys, &registration.handle));
    }
}
