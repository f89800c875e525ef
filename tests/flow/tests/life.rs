//! The life of a registration behind its first STATUS: corrections, approvals, follow-ups, deletions. At rest both sides agree.

use flow::{ROW, world};
use simulator::simulation::{
    Arrow, Confirmation, Deed,
    Fault::{self, Lose},
    Op::{self, LoseBroker, Minutes, Once},
    RecordStatus, Service, State, Violation, World,
};

const HOUR: u32 = 60;
const OK: State = State::Submitted(Confirmation::Ok);

const REOPEN: Op = ROW.deed(Deed::Reopen);
const SUBMIT_AGAIN: Op = ROW.deed(Deed::SubmitAgain);
const DELETE: Op = ROW.deed(Deed::Delete);
const APPROVE: Op = ROW.deed(Deed::Approve);
const ASK: Op = ROW.deed(Deed::RequestCorrections);
const ASK_MORE: Op = ROW.deed(Deed::RequestFollowUp);

/// Each test runs on these seeds.
const SEEDS: [u64; 4] = [1, 2, 3, 4];

fn stands(world: &World, here: State, there: RecordStatus) -> Result<(), Violation> {
    let standing = world.standing(ROW)?;
    let right = (Some(here), Some(there));
    if standing == right { Ok(()) } else { Err(Violation::new(format!("it stands {standing:?}, not {right:?}"))) }
}

/// A world for each seed.
fn on_each_seed(test: impl Fn(World) -> Result<World, Violation>) -> Result<(), Violation> {
    SEEDS.into_iter().try_for_each(|seed| test(world(seed)?)?.come_to_rest())
}

#[test]
fn a_correction_goes_there_and_back_until_it_is_approved() -> Result<(), Violation> {
    on_each_seed(|mut world| {
        world.run([ROW.submit(), Minutes(1)])?;
        stands(&world, OK, RecordStatus::New)?;
        world.run([ASK, Minutes(1)])?;
        stands(&world, State::CorrectionsNeeded, RecordStatus::CorrectionsRequested)?;
        assert_eq!(world.comments_shown(ROW)?, 2);
        world.run([ROW.change(), Minutes(1)])?;
        stands(&world, OK, RecordStatus::NewCorrection)?;
        assert_eq!(world.comments_shown(ROW)?, 0);
        world.run([APPROVE, Minutes(1)])?;
        stands(&world, State::Approved, RecordStatus::Approved)?;
        // Refused: it is approved.
        world.run([ROW.change(), REOPEN, DELETE, Minutes(1)])?;
        stands(&world, State::Approved, RecordStatus::Approved)?;
        assert_eq!(world.at_dhw()?, [(ROW, 2)].into());
        world.run([ASK_MORE, Minutes(1)])?;
        stands(&world, State::FollowUpNeeded, RecordStatus::FollowUpNeeded)?;
        world.run([SUBMIT_AGAIN, Minutes(1)])?;
        stands(&world, OK, RecordStatus::NewFollowUp)?;
        Ok(world)
    })
}

/// Whatever the embedded broker had confirmed dies with it.
#[test]
fn an_approval_that_is_lost_with_the_process_is_sent_again() -> Result<(), Violation> {
    on_each_seed(|mut world| {
        world.run([ROW.submit(), Minutes(1), Op::Down(Service::EhealthTtp), APPROVE, Minutes(1)])?;
        stands(&world, OK, RecordStatus::Approved)?;
        world.run([LoseBroker, Op::Up(Service::EhealthTtp), Minutes(1)])?;
        stands(&world, State::Approved, RecordStatus::Approved)?;
        Ok(world)
    })
}

