//! Versions that overtake each other.

use flow::{ROW, world};
use simulator::simulation::{Arrow, Fault, Op, Sending, Service, Violation};

const HOUR: u32 = 60;

#[test]
fn an_earlier_version_that_arrives_late_changes_nothing() -> Result<(), Violation> {
    for arrow in [Arrow::HandOver, Arrow::ToTtp, Arrow::ToHd, Arrow::ToHd4res, Arrow::ToDhw] {
        let mut world = world(30)?;
        world.run([Op::Once { arrow, fault: Fault::delay(HOUR) }, ROW.submit(), Op::Minutes(0), ROW.change(), Op::Minutes(0)])?;
        assert_eq!(world.at_dhw()?, [(ROW, 2)].into(), "{arrow:?}");
        assert_eq!(world.sending(ROW)?, Some(Sending::Ok));
        world.apply(Op::Minutes(2 * HOUR))?;
        assert_eq!(world.at_dhw()?, [(ROW, 2)].into(), "{arrow:?}");
        world.come_to_rest()?;
    }
    Ok(())
}

/// The answer to a version says nothing of a later one.
#[test]
fn the_status_of_an_earlier_version_leaves_the_later_one_waiting() -> Result<(), Violation> {
    let mut world = world(31)?;
    world.run([Op::Once { arrow: Arrow::ToHd4dp, fault: Fault::delay(HOUR) }, ROW.submit(), Op::Minutes(0)])?;
    world.run([Op::Down(Service::EhealthTtp), ROW.change(), Op::Minutes(2 * HOUR)])?;
    assert_eq!(world.sending(ROW)?, Some(Sending::Pending));
    world.run([Op::Up(Service::EhealthTtp), Op::Minutes(1)])?;
    assert_eq!((world.sending(ROW)?, world.at_dhw()?), (Some(Sending::Ok), [(ROW, 2)].into()));
    world.come_to_rest()
}

/// A version that was lost is not missed once a later one has come through.
#[test]
fn a_lost_version_is_settled_with_the_later_one() -> Result<(), Violation> {
    let mut world = world(32)?;
    world.run([
        Op::Once { arrow: Arrow::ToTtp, fault: Fault::Lose },
        ROW.submit(),
        Op::Minutes(0),
        ROW.change(),
        Op::Minutes(0),
    ])?;
    assert_eq!((world.sending(ROW)?, world.at_dhw()?), (Some(Sending::Ok), [(ROW, 2)].into()));
    world.come_to_rest()
}
