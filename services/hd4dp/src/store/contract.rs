//! What every implementation of HD4DP's store must do: the same tests for all of them.

mod index;
mod life;
mod uploads;

use std::time::Duration;

use registration::{Answer, Cell, Comment, Place};

use self::{index::*, life::*, uploads::*};
use super::*;

fn at(seconds: u64) -> Timestamp {
    Timestamp::EPOCH.plus(Duration::from_secs(seconds))
}

fn version(number: u128, version: u32) -> NewVersion {
    NewVersion {
        registration_id: Uuid::from_u128(number),
        version,
        kind: ContentKind::Registration,
        author: None,
        item_id: Uuid::from_u128(number * 1000 + u128::from(version)),
        dcd: "Made_Up".to_owned(),
        dcd_version: 1,
        unique_key: format!("key {number}"),
        patient_tag: [number as u8; 16],
        cells: crate::row::encode(&[Cell { place: Place::of(0), value: number.to_string() }]),
        row_hash: [version as u8; 32],
        content_hash: [version as u8 + 100; 32],
        attachments: Vec::new(),
        answers: Vec::new(),
    }
}

async fn submitted(store: &dyn Hd4dpStore, versions: Vec<NewVersion>, unchanged: Vec<(Uuid, u32)>) -> UploadId {
    let upload = store.begin_upload("rows.csv", "Made_Up", at(0)).await.unwrap();
    let attempted = (versions.len() + unchanged.len()) as u64 + 1;
    let intake = Intake { versions, kept: Vec::new(), unchanged, attempted, rejected: 1, ..Intake::default() };
    store.submit(upload, &intake, at(1)).await.unwrap();
    upload
}

async fn the_backlog_is_known_in_detail(store: &dyn Hd4dpStore) {
    assert_eq!(store.backlog().await.unwrap(), Backlog::default());
    submitted(store, (1..=5).map(|number| version(number, 1)).collect(), vec![]).await;
    assert_eq!(store.backlog().await.unwrap(), Backlog { unsent: 5, ..Backlog::default() });
    let sent = |number: u128, next_send_at| Sent { registration_id: Uuid::from_u128(number), version: 1, next_send_at };
    store.sent(&[sent(1, Some(at(500)))], at(30), &[]).await.unwrap();
    store.sent(&[sent(2, Some(at(500)))], at(20), &[]).await.unwrap();
    // The last of its ten days is over.
    store.sent(&[sent(3, None)], at(10), &[]).await.unwrap();
    let backlog = |sent, oldest| Backlog { unsent: 2, sent, given_up: 1, oldest_sent_at: Some(at(oldest)) };
    assert_eq!(store.backlog().await.unwrap(), backlog(2, 20));
    store.confirm(&[(Uuid::from_u128(2), 1)], at(40), &[]).await.unwrap();
    assert_eq!(store.backlog().await.unwrap(), backlog(1, 30));
}

async fn registrations_without_an_answer_are_listed(store: &dyn Hd4dpStore) {
    submitted(store, (1..=4).map(|number| version(number, 1)).collect(), vec![]).await;
    let id = Uuid::from_u128;
    // One is on its way, one was given up, one is answered.
    let sent = |number: u128, next_send_at| Sent { registration_id: id(number), version: 1, next_send_at };
    store.sent(&[sent(1, Some(at(500))), sent(2, None), sent(3, Some(at(500)))], at(10), &[]).await.unwrap();
    store.confirm(&[(id(3), 1)], at(20), &[]).await.unwrap();
    assert_eq!(store.waiting_registrations(Uuid::nil(), 10).await.unwrap(), [id(1), id(2), id(4)]);
    assert_eq!(store.waiting_registrations(id(1), 1).await.unwrap(), [id(2)]);
    assert!(store.waiting_registrations(id(4), 10).await.unwrap().is_empty());
}

async fn what_was_answered_since_goes_once_more(store: &dyn Hd4dpStore) {
    submitted(store, (1..=4).map(|number| version(number, 1)).collect(), vec![]).await;
    let id = Uuid::from_u128;
    store.confirm(&[(id(1), 1)], at(10), &[]).await.unwrap();
    store.confirm(&[(id(2), 1), (id(3), 1)], at(20), &[]).await.unwrap();
    // One has another version since, which has no answer; one never had any.
    submitted(store, vec![version(3, 2)], vec![]).await;
    assert_eq!(store.send_again(at(20), at(50)).await.unwrap(), 1);
    assert_eq!(store.send_again(at(20), at(60)).await.unwrap(), 0, "it waits already");
    let due = store.due(at(50), 10).await.unwrap();
    assert_eq!(due.iter().map(|one| (one.registration_id, one.version)).collect::<Vec<_>>(), [(id(2), 1)]);
    assert_eq!(store.sending(id(2), at(50)).await.unwrap(), Some(Sending::Ok), "it stays confirmed");
    assert_eq!(store.waiting().await.unwrap(), 3);
    assert_eq!(store.confirm(&[(id(2), 1)], at(70), &[]).await.unwrap(), 1);
    assert_eq!(store.waiting().await.unwrap(), 2);
    assert_eq!(store.send_again(at(0), at(80)).await.unwrap(), 2);
}

