//! All services of an installation, put together.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use broker::Broker;
use dcd::Definitions;
use dhw::{Dhw, DhwParts, Registers};
use ehbox_hco::EhboxHco;
use ehbox_hd::EhboxHd;
use ehealth_ttp::EhealthTtp;
use envelope::{NameError, Source};
use hd4dp::Hd4dp;
use hd4res::Hd4res;
use host::{Context, Work};
use identifying::{SharedHospitalKey, TagKey};
use pseudonymisation::PseudonymisationError;
use registration::CodeKey;
use sealing::keys::HospitalSecrets;
use store::StoreError;
use topology::{Actor, Arrow, Nihdi, QueueName, Zone};

use crate::{faults::Switchboard, keys::AllKeys, own_part::LeftOut, stores::Stores};

/// Why an installation cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum InstallationError {
    /// A store does not open.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The TTP's keys cannot be used.
    #[error("use the TTP's keys")]
    Keys(#[from] PseudonymisationError),
    /// A hospital has no keys.
    #[error("find the keys of hospital {0}")]
    NoKeys(Nihdi),
    /// A service's name is none.
    #[error(transparent)]
    Name(#[from] NameError),
}

/// The brokers of the three zones. One broker may play all of them.
#[derive(Clone)]
pub struct Zones {
    /// Of each hospital.
    pub hospital: Arc<dyn Broker>,
    /// eHealth's.
    pub ehealth: Arc<dyn Broker>,
    /// healthdata's.
    pub hd: Arc<dyn Broker>,
}

impl Zones {
    /// The broker that an arrow is on.
    #[must_use]
    pub fn of(&self, arrow: Arrow) -> &Arc<dyn Broker> {
        self.broker(arrow.zone())
    }

    /// One broker for all zones: for a single process, and for tests.
    #[must_use]
    pub fn all_on(broker: &Arc<dyn Broker>) -> Self {
        Self { hospital: Arc::clone(broker), ehealth: Arc::clone(broker), hd: Arc::clone(broker) }
    }

    /// Each zone's broker as `change` makes it.
    #[must_use]
    pub fn map(&self, change: impl Fn(Zone, &Arc<dyn Broker>) -> Arc<dyn Broker>) -> Self {
        Self {
            hospital: change(Zone::Hospital, &self.hospital),
            ehealth: change(Zone::EHealth, &self.ehealth),
            hd: change(Zone::Hd, &self.hd),
        }
    }

    /// The broker of a zone.
    #[must_use]
    pub const fn broker(&self, zone: Zone) -> &Arc<dyn Broker> {
        match zone {
            Zone::Hospital => &self.hospital,
            Zone::EHealth => &self.ehealth,
            Zone::Hd => &self.hd,
        }
    }
}

/// How the services are to work.
#[derive(Debug, Clone, Copy)]
pub struct Tuning {
    /// Items of a publication at most.
    pub publication_size: usize,
    /// Registrations per hospital that may wait for an answer before the next are sent.
    pub window: u64,
    /// Distinct patients per sender and day at the TTP; `None` lifts the limit.
    pub quota: Option<u32>,
    /// Days for which each party keeps its itinerary; `None` keeps it for good.
    pub itinerary_days: Option<u32>,
    /// Between two looks for renewed keys; `None` looks only when something does not open.
    pub look_for_keys_every: Option<Duration>,
}

impl Default for Tuning {
    fn default() -> Self {
        let look_for_keys_every = Some(host::watch::LOOK_FOR_KEYS_EVERY);
        Self { publication_size: 1_000, window: 6_000, quota: None, itinerary_days: None, look_for_keys_every }
    }
}

/// What an installation is made of.
pub struct Plan<'a> {
    /// The hospitals.
    pub hospitals: &'a [Nihdi],
    /// Time, chance and probes.
    pub context: Context,
    /// The brokers.
    pub zones: Zones,
    /// The stores.
    pub stores: Stores,
    /// The keys.
    pub keys: &'a AllKeys,
    /// The registers.
    pub definitions: Arc<Definitions>,
    /// How the services are to work.
    pub tuning: Tuning,
}

