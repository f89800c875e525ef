//! `precision list`, `status`, `submit`, `download`, `correct`, `approve`, `reopen`, `delete`: the life of a registration, for scripts.
//!
//! Each command does one thing in the name of a hospital or a researcher, and ends when nothing of it is on its way any more. What it prints
//! shows each side's own view. It works on a store ([`on_store`]), or with the services of a running installation ([`over_http`]). `status` without a
//! registration is about the installation ([`super::status`]).

pub mod on_store;
pub mod over_http;
pub mod reach;

use std::path::{Path, PathBuf};

use clap::Args;
use dcd::Definitions;
use hd4dp::{
    GivenAnswer,
    options::{ConflictMaster, ConflictMode, UploadOptions, Validation},
};
use serde::{Serialize, de::DeserializeOwned};
use topology::Nihdi;
use uuid::Uuid;

pub use on_store::There;
pub use reach::Reach;
use reach::Way;

use super::{life_view::Both, status::Services};
use crate::{
    cli::{Ended, hospital},
    output,
};

/// The name of a file that means standard input.
pub const STANDARD_INPUT: &str = "-";

/// What `list` takes.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// The installation
    #[command(flatten)]
    pub reach: Reach,
    /// Only this register
    #[arg(long, value_name = "NAME")]
    dcd: Option<String>,
    /// Only this hospital
    #[arg(long, value_name = "NIHDI", value_parser = hospital)]
    org: Option<Nihdi>,
    /// Registrations at most
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: u32,
    /// Continue behind this registration of a hospital's list
    #[arg(long, value_name = "REGISTRATION")]
    after: Option<Uuid>,
}

