//! Where a registration was at HD4RES: the passages of its versions, and of what was answered to them.

use std::collections::BTreeSet;

use clock::Timestamp;
use envelope::ItemId;
use host::resend::RESEND_UNTIL;
use registration::Receipt;
use store::StoreError;
use uuid::Uuid;
use web::{Trail, TrailItem, trail};

use crate::{
    STATUS,
    status::Event,
    store::{Hd4resStore, IssuedFeedback, RecordView},
};

/// The trail of the record that holds a registration; `id` is the registration's or an item's. None for an id that never arrived.
///
/// # Errors
///
/// [`StoreError`].
pub async fn of(store: &dyn Hd4resStore, id: Uuid) -> Result<Option<Trail>, StoreError> {
    let records = store.researcher();
    let record = match records.of_registration(id).await? {
        Some(record) => Some(record),
        None => records.of_item(id).await?,
    };
    let Some(record) = record else { return Ok(None) };
    let Some(view) = records.view(record).await? else { return Ok(None) };
    let versions = records.items(record).await?;
    let feedback = store.outbox().of_record(record).await?;
    let items = items(&view, &versions, &feedback);
    let ids: Vec<Uuid> = items.iter().filter_map(|item| item.item_id.parse().ok()).collect();
    // It may have been set aside here before a later sending came through.
    let since = view.history.first().map(|first| first_sending(first.at));
    let passages = trail::lines(&store.passages_of(&ids, since).await?);
    let passed: BTreeSet<&str> = passages.iter().map(|passage| passage.item_id.as_str()).collect();
    let is_there = |item: &TrailItem| item.kind != Receipt::DERIVATION || passed.contains(item.item_id.as_str());
    Ok(Some(Trail {
        registration_id: Some(view.row.registration_id.to_string()),
        version: Some(view.row.version),
        status: Some(view.row.status.to_string()),
        confirmation: None,
        is_validated: Some(view.row.is_validated),
        due_at: feedback.iter().filter_map(|one| one.next_send_at).min().map(|at| at.to_string()),
        items: items.into_iter().filter(is_there).collect(),
        register: Some(view.row.dcd),
        passages,
    }))
}

/// The ids of all items of a record: its versions, and all that was answered to them.
pub(crate) async fn ids(store: &dyn Hd4resStore, record: i64) -> Result<Vec<Uuid>, StoreError> {
    let records = store.researcher();
    let Some(view) = records.view(record).await? else { return Ok(Vec::new()) };
    let (versions, feedback) = (records.items(record).await?, store.outbox().of_record(record).await?);
    Ok(items(&view, &versions, &feedback).iter().filter_map(|item| item.item_id.parse().ok()).collect())
}

/// When what came at `at` may have been sent first.
fn first_sending(at: Timestamp) -> Timestamp {
    let resends = i64::try_from(RESEND_UNTIL.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(at.as_micros().saturating_sub(resends))
}

fn items(view: &RecordView, versions: &[(Uuid, u32)], feedback: &[IssuedFeedback]) -> Vec<TrailItem> {
    let is_deletion =
        |version: u32| view.history.iter().any(|entry| entry.note.event == Event::Deleted && entry.note.version == version);
    let mut items = Vec::new();
    for (item, version) in versions {
        let kind = if is_deletion(*version) { "DELETION" } else { "REGISTRATION" };
        items.push(TrailItem::new(*item, kind, Some(*version)));
        items.push(TrailItem::new(ItemId::from_uuid(*item).derived(STATUS).uuid(), STATUS, Some(*version)));
    }
    for one in feedback {
        items.push(TrailItem {
            made_at: Some(one.at.to_string()),
            answered_at: one.heard_at.map(|at| at.to_string()),
            ..TrailItem::new(one.item_id, &one.kind, Some(one.version))
        });
        let receipt = ItemId::from_uuid(one.item_id).derived(Receipt::DERIVATION).uuid();
        items.push(TrailItem::new(receipt, Receipt::DERIVATION, Some(one.version)));
    }
    items
}
