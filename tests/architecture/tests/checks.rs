//! The checks of this repository: who may depend on whom, what may be in the tree, and that the pages say what the code does.

use std::{collections::BTreeSet, sync::LazyLock};

use anyhow::{Context as _, Result, ensure};
use architecture::{
    dead_letters,
    graph::Graph,
    invariants,
    licence::{self, ALLOWED, BANNED},
    pages,
    repository::Repository,
    sensitive, wall,
};

/// Nothing was found; else the test fails with all of it.
fn none(found: &[String]) -> Result<()> {
    ensure!(found.is_empty(), "\n  {}", found.join("\n  "));
    Ok(())
}

/// Cargo is asked once for all checks.
fn graph() -> Result<&'static Graph> {
    static GRAPH: LazyLock<Result<Graph>> = LazyLock::new(|| Graph::of(&Repository::here()));
    GRAPH.as_ref().map_err(|error| anyhow::anyhow!("{error:#}"))
}

#[test]
fn p1_healthdata_cannot_name_a_patient() -> Result<()> {
    none(&wall::breaches(graph()?, "identifying"))
}

#[test]
fn p2_the_ttp_cannot_name_a_registration() -> Result<()> {
    none(&wall::breaches(graph()?, "registration"))
}

#[test]
fn p3_a_hospital_cannot_name_a_pseudonym() -> Result<()> {
    none(&wall::breaches(graph()?, "pseudonymised"))
}

#[test]
fn p4_the_ttp_alone_can_pseudonymise() -> Result<()> {
    none(&wall::breaches(graph()?, "pseudonymisation"))
}

#[test]
fn p5_every_arrow_between_our_crates_is_in_the_table() -> Result<()> {
    none(&wall::deviations(graph()?))
}

/// Clear messages stay in their zone, and services know each other by messages only.
#[test]
fn p5_nobody_reaches_a_service_or_the_clear_messages_of_another_zone() -> Result<()> {
    let graph = graph()?;
    let found: Vec<_> = wall::GUARDED.iter().flat_map(|rule| wall::breaches(graph, rule.name)).collect();
    none(&found)
}

#[test]
fn p6_sensitive_types_derive_no_way_out() -> Result<()> {
    none(&sensitive::faults(&Repository::here())?)
}

#[test]
fn p17_fixed_keys_are_built_into_tests_only() -> Result<()> {
    none(&wall::fixed_keys(graph()?))
}

#[test]
fn every_invariant_has_its_tests_and_every_numbered_test_its_invariant() -> Result<()> {
    let repository = Repository::here();
    let table = invariants::table(&repository.read(invariants::PAGE)?)?;
    ensure!(!table.is_empty(), "{} has no invariants", invariants::PAGE);
    none(&invariants::faults(&table, &repository.sources()?))
}

#[test]
fn every_licence_is_on_the_list_and_every_crate_from_the_registry() -> Result<()> {
    none(&licence::refused(&graph()?.foreign))
}

/// The lock file has the crates of all platforms and features.
#[test]
fn no_banned_crate_is_locked() -> Result<()> {
    let locked = licence::locked(&Repository::here())?;
    ensure!(locked.contains("tokio"), "the lock file was not understood");
    let banned = BANNED.iter().filter(|(name, _)| locked.contains(*name));
    none(&banned.map(|(name, reason)| format!("{name} is in Cargo.lock: {reason}.")).collect::<Vec<_>>())
}

#[test]
fn deny_toml_says_the_same_as_these_checks() -> Result<()> {
    let denied = licence::denied(&Repository::here())?;
    let mut expected: Vec<_> = BANNED.iter().map(|(name, reason)| ((*name).to_owned(), (*reason).to_owned())).collect();
    expected.sort();
    assert_eq!(denied.allowed, ALLOWED);
    assert_eq!(denied.banned, expected);
    Ok(())
}

#[test]
fn every_crate_takes_the_workspaces_lints() -> Result<()> {
    let repository = Repository::here();
    let mut found = Vec::new();
    for (name, own) in &graph()?.crates {
        let path = format!("{}/Cargo.toml", own.folder);
        let manifest: toml::Table = repository.read(&path)?.parse().with_context(|| format!("read {path}"))?;
        let lints = manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool);
        if lints != Some(true) {
            found.push(format!("`{name}` lacks `[lints] workspace = true`."));
        }
    }
    none(&found)
}

/// Lines of a service's main.rs at most: what it does is in its library, where it can be tested.
const MAIN_LINES_MAX: usize = 40;
/// Lines of a file at most, without its tests.
const FILE_LINES_MAX: usize = 800;

#[test]
fn files_are_short() -> Result<()> {
    let mut found = Vec::new();
    for source in Repository::here().sources()? {
        let is_main = source.path.starts_with("services/") && source.path.ends_with("/src/main.rs");
        let (lines, max) = (source.product().lines().count(), if is_main { MAIN_LINES_MAX } else { FILE_LINES_MAX });
        if lines > max {
            found.push(format!("{} has {lines} lines; {max} are the most.", source.path));
        }
    }
    none(&found)
}

/// A test that is switched off says nothing, and says it for years. Long runs have a number of rounds that tests/nightly.sh raises.
#[test]
fn no_test_is_switched_off() -> Result<()> {
    let sources = Repository::here().sources()?;
    let is_off = |line: &str| line.trim_start().strip_prefix("#[").is_some_and(|attribute| attribute.starts_with("ignore"));
    let off = sources.iter().filter(|source| source.tests().lines().any(is_off));
    none(&off.map(|source| format!("{} switches a test off.", source.path)).collect::<Vec<_>>())
}

#[test]
fn errors_md_is_what_the_code_says() -> Result<()> {
    let repository = Repository::here();
    none(&dead_letters::strays(&repository)?)?;
    pages::hold(&repository, "docs/ERRORS.md", &pages::errors(&repository)?)
}

#[test]
fn the_queue_table_of_dataflow_md_is_the_topologys() -> Result<()> {
    let repository = Repository::here();
    let page = repository.read("docs/DATAFLOW.md")?;
    pages::hold(&repository, "docs/DATAFLOW.md", &pages::dataflow(&page)?)
}

/// The pictures are drawn by hand; the names in them are the code's.
#[test]
fn the_pictures_name_every_queue_and_service() -> Result<()> {
    let repository = Repository::here();
    let table = topology::dataflow_markdown();
    let rows: Vec<Vec<&str>> =
        table.lines().filter(|line| line.starts_with("| ")).skip(2).map(|line| line.split(" | ").collect()).collect();
    let cells = |column: usize| rows.iter().filter_map(move |row| Some(row.get(column)?.trim_matches('`')));
    let queues: BTreeSet<&str> = cells(6).collect();
    let services: BTreeSet<&str> = cells(1).chain(cells(2)).collect();
    ensure!(queues.len() == 14 && services.len() == 6, "the topology's table was not understood");
    let mut found = Vec::new();
    for (path, names) in
        [("docs/DATAFLOW.md", queues.union(&services).collect::<Vec<_>>()), ("README.md", services.iter().collect())]
    {
        let page = repository.read(path)?;
        let picture = page.split("```").skip(1).step_by(2).collect::<Vec<_>>().concat();
        ensure!(!picture.is_empty(), "find a picture in {path}");
        found.extend(
            names.iter().filter(|name| !picture.contains(**name)).map(|name| format!("The picture in {path} lacks `{name}`.")),
        );
    }
    none(&found)
}
