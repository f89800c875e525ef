//! What was looked at and what was seen.

use std::collections::{BTreeMap, BTreeSet};

use needle::{Searcher, TooMany};

use super::{
    field::Kind,
    onlooker::{Medium, Onlooker, Role},
    promise::{Promise, broken},
    watch::WatchList,
};

/// How much of a field somebody saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sight {
    /// What its reduction leaves.
    Reduced,
    /// Whole values.
    Seen,
}

/// Where a value was found, and how it was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// The promise that this breaks, if it breaks one.
    pub promise: Option<Promise>,
    /// The field, by its place in the watch list.
    pub field: usize,
    /// Who can see it.
    pub onlooker: Onlooker,
    /// In what.
    pub medium: Medium,
    /// Which file, queue, or table and column.
    pub place: String,
    /// How it is written.
    pub way: String,
}

/// How often something was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Count {
    /// So often.
    pub times: u64,
    /// One of the registrations that it is of.
    pub origin: String,
}

/// Something that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Who can see it.
    pub onlooker: Onlooker,
    /// What it is.
    pub medium: Medium,
    /// Its name.
    pub name: String,
}

/// What was looked at and what was seen.
pub struct Board {
    /// What is looked for.
    pub watch: WatchList,
    searcher: Searcher,
    found: BTreeMap<Found, Count>,
    sights: BTreeMap<(usize, Role), Sight>,
    searched: BTreeMap<Place, u64>,
    /// What could not be looked at, and why.
    not_searched: BTreeSet<String>,
}

impl Board {
    /// A board with nothing on it yet.
    ///
    /// # Errors
    ///
    /// [`TooMany`] values to look for at once.
    pub fn new(watch: WatchList) -> Result<Self, TooMany> {
        let searcher = watch.searcher()?;
        let (found, sights, searched, not_searched) = Default::default();
        Ok(Self { watch, searcher, found, sights, searched, not_searched })
    }

    /// Looks for everything in `bytes`, which `onlooker` can read, and says whether nothing stands there that breaks a promise.
    pub fn look(&mut self, onlooker: Onlooker, medium: Medium, place: &str, bytes: &[u8]) -> bool {
        let name = Place { onlooker, medium, name: place.to_owned() };
        *self.searched.entry(name).or_default() += bytes.len() as u64;
        let (mut hits, mut is_clean) = (BTreeMap::new(), true);
        self.searcher.search(bytes, |hit| *hits.entry(hit).or_insert(0_u64) += 1);
        for (hit, times) in hits {
            let Some(watched) = self.watch.watched().get(hit.needle) else { continue };
            let Some(field) = self.watch.fields().get(watched.field) else { continue };
            let foreign = onlooker.hospital.is_some_and(|hospital| {
                (watched.planted || is_unmistakable(field.kind)) && self.watch.is_foreign(watched, &hospital)
            });
            let promise = broken(field.kind, onlooker, medium, foreign);
            is_clean &= promise.is_none();
            let (number, way) = (watched.field, hit.way());
            let key = Found { promise, field: number, onlooker, medium, place: place.to_owned(), way };
            let count = self.found.entry(key).or_default();
            count.times += times;
            if count.origin.is_empty() {
                count.origin.clone_from(&watched.origin);
            }
            let role = if medium == Medium::Name { Role::Operator } else { onlooker.role };
            self.sights.insert((number, role), Sight::Seen);
        }
        is_clean
    }

    /// Looks at the name of a file, table or queue, and says how it may be called in a report: not by itself, when it says something.
    pub fn look_at_name(&mut self, onlooker: Onlooker, what: &str, name: &str) -> String {
        if self.look(onlooker, Medium::Name, &format!("names of {what}s"), name.as_bytes()) {
            format!("{what} {name}")
        } else {
            format!("a {what} whose name must not be repeated")
        }
    }

    /// Notes what was seen of a field by reading its column.
    pub fn saw(&mut self, field: usize, role: Role, sight: Sight) {
        let known = self.sights.entry((field, role)).or_insert(sight);
        *known = sight.max(*known);
    }

    /// Notes a breach that no search for a value finds.
    pub fn breach(&mut self, found: Found, origin: &str) {
        let count = self.found.entry(found).or_default();
        count.times += 1;
        if count.origin.is_empty() {
            origin.clone_into(&mut count.origin);
        }
    }

    /// Notes that something was looked at, though not for values.
    pub fn searched(&mut self, onlooker: Onlooker, medium: Medium, place: &str, bytes: u64) {
        *self.searched.entry(Place { onlooker, medium, name: place.to_owned() }).or_default() += bytes;
    }

    /// Notes what could not be looked at, and why.
    pub fn missed(&mut self, what: impl Into<String>) {
        self.not_searched.insert(what.into());
    }

    /// Everything that was found.
    pub fn found(&self) -> impl Iterator<Item = (&Found, &Count)> {
        self.found.iter()
    }

    /// How much of a field a role saw.
    #[must_use]
    pub fn sight(&self, field: usize, role: Role) -> Option<Sight> {
        self.sights.get(&(field, role)).copied()
    }

    /// Everything that was looked at, with its bytes.
    pub fn places(&self) -> impl Iterator<Item = (&Place, u64)> {
        self.searched.iter().map(|(place, bytes)| (place, *bytes))
    }

    /// What could not be looked at.
    pub fn not_searched(&self) -> impl Iterator<Item = &str> {
        self.not_searched.iter().map(String::as_str)
    }

    /// Whether a role was looked at in anything but the names of its files.
    #[must_use]
    pub fn has_seen(&self, role: Role) -> bool {
        self.searched.keys().any(|place| place.onlooker.role == role && (place.medium != Medium::Name || role == Role::Operator))
    }
}

/// Whether a value of this kind belongs to one patient: names and days are shared by many.
const fn is_unmistakable(kind: Kind) -> bool {
    matches!(kind, Kind::NationalNumber | Kind::GeneratedId | Kind::InternalId | Kind::PatientTag)
}

#[cfg(test)]
mod tests;
