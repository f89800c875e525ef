//! Lists of operations by seed, and the shortest list that fails.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use host::Point;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use topology::Arrow;

use super::{
    Laboratory, Violation, World,
    laboratory::ROWS,
    op::{Deed, Fault, Hospital, Op, Register, Service, Whose},
};

/// Minutes that may pass in one list: a day before the resends of its first registration are over, so that all of them can still come
/// through when its faults end.
const MINUTES_MAX: u32 = 8 * 24 * 60;

/// Services whose disks may be full.
const WITH_DISK: [Service; 6] = [
    Service::Hd4dp(Hospital::North),
    Service::EhboxHco(Hospital::North),
    Service::EhealthTtp,
    Service::EhboxHd,
    Service::Hd4res,
    Service::Dhw,
];

/// The services that have a key pair.
const KEY_HOLDERS: [Service; 4] =
    [Service::EhboxHco(Hospital::North), Service::EhboxHco(Hospital::South), Service::EhealthTtp, Service::EhboxHd];

/// The list of a seed: 4 to 18 operations. It begins and ends with an upload, so that faults and crashes find something to happen to.
#[must_use]
pub fn of_seed(seed: u64) -> Vec<Op> {
    let mut draw = Draw { source: ChaCha8Rng::seed_from_u64(seed), minutes: 0, is_retrying: false };
    let between = 1 + draw.below(15);
    let mut ops = vec![draw.upload()];
    ops.extend((0..between).map(|_| draw.op()));
    ops.extend([draw.upload(), Op::Minutes(1)]);
    ops
}

struct Draw {
    source: ChaCha8Rng,
    minutes: u32,
    /// Whether somebody tries again every few seconds: then little time passes, since nothing else happens in days of it.
    is_retrying: bool,
}

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.source.next_u64() % bound as u64).unwrap_or(0)
    }

    fn number(&mut self, bound: u32) -> u32 {
        u32::try_from(self.source.next_u64() % u64::from(bound)).unwrap_or(0)
    }

    fn one<T: Copy>(&mut self, all: &[T], otherwise: T) -> T {
        let at = self.below(all.len());
        all.get(at).copied().unwrap_or(otherwise)
    }

    fn hospital(&mut self) -> Hospital {
        if self.below(4) == 0 { Hospital::South } else { Hospital::North }
    }

    fn service(&mut self) -> Service {
        self.one(&Service::ALL, Service::Hd4res)
    }

    fn arrow(&mut self) -> Arrow {
        self.one(&Arrow::FLOW, Arrow::ToHd4res)
    }

    fn op(&mut self) -> Op {
        match self.below(100) {
            0..12 => self.upload(),
            12..28 => Op::Minutes(self.minutes()),
            28..37 => Op::Steps(u16::try_from(1 + self.number(300)).unwrap_or(1)),
            37..45 => Op::Crash { service: self.service(), point: self.one(&Point::ALL, Point::AfterCommit) },
            45..49 => Op::Kill(self.service()),
            49..51 => Op::Down(self.service()),
            51..53 => Op::Up(self.service()),
            53..64 => {
                let arrow = self.arrow();
                Op::Once { arrow, fault: self.fault(arrow) }
            }
            64..65 => Op::CutBroker,
            65..67 => Op::LoseBroker,
            67..69 => Op::Forge(self.hospital()),
            69..71 => Op::Rotate,
            71..72 => Op::Recode,
            72..73 => Op::Replay(self.arrow()),
            73..74 => {
                self.is_retrying = true;
                Op::BrokerAway
            }
            74..75 => Op::BrokerBack,
            75..76 => Op::Slow { service: self.service(), seconds: 60 * self.number(3) },
            76..77 => {
                self.is_retrying = true;
                Op::DiskFull(self.one(&WITH_DISK, Service::Hd4res))
            }
            77..78 => Op::DiskFree(self.one(&WITH_DISK, Service::Hd4res)),
            78..80 => Op::Renew(self.one(&KEY_HOLDERS, Service::EhealthTtp)),
            _ => self.deed(),
        }
    }

    /// Few registrations, so that one list does several things to one of them.
    fn deed(&mut self) -> Op {
        let (hospital, number) = (self.hospital(), self.one(&[0, 0, 0, 1, 2], 0));
        let deed = match self.below(7) {
            0 => Deed::Reopen,
            1 => Deed::SubmitAgain,
            2 => Deed::Delete,
            3 => Deed::Approve,
            4 | 5 => Deed::RequestCorrections,
            _ => Deed::RequestFollowUp,
        };
        Op::Deed { deed, of: Whose::Taken { hospital, number } }
    }

    fn upload(&mut self) -> Op {
        let (hospital, register) = (self.hospital(), self.one(&Register::ALL, Register::Local));
        let first = u16::try_from(self.below(usize::from(ROWS))).unwrap_or(0);
        let count = u16::try_from(1 + self.below(usize::from(ROWS - first))).unwrap_or(1);
        match self.below(3) {
            0 => Op::Change { hospital, register, first, count },
            _ => Op::Submit { hospital, register, first, count },
        }
    }

    fn minutes(&mut self) -> u32 {
        let longest = if self.is_retrying { 2 } else { self.one(&[1, 1, 30, 24 * 60, 50 * 60], 1) };
        let minutes = self.number(longest).min(MINUTES_MAX - self.minutes);
        self.minutes += minutes;
        minutes
    }

    fn fault(&mut self, arrow: Arrow) -> Fault {
        let fault = match self.below(10) {
            0 => Fault::Lose,
            1 => Fault::Duplicate,
            2 => Fault::delay(self.number(60 * 60)),
            3 => Fault::Reorder,
            4 => Fault::ConfirmLost,
            5 => Fault::Corrupt,
            6 => Fault::Truncate,
            7 => Fault::Tamper,
            8 => Fault::Poison,
            _ => Fault::Refuse,
        };
        if fault.befalls(arrow) { fault } else { Fault::Lose }
    }
}

