//! What was written is read back; and whatever was cut or changed is noticed, with everything before it still at hand.

use std::{fs, sync::Arc};

use clock::SystemClock;
use envelope::{
    B64, IdBatch, Publication,
    sealed::{ContentSeal, Encapsulation, ReturnedFeedback, ReturnedItem, SealedItem, SealedSubmission},
};
use proptest::prelude::*;

use super::*;
use crate::recording::{recorder::header, writer::Writer};

const QUEUES: [&str; 2] = ["ttp.in", "hco.00000196.in"];

/// A document of step 4 or of step 4 back; nothing in it is sealed for anybody.
fn document(arrow: usize, number: u8, ids: &mut IdBatch) -> Vec<u8> {
    let (id, item) = (ids.next_publication(), ids.next_item());
    let (seal, time) = (Encapsulation::new([number; 8], [number; 32]), clock::Timestamp::EPOCH);
    let blob = || B64(vec![number; 30]);
    let bytes = if arrow == 0 {
        let content = ContentSeal::new([number; 8], [number; 32], vec![0; 60]);
        let items = vec![SealedItem { id: item, identity: blob(), content: blob() }];
        let data = SealedSubmission { identity: seal, content, items };
        Publication::new(id, "ehbox-hco-00000295".parse().unwrap(), time, data).encode()
    } else {
        let items = vec![ReturnedItem { id: item, identity: blob(), feedback: blob() }];
        let data = ReturnedFeedback { identity: seal.clone(), feedback: seal, items };
        Publication::new(id, "ehealth-ttp".parse().unwrap(), time, data).encode()
    };
    bytes.unwrap().to_vec()
}

/// A recording of so many publications, with something between them that is none.
fn recorded(path: &Path, count: u8) -> Vec<(usize, Vec<u8>)> {
    let (mut ids, mut written) = (IdBatch::new([1; 10]), Vec::new());
    let hospital = "00000196".parse().unwrap();
    let writer = Writer::create(path, header(&[hospital], None).unwrap(), Arc::new(SystemClock)).unwrap();
    for number in 0..count {
        let arrow = usize::from(number) % 2;
        let bytes = document(arrow, number, &mut ids);
        assert_eq!(writer.publication(QUEUES[arrow], &bytes), Some(u64::from(number) + 1));
        written.push((arrow, bytes));
        if number == 1 {
            assert_eq!(writer.publication("hd.in", b"Janssens"), None);
            writer.gap();
        }
    }
    for queue in ["hd4dp.00000196.out", "hd4res.in", "dhw.in", "ttp.in.dead", "elsewhere"] {
        assert_eq!(writer.publication(queue, b"{}"), None, "{queue}");
    }
    writer.finish().unwrap();
    written
}

fn documents(recording: &Recording) -> Vec<Vec<u8>> {
    recording.entries().iter().map(|entry| recording.document(entry).unwrap().encode().unwrap().to_vec()).collect()
}

#[test]
fn what_was_written_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.recording");
    let written = recorded(&path, 5);
    let recording = Recording::open(&path).unwrap();
    assert_eq!((recording.state(), recording.left_out(), recording.gaps()), (&State::Complete, 1, 1));
    assert_eq!(documents(&recording), written.iter().map(|(_, bytes)| bytes.clone()).collect::<Vec<_>>());
    let hospitals: Vec<String> = recording.entries().iter().map(|entry| recording.hospital(entry).unwrap().to_string()).collect();
    assert_eq!(hospitals, ["00000295", "00000196", "00000295", "00000196", "00000295"]);
    assert!(!fs::read_to_string(&path).unwrap().contains("Janssens"), "what is no sealed document is not kept");
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(is_recording(&path).unwrap());
}

#[test]
fn a_recording_is_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.recording");
    recorded(&path, 1);
    let before = fs::read(&path).unwrap();
    assert!(Writer::create(&path, header(&[], None).unwrap(), Arc::new(SystemClock)).is_err());
    assert_eq!(fs::read(&path).unwrap(), before);
}

/// A broker that took nothing leaves nothing to be replayed, and the numbers of the others stay.
#[test]
fn what_was_withdrawn_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.recording");
    let mut ids = IdBatch::new([1; 10]);
    let writer = Writer::create(&path, header(&[], None).unwrap(), Arc::new(SystemClock)).unwrap();
    for number in 0..3 {
        let number = writer.publication(QUEUES[0], &document(0, number, &mut ids)).unwrap();
        if number == 2 {
            writer.withdraw(number, QUEUES[0]);
        }
    }
    assert_eq!(writer.finish().unwrap().publications, 2);
    let recording = Recording::open(&path).unwrap();
    assert_eq!(recording.entries().iter().map(|entry| entry.number).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(recording.state(), &State::Complete);
}

