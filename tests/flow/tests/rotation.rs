//! New epochs of pseudonyms and renewed keys while traffic flows: nothing is lost, nobody becomes two, no two become one.

use flow::{ROW, all_rows, world};
use simulator::simulation::{
    Arrow,
    Fault::{self, Duplicate, Lose},
    Hospital::{North, South},
    Op::{self, Calm, Crash, Down, Kill, LoseBroker, Minutes, MistakePatient, Once, Recode, Renew, Rotate, Steps, Up},
    Point, Register, Service, Violation, World,
};

const SEEDS: [u64; 4] = [1, 2, 3, 4];

fn on_each_seed(test: impl Fn(&mut World) -> Result<(), Violation>) -> Result<(), Violation> {
    SEEDS.into_iter().try_for_each(|seed| {
        let mut world = world(seed)?;
        test(&mut world)?;
        world.come_to_rest()
    })
}

fn all_are_of_epoch(world: &World, epoch: u32) -> Result<(), Violation> {
    let pseudonyms = world.pseudonyms_at_dhw()?;
    let start = format!("healthdata.{epoch}.");
    assert!(
        !pseudonyms.is_empty() && pseudonyms.keys().all(|pseudonym| pseudonym.starts_with(&start)),
        "not all are of epoch {epoch}"
    );
    Ok(())
}

/// Rows that were there before, rows under way, and rows that come afterwards.
#[test]
fn a_rotation_with_traffic_in_flight_recodes_everything() -> Result<(), Violation> {
    on_each_seed(|world| {
        world.run(all_rows())?;
        world.run([Minutes(1)])?;
        let before = world.pseudonyms_at_dhw()?;
        world.run(all_rows().flat_map(|op| [changed(op), Steps(40)]))?;
        world.run([Rotate, Steps(60)])?;
        world.run(all_rows().map(changed))?;
        world.run([Minutes(2)])?;
        all_are_of_epoch(world, 2)?;
        let after = world.pseudonyms_at_dhw()?;
        assert_eq!(before.len(), after.len(), "as many patients as before");
        assert_eq!(before.values().sum::<usize>(), after.values().sum::<usize>(), "and as many rows");
        assert!(world.recode_findings()?.is_empty());
        assert_eq!(world.jobs()?.0, world.jobs()?.1);
        Ok(())
    })
}

fn changed(op: Op) -> Op {
    match op {
        Op::Submit { hospital, register, first, count } => Op::Change { hospital, register, first, count },
        other => other,
    }
}

/// Nothing of the new epoch was seen yet: the command begins the job.
#[test]
fn the_command_recodes_a_store_at_rest() -> Result<(), Violation> {
    on_each_seed(|world| {
        world.run(all_rows())?;
        world.run([Minutes(1), Rotate, Minutes(60)])?;
        all_are_of_epoch(world, 1)?;
        world.run([Recode, Minutes(1)])?;
        all_are_of_epoch(world, 2)?;
        assert_eq!(world.jobs()?, (1, 1));
        // Told again, it finds nothing to do.
        world.run([Recode, Minutes(1)])?;
        assert_eq!(world.jobs()?, (1, 1));
        Ok(())
    })
}

#[test]
fn a_crash_at_any_point_of_the_job_loses_nothing() -> Result<(), Violation> {
    for service in [Service::EhealthTtp, Service::EhboxHd, Service::Hd4res, Service::Dhw] {
        for point in Point::ALL {
            for times in [1, 3] {
                let mut world = world(7)?;
                world.run(all_rows())?;
                world.run([Minutes(1), Rotate])?;
                world.run(vec![Crash { service, point }; times])?;
                world.run([Recode, Minutes(5), ROW.change(), Minutes(1)])?;
                assert!(world.crashes() > 0, "{service:?} did not reach {point:?}");
                world.come_to_rest()?;
                all_are_of_epoch(&world, 2)?;
            }
        }
    }
    Ok(())
}

/// Whatever the embedded broker had confirmed dies with it, wherever the job stands.
#[test]
fn the_job_goes_on_after_the_broker_is_lost() -> Result<(), Violation> {
    for steps in (0..400).step_by(25) {
        let mut world = world(u64::from(steps))?;
        world.run(all_rows())?;
        world.run([Minutes(1), Rotate, Recode, Steps(steps), LoseBroker, Minutes(1)])?;
        world.come_to_rest()?;
        all_are_of_epoch(&world, 2)?;
    }
    Ok(())
}

#[test]
fn services_that_are_away_are_waited_for() -> Result<(), Violation> {
    for service in [Service::EhealthTtp, Service::EhboxHd, Service::Hd4res, Service::Dhw] {
        let mut world = world(9)?;
        world.run(all_rows())?;
        world.run([Minutes(1), Down(service), Rotate, Recode, Minutes(300), Kill(Service::Hd4res), Up(service), Minutes(5)])?;
        world.come_to_rest()?;
        all_are_of_epoch(&world, 2)?;
    }
    Ok(())
}

