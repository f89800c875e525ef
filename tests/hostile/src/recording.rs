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

use crate::chosen;

static FILE: LazyLock<Mutex<Option<NamedTempFile>>> = LazyLock::new(|| Mutex::new(NamedTempFile::new().ok()));

/// A recording: with a first byte of 0 as it stands in the file; else line by line without hashes, which are put behind the lines that are some.
///
/// Holds: what is in front of a damage can be used: each publication's document is read back under its id; numbers rise from 1 and hold nothing that was
/// withdrawn; a recording that is complete is damaged by any byte behind it, and by any bit that changes.
pub fn recording(bytes: &[u8]) {
    let (choice, rest) = chosen(bytes);
    let mut file = FILE.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(file) = file.as_mut() else { return };
    let text = if choice == 0 { rest.to_vec() } else { chained(rest) };
    let Some(opened) = open(file, &text) else { return };
    let recording = match opened {
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
        assert!(document.is_ok(), "an entry cannot be read: {document:?}");
        let Ok(document) = document else { continue };
        assert!(document.id().uuid() == entry.publication && document.items() == entry.items && document.keys() == entry.keys);
    }
    if *recording.state() == State::Complete {
        let is_damaged = |text: &[u8], file: &mut NamedTempFile| {
            open(file, text)
                .is_none_or(|opened| opened.is_err() || opened.is_ok_and(|read| matches!(read.state(), State::Damaged { .. })))
        };
        assert!(is_damaged(&[&text, b"\n".as_slice()].concat(), file));
        let mut changed = text.clone();
        let at = usize::from(choice) * text.len() / 256;
        changed[at] ^= 1;
        assert!(is_damaged(&changed, file), "a change at {at} is not noticed");
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

fn open(file: &mut NamedTempFile, text: &[u8]) -> Option<Result<Recording, String>> {
    let within = file.as_file_mut();
    within.rewind().and_then(|()| within.set_len(0)).and_then(|()| within.write_all(text)).ok()?;
    Some(Recording::open(file.path()).map_err(|error| format!("{error:#}")))
}
