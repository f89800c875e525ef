//! Where a registration is and was, as `precision trace` tells it: through its life, resends, lost answers and dead letters.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use flow::{ROW, world, world_with_quota};
use simulator::{
    course::{Course, Traced},
    simulation::{Arrow, Deed, Fault, Hospital, Op, ROWS, Register, RowName, Service, Violation, World},
};

const HOUR: u32 = 60;

fn trace(world: &World, row: RowName) -> Traced {
    world.trace(row).unwrap().expect("the row was taken in")
}

/// Step, outcome and number of the sending, stop by stop.
fn stops(course: &Course) -> Vec<(&str, &str, Option<u32>)> {
    course.stops.iter().map(|stop| (stop.step.as_str(), stop.outcome.as_str(), stop.attempt)).collect()
}

/// What one sending of a version leaves on its way and on that of its STATUS.
fn one_sending(number: u32, first: &'static str, arrival: &'static str) -> Vec<(&'static str, &'static str, Option<u32>)> {
    let steps = [
        ("3", first),
        ("4", "forwarded"),
        ("5", "forwarded"),
        ("6", "forwarded"),
        ("6", arrival),
        ("7", "validated"),
        ("7 back", "arrived"),
        ("6 back", "sent"),
        ("5 back", "forwarded"),
        ("4 back", "forwarded"),
        ("3 back", "forwarded"),
        ("3 back", "arrived"),
    ];
    steps.into_iter().map(|(step, outcome)| (step, outcome, Some(number))).collect()
}

fn sorted<T: Ord>(mut all: Vec<T>) -> Vec<T> {
    all.sort();
    all
}

#[test]
fn every_step_of_a_registration_is_seen_in_both_directions() -> Result<(), Violation> {
    let mut world = world(60)?;
    assert_eq!(world.trace(ROW)?, None);
    world.run([ROW.submit(), Op::Minutes(1)])?;
    let traced = trace(&world, ROW);
    assert_eq!(sorted(stops(&traced.courses[0])), sorted(one_sending(1, "sent", "arrived")));
    assert!(traced.courses[0].stops.is_sorted_by_key(|stop| (stop.at.clone(), stop.after_ms)));
    assert_eq!(traced.courses.len(), 1);
    assert!(traced.now.starts_with("at HD4RES, validated, New; the hospital sees Submitted, OK"), "{}", traced.now);
    assert!(traced.now.ends_with("nothing is on its way") && !traced.on_its_way, "{}", traced.now);
    // The hospital's own number is nowhere on healthdata's side, and no pseudonym is anywhere.
    let text = serde_json::to_string(&traced).unwrap();
    assert!(!text.contains("healthdata.1."), "{text}");
    let at_healthdata =
        traced.courses[0].stops.iter().filter(|stop| matches!(stop.party.as_str(), "ehbox-hd" | "hd4res" | "dhw"));
    assert!(
        at_healthdata.clone().count() > 0 && at_healthdata.clone().all(|stop| !stop.queue.contains(Hospital::North.number()))
    );
    world.come_to_rest()
}

#[test]
fn corrections_and_receipts_stand_with_the_version_that_they_answer() -> Result<(), Violation> {
    let mut world = world(61)?;
    world.run([ROW.submit(), Op::Minutes(1), ROW.deed(Deed::RequestCorrections), Op::Minutes(2)])?;
    let asked = trace(&world, ROW);
    let what = |traced: &Traced, version: usize, what: &str| {
        let of = traced.courses[version].stops.iter().filter(|stop| stop.what == what);
        of.map(|stop| stop.step.clone()).collect::<Vec<_>>()
    };
    assert_eq!(what(&asked, 0, "CORRECTION_REQUEST"), ["6 back", "5 back", "4 back", "3 back", "3 back"]);
    assert_eq!(what(&asked, 0, "RECEIPT"), ["3", "4", "5", "6", "6"]);
    assert!(asked.now.contains("the hospital sees Corrections needed; nothing is on its way"), "{}", asked.now);
    world.run([ROW.change(), Op::Minutes(1), ROW.deed(Deed::Approve), Op::Minutes(2)])?;
    let traced = trace(&world, ROW);
    assert_eq!(traced.courses.iter().map(|course| course.version).collect::<Vec<_>>(), [Some(1), Some(2)]);
    assert_eq!(traced.courses[0], asked.courses[0], "what came later is the later version's");
    assert_eq!(what(&traced, 1, "APPROVAL").len(), 5);
    assert!(traced.courses.iter().flat_map(|course| &course.stops).all(|stop| stop.attempt == Some(1)));
    assert!(traced.now.starts_with("at HD4RES, validated, Approved; the hospital sees Approved"), "{}", traced.now);
    world.come_to_rest()
}

