//! What every implementation of the store must do: the same tests for all of them.

use uuid::Uuid;

use super::*;

fn binding(sender: &str, hospital: &str, tag: u8, pseudonym: &str) -> Binding {
    Binding { sender: sender.to_owned(), hospital: hospital.parse().unwrap(), tag: [tag; 16], pseudonym: pseudonym.to_owned() }
}

async fn bind(store: &dyn HdStore, bindings: &[Binding]) -> Vec<bool> {
    bound(store, bindings).await.iter().map(Option::is_some).collect()
}

async fn bound(store: &dyn HdStore, bindings: &[Binding]) -> Vec<Option<Bound>> {
    store.bind(&bindings.iter().collect::<Vec<_>>(), Timestamp::EPOCH).await.unwrap()
}

async fn a_patient_keeps_tag_and_pseudonym(store: &dyn HdStore) {
    let first = binding("SA", "00000196", 1, "P1");
    assert_eq!(bind(store, &[first.clone(), binding("SA", "00000196", 2, "P2")]).await, [true, true]);
    assert_eq!(bind(store, &[first.clone(), first]).await, [true, true]);
}

async fn another_pseudonym_for_a_tag_is_noticed(store: &dyn HdStore) {
    let first = binding("SA", "00000196", 1, "P1");
    let swapped = binding("SA", "00000196", 1, "P2");
    assert_eq!(bind(store, &[first.clone(), swapped]).await, [true, false]);
    assert_eq!(bind(store, &[first]).await, [true]);
}

async fn another_tag_for_a_pseudonym_is_noticed(store: &dyn HdStore) {
    assert_eq!(bind(store, &[binding("SA", "00000196", 1, "P1"), binding("SA", "00000196", 2, "P1")]).await, [true, false]);
}

async fn hospitals_tag_the_same_patient_differently(store: &dyn HdStore) {
    let bindings = [binding("SA", "00000196", 1, "P1"), binding("SB", "00000295", 9, "P1"), binding("SB", "00000295", 1, "P2")];
    assert_eq!(bind(store, &bindings).await, [true, true, true]);
}

async fn a_sender_code_belongs_to_one_hospital(store: &dyn HdStore) {
    assert_eq!(bind(store, &[binding("SA", "00000196", 1, "P1")]).await, [true]);
    assert_eq!(bind(store, &[binding("SA", "00000295", 2, "P2"), binding("SB", "00000196", 3, "P3")]).await, [false, false]);
}

fn pseudonym(patient: u8, epoch: u32) -> String {
    let letter = char::from(b'A' + patient);
    pseudonymised::Pseudonym::assemble("healthdata", epoch, &letter.to_string().repeat(26)).unwrap().to_string()
}

/// At the first hospital, whose tag is the patient's number.
fn at_first(patient: u8, epoch: u32) -> Binding {
    binding("SA", "00000196", patient, &pseudonym(patient, epoch))
}

fn answer(old: &str, new: &str) -> Answer {
    Answer { old: old.to_owned(), new: Some(new.to_owned()) }
}

async fn learn(store: &dyn HdStore, answers: &[Answer]) -> Vec<&'static str> {
    let findings = store.answered(answers, Timestamp::EPOCH, &[]).await.unwrap();
    findings.iter().map(|finding| finding.refusal.code()).collect()
}

async fn untold(store: &dyn HdStore) -> Vec<(String, String)> {
    let untold = store.untold(100).await.unwrap();
    untold.into_iter().map(|one| (one.pair.old, one.pair.new)).collect()
}

