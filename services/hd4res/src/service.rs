//! HD4RES at work.

use std::sync::Arc;

use broker::Broker;
use dcd::Definitions;
use envelope::{B64, Capacity, ItemId, Message, Publication, PublicationId, Source, Text};
use hd_messages::{Validation, ValidationItem};
use host::{Backoff, Context, Station, Trouble, Work, station::reasons};
use topology::Arrow;

use crate::{
    arrival::Arrivals,
    store::{Hd4resStore, Unvalidated},
    verdict::Verdicts,
};

/// The service's name in logs, queues and key folders.
pub const SERVICE: &str = "hd4res";

/// What HD4RES works with.
pub struct Parts {
    /// Its name on envelopes: `hd4res`.
    pub source: Source,
    /// Time, chance and probes.
    pub context: Context,
    /// The broker of healthdata's zone.
    pub hd: Arc<dyn Broker>,
    /// What it remembers.
    pub store: Arc<dyn Hd4resStore>,
    /// The registers' definitions, for the unique ids.
    pub definitions: Arc<Definitions>,
}

/// The research application.
pub struct Hd4res {
    pub(crate) source: Source,
    pub(crate) context: Context,
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) store: Arc<dyn Hd4resStore>,
    pub(crate) definitions: Arc<Definitions>,
}

/// Records that are handed to the data warehouse again in one publication.
const PAGE: u32 = 500;

impl Hd4res {
    /// HD4RES from its parts.
    #[must_use]
    pub fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            source: parts.source,
            context: parts.context,
            broker: parts.hd,
            store: parts.store,
            definitions: parts.definitions,
        })
    }

    /// What runs as long as the service does.
    pub fn works(self: &Arc<Self>) -> Vec<Work> {
        let station = |arrow: Arrow| Station::new(SERVICE, arrow.queue(None), Arc::clone(&self.broker), self.context.clone());
        let again = Arc::clone(self);
        vec![
            station(Arrow::ToHd4res).work(Arc::new(Arrivals::new(Arc::clone(self)))),
            station(Arrow::Verdicts).work(Arc::new(Verdicts::new(Arc::clone(self)))),
            Work::new("hd4res handing over again", move || {
                let service = Arc::clone(&again);
                Box::pin(async move {
                    service.hand_over_again().await;
                    std::future::pending::<()>().await;
                })
            }),
        ]
    }

    pub(crate) async fn publish<D: Message>(&self, arrow: Arrow, id: PublicationId, data: D) -> Result<(), Trouble> {
        let publication = Publication::new(id, self.source.clone(), self.context.clock.now(), data);
        self.broker.publish(&arrow.route(None), publication.encode()?).await?;
        Ok(())
    }

    /// On another broker incarnation, what was on its way to the data warehouse is gone: every record without a verdict goes again.
    async fn hand_over_again(&self) {
        let mut backoff = Backoff::default();
        while let Err(error) = self.try_hand_over_again().await {
            let reason = reasons(&error);
            tracing::warn!(service = SERVICE, "failed to {reason}; trying again");
            clock::sleep(&*self.context.clock, backoff.after_failure()).await;
        }
    }

    async fn try_hand_over_again(&self) -> Result<(), Trouble> {
        if !self.store.is_new_incarnation(self.broker.incarnation()).await? {
            return Ok(());
        }
        let mut after = 0;
        loop {
            let page = self.store.unvalidated(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.record;
            let mut rest = page.as_slice();
            while !rest.is_empty() {
                let mut capacity = Capacity::new(PAGE as usize);
                let fitting = rest.iter().take_while(|one| capacity.take(one.content.len())).count().max(1);
                let (now, later) = rest.split_at(fitting);
                let id = PublicationId::from_uuid(envelope::IdBatch::new(self.context.chance.bytes()).next_uuid());
                self.publish(Arrow::ToDhw, id, Validation { items: now.iter().map(item).collect() }).await?;
                rest = later;
            }
        }
    }
}

fn item(unvalidated: &Unvalidated) -> ValidationItem {
    ValidationItem {
        id: ItemId::from_uuid(unvalidated.item_id),
        pseudonym: Text::unchecked(unvalidated.pseudonym.clone()),
        sender: Text::unchecked(unvalidated.sender.clone()),
        content: B64(unvalidated.content.clone()),
    }
}