#[test]
fn what_a_broker_loses_or_doubles_is_asked_for_again() -> Result<(), Violation> {
    for arrow in [Arrow::RecodeRequest, Arrow::RecodeAnswer] {
        for fault in [Lose, Duplicate, Fault::delay(120)] {
            let mut world = world(11)?;
            world.run(all_rows())?;
            world.run([Minutes(1), Rotate, Once { arrow, fault }, Recode, Minutes(180), Calm])?;
            all_are_of_epoch(&world, 2)?;
            world.come_to_rest()?;
        }
    }
    for arrow in [Arrow::RecodedToHd4res, Arrow::RecodedToDhw] {
        for fault in [Duplicate, Fault::delay(120)] {
            let mut world = world(12)?;
            world.run(all_rows())?;
            world.run([Minutes(1), Rotate, Once { arrow, fault }, Recode, Minutes(1), ROW.change(), Minutes(180), Calm])?;
            all_are_of_epoch(&world, 2)?;
            world.come_to_rest()?;
        }
    }
    Ok(())
}

/// It tells the next job that an answer came, before its own has. That costs no hour.
#[test]
fn an_answer_that_comes_twice_does_not_hold_up_the_next_job() -> Result<(), Violation> {
    on_each_seed(|world| {
        world.run(all_rows())?;
        world.run([Minutes(1), Once { arrow: Arrow::RecodeAnswer, fault: Duplicate }, Rotate, Recode, Minutes(5)])?;
        assert_eq!(world.jobs()?, (1, 1));
        world.run([Rotate, Recode, Minutes(5)])?;
        all_are_of_epoch(world, 3)?;
        assert_eq!(world.jobs()?, (2, 2));
        Ok(())
    })
}

/// An item under the earlier pseudonym that comes hours behind the job, and one under the later that comes before it.
#[test]
fn stragglers_of_both_epochs_end_as_one_patient() -> Result<(), Violation> {
    for arrow in [Arrow::ToHd, Arrow::ToHd4res, Arrow::ToDhw] {
        let mut world = world(13)?;
        world.run(all_rows())?;
        world.run([Minutes(1), Once { arrow, fault: Fault::delay(600) }])?;
        world.run(all_rows().map(changed))?;
        world.run([Minutes(1), Rotate])?;
        world.run(all_rows().map(changed))?;
        world.run([Minutes(1)])?;
        world.run([Minutes(601)])?;
        all_are_of_epoch(&world, 2)?;
        world.come_to_rest()?;
    }
    // A patient's very first item, under way while everything else was re-coded.
    let mut world = world(14)?;
    let other = Op::Submit { hospital: North, register: Register::Local, first: 1, count: 1 };
    world.run([
        other,
        Minutes(1),
        Once { arrow: Arrow::ToHd, fault: Fault::delay(600) },
        ROW.submit(),
        Minutes(1),
        Rotate,
        Recode,
    ])?;
    world.run([Minutes(1)])?;
    assert_eq!(world.jobs()?, (1, 1));
    world.run([Minutes(700)])?;
    all_are_of_epoch(&world, 2)?;
    assert_eq!(world.jobs()?, (2, 2), "what comes late is a job of its own");
    world.come_to_rest()
}

#[test]
fn two_rotations_in_a_row_end_in_the_last_epoch() -> Result<(), Violation> {
    on_each_seed(|world| {
        world.run(all_rows())?;
        world.run([Minutes(1), Rotate, Recode, Steps(120), Rotate, Recode, Steps(120)])?;
        world.run(all_rows().map(changed))?;
        world.run([Rotate, Minutes(1), ROW.change(), Minutes(1)])?;
        all_are_of_epoch(world, 4)
    })
}

/// Each party renews its key while everybody else goes on with the old public key until he meets the new one.
#[test]
fn sealing_keys_are_renewed_while_traffic_flows() -> Result<(), Violation> {
    on_each_seed(|world| {
        for party in [Service::EhboxHco(North), Service::EhboxHco(South), Service::EhealthTtp, Service::EhboxHd] {
            world.run(all_rows().map(changed).flat_map(|op| [op, Steps(30)]))?;
            world.run([Renew(party), Steps(30), ROW.change(), Minutes(2), Renew(party), Renew(party)])?;
            world.run(all_rows().map(changed))?;
            world.run([Minutes(2)])?;
        }
        world.run([Rotate, Recode, Renew(Service::EhealthTtp), Renew(Service::EhboxHd), Minutes(2)])?;
        all_are_of_epoch(world, 2)
    })
}

/// The first stands; the second stays under its earlier pseudonym, and somebody must look into it.
#[test]
fn two_pseudonyms_that_become_one_are_a_finding_and_no_merge() -> Result<(), Violation> {
    for seed in SEEDS {
        let mut world = world(seed)?;
        world.run(all_rows())?;
        world.run([Minutes(1)])?;
        let before = world.pseudonyms_at_dhw()?;
        world.run([Rotate, MistakePatient, Recode, Minutes(60)])?;
        let codes: Vec<_> = world.recode_findings()?.iter().map(|finding| finding.refusal.code()).collect();
        assert_eq!(codes, ["RECODE_COLLISION"]);
        let after = world.pseudonyms_at_dhw()?;
        assert_eq!((after.len(), after.values().sum::<usize>()), (before.len(), before.values().sum::<usize>()));
        let left: Vec<_> = after.keys().filter(|pseudonym| pseudonym.starts_with("healthdata.1.")).collect();
        assert_eq!(left.len(), 1, "one of the two is left as it was");
        assert!(before.contains_key(left[0]));
        assert_eq!(world.jobs()?.0, world.jobs()?.1, "and holds nothing up");
    }
    Ok(())
}
