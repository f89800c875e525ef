//! The researcher's files of two runs, cell by cell.
//!
//! A row is the same row in both runs when its unique id is, and its pseudonym, where the keys are the same. Under different keys the unique id
//! alone tells, without the patient in it; what several rows have in common is told apart by the rest of their cells.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
};

use anyhow::Context as _;

use super::{Part, times};

/// The column of the patient.
pub const PSEUDONYM: &str = "pseudonym";
/// The column of healthdata's unique id in the findings; it may have the pseudonym in it.
const UNIQUE_ID: &str = "unique_id";
/// Rows under one unique id that are held against each other one by one; more are taken in their order.
const ALIKE_MAX: usize = 200;

/// A file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// Which pseudonyms of the first run stand for which of the second.
#[derive(Debug, Clone, Default)]
pub struct Pairs {
    /// Whether the keys are the same, so that a pseudonym stands for itself.
    same_keys: bool,
    of_a: HashMap<String, String>,
    of_b: HashMap<String, String>,
    /// Columns whose values are coded under a key.
    coded: BTreeSet<String>,
}

impl Table {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is no CSV.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let failed = || format!("read {}", path.display());
        let mut reader = csv::Reader::from_path(path).with_context(failed)?;
        let header = reader.headers().with_context(failed)?.iter().map(str::to_owned).collect();
        let rows = reader.records().map(|row| Ok(row?.iter().map(str::to_owned).collect()));
        let rows = rows.collect::<Result<_, csv::Error>>().with_context(failed)?;
        Ok(Self { header, rows })
    }

    fn at(&self, column: &str) -> Option<usize> {
        self.header.iter().position(|own| own == column)
    }

    fn cell<'t>(&self, row: &'t [String], column: &str) -> &'t str {
        self.at(column).and_then(|at| row.get(at)).map_or("", String::as_str)
    }

    /// The pseudonyms in it.
    pub fn pseudonyms(&self) -> impl Iterator<Item = &str> {
        let at = self.at(PSEUDONYM);
        self.rows.iter().filter_map(move |row| row.get(at?).map(String::as_str))
    }
}

/// A code of a column, which is told apart from the same in another one.
fn code(column: &str, value: &str) -> String {
    format!("{column}\n{value}")
}

impl Pairs {
    /// The same, with the columns of the next file whose values are coded under a key.
    pub fn code(&mut self, columns: impl IntoIterator<Item = String>) {
        self.coded = columns.into_iter().collect();
    }

    /// Pairs of runs with the same keys, or with different ones.
    #[must_use]
    pub fn new(same_keys: bool) -> Self {
        Self { same_keys, ..Self::default() }
    }

    /// Whether both may stand for one patient, as far as it is known.
    fn agree(&self, a: &str, b: &str) -> bool {
        if self.same_keys {
            return a == b;
        }
        self.of_a.get(a).is_none_or(|known| known == b) && self.of_b.get(b).is_none_or(|known| known == a)
    }

    /// Takes two for one patient from now on; says whether that agrees with what is known.
    fn join(&mut self, a: &str, b: &str) -> bool {
        let agree = self.agree(a, b);
        if agree && !self.same_keys {
            self.of_a.insert(a.to_owned(), b.to_owned());
            self.of_b.insert(b.to_owned(), a.to_owned());
        }
        agree
    }

    /// Whether two cells of a column say the same. What is coded under a key says so when its codes tell apart the same.
    fn same(&self, column: &str, a: &str, b: &str) -> bool {
        if a == b || self.same_keys || a.is_empty() || b.is_empty() || !self.is_coded(column) {
            return a == b;
        }
        self.agree(&code(column, a), &code(column, b))
    }

    /// The same, and takes two codes for one from now on.
    fn take(&mut self, column: &str, a: &str, b: &str) -> bool {
        let same = self.same(column, a, b);
        if same && a != b {
            self.join(&code(column, a), &code(column, b));
        }
        same
    }

    fn is_coded(&self, column: &str) -> bool {
        let is_number = |part: &&str| part.len() >= 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        let plain = column.split('|').filter(|part| !is_number(part)).collect::<Vec<_>>().join("|");
        self.coded.contains(column) || self.coded.contains(&plain)
    }

    /// The second run's pseudonym for one of the first.
    fn translated<'p>(&'p self, a: &'p str) -> &'p str {
        self.of_a.get(a).map_or(a, String::as_str)
    }
}

/// Rows of both files that one key names.
type Group<'t> = (Vec<&'t [String]>, Vec<&'t [String]>);

