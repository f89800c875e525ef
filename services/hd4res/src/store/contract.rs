//! What every implementation of HD4RES's store must do: the same tests for all of them.

macro_rules! contract {
    ($($name:ident),+ $(,)?) => {
        mod in_memory {
            $(#[tokio::test] async fn $name() { super::$name(&$crate::store::MemoryStore::default()).await; })+
        }
        mod in_sqlite {
            $(#[tokio::test] async fn $name() {
                let folder = tempfile::tempdir().unwrap();
                super::$name(&$crate::store::SqlStore::open(folder.path()).await.unwrap()).await;
            })+
        }
        mod in_postgres {
            $(#[tokio::test] async fn $name() {
                let location = store::test_server::database().await.unwrap();
                super::$name(&$crate::store::SqlStore::open(location).await.unwrap()).await;
            })+
        }
    };
}

mod alike;
mod deletion;
mod recode;
mod researcher;

use super::*;

fn arrived(item: u128, unique_id: &str, version: u32) -> Arrived {
    Arrived {
        item_id: Uuid::from_u128(item),
        sender: "SA".to_owned(),
        pseudonym: "P1".to_owned(),
        recoded_from: Vec::new(),
        hospital: [1; 8],
        handle: vec![item as u8],
        registration_id: Uuid::from_u128(9),
        version,
        kind: ContentKind::Registration,
        dcd: "Made_Up".to_owned(),
        dcd_version: 1,
        is_approved_automatically: false,
        unique_id: unique_id.to_owned(),
        answers: Vec::new(),
        content: vec![item as u8; 30],
        content_hash: [item as u8; 32],
    }
}

async fn receive(store: &dyn Hd4resStore, arrivals: &[Arrived]) -> Vec<Reception> {
    store.receive(arrivals, Timestamp::EPOCH, &|_| Vec::new()).await.unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000)
}

async fn judge(store: &dyn Hd4resStore, item: u128, is_clean: bool) {
    assert_eq!(store.judge(&[judged(item, is_clean)], &[]).await.unwrap(), [true]);
}

fn judged(item: u128, is_clean: bool) -> Judged {
    Judged { item_id: Uuid::from_u128(item), sender: "SA".to_owned(), is_clean, at: at(item as i64) }
}

async fn an_arrival_is_kept_once_and_answered_each_time(store: &dyn Hd4resStore) {
    let first = arrived(1, "U1", 1);
    assert_eq!(receive(store, std::slice::from_ref(&first)).await, [Reception::New { status_number: 1 }]);
    let again = Reception::Known { status_number: 1, hand_over: true };
    assert_eq!(receive(store, &[first.clone(), first.clone()]).await, [again, again]);
    assert_eq!(store.judge(&[judged(1, true), judged(2, true)], &[]).await.unwrap(), [true, false]);
    assert_eq!(receive(store, &[first]).await, [Reception::Known { status_number: 1, hand_over: false }]);
    assert_eq!(store.records().await.unwrap(), 1);
}

async fn twice_in_one_batch_is_known_the_second_time(store: &dyn Hd4resStore) {
    let first = arrived(1, "U1", 1);
    let receptions = receive(store, &[first.clone(), first]).await;
    assert_eq!(receptions, [Reception::New { status_number: 1 }, Reception::Known { status_number: 1, hand_over: true }]);
    assert_eq!(store.records().await.unwrap(), 1);
}

async fn an_id_with_another_content_is_refused(store: &dyn Hd4resStore) {
    receive(store, &[arrived(1, "U1", 1)]).await;
    let reused = Arrived { content_hash: [200; 32], ..arrived(1, "U1", 1) };
    assert_eq!(receive(store, &[reused]).await, [Reception::Reused]);
}

async fn an_earlier_version_that_arrives_late_overwrites_nothing(store: &dyn Hd4resStore) {
    assert_eq!(receive(store, &[arrived(2, "U1", 2)]).await, [Reception::New { status_number: 1 }]);
    assert_eq!(receive(store, &[arrived(1, "U1", 1)]).await, [Reception::Older { status_number: 2 }]);
    assert_eq!(receive(store, &[arrived(3, "U1", 3)]).await, [Reception::New { status_number: 3 }]);
    let waiting = store.unvalidated(0, 10).await.unwrap();
    assert_eq!(
        waiting.iter().map(|one| (one.item_id, one.content.clone())).collect::<Vec<_>>(),
        [(Uuid::from_u128(3), vec![3; 30])]
    );
    // A verdict on the old version leaves the new one waiting.
    store.judge(&[judged(2, false)], &[]).await.unwrap();
    assert_eq!(store.unvalidated(0, 10).await.unwrap().len(), 1);
    assert_eq!(store.status("SA", "Made_Up", "U1").await.unwrap(), Some(RecordStatus::New));
    store.judge(&[judged(3, false)], &[]).await.unwrap();
    assert_eq!(store.status("SA", "Made_Up", "U1").await.unwrap(), Some(RecordStatus::CommentsNeeded));
    let items: Vec<Uuid> = (1..=4).map(Uuid::from_u128).collect();
    assert_eq!(store.validated(&items).await.unwrap(), 3);
    assert_eq!(store.held(&items).await.unwrap(), 3);
}

