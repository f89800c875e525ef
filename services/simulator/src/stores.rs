//! The stores of all parties.

use std::{collections::BTreeMap, sync::Arc};

use dcd::Definitions;
use dhw::{DhwStore, Registers};
use ehbox_hd::store::HdStore;
use ehealth_ttp::store::TtpStore;
use futures_util::future;
use hd4dp::store::Hd4dpStore;
use hd4res::store::Hd4resStore;
use store::{Database, InDatabase, Itinerary, Location, MemoryItinerary, Schema, SqlItinerary, StoreError};
use topology::{Actor, Nihdi, Vhost};
use web::{Journal, MemoryJournal, SqlJournal};

use crate::own_part::LeftOut;

/// The two stores of a hospital.
#[derive(Clone)]
pub struct HospitalStores {
    /// HD4DP's.
    pub hd4dp: Arc<dyn Hd4dpStore>,
    /// The messaging client's.
    pub ehbox_hco: Arc<dyn Itinerary>,
    /// What HD4DP's API remembers, in HD4DP's store.
    pub journal: Arc<dyn Journal>,
}

/// What stores are written under.
struct Binding<'a> {
    definitions: &'a Definitions,
    fingerprints: &'a BTreeMap<String, String>,
}

/// The stores of all parties.
#[derive(Clone)]
pub struct Stores {
    /// Per hospital.
    pub hospitals: BTreeMap<Nihdi, HospitalStores>,
    /// The TTP's.
    pub ttp: Arc<dyn TtpStore>,
    /// Of healthdata's messaging client.
    pub ehbox_hd: Arc<dyn HdStore>,
    /// HD4RES's.
    pub hd4res: Arc<dyn Hd4resStore>,
    /// The data warehouse's.
    pub dhw: Arc<dyn DhwStore>,
    /// What HD4RES's API remembers, in HD4RES's store.
    pub hd4res_journal: Arc<dyn Journal>,
    /// What the data warehouse's API remembers, in its store.
    pub dhw_journal: Arc<dyn Journal>,
    /// What all of these are written in; none when they are in memory.
    databases: Vec<Database>,
}

impl Stores {
    /// Opens one store per party, and holds the fingerprints of keys and definitions against those that it was
    /// written under. What is left to another part has its store there, and gets one here that stays empty.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; other keys are [`StoreError::OtherKeys`].
    pub async fn open(
        location: impl Into<Location>,
        hospitals: &[Nihdi],
        definitions: &Definitions,
        fingerprints: &BTreeMap<String, String>,
        left_out: &LeftOut,
    ) -> Result<Self, StoreError> {
        let location = location.into();
        Self::open_each(|_| location.clone(), hospitals, definitions, fingerprints, left_out).await
    }

    /// The same, each at a location of its own, by its service's name.
    ///
    /// # Errors
    ///
    /// As [`Stores::open`].
    pub async fn open_each(
        at: impl Fn(&str) -> Location,
        hospitals: &[Nihdi],
        definitions: &Definitions,
        fingerprints: &BTreeMap<String, String>,
        left_out: &LeftOut,
    ) -> Result<Self, StoreError> {
        let bind = Binding { definitions, fingerprints };
        let mut stores = Self::in_memory(hospitals, definitions);
        for nihdi in hospitals {
            stores.open_hospital(&at, *nihdi, &bind, left_out).await?;
        }
        if !left_out.has(Actor::EhealthTtp, None) {
            let ttp = ehealth_ttp::store::SqlStore::open(at(ehealth_ttp::SERVICE)).await?;
            stores.keep(ttp.database(), &bind, &[ehealth_ttp::SERVICE]).await?;
            stores.ttp = Arc::new(ttp);
        }
        if !left_out.has(Actor::EhboxHd, None) {
            let ehbox_hd = ehbox_hd::store::SqlStore::open(at(ehbox_hd::SERVICE)).await?;
            stores.keep(ehbox_hd.database(), &bind, &[ehbox_hd::SERVICE]).await?;
            stores.ehbox_hd = Arc::new(ehbox_hd);
        }
        if !left_out.has(Actor::Hd4res, None) {
            let hd4res = hd4res::store::SqlStore::open(at(hd4res::SERVICE)).await?;
            // healthdata's other stores hold pseudonyms, so they are bound to the keys that made them.
            stores.keep(hd4res.database(), &bind, &[ehealth_ttp::SERVICE]).await?;
            stores.hd4res_journal = Arc::new(SqlJournal::new(hd4res.database().clone()));
            stores.hd4res = Arc::new(hd4res);
        }
        if !left_out.has(Actor::Dhw, None) {
            let dhw = dhw::SqlStore::open(at(dhw::service::SERVICE), Arc::new(Registers::new(definitions))).await?;
            stores.keep(dhw.database(), &bind, &[]).await?;
            stores.dhw_journal = Arc::new(SqlJournal::new(dhw.database().clone()));
            stores.dhw = Arc::new(dhw);
        }
        Ok(stores)
    }

