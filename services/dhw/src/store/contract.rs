//! What every implementation of the warehouse's store must do: the same tests for all of them.

macro_rules! contract {
    ($($name:ident),+ $(,)?) => {
        mod in_memory {
            use super::*;
            $(#[tokio::test] async fn $name() {
                let registers = sample::registers();
                super::$name(&MemoryStore::new(Arc::clone(&registers)), &registers).await;
            })+
        }
        mod in_sqlite {
            use super::*;
            $(#[tokio::test] async fn $name() {
                let (registers, folder) = (sample::registers(), tempfile::tempdir().unwrap());
                let store = SqlStore::open(folder.path(), Arc::clone(&registers)).await.unwrap();
                super::$name(&store, &registers).await;
            })+
        }
        mod in_postgres {
            use super::*;
            $(#[tokio::test] async fn $name() {
                let (registers, location) = (sample::registers(), ::store::test_server::database().await.unwrap());
                let store = SqlStore::open(location, Arc::clone(&registers)).await.unwrap();
                super::$name(&store, &registers).await;
            })+
        }
    };
}

mod look;

use std::{collections::BTreeSet, sync::Arc};

use store::Outcome;

use super::*;
use crate::{
    registers::Registers,
    sample::{self, Draft, advice, cure, draft, found, pseudonym, sender, settle},
};

fn triple(dcd: &str, unique_id: &str, rule: &str) -> (String, String, String) {
    (dcd.to_owned(), unique_id.to_owned(), rule.to_owned())
}

/// The rows of a register, each as unique id and the values of its cells.
async fn rows(store: &dyn DhwStore, registers: &Registers, dcd: &str, version: u32) -> Vec<(String, Vec<String>)> {
    let register = registers.number(dcd, version).unwrap();
    let rows = store.rows(register, None, 1_000).await.unwrap();
    rows.into_iter().map(|row| (row.key.unique_id, row.cells.into_iter().map(|cell| cell.value).collect())).collect()
}

fn items(drafts: &[&Draft]) -> Vec<Uuid> {
    drafts.iter().map(|draft| draft.item_id()).collect()
}

async fn a_registration_comes_back_as_it_was(store: &dyn DhwStore, registers: &Registers) {
    let full = advice(1, "A-1")
        .with("patient_id|name", "Peeters")
        .with("patient_id|date_of_birth", "1964-03-12")
        .with("patient_id|sex", "248153007")
        .with("given", "2024-02-29")
        .with("weight", "70.125")
        .with("exact", "-123456789012.000001")
        .with("Version", "0012")
        .with("notes", "a;b,\"c\"\\\r\n'; DROP TABLE item; --\u{feff}\u{0}\u{1f}é\u{10ffff}")
        .with_item("variants|gene", 0, "EGFR")
        .with_item("variants|vaf", 0, "12.5")
        .with_item("variants|gene", 2, "1e5")
        .with_item("variants|secret", 2, "x")
        .with("closing", "1.50");
    let small = advice(2, "A-2").of_patient(2).with("exact", "0.000001").with("weight", "0.5");
    let answers = settle(store, registers, &[full.clone(), small.clone()]).await;
    let register = registers.number("Advice", 1).unwrap();
    let stored = store.rows(register, None, 10).await.unwrap();
    assert_eq!(stored.len(), 2);
    assert!(stored[0].cells == full.content().cells());
    assert!(stored[1].cells == small.content().cells());
    assert_eq!(stored[0].key, RowKey { first_pseudonym: pseudonym(1), unique_id: "A-1".to_owned(), sender: sender(1) });
    assert_eq!(stored[0].pseudonym, pseudonym(1));
    assert_eq!(store.list_widths(register).await.unwrap(), [3]);
    assert_eq!(answers.len(), 2);
}

async fn findings_are_kept_and_answered(store: &dyn DhwStore, registers: &Registers) {
    let heavy = advice(1, "A-1").with("weight", "300.5").with("notes", "n");
    let answers = settle(store, registers, &[advice(2, "A-2"), heavy]).await;
    assert_eq!(answers[0], Answer::clean());
    assert!(!answers[1].clean);
    let rules: Vec<_> = answers[1].findings.iter().map(|one| (one.rule.as_deref(), one.column.as_deref())).collect();
    assert_eq!(rules, [(Some("A01"), Some("weight")), (Some("A02"), Some("given"))]);
    assert_eq!(found(store).await, [triple("Advice", "A-1", "A01"), triple("Advice", "A-1", "A02")]);
    let stored = store.findings(None, 1).await.unwrap();
    assert_eq!(stored[0].messages[1], "The weight is too high. (nl)");
    let next = store.findings(Some(&stored[0].key), 10).await.unwrap();
    assert_eq!((next.len(), next[0].code.as_str()), (1, "W05"));
    assert!(settle(store, registers, &[advice(3, "A-3").with("notes", "n")]).await[0].clean, "a warning is no error");
}

