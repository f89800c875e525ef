//! The commands on a store that no service works on: they run the services themselves, until nothing is on its way any more.

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
    options::How,
    upload::{CsvFile, upload_with},
};
use hd4res::{Action, store::By};
use registration::{Comment, Place};
use serde::Serialize;
use store::Location;
use topology::Nihdi;
use uuid::Uuid;

use super::{
    Act, CorrectArgs, DownloadArgs, Downloaded, ListArgs, Listing, OneArgs, STANDARD_INPUT, SubmitArgs, Submitted, UPLOADED_MAX,
    given_answer, place_of, say,
};
use crate::{
    broker_choice::BrokerChoice,
    cli::Ended,
    commands::{
        find,
        life_view::{Both, both, page},
        run::explain,
        session::{Prepared, Session, Wanted, places},
    },
    flow::{Ending, Watch},
    installation::Tuning,
    output,
    own_part::LeftOut,
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

impl There {
    /// The hospitals that have a store here.
    async fn hospitals(store: &Location) -> anyhow::Result<Vec<Nihdi>> {
        let numbers = store.stores_of(hd4dp::SERVICE).await.with_context(|| format!("read the store {store}"))?;
        let mut hospitals: Vec<Nihdi> = numbers.iter().filter_map(|number| number.parse().ok()).collect();
        hospitals.sort_unstable();
        Ok(hospitals)
    }

    pub(in crate::commands) async fn open(&self, definitions: Definitions) -> anyhow::Result<Session> {
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
            left_out: LeftOut::default(),
        };
        let prepared = Prepared::open(&wanted).await?;
        let broker = prepared.broker(&wanted).await?;
        prepared.start(wanted, broker).await
    }

    pub(in crate::commands) async fn rest(&self, session: &Session) -> anyhow::Result<Ending> {
        let watch = Watch::over(&session.installation, &session.clock);
        Ok(watch.until_rest(Duration::from_secs(self.timeout.max(1))).await?)
    }

    /// Waits until the flow is at rest, prints `answer` of then, and closes.
    async fn finish(&self, session: Session, registration: Uuid) -> anyhow::Result<Ended> {
        let ending = self.rest(&session).await?;
        let answer = both(&session, registration).await?.context("find the registration")?;
        session.close(ending == Ending::AtRest).await;
        say(self.json, &answer, Both::lines);
        Ok(self.ended(ending))
    }

    pub(in crate::commands) fn ended(&self, ending: Ending) -> Ended {
        if ending == Ending::AtRest {
            return Ended::Well;
        }
        output::complain(format!("precision: nothing moved for {} seconds; gave up", self.timeout));
        Ended::Failed
    }

    pub(in crate::commands) fn print<T: Serialize>(&self, answer: &T, lines: impl Fn(&T) -> Vec<String>) {
        say(self.json, answer, lines);
    }
}

/// Runs `list`.
///
/// # Errors
///
/// What keeps the installation from being opened.
pub async fn list(there: There, args: ListArgs, definitions: Definitions) -> anyhow::Result<Ended> {
    let dcd = args.dcd.as_deref().map(|name| find(&definitions, name)).transpose()?;
    let session = there.open(definitions).await?;
    let ending = there.rest(&session).await?;
    let dcd = dcd.map(|definition| definition.name().to_owned());
    let registrations = page(&session, args.org, dcd, args.after, args.limit).await?;
    session.close(ending == Ending::AtRest).await;
    say(there.json, &Listing { registrations }, Listing::lines);
    Ok(there.ended(ending))
}

/// Runs `status`.
///
/// # Errors
///
/// An unknown registration, or what keeps the installation from being opened.
pub async fn status(there: There, args: &OneArgs, definitions: Definitions) -> anyhow::Result<Ended> {
    let session = there.open(definitions).await?;
    there.finish(session, args.registration).await
}

/// Runs `approve`, `reopen` or `delete`.
///
/// # Errors
///
/// A refusal with its code, an unknown registration, or what keeps the installation from being opened.
pub async fn act(there: There, args: &OneArgs, act: Act, definitions: Definitions) -> anyhow::Result<Ended> {
    let session = there.open(definitions).await?;
    let (id, by) = (args.registration, author(args.by.as_deref()));
    let before = if act == Act::Delete { both(&session, id).await? } else { None };
    let done = match act {
        Act::Approve => ask(&session, id, &Action::Approve, by).await,
        Act::Reopen => at_hospital(&session, id, async |hd4dp| refused(hd4dp.reopen(id, by).await)).await,
        Act::Delete => at_hospital(&session, id, async |hd4dp| refused(hd4dp.delete(id, by).await)).await,
    };
    // What was never submitted leaves nothing to be shown.
    if let (Ok(()), Some(before)) = (&done, before)
        && both(&session, id).await?.is_none()
    {
        let org = before.hospital.view().and_then(|view| view.org.as_ref()?.parse().ok());
        session.close(true).await;
        say(there.json, &Both::removed(id, before.dcd, org, before.healthdata), Both::lines);
        return Ok(Ended::Well);
    }
    settle(&there, session, id, done).await
}