async fn a_version_is_sent_confirmed_and_counted(store: &dyn Hd4dpStore) {
    let upload = submitted(store, vec![version(1, 1), version(2, 1)], vec![]).await;
    let unsent = store.unanswered(Uuid::nil(), false, 10).await.unwrap();
    assert_eq!(unsent.iter().map(|one| one.item_id).collect::<Vec<_>>(), [version(1, 1).item_id, version(2, 1).item_id]);
    assert_eq!(unsent[0].cells, version(1, 1).cells);
    let id = Uuid::from_u128(1);
    assert_eq!(store.sending(id, at(2)).await.unwrap(), Some(Sending::Sending));
    let sent = Sent { registration_id: id, version: 1, next_send_at: Some(at(500)) };
    store.sent(&[sent], at(2), &[]).await.unwrap();
    assert_eq!(store.sending(id, at(3)).await.unwrap(), Some(Sending::Pending));
    assert_eq!(store.sending(id, at(2 + 48 * 3600)).await.unwrap(), Some(Sending::Nok));
    assert_eq!(store.unanswered(Uuid::nil(), false, 10).await.unwrap().len(), 1);
    assert_eq!(store.unanswered(Uuid::nil(), true, 10).await.unwrap().len(), 2);
    assert_eq!(store.next_due().await.unwrap(), Some(at(500)));
    assert_eq!(store.due_at(id).await.unwrap(), Some(at(500)));
    assert!(store.due(at(499), 10).await.unwrap().is_empty());
    assert_eq!(store.due(at(500), 10).await.unwrap()[0].first_sent_at, Some(at(2)));
    store.confirm(&[(id, 1)], at(9), &[]).await.unwrap();
    store.confirm(&[(id, 1)], at(10), &[]).await.unwrap();
    assert_eq!(store.sending(id, at(11)).await.unwrap(), Some(Sending::Ok));
    assert_eq!(store.waiting().await.unwrap(), 1);
    let confirmed = async |item: Uuid| store.is_confirmed(item).await.unwrap();
    assert_eq!(confirmed(version(1, 1).item_id).await, Some(true));
    assert_eq!(confirmed(version(2, 1).item_id).await, Some(false));
    assert_eq!(confirmed(Uuid::nil()).await, None);
    let (other, unknown) = (version(2, 1).registration_id, Uuid::nil());
    assert_eq!(store.registration_of(version(2, 1).item_id).await.unwrap(), Some(other));
    assert_eq!(store.registration_of(unknown).await.unwrap(), None);
    assert_eq!((store.due_at(id).await.unwrap(), store.due_at(unknown).await.unwrap()), (None, None), "answered, or not there");
    let values = store.all_values(other).await.unwrap();
    assert_eq!(values, [(version(2, 1).dcd_version, version(2, 1).cells)]);
    assert!(store.all_values(unknown).await.unwrap().is_empty());
    let tally = store.tally(upload).await.unwrap();
    assert_eq!(tally, Tally { attempted: 3, accepted: 2, rejected: 1, unchanged: 0, kept: 0, confirmed: 1 });
    // Nothing was made by hand.
    let tally = store.tally(UploadId::BY_HAND).await.unwrap();
    assert_eq!(tally, Tally { attempted: 0, accepted: 0, rejected: 0, unchanged: 0, kept: 0, confirmed: 0 });
}

async fn a_new_version_overtakes_the_one_before(store: &dyn Hd4dpStore) {
    submitted(store, vec![version(1, 1)], vec![]).await;
    let id = Uuid::from_u128(1);
    store.sent(&[Sent { registration_id: id, version: 1, next_send_at: Some(at(5)) }], at(2), &[]).await.unwrap();
    let upload = submitted(store, vec![version(1, 2)], vec![]).await;
    let known = store.known("Made_Up", &["key 1".to_owned(), "key 9".to_owned()]).await.unwrap();
    let latest = Known { registration_id: id, version: 2, row_hash: Some([2; 32]), confirmed: false, status: None };
    assert_eq!(known, [Some(latest), None]);
    assert!(store.due(at(100), 10).await.unwrap().is_empty(), "the old version must be sent no more");
    // The old version's answer leaves the new one waiting.
    store.confirm(&[(id, 1)], at(6), &[]).await.unwrap();
    assert_eq!(store.waiting().await.unwrap(), 1);
    // A late confirm of the old version's sending does not touch the new one.
    store.sent(&[Sent { registration_id: id, version: 1, next_send_at: Some(at(7)) }], at(7), &[]).await.unwrap();
    assert_eq!(store.unanswered(Uuid::nil(), false, 10).await.unwrap()[0].version, 2);
    store.confirm(&[(id, 2)], at(8), &[]).await.unwrap();
    assert_eq!(store.tally(upload).await.unwrap().confirmed, 1);
}

