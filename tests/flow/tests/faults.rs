//! A broker that loses, doubles, delays, reorders and refuses; connections that break; parties that are away.

use std::time::Duration;

use flow::{ROW, all_rows, world};
use simulator::simulation::{
    Arrow,
    Fault::{self, ConfirmLost, Duplicate, Lose, Refuse, Reorder},
    Op, Sending, Service, Violation,
};

const HOUR: u32 = 60;

#[test]
fn every_arrow_may_meet_every_fault() -> Result<(), Violation> {
    for arrow in Arrow::FLOW {
        for fault in [Lose, Duplicate, Fault::delay(3 * HOUR), Reorder, ConfirmLost, Refuse] {
            let mut world = world(20)?;
            world.run([Op::Once { arrow, fault }, ROW.submit(), ROW.change(), Op::Minutes(10 * HOUR)])?;
            world.come_to_rest().map_err(|violation| Violation::new(format!("{arrow:?} {fault:?}: {violation}")))?;
        }
    }
    Ok(())
}

/// All that is lost is the time until the resend; all that is doubled or refused is made good at once.
#[test]
fn only_a_loss_waits_for_the_resend() -> Result<(), Violation> {
    let confirmed_at_once = |fault: Fault| {
        let mut world = world(21)?;
        world.run([Op::Once { arrow: Arrow::ToHd, fault }, ROW.submit(), Op::Minutes(1)])?;
        Ok::<bool, Violation>(world.sending(ROW)? == Some(Sending::Ok))
    };
    for fault in [Duplicate, Reorder, ConfirmLost, Refuse] {
        assert!(confirmed_at_once(fault)?, "{fault:?}");
    }
    assert!(!confirmed_at_once(Lose)?);
    Ok(())
}

/// A lost answer is made good by answering again: the registration is known, and nothing of it happens twice.
#[test]
fn a_lost_status_is_sent_once_more_when_the_registration_comes_again() -> Result<(), Violation> {
    for arrow in [Arrow::FeedbackOut, Arrow::ToTtpBack, Arrow::ToHco, Arrow::ToHd4dp] {
        let mut world = world(22)?;
        world.run([Op::Once { arrow, fault: Lose }, ROW.submit(), Op::Minutes(48 * HOUR - 1)])?;
        assert_eq!((world.sending(ROW)?, world.at_dhw()?.len()), (Some(Sending::Pending), 1));
        world.apply(Op::Minutes(1))?;
        assert_eq!(world.sending(ROW)?, Some(Sending::Ok), "{arrow:?}");
        world.come_to_rest()?;
    }
    Ok(())
}

#[test]
fn hours_without_the_ttp_burn_no_delivery_limit() -> Result<(), Violation> {
    let mut world = world(23)?;
    world.run([Op::Down(Service::EhealthTtp), ROW.submit(), Op::Minutes(5 * HOUR)])?;
    assert_eq!((world.sending(ROW)?, world.on_the_way(Arrow::ToTtp)?), (Some(Sending::Pending), (1, 0)));
    world.run([Op::Up(Service::EhealthTtp), Op::Minutes(1)])?;
    assert_eq!(world.sending(ROW)?, Some(Sending::Ok));
    world.come_to_rest()
}

/// The TTP has the publication and cannot pass it on: it keeps the delivery and tries far more often than the delivery limit allows.
#[test]
fn an_hour_of_refusals_burns_no_delivery_limit() -> Result<(), Violation> {
    let mut world = world(24)?;
    world.run([Op::Keep { arrow: Arrow::ToHd, fault: Refuse }, ROW.submit(), Op::Minutes(HOUR)])?;
    let attempts = world.published().iter().filter(|publication| publication.arrow == Arrow::ToHd).count();
    assert!(attempts > 100, "{attempts}");
    assert_eq!(world.on_the_way(Arrow::ToTtp)?, (1, 0));
    world.run([Op::Calm, Op::Minutes(1)])?;
    assert_eq!(world.sending(ROW)?, Some(Sending::Ok));
    world.come_to_rest()
}

#[test]
fn broken_connections_cost_nothing() -> Result<(), Violation> {
    for steps in (10..200).step_by(10) {
        let mut world = world(u64::from(steps))?;
        world.run([ROW.submit(), Op::Steps(steps), Op::CutBroker, Op::Minutes(1)])?;
        assert_eq!(world.sending(ROW)?, Some(Sending::Ok), "cut after {steps} steps");
        world.come_to_rest()?;
    }
    Ok(())
}

/// An embedded broker's confirms die with it. What had no answer is sent at once, not after 48 hours; what had no verdict as well.
#[test]
fn a_process_that_dies_with_its_broker_goes_on_where_its_stores_are() -> Result<(), Violation> {
    for steps in (10..400).step_by(30) {
        let mut world = world(u64::from(steps))?;
        world.run(all_rows())?;
        world.run([Op::Steps(steps), Op::LoseBroker, Op::Minutes(1)])?;
        assert_eq!(world.sending(ROW)?, Some(Sending::Ok), "lost after {steps} steps");
        assert_eq!(world.at_dhw()?.get(&ROW), Some(&1), "lost after {steps} steps");
        world.come_to_rest()?;
    }
    Ok(())
}

/// Going on takes a while, and may be cut off as well.
#[test]
fn a_crash_while_a_service_goes_on_leaves_nothing_to_the_resends() -> Result<(), Violation> {
    for service in [Service::Hd4dp(ROW.hospital), Service::Hd4res] {
        for steps in (1..60).step_by(4) {
            let mut world = world(u64::from(steps))?;
            world.run([Op::Down(Service::Dhw), Op::Keep { arrow: Arrow::ToHco, fault: Lose }])?;
            world.run(all_rows())?;
            world.run([Op::Minutes(1), Op::Calm, Op::LoseBroker])?;
            world.run([Op::Steps(steps), Op::Kill(service), Op::Up(Service::Dhw)])?;
            let rest = world.come_to_rest_within(Duration::from_secs(300));
            rest.map_err(|violation| Violation::new(format!("{service:?} after {steps}: {violation}")))?;
        }
    }
    Ok(())
}

/// Right in patient, registration, version and item, and about a content that healthdata never had.
#[test]
fn a_status_about_another_content_confirms_nothing() -> Result<(), Violation> {
    let mut world = world(25)?;
    world.run([Op::Down(Service::Hd4res), ROW.submit(), Op::Minutes(0), Op::Forge(ROW.hospital), Op::Minutes(1)])?;
    assert_eq!(world.sending(ROW)?, Some(Sending::Pending));
    assert_eq!(world.on_the_way(Arrow::ToHd4dp)?, (0, 1));
    world.come_to_rest()
}
