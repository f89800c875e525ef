use proptest::prelude::*;
use store::{Location, Schema};

use super::*;
use crate::memory::MemoryPairs;

const SCHEMA: Schema = Schema {
    steps: &[
        patients::TABLES,
        TABLES,
        "CREATE TABLE thing (id INTEGER PRIMARY KEY, patient INTEGER NOT NULL, about TEXT NOT NULL, names_patient INTEGER NOT NULL);",
    ],
};

#[derive(Debug)]
struct Store {
    database: Database,
}

impl InDatabase for Store {
    fn database(&self) -> &Database {
        &self.database
    }
}

impl Tells for Store {}

struct Things;

#[async_trait]
impl Rows for Things {
    async fn conflicting(&self, _: &mut Connection, _: &Renaming) -> Result<BTreeSet<String>, StoreError> {
        Ok(BTreeSet::new())
    }

    async fn recode(&self, connection: &mut Connection, renaming: &Renaming) -> Result<(), StoreError> {
        const ABOUT: &str = "UPDATE thing SET about = replace(thing.about, moves.old, moves.new) FROM moves
            WHERE thing.patient = moves.patient AND thing.names_patient = 1";
        renaming.update(connection, ABOUT).await?;
        for merge in &renaming.merged {
            connection
                .query("UPDATE thing SET patient = ? WHERE patient = ?")
                .bind(merge.into)
                .bind(merge.from)
                .execute()
                .await?;
        }
        Ok(())
    }
}

impl Store {
    async fn open(location: impl Into<Location>) -> Self {
        Self { database: Database::open(location, "recoding", SCHEMA).await.unwrap() }
    }

    /// Writes a row about each of these, as they are called now.
    async fn arrive(&self, names: &[String]) {
        let mut transaction = self.database.write().await.unwrap();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let known = load(&mut transaction, &names).await.unwrap();
        let now: Vec<&str> = names.iter().map(|name| known.now(name)).collect();
        let numbers = patients::numbers(&mut transaction, &now).await.unwrap();
        for name in now {
            const INSERT: &str =
                "INSERT INTO thing (id, patient, about, names_patient) SELECT coalesce(max(id), 0) + 1, ?, ?, 1 FROM thing";
            transaction.query(INSERT).bind(numbers.number(name)).bind(format!("about {name}")).execute().await.unwrap();
        }
        transaction.commit().await.unwrap();
    }

    async fn learn(&self, wanted: &[Pair]) -> Vec<Refusal> {
        let mut transaction = self.database.write().await.unwrap();
        let learned = learn(&mut transaction, &Things, wanted, Said::ByTtp, Timestamp::EPOCH).await.unwrap();
        transaction.commit().await.unwrap();
        learned.findings.into_iter().map(|finding| finding.refusal).collect()
    }

    /// What each row says, and of whom it is.
    async fn things(&self) -> Vec<(String, String)> {
        const SELECT: &str = "SELECT t.about, p.pseudonym FROM thing t JOIN patient p ON p.id = t.patient ORDER BY t.id";
        let rows = self.database.query(SELECT).fetch_all().await.unwrap();
        rows.iter().map(|row| (row.try_get("about").unwrap(), row.try_get("pseudonym").unwrap())).collect()
    }

    async fn count(&self, select: &'static str) -> i64 {
        self.database.query(select).scalar().await.unwrap()
    }
}

/// Twenty patients, of whom many share the beginning of their code.
fn name(patient: u8, epoch: u32) -> String {
    format!("healthdata.{epoch}.{epoch}PATIEN{}", patient % 20)
}

fn pair(patient: u8, from: u32, to: u32) -> Pair {
    Pair { old: name(patient, from), new: name(patient, to) }
}

#[derive(Debug, Clone)]
enum Act {
    Arrive(Vec<(u8, u32)>),
    Learn(Vec<(u8, u32, u32)>),
}

fn act() -> impl Strategy<Value = Act> {
    let arrive = prop::collection::vec((0..20_u8, 1..5_u32), 0..30).prop_map(Act::Arrive);
    let learn = prop::collection::vec((0..20_u8, 1..5_u32, 1..5_u32), 0..30).prop_map(Act::Learn);
    prop_oneof![arrive, learn]
}

