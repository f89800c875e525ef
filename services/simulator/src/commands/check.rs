//! `precision check`: validation only.

use std::path::PathBuf;

use clap::Args;
use clock::{Clock, SystemClock};
use dcd::{Definitions, Language};
use hd4dp::upload::CsvFile;
use serde::Serialize;

use super::{find, run::explain};
use crate::{
    cli::{Ended, language},
    output,
};

/// What `check` takes.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Technical name of the register, in any case
    #[arg(long, value_name = "NAME")]
    pub dcd: String,
    /// Language of findings: en, nl or fr
    #[arg(long, value_name = "en|nl|fr", default_value = "en", value_parser = language)]
    pub language: Language,
    /// Print the findings as one JSON object and nothing else
    #[arg(long)]
    pub json: bool,
    /// CSV files of the register
    #[arg(required = true, value_name = "FILE.csv")]
    pub files: Vec<PathBuf>,
}

/// What `--json` prints.
#[derive(Debug, Default, Serialize)]
struct Report {
    attempted: u64,
    accepted: u64,
    rejected: u64,
    findings: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    line: u64,
    column: String,
    code: &'static str,
    severity: &'static str,
    message: String,
}

/// The organisation in whose name rows are checked; it shows in no finding.
const NOBODY: &str = "00000000";

/// Runs the command.
///
/// # Errors
///
/// An unknown register, or a file that cannot be read.
pub fn check(args: &CheckArgs, definitions: &Definitions) -> anyhow::Result<Ended> {
    let definition = find(definitions, &args.dcd)?;
    let today = SystemClock.now().date();
    let mut files = Vec::with_capacity(args.files.len());
    for path in &args.files {
        let file = CsvFile::open(path, &definition, today);
        files.push((path, file.map_err(|error| anyhow::anyhow!(explain(&error, args.language)))?));
    }
    let mut report = Report::default();
    for (path, mut file) in files {
        while let Some(row) = file.next_row(NOBODY, today)? {
            report.attempted += 1;
            report.rejected += u64::from(row.is_rejected());
            for finding in &row.findings {
                if !args.json {
                    let severity = finding.severity.as_str();
                    let text = finding.report_text(args.language);
                    output::say(format!("{}:{}: {severity}: {text}", path.display(), row.line));
                    continue;
                }
                report.findings.push(Line {
                    line: row.line,
                    column: finding.column.clone().unwrap_or_default(),
                    code: finding.code.as_str(),
                    severity: finding.severity.as_str(),
                    message: finding.message(args.language),
                });
            }
        }
    }
    report.accepted = report.attempted - report.rejected;
    if args.json {
        output::say(serde_json::to_string(&report)?);
    } else {
        output::say(format!("{} rows: {} good, {} faulty", report.attempted, report.accepted, report.rejected));
    }
    Ok(if report.rejected > 0 { Ended::Rejected } else { Ended::Well })
}
