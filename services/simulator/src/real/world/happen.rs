//! What happens in a world of processes, one thing at a time.

use std::time::Duration;

use anyhow::Context as _;
use broker::{Broker as _, Payload};
use clock::SystemClock;
use sealing::keys::KeyDirectory;
use topology::Route;

use super::{Given, RealWorld, stuck};
use crate::{
    proxy::{Mode, Proxy},
    real::order::{self, Order},
    simulation::{
        Op, Service, Violation,
        deeds::{Progress, Wish},
        forge,
    },
};

impl RealWorld<'_> {
    /// Lets one thing happen.
    pub(in crate::real) fn apply(&mut self, op: Op) -> Result<(), Violation> {
        let runtime = self.runtime.clone();
        match op {
            Op::Submit { hospital, register, first, count } => self.evidence.bring(hospital, register, first, count, false),
            Op::Change { hospital, register, first, count } => self.evidence.bring(hospital, register, first, count, true),
            Op::Deed { deed, of } => self.evidence.wish_for(Wish { deed, of }),
            Op::Steps(polls) => self.wait_a_moment(Duration::from_millis(polls.into()))?,
            Op::Minutes(minutes) => self.pass(Duration::from_secs(60 * u64::from(minutes)))?,
            Op::Once { arrow, fault } => self.sight.weather.once(arrow, fault),
            Op::Keep { arrow, fault } => self.sight.weather.keep(arrow, fault),
            Op::Calm => self.sight.weather.calm(),
            Op::Slow { service, seconds } => self.sight.weather.slow_down(service, seconds),
            Op::Replay(arrow) => {
                let first = self.evidence.inspector.first(arrow);
                first.map_or(Ok(()), |(route, payload)| self.smuggle(&route, payload))?;
            }
            Op::Guess { hospital, patients } => {
                if let Some((route, payload)) = forge::guesses(&self.evidence, hospital, patients)? {
                    self.evidence.spoiler.note();
                    self.smuggle(&route, payload)?;
                }
            }
            Op::Forge(hospital) => {
                if let Some(forgery) = forge::forgery(&self.evidence, hospital)? {
                    self.evidence.model.forged.insert(forgery.item);
                    self.smuggle(&forgery.route, forgery.payload)?;
                }
            }
            op => runtime.block_on(self.happens(op)).map_err(stuck)?,
        }
        self.look()
    }

    /// What is done to processes, the broker or keys.
    async fn happens(&mut self, op: Op) -> anyhow::Result<()> {
        match op {
            Op::Crash { service, point } => {
                let times = self.traps.entry((service, point)).or_default();
                *times += 1;
                let order = Order::Crash { point: order::point_name(point), times: *times };
                self.tell(service, &order).await;
            }
            Op::Kill(service) if self.running.contains_key(&service) => self.crash(service).await?,
            Op::Down(service) => self.stop(service).await,
            Op::Up(service) if !self.running.contains_key(&service) => self.start(service).await?,
            Op::CutBroker => self.restart_broker().await?,
            Op::BrokerAway => self.send_broker_away().await?,
            Op::BrokerBack => self.bring_broker_back().await?,
            Op::DiskFull(service) | Op::DiskFree(service) => {
                let is_full = matches!(op, Op::DiskFull(_));
                if is_full {
                    self.full.insert(service)
                } else {
                    self.full.remove(&service)
                };
                self.tell(service, &Order::DiskFull(is_full)).await;
            }
            Op::JumpClock { service, minutes } => {
                *self.ahead.entry(service).or_default() += i64::from(minutes);
                self.tell(service, &Order::Jump(minutes.into())).await;
            }
            Op::Rotate => self.evidence.epoch = KeyDirectory::open(&self.place.keys())?.add_epoch()?,
            Op::Recode => {
                let number = self.numbered(Service::EhboxHd, Given::Other(Progress::default()));
                let epoch = self.evidence.epoch;
                self.tell(Service::EhboxHd, &Order::Recode { number, epoch }).await;
            }
            Op::Renew(service) => {
                if let Some(party) = self.evidence.party(service) {
                    KeyDirectory::open(&self.place.keys())?.renew_key_pair(party)?;
                }
            }
            // The table of `made` keeps the rest away.
            _ => {}
        }
        Ok(())
    }

    async fn restart_broker(&mut self) -> anyhow::Result<()> {
        match &self.ground.wanted.control {
            Some(control) => {
                self.ground.control(&control.stop).await?;
                self.ground.control(&control.start).await?;
                self.until_broker_speaks().await
            }
            None => {
                self.proxies.values().for_each(Proxy::reset);
                Ok(())
            }
        }
    }

    async fn send_broker_away(&mut self) -> anyhow::Result<()> {
        if std::mem::replace(&mut self.is_away, true) {
            return Ok(());
        }
        match &self.ground.wanted.control {
            Some(control) => self.ground.control(&control.stop).await?,
            None => self.proxies.values().for_each(|proxy| proxy.set(self.ground.wanted.away.mode())),
        }
        Ok(())
    }

    pub(in crate::real) async fn bring_broker_back(&mut self) -> anyhow::Result<()> {
        if !std::mem::replace(&mut self.is_away, false) {
            return Ok(());
        }
        self.proxies.values().for_each(|proxy| proxy.set(Mode::Open));
        if let Some(control) = &self.ground.wanted.control {
            self.ground.control(&control.start).await?;
            self.until_broker_speaks().await?;
        }
        Ok(())
    }

    /// A broker that was started takes some time, and so does each of its queues.
    async fn until_broker_speaks(&self) -> anyhow::Result<()> {
        let asking = async {
            for queue in self.topology.queues() {
                while self.broker.depth(&queue.name).await.is_err() {
                    clock::sleep(&SystemClock, Duration::from_millis(100)).await;
                }
            }
        };
        let answer = clock::timeout(&SystemClock, Duration::from_secs(120), asking).await;
        answer.context("reach the broker after it was started")
    }

    /// Publishes what no service sends, past all lines.
    pub(in crate::real) fn smuggle(&self, route: &Route, payload: Payload) -> Result<(), Violation> {
        self.runtime.block_on(self.broker.publish(route, payload)).map_err(stuck)
    }

    /// No more faults of anything; everybody runs.
    pub(in crate::real) async fn make_everything_well(&mut self) -> anyhow::Result<()> {
        self.sight.weather.clear();
        let traps = std::mem::take(&mut self.traps);
        for (service, point) in traps.into_keys() {
            self.tell(service, &Order::Crash { point: order::point_name(point), times: 0 }).await;
        }
        for service in std::mem::take(&mut self.full) {
            self.tell(service, &Order::DiskFull(false)).await;
        }
        self.bring_broker_back().await?;
        for service in Service::ALL {
            if !self.running.contains_key(&service) {
                self.start(service).await?;
            }
        }
        Ok(())
    }
}
