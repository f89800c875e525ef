//! Where the registrations of two runs were, and how they stand at both sides: from the stores, which are read and not changed.
//!
//! A registration is the same in both runs when its hospital, register and unique key are; where the key holds an id that depends on keys, when its
//! first row is. Keys and rows stay in memory: what is printed is the registration's id in both runs.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
};

use envelope::ItemId;
use registration::Receipt;
use store::{FoundRow, Inspection, Location, StoreError};
use topology::Nihdi;
use uuid::Uuid;

use super::{Part, times};
use crate::{
    audit::harvest::{text, value},
    stores::names,
};

/// Registrations whose passages are listed one by one, at most.
const DETAILED_MAX: usize = 200;

/// The registrations of one run.
#[derive(Default)]
pub struct Lives {
    hospitals: Vec<Nihdi>,
    lives: Vec<Life>,
    by_registration: HashMap<Uuid, usize>,
    items: HashMap<Uuid, Item>,
}

/// One registration. Its key may hold a national number, so there is no `Debug`.
struct Life {
    hospital: Nihdi,
    register: String,
    registration: Uuid,
    key: String,
    first_row: Vec<u8>,
    facts: BTreeMap<&'static str, String>,
    /// A sum over its passages, the same in whatever order they came.
    passages: u64,
}

/// What travels under an id.
#[derive(Clone, Copy)]
struct Item {
    life: usize,
    version: u32,
    kind: &'static str,
}

