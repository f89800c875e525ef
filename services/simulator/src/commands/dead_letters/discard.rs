//! `precision dead-letters discard`: takes letters away for good. It says how many first, and does it only when it is told that number.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use clap::Args;
use clock::{Clock, SystemClock};
use envelope::PublicationId;
use serde::Serialize;

use super::{Place, UNKNOWN_LETTER, Way, Which};
use crate::{
    cli::Ended,
    letters::{Filter, Letter, LetterView, Meant},
};

/// A registration is sent for ten days, and a day more is for what is on its way then: until then a letter may still be needed.
const AGE_MIN_S: u64 = 11 * 86_400;

const TOO_YOUNG: &str = "discard letters that are younger than 11 days: registrations are sent again for ten days, and what is set aside may be put back";

/// What `discard` takes.
#[derive(Debug, Args)]
pub struct DiscardArgs {
    /// Where: with --broker, since only who runs a zone's broker may do this
    #[command(flatten)]
    pub(super) place: Place,
    /// The letter's id, as `list` shows it
    #[arg(value_name = "PUBLICATION", required_unless_present = "older_than", conflicts_with = "older_than")]
    publication: Option<PublicationId>,
    /// Which; --older-than 11d at least
    #[command(flatten)]
    which: Which,
    /// Really: as many letters as there were when this command was asked without it
    #[arg(long, value_name = "COUNT", requires = "journal", requires = "by")]
    confirm: Option<u64>,
    /// File that each letter is written down in before it goes: a line of JSON, behind those of before
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Who decided it, for the journal
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// What it says.
#[derive(Debug, Serialize)]
struct Discarded {
    /// Letters that are meant.
    letters: u64,
    /// Letters that are gone.
    discarded: u64,
    /// What could not be looked at.
    missed: Vec<String>,
}

impl Discarded {
    fn lines(&self) -> Vec<String> {
        let Self { letters, discarded, missed } = self;
        let mut lines: Vec<String> = missed.iter().map(|missed| format!("not looked at: {missed}")).collect();
        lines.push(match (letters, discarded) {
            (0, _) => "no letter is meant".to_owned(),
            (_, 0) => format!("{letters} letters are meant, and stand where they stood; to take them away for good: --confirm {letters} --journal FILE --by NAME"),
            _ => format!("{discarded} of {letters} letters are gone for good"),
        });
        lines
    }
}

/// A letter in the journal: what may be shown of it, and who took it away when.
#[derive(Debug, Serialize)]
struct Entry<'a> {
    discarded_at: String,
    by: &'a str,
    letter: LetterView,
    /// All of its items, also of a letter that was set aside as a whole.
    items: Vec<String>,
}

/// Runs the command.
///
/// # Errors
///
/// Wrong usage, another number of letters than was confirmed, a journal that cannot be written, or a broker that cannot be reached.
pub(super) async fn discard(args: &DiscardArgs) -> anyhow::Result<Ended> {
    let wanted = args.which.wanted(args.publication);
    let age = wanted.older_than_s;
    ensure!(args.publication.is_some() || age.is_some_and(|age| age >= AGE_MIN_S), TOO_YOUNG);
    let filter = Filter::try_from(&wanted)?;
    let Way::Broker(way) = args.place.way()? else {
        anyhow::bail!("discard letters over HTTP: only who runs the broker does it, with --broker");
    };
    let (at, look) = (SystemClock.now(), way.look(&filter).await?);
    let letters = look.letters.len() as u64;
    ensure!(letters > 0 || args.publication.is_none(), UNKNOWN_LETTER);
    // One that is named may be without an age, but not of a young one.
    let is_young = |letter: &Letter| letter.time.is_some_and(|time| at.since(time) < Duration::from_secs(AGE_MIN_S));
    ensure!(!look.letters.iter().any(is_young), TOO_YOUNG);
    let mut said = Discarded { letters, discarded: 0, missed: look.missed };
    if let (Some(confirmed), Some(journal), Some(by)) = (args.confirm, &args.journal, &args.by) {
        ensure!(
            confirmed == letters,
            "discard {confirmed} letters: {letters} are meant now; look again (list, show) and confirm that number"
        );
        let mut journal = Journal::open(journal, by)?;
        said.discarded = way.discard(&Meant { filter: &filter, at, count: letters }, &mut |letter| journal.note(letter)).await?;
    }
    args.place.say(&said, Discarded::lines);
    Ok(if args.confirm.is_some() && said.discarded < letters { Ended::Failed } else { Ended::Well })
}

/// Where letters are written down before they go.
struct Journal<'a> {
    file: File,
    by: &'a str,
}

impl<'a> Journal<'a> {
    fn open(path: &Path, by: &'a str) -> anyhow::Result<Self> {
        let failed = || format!("open the journal {}", path.display());
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path).with_context(failed)?;
        // The name of a new one has to be there after a crash as well.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).with_context(failed)?;
        Ok(Self { file, by })
    }

    /// Writes a letter down, so that it is there after a crash.
    fn note(&mut self, letter: &Letter) -> io::Result<()> {
        let discarded_at = SystemClock.now().to_string();
        let items = letter.items.iter().map(ToString::to_string).collect();
        let entry = Entry { discarded_at, by: self.by, letter: LetterView::from(letter), items };
        let mut line = serde_json::to_vec(&entry)?;
        line.push(b'\n');
        let end = self.file.metadata()?.len();
        let written = self.file.write_all(&line).and_then(|()| self.file.sync_data());
        if written.is_err() {
            // Half a line would take the next one with it.
            let _ = self.file.set_len(end);
        }
        written
    }
}
