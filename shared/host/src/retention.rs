//! How long a party keeps its itinerary: what passed so many days ago is forgotten, but for what belongs to a registration that is still on its way.
//!
//! Nothing of a patient is in an itinerary, so no promise asks for this; but it grows with everything that passes, and without an end. A service looks once a
//! day and forgets in small portions, each a transaction of its own, so that nothing that passes waits for it.
//!
//! What stays for good: what was set aside, as long as nobody can say what became of it, and the newest passage, since numbers must rise.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use clock::{Clock, Timestamp};
use envelope::ItemId;
use store::{Itinerary, Outcome, Passage, StoreError, itinerary::Remnant};
use uuid::Uuid;

use crate::{Work, resend::RESEND_UNTIL, station::reasons};

/// Days for which an itinerary is kept when nobody says otherwise: ten years. A thousand registrations a day take about a gigabyte in that time, so there is
/// no need to forget sooner, and a question about a registration may come late.
pub const KEEP_DAYS: u32 = 3_650;
/// Days for which it is kept at least: a registration is sent for ten days, and an answer to the last sending takes its time.
pub const KEEP_DAYS_MIN: u32 = 30;

const DAY: Duration = Duration::from_secs(24 * 3_600);
/// From the start of a service to its first look: whatever else it has to do then comes first.
const FIRST_LOOK: Duration = Duration::from_secs(3_600);
/// Passages that are looked at together.
const PORTION: u32 = 500;
/// Between two portions.
const PAUSE: Duration = Duration::from_millis(200);
/// For how long after an item the answer to it is looked for.
const ANSWERED_WITHIN: Duration = RESEND_UNTIL.saturating_add(DAY);

/// The derived ids of what answers an item, as docs/WIRE.md has them.
const STATUS: &str = "STATUS";
const RECEIPT: &str = "RECEIPT";

/// What a party knows of registrations that are on their way.
#[async_trait]
pub trait UnderWay: Send + Sync {
    /// The ids of all items, versions and answers, of the registrations that are unanswered or on their way; of what a store of this party's does not know,
    /// none.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn under_way(&self) -> Result<HashSet<Uuid>, StoreError>;
}

/// What tells a party whether an old item is on its way.
#[derive(Clone)]
pub enum Settled {
    /// Its store knows what has no answer.
    Told(Arc<dyn UnderWay>),
    /// It passes on and remembers nothing else: what went forward is settled when the answer to it passed, or when it was a receipt itself.
    Seen,
    /// Whatever it has, it has answered.
    AtOnce,
}

/// A party's itinerary, and how long it keeps it.
pub struct Retention {
    /// The service's name in logs.
    pub service: &'static str,
    /// The itinerary.
    pub itinerary: Arc<dyn Itinerary>,
    /// Days.
    pub days: u32,
    /// What is on its way.
    pub settled: Settled,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

impl Retention {
    /// The endless work of forgetting.
    #[must_use]
    pub fn work(self) -> Work {
        let retention = Arc::new(self);
        Work::new(format!("{} forgetting what passed long ago", retention.service), move || {
            let retention = Arc::clone(&retention);
            Box::pin(async move {
                clock::sleep(&*retention.clock, FIRST_LOOK).await;
                loop {
                    match retention.look().await {
                        Ok(0) => {}
                        Ok(passages) => tracing::info!(service = retention.service, passages, "forgot what passed long ago"),
                        Err(error) => {
                            let reasons = reasons(&error);
                            tracing::warn!(
                                service = retention.service,
                                "failed to {reasons}; the itinerary is looked at again tomorrow"
                            );
                        }
                    }
                    clock::sleep(&*retention.clock, DAY).await;
                }
            })
        })
    }

    /// Forgets what is old enough now, and says how many passages are gone.
    async fn look(&self) -> Result<u64, StoreError> {
        let before = earlier(self.clock.now(), DAY.saturating_mul(self.days));
        let newest = self.itinerary.last().await?;
        // Asked for once something is old: it is all that waits.
        let mut under_way: Option<HashSet<Uuid>> = None;
        let (mut after, mut gone, mut receipts) = (0, 0, HashSet::new());
        loop {
            let portion = self.itinerary.passages(after, PORTION).await?;
            let old: Vec<(i64, Passage)> =
                portion.into_iter().filter(|(number, passage)| *number < newest && passage.at < before).collect();
            let Some((last, _)) = old.last() else { return Ok(gone) };
            after = *last;
            let stays = match (&self.settled, under_way.take()) {
                (Settled::Seen, _) => self.unanswered(&old, &mut receipts).await?,
                (Settled::Told(_) | Settled::AtOnce, Some(under_way)) => under_way,
                (Settled::Told(knows), None) => knows.under_way().await?,
                (Settled::AtOnce, None) => HashSet::new(),
            };
            // The answers that passed are what tells a receipt, so they stay until it has been looked at too.
            let spares = |passage: &Passage| {
                matches!(self.settled, Settled::Seen) && !is_forward(passage) && passage.at >= earlier(before, ANSWERED_WITHIN)
            };
            let goes = old.iter().filter(|(_, passage)| !spares(passage));
            let remnants: Vec<Remnant> = goes.filter_map(|(number, passage)| remnant(*number, passage, &stays)).collect();
            under_way = Some(stays);
            gone += remnants.iter().filter(|remnant| remnant.items.is_empty()).count() as u64;
            if !remnants.is_empty() {
                self.itinerary.forget(&remnants).await?;
            }
            clock::sleep(&*self.clock, PAUSE).await;
        }
    }

    /// What went forward in a portion and was answered by nothing that passed here since. `receipts` are those of the answers seen so far.
    async fn unanswered(&self, old: &[(i64, Passage)], receipts: &mut HashSet<Uuid>) -> Result<HashSet<Uuid>, StoreError> {
        let forward = old.iter().filter(|(_, passage)| is_forward(passage)).flat_map(|(_, passage)| &passage.items);
        let mut waiting: HashMap<Uuid, Uuid> =
            forward.map(|item| (ItemId::from_uuid(*item).derived(STATUS).uuid(), *item)).collect();
        let (Some((first, _)), Some((_, last))) = (old.first(), old.last()) else { return Ok(HashSet::new()) };
        let (mut after, until) = (first - 1, last.at.plus(ANSWERED_WITHIN));
        loop {
            let page = self.itinerary.passages(after, PORTION).await?;
            let Some((number, newest)) = page.last() else { break };
            after = *number;
            for (_, passage) in page.iter().filter(|(_, passage)| !is_forward(passage)) {
                for answer in &passage.items {
                    waiting.remove(answer);
                    receipts.insert(ItemId::from_uuid(*answer).derived(RECEIPT).uuid());
                }
            }
            if newest.at > until {
                break;
            }
        }
        Ok(waiting.into_values().filter(|item| !receipts.contains(item)).collect())
    }
}

/// What is left of a passage, where that is less than all of it.
fn remnant(number: i64, passage: &Passage, stays: &HashSet<Uuid>) -> Option<Remnant> {
    if matches!(passage.outcome, Outcome::DeadLettered(_)) {
        return None;
    }
    let items: Vec<Uuid> = passage.items.iter().filter(|item| stays.contains(*item)).copied().collect();
    (items.len() < passage.items.len()).then_some(Remnant { number, items })
}

/// Whether it went from the hospital to healthdata.
fn is_forward(passage: &Passage) -> bool {
    !passage.step.ends_with("back") && !passage.step.starts_with('R')
}

fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    Timestamp::from_micros(at.as_micros().saturating_sub(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests;
