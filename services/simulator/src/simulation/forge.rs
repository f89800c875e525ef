//! A STATUS that healthdata never sent.

use broker::Payload;
use envelope::{IdBatch, ItemId, Publication, PublicationId};
use hco_messages::{DeliveredItem, FeedbackDelivery};
use registration::{Feedback, FeedbackHead};
use topology::{Arrow, Route};
use uuid::Uuid;

use super::{
    Violation, World,
    op::{Hospital, Service},
    violation::broken,
};
use clock::Clock;

/// A forged publication.
pub(super) struct Forgery {
    pub(super) route: Route,
    pub(super) payload: Payload,
    pub(super) item: Uuid,
}

/// A STATUS about the first registration that waits for one: right in everything but the hash of the content. `None` when none waits.
pub(super) fn forgery(world: &World, hospital: Hospital) -> Result<Option<Forgery>, Violation> {
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
        let publication = Publication::new(id, source, world.clock.now(), FeedbackDelivery { items });
        let payload = publication.encode().map_err(broken("forge a STATUS"))?;
        return Ok(Some(Forgery { route: Arrow::ToHd4dp.route(Some(nihdi)), payload, item: item.uuid() }));
    }
    Ok(None)
}
