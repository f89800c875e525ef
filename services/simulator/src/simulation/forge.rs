//! What nobody sent who may: a STATUS that is not healthdata's, patients whom a hospital guesses.

use broker::Payload;
use envelope::{IdBatch, ItemId, Publication, PublicationId};
use hco_messages::{DeliveredItem, FeedbackDelivery, Submission, SubmissionItem};
use registration::{Feedback, FeedbackHead};
use topology::{Arrow, Route};
use uuid::Uuid;

use super::{
    ROWS_MAX, Violation,
    evidence::Evidence,
    op::{Hospital, Register, RowName, Service},
    violation::broken,
};

/// A forged publication.
pub(crate) struct Forgery {
    pub(crate) route: Route,
    pub(crate) payload: Payload,
    pub(crate) item: Uuid,
}

/// A publication of a hospital's that asks for patients of the other hospital, each with the content of one registration of its own. `None`
/// when it has handed nothing over yet.
pub(crate) fn guesses(world: &Evidence, hospital: Hospital, patients: u16) -> Result<Option<(Route, Payload)>, Violation> {
    let Some(nihdi) = world.laboratory.hospitals.get(&hospital) else { return Ok(None) };
    let route = Arrow::HandOver.route(Some(nihdi));
    let Some(payload) = world.inspector.first_on(Arrow::HandOver, &route) else { return Ok(None) };
    let own = Publication::<Submission>::decode(&payload).map_err(broken("read what a hospital handed over"))?;
    let Some(content) = own.data.items.first().map(|item| item.content.0.clone()) else { return Ok(None) };
    let others = world.laboratory.hospitals.keys().copied().filter(|other| *other != hospital);
    let rows = others.flat_map(|hospital| (0..ROWS_MAX).map(move |number| RowName::new(hospital, Register::Local, number)));
    let mut ids = IdBatch::new(world.chance.bytes());
    let mut items = Vec::new();
    for row in rows.take(usize::from(patients)) {
        items.push(SubmissionItem::new(ids.next_item(), &world.laboratory.identity(row)?, content.clone()));
    }
    if items.is_empty() {
        return Ok(None);
    }
    let publication = Publication::new(ids.next_publication(), own.source, world.now(), Submission { items });
    Ok(Some((route, publication.encode().map_err(broken("write guesses"))?)))
}

/// A STATUS about the first registration that waits for one: right in everything but the hash of the content. `None` when none waits.
pub(crate) fn forgery(world: &Evidence, hospital: Hospital) -> Result<Option<Forgery>, Violation> {
    let Some(nihdi) = world.laboratory.hospitals.get(&hospital) else { return Ok(None) };
    for row in world.model.rows_of(hospital) {
        let Some(known) = world.known(row)?.filter(|known| !known.confirmed) else { continue };
        let Some(item_id) = world.item_of(hospital, known.registration_id, known.version)? else { continue };
        let head = FeedbackHead { registration_id: known.registration_id, version: known.version, item_id, number: 1_000 };
        let feedback = Feedback::Status { head, content_hash: [0; 32] };
        let mut ids = IdBatch::new(world.chance.bytes());
        let item = ItemId::from_uuid(ids.next_uuid());
        let items = vec![DeliveredItem::new(item, &world.laboratory.identity(row)?, feedback.encode())];
        let source = Service::EhboxHco(hospital).name().parse().map_err(broken("name the forger"))?;
        let id = PublicationId::from_uuid(ids.next_uuid());
        let publication = Publication::new(id, source, world.now(), FeedbackDelivery { items });
        let payload = publication.encode().map_err(broken("forge a STATUS"))?;
        return Ok(Some(Forgery { route: Arrow::ToHd4dp.route(Some(nihdi)), payload, item: item.uuid() }));
    }
    Ok(None)
}
