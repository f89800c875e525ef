//! Dead letters that an operator puts back: what was mended comes through, and nothing is lost or doubled on the way.

use flow::{ROW, all_rows, world, world_with_quota};
use simulator::{
    letters::{State, Wanted},
    simulation::{Arrow, Fault, KeyPair, Op, Sending, Service, Violation, World},
};

const HOUR: u32 = 60;

fn with_reason(code: &str) -> Wanted {
    Wanted { reason: Some(code.to_owned()), ..Wanted::default() }
}

/// What was over the quota comes through as soon as an operator puts it back on another day, before the hospital sends it again.
#[test]
fn a_dead_letter_over_the_quota_comes_through_on_another_day() -> Result<(), Violation> {
    let mut world = world_with_quota(5, 2)?;
    world.run(all_rows())?;
    world.run([Op::Minutes(1)])?;
    let (before, dead) = (world.at_dhw()?.len(), world.on_the_way(Arrow::ToTtp)?.1);
    let same_day = world.requeue(with_reason("QUOTA"), None)?;
    // They come straight back, which is no reason to go round in circles.
    assert_eq!((same_day.state, same_day.total, same_day.requeued), (State::Done, dead, dead));
    assert_eq!((world.at_dhw()?.len(), world.on_the_way(Arrow::ToTtp)?.1), (before, dead));
    world.apply(Op::Minutes(24 * HOUR))?;
    let next_day = world.requeue(with_reason("QUOTA"), None)?;
    assert_eq!((next_day.state, next_day.requeued, next_day.left), (State::Done, dead, 0));
    let (after, still_dead) = (world.at_dhw()?.len(), world.on_the_way(Arrow::ToTtp)?.1);
    assert!(after > before && still_dead < dead, "{after} of {before} passed, {still_dead} of {dead} are dead");
    world.come_to_rest()
}

/// The TTP came up with the wrong keys. When it has its own again, everything that it set aside comes through, and the hospital has its confirmation.
#[test]
fn dead_letters_of_wrong_keys_come_through_when_the_keys_are_right() -> Result<(), Violation> {
    let mut world = with_dead_letters()?;
    let standing = world.requeue(Wanted::default(), None)?;
    assert!(standing.state == State::Done && standing.requeued > 0, "{standing:?}");
    assert_eq!(world.on_the_way(Arrow::ToTtp)?, (0, 0));
    world.apply(Op::Minutes(1))?;
    assert_eq!(world.sending(ROW)?, Some(Sending::Ok));
    world.come_to_rest()
}

/// A world in which the TTP set a hospital's registrations aside and can read them now.
fn with_dead_letters() -> Result<World, Violation> {
    let mut world = world(11)?;
    let keys = |pair| Op::UseKeys { service: Service::EhealthTtp, pair };
    world.run([keys(KeyPair::Wrong), ROW.submit(), Op::Minutes(1)])?;
    world.run([Op::Submit { hospital: ROW.hospital, register: ROW.register, first: 1, count: 4 }, Op::Minutes(1)])?;
    assert!(world.on_the_way(Arrow::ToTtp)?.1 > 1, "nothing was set aside");
    world.apply(keys(KeyPair::Own))?;
    Ok(world)
}

/// An operator's process that dies anywhere loses no letter; what it put on both queues has one effect.
#[test]
fn an_operator_who_dies_anywhere_loses_and_doubles_nothing() -> Result<(), Violation> {
    let (mut is_doubled, mut is_cut_short) = (false, false);
    for steps in 0..40 {
        let mut world = with_dead_letters()?;
        let dead = world.on_the_way(Arrow::ToTtp)?.1;
        let first = world.requeue(Wanted::default(), Some(steps))?;
        is_cut_short |= first.requeued > 0 && first.requeued < dead;
        let passed = u64::try_from(published_by_ttp(&world)).unwrap_or(0);
        let left = world.on_the_way(Arrow::ToTtp)?.1;
        assert!(passed + left >= dead, "after {steps} steps {passed} of {dead} passed and {left} are left");
        is_doubled |= passed + left > dead;
        let second = world.requeue(Wanted::default(), None)?;
        assert_eq!((second.state, second.requeued), (State::Done, left));
        world.apply(Op::Minutes(1))?;
        assert_eq!((world.sending(ROW)?, world.on_the_way(Arrow::ToTtp)?), (Some(Sending::Ok), (0, 0)));
        // Here every version must be at healthdata once.
        world.come_to_rest()?;
    }
    assert!(is_cut_short && is_doubled, "the deaths met nothing: cut short {is_cut_short}, on both queues {is_doubled}");
    Ok(())
}

fn published_by_ttp(world: &World) -> usize {
    world.published().iter().filter(|one| one.arrow == Arrow::ToHd && !one.is_dead).count()
}

/// What was changed on its way stays what it is: it is set aside again, the job ends all the same, and the hospital's resend brings the registration.
#[test]
fn a_tampered_letter_comes_back_and_the_job_ends() -> Result<(), Violation> {
    let mut world = world(12)?;
    world.run([Op::Once { arrow: Arrow::ToTtp, fault: Fault::Tamper }, ROW.submit(), Op::Minutes(1)])?;
    assert_eq!(world.on_the_way(Arrow::ToTtp)?, (0, 1));
    for _ in 0..3 {
        let standing = world.requeue(Wanted { step: Some("4".to_owned()), ..Wanted::default() }, None)?;
        assert_eq!((standing.state, standing.total, standing.requeued), (State::Done, 1, 1));
        assert_eq!(world.on_the_way(Arrow::ToTtp)?, (0, 1));
    }
    assert_eq!(world.sending(ROW)?, Some(Sending::Pending));
    world.come_to_rest()
}
