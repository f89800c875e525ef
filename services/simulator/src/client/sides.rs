//! The sides of an installation that a caller's tokens open: hospitals, and healthdata's researchers.

use std::sync::Arc;

use topology::Nihdi;
use uuid::Uuid;
use web::Role;

use super::{
    Address, ClientError, Secrets,
    api::{Api, Service},
    connection::{Connection, Manner},
    follow::{Awaited, awaited},
    hospital::{Hospital, Registration},
    research::{self, Research},
    secrets::Held,
};
use crate::commands::life_view::{Both, Side};

/// What a caller has: tokens, addresses, and the hospital that was named.
#[derive(Debug, Clone)]
pub struct SidesPlan {
    /// The tokens.
    pub secrets: Secrets,
    /// Addresses of an installation or of its services.
    pub addresses: Vec<Address>,
    /// The hospital, where the caller names one.
    pub org: Option<Nihdi>,
    /// How to work.
    pub manner: Manner,
}

/// The sides that are open.
#[derive(Debug, Clone, Default)]
pub struct Sides {
    /// The hospitals.
    pub hospitals: Vec<Hospital>,
    /// HD4RES.
    pub research: Option<Research>,
}

/// Which sides a command needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// A hospital; healthdata's view where a token opens it.
    Hospital,
    /// HD4RES, as somebody who may act; the hospital's view where a token opens it.
    Research,
    /// Whatever the tokens open.
    Any,
}

impl SidesPlan {
    /// Finds the APIs of all sides that the tokens open. A side that is not needed and not at the addresses stays closed.
    ///
    /// # Errors
    ///
    /// [`ClientError`], also when no token opens what is needed.
    pub async fn open(&self, needs: Needs) -> Result<Sides, ClientError> {
        let (mut sides, mut elsewhere) = (Sides::default(), None);
        for held in self.secrets.iter() {
            match self.open_side(held, needs, &mut sides).await {
                Err(error) if error.is_elsewhere() => elsewhere = elsewhere.or(Some(error)),
                opened => opened?,
            }
        }
        let (none, is_open) = match needs {
            Needs::Hospital => (NO_HOSPITAL, !sides.hospitals.is_empty()),
            Needs::Research => (NO_RESEARCHER, sides.research.is_some()),
            Needs::Any => (NO_SIDE, !sides.hospitals.is_empty() || sides.research.is_some()),
        };
        if is_open { Ok(sides) } else { Err(elsewhere.unwrap_or(ClientError::NoToken(none))) }
    }

    /// The operator's API, with a token that opens it.
    ///
    /// # Errors
    ///
    /// [`ClientError`], also when no token opens it.
    pub async fn operator(&self) -> Result<Api, ClientError> {
        let of_operator = |held: &&Held| held.role == Some(Role::Operator);
        let alone = |held: &&Held| held.role.is_none();
        let held = self.secrets.iter().find(of_operator).or_else(|| self.secrets.iter().find(alone));
        self.find(held.ok_or(ClientError::NoToken(NO_OPERATOR))?, Service::Operator).await
    }

    /// Finds the data warehouse, where a data validator's token opens it and it is at the addresses.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn open_warehouse(&self) -> Result<Option<Api>, ClientError> {
        for held in self.secrets.iter().filter(|held| held.role == Some(Role::DataValidator)) {
            match self.find(held, Service::Dhw).await {
                Err(error) if error.is_elsewhere() => {}
                found => return found.map(Some),
            }
        }
        Ok(None)
    }

    async fn open_side(&self, held: &Held, needs: Needs, sides: &mut Sides) -> Result<(), ClientError> {
        match side_of(held, needs, self.org) {
            Some(Needs::Hospital) => {
                let nihdi = held.organisation.or(self.org);
                if self.org.is_none_or(|org| nihdi == Some(org)) && is_new(sides, nihdi) {
                    sides.hospitals.push(Hospital { api: self.find(held, Service::Hd4dp(nihdi)).await?, nihdi });
                }
            }
            // Who may act counts more than who may look.
            Some(_) if sides.research.is_none() || held.role == Some(Role::Researcher) => {
                sides.research = Some(Research { api: self.find(held, Service::Hd4res).await? });
            }
            Some(_) | None => {}
        }
        Ok(())
    }

    /// Finds a service at the token's own address, or at the one of the caller's addresses that has it.
    async fn find(&self, held: &Held, service: Service) -> Result<Api, ClientError> {
        let addresses = held.at.as_ref().map_or(self.addresses.as_slice(), std::slice::from_ref);
        let (mut found, mut reason) = (None, None);
        for address in addresses {
            let connection = Arc::new(Connection::new(address.clone(), self.manner.clone())?);
            match Api::find(connection, service, held.secret.clone()).await {
                // Which of two it is for, the secret must not find out by being shown to both.
                Ok(_) if found.is_some() => return Err(ClientError::Ambiguous(service.name())),
                Ok(api) => found = Some(api),
                Err(error) => reason = reason.or(Some(error)),
            }
        }
        found.ok_or_else(|| reason.unwrap_or(ClientError::NoToken(NO_ADDRESS)))
    }
}

