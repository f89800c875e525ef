//! Deletions, which know their registration and not their unique id.

use super::*;

fn deletion(item: u128, version: u32) -> Arrived {
    Arrived { kind: ContentKind::Deletion, unique_id: String::new(), ..arrived(item, "", version) }
}

async fn status(store: &dyn Hd4resStore, record: i64) -> RecordStatus {
    store.researcher().view(record).await.unwrap().unwrap().row.status
}

async fn a_deletion_finds_its_record_and_takes_its_content_away(store: &dyn Hd4resStore) {
    receive(store, &[arrived(1, "U1", 1), Arrived { registration_id: Uuid::from_u128(8), ..arrived(2, "U2", 1) }]).await;
    judge(store, 1, true).await;
    judge(store, 2, true).await;
    // It may carry the number of the version that it deletes.
    assert_eq!(receive(store, &[deletion(3, 1)]).await, [Reception::New { status_number: 2 }]);
    assert_eq!(store.records().await.unwrap(), 2);
    let waiting = store.unvalidated(0, 10).await.unwrap();
    let waiting: Vec<_> = waiting.iter().map(|one| (one.record, one.item_id.as_u128(), one.content.as_slice())).collect();
    assert_eq!(waiting, [(1, 3, &[3; 30][..])], "the data warehouse must still see the deletion");
    assert_eq!(store.status("SA", "Made_Up", "U1").await.unwrap(), Some(RecordStatus::Deleted));
    assert_eq!(store.status("SA", "Made_Up", "U2").await.unwrap(), Some(RecordStatus::New));
    judge(store, 3, true).await;
    assert!(store.unvalidated(0, 10).await.unwrap().is_empty());
    assert_eq!(receive(store, &[deletion(3, 1)]).await, [Reception::Known { status_number: 2, hand_over: false }]);
}

async fn nothing_revives_a_deleted_registration(store: &dyn Hd4resStore) {
    receive(store, &[arrived(1, "U1", 1), deletion(2, 2)]).await;
    assert_eq!(receive(store, &[arrived(3, "U1", 3)]).await, [Reception::Older { status_number: 3 }]);
    assert_eq!(receive(store, &[deletion(4, 4)]).await, [Reception::Older { status_number: 4 }]);
    assert_eq!(status(store, 1).await, RecordStatus::Deleted);
    assert_eq!(store.records().await.unwrap(), 1);
}

async fn a_registration_that_arrives_after_its_deletion_is_answered_and_ignored(store: &dyn Hd4resStore) {
    assert_eq!(receive(store, &[deletion(2, 2)]).await, [Reception::New { status_number: 1 }]);
    assert_eq!(receive(store, &[arrived(1, "U1", 1)]).await, [Reception::Older { status_number: 2 }]);
    assert_eq!(store.records().await.unwrap(), 1);
    assert_eq!(store.status("SA", "Made_Up", "U1").await.unwrap(), None);
    let view = store.researcher().view(1).await.unwrap().unwrap();
    assert_eq!((view.row.status, view.row.unique_id, view.row.version), (RecordStatus::Deleted, None, 2));
    let [first] = view.history.as_slice() else { panic!("{:?}", view.history) };
    assert_eq!((first.note.event, first.note.status), (crate::status::Event::Deleted, RecordStatus::Deleted));
}

async fn a_unique_id_is_free_again_after_a_deletion(store: &dyn Hd4resStore) {
    let anew = |item, version| Arrived { registration_id: Uuid::from_u128(10), ..arrived(item, "U1", version) };
    // In one batch, so that none of it is read back in between.
    receive(store, &[arrived(1, "U1", 1), deletion(2, 2), anew(3, 1)]).await;
    assert_eq!(store.status("SA", "Made_Up", "U1").await.unwrap(), Some(RecordStatus::New));
    assert_eq!(store.researcher().find(Some("SA"), "Made_Up", "U1").await.unwrap(), [1, 2]);
    assert_eq!(store.researcher().of_registration(Uuid::from_u128(9)).await.unwrap(), Some(1));
    receive(store, &[anew(4, 2), arrived(5, "U1", 1)]).await;
    assert_eq!((status(store, 1).await, status(store, 2).await), (RecordStatus::Deleted, RecordStatus::New));
    assert_eq!(store.researcher().view(2).await.unwrap().unwrap().row.version, 2);
    receive(store, &[Arrived { registration_id: Uuid::from_u128(10), ..deletion(6, 3) }]).await;
    receive(store, &[Arrived { registration_id: Uuid::from_u128(11), ..arrived(7, "U1", 1) }]).await;
    assert_eq!(store.researcher().find(Some("SA"), "Made_Up", "U1").await.unwrap(), [1, 2, 3]);
}

async fn a_deletion_leaves_other_senders_and_what_replaced_its_registration_alone(store: &dyn Hd4resStore) {
    receive(store, &[arrived(1, "U1", 1)]).await;
    receive(store, &[Arrived { sender: "SB".to_owned(), ..deletion(2, 2) }]).await;
    assert_eq!(status(store, 1).await, RecordStatus::New);
    receive(store, &[Arrived { registration_id: Uuid::from_u128(10), ..arrived(3, "U1", 1) }]).await;
    receive(store, &[deletion(4, 2)]).await;
    assert_eq!(status(store, 1).await, RecordStatus::New, "another registration stands there now");
    assert_eq!(store.records().await.unwrap(), 3);
}

contract!(
    a_deletion_finds_its_record_and_takes_its_content_away,
    nothing_revives_a_deleted_registration,
    a_registration_that_arrives_after_its_deletion_is_answered_and_ignored,
    a_unique_id_is_free_again_after_a_deletion,
    a_deletion_leaves_other_senders_and_what_replaced_its_registration_alone,
);
