//! The verdict of a flow, in the terms of a queue check: attempted, acknowledged, lost, unexpected, duplicated. All figures come from
//! the stores.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use envelope::ItemId;
use hd4dp::store::{UploadId, UploadedItem};
use serde::Serialize;
use store::{Outcome, Passage, StoreError};
use topology::Nihdi;
use uuid::Uuid;

use crate::{id_set::IdSet, stores::Stores};

/// What `--json` prints and `summary.json` holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Rows read.
    pub attempted: u64,
    /// Rows taken in: new, changed, or equal to the stored one.
    pub accepted: u64,
    /// Rows refused; the error report says why.
    pub rejected: u64,
    /// Rows equal to the stored one; they are part of the other figures.
    pub unchanged: u64,
    /// Accepted rows whose STATUS came back.
    pub confirmed: u64,
    /// Accepted rows with a verdict of the data warehouse.
    pub validated: u64,
    /// Accepted rows that are neither confirmed and validated, nor dead-lettered.
    pub pending: u64,
    /// Accepted rows that the hospital holds for confirmed and healthdata does not have.
    pub lost: u64,
    /// Items that arrived at healthdata and that no hospital sent.
    pub unexpected: u64,
    /// Registrations that had an effect at healthdata more than once.
    pub duplicated: u64,
    /// Items that arrived more than once and had no second effect.
    pub redelivered: u64,
    /// Accepted rows that stand in a dead-letter queue and were not confirmed.
    pub dead_lettered: u64,
    /// What passed each step.
    pub steps: Vec<StepFigures>,
    /// From the first row read to the end of the flow, in milliseconds. Writing the files behind it is not part of it.
    pub elapsed_ms: u64,
    /// Accepted rows per second of that time.
    pub registrations_per_s: f64,
}

/// What passed a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepFigures {
    /// `3` to `7`, and back.
    pub step: &'static str,
    /// The queue.
    pub queue: String,
    /// Publications.
    pub publications: u64,
    /// Registrations in them.
    pub registrations: u64,
}

/// Where the itineraries stood when a call began, by service.
pub type Marks = BTreeMap<String, i64>;

/// Passages that are read from a store at once.
const PAGE: u32 = 100;
/// Items that are asked for at once.
const ITEMS: u32 = 5_000;

/// The items of a call.
#[derive(Debug, Default)]
pub struct Items {
    all: IdSet,
    overtaken: IdSet,
}

impl Items {
    /// Whether an item is one of the call's.
    #[must_use]
    pub fn contains(&self, item: &Uuid) -> bool {
        self.all.contains(item)
    }

    /// Whether the call brought a later version of the item's registration. Such an item shares the fate of that version: it may never
    /// arrive, or never be validated, and nothing is missing.
    #[must_use]
    pub fn is_overtaken(&self, item: &Uuid) -> bool {
        self.overtaken.contains(item)
    }

    /// The items, rising.
    pub fn iter(&self) -> impl Iterator<Item = Uuid> {
        self.all.iter()
    }

    /// The items that no later version has overtaken, rising, in portions for a store to be asked about.
    fn standing(&self) -> impl Iterator<Item = Vec<Uuid>> {
        let mut standing = self.iter().filter(|item| !self.is_overtaken(item));
        std::iter::from_fn(move || Some(standing.by_ref().take(ITEMS as usize).collect()))
            .take_while(|portion: &Vec<_>| !portion.is_empty())
    }
}

/// The accepted rows of uploads.
///
/// # Errors
///
/// [`StoreError`].
pub async fn items(stores: &Stores, uploads: &[(Nihdi, UploadId)]) -> Result<Items, StoreError> {
    let mut items = Items::default();
    // Only registrations with a later version than the first can have overtaken one.
    let mut latest: BTreeMap<Uuid, u32> = BTreeMap::new();
    each_item(stores, uploads, |item| {
        items.all.insert(item.item_id);
        if item.version > 1 {
            let version = latest.entry(item.registration_id).or_default();
            *version = item.version.max(*version);
        }
    })
    .await?;
    if !latest.is_empty() {
        each_item(stores, uploads, |item| {
            if latest.get(&item.registration_id).is_some_and(|version| *version > item.version) {
                items.overtaken.insert(item.item_id);
            }
        })
        .await?;
    }
    Ok(items)
}