/// A passage, without what differs by nature.
type Stop = (u32, &'static str, String, String, String, String);

impl Lives {
    /// Reads a run's stores.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn read(location: &Location) -> Result<Self, StoreError> {
        let found = location.stores_of(hd4dp::SERVICE).await?;
        let mut hospitals: Vec<Nihdi> = found.iter().filter_map(|number| number.parse().ok()).collect();
        hospitals.sort_unstable();
        let mut run = Self { hospitals, ..Self::default() };
        for hospital in run.hospitals.clone() {
            run.read_hospital(location, hospital).await?;
        }
        run.read_healthdata(location).await?;
        let mut sums = vec![0_u64; run.lives.len()];
        run.each_stop(location, |life, stop| {
            let mut hasher = DefaultHasher::new();
            stop.hash(&mut hasher);
            if let Some(sum) = sums.get_mut(life) {
                *sum = sum.wrapping_add(hasher.finish());
            }
        })
        .await?;
        run.lives.iter_mut().zip(sums).for_each(|(life, sum)| life.passages = sum);
        Ok(run)
    }

    async fn read_hospital(&mut self, location: &Location, hospital: Nihdi) -> Result<(), StoreError> {
        let Some(mut store) = Inspection::open(location, &format!("{}-{hospital}", hd4dp::SERVICE)).await? else { return Ok(()) };
        let registration = |row: FoundRow| {
            let Some(id) = uuid(&row, "id") else { return };
            let word = |column: &str| text(&row, column).unwrap_or_default().to_owned();
            let mut facts = BTreeMap::from([("version at the hospital", word("version"))]);
            // What is derived from the confirmation is not written down.
            facts.insert(
                "status at the hospital",
                if word("status").is_empty() { "SUBMITTED".to_owned() } else { word("status") },
            );
            self.by_registration.insert(id, self.lives.len());
            self.lives.push(Life {
                hospital,
                register: word("dcd"),
                registration: id,
                key: word("unique_key"),
                first_row: Vec::new(),
                facts,
                passages: 0,
            });
        };
        store.each_row("registration", registration).await?;
        let (lives, by_registration, items) = (&mut self.lives, &self.by_registration, &mut self.items);
        let version = |row: FoundRow| {
            let Some(at) = uuid(&row, "registration_id").and_then(|id| by_registration.get(&id).copied()) else { return };
            let (Some(item), Some(number)) = (uuid(&row, "item_id"), number(&row, "version")) else { return };
            let Some(life) = lives.get_mut(at) else { return };
            if number == 1 {
                life.first_row = value(&row, "row_hash").unwrap_or_default().to_vec();
            }
            let is_latest = life.facts.get("version at the hospital").is_some_and(|latest| *latest == number.to_string());
            if is_latest {
                let confirmed = if value(&row, "confirmed_at").is_some() { "yes" } else { "no" };
                life.facts.insert("confirmed", confirmed.to_owned());
            }
            items.insert(item, Item { life: at, version: number, kind: "registration" });
            let status = ItemId::from_uuid(item).derived(hd4res::STATUS).uuid();
            items.insert(status, Item { life: at, version: number, kind: "STATUS" });
        };
        store.each_row("version", version).await?;
        store.close().await
    }

    async fn read_healthdata(&mut self, location: &Location) -> Result<(), StoreError> {
        let Some(mut store) = Inspection::open(location, hd4res::SERVICE).await? else { return Ok(()) };
        let (lives, by_registration, items) = (&mut self.lives, &self.by_registration, &mut self.items);
        let mut records: HashMap<String, usize> = HashMap::new();
        let record = |row: FoundRow| {
            let Some(at) = uuid(&row, "registration_id").and_then(|id| by_registration.get(&id).copied()) else { return };
            let word = |column: &str| text(&row, column).unwrap_or_default().to_owned();
            records.insert(word("id"), at);
            let Some(life) = lives.get_mut(at) else { return };
            let is_validated = number(&row, "validated_version") >= number(&row, "version");
            life.facts.insert("validated", if is_validated { "yes" } else { "no" }.to_owned());
            life.facts.insert("status at healthdata", word("status"));
            life.facts.insert("version at healthdata", word("version"));
        };
        store.each_row("record", record).await?;
        let feedback = |row: FoundRow| {
            let Some(life) = text(&row, "record").and_then(|record| records.get(record).copied()) else { return };
            let (Some(item), Some(version)) = (uuid(&row, "item_id"), number(&row, "version")) else { return };
            let kind = match text(&row, "kind") {
                Some("CORRECTION_REQUEST") => "correction request",
                Some("APPROVAL") => "approval",
                Some("FOLLOW_UP_REQUEST") => "follow up request",
                _ => "feedback",
            };
            items.insert(item, Item { life, version, kind });
            let receipt = ItemId::from_uuid(item).derived(Receipt::DERIVATION).uuid();
            items.insert(receipt, Item { life, version, kind: "receipt" });
        };
        store.each_row("feedback", feedback).await?;
        store.close().await
    }

    /// Shows every passage of every registration to `look`.
    async fn each_stop(&self, location: &Location, mut look: impl FnMut(usize, &Stop)) -> Result<(), StoreError> {
        for party in names(&self.hospitals) {
            let Some(mut store) = Inspection::open(location, &party).await? else { continue };
            let passage = |row: FoundRow| {
                let word = |column: &str| text(&row, column).unwrap_or_default().to_owned();
                let (step, queue, outcome) = (word("step"), word("queue"), word("outcome"));
                for id in value(&row, "items").unwrap_or_default().chunks_exact(16) {
                    let Some(item) = Uuid::from_slice(id).ok().and_then(|id| self.items.get(&id)) else { continue };
                    let stop = (item.version, item.kind, step.clone(), party.clone(), queue.clone(), outcome.clone());
                    look(item.life, &stop);
                }
            };
            store.each_row("itinerary", passage).await?;
            store.close().await?;
        }
        Ok(())
    }

    /// The passages of some registrations, each with how often it came.
    async fn stops_of(
        &self,
        location: &Location,
        wanted: impl Iterator<Item = usize>,
    ) -> Result<HashMap<usize, BTreeMap<Stop, u64>>, StoreError> {
        let mut stops: HashMap<usize, BTreeMap<Stop, u64>> = wanted.map(|life| (life, BTreeMap::new())).collect();
        self.each_stop(location, |life, stop| {
            if let Some(stops) = stops.get_mut(&life) {
                *stops.entry(stop.clone()).or_default() += 1;
            }
        })
        .await?;
        Ok(stops)
    }

    /// For each registration its like in another run.
    fn pairs(&self, other: &Self) -> Vec<(Option<usize>, Option<usize>)> {
        let key = |life: &Life| (life.hospital, life.register.clone(), life.key.clone());
        let row = |life: &Life| (life.hospital, life.register.clone(), life.first_row.clone());
        let mut by_key: HashMap<_, usize> = other.lives.iter().enumerate().map(|(at, life)| (key(life), at)).collect();
        let mut pairs = Vec::with_capacity(self.lives.len());
        let mut waiting = Vec::new();
        for (at, life) in self.lives.iter().enumerate() {
            match by_key.remove(&key(life)) {
                Some(of_b) => pairs.push((Some(at), Some(of_b))),
                None => waiting.push(at),
            }
        }
        let mut by_row: HashMap<_, Vec<usize>> = HashMap::new();
        let mut rest: Vec<usize> = by_key.into_values().collect();
        rest.sort_unstable_by(|one, other| other.cmp(one));
        rest.into_iter().for_each(|of_b| by_row.entry(row(&other.lives[of_b])).or_default().push(of_b));
        for at in waiting {
            let like = by_row.get_mut(&row(&self.lives[at])).and_then(Vec::pop);
            pairs.push((Some(at), like));
        }
        let mut left: Vec<usize> = by_row.into_values().flatten().collect();
        left.sort_unstable();
        pairs.extend(left.into_iter().map(|of_b| (None, Some(of_b))));
        pairs
    }
}

