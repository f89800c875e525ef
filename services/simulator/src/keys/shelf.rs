//! Keys in memory that can be renewed: what a key folder is to a real installation.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use sealing::{
    Keyring, PrivateKey, SealingError, Secret,
    keys::{KeysInUse, MessagingKeys, Party, PartyKeys, PublicDirectory, TtpKeys},
};
use topology::Nihdi;

use super::AllKeys;

/// Where renewed keys lie until their party looks.
pub struct Shelf {
    ttp: Arc<Mutex<TtpKeys>>,
    clients: BTreeMap<Party, Arc<Mutex<MessagingKeys>>>,
    /// Per party, how often its keys were renewed.
    renewals: BTreeMap<Party, Arc<Mutex<u64>>>,
    /// The own keys of parties that use others.
    astray: BTreeMap<Party, Keyring>,
}

fn locked<T, U>(shared: &Mutex<T>, work: impl FnOnce(&mut T) -> U) -> U {
    work(&mut shared.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Keys that look at the shelf, which looks where it has them from.
fn in_use<T: Clone + Send + Sync + 'static>(
    kept: &Arc<Mutex<T>>,
    renewals: &Arc<Mutex<u64>>,
    source: &Arc<KeysInUse<T>>,
) -> Arc<KeysInUse<T>> {
    let (kept, renewals, source) = (Arc::clone(kept), Arc::clone(renewals), Arc::clone(source));
    let (first, mut seen) = (locked(&kept, |keys| keys.clone()), locked(&renewals, |count| *count));
    Arc::new(KeysInUse::new(first, move || {
        if source.look_again()? {
            locked(&kept, |keys| *keys = (*source.get()).clone());
            locked(&renewals, |count| *count += 1);
        }
        let now = locked(&renewals, |count| *count);
        let is_new = std::mem::replace(&mut seen, now) != now;
        Ok(is_new.then(|| locked(&kept, |keys| keys.clone())))
    }))
}

impl Shelf {
    /// A copy of keys, and the shelf from which they are renewed.
    #[must_use]
    pub fn under(keys: &AllKeys) -> (AllKeys, Self) {
        let mut shelf = Self {
            ttp: Arc::new(Mutex::new((*keys.ttp.get()).clone())),
            clients: BTreeMap::from([(Party::EhboxHd, Arc::new(Mutex::new((*keys.hd.get()).clone())))]),
            renewals: BTreeMap::new(),
            astray: BTreeMap::new(),
        };
        for (nihdi, (_, client)) in &keys.hospitals {
            shelf.clients.insert(Party::EhboxHco(*nihdi), Arc::new(Mutex::new((*client.get()).clone())));
        }
        let parties: Vec<Party> = shelf.clients.keys().copied().chain([Party::EhealthTtp]).collect();
        shelf.renewals = parties.into_iter().map(|party| (party, Arc::default())).collect();
        let client = |party: Party, source: &Arc<KeysInUse<MessagingKeys>>| {
            let (kept, renewals) = (shelf.clients.get(&party)?, shelf.renewals.get(&party)?);
            Some(in_use(kept, renewals, source))
        };
        let hospitals = keys.hospitals.iter().map(|(nihdi, (secrets, before))| {
            let own = client(Party::EhboxHco(*nihdi), before).unwrap_or_else(|| Arc::clone(before));
            (*nihdi, (secrets.clone(), own))
        });
        let copy = AllKeys {
            hospitals: hospitals.collect(),
            ttp: shelf
                .renewals
                .get(&Party::EhealthTtp)
                .map_or_else(|| Arc::clone(&keys.ttp), |count| in_use(&shelf.ttp, count, &keys.ttp)),
            hd: client(Party::EhboxHd, &keys.hd).unwrap_or_else(|| Arc::clone(&keys.hd)),
            fingerprints: keys.fingerprints.clone(),
        };
        (copy, shelf)
    }

    fn renewed(&self, party: Party) {
        if let Some(count) = self.renewals.get(&party) {
            locked(count, |count| *count += 1);
        }
    }

    /// The TTP gets the key of the next epoch. Gives the epoch.
    ///
    /// # Errors
    ///
    /// [`SealingError::NoRandomness`].
    pub fn add_epoch(&self) -> Result<u32, SealingError> {
        let master = Secret::generate()?;
        let epoch = locked(&self.ttp, |keys| {
            let epoch = keys.masters.last_key_value().map_or(1, |(epoch, _)| epoch + 1);
            keys.masters.insert(epoch, master);
            epoch
        });
        self.renewed(Party::EhealthTtp);
        Ok(epoch)
    }

    /// Whether a party uses another key pair than its own.
    #[must_use]
    pub fn is_astray(&self, party: Party) -> bool {
        self.astray.contains_key(&party)
    }

    /// A party uses a key pair that nobody else knows, as after a restore from the wrong backup.
    ///
    /// # Errors
    ///
    /// [`SealingError::NoRandomness`].
    pub fn use_wrong_key_pair(&mut self, party: Party) -> Result<(), SealingError> {
        let wrong = Keyring::new(PrivateKey::generate()?, Vec::new());
        self.lead_astray(party, wrong);
        Ok(())
    }

    /// A party uses another party's key pair: a hospital the other one's, the TTP healthdata's, healthdata the TTP's.
    pub fn use_foreign_key_pair(&mut self, party: Party) {
        let of_ttp = locked(&self.ttp, |keys| keys.keyring.clone());
        let foreign = match party {
            Party::EhboxHd => Some(of_ttp),
            Party::EhealthTtp => self.clients.get(&Party::EhboxHd).map(|keys| locked(keys, |keys| keys.keyring.clone())),
            Party::EhboxHco(_) | Party::Hd4dp(_) => {
                let is_other = |other: &&Party| matches!(other, Party::EhboxHco(_)) && **other != party;
                let other = self.clients.keys().find(is_other).and_then(|other| self.clients.get(other));
                other.map(|keys| locked(keys, |keys| keys.keyring.clone()))
            }
        };
        if let Some(foreign) = foreign {
            self.lead_astray(party, foreign);
        }
    }

    /// A party uses its own key pair again.
    pub fn use_own_key_pair(&mut self, party: Party) {
        if let Some(own) = self.astray.remove(&party) {
            self.replace(party, own);
            self.renewed(party);
        }
    }

    fn lead_astray(&mut self, party: Party, other: Keyring) {
        if let Some(own) = self.replace(party, other) {
            // Led astray twice, it still has one key pair of its own.
            self.astray.entry(party).or_insert(own);
            self.renewed(party);
        }
    }

    fn replace(&self, party: Party, keyring: Keyring) -> Option<Keyring> {
        if party == Party::EhealthTtp {
            return Some(locked(&self.ttp, |keys| std::mem::replace(&mut keys.keyring, keyring)));
        }
        self.clients.get(&party).map(|keys| locked(keys, |keys| std::mem::replace(&mut keys.keyring, keyring)))
    }

    /// A party gets a new key pair, which is public from now on.
    ///
    /// # Errors
    ///
    /// [`SealingError::NoRandomness`].
    pub fn renew_key_pair(&self, party: Party) -> Result<(), SealingError> {
        let new = PrivateKey::generate()?;
        let show = |public: &mut PublicDirectory| {
            let old = public.keys(party).map(|keys| keys.all().to_vec()).unwrap_or_default();
            public.insert(party, PartyKeys::new(new.public().clone(), old));
        };
        let renew = |keyring: &mut Keyring| *keyring = keyring.renewed(new.clone());
        locked(&self.ttp, |keys| {
            show(&mut keys.public);
            if party == Party::EhealthTtp {
                renew(&mut keys.keyring);
            }
        });
        for (own, keys) in &self.clients {
            locked(keys, |keys| {
                show(&mut keys.public);
                if party == *own {
                    renew(&mut keys.keyring);
                }
            });
        }
        self.renewals.keys().for_each(|party| self.renewed(*party));
        Ok(())
    }
}

impl AllKeys {
    /// Lets a party look for renewed keys, as it does from time to time.
    ///
    /// # Errors
    ///
    /// What the party's look says.
    pub fn look_again(&self, party: Party) -> Result<bool, sealing::keys::KeyError> {
        let of_hospital = |nihdi: &Nihdi| self.hospitals.get(nihdi).map(|(_, keys)| keys);
        match party {
            Party::EhealthTtp => self.ttp.look_again(),
            Party::EhboxHd => self.hd.look_again(),
            Party::EhboxHco(nihdi) => of_hospital(&nihdi).map_or(Ok(false), |keys| keys.look_again()),
            Party::Hd4dp(_) => Ok(false),
        }
    }
}
