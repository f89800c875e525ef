//! The values that are looked for.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use needle::{Form, Needle, Searcher, TooMany};
use topology::Nihdi;

use super::field::Field;

/// A value that is looked for, in one field. It identifies a patient, so it has no `Debug`.
#[derive(Clone)]
pub struct Watched {
    /// Which field, by its place in [`WatchList::fields`].
    pub field: usize,
    /// Where it comes from, for whoever has the hospital's store: a registration, a record.
    pub origin: String,
    /// Whether it was made for this search, so that it stands nowhere by chance.
    pub planted: bool,
    needle: Needle,
}

/// The values that are looked for, and how many were left out.
#[derive(Clone, Default)]
pub struct WatchList {
    fields: Vec<Field>,
    numbers: HashMap<Field, usize>,
    watched: Vec<Watched>,
    known: HashMap<(usize, Vec<u8>), usize>,
    owners: HashMap<Vec<u8>, BTreeSet<Nihdi>>,
    /// Values that are not looked for, by field: too short, or standing in places where they mean nothing.
    left_out: BTreeMap<usize, u64>,
}

impl WatchList {
    /// The number of a field, given at first use.
    pub fn field(&mut self, field: &Field) -> usize {
        if let Some(number) = self.numbers.get(field) {
            return *number;
        }
        let number = self.fields.len();
        self.fields.push(field.clone());
        self.numbers.insert(field.clone(), number);
        number
    }

    /// The fields, by number.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The values.
    #[must_use]
    pub fn watched(&self) -> &[Watched] {
        &self.watched
    }

    /// Adds a value that stands in the files of `hospital`. One that is too short is counted and left out.
    pub fn add(&mut self, field: &Field, hospital: Option<Nihdi>, origin: &str, value: impl Into<Vec<u8>>, form: Form) {
        self.put(field, hospital, origin, value.into(), form, false);
    }

    /// Adds a value that was made for this search.
    pub fn plant(&mut self, field: &Field, hospital: Option<Nihdi>, origin: &str, value: impl Into<Vec<u8>>, form: Form) {
        self.put(field, hospital, origin, value.into(), form, true);
    }

    fn put(&mut self, field: &Field, hospital: Option<Nihdi>, origin: &str, value: Vec<u8>, form: Form, planted: bool) {
        let number = self.field(field);
        self.own(hospital, &value);
        if let Some(at) = self.known.get(&(number, value.clone())) {
            if let Some(watched) = self.watched.get_mut(*at) {
                watched.planted |= planted;
            }
            return;
        }
        let Some(needle) = Needle::new(value.clone(), form) else {
            self.leave_out(field);
            return;
        };
        self.known.insert((number, value), self.watched.len());
        self.watched.push(Watched { field: number, origin: origin.to_owned(), planted, needle });
    }

    /// Notes that a value is a hospital's own, so that finding it there is no wonder.
    pub fn own(&mut self, hospital: Option<Nihdi>, value: &[u8]) {
        if let Some(hospital) = hospital {
            self.owners.entry(value.to_vec()).or_default().insert(hospital);
        }
    }

    /// Counts a value that is not looked for.
    pub fn leave_out(&mut self, field: &Field) {
        let number = self.field(field);
        *self.left_out.entry(number).or_default() += 1;
    }

    /// How many values of each field are not looked for.
    #[must_use]
    pub fn left_out(&self, field: usize) -> u64 {
        self.left_out.get(&field).copied().unwrap_or(0)
    }

    /// Leaves out the values with these places that were not planted: finding one somewhere would prove nothing.
    pub fn drop_common(&mut self, common: &BTreeSet<usize>) {
        let left_out = &mut self.left_out;
        let mut at = 0;
        self.watched.retain(|watched| {
            let stays = watched.planted || !common.contains(&at);
            at += 1;
            if !stays {
                *left_out.entry(watched.field).or_default() += 1;
            }
            stays
        });
        self.known = HashMap::new();
    }

    /// Whether a value is another hospital's and not this one's.
    #[must_use]
    pub fn is_foreign(&self, watched: &Watched, hospital: &Nihdi) -> bool {
        let owners = self.owners.get(watched.needle.reveal());
        owners.is_some_and(|owners| !owners.is_empty() && !owners.contains(hospital))
    }

    /// A searcher for all of them; its hits count as [`WatchList::watched`] does.
    ///
    /// # Errors
    ///
    /// [`TooMany`].
    pub fn searcher(&self) -> Result<Searcher, TooMany> {
        Searcher::new(self.watched.iter().map(|watched| &watched.needle))
    }
}

impl Watched {
    /// The form of the value.
    #[must_use]
    pub fn form(&self) -> Form {
        self.needle.form()
    }
}
