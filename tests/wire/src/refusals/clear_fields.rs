//! One bit flipped in each field of the documents that stand clear inside an organisation. There nothing is sealed, so some changes
//! make another document that is as good; what is found is found here or at the hospital, which knows what it sent.

use bytes::Bytes;
use topology::Arrow;

use super::{Fate, assert_fate, is_confirmed, sealed_fields::leaves};
use crate::{
    document::{Bit, base64, bytes, changed, flip, flip_hex, id, items, member, parse},
    journey::{Journey, after},
    rig::Rig,
};

/// What is flipped in a field.
#[derive(Debug, Clone, Copy)]
enum Change {
    /// First, middle and last bit of what is in base64.
    Bits,
    /// Digits of an id.
    Hex,
    /// The lowest bit of the character at this place.
    Character(usize),
    /// What is on the way already: a flag or a text without a form of its own.
    None,
}
use Change::{Bits, Character, Hex};

/// Every field of the data of an item on these arrows, and what becomes of it at its reader.
const FIELDS: &[(Arrow, &str, Change, Fate)] = &[
    // The messaging client takes for granted what its own HD4DP says, but for what it must understand.
    (Arrow::HandOver, "id", Hex, Fate::Passes),
    (Arrow::HandOver, "identity/kind", Character(0), Fate::Item("IDENTITY")),
    (Arrow::HandOver, "identity/value", Character(4), Fate::Item("IDENTITY")),
    (Arrow::HandOver, "content", Bits, Fate::Passes),
    (Arrow::ToHd4res, "id", Hex, Fate::Passes),
    (Arrow::ToHd4res, "pseudonym", Character(20), Fate::Item("PSEUDONYM")),
    (Arrow::ToHd4res, "sender", Character(0), Fate::Item("PSEUDONYM")),
    (Arrow::ToHd4res, "hospital", Hex, Fate::Passes),
    (Arrow::ToHd4res, "handle", Bits, Fate::Passes),
    (Arrow::ToHd4res, "content", Bits, Fate::Item("CONTENT")),
    (Arrow::ToDhw, "id", Hex, Fate::Passes),
    (Arrow::ToDhw, "pseudonym", Character(20), Fate::Item("PSEUDONYM")),
    (Arrow::ToDhw, "sender", Character(0), Fate::Item("SENDER")),
    (Arrow::ToDhw, "content", Bits, Fate::Item("CONTENT")),
    (Arrow::Verdicts, "id", Hex, Fate::Item("UNKNOWN_ITEM")),
    (Arrow::Verdicts, "sender", Character(0), Fate::Item("PSEUDONYM")),
    (Arrow::Verdicts, "clean", Change::None, Fate::Passes),
    (Arrow::Verdicts, "findings/1/code", Change::None, Fate::Passes),
    (Arrow::Verdicts, "findings/1/severity", Change::None, Fate::Passes),
    (Arrow::Verdicts, "findings/1/column", Change::None, Fate::Passes),
    (Arrow::FeedbackOut, "id", Hex, Fate::Passes),
    (Arrow::FeedbackOut, "handle", Bits, Fate::Passes),
    (Arrow::FeedbackOut, "hospital", Hex, Fate::Item("UNKNOWN_PARTY")),
    (Arrow::FeedbackOut, "feedback", Bits, Fate::Item("FEEDBACK")),
    (Arrow::ToHd4dp, "id", Hex, Fate::Passes),
    (Arrow::ToHd4dp, "identity/kind", Character(0), Fate::Item("IDENTITY")),
    (Arrow::ToHd4dp, "identity/value", Character(4), Fate::Item("IDENTITY")),
    (Arrow::ToHd4dp, "feedback", Bits, Fate::Item("FEEDBACK")),
];

/// What the reader takes for another document that is as good, and what becomes of it further on.
const LATER: &[(Arrow, &str, Arrow, Fate)] = &[
    (Arrow::HandOver, "content", Arrow::ToHd, Fate::Item("CONTENT")),
    (Arrow::ToHd4res, "hospital", Arrow::FeedbackOut, Fate::Item("UNKNOWN_PARTY")),
    (Arrow::ToHd4res, "handle", Arrow::ToTtpBack, Fate::Item("HANDLE")),
    (Arrow::ToDhw, "id", Arrow::Verdicts, Fate::Item("UNKNOWN_ITEM")),
    (Arrow::FeedbackOut, "handle", Arrow::ToTtpBack, Fate::Item("HANDLE")),
];

/// An item of a patient with a national number: a generated id has no check digits.
fn with_number(rig: &mut Rig, journey: &mut Journey) -> usize {
    let items = items(&journey.at(rig, Arrow::HandOver));
    items.iter().position(|item| item["identity"]["kind"] == "ssin").unwrap()
}

fn bad_ones(good: &Bytes, item: usize, field: &str, change: Change) -> Vec<Bytes> {
    let path = format!("/data/items/{item}/{field}");
    match change {
        Bits => Bit::ALL.map(|bit| flip(good, &path, bit)).to_vec(),
        Hex => Bit::ALL.map(|bit| flip_hex(good, &path, bit)).to_vec(),
        Character(place) => vec![changed(good, |document| {
            let member = member(document, &path);
            let mut text = member.as_str().unwrap().as_bytes().to_vec();
            text[place] ^= 1;
            *member = String::from_utf8(text).unwrap().into();
        })],
        Change::None => Vec::new(),
    }
}