/// A list that failed.
#[derive(Clone)]
pub struct Failure {
    /// What schedule and faults follow from.
    pub seed: u64,
    /// The list.
    pub ops: Vec<Op>,
    /// What was wrong.
    pub violation: Violation,
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}: {}\nvec![", self.seed, self.violation)?;
        for op in &self.ops {
            writeln!(f, "    {op:?},")?;
        }
        f.write_str("]")
    }
}

/// How long a list may take to come to rest: a lost publication waits for its next sending, a delayed one until it is due, and everything
/// else is made good within the hour.
#[must_use]
pub fn patience(ops: &[Op]) -> Duration {
    let mut minutes = 60;
    for op in ops {
        match op {
            Op::Once { fault: Fault::Lose, .. } | Op::Keep { .. } => return LONGEST,
            Op::UseKeys { .. } | Op::JumpClock { .. } | Op::Guess { .. } | Op::NewDefinition { at: Some(_), .. } => {
                return LONGEST;
            }
            Op::Once { fault, .. } if fault.is_of_contents() => return LONGEST,
            Op::Once { fault: Fault::Delay { seconds }, .. } => minutes += u64::from(seconds.div_ceil(60)),
            _ => {}
        }
    }
    Duration::from_secs(60 * minutes).min(LONGEST)
}

/// Later than the last resend and the day behind it.
pub const LONGEST: Duration = Duration::from_secs(11 * 24 * 3600);

/// Runs a list in a new world and brings it to rest.
///
/// # Errors
///
/// The [`Failure`]; a service that panics is one.
pub fn run(laboratory: &Arc<Laboratory>, seed: u64, ops: &[Op]) -> Result<World, Failure> {
    let whole = || {
        let mut world = World::new(laboratory, seed)?;
        world.run(ops.iter().copied())?;
        // What the last operations left to do happens before the faults end.
        world.apply(Op::Minutes(0))?;
        world.come_to_rest_within(patience(ops))?;
        Ok(world)
    };
    let outcome = catch_unwind(AssertUnwindSafe(whole));
    let outcome = outcome.unwrap_or_else(|_| Err(Violation::new("a service panicked")));
    outcome.map_err(|violation| Failure { seed, ops: ops.to_vec(), violation })
}

/// Leaves out of a failing list whatever it fails without, one operation at a time, until nothing can be left out.
#[must_use]
pub fn shrink(laboratory: &Arc<Laboratory>, failure: Failure) -> Failure {
    let mut least = failure;
    'again: loop {
        for at in (0..least.ops.len()).rev() {
            let mut fewer = least.ops.clone();
            fewer.remove(at);
            if let Err(failure) = run(laboratory, least.seed, &fewer) {
                least = failure;
                continue 'again;
            }
        }
        return least;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_list_that_leaves_time_for_resends() {
        for seed in 0..2_000 {
            let ops = of_seed(seed);
            assert_eq!(ops, of_seed(seed));
            assert!((4..=18).contains(&ops.len()));
            let minutes: u32 = ops.iter().map(|op| if let Op::Minutes(minutes) = op { *minutes } else { 0 }).sum();
            assert!(minutes <= MINUTES_MAX + 1);
        }
        assert_ne!(of_seed(1), of_seed(2));
    }
}
