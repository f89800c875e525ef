//! The answer of an audit: what was looked at, what was seen, and which promises hold. It repeats no value.

use std::collections::{BTreeMap, BTreeSet};

use clock::Timestamp;
use dcd::Definitions;
use serde::Serialize;
use topology::Nihdi;

use super::{
    board::{Board, Count, Found, Sight},
    field::{Field, Kind},
    harvest::Taken,
    join::Ends,
    onlooker::{Medium, Onlooker, Role},
    promise::{Promise, broken},
};

/// What a report is about.
pub struct About<'a> {
    /// Where the stores are.
    pub subject: String,
    /// The folder of the run.
    pub data: Option<String>,
    /// Whether values were planted.
    pub is_planted: bool,
    /// When the audit was made.
    pub made_at: Timestamp,
    /// The hospitals.
    pub hospitals: &'a [Nihdi],
    /// The registers.
    pub definitions: &'a Definitions,
    /// How many registrations there were, and how many of them are looked for.
    pub taken: Taken,
    /// What both ends together show.
    pub ends: Ends,
    /// Publications that were looked at.
    pub publications: usize,
}

/// The answer of an audit.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Whether the three published promises are proved, and none of the others is broken.
    pub holds: bool,
    /// When the audit was made.
    pub made_at: String,
    /// Version of this program.
    pub program: String,
    /// Where the stores are.
    pub subject: String,
    /// The folder of the run.
    pub data: Option<String>,
    /// Whether values were planted.
    pub is_planted: bool,
    /// The hospitals.
    pub hospitals: Vec<String>,
    /// The registers, each with version and fingerprint.
    pub registers: Vec<String>,
    /// How many registrations there were, and how many of them are looked for.
    pub registrations: Taken,
    /// Publications that were looked at.
    pub publications: usize,
    /// The promises, the published ones first.
    pub promises: Vec<Verdict>,
    /// What was seen, by field.
    pub fields: Vec<FieldLine>,
    /// What both ends together show.
    pub ends: Ends,
    /// What was looked at.
    pub searched: Vec<Searched>,
    /// What was not looked at, and why.
    pub not_searched: Vec<String>,
}

/// Whether a promise holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It holds in everything that was looked at.
    Holds,
    /// It is broken.
    Broken,
    /// The search would not have found anything, so it proves nothing.
    NotProved,
    /// Nothing was looked at that it is about.
    NotSearched,
}

impl Standing {
    /// Its name in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Broken => "BROKEN",
            Self::NotProved => "not proved",
            Self::NotSearched => "not searched",
        }
    }
}

/// A promise and whether it holds.
#[derive(Debug, Serialize)]
pub struct Verdict {
    /// The promise.
    pub promise: Promise,
    /// Which of the three published promises it is.
    pub number: Option<u8>,
    /// What it says.
    pub sentence: &'static str,
    /// Whether it holds.
    pub standing: Standing,
    /// On what ground.
    pub ground: String,
    /// What breaks it.
    pub evidence: Vec<Evidence>,
}

/// Where a value was found that should not be there. Never the value.
#[derive(Debug, Serialize)]
pub struct Evidence {
    /// What it says.
    pub field: Field,
    /// Who can see it.
    pub onlooker: Onlooker,
    /// In what.
    pub medium: Medium,
    /// Which file, queue, or table and column.
    pub place: String,
    /// How it is written.
    pub written: String,
    /// How often.
    pub times: u64,
    /// One of those that it is of.
    pub of: String,
}

/// What each role saw of a field.
#[derive(Debug, Serialize)]
pub struct FieldLine {
    /// The field.
    #[serde(flatten)]
    pub field: Field,
    /// Values that were looked for.
    pub values: u64,
    /// Values that were not: too short, or common words.
    pub left_out: u64,
    /// What each role saw.
    pub sights: BTreeMap<Role, Seen>,
}

/// What a role saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// It was not looked at.
    NotSearched,
    /// Its values are too short to be looked for, and no column of it was found.
    NotInColumns,
    /// Not seen.
    NotSeen,
    /// What its reduction leaves.
    Reduced,
    /// Whole values, as it may.
    Seen,
    /// Whole values, which breaks a promise.
    Breach,
}

impl Seen {
    /// In a table's cell.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotSearched => "?",
            Self::NotInColumns => ".",
            Self::NotSeen => "-",
            Self::Reduced => "reduced",
            Self::Seen => "seen",
            Self::Breach => "SEEN!",
        }
    }
}

