//! What every party refuses, under which code, and that nothing else suffers from it.

mod clear_fields;
mod contents;
mod documents;
mod keys;
mod limits;
mod recode;
mod replays;
mod sealed_fields;
mod swaps;

use std::collections::BTreeSet;

use bytes::Bytes;
use envelope::{ItemId, Publication};
use hco_messages::FeedbackDelivery;
use hd4dp::store::Hd4dpStore;
use hd4res::store::Hd4resStore;
use topology::Arrow;

use crate::{
    document::{id, ids, items, parse},
    journey::after,
    rig::{HOSPITAL, OTHER_HOSPITAL, Outcome, Rig, nihdi},
};

/// What becomes of a document that is not as it should be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fate {
    /// All of it goes on.
    Passes,
    /// It is set aside as it is, under a code in the log.
    Whole(&'static str),
    /// Every item is set aside by itself.
    Each(&'static str),
    /// One item is set aside, and the others go on.
    Item(&'static str),
}

/// Gives `document` to the reader of `arrow` and sees to it that this becomes of it. `item` is the place of the item that is not as it
/// should be. A good document behind it goes on in any case: `good` is one that the reader has had before, or the same as `document`.
#[track_caller]
pub(crate) fn assert_fate(rig: &mut Rig, arrow: Arrow, document: &Bytes, item: usize, fate: Fate) -> Outcome {
    let outcome = rig.feed(arrow, [document.clone()]);
    match fate {
        Fate::Passes => assert_set_aside(rig, arrow, document, &outcome, &[]),
        Fate::Whole(code) => {
            assert_eq!((outcome.codes.as_slice(), outcome.dead(arrow)), (&[code.to_owned()][..], std::slice::from_ref(document)));
            assert!(after(arrow).iter().all(|onward| outcome.at(*onward).is_empty()), "nothing of it goes on");
        }
        Fate::Each(code) => {
            let bad: Vec<_> = (0..items(document).len()).map(|place| (place, code)).collect();
            assert_set_aside(rig, arrow, document, &outcome, &bad);
        }
        Fate::Item(code) => assert_set_aside(rig, arrow, document, &outcome, &[(item, code)]),
    }
    outcome
}

/// Sees to it that the items at these places, and no others, were set aside, each by itself, as it came and under its code; and that the
/// others went on.
#[track_caller]
fn assert_set_aside(rig: &mut Rig, arrow: Arrow, document: &Bytes, outcome: &Outcome, bad: &[(usize, &str)]) {
    assert!(outcome.codes.is_empty(), "no publication is refused as a whole: {:?}", outcome.codes);
    let (came, all) = (parse(document), items(document));
    let is_bad = |place: &usize| bad.iter().any(|(other, _)| other == place);
    let good: BTreeSet<ItemId> = (0..all.len()).filter(|place| !is_bad(place)).map(|place| id(&all[place])).collect();
    assert_eq!(taken(rig, arrow, document, outcome), good, "the items that go on from {arrow:?}");

    let letters: Vec<_> = outcome.dead(arrow).iter().map(|letter| parse(letter)).collect();
    let reasons: BTreeSet<_> = letters.iter().map(|letter| letter["reason"].as_str().unwrap()).collect();
    let found: Vec<_> = letters.iter().map(|letter| letter["data"]["items"].as_array().unwrap().len()).collect();
    assert_eq!(found, vec![1; bad.len()], "one dead letter for each bad item at {arrow:?}, under {reasons:?}");
    for (place, code) in bad {
        let letter = letters.iter().find(|letter| letter["data"]["items"][0] == all[*place]).expect("the item as it came");
        assert_eq!(letter["reason"], *code, "the reason at {arrow:?}");
        assert_eq!((&letter["source"], &letter["type"]), (&came["source"], &came["type"]));
        assert_ne!(letter["id"], came["id"]);
        let mut data = came["data"].clone();
        data["items"] = serde_json::json!([all[*place]]);
        assert_eq!(letter["data"], data, "under the seals under which it came");
    }
}

/// The items of a document that its reader acted upon.
pub(crate) fn taken(rig: &mut Rig, arrow: Arrow, document: &Bytes, outcome: &Outcome) -> BTreeSet<ItemId> {
    let items: Vec<ItemId> = items(document).iter().map(id).collect();
    match arrow {
        Arrow::ToHd4res => {
            let answered = ids(outcome.at(Arrow::FeedbackOut));
            items.into_iter().filter(|item| answered.contains(&item.derived(hd4res::STATUS))).collect()
        }
        Arrow::Verdicts => items.into_iter().filter(|item| is_validated(rig, *item)).collect(),
        Arrow::ToHd4dp => {
            let feedback = Publication::<FeedbackDelivery>::decode(document).unwrap().data.items;
            let answers = feedback.iter().filter_map(|item| Some((item.id, item.feedback().ok()?.head().item_id)));
            // What a researcher says has a receipt.
            let receipts = ids(outcome.at(Arrow::HandOver));
            let has_receipt = |feedback: ItemId| receipts.contains(&feedback.derived("RECEIPT"));
            let is_acted_upon =
                |(feedback, item): &(ItemId, _)| has_receipt(*feedback) || is_confirmed(rig, ItemId::from_uuid(*item));
            answers.filter(is_acted_upon).map(|(feedback, _)| feedback).collect()
        }
        _ => {
            let documents = [HOSPITAL, OTHER_HOSPITAL]
                .map(|hospital| after(arrow).iter().flat_map(move |onward| outcome.at_hospital(*onward, hospital)));
            ids(documents.into_iter().flatten())
        }
    }
}

/// Whether HD4RES has a verdict on an item.
fn is_validated(rig: &mut Rig, item: ItemId) -> bool {
    let store = rig.stores.hd4res.clone();
    rig.block_on(async move { store.validated(&[item.uuid()]).await.unwrap() == 1 })
}

/// Whether an item is confirmed at the hospital.
fn is_confirmed(rig: &mut Rig, item: ItemId) -> bool {
    let store = rig.stores.hd4dp[&nihdi(HOSPITAL)].clone();
    rig.block_on(async move { store.is_confirmed(item.uuid()).await.unwrap() == Some(true) })
}
