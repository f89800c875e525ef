//! The commands with the services of a running installation, over their APIs.
//!
//! What a command asks for is done when it is answered; what follows from it elsewhere is awaited by looking again, as long as something
//! moves. The services' words about it are shown as they are.

use std::{
    cmp::Reverse,
    fs::File,
    io::{Read, Write},
    path::Path,
    time::Duration,
};

use anyhow::Context as _;
use bytes::Bytes;
use clock::Timestamp;
use dcd::Definitions;
use hd4dp::centre::FILE_MAX;
use host::Backoff;
use opencsv::{Reader, Writer};
use uuid::Uuid;

use super::{
    Act, CorrectArgs, DownloadArgs, Downloaded, ListArgs, Listing, OneArgs, STANDARD_INPUT, SubmitArgs, Submitted, UPLOADED_MAX,
    given_answer, place_of, say,
};
use crate::{
    cli::Ended,
    client::{
        ClientError, Sides, SidesPlan,
        connection::Manner,
        follow::{self, Awaited},
        hospital::{Hospital, Upload},
        research::{self, NewComment, Research},
        sides::{Look, Needs},
    },
    commands::life_view::{Both, Side},
    output,
};

/// Between two looks at most; each look of a service's leaves an audit row there.
const LOOK_EVERY_MAX: Duration = Duration::from_secs(2);

/// Runs `list`.
///
/// # Errors
///
/// [`ClientError`].
pub async fn list(plan: SidesPlan, args: &ListArgs, definitions: &Definitions) -> anyhow::Result<Ended> {
    let register = args.dcd.as_deref().map(|name| register(definitions, name)).transpose()?;
    let sides = plan.open(Needs::Any).await?;
    let mut registrations = Vec::new();
    if sides.hospitals.is_empty() {
        anyhow::ensure!(args.after.is_none(), "continue behind a registration: healthdata's list is in the order of arrival");
        if let Some(research) = &sides.research {
            for listed in research.list(register.as_deref(), args.limit).await? {
                let view = if args.reach.over.json { research.view(&listed).await? } else { listed.view() };
                let (registration, dcd) = (listed.registration_id.to_string(), listed.register);
                registrations.push(Both { registration, dcd, hospital: Side::NotAsked, healthdata: Side::Has(view) });
            }
        }
    }
    let mut listed = Vec::new();
    for hospital in &sides.hospitals {
        let page = hospital.list(register.as_deref(), args.after, args.limit).await?;
        listed.extend(page.into_iter().map(|one| (hospital, one)));
    }
    listed.sort_unstable_by_key(|(_, one)| one.registration_id);
    for (hospital, one) in listed.into_iter().take(args.limit as usize) {
        let id = one.registration_id;
        if args.reach.over.json {
            registrations.push(sides.view(id, sides.look(id).await?).await?);
            continue;
        }
        // A table needs no more than lists have, and each look at a registration leaves an audit row.
        let healthdata = match &sides.research {
            Some(research) => research.find(id).await?.map(|record| record.view()).into(),
            None => Side::NotAsked,
        };
        let hospital = Side::Has(one.view(hospital.nihdi));
        registrations.push(Both { registration: id.to_string(), dcd: one.register, hospital, healthdata });
    }
    say(args.reach.over.json, &Listing { registrations }, Listing::lines);
    Ok(Ended::Well)
}

/// Runs `status`.
///
/// # Errors
///
/// [`ClientError`].
pub async fn status(plan: SidesPlan, args: &OneArgs) -> anyhow::Result<Ended> {
    let sides = plan.open(Needs::Any).await?;
    finish(&sides, &plan.manner, (args.registration, args.reach.over.json)).await
}

