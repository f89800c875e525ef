//! Who saw what: the promises proved by looking.
//!
//! Values that say who a patient is, or what is registered of him, are taken from those who have them, or planted; then everything that anybody
//! else can see is searched for them, however they may be written there. docs/PRIVACY.md says what that proves and what it cannot see.
//!
//! - [`field`]: what a value says; [`onlooker`]: who can look, and at what; [`promise`]: who may not see what.
//! - [`harvest`] takes the values from the stores, [`canary`] makes them; [`watch`] is the list of them.
//! - [`sweep`] looks through stores and files, [`publication`] through publications and what each party's keys open ([`queues`] takes them from a
//!   broker), [`mod@column`] judges what is too short
//!   to be looked for, [`join`] compares both ends; [`board`] keeps what was seen.
//! - [`report`] is the answer, for people in [`text`] and [`html`].
//! - [`trial`] plants, sends everything through the whole route, and keeps what passed.

pub(crate) mod background;
pub mod board;
pub mod canary;
pub mod column;
pub mod field;
pub mod harvest;
pub mod html;
pub mod join;
pub mod onlooker;
pub mod promise;
pub mod publication;
pub mod queues;
pub mod report;
pub mod sweep;
pub mod text;
pub mod trial;
pub mod watch;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clock::Timestamp;
use dcd::Definitions;
use hd4dp::prepare::Secrets;
use sealing::keys::KeyDirectory;
use store::Location;
use topology::Nihdi;

use self::{
    board::Board,
    column::Columns,
    harvest::Harvest,
    onlooker::{Medium, Onlooker},
    publication::{Keyrings, Publications, Recorded},
    report::Report,
    watch::WatchList,
};

/// What is audited, and with what.
pub struct Subject<'a> {
    /// The stores.
    pub location: &'a Location,
    /// The folder of a run, with reports, researcher's files and records.
    pub data: Option<&'a Path>,
    /// The folder of the keys; without it nothing is opened.
    pub keys: Option<&'a Path>,
    /// Further files, and who can see them.
    pub files: &'a [(Onlooker, PathBuf)],
    /// Publications that passed or that stand on queues.
    pub publications: &'a [Recorded],
    /// What is known to be missing, and why.
    pub missed: &'a [String],
    /// Values that were planted.
    pub planted: WatchList,
    /// Registrations of each hospital whose values are looked for, at most.
    pub sample: usize,
    /// The registers.
    pub definitions: &'a Definitions,
    /// The moment of the audit.
    pub now: Timestamp,
}

/// Looks through everything and reports.
///
/// # Errors
///
/// What cannot be read although it is there, or a store in which there is nothing to look for.
pub async fn audit(subject: Subject<'_>) -> anyhow::Result<Report> {
    let Subject { location, definitions, mut planted, .. } = subject;
    let is_planted = !planted.watched().is_empty();
    let hospitals = sweep::hospitals(location).await?;
    let keys = subject.keys.map(KeyDirectory::open).transpose().context("open the keys")?;
    let secrets = keys.as_ref().map_or_else(BTreeMap::new, |keys| secrets(keys, &hospitals));
    let harvest = Harvest { location, hospitals: &hospitals, definitions, secrets: &secrets, sample: subject.sample };
    let taken = harvest.take(&mut planted).await?;
    anyhow::ensure!(taken.registrations > 0, "find anything to look for: no hospital's store there has a registration");
    let mut board = Board::new(planted)?;
    let mut columns = Columns::new(definitions);
    sweep::stores(location, &hospitals, &mut board).await?;
    sweep_files(&subject.data, location, &hospitals, &mut board)?;
    for (onlooker, path) in subject.files {
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let called = board.look_at_name(*onlooker, "file", &name);
        sweep::file(path, &called, *onlooker, Medium::Record, &mut board).with_context(|| format!("read {}", path.display()))?;
    }
    columns.stores(location, &hospitals, &mut board).await?;
    researchers_files(subject.data, definitions, &mut columns, &mut board)?;
    let keyrings = match &keys {
        Some(keys) => Keyrings::read(keys).context("read the parties' keys")?,
        None => Keyrings::default(),
    };
    if keyrings.is_empty() {
        board.missed("what each party's keys open: no keys are at hand");
    }
    subject.missed.iter().for_each(|what| board.missed(what.as_str()));
    let mut publications = Publications::new(&keyrings, &mut columns);
    for recorded in subject.publications {
        publications.look(recorded, &mut board);
    }
    let passed = publications.passed();
    let ends = join::ends(location, &hospitals, definitions, &secrets).await?;
    let ends = join::Ends { same_at_ttp: passed.same, other_at_ttp: passed.other, ..ends };
    Ok(Report::new(
        &board,
        report::About {
            subject: location.to_string(),
            data: subject.data.map(|data| data.display().to_string()),
            is_planted,
            made_at: subject.now,
            hospitals: &hospitals,
            definitions,
            taken,
            ends,
            publications: subject.publications.len(),
        },
    ))
}

/// The secrets of the hospitals whose keys are at hand.
fn secrets(keys: &KeyDirectory, hospitals: &[Nihdi]) -> BTreeMap<Nihdi, Secrets> {
    let of = |hospital: &Nihdi| Some((*hospital, hd4dp::opening::secrets(&keys.hospital_secrets(hospital).ok()?)));
    hospitals.iter().filter_map(of).collect()
}

/// The files of a run, and those of the stores where they lie elsewhere.
fn sweep_files(data: &Option<&Path>, location: &Location, hospitals: &[Nihdi], board: &mut Board) -> anyhow::Result<()> {
    let store = match location {
        Location::Folder(folder) => Some(folder.as_path()),
        Location::Server(_) => {
            board.missed("the files of PostgreSQL: its tables were read instead, so what was deleted there is not seen");
            None
        }
    };
    match data {
        Some(data) => sweep::folder(data, hospitals, board).with_context(|| format!("read {}", data.display()))?,
        None => board.missed("reports, researcher's files, itineraries and logs: no folder of a run was given"),
    }
    if let Some(store) = store.filter(|store| !data.is_some_and(|data| store.starts_with(data))) {
        sweep::folder(store, hospitals, board).with_context(|| format!("read {}", store.display()))?;
    }
    Ok(())
}

fn researchers_files(
    data: Option<&Path>,
    definitions: &Definitions,
    columns: &mut Columns<'_>,
    board: &mut Board,
) -> anyhow::Result<()> {
    let Some(data) = data else { return Ok(()) };
    for definition in definitions.iter() {
        let path = data.join("researcher").join(format!("{}.csv", definition.name()));
        if path.is_file() {
            let failed = || format!("read {}", path.display());
            let file = std::fs::File::open(&path).with_context(failed)?;
            columns.researchers_file(definition.name(), file, board).with_context(failed)?;
        }
    }
    Ok(())
}
