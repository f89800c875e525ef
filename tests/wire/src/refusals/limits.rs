//! The quota of the TTP, and publications that have no room to grow.

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use envelope::MAX_BYTES;
use serde_json::json;
use topology::Arrow;

use super::{Fate, assert_fate, assert_set_aside};
use crate::{
    document::{base64, changed, id, items, parse},
    journey::{Journey, PATIENTS, row, three},
    rig::{OTHER_HOSPITAL, Rig},
};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Two distinct patients a day: of three, one waits for tomorrow. Who it is depends on the order.
#[test]
fn more_patients_than_the_quota() {
    let mut rig = Rig::new();
    rig.quota = Some(2);
    let mut journey = Journey::new(&mut rig);
    let document = journey.at(&mut rig, Arrow::ToTtp);
    let outcome = rig.feed(Arrow::ToTtp, [document.clone()]);
    assert_set_aside(&mut rig, Arrow::ToTtp, &document, &outcome, &[(2, "QUOTA")]);
    let letter = outcome.dead(Arrow::ToTtp)[0].clone();

    // The two of today may come as often as they like, the third may not; another hospital has a quota of its own.
    assert_fate(&mut rig, Arrow::ToTtp, &document, 2, Fate::Item("QUOTA"));
    let of_other = crate::journey::with(row(PATIENTS[2], "B-1"), "installation_id", OTHER_HOSPITAL);
    let mut of_other = Journey::from_hospital(&mut rig, OTHER_HOSPITAL, &[of_other]);
    of_other.at_hospital(&mut rig, OTHER_HOSPITAL, Arrow::ToHd);

    // Tomorrow the hospital sends it again, or somebody puts the dead letter back: it is still sealed by the one that it names.
    rig.pass(DAY);
    assert_fate(&mut rig, Arrow::ToTtp, &letter, 0, Fate::Passes);
    let outcome = rig.feed(Arrow::ToTtp, [document.clone()]);
    let passed: BTreeSet<_> = items(&outcome.at(Arrow::ToHd)[0]).iter().map(id).collect();
    assert!(passed.contains(&id(&items(&document)[2])), "the third of yesterday is the first of today");
    assert_eq!(passed.len(), 2);
}

#[test]
fn without_a_quota_nobody_waits() {
    let mut rig = Rig::new();
    let document = Journey::of(&mut rig, &three()).at(&mut rig, Arrow::ToTtp);
    assert_fate(&mut rig, Arrow::ToTtp, &document, 0, Fate::Passes);
}

/// The publication with its first item so often that it is as long as a publication may be, and no longer.
fn filled_up(document: &Bytes) -> Bytes {
    let mut whole = parse(document);
    let item = whole["data"]["items"][0].clone();
    let length = item.to_string().len() + 1;
    whole["data"]["items"] = json!([]);
    let count = (MAX_BYTES - whole.to_string().len()) / length;
    whole["data"]["items"] = vec![item; count].into();
    let filled = Bytes::from(whole.to_string());
    assert!(filled.len() <= MAX_BYTES && filled.len() + length > MAX_BYTES);
    filled
}

/// More stands around an item behind the client and behind the TTP than before. A publication that leaves no room for it is set aside as a
/// whole: nobody tries it for ever, and the next one goes on.
#[test]
fn a_publication_that_grows_beyond_the_limit() {
    for arrow in [Arrow::HandOver, Arrow::ToTtp] {
        let mut rig = Rig::new();
        let good = Journey::of(&mut rig, &[row(PATIENTS[0], "A-1")]).at(&mut rig, arrow);
        let full = filled_up(&good);
        assert_fate(&mut rig, arrow, &full, 0, Fate::Whole("TOO_LARGE"));
        assert_fate(&mut rig, arrow, &good, 0, Fate::Passes);
    }
}

/// A bad item that leaves no room for the reason of its dead letter.
#[test]
fn a_bad_item_that_fills_its_publication() {
    for (arrow, name) in
        [(Arrow::HandOver, "content"), (Arrow::ToTtp, "content"), (Arrow::ToHd, "content"), (Arrow::ToTtpBack, "feedback")]
    {
        let mut rig = Rig::new();
        let good = Journey::of(&mut rig, &[row(PATIENTS[0], "A-1")]).at(&mut rig, arrow);
        let mut bad = parse(&good);
        bad["data"]["items"][0][name] = "".into();
        if arrow == Arrow::HandOver {
            bad["data"]["items"][0]["identity"]["value"] = "none".into();
        }
        let room = MAX_BYTES - bad.to_string().len();
        bad["data"]["items"][0][name] = base64(&vec![7; room / 4 * 3]);
        let bad = Bytes::from(bad.to_string());
        assert!((MAX_BYTES - 3..=MAX_BYTES).contains(&bad.len()));
        assert_fate(&mut rig, arrow, &bad, 0, Fate::Whole("TOO_LARGE"));
        assert_fate(&mut rig, arrow, &good, 0, Fate::Passes);
        // With a little room, it is a bad item like others.
        let smaller = changed(&bad, |document| document["data"]["items"][0][name] = base64(&vec![7; room / 4 * 3 - 90]));
        let outcome = rig.feed(arrow, [smaller.clone()]);
        let code = parse(&outcome.dead(arrow)[0])["reason"].as_str().unwrap().to_owned();
        assert!(["IDENTITY", "SWAPPED_CONTENT"].contains(&code.as_str()), "{code}");
    }
}
