//! Step 4 back: gives the identity back to the hospital that sent it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use envelope::{
    B64, ItemId, Publication,
    sealed::{Encapsulation, ReturnPart, ReturnedFeedback, ReturnedItem, SealedFeedback, SealedFeedbackItem},
};
use host::{BadItem, Passed, Refusal, Transform, Trouble};
use identifying::{Identity, IdentityPart};
use sealing::{
    KeyId, Opener, Part, Sealer,
    keys::{Party, TtpKeys},
};
use topology::{Arrow, Nihdi};

use crate::{
    error::{ItemError, belongs},
    service::Ttp,
    tools::Tools,
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
    fn opener(keys: &TtpKeys, data: &SealedFeedback) -> Result<Opener, ItemError> {
        let hd = keys.public.keys(Party::EhboxHd).map_err(|_| ItemError::UnknownParty)?.all();
        Ok(keys.keyring.opener(Part::Return, hd, KeyId(data.r#return.key.0), &data.r#return.enc.0)?)
    }

    /// Whether it opens the publication, as the first item shows.
    fn fits(opener: &Opener, data: &SealedFeedback) -> bool {
        data.items.first().is_none_or(|item| opener.open(item.id.as_bytes(), &item.r#return).is_ok())
    }
}

/// The way back of one publication.
struct Turn<'a> {
    tools: &'a Tools,
    opener: Opener,
    hospitals: BTreeMap<Nihdi, ForHospital>,
}

impl Turn<'_> {
    /// Who the feedback is for, and about whom.
    fn read(&self, item: &SealedFeedbackItem) -> Result<(Nihdi, Identity), ItemError> {
        let part = self.opener.open(item.id.as_bytes(), &item.r#return)?;
        let part = ReturnPart::decode(&part).map_err(|error| ItemError::ReturnPart(error.code()))?;
        belongs(&part.feedback_hash, &item.feedback)?;
        let handle = self.tools.handles.open(&part.handle)?;
        Ok((handle.sender.parse().map_err(|_| ItemError::Handle)?, handle.identity))
    }

    fn sealer(&self, nihdi: Nihdi) -> Result<Sealer, ItemError> {
        let hospital = self.tools.keys.public.keys(Party::EhboxHco(nihdi)).map_err(|_| ItemError::UnknownParty)?.current();
        Ok(self.tools.keys.keyring.sealer(Part::ReturnedIdentity, hospital)?)
    }

    fn turn(&mut self, item: &SealedFeedbackItem) -> Result<(), ItemError> {
        let (nihdi, identity) = self.read(item)?;
        if !self.hospitals.contains_key(&nihdi) {
            let sealer = self.sealer(nihdi)?;
            self.hospitals.insert(nihdi, ForHospital { sealer, items: Vec::new() });
        }
        let Some(hospital) = self.hospitals.get_mut(&nihdi) else { return Err(ItemError::UnknownParty) };
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
        let made = self.ttp.toolbox.open(|keys| Self::opener(keys, &data), |opener| Self::fits(opener, &data));
        let (tools, opener) = made.map_err(|error| Trouble::Keys(error.into()))?;
        let opener = opener.map_err(|error| Refusal::Envelope(error.code()))?;
        let (mut turn, mut bad) = (Turn { tools: &tools, opener, hospitals: BTreeMap::new() }, Vec::new());
        for item in std::mem::take(&mut data.items) {
            if let Err(error) = turn.turn(&item) {
                let (id, code) = (item.id, error.code());
                let alone =
                    SealedFeedback { r#return: data.r#return.clone(), feedback: data.feedback.clone(), items: vec![item] };
                bad.push(BadItem { id, code, data: alone });
            }
        }
        let onward = turn.hospitals.into_iter().filter(|(_, hospital)| !hospital.items.is_empty()).map(|(nihdi, hospital)| {
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
