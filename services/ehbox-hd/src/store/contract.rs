//! What every implementation of the store must do: the same tests for all of them.

use super::*;

fn binding(sender: &str, hospital: &str, tag: u8, pseudonym: &str) -> Binding {
    Binding { sender: sender.to_owned(), hospital: hospital.parse().unwrap(), tag: [tag; 16], pseudonym: pseudonym.to_owned() }
}

async fn bind(store: &dyn HdStore, bindings: &[Binding]) -> Vec<bool> {
    store.bind(&bindings.iter().collect::<Vec<_>>()).await.unwrap()
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
);