/// A file may hold two versions of a row; then they travel together, and so do the verdicts on them, in any order.
async fn verdicts_on_two_versions_of_a_record_come_together(store: &dyn Hd4resStore) {
    for (record, earlier, later, is_reversed) in [(1, 1, 2, false), (2, 3, 4, true), (3, 6, 5, false), (4, 8, 7, true)] {
        let unique_id = format!("U{record}");
        let of_record =
            |item, version| Arrived { registration_id: Uuid::from_u128(record), ..arrived(item, &unique_id, version) };
        receive(store, &[of_record(earlier, 1), of_record(later, 2)]).await;
        let mut verdicts = [judged(earlier, true), judged(later, false)];
        if is_reversed {
            verdicts.reverse();
        }
        assert_eq!(store.judge(&verdicts, &[]).await.unwrap(), [true, true]);
        assert!(store.unvalidated(0, 10).await.unwrap().is_empty(), "record {record}");
        assert_eq!(store.status("SA", "Made_Up", &unique_id).await.unwrap(), Some(RecordStatus::CommentsNeeded));
    }
}

/// The same where one statement would meet a record twice.
async fn verdicts_on_two_versions_of_many_records_come_together(store: &dyn Hd4resStore) {
    let version = |n: u128, version| Arrived {
        registration_id: Uuid::from_u128(n),
        ..arrived(n * 2 + u128::from(version), &n.to_string(), version)
    };
    let arrivals: Vec<Arrived> = (1..=60).flat_map(|n| [version(n, 1), version(n, 2)]).collect();
    receive(store, &arrivals).await;
    let verdicts: Vec<Judged> = arrivals.iter().rev().map(|one| judged(one.item_id.as_u128(), one.version == 1)).collect();
    assert!(store.judge(&verdicts, &[]).await.unwrap().into_iter().all(|known| known));
    assert!(store.unvalidated(0, 100).await.unwrap().is_empty());
    for n in 1..=60 {
        assert_eq!(store.status("SA", "Made_Up", &n.to_string()).await.unwrap(), Some(RecordStatus::CommentsNeeded));
    }
}

async fn a_verdict_on_a_replaced_registration_says_nothing_of_the_new_one(store: &dyn Hd4resStore) {
    receive(store, &[arrived(1, "U1", 3)]).await;
    receive(store, &[Arrived { registration_id: Uuid::from_u128(10), ..arrived(2, "U1", 1) }]).await;
    judge(store, 1, false).await;
    assert_eq!(store.unvalidated(0, 10).await.unwrap().len(), 1);
    assert_eq!(store.status("SA", "Made_Up", "U1").await.unwrap(), Some(RecordStatus::New));
}

async fn senders_do_not_touch_each_others_records(store: &dyn Hd4resStore) {
    let foreign = Arrived { sender: "SB".to_owned(), ..arrived(1, "U1", 1) };
    let receptions = receive(store, &[arrived(1, "U1", 1), foreign]).await;
    assert_eq!(receptions, [Reception::New { status_number: 1 }; 2]);
    assert_eq!(store.records().await.unwrap(), 2);
}

async fn all_living_records_are_validated_again(store: &dyn Hd4resStore) {
    receive(store, &[arrived(1, "U1", 1), arrived(2, "U2", 1)]).await;
    judge(store, 1, true).await;
    assert_eq!(store.validate_again().await.unwrap(), 1, "the other has no verdict yet");
    let items = async || store.unvalidated(0, 10).await.unwrap().iter().map(|one| one.item_id.as_u128()).collect::<Vec<_>>();
    assert_eq!(items().await, [1, 2]);
    let known = receive(store, &[arrived(1, "U1", 1)]).await;
    assert!(matches!(known[0], Reception::Known { hand_over: true, .. }), "{known:?}");
    judge(store, 1, true).await;
    assert_eq!(items().await, [2]);
}

async fn unvalidated_records_come_in_pages(store: &dyn Hd4resStore) {
    let arrivals: Vec<Arrived> = (1..=5).map(|item| arrived(item, &format!("U{item}"), 1)).collect();
    receive(store, &arrivals).await;
    store.judge(&[judged(2, true)], &[]).await.unwrap();
    let first = store.unvalidated(0, 2).await.unwrap();
    let rest = store.unvalidated(first[1].record, 9).await.unwrap();
    let items: Vec<u128> = first.iter().chain(&rest).map(|one| one.item_id.as_u128()).collect();
    assert_eq!(items, [1, 3, 4, 5]);
}

async fn another_incarnation_is_noticed_until_it_is_remembered(store: &dyn Hd4resStore) {
    assert!(store.is_new_incarnation(Uuid::from_u128(1)).await.unwrap());
    assert!(store.is_new_incarnation(Uuid::from_u128(1)).await.unwrap(), "asking is not remembering");
    store.remember_incarnation(Uuid::from_u128(1)).await.unwrap();
    assert!(!store.is_new_incarnation(Uuid::from_u128(1)).await.unwrap());
    assert!(store.is_new_incarnation(Uuid::from_u128(2)).await.unwrap());
}

fn column(_: &str, _: u32, place: registration::Place) -> Option<String> {
    (place.field < 9).then(|| format!("column_{}", place.field))
}

contract!(
    an_arrival_is_kept_once_and_answered_each_time,
    twice_in_one_batch_is_known_the_second_time,
    an_id_with_another_content_is_refused,
    an_earlier_version_that_arrives_late_overwrites_nothing,
    verdicts_on_two_versions_of_a_record_come_together,
    verdicts_on_two_versions_of_many_records_come_together,
    a_verdict_on_a_replaced_registration_says_nothing_of_the_new_one,
    senders_do_not_touch_each_others_records,
    all_living_records_are_validated_again,
    unvalidated_records_come_in_pages,
    another_incarnation_is_noticed_until_it_is_remembered,
);
