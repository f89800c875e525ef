//! Recordings of what passed on eHealth's broker.

use std::{
    io::{Seek, Write},
    sync::{LazyLock, Mutex, PoisonError},
};

use simulator::recording::{
    Recording,
    format::{BEGINNING, Chain, Line},
    reader::State,
};
use tempfile::NamedTempFile;

use crate::{chosen, given};

static FILE: LazyLock<Mutex<NamedTempFile>> = LazyLock::new(|| Mutex::new(given(NamedTempFile::new().ok(), "a file")));

/// A recording: with a first byte of 0 as it stands in the file; else line by line without hashes, which are put behind the lines that are some.
///
/// Holds: what is in front of a damage can be used: each publication's document is read back under its id; numbers rise from 1 and hold nothing that was
/// withdrawn; a recording that is complete is damaged by any byte behind it, and by any bit that changes.
pub fn recording(bytes: &[u8]) {
    let (choice, rest) = chosen(bytes);
    let mut file = FILE.lock().unwrap_or_else(PoisonError::into_inner);
    let text = if choice == 0 { rest.to_vec() } else { chained(rest) };
    let recording = match open(&mut file, &text) {
        Ok(recording) => recording,
        Err(error) => {
            assert!(
                !text.starts_with(BEGINNING) || error.to_string().contains("first line") || error.to_string().contains("version"),
                "{error}"
            );
            return;
        }
    };
    let entries = recording.entries();
    assert!(
        entries.is_sorted_by(|before, behind| before.number < behind.number)
            && entries.first().is_none_or(|first| first.number >= 1)
    );
    for entry in entries {
        let document = recording.document(entry);
        let document = given(document.ok(), "the document of an entry");
        assert!(document.id().uuid() == entry.publication && document.items() == entry.items && document.keys() == entry.keys);
    }
    if *recording.state() == State::Complete {
        let is_damaged = |text: &[u8], file: &mut NamedTempFile| {
            open(file, text).map_or(true, |read| matches!(read.state(), State::Damaged { .. }))
        };
        assert!(is_damaged(&[&text, b"\n".as_slice()].concat(), &mut file));
        let mut changed = text.clone();
        let at = usize::from(choice) * text.len() / 256;
        changed[at] ^= 1;
        assert!(is_damaged(&changed, &mut file), "a change at {at} is not noticed");
    }
}

/// Lines with the hashes that they would have.
fn chained(bytes: &[u8]) -> Vec<u8> {
    let (mut chain, mut text) = (Chain::default(), Vec::new());
    for line in bytes.split(|byte| *byte == b'\n') {
        match serde_json::from_slice::<Line>(line).ok().and_then(|line| chain.write(&line).ok()) {
            Some(written) => text.extend(written),
            None => text.extend_from_slice(line),
        }
    }
    text
}

fn open(file: &mut NamedTempFile, text: &[u8]) -> Result<Recording, String> {
    let within = file.as_file_mut();
    given(within.rewind().and_then(|()| within.set_len(0)).and_then(|()| within.write_all(text)).ok(), "room in a file");
    Recording::open(file.path()).map_err(|error| format!("{error:#}"))
}
