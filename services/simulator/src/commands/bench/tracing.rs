//! How long it takes to find one registration among all, over the itineraries of every party.

use std::time::Duration;

use anyhow::Context as _;
use clock::Clock;
use serde::Serialize;
use topology::Nihdi;

use crate::{
    course::{self, gather},
    stores::Stores,
    tally::Items,
};

/// Registrations that are looked for: spread over all, from the first to the last.
const LOOKED_FOR: usize = 20;

/// What it took.
#[derive(Debug, Serialize)]
pub(super) struct Tracing {
    /// Registrations that were looked for.
    traced: usize,
    /// Half of them took no longer, by the registration's id.
    p50_ms: f64,
    /// The longest.
    max_ms: f64,
    /// The longest by an item's id, which the hospital has no index of.
    max_by_item_ms: f64,
}

impl Tracing {
    /// Traces some of `items`, one after the other, on stores in which nothing moves.
    pub(super) async fn measure(stores: &Stores, hospital: Nihdi, items: &Items, clock: &dyn Clock) -> anyhow::Result<Self> {
        let hd4dp = &stores.hospitals.get(&hospital).context("find the hospital")?.hd4dp;
        let all: Vec<_> = items.iter().collect();
        let stride = all.len().div_ceil(LOOKED_FOR).max(1);
        let spread = all.iter().step_by(stride).chain(all.last());
        let (mut by_registration, mut by_item) = (Vec::new(), Vec::new());
        for item in spread {
            let registration = hd4dp.registration_of(*item).await?.context("find the registration")?;
            for (id, took) in [(registration, &mut by_registration), (*item, &mut by_item)] {
                let started = clock.now();
                let gathered = gather::gather(stores, id, started).await?;
                let traced = course::put_together(id, &gathered).context("trace the registration")?;
                took.push(clock.now().since(started));
                anyhow::ensure!(!traced.on_its_way, "trace a registration that has arrived: {}", traced.now);
            }
        }
        by_registration.sort_unstable();
        let ms = |span: Option<&Duration>| span.map_or(0.0, |span| (span.as_secs_f64() * 10_000.0).round() / 10.0);
        Ok(Self {
            traced: by_registration.len(),
            p50_ms: ms(by_registration.get(by_registration.len() / 2)),
            max_ms: ms(by_registration.last()),
            max_by_item_ms: ms(by_item.iter().max()),
        })
    }

    /// For people.
    pub(super) fn line(&self) -> String {
        format!(
            "a registration traced among all: p50 {} ms, longest {} ms; by its item's id, longest {} ms",
            self.p50_ms, self.max_ms, self.max_by_item_ms
        )
    }
}