/// Two rows of a batch about one registration are one that waits; an answer in between makes a later version one more.
async fn the_store_says_how_many_more_wait(store: &dyn Hd4dpStore) {
    let upload = store.begin_upload("rows.csv", "Made_Up", at(0)).await.unwrap();
    let submit =
        async |versions: Vec<NewVersion>| store.submit(upload, &Intake { versions, ..Intake::default() }, at(1)).await.unwrap();
    assert_eq!(submit(vec![version(1, 1), version(2, 1), version(1, 2)]).await, 2);
    assert_eq!(submit(vec![version(1, 3), version(3, 1)]).await, 1);
    store.confirm(&[(Uuid::from_u128(1), 3)], at(2), &[]).await.unwrap();
    assert_eq!(submit(vec![version(1, 4), version(2, 2)]).await, 1);
    assert_eq!(store.waiting().await.unwrap(), 3);
}

async fn versions_of_one_batch_leave_the_latest(store: &dyn Hd4dpStore) {
    submitted(store, vec![version(1, 1), version(2, 1), version(1, 2)], vec![]).await;
    let unsent = store.unanswered(Uuid::nil(), false, 10).await.unwrap();
    assert_eq!(unsent.iter().map(|one| one.item_id).collect::<Vec<_>>(), [version(1, 2).item_id, version(2, 1).item_id]);
    let known = store.known("Made_Up", &["key 1".to_owned()]).await.unwrap();
    assert_eq!(known[0].as_ref().map(|known| known.version), Some(2));
    assert!(store.expected(&[(Uuid::from_u128(1), 1)]).await.unwrap()[0].is_some(), "the one before is not forgotten");
}

async fn a_later_answer_settles_earlier_versions(store: &dyn Hd4dpStore) {
    let first = submitted(store, vec![version(1, 1)], vec![]).await;
    submitted(store, vec![version(1, 2)], vec![]).await;
    assert_eq!(store.tally(first).await.unwrap().confirmed, 0);
    store.confirm(&[(Uuid::from_u128(1), 2)], at(9), &[]).await.unwrap();
    assert_eq!(store.tally(first).await.unwrap().confirmed, 1);
    assert_eq!(store.waiting().await.unwrap(), 0);
}

async fn unchanged_rows_count_and_wait_with_the_stored_one(store: &dyn Hd4dpStore) {
    submitted(store, vec![version(1, 1), version(2, 1)], vec![]).await;
    store.confirm(&[(Uuid::from_u128(1), 1)], at(5), &[]).await.unwrap();
    let (one, two) = ((Uuid::from_u128(1), 1), (Uuid::from_u128(2), 1));
    let upload = submitted(store, vec![version(3, 1)], vec![one, two, two]).await;
    let tally = store.tally(upload).await.unwrap();
    assert_eq!(tally, Tally { attempted: 5, accepted: 4, rejected: 1, unchanged: 3, kept: 0, confirmed: 2 });
    store.confirm(&[two, (Uuid::from_u128(3), 1)], at(6), &[]).await.unwrap();
    assert_eq!(store.tally(upload).await.unwrap().confirmed, 4);
    let first = store.uploaded(upload, None, 2).await.unwrap();
    let rest = store.uploaded(upload, first.last().copied(), 9).await.unwrap();
    let items: Vec<Uuid> = first.iter().chain(&rest).map(|item| item.item_id).collect();
    assert_eq!(items, [version(1, 1).item_id, version(2, 1).item_id, version(3, 1).item_id]);
}

async fn a_status_is_held_against_what_was_sent(store: &dyn Hd4dpStore) {
    submitted(store, vec![version(1, 1)], vec![]).await;
    submitted(store, vec![version(1, 2)], vec![]).await;
    let id = Uuid::from_u128(1);
    let expected = store.expected(&[(id, 2), (id, 3), (id, 1)]).await.unwrap();
    let of = |number| {
        let sent = version(1, number);
        Some(Expected { item_id: sent.item_id, patient_tag: sent.patient_tag, content_hash: sent.content_hash })
    };
    assert_eq!(expected, [of(2), None, of(1)]);
}