/// The store agrees with the pure pairs, in whatever order names come and pairs are learned; every row follows its patient, and is of one only.
async fn agrees_with_pure_pairs(store: &Store, acts: &[Act]) {
    let (mut pure, mut arrived) = (MemoryPairs::default(), Vec::new());
    for act in acts {
        match act {
            Act::Arrive(of) => {
                let names: Vec<String> = of.iter().map(|(patient, epoch)| name(*patient, *epoch)).collect();
                store.arrive(&names).await;
                arrived.extend(names);
            }
            Act::Learn(steps) => {
                // Also steps that go back, or nowhere.
                let wanted: Vec<Pair> = steps.iter().map(|(patient, from, to)| pair(*patient, *from, *to)).collect();
                let findings = pure.learn(&wanted, |_| BTreeSet::new()).findings;
                assert_eq!(store.learn(&wanted).await, findings.iter().map(|finding| finding.refusal).collect::<Vec<_>>());
            }
        }
        let now = |name: &String| (format!("about {}", pure.pairs.now(name)), pure.pairs.now(name).to_owned());
        assert_eq!(store.things().await, arrived.iter().map(now).collect::<Vec<_>>());
    }
    let mut reader = store.database.read().await.unwrap();
    for patient in 0..20 {
        for epoch in 1..5 {
            let name = name(patient, epoch);
            let known = load(&mut reader, &[&name]).await.unwrap();
            let earlier = |pairs: &Pairs| pairs.earlier(pairs.now(&name)).map(str::to_owned).collect::<Vec<_>>();
            assert_eq!((known.now(&name), earlier(&known)), (pure.pairs.now(&name), earlier(&pure.pairs)), "{name}");
            let patients = Patients::of(&mut reader, &[&name]).await.unwrap();
            assert_eq!((patients.now(&name), patients.earlier(&name)), (known.now(&name), &*earlier(&known)), "{name}");
        }
    }
    drop(reader);
    let told = |pairs: Vec<UntoldPair>| pairs.into_iter().map(|one| (one.number, one.pair.old, one.pair.new)).collect::<Vec<_>>();
    assert_eq!(told(store.untold(1_000).await.unwrap()), told(pure.untold(1_000)));
    assert_eq!(recoded(&store.database).await.unwrap(), pure.recoded());
    // A name is one patient's, and only that of somebody who is there.
    const ASTRAY: &str =
        "SELECT count(*) FROM (SELECT patient FROM patient_name UNION ALL SELECT patient FROM patient_name_fresh) AS named
        WHERE patient NOT IN (SELECT id FROM patient)";
    assert_eq!(store.count(ASTRAY).await, 0);
    const TWICE: &str = "SELECT count(*) - count(DISTINCT pseudonym) FROM patient";
    assert_eq!(store.count(TWICE).await, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_store_agrees_with_pure_pairs(acts in prop::collection::vec(act(), 1..8)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            agrees_with_pure_pairs(&Store::open(folder.path()).await, &acts).await;
        });
    }
}

#[tokio::test]
async fn postgresql_agrees_with_pure_pairs() {
    let store = Store::open(store::test_server::database().await.unwrap()).await;
    let all = || (0..20_u8).flat_map(|patient| [(patient, 1_u32), (patient, 2)]);
    let acts = [
        Act::Arrive(all().collect()),
        Act::Learn(all().map(|(patient, epoch)| (patient, epoch, epoch + 1)).collect()),
        Act::Arrive(all().rev().collect()),
        Act::Learn(vec![(3, 2, 4), (3, 4, 3), (4, 4, 4)]),
    ];
    agrees_with_pure_pairs(&store, &acts).await;
}

#[tokio::test]
async fn fresh_names_are_gathered_and_found_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await;
    const FRESH: &str = "SELECT count(*) FROM patient_name_fresh";
    const GATHERED: &str = "SELECT count(*) FROM patient_name";
    store.arrive(&(0..15).map(|patient| name(patient, 1)).collect::<Vec<_>>()).await;
    assert_eq!((store.count(FRESH).await, store.count(GATHERED).await), (15, 0));
    store.arrive(&(10..17).map(|patient| name(patient, 1)).collect::<Vec<_>>()).await;
    assert_eq!((store.count(FRESH).await, store.count(GATHERED).await), (0, 17));
    store.learn(&(0..20).map(|patient| pair(patient, 1, 2)).collect::<Vec<_>>()).await;
    assert_eq!((store.count(FRESH).await, store.count(GATHERED).await), (0, 40));
    let about = store.things().await.into_iter().map(|(_, patient)| patient);
    assert!(about.eq((0..15).chain(10..17).map(|patient| name(patient, 2))));
    // Nothing is counted that was there before.
    store.arrive(&(0..20).map(|patient| name(patient, 1)).collect::<Vec<_>>()).await;
    assert_eq!((store.count(FRESH).await, store.count(GATHERED).await), (0, 40));
}
