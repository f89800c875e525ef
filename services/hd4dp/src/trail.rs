//! Where a registration was at this hospital: the passages of its versions and of the answers to them.

use std::collections::BTreeSet;

use clock::Timestamp;
use envelope::ItemId;
use registration::{ContentKind, Receipt};
use store::StoreError;
use uuid::Uuid;
use web::{Trail, TrailItem, trail};

use crate::{
    status::Event,
    store::{Hd4dpStore, VersionView, View},
};

/// How far a researcher's feedbacks may be ahead of those that arrived and still be recognised in a dead letter.
const AHEAD: usize = 8;

/// A registration's trail at its hospital; `id` is the registration's or an item's. None for an id that is not this hospital's.
///
/// # Errors
///
/// [`StoreError`].
pub async fn of(store: &dyn Hd4dpStore, id: Uuid, now: Timestamp) -> Result<Option<Trail>, StoreError> {
    let view = match store.registration(id, now).await? {
        Some(view) => view,
        None => {
            let Some(registration) = store.registration_of(id).await? else { return Ok(None) };
            let Some(view) = store.registration(registration, now).await? else { return Ok(None) };
            view
        }
    };
    let items = items(&view);
    let ids: Vec<Uuid> = ids(&view).collect();
    let since = view.versions.first().map(|first| first.submitted_at);
    let passages = match since {
        Some(_) => trail::lines(&store.passages_of(&ids, since).await?),
        None => Vec::new(),
    };
    let passed: BTreeSet<&str> = passages.iter().map(|passage| passage.item_id.as_str()).collect();
    let is_version = |item: &TrailItem| item.made_at.is_some();
    let items = items.into_iter().filter(|item| is_version(item) || passed.contains(item.item_id.as_str())).collect();
    Ok(Some(Trail {
        registration_id: Some(view.registration_id.to_string()),
        version: Some(view.versions.last().map_or(0, |last| last.version)),
        status: Some(view.state.status().to_string()),
        confirmation: view.state.confirmation().map(|confirmation| confirmation.code().to_owned()),
        is_validated: None,
        due_at: store.due_at(view.registration_id).await?.map(|at| at.to_string()),
        register: Some(view.dcd),
        items,
        passages,
    }))
}

/// The ids of all items of a registration: its versions, and all that may have come or gone in answer to them.
pub(crate) fn ids(view: &View) -> impl Iterator<Item = Uuid> {
    items(view).into_iter().filter_map(|item| item.item_id.parse().ok())
}

/// The versions, and all that may have come or gone in answer to them. Ids of answers follow from their version's, so they need not be kept.
fn items(view: &View) -> Vec<TrailItem> {
    // Numbers of feedback rise by one with each version that arrives and each thing that a researcher says.
    let numbers = view.versions.len() + view.history.len() + AHEAD;
    let mut items = Vec::new();
    for version in &view.versions {
        items.push(of_version(version));
        let (item, of) = (ItemId::from_uuid(version.item_id), Some(version.version));
        items.push(TrailItem::new(item.derived(Event::StatusArrived.code()).uuid(), Event::StatusArrived.code(), of));
        for kind in [Event::CorrectionRequested, Event::ApprovalArrived, Event::FollowUpRequested].map(Event::code) {
            for number in 1..=numbers {
                let feedback = item.derived(&format!("{kind} {number}"));
                items.push(TrailItem::new(feedback.uuid(), kind, of));
                items.push(TrailItem::new(feedback.derived(Receipt::DERIVATION).uuid(), Receipt::DERIVATION, of));
            }
        }
    }
    items
}

fn of_version(version: &VersionView) -> TrailItem {
    let kind = match version.kind {
        ContentKind::Registration => "REGISTRATION",
        ContentKind::Deletion => "DELETION",
    };
    TrailItem {
        made_at: Some(version.submitted_at.to_string()),
        answered_at: version.confirmed_at.map(|at| at.to_string()),
        ..TrailItem::new(version.item_id, kind, Some(version.version))
    }
}
