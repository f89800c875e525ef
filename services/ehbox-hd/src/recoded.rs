//! Re-coding, R2: takes what the TTP answers.

use std::sync::Arc;

use async_trait::async_trait;
use broker::{Broker, Delivery, TraceParent};
use envelope::{
    Publication,
    sealed::{RecodeAnswer, RecodeAnswerItem},
};
use host::{DeadLetter, Handle, Point, Station, Trouble, Verdict, Work, station};
use pseudonymised::RecodedPart;
use recoding::learn::alarm;
use sealing::{
    KeyId, Opener, Part,
    keys::{MessagingKeys, Party},
};
use store::{Outcome, Passage};
use topology::Arrow;

use crate::{
    error::ItemError,
    recode::Wakes,
    service::{Client, SERVICE},
    store::{Answer, HdStore},
};

/// Takes answers.
pub(crate) struct Answers {
    pub(crate) client: Client,
    pub(crate) store: Arc<dyn HdStore>,
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) wakes: Arc<Wakes>,
}

fn opener(keys: &MessagingKeys, data: &RecodeAnswer) -> Result<Opener, ItemError> {
    let ttp = keys.public.keys(Party::EhealthTtp).map_err(|_| ItemError::UnknownParty)?.all();
    Ok(keys.keyring.opener(Part::Recoded, ttp, KeyId(data.pairs.key.0), &data.pairs.enc.0)?)
}

/// Whether it opens the publication, as the first item shows.
fn fits(opener: &Opener, data: &RecodeAnswer) -> bool {
    data.items.first().is_none_or(|item| opener.open(item.id.as_bytes(), &item.pairs).is_ok())
}

fn read(opener: &Opener, item: &RecodeAnswerItem) -> Result<Vec<Answer>, ItemError> {
    let part = opener.open(item.id.as_bytes(), &item.pairs)?;
    let part = RecodedPart::decode(&part).map_err(|_| ItemError::RecodePart)?;
    let text = |(old, new): &(pseudonymised::Pseudonym, Option<pseudonymised::Pseudonym>)| Answer {
        old: old.to_string(),
        new: new.as_ref().map(ToString::to_string),
    };
    Ok(part.answers().iter().map(text).collect())
}

impl Answers {
    pub(crate) fn work(self) -> Work {
        let queue = Arrow::RecodeAnswer.queue(None);
        let station = Station::new(SERVICE, queue, Arc::clone(&self.broker), self.client.context.clone());
        station.work(Arc::new(self))
    }

    async fn take(&self, publication: Publication<RecodeAnswer>, trace: Option<TraceParent>) -> Result<Verdict, Trouble> {
        let made = self.client.keys.open(|keys| opener(keys, &publication.data), |opener| fits(opener, &publication.data));
        let (_, opener) = made.map_err(|error| Trouble::Keys(error.into()))?;
        let (queue, at) = (Arrow::RecodeAnswer.queue(None), self.client.context.clock.now());
        let passage = |queue: String, outcome, items| Passage {
            publication: publication.id.uuid(),
            step: Arrow::RecodeAnswer.step(),
            queue,
            at,
            outcome,
            items,
        };
        let data = &publication.data;
        let opener = match opener {
            Ok(opener) => opener,
            Err(error) => {
                let outcome = Outcome::DeadLettered(error.code().to_owned());
                let items = data.items.iter().map(|item| item.id.uuid()).collect();
                self.store.record(&[passage(queue.to_string(), outcome, items)]).await?;
                return Ok(Verdict::Unreadable(error.code()));
            }
        };
        let (mut answers, mut good, mut bad) = (Vec::new(), Vec::new(), Vec::new());
        for item in &data.items {
            match read(&opener, item) {
                Ok(of_item) => {
                    answers.extend(of_item);
                    good.push(item.id.uuid());
                }
                Err(error) => bad.push((item, error.code())),
            }
        }
        let mut passages = vec![passage(queue.to_string(), Outcome::Arrived, good)];
        passages.extend(bad.iter().map(|(item, code)| {
            passage(queue.dead().to_string(), Outcome::DeadLettered((*code).to_owned()), vec![item.id.uuid()])
        }));
        self.client.context.reach(SERVICE, Point::BeforeCommit).await;
        let findings = self.store.answered(&answers, at, &passages).await?;
        alarm(SERVICE, &findings);
        self.client.context.reach(SERVICE, Point::AfterCommit).await;
        for (item, code) in bad {
            let alone = RecodeAnswer { pairs: data.pairs.clone(), items: vec![item.clone()] };
            let (incoming, source) = (publication.id, publication.source.clone());
            let letter = DeadLetter { incoming, item: item.id, source, code, data: alone };
            letter.publish(&*self.broker, &Arrow::RecodeAnswer.dead_route(None), at, trace).await?;
        }
        self.wakes.answer.notify_one();
        self.wakes.tell.notify_one();
        Ok(Verdict::Done)
    }
}

#[async_trait]
impl Handle for Answers {
    type Error = Trouble;

    async fn handle(&self, batch: &[Delivery]) -> Result<Vec<Verdict>, Trouble> {
        let (publications, mut verdicts) = station::read_all::<RecodeAnswer>(batch);
        let places: Vec<_> = station::places(batch, &verdicts).collect();
        let readable = verdicts.iter_mut().filter(|verdict| **verdict == Verdict::Done);
        for (verdict, (publication, trace)) in readable.zip(publications.into_iter().zip(places)) {
            *verdict = self.take(publication, trace).await?;
        }
        Ok(verdicts)
    }
}
