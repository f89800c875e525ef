//! Public keys of all parties.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::Path,
};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use topology::Nihdi;

use crate::{KeyId, PublicKey};

use super::{KeyError, Party, files};

/// A party's public keys, the current one first. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartyKeys(Vec<PublicKey>);

impl PartyKeys {
    /// The keys of a party that uses `current` and used `old`.
    #[must_use]
    pub fn new(current: PublicKey, old: Vec<PublicKey>) -> Self {
        Self(std::iter::once(current).chain(old).collect())
    }

    /// The key to seal for.
    #[must_use]
    pub fn current(&self) -> &PublicKey {
        &self.0[0]
    }

    /// All keys that the party may have sealed with.
    #[must_use]
    pub fn all(&self) -> &[PublicKey] {
        &self.0
    }
}

/// The public keys of all parties, by party and by the key's id.
#[derive(Debug, Clone, Default)]
pub struct PublicDirectory {
    parties: BTreeMap<Party, PartyKeys>,
    owners: HashMap<KeyId, Party>,
}

impl PublicDirectory {
    /// A party's keys.
    ///
    /// # Errors
    ///
    /// [`KeyError::UnknownParty`].
    pub fn keys(&self, party: Party) -> Result<&PartyKeys, KeyError> {
        self.parties.get(&party).ok_or(KeyError::UnknownParty(party))
    }

    /// Whose key this is, be it the current or an old one, and the key.
    #[must_use]
    pub fn by_id(&self, id: KeyId) -> Option<(Party, &PublicKey)> {
        let party = *self.owners.get(&id)?;
        let key = self.parties.get(&party)?.all().iter().find(|key| key.id() == id)?;
        Some((party, key))
    }

    /// The hospitals whose messaging clients have keys, in the order of their numbers.
    pub fn hospitals(&self) -> impl Iterator<Item = &Nihdi> {
        self.parties.keys().filter_map(Party::hospital)
    }

    /// Adds or replaces a party's keys.
    pub fn insert(&mut self, party: Party, keys: PartyKeys) {
        self.owners.retain(|_, owner| *owner != party);
        self.owners.extend(keys.all().iter().map(|key| (key.id(), party)));
        self.parties.insert(party, keys);
    }

    /// Reads `folder`: a file per party.
    pub(super) fn read(folder: &Path) -> Result<Self, KeyError> {
        let mut directory = Self::default();
        for name in files::names(folder)? {
            let Some(party) = name.strip_suffix(".json") else { continue };
            let path = folder.join(&name);
            let Ok(party) = party.parse::<Party>() else {
                return Err(KeyError::Form { path, expected: "its name should be a party's" });
            };
            let keys = read_keys(&path, party)?;
            directory.insert(party, keys);
        }
        Ok(directory)
    }
}

/// `public/<party>.json`: the party's name and its public keys, the current one first, each 64 hexadecimal digits.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PublicFile {
    party: String,
    keys: Vec<String>,
}

fn read_keys(path: &Path, party: Party) -> Result<PartyKeys, KeyError> {
    let form = |expected| KeyError::Form { path: path.to_owned(), expected };
    let text = fs::read(path).map_err(files::failed("read the public key file", path))?;
    let file: PublicFile = serde_json::from_slice(&text).map_err(|_| form("expected a party and its keys"))?;
    if file.party != party.to_string() {
        return Err(form("expected the party that the file is named after"));
    }
    let mut keys = Vec::new();
    for digits in &file.keys {
        let bytes = HEXLOWER.decode(digits.as_bytes()).map_err(|_| form("expected keys of 64 hexadecimal digits"))?;
        keys.push(PublicKey::from_bytes(&bytes).map_err(|source| KeyError::Key { party, source })?);
    }
    if keys.is_empty() { Err(form("expected at least one key")) } else { Ok(PartyKeys(keys)) }
}

pub(super) fn write_keys(folder: &Path, party: Party, keys: &PartyKeys) -> Result<(), KeyError> {
    let path = folder.join(format!("{party}.json"));
    let file =
        PublicFile { party: party.to_string(), keys: keys.all().iter().map(|key| HEXLOWER.encode(&key.to_bytes())).collect() };
    match serde_json::to_string_pretty(&file) {
        Ok(text) => files::write_public(&path, &format!("{text}\n")),
        Err(_) => Err(KeyError::Form { path, expected: "expected text that JSON can hold" }),
    }
}
