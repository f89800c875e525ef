//! The upload centre: an overview and reports that outlive the process.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod hospital;

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use dcd::{Code, Language};
use futures_util::future::BoxFuture;
use hd4dp::{
    centre::{FILE_MAX, Incoming},
    options::{ConflictMode, How, UploadOptions},
    store::{Hd4dpStore, MemoryStore, Progress, Report, UploadId, UploadView, Way},
};
use hospital::{Hospital, definitions, records};
use host::{NoProbe, Point, Probe};

fn how(options: UploadOptions) -> How<'static> {
    How { options, author: "ann", way: Way::Api, claim: Some("claim 1") }
}

async fn receive(hospital: &Hospital, text: &[u8], options: UploadOptions) -> (UploadView, Vec<Code>) {
    fs::write(hospital.path("body"), text).unwrap();
    let path = hospital.path("body");
    let file = Incoming { definition: &hospital.definition, path: &path, name: "mab.csv" };
    let outcome = hospital.hd4dp.receive(file, &how(options), Language::English).await.unwrap();
    let view = hospital.store.upload(outcome.upload).await.unwrap().unwrap();
    (view, outcome.refused.iter().map(|finding| finding.code).collect())
}

async fn report(hospital: &Hospital, upload: UploadId, report: Report) -> Vec<Vec<String>> {
    records(&hospital.store.report(upload, report).await.unwrap().unwrap())
}

#[tokio::test]
async fn an_upload_stands_in_the_overview_with_its_reports() {
    let hospital = Hospital::new().await;
    let text = hospital.rows(20).replacen(";TSO500;", ";;", 1);
    let (view, refused) = receive(&hospital, text.as_bytes(), UploadOptions::default()).await;
    assert!(refused.is_empty());
    assert_eq!((view.file.as_str(), view.way, view.author.as_str()), ("mab.csv", Way::Api, "ann"));
    assert_eq!((view.progress, view.attempted, view.rejected, view.has_warnings()), (Progress::Done, 20, 1, true));
    let rows = records(text.as_bytes());
    let (success, errors) = (report(&hospital, view.id, Report::Success).await, report(&hospital, view.id, Report::Error).await);
    assert!(success.len() == 20 && success.iter().all(|row| rows.contains(row)));
    assert_eq!((errors.len(), &errors[0][..2], &errors[0][2..]), (2, &["line".to_owned(), "error".to_owned()][..], &rows[0][..]));
    assert!(errors[1][1].starts_with("V01 ngs_panel: "), "{}", errors[1][1]);
    // The same once more: equal rows have a report of their own.
    let (again, _) = receive(&hospital, text.as_bytes(), UploadOptions::default()).await;
    assert_eq!(report(&hospital, again.id, Report::Ignored).await.len(), 20);
    assert_eq!(hospital.store.report(again.id, Report::Success).await.unwrap(), None);
    let overview = hospital.store.uploads(None, None, 9).await.unwrap();
    assert_eq!(overview.iter().map(|upload| upload.id).collect::<Vec<_>>(), [again.id, view.id]);
}

#[tokio::test]
async fn a_file_that_is_too_large_or_not_the_registers_failed() {
    let hospital = Hospital::new().await;
    let mut text = hospital.rows(1).into_bytes();
    text.resize(usize::try_from(FILE_MAX).unwrap(), b'\n');
    let (view, refused) = receive(&hospital, &text, UploadOptions::default()).await;
    assert_eq!((view.progress, view.attempted, refused), (Progress::Done, 1, vec![]));
    text.push(b'\n');
    let (view, refused) = receive(&hospital, &text, UploadOptions::default()).await;
    assert_eq!((view.progress, view.attempted, refused), (Progress::Failed, 0, vec![Code::E12]));
    let (view, refused) = receive(&hospital, b"vcf_identifier;nothing\n1;2\n", UploadOptions::default()).await;
    assert_eq!(view.progress, Progress::Failed);
    assert!(refused.contains(&Code::E01) && refused.contains(&Code::E16));
    let errors = report(&hospital, view.id, Report::Error).await;
    assert_eq!((errors.len(), errors[0][0].as_str()), (refused.len() + 1, "error"));
    // A file that is gone is a failed upload too.
    let path = hospital.path("nothing.csv");
    let file = Incoming { definition: &hospital.definition, path: &path, name: "nothing.csv" };
    hospital.hd4dp.receive(file, &how(UploadOptions::default()), Language::English).await.unwrap_err();
    assert_eq!(hospital.store.uploads(None, None, 1).await.unwrap()[0].progress, Progress::Failed);
}

#[tokio::test]
async fn a_register_s_default_options_are_used_until_others_are_chosen() {
    let hospital = Hospital::new().await;
    assert_eq!(hospital.hd4dp.upload_options(&hospital.definition).await.unwrap(), UploadOptions::default());
    let chosen = UploadOptions { conflict_mode: ConflictMode::Fail, autosubmit: false, ..UploadOptions::default() };
    hospital.hd4dp.set_upload_options(&hospital.definition, &chosen, "ann").await.unwrap();
    assert_eq!(hospital.hd4dp.upload_options(&hospital.definition).await.unwrap(), chosen);
}

/// Holds the service for good when it reaches a point for the n-th time.
struct Crash {
    point: Point,
    after: AtomicUsize,
}

impl Probe for Crash {
    fn reach(&self, service: &str, point: Point) -> Option<BoxFuture<'static, ()>> {
        let is_it = service == hd4dp::SERVICE && point == self.point && self.after.fetch_sub(1, Ordering::Relaxed) == 0;
        is_it.then(|| Box::pin(std::future::pending()) as BoxFuture<'static, ()>)
    }
}

/// Whatever was committed when the process died, the upload ends with each row in one report and in the store once.
#[tokio::test]
async fn an_upload_that_was_cut_off_is_taken_up_behind_its_last_row() {
    for (point, after, done) in
        [(Point::BeforeCommit, 0, 0), (Point::AfterCommit, 0, 7), (Point::BeforeCommit, 1, 7), (Point::AfterCommit, 2, 20)]
    {
        let store: Arc<dyn Hd4dpStore> = Arc::new(MemoryStore::default());
        let crash = Arc::new(Crash { point, after: AtomicUsize::new(after) });
        let hospital = Hospital::with(Arc::clone(&store), definitions(false), crash).await;
        let text = hospital.rows(20);
        tokio::select! {
            biased;
            _ = receive(&hospital, text.as_bytes(), UploadOptions::default()) => panic!("it should have been cut off"),
            () = async { for _ in 0..100 { tokio::task::yield_now().await } } => {}
        }
        assert_eq!(store.uploads(None, None, 1).await.unwrap()[0].progress, Progress::Running);
        let later = Hospital::with(Arc::clone(&store), definitions(false), Arc::new(NoProbe)).await;
        let cut = store.claimed("claim 1").await.unwrap().unwrap();
        assert_eq!((cut.progress, cut.attempted), (Progress::CutOff, done));
        let path = hospital.path("body");
        let file = Incoming { definition: &later.definition, path: &path, name: "mab.csv" };
        let how = how(UploadOptions::default());
        later.hd4dp.take_up(file, (cut.id, cut.attempted), &how, Language::English).await.unwrap();
        let ended = store.upload(cut.id).await.unwrap().unwrap();
        assert_eq!((ended.progress, ended.attempted, ended.rejected), (Progress::Done, 20, 0));
        assert_eq!(report(&later, cut.id, Report::Success).await, records(text.as_bytes()), "{point:?} {after}");
        assert_eq!(store.tally(cut.id).await.unwrap().accepted, 20);
    }
}
