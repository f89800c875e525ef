//! Step 4: seals what HD4DP handed over, the identity for the TTP and the content for healthdata.

use async_trait::async_trait;
use envelope::{
    B64, ItemId, Publication, content_hash,
    sealed::{ContentSeal, Encapsulation, SealedItem, SealedSubmission},
};
use hco_messages::{Submission, SubmissionItem};
use host::{BadItem, Passed, Refusal, Transform};
use identifying::IdentityPart;
use sealing::{Part, Sealer, keys::Party, seal_header};
use topology::Arrow;

use crate::{error::ItemError, service::Client};

/// Passes registrations on to the TTP.
pub struct Forward {
    pub(crate) client: Client,
}

/// The seals of one publication.
struct Seals {
    identity: Sealer,
    content: Sealer,
    header: Vec<u8>,
}

impl Forward {
    fn seals(&self) -> Result<Seals, ItemError> {
        let keys = self.client.keys.get();
        let ttp = keys.public.keys(Party::EhealthTtp).map_err(|_| ItemError::UnknownParty)?.current();
        let hd = keys.public.keys(Party::EhboxHd).map_err(|_| ItemError::UnknownParty)?.current();
        Ok(Seals {
            identity: keys.keyring.sealer(Part::Identity, ttp)?,
            content: keys.keyring.sealer(Part::Content, hd)?,
            header: seal_header(hd, keys.keyring.public().id())?,
        })
    }
}

impl Seals {
    fn seal(&mut self, item: &SubmissionItem) -> Result<SealedItem, ItemError> {
        let identity = item.identity.parse().map_err(|_| ItemError::Identity)?;
        let content = self.content.seal(item.id.as_bytes(), &item.content)?;
        // The identity names the content that it belongs to, so that nobody can give it another one.
        let part = IdentityPart { identity, content_hash: content_hash(&content) };
        let identity = self.identity.seal(item.id.as_bytes(), &part.encode())?;
        Ok(SealedItem { id: item.id, identity: B64(identity), content: B64(content) })
    }

    fn encapsulation(sealer: &Sealer) -> Encapsulation {
        let (key, enc) = sealer.encapsulation();
        Encapsulation::new(key.0, enc)
    }

    fn into_submission(self, items: Vec<SealedItem>) -> SealedSubmission {
        let (key, enc) = self.content.encapsulation();
        SealedSubmission {
            identity: Self::encapsulation(&self.identity),
            content: ContentSeal::new(key.0, enc, self.header),
            items,
        }
    }
}

#[async_trait]
impl Transform for Forward {
    type In = Submission;
    type Out = SealedSubmission;

    async fn transform(&self, publication: Publication<Submission>) -> Result<Passed<Submission, SealedSubmission>, Refusal> {
        let mut seals = self.seals().map_err(|error| Refusal::Envelope(error.code()))?;
        let (mut sealed, mut bad) = (Vec::with_capacity(publication.data.items.len()), Vec::new());
        for item in publication.data.items {
            match seals.seal(&item) {
                Ok(item) => sealed.push(item),
                Err(error) => bad.push(BadItem { id: item.id, code: error.code(), data: Submission { items: vec![item] } }),
            }
        }
        let mut onward = Vec::new();
        if !sealed.is_empty() {
            let id = publication.id.derived("sealed");
            let now = self.client.context.clock.now();
            let publication = Publication::new(id, self.client.source.clone(), now, seals.into_submission(sealed));
            onward.push((Arrow::ToTtp.route(None), publication));
        }
        Ok(Passed { onward, bad })
    }

    fn items(data: &Submission) -> Vec<ItemId> {
        data.items.iter().map(|item| item.id).collect()
    }

    fn split(data: Submission) -> Vec<Submission> {
        data.items.into_iter().map(|item| Submission { items: vec![item] }).collect()
    }

    fn passed(data: &SealedSubmission) -> Vec<ItemId> {
        data.items.iter().map(|item| item.id).collect()
    }
}