async fn what_goes_with_a_version_comes_back_with_it(store: &dyn Hd4dpStore) {
    let mut with = version(1, 1);
    let place = Place::of(30);
    with.attachments = vec![Attachment { place, name: "P1.vcf".to_owned(), bytes: b"##fileformat".to_vec() }];
    let answer = |number, place, text: &str| Answer { number, comment: Comment { place, text: text.to_owned() } };
    with.answers = vec![answer(3, Some(Place::in_item(4, 1)), "yes"), answer(2, None, "no")];
    let said = with.answers.clone();
    submitted(store, vec![with, version(2, 1)], vec![]).await;
    let unsent = store.unanswered(Uuid::nil(), false, 10).await.unwrap();
    assert_eq!(unsent[0].attachments[0].bytes, b"##fileformat");
    assert_eq!((&unsent[0].answers, &unsent[1].answers), (&said, &Vec::new()));
    let seen = async |id| store.registration(Uuid::from_u128(id), at(2)).await.unwrap().unwrap().versions.remove(0).answers;
    assert_eq!((seen(1).await, seen(2).await), (said, Vec::new()));
    assert!(unsent[1].attachments.is_empty());
}

async fn another_incarnation_is_noticed_until_it_is_remembered(store: &dyn Hd4dpStore) {
    let incarnation = Uuid::from_u128;
    assert!(store.is_new_incarnation(incarnation(1)).await.unwrap());
    assert!(store.is_new_incarnation(incarnation(1)).await.unwrap(), "asking is not remembering");
    store.remember_incarnation(incarnation(1)).await.unwrap();
    assert!(!store.is_new_incarnation(incarnation(1)).await.unwrap());
    assert!(store.is_new_incarnation(incarnation(2)).await.unwrap());
}

macro_rules! contract {
    ($($name:ident),+ $(,)?) => {
        mod in_memory { $(#[tokio::test] async fn $name() { super::$name(&super::MemoryStore::default()).await; })+ }
        mod in_sqlite {
            $(#[tokio::test] async fn $name() {
                let folder = tempfile::tempdir().unwrap();
                super::$name(&super::SqlStore::open(folder.path(), "00000196").await.unwrap()).await;
            })+
        }
        mod in_postgres {
            $(#[tokio::test] async fn $name() {
                let location = store::test_server::database().await.unwrap();
                super::$name(&super::SqlStore::open(location, "00000196").await.unwrap()).await;
            })+
        }
    };
}

contract!(
    a_version_is_sent_confirmed_and_counted,
    the_backlog_is_known_in_detail,
    registrations_without_an_answer_are_listed,
    what_was_answered_since_goes_once_more,
    a_new_version_overtakes_the_one_before,
    versions_of_one_batch_leave_the_latest,
    a_later_answer_settles_earlier_versions,
    unchanged_rows_count_and_wait_with_the_stored_one,
    a_status_is_held_against_what_was_sent,
    what_goes_with_a_version_comes_back_with_it,
    another_incarnation_is_noticed_until_it_is_remembered,
    a_reopened_registration_is_sent_no_more_and_its_answer_counts,
    a_draft_is_kept_until_a_version_ends_it,
    a_person_submits_the_next_version_only_when_it_is_awaited,
    a_deletion_waits_in_the_outbox_and_is_final,
    feedback_about_the_current_version_is_acted_upon_once,
    feedback_about_another_version_changes_nothing,
    feedback_before_the_status_settles_the_outbox,
    an_opened_registration_stays_open_and_shows_comments,
    a_file_s_row_ends_what_was_asked_for,
    wishes_that_are_not_possible_are_refused_and_leave_no_trace,
    the_list_goes_by_id_definition_and_status,
    a_version_knows_its_definition,
    a_kept_row_is_a_registration_without_a_version,
    the_first_version_ends_a_kept_row,
    a_kept_row_opens_what_was_submitted,
    a_registration_that_was_never_submitted_is_removed_without_a_trace,
    the_current_values_are_the_kept_ones_or_the_latest,
    a_person_creates_what_is_not_there,
    the_store_says_how_many_more_wait,
    a_request_that_comes_late_shows_its_comments_and_asks,
    a_wish_about_what_was_seen_is_refused_when_it_is_so_no_more,
    what_was_never_submitted_is_removed_as_it_was_seen,
    uploads_are_listed_newest_first,
    what_ran_when_a_process_ended_is_cut_off,
    reports_grow_with_the_rows_that_they_are_about,
    a_register_has_its_default_options,
    what_changes_waits_until_it_is_indexed,
    registrations_are_found_by_value_and_patient,
);
