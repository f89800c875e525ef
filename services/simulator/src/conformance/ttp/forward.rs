//! Steps 4 to 5: what a TTP makes of good registrations.

use std::collections::BTreeSet;

use broker::Payload;
use envelope::{
    ItemId, Publication, ReasonCode, content_hash,
    sealed::{PseudonymisedSubmission, SealedSubmission},
};
use pseudonymised::{Pseudonym, SenderCode};
use sealing::{KeyId, Part, keys::Party};
use topology::{Arrow, Nihdi};

use crate::conformance::{
    check::{Check, Protocol, hold, required},
    neighbours::{Neighbours, Sent},
    passing::{described, judge_indexes, passed_on},
    play::{AS_IS, Draft, Patient},
};

/// Bytes of a pseudonym part in front of the handle.
const PART: usize = 114;

/// What healthdata was told of a registration.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) draft: Draft,
    pub(super) pseudonym: Pseudonym,
    pub(super) sender: SenderCode,
    pub(super) handle: Vec<u8>,
}

pub(super) fn checks() -> Vec<Check> {
    required(&[
        ("content-untouched", "2", "the content seal and the sealed contents pass byte for byte"),
        (
            "sealed-for-hd",
            "3, 4",
            "pseudonym parts name healthdata's current key, and open under it and the TTP's as part 4 of their item",
        ),
        ("index-once", "4.2", "no index stands twice under an encapsulation"),
        ("fresh-encapsulation", "4", "each publication has an encapsulation of its own"),
        ("part-form", "5.3", "a pseudonym part is form 1 and has 114 bytes and a handle"),
        (
            "pseudonym-shape",
            "6.5",
            "the pseudonym has domain, epoch, 26 characters and the right check character, zeros behind it",
        ),
        ("sender-shape", "6.6", "the sender code is S and 16 characters of base32"),
        ("binding", "5.3, 7", "the part names the hash of the sealed content beside it"),
        (
            "no-identity",
            "7",
            "no national number and no generated id stands in what goes to healthdata, nor in the clear text of a part",
        ),
        ("several-items", "2", "a publication of three items is passed on as one of three"),
        ("same-patient", "6.5", "one patient has one pseudonym"),
        ("other-patient", "6.5", "two patients have two pseudonyms"),
        ("one-epoch", "6.5", "all pseudonyms are of one domain and epoch"),
        ("one-length", "5.3, 5.4", "all parts have one length, so that it tells nothing"),
        ("over-hospitals", "6.5", "a patient of two hospitals has one pseudonym"),
        ("sender-code", "6.6", "one hospital has one sender code, two hospitals have two"),
        ("redelivery", "8", "a publication that comes again goes on under the same id, with the same pseudonyms"),
        ("put-back", "1", "a dead letter that is put back is read like any other publication"),
    ])
}

pub(super) fn last() -> Vec<Check> {
    required(&[("still-works", "1", "after all that was refused, a good publication passes")])
}

