use std::{fmt, str::FromStr};

use crate::{Arrow, Nihdi, Permission, QueueName, Route, User, Zone};

/// A broker of an installation, or the virtual host that stands for it: one per hospital, eHealth, healthdata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Vhost {
    /// One hospital's own.
    Hospital(Nihdi),
    /// eHealth's.
    EHealth,
    /// healthdata's.
    Hd,
}

impl Vhost {
    /// The zone that it belongs to.
    #[must_use]
    pub const fn zone(&self) -> Zone {
        match self {
            Self::Hospital(_) => Zone::Hospital,
            Self::EHealth => Zone::EHealth,
            Self::Hd => Zone::Hd,
        }
    }
}

impl fmt::Display for Vhost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hospital(nihdi) => write!(f, "hospital-{nihdi}"),
            Self::EHealth => f.write_str("ehealth"),
            Self::Hd => f.write_str("hd"),
        }
    }
}

impl FromStr for Vhost {
    type Err = VhostError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text, text.strip_prefix("hospital-")) {
            ("ehealth", _) => Ok(Self::EHealth),
            ("hd", _) => Ok(Self::Hd),
            (_, Some(nihdi)) => nihdi.parse().map(Self::Hospital).map_err(|_| VhostError),
            (_, None) => Err(VhostError),
        }
    }
}

/// A text that names no zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("know the zone: it is hospital- and the 8 digits of a hospital, ehealth or hd")]
pub struct VhostError;

/// A direct, durable exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Where it stands.
    pub vhost: Vhost,
    /// Its name, without prefix.
    pub name: String,
    /// The arrow that it feeds or whose dead letters it takes.
    pub arrow: Arrow,
}

/// What a queue holds at most, and how often it tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Publications; the next one is refused to its publisher (`reject-publish`), never dropped.
    pub messages_max: u64,
    /// Bytes of all publications, likewise.
    pub bytes_max: u64,
    /// Returns before a publication becomes a dead letter: a limit of 3 means 4 deliveries.
    pub delivery_limit: u32,
}

impl Limits {
    /// Of a working queue. Ten deliveries outlast a rolling restart; retries do not count, since they keep the delivery.
    pub const WORK: Self = Self { messages_max: 50_000, bytes_max: 1 << 30, delivery_limit: 9 };

    /// Of a dead-letter queue. Nothing waits behind it, so reading it must never drop anything: RabbitMQ 4 would after 20 deliveries.
    pub const DEAD: Self = Self { messages_max: 100_000, bytes_max: 1 << 30, delivery_limit: 1_000_000 };
}

/// A durable quorum queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Where it stands.
    pub vhost: Vhost,
    /// Its name, without prefix.
    pub name: QueueName,
    /// The arrow that it ends, or whose dead letters it keeps.
    pub arrow: Arrow,
    /// The hospital it belongs to, if it belongs to one.
    pub nihdi: Option<Nihdi>,
    /// What it holds at most.
    pub limits: Limits,
    /// Where publications go that nobody could handle. `None` for a dead-letter queue.
    pub dead: Option<Route>,
}

/// An exchange's route to a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Where both stand.
    pub vhost: Vhost,
    /// From which exchange, by which key.
    pub route: Route,
    /// To which queue.
    pub queue: QueueName,
}

/// The table of [`Arrow`]s, spelled out for a set of hospitals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    exchanges: Vec<Exchange>,
    queues: Vec<Queue>,
    bindings: Vec<Binding>,
    permissions: Vec<Permission>,
}