/// An installation: every service, not yet running.
pub struct Installation {
    /// HD4DP of each hospital.
    pub hd4dp: BTreeMap<Nihdi, Arc<Hd4dp>>,
    /// HD4RES.
    pub hd4res: Arc<Hd4res>,
    /// healthdata's messaging client.
    pub ehbox_hd: Arc<EhboxHd>,
    /// The data warehouse.
    pub dhw: Arc<Dhw>,
    /// The stores.
    pub stores: Stores,
    /// The brokers.
    pub zones: Zones,
    /// The hospitals, also those whose HD4DP is left to another part.
    pub hospitals: Vec<Nihdi>,
    /// What is left to other parts.
    pub left_out: LeftOut,
    /// Everything that runs, with the service that it belongs to.
    pub works: Vec<(String, Work)>,
    /// What goes wrong on demand; nothing does unless somebody asked for it at the start.
    pub faults: Option<Arc<Switchboard>>,
}

/// Time, chance, probes and brokers of one service.
#[derive(Clone)]
pub struct Surroundings {
    /// Time, chance and probes.
    pub context: Context,
    /// The brokers.
    pub zones: Zones,
}

/// Gives a service, by its name, its surroundings.
pub type Around<'a> = dyn Fn(&str) -> Surroundings + Sync + 'a;

/// A hospital's secrets as its HD4DP uses them.
#[must_use]
pub fn secrets(keys: &HospitalSecrets) -> hd4dp::prepare::Secrets {
    hd4dp::prepare::Secrets {
        tag: TagKey::new(*keys.tag_key.bytes()),
        generated_id: SharedHospitalKey::new(*keys.generated_id_key.bytes()),
        code: CodeKey::new(*keys.code_key.bytes()),
    }
}

impl Installation {
    /// Puts all services together.
    ///
    /// # Errors
    ///
    /// [`InstallationError`].
    pub async fn new(plan: Plan<'_>) -> Result<Self, InstallationError> {
        let (context, zones) = (plan.context.clone(), plan.zones.clone());
        Self::surrounded(plan, &move |_| Surroundings { context: context.clone(), zones: zones.clone() }).await
    }

    /// Puts all services together, each by its name in surroundings of its own.
    ///
    /// # Errors
    ///
    /// [`InstallationError`].
    pub async fn surrounded(plan: Plan<'_>, around: &Around<'_>) -> Result<Self, InstallationError> {
        let mut installation = Self::of_healthdata(&plan, around)?;
        for nihdi in plan.hospitals {
            installation.add_hospital(&plan, *nihdi, around).await?;
        }
        Ok(installation)
    }

    /// The services outside the hospitals.
    fn of_healthdata(plan: &Plan<'_>, around: &Around<'_>) -> Result<Self, InstallationError> {
        let (zones, stores) = (&plan.zones, &plan.stores);
        let of_ttp = around(ehealth_ttp::SERVICE);
        let ttp = EhealthTtp::new(ehealth_ttp::Parts {
            source: ehealth_ttp::SERVICE.parse()?,
            context: of_ttp.context,
            ehealth: of_ttp.zones.ehealth,
            store: Arc::clone(&stores.ttp),
            keys: Arc::clone(&plan.keys.ttp),
            quota: plan.tuning.quota,
        })?;
        let of_client = around(ehbox_hd::SERVICE);
        let ehbox_hd = Arc::new(EhboxHd::new(ehbox_hd::Parts {
            source: ehbox_hd::SERVICE.parse()?,
            context: of_client.context,
            ehealth: of_client.zones.ehealth,
            hd: of_client.zones.hd,
            store: Arc::clone(&stores.ehbox_hd),
            definitions: Arc::clone(&plan.definitions),
            keys: Arc::clone(&plan.keys.hd),
        }));
        let of_hd4res = around(hd4res::SERVICE);
        let hd4res = Hd4res::new(hd4res::Parts {
            source: hd4res::SERVICE.parse()?,
            context: of_hd4res.context,
            hd: of_hd4res.zones.hd,
            store: Arc::clone(&stores.hd4res),
            definitions: Arc::clone(&plan.definitions),
        });
        let of_dhw = around(dhw::service::SERVICE);
        let dhw = Dhw::new(DhwParts {
            context: of_dhw.context,
            broker: of_dhw.zones.hd,
            store: Arc::clone(&stores.dhw),
            definitions: Arc::clone(&plan.definitions),
        });
        let mut works = Vec::new();
        let mut add = |service: &str, of_service: Vec<Work>| {
            works.extend(of_service.into_iter().map(|work| (service.to_owned(), work)));
        };
        let watching = plan.tuning.look_for_keys_every;
        let days = plan.tuning.itinerary_days;
        add(ehealth_ttp::SERVICE, days.map(|days| ttp.forgetting(days)).into_iter().collect());
        add(ehbox_hd::SERVICE, days.map(|days| ehbox_hd.forgetting(days)).into_iter().collect());
        add(hd4res::SERVICE, days.map(|days| hd4res.forgetting(days)).into_iter().collect());
        add(dhw::service::SERVICE, days.map(|days| dhw.forgetting(days)).into_iter().collect());
        add(ehealth_ttp::SERVICE, ttp.works());
        add(ehealth_ttp::SERVICE, watching.map(|every| ttp.watching_keys(every)).into_iter().collect());
        add(ehbox_hd::SERVICE, ehbox_hd.works());
        add(ehbox_hd::SERVICE, watching.map(|every| ehbox_hd.watching_keys(every)).into_iter().collect());
        add(hd4res::SERVICE, hd4res.works());
        add(dhw::service::SERVICE, dhw.works());
        Ok(Self {
            hd4dp: BTreeMap::new(),
            hd4res,
            ehbox_hd,
            dhw,
            stores: stores.clone(),
            zones: zones.clone(),
            hospitals: plan.hospitals.to_vec(),
            left_out: LeftOut::default(),
            works,
            faults: None,
        })
    }

