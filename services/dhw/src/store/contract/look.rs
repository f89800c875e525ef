//! What people look at: registrations, findings, counts, verdicts.

use dcd::Severity;

use super::*;
use crate::{
    findings::FindingKey,
    store::{FindingFilter, Only, RowKey},
};

async fn codes(store: &dyn DhwStore, filter: &FindingFilter, after: Option<&FindingKey>, limit: u32) -> Vec<(String, String)> {
    let found = store.look().found(filter, after, limit).await.unwrap();
    found.into_iter().map(|found| (found.finding.key.unique_id, found.finding.rule.unwrap_or(found.finding.code))).collect()
}

fn pair(unique_id: &str, rule: &str) -> (String, String) {
    (unique_id.to_owned(), rule.to_owned())
}

async fn registrations_come_with_their_ids_and_by_a_value(store: &dyn DhwStore, registers: &Registers) {
    let drafts = [
        advice(1, "A-1").with("notes", "x").with_item("variants|gene", 0, "EGFR"),
        advice(2, "A-2").of_patient(2).with("notes", "y"),
        advice(3, "A-3").of_patient(3).with("notes", "x").in_version(2),
    ];
    settle(store, registers, &drafts).await;
    let register = registers.number("Advice", 1).unwrap();
    let field = registers.get(register).unwrap().definition().field_no("notes").unwrap();
    let standing = async |only, after, limit| store.look().standing(register, only, after, limit).await.unwrap();
    let all = standing(None, None, 10).await;
    assert_eq!(all.len(), 3);
    let rows: Vec<_> = all.iter().map(|one| one.row.clone()).collect();
    assert_eq!(rows, store.rows(register, None, 10).await.unwrap());
    for one in &all {
        let draft = drafts.iter().find(|draft| one.row.key.unique_id == format!("A-{}", draft.registration)).unwrap();
        let content = draft.content();
        assert_eq!((one.registration_id, one.version), (content.head().registration_id, content.head().version));
    }
    let only = |value| Some(Only { field, value });
    let keys = |rows: Vec<crate::store::StandingRow>| -> Vec<RowKey> { rows.into_iter().map(|one| one.row.key).collect() };
    let x = keys(standing(only("x"), None, 10).await);
    assert_eq!(x, [all[0].row.key.clone(), all[2].row.key.clone()]);
    assert_eq!(keys(standing(only("x"), Some(&x[0]), 10).await), x[1..]);
    assert_eq!(keys(standing(only("x"), None, 1).await), x[..1]);
    assert!(standing(only("x' OR '1'='1"), None, 10).await.is_empty());
    let held: Vec<u64> = store.look().held().await.unwrap().iter().map(|held| held.registrations).collect();
    assert_eq!((held.len(), held[register], held.iter().sum()), (registers.list().len(), 3, 3_u64));
}

async fn findings_are_found_by_register_rule_and_severity(store: &dyn DhwStore, registers: &Registers) {
    let drafts = [
        advice(1, "A-1").with("weight", "301").with("notes", "n"),
        advice(2, "A-2").of_patient(2).with("weight", "-1"),
        cure(3, "2024-05-01").with("code", "none").of_patient(3),
    ];
    settle(store, registers, &drafts).await;
    let cure = format!("{}|2024-05-01", pseudonym(3));
    let every = FindingFilter::default();
    let all = [pair("A-1", "A01"), pair("A-1", "A02"), pair("A-2", "V04"), pair(&cure, "X05")];
    assert_eq!(codes(store, &every, None, 10).await, all);
    let first = store.look().found(&every, None, 2).await.unwrap();
    assert_eq!(codes(store, &every, Some(&first[1].finding.key), 10).await, all[2..]);
    let by_register = FindingFilter { dcd: Some("Cure".to_owned()), ..every.clone() };
    assert_eq!(codes(store, &by_register, None, 10).await, all[3..]);
    assert_eq!(codes(store, &by_register, Some(&first[0].finding.key), 10).await, all[3..]);
    let by_rule = FindingFilter { rule: Some("A02".to_owned()), ..every.clone() };
    assert_eq!(codes(store, &by_rule, None, 10).await, all[1..2]);
    let by_code = FindingFilter { rule: Some("V04".to_owned()), ..every.clone() };
    assert_eq!(codes(store, &by_code, None, 10).await, all[2..3]);
    let warnings = FindingFilter { severity: Some(Severity::Warning), ..every };
    assert_eq!(codes(store, &warnings, None, 10).await, [all[1].clone(), all[3].clone()]);
    let ids: Vec<_> = first.iter().map(|found| found.registration_id).collect();
    assert_eq!(ids, [Some(drafts[0].content().head().registration_id); 2]);
    let counts = store.look().finding_counts().await.unwrap();
    let counts: Vec<_> = counts.iter().map(|count| (count.dcd.as_str(), count.severity, count.count)).collect();
    let expected = [("Advice", Severity::Error, 2), ("Advice", Severity::Warning, 1), ("Cure", Severity::Warning, 1)];
    assert_eq!(counts, expected);
}

async fn verdicts_are_found_by_item_and_sender(store: &dyn DhwStore, registers: &Registers) {
    let heavy = advice(1, "A-1").with("weight", "301");
    let answers = settle(store, registers, std::slice::from_ref(&heavy)).await;
    let mut foreign = heavy.clone().at_hospital(2).registration(registers);
    foreign.item = heavy.item_id();
    let arrived = Arrived { id: Uuid::nil(), at: Timestamp::EPOCH, registrations: 1, dead: Vec::new() };
    store.settle(&mut Batch { registrations: vec![foreign], publications: vec![arrived] }).await.unwrap();
    let verdicts = store.look().verdicts(heavy.item_id()).await.unwrap();
    let mut senders = [sender(1), sender(2)];
    senders.sort();
    assert_eq!(verdicts.iter().map(|(sender, _)| sender.clone()).collect::<Vec<_>>(), senders);
    assert!(verdicts.iter().all(|(_, answer)| *answer == answers[0]));
    assert!(store.look().verdicts(advice(9, "A-9").item_id()).await.unwrap().is_empty());
}

contract!(
    registrations_come_with_their_ids_and_by_a_value,
    findings_are_found_by_register_rule_and_severity,
    verdicts_are_found_by_item_and_sender,
);
