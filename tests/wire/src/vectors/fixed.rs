//! What is random everywhere else.

use std::collections::BTreeMap;

use hkdf::Hkdf;
use sealing::{
    PrivateKey, Secret,
    fixed_for_vectors_only::{private_key_for_vectors_only, secret_for_vectors_only},
    keys::Party,
};
use sha2::Sha256;

use crate::{
    parties::{Parties, pair, secret},
    rig::{HOSPITAL, OTHER_HOSPITAL, nihdi},
};

/// Bytes of the parties' private keys, each 32 times.
pub(super) const PRIVATE_KEYS: [(&str, u8); 3] = [("ehbox-hco-00000196", 0x11), ("ehealth-ttp", 0x12), ("ehbox-hd", 0x13)];

/// Bytes of the other key files.
pub(super) const TAG: u8 = 0x21;
pub(super) const HOSPITALS: u8 = 0x22;
pub(super) const MASTER: u8 = 0x31;
pub(super) const HANDLE: u8 = 0x32;
pub(super) const SENDER: u8 = 0x33;

/// The salt of the return handles.
pub(super) const SALT: [u8; 16] = [0x51; 16];

/// Random part of the ids of registrations, items and the first publication.
pub(super) const IDS: [u8; 10] = [0x61; 10];

#[expect(clippy::disallowed_methods, reason = "these are the test vectors")]
pub(super) fn private_key(party: &str) -> PrivateKey {
    let (_, byte) = PRIVATE_KEYS.iter().find(|(name, _)| *name == party).unwrap();
    private_key_for_vectors_only(&[*byte; 32]).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "these are the test vectors")]
fn fixed(byte: u8) -> Secret {
    secret_for_vectors_only([byte; 32])
}

/// A key that hospitals derive from the one that they share.
#[expect(clippy::disallowed_methods, reason = "these are the test vectors")]
pub(super) fn derived(label: &str) -> Secret {
    let mut key = [0; 32];
    Hkdf::<Sha256>::new(None, &[HOSPITALS; 32]).expand(label.as_bytes(), &mut key).unwrap();
    secret_for_vectors_only(key)
}

/// The parties of the vectors. There is a second hospital as well, of which the vectors know nothing.
pub(super) fn parties() -> Parties {
    let mut pairs: BTreeMap<Party, Vec<PrivateKey>> =
        PRIVATE_KEYS.iter().map(|(party, _)| (party.parse().unwrap(), vec![private_key(party)])).collect();
    pairs.insert(Party::EhboxHco(nihdi(OTHER_HOSPITAL)), vec![pair()]);
    Parties {
        pairs,
        tags: BTreeMap::from([(nihdi(HOSPITAL), fixed(TAG)), (nihdi(OTHER_HOSPITAL), secret())]),
        generated_id: derived("precision/1 generated id"),
        code: derived("precision/1 code"),
        master: fixed(MASTER),
        later_masters: Vec::new(),
        handle: fixed(HANDLE),
        sender: fixed(SENDER),
    }
}