#[test]
fn a_registration_without_an_answer_says_when_it_goes_again_and_each_sending_has_its_number() -> Result<(), Violation> {
    let mut world = world(62)?;
    world.run([Op::Once { arrow: Arrow::ToTtp, fault: Fault::Lose }, ROW.submit(), Op::Minutes(47 * HOUR)])?;
    let waiting = trace(&world, ROW);
    assert_eq!(stops(&waiting.courses[0]), [("3", "sent", Some(1)), ("4", "forwarded", Some(1))]);
    assert!(
        waiting.now.starts_with("sent to the TTP at ") && waiting.now.contains("no answer since; resend due at "),
        "{}",
        waiting.now
    );
    assert!(waiting.on_its_way);
    world.apply(Op::Minutes(2 * HOUR))?;
    let traced = trace(&world, ROW);
    let of = |number: u32| stops(&traced.courses[0]).into_iter().filter(|stop| stop.2 == Some(number)).collect::<Vec<_>>();
    assert_eq!(of(1), [("3", "sent", Some(1)), ("4", "forwarded", Some(1))]);
    assert_eq!(sorted(of(2)), sorted(one_sending(2, "resent", "arrived")));
    assert!(traced.courses[0].stops.iter().all(|stop| stop.attempt.is_some()));
    world.come_to_rest()
}

#[test]
fn a_lost_status_is_looked_for_where_it_was_seen_last() -> Result<(), Violation> {
    let mut world = world(63)?;
    world.run([Op::Once { arrow: Arrow::ToHd4dp, fault: Fault::Lose }, ROW.submit(), Op::Minutes(1)])?;
    let traced = trace(&world, ROW);
    let expected =
        "at HD4RES, validated, New; the hospital sees Submitted, PENDING; its STATUS was last seen at ehbox-hco-00000196 at ";
    assert!(traced.now.starts_with(expected) && traced.now.contains("resend due at"), "{}", traced.now);
    // The second sending arrives as known, and its STATUS comes through.
    world.apply(Op::Minutes(49 * HOUR))?;
    let again = trace(&world, ROW);
    assert!(stops(&again.courses[0]).contains(&("6", "known", Some(2))), "{:?}", stops(&again.courses[0]));
    assert!(stops(&again.courses[0]).contains(&("3 back", "arrived", Some(2))));
    world.come_to_rest()
}

#[test]
fn a_dead_letter_is_named_with_its_queue_and_code() -> Result<(), Violation> {
    let mut world = world_with_quota(5, 1)?;
    world.run([Op::Submit { hospital: Hospital::North, register: Register::Local, first: 0, count: ROWS }, Op::Minutes(1)])?;
    let rows = (0..ROWS).map(|number| RowName { number, ..ROW });
    let dead: Vec<Traced> = rows.map(|row| trace(&world, row)).filter(|traced| traced.now.contains("set aside")).collect();
    assert!(!dead.is_empty());
    for traced in &dead {
        let last = traced.courses[0].stops.last().unwrap();
        assert_eq!((last.party.as_str(), last.outcome.as_str(), last.attempt), ("ehealth-ttp", "dead-lettered:QUOTA", Some(1)));
        assert!(traced.now.starts_with("set aside behind ttp.in as QUOTA since "), "{}", traced.now);
        assert!(traced.now.contains("`precision dead-letters show` has it; resend due at "), "{}", traced.now);
    }
    world.come_to_rest()?;
    for row in (0..ROWS).map(|number| RowName { number, ..ROW }) {
        let traced = trace(&world, row);
        assert!(traced.now.ends_with("nothing is on its way"), "{}", traced.now);
    }
    Ok(())
}

#[test]
fn a_hospital_whose_client_is_down_still_has_it() -> Result<(), Violation> {
    let mut world = world(64)?;
    world.run([Op::Down(Service::EhboxHco(Hospital::North)), ROW.submit(), Op::Minutes(1)])?;
    let traced = trace(&world, ROW);
    assert!(traced.now.starts_with("sent to the hospital's messaging client at "), "{}", traced.now);
    world.come_to_rest()?;
    world.run([ROW.deed(Deed::Reopen), Op::Minutes(1)])?;
    let open = trace(&world, ROW);
    assert!(open.now.contains("the hospital sees Open; nothing is on its way"), "{}", open.now);
    world.run([ROW.deed(Deed::Delete), Op::Minutes(1)])?;
    let deleted = trace(&world, ROW);
    assert_eq!(deleted.courses.last().map(|course| course.kind.as_str()), Some("DELETION"));
    assert!(deleted.now.contains("Deleted"), "{}", deleted.now);
    Ok(())
}