async fn each_item(
    stores: &Stores,
    uploads: &[(Nihdi, UploadId)],
    mut take: impl FnMut(&UploadedItem),
) -> Result<(), StoreError> {
    for (nihdi, upload) in uploads {
        let Some(hospital) = stores.hospitals.get(nihdi) else { continue };
        let mut after: Option<UploadedItem> = None;
        loop {
            let page = hospital.hd4dp.uploaded(*upload, after, ITEMS).await?;
            let Some(last) = page.last() else { break };
            after = Some(*last);
            page.iter().for_each(&mut take);
        }
    }
    Ok(())
}

/// Where the itineraries stand now.
///
/// # Errors
///
/// [`StoreError`].
pub async fn marks(stores: &Stores) -> Result<Marks, StoreError> {
    let mut marks = Marks::new();
    for (service, itinerary) in stores.itineraries() {
        marks.insert(service, itinerary.last().await?);
    }
    Ok(marks)
}

/// What the itineraries say of a call.
#[derive(Debug, Default)]
struct Seen {
    sent: IdSet,
    arrived: IdSet,
    arrived_again: u64,
    known: u64,
    dead: BTreeSet<Uuid>,
    steps: BTreeMap<(&'static str, String), (u64, u64)>,
}

impl Seen {
    fn take(&mut self, service: &str, passage: &Passage) {
        let count = passage.items.len() as u64;
        match &passage.outcome {
            Outcome::DeadLettered(_) => {
                self.dead.extend(&passage.items);
                return;
            }
            Outcome::Sent | Outcome::Resent if passage.step == "3" => {
                for item in &passage.items {
                    self.sent.insert(*item);
                }
            }
            Outcome::Arrived if service == hd4res::SERVICE && passage.step == "6" => {
                for item in &passage.items {
                    self.arrived_again += u64::from(!self.arrived.insert(*item));
                }
            }
            Outcome::Known if service == hd4res::SERVICE && passage.step == "6" => self.known += count,
            _ => {}
        }
        if counts(service, passage) {
            let figures = self.steps.entry((passage.step, passage.queue.clone())).or_default();
            figures.0 += 1;
            figures.1 += count;
        }
    }
}

/// Whether a passage is the one that counts for its step: a step is written down by who sends and, at its end, by who receives.
fn counts(service: &str, passage: &Passage) -> bool {
    match (passage.step, &passage.outcome) {
        ("7", _) => service == dhw::service::SERVICE,
        ("7 back", _) => service == hd4res::SERVICE,
        (_, Outcome::Sent | Outcome::Resent | Outcome::Forwarded) => true,
        _ => false,
    }
}

/// The call's items among the dead-lettered ones, also those of which only the STATUS was, whose id is derived from theirs.
fn own_dead(items: &Items, dead: &BTreeSet<Uuid>) -> BTreeSet<Uuid> {
    let mut own: BTreeSet<Uuid> = dead.iter().filter(|item| items.contains(item)).copied().collect();
    if own.len() < dead.len() {
        own.extend(items.iter().filter(|item| dead.contains(&status_of(*item))));
    }
    own
}

/// The id under which an item's STATUS travels.
#[must_use]
pub fn status_of(item: Uuid) -> Uuid {
    ItemId::from_uuid(item).derived(hd4res::STATUS).uuid()
}

/// Puts the verdict of a call together: of the uploads that it made, after `marks`.
///
/// # Errors
///
/// [`StoreError`].
pub async fn summary(
    stores: &Stores,
    uploads: &[(Nihdi, UploadId)],
    items: &Items,
    marks: &Marks,
    elapsed: Duration,
) -> Result<Summary, StoreError> {
    let mut rows = hd4dp::store::Tally::default();
    for (nihdi, upload) in uploads {
        let Some(hospital) = stores.hospitals.get(nihdi) else { continue };
        let tally = hospital.hd4dp.tally(*upload).await?;
        rows.attempted += tally.attempted;
        rows.accepted += tally.accepted;
        rows.rejected += tally.rejected;
        rows.unchanged += tally.unchanged;
        rows.confirmed += tally.confirmed;
    }
    // Rows that repeat an item (one row many times in a file) share its fate, and so do rows that a later version has overtaken.
    let repeated = rows.accepted.saturating_sub(items.all.len() - items.overtaken.len());
    let (mut at_dhw, mut at_hd) = (0, 0);
    for standing in items.standing() {
        at_dhw += stores.dhw.validated(&standing).await?;
        at_hd += stores.hd4res.held(&standing).await?;
    }
    let seen = read(stores, marks).await?;
    let mut dead = 0;
    for chunk in own_dead(items, &seen.dead)
        .into_iter()
        .filter(|item| !items.is_overtaken(item))
        .collect::<Vec<_>>()
        .chunks(ITEMS as usize)
    {
        dead += chunk.len() as u64 - came_through(stores, chunk).await?;
    }
    let validated = (at_dhw + repeated).min(rows.accepted);
    let held = (at_hd + repeated).min(rows.accepted);
    let done = rows.confirmed.min(validated);
    let seconds = elapsed.as_secs_f64();
    Ok(Summary {
        attempted: rows.attempted,
        accepted: rows.accepted,
        rejected: rows.rejected,
        unchanged: rows.unchanged,
        confirmed: rows.confirmed,
        validated,
        pending: rows.accepted.saturating_sub(done).saturating_sub(dead),
        lost: rows.confirmed.saturating_sub(held),
        unexpected: unexpected(stores, items, &seen).await?,
        duplicated: seen.arrived_again,
        redelivered: seen.known,
        dead_lettered: dead,
        steps: steps(&seen),
        elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        registrations_per_s: if seconds > 0.0 { (rows.accepted as f64 / seconds * 10.0).round() / 10.0 } else { 0.0 },
    })
}

/// How many of these dead-lettered items came through all the same, by a later sending.
async fn came_through(stores: &Stores, dead: &[Uuid]) -> Result<u64, StoreError> {
    let mut through = 0;
    for item in dead {
        let one = std::slice::from_ref(item);
        through += u64::from(stores.dhw.validated(one).await? == 1 && is_confirmed(stores, item).await?);
    }
    Ok(through)
}

async fn is_confirmed(stores: &Stores, item: &Uuid) -> Result<bool, StoreError> {
    Ok(confirmation(stores, item).await? == Some(true))
}

async fn is_known(stores: &Stores, item: &Uuid) -> Result<bool, StoreError> {
    Ok(confirmation(stores, item).await?.is_some())
}

/// Whether a hospital's item was confirmed; `None` when it is no hospital's.
async fn confirmation(stores: &Stores, item: &Uuid) -> Result<Option<bool>, StoreError> {
    for hospital in stores.hospitals.values() {
        if let Some(confirmed) = hospital.hd4dp.is_confirmed(*item).await? {
            return Ok(Some(confirmed));
        }
    }
    Ok(None)
}

async fn read(stores: &Stores, marks: &Marks) -> Result<Seen, StoreError> {
    let mut seen = Seen::default();
    each_passage(stores, marks, |service, passage| seen.take(service, passage)).await?;
    Ok(seen)
}

/// Every passage behind `marks`, with the service that wrote it down.
///
/// # Errors
///
/// [`StoreError`].
pub async fn each_passage(stores: &Stores, marks: &Marks, mut take: impl FnMut(&str, &Passage)) -> Result<(), StoreError> {
    for (service, itinerary) in stores.itineraries() {
        let mut after = marks.get(&service).copied().unwrap_or(0);
        loop {
            let page = itinerary.passages(after, PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            after = *last;
            page.iter().for_each(|(_, passage)| take(&service, passage));
        }
    }
    Ok(())
}

/// Arrived, and sent by nobody: neither by this call, nor by an earlier one whose publications a broker had kept.
async fn unexpected(stores: &Stores, items: &Items, seen: &Seen) -> Result<u64, StoreError> {
    let mut unexpected = 0;
    for item in seen.arrived.iter() {
        let is_sent = items.contains(&item) || seen.sent.contains(&item);
        if !is_sent && !is_known(stores, &item).await? {
            unexpected += 1;
        }
    }
    Ok(unexpected)
}

fn steps(seen: &Seen) -> Vec<StepFigures> {
    let order = |step: &str| store::itinerary::STEPS.iter().position(|known| *known == step);
    let mut steps: Vec<StepFigures> = seen
        .steps
        .iter()
        .map(|((step, queue), (publications, registrations))| StepFigures {
            step,
            queue: queue.clone(),
            publications: *publications,
            registrations: *registrations,
        })
        .collect();
    steps.sort_by_key(|figures| order(figures.step));
    steps
}

impl Summary {
    /// Whether the flow failed: something is lost, unexpected, doubled, dead-lettered, or still pending.
    #[must_use]
    pub const fn has_failed(&self) -> bool {
        self.lost + self.unexpected + self.duplicated + self.dead_lettered + self.pending > 0
    }
}
