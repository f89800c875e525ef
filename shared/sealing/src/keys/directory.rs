//! The key directory: made once, then opened by each party for itself.

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    path::{Path, PathBuf},
};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use topology::Nihdi;

use crate::{Keyring, PrivateKey, Secret};

use super::{
    HospitalSecrets, KeyError, KeysInUse, MessagingKeys, Party, PartyKeys, PublicDirectory, TtpKeys,
    files::{self, failed},
    public,
};

const PUBLIC: &str = "public";
const MESSAGING: &str = "messaging";
const PSEUDONYM: &str = "pseudonym";
const TAG: &str = "patient-tag.key";
const SHARED: &str = "hospitals.key";
const HANDLE: &str = "handle.key";
const SENDER: &str = "sender.key";
const QUOTA: &str = "quota.key";

/// A directory of key folders, or as much of it as this party has mounted: its own folder and the public one.
#[derive(Debug, Clone)]
pub struct KeyDirectory {
    root: PathBuf,
}

impl KeyDirectory {
    /// Makes keys for the TTP, for healthdata and for `hospitals`. What an interrupted call has made is kept and completed.
    ///
    /// # Errors
    ///
    /// [`KeyError::Exists`] when the directory is complete already, or [`KeyError::File`].
    pub fn create(root: &Path, hospitals: &[Nihdi]) -> Result<Self, KeyError> {
        let (directory, _held) = Self::made(root)?;
        if directory.is_complete() {
            return Err(KeyError::Exists { path: root.to_owned() });
        }
        directory.fill(hospitals)?;
        Ok(directory)
    }

    /// Opens a directory that [`Self::create`] made, or the part of it that is mounted.
    ///
    /// # Errors
    ///
    /// [`KeyError::Missing`] when it has no public folder.
    pub fn open(root: &Path) -> Result<Self, KeyError> {
        let public = root.join(PUBLIC);
        if public.is_dir() { Ok(Self { root: root.to_owned() }) } else { Err(KeyError::Missing { path: public }) }
    }

    /// The same for a party that works by itself, and may see no other's private key.
    ///
    /// # Errors
    ///
    /// As [`Self::open`] and [`Self::refuse_foreign`].
    pub fn open_for(root: &Path, own: Party) -> Result<Self, KeyError> {
        let directory = Self::open(root)?;
        directory.refuse_foreign(own)?;
        Ok(directory)
    }

    /// Opens the directory, makes it if there is none, and adds the hospitals that it lacks.
    ///
    /// # Errors
    ///
    /// As [`Self::create`] and [`Self::add_hospital`].
    pub fn open_or_create(root: &Path, hospitals: &[Nihdi]) -> Result<Self, KeyError> {
        let (directory, _held) = Self::made(root)?;
        if directory.is_complete() {
            let lacks = |hospital: &&Nihdi| !directory.public_file(Party::EhboxHco(**hospital)).exists();
            hospitals.iter().filter(lacks).try_for_each(|hospital| directory.make_hospital(hospital))?;
        } else {
            directory.fill(hospitals)?;
        }
        Ok(directory)
    }

    /// Makes keys for one more hospital, which gets the other hospitals' shared key.
    ///
    /// # Errors
    ///
    /// [`KeyError::Exists`] when it has keys, [`KeyError::NoSharedKey`] when no other hospital's folder is at hand.
    pub fn add_hospital(&self, hospital: &Nihdi) -> Result<(), KeyError> {
        let _held = files::lock(&self.root)?;
        let path = self.public_file(Party::EhboxHco(*hospital));
        if path.exists() {
            return Err(KeyError::Exists { path });
        }
        self.make_hospital(hospital)
    }

    /// Gives a party a new key pair. The ones before go on opening, and go on proving what was sealed with them.
    ///
    /// # Errors
    ///
    /// [`KeyError::Missing`] when the party's folder is not at hand.
    pub fn renew_key_pair(&self, party: Party) -> Result<(), KeyError> {
        let _held = files::lock(&self.root)?;
        let folder = self.own_folder(party)?;
        let number = last_number(&read_numbered(&folder, MESSAGING)?) + 1;
        make_secret(&folder.join(numbered(MESSAGING, number)))?;
        self.publish(party)
    }

