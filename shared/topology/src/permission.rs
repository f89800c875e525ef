use crate::{Actor, Arrow, Nihdi, User, Vhost, Zone};

/// What one user may do on one broker.
///
/// A user writes to the exchanges that it feeds and to the dead exchanges of the queues that it reads, and reads its own queues. Nobody
/// may configure anything, and nobody may use the default exchange, whose name in permissions is `amq.default`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    user: User,
    vhost: Vhost,
    write: Vec<String>,
    read: Vec<String>,
}

impl Permission {
    pub(crate) fn all(hospitals: &[Nihdi]) -> Vec<Self> {
        let mut all = Vec::new();
        for actor in Actor::ALL {
            let owners: Vec<Option<&Nihdi>> =
                if actor.per_hospital() { hospitals.iter().map(Some).collect() } else { vec![None] };
            for owner in owners {
                let user = actor.user(owner);
                all.extend(vhosts(actor, owner).into_iter().map(|vhost| Self::of(user, vhost)));
            }
        }
        all
    }

    fn of(user: User, vhost: Vhost) -> Self {
        let zone = match vhost {
            Vhost::Hospital(_) => Zone::Hospital,
            Vhost::EHealth => Zone::EHealth,
            Vhost::Hd => Zone::Hd,
        };
        let (mut write, mut read) = (Vec::new(), Vec::new());
        for arrow in Arrow::ALL.into_iter().filter(|arrow| arrow.zone() == zone) {
            if arrow.from() == user.actor() {
                write.push(arrow.exchange().to_owned());
            }
            if arrow.to() == user.actor() {
                read.push(arrow.queue(user.nihdi()).to_string());
                write.push(arrow.dead_route(user.nihdi()).exchange);
            }
        }
        Self { user, vhost, write, read }
    }

    /// Whose permission it is.
    #[must_use]
    pub fn user(&self) -> &User {
        &self.user
    }

    /// On which broker.
    #[must_use]
    pub fn vhost(&self) -> &Vhost {
        &self.vhost
    }

    /// Whether the user may publish to this exchange.
    #[must_use]
    pub fn may_write(&self, vhost: &Vhost, exchange: &str) -> bool {
        self.vhost == *vhost && self.write.iter().any(|name| name == exchange)
    }

    /// Whether the user may consume from this queue.
    #[must_use]
    pub fn may_read(&self, vhost: &Vhost, queue: &str) -> bool {
        self.vhost == *vhost && self.read.iter().any(|name| name == queue)
    }

    /// The pattern of what may be declared, deleted or bound: nothing.
    #[must_use]
    pub fn configure_pattern(&self) -> String {
        pattern(&[])
    }

    /// The pattern of exchanges that may be written to.
    #[must_use]
    pub fn write_pattern(&self) -> String {
        pattern(&self.write)
    }

    /// The pattern of queues that may be read.
    #[must_use]
    pub fn read_pattern(&self) -> String {
        pattern(&self.read)
    }
}

/// A RabbitMQ permission pattern (an Erlang regular expression, not anchored by itself) for exactly these names.
fn pattern(names: &[String]) -> String {
    let escaped: Vec<_> = names.iter().map(|name| name.replace('.', "\\.")).collect();
    match escaped.as_slice() {
        // The pattern that RabbitMQ documents for "nothing".
        [] => "^$".to_owned(),
        names => format!("^({})$", names.join("|")),
    }
}

fn vhosts(actor: Actor, owner: Option<&Nihdi>) -> Vec<Vhost> {
    let mut vhosts: Vec<_> = Arrow::ALL
        .into_iter()
        .filter(|arrow| arrow.from() == actor || arrow.to() == actor)
        .filter_map(|arrow| match arrow.zone() {
            Zone::Hospital => owner.copied().map(Vhost::Hospital),
            Zone::EHealth => Some(Vhost::EHealth),
            Zone::Hd => Some(Vhost::Hd),
        })
        .collect();
    vhosts.sort_unstable();
    vhosts.dedup();
    vhosts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Topology;

    fn topology() -> Topology {
        Topology::for_hospitals(&["71000012".parse().unwrap(), "71000111".parse().unwrap()])
    }

    #[test]
    fn patterns_name_whole_names() {
        let own = topology();
        let client = own
            .permissions()
            .iter()
            .find(|own| own.user().to_string() == "ehbox-hco-71000012" && *own.vhost() == Vhost::EHealth)
            .unwrap();
        assert_eq!(client.configure_pattern(), "^$");
        assert_eq!(client.write_pattern(), r"^(step-4|dead\.hco\.71000012\.in)$");
        assert_eq!(client.read_pattern(), r"^(hco\.71000012\.in)$");
    }

    /// The dot is the only character of a name that means something in a pattern.
    #[test]
    fn names_hold_nothing_else_that_a_pattern_would_read() {
        for own in topology().permissions() {
            for name in own.write.iter().chain(&own.read) {
                assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.'), "{name}");
            }
        }
    }

    #[test]
    fn every_queue_has_exactly_one_reader_and_every_exchange_a_writer() {
        let topology = topology();
        for queue in topology.queues() {
            let readers = topology.permissions().iter().filter(|own| own.may_read(&queue.vhost, queue.name.as_str())).count();
            assert_eq!(readers, usize::from(queue.dead.is_some()), "{}", queue.name);
        }
        for exchange in topology.exchanges() {
            assert!(topology.permissions().iter().any(|own| own.may_write(&exchange.vhost, &exchange.name)), "{}", exchange.name);
        }
    }

    /// A hospital's accounts name no other hospital, on no broker.
    #[test]
    fn a_hospitals_accounts_name_no_other_hospital() {
        for own in topology().permissions() {
            let Some(nihdi) = own.user().nihdi() else { continue };
            let other = if nihdi.as_str() == "71000012" { "71000111" } else { "71000012" };
            assert!(!format!("{own:?}").contains(other));
            assert_ne!(*own.vhost(), Vhost::Hd);
        }
    }

    #[test]
    fn messaging_clients_connect_to_two_brokers_and_everyone_else_to_one() {
        let topology = topology();
        for user in topology.users() {
            let count = topology.permissions().iter().filter(|own| *own.user() == user).count();
            let expected = if matches!(user.actor(), Actor::EhboxHco | Actor::EhboxHd) { 2 } else { 1 };
            assert_eq!(count, expected, "{user}");
        }
    }
}
