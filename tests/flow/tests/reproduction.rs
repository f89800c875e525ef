//! Every fault that a list has found, as that list, cut down to what it needs. What is written over each is what was so.

use flow::laboratory;
use simulator::simulation::{
    Arrow::*,
    Fault::{self, *},
    Hospital::*,
    Op::{self, *},
    Register::*,
    Service::*,
    Violation, list,
};

fn comes_to_rest(seed: u64, ops: &[Op]) -> Result<(), Violation> {
    list::run(&laboratory()?, seed, ops).map(drop).map_err(|failure| failure.violation)
}

/// HD4DP counted a new version of an unanswered registration as one more that waits, and never took it off again; after enough of them
/// every upload ran into a full window.
#[test]
fn a_version_in_the_place_of_an_unanswered_one_is_no_further_one_that_waits() -> Result<(), Violation> {
    comes_to_rest(
        98,
        &[
            Change { hospital: North, register: Local, first: 2, count: 2 },
            Change { hospital: North, register: Local, first: 3, count: 1 },
        ],
    )
}

/// A record whose verdict was lost behind HD4RES waited for ever: its hospital had its STATUS and sent no more.
#[test]
fn a_lost_verdict_is_asked_for_again() -> Result<(), Violation> {
    comes_to_rest(
        129,
        &[
            Submit { hospital: North, register: Central, first: 1, count: 3 },
            Once { arrow: Verdicts, fault: Lose },
            Minutes(2378),
        ],
    )
}

/// The same one step earlier: the data warehouse never saw the record.
#[test]
fn a_record_lost_on_the_way_to_the_warehouse_is_handed_over_again() -> Result<(), Violation> {
    comes_to_rest(
        496,
        &[Submit { hospital: South, register: Central, first: 3, count: 1 }, Once { arrow: ToDhw, fault: Lose }, Minutes(188)],
    )
}

/// On another broker incarnation HD4RES asked whether it was new for each attempt, and so made one only: when the queue was full at that
/// moment, the records without a verdict stayed without.
#[test]
fn a_queue_that_is_full_when_the_process_comes_back_delays_the_hand_over_only() -> Result<(), Violation> {
    let (row, mut world) = (flow::ROW, flow::world(1)?);
    world.run([Once { arrow: ToDhw, fault: Lose }, row.submit(), Minutes(1)])?;
    assert!(world.at_dhw()?.is_empty());
    world.run([Once { arrow: ToDhw, fault: Refuse }, LoseBroker, Minutes(1)])?;
    assert_eq!(world.at_dhw()?, [(row, 1)].into());
    world.come_to_rest()
}

/// A version that arrives behind a later one is answered and never validated, rightly; the verdict of the flow called it pending for ever.
#[test]
fn an_overtaken_version_is_not_pending() -> Result<(), Violation> {
    comes_to_rest(
        107,
        &[
            Once { arrow: ToHd4res, fault: Fault::delay(732) },
            Submit { hospital: North, register: Central, first: 2, count: 2 },
            Change { hospital: North, register: Central, first: 2, count: 2 },
            Minutes(1),
        ],
    )
}

/// A hospital that dies between handing over and noting it, and finds the STATUS when it comes back, has no passage that tells of its
/// sending; the verdict of the flow called the item unexpected.
#[test]
fn an_item_whose_sending_nobody_noted_is_not_unexpected() -> Result<(), Violation> {
    let row = flow::ROW;
    comes_to_rest(0, &[row.submit(), Steps(2), Down(Hd4dp(North)), Minutes(1), Up(Hd4dp(North)), Minutes(1)])
}