    /// Adds the master key of the next epoch of pseudonyms; gives the epoch's number.
    ///
    /// # Errors
    ///
    /// [`KeyError::Missing`] when the TTP's folder is not at hand.
    pub fn add_epoch(&self) -> Result<u32, KeyError> {
        let _held = files::lock(&self.root)?;
        let folder = self.own_folder(Party::EhealthTtp)?;
        let epoch = last_number(&read_numbered(&folder, PSEUDONYM)?) + 1;
        make_secret(&folder.join(numbered(PSEUDONYM, epoch)))?;
        Ok(epoch)
    }

    /// The secrets of a hospital's HD4DP.
    ///
    /// # Errors
    ///
    /// A file that is missing, has a wrong mode, or another form.
    pub fn hospital_secrets(&self, hospital: &Nihdi) -> Result<HospitalSecrets, KeyError> {
        let party = Party::Hd4dp(*hospital);
        let folder = self.own_folder(party)?;
        let shared = read_secret(&folder.join(SHARED))?;
        HospitalSecrets::new(read_secret(&folder.join(TAG))?, &shared).map_err(|source| KeyError::Key { party, source })
    }

    /// The keys of a messaging client: [`Party::EhboxHco`] or [`Party::EhboxHd`].
    ///
    /// # Errors
    ///
    /// A file that is missing, has a wrong mode, or another form.
    pub fn messaging(&self, party: Party) -> Result<MessagingKeys, KeyError> {
        let public = self.public()?;
        Ok(MessagingKeys { keyring: self.keyring(party, &public)?, public })
    }

    /// The keys of the TTP.
    ///
    /// # Errors
    ///
    /// A file that is missing, has a wrong mode, or another form.
    pub fn ttp(&self) -> Result<TtpKeys, KeyError> {
        let folder = self.own_folder(Party::EhealthTtp)?;
        let public = self.public()?;
        Ok(TtpKeys {
            keyring: self.keyring(Party::EhealthTtp, &public)?,
            public,
            masters: read_masters(&folder)?,
            handle: read_secret(&folder.join(HANDLE))?,
            sender: read_secret(&folder.join(SENDER))?,
            quota: read_secret(&folder.join(QUOTA))?,
        })
    }

    /// The keys of a messaging client, renewed when the folder is.
    ///
    /// # Errors
    ///
    /// As [`Self::messaging`].
    pub fn messaging_in_use(&self, party: Party) -> Result<KeysInUse<MessagingKeys>, KeyError> {
        self.in_use(party, move |directory| directory.messaging(party))
    }

    /// The keys of the TTP, renewed when the folder is.
    ///
    /// # Errors
    ///
    /// As [`Self::ttp`].
    pub fn ttp_in_use(&self) -> Result<KeysInUse<TtpKeys>, KeyError> {
        self.in_use(Party::EhealthTtp, Self::ttp)
    }