async fn everything_of_an_earlier_epoch_is_recoded(store: &dyn HdStore) {
    let other = binding("SB", "00000295", 9, &pseudonym(1, 1));
    bind(store, &[at_first(1, 1), at_first(2, 1), other]).await;
    assert!(store.to_recode(10).await.unwrap().is_empty(), "nobody speaks of a later epoch yet");
    assert!(bound(store, &[at_first(3, 2)]).await[0].as_ref().unwrap().wakes);
    assert_eq!(store.to_recode(10).await.unwrap(), [pseudonym(1, 1), pseudonym(2, 1)]);
    assert_eq!(store.to_recode(1).await.unwrap(), [pseudonym(1, 1)]);
    assert!(store.begin_job(Timestamp::EPOCH).await.unwrap() && !store.begin_job(Timestamp::EPOCH).await.unwrap());
    for _ in 0..2 {
        assert!(learn(store, &[answer(&pseudonym(1, 1), &pseudonym(1, 2))]).await.is_empty());
        assert_eq!(store.to_recode(10).await.unwrap(), [pseudonym(2, 1)]);
    }
    learn(store, &[answer(&pseudonym(2, 1), &pseudonym(2, 2))]).await;
    assert!(store.to_recode(10).await.unwrap().is_empty());
    let job = store.end_job(Timestamp::from_micros(5)).await.unwrap().unwrap();
    assert_eq!((job.epoch, job.recoded, job.findings, job.ended_at), (2, 2, 0, Some(Timestamp::from_micros(5))));
    assert_eq!((store.jobs().await.unwrap(), store.end_job(Timestamp::EPOCH).await.unwrap()), (vec![job], None));
    assert_eq!(store.recoded().await.unwrap(), 2);
    // What comes late under the earlier one is re-coded on arrival, at both hospitals.
    let late = bound(store, &[at_first(1, 1), binding("SB", "00000295", 9, &pseudonym(1, 2))]).await;
    for bound in late {
        let bound = bound.unwrap();
        assert_eq!((bound.pseudonym, bound.earlier, bound.wakes), (pseudonym(1, 2), vec![pseudonym(1, 1)], false));
    }
}

async fn a_patient_of_two_epochs_is_one_until_the_ttp_says_otherwise(store: &dyn HdStore) {
    bind(store, &[at_first(1, 1), at_first(2, 1)]).await;
    let later = bound(store, &[at_first(1, 2)]).await.remove(0).unwrap();
    assert_eq!((later.pseudonym, later.earlier, later.wakes), (pseudonym(1, 2), vec![pseudonym(1, 1)], true));
    assert_eq!(untold(store).await, [(pseudonym(1, 1), pseudonym(1, 2))]);
    assert_eq!(store.to_recode(10).await.unwrap(), [pseudonym(2, 1), pseudonym(1, 1)], "the TTP is to confirm it");
    // An earlier one that comes behind a later one.
    bind(store, &[at_first(3, 2)]).await;
    assert_eq!(bound(store, &[at_first(3, 1)]).await[0].as_ref().unwrap().pseudonym, pseudonym(3, 2));
    assert_eq!(learn(store, &[answer(&pseudonym(1, 1), &pseudonym(1, 2))]).await, [""; 0]);
    assert_eq!(learn(store, &[answer(&pseudonym(3, 1), &pseudonym(7, 2))]).await, ["RECODE_CONTRADICTION"]);
    assert_eq!(store.to_recode(10).await.unwrap(), [pseudonym(2, 1)]);
}

async fn two_pseudonyms_that_become_one_stay_apart(store: &dyn HdStore) {
    bind(store, &[at_first(1, 1), at_first(2, 1)]).await;
    store.aim_at("healthdata", 2).await.unwrap();
    let answers = [answer(&pseudonym(1, 1), &pseudonym(1, 2)), answer(&pseudonym(2, 1), &pseudonym(1, 2))];
    let codes = learn(store, &answers).await;
    assert!(codes == ["RECODE_COLLISION"], "{codes:?}");
    assert!(learn(store, &answers).await.is_empty(), "it is found once");
    let findings = store.recode_findings().await.unwrap();
    assert_eq!((findings.len(), findings[0].pair.old.clone()), (1, pseudonym(2, 1)));
    assert!(store.to_recode(10).await.unwrap().is_empty(), "and asked for no more");
    let both = bound(store, &[at_first(1, 1), at_first(2, 1)]).await;
    let both: Vec<String> = both.into_iter().map(|bound| bound.unwrap().pseudonym).collect();
    assert_eq!(both, [pseudonym(1, 2), pseudonym(2, 1)]);
}

async fn two_tags_under_one_pseudonym_stay_apart(store: &dyn HdStore) {
    bind(store, &[at_first(1, 1), binding("SA", "00000196", 50, &pseudonym(1, 2))]).await;
    assert_eq!(learn(store, &[answer(&pseudonym(1, 1), &pseudonym(1, 2))]).await, ["RECODE_CONFLICT"]);
    assert!(store.to_recode(10).await.unwrap().is_empty());
    assert_eq!(bind(store, &[at_first(1, 1), binding("SA", "00000196", 50, &pseudonym(1, 2))]).await, [true, true]);
    // A tag that comes under another patient's later pseudonym is no re-coding either.
    assert_eq!(bind(store, &[at_first(1, 2)]).await, [false]);
    assert_eq!(bind(store, &[at_first(1, 1)]).await, [true]);
}