const NO_HOSPITAL: &str = "find a token for this: it needs a data provider's of the hospital; with a secret that stands alone, --org names the hospital";
const NO_RESEARCHER: &str = "find a token for this: it needs a researcher's";
const NO_OPERATOR: &str = "find a token for this: it needs an operator's";
const NO_SIDE: &str =
    "find a token for this: it needs a data provider's, a researcher's or one of support, and of the hospital that --org names";
const NO_ADDRESS: &str = "find the installation: --at or PRECISION_AT names its address";

/// Which side a token opens. What a secret that stands alone is for, only the command and the hospital that was named can say.
fn side_of(held: &Held, needs: Needs, org: Option<Nihdi>) -> Option<Needs> {
    match held.role {
        Some(Role::DataProvider) => Some(Needs::Hospital),
        Some(Role::Researcher | Role::Support) => Some(Needs::Research),
        Some(Role::Administrator | Role::DataValidator | Role::DataAnalyst | Role::Operator) => None,
        None if needs == Needs::Any => Some(if org.is_some() { Needs::Hospital } else { Needs::Research }),
        None => Some(needs),
    }
}

fn is_new(sides: &Sides, nihdi: Option<Nihdi>) -> bool {
    sides.hospitals.iter().all(|hospital| hospital.nihdi != nihdi)
}

/// A registration as the open sides show it at one moment.
#[derive(Debug, Clone)]
pub struct Look {
    hospital: Option<(Hospital, Registration)>,
    record: Option<Option<research::Listed>>,
}

impl Look {
    /// What is still awaited.
    #[must_use]
    pub fn awaited(&self) -> Option<Awaited> {
        let hospital = self.hospital.as_ref().map(|(_, registration)| registration.standing());
        awaited(hospital, self.record.as_ref().map(|record| record.as_ref().map(research::Listed::standing)))
    }
}

impl Sides {
    /// The hospital that has a registration, and the registration as it stands there.
    ///
    /// # Errors
    ///
    /// [`ClientError`], also when none of the open hospitals has it.
    pub async fn at_hospital(&self, id: Uuid) -> Result<(&Hospital, Registration), ClientError> {
        let (last, others) = self.hospitals.split_last().ok_or(ClientError::NoToken(NO_HOSPITAL))?;
        for hospital in others {
            if let Some(registration) = hospital.find(id).await? {
                return Ok((hospital, registration));
            }
        }
        Ok((last, last.registration(id).await?))
    }

    /// Looks at a registration from all open sides.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; a registration that no side has is unknown.
    pub async fn look(&self, id: Uuid) -> Result<Look, ClientError> {
        let record = match &self.research {
            Some(research) => Some(research.find(id).await?),
            None => None,
        };
        let hospital = match self.at_hospital(id).await {
            Ok((hospital, registration)) => Some((hospital.clone(), registration)),
            // healthdata may have it of a hospital that no token is of.
            Err(ClientError::NoToken(_)) => None,
            Err(error) if error.is("UNKNOWN_REGISTRATION") && matches!(record, Some(Some(_))) => None,
            Err(error) => return Err(error),
        };
        Ok(Look { hospital, record })
    }

    /// All that the open sides show of a registration.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; a record that nobody has is unknown.
    pub async fn view(&self, id: Uuid, Look { hospital, record }: Look) -> Result<Both, ClientError> {
        let record_register = record.iter().flatten().map(|record| record.register.clone()).next();
        let register = hospital.as_ref().map(|(_, registration)| registration.register.clone());
        let healthdata = match (&self.research, &record) {
            (Some(research), Some(Some(listed))) => Side::Has(research.view(listed).await?),
            (Some(_), _) => Side::Nothing,
            (None, _) => Side::NotAsked,
        };
        Ok(Both {
            registration: id.to_string(),
            dcd: register.or(record_register).ok_or(ClientError::UnknownRecord)?,
            hospital: hospital.map_or(Side::NotAsked, |(hospital, registration)| Side::Has(registration.view(hospital.nihdi))),
            healthdata,
        })
    }
}
