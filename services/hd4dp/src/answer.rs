//! Step 3 back at work: takes the answers from the messaging client.

use std::sync::Arc;

use async_trait::async_trait;
use broker::Delivery;
use envelope::Publication;
use hco_messages::{DeliveredItem, FeedbackDelivery};
use host::{DeadLetter, Disposition, Handle, Point, Trouble, Verdict};
use store::{Outcome, Passage};
use topology::Arrow;
use uuid::Uuid;

use crate::{
    error::ItemError,
    feedback::{self, Read},
    service::{Hd4dp, SERVICE},
};

/// Takes answers for a hospital's HD4DP.
pub struct Answers {
    service: Arc<Hd4dp>,
}

impl Answers {
    pub(crate) fn new(service: Arc<Hd4dp>) -> Self {
        Self { service }
    }

    /// Holds the answers of a publication against what was sent.
    async fn judge(&self, items: &[DeliveredItem]) -> Result<Vec<Result<Read, ItemError>>, Trouble> {
        let tag = &self.service.parts.secrets.tag;
        let read: Vec<_> = items.iter().map(|item| feedback::read(item, tag)).collect();
        let versions: Vec<(Uuid, u32)> = read.iter().flatten().map(Read::version).collect();
        let mut expected = self.service.store().expected(&versions).await?.into_iter();
        let judged = read.into_iter().map(|read| {
            let read = read?;
            feedback::confirms(&read, expected.next().flatten().as_ref())?;
            Ok(read)
        });
        Ok(judged.collect())
    }

    async fn set_aside(
        &self,
        publication: &Publication<FeedbackDelivery>,
        item: &DeliveredItem,
        code: &'static str,
    ) -> Result<(), Trouble> {
        let parts = &self.service.parts;
        let dead = DeadLetter {
            incoming: publication.id,
            item: item.id,
            source: publication.source.clone(),
            code,
            data: FeedbackDelivery { items: vec![item.clone()] },
        };
        dead.publish(&*parts.broker, &Arrow::ToHd4dp.dead_route(Some(&parts.nihdi)), parts.context.clock.now()).await
    }

    async fn take(&self, publications: Vec<Publication<FeedbackDelivery>>) -> Result<(), Trouble> {
        let parts = &self.service.parts;
        let now = parts.context.clock.now();
        let queue = Arrow::ToHd4dp.queue(Some(&parts.nihdi)).to_string();
        let (mut confirmed, mut passages) = (Vec::new(), Vec::new());
        for publication in &publications {
            let passage = |outcome, items| Passage {
                publication: publication.id.uuid(),
                step: Arrow::ToHd4dp.step(),
                queue: queue.clone(),
                at: now,
                outcome,
                items,
            };
            let mut arrived = Vec::new();
            for (item, judged) in publication.data.items.iter().zip(self.judge(&publication.data.items).await?) {
                match judged.map_err(|error| error.disposition()) {
                    Ok(read) => {
                        confirmed.push(read.version());
                        arrived.push(item.id.uuid());
                    }
                    Err(Disposition::Ignore(code)) => {
                        passages.push(passage(Outcome::Ignored(code.to_owned()), vec![item.id.uuid()]))
                    }
                    Err(Disposition::DeadLetter(code)) => {
                        self.set_aside(publication, item, code).await?;
                        passages.push(passage(Outcome::DeadLettered(code.to_owned()), vec![item.id.uuid()]));
                    }
                    Err(Disposition::Retry) => return Err(Trouble::Publish(broker::PublishError::Unavailable)),
                }
            }
            if !arrived.is_empty() {
                passages.push(passage(Outcome::Arrived, arrived));
            }
        }
        parts.context.reach(SERVICE, Point::BeforeCommit).await;
        let settled = parts.store.confirm(&confirmed, now, &passages).await?;
        self.service.waiting.send_modify(|waiting| *waiting = waiting.saturating_sub(settled));
        parts.context.reach(SERVICE, Point::AfterCommit).await;
        Ok(())
    }
}

#[async_trait]
impl Handle for Answers {
    type Error = Trouble;

    async fn handle(&self, batch: &[Delivery]) -> Result<Vec<Verdict>, Trouble> {
        let (publications, verdicts) = host::station::read_all::<FeedbackDelivery>(batch);
        self.take(publications).await?;
        Ok(verdicts)
    }
}
