//! The document of an itinerary: where one registration was at one party, in the same words at each. Nothing of the patient.

use serde::{Deserialize, Serialize};
use store::Passage;
use utoipa::ToSchema;
use uuid::Uuid;

/// Where a registration was at one party, over all its versions and the answers to them. It holds ids, queues, times and outcomes: no value,
/// no comment, no name, no pseudonym.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Trail {
    /// The registration; none at a party that knows items only.
    pub registration_id: Option<String>,
    /// Its register's technical name.
    pub register: Option<String>,
    /// Its latest version here.
    pub version: Option<u32>,
    /// Its status here.
    pub status: Option<String>,
    /// At a hospital: `PENDING`, `OK` or `NOK` of a submitted one.
    pub confirmation: Option<String>,
    /// At healthdata: whether the latest version has a verdict.
    pub is_validated: Option<bool>,
    /// When something of it is due to be sent again, in UTC; none when nothing is.
    pub due_at: Option<String>,
    /// What of it has been on its way here.
    pub items: Vec<TrailItem>,
    /// Where, oldest first.
    pub passages: Vec<TrailPassage>,
}

/// Something that travels under an id of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrailItem {
    /// Its id, which it keeps over all resends.
    pub item_id: String,
    /// `REGISTRATION`, `DELETION`, `STATUS`, `CORRECTION_REQUEST`, `APPROVAL`, `FOLLOW_UP_REQUEST`, or `RECEIPT` for the hospital's answer to
    /// one of the last three.
    pub kind: String,
    /// The version that it is or answers; none where that is not known.
    pub version: Option<u32>,
    /// When it was made here, in UTC; none where that is not kept.
    pub made_at: Option<String>,
    /// When it was answered, in UTC: a version by its STATUS, a feedback by its receipt.
    pub answered_at: Option<String>,
}

/// An item at one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrailPassage {
    /// The item.
    pub item_id: String,
    /// The publication that it stood in.
    pub publication_id: String,
    /// The step, as published: `3` to `7`, and back.
    pub step: String,
    /// The queue.
    pub queue: String,
    /// When, on the party's clock, in UTC.
    pub at: String,
    /// With what outcome: `sent`, `resent`, `forwarded`, `arrived`, `known`, `receipt`, `validated`, `dead-lettered:CODE` or `ignored:CODE`.
    pub outcome: String,
}

impl TrailItem {
    /// An item of which nothing more is known.
    #[must_use]
    pub fn new(item: Uuid, kind: &str, version: Option<u32>) -> Self {
        Self { item_id: item.to_string(), kind: kind.to_owned(), version, made_at: None, answered_at: None }
    }
}

/// Passages of a search, a line per item.
#[must_use]
pub fn lines(found: &[(i64, Passage)]) -> Vec<TrailPassage> {
    let of_passage = |(_, passage): &(i64, Passage)| {
        let line = |item: &Uuid| TrailPassage {
            item_id: item.to_string(),
            publication_id: passage.publication.to_string(),
            step: passage.step.to_owned(),
            queue: passage.queue.clone(),
            at: passage.at.to_string(),
            outcome: passage.outcome.to_string(),
        };
        passage.items.iter().map(line).collect::<Vec<_>>()
    };
    found.iter().flat_map(of_passage).collect()
}
