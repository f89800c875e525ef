//! The flow as it should be.

use flow::{ROW, world};
use simulator::simulation::{Arrow, Op, Sending, Violation};

#[test]
fn a_registration_passes_all_seven_steps_and_its_status_comes_back() -> Result<(), Violation> {
    let mut world = world(1)?;
    world.run([ROW.submit(), Op::Minutes(0)])?;
    assert_eq!(world.sending(ROW)?, Some(Sending::Ok));
    assert_eq!(world.at_dhw()?.get(&ROW), Some(&1));
    let on = |arrow| world.published().iter().filter(|publication| publication.arrow == arrow).count();
    assert_eq!(Arrow::FLOW.map(on), [1; 10]);
    world.come_to_rest()
}

/// The same rows again are nothing new, and a changed one is the next version of its registration.
#[test]
fn a_changed_row_replaces_the_one_before_and_an_equal_one_is_not_sent() -> Result<(), Violation> {
    let mut world = world(2)?;
    world.run([ROW.submit(), Op::Minutes(0), ROW.change(), Op::Minutes(0), ROW.submit(), Op::Minutes(0)])?;
    assert_eq!(world.at_dhw()?, [(ROW, 2)].into());
    assert_eq!(world.published().iter().filter(|publication| publication.arrow == Arrow::HandOver).count(), 2);
    world.come_to_rest()
}
