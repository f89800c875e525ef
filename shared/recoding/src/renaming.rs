//! What moves of pseudonyms do to the patients of a store.

use std::collections::{BTreeSet, HashMap};

use store::{Connection, StoreError, bulk};

use crate::{
    Pair,
    patients::{self, Patients},
};

/// A patient under two numbers, which turned out to be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merge {
    /// The number that goes.
    pub from: i64,
    /// The number that stays.
    pub into: i64,
    /// The latest name.
    pub latest: String,
    /// The names that go with the number that goes.
    names: Vec<String>,
}

/// A patient who has another name from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Its number, before [`Renaming::apply`].
    pub number: i64,
    /// From which name to which.
    pub pair: Pair,
}

/// What moves do, each from a present name to the latest one.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Renaming {
    /// Patients of this store who have another name from now on.
    pub moved: Vec<Moved>,
    /// Patients who are one. Their rows go to the number that stays before [`Renaming::apply`].
    pub merged: Vec<Merge>,
    /// Patients who stand under the latest name already, and are met there.
    standing: Vec<(i64, String)>,
    renamed: Vec<(i64, String)>,
    created: Vec<(i64, String)>,
    names: Vec<(String, i64)>,
    /// In the order of the moves: which name is a past one of which patient.
    past: Vec<(i64, String)>,
}

impl Renaming {
    /// What these moves do to patients of whom `known` knows all that stand under one of their names. Who is new gets a number behind `last`.
    #[must_use]
    pub fn of(known: &Patients, moves: &[Pair], last: i64) -> Self {
        let mut renaming = Self::default();
        let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for Pair { old, new } in moves {
            let place = *places.entry(new).or_insert(groups.len());
            match groups.get_mut(place) {
                Some((_, olds)) => olds.push(old),
                None => groups.push((new, vec![old])),
            }
        }
        let mut last = last;
        let mut into_of: HashMap<&str, i64> = HashMap::with_capacity(groups.len());
        for (latest, olds) in &groups {
            let standing = known.number(latest);
            let into = standing.or_else(|| olds.iter().find_map(|old| known.number(old))).unwrap_or_else(|| {
                last += 1;
                last
            });
            into_of.insert(latest, into);
            renaming.join(known, latest, olds, into);
            match standing {
                Some(into) => renaming.standing.push((into, (*latest).to_owned())),
                None => renaming.names.push(((*latest).to_owned(), into)),
            }
        }
        for Pair { old, new } in moves {
            renaming.past.extend(into_of.get(new.as_str()).map(|into| (*into, old.clone())));
        }
        renaming
    }

    /// Joins what stands under `olds` at one number.
    fn join(&mut self, known: &Patients, latest: &str, olds: &[&str], into: i64) {
        let mut is_known = known.number(latest).is_some();
        for old in olds {
            let Some(number) = known.number(old) else {
                self.names.push(((*old).to_owned(), into));
                continue;
            };
            self.moved.push(Moved { number, pair: Pair { old: (*old).to_owned(), new: latest.to_owned() } });
            if number == into {
                self.renamed.push((into, latest.to_owned()));
            } else {
                let names = known.names(number).map(str::to_owned).collect();
                self.merged.push(Merge { from: number, into, latest: latest.to_owned(), names });
            }
            is_known = true;
        }
        if !is_known {
            self.created.push((into, latest.to_owned()));
        }
    }

    /// The latest names of patients of whom there may be rows under two numbers.
    #[must_use]
    pub fn met(&self) -> BTreeSet<String> {
        self.merged.iter().map(|merge| merge.latest.clone()).collect()
    }

    /// Everybody that this is about, by number: the present name and the latest one.
    #[must_use]
    pub fn concerned(&self) -> HashMap<i64, (&str, &str)> {
        let moved = self.moved.iter().map(|Moved { number, pair }| (*number, (pair.old.as_str(), pair.new.as_str())));
        let standing = self.standing.iter().map(|(number, latest)| (*number, (latest.as_str(), latest.as_str())));
        moved.chain(standing).collect()
    }

    /// Puts the latest pseudonym into the place of the earlier one wherever else it stands: runs `UPDATE … SET … FROM moves WHERE …`, where `moves` has
    /// the number of each patient who has another pseudonym from now on, with `old` and `new`.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn update(&self, connection: &mut Connection, update: &str) -> Result<(), StoreError> {
        bulk::insert(connection, "WITH moves (patient, old, new) AS (", 3, &format!(") {update}"), &self.moved, |row, moved| {
            row.bind(moved.number).bind(&moved.pair.old).bind(&moved.pair.new)
        })
        .await?;
        Ok(())
    }

    /// Writes it into the tables of patients. No row names a number any more that goes.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn apply(&self, connection: &mut Connection, by_ttp: bool) -> Result<(), StoreError> {
        for Merge { from, into, names, .. } in &self.merged {
            let entries = |patient: i64| names.iter().map(|name| patients::entry(name, patient)).collect::<Vec<_>>();
            patients::leave(connection, &entries(*from)).await?;
            patients::enter(connection, entries(*into)).await?;
            connection.query("UPDATE recoded SET patient = ? WHERE patient = ?").bind(*into).bind(*from).execute().await?;
            connection.query("DELETE FROM patient WHERE id = ?").bind(*from).execute().await?;
        }
        const RENAME: &str = ") UPDATE patient SET pseudonym = renamed.pseudonym, epoch = renamed.epoch FROM renamed WHERE patient.id = renamed.id";
        bulk::insert(
            connection,
            "WITH renamed (id, pseudonym, epoch) AS (",
            3,
            RENAME,
            &self.renamed,
            |row, (number, latest)| row.bind(number).bind(latest).bind(patients::epoch(latest)),
        )
        .await?;
        let created: Vec<(i64, &str)> = self.created.iter().map(|(number, name)| (*number, name.as_str())).collect();
        patients::create(connection, &created).await?;
        patients::enter(connection, self.names.iter().map(|(name, patient)| patients::entry(name, *patient)).collect()).await?;
        // In the order of the moves, behind all others: that is the order in which they are told.
        let last: i64 = connection.query("SELECT coalesce(max(id), 0) FROM recoded").scalar().await?;
        let numbered: Vec<(i64, &(i64, String))> = (last + 1..).zip(&self.past).collect();
        bulk::insert(
            connection,
            "INSERT INTO recoded (id, patient, old, by_ttp)",
            4,
            "",
            &numbered,
            |row, (number, (patient, old))| row.bind(number).bind(patient).bind(old).bind(i64::from(by_ttp)),
        )
        .await?;
        Ok(())
    }
}
