//! The services take the documents of the vectors, and make of each the next one: byte for byte where nothing in it is random.

use bytes::Bytes;
use topology::Arrow;

use super::{PUBLICATIONS, fixed, format, read};
use crate::{
    document::{id, items, parse},
    journey::after,
    rig::Rig,
};

fn document(file: &format::Publication, arrow: Arrow) -> Bytes {
    file.steps.iter().find(|step| step.step == arrow.step()).unwrap().document.clone().into()
}

#[test]
fn the_services_take_every_document_and_make_the_next() {
    for (name, count) in PUBLICATIONS {
        let file: format::Publication = read(name);
        let mut rig = Rig::with_parties(fixed::parties());
        for arrow in Arrow::FLOW.into_iter().filter(|arrow| *arrow != Arrow::ToHd4dp) {
            let outcome = rig.feed(arrow, [document(&file, arrow)]);
            assert!(outcome.is_clean(), "{arrow:?}: {outcome:?}");
            for onward in after(arrow) {
                let (made, expected) = (outcome.only(*onward), document(&file, *onward));
                match onward {
                    // Sealed anew each time: the same envelope and items.
                    Arrow::ToTtp | Arrow::ToHd | Arrow::ToTtpBack | Arrow::ToHco => assert_same_but_sealed_anew(&made, &expected),
                    // What the warehouse finds, and whatever follows a STATUS, is not in the vectors.
                    Arrow::Verdicts => assert_eq!(items(&made).len(), count),
                    Arrow::FeedbackOut if count > 1 => assert_eq!(items(&made)[0], items(&expected)[0]),
                    _ => assert_eq!(made, expected, "{onward:?} of {name}"),
                }
            }
        }
    }
}

fn assert_same_but_sealed_anew(made: &Bytes, expected: &Bytes) {
    let (one, other) = (parse(made), parse(expected));
    for member in ["id", "source", "type", "time", "specversion"] {
        assert_eq!(one[member], other[member], "{member}");
    }
    let keys = |document: &serde_json::Value| {
        let data = document["data"].as_object().unwrap().clone();
        data.into_iter().filter(|(name, _)| name != "items").map(|(name, seal)| (name, seal["key"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(keys(&one), keys(&other));
    let ids = |document: &Bytes| items(document).iter().map(id).collect::<Vec<_>>();
    assert_eq!(ids(made), ids(expected));
    assert_eq!(made.len(), expected.len());
}
