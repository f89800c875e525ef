//! How a service that stands alone stands, as one document: `/bulletin` beside `/ready`, which `precision status` reads.
//!
//! A reader takes what it knows and leaves what it does not, so that programs of two versions understand each other. Nothing of a patient is in it.

use std::{collections::BTreeMap, fmt};

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use store::{Count, Kind};

use crate::{Figure, health};

/// Of this program.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How a service stands at one moment, and as JSON when it is displayed. Counts begin with its process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bulletin {
    /// What it is called in the key directory and on brokers: `ehbox-hco-<nihdi>`, `ehealth-ttp`.
    pub service: String,
    /// The version of its program.
    pub version: String,
    /// Seconds since its process began.
    pub up_seconds: u64,
    /// What keeps it from working; nothing when it is ready.
    pub missing: Vec<String>,
    /// The queues that it reads; without those that a broker did not say anything of.
    pub queues: Vec<Queue>,
    /// What passed.
    pub passed: Vec<Passed>,
    /// Attempts that failed and were made again after a pause.
    pub retries: u64,
    /// What its store says; none when the store did not answer.
    pub figures: Option<Vec<Measured>>,
}

/// A queue that the service reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// Its name.
    pub queue: String,
    /// Publications that wait on it.
    pub publications: u64,
    /// Dead letters beside it.
    pub dead_letters: u64,
}

/// What passed a step, and how it ended (docs/ITINERARY.md).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// The step as published: `3`, `7 back`.
    pub step: String,
    /// The queue.
    pub queue: String,
    /// How it ended: `forwarded`, `dead-lettered`.
    pub outcome: String,
    /// Why, of what was set aside or ignored; else empty.
    pub code: String,
    /// Publications.
    pub publications: u64,
    /// Their items.
    pub items: u64,
}

impl Passed {
    pub(crate) fn of(kind: Kind, Count { publications, items }: Count) -> Self {
        let outcome = kind.outcome.to_string();
        let (outcome, code) = outcome.split_once(':').unwrap_or((&outcome, ""));
        let (outcome, code) = (outcome.to_owned(), code.to_owned());
        Self { step: kind.step.to_owned(), queue: kind.queue, outcome, code, publications, items }
    }
}

/// A figure that one service alone can give.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Its name, as in `/metrics` without `precision_`.
    pub name: String,
    /// What it is of.
    pub labels: BTreeMap<String, String>,
    /// The figure.
    pub value: f64,
}

impl From<Figure> for Measured {
    fn from(Figure { name, labels, value, .. }: Figure) -> Self {
        let labels = labels.into_iter().map(|(label, of)| (label.to_owned(), of)).collect();
        Self { name: name.to_owned(), labels, value }
    }
}

impl Bulletin {
    /// The figure of this name with these labels.
    #[must_use]
    pub fn figure(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let is_meant = |measured: &&Measured| {
            measured.name == name && labels.iter().all(|(label, of)| measured.labels.get(*label).is_some_and(|is| is == of))
        };
        self.figures.iter().flatten().find(is_meant).map(|measured| measured.value)
    }

    /// All figures of this name.
    pub fn figures(&self, name: &str) -> impl Iterator<Item = &Measured> {
        self.figures.iter().flatten().filter(move |measured| measured.name == name)
    }

    /// Asks the service that says its health at `address`, `HOST:PORT`. Blocks for as long as a service may take to answer.
    ///
    /// # Errors
    ///
    /// Nobody answers there, or not as a service of this product does.
    pub fn ask(address: &str) -> anyhow::Result<Self> {
        let (is_said, text) = health::get(address, "/bulletin")?;
        ensure!(is_said, "understand what answers at {address}: no service of this product, or one that has no /bulletin");
        // What stands there may be anybody's, so nothing of it is repeated.
        serde_json::from_str(&text).ok().with_context(|| format!("understand what answers at {address}: it is no bulletin"))
    }
}

impl fmt::Display for Bulletin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}
