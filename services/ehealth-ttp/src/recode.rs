//! Re-coding: gives healthdata the pseudonyms of the current epoch for those of earlier ones.
//!
//! From a pseudonym no identity can be had, here neither: the pseudonym of a later epoch is made of the one before it.

use std::collections::BTreeSet;

use async_trait::async_trait;
use envelope::{
    B64, ItemId, Publication,
    sealed::{Encapsulation, RecodeAnswer, RecodeAnswerItem, RecodeRequest, RecodeRequestItem},
};
use host::{BadItem, Passed, Refusal, Transform, Trouble};
use pseudonymisation::Pseudonymiser;
use pseudonymised::{RecodePart, RecodedPart};
use sealing::{
    KeyId, Opener, Part, Sealer,
    keys::{Party, TtpKeys},
};
use topology::Arrow;

use crate::{error::ItemError, service::Ttp, store::Recoding};

/// Re-codes what healthdata asks for.
pub struct Recode {
    pub(crate) ttp: Ttp,
}

/// What one publication asked for.
#[derive(Default)]
struct Asked {
    pseudonyms: u64,
    refused: u64,
    epochs: BTreeSet<u32>,
}

impl Recode {
    /// Nobody but healthdata may ask: what it asks must open under its key.
    fn opener(keys: &TtpKeys, data: &RecodeRequest) -> Result<Opener, ItemError> {
        let hd = keys.public.keys(Party::EhboxHd).map_err(|_| ItemError::UnknownParty)?.all();
        Ok(keys.keyring.opener(Part::Recode, hd, KeyId(data.pseudonyms.key.0), &data.pseudonyms.enc.0)?)
    }

    /// Whether it opens the publication, as the first item shows.
    fn fits(opener: &Opener, data: &RecodeRequest) -> bool {
        data.items.first().is_none_or(|item| opener.open(item.id.as_bytes(), &item.pseudonyms).is_ok())
    }
}

/// The answer to one part. What this TTP did not make has no pair; that is healthdata's to find out about.
fn answer(
    pseudonymiser: &Pseudonymiser,
    opener: &Opener,
    sealer: &mut Sealer,
    item: &RecodeRequestItem,
    asked: &mut Asked,
) -> Result<RecodeAnswerItem, ItemError> {
    let part = opener.open(item.id.as_bytes(), &item.pseudonyms)?;
    let part = RecodePart::decode(&part).map_err(|_| ItemError::RecodePart)?;
    let pairs: Vec<_> = part.pseudonyms().iter().map(|old| (old.clone(), pseudonymiser.recode(old).ok())).collect();
    asked.pseudonyms += pairs.len() as u64;
    asked.refused += pairs.iter().filter(|(_, new)| new.is_none()).count() as u64;
    asked.epochs.extend(pairs.iter().map(|(old, _)| old.epoch()));
    let answer = RecodedPart::new(pairs).map_err(|_| ItemError::RecodePart)?;
    Ok(RecodeAnswerItem { id: item.id, pairs: B64(sealer.seal(item.id.as_bytes(), &answer.encode())?) })
}

#[async_trait]
impl Transform for Recode {
    type In = RecodeRequest;
    type Out = RecodeAnswer;

    async fn transform(&self, publication: Publication<RecodeRequest>) -> Result<Passed<RecodeRequest, RecodeAnswer>, Refusal> {
        let refuse = |error: ItemError| Refusal::Envelope(error.code());
        let data = publication.data;
        let made = self.ttp.toolbox.open(|keys| Self::opener(keys, &data), |opener| Self::fits(opener, &data));
        let (tools, opener) = made.map_err(|error| Trouble::Keys(error.into()))?;
        let opener = opener.map_err(refuse)?;
        let hd = tools.keys.public.keys(Party::EhboxHd).map_err(|_| refuse(ItemError::UnknownParty))?.current();
        let mut sealer = tools.keys.keyring.sealer(Part::Recoded, hd).map_err(|error| refuse(error.into()))?;
        let (mut items, mut bad, mut asked) = (Vec::with_capacity(data.items.len()), Vec::new(), Asked::default());
        for item in data.items {
            match answer(&tools.pseudonymiser, &opener, &mut sealer, &item, &mut asked) {
                Ok(answer) => items.push(answer),
                Err(error) => {
                    let (id, code) = (item.id, error.code());
                    let alone = RecodeRequest { pseudonyms: data.pseudonyms.clone(), items: vec![item] };
                    bad.push(BadItem { id, code, data: alone });
                }
            }
        }
        let mut onward = Vec::new();
        if !items.is_empty() {
            // Who asked, how many and of which epochs is known for good before the answer goes out.
            let recoding = Recoding {
                publication: publication.id.uuid(),
                at: self.ttp.context.clock.now(),
                asked_by: Party::EhboxHd.to_string(),
                pseudonyms: asked.pseudonyms,
                refused: asked.refused,
                epochs: asked.epochs,
                to_epoch: tools.pseudonymiser.epoch(),
            };
            self.ttp.store.note_recoding(&recoding).await.map_err(Trouble::from)?;
            tracing::info!(
                pseudonyms = recoding.pseudonyms,
                refused = recoding.refused,
                epoch = recoding.to_epoch,
                "healthdata had pseudonyms re-coded"
            );
            let (key, enc) = sealer.encapsulation();
            let answer = RecodeAnswer { pairs: Encapsulation::new(key.0, enc), items };
            onward.push((Arrow::RecodeAnswer.route(None), self.ttp.envelope(publication.id, answer)));
        }
        Ok(Passed { onward, bad })
    }

    fn items(data: &RecodeRequest) -> Vec<ItemId> {
        data.items.iter().map(|item| item.id).collect()
    }

    fn split(data: RecodeRequest) -> Vec<RecodeRequest> {
        let pseudonyms = data.pseudonyms;
        let alone = |item| RecodeRequest { pseudonyms: pseudonyms.clone(), items: vec![item] };
        data.items.into_iter().map(alone).collect()
    }

    fn passed(data: &RecodeAnswer) -> Vec<ItemId> {
        data.items.iter().map(|item| item.id).collect()
    }
}