/// As a program that died leaves it: whole lines, and no end.
#[test]
fn a_recording_without_an_end_is_open_and_usable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.recording");
    let written = recorded(&path, 4);
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    fs::write(&path, lines[..lines.len() - 1].concat()).unwrap();
    let recording = Recording::open(&path).unwrap();
    assert_eq!((recording.state(), recording.entries().len()), (&State::Open, written.len()));
    fs::write(&path, [&text, lines[1]].concat()).unwrap();
    assert!(matches!(Recording::open(&path).unwrap().state(), State::Damaged { .. }), "nothing stands behind the end");
}

#[test]
fn another_version_and_another_file_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.recording");
    let header = Header { version: 2, ..header(&[], None).unwrap() };
    drop(Writer::create(&path, header, Arc::new(SystemClock)).unwrap());
    assert!(Recording::open(&path).unwrap_err().to_string().contains("version 2, and this program reads version 1"));
    for text in ["", "about = \"A row.\"\n", "{\"kind\":\"begun\"}\n"] {
        fs::write(&path, text).unwrap();
        assert!(Recording::open(&path).unwrap_err().to_string().contains("it is no recording"), "{text}");
        assert!(!is_recording(&path).unwrap());
    }
}

/// What is left of a damaged recording: the state it is in, and its documents; nothing when its first line is gone.
fn left(path: &Path, bytes: &[u8]) -> Option<(State, Vec<Vec<u8>>)> {
    fs::write(path, bytes).unwrap();
    let recording = Recording::open(path).ok()?;
    Some((recording.state().clone(), documents(&recording)))
}

proptest! {
    #[test]
    fn every_cut_is_noticed_and_what_is_before_it_is_read(count in 1..6_u8, at in any::<prop::sample::Index>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flow.recording");
        let written: Vec<Vec<u8>> = recorded(&path, count).into_iter().map(|(_, bytes)| bytes).collect();
        let whole = fs::read(&path).unwrap();
        let cut = &whole[..at.index(whole.len())];
        let lines = cut.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
        let kept = lines.filter(|line| line.starts_with(br#"{"kind":"publication""#)).count();
        match left(&path, cut) {
            Some((state, documents)) => {
                prop_assert!(state != State::Complete);
                prop_assert_eq!(&documents, &written[..kept]);
            }
            None => prop_assert!(!cut.contains(&b'\n'), "only without its first line nothing can be said"),
        }
    }

    #[test]
    fn every_change_is_noticed_and_what_is_before_it_is_read(count in 1..6_u8, at in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flow.recording");
        let written: Vec<Vec<u8>> = recorded(&path, count).into_iter().map(|(_, bytes)| bytes).collect();
        let mut changed = fs::read(&path).unwrap();
        let at = at.index(changed.len());
        let line = changed[..at].iter().filter(|byte| **byte == b'\n').count();
        let before: Vec<&[u8]> = changed.split_inclusive(|byte| *byte == b'\n').take(line).collect();
        let kept = before.iter().filter(|line| line.starts_with(br#"{"kind":"publication""#)).count();
        changed[at] ^= flip;
        match left(&path, &changed) {
            Some((state, documents)) => {
                prop_assert!(matches!(state, State::Damaged { line: found, .. } if found == line as u64 + 1), "{:?}", state);
                prop_assert_eq!(&documents, &written[..kept]);
            }
            None => prop_assert_eq!(line, 0),
        }
    }

    /// Lines that are left out, doubled or change places.
    #[test]
    fn every_line_that_is_missing_or_elsewhere_is_noticed(count in 2..6_u8, first in any::<prop::sample::Index>(), second in any::<prop::sample::Index>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flow.recording");
        recorded(&path, count);
        let whole = fs::read(&path).unwrap();
        let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
        let (first, second) = (first.index(lines.len()), second.index(lines.len()));
        let mut missing = lines.clone();
        missing.remove(first);
        let mut swapped = lines.clone();
        swapped.swap(first, second);
        let mut doubled = lines.clone();
        doubled.insert(second, lines[first]);
        for (what, lines) in [("missing", missing), ("swapped", swapped), ("doubled", doubled)] {
            let is_same = lines.concat() == whole;
            let state = left(&path, &lines.concat()).map(|(state, _)| state);
            prop_assert_eq!(state == Some(State::Complete), is_same, "{}", what);
        }
    }
}
