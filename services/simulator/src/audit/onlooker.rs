//! Who can look, and at what.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};
use topology::{Actor, Arrow, Nihdi, Zone};

/// A part in the route that sees something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The hospital's registration application, its users and its files.
    Hd4dp,
    /// The hospital's broker.
    HospitalBroker,
    /// The hospital's messaging client.
    EhboxHco,
    /// eHealth's broker.
    EhealthBroker,
    /// The TTP.
    EhealthTtp,
    /// healthdata's messaging client.
    EhboxHd,
    /// healthdata's broker.
    HdBroker,
    /// The research application.
    Hd4res,
    /// The data warehouse.
    Dhw,
    /// Who works with what the data warehouse gives out.
    Researcher,
    /// Who keeps it all running, and reads logs, itineraries, figures and the names of files.
    Operator,
}

impl Role {
    /// All of them, in the order of the flow.
    pub const ALL: [Self; 11] = [
        Self::Hd4dp,
        Self::HospitalBroker,
        Self::EhboxHco,
        Self::EhealthBroker,
        Self::EhealthTtp,
        Self::EhboxHd,
        Self::HdBroker,
        Self::Hd4res,
        Self::Dhw,
        Self::Researcher,
        Self::Operator,
    ];

    /// Its name in reports and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hd4dp => "hd4dp",
            Self::HospitalBroker => "hospital-broker",
            Self::EhboxHco => "ehbox-hco",
            Self::EhealthBroker => "ehealth-broker",
            Self::EhealthTtp => "ehealth-ttp",
            Self::EhboxHd => "ehbox-hd",
            Self::HdBroker => "hd-broker",
            Self::Hd4res => "hd4res",
            Self::Dhw => "dhw",
            Self::Researcher => "researcher",
            Self::Operator => "operator",
        }
    }

    /// Whether it is the hospital's.
    #[must_use]
    pub const fn is_of_hospital(self) -> bool {
        matches!(self, Self::Hd4dp | Self::HospitalBroker | Self::EhboxHco)
    }

    /// Whether it is eHealth's.
    #[must_use]
    pub const fn is_of_ehealth(self) -> bool {
        matches!(self, Self::EhealthBroker | Self::EhealthTtp)
    }

    /// Whether it is healthdata's, researchers among them.
    #[must_use]
    pub const fn is_of_healthdata(self) -> bool {
        matches!(self, Self::EhboxHd | Self::HdBroker | Self::Hd4res | Self::Dhw | Self::Researcher)
    }

    const fn of_actor(actor: Actor) -> Self {
        match actor {
            Actor::Hd4dp => Self::Hd4dp,
            Actor::EhboxHco => Self::EhboxHco,
            Actor::EhealthTtp => Self::EhealthTtp,
            Actor::EhboxHd => Self::EhboxHd,
            Actor::Hd4res => Self::Hd4res,
            Actor::Dhw => Self::Dhw,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Role {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Somebody who sees something: a role, of one hospital where every hospital has its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Onlooker {
    /// The role.
    pub role: Role,
    /// The hospital that it belongs to, where that is known.
    pub hospital: Option<Nihdi>,
}

impl Onlooker {
    /// A role that is nobody's hospital.
    #[must_use]
    pub const fn of(role: Role) -> Self {
        Self { role, hospital: None }
    }

    /// A role of a hospital.
    #[must_use]
    pub const fn at(role: Role, hospital: Nihdi) -> Self {
        Self { role, hospital: Some(hospital) }
    }

    /// The service of an actor.
    #[must_use]
    pub fn service(actor: Actor, hospital: Option<Nihdi>) -> Self {
        Self { role: Role::of_actor(actor), hospital: hospital.filter(|_| actor.per_hospital()) }
    }

    /// Who runs the broker on which an arrow's queue stands.
    #[must_use]
    pub fn broker(arrow: Arrow, hospital: Option<Nihdi>) -> Self {
        match arrow.zone() {
            Zone::Hospital => Self { role: Role::HospitalBroker, hospital },
            Zone::EHealth => Self::of(Role::EhealthBroker),
            Zone::Hd => Self::of(Role::HdBroker),
        }
    }

    /// Whose a store of this name is: `hd4dp-00000196`, `ehealth-ttp`.
    #[must_use]
    pub fn of_store(name: &str) -> Option<Self> {
        name.parse().ok().filter(|own: &Self| {
            matches!(own.role, Role::EhealthTtp | Role::EhboxHd | Role::Hd4res | Role::Dhw) || own.hospital.is_some()
        })
    }
}

impl fmt::Display for Onlooker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hospital {
            Some(hospital) => write!(f, "{}-{hospital}", self.role),
            None => write!(f, "{}", self.role),
        }
    }
}

impl Serialize for Onlooker {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A name that is nobody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected hd4dp, hospital-broker or ehbox-hco (with - and the hospital's 8 digits), ehealth-broker, ehealth-ttp, ehbox-hd, hd-broker, hd4res, dhw, researcher or operator"
)]
pub struct UnknownOnlooker;

impl FromStr for Onlooker {
    type Err = UnknownOnlooker;

    fn from_str(text: &str) -> Result<Self, UnknownOnlooker> {
        if let Some(role) = Role::ALL.into_iter().find(|role| role.as_str() == text) {
            return Ok(Self::of(role));
        }
        let (role, digits) = text.rsplit_once('-').ok_or(UnknownOnlooker)?;
        let role = Role::ALL.into_iter().find(|known| known.as_str() == role && known.is_of_hospital());
        Ok(Self::at(role.ok_or(UnknownOnlooker)?, digits.parse().map_err(|_| UnknownOnlooker)?))
    }
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Medium {
    /// A store, by its rows and by the bytes of its files.
    Store,
    /// A publication, as it stands on a queue.
    Queue,
    /// A publication on a queue of dead letters.
    DeadLetter,
    /// What a party's own keys open.
    Opened,
    /// A file that is given out: reports, the researcher's files.
    Export,
    /// A log, a trace, figures, an incident file: what operators read.
    Record,
    /// The name of a file, folder, queue or table, or a header.
    Name,
}

impl Medium {
    /// Its name in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Queue => "queue",
            Self::DeadLetter => "dead letter",
            Self::Opened => "opened with its own keys",
            Self::Export => "file given out",
            Self::Record => "log or record",
            Self::Name => "name or header",
        }
    }
}

impl fmt::Display for Medium {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_read_back_from_the_name() {
        for name in ["hd4dp-00000196", "hospital-broker-00000196", "ehbox-hco", "ehealth-ttp", "hd-broker", "operator"] {
            assert_eq!(name.parse::<Onlooker>().unwrap().to_string(), name);
        }
        for name in ["", "hd4dp-196", "ehealth-ttp-00000196", "public"] {
            assert!(name.parse::<Onlooker>().is_err(), "{name}");
        }
        assert_eq!(Onlooker::of_store("hd4dp"), None, "a hospital's store has its number");
        assert_eq!(Onlooker::of_store("operator"), None);
    }
}
