//! One bit flipped in each field of the four documents that stand at eHealth.

use serde_json::Value;
use topology::Arrow;

use super::{Fate, assert_fate};
use crate::{
    document::{Bit, base64, bytes, changed, flip, flip_hex, items, parse},
    journey::{Journey, after},
    rig::{OTHER_HOSPITAL, Rig},
};

/// The item whose fields are changed.
const ITEM: usize = 1;

#[derive(Debug, Clone, Copy)]
enum Kind {
    Base64,
    Hex,
}
use Kind::{Base64, Hex};

/// Every field of the data on these arrows, and what becomes of the publication at its reader when one bit of it is another.
///
/// What a reader cannot open passes it, and is found by the one who can: see [`UNTOUCHED`].
const FIELDS: &[(Arrow, &str, Kind, Fate)] = &[
    (Arrow::ToTtp, "/data/identity/key", Hex, Fate::Whole("UNKNOWN_KEY")),
    (Arrow::ToTtp, "/data/identity/enc", Base64, Fate::Each("DOES_NOT_OPEN")),
    (Arrow::ToTtp, "/data/content/key", Hex, Fate::Passes),
    (Arrow::ToTtp, "/data/content/enc", Base64, Fate::Passes),
    (Arrow::ToTtp, "/data/content/header", Base64, Fate::Passes),
    (Arrow::ToTtp, "/data/items/1/id", Hex, Fate::Item("DOES_NOT_OPEN")),
    (Arrow::ToTtp, "/data/items/1/identity", Base64, Fate::Item("DOES_NOT_OPEN")),
    (Arrow::ToTtp, "/data/items/1/content", Base64, Fate::Item("SWAPPED_CONTENT")),
    (Arrow::ToHd, "/data/pseudonym/key", Hex, Fate::Whole("UNKNOWN_KEY")),
    (Arrow::ToHd, "/data/pseudonym/enc", Base64, Fate::Each("DOES_NOT_OPEN")),
    (Arrow::ToHd, "/data/content/key", Hex, Fate::Whole("UNKNOWN_KEY")),
    (Arrow::ToHd, "/data/content/enc", Base64, Fate::Each("DOES_NOT_OPEN")),
    (Arrow::ToHd, "/data/content/header", Base64, Fate::Whole("DOES_NOT_OPEN")),
    (Arrow::ToHd, "/data/items/1/id", Hex, Fate::Item("DOES_NOT_OPEN")),
    (Arrow::ToHd, "/data/items/1/pseudonym", Base64, Fate::Item("DOES_NOT_OPEN")),
    (Arrow::ToHd, "/data/items/1/content", Base64, Fate::Item("SWAPPED_CONTENT")),
    (Arrow::ToTtpBack, "/data/return/key", Hex, Fate::Whole("UNKNOWN_KEY")),
    (Arrow::ToTtpBack, "/data/return/enc", Base64, Fate::Each("DOES_NOT_OPEN")),
    (Arrow::ToTtpBack, "/data/feedback/key", Hex, Fate::Passes),
    (Arrow::ToTtpBack, "/data/feedback/enc", Base64, Fate::Passes),
    (Arrow::ToTtpBack, "/data/items/1/id", Hex, Fate::Item("DOES_NOT_OPEN")),
    (Arrow::ToTtpBack, "/data/items/1/return", Base64, Fate::Item("DOES_NOT_OPEN")),
    (Arrow::ToTtpBack, "/data/items/1/feedback", Base64, Fate::Item("SWAPPED_CONTENT")),
    (Arrow::ToHco, "/data/identity/key", Hex, Fate::Whole("UNKNOWN_KEY")),
    (Arrow::ToHco, "/data/identity/enc", Base64, Fate::Each("DOES_NOT_OPEN")),
    (Arrow::ToHco, "/data/feedback/key", Hex, Fate::Whole("UNKNOWN_KEY")),
    (Arrow::ToHco, "/data/feedback/enc", Base64, Fate::Each("DOES_NOT_OPEN")),
    (Arrow::ToHco, "/data/items/1/id", Hex, Fate::Item("DOES_NOT_OPEN")),
    (Arrow::ToHco, "/data/items/1/identity", Base64, Fate::Item("DOES_NOT_OPEN")),
    (Arrow::ToHco, "/data/items/1/feedback", Base64, Fate::Item("SWAPPED_FEEDBACK")),
];

/// What the TTP passes on untouched, and what becomes of it behind the TTP.
const UNTOUCHED: &[(Arrow, &str, Kind, Fate)] = &[
    (Arrow::ToTtp, "/data/content/key", Hex, Fate::Whole("UNKNOWN_KEY")),
    (Arrow::ToTtp, "/data/content/enc", Base64, Fate::Each("DOES_NOT_OPEN")),
    (Arrow::ToTtp, "/data/content/header", Base64, Fate::Whole("DOES_NOT_OPEN")),
    (Arrow::ToTtpBack, "/data/feedback/key", Hex, Fate::Whole("UNKNOWN_KEY")),
    (Arrow::ToTtpBack, "/data/feedback/enc", Base64, Fate::Each("DOES_NOT_OPEN")),
];

/// The paths of the texts, numbers and flags in a value; of a list, those of the element at `ITEM`.
pub(super) fn leaves(value: &Value, path: &str) -> Vec<String> {
    match value {
        Value::Object(members) => members.iter().flat_map(|(name, value)| leaves(value, &format!("{path}/{name}"))).collect(),
        Value::Array(items) => items.get(ITEM).map(|item| leaves(item, &format!("{path}/{ITEM}"))).unwrap_or_default(),
        _ => vec![path.to_owned()],
    }
}

