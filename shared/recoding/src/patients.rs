//! Patients in SQL: rows name a patient by number, and its pseudonym stands in one place.
//!
//! A rotation then changes one narrow row per patient, however many rows there are of it and however wide they are. A store writes the rows of a
//! patient in no order, so rewriting them is what a rotation would spend nearly all of its time on.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use store::{Connection, StoreError, bulk};

use crate::Pair;

/// The table, as a part of the schema of a store.
pub const TABLE: &str = "
CREATE TABLE patient (id INTEGER PRIMARY KEY, pseudonym TEXT NOT NULL UNIQUE);
";

/// A patient under two numbers, which turned out to be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merge {
    /// The number that goes.
    pub from: i64,
    /// The number that stays.
    pub into: i64,
}

/// A patient who has another pseudonym from now on.
struct Moved<'a> {
    number: i64,
    pair: &'a Pair,
}

/// What moves of pseudonyms do to the table of patients.
#[derive(Default)]
pub struct Renaming<'a> {
    moved: Vec<Moved<'a>>,
    /// Numbers, each with the pseudonym that it gets.
    renamed: Vec<(i64, String)>,
    /// Patients who are one. Their rows go to the number that stays before [`Renaming::apply`].
    pub merged: Vec<Merge>,
}

/// The numbers of these patients; who has none gets one.
///
/// # Errors
///
/// [`StoreError`].
pub async fn numbers<'a>(
    connection: &mut Connection,
    pseudonyms: impl IntoIterator<Item = &'a str>,
) -> Result<HashMap<&'a str, i64>, StoreError> {
    let wanted: BTreeSet<&str> = pseudonyms.into_iter().collect();
    let known = known(connection, &wanted).await?;
    let mut numbers = HashMap::with_capacity(wanted.len());
    let mut new = Vec::new();
    for pseudonym in wanted {
        match known.get(pseudonym) {
            Some(number) => {
                numbers.insert(pseudonym, *number);
            }
            None => new.push(pseudonym),
        }
    }
    if !new.is_empty() {
        let last: i64 = connection.query("SELECT coalesce(max(id), 0) FROM patient").scalar().await?;
        let rows: Vec<(i64, &str)> = (last + 1..).zip(new).collect();
        bulk::insert(connection, "INSERT INTO patient (id, pseudonym)", 2, "", &rows, |row, (number, pseudonym)| {
            row.bind(number).bind(*pseudonym)
        })
        .await?;
        numbers.extend(rows.into_iter().map(|(number, pseudonym)| (pseudonym, number)));
    }
    Ok(numbers)
}

async fn known(connection: &mut Connection, pseudonyms: &BTreeSet<&str>) -> Result<HashMap<String, i64>, StoreError> {
    const SELECT: &str = "SELECT p.pseudonym, p.id FROM json_each(?) k CROSS JOIN patient p WHERE p.pseudonym = k.value";
    let rows = connection.query(SELECT).bind(&bulk::list(pseudonyms)?).fetch_all().await?;
    rows.iter().map(|row| Ok((row.try_get("pseudonym")?, row.try_get("id")?))).collect()
}

impl<'a> Renaming<'a> {
    /// What these moves do, each from a pseudonym to its latest.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn of(connection: &mut Connection, moves: &'a [Pair]) -> Result<Self, StoreError> {
        let names = moves.iter().flat_map(|pair| [pair.old.as_str(), pair.new.as_str()]).collect();
        let known = known(connection, &names).await?;
        let mut by_latest: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
        let mut renaming = Self::default();
        for pair in moves {
            if let Some(number) = known.get(&pair.old) {
                by_latest.entry(&pair.new).or_default().push(*number);
                renaming.moved.push(Moved { number: *number, pair });
            }
        }
        for (latest, earlier) in by_latest {
            let mut earlier = earlier.into_iter();
            let Some(into) = known.get(latest).copied().or_else(|| {
                let into = earlier.next()?;
                renaming.renamed.push((into, latest.to_owned()));
                Some(into)
            }) else {
                continue;
            };
            renaming.merged.extend(earlier.map(|from| Merge { from, into }));
        }
        Ok(renaming)
    }

    /// The latest pseudonyms of patients of whom there are rows under two numbers.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn met(&self, connection: &mut Connection) -> Result<BTreeSet<String>, StoreError> {
        let mut met: BTreeSet<String> = BTreeSet::new();
        for Merge { into, .. } in &self.merged {
            let latest = self.renamed.iter().find(|(number, _)| number == into).map(|(_, latest)| latest.clone());
            let standing = "SELECT pseudonym FROM patient WHERE id = ?";
            met.insert(match latest {
                Some(latest) => latest,
                None => connection.query(standing).bind(*into).scalar().await?,
            });
        }
        Ok(met)
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

    /// Writes it into the table of patients. No row names a number any more that goes.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn apply(&self, connection: &mut Connection) -> Result<(), StoreError> {
        for Merge { from, .. } in &self.merged {
            connection.query("DELETE FROM patient WHERE id = ?").bind(*from).execute().await?;
        }
        const RENAME: &str = ") UPDATE patient SET pseudonym = renamed.pseudonym FROM renamed WHERE patient.id = renamed.id";
        bulk::insert(connection, "WITH renamed (id, pseudonym) AS (", 2, RENAME, &self.renamed, |row, (number, latest)| {
            row.bind(number).bind(latest)
        })
        .await?;
        Ok(())
    }
}
