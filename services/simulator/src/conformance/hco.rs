//! The checks of a hospital's messaging client: steps 3 to 4, and 4 to 3 back.

use broker::Payload;
use envelope::{
    B64Fixed, KeyIdHex, Publication, content_hash,
    sealed::{ReturnedFeedback, ReturnedItem, SealedSubmission},
};
use hco_messages::{FeedbackDelivery, Submission, SubmissionItem};
use identifying::IdentityPart;
use registration::{Comment, Feedback};
use sealing::{KeyId, Part, keys::Party};
use serde_json::json;
use topology::{Arrow, Nihdi, QueueName};

use super::{
    check::{Check, Protocol, hold, required},
    documents,
    neighbours::Neighbours,
    passing::{self, Spoilt, described, item_checks, items_refused, judge_indexes, passed_on, refused_whole, whole_checks},
    play::{AS_IS, Answer, Draft, Patient, Twist},
};

const OUT: (Arrow, Arrow) = (Arrow::HandOver, Arrow::ToTtp);
const BACK: (Arrow, Arrow) = (Arrow::ToHco, Arrow::ToHd4dp);

const IDENTITIES: &[(&str, &str, &str, &str)] = &[
    ("check-digits", "an identity with wrong check digits", "ssin", "64031299907"),
    ("identity-kind", "an identity of an unknown kind", "passport", "64031299906"),
    ("generated-form", "a generated id that is none", "generated", "G123"),
];

type Change = fn(&mut Vec<ReturnedItem>);

const SEALS: &[(&str, &str, &str, Change, &[usize])] = &[
    (
        "changed-bit",
        "an identity of which a bit was changed",
        "DOES_NOT_OPEN",
        |items| flip(items, |item| &mut item.identity.0),
        &[1],
    ),
    (
        "changed-feedback",
        "a feedback of which a bit was changed",
        "SWAPPED_FEEDBACK",
        |items| flip(items, |item| &mut item.feedback.0),
        &[1],
    ),
    ("swapped-feedback", "two items with each other's feedback", "SWAPPED_FEEDBACK", |items| swap(items), &[0, 2]),
];

fn flip(items: &mut [ReturnedItem], member: impl Fn(&mut ReturnedItem) -> &mut Vec<u8>) {
    if let Some(byte) = items.get_mut(1).and_then(|item| member(item).get_mut(20)) {
        *byte ^= 1;
    }
}

fn swap(items: &mut [ReturnedItem]) {
    if let [first, .., last] = items {
        std::mem::swap(&mut first.feedback, &mut last.feedback);
    }
}

const WHOLE: &[(&str, &str, &str, &str)] = &[
    ("unknown-key", "4, 9", "an identity sealed for a key that the hospital does not have", "UNKNOWN_KEY"),
    ("unknown-feedback-key", "4, 9", "a feedback sealed for a key that the hospital does not have", "UNKNOWN_KEY"),
    ("low-order", "4, 9", "an encapsulated key of zeros", "LOW_ORDER_KEY"),
];

/// Every check of a hospital's messaging client, in the order in which it is made.
#[must_use]
pub fn checks() -> Vec<Check> {
    let mut checks = passing::checks(Arrow::ToTtp, false);
    checks.extend(required(&[
        (
            "identity-sealed",
            "3, 4",
            "identities name the TTP's current key, and open under it and the hospital's as part 1 of their item",
        ),
        ("identity-part", "5.1", "an identity part of 66 bytes with the patient that was handed over"),
        ("identity-binding", "5.1, 7", "the identity names the hash of the sealed content beside it"),
        (
            "content-sealed",
            "3, 4",
            "contents name healthdata's current key, and open under it and the hospital's as part 2 of their item",
        ),
        ("content-untouched", "2, 5.2", "the content that opens is what was handed over, byte by byte"),
        ("content-header", "4.3", "the header of 60 bytes opens in base mode and names a key of the hospital's"),
        ("index-once", "4.2", "no index stands twice under an encapsulation"),
        ("nothing-clear", "2", "no identity stands in the document in clear"),
        ("sealed-anew", "4, 8", "a publication that comes again goes on under the same id, sealed anew"),
    ]));
    let identities: Vec<_> = IDENTITIES.iter().map(|(name, what, ..)| (*name, "2.1, 6.1", *what, "IDENTITY")).collect();
    checks.extend(item_checks(Arrow::HandOver, &identities));
    checks.extend(documents::checks(Arrow::HandOver));
    checks.extend(passing::checks(Arrow::ToHd4dp, false));
    checks.extend(required(&[
        ("identity-restored", "2.1", "the identity that the TTP sealed goes with the feedback"),
        ("feedback-untouched", "5.6", "the feedback that opens is what healthdata sealed, byte by byte"),
        ("other-sender", "7", "an identity that another party than the TTP sealed: a dead letter with DOES_NOT_OPEN"),
    ]));
    let seals: Vec<_> = SEALS.iter().map(|(name, what, code, ..)| (*name, "4.2, 7", *what, *code)).collect();
    checks.extend(item_checks(Arrow::ToHco, &seals));
    checks.extend(item_checks(
        Arrow::ToHco,
        &[
            ("identity-form", "5.1", "an identity part of form 2", "IDENTITY"),
            ("feedback-form", "5.6", "a feedback that cannot be read", "FEEDBACK"),
            ("pseudonym", "7", "a comment that holds a pseudonym", "PSEUDONYM_IN_FEEDBACK"),
        ],
    ));
    checks.extend(whole_checks(Arrow::ToHco, WHOLE));
    checks.extend(documents::checks(Arrow::ToHco));
    checks
}

