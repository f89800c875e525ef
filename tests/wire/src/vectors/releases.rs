//! Parties of two releases: what release 0.1.0 sends is taken by today's services; what a coming release may send is refused by today's without a
//! loss, and passes once its reader is of that release.
//!
//! The documents of 0.1.0 are those of docs/vectors, which may never be written anew. A coming release's are the same documents with another
//! version in one place: of the message, of the form of a part, of the wire format under which a part is sealed. Its reader is today's, behind
//! somebody who puts today's version into that place: so what is shown is that nothing was lost on the way there and back.

use std::{collections::BTreeSet, sync::Arc};

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};
use bytes::Bytes;
use envelope::{ItemId, content_hash};
use hd4dp::store::{Hd4dpStore, Intake, NewVersion};
use registration::ContentKind;
use sealing::Part;
use serde_json::Value;
use sha2::{Digest, Sha256};
use topology::Arrow;

use super::{
    by_hand::{bytes, hex},
    fixed, format, path, read,
};
use crate::{
    document::{base64, changed, id, ids, items, parse},
    refusals::{Fate, assert_fate, taken},
    rig::{HOSPITAL, Rig, START, nihdi},
};

/// The messages of release 0.1.0, by the hashes of their files. None of these is ever changed: another version of the wire format has files of
/// its own.
const RELEASED: [(&str, &str); 3] = [
    ("keys.json", "8e0dff86563d71fbd038d3b29aa24dcfb836479fc7282de65d2dd565c1bf6020"),
    ("one-item.json", "7ca6c48cfb3036954cb57e41c8ee97b276d57d865945d7a4e61808498f67b95a"),
    ("three-items.json", "960cb4b46df65f36f42db492538959bf24d58e7282e90528155086fa840fb81d"),
];

#[test]
fn what_a_release_sent_stays_what_it_sent() {
    for (name, hash) in RELEASED {
        let found = hex(Sha256::digest(std::fs::read(path(name)).unwrap()));
        assert_eq!(found, hash, "docs/vectors/{name} is what a release sent; put a new version beside it");
    }
}

/// The one with three items: only there others are that go on.
fn released() -> format::Publication {
    read("three-items.json")
}

fn document(file: &format::Publication, arrow: Arrow) -> Bytes {
    let whole: Bytes = file.steps.iter().find(|step| step.step == arrow.step()).unwrap().document.clone().into();
    if arrow != Arrow::ToHd4dp || items(&whole).len() == 1 {
        return whole;
    }
    // The comments of the second are about places that no register has, which a hospital of any release refuses.
    changed(&whole, |document| drop(document["data"]["items"].as_array_mut().unwrap().remove(1)))
}

/// The parties of the vectors, and what the reader of an arrow must have heard of before.
fn rig_before(file: &format::Publication, arrow: Arrow) -> Rig {
    let mut rig = Rig::with_parties(fixed::parties());
    match arrow {
        Arrow::Verdicts => assert!(rig.feed(Arrow::ToHd4res, [document(file, Arrow::ToHd4res)]).is_clean()),
        Arrow::ToHd4dp => sent(&mut rig, file),
        _ => {}
    }
    rig
}

/// The hospital has sent the registrations that are answered.
fn sent(rig: &mut Rig, file: &format::Publication) {
    let versions: Vec<NewVersion> = file.registrations.iter().map(new_version).collect();
    let store = Arc::clone(&rig.stores.hd4dp[&nihdi(HOSPITAL)]);
    rig.block_on(async move {
        let intake = Intake { attempted: versions.len() as u64, versions, ..Intake::default() };
        let upload = store.begin_upload("rows.csv", "vectors", START).await.unwrap();
        store.submit(upload, &intake, START).await.unwrap();
    });
}

fn new_version(registration: &format::Registration) -> NewVersion {
    let content = &registration.content;
    NewVersion {
        registration_id: content.registration_id.parse().unwrap(),
        version: content.version,
        kind: ContentKind::Registration,
        author: None,
        item_id: registration.item.parse().unwrap(),
        dcd: content.dcd.clone(),
        dcd_version: content.dcd_version,
        unique_key: registration.item.clone(),
        patient_tag: bytes(&registration.patient_tag).try_into().unwrap(),
        cells: Vec::new(),
        row_hash: [0; 32],
        content_hash: bytes(&content.hash).try_into().unwrap(),
        attachments: Vec::new(),
        answers: Vec::new(),
    }
}

