//! One service as a process of its own, for a scenario on a real broker. It is put together as its program does it, but for its clock, which is
//! told the time; its probe, which stops where it is to be killed; and its disk, which may be full.

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use anyhow::{Context as _, bail, ensure};
use broker::{Broker, RabbitBroker};
use clock::{OffsetClock, SystemClock};
use dcd::{Definitions, Language};
use dhw::{Dhw, DhwParts, Registers};
use ehbox_hco::EhboxHco;
use ehbox_hd::EhboxHd;
use ehealth_ttp::EhealthTtp;
use futures_util::{
    FutureExt,
    future::{self, BoxFuture},
};
use hd4dp::{
    Hd4dp, opening,
    upload::{CsvFile, upload},
};
use hd4res::Hd4res;
use host::{Chance, Context, Point, Probe, Work, supervise, watch::LOOK_FOR_KEYS_EVERY};
use sealing::keys::{KeyDirectory, Party};
use store::{Company, Database, InDatabase, Location, Schema, SqlItinerary, StoreLock};
use tokio::sync::mpsc;
use topology::{Naming, Nihdi};
use uuid::Uuid;

use super::order::{self, Order, Setup, Word};
use crate::{
    cli::Ended,
    output,
    simulation::{
        Hospital, Register, Service,
        deeds::{self, Progress},
        desk::lock,
        disk::{Disks, OnDisk},
        laboratory,
        ledger::Ledger,
        service_clock::ServiceClock,
    },
};

/// Runs the service that standard input names, until that ends.
///
/// # Errors
///
/// What keeps the service from starting.
pub async fn party() -> anyhow::Result<Ended> {
    host::logging::start(host::logging::LogForm::Json, "info");
    let mut orders = listen();
    let first = orders.recv().await.context("hear what to be: this is for `precision replay --broker`")?;
    let setup: Setup = serde_json::from_str(&first).context("understand what to be")?;
    let service = order::service(&setup.service).context("be a service of that name")?;
    let location = Location::Folder(setup.store.clone());
    let _lock = StoreLock::take(&location, &[service.name()], Company::Alone).await?;
    let parts = Parts::new(setup, service, location)?;
    loop {
        // It must not begin in another time than the others'.
        match order_of(&orders.recv().await.context("hear how things stand")?)? {
            Order::Begin => break,
            order => parts.bear(&order)?,
        }
    }
    let mut party = parts.put_together().await?;
    let works = std::mem::take(&mut party.works);
    tokio::spawn(supervise(works, Arc::new(party.parts.clock.clone()), future::pending()));
    say(&Word::Ready);
    party.obey(&mut orders).await?;
    Ok(Ended::Well)
}

/// The lines of standard input. A thread of its own waits for them; it ends with the process.
fn listen() -> mpsc::UnboundedReceiver<String> {
    let (heard, orders) = mpsc::unbounded_channel();
    thread::spawn(move || {
        for line in io::stdin().lines() {
            let Ok(line) = line else { return };
            if heard.send(line).is_err() {
                return;
            }
        }
    });
    orders
}

fn order_of(line: &str) -> anyhow::Result<Order> {
    serde_json::from_str(line).context("understand an order")
}

fn say(word: &Word) {
    output::say(serde_json::to_string(word).unwrap_or_default());
}

/// Stops where the process is to be killed.
#[derive(Default)]
struct Tripwire(Mutex<BTreeMap<Point, u32>>);

impl Tripwire {
    fn set(&self, point: Point, times: u32) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(point, times);
    }
}

impl Probe for Tripwire {
    fn reach(&self, _service: &str, point: Point) -> Option<BoxFuture<'static, ()>> {
        let mut set = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let times = set.get_mut(&point).filter(|times| **times > 0)?;
        *times -= 1;
        say(&Word::Reached(order::point_name(point)));
        Some(future::pending().boxed())
    }
}

/// What every service is put together from.
struct Parts {
    setup: Setup,
    service: Service,
    location: Location,
    world: OffsetClock,
    clock: ServiceClock<OffsetClock>,
    tripwire: Arc<Tripwire>,
    disks: Disks,
    context: Context,
    broker: Arc<dyn Broker>,
}

