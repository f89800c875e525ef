//! R1 and R2: re-coding, which a part may leave to others.

use envelope::{
    B64, Publication,
    sealed::{Encapsulation, RecodeAnswer, RecodeRequest, RecodeRequestItem},
};
use pseudonymised::{Pseudonym, RecodePart, RecodedPart};
use sealing::{KeyId, Part, keys::Party};
use topology::Arrow;

use super::forward::Known;
use crate::conformance::{
    check::{Check, Protocol, hold, optional},
    neighbours::{Neighbours, Sent},
};

pub(super) fn checks() -> Vec<Check> {
    optional(&[
        ("recode-answer", "2, 8", "R2: a request for re-coding is answered with the same item id, under an id of version 5"),
        (
            "recode-pairs",
            "5.9",
            "R2: each pseudonym is answered with the same patient's of the current epoch, in the order of the request",
        ),
        ("recode-unknown", "5.9", "R2: a pseudonym of another domain, or of an epoch that there is not, is answered with zeros"),
    ])
}

pub(super) async fn run(neighbours: &mut Neighbours, protocol: &mut Protocol, known: &[Known]) -> anyhow::Result<()> {
    let Some(pseudonym) = known.first().map(|one| one.pseudonym.clone()) else { return Ok(()) };
    let elsewhere = Pseudonym::assemble("elsewhere", 1, pseudonym.code())?;
    let later = Pseudonym::assemble(pseudonym.domain(), pseudonym.epoch().saturating_add(1_000), pseudonym.code())?;
    let asked = vec![pseudonym, elsewhere, later];
    let id = neighbours.item_id();
    let keys = &neighbours.ground.keys;
    let mut sealer = keys.keyring(Party::EhboxHd)?.sealer(Part::Recode, keys.current(Party::EhealthTtp)?)?;
    let part = RecodePart::new(asked.clone())?;
    let items = vec![RecodeRequestItem { id, pseudonyms: B64(sealer.seal(id.as_bytes(), &part.encode())?) }];
    let (key, enc) = sealer.encapsulation();
    let request = RecodeRequest { pseudonyms: Encapsulation::new(key.0, enc), items };
    let publication = neighbours.publication(ehbox_hd::SERVICE, request)?;
    let about = Sent { items: vec![id], payload: publication.encode()? };
    neighbours.send(Arrow::RecodeRequest, None, about.payload.clone()).await?;
    // Nobody must answer.
    let Ok(payload) = neighbours.receive(&Arrow::RecodeAnswer.queue(None), &about).await? else { return Ok(()) };
    let what = "a request with three pseudonyms: one given out before, one of another domain, one of a later epoch";
    let answer = match Publication::<RecodeAnswer>::decode(&payload) {
        Ok(answer) => answer,
        Err(error) => {
            protocol.judge("recode-answer", what, Err(error.to_string()));
            return Ok(());
        }
    };
    let is_answer = answer.data.items.len() == 1 && answer.id != publication.id && answer.id.uuid().get_version_num() == 5;
    let came = || format!("{} items under an id of version {}", answer.data.items.len(), answer.id.uuid().get_version_num());
    protocol.judge("recode-answer", what, hold(is_answer, came));
    let pairs = opened(neighbours, &answer)?;
    let pairs = match pairs {
        Ok(pairs) => pairs,
        Err(came) => {
            protocol.judge("recode-pairs", what, Err(came));
            return Ok(());
        }
    };
    let old: Vec<&Pseudonym> = pairs.iter().map(|(old, _)| old).collect();
    let is_in_order = old.iter().copied().eq(asked.iter());
    let first = pairs.first().and_then(|(_, new)| new.as_ref());
    // What it has just given out is of the current epoch already.
    let is_current = first == asked.first();
    let came = || format!("{} pairs, in the order of the request: {is_in_order}, the first one right: {is_current}", pairs.len());
    protocol.judge("recode-pairs", what, hold(is_in_order && is_current, came));
    let made_up = pairs.iter().skip(1).filter(|(_, new)| new.is_some()).count();
    protocol.judge("recode-unknown", what, hold(made_up == 0, || format!("{made_up} pseudonyms that it cannot know")));
    Ok(())
}

type Pairs = Vec<(Pseudonym, Option<Pseudonym>)>;

fn opened(neighbours: &Neighbours, answer: &Publication<RecodeAnswer>) -> anyhow::Result<Result<Pairs, String>> {
    let (keys, seal) = (&neighbours.ground.keys, &answer.data.pairs);
    let (ring, ttp) = (keys.keyring(Party::EhboxHd)?, keys.all(Party::EhealthTtp)?);
    let open = || -> Result<Pairs, String> {
        let opener = ring.opener(Part::Recoded, ttp, KeyId(seal.key.0), &seal.enc.0).map_err(|error| error.to_string())?;
        let item = answer.data.items.first().ok_or("no item")?;
        let clear = opener.open(item.id.as_bytes(), &item.pairs).map_err(|error| error.to_string())?;
        let part = RecodedPart::decode(&clear).map_err(|error| format!("pairs that cannot be read: {error}"))?;
        Ok(part.answers().to_vec())
    };
    Ok(open())
}