async fn a_known_item_is_answered_again_and_changes_nothing(store: &dyn DhwStore, registers: &Registers) {
    let heavy = advice(1, "A-1").with("weight", "301");
    let first = settle(store, registers, &[heavy.clone(), heavy.clone()]).await;
    assert_eq!(first[0], first[1]);
    assert_eq!(settle(store, registers, std::slice::from_ref(&heavy)).await[0], first[0]);
    assert_eq!(store.count().await.unwrap(), 1);
    assert_eq!(store.validated(&items(&[&heavy, &heavy, &advice(2, "A-2")])).await.unwrap(), 1);
    // The same item id of another hospital is another item.
    let other = heavy.at_hospital(2);
    let mut registration = other.registration(registers);
    registration.item = advice(1, "A-1").item_id();
    let arrived = Arrived { id: Uuid::nil(), at: Timestamp::EPOCH, registrations: 1, dead: Vec::new() };
    store.settle(&mut Batch { registrations: vec![registration], publications: vec![arrived] }).await.unwrap();
    assert_eq!(store.count().await.unwrap(), 2);
}

async fn a_later_version_replaces_and_an_earlier_one_does_not(store: &dyn DhwStore, registers: &Registers) {
    let first =
        advice(1, "A-1").with("weight", "301").with_item("variants|gene", 0, "EGFR").with_item("variants|gene", 1, "KRAS");
    let second = advice(1, "A-1").in_version(2).with("weight", "80").with_item("variants|gene", 0, "TP53");
    settle(store, registers, std::slice::from_ref(&first)).await;
    settle(store, registers, std::slice::from_ref(&second)).await;
    let expected = [("A-1".to_owned(), vec!["A-1".to_owned(), "80".to_owned(), "TP53".to_owned()])];
    assert_eq!(rows(store, registers, "Advice", 1).await, expected);
    assert!(found(store).await.is_empty(), "the findings of the first version went with it");
    assert_eq!(store.list_widths(registers.number("Advice", 1).unwrap()).await.unwrap(), [1]);
    // The first version's verdict is still the one that it got.
    assert!(!settle(store, registers, &[first]).await[0].clean);

    let (late, early) = (advice(2, "A-2").in_version(3), advice(2, "A-2").in_version(2).with("weight", "301"));
    settle(store, registers, std::slice::from_ref(&late)).await;
    assert_eq!(settle(store, registers, std::slice::from_ref(&early)).await, [Answer::clean()]);
    assert_eq!(store.validated(&items(&[&late, &early])).await.unwrap(), 2);
    assert_eq!(store.count().await.unwrap(), 2);
    assert!(found(store).await.is_empty());
}

async fn versions_of_one_batch_leave_the_latest(store: &dyn DhwStore, registers: &Registers) {
    let version = |number: u32| advice(1, "A-1").in_version(number).with("weight", &number.to_string());
    let answers = settle(store, registers, &[version(2), version(1), version(3)]).await;
    assert_eq!(answers, [Answer::clean(), Answer::clean(), Answer::clean()]);
    assert_eq!(rows(store, registers, "Advice", 1).await, [("A-1".to_owned(), vec!["A-1".to_owned(), "3".to_owned()])]);
    assert_eq!(store.validated(&items(&[&version(1), &version(2), &version(3)])).await.unwrap(), 3);
}

/// A new version may have another unique id, another patient, and another version of the definition.
async fn a_version_may_move(store: &dyn DhwStore, registers: &Registers) {
    settle(store, registers, &[advice(1, "A-1").with("weight", "301")]).await;
    let moved = draft("Advice", 2, 1).with("code", "A-9").with("added", "x").in_version(2).of_patient(2);
    settle(store, registers, &[moved]).await;
    assert!(rows(store, registers, "Advice", 1).await.is_empty());
    assert_eq!(rows(store, registers, "Advice", 2).await, [("A-9".to_owned(), vec!["A-9".to_owned(), "x".to_owned()])]);
    assert!(found(store).await.is_empty());
}