/// Plays HD4DP, TTP and healthdata around a hospital's messaging client.
///
/// # Errors
///
/// The broker's, or a neighbour's keys are not at hand.
pub async fn run(neighbours: &mut Neighbours, protocol: &mut Protocol) -> anyhow::Result<()> {
    let hospital = neighbours.hospital()?;
    for queue in [
        Arrow::ToTtp.queue(None),
        Arrow::ToHd4dp.queue(Some(&hospital)),
        Arrow::HandOver.queue(Some(&hospital)).dead(),
        Arrow::ToHco.queue(Some(&hospital)).dead(),
    ] {
        neighbours.listen(queue).await?;
    }
    if forward(neighbours, protocol, hospital).await? {
        back(neighbours, protocol, hospital).await?;
    }
    Ok(())
}

fn three(neighbours: &mut Neighbours, hospital: Nihdi) -> anyhow::Result<(Publication<Submission>, Vec<Draft>)> {
    let drafts = neighbours.drafts(hospital)?;
    let items = drafts.iter().map(|draft| SubmissionItem::new(draft.id, &draft.identity, draft.content.clone())).collect();
    Ok((neighbours.publication(&format!("hd4dp-{hospital}"), Submission { items })?, drafts))
}

/// Forward, good and bad. `false` when nothing came at all.
async fn forward(neighbours: &mut Neighbours, protocol: &mut Protocol, hospital: Nihdi) -> anyhow::Result<bool> {
    let (publication, drafts) = three(neighbours, hospital)?;
    let source = Party::EhboxHco(hospital).to_string();
    let came = passed_on(neighbours, protocol, OUT, Some(hospital), &publication, &source).await?;
    let Some((came, payload)) = came else { return Ok(false) };
    judge_seals(neighbours, protocol, hospital, (&publication, &drafts), (&came, &payload))?;
    let again: Option<(Publication<SealedSubmission>, _)> =
        passed_on(neighbours, protocol, OUT, Some(hospital), &publication, &source).await?;
    let outcome = match again {
        None => Err(neighbours.nothing(&Arrow::ToTtp.queue(None))),
        Some((again, _)) => hold(again.id == came.id, || "another id than before".to_owned()).and_then(|()| {
            let is_fresh = again.data.identity.enc != came.data.identity.enc && again.data.content.enc != came.data.content.enc;
            hold(is_fresh, || "the encapsulation of before".to_owned())
        }),
    };
    protocol.judge("sealed-anew", &format!("{} for the second time", described(&publication)), outcome);
    for (name, what, kind, value) in IDENTITIES {
        let (mut publication, _) = three(neighbours, hospital)?;
        if let Some(item) = publication.data.items.get_mut(1) {
            item.identity = serde_json::from_value(json!({ "kind": kind, "value": value }))?;
        }
        let spoilt = Spoilt { name, what, publication, bad: &[(1, "IDENTITY")] };
        items_refused(neighbours, protocol, OUT, Some(hospital), spoilt).await?;
    }
    let onward = [Arrow::ToTtp.queue(None)];
    documents::refused(neighbours, protocol, Arrow::HandOver, Some(hospital), &onward, |neighbours| {
        let draft = neighbours.draft(hospital, Patient::Numbered(0))?;
        let items = vec![SubmissionItem::new(draft.id, &draft.identity, draft.content.clone())];
        Ok((draft.id, neighbours.publication(&format!("hd4dp-{hospital}"), Submission { items })?.encode()?))
    })
    .await?;
    Ok(true)
}

