//! Any service may die at any moment.

use std::time::Duration;

use flow::{ROW, all_rows, world};
use simulator::simulation::{Arrow, Hospital::North, Op, Point, Sending, Service, Violation};

/// Nothing waits for a resend then: what a crash cuts off is done again at once.
const AT_ONCE: Duration = Duration::from_secs(300);

#[test]
fn every_service_may_crash_at_every_point() -> Result<(), Violation> {
    for service in Service::ALL {
        for point in Point::ALL {
            let mut world = world(10)?;
            world.apply(Op::Crash { service, point })?;
            world.run(all_rows())?;
            world.apply(Op::Minutes(5))?;
            assert_eq!(world.crashes(), 1, "{service:?} never reaches {point:?}");
            let rest = world.come_to_rest_within(AT_ONCE);
            rest.map_err(|violation| Violation::new(format!("{service:?} {point:?}: {violation}")))?;
        }
    }
    Ok(())
}

/// Not at a point, but wherever it stands; and again when the repetition is under way.
#[test]
fn every_service_may_die_anywhere() -> Result<(), Violation> {
    for service in Service::ALL {
        for steps in (5..160).step_by(7) {
            let mut world = world(u64::from(steps))?;
            world.run([ROW.submit(), Op::Steps(steps), Op::Kill(service), Op::Steps(steps), Op::Kill(service), ROW.change()])?;
            let rest = world.come_to_rest_within(AT_ONCE);
            rest.map_err(|violation| Violation::new(format!("{service:?} after {steps}: {violation}")))?;
        }
    }
    Ok(())
}

/// HD4DP's outbox is in its store: what was written down is sent, though the process that took it in is gone.
#[test]
fn what_was_taken_in_is_sent_after_a_restart() -> Result<(), Violation> {
    let mut world = world(11)?;
    let hd4dp = Service::Hd4dp(North);
    world.run([ROW.submit(), Op::Crash { service: hd4dp, point: Point::AfterCommit }, Op::Steps(200), Op::Down(hd4dp)])?;
    assert_eq!(world.sending(ROW)?, Some(Sending::Sending));
    world.run([Op::Minutes(60), Op::Up(hd4dp), Op::Minutes(1)])?;
    assert_eq!(world.sending(ROW)?, Some(Sending::Ok));
    world.come_to_rest()
}

/// A publication that brings its reader down every time ends in the dead-letter queue; the registration comes through by its resend.
#[test]
fn a_publication_that_brings_its_reader_down_ten_times_is_set_aside() -> Result<(), Violation> {
    let mut world = world(12)?;
    world.run([Op::Crash { service: Service::Hd4res, point: Point::BeforeCommit }; 10])?;
    world.run([ROW.submit(), Op::Minutes(0)])?;
    assert_eq!(world.on_the_way(Arrow::ToHd4res)?, (0, 1));
    assert_eq!(world.sending(ROW)?, Some(Sending::Pending));
    world.apply(Op::Minutes(48 * 60))?;
    assert_eq!(world.sending(ROW)?, Some(Sending::Ok));
    Ok(())
}
