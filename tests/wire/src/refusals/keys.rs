//! Wrong recipients, wrong senders, unknown and old keys, base mode where the sender must be proved.

use bytes::Bytes;
use envelope::{
    B64, Publication, content_hash,
    sealed::{ContentSeal, Encapsulation, ReturnPart, SealedFeedback, SealedFeedbackItem, SealedItem, SealedSubmission},
};
use hco_messages::Submission;
use hd_messages::OutgoingFeedback;
use identifying::IdentityPart;
use sealing::{KeyId, Opener, Part, PrivateKey, Sealer, keys::Party, seal_header};
use topology::Arrow;

use super::{Fate, assert_fate};
use crate::{
    document::{base64, bytes, changed, id, items, member, parse},
    journey::{Journey, PATIENTS, REGISTER, accepted, after, row, with},
    parties::pair,
    rig::{HOSPITAL, OTHER_HOSPITAL, Rig, nihdi},
};

const TTP: Party = Party::EhealthTtp;
const HD: Party = Party::EhboxHd;

pub(super) fn hco() -> Party {
    Party::EhboxHco(nihdi(HOSPITAL))
}

fn other_hco() -> Party {
    Party::EhboxHco(nihdi(OTHER_HOSPITAL))
}

/// The encapsulation at this path says that it is for the current key of a party.
fn readdressed(rig: &Rig, document: &Bytes, encapsulation: &str, party: Party) -> Bytes {
    let key = rig.parties.key(party).id().to_string();
    changed(document, |document| *member(document, &format!("{encapsulation}/key")) = key.into())
}

/// A sender whose directory has another key for `recipient` writes the document on the arrow behind `from`. The recipient has no such
/// key; and when the document says that it is for the recipient's own, that key does not open it.
fn assert_wrong_recipient(from: Arrow, recipient: Party, at: Arrow, encapsulation: &str, misaddressed: Fate) {
    let mut rig = Rig::new();
    let mut journey = Journey::new(&mut rig);
    let document = journey.at(&mut rig, from);
    let wrong = rig.parties.with_pairs(recipient, vec![pair()]);
    let next = after(from)[0];
    let mut wrong = rig.feed_with(wrong, from, [document]).only(next);
    if at != next {
        // The TTP is in between, and passes on what it cannot open.
        wrong = rig.feed(next, [wrong]).only(at);
    }
    assert_fate(&mut rig, at, &wrong, 0, Fate::Whole("UNKNOWN_KEY"));
    let wrong = readdressed(&rig, &wrong, encapsulation, recipient);
    assert_fate(&mut rig, at, &wrong, 0, misaddressed);
    let good = journey.at(&mut rig, at);
    assert_fate(&mut rig, at, &good, 0, Fate::Passes);
}

#[test]
fn sealed_for_another_recipient() {
    let each = Fate::Each("DOES_NOT_OPEN");
    assert_wrong_recipient(Arrow::HandOver, TTP, Arrow::ToTtp, "/data/identity", each);
    // Here it is the header that does not open, and without it nobody knows whose the contents are.
    assert_wrong_recipient(Arrow::HandOver, HD, Arrow::ToHd, "/data/content", Fate::Whole("DOES_NOT_OPEN"));
    assert_wrong_recipient(Arrow::ToTtp, HD, Arrow::ToHd, "/data/pseudonym", each);
    assert_wrong_recipient(Arrow::FeedbackOut, TTP, Arrow::ToTtpBack, "/data/return", each);
    assert_wrong_recipient(Arrow::ToTtpBack, hco(), Arrow::ToHco, "/data/identity", each);
}

/// What is for another hospital: its own documents, put into this one's queue.
#[test]
fn feedback_for_another_hospital() {
    let mut rig = Rig::new();
    let of_other =
        Journey::from_hospital(&mut rig, OTHER_HOSPITAL, &[other_row()]).at_hospital(&mut rig, OTHER_HOSPITAL, Arrow::ToHco);
    let good = Journey::new(&mut rig).at(&mut rig, Arrow::ToHco);
    assert_fate(&mut rig, Arrow::ToHco, &of_other, 0, Fate::Whole("UNKNOWN_KEY"));
    let mut claimed = readdressed(&rig, &of_other, "/data/identity", hco());
    assert_fate(&mut rig, Arrow::ToHco, &claimed, 0, Fate::Whole("UNKNOWN_KEY"));
    claimed = readdressed(&rig, &claimed, "/data/feedback", hco());
    assert_fate(&mut rig, Arrow::ToHco, &claimed, 0, Fate::Each("DOES_NOT_OPEN"));
    assert_fate(&mut rig, Arrow::ToHco, &good, 0, Fate::Passes);
}

