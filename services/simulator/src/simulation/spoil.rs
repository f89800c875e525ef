//! What becomes of a publication on its way when something or somebody changes it: a broken line, a liar among the parties. None of this is
//! the work of the services; it is what they have to bear.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use broker::Payload;
use envelope::{
    B64, EnvelopeError, ItemId, Message, Publication,
    sealed::{Encapsulation, PseudonymisedSubmission, ReturnedFeedback, SealedSubmission},
};
use hco_messages::Submission;
use hd_messages::OutgoingFeedback;
use pseudonymised::PseudonymPart;
use registration::Feedback;
use sealing::{
    KeyId, Part,
    keys::{KeysInUse, MessagingKeys, Party, TtpKeys},
};
use serde_json::Value;
use topology::Nihdi;
use uuid::Uuid;

use super::op::Fault;

/// Changes publications. It holds everybody's keys, as no party does, to play a party that lies.
pub(crate) struct Spoiler {
    pub(crate) ttp: Arc<KeysInUse<TtpKeys>>,
    pub(crate) hd: Arc<KeysInUse<MessagingKeys>>,
    pub(crate) hospitals: BTreeMap<Nihdi, Arc<KeysInUse<MessagingKeys>>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    poison: Vec<Payload>,
    /// Whether anything was changed so far.
    has_spoiled: bool,
    /// Items whose ids another sender took: they have an effect under each sender.
    foreign: BTreeSet<Uuid>,
}

/// A pseudonym that nobody has, but for its check character: a hospital recognises it by its epoch.
const PSEUDONYM: &str = "healthdata.1.ABCDEFGHIJKLMNOPQRSTUVWXYZ";