fn judge_seals(
    neighbours: &Neighbours,
    protocol: &mut Protocol,
    hospital: Nihdi,
    (sent, drafts): (&Publication<Submission>, &[Draft]),
    (came, payload): (&Publication<SealedSubmission>, &Payload),
) -> anyhow::Result<()> {
    let (what, keys, data) = (described(sent), &neighbours.ground.keys, &came.data);
    let own = keys.all(Party::EhboxHco(hospital))?;
    let (hd, content_key) = (keys.keyring(Party::EhboxHd)?, KeyId(data.content.key.0));
    let header = hd.open_header(content_key, &data.content.header).map_err(|error| error.to_string());
    let header = header.and_then(|key| hold(own.iter().any(|one| one.id() == key), || format!("key {key}")));
    protocol.judge("content-header", &what, header);
    let is_clear = drafts.iter().any(|draft| memchr::memmem::find(payload, draft.identity.reveal().as_bytes()).is_some());
    protocol.judge("nothing-clear", &what, hold(!is_clear, || "an identity in clear".to_owned()));
    judge_indexes(protocol, &what, data.items.iter().map(|item| &*item.identity));
    judge_indexes(protocol, &what, data.items.iter().map(|item| &*item.content));
    let of_ttp = keys.keyring(Party::EhealthTtp)?;
    let openers = [
        ("identity-sealed", of_ttp.opener(Part::Identity, own, KeyId(data.identity.key.0), &data.identity.enc.0)),
        ("content-sealed", hd.opener(Part::Content, own, content_key, &data.content.enc.0)),
    ];
    let [(_, Ok(identity)), (_, Ok(content))] = openers else {
        for (name, opener) in openers {
            protocol.judge(name, &what, opener.map(drop).map_err(|error| error.to_string()));
        }
        return Ok(());
    };
    for item in &data.items {
        let Some(draft) = drafts.iter().find(|draft| draft.id == item.id) else { continue };
        match content.open(item.id.as_bytes(), &item.content) {
            Ok(clear) => {
                protocol.judge("content-sealed", &what, Ok(()));
                protocol.judge("content-untouched", &what, hold(clear == draft.content, || "another content".to_owned()));
            }
            Err(error) => protocol.judge("content-sealed", &what, Err(error.to_string())),
        }
        let clear = match identity.open(item.id.as_bytes(), &item.identity) {
            Ok(clear) => clear,
            Err(error) => {
                protocol.judge("identity-sealed", &what, Err(error.to_string()));
                continue;
            }
        };
        protocol.judge("identity-sealed", &what, Ok(()));
        let part = IdentityPart::decode(&clear).map_err(|error| format!("a part that cannot be read: {error}"));
        let is_bound = part.as_ref().is_ok_and(|part| part.content_hash == content_hash(&item.content));
        protocol.judge("identity-binding", &what, hold(is_bound, || "the hash of something else".to_owned()));
        let is_whose = part.and_then(|part| hold(part.identity == draft.identity, || "another patient".to_owned()));
        protocol.judge("identity-part", &what, is_whose);
    }
    Ok(())
}

fn answers(neighbours: &mut Neighbours, hospital: Nihdi) -> anyhow::Result<Vec<Answer>> {
    let mut answers = Vec::new();
    for draft in neighbours.drafts(hospital)? {
        let feedback = draft.status().encode();
        answers.push(Answer { id: neighbours.item_id(), handle: Vec::new(), identity: draft.identity, feedback });
    }
    Ok(answers)
}

fn returned(
    neighbours: &mut Neighbours,
    hospital: Nihdi,
    answers: &[Answer],
    twist: Twist<'_>,
) -> anyhow::Result<Publication<ReturnedFeedback>> {
    let data = neighbours.return_feedback(Party::EhealthTtp, hospital, answers, twist)?;
    neighbours.publication(ehealth_ttp::SERVICE, data)
}

