//! The part of the contract that is about uploads.

use super::*;
use crate::options::{ConflictMode, UploadOptions};

fn new(file: &'static str, dcd: &'static str) -> NewUpload<'static> {
    NewUpload { file, dcd, way: Way::FastTrack, author: "ann", claim: Some(file) }
}

fn part(report: Report, text: &str) -> ReportPart {
    ReportPart { report, bytes: text.as_bytes().to_vec() }
}

pub(super) async fn uploads_are_listed_newest_first(store: &dyn Hd4dpStore) {
    let mut ids = Vec::new();
    for (file, dcd) in [("CANARY.csv", "A"), ("b.csv", "B"), ("c.csv", "A")] {
        ids.push(store.open_upload(&new(file, dcd), at(1)).await.unwrap());
    }
    let intake = Intake { attempted: 5, rejected: 2, warned: 1, ..Intake::default() };
    store.submit(ids[0], &intake, at(2)).await.unwrap();
    store.end_upload(ids[0], Progress::Done, &[], at(3)).await.unwrap();
    let list = async |dcd: Option<&str>, before: Option<UploadId>, limit| {
        let uploads = store.uploads(dcd, before, limit).await.unwrap();
        uploads.iter().map(|upload| upload.id).collect::<Vec<_>>()
    };
    assert_eq!(list(None, None, 9).await, [ids[2], ids[1], ids[0]]);
    assert_eq!(list(None, Some(ids[2]), 1).await, [ids[1]]);
    assert_eq!(list(Some("A"), None, 9).await, [ids[2], ids[0]]);
    assert_eq!(list(Some("A"), Some(ids[2]), 9).await, [ids[0]]);
    let done = store.upload(ids[0]).await.unwrap().unwrap();
    assert!(!format!("{done:?}").contains("CANARY"));
    let expected = UploadView {
        id: ids[0],
        file: "CANARY.csv".to_owned(),
        dcd: "A".to_owned(),
        way: Way::FastTrack,
        author: "ann".to_owned(),
        progress: Progress::Done,
        at: at(1),
        finished_at: Some(at(3)),
        attempted: 5,
        rejected: 2,
        warned: 1,
    };
    assert!(done == expected && done.has_warnings());
    assert!(store.claimed("b.csv").await.unwrap().is_some_and(|upload| upload.id == ids[1]));
    assert!(store.claimed("d.csv").await.unwrap().is_none() && store.upload(UploadId(99)).await.unwrap().is_none());
}

pub(super) async fn what_ran_when_a_process_ended_is_cut_off(store: &dyn Hd4dpStore) {
    let done = store.open_upload(&new("a.csv", "A"), at(1)).await.unwrap();
    store.end_upload(done, Progress::Failed, &[], at(2)).await.unwrap();
    let running = store.open_upload(&new("b.csv", "A"), at(1)).await.unwrap();
    store.cut_off().await.unwrap();
    let progress = async |id| store.upload(id).await.unwrap().unwrap().progress;
    assert_eq!((progress(done).await, progress(running).await), (Progress::Failed, Progress::CutOff));
    // Taken up again and brought to its end.
    store.end_upload(running, Progress::Done, &[], at(3)).await.unwrap();
    assert_eq!(progress(running).await, Progress::Done);
}

pub(super) async fn reports_grow_with_the_rows_that_they_are_about(store: &dyn Hd4dpStore) {
    let (one, other) = (
        store.open_upload(&new("a.csv", "A"), at(1)).await.unwrap(),
        store.open_upload(&new("b.csv", "A"), at(1)).await.unwrap(),
    );
    assert_eq!(store.report(one, Report::Success).await.unwrap(), None);
    let reports = vec![part(Report::Success, "head\n"), part(Report::Error, "error\n")];
    assert!(!format!("{reports:?}").contains("101"));
    store.submit(one, &Intake { reports, ..Intake::default() }, at(2)).await.unwrap();
    let reports = vec![part(Report::Success, "row\n")];
    store.submit(one, &Intake { reports, ..Intake::default() }, at(2)).await.unwrap();
    store.submit(other, &Intake { reports: vec![part(Report::Success, "x")], ..Intake::default() }, at(2)).await.unwrap();
    store.end_upload(one, Progress::Done, &[part(Report::Success, "last\n")], at(3)).await.unwrap();
    assert_eq!(store.report(one, Report::Success).await.unwrap().unwrap(), b"head\nrow\nlast\n");
    assert_eq!(store.report(one, Report::Error).await.unwrap().unwrap(), b"error\n");
    assert_eq!(store.report(one, Report::Ignored).await.unwrap(), None);
}

pub(super) async fn a_register_has_its_default_options(store: &dyn Hd4dpStore) {
    assert_eq!(store.default_options("A").await.unwrap(), None);
    for conflict_mode in [ConflictMode::Skip, ConflictMode::Merge] {
        let options = UploadOptions { conflict_mode, autosubmit: false, ..UploadOptions::default() };
        store.set_default_options("A", &options, "ann", at(1)).await.unwrap();
        assert_eq!(store.default_options("A").await.unwrap(), Some(options));
    }
    assert_eq!(store.default_options("B").await.unwrap(), None);
}