/// What stands before `Advice` has its second version, and how a store goes on when it is opened again with that one.
async fn goes_on_with_newer_definitions<S: DhwStore>(open: impl AsyncFn(Option<S>, Arc<Registers>) -> S) {
    let is_first = |definition: &&Arc<dcd::Definition>| definition.version() == 1;
    let first = Arc::new(Registers::of(sample::definitions().iter().filter(is_first).map(Arc::clone)));
    let both = sample::registers();
    assert!(first.number("Advice", 2).is_none() && first.number("Cure", 1) != both.number("Cure", 1), "nothing moves");
    let store = open(None, Arc::clone(&first)).await;
    settle(
        &store,
        &first,
        &[advice(1, "A-1").with("weight", "301"), advice(2, "A-2"), cure(3, "2026-03-01").with("code", "A-2")],
    )
    .await;
    let before = found(&store).await;

    let store = open(Some(store), Arc::clone(&both)).await;
    assert_eq!(store.count().await.unwrap(), 3);
    assert_eq!(found(&store).await, before);
    assert_eq!(rows(&store, &both, "Advice", 1).await.len(), 2);
    let corrected = draft("Advice", 2, 1).with("code", "A-1").with("added", "x").in_version(2);
    settle(&store, &both, &[corrected]).await;
    assert_eq!(rows(&store, &both, "Advice", 1).await.len(), 1);
    assert_eq!(rows(&store, &both, "Advice", 2).await, [("A-1".to_owned(), vec!["A-1".to_owned(), "x".to_owned()])]);
    // Rules across registrations see what was there before.
    settle(&store, &both, &[cure(4, "2026-03-02").with("code", "A-2").of_patient(2)]).await;
    assert!(!found(&store).await.is_empty(), "another patient's cure refers to A-2, and nobody notices");
}

#[tokio::test]
async fn a_store_in_memory_goes_on_with_newer_definitions() {
    goes_on_with_newer_definitions(async |before: Option<MemoryStore>, registers| match before {
        Some(store) => store.reopened(registers),
        None => MemoryStore::new(registers),
    })
    .await;
}

#[tokio::test]
async fn a_database_goes_on_with_newer_definitions() {
    let folder = tempfile::tempdir().unwrap();
    goes_on_with_newer_definitions(async |before: Option<SqlStore>, registers| {
        drop(before);
        SqlStore::open(folder.path(), registers).await.unwrap()
    })
    .await;
}

async fn a_unique_id_belongs_to_one_record_of_a_hospital(store: &dyn DhwStore, registers: &Registers) {
    settle(store, registers, &[advice(1, "A-1").in_version(5), advice(1, "A-1").at_hospital(2)]).await;
    assert_eq!(store.count().await.unwrap(), 2);
    // Registered anew under the same unique id: whatever its version is.
    settle(store, registers, &[advice(2, "A-1").with("weight", "9")]).await;
    assert_eq!(store.count().await.unwrap(), 2);
    let values: Vec<_> = rows(store, registers, "Advice", 1).await.into_iter().map(|(_, values)| values).collect();
    assert_eq!(values, [vec!["A-1", "9"], vec!["A-1"]]);
}

async fn a_deletion_leaves_a_tombstone(store: &dyn DhwStore, registers: &Registers) {
    let heavy = |version: u32| advice(1, "A-1").in_version(version).with("weight", "301").with_item("variants|gene", 0, "EGFR");
    settle(store, registers, &[heavy(1), advice(2, "A-2")]).await;
    assert_eq!(settle(store, registers, &[heavy(3).deleted()]).await, [Answer::clean()]);
    assert_eq!(store.count().await.unwrap(), 1);
    assert!(found(store).await.is_empty());
    assert_eq!(settle(store, registers, &[heavy(2)]).await, [Answer::clean()]);
    assert_eq!(store.count().await.unwrap(), 1, "a version from before the deletion stays dead");
    settle(store, registers, &[heavy(4)]).await;
    assert_eq!(store.count().await.unwrap(), 2, "a version from after it lives");
    // A deletion that comes before what it deletes, in one batch and over two, and one that is overtaken.
    settle(store, registers, &[advice(7, "A-7").in_version(2).deleted(), advice(7, "A-7")]).await;
    settle(store, registers, &[heavy(3).deleted(), heavy(2).deleted()]).await;
    assert_eq!(store.count().await.unwrap(), 2);
    assert_eq!(store.validated(&items(&[&heavy(3).deleted(), &heavy(2).deleted(), &advice(7, "A-7")])).await.unwrap(), 3);
}