/// Runs `approve`, `reopen` or `delete`.
///
/// # Errors
///
/// [`ClientError`].
pub async fn act(plan: SidesPlan, args: &OneArgs, act: Act) -> anyhow::Result<Ended> {
    refuse_author(args.by.as_deref())?;
    let id = args.registration;
    let sides = match act {
        Act::Approve => {
            let sides = plan.open(Needs::Research).await?;
            let (research, record) = at_healthdata(&sides, id).await?;
            research.act(&record, research::Act::Approve).await?;
            sides
        }
        Act::Reopen => {
            let sides = plan.open(Needs::Hospital).await?;
            let (hospital, seen) = sides.at_hospital(id).await?;
            hospital.reopen(id, &seen).await?;
            sides
        }
        Act::Delete => {
            let sides = plan.open(Needs::Hospital).await?;
            let (hospital, seen) = sides.at_hospital(id).await?;
            if hospital.delete(id, &seen).await?.version == 0 {
                let healthdata = if sides.research.is_some() { Side::Nothing } else { Side::NotAsked };
                say(args.reach.over.json, &Both::removed(id, seen.register, hospital.nihdi, healthdata), Both::lines);
                return Ok(Ended::Well);
            }
            sides
        }
    };
    finish(&sides, &plan.manner, (id, args.reach.over.json)).await
}

/// Runs `correct`.
///
/// # Errors
///
/// [`ClientError`].
pub async fn correct(plan: SidesPlan, args: &CorrectArgs, definitions: &Definitions) -> anyhow::Result<Ended> {
    refuse_author(args.one.by.as_deref())?;
    let sides = plan.open(Needs::Research).await?;
    let (research, record) = at_healthdata(&sides, args.one.registration).await?;
    let definition = definitions.exact(&record.register, record.register_version);
    let is_column = |column: &str| definition.as_ref().is_some_and(|definition| definition.field_no(column).is_some());
    let comment = |text: &String| match place_of(text, is_column) {
        Some((column, item, text)) => NewComment { column: Some(column), item, text },
        None => NewComment { column: None, item: None, text: text.clone() },
    };
    let comments: Vec<NewComment> = args.comments.iter().map(comment).collect();
    let act = if args.follow_up { research::Act::FollowUp(&comments) } else { research::Act::Correct(&comments) };
    research.act(&record, act).await?;
    finish(&sides, &plan.manner, (args.one.registration, args.one.reach.over.json)).await
}

/// Runs `submit`.
///
/// # Errors
///
/// [`ClientError`], or a file that cannot be read or written.
pub async fn submit(plan: SidesPlan, args: &SubmitArgs, definitions: &Definitions) -> anyhow::Result<Ended> {
    refuse_author(args.by.as_deref())?;
    let sides = plan.open(Needs::Hospital).await?;
    let Some(id) = args.registration else { return submit_file(&sides, &plan.manner, args, definitions).await };
    let (hospital, seen) = sides.at_hospital(id).await?;
    let is_column = |at: &str| seen.is_commented(at) || definitions.iter().any(|definition| definition.field_no(at).is_some());
    let answers: Vec<_> = args.answers.iter().map(|text| given_answer(text, is_column)).collect();
    hospital.submit(id, &seen, &answers).await?;
    finish(&sides, &plan.manner, (id, args.reach.over.json)).await
}

async fn submit_file(sides: &Sides, manner: &Manner, args: &SubmitArgs, definitions: &Definitions) -> anyhow::Result<Ended> {
    let (path, name) = args.file.as_ref().zip(args.dcd.as_ref()).context("submit without a registration or a file")?;
    let hospital = the_hospital(sides)?;
    let is_input = path == Path::new(STANDARD_INPUT);
    let rows = Bytes::from(rows_of(path, is_input).with_context(|| format!("read {}", path.display()))?);
    // The service would say no more of it, and breaks off.
    anyhow::ensure!(
        rows.len() as u64 <= 2 * FILE_MAX,
        "send {}: a file may have 6 MB over HTTP (E12), so split it",
        path.display()
    );
    let (register, options) = (register(definitions, name)?, args.choices.options());
    let name = if is_input { Path::new("input.csv") } else { path };
    let upload = Upload { register: &register, name: file_name(name), rows: rows.clone(), options };
    let taken = hospital.upload(upload).await?;
    let beside = path.parent().filter(|_| !is_input);
    match args.reports.as_deref().or(beside) {
        Some(folder) => {
            let reports = Reports { hospital, upload: taken.upload, has_warnings: options.has_warnings() };
            reports.write((name, &rows), folder).await?;
        }
        None if taken.rejected > 0 => {
            output::complain("precision: rows were rejected; --reports names a folder for their report")
        }
        None => {}
    }
    let (mut awaited, first) = await_rows(hospital, manner, taken.upload).await?;
    let mut registrations = Vec::with_capacity(first.len());
    for id in first {
        let (look, still) = follow(sides, manner, id).await?;
        awaited = awaited.max(still);
        registrations.push(sides.view(id, look).await?);
    }
    let (attempted, rejected) = (taken.attempted, taken.rejected);
    let submitted = Submitted { attempted, accepted: attempted.saturating_sub(rejected), rejected, registrations };
    say(args.reach.over.json, &submitted, Submitted::lines);
    Ok(match ended(awaited, manner) {
        Ended::Well if rejected > 0 => Ended::Rejected,
        ended => ended,
    })
}