/// What the commands about one registration take.
#[derive(Debug, Args)]
pub struct OneArgs {
    /// The installation
    #[command(flatten)]
    pub reach: Reach,
    /// The registration's id, as `list` shows it
    #[arg(value_name = "REGISTRATION")]
    registration: Uuid,
    /// The hospital that has it; over HTTP with a secret that stands alone, which does not say
    #[arg(long, value_name = "NIHDI", value_parser = hospital)]
    org: Option<Nihdi>,
    /// Who does it, for the history of a store: a role or a user name of the staff, never a patient's [default: precision]. Over HTTP the token
    /// says it
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// What `status` takes.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The installation
    #[command(flatten)]
    pub reach: Reach,
    /// The registration's id, as `list` shows it; without it, how an installation's separate services stand is shown
    #[arg(value_name = "REGISTRATION")]
    registration: Option<Uuid>,
    /// The hospital that has it; over HTTP with a secret that stands alone, which does not say
    #[arg(long, value_name = "NIHDI", value_parser = hospital, requires = "registration")]
    org: Option<Nihdi>,
    /// The services of an installation
    #[command(flatten)]
    services: Services,
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
    pub reach: Reach,
    /// A registration that was reopened, or needs corrections
    #[arg(value_name = "REGISTRATION", required_unless_present = "file", conflicts_with = "file")]
    registration: Option<Uuid>,
    /// A CSV file of new, corrected or followed-up registrations; over HTTP also `-` for standard input
    #[arg(long, value_name = "FILE.csv", requires = "dcd")]
    file: Option<PathBuf>,
    /// The file's register
    #[arg(long, value_name = "NAME")]
    dcd: Option<String>,
    /// The hospital; over HTTP its token says it
    #[arg(long, value_name = "NIHDI", value_parser = hospital)]
    org: Option<Nihdi>,
    /// How the file's rows are taken in
    #[command(flatten)]
    choices: Choices,
    /// Folder of the success and the error report; beside the file by default, and none for standard input
    #[arg(long, value_name = "DIR")]
    reports: Option<PathBuf>,
    /// What the hospital says to a researcher's comment; with COLUMN= in front to the one at that field. May be given several times
    #[arg(long = "answer", value_name = "[COLUMN=]TEXT", conflicts_with = "file")]
    answers: Vec<String>,
    /// Who does it, for the history of a store [default: precision]. Over HTTP the token says it
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
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
    pub reach: Reach,
    /// The register
    #[arg(long, value_name = "NAME")]
    dcd: String,
    /// The hospital; over HTTP its token says it
    #[arg(long, value_name = "NIHDI", value_parser = hospital)]
    org: Option<Nihdi>,
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

/// Runs `list`.
///
/// # Errors
///
/// What keeps the installation from being opened or reached.
pub async fn list(args: ListArgs, definitions: Definitions) -> anyhow::Result<Ended> {
    match args.reach.way(args.org)? {
        Way::Store(there) => on_store::list(there, args, definitions).await,
        Way::Http(plan) => over_http::list(plan, &args, &definitions).await,
    }
}

/// Runs `status`.
///
/// # Errors
///
/// An unknown registration, or what keeps the installation from being opened or reached.
pub async fn status(args: StatusArgs, definitions: Definitions) -> anyhow::Result<Ended> {
    let StatusArgs { reach, registration, org, services } = args;
    let Some(registration) = registration else {
        return super::status::status(&services, reach.over.json);
    };
    let args = OneArgs { reach, registration, org, by: None };
    match args.reach.way(args.org)? {
        Way::Store(there) => on_store::status(there, &args, definitions).await,
        Way::Http(plan) => over_http::status(plan, &args).await,
    }
}

/// Runs `approve`, `reopen` or `delete`.
///
/// # Errors
///
/// A refusal with its code, an unknown registration, or what keeps the installation from being opened or reached.
pub async fn act(args: OneArgs, act: Act, definitions: Definitions) -> anyhow::Result<Ended> {
    match args.reach.way(args.org)? {
        Way::Store(there) => on_store::act(there, &args, act, definitions).await,
        Way::Http(plan) => over_http::act(plan, &args, act).await,
    }
}

/// Runs `correct`.
///
/// # Errors
///
/// As [`act`], or a comment on an unknown column.
pub async fn correct(args: CorrectArgs, definitions: Definitions) -> anyhow::Result<Ended> {
    match args.one.reach.way(args.one.org)? {
        Way::Store(there) => on_store::correct(there, &args, definitions).await,
        Way::Http(plan) => over_http::correct(plan, &args, &definitions).await,
    }
}

/// Runs `submit`.
///
/// # Errors
///
/// As [`act`]; or a file that is not the register's.
pub async fn submit(args: SubmitArgs, definitions: Definitions) -> anyhow::Result<Ended> {
    match args.reach.way(args.org)? {
        Way::Store(there) => on_store::submit(there, args, definitions).await,
        Way::Http(plan) => over_http::submit(plan, &args, &definitions).await,
    }
}

/// Runs `download`.
///
/// # Errors
///
/// A file that cannot be written, or what keeps the installation from being opened or reached.
pub async fn download(args: DownloadArgs, definitions: Definitions) -> anyhow::Result<Ended> {
    match args.reach.way(args.org)? {
        Way::Store(there) => on_store::download(there, &args, definitions).await,
        Way::Http(plan) => over_http::download(plan, &args, &definitions).await,
    }
}

fn say<T: Serialize>(json: bool, answer: &T, lines: impl Fn(&T) -> Vec<String>) {
    if json {
        output::say(serde_json::to_string(answer).unwrap_or_default());
    } else {
        lines(answer).iter().for_each(output::say);
    }
}

/// An answer, at its column if the text names one.
fn given_answer(text: &str, is_column: impl Fn(&str) -> bool) -> GivenAnswer {
    match text.split_once('=').filter(|(column, _)| is_column(column)) {
        Some((column, text)) => GivenAnswer { column: Some(column.to_owned()), text: text.to_owned() },
        None => GivenAnswer { column: None, text: text.to_owned() },
    }
}

/// The column, the list's item and the text of `COLUMN=TEXT`; none of a text alone. What stands before the first `=` is a column only if
/// the definition has it; in a list the item's number stands within, `variants|00|gene`.
fn place_of(text: &str, is_column: impl Fn(&str) -> bool) -> Option<(String, Option<u16>, String)> {
    let (column, text) = text.split_once('=')?;
    if is_column(column) {
        return Some((column.to_owned(), None, text.to_owned()));
    }
    let parts: Vec<&str> = column.split('|').collect();
    let at = parts.iter().position(|part| part.len() >= 2 && part.bytes().all(|b| b.is_ascii_digit()))?;
    let item = parts.get(at)?.parse().ok()?;
    let others = parts.iter().enumerate().filter(|(number, _)| *number != at).map(|(_, part)| *part);
    let column = others.collect::<Vec<_>>().join("|");
    is_column(&column).then(|| (column, Some(item), text.to_owned()))
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

/// What `download` says.
#[derive(Debug, Serialize)]
struct Downloaded {
    registrations: u64,
}

impl Downloaded {
    fn lines(&self, output: &Path) -> Vec<String> {
        vec![format!("{} registrations: {}", self.registrations, output.display())]
    }
}

/// Registrations that the answer to a file shows at most; `list` shows them all.
const UPLOADED_MAX: u32 = 100;

/// What `submit` says of a file.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_stands_where_its_column_says() {
        let place = |text: &str| place_of(text, |column| ["stage", "variants|gene"].contains(&column));
        let at = |column: &str, item, text: &str| Some((column.to_owned(), item, text.to_owned()));
        assert_eq!(place("stage=Is IV right?"), at("stage", None, "Is IV right?"));
        assert_eq!(place("stage=a=b"), at("stage", None, "a=b"));
        assert_eq!(place("variants|gene=?"), at("variants|gene", None, "?"));
        assert_eq!(place("variants|03|gene=?"), at("variants|gene", Some(3), "?"));
        for text in ["Is 2=2?", "variants|3|gene=?", "variants|03|other=?", "no column", "variants|99999|gene=?"] {
            assert_eq!(place(text), None, "{text}");
        }
    }
}