/// What was looked at of one onlooker's.
#[derive(Debug, Serialize)]
pub struct Searched {
    /// Who can see it.
    pub onlooker: Onlooker,
    /// What it is.
    pub medium: Medium,
    /// Files, queues or tables.
    pub places: Vec<String>,
    /// Bytes of them.
    pub bytes: u64,
}

impl Report {
    /// Puts the answer together.
    #[must_use]
    pub fn new(board: &Board, about: About<'_>) -> Self {
        let promises: Vec<Verdict> = Promise::ALL.into_iter().map(|promise| verdict(promise, board, &about)).collect();
        let is_kept = |verdict: &Verdict| match verdict.number {
            Some(_) => verdict.standing == Standing::Holds,
            None => verdict.standing != Standing::Broken,
        };
        Self {
            holds: promises.iter().all(is_kept),
            made_at: about.made_at.rounded_to_seconds().to_string(),
            program: format!("precision {}", env!("CARGO_PKG_VERSION")),
            subject: about.subject,
            data: about.data,
            is_planted: about.is_planted,
            hospitals: about.hospitals.iter().map(ToString::to_string).collect(),
            registers: about.definitions.iter().map(|definition| named(definition)).collect(),
            registrations: about.taken,
            publications: about.publications,
            promises,
            fields: fields(board),
            ends: about.ends,
            searched: searched(board),
            not_searched: board.not_searched().map(str::to_owned).collect(),
        }
    }

    /// What the roles saw of all fields of a kind together; `None` when no field is of that kind.
    #[must_use]
    pub fn of_kind(&self, kind: Kind) -> Option<(u64, u64, BTreeMap<Role, Seen>)> {
        let mut lines = self.fields.iter().filter(|line| line.field.kind == kind).peekable();
        lines.peek()?;
        let (mut values, mut left_out, mut sights) = (0, 0, BTreeMap::new());
        for line in lines {
            values += line.values;
            left_out += line.left_out;
            for (role, seen) in &line.sights {
                let known = sights.entry(*role).or_insert(*seen);
                *known = (*seen).max(*known);
            }
        }
        Some((values, left_out, sights))
    }
}

fn named(definition: &dcd::Definition) -> String {
    let fingerprint: String = definition.fingerprint().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{} {} ({fingerprint})", definition.name(), definition.version())
}

fn fields(board: &Board) -> Vec<FieldLine> {
    let mut values: BTreeMap<usize, u64> = BTreeMap::new();
    for watched in board.watch.watched() {
        *values.entry(watched.field).or_default() += 1;
    }
    let breaches: BTreeSet<(usize, Role)> = board
        .found()
        .filter(|(found, _)| found.promise.is_some())
        .map(|(found, _)| (found.field, if found.medium == Medium::Name { Role::Operator } else { found.onlooker.role }))
        .collect();
    let seen: BTreeMap<Role, bool> = Role::ALL.map(|role| (role, board.has_seen(role))).into();
    let mut lines: Vec<FieldLine> = board
        .watch
        .fields()
        .iter()
        .enumerate()
        .map(|(number, field)| {
            let values = values.get(&number).copied().unwrap_or(0);
            let sight = |role: Role| match board.sight(number, role) {
                Some(_) if breaches.contains(&(number, role)) => Seen::Breach,
                Some(Sight::Seen) => Seen::Seen,
                Some(Sight::Reduced) => Seen::Reduced,
                None if !seen.get(&role).copied().unwrap_or(false) => Seen::NotSearched,
                None if values == 0 => Seen::NotInColumns,
                None => Seen::NotSeen,
            };
            let sights = Role::ALL.map(|role| (role, sight(role))).into();
            FieldLine { field: field.clone(), values, left_out: board.watch.left_out(number), sights }
        })
        .collect();
    lines.sort_by(|one, other| one.field.cmp(&other.field));
    lines
}

fn searched(board: &Board) -> Vec<Searched> {
    let mut by: BTreeMap<(Onlooker, Medium), (BTreeSet<String>, u64)> = BTreeMap::new();
    for (place, bytes) in board.places() {
        let (names, sum) = by.entry((place.onlooker, place.medium)).or_default();
        let name = place.name.split_once(", column ").map_or(place.name.as_str(), |(table, _)| table);
        names.insert(name.to_owned());
        *sum += bytes;
    }
    let line = |((onlooker, medium), (places, bytes)): ((Onlooker, Medium), (BTreeSet<String>, u64))| Searched {
        onlooker,
        medium,
        places: places.into_iter().collect(),
        bytes,
    };
    by.into_iter().map(line).collect()
}

