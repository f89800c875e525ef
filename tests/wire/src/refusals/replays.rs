//! Publications, items, old versions and feedback that come again: no new effect, and the answer once more.

use bytes::Bytes;
use envelope::{ItemId, Publication};
use hd_messages::{Arrival, OutgoingFeedback, Verdict};
use hd4dp::store::Hd4dpStore;
use hd4res::store::Hd4resStore;
use registration::Feedback;
use topology::Arrow;

use super::{Fate, assert_fate, is_confirmed};
use crate::{
    document::{base64, bytes, changed, id, items, member, parse},
    journey::{Journey, PATIENTS, row, three, with},
    rig::{HOSPITAL, OTHER_HOSPITAL, Rig, nihdi},
};

fn records(rig: &mut Rig) -> u64 {
    let store = rig.stores.hd4res.clone();
    rig.block_on(async move { store.records().await.unwrap() })
}

fn waiting(rig: &mut Rig) -> u64 {
    let store = rig.stores.hd4dp[&nihdi(HOSPITAL)].clone();
    rig.block_on(async move { store.waiting().await.unwrap() })
}

/// The answers among what HD4RES sends, in order of the items.
fn answers(feedback: &Bytes) -> Vec<(ItemId, Feedback)> {
    let items = Publication::<OutgoingFeedback>::decode(feedback).unwrap().data.items;
    let mut answers: Vec<_> = items.iter().map(|item| (item.id, item.feedback().unwrap())).collect();
    answers.sort_by_key(|(id, _)| *id);
    answers
}

/// Sends the whole way anew what stood on `from`.
fn again(rig: &mut Rig, from: Arrow, document: &Bytes) -> Journey {
    let mut journey = Journey::starting_with(from, document.clone());
    journey.at(rig, Arrow::ToHd4dp);
    journey.at(rig, Arrow::Verdicts);
    journey
}

/// A publication that is recorded on eHealth's broker, or handed over twice, and sent again.
#[test]
fn a_publication_is_replayed() {
    for from in [Arrow::HandOver, Arrow::ToTtp, Arrow::ToHd, Arrow::ToHd4res] {
        let mut rig = Rig::new();
        let mut first = Journey::new(&mut rig);
        first.at(&mut rig, Arrow::ToHd4dp);
        first.at(&mut rig, Arrow::Verdicts);
        assert_eq!(records(&mut rig), 3);
        let document = first.at(&mut rig, from);
        let mut second = again(&mut rig, from, &document);

        assert_eq!(records(&mut rig), 3);
        let of = |journey: &mut Journey, rig: &mut Rig| answers(&journey.at(rig, Arrow::FeedbackOut));
        assert_eq!(of(&mut first, &mut rig), of(&mut second, &mut rig), "the same answers with the same numbers");
        // A party that passes a publication on gives it an id that follows from the one that came: a redelivery is the same publication.
        for arrow in Arrow::FLOW.into_iter().skip_while(|arrow| *arrow != from).filter(|arrow| *arrow != Arrow::HandOver) {
            let [first, second] = [&mut first, &mut second].map(|journey| parse(&journey.at(&mut rig, arrow))["id"].clone());
            assert_eq!(first, second, "{arrow:?}");
        }
        // Both answers come to the hospital; the second changes nothing.
        let (one, other) = (first.at(&mut rig, Arrow::ToHd4dp), second.at(&mut rig, Arrow::ToHd4dp));
        assert_fate(&mut rig, Arrow::ToHd4dp, &one, 0, Fate::Passes);
        assert_eq!(waiting(&mut rig), 0);
        assert_fate(&mut rig, Arrow::ToHd4dp, &other, 0, Fate::Passes);
        assert_eq!(waiting(&mut rig), 0);
    }
}

/// The data warehouse is not asked a second time about what it has validated, and answers as before about what it is asked again.
#[test]
fn a_validated_item_is_replayed() {
    let mut rig = Rig::new();
    let mut journey = Journey::new(&mut rig);
    let (validation, verdict) = (journey.at(&mut rig, Arrow::ToDhw), journey.at(&mut rig, Arrow::Verdicts));
    assert_fate(&mut rig, Arrow::Verdicts, &verdict, 0, Fate::Passes);
    let arrived = journey.at(&mut rig, Arrow::ToHd4res);
    let outcome = rig.feed(Arrow::ToHd4res, [arrived]);
    assert!(outcome.is_clean() && outcome.at(Arrow::ToDhw).is_empty());
    let second = rig.feed(Arrow::ToDhw, [validation]).only(Arrow::Verdicts);
    let items = |document: &Bytes| Publication::<Verdict>::decode(document).unwrap().data;
    assert_eq!(items(&second), items(&verdict));
}

