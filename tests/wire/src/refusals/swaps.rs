//! Contents, pseudonyms, handles and feedback given to another item than their own.

use std::collections::BTreeMap;

use bytes::Bytes;
use envelope::ItemId;
use pseudonymised::PseudonymPart;
use registration::Content;
use sealing::{Opener, Part, Sealer, keys::Party};
use serde_json::Value;
use topology::Arrow;

use super::{Fate, assert_fate, assert_set_aside};
use crate::{
    document::{base64, bytes, changed, id, items, parse, place, swap},
    journey::{Journey, PATIENTS, row, three, with},
    parties::secret,
    rig::{HOSPITAL, OTHER_HOSPITAL, Rig, nihdi},
};

/// Swaps a member of the items 0 and 2; item 1 goes on.
#[track_caller]
fn assert_swap(arrow: Arrow, name: &str, code: &str) {
    let mut rig = Rig::new();
    let good = Journey::new(&mut rig).at(&mut rig, arrow);
    let bad = swap(&good, name, 0, 2);
    let outcome = rig.feed(arrow, [bad.clone()]);
    assert_set_aside(&mut rig, arrow, &bad, &outcome, &[(0, code), (2, code)]);
    assert_fate(&mut rig, arrow, &good, 0, Fate::Passes);
}

#[test]
fn two_items_swap_what_is_sealed() {
    for (arrow, name, code) in [
        (Arrow::ToTtp, "content", "SWAPPED_CONTENT"),
        (Arrow::ToTtp, "identity", "DOES_NOT_OPEN"),
        (Arrow::ToHd, "content", "SWAPPED_CONTENT"),
        (Arrow::ToHd, "pseudonym", "DOES_NOT_OPEN"),
        (Arrow::ToTtpBack, "feedback", "SWAPPED_CONTENT"),
        (Arrow::ToTtpBack, "return", "DOES_NOT_OPEN"),
        (Arrow::ToHco, "feedback", "SWAPPED_FEEDBACK"),
        (Arrow::ToHco, "identity", "DOES_NOT_OPEN"),
    ] {
        assert_swap(arrow, name, code);
    }
    for arrow in [Arrow::ToTtp, Arrow::ToHd, Arrow::ToTtpBack, Arrow::ToHco] {
        assert_swap(arrow, "id", "DOES_NOT_OPEN");
    }
}

/// Two items in whole: that is another order, and says nothing.
#[test]
fn the_order_of_the_items_says_nothing() {
    for arrow in Arrow::FLOW {
        let mut rig = Rig::new();
        let good = Journey::new(&mut rig).at(&mut rig, arrow);
        let other = changed(&good, |document| document["data"]["items"].as_array_mut().unwrap().reverse());
        assert_fate(&mut rig, arrow, &other, 0, Fate::Passes);
    }
}

/// HD4RES, or healthdata's client, gives the feedback on one patient the handle of another. The TTP cannot know; the hospital does.
#[test]
fn two_items_swap_their_handles_or_their_feedback_at_healthdata() {
    for name in ["handle", "feedback"] {
        let mut rig = Rig::new();
        let good = Journey::new(&mut rig).at(&mut rig, Arrow::FeedbackOut);
        let bad = Journey::starting_with(Arrow::FeedbackOut, swap(&good, name, 0, 2)).at(&mut rig, Arrow::ToHd4dp);
        let outcome = rig.feed(Arrow::ToHd4dp, [bad.clone()]);
        assert_set_aside(&mut rig, Arrow::ToHd4dp, &bad, &outcome, &[(0, "FOREIGN_FEEDBACK"), (2, "FOREIGN_FEEDBACK")]);
        let good = Journey::starting_with(Arrow::FeedbackOut, good).at(&mut rig, Arrow::ToHd4dp);
        assert_fate(&mut rig, Arrow::ToHd4dp, &good, 0, Fate::Passes);
    }
}

