//! The services, each run by itself: a test gives it documents and looks at what then stands in the queues.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
    time::Duration,
};

use broker::{Broker, EmbeddedBroker, EmbeddedOptions};
use bytes::Bytes;
use clock::{Clock, Timestamp, simulation::Executor};
use dcd::Definitions;
use dhw::{Dhw, DhwParts, DhwStore, Registers};
use ehbox_hco::EhboxHco;
use ehbox_hd::EhboxHd;
use ehealth_ttp::EhealthTtp;
use hd4dp::{AcceptedRow, Hd4dp, store::Hd4dpStore};
use hd4res::{Hd4res, store::Hd4resStore};
use host::{Chance, Context, NoProbe, Work};
use sealing::keys::Party;
use simulator::{
    installation::Zones,
    letters::{Filter, Job, Office, Order, State, Wanted},
};
use store::MemoryItinerary;
use topology::{Actor, Arrow, Nihdi, QueueName, Topology};
use uuid::Uuid;

use crate::{log, parties::Parties};

/// The hospital whose publications are looked at.
pub(crate) const HOSPITAL: &str = "00000196";
/// Another one.
pub(crate) const OTHER_HOSPITAL: &str = "00000295";

/// 21 November 2026, 10:00 and a few microseconds, which the TTP rounds away.
pub(crate) const START: Timestamp = Timestamp::from_micros(1_795_255_200_000_123);

pub(crate) static DEFINITIONS: LazyLock<Arc<Definitions>> = LazyLock::new(|| Arc::new(Definitions::built_in().unwrap()));

pub(crate) fn nihdi(digits: &str) -> Nihdi {
    digits.parse().unwrap()
}

/// What the parties remember.
pub(crate) struct Stores {
    pub(crate) hd4dp: BTreeMap<Nihdi, Arc<hd4dp::store::MemoryStore>>,
    pub(crate) ttp: Arc<ehealth_ttp::store::MemoryStore>,
    pub(crate) ehbox_hd: Arc<ehbox_hd::store::MemoryStore>,
    pub(crate) hd4res: Arc<hd4res::store::MemoryStore>,
    pub(crate) dhw: Arc<dhw::MemoryStore>,
}

/// Two hospitals, the TTP and healthdata on one broker and virtual time. No service runs but the one that is fed.
pub(crate) struct Rig {
    /// The keys that services get the next time they run.
    pub(crate) parties: Parties,
    /// Distinct patients per sender and day at the TTP.
    pub(crate) quota: Option<u32>,
    pub(crate) stores: Stores,
    executor: Executor,
    broker: Arc<EmbeddedBroker>,
    topology: Topology,
    context: Context,
}

/// What stands in the queues after a service has run.
#[derive(Debug)]
pub(crate) struct Outcome {
    queues: BTreeMap<String, Vec<Bytes>>,
    /// The codes under which publications were refused as a whole.
    pub(crate) codes: Vec<String>,
}

impl Outcome {
    fn of(&self, queue: &QueueName) -> &[Bytes] {
        self.queues.get(queue.as_str()).map_or(&[], Vec::as_slice)
    }

    /// What stands at an arrow's end, of the hospital that is looked at.
    pub(crate) fn at(&self, arrow: Arrow) -> &[Bytes] {
        self.at_hospital(arrow, HOSPITAL)
    }

    /// What stands at an arrow's end, of a hospital.
    pub(crate) fn at_hospital(&self, arrow: Arrow, hospital: &str) -> &[Bytes] {
        self.of(&arrow.queue(Some(&nihdi(hospital))))
    }

    /// What was set aside at an arrow's end.
    pub(crate) fn dead(&self, arrow: Arrow) -> &[Bytes] {
        self.dead_at_hospital(arrow, HOSPITAL)
    }

    /// What was set aside at an arrow's end, of a hospital.
    pub(crate) fn dead_at_hospital(&self, arrow: Arrow, hospital: &str) -> &[Bytes] {
        self.of(&arrow.queue(Some(&nihdi(hospital))).dead())
    }

    /// The one document at an arrow's end, and nothing was set aside anywhere.
    pub(crate) fn only(&self, arrow: Arrow) -> Bytes {
        self.only_of(arrow, HOSPITAL)
    }

    /// The same of a hospital.
    pub(crate) fn only_of(&self, arrow: Arrow, hospital: &str) -> Bytes {
        assert!(self.is_clean(), "set aside: {:?} {:?}", self.queues.keys(), self.codes);
        let [document] = self.at_hospital(arrow, hospital) else { panic!("not one document at {arrow:?}") };
        document.clone()
    }

    /// Whether nothing was set aside.
    pub(crate) fn is_clean(&self) -> bool {
        self.codes.is_empty() && !self.queues.keys().any(|queue| queue.ends_with(".dead"))
    }
}

