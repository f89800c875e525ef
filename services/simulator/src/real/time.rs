//! Time that passes in a world of processes: their clocks are set on in steps, and after each everything happens that can.

use std::{collections::BTreeSet, time::Duration};

use clock::{Clock as _, SystemClock, Timestamp};

use super::{
    order::Order,
    world::{RealWorld, stuck},
};
use crate::simulation::{Service, Violation, evidence::at_once};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(15);
/// Nothing has passed any line for so long: nobody says anything more at this moment. Debug builds on busy machines think for long.
const QUIET: Duration = Duration::from_millis(500);
/// The same when nothing is left to do as far as the stores say.
const QUIET_AT_REST: Duration = Duration::from_millis(150);
/// Somebody who tries again and again is not waited for longer.
const RESTLESS: Duration = Duration::from_secs(20);
/// Processes that do not come up are given up then.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// The first step of a time that passes: somebody tries again every few seconds. Each later one is as long as all before it.
const STEP_MIN: Duration = Duration::from_secs(6);
/// No step is longer.
const STEP_MAX: Duration = Duration::from_secs(24 * 3600);

/// How things stand when nobody says anything more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stillness {
    /// Nothing is left to do.
    AtRest,
    /// Something waits for its time.
    Waiting,
}

impl RealWorld<'_> {
    /// So much time passes.
    pub(super) fn pass(&mut self, time: Duration) -> Result<(), Violation> {
        let begun = self.clock.now();
        let until = begun.plus(time);
        loop {
            let stillness = self.settle()?;
            if self.clock.now() >= until {
                return Ok(());
            }
            self.step(stillness, begun, until)?;
        }
    }

    /// Sets all clocks on, by no more than anything waits for.
    fn step(&mut self, stillness: Stillness, begun: Timestamp, until: Timestamp) -> Result<(), Violation> {
        let now = self.clock.now();
        // Who tries again does so at first, or when something is due.
        let step = now.since(begun).clamp(STEP_MIN, STEP_MAX);
        let mut to = if stillness == Stillness::AtRest { until } else { now.plus(step).min(until) };
        if let Some(due) = self.next_due()?.filter(|due| *due > now) {
            to = to.min(due);
        }
        self.clock.jump(to.since(now));
        let order = Order::Time(self.clock.offset());
        self.runtime.clone().block_on(self.tell_all(&order));
        Ok(())
    }

    /// When something is sent again that has no answer, or comes that was put off.
    fn next_due(&self) -> Result<Option<Timestamp>, Violation> {
        let mut due: Vec<Option<Timestamp>> = vec![self.sight.next_due()];
        let stores = &self.evidence.stores;
        due.push(at_once(stores.hd4res.outbox().next_due())?);
        for stores in stores.hospitals.values() {
            due.push(at_once(stores.hd4dp.next_due())?);
        }
        let now = self.clock.now();
        Ok(due.into_iter().flatten().filter(|due| *due > now).min())
    }

    /// So much real time passes.
    pub(super) fn wait_a_moment(&mut self, time: Duration) -> Result<(), Violation> {
        let until = SystemClock.now().plus(time);
        loop {
            self.attend()?;
            let left = until.since(SystemClock.now());
            if left.is_zero() {
                return Ok(());
            }
            self.sleep(left.min(LOOK_EVERY));
        }
    }

    fn sleep(&self, time: Duration) {
        self.runtime.block_on(clock::sleep(&SystemClock, time));
    }

    /// What changes whenever anybody does something.
    fn pulse(&self) -> u64 {
        self.heard + self.proxies.values().map(|proxy| proxy.frames()).sum::<u64>()
    }

    /// Everything happens that can happen at the present moment.
    fn settle(&mut self) -> Result<Stillness, Violation> {
        let begun = SystemClock.now();
        let (mut pulse, mut since) = (self.pulse(), begun);
        let mut rest: Option<bool> = None;
        loop {
            self.attend()?;
            let (now, beat) = (SystemClock.now(), self.pulse());
            if beat != pulse || self.is_starting() {
                (pulse, since, rest) = (beat, now, None);
            }
            let quiet = now.since(since);
            if quiet >= QUIET_AT_REST && rest.is_none() && !self.is_away {
                rest = Some(self.is_at_rest());
            }
            if rest == Some(true) && !self.is_away {
                return Ok(Stillness::AtRest);
            }
            let long = now.since(begun);
            let is_quiet = quiet >= if self.is_obeying() { 2 * QUIET } else { QUIET };
            if is_quiet || (long >= RESTLESS && !self.is_starting()) {
                return Ok(Stillness::Waiting);
            }
            if long >= START_DEADLINE {
                let late =
                    self.running.iter().filter(|(_, process)| !process.is_ready).map(|(service, _)| format!("{service:?}"));
                let late: Vec<String> = late.collect();
                return Err(Violation::new(format!("{} did not start in {} s", late.join(", "), START_DEADLINE.as_secs())));
            }
            self.sleep(LOOK_EVERY);
        }
    }

    /// Whether nothing is left to do as far as anybody can say; a broker that cannot be asked says nothing.
    fn is_at_rest(&mut self) -> bool {
        let is_everybody_up = Service::ALL.iter().all(|service| self.running.contains_key(service));
        is_everybody_up
            && self.sight.next_due().is_none()
            && self.know_stores().is_ok()
            && self.evidence.unfinished(&BTreeSet::new()).is_ok_and(|unfinished| unfinished.is_empty())
    }

    /// No faults any more, every service runs, and time passes until nothing is left to do.
    ///
    /// # Errors
    ///
    /// A [`Violation`] when something is lost, doubled, out of date or still under way then.
    pub(super) fn come_to_rest_within(&mut self, patience: Duration) -> Result<(), Violation> {
        let runtime = self.runtime.clone();
        runtime.block_on(self.make_everything_well()).map_err(stuck)?;
        self.settle()?;
        self.know_stores()?;
        let given_up = self.evidence.given_up()?;
        let begun = self.clock.now();
        let until = begun.plus(patience);
        loop {
            self.look()?;
            self.know_stores()?;
            let unfinished = self.evidence.unfinished(&given_up)?;
            if unfinished.is_empty() && self.sight.next_due().is_none() {
                self.evidence.check_stores()?;
                return self.evidence.check_at_rest(&given_up);
            }
            if self.clock.now() >= until {
                let minutes = patience.as_secs() / 60;
                return Err(Violation::of("P-24", format!("not at rest in {minutes} minutes: {}", unfinished.join(", "))));
            }
            self.step(Stillness::Waiting, begun, until)?;
            self.settle()?;
        }
    }
}
