use needle::Form;

use super::*;
use crate::audit::field::Field;

fn board() -> Board {
    let mut watch = WatchList::default();
    let (one, other) = ("00000196".parse().ok(), "00000295".parse().ok());
    watch.add(&Field::beside(Kind::NationalNumber), one, "registration 1", "64031299906", Form::NationalNumber);
    watch.add(&Field::beside(Kind::NationalNumber), other, "registration 2", "64031200035", Form::NationalNumber);
    watch.add(&Field::beside(Kind::Name), one, "registration 1", "Kanarievogel", Form::Text);
    Board::new(watch).unwrap()
}

fn broken_by(onlooker: &str, medium: Medium, text: &str) -> Vec<Option<Promise>> {
    let mut board = board();
    board.look(onlooker.parse().unwrap(), medium, "somewhere", text.as_bytes());
    board.found().map(|(found, _)| found.promise).collect()
}

#[test]
fn what_is_seen_is_judged_by_who_sees_it_and_in_what() {
    let number = "number 64031299906";
    assert_eq!(broken_by("hd4dp-00000196", Medium::Store, number), [None]);
    assert_eq!(broken_by("hd4dp-00000295", Medium::Store, number), [Some(Promise::HospitalsApart)]);
    assert_eq!(broken_by("ehealth-ttp", Medium::Opened, number), [None]);
    assert_eq!(broken_by("ehealth-ttp", Medium::Store, number), [Some(Promise::TtpKeepsNobody)]);
    assert_eq!(broken_by("ehealth-broker", Medium::Queue, number), [Some(Promise::SealedAtEhealth)]);
    assert_eq!(broken_by("dhw", Medium::Store, number), [Some(Promise::HealthdataWithoutIdentity)]);
    assert_eq!(broken_by("operator", Medium::Record, number), [Some(Promise::NothingInRecords)]);
    assert_eq!(broken_by("hd4dp-00000196", Medium::Name, number), [Some(Promise::NothingInRecords)]);
    assert_eq!(broken_by("ehbox-hco-00000196", Medium::Queue, "Kanarievogel"), [Some(Promise::StaysInHd4dp)]);
    assert_eq!(broken_by("researcher", Medium::Export, "nothing"), []);
}

#[test]
fn a_name_that_says_something_is_not_repeated() {
    let mut board = board();
    let operator = Onlooker::of(Role::Operator);
    assert_eq!(board.look_at_name(operator, "file", "itinerary.jsonl"), "file itinerary.jsonl");
    let called = board.look_at_name(operator, "file", "kanarievogel.csv");
    assert!(!called.to_lowercase().contains("kanarievogel"));
    assert!(board.places().all(|(place, _)| !place.name.contains("kanarievogel")));
}
