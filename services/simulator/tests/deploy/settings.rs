//! Every setting of every service: in its sample, in its environment, on its page.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use host::environment::{Variables, namespace, variable};
use host::stand_alone::load_over;
use topology::{Actor, User};

use crate::{
    read, repository,
    sample::{Sample, commented_setting},
    topology,
};

/// The page of all settings.
const PAGE: &str = "docs/SETTINGS.md";
/// Rewrites the page instead of comparing it, when set to 1.
const UPDATE: &str = "UPDATE_DOCS";

/// A setting as a sample shows it.
#[derive(Debug)]
struct Setting {
    /// `common.store`.
    place: String,
    /// As TOML has it.
    value: toml::Value,
    /// Whether the sample leaves it out.
    is_commented: bool,
    /// The sentences above it.
    what: String,
}

/// The settings of a sample, in its order, those that are commented out too.
fn settings(user: &User) -> Result<Vec<Setting>> {
    let text = read(&Sample::path(&user.to_string()))?;
    let (mut table, mut what, mut settings) = (String::new(), Vec::new(), Vec::new());
    for line in text.lines() {
        let shown = commented_setting(line);
        let line = shown.unwrap_or(line);
        if let Some(sentence) = line.strip_prefix('#') {
            what.push(sentence.trim());
        } else if let Some(name) = line.strip_prefix('[') {
            table = format!("{}.", name.trim_end_matches(']'));
            what.clear();
        } else if let Some((key, _)) = line.split_once(" = ") {
            let value = toml::from_str::<toml::Table>(line)?.remove(key).context("a value")?;
            let setting = Setting { place: format!("{table}{key}"), value, is_commented: shown.is_some(), what: what.join(" ") };
            settings.push(setting);
            what.clear();
        } else {
            what.clear();
        }
    }
    Ok(settings)
}

/// A setting as a variable has it.
fn text_of(value: &toml::Value) -> String {
    match value {
        toml::Value::Integer(number) => number.to_string(),
        value => value.as_str().unwrap_or_default().to_owned(),
    }
}

/// Another value that the setting takes.
fn other(setting: &Setting) -> String {
    let text = text_of(&setting.value);
    match (setting.place.as_str(), &setting.value) {
        ("common.log", _) => "text".to_owned(),
        ("uploads.language", _) => "nl".to_owned(),
        ("nihdi", _) => "00000394".to_owned(),
        ("common.health" | "api.address", _) => "127.0.0.1:9999".to_owned(),
        (_, toml::Value::Integer(number)) => (number + 1).to_string(),
        (_, toml::Value::Float(number)) => (number / 2.0).to_string(),
        _ => format!("{text}x"),
    }
}

/// All that a service understands of a file and of variables, in words.
fn understood(user: &User, file: Option<&Path>, variables: &BTreeMap<String, String>) -> Result<String> {
    let all = variables.iter().map(|(name, text)| (OsString::from(name), OsString::from(text)));
    let variables = Variables::of(user.actor().as_str(), all)?;
    Ok(match user.actor() {
        Actor::Hd4dp => format!("{:?}", load_over::<hd4dp::config::Config>(file, variables)?),
        Actor::EhboxHco => format!("{:?}", load_over::<ehbox_hco::config::Config>(file, variables)?),
        Actor::EhealthTtp => format!("{:?}", load_over::<ehealth_ttp::config::Config>(file, variables)?),
        Actor::EhboxHd => format!("{:?}", load_over::<ehbox_hd::config::Config>(file, variables)?),
        Actor::Hd4res => format!("{:?}", load_over::<hd4res::config::Config>(file, variables)?),
        Actor::Dhw => format!("{:?}", load_over::<dhw::config::Config>(file, variables)?),
    })
}

/// The names behind `there are`, which are the fields of the type that was read.
fn expected(error: &str) -> BTreeSet<String> {
    let names = error.rsplit_once("there are ").map_or("", |(_, names)| names);
    names.split(", ").filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// The fields are those of the types themselves: a parser that meets an unknown one lists them. What a sample does not show, its service refuses.
#[test]
fn a_sample_shows_every_field_that_its_service_has() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("service.toml");
    for user in topology()?.users() {
        let settings = settings(&user)?;
        let text = read(&Sample::path(&user.to_string()))?;
        let tables: BTreeSet<&str> = settings.iter().filter_map(|setting| Some(setting.place.rsplit_once('.')?.0)).collect();
        for table in tables.iter().copied().chain(["", "broker"]) {
            let unknown = match table {
                "" => format!("shiny = 1\n{text}"),
                "broker" => format!("{text}\n[broker.shiny]\n"),
                table => text.replacen(&format!("[{table}]\n"), &format!("[{table}]\nshiny = 1\n"), 1),
            };
            fs::write(&file, unknown)?;
            let Err(error) = understood(&user, Some(&file), &BTreeMap::new()) else { bail!("{user} takes shiny in {table}") };
            let begin = if table.is_empty() { String::new() } else { format!("{table}.") };
            let below = settings.iter().filter_map(|setting| setting.place.strip_prefix(&begin));
            let shown: BTreeSet<String> = below.filter_map(|place| place.split('.').next().map(str::to_owned)).collect();
            let known = expected(&format!("{error:#}"));
            ensure!(known.is_superset(&shown), "{user}, table {table:?} shows {shown:?}: {error:#}");
            for field in known.difference(&shown) {
                let place = variable(user.actor().as_str(), &format!("{begin}{field}"));
                let given = BTreeMap::from([(place, "x".to_owned())]);
                let refused = understood(&user, Some(&repository().join(Sample::path(&user.to_string()))), &given);
                let Err(refused) = refused else { bail!("{user} does not show {begin}{field}") };
                let why = format!("{refused:#}");
                ensure!(why.contains("has no use for") || why.contains("has no keys"), "{user}, {begin}{field}: {why}");
            }
        }
        for setting in &settings {
            ensure!(setting.what.ends_with('.') || setting.what.contains(". "), "{user}: {} is not explained", setting.place);
        }
    }
    Ok(())
}