/// Opens what came, and judges its parts. `None` when it cannot be opened.
fn judge_parts(
    neighbours: &Neighbours,
    protocol: &mut Protocol,
    sent: (&Publication<SealedSubmission>, &[Draft]),
    (came, payload): (&Publication<PseudonymisedSubmission>, &Payload),
) -> anyhow::Result<Option<Vec<Known>>> {
    let (publication, drafts) = sent;
    let what = described(publication);
    let content_of = |item: &ItemId| publication.data.items.iter().find(|sent| sent.id == *item).map(|sent| &sent.content);
    let as_sent = came.data.content == publication.data.content
        && came.data.items.iter().all(|item| content_of(&item.id) == Some(&item.content));
    let came_content = || "another content, or another content seal".to_owned();
    protocol.judge("content-untouched", &what, hold(as_sent, came_content));
    let keys = &neighbours.ground.keys;
    let (hd, seal) = (Party::EhboxHd, &came.data.pseudonym);
    let current = keys.current(hd)?.id();
    if let Err(other) = hold(seal.key.0 == current.0, || format!("key {}, where healthdata's is {current}", seal.key)) {
        protocol.judge("sealed-for-hd", &what, Err(other));
        return Ok(None);
    }
    let opener = keys.keyring(hd)?.opener(Part::Pseudonym, keys.all(Party::EhealthTtp)?, KeyId(seal.key.0), &seal.enc.0);
    let opener = match opener {
        Ok(opener) => opener,
        Err(error) => {
            protocol.judge("sealed-for-hd", &what, Err(error.to_string()));
            return Ok(None);
        }
    };
    judge_indexes(protocol, &what, came.data.items.iter().map(|item| &*item.pseudonym));
    let (mut known, mut clear_texts) = (Vec::new(), Vec::new());
    for item in &came.data.items {
        let Some(draft) = drafts.iter().find(|draft| draft.id == item.id) else { continue };
        match opener.open(item.id.as_bytes(), &item.pseudonym) {
            Ok(clear) => {
                protocol.judge("sealed-for-hd", &what, Ok(()));
                known.extend(judge_part(protocol, &what, &clear, &item.content, draft));
                clear_texts.push(clear);
            }
            Err(error) => protocol.judge("sealed-for-hd", &what, Err(error.to_string())),
        }
    }
    let lengths: BTreeSet<usize> = clear_texts.iter().map(Vec::len).collect();
    protocol.judge("one-length", &what, hold(lengths.len() == 1, || format!("parts of {lengths:?} bytes")));
    let in_clear =
        |text: &[u8]| drafts.iter().any(|draft| memchr::memmem::find(text, draft.identity.reveal().as_bytes()).is_some());
    let is_shown = in_clear(payload) || clear_texts.iter().any(|text| in_clear(text));
    protocol.judge("no-identity", &what, hold(!is_shown, || "an identity in clear".to_owned()));
    Ok((known.len() == drafts.len()).then_some(known))
}

/// Judges one part byte by byte.
fn judge_part(protocol: &mut Protocol, what: &str, clear: &[u8], content: &[u8], draft: &Draft) -> Option<Known> {
    let is_form_1 = clear.len() > PART && clear.first() == Some(&1);
    let form = || format!("{} bytes that begin with {:?}", clear.len(), clear.first());
    protocol.judge("part-form", what, hold(is_form_1, form));
    let (text, code) = (clear.get(1..65)?, clear.get(65..82)?);
    let length = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    let (text, zeros) = text.split_at(length);
    let pseudonym = std::str::from_utf8(text).ok().and_then(|text| text.parse::<Pseudonym>().ok());
    let is_padded = zeros.iter().all(|byte| *byte == 0);
    let shape = || format!("{length} bytes that are no pseudonym, or something behind it");
    protocol.judge("pseudonym-shape", what, hold(pseudonym.is_some() && is_padded, shape));
    let sender = std::str::from_utf8(code).ok().and_then(|text| text.parse::<SenderCode>().ok());
    protocol.judge("sender-shape", what, hold(sender.is_some(), || "17 bytes that are no sender code".to_owned()));
    let hash = clear.get(82..PART)?;
    let binding = || "the hash of something else".to_owned();
    protocol.judge("binding", what, hold(hash == content_hash(content), binding));
    Some(Known { draft: draft.clone(), pseudonym: pseudonym?, sender: sender?, handle: clear.get(PART..)?.to_vec() })
}

/// Sends registrations of one hospital, and reads what healthdata gets of them.
async fn through(
    neighbours: &mut Neighbours,
    protocol: &mut Protocol,
    hospital: Nihdi,
    patients: &[Patient],
) -> anyhow::Result<Option<(Publication<SealedSubmission>, Publication<PseudonymisedSubmission>, Vec<Known>)>> {
    let drafts = patients.iter().map(|patient| neighbours.draft(hospital, *patient)).collect::<anyhow::Result<Vec<_>>>()?;
    let data = neighbours.seal_submission(hospital, &drafts, AS_IS)?;
    let publication = neighbours.publication(&format!("ehbox-hco-{hospital}"), data)?;
    let arrows = (Arrow::ToTtp, Arrow::ToHd);
    let came = passed_on(neighbours, protocol, arrows, None, &publication, ehealth_ttp::SERVICE).await?;
    let Some((came, payload)) = came else { return Ok(None) };
    let known = judge_parts(neighbours, protocol, (&publication, &drafts), (&came, &payload))?;
    Ok(known.map(|known| (publication, came, known)))
}