#[test]
fn no_field_is_forgotten() {
    let mut rig = Rig::new();
    let mut journey = Journey::new(&mut rig);
    for arrow in [Arrow::ToTtp, Arrow::ToHd, Arrow::ToTtpBack, Arrow::ToHco] {
        let mut found = leaves(&parse(&journey.at(&mut rig, arrow))["data"], "/data");
        let mut listed: Vec<_> = FIELDS.iter().filter(|(of, ..)| *of == arrow).map(|(_, path, ..)| (*path).to_owned()).collect();
        found.sort();
        listed.sort();
        assert_eq!(found, listed);
    }
}

#[test]
fn one_bit_flipped_in_each_field() {
    for (arrow, path, kind, fate) in FIELDS {
        for bit in Bit::ALL {
            let mut rig = Rig::new();
            let good = Journey::new(&mut rig).at(&mut rig, *arrow);
            let bad = match kind {
                Base64 => flip(&good, path, bit),
                Hex => flip_hex(&good, path, bit),
            };
            assert_fate(&mut rig, *arrow, &bad, ITEM, *fate);
            // What came before does not get in the way of what comes next.
            assert_fate(&mut rig, *arrow, &good, ITEM, Fate::Passes);
        }
    }
}

#[test]
fn one_bit_flipped_in_what_the_ttp_passes_on_untouched() {
    for (arrow, path, kind, fate) in UNTOUCHED {
        for bit in Bit::ALL {
            let mut rig = Rig::new();
            let good = Journey::new(&mut rig).at(&mut rig, *arrow);
            let bad = match kind {
                Base64 => flip(&good, path, bit),
                Hex => flip_hex(&good, path, bit),
            };
            let onward = after(*arrow)[0];
            let [bad, good] = [bad, good].map(|document| rig.feed(*arrow, [document]).only(onward));
            assert_fate(&mut rig, onward, &bad, ITEM, *fate);
            assert_fate(&mut rig, onward, &good, ITEM, Fate::Passes);
        }
    }
}

/// What is sealed, cut at every byte: too short for index and tag, then no more than a changed blob. Content and feedback are named by the
/// hash beside them, so there it is found before anything is opened.
#[test]
fn a_blob_cut_at_every_byte() {
    for (arrow, name, is_named) in [
        (Arrow::ToTtp, "identity", false),
        (Arrow::ToTtp, "content", true),
        (Arrow::ToHd, "pseudonym", false),
        (Arrow::ToHd, "content", true),
        (Arrow::ToTtpBack, "return", false),
        (Arrow::ToTtpBack, "feedback", true),
        (Arrow::ToHco, "identity", false),
        (Arrow::ToHco, "feedback", true),
    ] {
        let mut rig = Rig::new();
        let good = Journey::new(&mut rig).at(&mut rig, arrow);
        let blob = bytes(&items(&good)[ITEM][name]);
        let lengths: Vec<usize> = if is_named { vec![0, 3, 4, 19, 20, blob.len() - 1] } else { (0..blob.len()).collect() };
        for length in lengths {
            let bad = changed(&good, |document| document["data"]["items"][ITEM][name] = base64(&blob[..length]));
            let code = match (is_named, arrow) {
                (true, Arrow::ToHco) => "SWAPPED_FEEDBACK",
                (true, _) => "SWAPPED_CONTENT",
                (false, _) if length < 4 + 16 => "SEAL_CUT_SHORT",
                (false, _) => "DOES_NOT_OPEN",
            };
            assert_fate(&mut rig, arrow, &bad, ITEM, Fate::Item(code));
        }
        assert_fate(&mut rig, arrow, &good, ITEM, Fate::Passes);
    }
}

/// The envelope is a claim that nobody signs: another id or time is another envelope around the same items. What counts of it is the
/// source, at the TTP, and that is proved by the identities.
#[test]
fn one_bit_flipped_in_the_envelope() {
    for arrow in [Arrow::ToTtp, Arrow::ToHd, Arrow::ToTtpBack, Arrow::ToHco] {
        let mut rig = Rig::new();
        let good = Journey::new(&mut rig).at(&mut rig, arrow);
        let with = |member: &str, text: &str| changed(&good, |document| document[member] = text.into());
        let fate_of_source = |fate| if arrow == Arrow::ToTtp { fate } else { Fate::Passes };
        let name = parse(&good)["type"].as_str().unwrap().to_owned();
        for (bad, fate) in [
            (with("specversion", "1.1"), Fate::Whole("UNKNOWN_VERSION")),
            (with("type", &name.replace(".v1", ".v0")), Fate::Whole("UNKNOWN_VERSION")),
            (with("type", &name.replacen("be.", "bd.", 1)), Fate::Whole("UNKNOWN_TYPE")),
            (with("time", "2026-11-21T10:00:00.000122Z"), Fate::Passes),
            (with("time", "2026-11-21T10:00:00.000123["), Fate::Whole("INVALID_MEMBER")),
            (with("source", "ehbox-hco-00000197"), fate_of_source(Fate::Whole("UNKNOWN_PARTY"))),
            (with("source", "ehbox-hcn-00000196"), fate_of_source(Fate::Whole("UNKNOWN_PARTY"))),
            (with("source", &format!("ehbox-hco-{OTHER_HOSPITAL}")), fate_of_source(Fate::Each("DOES_NOT_OPEN"))),
            (flip_hex(&good, "/id", Bit::Last), Fate::Passes),
        ] {
            assert_fate(&mut rig, arrow, &bad, ITEM, fate);
            assert_fate(&mut rig, arrow, &good, ITEM, Fate::Passes);
        }
    }
}
