//! Step 5: passes registrations on to healthdata, under pseudonyms and in an envelope of its own.

use async_trait::async_trait;
use envelope::{
    ItemId, Publication,
    sealed::{Encapsulation, PseudonymisedSubmission, SealedItem, SealedSubmission},
};
use host::{BadItem, Passed, Refusal, Transform, Trouble};
use pseudonymisation::{HandleSealer, Quarter, sender_code};
use sealing::{
    KeyId, Opener, Part,
    keys::{Party, TtpKeys},
};
use topology::{Arrow, Nihdi};

use crate::{
    error::ItemError,
    measure,
    pseudonymise::{Identified, Pseudonymisation, identify},
    quota::Mark,
    service::Ttp,
    tools::Tools,
};

/// Passes registrations on to healthdata.
pub struct Forward {
    pub(crate) ttp: Ttp,
}

impl Forward {
    /// The sender is a claim of the envelope; that the identities open under its key is the proof.
    fn opener(keys: &TtpKeys, sender: Party, data: &SealedSubmission) -> Result<Opener, ItemError> {
        let senders = keys.public.keys(sender).map_err(|_| ItemError::UnknownParty)?.all();
        Ok(keys.keyring.opener(Part::Identity, senders, KeyId(data.identity.key.0), &data.identity.enc.0)?)
    }

    /// Whether it opens the publication, as the first item shows.
    fn fits(opener: &Opener, data: &SealedSubmission) -> bool {
        data.items.first().is_none_or(|item| opener.open(item.id.as_bytes(), &item.identity).is_ok())
    }

    fn pseudonymisation<'a>(&'a self, tools: &'a Tools, sender: &'a Nihdi) -> Result<Pseudonymisation<'a>, ItemError> {
        let today = self.ttp.context.clock.now().date();
        let hd = tools.keys.public.keys(Party::EhboxHd).map_err(|_| ItemError::UnknownParty)?.current();
        Ok(Pseudonymisation {
            pseudonymiser: &tools.pseudonymiser,
            handles: HandleSealer::new(&tools.handle_key, Quarter::of(today.year(), today.month())?)?,
            sealer: tools.keys.keyring.sealer(Part::Pseudonym, hd)?,
            sender_code: sender_code(&tools.sender_key, sender.as_str())?,
            sender,
        })
    }

    /// Which of the patients are still within the sender's quota of today.
    async fn within_quota(&self, sender: &str, identified: &[Identified]) -> Result<Vec<bool>, Trouble> {
        let Some(limit) = self.ttp.quota else { return Ok(vec![true; identified.len()]) };
        let day = measure::day(self.ttp.context.clock.now());
        // Never stored unless it is the first of the day, so drawing it each time costs nothing but the drawing.
        let fresh = sealing::random_bytes().map_err(|_| Trouble::Publish(broker::PublishError::Unavailable))?;
        let key = self.ttp.store.day_key(day, fresh).await?;
        let marks: Vec<Mark> = identified.iter().map(|one| Mark::of(&key, &one.identity)).collect();
        let admitted = self.ttp.store.admit(day, sender, &marks, limit).await?;
        let refused = admitted.iter().filter(|passes| !**passes).count();
        if refused > 0 {
            tracing::error!(sender, refused, limit, "ALARM: a sender asks for more patients than its quota of the day");
        }
        Ok(admitted)
    }
}

fn alone(data: &SealedSubmission, item: SealedItem) -> SealedSubmission {
    SealedSubmission { identity: data.identity.clone(), content: data.content.clone(), items: vec![item] }
}

#[async_trait]
impl Transform for Forward {
    type In = SealedSubmission;
    type Out = PseudonymisedSubmission;

    async fn transform(
        &self,
        publication: Publication<SealedSubmission>,
    ) -> Result<Passed<SealedSubmission, PseudonymisedSubmission>, Refusal> {
        let refuse = |error: ItemError| Refusal::Envelope(error.code());
        let Ok(Party::EhboxHco(sender)) = publication.source.as_str().parse::<Party>() else {
            return Err(refuse(ItemError::UnknownParty));
        };
        let mut data = publication.data;
        let party = Party::EhboxHco(sender);
        let made = self.ttp.toolbox.open(|keys| Self::opener(keys, party, &data), |opener| Self::fits(opener, &data));
        let (tools, opener) = made.map_err(|error| Trouble::Keys(error.into()))?;
        let opener = opener.map_err(refuse)?;
        let (mut identified, mut bad) = (Vec::with_capacity(data.items.len()), Vec::new());
        for item in std::mem::take(&mut data.items) {
            match identify(&opener, item) {
                Ok(one) => identified.push(one),
                Err((item, error)) => bad.push(BadItem { id: item.id, code: error.code(), data: alone(&data, item) }),
            }
        }
        let admitted = self.within_quota(sender.as_str(), &identified).await?;
        let mut pseudonymisation = self.pseudonymisation(&tools, &sender).map_err(refuse)?;
        let mut items = Vec::with_capacity(identified.len());
        for (one, admitted) in identified.into_iter().zip(admitted) {
            let outcome = if admitted { pseudonymisation.pseudonymise(&one) } else { Err(ItemError::Quota) };
            match outcome {
                Ok(item) => items.push(item),
                Err(error) => bad.push(BadItem { id: one.item.id, code: error.code(), data: alone(&data, one.item) }),
            }
        }
        let mut onward = Vec::new();
        if !items.is_empty() {
            let (key, enc) = pseudonymisation.sealer.encapsulation();
            let pseudonym = Encapsulation::new(key.0, enc);
            let submission = PseudonymisedSubmission { pseudonym, content: data.content, items };
            onward.push((Arrow::ToHd.route(None), self.ttp.envelope(publication.id, submission)));
        }
        Ok(Passed { onward, bad })
    }

    fn items(data: &SealedSubmission) -> Vec<ItemId> {
        data.items.iter().map(|item| item.id).collect()
    }

    fn split(data: SealedSubmission) -> Vec<SealedSubmission> {
        let (identity, content) = (data.identity, data.content);
        let alone = |item| SealedSubmission { identity: identity.clone(), content: content.clone(), items: vec![item] };
        data.items.into_iter().map(alone).collect()
    }

    fn passed(data: &PseudonymisedSubmission) -> Vec<ItemId> {
        data.items.iter().map(|item| item.id).collect()
    }
}
