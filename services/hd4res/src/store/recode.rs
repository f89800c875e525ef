//! What a rotation does to records: pure.

use recoding::{Pair, Pairs};

use super::Arrived;

/// A unique id when the patient in it, if there is one, is another one.
pub(super) fn renamed(unique_id: &str, old: &str, new: &str) -> String {
    unique_id.replace(old, new)
}

/// The pairs that arrivals bring along.
pub(super) fn brought(arrivals: &[Arrived]) -> Vec<Pair> {
    let of = |arrived: &Arrived| {
        let new = arrived.pseudonym.clone();
        arrived.recoded_from.clone().into_iter().map(move |old| Pair { old, new: new.clone() })
    };
    arrivals.iter().flat_map(of).collect()
}

/// The arrivals under the latest pseudonyms that are known.
pub(super) fn translated(arrivals: &[Arrived], pairs: &Pairs) -> Vec<Arrived> {
    let translate = |arrived: &Arrived| {
        let new = pairs.now(&arrived.pseudonym).to_owned();
        let unique_id = renamed(&arrived.unique_id, &arrived.pseudonym, &new);
        Arrived { pseudonym: new, unique_id, ..arrived.clone() }
    };
    arrivals.iter().map(translate).collect()
}