/// The rows of a file or of standard input, or so many of them that it is seen that they are too many.
fn rows_of(path: &Path, is_input: bool) -> std::io::Result<Vec<u8>> {
    let source: Box<dyn Read> = if is_input { Box::new(std::io::stdin().lock()) } else { Box::new(File::open(path)?) };
    let mut rows = Vec::new();
    source.take(2 * FILE_MAX + 1).read_to_end(&mut rows)?;
    Ok(rows)
}

/// Runs `download`.
///
/// # Errors
///
/// [`ClientError`], or a file that cannot be written.
pub async fn download(plan: SidesPlan, args: &DownloadArgs, definitions: &Definitions) -> anyhow::Result<Ended> {
    let sides = plan.open(Needs::Hospital).await?;
    let (hospital, register) = (the_hospital(&sides)?, register(definitions, &args.dcd)?);
    let failed = || format!("write {}", args.output.display());
    // Half a file under the file's name would look like a whole one.
    let folder = args.output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = tempfile::NamedTempFile::new_in(folder);
    let mut file = file.map_err(|error| std::io::Error::from(error.kind())).with_context(failed)?;
    hospital.download(&register, |piece| file.write_all(piece)).await?;
    let mut reader = Reader::new(File::open(file.path()).with_context(failed)?);
    reader.header().context("understand the file that came")?;
    let mut registrations = 0;
    while reader.next_record().with_context(failed)?.is_some() {
        registrations += 1;
    }
    file.persist(&args.output).with_context(failed)?;
    say(args.reach.over.json, &Downloaded { registrations }, |downloaded| downloaded.lines(&args.output));
    Ok(Ended::Well)
}

/// The one hospital that a file is for.
fn the_hospital(sides: &Sides) -> anyhow::Result<&Hospital> {
    let [hospital] = sides.hospitals.as_slice() else {
        anyhow::bail!("choose a hospital: the tokens are of several, and --org names one");
    };
    Ok(hospital)
}

/// Refuses what a token already says.
fn refuse_author(by: Option<&str>) -> anyhow::Result<()> {
    anyhow::ensure!(by.is_none(), "note --by in the history: over HTTP the token says who does it");
    Ok(())
}

/// The technical name of a register, by its name in any case; one that this command does not know may be known there.
fn register(definitions: &Definitions, name: &str) -> anyhow::Result<String> {
    if let Some(definition) = definitions.get(name) {
        return Ok(definition.name().to_owned());
    }
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    anyhow::ensure!(is_name, "find the register: a technical name has letters, digits and `_`");
    Ok(name.to_owned())
}

/// A file's name as a header can have it.
fn file_name(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect()
}

/// HD4RES, and its record of a registration.
async fn at_healthdata(sides: &Sides, id: Uuid) -> anyhow::Result<(&Research, research::Listed)> {
    let research = sides.research.as_ref().context("find healthdata")?;
    let record = research.find(id).await?.ok_or(ClientError::UnknownRecord)?;
    Ok((research, record))
}

/// Waits until both sides are at rest, prints what they show then, and says what is still awaited.
async fn finish(sides: &Sides, manner: &Manner, (id, json): (Uuid, bool)) -> anyhow::Result<Ended> {
    let (look, awaited) = follow(sides, manner, id).await?;
    say(json, &sides.view(id, look).await?, Both::lines);
    Ok(ended(awaited, manner))
}

fn ended(awaited: Option<Awaited>, manner: &Manner) -> Ended {
    let Some(awaited) = awaited else { return Ended::Well };
    output::complain(format!("precision: {awaited}, and nothing moved for {} seconds; gave up", manner.patience.as_secs()));
    Ended::Failed
}

