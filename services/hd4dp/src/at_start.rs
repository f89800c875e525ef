//! Files that are taken in when the process starts.

use std::{
    path::PathBuf,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
};

use clap::Args;
use clock::Timestamp;
use dcd::{Definition, Definitions};
use host::{Backoff, Trouble, Work, station::reasons};
use jiff::civil::Date;

use crate::{
    Hd4dp,
    config::{Config, Uploads},
    intake::SubmitError,
    upload::{self, CsvFile, UploadError},
};

/// A file and the register that it belongs to, as typed: `NAME=FILE.csv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFile {
    /// The register's technical name, in any case.
    pub register: String,
    /// The file.
    pub path: PathBuf,
}

impl FromStr for NamedFile {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((register, path)) if !register.is_empty() && !path.is_empty() => {
                Ok(Self { register: register.to_owned(), path: path.into() })
            }
            _ => Err("expected the register's name and a file: Precision_Local_MAB=mab.csv"),
        }
    }
}

/// What HD4DP takes besides its configuration.
#[derive(Debug, Clone, Args)]
pub struct AtStart {
    /// A register's CSV file to take in at start; may be repeated, and named again at the next start
    #[arg(long, value_name = "NAME=FILE.csv")]
    pub upload: Vec<NamedFile>,
    /// Send once more, at start, what healthdata answered since this day: where HD4RES's store came back from a copy of before. What it knows it answers
    /// again
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub send_again_since: Option<Date>,
}

/// Files whose headers fit their registers, and the day since which answers count as forgotten.
pub struct OpenFiles {
    files: Vec<OpenFile>,
    send_again_since: Option<Date>,
}

struct OpenFile {
    definition: Arc<Definition>,
    path: PathBuf,
    file: CsvFile,
}

/// The work's name in logs and metrics.
const TAKING_IN: &str = "hd4dp taking in files";

/// Why files are not taken in.
#[derive(Debug, thiserror::Error)]
pub enum AtStartError {
    /// No definition has this name.
    #[error("find the register {0}")]
    UnknownRegister(String),
    /// A file that is not there, or not its register's; with all that is wrong with it.
    #[error("{0}")]
    File(String),
}

impl AtStart {
    /// Opens all files and holds every header against its register, before the first row of any is sent.
    ///
    /// # Errors
    ///
    /// [`AtStartError`] for the first file that cannot be used.
    pub fn open(&self, definitions: &Definitions, uploads: &Uploads, today: Date) -> Result<OpenFiles, AtStartError> {
        let open = |file: &NamedFile| {
            let definition = definitions.get(&file.register);
            let definition = definition.ok_or_else(|| AtStartError::UnknownRegister(file.register.clone()))?;
            let opened = CsvFile::open(&file.path, &definition, today);
            let opened = opened.map_err(|error| AtStartError::File(explain(&error, uploads)))?;
            Ok(OpenFile { definition, path: file.path.clone(), file: opened })
        };
        let files = self.upload.iter().map(open).collect::<Result<_, _>>()?;
        Ok(OpenFiles { files, send_again_since: self.send_again_since })
    }
}

impl OpenFiles {
    /// All that runs in the process: the service, the files of the command line, and the folders.
    #[must_use]
    pub fn works(self, hd4dp: &Arc<Hd4dp>, config: &Config) -> Vec<Work> {
        let folders = config.folders.iter().map(|folders| folders.watched(hd4dp, config.uploads.language).work());
        let again = self.send_again_since.map(|since| sending_again(hd4dp, since));
        let more = [hd4dp.forgetting(config.common.itinerary_days), self.taking_in(hd4dp, &config.uploads)];
        hd4dp.works().into_iter().chain(again).chain(more).chain(folders).collect()
    }

    /// The work of taking them in.
    fn taking_in(self, hd4dp: &Arc<Hd4dp>, uploads: &Uploads) -> Work {
        let (hd4dp, uploads, files) = (Arc::clone(hd4dp), uploads.clone(), Arc::new(Mutex::new(Some(self))));
        Work::once(TAKING_IN, move || {
            let (hd4dp, uploads, files) = (Arc::clone(&hd4dp), uploads.clone(), Arc::clone(&files));
            async move {
                // Whoever begins anew has none: their rows were read in part.
                let files = files.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let Some(files) = files {
                    files.take_in(&hd4dp, &uploads).await;
                }
            }
        })
    }

    /// Takes the files in, one after the other. One that was taken in before changes nothing.
    pub async fn take_in(self, hd4dp: &Hd4dp, uploads: &Uploads) {
        for file in self.files {
            take_in(hd4dp, file, uploads).await;
        }
    }
}