/// A handle leads to the hospital that it was made for. Feedback for another one arrives there, and cannot be opened.
#[test]
fn a_handle_of_another_hospitals_patient() {
    let mut rig = Rig::new();
    let own = Journey::new(&mut rig).at(&mut rig, Arrow::FeedbackOut);
    let row = with(row(PATIENTS[2], "B-1"), "installation_id", OTHER_HOSPITAL);
    let mut of_other = Journey::from_hospital(&mut rig, OTHER_HOSPITAL, &[row]);
    let other = of_other.at_hospital(&mut rig, OTHER_HOSPITAL, Arrow::FeedbackOut);
    let handle = items(&other)[0]["handle"].clone();
    let bad = changed(&own, |document| document["data"]["items"][1]["handle"] = handle);
    let sealed = rig.feed(Arrow::FeedbackOut, [bad]).only(Arrow::ToTtpBack);
    let outcome = rig.feed(Arrow::ToTtpBack, [sealed]);
    assert!(outcome.is_clean());
    let (here, there) = (outcome.at(Arrow::ToHco)[0].clone(), outcome.at_hospital(Arrow::ToHco, OTHER_HOSPITAL)[0].clone());
    assert_eq!((items(&here).len(), items(&there).len()), (2, 1));
    assert_fate(&mut rig, Arrow::ToHco, &here, 0, Fate::Passes);
    let outcome = rig.feed_at(Arrow::ToHco, OTHER_HOSPITAL, [there.clone()]);
    assert_eq!(outcome.codes, ["UNKNOWN_KEY"]);
    assert_eq!(outcome.dead_at_hospital(Arrow::ToHco, OTHER_HOSPITAL), [there]);

    // Nor does it help when healthdata seals for the hospital to which the handle leads: that has no such item.
    let hospital = items(&other)[0]["hospital"].clone();
    let handle = items(&other)[0]["handle"].clone();
    let bad = changed(&own, |document| {
        document["data"]["items"][1]["handle"] = handle;
        document["data"]["items"][1]["hospital"] = hospital;
    });
    let outcome = rig.feed(Arrow::FeedbackOut, [bad]);
    let sealed: Vec<Bytes> = outcome.at(Arrow::ToTtpBack).to_vec();
    assert_eq!(sealed.len(), 2, "one publication for each hospital");
    let outcome = rig.feed(Arrow::ToTtpBack, sealed);
    let there = outcome.at_hospital(Arrow::ToHco, OTHER_HOSPITAL)[0].clone();
    let clear = rig.feed_at(Arrow::ToHco, OTHER_HOSPITAL, [there]).only_of(Arrow::ToHd4dp, OTHER_HOSPITAL);
    let outcome = rig.feed_at(Arrow::ToHd4dp, OTHER_HOSPITAL, [clear]);
    let [letter] = outcome.dead_at_hospital(Arrow::ToHd4dp, OTHER_HOSPITAL) else { panic!("one dead letter") };
    assert_eq!(parse(letter)["reason"], "FOREIGN_FEEDBACK");
}

/// What a TTP that swaps patients makes of an honest one's work: the pseudonym parts opened, changed and sealed again under its key.
fn forged_by_the_ttp(rig: &Rig, document: &Bytes, forge: impl FnOnce(&mut BTreeMap<ItemId, PseudonymPart>)) -> Bytes {
    let (ttp, hd) = (rig.parties.key(Party::EhealthTtp), rig.parties.key(Party::EhboxHd));
    changed(document, |document| {
        let enc = bytes(&document["data"]["pseudonym"]["enc"]).try_into().unwrap();
        let opener = Opener::authenticated(Part::Pseudonym, ttp.public(), hd, &enc).unwrap();
        let items = document["data"]["items"].as_array_mut().unwrap();
        let open =
            |item: &Value| PseudonymPart::decode(&opener.open(id(item).as_bytes(), &bytes(&item["pseudonym"])).unwrap()).unwrap();
        let mut parts = items.iter().map(|item| (id(item), open(item))).collect();
        forge(&mut parts);
        let mut sealer = Sealer::authenticated(Part::Pseudonym, ttp, hd.public()).unwrap();
        for item in items {
            let sealed = sealer.seal(id(item).as_bytes(), &parts[&id(item)].encode()).unwrap();
            item["pseudonym"] = base64(&sealed);
        }
        document["data"]["pseudonym"]["enc"] = base64(&sealer.encapsulation().1);
    })
}

fn swap_pseudonyms(parts: &mut BTreeMap<ItemId, PseudonymPart>, one: ItemId, other: ItemId) {
    let kept = parts[&one].pseudonym.clone();
    parts.get_mut(&one).unwrap().pseudonym = parts[&other].pseudonym.clone();
    parts.get_mut(&other).unwrap().pseudonym = kept;
}

fn ids_of(document: &Bytes) -> Vec<ItemId> {
    items(document).iter().map(id).collect()
}