fn other_row() -> Vec<(&'static str, String)> {
    with(row(PATIENTS[2], "B-1"), "installation_id", OTHER_HOSPITAL)
}

/// Somebody plays the part of `sender` before `at`: reads what is for it, and seals with a key pair of its own. Who stands in between, if
/// anybody, takes it for the sender.
fn assert_wrong_sender(from: Arrow, sender: Party, at: Arrow, fate: Fate) {
    let mut rig = Rig::new();
    let mut journey = Journey::new(&mut rig);
    let document = journey.at(&mut rig, from);
    let right = rig.parties.key(sender).clone();
    let deceived = rig.parties.with_pairs(sender, vec![pair(), right]);
    let next = after(from)[0];
    let mut onward = rig.feed_with(deceived.clone(), from, [document]).only(next);
    if at != next {
        onward = rig.feed_with(deceived, next, [onward]).only(at);
    }
    assert_fate(&mut rig, at, &onward, 0, fate);
    let good = journey.at(&mut rig, at);
    assert_fate(&mut rig, at, &good, 0, Fate::Passes);
}

#[test]
fn sealed_by_another_sender() {
    let each = Fate::Each("DOES_NOT_OPEN");
    assert_wrong_sender(Arrow::HandOver, hco(), Arrow::ToTtp, each);
    // The header names a key that nobody at healthdata knows.
    assert_wrong_sender(Arrow::HandOver, hco(), Arrow::ToHd, Fate::Whole("UNKNOWN_PARTY"));
    assert_wrong_sender(Arrow::ToTtp, TTP, Arrow::ToHd, each);
    assert_wrong_sender(Arrow::FeedbackOut, HD, Arrow::ToTtpBack, each);
    assert_wrong_sender(Arrow::FeedbackOut, HD, Arrow::ToHco, each);
    assert_wrong_sender(Arrow::ToTtpBack, TTP, Arrow::ToHco, each);
}

#[test]
fn sent_in_the_name_of_another_party() {
    let mut rig = Rig::new();
    let good = Journey::new(&mut rig).at(&mut rig, Arrow::ToTtp);
    let other = format!("ehbox-hco-{OTHER_HOSPITAL}");
    let hd4dp = format!("hd4dp-{HOSPITAL}");
    for (source, fate) in [
        (other.as_str(), Fate::Each("DOES_NOT_OPEN")),
        (hd4dp.as_str(), Fate::Whole("UNKNOWN_PARTY")),
        ("ehbox-hco-00000394", Fate::Whole("UNKNOWN_PARTY")),
        ("ehealth-ttp", Fate::Whole("UNKNOWN_PARTY")),
        ("ehbox-hd", Fate::Whole("UNKNOWN_PARTY")),
        ("hd4res", Fate::Whole("UNKNOWN_PARTY")),
    ] {
        let bad = changed(&good, |document| document["source"] = source.into());
        assert_fate(&mut rig, Arrow::ToTtp, &bad, 0, fate);
    }
    assert_fate(&mut rig, Arrow::ToTtp, &good, 0, Fate::Passes);
}

