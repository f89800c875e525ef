//! What nobody sent who may, made of what was: a STATUS that is not healthdata's, patients whom a hospital guesses.

use broker::Payload;
use clock::Timestamp;
use envelope::{IdBatch, ItemId, Publication, PublicationId};
use hco_messages::{DeliveredItem, FeedbackDelivery, Submission, SubmissionItem};
use hd4dp::store::Hd4dpStore;
use host::Chance;
use identifying::{Identity, IdentityKind};
use registration::{Feedback, FeedbackHead};
use store::StoreError;
use topology::Nihdi;

/// A publication that asks for so many patients whom a hospital only guesses, each with the content of one registration of its own. `None` when
/// what it handed over cannot be read.
#[must_use]
pub fn guesses(own: &[u8], patients: u16, chance: &Chance, now: Timestamp) -> Option<Payload> {
    let own = Publication::<Submission>::decode(own).ok()?;
    let content = own.data.items.first()?.content.0.clone();
    let mut ids = IdBatch::new(chance.bytes());
    let items = (0..patients).map(|_| Some(SubmissionItem::new(ids.next_item(), &guessed(chance)?, content.clone())));
    let items = items.collect::<Option<Vec<_>>>()?;
    Publication::new(ids.next_publication(), own.source, now, Submission { items }).encode().ok()
}

/// Somebody born in the last century, with right check digits: nobody knows whether there is such a patient.
fn guessed(chance: &Chance) -> Option<Identity> {
    let [year, month, day, high, low] = chance.bytes::<5>().map(u32::from);
    let counter = 1 + ((high << 8) | low) % 997;
    let nine = ((30 + year % 70) * 100 + 1 + month % 12) * 100_000 + (1 + day % 28) * 1_000 + counter;
    let text = format!("{nine:09}{:02}", national_number::check_digits(nine, false));
    Identity::from_parts(IdentityKind::Ssin, &text).ok()
}

/// A STATUS about a registration of a hospital that waits for one, right in everything but the hash of the content. `None` when none of those
/// that it handed over last waits.
///
/// # Errors
///
/// [`StoreError`].
pub async fn status(
    (nihdi, handed_over): (Nihdi, &[u8]),
    store: &dyn Hd4dpStore,
    chance: &Chance,
    now: Timestamp,
) -> Result<Option<Payload>, StoreError> {
    let Ok(own) = Publication::<Submission>::decode(handed_over) else { return Ok(None) };
    for item in &own.data.items {
        if store.is_confirmed(item.id.uuid()).await? == Some(false) {
            return Ok(about(nihdi, item, chance, now));
        }
    }
    Ok(None)
}

fn about(nihdi: Nihdi, item: &SubmissionItem, chance: &Chance, now: Timestamp) -> Option<Payload> {
    let (content, identity) = (item.content().ok()?, item.identity.parse().ok()?);
    let of = content.head();
    let head = FeedbackHead { registration_id: of.registration_id, version: of.version, item_id: item.id.uuid(), number: 1_000 };
    let mut ids = IdBatch::new(chance.bytes());
    let forged = ItemId::from_uuid(ids.next_uuid());
    let feedback = Feedback::Status { head, content_hash: [0; 32] };
    let items = vec![DeliveredItem::new(forged, &identity, feedback.encode())];
    let source = format!("{}-{nihdi}", ehbox_hco::SERVICE).parse().ok()?;
    let id = PublicationId::from_uuid(ids.next_uuid());
    Publication::new(id, source, now, FeedbackDelivery { items }).encode().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses_are_plausible_and_few_are_alike() {
        let chance = Chance::seeded(1);
        let numbers: std::collections::BTreeSet<String> =
            (0..500).map(|_| guessed(&chance).unwrap().reveal().to_owned()).collect();
        assert!(numbers.len() > 490 && numbers.iter().all(|number| national_number::facts(number).unwrap().birth.is_some()));
    }
}
