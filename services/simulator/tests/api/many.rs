//! What healthdata does with many records at once, and what a rotation left behind.

use std::sync::Arc;

use clock::Timestamp;
use recoding::{Learning, Pair};
use serde_json::{Value, json};

use crate::{
    CANARY,
    house::{House, REGISTER},
    stories::{Person, items},
};

fn subjects(records: &[Value]) -> Vec<Value> {
    let subject = |record: &Value| {
        let seen = format!("{}-{}", record["version"], record["status"].as_str().unwrap());
        json!({ "record": record["record"], "seen": seen })
    };
    records.iter().map(subject).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_records_are_acted_on_at_once_and_each_is_done_or_refused_by_itself() {
    let house = House::open().await;
    let researcher = Person::new(&house, "researcher", "/hd4res");
    let records = items(&researcher.get("/records").await);
    let mut wanted = subjects(&records[..3]);
    wanted[1]["seen"] = "9-new".into();
    wanted.push(json!({ "record": 999, "seen": "1-new" }));
    let post = async |body: &Value, key: &str| {
        researcher.change(researcher.ask("post", "/acts").json(body), &format!("acts-{key}"), None).await
    };
    let body = json!({ "act": "approval", "records": wanted });
    let told = post(&body, "0001").await;
    let outcomes = told.json();
    let codes: Vec<&str> =
        outcomes.as_array().unwrap().iter().map(|one| one["problem"]["code"].as_str().unwrap_or("done")).collect();
    assert_eq!((told.status, codes.as_slice()), (200, &["done", "STALE_VERSION", "done", "UNKNOWN_RECORD"][..]), "{outcomes}");
    assert_eq!(outcomes[0]["etag"], "1-approved");
    assert_eq!(
        (&outcomes[0]["done"]["status"], &outcomes[1]["done"], &outcomes[1]["record"]),
        (&"approved".into(), &Value::Null, &records[1]["record"])
    );
    let again = post(&body, "0001").await;
    assert_eq!((&again.body, again.headers["idempotency-replayed"].as_str()), (&told.body, "true"));
    let other = json!({ "act": "approval", "records": subjects(&records[..1]) });
    assert_eq!(post(&other, "0001").await.code(), "IDEMPOTENCY_KEY_REUSED");
    let rows = house.journal("/hd4res").audit(0, 100).await.unwrap();
    let (_, row) = rows.iter().find(|(_, row)| row.route == "POST /acts").unwrap();
    let done = [&records[0], &records[2]].map(|record| record["record"].to_string());
    assert_eq!((row.count, row.ids.as_slice(), row.register.as_deref()), (2, &done[..], Some(REGISTER)));

    // Comments come to each hospital's form, and a forbidden text to none.
    let rest = subjects(&records[3..5]);
    let asking = |text: &str, column: &str| json!({ "act": "corrections", "comments": [{ "column": column, "text": text }], "records": rest });
    for (number, (text, column, code)) in
        [(CANARY, "vcf_identifier", "FORBIDDEN_TEXT"), ("?", "nothing", "UNKNOWN_FIELD")].into_iter().enumerate()
    {
        let told = post(&asking(text, column), &format!("refused-{number}")).await;
        assert!(told.json().as_array().unwrap().iter().all(|one| one["problem"]["code"] == code), "{}", told.json());
        assert!(!String::from_utf8_lossy(&told.body).contains(CANARY));
    }
    let told = post(&asking("Is it right?", "vcf_identifier"), "0002").await.json();
    assert!(told.as_array().unwrap().iter().all(|one| one["done"]["status"] == "sending-comments"), "{told}");
    house.rest().await;
    let hospital = Person::at_hospital(&house);
    assert_eq!(items(&hospital.get("/registrations?status=corrections-needed").await).len(), 2);
    assert_eq!(items(&hospital.get("/registrations?status=approved").await).len(), 2);

    for (number, (body, pointer)) in [
        (json!({ "act": "approval", "records": [] }), "/records"),
        (json!({ "act": "approval", "records": vec![json!({ "record": 1, "seen": "1-new" }); 1_001] }), "/records"),
        (json!({ "act": "approval", "records": vec![json!({ "record": 1, "seen": "1-new" }); 2] }), "/records/1/record"),
        (json!({ "act": "approval", "records": [{ "record": 1, "seen": CANARY }] }), "/records/0/seen"),
        (json!({ "act": "approval", "comments": [{ "text": "?" }], "records": [{ "record": 1, "seen": "1-new" }] }), "/comments"),
        (json!({ "act": CANARY, "records": [{ "record": 1, "seen": "1-new" }] }), "/act"),
    ]
    .into_iter()
    .enumerate()
    {
        let told = post(&body, &format!("invalid-{number}")).await;
        assert_eq!((told.status, told.code().as_str(), told.json()["pointer"].as_str()), (400, "INVALID_MEMBER", Some(pointer)));
        assert!(!String::from_utf8_lossy(&told.body).contains(CANARY));
    }
    // Somebody of other registers acts on what is not there.
    let other = house.token_of("researcher healthdata other");
    let ask = researcher.ask("post", "/acts").json(&json!({ "act": "approval", "records": subjects(&records[5..6]) }));
    let told = house.ask(&ask.with("authorization", &other).with("idempotency-key", "acts-other")).await;
    assert_eq!(told.json()[0]["problem"]["code"], "UNKNOWN_RECORD");
    assert_eq!(researcher.get(&format!("/records/{}", records[5]["record"])).await.json()["status"], "new");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_rotation_could_not_recode_is_listed_for_who_tends_the_system() {
    let house = House::open().await;
    let stores = &house.session.installation.stores;
    let pair = |old: &str| Pair { old: format!("healthdata.1.{old}"), new: "healthdata.2.X".to_owned() };
    let learning: [(&str, Arc<dyn Learning>); 2] = [("/hd4res", stores.hd4res.clone()), ("/dhw", stores.dhw.clone())];
    for (base, store) in learning {
        let support = Person::new(&house, "support", base);
        assert!(items(&support.get("/rotation/findings").await).is_empty());
        let found = store.learn(&[pair("A"), pair("B"), pair("C")], Timestamp::EPOCH, &[]).await.unwrap();
        assert_eq!(found.len(), 2, "two that would become the patient of the first");
        let first = support.get("/rotation/findings?limit=1").await;
        let next = first.json()["next"].as_str().unwrap().to_owned();
        let rest = support.get(&format!("/rotation/findings?limit=1&cursor={next}")).await;
        assert!(rest.json()["next"].is_null());
        let listed: Vec<Value> = items(&first).into_iter().chain(items(&rest)).collect();
        for (one, found) in listed.iter().zip(&found) {
            assert_eq!((&one["code"], &one["pseudonym"]), (&"RECODE_COLLISION".into(), &found.pair.old.as_str().into()));
            assert_eq!(one["recoded"], "healthdata.2.X");
        }
        let administrator = Person::new(&house, "administrator", base);
        assert_eq!(items(&administrator.get("/rotation/findings").await), listed);
        let rows = house.journal(base).audit(0, 10).await.unwrap();
        assert!(rows.iter().all(|(_, row)| row.ids.is_empty()) && rows.last().unwrap().1.count == 2);
    }
    house.close().await;
}