/// The work of sending once more what healthdata answered since a day, once.
fn sending_again(hd4dp: &Arc<Hd4dp>, since: Date) -> Work {
    let (hd4dp, since) = (Arc::clone(hd4dp), start_of(since));
    Work::once("hd4dp sending again what was answered", move || {
        let hd4dp = Arc::clone(&hd4dp);
        async move {
            let registrations = hd4dp.keep_trying(|| hd4dp.send_again_since(since)).await;
            tracing::warn!(registrations, "what healthdata answered was sent again");
        }
    })
}

/// The first moment of a day, in UTC.
#[must_use]
pub fn start_of(day: Date) -> Timestamp {
    let days = day.duration_since(Date::constant(1970, 1, 1)).as_secs() / 86_400;
    Timestamp::from_micros(days * 86_400 * 1_000_000)
}

/// Figures and the register's name go to the log; a file's name may say more than it should.
///
/// What passes by itself, as a database that is away, is waited for: then the file is taken in from its beginning, and what was taken in before is unchanged.
async fn take_in(hd4dp: &Hd4dp, open: OpenFile, uploads: &Uploads) {
    let OpenFile { definition, path, mut file } = open;
    let (register, clock) = (definition.name(), &hd4dp.context().clock);
    let mut backoff = Backoff::default();
    loop {
        let taken = async {
            let upload = upload::upload(hd4dp, &definition, file, &uploads.reports, uploads.language, async |_| {}).await?;
            let tally = hd4dp.store().tally(upload).await.map_err(|error| SubmitError::Trouble(Trouble::Store(error)))?;
            Ok::<_, UploadError>((upload, tally))
        };
        let error = match taken.await {
            Ok((upload, tally)) => {
                tracing::info!(
                    register,
                    upload = upload.0,
                    attempted = tally.attempted,
                    accepted = tally.accepted,
                    rejected = tally.rejected,
                    unchanged = tally.unchanged,
                    "a file was taken in"
                );
                return;
            }
            Err(error) => error,
        };
        let why = nameless(&error, uploads);
        let again = match error {
            UploadError::Submit(SubmitError::Trouble(_)) => CsvFile::open(&path, &definition, clock.now().date()),
            UploadError::File { .. } | UploadError::Refused { .. } | UploadError::Submit(SubmitError::Item(_)) => Err(error),
        };
        match again {
            Ok(opened) => {
                let wait = backoff.after_failure();
                tracing::warn!(
                    register,
                    wait_ms = wait.as_millis(),
                    "a file will be taken in from its beginning: failed to {why}"
                );
                hd4dp.context().probe.retried(TAKING_IN);
                clock::sleep(&**clock, wait).await;
                file = opened;
            }
            Err(error) => return tracing::error!(register, "failed to {}", nameless(&error, uploads)),
        }
    }
}

/// The error with all its findings, which repeat no cell, for whoever named the file on the command line.
fn explain(error: &UploadError, uploads: &Uploads) -> String {
    with_findings(reasons(error), error, uploads)
}

/// The same without the file's name, for the log.
fn nameless(error: &UploadError, uploads: &Uploads) -> String {
    match error {
        UploadError::File { what, source, .. } => format!("{what} the file: {source}"),
        UploadError::Refused { .. } => with_findings("use the file".to_owned(), error, uploads),
        UploadError::Submit(_) => reasons(error),
    }
}

fn with_findings(text: String, error: &UploadError, uploads: &Uploads) -> String {
    let UploadError::Refused { findings, .. } = error else { return text };
    let findings: Vec<String> = findings.iter().map(|finding| finding.report_text(uploads.language)).collect();
    format!("{text}: {}", findings.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight() {
        let day = "2026-11-29".parse().unwrap();
        assert_eq!(start_of(day).to_string(), "2026-11-29T00:00:00.000000Z");
        assert_eq!(start_of(day).date(), day);
    }

    /// Whoever names a file may name it by its patient.
    #[test]
    fn no_name_of_a_file_is_in_what_the_log_gets() {
        let uploads = Uploads { reports: "/out".into(), language: dcd::Language::English };
        let path = || PathBuf::from("/in/Janssens.csv");
        let gone = UploadError::File { what: "open", path: path(), source: std::io::ErrorKind::NotFound.into() };
        let refused = UploadError::Refused { path: path(), findings: vec![dcd::Finding::new(dcd::Code::E01)] };
        for error in [gone, refused] {
            let (told, logged) = (explain(&error, &uploads), nameless(&error, &uploads));
            assert!(
                told.contains("Janssens") && !logged.contains("Janssens") && logged.contains("the file: "),
                "{told} / {logged}"
            );
        }
    }

    #[test]
    fn a_file_is_named_with_its_register() {
        let file: NamedFile = "Precision_Local_MAB=/in/a=b.csv".parse().unwrap();
        assert_eq!(file, NamedFile { register: "Precision_Local_MAB".to_owned(), path: "/in/a=b.csv".into() });
        for text in ["", "mab.csv", "=mab.csv", "Precision_Local_MAB="] {
            assert!(text.parse::<NamedFile>().is_err(), "{text}");
        }
    }
}
