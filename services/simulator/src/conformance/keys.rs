//! The keys of the neighbours that are played: never the private keys of the part.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use anyhow::Context as _;
use sealing::{
    Keyring, PublicKey,
    keys::{HospitalSecrets, KeyDirectory, Party, PublicDirectory, TtpKeys},
};
use topology::{Actor, Nihdi};

use crate::keys::AllKeys;

/// Keys of the parties beside the part.
#[derive(Debug)]
pub struct NeighbourKeys {
    /// Everybody's public keys, the part's too.
    pub public: PublicDirectory,
    keyrings: BTreeMap<Party, Keyring>,
    hospitals: BTreeMap<Nihdi, HospitalSecrets>,
    ttp: Option<Arc<TtpKeys>>,
}

/// The part's own party. Data warehouse and HD4RES have no keys.
fn party_of(part: Actor, hospital: Nihdi) -> Option<Party> {
    match part {
        Actor::Hd4dp => Some(Party::Hd4dp(hospital)),
        Actor::EhboxHco => Some(Party::EhboxHco(hospital)),
        Actor::EhealthTtp => Some(Party::EhealthTtp),
        Actor::EhboxHd => Some(Party::EhboxHd),
        Actor::Hd4res | Actor::Dhw => None,
    }
}

impl NeighbourKeys {
    /// The neighbours' keys in a folder that `precision keys init` made; the part's own folder need not be there.
    ///
    /// # Errors
    ///
    /// A folder that is no key directory, or a file that cannot be read.
    pub fn open(folder: &Path, part: Actor, hospitals: &[Nihdi]) -> anyhow::Result<Self> {
        let directory = KeyDirectory::open(folder).context("find the keys; `precision keys init DIR --org NIHDI…` makes them")?;
        let own = hospitals.first().and_then(|hospital| party_of(part, *hospital));
        let mut keys = Self { public: directory.public()?, keyrings: BTreeMap::new(), hospitals: BTreeMap::new(), ttp: None };
        for party in directory.parties()?.into_iter().filter(|party| Some(*party) != own) {
            match party {
                Party::Hd4dp(hospital) => {
                    keys.hospitals.insert(hospital, directory.hospital_secrets(&hospital)?);
                }
                Party::EhealthTtp => {
                    let ttp = directory.ttp()?;
                    keys.keyrings.insert(party, ttp.keyring.clone());
                    keys.ttp = Some(Arc::new(ttp));
                }
                Party::EhboxHco(_) | Party::EhboxHd => {
                    keys.keyrings.insert(party, directory.messaging(party)?.keyring);
                }
            }
        }
        Ok(keys)
    }

    /// The same of keys that are at hand.
    #[must_use]
    pub fn of(all: &AllKeys, part: Actor, hospitals: &[Nihdi]) -> Self {
        let own = hospitals.first().and_then(|hospital| party_of(part, *hospital));
        let (ttp, hd) = (all.ttp.get(), all.hd.get());
        let mut keyrings = BTreeMap::from([(Party::EhealthTtp, ttp.keyring.clone()), (Party::EhboxHd, hd.keyring.clone())]);
        let mut secrets = BTreeMap::new();
        for (hospital, (of_hd4dp, of_client)) in &all.hospitals {
            keyrings.insert(Party::EhboxHco(*hospital), of_client.get().keyring.clone());
            secrets.insert(*hospital, of_hd4dp.clone());
        }
        keyrings.retain(|party, _| Some(*party) != own);
        let ttp = (own != Some(Party::EhealthTtp)).then_some(ttp);
        Self { public: hd.public.clone(), keyrings, hospitals: secrets, ttp }
    }

    /// The keyring of a neighbour.
    ///
    /// # Errors
    ///
    /// When its folder is not at hand.
    pub fn keyring(&self, party: Party) -> anyhow::Result<&Keyring> {
        self.keyrings.get(&party).with_context(|| format!("find the private keys of {party}, which the conformance run plays"))
    }

    /// The current public key of a party.
    ///
    /// # Errors
    ///
    /// When it is not in the public directory.
    pub fn current(&self, party: Party) -> anyhow::Result<&PublicKey> {
        Ok(self.public.keys(party)?.current())
    }

    /// All public keys of a party.
    ///
    /// # Errors
    ///
    /// When it is not in the public directory.
    pub fn all(&self, party: Party) -> anyhow::Result<&[PublicKey]> {
        Ok(self.public.keys(party)?.all())
    }

    /// The secrets of a hospital's HD4DP.
    ///
    /// # Errors
    ///
    /// When its folder is not at hand.
    pub fn hospital(&self, hospital: Nihdi) -> anyhow::Result<&HospitalSecrets> {
        self.hospitals
            .get(&hospital)
            .with_context(|| format!("find the keys of hd4dp-{hospital}, which the conformance run plays"))
    }

    /// The secrets of some hospital's HD4DP: one of them all hospitals share.
    ///
    /// # Errors
    ///
    /// When no folder of a hospital's HD4DP is at hand.
    pub fn any_hospital(&self) -> anyhow::Result<&HospitalSecrets> {
        self.hospitals.values().next().context("find the keys of a hospital's hd4dp, which the conformance run plays")
    }

    /// The TTP's secrets.
    ///
    /// # Errors
    ///
    /// When its folder is not at hand.
    pub fn ttp(&self) -> anyhow::Result<&TtpKeys> {
        self.ttp.as_deref().context("find the keys of ehealth-ttp, which the conformance run plays")
    }
}
