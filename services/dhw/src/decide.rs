//! What becomes of each registration of a batch, as a pure function of what the store held before.
//!
//! A known item is answered again. A later version takes the place of an earlier one, never the reverse, also inside one batch. A deletion
//! leaves a tombstone, behind which only later versions live again. Two registrations of a hospital with one unique id are one record: the
//! one that came last stands.

use std::collections::{HashMap, hash_map::Entry};

use hd_messages::{VerdictFinding, VerdictSeverity};
use registration::ContentKind;
use uuid::Uuid;

use crate::{
    across::Member,
    registers::{Register, Registers},
    validate::Registration,
};

/// The verdict on an item, as it travels back to HD4RES.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Whether no error was found.
    pub clean: bool,
    /// What was found.
    pub findings: Vec<VerdictFinding>,
}

impl Answer {
    /// The answer to what leaves nothing to say.
    #[must_use]
    pub const fn clean() -> Self {
        Self { clean: true, findings: Vec::new() }
    }

    /// The answer with these findings.
    #[must_use]
    pub fn of(findings: Vec<VerdictFinding>) -> Self {
        Self { clean: findings.iter().all(|finding| finding.severity != VerdictSeverity::Error), findings }
    }
}

/// A registration that stands in the store.
#[derive(Debug, Clone)]
pub struct Live {
    /// Its row in its register's table.
    pub row: i64,
    /// The registration.
    pub registration_id: Uuid,
    /// Its version.
    pub version: u32,
    /// What it says to the rules across registrations.
    pub member: Member,
}

/// What the store held when the batch came.
#[derive(Debug, Default)]
pub struct Before {
    /// Verdicts that were given, by sender and item.
    pub known: HashMap<(String, Uuid), Answer>,
    /// Versions at which registrations were deleted, by sender and registration.
    pub deleted: HashMap<(String, Uuid), u32>,
    /// Registrations with the unique id or the registration id of one of the batch; others do no harm.
    pub live: Vec<Live>,
}

/// What becomes of one registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Its item was answered before, like this.
    Known(Answer),
    /// Its item stands in this batch already, at this place.
    Repeated(usize),
    /// A later version stands, or the registration was deleted later: nothing is written, the answer is clean.
    Overtaken,
    /// It is written down.
    Written,
    /// It deletes.
    Deleted,
}

/// What becomes of a batch.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// One fate per registration, in order.
    pub fates: Vec<Fate>,
    /// Those of [`Before::live`] that go, by their place there.
    pub removed: Vec<usize>,
}

impl Decision {
    /// The registrations with this fate, by their place in the batch.
    pub fn with(&self, fate: &Fate) -> impl Iterator<Item = usize> {
        self.fates.iter().enumerate().filter(move |(_, of)| *of == fate).map(|(at, _)| at)
    }
}

/// Decides a batch.
#[must_use]
pub fn decide(registers: &Registers, batch: &[Registration], before: &Before) -> Decision {
    let mut living = Living::new(registers, batch, before);
    let mut first: HashMap<(&str, Uuid), usize> = HashMap::with_capacity(batch.len());
    let mut deleted: HashMap<(&str, Uuid), u32> = HashMap::new();
    let mut decision = Decision { fates: Vec::with_capacity(batch.len()), removed: Vec::new() };
    for (at, registration) in batch.iter().enumerate() {
        let sender = registration.member.sender.as_str();
        if let Some(answer) = before.known.get(&(sender.to_owned(), registration.item)) {
            decision.fates.push(Fate::Known(answer.clone()));
            continue;
        }
        match first.entry((sender, registration.item)) {
            Entry::Occupied(earlier) => {
                decision.fates.push(Fate::Repeated(*earlier.get()));
                continue;
            }
            Entry::Vacant(place) => place.insert(at),
        };
        let (_, id) = registration.id();
        let stored = before.deleted.get(&(sender.to_owned(), id)).copied();
        let deleted_at = stored.max(deleted.get(&(sender, id)).copied());
        let overtaken = deleted_at.is_some_and(|at| at >= registration.version()) || living.overtakes(registration);
        if overtaken {
            decision.fates.push(Fate::Overtaken);
            continue;
        }
        for holder in living.give_way(registration) {
            match holder {
                Holder::Live(live) => decision.removed.push(live),
                Holder::New(new) => {
                    if let Some(fate) = decision.fates.get_mut(new) {
                        *fate = Fate::Overtaken;
                    }
                }
            }
        }
        if registration.content.head().kind == ContentKind::Deletion {
            deleted.insert((sender, id), registration.version());
            decision.fates.push(Fate::Deleted);
        } else {
            living.enter(at, registration);
            decision.fates.push(Fate::Written);
        }
    }
    decision
}

