//! `precision list`, `status`, `submit`, `correct`, `approve`, `reopen`, `delete`: the life of a registration, for scripts.
//!
//! Each command opens the installation of a store, does one thing in the name of a hospital or a researcher, and ends when nothing is on
//! its way any more. What it prints shows each side's own view.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use clap::Args;
use clock::{Clock, SystemClock};
use dcd::{Definitions, Language};
use hd4dp::{
    GivenAnswer,
    options::{ConflictMaster, ConflictMode, How, UploadOptions, Validation},
    upload::{CsvFile, upload_with},
};
use hd4res::{Action, store::By};
use registration::{Comment, Place};
use serde::{Serialize, de::DeserializeOwned};
use store::Location;
use topology::Nihdi;
use uuid::Uuid;

use super::{
    find,
    life_view::{Both, both, page},
    run::explain,
    session::{Prepared, Session, Wanted, places},
};
use crate::{
    broker_choice::BrokerChoice,
    cli::{Ended, hospital},
    flow::{Ending, Watch},
    installation::Tuning,
    output,
};

/// Where the installation is, and how to answer.
#[derive(Debug, Clone, Args)]
pub struct There {
    /// Folder of the stores, as `run` or `serve` left it, or the address of their PostgreSQL database
    #[arg(long, value_name = "DIR|postgres://…")]
    pub store: String,
    /// Folder of the keys; `keys` in the store's folder by default
    #[arg(long, value_name = "DIR")]
    pub keys: Option<PathBuf>,
    /// `embedded`, or the address of a RabbitMQ
    #[arg(long, default_value = "embedded", value_name = "embedded|amqp://…")]
    pub broker: BrokerChoice,
    /// Seconds to wait for a flow in which nothing moves
    #[arg(long, default_value_t = 60, value_name = "S")]
    pub timeout: u64,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What `list` takes.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// The installation
    #[command(flatten)]
    pub there: There,
    /// Only this register
    #[arg(long, value_name = "NAME")]
    dcd: Option<String>,
    /// Only this hospital
    #[arg(long, value_name = "NIHDI", value_parser = hospital)]
    org: Option<Nihdi>,
    /// Registrations at most
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: u32,
    /// Continue behind this registration
    #[arg(long, value_name = "REGISTRATION")]
    after: Option<Uuid>,
}

/// What the commands about one registration take.
#[derive(Debug, Args)]
pub struct OneArgs {
    /// The installation
    #[command(flatten)]
    pub there: There,
    /// The registration's id, as `list` shows it
    #[arg(value_name = "REGISTRATION")]
    registration: Uuid,
    /// Who does it, for the history: a role or a user name of the staff, never a patient's
    #[arg(long, default_value = "precision", value_name = "NAME")]
    by: String,
}

/// What `correct` takes.
#[derive(Debug, Args)]
pub struct CorrectArgs {
    /// The registration
    #[command(flatten)]
    pub one: OneArgs,
    /// What should be corrected; with COLUMN= in front it stands at that field. May be given several times
    #[arg(long = "comment", required = true, value_name = "[COLUMN=]TEXT")]
    comments: Vec<String>,
    /// Ask for further fields (follow-up) instead of corrections
    #[arg(long)]
    follow_up: bool,
}

/// What `submit` takes.
#[derive(Debug, Args)]
pub struct SubmitArgs {
    /// The installation
    #[command(flatten)]
    pub there: There,
    /// A registration that was reopened, or needs corrections
    #[arg(value_name = "REGISTRATION", required_unless_present = "file", conflicts_with = "file")]
    registration: Option<Uuid>,
    /// A CSV file of new, corrected or followed-up registrations
    #[arg(long, value_name = "FILE.csv", requires_all = ["dcd", "org"])]
    file: Option<PathBuf>,
    /// The file's register
    #[arg(long, value_name = "NAME")]
    dcd: Option<String>,
    /// The hospital
    #[arg(long, value_name = "NIHDI", value_parser = hospital)]
    org: Option<Nihdi>,
    /// How the file's rows are taken in
    #[command(flatten)]
    choices: Choices,
    /// Folder of the success and the error report; beside the file by default
    #[arg(long, value_name = "DIR")]
    reports: Option<PathBuf>,
    /// What the hospital says to a researcher's comment; with COLUMN= in front to the one at that field. May be given several times
    #[arg(long = "answer", value_name = "[COLUMN=]TEXT", conflicts_with = "file")]
    answers: Vec<String>,
    /// Who does it, for the history
    #[arg(long, default_value = "precision", value_name = "NAME")]
    by: String,
}