/// Everything that goes well, forward. Gives what healthdata knows then; `None` when not even the first publication came.
pub(super) async fn run(neighbours: &mut Neighbours, protocol: &mut Protocol) -> anyhow::Result<Option<Vec<Known>>> {
    let hospital = neighbours.hospital()?;
    let Some((_, first_came, mut known)) = through(neighbours, protocol, hospital, &[Patient::Numbered(0)]).await? else {
        return Ok(None);
    };
    let three = [Patient::Numbered(1), Patient::Unnumbered, Patient::Numbered(0)];
    let Some((sent, came, of_three)) = through(neighbours, protocol, hospital, &three).await? else {
        protocol.judge("several-items", "three items", Err("no readable publication of three".to_owned()));
        return Ok(Some(known));
    };
    let what = described(&sent);
    protocol.judge("several-items", &what, hold(came.data.items.len() == 3, || format!("{} items", came.data.items.len())));
    let fresh = first_came.data.pseudonym.enc != came.data.pseudonym.enc;
    protocol.judge("fresh-encapsulation", &what, hold(fresh, || "the encapsulation of the publication before".to_owned()));
    known.extend(of_three);
    if let Some(other) = neighbours.other_hospital() {
        let here = [Patient::Numbered(0), Patient::Numbered(1)];
        if let Some((_, _, elsewhere)) = through(neighbours, protocol, other, &here).await? {
            judge_hospitals(protocol, &known, &elsewhere);
            known.extend(elsewhere);
        }
    }
    judge_pseudonyms(protocol, &known);
    redelivered(neighbours, protocol, &sent, &came, &known).await?;
    put_back(neighbours, protocol, hospital).await?;
    Ok(Some(known))
}

fn judge_pseudonyms(protocol: &mut Protocol, known: &[Known]) {
    let what = format!("{} registrations", known.len());
    let (mut same, mut other) = (Ok(()), Ok(()));
    for (place, one) in known.iter().enumerate() {
        for another in known.iter().skip(place + 1) {
            let is_one = one.pseudonym == another.pseudonym;
            let of_one_hospital = one.draft.hospital == another.draft.hospital;
            if one.draft.identity == another.draft.identity && of_one_hospital {
                same = same.and(hold(is_one, || "two pseudonyms for one patient".to_owned()));
            } else if one.draft.identity != another.draft.identity {
                other = other.and(hold(!is_one, || "one pseudonym for two patients".to_owned()));
            }
        }
    }
    protocol.judge("same-patient", &what, same);
    protocol.judge("other-patient", &what, other);
    let epochs: BTreeSet<String> =
        known.iter().map(|one| format!("{}.{}", one.pseudonym.domain(), one.pseudonym.epoch())).collect();
    protocol.judge("one-epoch", &what, hold(epochs.len() == 1, || format!("{epochs:?}")));
}

fn judge_hospitals(protocol: &mut Protocol, here: &[Known], there: &[Known]) {
    let what = "one patient at two hospitals";
    let is_one = there.iter().all(|one| {
        here.iter().filter(|other| other.draft.identity == one.draft.identity).all(|other| other.pseudonym == one.pseudonym)
    });
    protocol.judge("over-hospitals", what, hold(is_one, || "two pseudonyms for one patient".to_owned()));
    let codes = |known: &[Known]| known.iter().map(|one| one.sender.to_string()).collect::<BTreeSet<_>>();
    let (here, there) = (codes(here), codes(there));
    let came =
        || format!("{} and {} codes, of which {} are the same", here.len(), there.len(), here.intersection(&there).count());
    protocol.judge("sender-code", what, hold(here.len() == 1 && there.len() == 1 && here != there, came));
}