#[test]
fn every_setting_can_be_given_by_a_variable_which_counts_more_than_the_file() -> Result<()> {
    for user in topology()?.users() {
        let (service, settings) = (user.actor().as_str(), settings(&user)?);
        let sample = repository().join(Sample::path(&user.to_string()));
        let of_file = understood(&user, Some(&sample), &BTreeMap::new())?;
        let shown = settings.iter().filter(|setting| !setting.is_commented);
        let all: BTreeMap<String, String> =
            shown.map(|setting| (variable(service, &setting.place), text_of(&setting.value))).collect();
        assert_eq!(understood(&user, None, &all)?, of_file, "{user} without a file");
        for setting in &settings {
            let name = variable(service, &setting.place);
            let over = understood(&user, Some(&sample), &BTreeMap::from([(name.clone(), other(setting))]));
            let over = over.with_context(|| name.clone())?;
            ensure!(over != of_file, "{name} changes nothing");
            let back = BTreeMap::from([(name.clone(), text_of(&setting.value))]);
            ensure!(setting.is_commented || understood(&user, Some(&sample), &back)? == of_file, "{name} is another setting");
        }
    }
    Ok(())
}

#[test]
fn a_variable_that_fits_no_setting_is_refused_and_no_variable_holds_a_password() -> Result<()> {
    for user in topology()?.users() {
        let sample = repository().join(Sample::path(&user.to_string()));
        let own = namespace(user.actor().as_str());
        for wrong in ["_SHINY", "_COMMON__SHINY", "_COMMON__STORE_PASSWORD", "_BROKER__HD__PASSWORD", "COMMON_STORE"] {
            let name = format!("{own}{wrong}");
            let Err(error) = understood(&user, Some(&sample), &BTreeMap::from([(name.clone(), "s€cret".to_owned())])) else {
                bail!("{name} is passed over");
            };
            let said = format!("{error:#} {error:?}");
            ensure!(said.contains(&name) && !said.contains("s€cret"), "{name}: {said}");
        }
        let other = BTreeMap::from([("PRECISION_LOG".to_owned(), "warn".to_owned()), ("PRECISION_AT".to_owned(), String::new())]);
        understood(&user, Some(&sample), &other).context("variables of nobody's")?;
    }
    Ok(())
}

fn page() -> Result<String> {
    let mut page = String::from(
        "# Settings\n\n\
         This page is written from the samples in `deploy/config`; change it there.\n\n\
         A service reads a file (`--config FILE`, TOML) and its environment. A variable counts more than the file, and variables alone will do. Its name is\n\
         `PRECISION_`, the service, `__`, and the setting's place with `__` between tables. A variable of the service that fits no setting is an error.\n\
         A service that cannot use its settings says all that is wrong with them, each with the line of the file, and ends with status 2.\n\
         Passwords, keys and tokens are files; the settings say where. `PRECISION_LOG` filters the log (`warn`, `hd4dp=debug`).\n",
    );
    let mut seen = BTreeSet::new();
    for user in topology()?.users() {
        let service = user.actor().as_str();
        if !seen.insert(service) {
            continue;
        }
        page.push_str(&format!("\n## {service}\n\n| setting | variable | what |\n| --- | --- | --- |\n"));
        for Setting { place, what, .. } in settings(&user)? {
            let what = what.replace('|', "\\|").replace('<', "&lt;");
            page.push_str(&format!("| `{place}` | `{}` | {what} |\n", variable(service, &place)));
        }
    }
    Ok(page)
}

#[test]
fn settings_md_is_what_the_samples_say() -> Result<()> {
    let expected = page()?;
    let found = fs::read_to_string(repository().join(PAGE)).unwrap_or_default();
    if found != expected && std::env::var(UPDATE).is_ok_and(|update| update == "1") {
        return Ok(fs::write(repository().join(PAGE), expected)?);
    }
    ensure!(found == expected, "{PAGE} is old: `{UPDATE}=1 cargo test -p simulator --test deploy` writes it anew");
    Ok(())
}