/// What the user of an upload chooses (upload centre).
#[derive(Debug, Clone, Copy, Args)]
#[group(id = "choices", requires = "file")]
pub struct Choices {
    /// What becomes of a row whose unique id is known and whose values differ: merge, overwrite, skip or fail
    #[arg(long, default_value = "overwrite", value_name = "MODE", value_parser = choice::<ConflictMode>)]
    conflict_mode: ConflictMode,
    /// Whose values count where a merge finds two: new or stored
    #[arg(long, default_value = "new", value_name = "WHOSE", value_parser = choice::<ConflictMaster>)]
    conflict_master: ConflictMaster,
    /// Say in the success report which rows equal the stored ones (W01)
    #[arg(long)]
    report_duplicates: bool,
    /// Keep the rows as open registrations, to be submitted one by one
    #[arg(long)]
    keep_open: bool,
    /// Which rows are taken in: none, save-on-validations or validate-all
    #[arg(long, default_value = "none", value_name = "HOW", value_parser = choice::<Validation>)]
    validation: Validation,
}

impl Choices {
    const fn options(self) -> UploadOptions {
        UploadOptions {
            conflict_mode: self.conflict_mode,
            conflict_master: self.conflict_master,
            ignore_duplicates: !self.report_duplicates,
            autosubmit: !self.keep_open,
            validation: self.validation,
        }
    }
}

fn choice<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(serde_json::Value::from(text)).map_err(|error| error.to_string())
}

/// What `download` takes.
#[derive(Debug, Args)]
pub struct DownloadArgs {
    /// The installation
    #[command(flatten)]
    pub there: There,
    /// The register
    #[arg(long, value_name = "NAME")]
    dcd: String,
    /// The hospital
    #[arg(long, value_name = "NIHDI", value_parser = hospital)]
    org: Nihdi,
    /// The file
    #[arg(short, long, value_name = "FILE.csv")]
    output: PathBuf,
}

/// One act on one registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// The researcher approves.
    Approve,
    /// The hospital reopens.
    Reopen,
    /// The hospital deletes.
    Delete,
}

impl There {
    /// The hospitals that have a store here.
    async fn hospitals(store: &Location) -> anyhow::Result<Vec<Nihdi>> {
        let numbers = store.stores_of(hd4dp::SERVICE).await.with_context(|| format!("read the store {store}"))?;
        let mut hospitals: Vec<Nihdi> = numbers.iter().filter_map(|number| number.parse().ok()).collect();
        hospitals.sort_unstable();
        Ok(hospitals)
    }

    pub(super) async fn open(&self, definitions: Definitions) -> anyhow::Result<Session> {
        self.open_with(definitions, None).await
    }

    /// Opens the installation, with one more hospital where that is new.
    async fn open_with(&self, definitions: Definitions, more: Option<Nihdi>) -> anyhow::Result<Session> {
        let (store, keys) = places(Some(&self.store), self.keys.as_ref(), Path::new(""))?;
        let mut hospitals = Self::hospitals(&store).await?;
        hospitals.extend(more.filter(|more| !hospitals.contains(more)));
        anyhow::ensure!(!hospitals.is_empty(), "find a hospital in the store {store}");
        let wanted = Wanted {
            hospitals: &hospitals,
            store: &store,
            keys: &keys,
            broker: &self.broker,
            definitions: Arc::new(definitions),
            tuning: Tuning::default(),
        };
        let prepared = Prepared::open(&wanted).await?;
        let broker = prepared.broker(&wanted).await?;
        prepared.start(wanted, broker).await
    }

    pub(super) async fn rest(&self, session: &Session) -> anyhow::Result<Ending> {
        let watch = Watch::over(&session.installation, &session.clock);
        Ok(watch.until_rest(Duration::from_secs(self.timeout.max(1))).await?)
    }

    /// Waits until the flow is at rest, prints `answer` of then, and closes.
    async fn finish(&self, session: Session, registration: Uuid) -> anyhow::Result<Ended> {
        let ending = self.rest(&session).await?;
        let answer = both(&session, registration).await?.context("find the registration")?;
        session.close(ending == Ending::AtRest).await;
        self.print(&answer, |answer| answer.lines());
        Ok(self.ended(ending))
    }

    pub(super) fn ended(&self, ending: Ending) -> Ended {
        if ending == Ending::AtRest {
            return Ended::Well;
        }
        output::complain(format!("precision: nothing moved for {} seconds; gave up", self.timeout));
        Ended::Failed
    }

    pub(super) fn print<T: Serialize>(&self, answer: &T, lines: impl Fn(&T) -> Vec<String>) {
        if self.json {
            output::say(serde_json::to_string(answer).unwrap_or_default());
        } else {
            lines(answer).iter().for_each(output::say);
        }
    }
}

/// A page of registrations as both sides see them.
#[derive(Debug, Serialize)]
struct Listing {
    registrations: Vec<Both>,
}

