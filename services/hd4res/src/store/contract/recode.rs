//! Rotation: records go to the latest pseudonym, whatever comes first.

use recoding::Pair;

use super::*;

fn name(patient: u8, epoch: u32) -> String {
    format!("healthdata.{epoch}.PATIENT{patient}")
}

fn pair(patient: u8, from: u32, to: u32) -> Pair {
    Pair { old: name(patient, from), new: name(patient, to) }
}

/// An item about a patient whose pseudonym is part of the unique id.
fn of(patient: u8, epoch: u32, item: u128) -> Arrived {
    let pseudonym = name(patient, epoch);
    let unique_id = format!("{pseudonym}|2024-01-01");
    Arrived { registration_id: Uuid::from_u128(patient.into()), unique_id, pseudonym, ..arrived(item, "", item as u32) }
}

async fn learn(store: &dyn Hd4resStore, pairs: &[Pair]) -> Vec<&'static str> {
    let findings = store.learn(pairs, Timestamp::EPOCH, &[]).await.unwrap();
    findings.into_iter().map(|finding| finding.refusal.code()).collect()
}

async fn pseudonym(store: &dyn Hd4resStore, record: i64) -> String {
    store.researcher().view(record).await.unwrap().unwrap().pseudonym
}

async fn has(store: &dyn Hd4resStore, patient: u8, epoch: u32) -> bool {
    store.status("SA", "Made_Up", &format!("{}|2024-01-01", name(patient, epoch))).await.unwrap().is_some()
}

async fn a_record_goes_to_the_latest_pseudonym_with_its_unique_id(store: &dyn Hd4resStore) {
    let plain = Arrived { registration_id: Uuid::from_u128(50), pseudonym: name(1, 1), ..arrived(50, "U1", 1) };
    receive(store, &[of(1, 1, 1), of(2, 1, 2), plain]).await;
    for _ in 0..2 {
        assert!(learn(store, &[pair(1, 1, 2)]).await.is_empty());
        assert_eq!(
            (pseudonym(store, 1).await, pseudonym(store, 2).await, pseudonym(store, 3).await),
            (name(1, 2), name(2, 1), name(1, 2))
        );
    }
    assert!(has(store, 1, 2).await && !has(store, 1, 1).await && has(store, 2, 1).await);
    assert_eq!(store.status("SA", "Made_Up", "U1").await.unwrap(), Some(RecordStatus::New));
    assert_eq!((store.recoded().await.unwrap(), store.records().await.unwrap()), (1, 3));
    let untold = store.untold(10).await.unwrap();
    assert_eq!(untold.iter().map(|one| one.pair.clone()).collect::<Vec<_>>(), [pair(1, 1, 2)]);
    // Nothing else of an item changes: it is known again, and its verdict counts.
    assert_eq!(receive(store, &[of(1, 1, 1)]).await, [Reception::Known { status_number: 1, hand_over: true }]);
    judge(store, 1, true).await;
    assert_eq!(receive(store, &[of(1, 2, 1)]).await, [Reception::Known { status_number: 1, hand_over: false }]);
}

async fn what_comes_late_or_early_belongs_to_its_record(store: &dyn Hd4resStore) {
    receive(store, &[of(1, 1, 1)]).await;
    learn(store, &[pair(1, 1, 2)]).await;
    assert_eq!(receive(store, &[of(1, 1, 3)]).await, [Reception::New { status_number: 2 }], "late, under the earlier one");
    let early = Arrived { recoded_from: vec![name(1, 1), name(1, 2)], ..of(1, 3, 4) };
    assert_eq!(receive(store, &[early]).await, [Reception::New { status_number: 3 }], "early, under the next one");
    assert_eq!(store.records().await.unwrap(), 1);
    assert_eq!(pseudonym(store, 1).await, name(1, 3));
    assert!(has(store, 1, 3).await);
    // The pair that the item brought comes by itself as well.
    assert!(learn(store, &[pair(1, 2, 3), pair(1, 1, 3)]).await.is_empty());
    // Two records in one batch, of which one brings the pair.
    receive(store, &[of(2, 1, 5)]).await;
    receive(store, &[Arrived { recoded_from: vec![name(2, 1)], ..of(2, 3, 6) }, of(2, 1, 7)]).await;
    assert_eq!((store.records().await.unwrap(), pseudonym(store, 2).await), (2, name(2, 3)));
}

async fn two_patients_stay_two(store: &dyn Hd4resStore) {
    receive(store, &[of(1, 1, 1), of(2, 1, 2)]).await;
    let both = [pair(1, 1, 2), Pair { old: name(2, 1), new: name(1, 2) }];
    assert_eq!(learn(store, &both).await, ["RECODE_COLLISION"]);
    assert_eq!((pseudonym(store, 1).await, pseudonym(store, 2).await), (name(1, 2), name(2, 1)));
    assert!(learn(store, &both).await.is_empty(), "it is found once");
    assert_eq!(store.recode_findings().await.unwrap().len(), 1);
    assert_eq!(receive(store, &[of(2, 1, 3)]).await, [Reception::New { status_number: 2 }]);
    assert_eq!(store.records().await.unwrap(), 2);
}

async fn two_living_records_never_get_one_unique_id(store: &dyn Hd4resStore) {
    let other = Arrived { registration_id: Uuid::from_u128(9), ..of(1, 2, 2) };
    receive(store, &[of(1, 1, 1), other]).await;
    assert_eq!(learn(store, &[pair(1, 1, 2), pair(3, 1, 2)]).await, ["RECODE_CONFLICT"]);
    assert_eq!((pseudonym(store, 1).await, pseudonym(store, 2).await), (name(1, 1), name(1, 2)));
    assert!(has(store, 1, 1).await && has(store, 1, 2).await);
    assert_eq!(store.recoded().await.unwrap(), 1, "the pair beside it counts");
}

async fn a_patient_known_under_two_pseudonyms_becomes_one(store: &dyn Hd4resStore) {
    let under = |number: u128, patient: u8, epoch: u32| Arrived {
        registration_id: Uuid::from_u128(number),
        pseudonym: name(patient, epoch),
        ..arrived(number, &format!("U{number}"), 1)
    };
    receive(store, &[under(1, 1, 1), under(2, 1, 2), under(3, 1, 3), under(4, 2, 1)]).await;
    assert!(learn(store, &[pair(1, 1, 2), pair(1, 2, 3)]).await.is_empty());
    let names = [pseudonym(store, 1).await, pseudonym(store, 2).await, pseudonym(store, 3).await, pseudonym(store, 4).await];
    assert_eq!(names, [name(1, 3), name(1, 3), name(1, 3), name(2, 1)]);
    // Whoever comes later belongs to the one that stayed, under whatever name.
    receive(store, &[under(5, 1, 1), under(6, 1, 3)]).await;
    assert_eq!((pseudonym(store, 5).await, pseudonym(store, 6).await), (name(1, 3), name(1, 3)));
    assert!(learn(store, &[pair(1, 3, 4)]).await.is_empty());
    assert_eq!((pseudonym(store, 1).await, pseudonym(store, 6).await), (name(1, 4), name(1, 4)));
}

contract!(
    a_patient_known_under_two_pseudonyms_becomes_one,
    a_record_goes_to_the_latest_pseudonym_with_its_unique_id,
    what_comes_late_or_early_belongs_to_its_record,
    two_patients_stay_two,
    two_living_records_never_get_one_unique_id,
);
