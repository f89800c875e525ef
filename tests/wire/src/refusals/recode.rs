//! Re-coding at the TTP: who may ask, what is no question, and what an answer says.

use bytes::Bytes;
use ehealth_ttp::store::TtpStore;
use envelope::{
    B64, Publication,
    sealed::{Encapsulation, RecodeAnswer, RecodeRequest, RecodeRequestItem},
};
use hd_messages::RecodedPatients;
use pseudonymised::{Pseudonym, RECODE_MAX, RecodePart, RecodedPart};
use sealing::{KeyId, Opener, Part, PrivateKey, Sealer, keys::Party};
use topology::Arrow;
use uuid::Uuid;

use super::{Fate, assert_fate, keys::hco};
use crate::{
    document::{Bit, base64, bytes, changed, flip, items, parse},
    journey::{Journey, PATIENTS, row},
    parties::{pair, secret},
    rig::{Rig, START},
};

const TTP: Party = Party::EhealthTtp;
const HD: Party = Party::EhboxHd;

/// A rig whose TTP has three epochs.
fn rig() -> Rig {
    let mut rig = Rig::new();
    rig.parties.later_masters = vec![secret(), secret()];
    rig
}

fn pseudonym(epoch: u32, letter: &str) -> Pseudonym {
    Pseudonym::assemble("healthdata", epoch, &letter.repeat(26)).unwrap()
}

/// A request with a part for each of these clear texts.
fn sealed(mut sealer: Sealer, parts: &[Vec<u8>]) -> Bytes {
    let (key, enc) = sealer.encapsulation();
    let item = |(number, clear): (u128, &Vec<u8>)| {
        let id = envelope::ItemId::from_uuid(Uuid::from_u128(number));
        RecodeRequestItem { id, pseudonyms: B64(sealer.seal(id.as_bytes(), clear).unwrap()) }
    };
    let items = (1..).zip(parts).map(item).collect();
    let data = RecodeRequest { pseudonyms: Encapsulation::new(key.0, enc), items };
    let id = envelope::PublicationId::from_uuid(Uuid::from_u128(100));
    Publication::new(id, "ehbox-hd".parse().unwrap(), START, data).encode().unwrap()
}

fn part(pseudonyms: &[Pseudonym]) -> Vec<u8> {
    RecodePart::new(pseudonyms.to_vec()).unwrap().encode()
}

fn by(sender: &PrivateKey, rig: &Rig) -> Sealer {
    Sealer::authenticated(Part::Recode, sender, rig.parties.key(TTP).public()).unwrap()
}

#[test]
fn an_answer_has_the_current_epoch_and_nothing_where_the_ttp_made_none() {
    let mut rig = rig();
    let foreign = Pseudonym::assemble("register", 1, &"A".repeat(26)).unwrap();
    let asked = [pseudonym(1, "A"), pseudonym(2, "B"), pseudonym(3, "C"), pseudonym(4, "D"), foreign];
    let request = sealed(by(rig.parties.key(HD), &rig), &[part(&asked), part(&asked[..1])]);
    let answer = rig.feed(Arrow::RecodeRequest, [request]).only(Arrow::RecodeAnswer);
    let answer = Publication::<RecodeAnswer>::decode(&answer).unwrap();
    assert_eq!((answer.source.as_str(), answer.data.items.len()), ("ehealth-ttp", 2));
    let (seal, ttp) = (&answer.data.pairs, rig.parties.key(TTP).public().clone());
    assert_eq!(rig.parties.key(HD).id(), KeyId(seal.key.0));
    let opener = Opener::authenticated(Part::Recoded, &ttp, rig.parties.key(HD), &seal.enc.0).unwrap();
    let clear: Vec<_> = answer.data.items.iter().map(|item| opener.open(item.id.as_bytes(), &item.pairs).unwrap()).collect();
    assert_eq!(clear[0].len(), clear[1].len(), "the length does not tell how many there are");
    let pairs = RecodedPart::decode(&clear[0]).unwrap();
    let (old, new): (Vec<_>, Vec<_>) = pairs.answers().iter().cloned().unzip();
    assert!(old == asked);
    assert_eq!(
        new.iter().map(|new| new.as_ref().map(Pseudonym::epoch)).collect::<Vec<_>>(),
        [Some(3), Some(3), Some(3), None, None]
    );
    assert!(new[2].as_ref() == Some(&asked[2]), "what is current stays");
    // Step by step comes to the same.
    assert!(RecodedPart::decode(&clear[1]).unwrap().answers()[0].1 == new[0]);
    let store = rig.stores.ttp.clone();
    let noted = rig.block_on(async move { store.recodings().await.unwrap() });
    let [noted] = noted.as_slice() else { panic!("{noted:?}") };
    assert_eq!((noted.asked_by.as_str(), noted.pseudonyms, noted.refused, noted.to_epoch), ("ehbox-hd", 6, 2, 3));
    assert!(noted.epochs.iter().eq(&[1, 2, 3, 4]));
}

