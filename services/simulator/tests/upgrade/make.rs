//! Makes what is kept of a release: a small installation in whose stores everything stands that a store can hold.

use std::{fs, path::Path, sync::Arc, time::Duration};

use dcd::{Definitions, Language};
use futures_util::future::BoxFuture;
use hd4dp::{
    centre::Incoming,
    options::{How, UploadOptions},
};
use host::{Point, Probe};
use serde_json::Value;
use simulator::{
    commands::{
        life_view::page,
        session::{Prepared, Session, Wanted},
    },
    installation::Tuning,
    own_part::LeftOut,
    stores::names,
};
use store::{Outcome, kept};
use tokio::sync::watch;
use topology::Arrow;

use crate::place::{ELSEWHERE, Engine, HOSPITAL, LOCAL_BOARD, Place, TREATMENT, copy, hospitals, precision};

/// The files that are taken in: register, hospital, seed, rows. Hospitals share patients where they share a seed.
const FILES: [(&str, &str, &str, &str, &str); 6] = [
    ("treatment.csv", TREATMENT, HOSPITAL, "7", "6"),
    ("elsewhere.csv", TREATMENT, ELSEWHERE, "7", "3"),
    ("quiet.csv", LOCAL_BOARD, HOSPITAL, "7", "1"),
    ("life.csv", LOCAL_BOARD, HOSPITAL, "8", "4"),
    ("late.csv", LOCAL_BOARD, HOSPITAL, "9", "2"),
    ("refused.csv", LOCAL_BOARD, HOSPITAL, "10", "2"),
];

/// Makes the files.
pub(crate) fn files(release: &Path) {
    let folder = release.join("files");
    fs::create_dir_all(&folder).unwrap();
    for (name, register, hospital, seed, rows) in FILES {
        let generate = ["generate", "--dcd", register, "--org", hospital, "--seed", seed, "--count", rows, "-o", name];
        let (status, _, complained) = precision(&folder, &generate);
        assert_eq!(status, Some(0), "{complained}");
    }
}

/// Lives through all that a release's stores are to show, and writes out what they hold and what this program says of it.
pub(crate) async fn make(release: &Path, engine: Engine) {
    let place = Place::with_files(release, engine).await;
    live(&place);
    let registrations = leave_unanswered(&place).await;
    let ids: Vec<&str> = registrations.as_array().unwrap().iter().map(crate::id).collect();
    let traced = place.call("trace", &ids);

    let kept = release.join(engine.name());
    fs::create_dir_all(kept.join("stores")).unwrap();
    for name in names(&hospitals()) {
        let text = kept::write_out(&place.location(), &name).await.unwrap();
        fs::write(kept.join(format!("stores/{name}.sql")), text).unwrap();
    }
    for (name, said) in [("registrations.json", registrations), ("trace.json", traced)] {
        fs::write(kept.join(name), serde_json::to_string_pretty(&said).unwrap() + "\n").unwrap();
    }
    copy(&place.keys(), &kept.join("keys"));
    copy(&place.folder.path().join("out/researcher"), &kept.join("researcher"));
}

/// Everything that comes to rest: confirmed, asked for corrections, approved, deleted, open, and re-coded.
fn live(place: &Place) {
    for (name, register, hospital, ..) in &FILES[..3] {
        place.run(register, hospital, name);
    }
    let said = place.call("submit", &["--dcd", LOCAL_BOARD, "--org", HOSPITAL, "--file", "life.csv"]);
    let ids: Vec<&str> = said["registrations"].as_array().unwrap().iter().map(crate::id).collect();
    let [asked, corrected, deleted, open] = ids.as_slice() else { panic!("{said}") };
    let rotate = ["keys", "rotate", "keys", "--epoch", "--sealing", "ehealth-ttp", "ehbox-hd", "ehbox-hco-00000196"];
    let (status, _, complained) = precision(place.folder.path(), &rotate);
    assert_eq!(status, Some(0), "{complained}");
    let recoded = place.call("recode", &[]);
    assert!(recoded["epoch"] == 2 && recoded["hd4res"].as_u64() > Some(0), "{recoded}");

    let question = ["--by", "researcher", "--comment", "patient_id|sex=Is this right?", "--comment", "Please look again."];
    for registration in [asked, corrected] {
        place.call("correct", &[&[*registration], &question[..]].concat());
    }
    place.call("submit", &[corrected, "--answer", "It is.", "--by", "nurse"]);
    place.call("approve", &[corrected, "--by", "researcher"]);
    for registration in [deleted, open] {
        place.call("reopen", &[registration, "--by", "nurse"]);
    }
    place.call("delete", &[deleted, "--by", "nurse"]);
    // Researchers' files as they are from now on.
    for (name, register, hospital, ..) in [FILES[0], FILES[2]] {
        let again = place.run(register, hospital, name);
        assert_eq!(again["unchanged"], again["accepted"], "{again}");
    }
}