    fn in_use<T: 'static>(
        &self,
        party: Party,
        read: impl Fn(&Self) -> Result<T, KeyError> + Send + 'static,
    ) -> Result<KeysInUse<T>, KeyError> {
        let directory = self.clone();
        let mut last = directory.state(party)?;
        let first = read(&directory)?;
        Ok(KeysInUse::new(first, move || {
            // Of before the reading: what is written meanwhile is seen by the next look.
            let now = directory.state(party)?;
            if now == last {
                return Ok(None);
            }
            let found = read(&directory)?;
            last = now;
            Ok(Some(found))
        }))
    }

    /// Changes whenever keys of `party` are added or public keys change: a private key is a new file and never written over.
    fn state(&self, party: Party) -> Result<[u8; 32], KeyError> {
        let mut hash = Sha256::new();
        for name in files::names(&self.own_folder(party)?)? {
            hash.update(Sha256::digest(name));
        }
        let public = self.root.join(PUBLIC);
        for name in files::names(&public)?.iter().filter(|name| name.ends_with(".json")) {
            let path = public.join(name);
            hash.update(Sha256::digest(name));
            hash.update(Sha256::digest(std::fs::read(&path).map_err(failed("read the public key file", &path))?));
        }
        Ok(hash.finalize().into())
    }

    /// Everybody's public keys.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or has another form.
    pub fn public(&self) -> Result<PublicDirectory, KeyError> {
        PublicDirectory::read(&self.root.join(PUBLIC))
    }

    /// The parties whose folders are at hand.
    ///
    /// # Errors
    ///
    /// [`KeyError::File`].
    pub fn parties(&self) -> Result<Vec<Party>, KeyError> {
        Ok(files::names(&self.root)?.iter().filter_map(|name| name.parse().ok()).collect())
    }

    /// 32 hexadecimal digits that tell nothing of the party's private keys, and that its store remembers: they stay when keys are
    /// added, and differ for another set of keys.
    ///
    /// # Errors
    ///
    /// A file that is missing, has a wrong mode, or another form.
    pub fn fingerprint(&self, party: Party) -> Result<String, KeyError> {
        let folder = self.own_folder(party)?;
        let (first_pair, first_epoch) = (numbered(MESSAGING, 1), numbered(PSEUDONYM, 1));
        let bound: &[&str] = match party {
            Party::Hd4dp(_) => &[SHARED, TAG],
            Party::EhboxHco(_) | Party::EhboxHd => &[&first_pair],
            Party::EhealthTtp => &[&first_pair, &first_epoch, HANDLE, SENDER, QUOTA],
        };
        let mut hash = Sha256::new_with_prefix(format!("precision/1 fingerprint {party}"));
        for name in bound {
            hash.update(Sha256::digest(read_secret(&folder.join(name))?.bytes()));
        }
        Ok(HEXLOWER.encode(&hash.finalize()[..16]))
    }

    /// Refuses to go on when another party's private key can be read from here.
    ///
    /// # Errors
    ///
    /// [`KeyError::Foreign`], naming the file.
    pub fn refuse_foreign(&self, own: Party) -> Result<(), KeyError> {
        for name in files::names(&self.root)? {
            if name == PUBLIC || name == own.to_string() {
                continue;
            }
            let folder = self.root.join(&name);
            let Some(files) = readable(files::names(&folder))? else { continue };
            for file in files {
                let path = folder.join(file);
                if readable(File::open(&path).map_err(failed("look at", &path)))?.is_some() {
                    return Err(KeyError::Foreign { own, foreign: name, path });
                }
            }
        }
        Ok(())
    }

    /// The directory, made if there was none, and the lock that keeps other processes from making keys in it.
    fn made(root: &Path) -> Result<(Self, File), KeyError> {
        files::make_folder(root, false)?;
        Ok((Self { root: root.to_owned() }, files::lock(root)?))
    }

    fn fill(&self, hospitals: &[Nihdi]) -> Result<(), KeyError> {
        hospitals.iter().try_for_each(|hospital| self.make_hospital(hospital))?;
        self.make_key_pair(Party::EhboxHd)?;
        let ttp = self.make_folder(Party::EhealthTtp)?;
        for name in [&numbered(PSEUDONYM, 1), HANDLE, SENDER, QUOTA] {
            make_secret(&ttp.join(name))?;
        }
        // Last of all: its public file says that the directory is complete.
        self.make_key_pair(Party::EhealthTtp)
    }

    fn public_file(&self, party: Party) -> PathBuf {
        self.root.join(PUBLIC).join(format!("{party}.json"))
    }

    fn is_complete(&self) -> bool {
        self.public_file(Party::EhealthTtp).exists()
    }

    fn own_folder(&self, party: Party) -> Result<PathBuf, KeyError> {
        let folder = self.root.join(party.to_string());
        files::check_folder(&folder)?;
        Ok(folder)
    }

    fn make_folder(&self, party: Party) -> Result<PathBuf, KeyError> {
        let folder = self.root.join(party.to_string());
        files::make_folder(&folder, true)?;
        Ok(folder)
    }

    fn make_hospital(&self, hospital: &Nihdi) -> Result<(), KeyError> {
        let shared = self.shared_key()?;
        let folder = self.make_folder(Party::Hd4dp(*hospital))?;
        keep(files::write_new_secret(&folder.join(SHARED), shared.bytes()))?;
        make_secret(&folder.join(TAG))?;
        self.make_key_pair(Party::EhboxHco(*hospital))
    }

    /// The key that all hospitals share: that of a hospital whose folder is at hand, or a new one for the first hospital.
    fn shared_key(&self) -> Result<Secret, KeyError> {
        for party in self.parties()? {
            let path = self.root.join(party.to_string()).join(SHARED);
            if path.exists() {
                return read_secret(&path);
            }
        }
        let public = self.root.join(PUBLIC);
        if public.is_dir() && self.public()?.hospitals().next().is_some() {
            // A second shared key would give one patient two generated ids.
            return Err(KeyError::NoSharedKey { path: self.root.clone() });
        }
        Secret::generate().map_err(KeyError::NoRandomness)
    }

    fn make_key_pair(&self, party: Party) -> Result<(), KeyError> {
        let folder = self.make_folder(party)?;
        make_secret(&folder.join(numbered(MESSAGING, 1)))?;
        self.publish(party)
    }

    fn publish(&self, party: Party) -> Result<(), KeyError> {
        let folder = self.root.join(PUBLIC);
        files::make_folder(&folder, false)?;
        let (current, old) = self.key_pairs(party)?;
        let old = old.iter().map(|key| key.public().clone()).collect();
        public::write_keys(&folder, party, &PartyKeys::new(current.public().clone(), old))
    }

    fn keyring(&self, party: Party, public: &PublicDirectory) -> Result<Keyring, KeyError> {
        let (current, old) = self.key_pairs(party)?;
        if public.keys(party)?.current() == current.public() {
            Ok(Keyring::new(current, old))
        } else {
            Err(KeyError::PublicDiffers { party, path: self.public_file(party) })
        }
    }

    /// A party's key pairs, newest first.
    fn key_pairs(&self, party: Party) -> Result<(PrivateKey, Vec<PrivateKey>), KeyError> {
        let folder = self.own_folder(party)?;
        let pair = |secret: &Secret| PrivateKey::from_bytes(secret.bytes()).map_err(|source| KeyError::Key { party, source });
        let mut pairs = read_numbered(&folder, MESSAGING)?.values().rev().map(pair).collect::<Result<Vec<_>, _>>()?;
        if pairs.is_empty() {
            return Err(KeyError::Missing { path: folder.join(numbered(MESSAGING, 1)) });
        }
        Ok((pairs.remove(0), pairs))
    }
}

