//! Publications of before: what comes once more, what guesses and foreign ids are made of.

use std::collections::BTreeMap;

use broker::Payload;
use serde::Deserialize;
use topology::{Arrow, Route};
use uuid::Uuid;

/// What was published so far, as far as somebody may come back to it.
#[derive(Default)]
pub(crate) struct Remembered {
    /// The first publication on each arrow, of each of its queues.
    first: BTreeMap<(Arrow, String), (Route, Payload)>,
    /// The last publication that each hospital handed over, by its route.
    handed_over: BTreeMap<String, Payload>,
}

/// What every publication has.
#[derive(Deserialize)]
struct Outline {
    id: String,
    data: Items,
}

#[derive(Deserialize)]
struct Items {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    id: String,
}

/// The id of a publication; `None` when it cannot be read.
pub(crate) fn publication_id(payload: &[u8]) -> Option<Uuid> {
    serde_json::from_slice::<Outline>(payload).ok()?.id.parse().ok()
}

fn items(payload: &[u8]) -> Option<Vec<Uuid>> {
    let outline: Outline = serde_json::from_slice(payload).ok()?;
    outline.data.items.iter().map(|item| item.id.parse().ok()).collect()
}

impl Remembered {
    /// Remembers a publication on an arrow; not a dead letter.
    pub(crate) fn note(&mut self, arrow: Arrow, route: &Route, payload: &Payload) {
        self.first.entry((arrow, route.routing_key.clone())).or_insert_with(|| (route.clone(), payload.clone()));
        if arrow == Arrow::HandOver {
            self.handed_over.insert(route.routing_key.clone(), payload.clone());
        }
    }

    /// The first publication on an arrow.
    pub(crate) fn first(&self, arrow: Arrow) -> Option<(Route, Payload)> {
        let mut of_arrow = self.first.range((arrow, String::new())..);
        of_arrow.next().filter(|((of, _), _)| *of == arrow).map(|(_, first)| first.clone())
    }

    /// The first publication on a route of an arrow.
    pub(crate) fn first_on(&self, arrow: Arrow, route: &Route) -> Option<Payload> {
        self.first.get(&(arrow, route.routing_key.clone())).map(|(_, payload)| payload.clone())
    }

    /// The last publication that a hospital handed over.
    pub(crate) fn last_handed_over(&self, route: &Route) -> Option<Payload> {
        self.handed_over.get(&route.routing_key).cloned()
    }

    /// The last items that a hospital other than the one of this publication handed over.
    pub(crate) fn items_handed_over_by_others(&self, payload: &[u8]) -> Vec<Uuid> {
        let own = items(payload);
        let mut others = self.handed_over.values().filter_map(|payload| items(payload));
        others.find(|items| own.as_ref().is_none_or(|own| own.iter().all(|item| !items.contains(item)))).unwrap_or_default()
    }
}
