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
}

fn locked<T, U>(shared: &Mutex<T>, work: impl FnOnce(&mut T) -> U) -> U {
    work(&mut shared.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Keys that look at the shelf.
fn in_use<T: Clone + Send + 'static>(kept: &Arc<Mutex<T>>, renewals: &Arc<Mutex<u64>>) -> Arc<KeysInUse<T>> {
    let (kept, renewals) = (Arc::clone(kept), Arc::clone(renewals));
    let (first, mut seen) = (locked(&kept, |keys| keys.clone()), locked(&renewals, |count| *count));
    Arc::new(KeysInUse::new(first, move || {
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
        };
        for (nihdi, (_, client)) in &keys.hospitals {
            shelf.clients.insert(Party::EhboxHco(*nihdi), Arc::new(Mutex::new((*client.get()).clone())));
        }
        let parties: Vec<Party> = shelf.clients.keys().copied().chain([Party::EhealthTtp]).collect();
        shelf.renewals = parties.into_iter().map(|party| (party, Arc::default())).collect();
        let client = |party: Party| {
            let (kept, renewals) = (shelf.clients.get(&party)?, shelf.renewals.get(&party)?);
            Some(in_use(kept, renewals))
        };
        let hospitals = keys.hospitals.iter().map(|(nihdi, (secrets, before))| {
            let own = client(Party::EhboxHco(*nihdi)).unwrap_or_else(|| Arc::clone(before));
            (*nihdi, (secrets.clone(), own))
        });
        let copy = AllKeys {
            hospitals: hospitals.collect(),
            ttp: shelf.renewals.get(&Party::EhealthTtp).map_or_else(|| Arc::clone(&keys.ttp), |count| in_use(&shelf.ttp, count)),
            hd: client(Party::EhboxHd).unwrap_or_else(|| Arc::clone(&keys.hd)),
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