/// An item in another publication, beside one that is new: the old one is answered again, the new one is new.
#[test]
fn an_item_is_replayed_in_another_publication() {
    let mut rig = Rig::new();
    let mut first = Journey::new(&mut rig);
    let arrived = first.at(&mut rig, Arrow::ToHd4res);
    let before = answers(&first.at(&mut rig, Arrow::FeedbackOut));
    let fresh = Journey::of(&mut rig, &[row(PATIENTS[3], "A-4")]).at(&mut rig, Arrow::ToHd4res);
    let old = items(&arrived)[1].clone();
    let both = changed(&fresh, |document| document["data"]["items"].as_array_mut().unwrap().push(old.clone()));
    let outcome = rig.feed(Arrow::ToHd4res, [both]);
    let now = answers(&outcome.only(Arrow::FeedbackOut));
    assert_eq!((records(&mut rig), now.len()), (4, 2));
    let derived = id(&old).derived(hd4res::STATUS);
    let of = |answers: &[(ItemId, Feedback)]| answers.iter().find(|(id, _)| *id == derived).cloned().unwrap();
    assert_eq!(of(&now), of(&before));
}

/// One item id twice in one publication, with one content: it is one item.
#[test]
fn an_item_stands_twice_in_one_publication() {
    for arrow in [Arrow::HandOver, Arrow::ToTtp, Arrow::ToHd, Arrow::ToHd4res] {
        let mut rig = Rig::new();
        let good = Journey::new(&mut rig).at(&mut rig, arrow);
        let twice = changed(&good, |document| {
            let items = document["data"]["items"].as_array_mut().unwrap();
            items.push(items[0].clone());
        });
        let mut journey = again(&mut rig, arrow, &twice);
        assert_eq!(records(&mut rig), 3);
        let all = answers(&journey.at(&mut rig, Arrow::FeedbackOut));
        let mut distinct = all.clone();
        distinct.dedup();
        assert_eq!((all.len(), distinct.len()), (4, 3));
    }
}

/// A known item id with another content is an error, never a duplicate; the others go on.
#[test]
fn an_item_id_is_used_again() {
    let mut rig = Rig::new();
    let good = Journey::new(&mut rig).at(&mut rig, Arrow::ToHd4res);
    assert_fate(&mut rig, Arrow::ToHd4res, &good, 1, Fate::Passes);
    let bad = changed(&good, |document| {
        let content = member(document, "/data/items/1/content");
        let mut held = bytes(content);
        let place = held.windows(5).position(|text| text == b"C34.1").unwrap();
        held[place + 4] = b'2';
        *content = base64(&held);
    });
    assert_fate(&mut rig, Arrow::ToHd4res, &bad, 1, Fate::Item("ITEM_REUSED"));
    assert_eq!(records(&mut rig), 3);
}

/// What HD4RES holds of a record, by way of what it would hand over again.
fn held(rig: &mut Rig) -> Vec<(u32, Vec<u8>)> {
    let store = rig.stores.hd4res.clone();
    let unvalidated = rig.block_on(async move { store.unvalidated(0, 100).await.unwrap() });
    let content = |bytes: &[u8]| registration::Content::decode(bytes).unwrap().head().version;
    unvalidated.into_iter().map(|one| (content(&one.content), one.content)).collect()
}

/// An earlier version that comes again, or for the first time, when a later one stands: it is answered, and the later one stays.
#[test]
fn an_old_version_comes_behind_a_new_one() {
    for is_known in [true, false] {
        let mut rig = Rig::new();
        let old = Journey::of(&mut rig, &[row(PATIENTS[0], "A-1")]).at(&mut rig, Arrow::ToHd4res);
        if is_known {
            rig.feed(Arrow::ToHd4res, [old.clone()]);
        }
        let changed_row = with(row(PATIENTS[0], "A-1"), "primary_tumour_site", "C34.2");
        let mut new = Journey::of(&mut rig, &[changed_row]);
        let answer = new.at(&mut rig, Arrow::ToHd4dp);
        let stands = held(&mut rig);
        assert_eq!((stands.len(), stands[0].0), (1, 2));

        let outcome = rig.feed(Arrow::ToHd4res, [old]);
        assert!(outcome.is_clean());
        assert_eq!(held(&mut rig), stands);
        let late = outcome.at(Arrow::FeedbackOut)[0].clone();
        let [(_, feedback)] = answers(&late).try_into().unwrap();
        assert_eq!(feedback.head().version, 1, "the answer is about the version that came");

        // Nor does its answer confirm the later version at the hospital.
        let late = Journey::starting_with(Arrow::FeedbackOut, late).at(&mut rig, Arrow::ToHd4dp);
        let item = id(&items(&new.at(&mut rig, Arrow::HandOver))[0]);
        assert_fate(&mut rig, Arrow::ToHd4dp, &late, 0, Fate::Passes);
        assert!(!is_confirmed(&mut rig, item));
        assert_eq!(waiting(&mut rig), 1);
        assert_fate(&mut rig, Arrow::ToHd4dp, &answer, 0, Fate::Passes);
        assert!(is_confirmed(&mut rig, item));
    }
}