/// The header is sealed in base mode, so anybody can write one; the contents prove it or not.
#[test]
fn a_header_that_names_another_sender() {
    let mut rig = Rig::new();
    let good = Journey::new(&mut rig).at(&mut rig, Arrow::ToHd);
    let hd = rig.parties.key(HD).public().clone();
    let headed = |header: &[u8]| changed(&good, |document| document["data"]["content"]["header"] = base64(header));
    let naming = |key: KeyId| headed(&seal_header(&hd, key).unwrap());
    let (ttp, other) = (rig.parties.key(TTP).id(), rig.parties.key(other_hco()).id());
    assert_fate(&mut rig, Arrow::ToHd, &naming(other), 0, Fate::Each("DOES_NOT_OPEN"));
    assert_fate(&mut rig, Arrow::ToHd, &naming(ttp), 0, Fate::Whole("UNKNOWN_PARTY"));
    assert_fate(&mut rig, Arrow::ToHd, &naming(hd.id()), 0, Fate::Whole("UNKNOWN_PARTY"));
    assert_fate(&mut rig, Arrow::ToHd, &naming(KeyId([7; 8])), 0, Fate::Whole("UNKNOWN_PARTY"));

    // A header of another length, one that holds no key id, and one in authenticated mode.
    let own = bytes(&parse(&good)["data"]["content"]["header"]);
    for (header, code) in [
        (own[..51].to_vec(), "SEAL_CUT_SHORT"),
        (own[..31].to_vec(), "SEAL_CUT_SHORT"),
        (Vec::new(), "SEAL_CUT_SHORT"),
        (own[..59].to_vec(), "DOES_NOT_OPEN"),
        ([&own[..], &[0]].concat(), "DOES_NOT_OPEN"),
        (header_of(Sealer::base(Part::ContentHeader, &hd).unwrap(), &[1; 7]), "HEADER_LENGTH"),
        (header_of(Sealer::base(Part::ContentHeader, &hd).unwrap(), &[1; 9]), "HEADER_LENGTH"),
        (header_of(Sealer::authenticated(Part::ContentHeader, rig.parties.key(hco()), &hd).unwrap(), &[1; 8]), "DOES_NOT_OPEN"),
    ] {
        assert_fate(&mut rig, Arrow::ToHd, &headed(&header), 0, Fate::Whole(code));
    }
    assert_fate(&mut rig, Arrow::ToHd, &good, 0, Fate::Passes);
}

fn header_of(mut sealer: Sealer, clear: &[u8]) -> Vec<u8> {
    let (_, enc) = sealer.encapsulation();
    [&enc[..], &sealer.seal(&[0; 16], clear).unwrap()].concat()
}

#[test]
fn an_encapsulated_key_of_low_order() {
    for (arrow, path) in [
        (Arrow::ToTtp, "/data/identity/enc"),
        (Arrow::ToHd, "/data/pseudonym/enc"),
        (Arrow::ToHd, "/data/content/enc"),
        (Arrow::ToTtpBack, "/data/return/enc"),
        (Arrow::ToHco, "/data/identity/enc"),
        (Arrow::ToHco, "/data/feedback/enc"),
    ] {
        let mut rig = Rig::new();
        let good = Journey::new(&mut rig).at(&mut rig, arrow);
        let bad = changed(&good, |document| *member(document, path) = base64(&[0; 32]));
        assert_fate(&mut rig, arrow, &bad, 0, Fate::Whole("LOW_ORDER_KEY"));
        assert_fate(&mut rig, arrow, &good, 0, Fate::Passes);
    }
    let mut rig = Rig::new();
    let good = Journey::new(&mut rig).at(&mut rig, Arrow::ToHd);
    let bad = changed(&good, |document| {
        let header = member(document, "/data/content/header");
        let mut held = bytes(header);
        held[..32].fill(0);
        *header = base64(&held);
    });
    assert_fate(&mut rig, Arrow::ToHd, &bad, 0, Fate::Whole("LOW_ORDER_KEY"));
    assert_fate(&mut rig, Arrow::ToHd, &good, 0, Fate::Passes);
}

/// A party renews its key. What is sealed for the old one still opens; once the old private key is destroyed, it does not.
#[test]
fn the_old_key_opens_until_it_is_destroyed() {
    for (party, arrow) in [(TTP, Arrow::ToTtp), (HD, Arrow::ToHd), (TTP, Arrow::ToTtpBack), (hco(), Arrow::ToHco)] {
        let mut rig = Rig::new();
        let document = Journey::new(&mut rig).at(&mut rig, arrow);
        let (new, old) = (pair(), rig.parties.key(party).clone());
        rig.parties = rig.parties.with_pairs(party, vec![new.clone(), old.clone()]);
        assert_fate(&mut rig, arrow, &document, 0, Fate::Passes);
        rig.parties = rig.parties.with_pairs(party, vec![new]);
        assert_fate(&mut rig, arrow, &document, 0, Fate::Whole("UNKNOWN_KEY"));
    }
}