async fn findings_across_registrations_follow_what_stands(store: &dyn DhwStore, registers: &Registers) {
    let early = cure(1, "2024-01-01").with("code", "A-1").with("patient_id|sex", "248153007");
    let unique_id = format!("{}|2024-01-01", pseudonym(1));
    let answers = settle(store, registers, std::slice::from_ref(&early)).await;
    assert_eq!(answers[0].findings[0].rule.as_deref(), Some("X05"), "no advice yet");
    assert!(answers[0].clean, "which is a warning");
    let late = advice(2, "A-1").with("given", "2024-02-01").with("patient_id|sex", "248152002");
    let answers = settle(store, registers, std::slice::from_ref(&late)).await;
    assert_eq!(answers[0].findings.iter().map(|one| one.rule.as_deref()).collect::<Vec<_>>(), [Some("X01")]);
    let expected = [triple("Advice", "A-1", "X01"), triple("Cure", &unique_id, "X01"), triple("Cure", &unique_id, "X06")];
    assert_eq!(found(store).await, expected, "the cure was judged again");
    // Its own verdict stays as it was.
    assert_eq!(settle(store, registers, &[early]).await[0].findings[0].rule.as_deref(), Some("X05"));
    // The advice is corrected, then belongs to another patient, then goes.
    let corrected = late.in_version(2).with("given", "2023-12-31").with("patient_id|sex", "248153007");
    settle(store, registers, std::slice::from_ref(&corrected)).await;
    assert_eq!(found(store).await, []);
    let of_other = corrected.in_version(3).of_patient(2);
    settle(store, registers, std::slice::from_ref(&of_other)).await;
    assert_eq!(found(store).await, [triple("Cure", &unique_id, "X04"), triple("Advice", "A-1", "X03")]);
    settle(store, registers, &[of_other.in_version(4).deleted()]).await;
    assert_eq!(found(store).await, [triple("Cure", &unique_id, "X05")]);
}

async fn rows_come_sorted_and_page_by_page(store: &dyn DhwStore, registers: &Registers) {
    let drafts: Vec<Draft> = (0..40_u8)
        .map(|number| {
            let patient = number.wrapping_mul(17) % 13;
            let of_patient = advice(u32::from(number), &format!("A-{number}")).of_patient(patient);
            of_patient.with_item("variants|gene", u16::from(number % 3), "EGFR").at_hospital(number % 2)
        })
        .collect();
    settle(store, registers, &drafts).await;
    let register = registers.number("Advice", 1).unwrap();
    let all = store.rows(register, None, 100).await.unwrap();
    assert_eq!(all.len(), 40);
    assert!(all.is_sorted_by(|a, b| a.key < b.key));
    let (mut paged, mut after) = (Vec::new(), None);
    while let Some(page) = Some(store.rows(register, after.as_ref(), 7).await.unwrap()).filter(|page| !page.is_empty()) {
        after = page.last().map(|row| row.key.clone());
        paged.extend(page);
    }
    assert!(paged == all);
}

/// Whoever goes through the rows meets each of them once while pseudonyms change.
async fn a_rotation_leaves_rows_where_they_stand(store: &dyn DhwStore, registers: &Registers) {
    let drafts: Vec<Draft> =
        (0..12_u8).map(|patient| advice(patient.into(), &format!("A-{patient}")).of_patient(patient)).collect();
    settle(store, registers, &drafts).await;
    let register = registers.number("Advice", 1).unwrap();
    let before = store.rows(register, None, 100).await.unwrap();
    let (mut paged, mut after, mut recoded) = (Vec::new(), None, [3, 0, 9, 4].into_iter());
    while let Some(page) = Some(store.rows(register, after.as_ref(), 3).await.unwrap()).filter(|page| !page.is_empty()) {
        after = page.last().map(|row| row.key.clone());
        paged.extend(page);
        if let Some(patient) = recoded.next() {
            assert!(learn(store, &[pair(&pseudonym(patient), &later(patient))]).await.is_empty());
        }
    }
    let unique_ids = |rows: &[StoredRow]| rows.iter().map(|row| row.key.unique_id.clone()).collect::<Vec<_>>();
    assert_eq!(unique_ids(&paged), unique_ids(&before));
    // One patient who was two stands where the first of both stood.
    let other = advice(20, "A-20").of_patient(11).at_hospital(2);
    settle_as(store, registers, &[(other, later(11), vec![])]).await;
    assert_eq!(unique_ids(&store.rows(register, None, 100).await.unwrap()).last().unwrap(), "A-20");
    learn(store, &[pair(&pseudonym(11), &later(11)), pair(&later(2), &pseudonym(2))]).await;
    let all = store.rows(register, None, 100).await.unwrap();
    assert_eq!(all.iter().map(|row| &row.key).collect::<BTreeSet<_>>().len(), 13);
    assert!(all.is_sorted_by(|a, b| a.key < b.key));
    let firsts: Vec<&str> = all.iter().map(|row| row.key.first_pseudonym.as_str()).collect();
    assert_eq!((firsts[11], firsts[12]), (pseudonym(11).as_str(), pseudonym(11).as_str()));
    assert!(all[11].pseudonym == later(11) && all[12].pseudonym == later(11));
}

