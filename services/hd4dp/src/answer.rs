//! Step 3 back at work: takes the answers from the messaging client.

use std::sync::Arc;

use async_trait::async_trait;
use broker::{Delivery, TraceParent};
use envelope::Publication;
use hco_messages::{DeliveredItem, FeedbackDelivery};
use host::{DeadLetter, Disposition, Handle, Point, Trouble, Verdict};
use store::{Outcome, Passage};
use topology::Arrow;
use uuid::Uuid;

use crate::{
    counting::signed,
    error::ItemError,
    feedback::{self, Read},
    service::{Hd4dp, SERVICE},
    store::Received,
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
            feedback::answers(&read, expected.next().flatten().as_ref())?;
            Ok(read)
        });
        self.judge_places(judged.collect()).await
    }

    /// Holds the places of comments against the definitions of what they comment on. Few answers have any.
    async fn judge_places(&self, judged: Vec<Result<Read, ItemError>>) -> Result<Vec<Result<Read, ItemError>>, Trouble> {
        let placed: Vec<(Uuid, u32)> = judged.iter().flatten().filter(|read| read.has_places()).map(Read::version).collect();
        if placed.is_empty() {
            return Ok(judged);
        }
        let mut made_by = self.service.store().made_by(&placed).await?.into_iter();
        let judge = |read: Result<Read, ItemError>| {
            let read = read?;
            if read.has_places() {
                let (name, version) = made_by.next().flatten().ok_or(ItemError::ForeignFeedback)?;
                let definition = self.service.definitions().exact(&name, version);
                let definition = definition.ok_or(ItemError::UnknownDefinition { name, version })?;
                feedback::comments_fit(&read, &definition)?;
            }
            Ok(read)
        };
        Ok(judged.into_iter().map(judge).collect())
    }

    /// Writes down what the answers say. A STATUS confirms and decides nothing; what a researcher says may change a status, so no other
    /// change may come in between.
    async fn act(&self, confirmed: &[(Uuid, u32)], received: &[Received], passages: &[Passage]) -> Result<(), Trouble> {
        let store = self.service.store();
        let now = self.service.context().clock.now();
        let fewer = |settled: &u64| -signed(*settled);
        if received.is_empty() {
            self.service.counted(store.confirm(confirmed, now, passages), fewer).await?;
            return Ok(());
        }
        let _deciding = self.service.deciding.lock().await;
        if !confirmed.is_empty() {
            self.service.counted(store.confirm(confirmed, now, &[]), fewer).await?;
        }
        self.service.counted(store.feedback(received, now, passages), fewer).await?;
        Ok(())
    }

    async fn set_aside(
        &self,
        publication: &Publication<FeedbackDelivery>,
        item: &DeliveredItem,
        code: &'static str,
        trace: Option<TraceParent>,
    ) -> Result<(), Trouble> {
        let parts = &self.service.parts;
        let dead = DeadLetter {
            incoming: publication.id,
            item: item.id,
            source: publication.source.clone(),
            code,
            data: FeedbackDelivery { items: vec![item.clone()] },
        };
        let route = Arrow::ToHd4dp.dead_route(Some(&parts.nihdi));
        dead.publish(&*parts.broker, &route, parts.context.clock.now(), trace).await
    }

    /// Takes publications in, each with its place in a trace.
    async fn take(&self, publications: &[(Publication<FeedbackDelivery>, Option<TraceParent>)]) -> Result<(), Trouble> {
        let parts = &self.service.parts;
        let now = parts.context.clock.now();
        let queue = Arrow::ToHd4dp.queue(Some(&parts.nihdi)).to_string();
        let (mut confirmed, mut received, mut receipts, mut passages) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (publication, trace) in publications {
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
                        let version = read.version();
                        receipts.extend(read.receipt(parts.nihdi.as_str()));
                        match read.received() {
                            Some(feedback) => received.push(feedback),
                            None => confirmed.push(version),
                        }
                        arrived.push(item.id.uuid());
                    }
                    Err(Disposition::Ignore(code)) => {
                        passages.push(passage(Outcome::Ignored(code.to_owned()), vec![item.id.uuid()]))
                    }
                    Err(Disposition::DeadLetter(code)) => {
                        self.set_aside(publication, item, code, *trace).await?;
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
        self.act(&confirmed, &received, &passages).await?;
        parts.context.reach(SERVICE, Point::AfterCommit).await;
        self.service.receipts.note(receipts);
        Ok(())
    }
}

#[async_trait]
impl Handle for Answers {
    type Error = Trouble;

    async fn handle(&self, batch: &[Delivery]) -> Result<Vec<Verdict>, Trouble> {
        let (publications, verdicts) = host::station::read_all::<FeedbackDelivery>(batch);
        let placed: Vec<_> = publications.into_iter().zip(host::station::places(batch, &verdicts)).collect();
        self.take(&placed).await?;
        Ok(verdicts)
    }
}