/// Whoever has a new key seals with that alone: it opens for those who know no other, and not for those who know the old one only.
#[test]
fn the_old_key_never_seals() {
    for (party, from, at) in [
        (hco(), Arrow::HandOver, Arrow::ToTtp),
        (TTP, Arrow::ToTtp, Arrow::ToHd),
        (HD, Arrow::FeedbackOut, Arrow::ToTtpBack),
        (TTP, Arrow::ToTtpBack, Arrow::ToHco),
    ] {
        let mut rig = Rig::new();
        let document = Journey::new(&mut rig).at(&mut rig, from);
        let before = rig.parties.clone();
        let (new, old) = (pair(), rig.parties.key(party).clone());
        let renewed = rig.parties.with_pairs(party, vec![new.clone(), old]);
        let onward = rig.feed_with(renewed.clone(), from, [document]).only(at);
        rig.parties = before;
        assert_fate(&mut rig, at, &onward, 0, Fate::Each("DOES_NOT_OPEN"));
        rig.parties = renewed.with_pairs(party, vec![new]);
        assert_fate(&mut rig, at, &onward, 0, Fate::Passes);
    }
}

/// While a sender renews its key, some of what it sealed with the old one is still on its way.
#[test]
fn what_the_old_key_sealed_is_still_proved_by_it() {
    for (party, arrow) in
        [(hco(), Arrow::ToTtp), (hco(), Arrow::ToHd), (TTP, Arrow::ToHd), (HD, Arrow::ToTtpBack), (HD, Arrow::ToHco)]
    {
        let mut rig = Rig::new();
        let document = Journey::new(&mut rig).at(&mut rig, arrow);
        let renewed = vec![pair(), rig.parties.key(party).clone()];
        rig.parties = rig.parties.with_pairs(party, renewed);
        assert_fate(&mut rig, arrow, &document, 0, Fate::Passes);
    }
    // healthdata answers the hospital, whichever key that used, under its current one.
    let mut rig = Rig::new();
    let arrived = Journey::new(&mut rig).at(&mut rig, Arrow::ToHd4res);
    let new = pair();
    rig.parties = rig.parties.with_pairs(hco(), vec![new.clone(), rig.parties.key(hco()).clone()]);
    let feedback = Journey::starting_with(Arrow::ToHd4res, arrived).at(&mut rig, Arrow::ToHco);
    assert_eq!(parse(&feedback)["data"]["feedback"]["key"], new.id().to_string());
    assert_fate(&mut rig, Arrow::ToHco, &feedback, 0, Fate::Passes);
}

/// How a part is sealed by hand: proving its sender, or proving nothing.
fn sealer(part: Part, sender: Option<&PrivateKey>, recipient: &PrivateKey) -> Sealer {
    match sender {
        Some(sender) => Sealer::authenticated(part, sender, recipient.public()),
        None => Sealer::base(part, recipient.public()),
    }
    .unwrap()
}

fn encapsulation(sealer: &Sealer) -> Encapsulation {
    let (key, enc) = sealer.encapsulation();
    Encapsulation::new(key.0, enc)
}

/// What the hospital's client would make of a submission, with senders that prove themselves or not.
fn sealed_by_hand(rig: &Rig, submission: &Bytes, identity: Option<&PrivateKey>, content: Option<&PrivateKey>) -> Bytes {
    let submission = Publication::<Submission>::decode(submission).unwrap();
    let (own, hd) = (rig.parties.key(hco()), rig.parties.key(HD));
    let mut identities = sealer(Part::Identity, identity, rig.parties.key(TTP));
    let mut contents = sealer(Part::Content, content, hd);
    let items = submission.data.items.iter().map(|item| {
        let content = contents.seal(item.id.as_bytes(), &item.content).unwrap();
        let part = IdentityPart { identity: item.identity.parse().unwrap(), content_hash: content_hash(&content) };
        let identity = identities.seal(item.id.as_bytes(), &part.encode()).unwrap();
        SealedItem { id: item.id, identity: B64(identity), content: B64(content) }
    });
    let items = items.collect();
    let Encapsulation { key, enc } = encapsulation(&contents);
    let header = seal_header(hd.public(), own.id()).unwrap();
    let data = SealedSubmission { identity: encapsulation(&identities), content: ContentSeal::new(key.0, enc.0, header), items };
    Publication::new(submission.id, format!("ehbox-hco-{HOSPITAL}").parse().unwrap(), submission.time, data).encode().unwrap()
}