async fn passages_tell_what_happened(store: &dyn DhwStore, registers: &Registers) {
    let (one, two) = (advice(1, "A-1"), advice(2, "A-2"));
    let publication =
        |id: u128, registrations, dead| Arrived { id: Uuid::from_u128(id), at: Timestamp::EPOCH, registrations, dead };
    let mut batch = Batch {
        registrations: [&one, &two, &one].map(|draft| draft.registration(registers)).into(),
        publications: vec![publication(1, 2, vec![]), publication(2, 1, vec![(Uuid::from_u128(5), "CONTENT")])],
    };
    store.settle(&mut batch).await.unwrap();
    let passages = store.passages(0, 10).await.unwrap();
    let short: Vec<_> = passages
        .into_iter()
        .map(|(_, passage)| (passage.publication.as_u128(), passage.step, passage.queue, passage.outcome, passage.items))
        .collect();
    let expected = [
        (1, "7", "dhw.in".to_owned(), Outcome::Validated, items(&[&one, &two])),
        (2, "7", "dhw.in".to_owned(), Outcome::Known, items(&[&one])),
        (2, "7", "dhw.in.dead".to_owned(), Outcome::DeadLettered("CONTENT".to_owned()), vec![Uuid::from_u128(5)]),
    ];
    assert_eq!(short, expected);
}

fn later(patient: u8) -> String {
    pseudonym(patient).replace("healthdata.1.", "healthdata.2.")
}

fn pair(old: &str, new: &str) -> recoding::Pair {
    recoding::Pair { old: old.to_owned(), new: new.to_owned() }
}

async fn learn(store: &dyn DhwStore, pairs: &[recoding::Pair]) -> Vec<&'static str> {
    let findings = store.learn(pairs, Timestamp::EPOCH, &[]).await.unwrap();
    findings.into_iter().map(|finding| finding.refusal.code()).collect()
}

/// Settles drafts under other pseudonyms than their patients' first ones.
async fn settle_as(store: &dyn DhwStore, registers: &Registers, drafts: &[(Draft, String, Vec<String>)]) {
    let registrations = drafts.iter().map(|(draft, now, recoded_from)| {
        let mut registration = draft.registration(registers);
        let member = &mut registration.member;
        member.unique_id = member.unique_id.replace(&member.pseudonym, now);
        member.pseudonym.clone_from(now);
        registration.recoded_from.clone_from(recoded_from);
        registration
    });
    let registrations: Vec<_> = registrations.collect();
    let arrived = Arrived { id: Uuid::from_u128(77), at: Timestamp::EPOCH, registrations: drafts.len(), dead: vec![] };
    store.settle(&mut Batch { registrations, publications: vec![arrived] }).await.unwrap();
}

/// Each row's pseudonym and unique id, over all registers.
async fn standing(store: &dyn DhwStore, registers: &Registers) -> Vec<(String, String)> {
    let mut standing = Vec::new();
    for register in 0..registers.list().len() {
        let rows = store.rows(register, None, 100).await.unwrap();
        standing.extend(rows.into_iter().map(|row| (row.pseudonym, row.key.unique_id)));
    }
    standing
}