async fn redelivered(
    neighbours: &mut Neighbours,
    protocol: &mut Protocol,
    sent: &Publication<SealedSubmission>,
    before: &Publication<PseudonymisedSubmission>,
    known: &[Known],
) -> anyhow::Result<()> {
    let about = Sent { items: sent.data.items.iter().map(|item| item.id).collect(), payload: sent.encode()? };
    neighbours.send(Arrow::ToTtp, None, about.payload.clone()).await?;
    let came = match neighbours.receive(&Arrow::ToHd.queue(None), &about).await? {
        Err(nothing) => Err(nothing),
        Ok(payload) => match Publication::<PseudonymisedSubmission>::decode(&payload) {
            Err(error) => Err(error.to_string()),
            Ok(again) => hold(again.id == before.id, || "another id than before".to_owned())
                .and_then(|()| hold(is_same(neighbours, &again, known), || "other pseudonyms than before".to_owned())),
        },
    };
    protocol.judge("redelivery", &format!("{} for the second time", described(sent)), came);
    Ok(())
}

/// Whether the publication names the pseudonyms that are known of its items.
fn is_same(neighbours: &Neighbours, again: &Publication<PseudonymisedSubmission>, known: &[Known]) -> bool {
    let (keys, seal) = (&neighbours.ground.keys, &again.data.pseudonym);
    let Ok((keyring, ttp)) = keys.keyring(Party::EhboxHd).and_then(|ring| Ok((ring, keys.all(Party::EhealthTtp)?))) else {
        return false;
    };
    let Ok(opener) = keyring.opener(Part::Pseudonym, ttp, KeyId(seal.key.0), &seal.enc.0) else { return false };
    again.data.items.iter().all(|item| {
        let part = opener.open(item.id.as_bytes(), &item.pseudonym).ok();
        let part = part.and_then(|clear| pseudonymised::PseudonymPart::decode(&clear).ok());
        let before = known.iter().find(|one| one.draft.id == item.id);
        part.zip(before).is_some_and(|(part, before)| part.pseudonym == before.pseudonym)
    })
}

async fn put_back(neighbours: &mut Neighbours, protocol: &mut Protocol, hospital: Nihdi) -> anyhow::Result<()> {
    let draft = neighbours.draft(hospital, Patient::Numbered(0))?;
    let data = neighbours.seal_submission(hospital, std::slice::from_ref(&draft), AS_IS)?;
    let mut publication = neighbours.publication(&format!("ehbox-hco-{hospital}"), data)?;
    publication.reason = Some(ReasonCode::from_static("QUOTA"));
    let about = Sent { items: vec![draft.id], payload: publication.encode()? };
    neighbours.send(Arrow::ToTtp, None, about.payload.clone()).await?;
    let came = neighbours.receive(&Arrow::ToHd.queue(None), &about).await?;
    protocol.judge("put-back", "a good publication of one item with reason QUOTA", came.map(drop));
    Ok(())
}

/// A good publication at the end.
pub(super) async fn still_works(neighbours: &mut Neighbours, protocol: &mut Protocol) -> anyhow::Result<()> {
    let hospital = neighbours.hospital()?;
    let draft = neighbours.draft(hospital, Patient::Numbered(2))?;
    let data = neighbours.seal_submission(hospital, std::slice::from_ref(&draft), AS_IS)?;
    let publication = neighbours.publication(&format!("ehbox-hco-{hospital}"), data)?;
    let about = Sent { items: vec![draft.id], payload: publication.encode()? };
    neighbours.send(Arrow::ToTtp, None, about.payload.clone()).await?;
    let came = neighbours.receive(&Arrow::ToHd.queue(None), &about).await?;
    protocol.judge("still-works", &described(&publication), came.map(drop));
    Ok(())
}
