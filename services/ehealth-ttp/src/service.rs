//! The TTP at work: one relay forward, one back, one for re-coding. It keeps no patient.

use std::{sync::Arc, time::Duration};

use broker::Broker;
use envelope::{Message, Publication, PublicationId, Source};
use host::{Context, Measure, Relay, Retention, Settled, Work, watch_keys};
use pseudonymisation::PseudonymisationError;
use sealing::keys::{KeysInUse, TtpKeys};
use store::Itinerary;
use topology::Arrow;

use crate::{back::Back, forward::Forward, measure::Quotas, recode::Recode, store::TtpStore, tools::Toolbox};

/// The service's name in logs, queues and key folders.
pub const SERVICE: &str = "ehealth-ttp";

/// The recipient that the pseudonyms are for: one key over all registers of healthdata, as published.
pub const DOMAIN: &str = "healthdata";

/// What the TTP works with.
pub struct Parts {
    /// Its name on envelopes: `ehealth-ttp`.
    pub source: Source,
    /// Time, chance and probes.
    pub context: Context,
    /// The broker of eHealth's zone.
    pub ehealth: Arc<dyn Broker>,
    /// What it remembers.
    pub store: Arc<dyn TtpStore>,
    /// Its keys; renewed ones count at once.
    pub keys: Arc<KeysInUse<TtpKeys>>,
    /// Distinct patients per sender and day; `None` lifts the limit.
    pub quota: Option<u32>,
}

/// What both directions need.
#[derive(Clone)]
pub(crate) struct Ttp {
    pub(crate) source: Source,
    pub(crate) context: Context,
    pub(crate) store: Arc<dyn TtpStore>,
    pub(crate) toolbox: Arc<Toolbox>,
    pub(crate) quota: Option<u32>,
}

impl Ttp {
    /// A new envelope around what goes on: the TTP's own id, source, and time without fractions.
    pub(crate) fn envelope<D: Message>(&self, incoming: PublicationId, data: D) -> Publication<D> {
        let now = self.context.clock.now().rounded_to_seconds();
        Publication::new(incoming.derived("ehealth-ttp"), self.source.clone(), now, data)
    }
}

/// The trusted third party.
pub struct EhealthTtp {
    ttp: Ttp,
    ehealth: Arc<dyn Broker>,
}

impl EhealthTtp {
    /// The TTP from its parts.
    ///
    /// # Errors
    ///
    /// [`PseudonymisationError::Epochs`] when the epochs of its keys have gaps.
    pub fn new(parts: Parts) -> Result<Self, PseudonymisationError> {
        let ttp = Ttp {
            toolbox: Arc::new(Toolbox::new(parts.keys)?),
            source: parts.source,
            context: parts.context,
            store: parts.store,
            quota: parts.quota,
        };
        Ok(Self { ttp, ehealth: parts.ehealth })
    }

    /// What runs as long as the service does: one relay per direction, so that the way back never waits for the way forward.
    #[must_use]
    pub fn works(&self) -> Vec<Work> {
        vec![
            self.relay(Arrow::ToTtp, Arrow::ToHd, Forward { ttp: self.ttp.clone() }).work(),
            self.relay(Arrow::ToTtpBack, Arrow::ToHco, Back { ttp: self.ttp.clone() }).work(),
            self.relay(Arrow::RecodeRequest, Arrow::RecodeAnswer, Recode { ttp: self.ttp.clone() }).work(),
        ]
    }

    /// What is measured of it.
    #[must_use]
    pub fn measure(&self) -> Arc<dyn Measure> {
        let Ttp { context, store, quota, .. } = &self.ttp;
        Arc::new(Quotas { store: Arc::clone(store), clock: Arc::clone(&context.clock), limit: *quota })
    }

    /// Work that looks for renewed keys `every` so often.
    #[must_use]
    pub fn watching_keys(&self, every: Duration) -> Work {
        let toolbox = Arc::clone(&self.ttp.toolbox);
        watch_keys(SERVICE, &self.ttp.context.clock, every, move || toolbox.look_again())
    }

    /// Work that forgets what passed more than so many days ago, but for what it saw no answer to.
    #[must_use]
    pub fn forgetting(&self, days: u32) -> Work {
        let (store, clock) = (Arc::clone(&self.ttp.store), Arc::clone(&self.ttp.context.clock));
        Retention { service: SERVICE, itinerary: store, days, settled: Settled::Seen, clock }.work()
    }

    fn relay<T>(&self, from: Arrow, to: Arrow, transform: T) -> Relay<T> {
        let itinerary: Arc<dyn Itinerary> = Arc::clone(&self.ttp.store) as Arc<dyn Itinerary>;
        Relay {
            service: SERVICE,
            from,
            to,
            nihdi: None,
            incoming: Arc::clone(&self.ehealth),
            outgoing: Arc::clone(&self.ehealth),
            itinerary,
            context: self.ttp.context.clone(),
            transform,
        }
    }
}