/// Looks at a registration until nothing is awaited, or nothing moved for as long as the patience is.
async fn follow(sides: &Sides, manner: &Manner, id: Uuid) -> Result<(Look, Option<Awaited>), ClientError> {
    let mut patience = Patience::new(manner);
    loop {
        let look = sides.look(id).await?;
        let awaited = look.awaited();
        if awaited.is_none() || patience.is_over(Reverse(awaited)) {
            return Ok((look, awaited));
        }
        patience.pause().await;
    }
}

/// Looks at the rows of an upload until each was answered or nothing moves; a page that is answered is not looked at again. The first
/// registrations of the upload come with it.
async fn await_rows(hospital: &Hospital, manner: &Manner, upload: i64) -> Result<(Option<Awaited>, Vec<Uuid>), ClientError> {
    let (mut patience, mut first, mut cursor) = (Patience::new(manner), None, None);
    loop {
        let (rows, next) = hospital.uploaded(upload, cursor.as_deref()).await?;
        let ids = || rows.iter().take(UPLOADED_MAX as usize).map(|row| row.registration_id).collect::<Vec<_>>();
        let shown = first.get_or_insert_with(ids).clone();
        let waiting: Vec<Awaited> = rows.iter().filter_map(|row| follow::awaited(Some(row.standing()), None)).collect();
        match (waiting.iter().max().copied(), next) {
            (None, None) => return Ok((None, shown)),
            (None, next) => (cursor, patience) = (next, Patience::new(manner)),
            (awaited, _) if patience.is_over(waiting.len()) => return Ok((awaited, shown)),
            _ => patience.pause().await,
        }
    }
}

/// How long nothing has moved. What moves comes nearer to its end and never back, so waiting ends.
struct Patience<'a, T> {
    manner: &'a Manner,
    least: Option<T>,
    since: Timestamp,
    backoff: Backoff,
}

impl<'a, T: Ord> Patience<'a, T> {
    fn new(manner: &'a Manner) -> Self {
        Self { manner, least: None, since: manner.clock.now(), backoff: Backoff::default() }
    }

    /// Whether `left`, which falls while things move, has not fallen for too long.
    fn is_over(&mut self, left: T) -> bool {
        let now = self.manner.clock.now();
        if self.least.as_ref().is_none_or(|least| left < *least) {
            (self.least, self.since) = (Some(left), now);
            self.backoff.reset();
        }
        now.since(self.since) >= self.manner.patience
    }

    async fn pause(&mut self) {
        clock::sleep(&*self.manner.clock, self.backoff.after_failure().min(LOOK_EVERY_MAX)).await;
    }
}

/// The reports of an upload, as a store's command leaves them: rows that were taken in, those that were ignored behind them, and the
/// others.
struct Reports<'a> {
    hospital: &'a Hospital,
    upload: i64,
    has_warnings: bool,
}

impl Reports<'_> {
    async fn write(&self, (file, rows): (&Path, &[u8]), folder: &Path) -> anyhow::Result<()> {
        let stem = file.file_stem().map_or_else(|| "input".to_owned(), |stem| stem.to_string_lossy().into_owned());
        let header = Reader::new(rows).header().unwrap_or_default();
        let failed = || format!("write the reports in {}", folder.display());
        std::fs::create_dir_all(folder).with_context(failed)?;
        let (warning, error) = (["line", "warning"], ["line", "error"]);
        let front = if self.has_warnings { &warning[..] } else { &[] };
        for (name, kinds, front) in [("success", &["success", "ignored"][..], front), ("error", &["error"], &error)] {
            let mut report = Writer::new(File::create(folder.join(format!("{stem}.{name}.csv"))).with_context(failed)?);
            report.write_record(front.iter().copied().chain(header.iter().map(String::as_str))).with_context(failed)?;
            for kind in kinds {
                let Some(bytes) = self.hospital.report(self.upload, kind).await? else { continue };
                let mut rows = Reader::new(bytes.as_ref());
                rows.header().context("understand the report")?;
                while let Some(row) = rows.next_record().with_context(failed)? {
                    let fields = row.body.ok().context("understand the report")?;
                    let cells: Vec<_> = (0..fields.len()).map(|column| fields.get_lossy(column)).collect();
                    report.write_record(cells.iter().map(AsRef::as_ref)).with_context(failed)?;
                }
            }
            report.flush().with_context(failed)?;
        }
        Ok(())
    }
}
