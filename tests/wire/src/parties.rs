//! The keys of all parties, in memory, and ready to be got wrong.

use std::{collections::BTreeMap, sync::Arc};

use identifying::{SharedHospitalKey, TagKey};
use registration::CodeKey;
use sealing::{
    Keyring, PrivateKey, Secret,
    keys::{KeysInUse, MessagingKeys, Party, PartyKeys, PublicDirectory, TtpKeys},
};
use topology::Nihdi;

/// Everybody's keys. A test that wants a party to be wrong about a key changes a copy.
#[derive(Clone)]
pub(crate) struct Parties {
    /// Key pairs per party: the current one, then the ones before it.
    pub(crate) pairs: BTreeMap<Party, Vec<PrivateKey>>,
    /// Per hospital.
    pub(crate) tags: BTreeMap<Nihdi, Secret>,
    /// Shared by the hospitals.
    pub(crate) generated_id: Secret,
    /// Shared by the hospitals.
    pub(crate) code: Secret,
    /// The TTP's, of epoch 1.
    pub(crate) master: Secret,
    /// Of the epochs from 2 on.
    pub(crate) later_masters: Vec<Secret>,
    /// The TTP's.
    pub(crate) handle: Secret,
    /// The TTP's.
    pub(crate) sender: Secret,
}

pub(crate) fn pair() -> PrivateKey {
    PrivateKey::generate().unwrap()
}

pub(crate) fn secret() -> Secret {
    Secret::generate().unwrap()
}

impl Parties {
    /// New keys for these hospitals, the TTP and healthdata.
    pub(crate) fn random(hospitals: &[Nihdi]) -> Self {
        let clients = hospitals.iter().map(|nihdi| Party::EhboxHco(*nihdi));
        let parties = clients.chain([Party::EhealthTtp, Party::EhboxHd]);
        Self {
            pairs: parties.map(|party| (party, vec![pair()])).collect(),
            tags: hospitals.iter().map(|nihdi| (*nihdi, secret())).collect(),
            generated_id: secret(),
            code: secret(),
            master: secret(),
            later_masters: Vec::new(),
            handle: secret(),
            sender: secret(),
        }
    }

    /// The current key pair of a party.
    pub(crate) fn key(&self, party: Party) -> &PrivateKey {
        &self.pairs[&party][0]
    }

    /// Gives a party these key pairs instead.
    pub(crate) fn with_pairs(&self, party: Party, pairs: Vec<PrivateKey>) -> Self {
        let mut other = self.clone();
        other.pairs.insert(party, pairs);
        other
    }

    pub(crate) fn public(&self) -> PublicDirectory {
        let mut public = PublicDirectory::default();
        for (party, pairs) in &self.pairs {
            let mut keys = pairs.iter().map(|pair| pair.public().clone());
            let current = keys.next().unwrap();
            public.insert(*party, PartyKeys::new(current, keys.collect()));
        }
        public
    }

    pub(crate) fn keyring(&self, party: Party) -> Keyring {
        let (current, old) = self.pairs[&party].split_first().unwrap();
        Keyring::new(current.clone(), old.to_vec())
    }

    pub(crate) fn messaging(&self, party: Party) -> Arc<KeysInUse<MessagingKeys>> {
        Arc::new(KeysInUse::fixed(MessagingKeys { keyring: self.keyring(party), public: self.public() }))
    }

    pub(crate) fn ttp(&self) -> Arc<KeysInUse<TtpKeys>> {
        Arc::new(KeysInUse::fixed(TtpKeys {
            keyring: self.keyring(Party::EhealthTtp),
            public: self.public(),
            masters: (1..).zip(std::iter::once(&self.master).chain(&self.later_masters).cloned()).collect(),
            handle: self.handle.clone(),
            sender: self.sender.clone(),
            quota: secret(),
        }))
    }

    pub(crate) fn hospital(&self, nihdi: &Nihdi) -> hd4dp::prepare::Secrets {
        hd4dp::prepare::Secrets {
            tag: TagKey::new(*self.tags[nihdi].bytes()),
            generated_id: SharedHospitalKey::new(*self.generated_id.bytes()),
            code: CodeKey::new(*self.code.bytes()),
        }
    }
}
