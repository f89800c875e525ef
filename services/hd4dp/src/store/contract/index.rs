//! The part of the contract that finds registrations.

use super::*;

const TAG: [u8; 16] = [5; 16];

fn entry(number: u128, facets: &[i64]) -> Entry {
    let facets = facets.iter().map(|facet| Facet(*facet)).collect();
    Entry { registration_id: Uuid::from_u128(number), patient_tag: Some(TAG), facets }
}

async fn changed(store: &dyn Hd4dpStore, limit: u32) -> Vec<Vec<u128>> {
    let changes = store.changes(limit).await.unwrap();
    let numbers: Vec<i64> = changes.iter().map(|change| change.number).collect();
    assert!(numbers.is_sorted_by(|one, next| one < next));
    changes.iter().map(|change| change.registrations.iter().map(Uuid::as_u128).collect()).collect()
}

pub(super) async fn what_changes_waits_until_it_is_indexed(store: &dyn Hd4dpStore) {
    assert!(changed(store, 9).await.is_empty());
    submitted(store, vec![version(1, 1), version(2, 1)], vec![]).await;
    submitted(store, vec![], vec![(Uuid::from_u128(1), 1)]).await;
    submitted(store, vec![version(3, 1)], vec![]).await;
    assert_eq!(changed(store, 9).await, [vec![1, 2], vec![3]]);
    assert_eq!(changed(store, 2).await, [[1, 2]]);
    assert_eq!(changed(store, 1).await, [[1, 2]], "one change at least");
    let first = store.changes(1).await.unwrap()[0].number;
    let up_to = store.changes(9).await.unwrap()[1].number;
    store.index(&[entry(1, &[7]), entry(2, &[7, 8])], first).await.unwrap();
    assert_eq!(changed(store, 9).await, [[3]]);
    store.index(&[entry(3, &[8])], up_to).await.unwrap();
    assert!(changed(store, 9).await.is_empty());
    // What people do is followed too.
    let id = Uuid::from_u128(1);
    store.confirm(&[(id, 1)], at(2), &[]).await.unwrap();
    store.reopen(id, "ann".into(), at(3)).await.unwrap().unwrap();
    assert!(changed(store, 9).await.is_empty(), "its values are as they were");
    let draft = Draft { dcd_version: 7, is_valid: true, cells: version(9, 1).cells, attachments: Vec::new() };
    store.save(id, &draft, "ann".into(), at(4)).await.unwrap().unwrap();
    let kept = Kept {
        registration_id: Uuid::from_u128(5),
        version: 0,
        dcd: "Made_Up".to_owned(),
        unique_key: "key 5".to_owned(),
        draft: draft.clone(),
        author: "ann".to_owned(),
        reopens: false,
    };
    store.create(&Creation::Kept(kept), at(5)).await.unwrap().unwrap();
    store.remove(Uuid::from_u128(5), None, at(6)).await.unwrap().unwrap();
    let deletion = NewVersion { kind: ContentKind::Deletion, author: Some("ann".to_owned()), ..version(1, 2) };
    assert_eq!(changed(store, 9).await, [[1], [5], [5]]);
    let values = store.values(&[id, id, Uuid::from_u128(2), Uuid::from_u128(5)]).await.unwrap();
    let mut values: Vec<_> =
        values.iter().map(|(dcd, one)| (dcd.as_str(), one.registration_id.as_u128(), one.dcd_version)).collect();
    values.sort_unstable();
    assert_eq!(values, [("Made_Up", 1, 7), ("Made_Up", 2, 1)]);
    store.advance(&deletion, None, at(7)).await.unwrap().unwrap();
    assert_eq!(changed(store, 9).await.len(), 4);
    assert!(store.values(&[id]).await.unwrap().is_empty(), "it is deleted");
}

pub(super) async fn registrations_are_found_by_value_and_patient(store: &dyn Hd4dpStore) {
    let all: Vec<NewVersion> = (1..=4).map(|number| version(number, 1)).collect();
    submitted(store, all, vec![]).await;
    let up_to = store.changes(9).await.unwrap()[0].number;
    let other = Entry { patient_tag: Some([6; 16]), ..entry(4, &[8]) };
    store.index(&[entry(1, &[7]), entry(2, &[7, 8]), entry(3, &[7]), other], up_to).await.unwrap();
    let with = async |facet, after: Option<u128>, limit| {
        let found = store.with_value(Facet(facet), after.map(Uuid::from_u128), limit, at(2)).await.unwrap();
        found.iter().map(|one| one.registration_id.as_u128()).collect::<Vec<_>>()
    };
    assert_eq!(with(7, None, 9).await, [1, 2, 3]);
    assert_eq!(with(7, Some(1), 1).await, [2]);
    assert_eq!(with(8, None, 9).await, [2, 4]);
    let of = async |tag| store.of_patient(tag, 9).await.unwrap().iter().map(Uuid::as_u128).collect::<Vec<_>>();
    assert_eq!((of(TAG).await, of([6; 16]).await, of([9; 16]).await), (vec![1, 2, 3], vec![4], vec![]));
    assert_eq!(store.patients(None, 9).await.unwrap(), [TAG, [6; 16]]);
    assert_eq!(store.patients(Some(TAG), 9).await.unwrap(), [[6; 16]]);
    // Another entry takes the place of the one before, and an empty one ends it.
    let gone = Entry { registration_id: Uuid::from_u128(3), patient_tag: None, facets: Vec::new() };
    store.index(&[entry(2, &[9]), gone], up_to).await.unwrap();
    assert_eq!((with(7, None, 9).await, with(8, None, 9).await, with(9, None, 9).await), (vec![1], vec![4], vec![2]));
    assert_eq!(of(TAG).await, [1, 2]);
}