/// Runs `correct`.
///
/// # Errors
///
/// As [`act`], or a comment on an unknown column.
pub async fn correct(there: There, args: &CorrectArgs, definitions: Definitions) -> anyhow::Result<Ended> {
    let OneArgs { registration, by, .. } = &args.one;
    let session = there.open(definitions).await?;
    let done = async {
        let comments = comments(&session, *registration, &args.comments).await?;
        let action = if args.follow_up { Action::RequestFollowUp(comments) } else { Action::RequestCorrections(comments) };
        ask(&session, *registration, &action, author(by.as_deref())).await
    };
    let done = done.await;
    settle(&there, session, *registration, done).await
}

/// Runs `submit`.
///
/// # Errors
///
/// As [`act`]; or a file that is not the register's.
pub async fn submit(there: There, args: SubmitArgs, definitions: Definitions) -> anyhow::Result<Ended> {
    let by = author(args.by.as_deref());
    if let Some(id) = args.registration {
        let session = there.open(definitions).await?;
        let done = at_hospital(&session, id, async |hd4dp| {
            let column = |at: &str| hd4dp.definitions().iter().any(|definition| definition.field_no(at).is_some());
            let answers = args.answers.iter().map(|text| given_answer(text, column)).collect();
            refused(hd4dp.submit_with(id, answers, by).await)
        })
        .await;
        return settle(&there, session, id, done).await;
    }
    let (Some(path), Some(name), Some(org)) = (&args.file, &args.dcd, args.org) else {
        anyhow::bail!("submit a file without its hospital: --org names it");
    };
    anyhow::ensure!(
        path != Path::new(STANDARD_INPUT),
        "read standard input: a store takes a file, since its history has the file's name"
    );
    let definition = find(&definitions, name)?;
    let beside = path.parent().unwrap_or(Path::new("")).to_path_buf();
    let reports = args.reports.clone().unwrap_or(beside);
    let today = SystemClock.now().date();
    let file = CsvFile::open(path, &definition, today).map_err(|error| anyhow::anyhow!(explain(&error, Language::English)))?;
    let session = there.open_with(definitions, Some(org)).await?;
    let hd4dp = session.installation.hd4dp.get(&org).context("find the hospital")?;
    let how = How::by_command(args.choices.options(), by);
    let taken = upload_with(hd4dp, &definition, file, (&reports, Language::English), &how, async |_| {}).await;
    let upload = taken.map_err(|error| anyhow::anyhow!(explain(&error, Language::English)))?;
    let ending = there.rest(&session).await?;
    let tally = hd4dp.store().tally(upload).await?;
    let mut registrations = Vec::new();
    for item in hd4dp.store().uploaded(upload, None, UPLOADED_MAX).await? {
        registrations.extend(both(&session, item.registration_id).await?);
    }
    session.close(ending == Ending::AtRest).await;
    let rejected = tally.rejected;
    let submitted = Submitted { attempted: tally.attempted, accepted: tally.accepted, rejected, registrations };
    say(there.json, &submitted, Submitted::lines);
    Ok(match there.ended(ending) {
        Ended::Well if rejected > 0 => Ended::Rejected,
        ended => ended,
    })
}

/// Runs `download`.
///
/// # Errors
///
/// A file that cannot be written, or what keeps the installation from being opened.
pub async fn download(there: There, args: &DownloadArgs, definitions: Definitions) -> anyhow::Result<Ended> {
    let definition = find(&definitions, &args.dcd)?;
    let org = args.org.context("download without a hospital: --org names it")?;
    let session = there.open(definitions).await?;
    let hd4dp = session.installation.hd4dp.get(&org).context("find the hospital")?;
    let failed = || format!("write {}", args.output.display());
    let mut file = BufWriter::new(File::create(&args.output).with_context(failed)?);
    let registrations = hd4dp::download::download(hd4dp, &definition, &mut file).await?;
    file.flush().with_context(failed)?;
    session.close(true).await;
    say(there.json, &Downloaded { registrations }, |downloaded| downloaded.lines(&args.output));
    Ok(Ended::Well)
}

/// Who stands in the history when nobody is named.
fn author(by: Option<&str>) -> &str {
    by.unwrap_or("precision")
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

async fn comments(session: &Session, registration: Uuid, texts: &[String]) -> anyhow::Result<Vec<Comment>> {
    let hd4res = &session.installation.hd4res;
    let record = hd4res.store().of_registration(registration).await?.context("find the record (UNKNOWN_RECORD)")?;
    let view = hd4res.store().view(record).await?.context("find the record (UNKNOWN_RECORD)")?;
    let definition = hd4res.definitions().exact(&view.row.dcd, view.row.dcd_version).context("find the definition")?;
    let comment = |text: &String| {
        let at_field = place_of(text, |column| definition.field_no(column).is_some());
        let place = |(column, item, text): (String, _, _)| Some((Place { field: definition.field_no(&column)?, item }, text));
        match at_field.and_then(place) {
            Some((place, text)) => Comment { place: Some(place), text },
            None => Comment { place: None, text: text.clone() },
        }
    };
    Ok(texts.iter().map(comment).collect())
}