/// What a user has opened stays his; the next version answers the request.
#[test]
fn a_request_that_crosses_a_reopening_changes_nothing_but_shows_its_comments() -> Result<(), Violation> {
    on_each_seed(|mut world| {
        world.run([ROW.submit(), Minutes(1), Once { arrow: Arrow::ToHd4dp, fault: Fault::delay(HOUR) }, ASK, Minutes(1)])?;
        world.run([REOPEN, Minutes(1)])?;
        stands(&world, State::Open, RecordStatus::CorrectionsRequested)?;
        assert_eq!(world.comments_shown(ROW)?, 0);
        world.apply(Minutes(HOUR))?;
        stands(&world, State::Open, RecordStatus::CorrectionsRequested)?;
        assert_eq!(world.comments_shown(ROW)?, 2);
        world.come_to_rest()?;
        world.run([SUBMIT_AGAIN, Minutes(1)])?;
        stands(&world, OK, RecordStatus::NewCorrection)?;
        Ok(world)
    })
}

#[test]
fn a_deletion_waits_for_the_ttp() -> Result<(), Violation> {
    on_each_seed(|mut world| {
        world.run([ROW.submit(), Minutes(1), Op::Down(Service::EhealthTtp), REOPEN, DELETE, Minutes(5 * HOUR)])?;
        stands(&world, State::Deleted, RecordStatus::New)?;
        assert_eq!(world.at_dhw()?, [(ROW, 1)].into());
        world.run([Op::Up(Service::EhealthTtp), Minutes(1)])?;
        stands(&world, State::Deleted, RecordStatus::Deleted)?;
        assert_eq!(world.at_dhw()?, [].into());
        // Nothing brings it back.
        world.run([ROW.change(), SUBMIT_AGAIN, APPROVE, ASK, Minutes(1)])?;
        stands(&world, State::Deleted, RecordStatus::Deleted)?;
        Ok(world)
    })
}

/// A deletion is sent again as any version is; the version before it may come behind it.
#[test]
fn a_version_that_comes_behind_its_deletion_stays_away() -> Result<(), Violation> {
    on_each_seed(|mut world| {
        world.run([Once { arrow: Arrow::ToHd, fault: Fault::delay(60 * HOUR) }, ROW.submit(), Minutes(1), REOPEN, Minutes(0)])?;
        world.run([Once { arrow: Arrow::ToTtp, fault: Lose }, DELETE, Minutes(49 * HOUR)])?;
        stands(&world, State::Deleted, RecordStatus::Deleted)?;
        world.apply(Minutes(20 * HOUR))?;
        stands(&world, State::Deleted, RecordStatus::Deleted)?;
        assert_eq!(world.at_dhw()?, [].into());
        Ok(world)
    })
}

/// Whoever is asked for corrections knows that it arrived.
#[test]
fn a_request_settles_a_version_whose_status_was_lost() -> Result<(), Violation> {
    on_each_seed(|mut world| {
        world.run([Once { arrow: Arrow::FeedbackOut, fault: Lose }, ROW.submit(), Minutes(1)])?;
        stands(&world, State::Submitted(Confirmation::Pending), RecordStatus::New)?;
        world.run([ASK, Minutes(1)])?;
        stands(&world, State::CorrectionsNeeded, RecordStatus::CorrectionsRequested)?;
        world.apply(Minutes(72 * HOUR))?;
        let handed_over = world.published().into_iter().filter(|one| one.arrow == Arrow::HandOver).count();
        assert_eq!(handed_over, 2, "the registration and the receipt, and neither again");
        Ok(world)
    })
}

/// Both ask for the user's values; corrections come first at the hospital.
#[test]
fn a_follow_up_behind_a_correction_waits_for_it() -> Result<(), Violation> {
    on_each_seed(|mut world| {
        world.run([ROW.submit(), Minutes(1), ASK, Minutes(1), ASK_MORE, Minutes(1)])?;
        stands(&world, State::CorrectionsNeeded, RecordStatus::FollowUpNeeded)?;
        assert_eq!(world.comments_shown(ROW)?, 4);
        world.run([ROW.change(), Minutes(1)])?;
        stands(&world, OK, RecordStatus::NewFollowUp)?;
        Ok(world)
    })
}

