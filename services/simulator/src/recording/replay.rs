//! Replays a recording: sends what was recorded once more, in order, under ids that follow from the recorded ones.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use async_trait::async_trait;
use broker::{Payload, PublishError};
use clock::{Clock, Timestamp};
use envelope::PublicationId;
use serde::Serialize;
use serde_json::Value;
use topology::Route;
use uuid::Uuid;

use super::{
    document::Document,
    format::id,
    ledger::{Known, Ledger, Line},
    reader::Recording,
    selection::{Picked, Selection},
};

/// How fast a recording is replayed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// Without waiting.
    Fast,
    /// So many times as fast as it was recorded.
    Times(f64),
}

impl std::str::FromStr for Pace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let times = |text: &str| text.parse::<f64>().ok().filter(|times| times.is_finite() && *times > 0.0);
        match text {
            "fast" => Ok(Self::Fast),
            "original" => Ok(Self::Times(1.0)),
            _ => text
                .strip_prefix('x')
                .and_then(times)
                .map(Self::Times)
                .ok_or("expected original, fast, or x10 for ten times as fast".to_owned()),
        }
    }
}

/// Where a recording is replayed to.
#[async_trait(?Send)]
pub trait Target {
    /// What tells the installation from others.
    fn name(&self) -> &str;

    /// Sends a publication; returns when it is there for good, whatever dies afterwards.
    ///
    /// # Errors
    ///
    /// [`Undelivered`].
    async fn send(&self, route: &Route, document: Payload, mark: Mark) -> Result<(), Undelivered>;
}

/// Says of a publication that it is replayed, and what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The replay's id.
    pub replay: Uuid,
    /// The id of the publication that was recorded.
    pub original: Uuid,
}

/// Why a publication was not replayed.
#[derive(Debug, thiserror::Error)]
pub enum Undelivered {
    /// The broker does not take it.
    #[error("publish: {0}")]
    Broker(#[from] PublishError),
    /// Nothing moved any more before it had its effect.
    #[error("bring the flow to rest: nothing moved any more")]
    Stuck,
    /// A store cannot be asked.
    #[error("look whether it arrived: failed to {0}")]
    Store(#[from] store::StoreError),
}

/// Makes something else of a recorded document before it is replayed.
pub trait Change: Send + Sync {
    /// The changed document.
    ///
    /// # Errors
    ///
    /// What keeps it from being changed.
    fn change(&self, document: Document, replay: Uuid) -> anyhow::Result<Document>;

    /// The names of the fields that it changes.
    fn fields(&self) -> Vec<String>;

    /// The same for the same change, and nothing that could be read.
    fn digest(&self) -> String;
}

/// What is to be replayed.
pub struct Plan<'a> {
    /// The recording.
    pub recording: &'a Recording,
    /// Which of it.
    pub selection: &'a Selection,
    /// What is changed before.
    pub change: Option<&'a dyn Change>,
    /// How fast.
    pub pace: Pace,
    /// Whether it may be done once more.
    pub again: bool,
}

/// How a replay ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Its id, from which the ids of its publications follow.
    #[serde(with = "id")]
    pub replay: Uuid,
    /// How many times the same was replayed, with this one.
    pub round: u32,
    /// Publications that are meant.
    pub selected: u64,
    /// Publications that were replayed now.
    pub replayed: u64,
    /// Publications that an earlier call had replayed.
    pub before: u64,
    /// When all of it had been replayed before; nothing was sent now.
    pub was_replayed_at: Option<String>,
}

/// A replay that broke off.
#[derive(Debug, thiserror::Error)]
#[error("replay publication {number} of {selected}, {replayed} were replayed: failed to {why:#}")]
pub struct BrokenOff {
    number: u64,
    selected: u64,
    replayed: u64,
    why: anyhow::Error,
}

