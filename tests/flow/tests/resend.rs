//! The published rule: no STATUS within 48 hours makes the confirmation NOK, and the registration is sent again until ten days after its
//! first sending. The rhythm in between, every 24 hours, is ours.

use std::collections::BTreeSet;

use flow::{ROW, all_rows, world, world_with_quota};
use simulator::simulation::{Arrow, Fault, Hospital, Op, Published, ROWS, Register, RowName, Sending, Violation, World};

const HOUR: u32 = 60;
const DAY: u32 = 24 * HOUR;

fn handed_over(world: &World) -> Vec<Published> {
    world.published().into_iter().filter(|publication| publication.arrow == Arrow::HandOver).collect()
}

#[test]
fn without_an_answer_it_is_nok_after_48_hours_and_a_late_status_turns_it_ok() -> Result<(), Violation> {
    let mut world = world(6)?;
    world.run([Op::Keep { arrow: Arrow::ToHd4dp, fault: Fault::delay(60 * HOUR) }, ROW.submit(), Op::Minutes(48 * HOUR - 1)])?;
    assert_eq!(world.sending(ROW)?, Some(Sending::Pending));
    world.apply(Op::Minutes(1))?;
    assert_eq!(world.sending(ROW)?, Some(Sending::Nok));
    world.apply(Op::Minutes(12 * HOUR - 1))?;
    assert_eq!(world.sending(ROW)?, Some(Sending::Nok));
    world.apply(Op::Minutes(1))?;
    assert_eq!(world.sending(ROW)?, Some(Sending::Ok));
    world.apply(Op::Minutes(11 * DAY))?;
    assert_eq!(handed_over(&world).len(), 2, "the first sending and the one at 48 hours; none after the answer");
    world.come_to_rest()
}

#[test]
fn it_is_sent_again_every_24_hours_until_day_10_and_then_no_more() -> Result<(), Violation> {
    let mut world = world(7)?;
    world.run([Op::Keep { arrow: Arrow::ToTtp, fault: Fault::Lose }, ROW.submit(), Op::Minutes(30 * DAY)])?;
    let sent = handed_over(&world);
    let first = sent[0].at;
    let hours: Vec<u64> = sent.iter().map(|publication| publication.at.since(first).as_secs() / 3600).collect();
    assert_eq!(hours, [0, 48, 72, 96, 120, 144, 168, 192, 216, 240]);
    assert!(sent.iter().all(|publication| publication.items == sent[0].items), "the item id must stay the same");
    assert_eq!(
        sent.iter().map(|publication| publication.id).collect::<BTreeSet<_>>().len(),
        sent.len(),
        "publication ids must not"
    );
    assert_eq!(world.sending(ROW)?, Some(Sending::Nok));
    Ok(())
}

/// The disk fills up at any moment of a sending, for longer than the answer is waited for. When there is room again and the sending is written down,
/// it is due already: it must not wait until the resender looks for the next time, which may be two days off.
#[test]
fn what_is_due_before_it_is_written_down_is_sent_at_once() -> Result<(), Violation> {
    let hd4dp = simulator::simulation::Service::Hd4dp(ROW.hospital);
    let mut late = 0;
    for polls in (0..120).step_by(2) {
        let mut world = world(9)?;
        world.run([Op::Once { arrow: Arrow::ToTtp, fault: Fault::Lose }, ROW.submit(), Op::Steps(polls), Op::DiskFull(hd4dp)])?;
        world.apply(Op::Minutes(49 * HOUR))?;
        late += usize::from(handed_over(&world).len() == 1);
        world.run([Op::DiskFree(hd4dp), Op::Minutes(HOUR)])?;
        let is_due = handed_over(&world).first().is_some_and(|first| world.now().since(first.at).as_secs() >= 48 * 3600);
        assert!(!is_due || world.sending(ROW)? == Some(Sending::Ok), "after {polls} polls: {:?}", world.sending(ROW)?);
        world.come_to_rest()?;
    }
    assert!(late > 0, "no disk was full between the sending and its being written down");
    Ok(())
}

/// A crash, or a process that was down when a resend was due, changes nothing but the moment.
#[test]
fn the_rhythm_survives_a_restart() -> Result<(), Violation> {
    let mut world = world(8)?;
    let hd4dp = simulator::simulation::Service::Hd4dp(ROW.hospital);
    world.run([Op::Keep { arrow: Arrow::ToTtp, fault: Fault::Lose }, ROW.submit(), Op::Minutes(50 * HOUR)])?;
    world.run([Op::Kill(hd4dp), Op::Minutes(21 * HOUR), Op::Down(hd4dp), Op::Minutes(30 * HOUR), Op::Up(hd4dp)])?;
    world.apply(Op::Minutes(DAY))?;
    let sent = handed_over(&world);
    let hours: Vec<u64> = sent.iter().map(|publication| publication.at.since(sent[0].at).as_secs() / 3600).collect();
    assert_eq!(hours, [0, 48, 101, 120]);
    world.come_to_rest()
}

/// A new version is sent for the first time, whatever became of the one before.
#[test]
fn a_changed_row_starts_anew() -> Result<(), Violation> {
    let mut world = world(9)?;
    world.run([Op::Keep { arrow: Arrow::ToTtp, fault: Fault::Lose }, ROW.submit(), Op::Minutes(40 * HOUR)])?;
    world.run([ROW.change(), Op::Minutes(40 * HOUR)])?;
    assert_eq!(world.sending(ROW)?, Some(Sending::Pending));
    assert_eq!(handed_over(&world).len(), 2, "the version before is sent no more");
    world.apply(Op::Minutes(8 * HOUR))?;
    assert_eq!(world.sending(ROW)?, Some(Sending::Nok));
    world.come_to_rest()
}

/// What is over the quota of a day is set aside, still sealed, and comes again with the hospital's resends until everybody is through.
#[test]
fn what_is_over_the_quota_of_a_day_comes_through_on_later_days() -> Result<(), Violation> {
    let mut world = world_with_quota(5, 2)?;
    world.run(all_rows())?;
    world.run([Op::Minutes(1)])?;
    let waiting = |world: &World| -> Result<usize, Violation> {
        let rows = Hospital::ALL.into_iter().flat_map(|hospital| {
            Register::ALL
                .into_iter()
                .flat_map(move |register| (0..ROWS).map(move |number| RowName::new(hospital, register, number)))
        });
        let mut waiting = 0;
        for row in rows {
            waiting += usize::from(world.sending(row)?.is_some_and(|sending| sending != Sending::Ok));
        }
        Ok(waiting)
    };
    let (first, dead) = (waiting(&world)?, world.on_the_way(Arrow::ToTtp)?.1);
    assert!(first > 0 && dead > 0, "nobody was over the quota");
    assert!(world.at_dhw()?.len() > 1, "who was within it passed");
    // Nothing comes before the resend; then some, but not all, every day.
    world.apply(Op::Minutes(47 * HOUR))?;
    assert_eq!(waiting(&world)?, first);
    world.apply(Op::Minutes(2 * HOUR))?;
    let second = waiting(&world)?;
    assert!(second < first, "{second} of {first} wait after the first resend");
    world.come_to_rest()?;
    assert_eq!(waiting(&world)?, 0);
    Ok(())
}