/// Two patients of whom healthdata has records: whoever gives one the other's pseudonym is found out at once.
#[test]
fn a_ttp_that_swaps_the_pseudonyms_of_known_patients() {
    let mut rig = Rig::new();
    Journey::new(&mut rig).at(&mut rig, Arrow::ToHd4res);
    let later: Vec<_> = three().into_iter().map(|row| with(row, "primary_tumour_site", "C34.2")).collect();
    let good = Journey::of(&mut rig, &later).at(&mut rig, Arrow::ToHd);
    let ids = ids_of(&good);
    let bad = forged_by_the_ttp(&rig, &good, |parts| swap_pseudonyms(parts, ids[0], ids[2]));
    let outcome = rig.feed(Arrow::ToHd, [bad.clone()]);
    assert_set_aside(&mut rig, Arrow::ToHd, &bad, &outcome, &[(0, "TAG_MISMATCH"), (2, "TAG_MISMATCH")]);
    assert_fate(&mut rig, Arrow::ToHd, &good, 0, Fate::Passes);
}

/// The patient tags of the items on their way to healthdata.
fn tags(rig: &Rig, document: &Bytes) -> Vec<[u8; 16]> {
    let hospital = rig.parties.key(Party::EhboxHco(nihdi(HOSPITAL))).public();
    let enc = bytes(&parse(document)["data"]["content"]["enc"]).try_into().unwrap();
    let opener = Opener::authenticated(Part::Content, hospital, rig.parties.key(Party::EhboxHd), &enc).unwrap();
    let open = |item: &Value| opener.open(id(item).as_bytes(), &bytes(&item["content"])).unwrap();
    items(document).iter().map(|item| Content::decode(&open(item)).unwrap().head().patient_tag).collect()
}

/// The gap that docs/WIRE.md names: on a patient's first record the swap stands, until a later record contradicts it.
#[test]
fn a_ttp_that_swaps_the_pseudonyms_of_new_patients() {
    let mut rig = Rig::new();
    let first = Journey::new(&mut rig).at(&mut rig, Arrow::ToHd);
    let ids = ids_of(&first);
    let swapped = forged_by_the_ttp(&rig, &first, |parts| swap_pseudonyms(parts, ids[0], ids[2]));
    assert_fate(&mut rig, Arrow::ToHd, &swapped, 0, Fate::Passes);

    let later: Vec<_> = three().into_iter().map(|row| with(row, "primary_tumour_site", "C34.2")).collect();
    let honest = Journey::of(&mut rig, &later).at(&mut rig, Arrow::ToHd);
    let (first, later) = (tags(&rig, &first), tags(&rig, &honest));
    let bad: Vec<_> = (0..3).filter(|place| later[*place] != first[1]).map(|place| (place, "TAG_MISMATCH")).collect();
    assert_eq!(bad.len(), 2);
    let outcome = rig.feed(Arrow::ToHd, [honest.clone()]);
    assert_set_aside(&mut rig, Arrow::ToHd, &honest, &outcome, &bad);
}

/// A TTP whose master key changed without a new epoch gives every known patient a second pseudonym.
#[test]
fn one_tag_with_two_pseudonyms() {
    let mut rig = Rig::new();
    Journey::new(&mut rig).at(&mut rig, Arrow::ToHd4res);
    rig.parties.master = secret();
    let mut rows: Vec<_> = three().into_iter().take(2).map(|row| with(row, "primary_tumour_site", "C34.2")).collect();
    rows.push(row(PATIENTS[3], "A-4"));
    let mut journey = Journey::of(&mut rig, &rows);
    let submitted = journey.at(&mut rig, Arrow::HandOver);
    let document = journey.at(&mut rig, Arrow::ToHd);
    let new = items(&submitted).iter().find(|item| item["identity"]["value"] == PATIENTS[3]).map(id).unwrap();
    let new = place(&document, new);
    let bad: Vec<_> = (0..3).filter(|place| *place != new).map(|place| (place, "TAG_MISMATCH")).collect();
    let outcome = rig.feed(Arrow::ToHd, [document.clone()]);
    assert_set_aside(&mut rig, Arrow::ToHd, &document, &outcome, &bad);
}

/// A TTP that calls a hospital by another code than before.
#[test]
fn one_hospital_with_two_sender_codes() {
    let mut rig = Rig::new();
    Journey::new(&mut rig).at(&mut rig, Arrow::ToHd4res);
    let right = rig.parties.sender.clone();
    rig.parties.sender = secret();
    let again = Journey::of(&mut rig, &[row(PATIENTS[3], "A-4")]).at(&mut rig, Arrow::ToHd);
    assert_fate(&mut rig, Arrow::ToHd, &again, 0, Fate::Each("TAG_MISMATCH"));
    rig.parties.sender = right;
    let again = Journey::of(&mut rig, &[row(PATIENTS[3], "A-5")]).at(&mut rig, Arrow::ToHd);
    assert_fate(&mut rig, Arrow::ToHd, &again, 0, Fate::Passes);
}