impl Spoiler {
    pub(crate) fn new(
        ttp: &Arc<KeysInUse<TtpKeys>>,
        hd: &Arc<KeysInUse<MessagingKeys>>,
        hospitals: impl Iterator<Item = (Nihdi, Arc<KeysInUse<MessagingKeys>>)>,
    ) -> Self {
        Self { ttp: Arc::clone(ttp), hd: Arc::clone(hd), hospitals: hospitals.collect(), state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether dead letters are to be expected: something was changed on its way.
    pub(super) fn has_spoiled(&self) -> bool {
        self.lock().has_spoiled
    }

    /// Whether an item's id was taken by another sender.
    pub(super) fn is_foreign(&self, item: &Uuid) -> bool {
        self.lock().foreign.contains(item)
    }

    /// Whether any item's id was.
    pub(super) fn has_foreign(&self) -> bool {
        !self.lock().foreign.is_empty()
    }

    /// From now on dead letters are to be expected.
    pub(crate) fn note(&self) {
        self.lock().has_spoiled = true;
    }

    /// Whether whoever reads this dies of it.
    pub(crate) fn is_poison(&self, payload: &Payload) -> bool {
        self.lock().poison.contains(payload)
    }

    /// The publication after the fault; `None` when the fault finds nothing to change in it. `foreign` gives items of another hospital's.
    pub(crate) fn spoil(&self, fault: Fault, foreign: impl FnOnce() -> Vec<Uuid>, payload: &Payload) -> Option<Payload> {
        let spoilt = match fault {
            Fault::Corrupt => Some(corrupted(payload)),
            Fault::Truncate => Some(payload.slice(..payload.len() / 2)),
            Fault::Tamper => tampered(payload),
            Fault::Poison => {
                self.lock().poison.push(payload.clone());
                Some(payload.clone())
            }
            Fault::ForgeSender => self.of_another_sender(payload),
            Fault::ForeignItems => self.with_foreign_items(&foreign(), payload),
            Fault::SwapPatients => self.with_swapped_patients(payload),
            Fault::SwapHandles => with_swapped_handles(payload),
            Fault::PseudonymInComment => with_pseudonym(payload),
            Fault::InventFeedback => self.with_invented_feedback(payload),
            Fault::Lose | Fault::Duplicate | Fault::Delay { .. } | Fault::Reorder | Fault::ConfirmLost | Fault::Refuse => None,
        };
        if spoilt.is_some() {
            self.note();
        }
        spoilt
    }

    /// A hospital's publication in the name of another hospital.
    fn of_another_sender(&self, payload: &Payload) -> Option<Payload> {
        let mut publication = Publication::<SealedSubmission>::decode(payload).ok()?;
        let other = self.hospitals.keys().find(|nihdi| !publication.source.as_str().ends_with(nihdi.as_str()))?;
        publication.source = format!("{}-{other}", ehbox_hco::SERVICE).parse().ok()?;
        publication.encode().ok()
    }

    /// A hospital's registrations under the item ids of another hospital's.
    fn with_foreign_items(&self, foreign: &[Uuid], payload: &Payload) -> Option<Payload> {
        self.lock().foreign.extend(foreign);
        let change = |data: &mut Submission| {
            let changed = data.items.iter_mut().zip(foreign);
            changed.map(|(item, foreign)| item.id = ItemId::from_uuid(*foreign)).count() > 0
        };
        changed(payload, change)
    }

    /// What a TTP that takes one patient for another makes of its own work: it opens nothing that it may not, and seals under its own key.
    fn with_swapped_patients(&self, payload: &Payload) -> Option<Payload> {
        let (ttp, hd) = (self.ttp.get(), self.hd.get());
        let senders = hd.public.keys(Party::EhealthTtp).ok()?.all().to_vec();
        let recipient = ttp.public.keys(Party::EhboxHd).ok()?.current().clone();
        changed(payload, |data: &mut PseudonymisedSubmission| {
            let seal = &data.pseudonym;
            let Ok(opener) = hd.keyring.opener(Part::Pseudonym, &senders, KeyId(seal.key.0), &seal.enc.0) else { return false };
            let open = |item: &envelope::sealed::PseudonymisedItem| {
                opener.open(item.id.as_bytes(), &item.pseudonym).ok().and_then(|part| PseudonymPart::decode(&part).ok())
            };
            let Some(mut parts) = data.items.iter().map(open).collect::<Option<Vec<_>>>() else { return false };
            let last = parts.len().saturating_sub(1);
            let (Some(first), Some(second)) =
                (parts.first().map(|part| part.pseudonym.clone()), parts.get(last).map(|part| part.pseudonym.clone()))
            else {
                return false;
            };
            if first == second {
                return false;
            }
            if let Some(part) = parts.first_mut() {
                part.pseudonym = second;
            }
            if let Some(part) = parts.get_mut(last) {
                part.pseudonym = first;
            }
            let Ok(mut sealer) = ttp.keyring.sealer(Part::Pseudonym, &recipient) else { return false };
            for (item, part) in data.items.iter_mut().zip(&parts) {
                let Ok(sealed) = sealer.seal(item.id.as_bytes(), &part.encode()) else { return false };
                item.pseudonym = B64(sealed);
            }
            let (key, enc) = sealer.encapsulation();
            data.pseudonym = Encapsulation::new(key.0, enc);
            true
        })
    }

    /// What a TTP can do that wants to say something to a hospital: it has no key of healthdata, so it seals under its own.
    fn with_invented_feedback(&self, payload: &Payload) -> Option<Payload> {
        let ttp = self.ttp.get();
        changed(payload, |data: &mut ReturnedFeedback| {
            let of_key = |nihdi: &&Nihdi| {
                ttp.public
                    .keys(Party::EhboxHco(**nihdi))
                    .is_ok_and(|keys| keys.all().iter().any(|key| key.id().0 == data.feedback.key.0))
            };
            let Some(nihdi) = self.hospitals.keys().find(of_key) else { return false };
            let Ok(keys) = ttp.public.keys(Party::EhboxHco(*nihdi)) else { return false };
            let Ok(mut sealer) = ttp.keyring.sealer(Part::Feedback, keys.current()) else { return false };
            for item in &mut data.items {
                let Ok(sealed) = sealer.seal(item.id.as_bytes(), &[0; 256]) else { return false };
                item.feedback = B64(sealed);
            }
            let (key, enc) = sealer.encapsulation();
            data.feedback = Encapsulation::new(key.0, enc);
            true
        })
    }
}

/// The publication after a change of its message; `None` when there was nothing to change.
fn changed<D: Message>(payload: &Payload, change: impl FnOnce(&mut D) -> bool) -> Option<Payload> {
    let mut publication = Publication::<D>::decode(payload).ok()?;
    let written = |publication: &Publication<D>| -> Result<Payload, EnvelopeError> { publication.encode() };
    change(&mut publication.data).then(|| written(&publication).ok())?
}

/// A byte in the middle is another: no text may hold it.
fn corrupted(payload: &Payload) -> Payload {
    let mut bytes = payload.to_vec();
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte = 0;
    }
    bytes.into()
}

/// One letter in the longest text of the last item is another.
fn tampered(payload: &Payload) -> Option<Payload> {
    let mut document: Value = serde_json::from_slice(payload).ok()?;
    let item = document.pointer_mut("/data/items")?.as_array_mut()?.last_mut()?;
    let texts =
        item.as_object_mut()?.values_mut().filter_map(|value| if let Value::String(text) = value { Some(text) } else { None });
    let longest = texts.max_by_key(|text| text.len())?;
    let middle = longest.len() / 2;
    let other = if longest.as_bytes().get(middle) == Some(&b'A') { "B" } else { "A" };
    // Base64 is ASCII; in another text there may be no letter here.
    longest.get(middle..=middle)?;
    longest.replace_range(middle..=middle, other);
    serde_json::to_vec(&document).ok().map(Payload::from)
}

/// healthdata gives the answer about one patient the handle of another.
fn with_swapped_handles(payload: &Payload) -> Option<Payload> {
    changed(payload, |data: &mut OutgoingFeedback| {
        let [first, .., last] = data.items.as_mut_slice() else { return false };
        std::mem::swap(&mut first.handle, &mut last.handle);
        true
    })
}

/// A researcher's comment with a pseudonym in it, past HD4RES's own check.
fn with_pseudonym(payload: &Payload) -> Option<Payload> {
    changed(payload, |data: &mut OutgoingFeedback| {
        let mut is_changed = false;
        for item in &mut data.items {
            let Ok(mut feedback) = Feedback::decode(&item.feedback) else { continue };
            if let Feedback::CorrectionRequest { comments, .. } | Feedback::FollowUpRequest { comments, .. } = &mut feedback
                && let Some(comment) = comments.first_mut()
            {
                comment.text = format!("as for {PSEUDONYM}A");
                item.feedback = B64(feedback.encode());
                is_changed = true;
            }
        }
        is_changed
    })
}