async fn rows_unique_ids_and_findings_are_recoded(store: &dyn DhwStore, registers: &Registers) {
    let first = cure(1, "2024-05-01").with("code", "C1").of_patient(3);
    settle(store, registers, &[first.clone(), advice(2, "A-2").of_patient(4)]).await;
    let unique_id = |patient: &str| format!("{patient}|2024-05-01");
    assert_eq!(store.findings(None, 9).await.unwrap()[0].key.unique_id, unique_id(&pseudonym(3)));
    for _ in 0..2 {
        assert!(learn(store, &[pair(&pseudonym(3), &later(3))]).await.is_empty());
        let all = standing(store, registers).await;
        assert_eq!(all.len(), 2);
        assert!(all.contains(&(later(3), unique_id(&later(3)))) && all.contains(&(pseudonym(4), "A-2".to_owned())), "{all:?}");
        let findings = store.findings(None, 9).await.unwrap();
        let keys: Vec<_> = findings.iter().map(|one| (one.key.pseudonym.clone(), one.key.unique_id.clone())).collect();
        assert_eq!(keys, [(later(3), unique_id(&later(3)))]);
    }
    // What comes late under the earlier one, and what comes under the later one, belong to the same row.
    settle(store, registers, &[first.clone().in_version(2)]).await;
    settle_as(store, registers, &[(first.in_version(3), later(3), vec![pseudonym(3)])]).await;
    assert_eq!((store.count().await.unwrap(), store.recoded().await.unwrap()), (2, 1));
    assert!(standing(store, registers).await.contains(&(later(3), unique_id(&later(3)))));
}

/// As if both had come under one pseudonym from the beginning.
async fn patients_who_meet_are_judged_anew(store: &dyn DhwStore, registers: &Registers) {
    let one = advice(1, "A-1").with("patient_id|sex", "248153007").of_patient(1);
    let other = advice(2, "A-2").with("patient_id|sex", "248152002").of_patient(1).at_hospital(2);
    let expected = {
        let together = MemoryStore::new(sample::registers());
        settle(&together, registers, &[one.clone(), other.clone()]).await;
        found(&together).await
    };
    assert!(!expected.is_empty());
    settle(store, registers, &[one]).await;
    settle_as(store, registers, &[(other, later(1), vec![])]).await;
    assert!(found(store).await.is_empty(), "they are two patients still");
    learn(store, &[pair(&pseudonym(1), &later(1))]).await;
    assert_eq!(found(store).await, expected);
    assert!(store.findings(None, 9).await.unwrap().iter().all(|one| one.key.pseudonym == later(1)));
}

async fn an_item_brings_its_earlier_pseudonyms_along(store: &dyn DhwStore, registers: &Registers) {
    settle(store, registers, &[cure(1, "2024-05-01").of_patient(3)]).await;
    settle_as(store, registers, &[(cure(1, "2024-05-01").of_patient(3).in_version(2), later(3), vec![pseudonym(3)])]).await;
    assert_eq!(standing(store, registers).await, [(later(3), format!("{}|2024-05-01", later(3)))]);
    assert!(learn(store, &[pair(&pseudonym(3), &later(3))]).await.is_empty());
}

async fn two_patients_stay_two(store: &dyn DhwStore, registers: &Registers) {
    settle(store, registers, &[cure(1, "2024-05-01").of_patient(1), cure(2, "2024-05-01").of_patient(2)]).await;
    let both = [pair(&pseudonym(1), &later(1)), pair(&pseudonym(2), &later(1))];
    assert_eq!(learn(store, &both).await, ["RECODE_COLLISION"]);
    let patients: Vec<String> = standing(store, registers).await.into_iter().map(|(patient, _)| patient).collect();
    assert!(patients.len() == 2 && patients.contains(&later(1)) && patients.contains(&pseudonym(2)), "{patients:?}");
    // Two rows of a hospital that would get one unique id.
    settle_as(store, registers, &[(cure(3, "2024-05-01").of_patient(2), later(2), vec![])]).await;
    assert_eq!(learn(store, &[pair(&pseudonym(2), &later(2))]).await, ["RECODE_CONFLICT"]);
    assert_eq!((store.count().await.unwrap(), store.recode_findings().await.unwrap().len()), (3, 2));
}

contract!(
    a_registration_comes_back_as_it_was,
    findings_are_kept_and_answered,
    a_known_item_is_answered_again_and_changes_nothing,
    a_later_version_replaces_and_an_earlier_one_does_not,
    versions_of_one_batch_leave_the_latest,
    a_version_may_move,
    a_unique_id_belongs_to_one_record_of_a_hospital,
    a_deletion_leaves_a_tombstone,
    findings_across_registrations_follow_what_stands,
    rows_come_sorted_and_page_by_page,
    a_rotation_leaves_rows_where_they_stand,
    passages_tell_what_happened,
    rows_unique_ids_and_findings_are_recoded,
    patients_who_meet_are_judged_anew,
    an_item_brings_its_earlier_pseudonyms_along,
    two_patients_stay_two,
);
