//! The two stores held against each other: whatever happens, they answer alike.

use envelope::ItemId;
use proptest::prelude::*;
use registration::{Comment, Receipt};

use super::*;
use crate::record::Action;

/// A version of a registration, or its deletion.
#[derive(Debug, Clone, Copy)]
struct Sent {
    sender: u8,
    registration: u8,
    version: u32,
    is_deletion: bool,
}

#[derive(Debug, Clone)]
enum Step {
    Receive(Vec<Sent>),
    Judge(Vec<(Sent, bool)>),
    Act(i64, u8),
    SendFirst(u32),
    Hear(Sent, u64),
    Again,
}

impl Sent {
    fn item(self) -> u128 {
        u128::from(self.registration) * 100 + u128::from(self.version) * 2 + u128::from(self.is_deletion)
    }

    fn sender(self) -> String {
        format!("S{}", self.sender)
    }

    /// Two registrations share a unique id, and one definition approves by itself.
    fn arrived(self) -> Arrived {
        let (kind, unique_id) = match self.is_deletion {
            true => (ContentKind::Deletion, String::new()),
            false => (ContentKind::Registration, format!("U{}", self.registration / 2)),
        };
        Arrived {
            sender: self.sender(),
            registration_id: Uuid::from_u128(u128::from(self.registration)),
            is_approved_automatically: self.registration == 3,
            kind,
            ..arrived(self.item(), &unique_id, self.version)
        }
    }
}

fn sent() -> impl Strategy<Value = Sent> {
    let parts = (0..2_u8, 0..4_u8, 1..5_u32, prop::bool::weighted(0.15));
    parts.prop_map(|(sender, registration, version, is_deletion)| Sent { sender, registration, version, is_deletion })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => prop::collection::vec(sent(), 1..12).prop_map(Step::Receive),
        3 => prop::collection::vec((sent(), any::<bool>()), 1..12).prop_map(Step::Judge),
        4 => (1..9_i64, 0..4_u8).prop_map(|(record, act)| Step::Act(record, act)),
        2 => (1..4_u32).prop_map(Step::SendFirst),
        2 => (sent(), 1..9_u64).prop_map(|(sent, number)| Step::Hear(sent, number)),
        1 => Just(Step::Again),
    ]
}

/// Takes a step, and says what the store answered.
async fn take(store: &dyn Hd4resStore, step: &Step) -> String {
    let researcher = store.researcher();
    match step {
        Step::Receive(sent) => {
            let arrivals: Vec<Arrived> = sent.iter().map(|sent| sent.arrived()).collect();
            format!("{:?}", receive(store, &arrivals).await)
        }
        Step::Judge(verdicts) => {
            let judged =
                verdicts.iter().map(|(sent, is_clean)| Judged { sender: sent.sender(), ..judged(sent.item(), *is_clean) });
            format!("{:?}", store.judge(&judged.collect::<Vec<_>>(), &[]).await.unwrap())
        }
        Step::Act(record, act) => {
            let comments = || vec![Comment { place: None, text: "Why?".to_owned() }];
            let action = match act {
                0 | 1 => Action::Approve,
                2 => Action::RequestCorrections(comments()),
                _ => Action::RequestFollowUp(comments()),
            };
            format!("{:?}", researcher.act(*record, &action, &column, &By::role("researcher"), at(1)).await.unwrap())
        }
        Step::SendFirst(limit) => {
            let due = store.outbox().due(at(2), *limit).await.unwrap();
            let sent = due.iter().map(|one| crate::store::Sent { feedback: one.feedback, next_send_at: Some(at(3)) });
            store.outbox().sent(&sent.collect::<Vec<_>>(), at(2), &[]).await.unwrap();
            format!("{due:?}")
        }
        Step::Hear(sent, number) => {
            let item = ItemId::from_uuid(Uuid::from_u128(sent.item()));
            let heard = ["APPROVAL", "CORRECTION_REQUEST", "FOLLOW_UP_REQUEST"].map(|kind| Heard {
                receipt: item.derived(&format!("{kind} {number}")).derived(Receipt::DERIVATION),
                sender: sent.sender(),
                registration_id: sent.arrived().registration_id,
            });
            store.outbox().heard(&heard, at(2), &[]).await.unwrap();
            String::new()
        }
        Step::Again => format!("{}", store.outbox().again(at(2)).await.unwrap()),
    }
}

/// All that a store shows.
async fn sight(store: &dyn Hd4resStore) -> String {
    let researcher = store.researcher();
    let mut seen = format!("{:?} {:?}", store.unvalidated(0, 99).await.unwrap(), store.outbox().due(at(9), 99).await.unwrap());
    for row in researcher.list(&Filter::default(), None, 99).await.unwrap() {
        seen.push_str(&format!("{:?}", researcher.view(row.record).await.unwrap()));
    }
    for registration in 0..4 {
        seen.push_str(&format!("{:?}", researcher.of_registration(Uuid::from_u128(registration)).await.unwrap()));
        let unique_id = format!("U{}", registration / 2);
        seen.push_str(&format!("{:?}", researcher.find(None, "Made_Up", &unique_id).await.unwrap()));
        seen.push_str(&format!("{:?}", store.status("S0", "Made_Up", &unique_id).await.unwrap()));
    }
    seen
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_stores_answer_alike(steps in prop::collection::vec(step(), 1..30)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let (memory, sqlite) = (MemoryStore::default(), SqlStore::open(folder.path()).await.unwrap());
            let postgres = SqlStore::open(store::test_server::database().await.unwrap()).await.unwrap();
            for (number, step) in steps.iter().enumerate() {
                let taken = take(&memory, step).await;
                prop_assert_eq!(&taken, &take(&sqlite, step).await, "step {} of {:?}", number, &steps);
                prop_assert_eq!(&taken, &take(&postgres, step).await, "step {} of {:?} in PostgreSQL", number, &steps);
                let seen = sight(&memory).await;
                prop_assert_eq!(&seen, &sight(&sqlite).await, "after step {} of {:?}", number, &steps);
                prop_assert_eq!(&seen, &sight(&postgres).await, "after step {} of {:?} in PostgreSQL", number, &steps);
            }
            Ok(())
        })?;
    }
}