impl Rig {
    pub(crate) fn new() -> Self {
        let hospitals = [nihdi(HOSPITAL), nihdi(OTHER_HOSPITAL)];
        Self::with_parties(Parties::random(&hospitals))
    }

    /// A rig whose parties have these keys.
    pub(crate) fn with_parties(parties: Parties) -> Self {
        log::listen();
        let hospitals = [nihdi(HOSPITAL), nihdi(OTHER_HOSPITAL)];
        let executor = Executor::new(1, START);
        let clock: Arc<dyn Clock> = Arc::new(executor.clock());
        let topology = Topology::for_hospitals(&hospitals);
        let options = EmbeddedOptions::new(Uuid::from_u128(1));
        let broker = Arc::new(EmbeddedBroker::new(Arc::clone(&clock), &topology, options));
        let stores = Stores {
            hd4dp: hospitals.iter().map(|nihdi| (*nihdi, Arc::default())).collect(),
            ttp: Arc::default(),
            ehbox_hd: Arc::default(),
            hd4res: Arc::default(),
            dhw: Arc::new(dhw::MemoryStore::new(Arc::new(Registers::new(&DEFINITIONS)))),
        };
        let context = Context { clock, chance: Arc::new(Chance::seeded(1)), probe: Arc::new(NoProbe) };
        let mut rig = Self { parties, quota: None, stores, executor, broker, topology, context };
        // HD4RES notes the broker's incarnation, and later hands over nothing a second time.
        rig.feed(Arrow::Verdicts, []);
        rig
    }

    /// Puts documents on an arrow, lets its reader at the hospital that is looked at (or outside the hospitals) run until it has nothing
    /// left to do, and takes what then stands in the queues.
    pub(crate) fn feed(&mut self, arrow: Arrow, documents: impl IntoIterator<Item = Bytes>) -> Outcome {
        self.feed_at(arrow, HOSPITAL, documents)
    }

    /// The same at a hospital.
    pub(crate) fn feed_at(&mut self, arrow: Arrow, hospital: &str, documents: impl IntoIterator<Item = Bytes>) -> Outcome {
        let hospital = nihdi(hospital);
        let route = arrow.route(Some(&hospital));
        let documents: Vec<Bytes> = documents.into_iter().collect();
        let broker = Arc::clone(&self.broker);
        self.block_on(async move {
            for document in documents {
                broker.publish(&route, document).await.unwrap();
            }
        });
        let works = self.works(arrow.to(), hospital);
        self.run(works, arrow, hospital)
    }

    /// The same with other keys, for this once.
    pub(crate) fn feed_with(&mut self, parties: Parties, arrow: Arrow, documents: impl IntoIterator<Item = Bytes>) -> Outcome {
        let right = std::mem::replace(&mut self.parties, parties);
        let outcome = self.feed(arrow, documents);
        self.parties = right;
        outcome
    }

    /// Sets letters aside at an arrow, has an operator put them back, and takes what then stands in the working queue.
    pub(crate) fn put_back(&mut self, arrow: Arrow, letters: Vec<Bytes>) -> Vec<Bytes> {
        let (broker, hospital) = (Arc::clone(&self.broker), nihdi(HOSPITAL));
        let zones = Zones::all_on(&(Arc::clone(&broker) as Arc<dyn Broker>));
        let office = Office::new(&zones, &[hospital], Arc::clone(&self.context.clock));
        let order = Order { wanted: Wanted::default(), filter: Filter::default(), per_minute: None };
        let job = Job::new(Uuid::from_u128(2), order, self.context.clock.now());
        let count = letters.len() as u64;
        let standing = self.block_on(async move {
            for letter in letters {
                broker.publish(&arrow.dead_route(Some(&hospital)), letter).await.unwrap();
            }
            office.requeue(&job).await;
            job.standing()
        });
        assert_eq!((standing.state, standing.requeued, standing.left), (State::Done, count, 0), "{standing:?}");
        assert!(self.take(&arrow.queue(Some(&hospital)).dead()).is_empty());
        self.take(&arrow.queue(Some(&hospital)))
    }

    /// HD4DP takes rows in and hands them over.
    pub(crate) fn submit(&mut self, hospital: &str, register: &str, rows: Vec<AcceptedRow>) -> Vec<Bytes> {
        let hospital = nihdi(hospital);
        let definition = DEFINITIONS.get(register).unwrap();
        let service = self.hd4dp(hospital);
        let tasks: Vec<_> = service.works().into_iter().map(|work| self.executor.spawn(work.start())).collect();
        // First it looks for what an earlier process left behind.
        self.executor.settle();
        self.block_on(async move {
            let store = Arc::clone(service.store());
            let upload = store.begin_upload("rows.csv", definition.name(), service.context().clock.now()).await.unwrap();
            let attempted = rows.len() as u64;
            assert!(service.submit(upload, &definition, rows, attempted, 0).await.is_ok());
        });
        self.executor.settle();
        tasks.into_iter().for_each(|task| self.executor.kill(task));
        self.take(&Arrow::HandOver.queue(Some(&hospital)))
    }