/// Compares two researcher's files. `key` are the columns of the unique id but for the patient.
pub fn compare(name: &str, (a, b): (&Table, &Table), key: &[String], pairs: &mut Pairs) -> Part {
    let mut part = Part::new(name);
    let columns: BTreeSet<&String> = a.header.iter().chain(&b.header).filter(|column| *column != PSEUDONYM).collect();
    let mut groups: BTreeMap<Vec<String>, Group<'_>> = BTreeMap::new();
    let key_of = |table: &Table, row: &[String]| {
        let own = pairs.same_keys.then(|| table.cell(row, PSEUDONYM).to_owned());
        own.into_iter().chain(key.iter().map(|column| table.cell(row, column).to_owned())).collect::<Vec<_>>()
    };
    for row in &a.rows {
        groups.entry(key_of(a, row)).or_default().0.push(row);
    }
    for row in &b.rows {
        groups.entry(key_of(b, row)).or_default().1.push(row);
    }
    // What is told by its unique id alone says which pseudonyms belong together, before those that need it are looked at.
    let (clear, unclear): (Vec<_>, Vec<_>) = groups.into_iter().partition(|(_, (of_a, of_b))| of_a.len() <= 1 && of_b.len() <= 1);
    for (_, (of_a, of_b)) in clear.into_iter().chain(unclear) {
        part.compared += of_a.len().max(of_b.len()) as u64;
        for (one, other) in matched((a, of_a), (b, of_b), &columns, pairs) {
            differences(&mut part, (a, one), (b, other), (key, &columns), pairs);
        }
    }
    part
}

type Matched<'r> = Vec<(Option<&'r [String]>, Option<&'r [String]>)>;

