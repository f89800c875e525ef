//! The scenarios of tests/scenarios, as `precision replay` runs them, and their schema.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use flow::laboratory;
use serde_json::Value;
use simulator::{
    scenario::{
        Scenario,
        many::{Done, Job, run_all},
        problem::Problem,
        read::read_beside,
        report,
        schema::schema,
    },
    simulation::{Laboratory, Violation},
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios")
}

/// Every scenario that ships: its file below tests/scenarios, and its text.
fn texts() -> Result<Vec<(String, String)>, Violation> {
    let (mut open, mut texts) = (vec![folder()], Vec::new());
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "toml") {
                let name = path.strip_prefix(self::folder()).unwrap_or(&path).display().to_string();
                texts.push((name, fs::read_to_string(&path).map_err(unreadable)?));
            }
        }
    }
    texts.sort();
    Ok(texts)
}

fn unreadable(error: std::io::Error) -> Violation {
    Violation::new(format!("read the scenarios: {error}"))
}

/// A scenario that ships; its inputs lie beside it.
fn read(file: &str, text: &str) -> Result<Scenario, Vec<Problem>> {
    read_beside(text, folder().join(file).parent().unwrap_or(Path::new("")))
}

/// Long ones are run under one seed.
fn is_long(file: &str) -> bool {
    file.ends_with("ten-days-of-a-thousand.toml")
}

fn jobs(seeds: impl Iterator<Item = Option<u64>>) -> Result<Vec<Job>, Violation> {
    let read = |(file, text): (String, String)| {
        let scenario = read(&file, &text).map_err(|problems| Violation::new(format!("{file}: {problems:?}")))?;
        Ok((file, Arc::new(scenario)))
    };
    let all = texts()?.into_iter().map(read).collect::<Result<Vec<_>, Violation>>()?;
    let job =
        |seed: Option<u64>, (file, scenario): &(String, Arc<_>)| Job { file: file.clone(), scenario: Arc::clone(scenario), seed };
    let of_seed =
        |seed: Option<u64>| all.iter().filter(move |(file, _)| seed.is_none() || !is_long(file)).map(move |one| job(seed, one));
    Ok(seeds.flat_map(of_seed).collect())
}

fn end_as_they_say(jobs: &[Job]) -> Result<Vec<Done>, Violation> {
    let done = run_all(&laboratory()?, jobs, |_| {});
    let failed: Vec<String> = done.iter().filter(|done| !done.outcome.is_as_expected()).map(report::terminal::failure).collect();
    if failed.is_empty() { Ok(done) } else { Err(Violation::new(failed.concat())) }
}

#[test]
fn every_scenario_ends_as_it_says() -> Result<(), Violation> {
    let jobs = jobs([None].into_iter())?;
    assert!(jobs.len() >= 30, "{} scenarios ship", jobs.len());
    let done = end_as_they_say(&jobs)?;
    // A fault that meets nothing shows nothing.
    let unmet = done.iter().flat_map(|done| done.outcome.unmet.iter().map(|sentence| format!("{}: {sentence}", done.job.file)));
    assert_eq!(unmet.collect::<Vec<_>>(), [""; 0]);
    Ok(())
}

/// One seed is one run, byte for byte, under any keys: with the hospitals and inputs of scenarios, too.
#[test]
fn every_scenario_happens_again_byte_for_byte() -> Result<(), Violation> {
    let run = |laboratory: &Arc<Laboratory>| -> Result<Vec<Done>, Violation> {
        let mut jobs = jobs([Some(7)].into_iter())?;
        jobs.retain(|job| !is_long(&job.file));
        Ok(run_all(laboratory, &jobs, |_| {}))
    };
    let (once, again) = (run(&laboratory()?)?, run(&Arc::new(Laboratory::new()?))?);
    assert_eq!(once.len(), again.len());
    for (one, other) in once.iter().zip(&again) {
        let (one, other, file) = (&one.outcome, &other.outcome, &one.job.file);
        assert!(!one.itinerary.is_empty(), "{file} leaves no trace");
        assert!(one.itinerary == other.itinerary, "{file} gave two itineraries");
        assert_eq!((&one.verdict, &one.failures, one.between), (&other.verdict, &other.failures, other.between), "{file}");
    }
    Ok(())
}

/// What a scenario expects does not hang on the seed that it was written with.
#[test]
fn every_scenario_ends_so_with_other_seeds() -> Result<(), Violation> {
    end_as_they_say(&jobs((100..103).map(Some))?).map(drop)
}

/// A reader knows from the file what it is about and what an operator would see, and no two are about the same.
#[test]
fn every_scenario_says_what_it_is_about() -> Result<(), Violation> {
    let mut abouts = BTreeSet::new();
    for (file, text) in texts()? {
        let scenario = read(&file, &text).unwrap();
        assert!(scenario.symptom.is_some_and(|symptom| symptom.ends_with('.')), "{file} has no symptom");
        assert!(scenario.about.ends_with('.') && abouts.insert(scenario.about), "{file} is about what another one is");
    }
    Ok(())
}

#[test]
fn the_schema_is_what_the_reader_reads() -> Result<(), Violation> {
    let path = folder().join("schema.json");
    let written = format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &written).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert!(there == written, "tests/scenarios/schema.json is out of date: UPDATE_DOCS=1 cargo test -p flow the_schema");
    let validator = jsonschema::validator_for(&serde_json::from_str(&there).unwrap()).unwrap();
    for (file, text) in texts()? {
        let document: Value = toml::from_str(&text).unwrap();
        let errors: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{file}: {errors:?}");
    }
    Ok(())
}

/// The tables of the page are the program's: the vocabulary, and what is made of it on a real broker.
#[test]
fn the_page_has_every_word() -> Result<(), Violation> {
    let path = folder().join("../../docs/SCENARIOS.md");
    let tables = [("the vocabulary", simulator::scenario::page::vocabulary()), ("what is made", simulator::real::made::page())];
    for (name, written) in tables {
        let mark = format!("<!-- {name}, written by UPDATE_DOCS=1 cargo test -p flow the_page -->\n");
        let page = fs::read_to_string(&path).map_err(unreadable)?;
        let parts: Vec<&str> = page.split(&mark).collect();
        let [before, table, after] = parts.as_slice() else { return Err(Violation::new("the page has not two marks")) };
        if std::env::var_os("UPDATE_DOCS").is_some() {
            fs::write(&path, [before, &*mark, &written, &mark, after].concat()).map_err(unreadable)?;
        }
        assert!(std::env::var_os("UPDATE_DOCS").is_some() || *table == written, "docs/SCENARIOS.md is out of date: {name}");
    }
    Ok(())
}
