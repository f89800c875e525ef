//! The stores of all parties.

use std::{collections::BTreeMap, sync::Arc};

use dcd::Definitions;
use dhw::{DhwStore, Registers};
use ehbox_hd::store::HdStore;
use ehealth_ttp::store::TtpStore;
use hd4dp::store::Hd4dpStore;
use hd4res::store::Hd4resStore;
use store::{Database, Itinerary, Location, MemoryItinerary, Schema, SqlItinerary, StoreError};
use topology::Nihdi;
use web::{Journal, MemoryJournal, SqlJournal};

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
}

impl Stores {
    /// Opens one store per party, and holds the fingerprints of keys and definitions against those that it was
    /// written under.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; other keys are [`StoreError::OtherKeys`].
    pub async fn open(
        location: impl Into<Location>,
        hospitals: &[Nihdi],
        definitions: &Definitions,
        fingerprints: &BTreeMap<String, String>,
    ) -> Result<Self, StoreError> {
        let location = &location.into();
        let mut databases: Vec<(String, Database)> = Vec::new();
        let mut of_hospitals = BTreeMap::new();
        for nihdi in hospitals {
            let hd4dp = hd4dp::store::SqlStore::open(location, nihdi.as_str()).await?;
            remember_definitions(hd4dp.database(), definitions).await?;
            let client = Database::open(location, &format!("{}-{nihdi}", ehbox_hco::SERVICE), Schema { steps: &[] }).await?;
            databases.push((format!("{}-{nihdi}", hd4dp::SERVICE), hd4dp.database().clone()));
            databases.push((client.name().to_owned(), client.clone()));
            let journal = Arc::new(SqlJournal::new(hd4dp.database().clone()));
            let stores = HospitalStores { hd4dp: Arc::new(hd4dp), ehbox_hco: Arc::new(SqlItinerary::new(client)), journal };
            of_hospitals.insert(*nihdi, stores);
        }
        let ttp = ehealth_ttp::store::SqlStore::open(location).await?;
        let ehbox_hd = ehbox_hd::store::SqlStore::open(location).await?;
        let hd4res = hd4res::store::SqlStore::open(location).await?;
        databases.push((ehealth_ttp::SERVICE.to_owned(), ttp.database().clone()));
        databases.push((ehbox_hd::SERVICE.to_owned(), ehbox_hd.database().clone()));
        for (party, database) in &databases {
            if let Some(fingerprint) = fingerprints.get(party) {
                database.remember_key(party, fingerprint).await?;
            }
        }
        // healthdata's other stores hold pseudonyms, so they are bound to the keys that made them.
        if let Some(fingerprint) = fingerprints.get(ehealth_ttp::SERVICE) {
            hd4res.database().remember_key(ehealth_ttp::SERVICE, fingerprint).await?;
        }
        let dhw = dhw::SqlStore::open(location, Arc::new(Registers::new(definitions))).await?;
        Ok(Self {
            hospitals: of_hospitals,
            ttp: Arc::new(ttp),
            ehbox_hd: Arc::new(ehbox_hd),
            hd4res_journal: Arc::new(SqlJournal::new(hd4res.database().clone())),
            dhw_journal: Arc::new(SqlJournal::new(dhw.database().clone())),
            hd4res: Arc::new(hd4res),
            dhw: Arc::new(dhw),
        })
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
            hospitals: hospitals.iter().map(hospital).collect(),
            ttp: Arc::new(ehealth_ttp::store::MemoryStore::default()),
            ehbox_hd: Arc::new(ehbox_hd::store::MemoryStore::default()),
            hd4res: Arc::new(hd4res::store::MemoryStore::default()),
            dhw: Arc::new(dhw::MemoryStore::new(Arc::new(Registers::new(definitions)))),
            hd4res_journal: Arc::new(MemoryJournal::default()),
            dhw_journal: Arc::new(MemoryJournal::default()),
        }
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
    let of_hospital = |nihdi| [format!("{}-{nihdi}", hd4dp::SERVICE), format!("{}-{nihdi}", ehbox_hco::SERVICE)];
    let central = [ehealth_ttp::SERVICE, ehbox_hd::SERVICE, hd4res::SERVICE, dhw::service::SERVICE];
    hospitals.iter().flat_map(of_hospital).chain(central.map(str::to_owned)).collect()
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