async fn what_the_ttp_did_not_make_is_found_and_stays(store: &dyn HdStore) {
    bind(store, &[at_first(1, 1), at_first(2, 2)]).await;
    assert_eq!(learn(store, &[Answer { old: pseudonym(1, 1), new: None }]).await, ["RECODE_UNKNOWN"]);
    assert!(store.to_recode(10).await.unwrap().is_empty());
    assert_eq!(bind(store, &[at_first(1, 1)]).await, [true]);
}

async fn epochs_are_skipped_and_counted_as_numbers(store: &dyn HdStore) {
    bind(store, &[at_first(1, 1), at_first(2, 9)]).await;
    learn(store, &[answer(&pseudonym(1, 1), &pseudonym(1, 9))]).await;
    bind(store, &[at_first(3, 10)]).await;
    assert_eq!(store.to_recode(10).await.unwrap(), [pseudonym(1, 9), pseudonym(2, 9)]);
    learn(store, &[answer(&pseudonym(1, 9), &pseudonym(1, 10)), answer(&pseudonym(2, 9), &pseudonym(2, 10))]).await;
    let late = bound(store, &[at_first(1, 1)]).await.remove(0).unwrap();
    assert_eq!((late.pseudonym, late.earlier), (pseudonym(1, 10), vec![pseudonym(1, 1), pseudonym(1, 9)]));
}

async fn pairs_are_told_until_they_have_arrived(store: &dyn HdStore) {
    let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
    bind(store, &[at_first(1, 1), at_first(2, 1)]).await;
    store.tell_on(first).await.unwrap();
    assert!(store.has_arrived().await.unwrap());
    learn(store, &[answer(&pseudonym(1, 1), &pseudonym(1, 2))]).await;
    let number = store.untold(1).await.unwrap()[0].number;
    store.told(number, &[]).await.unwrap();
    assert!(store.untold(1).await.unwrap().is_empty() && !store.has_arrived().await.unwrap());
    store.tell_on(first).await.unwrap();
    assert!(store.untold(1).await.unwrap().is_empty());
    store.tell_on(second).await.unwrap();
    assert_eq!(untold(store).await.len(), 1, "it may be gone with the broker");
    store.told(number, &[]).await.unwrap();
    store.arrived().await.unwrap();
    learn(store, &[answer(&pseudonym(2, 1), &pseudonym(2, 2))]).await;
    store.tell_on(first).await.unwrap();
    assert_eq!(untold(store).await, [(pseudonym(2, 1), pseudonym(2, 2))]);
}

macro_rules! contract {
    ($($name:ident),+ $(,)?) => {
        mod in_memory { $(#[tokio::test] async fn $name() { super::$name(&super::MemoryStore::default()).await; })+ }
        mod in_sqlite {
            $(#[tokio::test] async fn $name() {
                let folder = tempfile::tempdir().unwrap();
                super::$name(&super::SqlStore::open(folder.path()).await.unwrap()).await;
            })+
        }
        mod in_postgres {
            $(#[tokio::test] async fn $name() {
                let location = store::test_server::database().await.unwrap();
                super::$name(&super::SqlStore::open(location).await.unwrap()).await;
            })+
        }
    };
}

contract!(
    a_patient_keeps_tag_and_pseudonym,
    another_pseudonym_for_a_tag_is_noticed,
    another_tag_for_a_pseudonym_is_noticed,
    hospitals_tag_the_same_patient_differently,
    a_sender_code_belongs_to_one_hospital,
    everything_of_an_earlier_epoch_is_recoded,
    a_patient_of_two_epochs_is_one_until_the_ttp_says_otherwise,
    two_pseudonyms_that_become_one_stay_apart,
    two_tags_under_one_pseudonym_stay_apart,
    what_the_ttp_did_not_make_is_found_and_stays,
    epochs_are_skipped_and_counted_as_numbers,
    pairs_are_told_until_they_have_arrived,
);
