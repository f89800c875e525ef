//! Step 6: opens what the TTP passed on, inspects it, and hands it to HD4RES.

use std::sync::Arc;

use async_trait::async_trait;
use clock::Timestamp;
use envelope::{
    B64, ItemId, KeyIdHex, Publication, Text, content_hash,
    sealed::{PseudonymisedItem, PseudonymisedSubmission},
};
use hd_messages::{Arrival, ArrivalItem};
use host::{BadItem, Passed, Refusal, Transform, Trouble};
use pseudonymised::PseudonymPart;
use registration::Submitted;
use sealing::{
    KeyId, Opener, Part,
    keys::{MessagingKeys, Party},
};
use store::StoreError;
use topology::{Arrow, Nihdi};

use crate::{
    error::ItemError,
    inspect::Inspection,
    recode::Wakes,
    service::Client,
    store::{Binding, Bound, HdStore},
};

/// Passes registrations on to HD4RES.
pub struct Forward {
    pub(crate) client: Client,
    pub(crate) store: Arc<dyn HdStore>,
    pub(crate) inspection: Arc<Inspection>,
    pub(crate) wakes: Arc<Wakes>,
}

/// What opens one publication, and whose it is.
struct Openers {
    pseudonym: Opener,
    content: Opener,
    hospital: Nihdi,
    hospital_key: KeyId,
}

impl Openers {
    /// Whether these open both parts of the publication, as its first item shows.
    fn fit(&self, data: &PseudonymisedSubmission) -> bool {
        data.items.first().is_none_or(|item| {
            let id = item.id.as_bytes();
            self.pseudonym.open(id, &item.pseudonym).is_ok() && self.content.open(id, &item.content).is_ok()
        })
    }
}

/// An item that was opened and inspected.
struct Opened {
    sealed: PseudonymisedItem,
    arrival: ArrivalItem,
    binding: Binding,
}

impl Forward {
    fn openers(keys: &MessagingKeys, data: &PseudonymisedSubmission) -> Result<Openers, ItemError> {
        let own = KeyId(data.content.key.0);
        let hospital_key = keys.keyring.open_header(own, &data.content.header)?;
        let (party, key) = keys.public.by_id(hospital_key).ok_or(ItemError::UnknownParty)?;
        let Party::EhboxHco(hospital) = party else { return Err(ItemError::UnknownParty) };
        let content = keys.keyring.opener(Part::Content, std::slice::from_ref(key), own, &data.content.enc.0)?;
        let ttp = keys.public.keys(Party::EhealthTtp).map_err(|_| ItemError::UnknownParty)?.all();
        let seal = &data.pseudonym;
        let pseudonym = keys.keyring.opener(Part::Pseudonym, ttp, KeyId(seal.key.0), &seal.enc.0)?;
        Ok(Openers { pseudonym, content, hospital, hospital_key })
    }

    fn open(&self, openers: &Openers, item: &PseudonymisedItem) -> Result<(ArrivalItem, Binding), ItemError> {
        let part = openers.pseudonym.open(item.id.as_bytes(), &item.pseudonym)?;
        let part = PseudonymPart::decode(&part).map_err(|_| ItemError::PseudonymPart)?;
        if part.content_hash != content_hash(&item.content) {
            return Err(ItemError::Swapped);
        }
        let bytes = openers.content.open(item.id.as_bytes(), &item.content)?;
        let submitted = Submitted::decode(&bytes).map_err(|_| ItemError::Content)?;
        self.inspection.inspect(&submitted, openers.hospital.as_str())?;
        let binding = Binding {
            sender: part.sender.to_string(),
            hospital: openers.hospital,
            tag: submitted.patient_tag(),
            pseudonym: part.pseudonym.to_string(),
        };
        let arrival = ArrivalItem {
            id: item.id,
            pseudonym: Text::from(&part.pseudonym),
            recoded_from: Vec::new(),
            sender: Text::from(&part.sender),
            hospital: KeyIdHex(openers.hospital_key.0),
            handle: B64(part.handle),
            content: B64(bytes),
        };
        Ok((arrival, binding))
    }
}

/// Remembers what belongs together, and wakes who asks and who tells where that may have been something new.
async fn bind(
    store: &dyn HdStore,
    wakes: &Wakes,
    bindings: &[&Binding],
    at: Timestamp,
) -> Result<Vec<Option<Bound>>, StoreError> {
    let bound = store.bind(bindings, at).await;
    // What was learned without anybody hearing so is nothing new the next time.
    if bound.as_ref().map_or(true, |bound| bound.iter().flatten().any(|one| one.wakes)) {
        wakes.ask.notify_one();
        wakes.tell.notify_one();
    }
    bound
}