/// Two registrations of new patients come as far as healthdata, where nobody is; then the day's quota is used up, and the TTP sets two aside. Gives all
/// registrations as both sides see them.
async fn leave_unanswered(place: &Place) -> Value {
    let (hospitals, location, keys) = (hospitals(), place.location(), place.keys());
    let wanted = Wanted {
        hospitals: &hospitals,
        store: &location,
        keys: &keys,
        broker: &"embedded".parse().unwrap(),
        definitions: Arc::new(Definitions::built_in().unwrap()),
        tuning: Tuning { quota: Some(2), ..Tuning::default() },
        left_out: LeftOut::new(&["ehbox-hd".parse().unwrap()], &hospitals).unwrap(),
    };
    let ttp = Arc::new(TtpIsDone::default());
    let prepared = Prepared::open(&wanted).await.unwrap().watched_by(Arc::clone(&ttp) as _);
    let broker = prepared.broker(&wanted).await.unwrap();
    let mut session = prepared.start(wanted, broker).await.unwrap();
    let since = session.installation.stores.ttp.last().await.unwrap();
    take_in(place, &session, "late.csv").await;
    ttp.until(&session, since, |outcome| *outcome == Outcome::Forwarded, 2).await;
    take_in(place, &session, "refused.csv").await;
    ttp.until(&session, since, |outcome| *outcome == Outcome::DeadLettered("QUOTA".to_owned()), 2).await;
    // The hospital's broker has confirmed them before the TTP reads them. That the hospital notes it may come later, and before it stops.
    session.stop().await;
    assert_eq!(session.installation.hd4dp[&hospitals[0]].store().backlog().await.unwrap().sent, 4);
    let registrations = page(&session, None, None, None, 1_000).await.unwrap();
    session.close(true).await;
    serde_json::to_value(registrations).unwrap()
}

async fn take_in(place: &Place, session: &Session, name: &str) {
    let hd4dp = &session.installation.hd4dp[&hospitals()[0]];
    let definition = hd4dp.definitions().get(LOCAL_BOARD).unwrap();
    let path = place.folder.path().join(name);
    let how = How::by_command(UploadOptions::default(), "nurse");
    let outcome = hd4dp.receive(Incoming { definition: &definition, path: &path, name }, &how, Language::English).await.unwrap();
    assert!(outcome.refused.is_empty());
}

/// How often the TTP was done with a batch, and its passages stood in its store.
#[derive(Default)]
struct TtpIsDone(watch::Sender<u32>);

impl Probe for TtpIsDone {
    fn reach(&self, service: &str, point: Point) -> Option<BoxFuture<'static, ()>> {
        if service == ehealth_ttp::SERVICE && point == Point::BeforeAck {
            self.0.send_modify(|times| *times += 1);
        }
        None
    }
}

impl TtpIsDone {
    /// Waits until so many items have passed the TTP on their way to healthdata since a passage, and ended so.
    async fn until(&self, session: &Session, since: i64, ended: impl Fn(&Outcome) -> bool, items: usize) {
        let (ttp, mut done) = (&session.installation.stores.ttp, self.0.subscribe());
        let waiting = async {
            loop {
                let passages = ttp.passages(since, u32::MAX).await.unwrap();
                let forward =
                    passages.iter().filter(|(_, passage)| passage.step == Arrow::ToHd.step() && ended(&passage.outcome));
                if forward.map(|(_, passage)| passage.items.len()).sum::<usize>() == items {
                    return;
                }
                done.changed().await.unwrap();
            }
        };
        clock::timeout(&*session.clock, Duration::from_secs(60), waiting).await.expect("it comes that far");
    }
}