/// The data warehouse keeps the later version as well.
#[test]
fn an_old_version_comes_to_the_data_warehouse_behind_a_new_one() {
    let mut rig = Rig::new();
    let old = Journey::of(&mut rig, &[row(PATIENTS[0], "A-1")]).at(&mut rig, Arrow::ToDhw);
    let changed_row = with(row(PATIENTS[0], "A-1"), "primary_tumour_site", "C34.2");
    let new = Journey::of(&mut rig, &[changed_row]).at(&mut rig, Arrow::ToDhw);
    let verdict = rig.feed(Arrow::ToDhw, [new.clone()]).only(Arrow::Verdicts);
    let late = rig.feed(Arrow::ToDhw, [old]).only(Arrow::Verdicts);
    let findings = |document: &Bytes| Publication::<Verdict>::decode(document).unwrap().data.items[0].findings.len();
    assert!(findings(&verdict) > 0);
    assert_eq!(findings(&late), 0, "nothing is said of what is not kept");
    let second = rig.feed(Arrow::ToDhw, [new]).only(Arrow::Verdicts);
    assert_eq!(findings(&second), findings(&verdict));
}

/// Feedback that was recorded and is sent again changes nothing; nor does it at another hospital.
#[test]
fn feedback_is_replayed() {
    for from in [Arrow::FeedbackOut, Arrow::ToTtpBack, Arrow::ToHco, Arrow::ToHd4dp] {
        let mut rig = Rig::new();
        let mut journey = Journey::new(&mut rig);
        let document = journey.at(&mut rig, from);
        let first = journey.at(&mut rig, Arrow::ToHd4dp);
        assert_fate(&mut rig, Arrow::ToHd4dp, &first, 0, Fate::Passes);
        assert_eq!(waiting(&mut rig), 0);
        // Meanwhile one of the three was changed, and waits for an answer of its own.
        let changed_row = with(three()[0].clone(), "primary_tumour_site", "C34.2");
        let mut new = Journey::of(&mut rig, &[changed_row]);
        let item = id(&items(&new.at(&mut rig, Arrow::HandOver))[0]);
        let second = Journey::starting_with(from, document).at(&mut rig, Arrow::ToHd4dp);
        assert_fate(&mut rig, Arrow::ToHd4dp, &second, 0, Fate::Passes);
        assert_eq!(waiting(&mut rig), 1);
        assert!(!is_confirmed(&mut rig, item), "a new version does not count as confirmed by an old answer");

        let elsewhere = rig.feed_at(Arrow::ToHd4dp, OTHER_HOSPITAL, [second]);
        let letters = elsewhere.dead_at_hospital(Arrow::ToHd4dp, OTHER_HOSPITAL);
        assert_eq!(letters.len(), 3);
        assert!(letters.iter().all(|letter| parse(letter)["reason"] == "FOREIGN_FEEDBACK"));
    }
}

/// A bad item that is delivered again becomes the same dead letter: its id follows from the publication's and the item's.
#[test]
fn a_dead_letter_has_the_same_id_each_time() {
    let mut rig = Rig::new();
    let good = Journey::new(&mut rig).at(&mut rig, Arrow::ToHd4res);
    let bad = changed(&good, |document| *member(document, "/data/items/1/content") = base64(b"none"));
    let [first, second] = [(); 2].map(|()| rig.feed(Arrow::ToHd4res, [bad.clone()]).dead(Arrow::ToHd4res).to_vec());
    assert_eq!(first, second);
    let incoming = Publication::<Arrival>::decode(&bad).unwrap();
    let letter = Publication::<Arrival>::decode(&first[0]).unwrap();
    assert_eq!(letter.id, incoming.id.derived(&format!("dead {}", incoming.data.items[1].id)));
}
