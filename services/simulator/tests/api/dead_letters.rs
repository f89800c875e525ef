//! What an operator does with dead letters, over HTTP and with the commands.

use std::{process::Output, time::Duration};

use serde_json::{Value, json};
use topology::Arrow;
use uuid::Uuid;

use crate::{
    house::House,
    http::Told,
    stories::{Person, items},
};

/// A letter that stands there from the beginning.
pub(crate) const LETTER: &str = "018f3c2e-0000-8000-8000-00000000dead";

/// Sets documents aside that nobody can read but for their ids: what is put back comes straight back.
pub(crate) async fn set_aside(house: &House, arrow: Arrow, ids: &[&str]) {
    for id in ids {
        let document = format!("{{\"specversion\":\"1.0\",\"id\":\"{id}\",\"source\":\"ehealth-ttp\",\"type\":");
        let broker = house.session.installation.zones.broker(arrow.zone());
        broker.publish(&arrow.dead_route(None), document.into()).await.unwrap();
    }
}

/// Four jobs that take a minute between two letters, each about letters of its own; all have put back one of two.
pub(crate) async fn slow_jobs(house: &House) -> [Uuid; 4] {
    let operator = operator(house);
    let mut jobs = Vec::new();
    for (number, arrow) in (1_u8..).zip([Arrow::ToTtpBack, Arrow::RecodeAnswer, Arrow::RecodeRequest, Arrow::RecodedToDhw]) {
        let ids = [1, 2].map(|letter| format!("018f3c2e-0000-8000-80{number:02x}-00000000000{letter}"));
        set_aside(house, arrow, &[&ids[0], &ids[1]]).await;
        let wanted = json!({ "filter": { "queue": arrow.queue(None).as_str() }, "per_minute": 1 });
        let ask = operator.ask("post", "/dead-letters/jobs").json(&wanted);
        let told = operator.change(ask, &format!("slow-job-{number}"), None).await;
        let job = told.json()["job"].as_str().unwrap().to_owned();
        until(&operator, &job, |standing| standing["requeued"] == 1).await;
        jobs.push(job.parse().unwrap());
    }
    jobs.try_into().unwrap()
}

fn operator(house: &House) -> Person<'_> {
    Person::new(house, "operator", "/operator")
}

