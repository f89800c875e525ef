//! healthdata's messaging client at work: one relay forward, one back, and the works of a rotation.

use std::{sync::Arc, time::Duration};

use broker::Broker;
use dcd::Definitions;
use envelope::Source;
use hd_messages::RecodedPatients;
use host::{Context, Relay, Retention, Settled, Work, watch_keys};
use recoding::{Telling, tell::Teller};
use sealing::keys::{KeysInUse, MessagingKeys};
use store::{Itinerary, StoreError};
use topology::Arrow;

use crate::{
    back::Back,
    forward::Forward,
    inspect::Inspection,
    recode::{Asking, Wakes},
    recoded::Answers,
    store::HdStore,
};

/// The service's name in logs, queues and key folders.
pub const SERVICE: &str = "ehbox-hd";

/// What healthdata's messaging client works with.
pub struct Parts {
    /// Its name on envelopes: `ehbox-hd`.
    pub source: Source,
    /// Time, chance and probes.
    pub context: Context,
    /// The broker of eHealth's zone.
    pub ehealth: Arc<dyn Broker>,
    /// The broker of healthdata's zone.
    pub hd: Arc<dyn Broker>,
    /// What it remembers.
    pub store: Arc<dyn HdStore>,
    /// The registers' definitions, for what healthdata may have.
    pub definitions: Arc<Definitions>,
    /// Its keys; renewed ones count at once.
    pub keys: Arc<KeysInUse<MessagingKeys>>,
}

/// What both directions need.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) source: Source,
    pub(crate) context: Context,
    pub(crate) keys: Arc<KeysInUse<MessagingKeys>>,
}

/// The messaging client of healthdata.
pub struct EhboxHd {
    parts: Parts,
    wakes: Arc<Wakes>,
}

impl EhboxHd {
    /// The messaging client from its parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self { parts, wakes: Arc::default() }
    }

    /// What runs as long as the service does: one relay per direction, so that the way back never waits for the way forward.
    #[must_use]
    pub fn works(&self) -> Vec<Work> {
        let parts = &self.parts;
        let client = Client { source: parts.source.clone(), context: parts.context.clone(), keys: Arc::clone(&parts.keys) };
        let itinerary: Arc<dyn Itinerary> = Arc::clone(&parts.store) as Arc<dyn Itinerary>;
        let forward = Forward {
            client: client.clone(),
            store: Arc::clone(&parts.store),
            inspection: Arc::new(Inspection::new(&parts.definitions)),
            wakes: Arc::clone(&self.wakes),
        };
        let mut works = vec![
            Relay {
                service: SERVICE,
                from: Arrow::ToHd,
                to: Arrow::ToHd4res,
                nihdi: None,
                incoming: Arc::clone(&parts.ehealth),
                outgoing: Arc::clone(&parts.hd),
                itinerary: Arc::clone(&itinerary),
                context: parts.context.clone(),
                transform: forward,
            }
            .work(),
            Relay {
                service: SERVICE,
                from: Arrow::FeedbackOut,
                to: Arrow::ToTtpBack,
                nihdi: None,
                incoming: Arc::clone(&parts.hd),
                outgoing: Arc::clone(&parts.ehealth),
                itinerary,
                context: parts.context.clone(),
                transform: Back { client: client.clone() },
            }
            .work(),
        ];
        works.extend(self.of_rotation(client));
        works
    }

    /// Asking the TTP, taking its answers, and telling HD4RES.
    fn of_rotation(&self, client: Client) -> [Work; 3] {
        let (parts, wakes) = (&self.parts, &self.wakes);
        let asking = Asking {
            client: client.clone(),
            store: Arc::clone(&parts.store),
            broker: Arc::clone(&parts.ehealth),
            wakes: Arc::clone(wakes),
        };
        let answers = Answers {
            client: client.clone(),
            store: Arc::clone(&parts.store),
            broker: Arc::clone(&parts.ehealth),
            wakes: Arc::clone(wakes),
        };
        let teller = Teller {
            service: SERVICE,
            source: client.source,
            context: client.context,
            broker: Arc::clone(&parts.hd),
            arrow: Arrow::RecodedToHd4res,
            store: Arc::clone(&parts.store) as Arc<dyn Telling>,
            wake: Arc::clone(&wakes.tell),
        };
        [Arc::new(asking).work(), answers.work(), Arc::new(teller).work::<RecodedPatients>()]
    }

    /// Has everything re-coded that is of an earlier epoch than this one, also before anything of it was seen.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn recode_to(&self, domain: &str, epoch: u32) -> Result<(), StoreError> {
        self.parts.store.aim_at(domain, epoch).await?;
        self.wakes.ask.notify_one();
        Ok(())
    }

    /// Work that forgets what passed more than so many days ago, but for what it saw no answer to.
    #[must_use]
    pub fn forgetting(&self, days: u32) -> Work {
        let (store, clock) = (Arc::clone(&self.parts.store), Arc::clone(&self.parts.context.clock));
        Retention { service: SERVICE, itinerary: store, days, settled: Settled::Seen, clock }.work()
    }

    /// Work that looks for renewed keys `every` so often.
    #[must_use]
    pub fn watching_keys(&self, every: Duration) -> Work {
        let keys = Arc::clone(&self.parts.keys);
        watch_keys(SERVICE, &self.parts.context.clock, every, move || keys.look_again())
    }
}