impl Plan<'_> {
    /// The replay's id in a round: the same for the same recording, selection and change onto the same installation.
    #[must_use]
    pub fn id(&self, onto: &str, round: u32) -> Uuid {
        let change = self.change.map(Change::digest).unwrap_or_default();
        let named = serde_json::json!([self.recording.identity(), self.selection, change, onto, round]);
        Uuid::new_v5(&self.recording.header().id, named.to_string().as_bytes())
    }

    /// The round that a call is about: the last one that was begun, or the one behind it when that came to its end and it is to be done
    /// once more.
    fn round(&self, ledger: &Ledger, onto: &str) -> (u32, Option<Known>) {
        let mut round = 1;
        let mut last = ledger.known(&self.id(onto, round));
        while let Some(next) = ledger.known(&self.id(onto, round + 1)) {
            (round, last) = (round + 1, Some(next));
        }
        match last {
            Some(known) if known.ended_at.is_some() && self.again => (round + 1, None),
            other => (round, other.cloned()),
        }
    }

    /// Finds out what cannot be changed, before anything is sent.
    ///
    /// # Errors
    ///
    /// The first that cannot, and why: a key that is missing, for instance.
    pub fn check(&self) -> anyhow::Result<()> {
        match self.change {
            Some(_) => self.selection.of(self.recording).try_for_each(|one| self.document(&one, Uuid::nil()).map(drop)),
            None => Ok(()),
        }
    }

    /// How all of it was replayed before, when it was and is not to be done again.
    #[must_use]
    pub fn done_before(&self, ledger: &Ledger, onto: &str) -> Option<Replayed> {
        let (round, known) = self.round(ledger, onto);
        let Known { replayed: done, ended_at } = known?;
        let (mut selected, mut before) = (0, 0);
        for one in self.selection.of(self.recording) {
            selected += 1;
            before += u64::from(done.contains_key(&one.entry.number));
        }
        // A recording that goes on has more than was replayed when its replay ended.
        let at = ended_at.filter(|_| before == selected)?;
        let (replay, was_replayed_at) = (self.id(onto, round), Some(at.to_string()));
        Some(Replayed { replay, round, selected, replayed: 0, before, was_replayed_at })
    }

    /// Replays what is meant and was not yet replayed.
    ///
    /// # Errors
    ///
    /// What keeps a publication from being replayed ([`BrokenOff`]), or the ledger from being written. The same call goes on behind the last one that was.
    pub async fn run(
        &self,
        ledger: &mut Ledger,
        target: &dyn Target,
        clock: &Arc<dyn Clock>,
        mut progress: impl FnMut(u64, u64),
    ) -> anyhow::Result<Replayed> {
        if let Some(outcome) = self.done_before(ledger, target.name()) {
            return Ok(outcome);
        }
        let picked: Vec<Picked<'_>> = self.selection.of(self.recording).collect();
        let (round, known) = self.round(ledger, target.name());
        let replay = self.id(target.name(), round);
        let known_before = known.is_some();
        let done = known.unwrap_or_default().replayed;
        let before = picked.iter().filter(|one| done.contains_key(&one.entry.number)).count() as u64;
        let selected = picked.len() as u64;
        let mut outcome = Replayed { replay, round, selected, replayed: 0, before, was_replayed_at: None };
        let to_do: Vec<&Picked<'_>> = picked.iter().filter(|one| !done.contains_key(&one.entry.number)).collect();
        if !known_before {
            ledger.write(self.begun(replay, round, target.name(), clock.now())?)?;
        }
        let begun_at = clock.now();
        let first = to_do.first().map_or(Duration::ZERO, |one| one.entry.offset);
        for one in to_do {
            progress(outcome.before + outcome.replayed + 1, selected);
            self.wait(&**clock, begun_at, one.entry.offset.saturating_sub(first)).await;
            let (number, original) = (one.entry.number, one.entry.publication);
            let broken = |why| BrokenOff { number, selected, replayed: outcome.before + outcome.replayed, why };
            let (route, document) =
                (one.entry.arrow.route(one.entry.nihdi.as_ref()), self.document(one, replay).map_err(broken)?);
            let replayed = document.id().uuid();
            let bytes = document.encode().map_err(|error| broken(error.into()))?;
            target.send(&route, bytes, Mark { replay, original }).await.map_err(|error| broken(error.into()))?;
            ledger.write(Line::Replayed { replay, number, original, replayed, at: clock.now() })?;
            outcome.replayed += 1;
            tracing::info!(number, %original, %replayed, "replayed a publication");
        }
        ledger.write(Line::Ended { replay, at: clock.now() })?;
        Ok(outcome)
    }

    fn begun(&self, replay: Uuid, round: u32, onto: &str, at: Timestamp) -> anyhow::Result<Line> {
        let selection: Value = serde_json::to_value(self.selection).context("write the selection down")?;
        let edited = self.change.map(Change::fields).unwrap_or_default();
        Ok(Line::Begun { replay, round, at, onto: onto.to_owned(), selection, edited })
    }

    /// The document as it is replayed: the items that are meant, changed if that is wanted, under the id that follows from both.
    fn document(&self, one: &Picked<'_>, replay: Uuid) -> anyhow::Result<Document> {
        let mut document = self.recording.document(one.entry)?;
        if let Some(items) = &one.items {
            document = document.of_items(items);
        }
        if let Some(change) = self.change {
            document = change
                .change(document, replay)
                .with_context(|| format!("edit publication {} of step {}", one.entry.number, one.entry.arrow.step()))?;
        }
        Ok(document.under(replayed_id(one.entry.publication, replay)))
    }

    async fn wait(&self, clock: &dyn Clock, begun_at: Timestamp, offset: Duration) {
        if let Pace::Times(times) = self.pace {
            let pause = Duration::try_from_secs_f64(offset.as_secs_f64() / times).unwrap_or(Duration::MAX);
            clock.sleep_until(begun_at.plus(pause)).await;
        }
    }
}

/// The id under which a replay sends a publication.
#[must_use]
pub fn replayed_id(original: Uuid, replay: Uuid) -> PublicationId {
    PublicationId::from_uuid(original).derived(&format!("replay {replay}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_read() {
        assert_eq!("fast".parse(), Ok(Pace::Fast));
        assert_eq!("original".parse(), Ok(Pace::Times(1.0)));
        assert_eq!("x2.5".parse(), Ok(Pace::Times(2.5)));
        for text in ["", "x", "x0", "x-1", "xinf", "xNaN", "slow", "2"] {
            assert!(text.parse::<Pace>().is_err(), "{text}");
        }
    }

    /// A second way to reckon it: version 5 over the original's id.
    #[test]
    fn a_replayed_id_follows_from_both() {
        let (original, replay) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let text = "replay 00000000-0000-0000-0000-000000000002";
        assert_eq!(replayed_id(original, replay).uuid(), Uuid::new_v5(&original, text.as_bytes()));
    }
}