/// The item under its patient's latest pseudonym, with the earlier ones: so that nobody behind this must know the pair before the item.
fn recoded(arrival: ArrivalItem, bound: Bound) -> ArrivalItem {
    let recoded_from = bound.earlier.into_iter().take(hd_messages::EARLIER_MAX).map(Text::unchecked).collect();
    ArrivalItem { pseudonym: Text::unchecked(bound.pseudonym), recoded_from, ..arrival }
}

fn alone(data: &PseudonymisedSubmission, item: PseudonymisedItem, error: &ItemError) -> BadItem<PseudonymisedSubmission> {
    let (id, code) = (item.id, error.code());
    let (pseudonym, content) = (data.pseudonym.clone(), data.content.clone());
    BadItem { id, code, data: PseudonymisedSubmission { pseudonym, content, items: vec![item] } }
}

#[async_trait]
impl Transform for Forward {
    type In = PseudonymisedSubmission;
    type Out = Arrival;

    async fn transform(
        &self,
        publication: Publication<PseudonymisedSubmission>,
    ) -> Result<Passed<PseudonymisedSubmission, Arrival>, Refusal> {
        let mut data = publication.data;
        let made = self.client.keys.open(|keys| Self::openers(keys, &data), |openers| openers.fit(&data));
        let (_, openers) = made.map_err(|error| Trouble::Keys(error.into()))?;
        let openers = openers.map_err(|error| Refusal::Envelope(error.code()))?;
        let (mut opened, mut bad) = (Vec::with_capacity(data.items.len()), Vec::new());
        for item in std::mem::take(&mut data.items) {
            match self.open(&openers, &item) {
                Ok((arrival, binding)) => opened.push(Opened { sealed: item, arrival, binding }),
                Err(error) => bad.push(alone(&data, item, &error)),
            }
        }
        let bindings: Vec<&Binding> = opened.iter().map(|one| &one.binding).collect();
        let bound = bind(&*self.store, &self.wakes, &bindings, self.client.context.clock.now()).await.map_err(Trouble::from)?;
        let mut items = Vec::with_capacity(opened.len());
        for (one, bound) in opened.into_iter().zip(bound) {
            if let Some(bound) = bound {
                items.push(recoded(one.arrival, bound));
            } else {
                tracing::error!(item = %one.sealed.id, "ALARM: a tag and a pseudonym do not belong together; the item is held");
                bad.push(alone(&data, one.sealed, &ItemError::Tag));
            }
        }
        let mut onward = Vec::new();
        if !items.is_empty() {
            let (id, now) = (publication.id.derived("opened"), self.client.context.clock.now());
            let publication = Publication::new(id, self.client.source.clone(), now, Arrival { items });
            onward.push((Arrow::ToHd4res.route(None), publication));
        }
        Ok(Passed { onward, bad })
    }

    fn items(data: &PseudonymisedSubmission) -> Vec<ItemId> {
        data.items.iter().map(|item| item.id).collect()
    }

    fn split(data: PseudonymisedSubmission) -> Vec<PseudonymisedSubmission> {
        let (pseudonym, content) = (data.pseudonym, data.content);
        let alone = |item| PseudonymisedSubmission { pseudonym: pseudonym.clone(), content: content.clone(), items: vec![item] };
        data.items.into_iter().map(alone).collect()
    }

    fn passed(data: &Arrival) -> Vec<ItemId> {
        data.items.iter().map(|item| item.id).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use tokio::sync::Notify;

    use super::*;
    use crate::store::MemoryStore;

    fn is_woken(wake: &Notify) -> bool {
        pin!(wake.notified()).enable()
    }

    /// Of a bind that failed nobody knows whether it was done, and when the publication comes again it brings nothing new.
    #[tokio::test]
    async fn a_bind_whose_answer_is_lost_wakes_who_asks_and_who_tells() {
        let (store, wakes) = (MemoryStore::default(), Wakes::default());
        let pseudonym = pseudonymised::Pseudonym::assemble("healthdata", 1, &"A".repeat(26)).unwrap().to_string();
        let binding = Binding { sender: "SA".to_owned(), hospital: "00000196".parse().unwrap(), tag: [1; 16], pseudonym };
        store.lost_answers.lose(1);
        bind(&store, &wakes, &[&binding], Timestamp::EPOCH).await.unwrap_err();
        assert!(is_woken(&wakes.ask) && is_woken(&wakes.tell));

        let again = bind(&store, &wakes, &[&binding], Timestamp::EPOCH).await.unwrap();
        assert!(again[0].as_ref().is_some_and(|bound| !bound.wakes), "{again:?}");
        assert!(!is_woken(&wakes.ask) && !is_woken(&wakes.tell));
    }
}