/// What healthdata's client would make of feedback, with senders that prove themselves or not.
fn feedback_by_hand(rig: &Rig, feedback: &Bytes, handle: Option<&PrivateKey>, content: Option<&PrivateKey>) -> Bytes {
    let feedback = Publication::<OutgoingFeedback>::decode(feedback).unwrap();
    let mut handles = sealer(Part::Return, handle, rig.parties.key(TTP));
    let mut contents = sealer(Part::Feedback, content, rig.parties.key(hco()));
    let items = feedback.data.items.iter().map(|item| {
        let feedback = contents.seal(item.id.as_bytes(), &item.feedback).unwrap();
        let part = ReturnPart { handle: item.handle.0.clone(), feedback_hash: content_hash(&feedback) };
        let handle = handles.seal(item.id.as_bytes(), &part.encode().unwrap()).unwrap();
        SealedFeedbackItem { id: item.id, r#return: B64(handle), feedback: B64(feedback) }
    });
    let items = items.collect();
    let data = SealedFeedback { r#return: encapsulation(&handles), feedback: encapsulation(&contents), items };
    Publication::new(feedback.id, "ehbox-hd".parse().unwrap(), feedback.time, data).encode().unwrap()
}

/// What healthdata's client would make of feedback if it did not look into it.
pub(super) fn sealed_feedback(rig: &Rig, feedback: &Bytes) -> Bytes {
    let own = rig.parties.key(HD);
    feedback_by_hand(rig, feedback, Some(own), Some(own))
}

/// The document with a part of each item opened by those who may, changed by `change` (given the item's place), and sealed again as
/// `sealer` does; hashes and all else stay as they were.
pub(super) fn resealed(
    document: &Bytes,
    (part, name): (Part, &str),
    (sender, recipient): (&PrivateKey, &PrivateKey),
    mut sealer: Sealer,
    change: impl Fn(usize, &mut Vec<u8>),
) -> Bytes {
    changed(document, |document| {
        let enc = bytes(&document["data"][name]["enc"]).try_into().unwrap();
        let opener = Opener::authenticated(part, sender.public(), recipient, &enc).unwrap();
        document["data"][name]["enc"] = base64(&sealer.encapsulation().1);
        for (place, item) in document["data"]["items"].as_array_mut().unwrap().iter_mut().enumerate() {
            let mut clear = opener.open(id(item).as_bytes(), &bytes(&item[name])).unwrap();
            change(place, &mut clear);
            item[name] = base64(&sealer.seal(id(item).as_bytes(), &clear).unwrap());
        }
    })
}

fn in_base_mode(document: &Bytes, part: (Part, &str), sender: &PrivateKey, recipient: &PrivateKey) -> Bytes {
    resealed(document, part, (sender, recipient), Sealer::base(part.0, recipient.public()).unwrap(), |_, _| {})
}

#[test]
fn base_mode_where_the_sender_must_be_proved() {
    let each = Fate::Each("DOES_NOT_OPEN");
    let mut rig = Rig::new();
    let mut journey = Journey::new(&mut rig);
    let submission = journey.at(&mut rig, Arrow::HandOver);
    let (own, hd) = (rig.parties.key(hco()).clone(), rig.parties.key(HD).clone());
    // By hand it is as good, so what is wrong below is the mode alone.
    let by_hand = sealed_by_hand(&rig, &submission, Some(&own), Some(&own));
    assert_fate(&mut rig, Arrow::ToTtp, &by_hand, 0, Fate::Passes);
    let base = sealed_by_hand(&rig, &submission, None, Some(&own));
    assert_fate(&mut rig, Arrow::ToTtp, &base, 0, each);
    let base = sealed_by_hand(&rig, &submission, Some(&own), None);
    let base = rig.feed(Arrow::ToTtp, [base]).only(Arrow::ToHd);
    assert_fate(&mut rig, Arrow::ToHd, &base, 0, each);

    let good = journey.at(&mut rig, Arrow::ToHd);
    let ttp = rig.parties.key(TTP).clone();
    let base = in_base_mode(&good, (Part::Pseudonym, "pseudonym"), &ttp, &hd);
    assert_fate(&mut rig, Arrow::ToHd, &base, 0, each);

    let feedback = journey.at(&mut rig, Arrow::FeedbackOut);
    let by_hand = feedback_by_hand(&rig, &feedback, Some(&hd), Some(&hd));
    assert_fate(&mut rig, Arrow::ToTtpBack, &by_hand, 0, Fate::Passes);
    let base = feedback_by_hand(&rig, &feedback, None, Some(&hd));
    assert_fate(&mut rig, Arrow::ToTtpBack, &base, 0, each);
    let base = feedback_by_hand(&rig, &feedback, Some(&hd), None);
    let base = rig.feed(Arrow::ToTtpBack, [base]).only(Arrow::ToHco);
    assert_fate(&mut rig, Arrow::ToHco, &base, 0, each);

    let good = journey.at(&mut rig, Arrow::ToHco);
    let base = in_base_mode(&good, (Part::ReturnedIdentity, "identity"), &ttp, &own);
    assert_fate(&mut rig, Arrow::ToHco, &base, 0, each);
    assert_fate(&mut rig, Arrow::ToHco, &good, 0, Fate::Passes);
}

/// A part opens as that part only, though the keys are the same.
#[test]
fn one_part_given_as_another() {
    let mut rig = Rig::new();
    let submission = Journey::new(&mut rig).at(&mut rig, Arrow::HandOver);
    let submission = Publication::<Submission>::decode(&submission).unwrap();
    let own = rig.parties.key(hco()).clone();
    let ttp = rig.parties.key(TTP).clone();
    for part in [Part::Content, Part::ReturnedIdentity, Part::Return] {
        let mut identities = Sealer::authenticated(part, &own, ttp.public()).unwrap();
        let good = sealed_by_hand(&rig, &submission.encode().unwrap(), Some(&own), Some(&own));
        let bad = changed(&good, |document| {
            document["data"]["identity"]["enc"] = base64(&identities.encapsulation().1);
            for (item, clear) in document["data"]["items"].as_array_mut().unwrap().iter_mut().zip(&submission.data.items) {
                let hash = content_hash(&bytes(&item["content"]));
                let clear = IdentityPart { identity: clear.identity.parse().unwrap(), content_hash: hash }.encode();
                item["identity"] = base64(&identities.seal(id(item).as_bytes(), &clear).unwrap());
            }
        });
        assert_fate(&mut rig, Arrow::ToTtp, &bad, 0, Fate::Each("DOES_NOT_OPEN"));
    }
}

#[test]
fn the_next_publication_is_handled_whatever_came_before() {
    let mut rig = Rig::new();
    let good = Journey::new(&mut rig).at(&mut rig, Arrow::ToTtp);
    let stranger = changed(&good, |document| document["data"]["identity"]["key"] = "0123456789abcdef".into());
    let forged = changed(&good, |document| document["data"]["identity"]["enc"] = base64(&[9; 32]));
    let cut = good.slice(..good.len() / 2);
    let again = rig.submit(HOSPITAL, REGISTER, vec![accepted(&row(PATIENTS[3], "A-9"))]).remove(0);
    let next = Journey::starting_with(Arrow::HandOver, again).at(&mut rig, Arrow::ToTtp);
    let outcome = rig.feed(Arrow::ToTtp, [stranger.clone(), forged, cut.clone(), good, next]);
    assert_eq!(outcome.codes, ["UNKNOWN_KEY", "TRUNCATED"]);
    assert_eq!(outcome.dead(Arrow::ToTtp).iter().filter(|letter| **letter == stranger || **letter == cut).count(), 2);
    assert_eq!(outcome.dead(Arrow::ToTtp).len(), 2 + 3);
    let passed: Vec<_> = outcome.at(Arrow::ToHd).iter().map(|document| items(document).len()).collect();
    assert_eq!(passed.iter().sum::<usize>(), 3 + 1);
}
