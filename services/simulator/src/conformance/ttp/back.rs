//! Steps 5 to 4 back: what a TTP makes of feedback.

use envelope::{
    B64Fixed, KeyIdHex, Publication,
    sealed::{ReturnedFeedback, SealedFeedback, SealedFeedbackItem},
};
use identifying::IdentityPart;
use sealing::{KeyId, Part, keys::Party};
use topology::{Arrow, Nihdi, QueueName};

use super::forward::Known;
use crate::conformance::{
    check::{Check, Protocol, hold, required},
    documents,
    neighbours::{Neighbours, Sent},
    passing::{Spoilt, described, follows, item_checks, items_refused, passed_on, refused_whole, set_aside, whole_checks},
    play::{AS_IS, Answer, Twist},
};

const ARROWS: (Arrow, Arrow) = (Arrow::ToTtpBack, Arrow::ToHco);

/// What is wrong with the return part of the middle one of three items.
const PARTS: &[(&str, &str, &str, Twist<'static>)] = &[
    ("handle", "a return handle of which a bit was changed", "HANDLE", &|place, part| {
        let at = part.len().saturating_sub(40);
        if let (1, Some(byte)) = (place, part.get_mut(at)) {
            *byte ^= 1;
        }
    }),
    ("return-form", "a return part of form 2", "RETURN_PART_FORM", &|place, part| {
        if let (1, Some(byte)) = (place, part.first_mut()) {
            *byte = 2;
        }
    }),
    ("return-length", "a return part whose handle is shorter than it says", "RETURN_PART_LENGTH", &|place, part| {
        if place == 1 {
            part.remove(10);
        }
    }),
];

/// Items of a publication of feedback, of which the middle one or the outer ones are spoilt.
const THREE: usize = 3;

type Change = fn(&mut Vec<SealedFeedbackItem>);

const SEALS: &[(&str, &str, &str, Change, &[usize])] = &[
    (
        "changed-bit",
        "a return part of which a bit was changed",
        "DOES_NOT_OPEN",
        |items| {
            if let Some(byte) = items.get_mut(1).and_then(|item| item.r#return.0.get_mut(20)) {
                *byte ^= 1
            }
        },
        &[1],
    ),
    (
        "cut-short",
        "a return part shorter than index and tag",
        "SEAL_CUT_SHORT",
        |items| {
            if let Some(item) = items.get_mut(1) {
                item.r#return.0.truncate(19)
            }
        },
        &[1],
    ),
    (
        "swapped-feedback",
        "two items with each other's feedback",
        "SWAPPED_CONTENT",
        |items| {
            if let [first, .., last] = items.as_mut_slice() {
                std::mem::swap(&mut first.feedback, &mut last.feedback)
            }
        },
        &[0, 2],
    ),
];

const WHOLE: &[(&str, &str, &str, &str)] = &[
    ("unknown-key", "4, 9", "sealed for a key that the TTP does not have", "UNKNOWN_KEY"),
    ("low-order", "4, 9", "an encapsulated key of zeros", "LOW_ORDER_KEY"),
];

pub(super) fn checks() -> Vec<Check> {
    let mut checks = required(&[
        ("feedback-untouched", "2", "the feedback's encapsulation and the sealed feedback pass byte for byte"),
        (
            "sealed-for-hospital",
            "3, 4",
            "identities name the hospital's current key, and open under it and the TTP's as part 7 of their item",
        ),
        ("identity-restored", "5.1", "the identity part is well formed and names the patient whose registration is answered"),
        ("identity-binding", "5.1, 7", "the identity names the hash of the sealed feedback beside it"),
        (
            "back-to-sender",
            "5.4",
            "feedback on another hospital's registration goes to that hospital's queue, and nothing of it to the first",
        ),
        ("back-redelivery", "8", "feedback that comes again goes on under the same id"),
        ("back-other-sender", "7", "what another party than healthdata sealed: a dead letter with DOES_NOT_OPEN"),
    ]);
    let parts: Vec<_> = PARTS.iter().map(|(name, what, code, _)| (*name, "5.4, 5.5", *what, *code)).collect();
    checks.extend(item_checks(Arrow::ToTtpBack, &parts));
    let seals: Vec<_> = SEALS.iter().map(|(name, what, code, ..)| (*name, "4.2, 7", *what, *code)).collect();
    checks.extend(item_checks(Arrow::ToTtpBack, &seals));
    checks.extend(whole_checks(Arrow::ToTtpBack, WHOLE));
    checks
}

/// An answer to a registration that healthdata knows.
fn answer(neighbours: &mut Neighbours, known: &Known) -> Answer {
    let feedback = known.draft.status().encode();
    Answer { id: neighbours.item_id(), handle: known.handle.clone(), identity: known.draft.identity.clone(), feedback }
}

fn of_hospital(known: &[Known], hospital: Nihdi) -> impl Iterator<Item = &Known> {
    known.iter().filter(move |one| one.draft.hospital == hospital)
}

fn sealed(
    neighbours: &mut Neighbours,
    hospital: Nihdi,
    known: &[Known],
    twist: Twist<'_>,
) -> anyhow::Result<(Publication<SealedFeedback>, Vec<Answer>)> {
    let answers: Vec<Answer> = known.iter().map(|one| answer(neighbours, one)).collect();
    let data = neighbours.seal_feedback(hospital, &answers, twist)?;
    Ok((neighbours.publication(ehbox_hd::SERVICE, data)?, answers))
}

pub(super) async fn run(neighbours: &mut Neighbours, protocol: &mut Protocol, known: &[Known]) -> anyhow::Result<()> {
    let hospital = neighbours.hospital()?;
    // The three of one publication: two kinds of identity among them.
    let own: Vec<Known> = of_hospital(known, hospital).skip(1).take(THREE).cloned().collect();
    // Only what came forward in order can be answered; what did not has failed its own checks.
    if own.len() < THREE {
        return Ok(());
    }
    let (publication, answers) = sealed(neighbours, hospital, &own, AS_IS)?;
    let source = ehealth_ttp::SERVICE;
    let came = passed_on(neighbours, protocol, ARROWS, Some(hospital), &publication, source).await?;
    let Some((came, _)) = came else { return Ok(()) };
    judge_identities(neighbours, protocol, hospital, (&publication, &answers), &came)?;
    let again = Sent { items: answers.iter().map(|answer| answer.id).collect(), payload: publication.encode()? };
    neighbours.send(Arrow::ToTtpBack, None, again.payload.clone()).await?;
    let queue = Arrow::ToHco.queue(Some(&hospital));
    let redelivered = neighbours.receive(&queue, &again).await?.and_then(|payload| {
        let again = Publication::<ReturnedFeedback>::decode(&payload).map_err(|error| error.to_string())?;
        hold(again.id == came.id, || "another id than before".to_owned())
    });
    protocol.judge("back-redelivery", &format!("{} for the second time", described(&publication)), redelivered);
    if let Some(other) = neighbours.other_hospital() {
        to_other_hospital(neighbours, protocol, (hospital, other), known).await?;
        other_sender(neighbours, protocol, (hospital, other), &own).await?;
    }
    refusals(neighbours, protocol, hospital, &own).await
}

fn judge_identities(
    neighbours: &Neighbours,
    protocol: &mut Protocol,
    hospital: Nihdi,
    (sent, answers): (&Publication<SealedFeedback>, &[Answer]),
    came: &Publication<ReturnedFeedback>,
) -> anyhow::Result<()> {
    let (what, keys, party) = (described(sent), &neighbours.ground.keys, Party::EhboxHco(hospital));
    let sent_of = |id| sent.data.items.iter().find(|item| item.id == id).map(|item| &item.feedback);
    let as_sent =
        came.data.feedback == sent.data.feedback && came.data.items.iter().all(|item| sent_of(item.id) == Some(&item.feedback));
    let other = || "another feedback, or another encapsulation".to_owned();
    protocol.judge("feedback-untouched", &what, hold(as_sent, other));
    let (seal, current) = (&came.data.identity, keys.current(party)?.id());
    let opener = hold(seal.key.0 == current.0, || format!("key {}, where the hospital's is {current}", seal.key));
    let (ring, ttp) = (keys.keyring(party)?, keys.all(Party::EhealthTtp)?);
    let opener = opener.and_then(|()| {
        ring.opener(Part::ReturnedIdentity, ttp, KeyId(seal.key.0), &seal.enc.0).map_err(|error| error.to_string())
    });
    let opener = match opener {
        Ok(opener) => opener,
        Err(came) => {
            protocol.judge("sealed-for-hospital", &what, Err(came));
            return Ok(());
        }
    };
    for item in &came.data.items {
        let clear = match opener.open(item.id.as_bytes(), &item.identity) {
            Ok(clear) => clear,
            Err(error) => {
                protocol.judge("sealed-for-hospital", &what, Err(error.to_string()));
                continue;
            }
        };
        protocol.judge("sealed-for-hospital", &what, Ok(()));
        let part = match IdentityPart::decode(&clear) {
            Ok(part) => part,
            Err(error) => {
                protocol.judge("identity-restored", &what, Err(format!("a part that cannot be read: {error}")));
                continue;
            }
        };
        let is_right = answers.iter().any(|answer| answer.id == item.id && answer.identity == part.identity);
        protocol.judge("identity-restored", &what, hold(is_right, || "another patient".to_owned()));
        let is_bound = part.content_hash == envelope::content_hash(&item.feedback);
        protocol.judge("identity-binding", &what, hold(is_bound, || "the hash of something else".to_owned()));
    }
    Ok(())
}

/// Feedback on a registration of the other hospital.
async fn to_other_hospital(
    neighbours: &mut Neighbours,
    protocol: &mut Protocol,
    (hospital, other): (Nihdi, Nihdi),
    known: &[Known],
) -> anyhow::Result<()> {
    let of_other: Vec<Known> = of_hospital(known, other).take(1).cloned().collect();
    if of_other.is_empty() {
        return Ok(());
    }
    let (publication, answers) = sealed(neighbours, other, &of_other, AS_IS)?;
    let about = Sent { items: answers.iter().map(|answer| answer.id).collect(), payload: publication.encode()? };
    neighbours.send(Arrow::ToTtpBack, None, about.payload.clone()).await?;
    let source = ehealth_ttp::SERVICE;
    let came =
        follows::<_, ReturnedFeedback>(neighbours, protocol, Arrow::ToHco, Some(other), &publication, source, &about).await?;
    let own = Arrow::ToHco.queue(Some(&hospital));
    neighbours.look_around().await?;
    let came = match came {
        None => Err(neighbours.nothing(&Arrow::ToHco.queue(Some(&other)))),
        Some((came, _)) => {
            judge_identities(neighbours, protocol, other, (&publication, &answers), &came)?;
            hold(!neighbours.ever_came(&own, &about.items), || format!("it came on {own} as well"))
        }
    };
    protocol.judge("back-to-sender", &format!("{}, sealed for {other}", described(&publication)), came);
    Ok(())
}

/// Feedback that a hospital sealed in healthdata's name.
async fn other_sender(
    neighbours: &mut Neighbours,
    protocol: &mut Protocol,
    (hospital, forger): (Nihdi, Nihdi),
    own: &[Known],
) -> anyhow::Result<()> {
    let answers: Vec<Answer> = own.iter().take(1).map(|one| answer(neighbours, one)).collect();
    let data = neighbours.seal_feedback_as(Party::EhboxHco(forger), hospital, &answers, AS_IS)?;
    let publication = neighbours.publication(ehbox_hd::SERVICE, data)?;
    set_aside(neighbours, protocol, ARROWS, Some(hospital), ("back-other-sender", "DOES_NOT_OPEN"), &publication).await
}

async fn refusals(neighbours: &mut Neighbours, protocol: &mut Protocol, hospital: Nihdi, own: &[Known]) -> anyhow::Result<()> {
    for (name, what, code, twist) in PARTS {
        let (publication, _) = sealed(neighbours, hospital, own, *twist)?;
        let spoilt = Spoilt { name, what, publication, bad: &[(1, *code)] };
        items_refused(neighbours, protocol, ARROWS, Some(hospital), spoilt).await?;
    }
    for (name, what, code, change, bad) in SEALS {
        let (mut publication, _) = sealed(neighbours, hospital, own, AS_IS)?;
        change(&mut publication.data.items);
        let bad: Vec<(usize, &str)> = bad.iter().map(|place| (*place, *code)).collect();
        items_refused(neighbours, protocol, ARROWS, Some(hospital), Spoilt { name, what, publication, bad: &bad }).await?;
    }
    let onward: Vec<QueueName> = vec![Arrow::ToHco.queue(Some(&hospital))];
    for (name, ..) in WHOLE {
        let (mut publication, _) = sealed(neighbours, hospital, own, AS_IS)?;
        match *name {
            "unknown-key" => publication.data.r#return.key = KeyIdHex([0; 8]),
            _ => publication.data.r#return.enc = B64Fixed([0; 32]),
        }
        refused_whole(neighbours, protocol, Arrow::ToTtpBack, None, &onward, (name, &publication)).await?;
    }
    documents::refused(neighbours, protocol, Arrow::ToTtpBack, None, &onward, |neighbours| {
        let (publication, answers) = sealed(neighbours, hospital, own.get(..1).unwrap_or_default(), AS_IS)?;
        let id = answers.first().map_or_else(|| neighbours.item_id(), |answer| answer.id);
        Ok((id, publication.encode()?))
    })
    .await
}