/// A service that is put together.
struct Whole {
    parts: Parts,
    works: Vec<Work>,
    hd4dp: Option<Arc<Hd4dp>>,
    hd4res: Option<Arc<Hd4res>>,
    ehbox_hd: Option<Arc<EhboxHd>>,
}

impl Parts {
    fn new(setup: Setup, service: Service, location: Location) -> anyhow::Result<Self> {
        let world = OffsetClock::default();
        let (clock, tripwire) = (ServiceClock::new(&world), Arc::<Tripwire>::default());
        let chance = Chance::from_system().context("draw randomness")?;
        let context =
            Context { clock: Arc::new(clock.clone()), chance: Arc::new(chance), probe: Arc::clone(&tripwire) as Arc<dyn Probe> };
        // The client's deadlines are real time: a jump of the world's would break what is under way.
        let naming = Naming::prefixed(setup.prefix.clone());
        let broker = Arc::new(RabbitBroker::unconnected(&setup.broker, naming, Arc::new(SystemClock))?);
        Ok(Self { setup, service, location, world, clock, tripwire, disks: Disks::default(), context, broker })
    }

    fn nihdi(hospital: Hospital) -> anyhow::Result<Nihdi> {
        laboratory::hospitals()?.get(&hospital).copied().context("find the hospital")
    }

    /// The folder of the party's keys, where nobody else's may be.
    fn keys(&self, party: Party) -> anyhow::Result<KeyDirectory> {
        let keys = KeyDirectory::open(&self.setup.keys)?;
        keys.refuse_foreign(party)?;
        Ok(keys)
    }

    /// How things stand from now on.
    fn bear(&self, order: &Order) -> anyhow::Result<()> {
        match order {
            Order::Time(offset_micros) => self.world.set(*offset_micros),
            Order::Jump(minutes) => self.clock.jump(*minutes),
            Order::Crash { point, times } => {
                self.tripwire.set(order::point(point).context("crash at a point of that name")?, *times);
            }
            Order::DiskFull(true) => self.disks.fill(self.service),
            Order::DiskFull(false) => self.disks.free(self.service),
            Order::Begin | Order::Upload { .. } | Order::Deed { .. } | Order::Recode { .. } => {}
        }
        Ok(())
    }

    async fn put_together(self) -> anyhow::Result<Whole> {
        let mut whole = Whole { parts: self, works: Vec::new(), hd4dp: None, hd4res: None, ehbox_hd: None };
        match whole.parts.service {
            Service::Hd4dp(hospital) => whole.be_hd4dp(Parts::nihdi(hospital)?).await?,
            Service::EhboxHco(hospital) => whole.be_ehbox_hco(Parts::nihdi(hospital)?).await?,
            Service::EhealthTtp => whole.be_ehealth_ttp().await?,
            Service::EhboxHd => whole.be_ehbox_hd().await?,
            Service::Hd4res => whole.be_hd4res().await?,
            Service::Dhw => whole.be_dhw().await?,
        }
        Ok(whole)
    }
}

/// Each as its `main.rs` has it.
impl Whole {
    async fn be_hd4dp(&mut self, nihdi: Nihdi) -> anyhow::Result<()> {
        let (parts, party) = (&self.parts, Party::Hd4dp(nihdi));
        let keys = parts.keys(party)?;
        let definitions = Arc::new(Definitions::built_in()?);
        let store = opening::store(parts.location.clone(), nihdi, &keys.fingerprint(party)?, &definitions).await?;
        let store: Arc<dyn hd4dp::store::Hd4dpStore> = Arc::new(store);
        let hd4dp = Hd4dp::new(hd4dp::Parts {
            nihdi,
            source: parts.service.name().parse()?,
            context: parts.context.clone(),
            broker: Arc::clone(&parts.broker),
            store: OnDisk::new(parts.service, &parts.disks, &store),
            definitions,
            secrets: opening::secrets(&keys.hospital_secrets(&nihdi)?),
            publication_size: parts.setup.publication_size,
            window: parts.setup.window,
        })
        .await?;
        self.works = hd4dp.works();
        self.hd4dp = Some(hd4dp);
        Ok(())
    }

