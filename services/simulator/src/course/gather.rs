//! Asking the stores of all parties, as only whoever has them all can.

use std::collections::{BTreeMap, BTreeSet};

use clock::Timestamp;
use store::{Itinerary, StoreError};
use topology::Nihdi;
use uuid::Uuid;
use web::{Trail, trail};

use super::Gathered;
use crate::stores::{HospitalStores, Stores};

/// Asks every party about a registration or an item.
///
/// # Errors
///
/// [`StoreError`].
pub async fn gather(stores: &Stores, id: Uuid, now: Timestamp) -> Result<Gathered, StoreError> {
    let mut trails = BTreeMap::new();
    let mut hospital = None;
    for (nihdi, of_hospital) in &stores.hospitals {
        if let Some(trail) = hd4dp::trail::of(&*of_hospital.hd4dp, id, now).await? {
            hospital = Some(*nihdi);
            trails.insert(format!("{}-{nihdi}", hd4dp::SERVICE), trail);
            break;
        }
    }
    let registration = trails.values().find_map(|trail: &Trail| trail.registration_id.as_ref()?.parse().ok());
    if let Some(trail) = hd4res::trail::of(&*stores.hd4res, registration.unwrap_or(id)).await? {
        trails.insert(hd4res::SERVICE.to_owned(), trail);
    }
    if trails.is_empty() {
        return strangers(stores, id).await;
    }
    // An id that is neither a registration's nor a version's may be that of an answer.
    let mut items: BTreeSet<Uuid> =
        trails.values().flat_map(|trail| &trail.items).filter_map(|item| item.item_id.parse().ok()).collect();
    items.insert(id);
    let items: Vec<Uuid> = items.into_iter().collect();
    let since = trails.values().flat_map(|trail| &trail.items).filter_map(|item| item.made_at.as_ref()?.parse().ok()).min();
    let has_record = trails.contains_key(hd4res::SERVICE);
    let mut ask = async |party: String, itinerary: &dyn Itinerary| {
        let passages = trail::lines(&itinerary.passages_of(&items, since).await?);
        if !passages.is_empty() {
            trails.insert(party, Trail { passages, ..Trail::default() });
        }
        Ok::<(), StoreError>(())
    };
    for (nihdi, of_hospital) in own(stores, hospital) {
        ask(format!("{}-{nihdi}", ehbox_hco::SERVICE), &*of_hospital.ehbox_hco).await?;
    }
    ask(ehealth_ttp::SERVICE.to_owned(), &*stores.ttp).await?;
    ask(ehbox_hd::SERVICE.to_owned(), &*stores.ehbox_hd).await?;
    // What it set aside and never took in has no record.
    if !has_record {
        ask(hd4res::SERVICE.to_owned(), &*stores.hd4res).await?;
    }
    let mut at_dhw = Trail::default();
    for item in versions(&trails) {
        if let Some(trail) = dhw::trail::of(&*stores.dhw, item).await? {
            at_dhw.passages.extend(trail.passages);
        }
    }
    if !at_dhw.passages.is_empty() {
        trails.insert(dhw::service::SERVICE.to_owned(), at_dhw);
    }
    Ok(Gathered { trails, not_asked: Vec::new() })
}

/// The stores of the hospital that has the registration, or of all when none has it.
fn own(stores: &Stores, hospital: Option<Nihdi>) -> impl Iterator<Item = (&Nihdi, &HospitalStores)> {
    stores.hospitals.iter().filter(move |(nihdi, _)| hospital.is_none_or(|own| own == **nihdi))
}

/// The items of the versions that the parties know.
#[must_use]
pub fn versions(trails: &BTreeMap<String, Trail>) -> BTreeSet<Uuid> {
    let items = trails.values().flat_map(|trail| &trail.items).filter(|item| super::is_version(item));
    items.filter_map(|item| item.item_id.parse().ok()).collect()
}

/// What passed under an id that no hospital and no record has: an answer's, or an item that nobody made.
async fn strangers(stores: &Stores, id: Uuid) -> Result<Gathered, StoreError> {
    let mut gathered = Gathered::default();
    for (party, itinerary) in stores.itineraries() {
        let passages = trail::lines(&itinerary.passages_of(&[id], None).await?);
        if !passages.is_empty() {
            gathered.trails.insert(party, Trail { passages, ..Trail::default() });
        }
    }
    Ok(gathered)
}
