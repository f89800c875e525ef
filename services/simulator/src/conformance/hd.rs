//! The checks of healthdata's messaging client: steps 5 to 6, and 6 to 5 back.

use std::collections::BTreeSet;

use envelope::{
    B64, B64Fixed, KeyIdHex, Publication, content_hash,
    sealed::{PseudonymisedItem, PseudonymisedSubmission, ReturnPart, SealedFeedback},
};
use hd_messages::{Arrival, OutgoingFeedback, OutgoingItem};
use pseudonymised::PseudonymPart;
use registration::{Comment, Feedback};
use sealing::{KeyId, Part, keys::Party, seal_header};
use topology::{Arrow, Nihdi};

use super::{
    check::{Check, Protocol, hold, required},
    documents,
    hco::PSEUDONYM,
    neighbours::Neighbours,
    passing::{self, Spoilt, described, item_checks, items_refused, judge_indexes, passed_on, refused_whole, whole_checks},
    play::{AS_IS, Draft, Patient, Twist},
};

const FORWARD: (Arrow, Arrow) = (Arrow::ToHd, Arrow::ToHd4res);
const BACK: (Arrow, Arrow) = (Arrow::FeedbackOut, Arrow::ToTtpBack);

/// What is wrong with the pseudonym part of the middle one of three items.
const PARTS: &[(&str, &str, Twist<'static>)] = &[
    ("part-form", "a pseudonym part of form 2", &|place, part| set(place, part, 0, 2)),
    ("part-pseudonym", "a pseudonym with a wrong check character", &|place, part| {
        let at = part.iter().skip(1).position(|byte| *byte == 0).unwrap_or(0);
        let other = if part.get(at) == Some(&b'7') { b'8' } else { b'7' };
        set(place, part, at, other);
    }),
    ("part-sender", "a sender code that is none", &|place, part| set(place, part, 65, b'T')),
];

fn set(place: usize, part: &mut [u8], at: usize, value: u8) {
    if let (1, Some(byte)) = (place, part.get_mut(at)) {
        *byte = value;
    }
}

type Change = fn(&mut Vec<PseudonymisedItem>);

const SEALS: &[(&str, &str, &str, Change, &[usize])] = &[
    (
        "changed-bit",
        "a pseudonym part of which a bit was changed",
        "DOES_NOT_OPEN",
        |items| {
            if let Some(byte) = items.get_mut(1).and_then(|item| item.pseudonym.0.get_mut(20)) {
                *byte ^= 1
            }
        },
        &[1],
    ),
    (
        "swapped-content",
        "two items with each other's content",
        "SWAPPED_CONTENT",
        |items| {
            if let [first, .., last] = items.as_mut_slice() {
                std::mem::swap(&mut first.content, &mut last.content)
            }
        },
        &[0, 2],
    ),
];

const CONTENTS: &[(&str, &str, &str, &str)] = &[
    ("content-form", "5.2", "a content that cannot be read", "CONTENT"),
    ("definition", "5.2", "a definition that nobody knows", "UNKNOWN_DEFINITION"),
    ("policy", "5.2, 7", "a date of birth that was not reduced to its year", "POLICY"),
    ("national-number", "7", "a national number in a text", "NATIONAL_NUMBER"),
    ("organisation", "7", "a content that names another hospital than the one that sealed it", "FOREIGN_ORGANISATION"),
];

const WHOLE: &[(&str, &str, &str, &str)] = &[
    ("unknown-key", "4, 9", "sealed for a key that healthdata does not have", "UNKNOWN_KEY"),
    ("low-order", "4, 9", "an encapsulated key of zeros", "LOW_ORDER_KEY"),
    ("header", "4.3", "a content header that names nobody's key", "UNKNOWN_PARTY"),
];

/// Every check of healthdata's messaging client, in the order in which it is made.
#[must_use]
pub fn checks() -> Vec<Check> {
    let mut checks = passing::checks(Arrow::ToHd4res, false);
    checks.extend(required(&[
        ("pseudonym", "2, 5.3", "an arrival has the pseudonym and the sender code of the TTP's part"),
        ("hospital", "2, 4.3", "an arrival has the key of the hospital that proved the content"),
        ("handle", "2, 5.4", "an arrival has the return handle, byte by byte"),
        ("content", "2, 5.2", "an arrival has the content that opens, byte by byte"),
    ]));
    let parts: Vec<_> = PARTS.iter().map(|(name, what, _)| (*name, "5.3", *what, "PSEUDONYM_PART")).collect();
    checks.extend(item_checks(Arrow::ToHd, &parts));
    let seals: Vec<_> = SEALS.iter().map(|(name, what, code, ..)| (*name, "4.2, 7", *what, *code)).collect();
    checks.extend(item_checks(Arrow::ToHd, &seals));
    checks.extend(item_checks(Arrow::ToHd, CONTENTS));
    let swapped = ("tag", "7", "a patient's content under another known patient's pseudonym", "TAG_MISMATCH");
    checks.extend(item_checks(Arrow::ToHd, &[swapped]));
    checks.extend(whole_checks(Arrow::ToHd, WHOLE));
    checks.extend(documents::checks(Arrow::ToHd));
    checks.extend(passing::checks(Arrow::ToTtpBack, false));
    checks.extend(required(&[
        (
            "return-sealed",
            "3, 4",
            "return parts name the TTP's current key, and open under it and healthdata's as part 5 of their item",
        ),
        ("return-handle", "5.5", "a return part has the handle that came with the registration, byte by byte"),
        ("return-binding", "5.5, 7", "a return part names the hash of the sealed feedback beside it"),
        (
            "feedback-sealed",
            "3, 4",
            "feedback names the hospital's current key, and opens under it and healthdata's as part 6 of its item",
        ),
        ("feedback-untouched", "5.6", "the feedback that opens is what HD4RES gave, byte by byte"),
        ("index-once", "4.2", "no index stands twice under an encapsulation"),
        ("each-hospital", "2, 4", "feedback for two hospitals goes on in a publication for each, under two ids"),
    ]));
    checks.extend(item_checks(
        Arrow::FeedbackOut,
        &[
            ("feedback-form", "5.6", "a feedback that cannot be read", "FEEDBACK"),
            ("pseudonym", "7", "a comment that holds a pseudonym", "PSEUDONYM_IN_FEEDBACK"),
            ("unknown-hospital", "7", "a feedback for a key that is no hospital's", "UNKNOWN_PARTY"),
        ],
    ));
    checks.extend(documents::checks(Arrow::FeedbackOut));
    checks
}

/// Plays TTP and HD4RES around healthdata's messaging client.
///
/// # Errors
///
/// The broker's, or a neighbour's keys are not at hand.
pub async fn run(neighbours: &mut Neighbours, protocol: &mut Protocol) -> anyhow::Result<()> {
    for queue in [
        Arrow::ToHd4res.queue(None),
        Arrow::ToTtpBack.queue(None),
        Arrow::ToHd.queue(None).dead(),
        Arrow::FeedbackOut.queue(None).dead(),
    ] {
        neighbours.listen(queue).await?;
    }
    let hospital = neighbours.hospital()?;
    if forward(neighbours, protocol, hospital).await? {
        back(neighbours, protocol, hospital).await?;
    }
    Ok(())
}

fn publication(
    neighbours: &mut Neighbours,
    hospital: Nihdi,
    drafts: &[Draft],
    twist: Twist<'_>,
) -> anyhow::Result<(Publication<PseudonymisedSubmission>, Vec<Vec<u8>>)> {
    let (data, handles) = neighbours.pseudonymise(hospital, drafts, twist)?;
    Ok((neighbours.publication(ehealth_ttp::SERVICE, data)?, handles))
}

/// Forward, good and bad. `false` when nothing came at all.
async fn forward(neighbours: &mut Neighbours, protocol: &mut Protocol, hospital: Nihdi) -> anyhow::Result<bool> {
    let known = neighbours.drafts(hospital)?;
    let (sent, handles) = publication(neighbours, hospital, &known, AS_IS)?;
    let came = passed_on(neighbours, protocol, FORWARD, None, &sent, ehbox_hd::SERVICE).await?;
    let Some((came, _)): Option<(Publication<Arrival>, _)> = came else { return Ok(false) };
    let what = described(&sent);
    for item in &came.data.items {
        let Some(place) = known.iter().position(|draft| draft.id == item.id) else { continue };
        let expected = neighbours.arrival(&known[place])?;
        let is_named = item.pseudonym == expected.pseudonym && item.sender == expected.sender;
        protocol.judge("pseudonym", &what, hold(is_named, || "another pseudonym or sender code".to_owned()));
        protocol.judge("hospital", &what, hold(item.hospital == expected.hospital, || format!("key {}", item.hospital)));
        let is_handle = handles.get(place) == Some(&item.handle.0);
        protocol.judge("handle", &what, hold(is_handle, || "another handle".to_owned()));
        protocol.judge("content", &what, hold(item.content == expected.content, || "another content".to_owned()));
    }
    bad_items(neighbours, protocol, hospital).await?;
    bad_contents(neighbours, protocol, hospital).await?;
    let onward = [Arrow::ToHd4res.queue(None)];
    for (name, ..) in WHOLE {
        let known = neighbours.drafts(hospital)?;
        let (mut sent, _) = publication(neighbours, hospital, &known, AS_IS)?;
        match *name {
            "unknown-key" => sent.data.content.key = KeyIdHex([0; 8]),
            "low-order" => sent.data.pseudonym.enc = B64Fixed([0; 32]),
            _ => {
                let hd = neighbours.ground.keys.current(Party::EhboxHd)?;
                sent.data.content.header = B64(seal_header(hd, KeyId([0; 8]))?);
            }
        }
        refused_whole(neighbours, protocol, Arrow::ToHd, None, &onward, (name, &sent)).await?;
    }
    documents::refused(neighbours, protocol, Arrow::ToHd, None, &onward, |neighbours| {
        let draft = neighbours.draft(hospital, Patient::Numbered(0))?;
        let (sent, _) = publication(neighbours, hospital, std::slice::from_ref(&draft), AS_IS)?;
        Ok((draft.id, sent.encode()?))
    })
    .await?;
    Ok(true)
}

async fn bad_items(neighbours: &mut Neighbours, protocol: &mut Protocol, hospital: Nihdi) -> anyhow::Result<()> {
    for (name, what, twist) in PARTS {
        let known = neighbours.drafts(hospital)?;
        let (publication, _) = publication(neighbours, hospital, &known, *twist)?;
        let spoilt = Spoilt { name, what, publication, bad: &[(1, "PSEUDONYM_PART")] };
        items_refused(neighbours, protocol, FORWARD, None, spoilt).await?;
    }
    for (name, what, code, change, bad) in SEALS {
        let known = neighbours.drafts(hospital)?;
        let (mut publication, _) = publication(neighbours, hospital, &known, AS_IS)?;
        change(&mut publication.data.items);
        let bad: Vec<(usize, &str)> = bad.iter().map(|place| (*place, *code)).collect();
        items_refused(neighbours, protocol, FORWARD, None, Spoilt { name, what, publication, bad: &bad }).await?;
    }
    // Both patients are known by now: the tag of the one does not go with the pseudonym of the other.
    let known = neighbours.drafts(hospital)?;
    let other = known.first().map(|draft| neighbours.pseudonym(draft)).transpose()?;
    let swap: Twist<'_> = &|place, clear| {
        if let (1, Ok(mut part), Some(other)) = (place, PseudonymPart::decode(clear), &other) {
            part.pseudonym = other.clone();
            *clear = part.encode();
        }
    };
    let (publication, _) = publication(neighbours, hospital, &known, swap)?;
    let what = "a patient's content under another known patient's pseudonym";
    let spoilt = Spoilt { name: "tag", what, publication, bad: &[(1, "TAG_MISMATCH")] };
    items_refused(neighbours, protocol, FORWARD, None, spoilt).await.map(drop)
}

