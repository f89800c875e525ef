//! A schema only grows, and a program that does not know a store's says so.

use std::{collections::BTreeMap, path::Path};

use simulator::stores::names;
use store::{Database, FoundRow, Inspection, Location, Schema, StoreError};

use crate::{
    place::{Engine, Place, hospitals},
    releases,
};

/// The schema of the store of this name, as this program knows it.
fn schema_of(name: &str) -> Schema {
    match name {
        "ehealth-ttp" => ehealth_ttp::store::SqlStore::SCHEMA,
        "ehbox-hd" => ehbox_hd::store::SqlStore::SCHEMA,
        "hd4res" => hd4res::store::SqlStore::SCHEMA,
        "dhw" => dhw::SqlStore::SCHEMA,
        name if name.starts_with("hd4dp-") => hd4dp::store::SqlStore::SCHEMA,
        name if name.starts_with("ehbox-hco-") => Schema { steps: &[] },
        name => panic!("no service has a store {name}"),
    }
}

/// The steps that a coming release will have.
fn later(schema: Schema) -> Schema {
    const FURTHER: &str =
        "CREATE TABLE further (id INTEGER PRIMARY KEY, name TEXT NOT NULL); ALTER TABLE itinerary ADD COLUMN further INTEGER";
    Schema { steps: Vec::leak([schema.steps, &[FURTHER]].concat()) }
}

/// The same steps, one of them edited.
fn edited(schema: Schema, step: usize) -> Schema {
    let mut steps = schema.steps.to_vec();
    steps[step] = String::leak(format!("{} ", steps[step]));
    Schema { steps: Vec::leak(steps) }
}

type Rows = BTreeMap<String, Vec<FoundRow>>;

/// All rows by table, but for what the migrator notes.
async fn rows(location: &Location, name: &str) -> Rows {
    let mut inspection = Inspection::open(location, name).await.unwrap().unwrap();
    let mut rows = Rows::new();
    for table in inspection.tables().await.unwrap() {
        if table == "_sqlx_migrations" || table.starts_with("sqlite_") {
            continue;
        }
        let of_table = rows.entry(table.clone()).or_default();
        inspection.each_row(&table, |row| of_table.push(row)).await.unwrap();
        of_table.sort();
    }
    inspection.close().await.unwrap();
    rows
}

async fn opened(location: &Location, name: &str, schema: Schema) -> Result<(), StoreError> {
    let database = Database::open(location, name, schema).await?;
    database.close().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_only_grows() {
    for release in releases() {
        for engine in Engine::ALL {
            grows(&release, engine).await;
        }
    }
}

async fn grows(release: &Path, engine: Engine) {
    let place = Place::restored(release, engine).await;
    let location = place.location();
    for name in names(&hospitals()) {
        let (schema, before) = (schema_of(&name), rows(&location, &name).await);
        assert!(before.values().any(|rows| !rows.is_empty()), "{name} is empty");
        opened(&location, &name, schema).await.unwrap_or_else(|error| panic!("{}: {error}", release.display()));
        for step in 0..schema.steps.len() {
            let refused = opened(&location, &name, edited(schema, step)).await.unwrap_err();
            let number = i64::try_from(step).unwrap() + 2;
            assert!(matches!(refused, StoreError::Altered { step, .. } if step == number), "{name}: {refused:?}");
        }
        // An upgrade keeps all rows; what they had before stands in them.
        let upgraded = rows(&location, &name).await;
        assert!(before.iter().all(|(table, rows)| upgraded.get(table) == Some(rows)), "{name}");
        opened(&location, &name, later(schema)).await.unwrap();
        let further = rows(&location, &name).await;
        assert!(upgraded.iter().all(|(table, rows)| further.get(table) == Some(rows)), "{name}");
        assert_eq!(further.len(), upgraded.len() + 1);
        let refused = opened(&location, &name, schema).await.unwrap_err();
        let (has, knows) = (schema.number() + 1, schema.number());
        let said = refused.to_string();
        assert!(said.contains(&format!("has schema {has},")) && said.contains(&format!("than schema {knows};")), "{said}");
        assert_eq!(rows(&location, &name).await, further, "who refuses changes nothing");
    }
    let (status, _, said) = place.try_call("list", &[]);
    assert!(status == Some(2) && said.contains("a later release has opened it"), "{status:?} {said}");
}