    /// Leaves services to other parts: their works are not started, and a hospital's HD4DP is not offered.
    #[must_use]
    pub fn without(mut self, left_out: &LeftOut) -> Self {
        self.works.retain(|(service, _)| !left_out.has_name(service));
        self.hd4dp.retain(|hospital, _| !left_out.has(Actor::Hd4dp, Some(hospital)));
        self.left_out = left_out.clone();
        self
    }

    async fn add_hospital(&mut self, plan: &Plan<'_>, nihdi: Nihdi, around: &Around<'_>) -> Result<(), InstallationError> {
        let (of_hd4dp, of_client) = plan.keys.hospitals.get(&nihdi).ok_or(InstallationError::NoKeys(nihdi))?;
        let stores = self.stores.hospitals.get(&nihdi).ok_or(InstallationError::NoKeys(nihdi))?;
        let source = |service: &str| format!("{service}-{nihdi}").parse::<Source>();
        let of_application = around(source(hd4dp::SERVICE)?.as_str());
        let hd4dp = Hd4dp::new(hd4dp::Parts {
            nihdi,
            source: source(hd4dp::SERVICE)?,
            context: of_application.context,
            broker: of_application.zones.hospital,
            store: Arc::clone(&stores.hd4dp),
            definitions: Arc::clone(&plan.definitions),
            secrets: secrets(of_hd4dp),
            publication_size: plan.tuning.publication_size,
            window: plan.tuning.window,
        })
        .await?;
        let around_client = around(source(ehbox_hco::SERVICE)?.as_str());
        let client = EhboxHco::new(ehbox_hco::Parts {
            nihdi,
            source: source(ehbox_hco::SERVICE)?,
            context: around_client.context,
            hospital: around_client.zones.hospital,
            ehealth: around_client.zones.ehealth,
            itinerary: Arc::clone(&stores.ehbox_hco),
            keys: Arc::clone(of_client),
        });
        let days = plan.tuning.itinerary_days;
        let forgetting = days.map(|days| hd4dp.forgetting(days));
        let works = hd4dp.works().into_iter().chain(forgetting).map(|work| (source(hd4dp::SERVICE), work));
        let watching = plan.tuning.look_for_keys_every.map(|every| client.watching_keys(every));
        let beside = watching.into_iter().chain(days.map(|days| client.forgetting(days)));
        let works = works.chain(client.works().into_iter().chain(beside).map(|work| (source(ehbox_hco::SERVICE), work)));
        for (service, work) in works {
            self.works.push((service?.to_string(), work));
        }
        self.hd4dp.insert(nihdi, hd4dp);
        Ok(())
    }

    /// The registers that the data warehouse knows.
    #[must_use]
    pub fn registers(&self) -> &Registers {
        self.dhw.registers()
    }
}

/// The working queues in the order of the flow, forward and back, with the zone's broker that each stands on.
#[must_use]
pub fn queues(zones: &Zones, hospitals: impl IntoIterator<Item = Nihdi> + Clone) -> Vec<(QueueName, Arc<dyn Broker>)> {
    let mut queues = Vec::new();
    for arrow in Arrow::ALL {
        let broker = zones.of(arrow);
        if arrow.per_hospital() {
            queues.extend(hospitals.clone().into_iter().map(|nihdi| (arrow.queue(Some(&nihdi)), Arc::clone(broker))));
        } else {
            queues.push((arrow.queue(None), Arc::clone(broker)));
        }
    }
    queues
}
