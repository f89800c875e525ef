//! Services that a tester's own parts stand in for, and what such a part must know of its neighbours.

use std::{collections::BTreeSet, fmt::Write as _, path::Path, str::FromStr};

use topology::{Actor, Arrow, Naming, Nihdi, User};

/// A service as it is named on the command line: of every hospital where each has one and none is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service {
    /// Which of the six.
    pub actor: Actor,
    /// Of which hospital alone.
    pub hospital: Option<Nihdi>,
}

impl FromStr for Service {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(actor) = Actor::ALL.into_iter().find(|actor| actor.as_str() == text) {
            return Ok(Self { actor, hospital: None });
        }
        let of_hospital = |actor: Actor| {
            let digits = text.strip_prefix(actor.as_str())?.strip_prefix('-')?;
            Some(Self { actor, hospital: Some(digits.parse().ok()?) })
        };
        let found = Actor::ALL.into_iter().filter(|actor| actor.per_hospital()).find_map(of_hospital);
        found.ok_or_else(|| {
            let names: Vec<&str> = Actor::ALL.into_iter().map(Actor::as_str).collect();
            format!("expected one of {}, the first two also with a hospital's number, as ehbox-hco-00000196", names.join(", "))
        })
    }
}

/// The services that an installation does not run itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut(BTreeSet<User>);

impl LeftOut {
    /// These services of an installation with these hospitals.
    ///
    /// # Errors
    ///
    /// A service of a hospital that the installation does not have, as a sentence.
    pub fn new(services: &[Service], hospitals: &[Nihdi]) -> Result<Self, String> {
        let mut users = BTreeSet::new();
        for Service { actor, hospital } in services {
            if let Some(unknown) = hospital.filter(|one| !hospitals.contains(one)) {
                return Err(format!("leave out {actor}-{unknown}: that hospital is not served"));
            }
            match hospital {
                Some(one) => drop(users.insert(actor.user(Some(one)))),
                None if actor.per_hospital() => users.extend(hospitals.iter().map(|one| actor.user(Some(one)))),
                None => drop(users.insert(actor.user(None))),
            }
        }
        Ok(Self(users))
    }

    /// Whether nothing is left out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this service is left out; a hospital's by its hospital.
    #[must_use]
    pub fn has(&self, actor: Actor, hospital: Option<&Nihdi>) -> bool {
        self.0.contains(&actor.user(hospital))
    }

    /// Whether the service of this name is left out, such as `ehbox-hco-00000196`.
    #[must_use]
    pub fn has_name(&self, name: &str) -> bool {
        self.0.iter().any(|user| user.to_string() == name)
    }

    /// The services.
    pub fn services(&self) -> impl Iterator<Item = &User> {
        self.0.iter()
    }
}

/// What the maker of a part must know: the queues that it reads, where it publishes, and where its keys lie.
#[must_use]
pub fn instructions(part: &User, hospitals: &[Nihdi], naming: &Naming, keys: &Path) -> String {
    let mut text = format!("{part} is left to another part:\n");
    // Writing to a text does not fail.
    for arrow in Arrow::ALL.into_iter().filter(|arrow| arrow.to() == part.actor()) {
        let (queue, dead) = (naming.queue(&arrow.queue(part.nihdi())), arrow.dead_route(part.nihdi()));
        let exchange = naming.exchange(&dead.exchange);
        let _ = writeln!(text, "  reads queue {queue} (step {}, from {})", arrow.step(), arrow.from());
        let _ = writeln!(text, "    sets items aside at exchange {exchange}, routing key {}", dead.routing_key);
    }
    for arrow in Arrow::ALL.into_iter().filter(|arrow| arrow.from() == part.actor()) {
        let all: Vec<Option<&Nihdi>> = match (arrow.per_hospital(), part.nihdi()) {
            (false, _) => vec![None],
            (true, Some(own)) => vec![Some(own)],
            (true, None) => hospitals.iter().map(Some).collect(),
        };
        for hospital in all {
            let route = arrow.route(hospital);
            let exchange = naming.exchange(&route.exchange);
            let _ = writeln!(
                text,
                "  feeds exchange {exchange}, routing key {} (step {}, to {})",
                route.routing_key,
                arrow.step(),
                arrow.to()
            );
        }
    }
    let own = keys.join(part.to_string());
    if matches!(part.actor(), Actor::Hd4res | Actor::Dhw) {
        let _ = write!(text, "  needs no keys");
    } else {
        let _ =
            write!(text, "  keys: its own in {}, everybody's public ones in {}", own.display(), keys.join("public").display());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hospitals() -> Vec<Nihdi> {
        ["00000196", "00000295"].map(|digits| digits.parse().unwrap()).to_vec()
    }

    fn left_out(names: &[&str]) -> Result<LeftOut, String> {
        let services: Vec<Service> = names.iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
        LeftOut::new(&services, &hospitals())
    }

    #[test]
    fn a_hospitals_service_is_left_out_everywhere_or_at_one() {
        let [first, second] = [&hospitals()[0], &hospitals()[1]];
        let all = left_out(&["ehbox-hco"]).unwrap();
        assert!(all.has(Actor::EhboxHco, Some(first)) && all.has(Actor::EhboxHco, Some(second)));
        let one = left_out(&["ehbox-hco-00000196"]).unwrap();
        assert!(one.has(Actor::EhboxHco, Some(first)) && !one.has(Actor::EhboxHco, Some(second)));
        assert!(one.has_name("ehbox-hco-00000196") && !one.has_name("hd4dp-00000196"));
        assert!(left_out(&[]).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_service_is_refused() {
        for name in ["", "ttp", "ehealth-ttp-00000196", "ehbox-hco-", "ehbox-hco-1", "ehbox-hco-99999999"] {
            assert!(left_out(&[name]).is_err(), "{name}");
        }
    }

    /// Every queue that the service reads and every exchange that it feeds, as the topology has them.
    #[test]
    fn the_instructions_name_the_ttps_queues_under_the_prefix() {
        let text = instructions(&Actor::EhealthTtp.user(None), &hospitals(), &Naming::prefixed("p"), Path::new("keys"));
        for line in [
            "reads queue p.ttp.in (step 4, from ehbox-hco)",
            "sets items aside at exchange p.dead.ttp.in, routing key ttp.in.dead",
            "feeds exchange p.step-5, routing key hd.in (step 5, to ehbox-hd)",
            "feeds exchange p.step-4-back, routing key hco.00000295.in (step 4 back, to ehbox-hco)",
            "its own in keys/ehealth-ttp, everybody's public ones in keys/public",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