async fn bad_contents(neighbours: &mut Neighbours, protocol: &mut Protocol, hospital: Nihdi) -> anyhow::Result<()> {
    let other = neighbours.other_hospital();
    for (name, _, what, code) in CONTENTS {
        let mut known = neighbours.drafts(hospital)?;
        let Some(draft) = known.get(1).cloned() else { continue };
        let bad = match *name {
            "content-form" => Draft { content: vec![7; 1_024], ..draft },
            "definition" => neighbours.reworked(draft, |head| head.dcd_version = 99, &[])?,
            "policy" => neighbours.reworked(draft, |_| {}, &[("patient_id|date_of_birth", "1964-03-12")])?,
            "national-number" => neighbours.reworked(draft, |_| {}, &[("local_mab_comment", "see 64.03.12-999.06")])?,
            _ => neighbours.reworked(
                draft,
                |head| {
                    if let Some(other) = other {
                        other.as_str().clone_into(&mut head.organisation);
                    }
                },
                &[],
            )?,
        };
        known[1] = bad;
        let (publication, _) = publication(neighbours, hospital, &known, AS_IS)?;
        let spoilt = Spoilt { name, what, publication, bad: &[(1, *code)] };
        items_refused(neighbours, protocol, FORWARD, None, spoilt).await?;
    }
    Ok(())
}