    async fn open_hospital(
        &mut self,
        at: &impl Fn(&str) -> Location,
        nihdi: Nihdi,
        bind: &Binding<'_>,
        left_out: &LeftOut,
    ) -> Result<(), StoreError> {
        let Some(mut stores) = self.hospitals.get(&nihdi).cloned() else { return Ok(()) };
        if !left_out.has(Actor::Hd4dp, Some(&nihdi)) {
            let name = format!("{}-{nihdi}", hd4dp::SERVICE);
            let hd4dp = hd4dp::store::SqlStore::open(at(&name), nihdi.as_str()).await?;
            remember_definitions(hd4dp.database(), bind.definitions).await?;
            self.keep(hd4dp.database(), bind, &[&name]).await?;
            stores.journal = Arc::new(SqlJournal::new(hd4dp.database().clone()));
            stores.hd4dp = Arc::new(hd4dp);
        }
        if !left_out.has(Actor::EhboxHco, Some(&nihdi)) {
            let name = format!("{}-{nihdi}", ehbox_hco::SERVICE);
            let client = Database::open(&at(&name), &name, Schema { steps: &[] }).await?;
            self.keep(&client, bind, &[&name]).await?;
            stores.ehbox_hco = Arc::new(SqlItinerary::new(client));
        }
        self.hospitals.insert(nihdi, stores);
        Ok(())
    }

    /// Remembers a database to close it, and binds it to the keys of these parties.
    async fn keep(&mut self, database: &Database, bind: &Binding<'_>, parties: &[&str]) -> Result<(), StoreError> {
        self.databases.push(database.clone());
        for party in parties {
            if let Some(fingerprint) = bind.fingerprints.get(*party) {
                database.remember_key(party, fingerprint).await?;
            }
        }
        Ok(())
    }

    /// Stores that die with the process.
    #[must_use]
    pub fn in_memory(hospitals: &[Nihdi], definitions: &Definitions) -> Self {
        let hospital = |nihdi: &Nihdi| {
            let stores = HospitalStores {
                hd4dp: Arc::new(hd4dp::store::MemoryStore::default()),
                ehbox_hco: Arc::new(MemoryItinerary::default()),
                journal: Arc::new(MemoryJournal::default()),
            };
            (*nihdi, stores)
        };
        Self {
            databases: Vec::new(),
            hospitals: hospitals.iter().map(hospital).collect(),
            ttp: Arc::new(ehealth_ttp::store::MemoryStore::default()),
            ehbox_hd: Arc::new(ehbox_hd::store::MemoryStore::default()),
            hd4res: Arc::new(hd4res::store::MemoryStore::default()),
            dhw: Arc::new(dhw::MemoryStore::new(Arc::new(Registers::new(definitions)))),
            hd4res_journal: Arc::new(MemoryJournal::default()),
            dhw_journal: Arc::new(MemoryJournal::default()),
        }
    }

    /// Closes them: a SQLite store's log is written back into its file and gone, so that the folder can be copied or read by anybody. Waits
    /// for whoever still reads or writes.
    pub async fn close(&self) {
        future::join_all(self.databases.iter().map(Database::close)).await;
    }

    /// The itinerary of every party, by the service's name.
    #[must_use]
    pub fn itineraries(&self) -> Vec<(String, Arc<dyn Itinerary>)> {
        let mut itineraries: Vec<(String, Arc<dyn Itinerary>)> = Vec::new();
        for (nihdi, stores) in &self.hospitals {
            itineraries.push((format!("{}-{nihdi}", hd4dp::SERVICE), Arc::clone(&stores.hd4dp) as Arc<dyn Itinerary>));
            itineraries.push((format!("{}-{nihdi}", ehbox_hco::SERVICE), Arc::clone(&stores.ehbox_hco)));
        }
        itineraries.push((ehealth_ttp::SERVICE.to_owned(), Arc::clone(&self.ttp) as Arc<dyn Itinerary>));
        itineraries.push((ehbox_hd::SERVICE.to_owned(), Arc::clone(&self.ehbox_hd) as Arc<dyn Itinerary>));
        itineraries.push((hd4res::SERVICE.to_owned(), Arc::clone(&self.hd4res) as Arc<dyn Itinerary>));
        itineraries.push((dhw::service::SERVICE.to_owned(), Arc::clone(&self.dhw) as Arc<dyn Itinerary>));
        itineraries
    }
}

/// The names of the stores of an installation with these hospitals.
#[must_use]
pub fn names(hospitals: &[Nihdi]) -> Vec<String> {
    let zones = hospitals.iter().copied().map(Vhost::Hospital).chain([Vhost::EHealth, Vhost::Hd]);
    zones.flat_map(names_in).collect()
}

/// The names of the stores of those whom a zone belongs to; no other party's stands there.
#[must_use]
pub fn names_in(zone: Vhost) -> Vec<String> {
    match zone {
        Vhost::Hospital(nihdi) => [hd4dp::SERVICE, ehbox_hco::SERVICE].map(|service| format!("{service}-{nihdi}")).to_vec(),
        Vhost::EHealth => vec![ehealth_ttp::SERVICE.to_owned()],
        Vhost::Hd => [ehbox_hd::SERVICE, hd4res::SERVICE, dhw::service::SERVICE].map(str::to_owned).to_vec(),
    }
}

/// A definition that changes without a new version would make another content of a stored row than was sent; so each version's
/// fingerprint is remembered like a key's.
async fn remember_definitions(database: &Database, definitions: &Definitions) -> Result<(), StoreError> {
    for definition in definitions.iter() {
        let fingerprint: String = definition.fingerprint().iter().map(|byte| format!("{byte:02x}")).collect();
        let name = format!("definition {} {}", definition.name(), definition.version());
        database.remember_key(&name, &fingerprint).await?;
    }
    Ok(())
}
