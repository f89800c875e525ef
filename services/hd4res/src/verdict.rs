//! Step 7 back at work: takes the data warehouse's verdicts.

use std::sync::Arc;

use async_trait::async_trait;
use broker::{Delivery, TraceParent};
use clock::Timestamp;
use envelope::Publication;
use hd_messages::{Verdict as VerdictMessage, VerdictItem};
use host::{DeadLetter, Handle, Point, Trouble, Verdict, station};
use pseudonymised::SenderCode;
use store::{Outcome, Passage};
use topology::Arrow;

use crate::{
    error::ItemError,
    service::{Hd4res, SERVICE},
    store::Judged,
};

/// Takes verdicts.
pub struct Verdicts {
    service: Arc<Hd4res>,
}

fn read(item: &VerdictItem, at: Timestamp) -> Result<Judged, ItemError> {
    let sender: SenderCode = item.sender.parse().map_err(|_| ItemError::Pseudonym)?;
    Ok(Judged { item_id: item.id.uuid(), sender: sender.to_string(), is_clean: item.clean, at })
}

impl Verdicts {
    pub(crate) fn new(service: Arc<Hd4res>) -> Self {
        Self { service }
    }

    async fn take(&self, publication: &Publication<VerdictMessage>, trace: Option<TraceParent>) -> Result<(), Trouble> {
        let (service, context) = (&self.service, &self.service.context);
        let at = context.clock.now();
        let (mut judged, mut bad) = (Vec::with_capacity(publication.data.items.len()), Vec::new());
        for item in &publication.data.items {
            match read(item, at) {
                Ok(one) => judged.push((item, one)),
                Err(error) => bad.push((item, error)),
            }
        }
        let passage = Passage {
            publication: publication.id.uuid(),
            step: Arrow::Verdicts.step(),
            queue: Arrow::Verdicts.queue(None).to_string(),
            at,
            outcome: Outcome::Arrived,
            items: judged.iter().map(|(item, _)| item.id.uuid()).collect(),
        };
        let verdicts: Vec<Judged> = judged.iter().map(|(_, one)| one.clone()).collect();
        context.reach(SERVICE, Point::BeforeCommit).await;
        let known = service.store.judge(&verdicts, std::slice::from_ref(&passage)).await?;
        if service.approves_automatically {
            service.feedback_waits.notify_one();
        }
        context.reach(SERVICE, Point::AfterCommit).await;
        let unknown = judged.iter().zip(known).filter(|(_, known)| !known).map(|((item, _), _)| (*item, ItemError::UnknownItem));
        bad.extend(unknown);
        for (item, error) in bad {
            let dead = DeadLetter {
                incoming: publication.id,
                item: item.id,
                source: publication.source.clone(),
                code: error.code(),
                data: VerdictMessage { items: vec![item.clone()] },
            };
            dead.publish(&*service.broker, &Arrow::Verdicts.dead_route(None), context.clock.now(), trace).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Handle for Verdicts {
    type Error = Trouble;

    async fn handle(&self, batch: &[Delivery]) -> Result<Vec<Verdict>, Trouble> {
        let (publications, verdicts) = station::read_all::<VerdictMessage>(batch);
        for (publication, trace) in publications.iter().zip(station::places(batch, &verdicts)) {
            self.take(publication, trace).await?;
        }
        Ok(verdicts)
    }
}
