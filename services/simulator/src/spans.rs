//! Traces of all services of one process: each service's as it would send them by itself, and linked where they end at a border.

use std::{collections::BTreeMap, sync::Arc};

use clock::Clock;
use futures_util::future::join_all;
use topology::{Nihdi, Topology};
use traces::{Borders, Collector, LAST_WITHIN, Owner, Traces, TracesError};

use crate::{broker_choice::BrokerChoice, installation::Zones, output};

/// The traces of all services, by the services' names.
#[derive(Debug, Clone)]
pub struct Spans {
    of: BTreeMap<String, Traces>,
    collector: Collector,
}

impl Spans {
    /// Traces of the services of an installation, sent to one collector. On the embedded broker, which nobody else reads, what is behind a border has a link to what is before it.
    ///
    /// # Errors
    ///
    /// [`TracesError`].
    pub fn new(
        hospitals: &[Nihdi],
        broker: &BrokerChoice,
        collector: &Collector,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, TracesError> {
        let borders = if *broker == BrokerChoice::Embedded { Borders::Linked } else { Borders::Closed };
        let topology = Topology::for_hospitals(hospitals);
        let of = topology.users().into_iter().map(|user| {
            let service = user.to_string();
            let owner = Owner { service: service.clone(), version: env!("CARGO_PKG_VERSION"), home: user.actor().home() };
            Ok((service, Traces::new(&owner, collector, borders, Arc::clone(clock))?))
        });
        Ok(Self { of: of.collect::<Result<_, TracesError>>()?, collector: collector.clone() })
    }

    /// The brokers of the zones as the service with this name is to see them.
    #[must_use]
    pub fn around(&self, service: &str, zones: Zones) -> Zones {
        let Some(traces) = self.of.get(service) else { return zones };
        zones.map(|zone, broker| traces.broker(Arc::clone(broker), zone))
    }

    /// Sends what waits, for a moment at most, and complains when the collector did not take everything: whoever named it waits for them.
    pub async fn close(&self) {
        if !join_all(self.of.values().map(|traces| traces.close(LAST_WITHIN))).await.into_iter().all(|all| all) {
            output::complain(format!("precision: the collector at {} did not take all traces", self.collector));
        }
    }
}