    /// Lets time pass while no service runs.
    pub(crate) fn pass(&mut self, duration: Duration) {
        let until = self.context.clock.now().plus(duration);
        self.executor.run_until(until);
    }

    /// Runs a future on the rig's time.
    pub(crate) fn block_on<T: Send + 'static>(&mut self, work: impl Future<Output = T> + Send + 'static) -> T {
        self.executor.block_on(work).unwrap()
    }

    fn run(&mut self, works: Vec<Work>, arrow: Arrow, hospital: Nihdi) -> Outcome {
        log::take_codes();
        let tasks: Vec<_> = works.iter().map(|work| self.executor.spawn(work.start())).collect();
        self.executor.settle();
        tasks.into_iter().for_each(|task| self.executor.kill(task));
        let mut outcome = Outcome { queues: BTreeMap::new(), codes: log::take_codes() };
        let names: Vec<QueueName> = self.topology.queues().iter().map(|queue| queue.name.clone()).collect();
        for name in names {
            let documents = self.take(&name);
            if !documents.is_empty() {
                outcome.queues.insert(name.as_str().to_owned(), documents);
            }
        }
        let left = outcome.of(&arrow.queue(Some(&hospital)));
        assert!(left.is_empty(), "{} documents are still unread at {arrow:?}: the service is stuck", left.len());
        outcome
    }

    fn take(&mut self, queue: &QueueName) -> Vec<Bytes> {
        let (broker, queue) = (Arc::clone(&self.broker), queue.clone());
        self.block_on(async move {
            let mut consumer = broker.consume(&queue, 0).await.unwrap();
            let mut taken = Vec::new();
            while let Some(delivery) = consumer.try_next() {
                taken.push(delivery.payload.clone());
                delivery.ack().unwrap();
            }
            taken
        })
    }

    fn works(&mut self, actor: Actor, hospital: Nihdi) -> Vec<Work> {
        let broker: Arc<dyn Broker> = Arc::clone(&self.broker) as Arc<dyn Broker>;
        let context = self.context.clone();
        match actor {
            Actor::Hd4dp => self.hd4dp(hospital).works(),
            Actor::EhboxHco => EhboxHco::new(ehbox_hco::Parts {
                nihdi: hospital,
                source: format!("ehbox-hco-{hospital}").parse().unwrap(),
                context,
                hospital: Arc::clone(&broker),
                ehealth: broker,
                itinerary: Arc::new(MemoryItinerary::default()),
                keys: self.parties.messaging(Party::EhboxHco(hospital)),
            })
            .works(),
            Actor::EhealthTtp => EhealthTtp::new(ehealth_ttp::Parts {
                source: ehealth_ttp::SERVICE.parse().unwrap(),
                context,
                ehealth: broker,
                store: Arc::clone(&self.stores.ttp) as _,
                keys: self.parties.ttp(),
                quota: self.quota,
            })
            .unwrap()
            .works(),
            Actor::EhboxHd => EhboxHd::new(ehbox_hd::Parts {
                source: ehbox_hd::SERVICE.parse().unwrap(),
                context,
                ehealth: Arc::clone(&broker),
                hd: broker,
                store: Arc::clone(&self.stores.ehbox_hd) as _,
                definitions: Arc::clone(&DEFINITIONS),
                keys: self.parties.messaging(Party::EhboxHd),
            })
            .works(),
            Actor::Hd4res => Hd4res::new(hd4res::Parts {
                source: hd4res::SERVICE.parse().unwrap(),
                context,
                hd: broker,
                store: Arc::clone(&self.stores.hd4res) as Arc<dyn Hd4resStore>,
                definitions: Arc::clone(&DEFINITIONS),
            })
            .works(),
            Actor::Dhw => Dhw::new(DhwParts {
                context,
                broker,
                store: Arc::clone(&self.stores.dhw) as Arc<dyn DhwStore>,
                definitions: Arc::clone(&DEFINITIONS),
            })
            .works(),
        }
    }

    fn hd4dp(&mut self, hospital: Nihdi) -> Arc<Hd4dp> {
        let parts = hd4dp::Parts {
            nihdi: hospital,
            source: format!("hd4dp-{hospital}").parse().unwrap(),
            context: self.context.clone(),
            broker: Arc::clone(&self.broker) as Arc<dyn Broker>,
            store: Arc::clone(&self.stores.hd4dp[&hospital]) as Arc<dyn Hd4dpStore>,
            definitions: Arc::clone(&DEFINITIONS),
            secrets: self.parties.hospital(&hospital),
            publication_size: 500,
            window: 100_000,
        };
        self.block_on(async move { Hd4dp::new(parts).await.unwrap() })
    }
}
