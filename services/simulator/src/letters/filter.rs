//! Which dead letters.

use std::time::Duration;

use clock::Timestamp;
use envelope::{ItemId, PublicationId, ReasonCode};
use serde::{Deserialize, Serialize};
use topology::{Arrow, Nihdi};
use utoipa::ToSchema;

use super::{Letter, letter::place_of, place::Place};

/// What a filter asks for, as people write it. What is left out filters nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Wanted {
    /// A queue, by its name or by that of its dead letters' queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// A step: `4`, `5 back`, `R1`; a hyphen stands for the blank.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// A reason code; `NONE` for letters without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// A hospital.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hospital: Option<String>,
    /// A publication.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publication: Option<String>,
    /// An item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// Set aside at least so many seconds ago.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub older_than_s: Option<u64>,
    /// Set aside at most so many seconds ago.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newer_than_s: Option<u64>,
}

/// Why a filter is none. It repeats nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// No queue of the flow has that name.
    #[error("find a queue of that name: `precision topology show` lists them")]
    Queue,
    /// The flow has no such step.
    #[error("find that step: they are 3 to 7, `3 back` to `7 back`, and R1 to R4")]
    Step,
    /// Not a code.
    #[error("use the reason: a code such as QUOTA, or NONE for letters without one")]
    Reason,
    /// Not a hospital's number.
    #[error("use the hospital's number: a NIHDI number has 8 digits")]
    Hospital,
    /// Not the id of a publication.
    #[error("use the publication's id: 36 characters, lower-case hexadecimal with hyphens")]
    Publication,
    /// Not the id of an item.
    #[error("use the item's id: 36 characters, lower-case hexadecimal with hyphens")]
    Item,
}

/// Which dead letters: those that everything here applies to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    place: Option<Place>,
    arrow: Option<Arrow>,
    reason: Option<Reason>,
    hospital: Option<Nihdi>,
    publication: Option<PublicationId>,
    item: Option<ItemId>,
    older_than: Option<Duration>,
    newer_than: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Reason {
    Code(ReasonCode),
    None,
}

/// What stands for no reason at all.
pub const NO_REASON: &str = "NONE";

impl TryFrom<&Wanted> for Filter {
    type Error = FilterError;

    fn try_from(wanted: &Wanted) -> Result<Self, FilterError> {
        let publication = wanted.publication.as_deref().map(str::parse::<PublicationId>).transpose();
        let item = wanted.item.as_deref().map(str::parse::<ItemId>).transpose();
        Ok(Self {
            place: wanted.queue.as_deref().map(|name| place_of(name).ok_or(FilterError::Queue)).transpose()?,
            arrow: wanted.step.as_deref().map(|step| arrow(step).ok_or(FilterError::Step)).transpose()?,
            reason: wanted.reason.as_deref().map(reason).transpose()?,
            hospital: wanted.hospital.as_deref().map(str::parse::<Nihdi>).transpose().map_err(|_| FilterError::Hospital)?,
            publication: publication.map_err(|_| FilterError::Publication)?,
            item: item.map_err(|_| FilterError::Item)?,
            older_than: wanted.older_than_s.map(Duration::from_secs),
            newer_than: wanted.newer_than_s.map(Duration::from_secs),
        })
    }
}

fn arrow(step: &str) -> Option<Arrow> {
    let step = step.replace('-', " ");
    Arrow::ALL.into_iter().find(|arrow| arrow.step().eq_ignore_ascii_case(&step))
}

fn reason(code: &str) -> Result<Reason, FilterError> {
    match code {
        NO_REASON => Ok(Reason::None),
        code => code.parse().map(Reason::Code).map_err(|_| FilterError::Reason),
    }
}

impl Filter {
    /// The letters of one publication.
    #[must_use]
    pub fn of(publication: PublicationId) -> Self {
        Self { publication: Some(publication), ..Self::default() }
    }

    /// Whether letters of a place could be meant at all.
    #[must_use]
    pub fn concerns(&self, place: &Place) -> bool {
        self.place.is_none_or(|wanted| wanted == *place)
            && self.arrow.is_none_or(|wanted| wanted == place.arrow)
            && place.nihdi.is_none_or(|nihdi| self.hospital.is_none_or(|wanted| wanted == nihdi))
    }

    /// Whether a letter is meant, at this moment. One whose time is not known has no age.
    #[must_use]
    pub fn takes(&self, letter: &Letter, now: Timestamp) -> bool {
        let age = letter.time.map(|time| now.since(time));
        self.concerns(&letter.place)
            && self.reason.as_ref().is_none_or(|wanted| match wanted {
                Reason::Code(code) => letter.code() == Some(code.as_str()),
                Reason::None => letter.code().is_none(),
            })
            && self.hospital.is_none_or(|wanted| letter.hospital() == Some(wanted))
            && self.publication.is_none_or(|wanted| letter.publication == Some(wanted))
            && self.item.is_none_or(|wanted| letter.items.contains(&wanted))
            && self.older_than.is_none_or(|least| age.is_some_and(|age| age >= least))
            && self.newer_than.is_none_or(|most| age.is_some_and(|age| age <= most))
    }
}