/// A researcher and a person who act at once, while every service of theirs crashes.
#[test]
fn deeds_that_cross_come_to_an_agreement_wherever_a_service_dies() -> Result<(), Violation> {
    for service in Service::ALL {
        for steps in (1..90).step_by(11) {
            let mut world = world(u64::from(steps))?;
            world.run([ROW.submit(), Minutes(1), ASK, Op::Steps(steps), REOPEN, Op::Steps(steps), Op::Kill(service)])?;
            world.run([SUBMIT_AGAIN, DELETE, Op::Steps(steps), APPROVE, Op::Steps(steps), Op::Kill(service), ASK_MORE])?;
            let rest = world.come_to_rest();
            rest.map_err(|violation| Violation::new(format!("{service:?} after {steps}: {violation}")))?;
        }
    }
    Ok(())
}

/// Like a registration without its STATUS: after two days, and then every day.
#[test]
fn a_word_that_a_living_broker_lost_is_said_again() -> Result<(), Violation> {
    for arrow in [Arrow::FeedbackOut, Arrow::ToTtpBack, Arrow::ToHco, Arrow::ToHd4dp] {
        on_each_seed(|mut world| {
            world.run([ROW.submit(), Minutes(1), Once { arrow, fault: Lose }, Once { arrow, fault: Lose }, APPROVE])?;
            world.apply(Minutes(71 * HOUR))?;
            stands(&world, OK, RecordStatus::Approved)?;
            world.apply(Minutes(2 * HOUR))?;
            stands(&world, State::Approved, RecordStatus::Approved)?;
            Ok(world)
        })?;
    }
    Ok(())
}

/// Whoever has said a word ten days long and got no receipt gives up; both sides know where they stand.
#[test]
fn a_word_that_never_arrives_is_given_up() -> Result<(), Violation> {
    on_each_seed(|mut world| {
        world.run([ROW.submit(), Minutes(1), Op::Keep { arrow: Arrow::ToHco, fault: Lose }, APPROVE, Minutes(30 * 24 * HOUR)])?;
        let said = world.published().into_iter().filter(|one| one.arrow == Arrow::FeedbackOut).count();
        assert_eq!(said, 1 + 10, "the STATUS, and ten times the approval");
        world.apply(Op::Calm)?;
        world.come_to_rest()?;
        stands(&world, OK, RecordStatus::Approved)?;
        // Another word brings both together again.
        world.run([ASK_MORE, Minutes(1)])?;
        stands(&world, State::FollowUpNeeded, RecordStatus::FollowUpNeeded)?;
        Ok(world)
    })
}

/// A receipt that gets lost costs a sending, and changes nothing.
#[test]
fn a_lost_receipt_makes_the_word_come_twice() -> Result<(), Violation> {
    for arrow in [Arrow::HandOver, Arrow::ToTtp, Arrow::ToHd, Arrow::ToHd4res] {
        on_each_seed(|mut world| {
            world.run([ROW.submit(), Minutes(1), Once { arrow, fault: Lose }, ASK, Minutes(72 * HOUR)])?;
            stands(&world, State::CorrectionsNeeded, RecordStatus::CorrectionsRequested)?;
            let said = world.published().into_iter().filter(|one| one.arrow == Arrow::FeedbackOut).count();
            assert_eq!(said, 1 + 2, "the STATUS, and twice the request");
            assert_eq!(world.comments_shown(ROW)?, 2, "once");
            Ok(world)
        })?;
    }
    Ok(())
}

#[test]
fn a_request_that_a_later_one_overtakes_shows_its_comments_too() -> Result<(), Violation> {
    on_each_seed(|mut world| {
        world.run([ROW.submit(), Minutes(1), Once { arrow: Arrow::ToHd4dp, fault: Fault::delay(HOUR) }, ASK, Minutes(1)])?;
        world.run([ASK_MORE, Minutes(2 * HOUR)])?;
        stands(&world, State::FollowUpNeeded, RecordStatus::FollowUpNeeded)?;
        assert_eq!(world.comments_shown(ROW)?, 4);
        Ok(world)
    })
}
