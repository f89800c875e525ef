use std::fmt;

use crate::{Nihdi, Zone};

/// One of the six services of the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Actor {
    /// HD4DP, at the hospital.
    Hd4dp,
    /// The hospital's eHBox messaging client (HCO UM/EM).
    EhboxHco,
    /// The eHealth TTP.
    EhealthTtp,
    /// healthdata's eHBox messaging client (HD UM/EM).
    EhboxHd,
    /// HD4RES, at healthdata.
    Hd4res,
    /// The validation environment on healthdata's data warehouse.
    Dhw,
}

impl Actor {
    /// All six, in the order of the flow.
    pub const ALL: [Self; 6] = [Self::Hd4dp, Self::EhboxHco, Self::EhealthTtp, Self::EhboxHd, Self::Hd4res, Self::Dhw];

    /// The service's name, as its crate is called.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hd4dp => "hd4dp",
            Self::EhboxHco => "ehbox-hco",
            Self::EhealthTtp => "ehealth-ttp",
            Self::EhboxHd => "ehbox-hd",
            Self::Hd4res => "hd4res",
            Self::Dhw => "dhw",
        }
    }

    /// The zone of those who run it. It may be connected to the broker of another.
    #[must_use]
    pub const fn home(self) -> Zone {
        match self {
            Self::Hd4dp | Self::EhboxHco => Zone::Hospital,
            Self::EhealthTtp => Zone::EHealth,
            Self::EhboxHd | Self::Hd4res | Self::Dhw => Zone::Hd,
        }
    }

    /// Whether every hospital has one of its own.
    #[must_use]
    pub fn per_hospital(self) -> bool {
        matches!(self, Self::Hd4dp | Self::EhboxHco)
    }

    /// This actor as a broker user. `nihdi` counts only where [`Actor::per_hospital`] says so.
    #[must_use]
    pub fn user(self, nihdi: Option<&Nihdi>) -> User {
        User { actor: self, nihdi: nihdi.copied().filter(|_| self.per_hospital()) }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One actor's account on the brokers: `hd4dp-<nihdi>`, `ehealth-ttp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct User {
    actor: Actor,
    nihdi: Option<Nihdi>,
}

impl User {
    /// Which service logs in with it.
    #[must_use]
    pub fn actor(&self) -> Actor {
        self.actor
    }

    /// The hospital it belongs to, if it belongs to one.
    #[must_use]
    pub fn nihdi(&self) -> Option<&Nihdi> {
        self.nihdi.as_ref()
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.nihdi {
            Some(nihdi) => write!(f, "{}-{nihdi}", self.actor),
            None => write!(f, "{}", self.actor),
        }
    }
}
