//! Step 5: what a TTP must refuse, alone or as a whole.

use envelope::{
    B64Fixed, ItemId, KeyIdHex, Publication,
    sealed::{SealedItem, SealedSubmission},
};
use sealing::keys::Party;
use topology::{Arrow, Nihdi};

use crate::conformance::{
    check::{Check, Protocol, hold, required},
    documents,
    neighbours::{Neighbours, Sent},
    passing::{Spoilt, item_checks, items_refused, refused_whole, set_aside, whole_checks},
    play::{AS_IS, Patient, Twist},
};

const ARROWS: (Arrow, Arrow) = (Arrow::ToTtp, Arrow::ToHd);

/// Where the value stands in an identity part, and its last digit.
const LAST_DIGIT: usize = 12;

/// What is wrong with the identity part of the middle one of three items.
const IDENTITIES: &[(&str, &str, Twist<'static>)] = &[
    ("check-digits", "an identity with wrong check digits", &|place, part| twist(place, part, LAST_DIGIT, |digit| digit ^ 1)),
    ("identity-form", "an identity part of form 2", &|place, part| twist(place, part, 0, |_| 2)),
    ("identity-kind", "an identity of kind 3", &|place, part| twist(place, part, 1, |_| 3)),
    ("identity-padding", "an identity part with something else than zeros behind the value", &|place, part| {
        twist(place, part, 33, |_| 1);
    }),
    ("identity-length", "an identity part of 67 bytes", &|place, part| {
        if place == 1 {
            part.push(0);
        }
    }),
];

fn twist(place: usize, part: &mut [u8], at: usize, change: impl FnOnce(u8) -> u8) {
    if let (1, Some(byte)) = (place, part.get_mut(at)) {
        *byte = change(*byte);
    }
}

type Change = fn(&mut Vec<SealedItem>);

/// What is wrong with the sealed items, and under which code they become dead letters.
const SEALS: &[(&str, &str, &str, Change, &[usize])] = &[
    ("changed-bit", "an identity of which a bit was changed", "DOES_NOT_OPEN", |items| flip(items, 20), &[1]),
    ("changed-index", "an identity of which the index was changed", "DOES_NOT_OPEN", |items| flip(items, 3), &[1]),
    ("cut-short", "an identity shorter than index and tag", "SEAL_CUT_SHORT", |items| shorten(items), &[1]),
    (
        "swapped-content",
        "two items with each other's content",
        "SWAPPED_CONTENT",
        |items| swap(items, |item| &mut item.content.0),
        &[0, 2],
    ),
    (
        "swapped-identity",
        "two items with each other's identity",
        "DOES_NOT_OPEN",
        |items| swap(items, |item| &mut item.identity.0),
        &[0, 2],
    ),
    (
        "changed-content",
        "a content of which a bit was changed",
        "SWAPPED_CONTENT",
        |items| {
            if let Some(byte) = items.get_mut(1).and_then(|item| item.content.0.get_mut(40)) {
                *byte ^= 1
            }
        },
        &[1],
    ),
];

fn flip(items: &mut [SealedItem], at: usize) {
    if let Some(byte) = items.get_mut(1).and_then(|item| item.identity.0.get_mut(at)) {
        *byte ^= 1;
    }
}

fn shorten(items: &mut [SealedItem]) {
    if let Some(item) = items.get_mut(1) {
        item.identity.0.truncate(19);
    }
}

fn swap(items: &mut [SealedItem], member: impl Fn(&mut SealedItem) -> &mut Vec<u8>) {
    let [first, .., last] = items else { return };
    std::mem::swap(member(first), member(last));
}

/// The publications that are refused as a whole.
const WHOLE: &[(&str, &str, &str, &str)] = &[
    ("unknown-sender", "7, 9", "a sender that is not in the public directory", "UNKNOWN_PARTY"),
    ("no-hospital", "7, 9", "a sender that is no hospital's messaging client", "UNKNOWN_PARTY"),
    ("unknown-key", "4, 9", "sealed for a key that the TTP does not have", "UNKNOWN_KEY"),
    ("low-order", "4, 9", "an encapsulated key of zeros", "LOW_ORDER_KEY"),
];

pub(super) fn checks() -> Vec<Check> {
    let identities: Vec<_> = IDENTITIES.iter().map(|(name, what, _)| (*name, "5.1, 6.1", *what, "IDENTITY")).collect();
    let mut checks = item_checks(Arrow::ToTtp, &identities);
    let seals: Vec<_> = SEALS.iter().map(|(name, what, code, ..)| (*name, "4.2, 7", *what, *code)).collect();
    checks.extend(item_checks(Arrow::ToTtp, &seals));
    checks.extend(required(&[
        ("letter-id", "1", "a redelivery gives a bad item's dead letter the same id again"),
        (
            "other-sender",
            "7",
            "what one hospital sealed in another's name: each item a dead letter with DOES_NOT_OPEN, none passes",
        ),
    ]));
    checks.extend(whole_checks(Arrow::ToTtp, WHOLE));
    checks
}

fn three(neighbours: &mut Neighbours, hospital: Nihdi, twist: Twist<'_>) -> anyhow::Result<Publication<SealedSubmission>> {
    let drafts = neighbours.drafts(hospital)?;
    let data = neighbours.seal_submission(hospital, &drafts, twist)?;
    neighbours.publication(&format!("ehbox-hco-{hospital}"), data)
}

pub(super) async fn run(neighbours: &mut Neighbours, protocol: &mut Protocol) -> anyhow::Result<()> {
    let hospital = neighbours.hospital()?;
    for (name, what, twist) in IDENTITIES {
        let publication = three(neighbours, hospital, *twist)?;
        let spoilt = Spoilt { name, what, publication: publication.clone(), bad: &[(1, "IDENTITY")] };
        let letter = items_refused(neighbours, protocol, ARROWS, None, spoilt).await?;
        if let Some(letter) = letter.filter(|_| *name == "check-digits") {
            letter_again(neighbours, protocol, &publication, letter).await?;
        }
    }
    for (name, what, code, change, bad) in SEALS {
        let mut publication = three(neighbours, hospital, AS_IS)?;
        change(&mut publication.data.items);
        let bad: Vec<(usize, &str)> = bad.iter().map(|place| (*place, *code)).collect();
        items_refused(neighbours, protocol, ARROWS, None, Spoilt { name, what, publication, bad: &bad }).await?;
    }
    other_sender(neighbours, protocol, hospital).await?;
    whole(neighbours, protocol, hospital).await?;
    documents::refused(neighbours, protocol, Arrow::ToTtp, None, &[Arrow::ToHd.queue(None)], |neighbours| {
        let draft = neighbours.draft(hospital, Patient::Numbered(0))?;
        let data = neighbours.seal_submission(hospital, std::slice::from_ref(&draft), AS_IS)?;
        Ok((draft.id, neighbours.publication(&format!("ehbox-hco-{hospital}"), data)?.encode()?))
    })
    .await
}

/// The same publication again: its bad item must become the same dead letter.
async fn letter_again(
    neighbours: &mut Neighbours,
    protocol: &mut Protocol,
    publication: &Publication<SealedSubmission>,
    before: envelope::PublicationId,
) -> anyhow::Result<()> {
    let items: Vec<ItemId> = publication.data.items.get(1).map(|item| item.id).into_iter().collect();
    let about = Sent { items, payload: publication.encode()? };
    neighbours.send(Arrow::ToTtp, None, about.payload.clone()).await?;
    let came = match neighbours.receive(&Arrow::ToTtp.queue(None).dead(), &about).await? {
        Err(nothing) => Err(nothing),
        Ok(payload) => match Publication::<SealedSubmission>::decode(&payload) {
            Err(error) => Err(format!("a dead letter that cannot be read: {error}")),
            Ok(letter) => hold(letter.id == before, || "another id than before".to_owned()),
        },
    };
    protocol.judge("letter-id", "the publication with wrong check digits for the second time", came);
    Ok(())
}

/// What one hospital sealed, under the name of another.
async fn other_sender(neighbours: &mut Neighbours, protocol: &mut Protocol, hospital: Nihdi) -> anyhow::Result<()> {
    let Some(other) = neighbours.other_hospital() else { return Ok(()) };
    let mut publication = three(neighbours, hospital, AS_IS)?;
    publication.source = Party::EhboxHco(other).to_string().parse()?;
    set_aside(neighbours, protocol, ARROWS, None, ("other-sender", "DOES_NOT_OPEN"), &publication).await
}

async fn whole(neighbours: &mut Neighbours, protocol: &mut Protocol, hospital: Nihdi) -> anyhow::Result<()> {
    for (name, ..) in WHOLE {
        let mut publication = three(neighbours, hospital, AS_IS)?;
        match *name {
            "unknown-sender" => publication.source = "ehbox-hco-99999999".parse()?,
            "no-hospital" => publication.source = Party::EhboxHd.to_string().parse()?,
            "unknown-key" => publication.data.identity.key = KeyIdHex([0; 8]),
            _ => publication.data.identity.enc = B64Fixed([0; 32]),
        }
        let onward = [Arrow::ToHd.queue(None)];
        refused_whole(neighbours, protocol, Arrow::ToTtp, None, &onward, (name, &publication)).await?;
    }
    Ok(())
}
