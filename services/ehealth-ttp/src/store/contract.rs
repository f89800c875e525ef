//! What every implementation of the TTP's store must do: the same tests for all of them.

use identifying::{GeneratedId, Identity, SharedHospitalKey};

use super::*;

fn marks(count: i16) -> Vec<Mark> {
    let key = SharedHospitalKey::new([1; 32]);
    let identity = |number| Identity::Generated(GeneratedId::derive(&key, &format!("Name{number}"), "First", (1960, 1, 1), "1"));
    (0..count).map(|number| Mark::of(&[7; 32], &identity(number))).collect()
}

async fn counts_per_sender_and_day(store: &dyn TtpStore) {
    store.day_key(1, [7; 32]).await.unwrap();
    let marks = marks(60);
    let admitted = async |day, sender: &'static str| {
        let admitted = store.admit(day, sender, &marks, 50).await.unwrap();
        admitted.iter().filter(|passed| **passed).count()
    };
    let first = admitted(1, "ehbox-hco-00000196").await;
    assert!((50..=52).contains(&first), "{first}");
    assert_eq!(admitted(1, "ehbox-hco-00000196").await, first, "who was let through passes again, who was not does not");
    assert_eq!(store.asked(1).await.unwrap(), BTreeMap::from([("ehbox-hco-00000196".to_owned(), first as u64)]));
    assert_eq!(admitted(1, "ehbox-hco-00000295").await, first, "another sender has its own quota");
    assert_eq!((store.asked(1).await.unwrap().len(), store.asked(2).await.unwrap()), (2, BTreeMap::new()));
    store.day_key(2, [8; 32]).await.unwrap();
    assert_eq!(admitted(2, "ehbox-hco-00000196").await, first, "a new day starts from nothing");
}

async fn at_midnight_the_day_before_still_counts(store: &dyn TtpStore) {
    let (sender, marks) = ("ehbox-hco-00000196", marks(60));
    let admitted = async |day| store.admit(day, sender, &marks, 50).await.unwrap().iter().filter(|passed| **passed).count();
    store.day_key(7, [1; 32]).await.unwrap();
    let first = admitted(7).await;
    store.day_key(8, [2; 32]).await.unwrap();
    assert_eq!(store.day_key(7, [3; 32]).await.unwrap(), [1; 32], "who is a day behind counts on the key of that day");
    assert_eq!(admitted(7).await, first, "and nobody new passes");
    store.day_key(9, [4; 32]).await.unwrap();
    assert_eq!(store.day_key(7, [5; 32]).await.unwrap(), [5; 32], "on the second day after it is forgotten");
}

async fn the_key_of_a_day_stays_for_the_day(store: &dyn TtpStore) {
    assert_eq!(store.day_key(5, [1; 32]).await.unwrap(), [1; 32]);
    assert_eq!(store.day_key(5, [2; 32]).await.unwrap(), [1; 32]);
    assert_eq!(store.day_key(6, [3; 32]).await.unwrap(), [3; 32]);
}

async fn a_recoding_is_noted_once_per_publication(store: &dyn TtpStore) {
    let recoding = |publication, to_epoch| Recoding {
        publication: Uuid::from_u128(publication),
        at: Timestamp::from_micros(7),
        asked_by: "ehbox-hd".to_owned(),
        pseudonyms: 1_024,
        refused: 3,
        epochs: BTreeSet::from([1, 12]),
        to_epoch,
    };
    for (publication, to_epoch) in [(2, 13), (1, 13), (2, 14)] {
        store.note_recoding(&recoding(publication, to_epoch)).await.unwrap();
    }
    assert_eq!(store.recodings().await.unwrap(), [recoding(2, 13), recoding(1, 13)]);
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
    counts_per_sender_and_day,
    at_midnight_the_day_before_still_counts,
    the_key_of_a_day_stays_for_the_day,
    a_recoding_is_noted_once_per_publication,
);