impl Topology {
    /// Everything that these hospitals, eHealth and healthdata need. A hospital that is named twice counts once.
    #[must_use]
    pub fn for_hospitals(hospitals: &[Nihdi]) -> Self {
        let mut hospitals = hospitals.to_vec();
        hospitals.sort_unstable();
        hospitals.dedup();
        let mut topology =
            Self { exchanges: Vec::new(), queues: Vec::new(), bindings: Vec::new(), permissions: Permission::all(&hospitals) };
        for arrow in Arrow::ALL {
            match arrow.zone() {
                Zone::Hospital => hospitals.iter().for_each(|nihdi| topology.add_exchange(Vhost::Hospital(*nihdi), arrow)),
                Zone::EHealth => topology.add_exchange(Vhost::EHealth, arrow),
                Zone::Hd => topology.add_exchange(Vhost::Hd, arrow),
            }
            if arrow.per_hospital() {
                hospitals.iter().for_each(|nihdi| topology.add_queue(arrow, Some(nihdi)));
            } else {
                topology.add_queue(arrow, None);
            }
        }
        topology
    }

    /// The same with other limits on the working queues.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        for queue in self.queues.iter_mut().filter(|queue| queue.dead.is_some()) {
            queue.limits = limits;
        }
        self
    }

    /// The part of it that stands on this broker.
    #[must_use]
    pub fn within(&self, vhost: &Vhost) -> Self {
        let mut part = self.clone();
        part.exchanges.retain(|exchange| exchange.vhost == *vhost);
        part.queues.retain(|queue| queue.vhost == *vhost);
        part.bindings.retain(|binding| binding.vhost == *vhost);
        part.permissions.retain(|permission| permission.vhost() == vhost);
        part
    }

    /// The part of it that this user publishes to or reads from: what a service looks for when it starts.
    #[must_use]
    pub fn used_by(&self, user: &User) -> Self {
        let mut part = self.clone();
        let own: Vec<_> = self.permissions.iter().filter(|own| own.user() == user).cloned().collect();
        part.exchanges.retain(|exchange| own.iter().any(|own| own.may_write(&exchange.vhost, &exchange.name)));
        part.queues.retain(|queue| own.iter().any(|own| own.may_read(&queue.vhost, queue.name.as_str())));
        part.bindings.retain(|binding| own.iter().any(|own| own.may_write(&binding.vhost, &binding.route.exchange)));
        part.permissions = own;
        part
    }

    /// The exchanges, in the order of the flow.
    #[must_use]
    pub fn exchanges(&self) -> &[Exchange] {
        &self.exchanges
    }

    /// The queues with their dead-letter queues, in the order of the flow.
    #[must_use]
    pub fn queues(&self) -> &[Queue] {
        &self.queues
    }

    /// The bindings of all queues.
    #[must_use]
    pub fn bindings(&self) -> &[Binding] {
        &self.bindings
    }

    /// What every user may do, and nothing else.
    #[must_use]
    pub fn permissions(&self) -> &[Permission] {
        &self.permissions
    }

    /// The brokers that it stands on, without repeats.
    #[must_use]
    pub fn vhosts(&self) -> Vec<Vhost> {
        let mut vhosts: Vec<_> = self.exchanges.iter().map(|exchange| exchange.vhost).collect();
        vhosts.sort_unstable();
        vhosts.dedup();
        vhosts
    }

    /// The users, without repeats.
    #[must_use]
    pub fn users(&self) -> Vec<User> {
        let mut users: Vec<_> = self.permissions.iter().map(|own| *own.user()).collect();
        users.sort_unstable();
        users.dedup();
        users
    }

    fn add_exchange(&mut self, vhost: Vhost, arrow: Arrow) {
        self.exchanges.push(Exchange { vhost, name: arrow.exchange().to_owned(), arrow });
    }

    fn add_queue(&mut self, arrow: Arrow, nihdi: Option<&Nihdi>) {
        let vhost = match (arrow.zone(), nihdi) {
            (Zone::Hospital, Some(nihdi)) => Vhost::Hospital(*nihdi),
            (Zone::Hd, _) => Vhost::Hd,
            // Every arrow of a hospital's zone has a queue per hospital, so `nihdi` is never missing above.
            (Zone::EHealth | Zone::Hospital, _) => Vhost::EHealth,
        };
        let name = arrow.queue(nihdi);
        let dead = arrow.dead_route(nihdi);
        self.exchanges.push(Exchange { vhost, name: dead.exchange.clone(), arrow });
        self.bindings.push(Binding { vhost, route: arrow.route(nihdi), queue: name.clone() });
        self.bindings.push(Binding { vhost, route: dead.clone(), queue: name.dead() });
        // The dead-letter queue goes first: whoever declares in this order never has a queue without its way out.
        self.queues.push(Queue { vhost, name: name.dead(), arrow, nihdi: nihdi.copied(), limits: Limits::DEAD, dead: None });
        self.queues.push(Queue { vhost, name, arrow, nihdi: nihdi.copied(), limits: Limits::WORK, dead: Some(dead) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Actor;

    fn two_hospitals() -> (Nihdi, Nihdi, Topology) {
        let (a, b) = ("71000012".parse().unwrap(), "71000111".parse().unwrap());
        (a, b, Topology::for_hospitals(&[b, a, b]))
    }

    #[test]
    fn a_zone_is_read_as_it_is_written() {
        let (a, _, topology) = two_hospitals();
        for vhost in topology.vhosts() {
            assert_eq!(vhost.to_string().parse(), Ok(vhost));
        }
        assert_eq!("hospital-71000012".parse(), Ok(Vhost::Hospital(a)));
        for wrong in ["", "hospital-", "hospital-7100001", "71000012", "HD"] {
            assert_eq!(wrong.parse::<Vhost>(), Err(VhostError), "{wrong}");
        }
    }

    #[test]
    fn every_working_queue_has_its_dead_letters_beside_it() {
        let (_, _, topology) = two_hospitals();
        // Three arrows per hospital, seven shared, four of re-coding, and as many dead-letter queues.
        assert_eq!(topology.queues().len(), 2 * (3 * 2 + 7 + 4));
        for queue in topology.queues() {
            let Some(dead) = &queue.dead else { continue };
            assert!(topology.exchanges().iter().any(|exchange| exchange.vhost == queue.vhost && exchange.name == dead.exchange));
            let binding = topology.bindings().iter().find(|binding| binding.route == *dead).unwrap();
            assert_eq!((binding.vhost, &binding.queue), (queue.vhost, &queue.name.dead()));
        }
    }

    #[test]
    fn exchanges_and_queues_never_share_a_name() {
        let (_, _, topology) = two_hospitals();
        for exchange in topology.exchanges() {
            assert!(topology.queues().iter().all(|queue| queue.name.as_str() != exchange.name), "{}", exchange.name);
        }
    }

    #[test]
    fn a_hospitals_broker_holds_nothing_of_another() {
        let (a, b, topology) = two_hospitals();
        let part = topology.within(&Vhost::Hospital(a));
        assert_eq!(part.queues().len(), 4);
        assert!(part.queues().iter().all(|queue| queue.nihdi == Some(a)));
        assert!(!format!("{part:?}").contains(b.as_str()));
    }

    #[test]
    fn a_service_looks_for_what_it_uses_only() {
        let (a, _, topology) = two_hospitals();
        let part = topology.used_by(&Actor::EhboxHco.user(Some(&a)));
        let mut queues: Vec<_> = part.queues().iter().map(|queue| queue.name.to_string()).collect();
        queues.sort();
        assert_eq!(queues, ["hco.71000012.in", "hd4dp.71000012.out"]);
        let mut exchanges: Vec<_> = part.exchanges().iter().map(|exchange| exchange.name.as_str()).collect();
        exchanges.sort_unstable();
        assert_eq!(exchanges, ["dead.hco.71000012.in", "dead.hd4dp.71000012.out", "step-3-back", "step-4"]);
    }

    #[test]
    fn other_limits_leave_the_dead_letters_alone() {
        let (_, _, topology) = two_hospitals();
        let limits = Limits { messages_max: 3, bytes_max: 1000, delivery_limit: 1 };
        for queue in topology.with_limits(limits).queues() {
            assert_eq!(queue.limits, if queue.dead.is_some() { limits } else { Limits::DEAD });
        }
    }
}
