//! The keys of all parties, for a process that plays all of them.

mod shelf;

use std::{collections::BTreeMap, path::Path, sync::Arc};

use sealing::{
    Keyring, PrivateKey, SealingError, Secret,
    keys::{HospitalSecrets, KeyDirectory, KeyError, KeysInUse, MessagingKeys, Party, PartyKeys, PublicDirectory, TtpKeys},
};
use topology::Nihdi;

pub use shelf::Shelf;

/// What one process that plays all parties holds. A real party holds its own alone.
#[derive(Debug)]
pub struct AllKeys {
    /// HD4DP's secrets and the messaging client's keys, per hospital.
    pub hospitals: BTreeMap<Nihdi, (HospitalSecrets, Arc<KeysInUse<MessagingKeys>>)>,
    /// The TTP's.
    pub ttp: Arc<KeysInUse<TtpKeys>>,
    /// Of healthdata's messaging client.
    pub hd: Arc<KeysInUse<MessagingKeys>>,
    /// A fingerprint per party, by the name of its key folder; empty for keys that live in memory.
    pub fingerprints: BTreeMap<String, String>,
}

impl AllKeys {
    /// The keys in `folder`, made where they are missing.
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub fn open_or_create(folder: &Path, hospitals: &[Nihdi]) -> Result<Self, KeyError> {
        let directory = KeyDirectory::open_or_create(folder, hospitals)?;
        let mut fingerprints = BTreeMap::new();
        let mut remember = |party: Party| {
            fingerprints.insert(party.to_string(), directory.fingerprint(party)?);
            Ok::<(), KeyError>(())
        };
        let mut of_hospitals = BTreeMap::new();
        for nihdi in hospitals {
            let client = Party::EhboxHco(*nihdi);
            remember(Party::Hd4dp(*nihdi))?;
            remember(client)?;
            of_hospitals.insert(*nihdi, (directory.hospital_secrets(nihdi)?, Arc::new(directory.messaging_in_use(client)?)));
        }
        remember(Party::EhealthTtp)?;
        remember(Party::EhboxHd)?;
        Ok(Self {
            hospitals: of_hospitals,
            ttp: Arc::new(directory.ttp_in_use()?),
            hd: Arc::new(directory.messaging_in_use(Party::EhboxHd)?),
            fingerprints,
        })
    }

    /// New keys that nothing but this process ever sees.
    ///
    /// # Errors
    ///
    /// [`SealingError::NoRandomness`].
    pub fn in_memory(hospitals: &[Nihdi]) -> Result<Self, SealingError> {
        let mut public = PublicDirectory::default();
        let mut keyring = |party| {
            let key = PrivateKey::generate()?;
            public.insert(party, PartyKeys::new(key.public().clone(), Vec::new()));
            Ok::<Keyring, SealingError>(Keyring::new(key, Vec::new()))
        };
        let clients: Vec<(Nihdi, Keyring)> =
            hospitals.iter().map(|nihdi| Ok((*nihdi, keyring(Party::EhboxHco(*nihdi))?))).collect::<Result<_, SealingError>>()?;
        let (ttp, hd) = (keyring(Party::EhealthTtp)?, keyring(Party::EhboxHd)?);
        let (generated_id_key, code_key) = (Secret::generate()?, Secret::generate()?);
        let mut of_hospitals = BTreeMap::new();
        for (nihdi, keyring) in clients {
            let secrets = HospitalSecrets {
                tag_key: Secret::generate()?,
                generated_id_key: generated_id_key.clone(),
                code_key: code_key.clone(),
            };
            of_hospitals.insert(nihdi, (secrets, Arc::new(KeysInUse::fixed(MessagingKeys { keyring, public: public.clone() }))));
        }
        let ttp = TtpKeys {
            keyring: ttp,
            public: public.clone(),
            masters: BTreeMap::from([(1, Secret::generate()?)]),
            handle: Secret::generate()?,
            sender: Secret::generate()?,
            quota: Secret::generate()?,
        };
        let hd = Arc::new(KeysInUse::fixed(MessagingKeys { keyring: hd, public }));
        Ok(Self { hospitals: of_hospitals, ttp: Arc::new(KeysInUse::fixed(ttp)), hd, fingerprints: BTreeMap::new() })
    }
}