/// What a message of a coming release has another version of.
#[derive(Debug, Clone, Copy)]
enum Coming {
    /// Itself: another major version of its type.
    Message,
    /// The envelope.
    Envelope,
    /// The form of what an item has in this member, which is clear.
    Form(&'static str),
    /// The form of what an item has sealed in this member.
    SealedForm(&'static str, Part),
    /// The form of what an item has sealed in this member, whose hash stands at this byte of the other.
    NamedForm { member: (&'static str, Part, Arrow), naming: (&'static str, Part), at: usize },
    /// The wire format under which an item's member is sealed.
    Seal(&'static str, Part),
}

use Coming::{Envelope, Form, Message, NamedForm, Seal, SealedForm};

const CONTENT: Coming =
    NamedForm { member: ("content", Part::Content, Arrow::ToTtp), naming: ("pseudonym", Part::Pseudonym), at: 82 };
const FEEDBACK: Coming =
    NamedForm { member: ("feedback", Part::Feedback, Arrow::ToTtpBack), naming: ("identity", Part::ReturnedIdentity), at: 34 };

/// The item that is of a coming release.
const ITEM: usize = 1;
const OTHER_TYPE: Fate = Fate::Whole("UNKNOWN_VERSION");

/// Every place of every message that says a version, and what today's reader makes of another one.
const MATRIX: &[(Arrow, Coming, Fate)] = &[
    (Arrow::HandOver, Message, OTHER_TYPE),
    (Arrow::HandOver, Envelope, OTHER_TYPE),
    // The messaging client does not look into contents; healthdata's will.
    (Arrow::HandOver, Form("content"), Fate::Passes),
    (Arrow::ToTtp, Message, OTHER_TYPE),
    (Arrow::ToTtp, Envelope, OTHER_TYPE),
    (Arrow::ToTtp, SealedForm("identity", Part::Identity), Fate::Item("IDENTITY")),
    (Arrow::ToTtp, Seal("identity", Part::Identity), Fate::Item("DOES_NOT_OPEN")),
    (Arrow::ToHd, Message, OTHER_TYPE),
    (Arrow::ToHd, Envelope, OTHER_TYPE),
    (Arrow::ToHd, SealedForm("pseudonym", Part::Pseudonym), Fate::Item("PSEUDONYM_PART")),
    (Arrow::ToHd, Seal("pseudonym", Part::Pseudonym), Fate::Item("DOES_NOT_OPEN")),
    (Arrow::ToHd, CONTENT, Fate::Item("CONTENT")),
    (Arrow::ToHd4res, Message, OTHER_TYPE),
    (Arrow::ToHd4res, Envelope, OTHER_TYPE),
    (Arrow::ToHd4res, Form("content"), Fate::Item("CONTENT")),
    (Arrow::ToDhw, Message, OTHER_TYPE),
    (Arrow::ToDhw, Envelope, OTHER_TYPE),
    (Arrow::ToDhw, Form("content"), Fate::Item("CONTENT")),
    (Arrow::Verdicts, Message, OTHER_TYPE),
    (Arrow::Verdicts, Envelope, OTHER_TYPE),
    (Arrow::FeedbackOut, Message, OTHER_TYPE),
    (Arrow::FeedbackOut, Envelope, OTHER_TYPE),
    (Arrow::FeedbackOut, Form("feedback"), Fate::Item("FEEDBACK")),
    (Arrow::ToTtpBack, Message, OTHER_TYPE),
    (Arrow::ToTtpBack, Envelope, OTHER_TYPE),
    (Arrow::ToTtpBack, SealedForm("return", Part::Return), Fate::Item("RETURN_PART_FORM")),
    (Arrow::ToTtpBack, Seal("return", Part::Return), Fate::Item("DOES_NOT_OPEN")),
    (Arrow::ToHco, Message, OTHER_TYPE),
    (Arrow::ToHco, Envelope, OTHER_TYPE),
    (Arrow::ToHco, SealedForm("identity", Part::ReturnedIdentity), Fate::Item("IDENTITY")),
    (Arrow::ToHco, Seal("identity", Part::ReturnedIdentity), Fate::Item("DOES_NOT_OPEN")),
    (Arrow::ToHco, FEEDBACK, Fate::Item("FEEDBACK")),
    (Arrow::ToHd4dp, Message, OTHER_TYPE),
    (Arrow::ToHd4dp, Envelope, OTHER_TYPE),
    (Arrow::ToHd4dp, Form("feedback"), Fate::Item("FEEDBACK")),
];

/// The form and the wire version of today are 1.
const NEXT: u8 = 2;

impl Coming {
    /// The released document on an arrow as the coming release would send it.
    fn made(self, file: &format::Publication, arrow: Arrow) -> Bytes {
        let good = document(file, arrow);
        changed(&good, |document| match self {
            Message => {
                let released = document["type"].as_str().unwrap().to_owned();
                document["type"] = released.strip_suffix(".v1").map(|name| format!("{name}.v{NEXT}")).unwrap().into();
            }
            Envelope => document["specversion"] = "2.0".into(),
            Form(member) => {
                let held = &mut document["data"]["items"][ITEM][member];
                let mut clear = crate::document::bytes(held);
                clear[0] = NEXT;
                *held = base64(&clear);
            }
            SealedForm(member, part) => {
                let sealed = Sealed::of(file, arrow, part);
                document["data"]["items"][ITEM][member] = base64(&sealed.blob(|clear| clear[0] = NEXT, |_| {}));
            }
            NamedForm { member: (member, part, sealed_at), naming: (other, naming), at } => {
                let blob = Sealed::of(file, sealed_at, part).blob(|clear| clear[0] = NEXT, |_| {});
                let hash = content_hash(&blob);
                let named = Sealed::of(file, arrow, naming).blob(|clear| clear[at..at + 32].copy_from_slice(&hash), |_| {});
                document["data"]["items"][ITEM][member] = base64(&blob);
                document["data"]["items"][ITEM][other] = base64(&named);
            }
            Seal(member, part) => {
                let sealed = Sealed::of(file, arrow, part);
                document["data"]["items"][ITEM][member] = base64(&sealed.blob(|_| {}, |aad| aad[0] = NEXT));
            }
        })
    }
}

/// A part of the item as the vectors have it: with the key that it is sealed under, and clear.
struct Sealed<'a> {
    key: &'a str,
    noted: &'a format::Sealed,
}

impl<'a> Sealed<'a> {
    /// The part that was sealed for the step of an arrow.
    fn of(file: &'a format::Publication, arrow: Arrow, part: Part) -> Self {
        let item = items(&document(file, arrow))[ITEM]["id"].as_str().unwrap().to_owned();
        let step = file.steps.iter().find(|step| step.step == arrow.step()).unwrap();
        let noted = step.parts.iter().find(|noted| noted.tag == part.tag()).unwrap();
        Self { key: &noted.item_key, noted: noted.items.iter().find(|noted| noted.item == item).unwrap() }
    }

    /// The part sealed in the same place with another clear text or other associated data.
    fn blob(&self, change: impl FnOnce(&mut Vec<u8>), change_aad: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let (mut clear, mut aad) = (bytes(&self.noted.clear), bytes(&self.noted.aad));
        change(&mut clear);
        change_aad(&mut aad);
        let nonce: [u8; 12] = bytes(&self.noted.nonce).try_into().unwrap();
        let cipher = Aes256Gcm::new_from_slice(&bytes(self.key)).unwrap();
        let sealed = cipher.encrypt(&nonce.into(), Payload { msg: &clear, aad: &aad }).unwrap();
        [&self.noted.index.to_be_bytes()[..], &sealed].concat()
    }
}

/// What the reader of the coming release reads in a document: what today's reads in the one that was released.
fn as_read_by_the_coming_release(file: &format::Publication, arrow: Arrow, document: &Bytes) -> Bytes {
    let good = parse(&self::document(file, arrow));
    changed(document, |document| {
        document["specversion"] = good["specversion"].clone();
        document["type"] = good["type"].clone();
        for item in document["data"]["items"].as_array_mut().unwrap() {
            *item = good["data"]["items"].as_array().unwrap().iter().find(|other| other["id"] == item["id"]).unwrap().clone();
        }
    })
}

#[test]
fn todays_services_take_what_release_0_1_0_sends() {
    for name in ["one-item.json", "three-items.json"] {
        let file: format::Publication = read(name);
        for arrow in Arrow::FLOW {
            let document = document(&file, arrow);
            let mut rig = rig_before(&file, arrow);
            let outcome = rig.feed(arrow, [document.clone()]);
            assert!(outcome.is_clean(), "{arrow:?} of {name}: {outcome:?}");
            assert_eq!(taken(&mut rig, arrow, &document, &outcome), ids([&document]), "{arrow:?} of {name}");
        }
    }
}

#[test]
fn what_a_coming_release_sends_is_set_aside_and_passes_after_the_upgrade() {
    let file = released();
    for (arrow, coming, fate) in MATRIX.iter().copied() {
        let (sent, mut rig) = (coming.made(&file, arrow), rig_before(&file, arrow));
        let outcome = assert_fate(&mut rig, arrow, &sent, ITEM, fate);
        let waiting: BTreeSet<ItemId> = match fate {
            Fate::Passes => continue,
            Fate::Whole(_) | Fate::Each(_) => ids([&sent]),
            Fate::Item(_) => BTreeSet::from([id(&items(&sent)[ITEM])]),
        };
        let letters = outcome.dead(arrow).to_vec();
        assert_eq!(ids(&letters), waiting, "{arrow:?} {coming:?}");
        // Put back too early it comes straight back, and nothing is lost by that.
        let back = rig.put_back(arrow, letters);
        let outcome = rig.feed(arrow, back);
        let letters = outcome.dead(arrow).to_vec();
        assert_eq!(ids(&letters), waiting, "{arrow:?} {coming:?}");
        let back: Vec<Bytes> = rig.put_back(arrow, letters);
        let read: Vec<Bytes> = back.iter().map(|letter| as_read_by_the_coming_release(&file, arrow, letter)).collect();
        let outcome = rig.feed(arrow, read.clone());
        assert!(outcome.is_clean(), "{arrow:?} {coming:?}: {outcome:?}");
        let taken: BTreeSet<ItemId> = read.iter().flat_map(|letter| taken(&mut rig, arrow, letter, &outcome)).collect();
        assert_eq!(taken, waiting, "{arrow:?} {coming:?}");
    }
}

/// A content of a coming form passes the hospital's client and the TTP, who cannot open it or do not look, and is found where it is read.
#[test]
fn a_content_of_a_coming_form_comes_as_far_as_its_reader() {
    let file = released();
    let mut rig = rig_before(&file, Arrow::HandOver);
    let sent = Form("content").made(&file, Arrow::HandOver);
    let sealed = rig.feed(Arrow::HandOver, [sent.clone()]).only(Arrow::ToTtp);
    let pseudonymised = rig.feed(Arrow::ToTtp, [sealed]).only(Arrow::ToHd);
    let item = crate::document::place(&pseudonymised, id(&items(&sent)[ITEM]));
    assert_fate(&mut rig, Arrow::ToHd, &pseudonymised, item, Fate::Item("CONTENT"));
}

/// Every arrow stands in the matrix with its message, and every member of an item that holds a part with its form or its seal.
#[test]
fn no_place_of_a_version_is_forgotten() {
    let file = released();
    for arrow in Arrow::FLOW {
        let of_arrow: Vec<Coming> = MATRIX.iter().filter(|(of, ..)| *of == arrow).map(|(_, coming, _)| *coming).collect();
        assert!(of_arrow.iter().any(|coming| matches!(coming, Message)), "{arrow:?}");
        let is_part = |name: &&str| ["identity", "pseudonym", "content", "return", "feedback"].contains(name);
        let item = items(&document(&file, arrow))[ITEM].clone();
        let Value::Object(members) = &item else { panic!("{item}") };
        let is_bytes = |value: &Value| value.as_str().is_some_and(|text| text.len() > 60);
        for (name, _) in members.iter().filter(|(name, value)| is_part(&name.as_str()) && is_bytes(value)) {
            let is_named = |coming: &Coming| match coming {
                Form(member) | SealedForm(member, _) | Seal(member, _) => member == name,
                NamedForm { member: (member, ..), naming: (naming, _), .. } => member == name || naming == name,
                Message | Envelope => false,
            };
            // What the TTP cannot open it cannot look into: content at step 4, feedback at step 5 back.
            let is_untouched = matches!((arrow, name.as_str()), (Arrow::ToTtp, "content") | (Arrow::ToTtpBack, "feedback"));
            assert!(is_untouched || of_arrow.iter().any(is_named), "{arrow:?} {name}");
        }
    }
}