impl Listing {
    fn lines(&self) -> Vec<String> {
        let heading = ["registration", "hospital", "register", "version", "hospital sees", "healthdata sees"];
        let mut rows = vec![heading.map(str::to_owned).to_vec()];
        rows.extend(self.registrations.iter().map(Both::row));
        vec![output::table(&rows, &[3]).trim_end().to_owned()]
    }
}

/// Runs `list`.
///
/// # Errors
///
/// What keeps the installation from being opened.
pub async fn list(args: ListArgs, definitions: Definitions) -> anyhow::Result<Ended> {
    let dcd = args.dcd.as_deref().map(|name| find(&definitions, name)).transpose()?;
    let session = args.there.open(definitions).await?;
    let ending = args.there.rest(&session).await?;
    let dcd = dcd.map(|definition| definition.name().to_owned());
    let registrations = page(&session, args.org, dcd, args.after, args.limit).await?;
    session.close(ending == Ending::AtRest).await;
    args.there.print(&Listing { registrations }, Listing::lines);
    Ok(args.there.ended(ending))
}

/// Runs `status`.
///
/// # Errors
///
/// An unknown registration, or what keeps the installation from being opened.
pub async fn status(args: OneArgs, definitions: Definitions) -> anyhow::Result<Ended> {
    let session = args.there.open(definitions).await?;
    args.there.finish(session, args.registration).await
}

/// Runs `approve`, `reopen` or `delete`.
///
/// # Errors
///
/// A refusal with its code, an unknown registration, or what keeps the installation from being opened.
pub async fn act(args: OneArgs, act: Act, definitions: Definitions) -> anyhow::Result<Ended> {
    let session = args.there.open(definitions).await?;
    let id = args.registration;
    let done = match act {
        Act::Approve => ask(&session, id, &Action::Approve, &args.by).await,
        Act::Reopen => at_hospital(&session, id, async |hd4dp| refused(hd4dp.reopen(id, &args.by).await)).await,
        Act::Delete => at_hospital(&session, id, async |hd4dp| refused(hd4dp.delete(id, &args.by).await)).await,
    };
    settle(&args.there, session, id, done).await
}

/// Runs `correct`.
///
/// # Errors
///
/// As [`act`], or a comment on an unknown column.
pub async fn correct(args: CorrectArgs, definitions: Definitions) -> anyhow::Result<Ended> {
    let OneArgs { there, registration, by } = args.one;
    let session = there.open(definitions).await?;
    let done = async {
        let comments = comments(&session, registration, &args.comments).await?;
        let action = if args.follow_up { Action::RequestFollowUp(comments) } else { Action::RequestCorrections(comments) };
        ask(&session, registration, &action, &by).await
    };
    let done = done.await;
    settle(&there, session, registration, done).await
}

/// Runs `submit`.
///
/// # Errors
///
/// As [`act`]; or a file that is not the register's.
pub async fn submit(args: SubmitArgs, definitions: Definitions) -> anyhow::Result<Ended> {
    if let Some(id) = args.registration {
        let session = args.there.open(definitions).await?;
        let done = at_hospital(&session, id, async |hd4dp| {
            let column = |at: &str| hd4dp.definitions().iter().any(|definition| definition.field_no(at).is_some());
            let answers = args.answers.iter().map(|text| given_answer(text, column)).collect();
            refused(hd4dp.submit_with(id, answers, &args.by).await)
        })
        .await;
        return settle(&args.there, session, id, done).await;
    }
    let (Some(path), Some(name), Some(org)) = (&args.file, &args.dcd, args.org) else {
        anyhow::bail!("submit without a registration or a file");
    };
    let definition = find(&definitions, name)?;
    let beside = path.parent().unwrap_or(Path::new("")).to_path_buf();
    let reports = args.reports.clone().unwrap_or(beside);
    let today = SystemClock.now().date();
    let file = CsvFile::open(path, &definition, today).map_err(|error| anyhow::anyhow!(explain(&error, Language::English)))?;
    let session = args.there.open_with(definitions, Some(org)).await?;
    let hd4dp = session.installation.hd4dp.get(&org).context("find the hospital")?;
    let how = How::by_command(args.choices.options(), &args.by);
    let taken = upload_with(hd4dp, &definition, file, (&reports, Language::English), &how, async |_| {}).await;
    let upload = taken.map_err(|error| anyhow::anyhow!(explain(&error, Language::English)))?;
    let ending = args.there.rest(&session).await?;
    let tally = hd4dp.store().tally(upload).await?;
    let mut registrations = Vec::new();
    for item in hd4dp.store().uploaded(upload, None, UPLOADED_MAX).await? {
        registrations.extend(both(&session, item.registration_id).await?);
    }
    session.close(ending == Ending::AtRest).await;
    let rejected = tally.rejected;
    let submitted = Submitted { attempted: tally.attempted, accepted: tally.accepted, rejected, registrations };
    args.there.print(&submitted, Submitted::lines);
    Ok(match args.there.ended(ending) {
        Ended::Well if rejected > 0 => Ended::Rejected,
        ended => ended,
    })
}

