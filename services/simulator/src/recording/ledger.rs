//! What was replayed of a recording: a file beside it, so that the same command given twice replays once.
//!
//! The ledger is locked by whoever replays, so two commands at once do not get mixed up. A line is written when the installation has taken a publication for
//! good; a replay that died goes on behind its last line.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions, TryLockError},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use clock::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::format::{id, moment};

/// One line of a ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Line {
    /// A replay was begun.
    Begun {
        /// Its id.
        #[serde(with = "id")]
        replay: Uuid,
        /// How many times the same was replayed, with this one.
        round: u32,
        /// When.
        #[serde(with = "moment")]
        at: Timestamp,
        /// Onto which installation.
        onto: String,
        /// What was selected.
        selection: Value,
        /// The fields that were edited; never their values.
        edited: Vec<String>,
    },
    /// A publication was replayed.
    Replayed {
        /// The replay's id.
        #[serde(with = "id")]
        replay: Uuid,
        /// The publication's number in the recording.
        number: u64,
        /// The id that it was recorded under.
        #[serde(with = "id")]
        original: Uuid,
        /// The id that it was replayed under.
        #[serde(with = "id")]
        replayed: Uuid,
        /// When.
        #[serde(with = "moment")]
        at: Timestamp,
    },
    /// Everything that was selected has been replayed.
    Ended {
        /// The replay's id.
        #[serde(with = "id")]
        replay: Uuid,
        /// When.
        #[serde(with = "moment")]
        at: Timestamp,
    },
}

/// What a ledger says of one replay.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    /// The publications that were replayed, by number, with the ids that they were replayed under.
    pub replayed: BTreeMap<u64, Uuid>,
    /// When it came to its end.
    pub ended_at: Option<Timestamp>,
}

/// An open ledger, which nobody else can open.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    file: File,
    replays: BTreeMap<Uuid, Known>,
}

/// The ledger's path: the recording's, with `.replays.jsonl` behind it.
#[must_use]
pub fn beside(recording: &Path) -> PathBuf {
    let mut name = recording.as_os_str().to_owned();
    name.push(".replays.jsonl");
    name.into()
}

impl Ledger {
    /// Opens the ledger of a recording, made when there is none.
    ///
    /// # Errors
    ///
    /// Another process replays the recording at this moment; or the ledger cannot be read or written.
    pub fn open(recording: &Path) -> anyhow::Result<Self> {
        let path = beside(recording);
        let failed = || format!("keep the ledger {}", path.display());
        let options = OpenOptions::new().read(true).append(true).create(true).mode(0o600).clone();
        let mut file = options.open(&path).with_context(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                bail!("replay {}: another process replays it at this moment", recording.display())
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(failed),
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).with_context(failed)?;
        // A line that was cut by a crash says nothing: what it was about is replayed again, under the same id.
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        if whole < text.len() {
            file.set_len(whole as u64).with_context(failed)?;
            file.seek(SeekFrom::End(0)).with_context(failed)?;
        }
        let replays = read(&text[..whole]).with_context(|| format!("read the ledger {}", path.display()))?;
        Ok(Self { path, file, replays })
    }

    /// What was replayed before, without opening the ledger for oneself.
    ///
    /// # Errors
    ///
    /// A ledger that cannot be read.
    pub fn look(recording: &Path) -> anyhow::Result<BTreeMap<Uuid, Known>> {
        let path = beside(recording);
        let failed = || format!("read the ledger {}", path.display());
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) => return Err(error).with_context(failed),
        };
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        read(&text[..whole]).with_context(failed)
    }

    /// What is known of a replay.
    #[must_use]
    pub fn known(&self, replay: &Uuid) -> Option<&Known> {
        self.replays.get(replay)
    }

    /// Everything that was replayed.
    #[must_use]
    pub fn replays(&self) -> &BTreeMap<Uuid, Known> {
        &self.replays
    }

    /// Writes a line down for good.
    ///
    /// # Errors
    ///
    /// The ledger cannot be written: then nothing more may be replayed.
    pub fn write(&mut self, line: Line) -> anyhow::Result<()> {
        let failed = || format!("write the ledger {}", self.path.display());
        let mut text = serde_json::to_vec(&line).with_context(failed)?;
        text.push(b'\n');
        self.file.write_all(&text).with_context(failed)?;
        self.file.sync_data().with_context(failed)?;
        take(&mut self.replays, line);
        Ok(())
    }
}

fn read(text: &[u8]) -> anyhow::Result<BTreeMap<Uuid, Known>> {
    let mut replays = BTreeMap::new();
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty()) {
        let line = serde_json::from_slice(line).with_context(|| format!("understand line {}", number + 1))?;
        take(&mut replays, line);
    }
    Ok(replays)
}

fn take(replays: &mut BTreeMap<Uuid, Known>, line: Line) {
    match line {
        Line::Begun { replay, .. } => {
            replays.entry(replay).or_default();
        }
        Line::Replayed { replay, number, replayed, .. } => {
            replays.entry(replay).or_default().replayed.insert(number, replayed);
        }
        Line::Ended { replay, at } => replays.entry(replay).or_default().ended_at = Some(at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replayed(number: u64) -> Line {
        let id = Uuid::from_u128(u128::from(number));
        Line::Replayed { replay: Uuid::nil(), number, original: id, replayed: id, at: Timestamp::EPOCH }
    }

    #[test]
    fn a_ledger_is_for_one_at_a_time_and_remembers() {
        let folder = tempfile::tempdir().unwrap();
        let recording = folder.path().join("flow.recording");
        let mut ledger = Ledger::open(&recording).unwrap();
        ledger.write(replayed(1)).unwrap();
        let second = Ledger::open(&recording).unwrap_err();
        assert!(second.to_string().contains("another process replays it"), "{second}");
        drop(ledger);
        assert_eq!(Ledger::open(&recording).unwrap().known(&Uuid::nil()).unwrap().replayed.len(), 1);
    }

    #[test]
    fn a_line_that_a_crash_cut_is_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let recording = folder.path().join("flow.recording");
        let mut ledger = Ledger::open(&recording).unwrap();
        ledger.write(replayed(1)).unwrap();
        ledger.write(replayed(2)).unwrap();
        drop(ledger);
        let path = beside(&recording);
        let length = std::fs::metadata(&path).unwrap().len();
        OpenOptions::new().write(true).open(&path).unwrap().set_len(length - 5).unwrap();
        let mut ledger = Ledger::open(&recording).unwrap();
        assert_eq!(ledger.known(&Uuid::nil()).unwrap().replayed.keys().copied().collect::<Vec<_>>(), [1]);
        ledger.write(replayed(2)).unwrap();
        drop(ledger);
        assert_eq!(Ledger::look(&recording).unwrap()[&Uuid::nil()].replayed.len(), 2);
    }

    #[test]
    fn a_ledger_that_says_something_else_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let recording = folder.path().join("flow.recording");
        std::fs::write(beside(&recording), "{\"kind\":\"begun\"}\n").unwrap();
        assert!(format!("{:#}", Ledger::open(&recording).unwrap_err()).contains("line 1"));
    }
}