async fn back(neighbours: &mut Neighbours, protocol: &mut Protocol, hospital: Nihdi) -> anyhow::Result<()> {
    let own = answers(neighbours, hospital)?;
    let publication = returned(neighbours, hospital, &own, AS_IS)?;
    let source = Party::EhboxHco(hospital).to_string();
    let came = passed_on(neighbours, protocol, BACK, Some(hospital), &publication, &source).await?;
    let Some((came, _)): Option<(Publication<FeedbackDelivery>, _)> = came else { return Ok(()) };
    let what = described(&publication);
    for item in &came.data.items {
        let Some(answer) = own.iter().find(|answer| answer.id == item.id) else { continue };
        let is_whose = item.identity.parse().is_ok_and(|identity| identity == answer.identity);
        protocol.judge("identity-restored", &what, hold(is_whose, || "another patient".to_owned()));
        let is_same = item.feedback.0 == answer.feedback;
        protocol.judge("feedback-untouched", &what, hold(is_same, || "another feedback".to_owned()));
    }
    other_sender(neighbours, protocol, hospital).await?;
    for (name, what, code, change, bad) in SEALS {
        let own = answers(neighbours, hospital)?;
        let mut publication = returned(neighbours, hospital, &own, AS_IS)?;
        change(&mut publication.data.items);
        let bad: Vec<(usize, &str)> = bad.iter().map(|place| (*place, *code)).collect();
        items_refused(neighbours, protocol, BACK, Some(hospital), Spoilt { name, what, publication, bad: &bad }).await?;
    }
    bad_feedback(neighbours, protocol, hospital).await?;
    let onward: [QueueName; 1] = [Arrow::ToHd4dp.queue(Some(&hospital))];
    for (name, ..) in WHOLE {
        let own = answers(neighbours, hospital)?;
        let mut publication = returned(neighbours, hospital, &own, AS_IS)?;
        match *name {
            "unknown-key" => publication.data.identity.key = KeyIdHex([0; 8]),
            "unknown-feedback-key" => publication.data.feedback.key = KeyIdHex([0; 8]),
            _ => publication.data.identity.enc = B64Fixed([0; 32]),
        }
        refused_whole(neighbours, protocol, Arrow::ToHco, Some(hospital), &onward, (name, &publication)).await?;
    }
    documents::refused(neighbours, protocol, Arrow::ToHco, Some(hospital), &onward, |neighbours| {
        let own = answers(neighbours, hospital)?;
        let publication = returned(neighbours, hospital, own.get(..1).unwrap_or_default(), AS_IS)?;
        let id = own.first().map_or_else(|| neighbours.item_id(), |answer| answer.id);
        Ok((id, publication.encode()?))
    })
    .await
}

/// Feedback whose identities healthdata sealed, not the TTP.
async fn other_sender(neighbours: &mut Neighbours, protocol: &mut Protocol, hospital: Nihdi) -> anyhow::Result<()> {
    let own = answers(neighbours, hospital)?;
    let data = neighbours.return_feedback(Party::EhboxHd, hospital, own.get(..1).unwrap_or_default(), AS_IS)?;
    let publication = neighbours.publication(ehealth_ttp::SERVICE, data)?;
    passing::set_aside(neighbours, protocol, BACK, Some(hospital), ("other-sender", "DOES_NOT_OPEN"), &publication).await
}

async fn bad_feedback(neighbours: &mut Neighbours, protocol: &mut Protocol, hospital: Nihdi) -> anyhow::Result<()> {
    let own = answers(neighbours, hospital)?;
    let form: Twist<'_> = &|place, part| {
        if let (1, Some(byte)) = (place, part.first_mut()) {
            *byte = 2;
        }
    };
    let publication = returned(neighbours, hospital, &own, form)?;
    let spoilt = Spoilt { name: "identity-form", what: "an identity part of form 2", publication, bad: &[(1, "IDENTITY")] };
    items_refused(neighbours, protocol, BACK, Some(hospital), spoilt).await?;

    let mut own = answers(neighbours, hospital)?;
    if let Some(answer) = own.get_mut(1) {
        answer.feedback = vec![7; 256];
    }
    let publication = returned(neighbours, hospital, &own, AS_IS)?;
    let spoilt = Spoilt { name: "feedback-form", what: "a feedback that cannot be read", publication, bad: &[(1, "FEEDBACK")] };
    items_refused(neighbours, protocol, BACK, Some(hospital), spoilt).await?;

    let (draft, mut own) = (neighbours.draft(hospital, Patient::Numbered(0))?, answers(neighbours, hospital)?);
    if let Some(answer) = own.get_mut(1) {
        let comments = vec![Comment { place: None, text: format!("see {PSEUDONYM}") }];
        answer.feedback = Feedback::CorrectionRequest { head: draft.head(2), comments }.encode();
    }
    let publication = returned(neighbours, hospital, &own, AS_IS)?;
    let what = "a comment that holds a pseudonym";
    let spoilt = Spoilt { name: "pseudonym", what, publication, bad: &[(1, "PSEUDONYM_IN_FEEDBACK")] };
    items_refused(neighbours, protocol, BACK, Some(hospital), spoilt).await.map(drop)
}

/// The one of docs/WIRE.md; it is nobody's.
pub(super) const PSEUDONYM: &str = "healthdata.1.L3FTAOXERZTFXKSG2EB2PHDKZIE";
