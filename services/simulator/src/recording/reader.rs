//! Reads a recording: looks through it once, line by line, and remembers where each publication stands. What is in front of a damage is usable.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufRead, BufReader, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail};
use data_encoding::BASE64;
use envelope::KeyIdHex;
use sealing::keys::Party;
use topology::{Arrow, Nihdi};
use uuid::Uuid;

use super::{
    document::Document,
    format::{BEGINNING, Chain, Header, LINE_MAX, Line, LineError, VERSION, Written},
};
use crate::audit::publication::of_queue;

/// A recording that was looked through.
#[derive(Debug)]
pub struct Recording {
    path: PathBuf,
    header: Header,
    /// The hash of the first line: what is appended later belongs to the same recording.
    identity: String,
    entries: Vec<Entry>,
    state: State,
    left_out: u64,
    gaps: u64,
    hospitals: BTreeMap<Uuid, Nihdi>,
}

/// A publication in a recording, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub number: u64,
    /// When it passed, counted from the beginning.
    pub offset: Duration,
    /// Where it passed.
    pub arrow: Arrow,
    /// The hospital whose queue it was meant for, where the arrow has one per hospital.
    pub nihdi: Option<Nihdi>,
    /// Its id.
    pub publication: Uuid,
    /// Its items.
    pub items: Vec<Uuid>,
    /// The recipients' keys that open it.
    pub keys: BTreeSet<KeyIdHex>,
    /// Where its line begins, and how long it is.
    place: (u64, usize),
}

/// In which state a recording is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It was ended in good order, and nothing is missing.
    Complete,
    /// It has no end: it is still being written, or its program died.
    Open,
    /// From a line on it is not what was written.
    Damaged {
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        why: LineError,
    },
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Complete => f.write_str("complete"),
            Self::Open => f.write_str("open: it was not ended, and is used as far as it goes"),
            Self::Damaged { line, why } => write!(f, "damaged in line {line}: {why}; used as far as the line before"),
        }
    }
}

/// Whether a file begins as a recording does.
///
/// # Errors
///
/// A file that cannot be read.
pub fn is_recording(path: &Path) -> anyhow::Result<bool> {
    let failed = || format!("read {}", path.display());
    let mut beginning = Vec::new();
    let file = File::open(path).with_context(failed)?;
    file.take(BEGINNING.len() as u64).read_to_end(&mut beginning).with_context(failed)?;
    Ok(beginning == BEGINNING)
}