/// Compares the statuses of all registrations and their itineraries.
///
/// # Errors
///
/// [`StoreError`].
pub async fn compare((at_a, a): (&Location, &Lives), (at_b, b): (&Location, &Lives)) -> Result<[Part; 2], StoreError> {
    let (mut statuses, mut itineraries) = (Part::new("statuses"), Part::new("itineraries"));
    let mut differing: Vec<(usize, usize)> = Vec::new();
    for (of_a, of_b) in a.pairs(b) {
        statuses.compared += 1;
        let lives = (of_a.and_then(|at| a.lives.get(at)), of_b.and_then(|at| b.lives.get(at)));
        match (lives, of_a.zip(of_b)) {
            ((Some(one), Some(other)), Some(pair)) => {
                itineraries.compared += 1;
                let names: std::collections::BTreeSet<_> = one.facts.keys().chain(other.facts.keys()).collect();
                for name in names {
                    let (fact_a, fact_b) = (one.facts.get(name).cloned(), other.facts.get(name).cloned());
                    if fact_a != fact_b {
                        statuses.note(named(Some(one), Some(other)), *name, fact_a, fact_b);
                    }
                }
                if one.passages != other.passages {
                    differing.push(pair);
                }
            }
            ((one, other), _) => {
                let there = |life: Option<&Life>| life.map(|_| "there".to_owned());
                statuses.note(named(one, other), "registration", there(one), there(other));
            }
        }
    }
    let detailed = differing.get(..differing.len().min(DETAILED_MAX)).unwrap_or_default();
    let (stops_a, stops_b) = if detailed.is_empty() {
        (HashMap::new(), HashMap::new())
    } else {
        (
            a.stops_of(at_a, detailed.iter().map(|(of_a, _)| *of_a)).await?,
            b.stops_of(at_b, detailed.iter().map(|(_, of_b)| *of_b)).await?,
        )
    };
    let none = BTreeMap::new();
    for (of_a, of_b) in detailed {
        let name = named(a.lives.get(*of_a), b.lives.get(*of_b));
        let (one, other) = (stops_a.get(of_a).unwrap_or(&none), stops_b.get(of_b).unwrap_or(&none));
        let stops: std::collections::BTreeSet<&Stop> = one.keys().chain(other.keys()).collect();
        for stop in stops.into_iter().filter(|stop| one.get(stop) != other.get(stop)) {
            let (version, kind, step, party, queue, outcome) = stop;
            let what = format!("version {version} {kind}, step {step}, {party}, {queue}: {outcome}");
            let counted = |stops: &BTreeMap<Stop, u64>| stops.get(stop).map(|count| times(*count));
            itineraries.note(&name, what, counted(one), counted(other));
        }
    }
    itineraries.differences += (differing.len() - detailed.len()) as u64;
    Ok([statuses, itineraries])
}

/// A registration by what may be printed of it.
fn named(a: Option<&Life>, b: Option<&Life>) -> String {
    let register = a.or(b).map(|life| format!("{} {}", life.hospital, life.register)).unwrap_or_default();
    let id = |life: Option<&Life>| life.map_or_else(|| "-".to_owned(), |life| life.registration.to_string());
    format!("{register} {} | {}", id(a), id(b))
}

fn uuid(row: &FoundRow, column: &str) -> Option<Uuid> {
    Uuid::from_slice(value(row, column)?).ok()
}

fn number(row: &FoundRow, column: &str) -> Option<u32> {
    text(row, column)?.parse().ok()
}