/// Answers of HD4RES to three registrations, with handles of the TTP's.
fn outgoing(neighbours: &mut Neighbours, hospital: Nihdi) -> anyhow::Result<Publication<OutgoingFeedback>> {
    let mut items = Vec::new();
    for draft in neighbours.drafts(hospital)? {
        items.push(OutgoingItem {
            id: draft.id.derived("STATUS"),
            handle: B64(neighbours.handle(&draft)?),
            hospital: KeyIdHex(neighbours.ground.keys.current(Party::EhboxHco(hospital))?.id().0),
            feedback: B64(draft.status().encode()),
        });
    }
    neighbours.publication(::hd4res::SERVICE, OutgoingFeedback { items })
}

async fn back(neighbours: &mut Neighbours, protocol: &mut Protocol, hospital: Nihdi) -> anyhow::Result<()> {
    let sent = outgoing(neighbours, hospital)?;
    let came = passed_on(neighbours, protocol, BACK, None, &sent, ehbox_hd::SERVICE).await?;
    let Some((came, _)) = came else { return Ok(()) };
    judge_feedback(neighbours, protocol, hospital, &sent, &came)?;
    each_hospital(neighbours, protocol, hospital).await?;
    for (name, what, code) in [
        ("feedback-form", "a feedback that cannot be read", "FEEDBACK"),
        ("pseudonym", "a comment that holds a pseudonym", "PSEUDONYM_IN_FEEDBACK"),
        ("unknown-hospital", "a feedback for a key that is no hospital's", "UNKNOWN_PARTY"),
    ] {
        let draft = neighbours.draft(hospital, Patient::Numbered(0))?;
        let mut publication = outgoing(neighbours, hospital)?;
        if let Some(item) = publication.data.items.get_mut(1) {
            let comments = vec![Comment { place: None, text: format!("see {PSEUDONYM}") }];
            match name {
                "feedback-form" => item.feedback = B64(vec![7; 256]),
                "pseudonym" => {
                    item.feedback = B64(Feedback::CorrectionRequest { head: draft.head(2), comments }.encode());
                }
                _ => item.hospital = KeyIdHex([0; 8]),
            }
        }
        items_refused(neighbours, protocol, BACK, None, Spoilt { name, what, publication, bad: &[(1, code)] }).await?;
    }
    documents::refused(neighbours, protocol, Arrow::FeedbackOut, None, &[Arrow::ToTtpBack.queue(None)], |neighbours| {
        let mut publication = outgoing(neighbours, hospital)?;
        publication.data.items.truncate(1);
        let id = publication.data.items.first().map_or_else(|| neighbours.item_id(), |item| item.id);
        Ok((id, publication.encode()?))
    })
    .await
}

