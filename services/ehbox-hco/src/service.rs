//! The hospital's messaging client at work: one relay forward, one back.

use std::{sync::Arc, time::Duration};

use broker::Broker;
use envelope::Source;
use host::{Context, Relay, Retention, Settled, Work, watch_keys};
use sealing::keys::{KeysInUse, MessagingKeys};
use store::Itinerary;
use topology::{Arrow, Nihdi};

use crate::{back::Back, forward::Forward};

/// The service's name in logs, queues and key folders.
pub const SERVICE: &str = "ehbox-hco";

/// What a hospital's messaging client works with.
pub struct Parts {
    /// The hospital.
    pub nihdi: Nihdi,
    /// Its name on envelopes: `ehbox-hco-<nihdi>`.
    pub source: Source,
    /// Time, chance and probes.
    pub context: Context,
    /// The broker of the hospital's own zone.
    pub hospital: Arc<dyn Broker>,
    /// The broker of eHealth's zone.
    pub ehealth: Arc<dyn Broker>,
    /// Which publication passed when.
    pub itinerary: Arc<dyn Itinerary>,
    /// Its keys; renewed ones count at once.
    pub keys: Arc<KeysInUse<MessagingKeys>>,
}

/// What both directions need.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) nihdi: Nihdi,
    pub(crate) source: Source,
    pub(crate) context: Context,
    pub(crate) keys: Arc<KeysInUse<MessagingKeys>>,
}

/// The messaging client of one hospital.
pub struct EhboxHco {
    parts: Parts,
}

impl EhboxHco {
    /// The messaging client from its parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self { parts }
    }

    /// What runs as long as the service does: one relay per direction, so that the way back never waits for the way forward.
    #[must_use]
    pub fn works(&self) -> Vec<Work> {
        let parts = &self.parts;
        let client = Client {
            nihdi: parts.nihdi,
            source: parts.source.clone(),
            context: parts.context.clone(),
            keys: Arc::clone(&parts.keys),
        };
        vec![
            Relay {
                service: SERVICE,
                from: Arrow::HandOver,
                to: Arrow::ToTtp,
                nihdi: Some(parts.nihdi),
                incoming: Arc::clone(&parts.hospital),
                outgoing: Arc::clone(&parts.ehealth),
                itinerary: Arc::clone(&parts.itinerary),
                context: parts.context.clone(),
                transform: Forward { client: client.clone() },
            }
            .work(),
            Relay {
                service: SERVICE,
                from: Arrow::ToHco,
                to: Arrow::ToHd4dp,
                nihdi: Some(parts.nihdi),
                incoming: Arc::clone(&parts.ehealth),
                outgoing: Arc::clone(&parts.hospital),
                itinerary: Arc::clone(&parts.itinerary),
                context: parts.context.clone(),
                transform: Back { client },
            }
            .work(),
        ]
    }

    /// Work that forgets what passed more than so many days ago, but for what it saw no answer to.
    #[must_use]
    pub fn forgetting(&self, days: u32) -> Work {
        let (itinerary, clock) = (Arc::clone(&self.parts.itinerary), Arc::clone(&self.parts.context.clock));
        Retention { service: SERVICE, itinerary, days, settled: Settled::Seen, clock }.work()
    }

    /// Work that looks for renewed keys `every` so often.
    #[must_use]
    pub fn watching_keys(&self, every: Duration) -> Work {
        let keys = Arc::clone(&self.parts.keys);
        watch_keys(SERVICE, &self.parts.context.clock, every, move || keys.look_again())
    }
}