/// Who stands under an id: a stored registration or one of this batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    Live(usize),
    New(usize),
}

/// The registrations that stand while the batch is gone through.
struct Living<'a> {
    registers: &'a Registers,
    batch: &'a [Registration],
    before: &'a Before,
    by_id: HashMap<(&'a str, Uuid), Holder>,
    by_unique_id: HashMap<(&'a str, &'a str, &'a str), Holder>,
}

impl<'a> Living<'a> {
    fn new(registers: &'a Registers, batch: &'a [Registration], before: &'a Before) -> Self {
        let mut living = Self { registers, batch, before, by_id: HashMap::new(), by_unique_id: HashMap::new() };
        for (at, live) in before.live.iter().enumerate() {
            living.by_id.insert((&live.member.sender, live.registration_id), Holder::Live(at));
            living.by_unique_id.insert(unique_key(registers, &live.member), Holder::Live(at));
        }
        living
    }

    fn holders(&self, registration: &'a Registration) -> Vec<Holder> {
        let by_id = self.by_id.get(&registration.id()).copied();
        let is_deletion = registration.content.head().kind == ContentKind::Deletion;
        let by_unique_id = self.by_unique_id.get(&unique_key(self.registers, &registration.member)).copied();
        let by_unique_id = by_unique_id.filter(|holder| !is_deletion && Some(*holder) != by_id);
        by_id.into_iter().chain(by_unique_id).collect()
    }

    fn holder_id(&self, holder: Holder) -> Option<((&'a str, Uuid), u32, &'a Member)> {
        match holder {
            Holder::Live(at) => {
                let live = self.before.live.get(at)?;
                Some(((&live.member.sender, live.registration_id), live.version, &live.member))
            }
            Holder::New(at) => {
                let new = self.batch.get(at)?;
                Some((new.id(), new.version(), &new.member))
            }
        }
    }

    /// Whether a version that stands is not older. Versions of different registrations cannot be compared.
    fn overtakes(&self, registration: &'a Registration) -> bool {
        let is_deletion = registration.content.head().kind == ContentKind::Deletion;
        let stands = self.by_id.get(&registration.id()).and_then(|holder| self.holder_id(*holder));
        // A deletion may carry the number of the version that it deletes.
        stands.is_some_and(|(_, version, _)| {
            version > registration.version() || (version == registration.version() && !is_deletion)
        })
    }

    /// Takes away who stands where `registration` will.
    fn give_way(&mut self, registration: &'a Registration) -> Vec<Holder> {
        let holders = self.holders(registration);
        for holder in &holders {
            if let Some((id, _, member)) = self.holder_id(*holder) {
                self.by_id.remove(&id);
                self.by_unique_id.remove(&unique_key(self.registers, member));
            }
        }
        holders
    }

    fn enter(&mut self, at: usize, registration: &'a Registration) {
        self.by_id.insert(registration.id(), Holder::New(at));
        self.by_unique_id.insert(unique_key(self.registers, &registration.member), Holder::New(at));
    }
}

/// Healthdata's key of a record: register, sender, unique id.
fn unique_key<'a>(registers: &'a Registers, member: &'a Member) -> (&'a str, &'a str, &'a str) {
    let register = registers.get(member.register).map_or("", |register: &Register| register.definition().name());
    (register, &member.sender, &member.unique_id)
}