fn judge_feedback(
    neighbours: &Neighbours,
    protocol: &mut Protocol,
    hospital: Nihdi,
    sent: &Publication<OutgoingFeedback>,
    came: &Publication<SealedFeedback>,
) -> anyhow::Result<()> {
    let (what, keys, data) = (described(sent), &neighbours.ground.keys, &came.data);
    let own = keys.all(Party::EhboxHd)?;
    let (ttp, client) = (keys.keyring(Party::EhealthTtp)?, keys.keyring(Party::EhboxHco(hospital))?);
    let of_return = ttp.opener(Part::Return, own, KeyId(data.r#return.key.0), &data.r#return.enc.0);
    let of_feedback = client.opener(Part::Feedback, own, KeyId(data.feedback.key.0), &data.feedback.enc.0);
    let (of_return, of_feedback) = match (of_return, of_feedback) {
        (Ok(of_return), Ok(of_feedback)) => (of_return, of_feedback),
        (of_return, of_feedback) => {
            protocol.judge("return-sealed", &what, of_return.map(drop).map_err(|error| error.to_string()));
            protocol.judge("feedback-sealed", &what, of_feedback.map(drop).map_err(|error| error.to_string()));
            return Ok(());
        }
    };
    judge_indexes(protocol, &what, data.items.iter().map(|item| &*item.r#return));
    judge_indexes(protocol, &what, data.items.iter().map(|item| &*item.feedback));
    for item in &data.items {
        let Some(expected) = sent.data.items.iter().find(|sent| sent.id == item.id) else { continue };
        let clear = of_feedback.open(item.id.as_bytes(), &item.feedback).map_err(|error| error.to_string());
        protocol.judge("feedback-sealed", &what, clear.as_ref().map(drop).map_err(Clone::clone));
        let is_same = clear.is_ok_and(|clear| clear == expected.feedback.0);
        protocol.judge("feedback-untouched", &what, hold(is_same, || "another feedback".to_owned()));
        let clear = of_return.open(item.id.as_bytes(), &item.r#return).map_err(|error| error.to_string());
        protocol.judge("return-sealed", &what, clear.as_ref().map(drop).map_err(Clone::clone));
        let part = clear.and_then(|clear| ReturnPart::decode(&clear).map_err(|error| error.to_string()));
        let is_bound = part.as_ref().is_ok_and(|part| part.feedback_hash == content_hash(&item.feedback));
        protocol.judge("return-binding", &what, hold(is_bound, || "the hash of something else".to_owned()));
        let is_handle = part.and_then(|part| hold(part.handle == expected.handle.0, || "another handle".to_owned()));
        protocol.judge("return-handle", &what, is_handle);
    }
    Ok(())
}

/// One publication with feedback for two hospitals.
async fn each_hospital(neighbours: &mut Neighbours, protocol: &mut Protocol, hospital: Nihdi) -> anyhow::Result<()> {
    let Some(other) = neighbours.other_hospital() else { return Ok(()) };
    let mut sent = outgoing(neighbours, hospital)?;
    let of_other = outgoing(neighbours, other)?;
    sent.data.items.truncate(1);
    sent.data.items.extend(of_other.data.items.into_iter().take(1));
    neighbours.send(Arrow::FeedbackOut, None, sent.encode()?).await?;
    let (queue, until, mut ids, mut came) = (Arrow::ToTtpBack.queue(None), neighbours.deadline(), BTreeSet::new(), Ok(()));
    for item in &sent.data.items {
        let about = super::neighbours::Sent { items: vec![item.id], payload: bytes::Bytes::new() };
        let one = neighbours.receive_until(&queue, &about, until).await?;
        came = came.and(one.and_then(|payload| {
            let one = Publication::<SealedFeedback>::decode(&payload).map_err(|error| error.to_string())?;
            ids.insert(one.id);
            hold(one.data.items.len() == 1, || format!("a publication of {} items", one.data.items.len()))
        }));
    }
    let came = came.and_then(|()| hold(ids.len() == 2, || format!("{} ids", ids.len())));
    protocol.judge("each-hospital", &described(&sent), came);
    Ok(())
}