impl Recording {
    /// Looks through a recording.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, that is no recording, whose first line is damaged, or of another version.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let failed = || format!("read {}", path.display());
        let mut reader = BufReader::new(File::open(path).with_context(failed)?);
        let (mut chain, mut line) = (Chain::default(), Vec::new());
        next_line(&mut reader, &mut line).with_context(failed)?;
        let header = match chain.read(&line) {
            Ok(Line::Recording(header)) => header,
            _ if !line.starts_with(BEGINNING) => bail!("read {}: it is no recording", path.display()),
            _ => bail!("read {}: its first line is damaged, or of another version", path.display()),
        };
        anyhow::ensure!(
            header.version == VERSION,
            "read {}: it is a recording of version {}, and this program reads version {VERSION}",
            path.display(),
            header.version
        );
        let identity = chain.last();
        let mut recording = Self {
            path: path.to_owned(),
            header,
            identity,
            entries: Vec::new(),
            state: State::Open,
            left_out: 0,
            gaps: 0,
            hospitals: BTreeMap::new(),
        };
        recording.look_through(&mut reader, chain, line.len() as u64).with_context(failed)?;
        Ok(recording)
    }

    fn look_through(&mut self, reader: &mut impl BufRead, mut chain: Chain, mut place: u64) -> std::io::Result<()> {
        let (mut line, mut count, mut withdrawn) = (Vec::new(), 1, BTreeSet::new());
        loop {
            next_line(reader, &mut line)?;
            if line.is_empty() {
                break;
            }
            count += 1;
            let is_behind_the_end = self.state == State::Complete;
            let taken = chain.read(&line).and_then(|read| self.take(read, (place, line.len()), &mut withdrawn));
            match taken {
                Ok(()) if !is_behind_the_end => {}
                Ok(()) => {
                    self.state = State::Damaged { line: count, why: LineError::Form };
                    break;
                }
                Err(why) => {
                    self.state = State::Damaged { line: count, why };
                    break;
                }
            }
            place += line.len() as u64;
        }
        self.entries.retain(|entry| !withdrawn.contains(&entry.number));
        Ok(())
    }

    fn take(&mut self, line: Line, place: (u64, usize), withdrawn: &mut BTreeSet<u64>) -> Result<(), LineError> {
        match line {
            Line::Publication(written) => {
                let expected = self.entries.last().map_or(1, |entry| entry.number + 1);
                let entry = entry(&written, place).filter(|entry| entry.0.number == expected).ok_or(LineError::Form)?;
                let (entry, hospital) = entry;
                if let Some(hospital) = hospital {
                    self.hospitals.extend(entry.items.iter().map(|item| (*item, hospital)));
                }
                self.entries.push(entry);
            }
            Line::LeftOut(_) => self.left_out += 1,
            Line::Gap(_) => self.gaps += 1,
            Line::Withdrawn(line) => {
                withdrawn.insert(line.number);
            }
            Line::End(end) if end.publications == self.entries.len() as u64 => self.state = State::Complete,
            Line::End(_) | Line::Recording(_) => return Err(LineError::Form),
        }
        Ok(())
    }

    /// What the recording is of.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What tells it from other recordings, however far it was written.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Its publications, in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// In which state it is.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What passed and was not kept, since it was no sealed document.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// How often nobody listened.
    #[must_use]
    pub fn gaps(&self) -> u64 {
        self.gaps
    }

    /// The hospital of a publication, as far as eHealth's broker shows it: by its source at step 4, by its queue at step 4 back, and between them by
    /// items that passed there as well.
    #[must_use]
    pub fn hospital(&self, entry: &Entry) -> Option<Nihdi> {
        entry.items.iter().find_map(|item| self.hospitals.get(item)).copied()
    }

    /// The document of an entry.
    ///
    /// # Errors
    ///
    /// The file cannot be read any more, or has changed.
    pub fn document(&self, entry: &Entry) -> anyhow::Result<Document> {
        let failed = || format!("read publication {} of {}", entry.number, self.path.display());
        let mut file = File::open(&self.path).with_context(failed)?;
        file.seek(SeekFrom::Start(entry.place.0)).with_context(failed)?;
        let mut line = vec![0; entry.place.1];
        file.read_exact(&mut line).with_context(failed)?;
        let read = serde_json::from_slice::<Stored>(&line).ok().and_then(|stored| BASE64.decode(stored.document.as_bytes()).ok());
        let document = read.and_then(|bytes| Document::decode(entry.arrow, &bytes)).and_then(Result::ok);
        document
            .filter(|document| document.id().uuid() == entry.publication)
            .with_context(|| format!("{}: it has changed", failed()))
    }
}

/// A line whose hash was looked at before.
#[derive(serde::Deserialize)]
struct Stored {
    document: String,
}

/// The next line with its end, cut where it is longer than any line may be. Empty at the end of the file.
fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<()> {
    line.clear();
    reader.take(LINE_MAX as u64).read_until(b'\n', line).map(drop)
}

/// An entry, and the hospital that its items are of, where the publication says so.
fn entry(written: &Written, place: (u64, usize)) -> Option<(Entry, Option<Nihdi>)> {
    let (arrow, nihdi, false) = of_queue(&written.queue)? else { return None };
    let bytes = BASE64.decode(written.document.as_bytes()).ok()?;
    let document = Document::decode(arrow, &bytes)?.ok()?;
    if arrow.step() != written.step || document.id().uuid() != written.publication {
        return None;
    }
    let sender = match document.source().as_str().parse() {
        Ok(Party::EhboxHco(sender)) if arrow == Arrow::ToTtp => Some(sender),
        _ => None,
    };
    let entry = Entry {
        number: written.number,
        offset: Duration::from_micros(written.offset_us),
        arrow,
        nihdi,
        publication: written.publication,
        items: document.items(),
        keys: document.keys(),
        place,
    };
    Some((entry, sender.or(nihdi)))
}

#[cfg(test)]
mod tests;