fn numbered(kind: &str, number: u32) -> String {
    format!("{kind}-{number}.key")
}

/// The files `<kind>-<number>.key` of a folder.
fn read_numbered(folder: &Path, kind: &str) -> Result<BTreeMap<u32, Secret>, KeyError> {
    let mut secrets = BTreeMap::new();
    for name in files::names(folder)? {
        let number = name.strip_prefix(kind).and_then(|rest| rest.strip_prefix('-')).and_then(|rest| rest.strip_suffix(".key"));
        let Some(number) = number.and_then(|digits| digits.parse().ok()) else { continue };
        // Not 01 beside 1.
        if name == numbered(kind, number) {
            secrets.insert(number, read_secret(&folder.join(name))?);
        }
    }
    Ok(secrets)
}

fn last_number(secrets: &BTreeMap<u32, Secret>) -> u32 {
    secrets.last_key_value().map_or(0, |(number, _)| *number)
}

fn read_masters(folder: &Path) -> Result<BTreeMap<u32, Secret>, KeyError> {
    let masters = read_numbered(folder, PSEUDONYM)?;
    // Each epoch is made from the one before.
    match (1..).zip(masters.keys()).find(|(expected, epoch)| expected != *epoch) {
        Some((missing, _)) => Err(KeyError::Missing { path: folder.join(numbered(PSEUDONYM, missing)) }),
        None if masters.is_empty() => Err(KeyError::Missing { path: folder.join(numbered(PSEUDONYM, 1)) }),
        None => Ok(masters),
    }
}

fn read_secret(path: &Path) -> Result<Secret, KeyError> {
    files::read_secret(path).map(|bytes| Secret::from_bytes(*bytes))
}

/// Makes a secret file unless there is one: an interrupted call is completed, and no key is ever written over.
fn make_secret(path: &Path) -> Result<(), KeyError> {
    let secret = Secret::generate().map_err(KeyError::NoRandomness)?;
    keep(files::write_new_secret(path, secret.bytes()))
}

fn keep(written: Result<(), KeyError>) -> Result<(), KeyError> {
    match written {
        Err(KeyError::Exists { .. }) => Ok(()),
        other => other,
    }
}

/// What was read, or nothing when it is another party's business: not permitted, or not there. A file beside the folders is no key.
fn readable<T>(read: Result<T, KeyError>) -> Result<Option<T>, KeyError> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(KeyError::File { source, .. })
            if matches!(
                source.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