fn verdict(promise: Promise, board: &Board, about: &About<'_>) -> Verdict {
    let evidence: Vec<Evidence> = board
        .found()
        .filter(|(found, _)| found.promise == Some(promise))
        .filter_map(|(found, count)| evidence(found, count, board))
        .collect();
    let (standing, ground) = if evidence.is_empty() { stands(promise, board, about) } else { (Standing::Broken, String::new()) };
    let ground =
        if standing == Standing::Broken && ground.is_empty() { format!("found in {} places", evidence.len()) } else { ground };
    Verdict { promise, number: promise.number(), sentence: promise.sentence(), standing, ground, evidence }
}

fn evidence(found: &Found, count: &Count, board: &Board) -> Option<Evidence> {
    Some(Evidence {
        field: board.watch.fields().get(found.field)?.clone(),
        onlooker: found.onlooker,
        medium: found.medium,
        place: found.place.clone(),
        written: found.way.clone(),
        times: count.times,
        of: count.origin.clone(),
    })
}

/// Whether a promise holds against which no value was found.
fn stands(promise: Promise, board: &Board, about: &About<'_>) -> (Standing, String) {
    match promise {
        Promise::RecordsJoin => joins(&about.ends),
        Promise::ContentUntouched => untouched(&about.ends),
        Promise::HospitalsApart if about.hospitals.len() < 2 => (Standing::NotSearched, "there is one hospital".to_owned()),
        _ => by_search(promise, board),
    }
}

fn joins(ends: &Ends) -> (Standing, String) {
    let Ends { registrations, patients, pseudonyms, patients_apart, patients_mixed, joined_over_hospitals, .. } = *ends;
    let figures = format!(
        "{registrations} registrations of {patients} patients under {pseudonyms} pseudonyms; {joined_over_hospitals} patients joined over hospitals"
    );
    let standing = match (registrations, patients_apart + patients_mixed) {
        (0, _) => return (Standing::NotSearched, "no registration is at hand at both ends".to_owned()),
        (_, 0) => Standing::Holds,
        _ => {
            let wrong =
                format!("{patients_apart} patients with several pseudonyms, {patients_mixed} pseudonyms of several patients");
            return (Standing::Broken, format!("{figures}; {wrong}"));
        }
    };
    (standing, figures)
}

fn untouched(ends: &Ends) -> (Standing, String) {
    let Ends { same_content, other_content, same_at_ttp, other_at_ttp, .. } = *ends;
    let figures = format!(
        "{same_content} contents opened as they were sealed, {other_content} otherwise; {same_at_ttp} sealed parts the same on both sides of the TTP, {other_at_ttp} not"
    );
    let standing = match (same_content + same_at_ttp, other_content + other_at_ttp) {
        (_, 1..) => Standing::Broken,
        (0, _) => Standing::NotSearched,
        _ => Standing::Holds,
    };
    (standing, figures)
}

fn by_search(promise: Promise, board: &Board) -> (Standing, String) {
    let concerned: Vec<Role> = Role::ALL.into_iter().filter(|role| promise.concerns(*role)).collect();
    let (looked, missed): (Vec<Role>, Vec<Role>) = concerned.into_iter().partition(|role| board.has_seen(*role));
    let names = |roles: &[Role]| roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ");
    if looked.is_empty() {
        return (Standing::NotSearched, format!("nothing of {} was at hand", names(&missed)));
    }
    let breaks = |kind, role, foreign| broken(kind, Onlooker::of(role), Medium::Store, foreign) == Some(promise);
    let forbidden = |kind: Kind| looked.iter().any(|role| breaks(kind, *role, false) || breaks(kind, *role, true));
    let values = board.watch.watched().iter().filter_map(|watched| board.watch.fields().get(watched.field));
    let count = values.filter(|field| forbidden(field.kind)).count();
    let is_found = |kind: &Kind| {
        let mut numbers = board.watch.fields().iter().enumerate().filter(|(_, field)| field.kind == *kind);
        numbers.any(|(number, _)| Role::ALL.into_iter().any(|role| board.sight(number, role).is_some()))
    };
    let controls = promise.controls();
    if count == 0 || !(controls.is_empty() || controls.iter().any(is_found)) {
        return (Standing::NotProved, "no value was found even where it stands, so that not finding it says nothing".to_owned());
    }
    let mut ground = format!("{count} values looked for at {}, none found", names(&looked));
    if !missed.is_empty() {
        ground.push_str(&format!("; not looked at: {}", names(&missed)));
    }
    (Standing::Holds, ground)
}