#[test]
fn no_field_is_forgotten() {
    let mut rig = Rig::new();
    let mut journey = Journey::new(&mut rig);
    for arrow in Arrow::FLOW.into_iter().filter(|arrow| !matches!(arrow.zone(), topology::Zone::EHealth)) {
        let document = journey.at(&mut rig, arrow);
        let mut found = leaves(&items(&document)[1], "");
        let mut listed: Vec<_> =
            FIELDS.iter().filter(|(of, ..)| *of == arrow).map(|(_, field, ..)| format!("/{field}")).collect();
        found.sort();
        listed.sort();
        assert_eq!(found, listed);
        assert_eq!(parse(&document)["data"].as_object().unwrap().len(), 1, "nothing but items");
    }
}

#[test]
fn one_bit_flipped_in_each_field() {
    for (arrow, field, change, fate) in FIELDS {
        for number in 0..3 {
            let mut rig = Rig::new();
            let mut journey = Journey::new(&mut rig);
            let item = with_number(&mut rig, &mut journey);
            let good = journey.at(&mut rig, *arrow);
            let Some(bad) = bad_ones(&good, item, field, *change).into_iter().nth(number) else { continue };
            assert_fate(&mut rig, *arrow, &bad, item, *fate);
            // A content under another id is known already, in another item: nothing is lost by that.
            assert_fate(&mut rig, *arrow, &good, item, Fate::Passes);
        }
    }
}

#[test]
fn what_passes_one_reader_is_found_by_the_next() {
    for (arrow, field, found_at, fate) in LATER {
        let (_, _, change, _) = FIELDS.iter().find(|(of, other, ..)| of == arrow && other == field).unwrap();
        for number in 0..3 {
            let mut rig = Rig::new();
            let mut journey = Journey::new(&mut rig);
            let item = with_number(&mut rig, &mut journey);
            let good = journey.at(&mut rig, *arrow);
            let bad = bad_ones(&good, item, field, *change).remove(number);
            let mut journey = Journey::starting_with(*arrow, bad);
            let document = journey.at(&mut rig, *found_at);
            // The way keeps the order of the items.
            assert_fate(&mut rig, *found_at, &document, item, *fate);
            assert!(!after(*arrow).is_empty());
        }
    }
}

/// Any change of a content behind its seal, be it of a single value, shows in the STATUS.
#[test]
fn a_value_that_changed_at_healthdata_is_found_by_the_hospital() {
    let mut rig = Rig::new();
    let mut journey = Journey::new(&mut rig);
    let item = with_number(&mut rig, &mut journey);
    let good = journey.at(&mut rig, Arrow::ToHd4res);
    let bad = changed(&good, |document| {
        let content = member(document, &format!("/data/items/{item}/content"));
        let mut held = bytes(content);
        let place = held.windows(5).position(|text| text == b"C34.1").unwrap();
        held[place + 4] = b'2';
        *content = base64(&held);
    });
    let answer = Journey::starting_with(Arrow::ToHd4res, bad).at(&mut rig, Arrow::ToHd4dp);
    assert_fate(&mut rig, Arrow::ToHd4dp, &answer, item, Fate::Item("FOREIGN_FEEDBACK"));
    // Nor is the right one taken later: it is another content under a known item id.
    assert_fate(&mut rig, Arrow::ToHd4res, &good, item, Fate::Item("ITEM_REUSED"));
}

/// Every bit of a STATUS counts, but for the number that orders feedback and the zeros behind it, which are refused.
#[test]
fn no_bit_of_a_status_is_without_meaning() {
    let mut rig = Rig::new();
    let mut journey = Journey::new(&mut rig);
    let item = with_number(&mut rig, &mut journey);
    let good = journey.at(&mut rig, Arrow::ToHd4dp);
    let path = format!("/data/items/{item}/feedback");
    let feedback = bytes(member(&mut parse(&good), &path));
    // Form, length, kind, registration id, version, item id; then the number, one byte as long as it is small.
    const NUMBER: usize = 1 + 4 + 1 + 16 + 1 + 16;
    assert_eq!(feedback[NUMBER], 1);
    let answered = id(&items(&journey.at(&mut rig, Arrow::HandOver))[item]);
    for bit in (0..feedback.len() * 8).filter(|bit| bit / 8 != NUMBER) {
        let mut other = feedback.clone();
        other[bit / 8] ^= 1 << (bit % 8);
        let bad = changed(&good, |document| *member(document, &path) = base64(&other));
        let outcome = rig.feed(Arrow::ToHd4dp, [bad]);
        let [letter] = outcome.dead(Arrow::ToHd4dp) else { panic!("bit {bit} is set aside") };
        let reason = parse(letter)["reason"].as_str().unwrap().to_owned();
        assert!(["FEEDBACK", "FOREIGN_FEEDBACK"].contains(&reason.as_str()), "bit {bit}: {reason}");
        assert!(!is_confirmed(&mut rig, answered), "bit {bit}");
    }
    assert_fate(&mut rig, Arrow::ToHd4dp, &good, item, Fate::Passes);
}
