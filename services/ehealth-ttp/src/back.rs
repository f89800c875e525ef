//! Step 4 back: gives the identity back to the hospital that sent it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use envelope::{
    B64, ItemId, Publication,
    sealed::{Encapsulation, ReturnPart, ReturnedFeedback, ReturnedItem, SealedFeedback, SealedFeedbackItem},
};
use host::{BadItem, Passed, Refusal, Transform};
use identifying::{Identity, IdentityPart};
use sealing::{KeyId, Opener, Part, Sealer, keys::Party};
use topology::{Arrow, Nihdi};

use crate::{
    error::{ItemError, belongs},
    service::Ttp,
};

/// Passes feedback on to the hospitals.
pub struct Back {
    pub(crate) ttp: Ttp,
}

/// The feedback for one hospital.
struct ForHospital {
    sealer: Sealer,
    items: Vec<ReturnedItem>,
}

impl Back {
    fn opener(&self, data: &SealedFeedback) -> Result<Opener, ItemError> {
        let keys = &self.ttp.keys;
        let hd = keys.public.keys(Party::EhboxHd).map_err(|_| ItemError::UnknownParty)?.all();
        Ok(keys.keyring.opener(Part::Return, hd, KeyId(data.r#return.key.0), &data.r#return.enc.0)?)
    }

    /// Who the feedback is for, and about whom.
    fn read(&self, opener: &Opener, item: &SealedFeedbackItem) -> Result<(Nihdi, Identity), ItemError> {
        let part = opener.open(item.id.as_bytes(), &item.r#return)?;
        let part = ReturnPart::decode(&part).map_err(|error| ItemError::ReturnPart(error.code()))?;
        belongs(&part.feedback_hash, &item.feedback)?;
        let handle = self.ttp.handles.open(&part.handle)?;
        Ok((handle.sender.parse().map_err(|_| ItemError::Handle)?, handle.identity))
    }

    fn sealer(&self, nihdi: Nihdi) -> Result<Sealer, ItemError> {
        let hospital = self.ttp.keys.public.keys(Party::EhboxHco(nihdi)).map_err(|_| ItemError::UnknownParty)?.current();
        Ok(self.ttp.keys.keyring.sealer(Part::ReturnedIdentity, hospital)?)
    }

    fn turn(
        &self,
        opener: &Opener,
        hospitals: &mut BTreeMap<Nihdi, ForHospital>,
        item: &SealedFeedbackItem,
    ) -> Result<(), ItemError> {
        let (nihdi, identity) = self.read(opener, item)?;
        let hospital = match hospitals.entry(nihdi) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => {
                new.insert(ForHospital { sealer: self.sealer(nihdi)?, items: Vec::new() })
            }
        };
        let part = IdentityPart { identity, content_hash: envelope::content_hash(&item.feedback) };
        let identity = hospital.sealer.seal(item.id.as_bytes(), &part.encode())?;
        hospital.items.push(ReturnedItem { id: item.id, identity: B64(identity), feedback: item.feedback.clone() });
        Ok(())
    }
}

#[async_trait]
impl Transform for Back {
    type In = SealedFeedback;
    type Out = ReturnedFeedback;

    async fn transform(
        &self,
        publication: Publication<SealedFeedback>,
    ) -> Result<Passed<SealedFeedback, ReturnedFeedback>, Refusal> {
        let mut data = publication.data;
        let opener = self.opener(&data).map_err(|error| Refusal::Envelope(error.code()))?;
        let (mut hospitals, mut bad) = (BTreeMap::new(), Vec::new());
        for item in std::mem::take(&mut data.items) {
            if let Err(error) = self.turn(&opener, &mut hospitals, &item) {
                let (id, code) = (item.id, error.code());
                let alone =
                    SealedFeedback { r#return: data.r#return.clone(), feedback: data.feedback.clone(), items: vec![item] };
                bad.push(BadItem { id, code, data: alone });
            }
        }
        let onward = hospitals.into_iter().filter(|(_, hospital)| !hospital.items.is_empty()).map(|(nihdi, hospital)| {
            let (key, enc) = hospital.sealer.encapsulation();
            let returned = ReturnedFeedback {
                identity: Encapsulation::new(key.0, enc),
                feedback: data.feedback.clone(),
                items: hospital.items,
            };
            let incoming = publication.id.derived(nihdi.as_str());
            (Arrow::ToHco.route(Some(&nihdi)), self.ttp.envelope(incoming, returned))
        });
        Ok(Passed { onward: onward.collect(), bad })
    }

    fn items(data: &SealedFeedback) -> Vec<ItemId> {
        data.items.iter().map(|item| item.id).collect()
    }

    fn split(data: SealedFeedback) -> Vec<SealedFeedback> {
        let (handle, feedback) = (data.r#return, data.feedback);
        let alone = |item| SealedFeedback { r#return: handle.clone(), feedback: feedback.clone(), items: vec![item] };
        data.items.into_iter().map(alone).collect()
    }

    fn passed(data: &ReturnedFeedback) -> Vec<ItemId> {
        data.items.iter().map(|item| item.id).collect()
    }
}
