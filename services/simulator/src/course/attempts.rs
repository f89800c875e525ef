//! Which sending a stop belongs to. Each party derives the id of what it passes on from the id of what it read (docs/WIRE.md), so the ids that one
//! sending has on its way can be computed from its first.

use std::collections::HashMap;

use envelope::{ItemId, PublicationId};

use super::Stop;

/// The sendings of a course's items.
pub(super) struct Attempts {
    /// By publication and item.
    numbers: HashMap<(String, String), u32>,
}

/// Documents that the verdicts on one publication are cut into, at most: a publication has 10,000 items.
const VERDICT_PARTS: usize = 8;

impl Attempts {
    /// Numbers the sendings among `stops`, which are in order; `nihdi` is the hospital's, for the ids on the way back.
    pub(super) fn of(stops: &[Stop], nihdi: Option<&str>) -> Self {
        let mut sendings: HashMap<&str, u32> = HashMap::new();
        let mut numbers = HashMap::new();
        for stop in stops.iter().filter(|stop| matches!(stop.outcome.as_str(), "sent" | "resent")) {
            // A STATUS has no sending of its own: it is the answer to a version's.
            if stop.what == hd4res::STATUS {
                continue;
            }
            let (Ok(publication), Ok(item)) = (stop.publication.parse(), stop.item.parse()) else { continue };
            let number = sendings.entry(&stop.item).or_default();
            *number += 1;
            let is_back = stop.direction == "back";
            let ids = if is_back { back(&[publication], item, nihdi) } else { forward(publication, item, nihdi) };
            for (of, id) in ids {
                numbers.entry((id.to_string(), of.to_string())).or_insert(*number);
            }
        }
        Self { numbers }
    }

    pub(super) fn number(&self, stop: &Stop) -> Option<u32> {
        self.numbers.get(&(stop.publication.clone(), stop.item.clone())).copied()
    }
}

type Ids = Vec<(ItemId, PublicationId)>;

/// The ids of a version or receipt from the hospital to the verdict, and of its STATUS back to the hospital.
fn forward(publication: PublicationId, item: ItemId, nihdi: Option<&str>) -> Ids {
    let sealed = relayed(&[publication], item, "sealed");
    let pseudonymised = relayed(&sealed, item, "ehealth-ttp");
    let opened = relayed(&pseudonymised, item, "opened");
    let validation = derived(&opened, "validation");
    let parts = 0..VERDICT_PARTS;
    let verdicts: Vec<PublicationId> = parts.flat_map(|part| derived(&validation, &format!("verdict {part}"))).collect();
    let own = [vec![publication], sealed, pseudonymised, opened.clone(), validation, verdicts].concat();
    let status = item.derived(hd4res::STATUS);
    let mut ids: Ids = own.into_iter().map(|id| (item, id)).collect();
    ids.extend(back(&derived(&opened, hd4res::STATUS), status, nihdi));
    ids
}

/// The ids of a feedback from HD4RES to the hospital.
fn back(publications: &[PublicationId], item: ItemId, nihdi: Option<&str>) -> Ids {
    let mut ids = publications.to_vec();
    if let Some(nihdi) = nihdi {
        let sealed = relayed(publications, item, &format!("sealed {nihdi}"));
        let returned: Vec<PublicationId> =
            with_alone(&sealed, item).iter().map(|id| id.derived(nihdi).derived("ehealth-ttp")).collect();
        let opened = relayed(&returned, item, "opened");
        ids.extend([sealed, returned, opened].concat());
    }
    ids.into_iter().map(|id| (item, id)).collect()
}

fn derived(ids: &[PublicationId], purpose: &str) -> Vec<PublicationId> {
    ids.iter().map(|id| id.derived(purpose)).collect()
}

/// What a relay makes of these ids; it passes an item on alone when the whole publication was more than it could bear.
fn relayed(ids: &[PublicationId], item: ItemId, purpose: &str) -> Vec<PublicationId> {
    derived(&with_alone(ids, item), purpose)
}

fn with_alone(ids: &[PublicationId], item: ItemId) -> Vec<PublicationId> {
    [ids.to_vec(), derived(ids, &format!("alone {item}"))].concat()
}
