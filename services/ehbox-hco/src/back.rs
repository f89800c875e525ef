//! Step 3 back: opens the TTP's identity and healthdata's feedback for HD4DP.

use async_trait::async_trait;
use envelope::{
    ItemId, Publication,
    sealed::{Encapsulation, ReturnedFeedback, ReturnedItem},
};
use hco_messages::{DeliveredItem, FeedbackDelivery};
use host::{BadItem, Passed, Refusal, Transform, Trouble};
use identifying::IdentityPart;
use registration::Feedback;
use sealing::{
    KeyId, Opener, Part,
    keys::{MessagingKeys, Party},
};
use topology::Arrow;

use crate::{
    error::{ItemError, belongs},
    service::Client,
};

/// Passes feedback on to HD4DP.
pub struct Back {
    pub(crate) client: Client,
}

/// What opens one publication.
struct Openers {
    identity: Opener,
    feedback: Opener,
}

impl Back {
    fn opener(keys: &MessagingKeys, part: Part, sender: Party, seal: &Encapsulation) -> Result<Opener, ItemError> {
        let senders = keys.public.keys(sender).map_err(|_| ItemError::UnknownParty)?.all();
        Ok(keys.keyring.opener(part, senders, KeyId(seal.key.0), &seal.enc.0)?)
    }

    fn openers(keys: &MessagingKeys, data: &ReturnedFeedback) -> Result<Openers, ItemError> {
        Ok(Openers {
            identity: Self::opener(keys, Part::ReturnedIdentity, Party::EhealthTtp, &data.identity)?,
            feedback: Self::opener(keys, Part::Feedback, Party::EhboxHd, &data.feedback)?,
        })
    }
}

impl Openers {
    /// Whether these open both parts of the publication, as its first item shows.
    fn fit(&self, data: &ReturnedFeedback) -> bool {
        data.items.first().is_none_or(|item| {
            let id = item.id.as_bytes();
            self.identity.open(id, &item.identity).is_ok() && self.feedback.open(id, &item.feedback).is_ok()
        })
    }

    fn open(&self, item: &ReturnedItem) -> Result<DeliveredItem, ItemError> {
        let part = self.identity.open(item.id.as_bytes(), &item.identity)?;
        let part = IdentityPart::decode(&part).map_err(|_| ItemError::Identity)?;
        belongs(&part.content_hash, &item.feedback)?;
        let bytes = self.feedback.open(item.id.as_bytes(), &item.feedback)?;
        let feedback = Feedback::decode(&bytes).map_err(|_| ItemError::Feedback)?;
        if feedback.comments().iter().any(|comment| pseudonym_shape::contains_pseudonym(&comment.text)) {
            return Err(ItemError::Pseudonym);
        }
        Ok(DeliveredItem::new(item.id, &part.identity, bytes))
    }
}

#[async_trait]
impl Transform for Back {
    type In = ReturnedFeedback;
    type Out = FeedbackDelivery;

    async fn transform(
        &self,
        publication: Publication<ReturnedFeedback>,
    ) -> Result<Passed<ReturnedFeedback, FeedbackDelivery>, Refusal> {
        let data = publication.data;
        let made = self.client.keys.open(|keys| Self::openers(keys, &data), |openers| openers.fit(&data));
        let (_, openers) = made.map_err(|error| Trouble::Keys(error.into()))?;
        let openers = openers.map_err(|error| Refusal::Envelope(error.code()))?;
        let (mut items, mut bad) = (Vec::with_capacity(data.items.len()), Vec::new());
        for item in data.items {
            match openers.open(&item) {
                Ok(item) => items.push(item),
                Err(error) => {
                    let (identity, feedback) = (data.identity.clone(), data.feedback.clone());
                    let id = item.id;
                    bad.push(BadItem {
                        id,
                        code: error.code(),
                        data: ReturnedFeedback { identity, feedback, items: vec![item] },
                    });
                }
            }
        }
        let mut onward = Vec::new();
        if !items.is_empty() {
            let (id, now) = (publication.id.derived("opened"), self.client.context.clock.now());
            let publication = Publication::new(id, self.client.source.clone(), now, FeedbackDelivery { items });
            onward.push((Arrow::ToHd4dp.route(Some(&self.client.nihdi)), publication));
        }
        Ok(Passed { onward, bad })
    }

    fn items(data: &ReturnedFeedback) -> Vec<ItemId> {
        data.items.iter().map(|item| item.id).collect()
    }

    fn split(data: ReturnedFeedback) -> Vec<ReturnedFeedback> {
        let (identity, feedback) = (data.identity, data.feedback);
        let alone = |item| ReturnedFeedback { identity: identity.clone(), feedback: feedback.clone(), items: vec![item] };
        data.items.into_iter().map(alone).collect()
    }

    fn passed(data: &FeedbackDelivery) -> Vec<ItemId> {
        data.items.iter().map(|item| item.id).collect()
    }
}