    async fn be_ehbox_hco(&mut self, nihdi: Nihdi) -> anyhow::Result<()> {
        let (parts, party) = (&self.parts, Party::EhboxHco(nihdi));
        let keys = parts.keys(party)?;
        let database = Database::open(&parts.location, &parts.service.name(), Schema { steps: &[] }).await?;
        database.remember_key(&party.to_string(), &keys.fingerprint(party)?).await?;
        let itinerary: Arc<dyn store::Itinerary> = Arc::new(SqlItinerary::new(database));
        let client = EhboxHco::new(ehbox_hco::Parts {
            nihdi,
            source: parts.service.name().parse()?,
            context: parts.context.clone(),
            keys: Arc::new(keys.messaging_in_use(party)?),
            itinerary: OnDisk::new(parts.service, &parts.disks, &itinerary),
            hospital: Arc::clone(&parts.broker),
            ehealth: Arc::clone(&parts.broker),
        });
        self.works = client.works();
        self.works.push(client.watching_keys(LOOK_FOR_KEYS_EVERY));
        Ok(())
    }

    async fn be_ehealth_ttp(&mut self) -> anyhow::Result<()> {
        let (parts, party) = (&self.parts, Party::EhealthTtp);
        let keys = parts.keys(party)?;
        let store = ehealth_ttp::store::SqlStore::open(&parts.location).await?;
        store.database().remember_key(&party.to_string(), &keys.fingerprint(party)?).await?;
        let store: Arc<dyn ehealth_ttp::store::TtpStore> = Arc::new(store);
        let ttp = EhealthTtp::new(ehealth_ttp::Parts {
            source: parts.service.name().parse()?,
            context: parts.context.clone(),
            keys: Arc::new(keys.ttp_in_use()?),
            quota: parts.setup.quota,
            store: OnDisk::new(parts.service, &parts.disks, &store),
            ehealth: Arc::clone(&parts.broker),
        })?;
        self.works = ttp.works();
        self.works.push(ttp.watching_keys(LOOK_FOR_KEYS_EVERY));
        Ok(())
    }

    async fn be_ehbox_hd(&mut self) -> anyhow::Result<()> {
        let (parts, party) = (&self.parts, Party::EhboxHd);
        let keys = parts.keys(party)?;
        let store = ehbox_hd::store::SqlStore::open(&parts.location).await?;
        store.database().remember_key(&party.to_string(), &keys.fingerprint(party)?).await?;
        let store: Arc<dyn ehbox_hd::store::HdStore> = Arc::new(store);
        let client = Arc::new(EhboxHd::new(ehbox_hd::Parts {
            source: parts.service.name().parse()?,
            context: parts.context.clone(),
            keys: Arc::new(keys.messaging_in_use(party)?),
            definitions: Arc::new(Definitions::built_in()?),
            store: OnDisk::new(parts.service, &parts.disks, &store),
            ehealth: Arc::clone(&parts.broker),
            hd: Arc::clone(&parts.broker),
        }));
        self.works = client.works();
        self.works.push(client.watching_keys(LOOK_FOR_KEYS_EVERY));
        self.ehbox_hd = Some(client);
        Ok(())
    }

    async fn be_hd4res(&mut self) -> anyhow::Result<()> {
        let parts = &self.parts;
        let store = Arc::new(hd4res::store::SqlStore::open(&parts.location).await?);
        let hd4res = Hd4res::new(hd4res::Parts {
            source: parts.service.name().parse()?,
            context: parts.context.clone(),
            definitions: Arc::new(Definitions::built_in()?),
            store: Ledger::over(store, &parts.disks),
            hd: Arc::clone(&parts.broker),
        });
        self.works = hd4res.works();
        self.hd4res = Some(hd4res);
        Ok(())
    }