#[test]
fn nobody_but_healthdata_may_ask() {
    let mut rig = rig();
    let clear = vec![part(&[pseudonym(1, "A")])];
    let each = Fate::Each("DOES_NOT_OPEN");
    for sender in [rig.parties.key(hco()).clone(), rig.parties.key(TTP).clone(), pair()] {
        let request = sealed(by(&sender, &rig), &clear);
        assert_fate(&mut rig, Arrow::RecodeRequest, &request, 0, each);
    }
    let unproved = sealed(Sealer::base(Part::Recode, rig.parties.key(TTP).public()).unwrap(), &clear);
    assert_fate(&mut rig, Arrow::RecodeRequest, &unproved, 0, each);
    let hd = rig.parties.key(HD).clone();
    for other in [Part::Return, Part::Recoded, Part::Identity] {
        let sealer = Sealer::authenticated(other, &hd, rig.parties.key(TTP).public()).unwrap();
        assert_fate(&mut rig, Arrow::RecodeRequest, &sealed(sealer, &clear), 0, each);
    }
    let elsewhere = sealed(Sealer::authenticated(Part::Recode, &hd, pair().public()).unwrap(), &clear);
    assert_fate(&mut rig, Arrow::RecodeRequest, &elsewhere, 0, Fate::Whole("UNKNOWN_KEY"));
    let store = rig.stores.ttp.clone();
    assert!(rig.block_on(async move { store.recodings().await.unwrap() }).is_empty(), "nothing was re-coded");
    let good = sealed(by(&hd, &rig), &clear);
    assert_fate(&mut rig, Arrow::RecodeRequest, &good, 0, Fate::Passes);
}

#[test]
fn a_part_that_is_none_is_set_aside_and_the_others_are_answered() {
    let mut rig = rig();
    let (good, hd) = (part(&[pseudonym(1, "A")]), rig.parties.key(HD).clone());
    let mut other_form = good.clone();
    other_form[0] = 2;
    let mut typing_error = good.clone();
    typing_error[20] = b'7';
    let bad = [good[..good.len() - 1].to_vec(), [&good[..], &[0]].concat(), other_form, typing_error, Vec::new()];
    for clear in bad {
        let request = sealed(by(&hd, &rig), &[good.clone(), clear]);
        assert_fate(&mut rig, Arrow::RecodeRequest, &request, 1, Fate::Item("RECODE_PART"));
    }
    let full = sealed(by(&hd, &rig), &[good.clone(), part(&vec![pseudonym(1, "B"); RECODE_MAX])]);
    let lengths: Vec<_> = items(&full).iter().map(|item| bytes(&item["pseudonyms"]).len()).collect();
    assert_eq!(lengths[0], lengths[1]);
    let swapped = changed(&full, |document| {
        document["data"]["items"][0]["pseudonyms"] = parse(&full)["data"]["items"][1]["pseudonyms"].clone()
    });
    assert_fate(&mut rig, Arrow::RecodeRequest, &swapped, 0, Fate::Item("DOES_NOT_OPEN"));
    let low = changed(&full, |document| document["data"]["pseudonyms"]["enc"] = base64(&[0; 32]));
    assert_fate(&mut rig, Arrow::RecodeRequest, &low, 0, Fate::Whole("LOW_ORDER_KEY"));
    assert_fate(&mut rig, Arrow::RecodeRequest, &full, 0, Fate::Passes);
}

/// healthdata asks by itself as soon as it sees a later epoch, and takes nobody's answer but the TTP's.
#[test]
fn an_answer_that_is_not_the_ttps_changes_nothing() {
    let mut rig = Rig::new();
    Journey::of(&mut rig, &[row(PATIENTS[0], "A-1")]).at(&mut rig, Arrow::ToHd4res);
    rig.parties.later_masters = vec![secret()];
    let later = Journey::of(&mut rig, &[row(PATIENTS[1], "A-2")]).at(&mut rig, Arrow::ToHd);
    let asked = rig.feed(Arrow::ToHd, [later]);
    let [request] = asked.at(Arrow::RecodeRequest) else { panic!("not one question") };
    let answer = rig.feed(Arrow::RecodeRequest, [request.clone()]).only(Arrow::RecodeAnswer);

    let flipped = flip(&answer, "/data/items/0/pairs", Bit::Middle);
    let outcome = rig.feed(Arrow::RecodeAnswer, [flipped]);
    let [letter] = outcome.dead(Arrow::RecodeAnswer) else { panic!("not one dead letter") };
    assert_eq!(parse(letter)["reason"], "DOES_NOT_OPEN");
    assert!(outcome.at(Arrow::RecodedToHd4res).is_empty());
    let unknown = changed(&answer, |document| document["data"]["pairs"]["key"] = "0123456789abcdef".into());
    let outcome = rig.feed(Arrow::RecodeAnswer, [unknown.clone()]);
    assert_eq!((outcome.codes.as_slice(), outcome.dead(Arrow::RecodeAnswer)), (&["UNKNOWN_KEY".to_owned()][..], &[unknown][..]));
    assert!(outcome.at(Arrow::RecodedToHd4res).is_empty());

    let outcome = rig.feed(Arrow::RecodeAnswer, [answer]);
    let [told] = outcome.at(Arrow::RecodedToHd4res) else { panic!("not one publication") };
    let told = Publication::<RecodedPatients>::decode(told).unwrap().data.items;
    let pairs: Vec<_> = told.iter().map(|one| (one.old.parse().unwrap(), one.new.parse().unwrap())).collect();
    let epochs: Vec<_> = pairs.iter().map(|(old, new): &(Pseudonym, Pseudonym)| (old.epoch(), new.epoch())).collect();
    assert_eq!(epochs, [(1, 2)]);
}
