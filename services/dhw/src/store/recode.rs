//! What a rotation does to a batch: pure.

use recoding::{Pair, Pairs};

use crate::validate::Registration;

/// The pairs that registrations bring along.
pub(super) fn brought(registrations: &[Registration]) -> Vec<Pair> {
    let of = |registration: &Registration| {
        let new = registration.member.pseudonym.clone();
        registration.recoded_from.clone().into_iter().map(move |old| Pair { old, new: new.clone() })
    };
    registrations.iter().flat_map(of).collect()
}

/// Puts registrations under the latest pseudonyms that are known.
pub(super) fn translate(registrations: &mut [Registration], pairs: &Pairs) {
    for member in registrations.iter_mut().map(|registration| &mut registration.member) {
        let now = pairs.now(&member.pseudonym).to_owned();
        member.unique_id = member.unique_id.replace(&member.pseudonym, &now);
        member.pseudonym = now;
    }
}