    async fn be_dhw(&mut self) -> anyhow::Result<()> {
        let (parts, definitions) = (&self.parts, Definitions::built_in()?);
        let store = dhw::SqlStore::open(&parts.location, Arc::new(Registers::new(&definitions))).await?;
        let store: Arc<dyn dhw::DhwStore> = Arc::new(store);
        let dhw = Dhw::new(DhwParts {
            context: parts.context.clone(),
            definitions: Arc::new(definitions),
            store: OnDisk::new(parts.service, &parts.disks, &store),
            broker: Arc::clone(&parts.broker),
        });
        self.works = dhw.works();
        Ok(())
    }
}

impl Whole {
    /// Does what it is told, until nobody tells it anything more: then whoever started it is gone.
    async fn obey(&self, orders: &mut mpsc::UnboundedReceiver<String>) -> anyhow::Result<()> {
        while let Some(line) = orders.recv().await {
            match order_of(&line)? {
                Order::Upload { number, register, file } => {
                    let hd4dp = self.hd4dp.clone().context("take in a file, as HD4DP does")?;
                    let (disks, service) = (self.parts.disks.clone(), self.parts.service);
                    tokio::spawn(async move {
                        let taken = take_in(&hd4dp, &register, &file).await;
                        done(number, taken.map(Some), disks.is_full(service));
                    });
                }
                Order::Deed { number, deed, register, registration } => {
                    let work = self.deed(&deed, &register, &registration)?;
                    tokio::spawn(async move { done(number, work.await.map(|()| None), false) });
                }
                Order::Recode { number, epoch } => {
                    let client = self.ehbox_hd.clone().context("have pseudonyms re-coded, as ehbox-hd does")?;
                    tokio::spawn(async move {
                        let begun = client.recode_to(ehealth_ttp::DOMAIN, epoch).await;
                        done(number, begun.map(|()| None).map_err(anyhow::Error::new), false);
                    });
                }
                order => self.parts.bear(&order)?,
            }
        }
        Ok(())
    }

    /// What somebody does to a registration.
    fn deed(&self, deed: &str, register: &str, registration: &str) -> anyhow::Result<BoxFuture<'static, anyhow::Result<()>>> {
        let deed = order::deed(deed).context("do a deed of that name")?;
        let registration: Uuid = registration.parse().context("name a registration")?;
        let register = Register::ALL.into_iter().find(|one| one.name() == register).context("find the register")?;
        let progress = Progress::default();
        let work = match (&self.hd4dp, &self.hd4res) {
            (Some(hd4dp), _) => {
                let (disks, service) = (self.parts.disks.clone(), self.parts.service);
                let is_full = move || disks.is_full(service);
                deeds::at_hospital(Arc::clone(hd4dp), deed, registration, (Arc::clone(&progress), is_full))
            }
            (_, Some(hd4res)) => {
                let definition = Definitions::built_in()?.get(register.name()).context("find the definition")?;
                let field = definition.field_no(register.comment());
                let comments_on = field.map(|field| (definition.version(), registration::Place::of(field))).into_iter().collect();
                deeds::at_hd4res(Arc::clone(hd4res), deed, registration, comments_on, Arc::clone(&progress))
            }
            _ => bail!("do a deed: this service has no person"),
        };
        let outcome = async move {
            work.await;
            lock(&progress).take().unwrap_or(Ok(())).map_err(anyhow::Error::new)
        };
        Ok(outcome.boxed())
    }
}

/// Steps 1 and 2: a file of a register, as `precision run` takes it in.
async fn take_in(hd4dp: &Hd4dp, register: &str, file: &Path) -> anyhow::Result<i64> {
    let definition = hd4dp.definitions().get(register).context("find the register")?;
    let today = hd4dp.context().clock.now().date();
    let opened = CsvFile::open(file, &definition, today)?;
    let reports = file.parent().context("find a folder for the reports")?.join("reports");
    let id = upload(hd4dp, &definition, opened, &reports, Language::English, async |_| {}).await?;
    ensure!(id.0 > 0, "number an upload");
    Ok(id.0)
}

fn done(number: u64, outcome: anyhow::Result<Option<i64>>, is_disk_full: bool) {
    let (upload, failed) = match outcome {
        Ok(upload) => (upload, None),
        Err(error) => (None, Some(format!("{error:#}"))),
    };
    say(&Word::Done { number, upload, is_disk_full: is_disk_full && failed.is_some(), failed });
}
