//! What every journal must do: the same tests for all of them.

use std::time::Duration;

use store::{Database, Location, Schema};

use super::*;

macro_rules! contract {
    ($($name:ident),+ $(,)?) => {
        mod in_memory {
            $(#[tokio::test] async fn $name() { super::$name(&super::MemoryJournal::default()).await; })+
        }
        mod in_sqlite {
            $(#[tokio::test] async fn $name() {
                let folder = tempfile::tempdir().unwrap();
                super::$name(&super::at(folder.path()).await).await;
            })+
        }
        mod in_postgres {
            $(#[tokio::test] async fn $name() {
                let location = store::test_server::database().await.unwrap();
                super::$name(&super::at(location).await).await;
            })+
        }
    };
}

async fn at(location: impl Into<Location>) -> SqlJournal {
    SqlJournal::new(Database::open(location, "party", Schema { steps: &[SCHEMA_STEP] }).await.unwrap())
}

const START: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

fn key(number: u8) -> RequestKey {
    RequestKey([number; 32])
}

fn answer() -> Answer {
    Answer {
        status: 201,
        media_type: Some("application/json".to_owned()),
        etag: Some("1-open".to_owned()),
        location: None,
        body: "{\"é\":1}".to_owned(),
    }
}

fn row(number: u64) -> AuditRow {
    AuditRow {
        at_micros: START.as_micros(),
        token: "desk".to_owned(),
        role: "support".to_owned(),
        route: "GET /records".to_owned(),
        register: number.is_multiple_of(2).then(|| "Made_Up".to_owned()),
        ids: (0..number).map(|id| id.to_string()).collect(),
        count: number,
    }
}

async fn a_request_is_answered_once_and_then_as_before(journal: &dyn Journal) {
    let open = Begun::Open { since: START };
    assert_eq!(journal.begin(&key(1), &[1; 32], START).await.unwrap(), open);
    let later = START.plus(Duration::from_secs(60));
    assert_eq!(journal.begin(&key(1), &[1; 32], later).await.unwrap(), open, "whoever began it did not end it");
    assert_eq!(journal.begin(&key(1), &[2; 32], later).await.unwrap(), Begun::Other);
    journal.conclude(Some(&row(1)), Some((&key(1), &answer()))).await.unwrap();
    assert_eq!(journal.begin(&key(1), &[1; 32], later).await.unwrap(), Begun::Answered(answer()));
    assert_eq!(journal.begin(&key(1), &[2; 32], later).await.unwrap(), Begun::Other);
    assert_eq!(journal.begin(&key(2), &[2; 32], later).await.unwrap(), Begun::Open { since: later });
    assert_eq!(journal.audit(0, 9).await.unwrap().len(), 1);
}

async fn a_request_is_forgotten_in_time(journal: &dyn Journal) {
    journal.begin(&key(1), &[1; 32], START).await.unwrap();
    journal.conclude(None, Some((&key(1), &answer()))).await.unwrap();
    let end = START.plus(REQUEST_KEPT);
    let before = Timestamp::from_micros(end.as_micros() - 1);
    assert_eq!(journal.begin(&key(1), &[1; 32], before).await.unwrap(), Begun::Answered(answer()));
    assert_eq!(journal.begin(&key(1), &[2; 32], end).await.unwrap(), Begun::Open { since: end });
    assert!(journal.audit(0, 9).await.unwrap().is_empty(), "an answer without a row is kept by itself");
}

async fn audit_rows_come_back_in_order(journal: &dyn Journal) {
    for number in 0..5 {
        journal.conclude(Some(&row(number)), None).await.unwrap();
    }
    let first = journal.audit(0, 2).await.unwrap();
    let rest = journal.audit(first[1].0, 100).await.unwrap();
    let rows: Vec<AuditRow> = first.into_iter().chain(rest).map(|(_, row)| row).collect();
    assert_eq!(rows, (0..5).map(row).collect::<Vec<_>>());
}

async fn the_secret_stays_the_first_one(journal: &dyn Journal) {
    assert_eq!(journal.secret("aa").await.unwrap(), "aa");
    assert_eq!(journal.secret("bb").await.unwrap(), "aa");
}

contract!(
    a_request_is_answered_once_and_then_as_before,
    a_request_is_forgotten_in_time,
    audit_rows_come_back_in_order,
    the_secret_stays_the_first_one,
);

#[tokio::test]
async fn what_was_begun_and_answered_is_there_after_opening_again() {
    let folder = tempfile::tempdir().unwrap();
    let journal = at(folder.path()).await;
    journal.begin(&key(1), &[1; 32], START).await.unwrap();
    journal.begin(&key(2), &[2; 32], START).await.unwrap();
    journal.conclude(Some(&row(3)), Some((&key(2), &answer()))).await.unwrap();
    drop(journal);
    let again = at(folder.path()).await;
    assert_eq!(again.begin(&key(1), &[1; 32], START).await.unwrap(), Begun::Open { since: START });
    assert_eq!(again.begin(&key(2), &[2; 32], START).await.unwrap(), Begun::Answered(answer()));
    assert_eq!(again.audit(0, 9).await.unwrap()[0].1, row(3));
}

#[test]
fn an_effect_belongs_to_one_request_of_one_time() {
    let key = RequestKey::new("desk", "POST /a", "k");
    assert_eq!(key.effect(START), RequestKey::new("desk", "POST /a", "k").effect(START));
    let others = [RequestKey::new("desk", "POST /a", "l"), RequestKey::new("desk 2", "POST /a", "k")];
    assert!(others.iter().all(|other| other.effect(START) != key.effect(START)));
    assert_ne!(key.effect(START), key.effect(START.plus(Duration::from_secs(1))));
}
