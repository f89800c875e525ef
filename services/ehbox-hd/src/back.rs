//! Step 5 back: seals HD4RES's feedback for the hospital, and the return handle for the TTP.

use std::collections::BTreeMap;

use async_trait::async_trait;
use envelope::{
    B64, ItemId, Publication, content_hash,
    sealed::{Encapsulation, ReturnPart, SealedFeedback, SealedFeedbackItem},
};
use hd_messages::{OutgoingFeedback, OutgoingItem};
use host::{BadItem, Passed, Refusal, Transform};
use sealing::{
    KeyId, Part, Sealer,
    keys::{MessagingKeys, Party},
};
use topology::{Arrow, Nihdi};

use crate::{error::ItemError, service::Client};

/// Passes feedback on to the TTP.
pub struct Back {
    pub(crate) client: Client,
}

/// The feedback for one hospital: one publication, since it is sealed for one key.
struct ForHospital {
    feedback: Sealer,
    handle: Sealer,
    items: Vec<SealedFeedbackItem>,
}

impl Back {
    fn for_hospital(keys: &MessagingKeys, hospital: Nihdi) -> Result<ForHospital, ItemError> {
        let key_of = |party| keys.public.keys(party).map_err(|_| ItemError::UnknownParty);
        Ok(ForHospital {
            feedback: keys.keyring.sealer(Part::Feedback, key_of(Party::EhboxHco(hospital))?.current())?,
            handle: keys.keyring.sealer(Part::Return, key_of(Party::EhealthTtp)?.current())?,
            items: Vec::new(),
        })
    }

    fn seal(keys: &MessagingKeys, hospitals: &mut BTreeMap<Nihdi, ForHospital>, item: &OutgoingItem) -> Result<(), ItemError> {
        let feedback = item.feedback().map_err(|_| ItemError::Feedback)?;
        if feedback.comments().iter().any(|comment| pseudonym_shape::contains_pseudonym(&comment.text)) {
            return Err(ItemError::Pseudonym);
        }
        let Some((Party::EhboxHco(hospital), _)) = keys.public.by_id(KeyId(item.hospital.0)) else {
            return Err(ItemError::UnknownParty);
        };
        let hospital = match hospitals.entry(hospital) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => new.insert(Self::for_hospital(keys, hospital)?),
        };
        let feedback = hospital.feedback.seal(item.id.as_bytes(), &item.feedback)?;
        let part = ReturnPart { handle: item.handle.0.clone(), feedback_hash: content_hash(&feedback) };
        let part = part.encode().map_err(|_| ItemError::Feedback)?;
        let handle = hospital.handle.seal(item.id.as_bytes(), &part)?;
        hospital.items.push(SealedFeedbackItem { id: item.id, r#return: B64(handle), feedback: B64(feedback) });
        Ok(())
    }
}

fn encapsulation(sealer: &Sealer) -> Encapsulation {
    let (key, enc) = sealer.encapsulation();
    Encapsulation::new(key.0, enc)
}

#[async_trait]
impl Transform for Back {
    type In = OutgoingFeedback;
    type Out = SealedFeedback;

    async fn transform(
        &self,
        publication: Publication<OutgoingFeedback>,
    ) -> Result<Passed<OutgoingFeedback, SealedFeedback>, Refusal> {
        let (mut hospitals, mut bad) = (BTreeMap::new(), Vec::new());
        let keys = self.client.keys.get();
        for item in publication.data.items {
            if let Err(error) = Self::seal(&keys, &mut hospitals, &item) {
                bad.push(BadItem { id: item.id, code: error.code(), data: OutgoingFeedback { items: vec![item] } });
            }
        }
        let now = self.client.context.clock.now();
        let onward = hospitals.into_iter().filter(|(_, hospital)| !hospital.items.is_empty()).map(|(nihdi, hospital)| {
            let sealed = SealedFeedback {
                r#return: encapsulation(&hospital.handle),
                feedback: encapsulation(&hospital.feedback),
                items: hospital.items,
            };
            let id = publication.id.derived(&format!("sealed {nihdi}"));
            (Arrow::ToTtpBack.route(None), Publication::new(id, self.client.source.clone(), now, sealed))
        });
        Ok(Passed { onward: onward.collect(), bad })
    }

    fn items(data: &OutgoingFeedback) -> Vec<ItemId> {
        data.items.iter().map(|item| item.id).collect()
    }

    fn split(data: OutgoingFeedback) -> Vec<OutgoingFeedback> {
        data.items.into_iter().map(|item| OutgoingFeedback { items: vec![item] }).collect()
    }

    fn passed(data: &SealedFeedback) -> Vec<ItemId> {
        data.items.iter().map(|item| item.id).collect()
    }
}