/// Rows under one unique id in pairs: those that are equal first, then those that are nearest to each other.
fn matched<'r>(
    (a, of_a): (&Table, Vec<&'r [String]>),
    (b, of_b): (&Table, Vec<&'r [String]>),
    columns: &BTreeSet<&String>,
    pairs: &mut Pairs,
) -> Matched<'r> {
    let distance = |one: &[String], other: &[String], pairs: &Pairs| {
        let strangers = usize::from(!pairs.agree(a.cell(one, PSEUDONYM), b.cell(other, PSEUDONYM)));
        strangers * columns.len()
            + columns.iter().filter(|column| !pairs.same(column, a.cell(one, column), b.cell(other, column))).count()
    };
    let (mut rest, mut matched): (Vec<&[String]>, Matched<'r>) = (of_b, Vec::new());
    let is_small = of_a.len().max(rest.len()) <= ALIKE_MAX;
    let mut waiting = Vec::new();
    for one in of_a {
        let equal = if is_small { rest.iter().position(|other| distance(one, other, pairs) == 0) } else { None };
        match equal {
            Some(at) => {
                let other = rest.remove(at);
                pairs.join(a.cell(one, PSEUDONYM), b.cell(other, PSEUDONYM));
                matched.push((Some(one), Some(other)));
            }
            None => waiting.push(one),
        }
    }
    for one in waiting {
        let nearest = if is_small {
            (0..rest.len()).min_by_key(|at| distance(one, rest[*at], pairs))
        } else {
            (!rest.is_empty()).then_some(0)
        };
        matched.push((Some(one), nearest.map(|at| rest.remove(at))));
    }
    matched.extend(rest.into_iter().map(|other| (None, Some(other))));
    matched
}

fn differences(
    part: &mut Part,
    (a, one): (&Table, Option<&[String]>),
    (b, other): (&Table, Option<&[String]>),
    (key, columns): (&[String], &BTreeSet<&String>),
    pairs: &mut Pairs,
) {
    let named = |table: &Table, row: &[String]| {
        let values = key.iter().map(|column| table.cell(row, column)).filter(|value| !value.is_empty());
        std::iter::once(table.cell(row, PSEUDONYM)).chain(values).collect::<Vec<_>>().join(" ")
    };
    let (one, other) = match (one, other) {
        (Some(one), Some(other)) => (one, other),
        (Some(one), None) => return part.note(named(a, one), "row", Some("there".to_owned()), None),
        (None, Some(other)) => return part.note(named(b, other), "row", None, Some("there".to_owned())),
        (None, None) => return,
    };
    let of = named(a, one);
    let (of_a, of_b) = (a.cell(one, PSEUDONYM), b.cell(other, PSEUDONYM));
    if !pairs.join(of_a, of_b) {
        part.note(&of, "patient", Some(of_a.to_owned()), Some(of_b.to_owned()));
    }
    for column in columns {
        let (of_a, of_b) = (a.cell(one, column), b.cell(other, column));
        if !pairs.take(column, of_a, of_b) {
            part.hold(&of, column, of_a, of_b);
        }
    }
}

/// Compares the findings of two runs, which have no more key than all that they say.
pub fn compare_findings(a: &Table, b: &Table, pairs: &Pairs) -> Part {
    let mut part = Part::new("findings");
    let mut counts: BTreeMap<Vec<String>, i64> = BTreeMap::new();
    for row in &a.rows {
        let pseudonym = a.cell(row, PSEUDONYM);
        let translated = pairs.translated(pseudonym);
        let shown = a.header.iter().zip(row).map(|(column, value)| match column.as_str() {
            PSEUDONYM => translated.to_owned(),
            UNIQUE_ID => value.replace(pseudonym, translated),
            _ => value.clone(),
        });
        *counts.entry(shown.collect()).or_default() += 1;
    }
    for row in &b.rows {
        *counts.entry(row.clone()).or_default() -= 1;
    }
    part.compared = a.rows.len().max(b.rows.len()) as u64;
    for (row, count) in counts.into_iter().filter(|(_, count)| *count != 0) {
        let counted = |is_own: bool| is_own.then(|| times(count.unsigned_abs()));
        part.note(row.join(" "), "finding", counted(count > 0), counted(count < 0));
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(header: &str, rows: &[&str]) -> Table {
        let cells = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<_>>();
        Table { header: cells(header), rows: rows.iter().map(|row| cells(row)).collect() }
    }

    fn found(part: &Part) -> Vec<(&str, &str, Option<&str>, Option<&str>)> {
        part.listed.iter().map(|one| (one.of.as_str(), one.what.as_str(), one.a.as_deref(), one.b.as_deref())).collect()
    }

    const HEADER: &str = "pseudonym,id,stage";

    #[test]
    fn one_cell_is_exactly_one_difference() {
        let (a, b) = (table(HEADER, &["p,1,II", "q,2,III"]), table(HEADER, &["p,1,II", "q,2,IV"]));
        let part = compare("x", (&a, &b), &["id".to_owned()], &mut Pairs::new(true));
        assert_eq!((found(&part), part.compared), (vec![("q 2", "stage", Some("III"), Some("IV"))], 2));
        let missing = compare("x", (&a, &table(HEADER, &["p,1,II"])), &["id".to_owned()], &mut Pairs::new(true));
        assert_eq!(found(&missing), [("q 2", "row", Some("there"), None)]);
    }

    #[test]
    fn other_keys_and_another_order_are_no_difference() {
        let (a, b) = (table(HEADER, &["p,1,II", "p,2,III", "q,3,I"]), table(HEADER, &["x,3,I", "y,1,II", "y,2,III"]));
        assert_eq!(found(&compare("x", (&a, &b), &["id".to_owned()], &mut Pairs::new(false))), []);
        // Without any id the cells tell; a changed one is found next to its likes.
        let b = table(HEADER, &["x,3,I", "y,1,II", "y,2,IV"]);
        assert_eq!(found(&compare("x", (&a, &b), &[], &mut Pairs::new(false))), [("p", "stage", Some("III"), Some("IV"))]);
    }

    #[test]
    fn codes_under_other_keys_are_held_against_each_other_by_what_they_tell_apart() {
        let (a, b) = (table(HEADER, &["p,1,K1", "q,2,K2", "r,3,K1"]), table(HEADER, &["x,1,K8", "y,2,K9", "z,3,K8"]));
        let compared = |b: &Table| {
            let mut pairs = Pairs::new(false);
            pairs.code(["stage".to_owned()]);
            compare("x", (&a, b), &["id".to_owned()], &mut pairs).differences
        };
        assert_eq!(compared(&b), 0);
        assert_eq!(compared(&table(HEADER, &["x,1,K8", "y,2,K9", "z,3,K9"])), 1, "another code is another");
        assert_eq!(compared(&table(HEADER, &["x,1,K8", "y,2,", "z,3,K8"])), 1, "none is none");
    }

    #[test]
    fn a_patient_who_became_two_is_a_difference_under_any_keys() {
        let (a, b) = (table(HEADER, &["p,1,II", "p,2,III"]), table(HEADER, &["x,1,II", "y,2,III"]));
        let part = compare("x", (&a, &b), &["id".to_owned()], &mut Pairs::new(false));
        assert_eq!(found(&part), [("p 2", "patient", Some("p"), Some("y"))]);
    }

    #[test]
    fn findings_are_held_against_each_other_by_all_that_they_say() {
        const HEADER: &str = "pseudonym,dcd,unique_id,rule,severity,message";
        let (a, b) = (table(HEADER, &["p,T,1|p,R1,error,m"]), table(HEADER, &["x,T,1|x,R1,error,m", "x,T,1|x,R2,error,m"]));
        let mut pairs = Pairs::new(false);
        pairs.join("p", "x");
        let part = compare_findings(&a, &b, &pairs);
        assert_eq!(found(&part), [("x T 1|x R2 error m", "finding", None, Some("once"))]);
    }
}