/// Looks at a job until it is so far.
async fn until(operator: &Person<'_>, job: &str, reached: impl Fn(&Value) -> bool) -> Value {
    let watching = async {
        loop {
            let standing = operator.get(&format!("/dead-letters/jobs/{job}")).await.json();
            if reached(&standing) {
                return standing;
            }
            tokio::task::yield_now().await;
        }
    };
    clock::timeout(&clock::SystemClock, Duration::from_secs(30), watching).await.expect("the job goes on")
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_listed_page_by_page_and_shown_with_their_reasons() {
    let house = House::open().await;
    let operator = operator(&house);
    let ids: Vec<String> = (0..5).map(|number| format!("018f3c2e-0000-8000-8000-00000000000{number}")).collect();
    set_aside(&house, Arrow::ToHd, &ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
    set_aside(&house, Arrow::ToTtp, &[LETTER]).await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = operator.get(&format!("/dead-letters?queue=hd.in&limit=2{cursor}")).await;
        seen.extend(items(&page).iter().map(|letter| letter["publication"].as_str().unwrap().to_owned()));
        // What comes meanwhile shifts nothing.
        set_aside(&house, Arrow::ToHd, &[LETTER]).await;
        let Some(next) = page.json()["next"].as_str().map(str::to_owned) else { break };
        let of_another_list = operator.get(&format!("/dead-letters?queue=ttp.in&limit=2&cursor={next}")).await;
        assert_eq!(of_another_list.code(), "INVALID_CURSOR");
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, ids);
    let letters = operator.get(&format!("/dead-letters/{LETTER}")).await.json();
    let queues: Vec<&str> = letters.as_array().unwrap().iter().map(|one| one["letter"]["queue"].as_str().unwrap()).collect();
    assert_eq!(queues, ["ttp.in.dead", "hd.in.dead", "hd.in.dead", "hd.in.dead"]);
    let why = &letters[0]["why"];
    assert_eq!((&why["code"], &why["told_by"]), (&"TRUNCATED".into(), &"reading it again".into()));
    assert_eq!(letters[0]["letter"]["set_aside_by"], "ehealth-ttp");
    let refused = async |path: &str| operator.get(path).await.code();
    assert_eq!(refused("/dead-letters/018f3c2e-0000-8000-8000-000000000bad").await, "UNKNOWN_DEAD_LETTER");
    assert_eq!(refused("/dead-letters/not-an-id").await, "INVALID_PARAMETER");
    assert_eq!(refused("/dead-letters?reason=quota").await, "INVALID_PARAMETER");
    assert_eq!(refused("/dead-letters?step=8").await, "INVALID_PARAMETER");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_asked_for_once_and_says_how_far_it_is() {
    let house = House::open().await;
    let operator = operator(&house);
    set_aside(&house, Arrow::ToTtp, &[LETTER]).await;
    let start = async |key: &str, wanted: Value| {
        let told: Told = operator.change(operator.ask("post", "/dead-letters/jobs").json(&wanted), key, None).await;
        (told.status, told.json())
    };
    for (wanted, code, pointer) in [
        (json!({}), "MISSING_MEMBER", "/filter"),
        (json!({ "filter": {} }), "MISSING_MEMBER", "/filter"),
        (json!({ "all": true, "filter": { "step": "4" } }), "INVALID_MEMBER", "/all"),
        (json!({ "filter": { "step": "8" } }), "INVALID_MEMBER", "/filter/step"),
        (json!({ "filter": { "item": "none" } }), "INVALID_MEMBER", "/filter/item"),
        (json!({ "all": true, "per_minute": 0 }), "INVALID_MEMBER", "/per_minute"),
    ] {
        let (_, problem) = start(&format!("wrong-{wanted}").replace(['"', ' '], ""), wanted.clone()).await;
        assert_eq!((&problem["code"], &problem["pointer"]), (&code.into(), &pointer.into()), "{wanted}");
    }
    let (status, job) = start("all-of-them", json!({ "all": true })).await;
    let (again_status, again) = start("all-of-them", json!({ "all": true })).await;
    assert_eq!((status, again_status, &job["job"]), (200, 200, &again["job"]));
    let id = job["job"].as_str().unwrap().to_owned();
    let ended = until(&operator, &id, |standing| standing["state"] == "done").await;
    assert_eq!((&ended["total"], &ended["requeued"], &ended["left"]), (&1.into(), &1.into(), &0.into()));
    let change = async |what: &str| {
        let ask = operator.ask("post", &format!("/dead-letters/jobs/{id}/{what}"));
        operator.change(ask, &format!("{what}-it"), None).await.code()
    };
    for what in ["pause", "resume", "cancel"] {
        assert_eq!(change(what).await, "WRONG_STATUS");
    }
    let unknown = operator.get("/dead-letters/jobs/018f3c2e-0000-8000-8000-000000000bad").await;
    assert_eq!(unknown.code(), "UNKNOWN_JOB");
    assert_eq!(operator.get("/dead-letters/jobs").await.json()[0]["job"], id.as_str());
    house.close().await;
}

/// What the command says, and its exit status.
async fn command(house: &House, arguments: &[&str]) -> (Value, Option<i32>) {
    let secret = house.folder.path().join("operator.secret");
    let text = house.token("operator", "healthdata").replace("Bearer ", "");
    std::fs::write(&secret, text).unwrap();
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_precision"));
    command.env_clear().arg("dead-letters").args(arguments).args(["--json", "--at", &format!("http://{}", house.address)]);
    let Output { status, stdout, stderr } = command.arg("--token-file").arg(&secret).output().await.unwrap();
    let said = String::from_utf8_lossy(&stdout).into_owned();
    let answer = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}{}", String::from_utf8_lossy(&stderr)));
    (answer, status.code())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_do_the_same() {
    let house = House::open().await;
    set_aside(&house, Arrow::ToTtp, &[LETTER]).await;
    let (listed, status) = command(&house, &["list", "--step", "4"]).await;
    assert_eq!((&listed["dead_letters"][0]["publication"], status), (&LETTER.into(), Some(0)));
    let (shown, status) = command(&house, &["show", LETTER]).await;
    assert_eq!((&shown["dead_letters"][0]["letter"], status), (&listed["dead_letters"][0], Some(0)));
    let (why, status) = command(&house, &["why", LETTER]).await;
    assert_eq!((&why["reasons"][0], status), (&shown["dead_letters"][0]["why"], Some(0)));
    let (job, status) = command(&house, &["requeue", LETTER]).await;
    assert_eq!((&job["state"], &job["requeued"], status), (&"done".into(), &1.into(), Some(0)));
    let (error, status) = command(&house, &["requeue", "018f3c2e-0000-8000-8000-000000000bad"]).await;
    assert!(error["error"].as_str().unwrap().contains("UNKNOWN_DEAD_LETTER") && status == Some(2), "{error}");
    let (error, status) = command(&house, &["requeue"]).await;
    assert!(error["error"].as_str().unwrap().contains("--all") && status == Some(2), "{error}");

    set_aside(&house, Arrow::RecodeAnswer, &[LETTER, LETTER]).await;
    let (slow, status) = command(&house, &["requeue", "--queue", "hd.recoded", "--per-minute", "1", "--detach"]).await;
    let id = slow["job"].as_str().unwrap();
    assert_eq!(status, Some(0));
    for (what, state) in [("pause", "paused"), ("resume", "running")] {
        until(&operator(&house), id, |standing| standing["requeued"] == 1).await;
        assert_eq!(command(&house, &[what, id]).await.0["state"], state);
    }
    command(&house, &["cancel", id]).await;
    let ended = until(&operator(&house), id, |standing| standing["state"] == "cancelled").await;
    assert_eq!((&ended["requeued"], &ended["left"]), (&1.into(), &1.into()));
    let (jobs, status) = command(&house, &["jobs", id]).await;
    assert_eq!((&jobs["jobs"][0], status), (&ended, Some(0)));
    assert_eq!(command(&house, &["resume", id]).await.1, Some(2));
    let (known, status) = command(&house, &["why", "QUOTA"]).await;
    assert_eq!((&known["reasons"][0]["code"], status), (&"QUOTA".into(), Some(0)));
    house.close().await;
}