/// Runs `download`.
///
/// # Errors
///
/// A file that cannot be written, or what keeps the installation from being opened.
pub async fn download(args: DownloadArgs, definitions: Definitions) -> anyhow::Result<Ended> {
    let definition = find(&definitions, &args.dcd)?;
    let session = args.there.open(definitions).await?;
    let hd4dp = session.installation.hd4dp.get(&args.org).context("find the hospital")?;
    let failed = || format!("write {}", args.output.display());
    let mut file = BufWriter::new(File::create(&args.output).with_context(failed)?);
    let registrations = hd4dp::download::download(hd4dp, &definition, &mut file).await?;
    file.flush().with_context(failed)?;
    session.close(true).await;
    args.there.print(&Downloaded { registrations }, |Downloaded { registrations }| {
        vec![format!("{registrations} registrations: {}", args.output.display())]
    });
    Ok(Ended::Well)
}

#[derive(Debug, Serialize)]
struct Downloaded {
    registrations: u64,
}

/// Registrations that the answer to a file shows at most; `list` shows them all.
const UPLOADED_MAX: u32 = 100;

#[derive(Debug, Serialize)]
struct Submitted {
    attempted: u64,
    accepted: u64,
    rejected: u64,
    registrations: Vec<Both>,
}

impl Submitted {
    fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{} rows: {} accepted, {} rejected", self.attempted, self.accepted, self.rejected)];
        let rows: Vec<Vec<String>> = self.registrations.iter().map(Both::row).collect();
        lines.extend(rows.iter().map(|row| row.join("  ")));
        lines
    }
}

/// Ends a command: with both sides' view when it was `done`, else with what was in the way.
async fn settle(there: &There, session: Session, registration: Uuid, done: anyhow::Result<()>) -> anyhow::Result<Ended> {
    if let Err(error) = done {
        session.close(true).await;
        return Err(error);
    }
    there.finish(session, registration).await
}

/// Does something at the hospital that has the registration.
async fn at_hospital(
    session: &Session,
    registration: Uuid,
    work: impl AsyncFnOnce(&hd4dp::Hd4dp) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    for hd4dp in session.installation.hd4dp.values() {
        if hd4dp.registration(registration).await?.is_some() {
            return work(hd4dp).await;
        }
    }
    anyhow::bail!("find the registration (UNKNOWN_REGISTRATION)")
}

fn refused<T>(done: Result<T, hd4dp::LifeError>) -> anyhow::Result<()> {
    match done {
        Ok(_) => Ok(()),
        Err(hd4dp::LifeError::Refused(refusal)) => Err(anyhow::anyhow!("{refusal} ({})", refusal.code())),
        Err(error) => Err(error.into()),
    }
}

/// Does something at HD4RES to the record that holds the registration.
async fn ask(session: &Session, registration: Uuid, action: &Action, by: &str) -> anyhow::Result<()> {
    let hd4res = &session.installation.hd4res;
    let record = hd4res.store().of_registration(registration).await?.context("find the record (UNKNOWN_RECORD)")?;
    match hd4res.act(record, action, &By::role(by)).await? {
        Ok(_) => Ok(()),
        Err(refusal) => Err(anyhow::anyhow!("{refusal} ({})", refusal.code())),
    }
}

/// `COLUMN=TEXT` or `TEXT`. What stands before the first `=` is a column only if the record's definition has it.
/// An answer, at its column if the text names one.
fn given_answer(text: &str, is_column: impl Fn(&str) -> bool) -> GivenAnswer {
    match text.split_once('=').filter(|(column, _)| is_column(column)) {
        Some((column, text)) => GivenAnswer { column: Some(column.to_owned()), text: text.to_owned() },
        None => GivenAnswer { column: None, text: text.to_owned() },
    }
}

async fn comments(session: &Session, registration: Uuid, texts: &[String]) -> anyhow::Result<Vec<Comment>> {
    let hd4res = &session.installation.hd4res;
    let record = hd4res.store().of_registration(registration).await?.context("find the record (UNKNOWN_RECORD)")?;
    let view = hd4res.store().view(record).await?.context("find the record (UNKNOWN_RECORD)")?;
    let definition = hd4res.definitions().exact(&view.row.dcd, view.row.dcd_version).context("find the definition")?;
    let comment = |text: &String| {
        let at_field = text.split_once('=').and_then(|(column, text)| Some((definition.field_no(column)?, text)));
        match at_field {
            Some((field, text)) => Comment { place: Some(Place::of(field)), text: text.to_owned() },
            None => Comment { place: None, text: text.clone() },
        }
    };
    Ok(texts.iter().map(comment).collect())
}
