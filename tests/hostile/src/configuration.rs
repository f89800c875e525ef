//! Configuration of services: a file, and variables of the environment over it.

use host::{Settings, environment::Variables};

use crate::chosen;

/// What stands between the file and the variables.
const BETWEEN: &str = "\n---\n";
/// What begins a value that is looked for. No text of the program has it.
const SECRET: &str = "secret-";

/// A service's configuration: the first byte chooses whose; then the file, a line `---`, and the variables, a line each.
///
/// Holds: what is wrong is told by its place, and never by what a variable says; settings that are read name brokers without a password; and each
/// service's own sample is read.
pub fn configuration(bytes: &[u8]) {
    let (choice, rest) = chosen(bytes);
    let Ok(text) = std::str::from_utf8(rest) else { return };
    match choice % 6 {
        0 => read::<hd4dp::config::Config>(text),
        1 => read::<ehbox_hco::config::Config>(text),
        2 => read::<ehealth_ttp::config::Config>(text),
        3 => read::<ehbox_hd::config::Config>(text),
        4 => read::<hd4res::config::Config>(text),
        _ => read::<dhw::config::Config>(text),
    }
}

fn read<S: Settings>(text: &str) {
    let (file, variables) = text.split_once(BETWEEN).unwrap_or((text, ""));
    let Ok(table) = toml::from_str::<toml::Table>(file) else { return };
    let sample: toml::Table = toml::from_str(S::SAMPLE).unwrap_or_default();
    let pairs: Vec<(&str, &str)> = variables.lines().filter_map(|line| line.split_once('=')).collect();
    let service = S::ACTOR.as_str();
    let read = Variables::of(service, pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())));
    assert!(read.is_ok(), "text is text");
    let (settings, flaws) = read.unwrap_or_default().over::<S>(service, table, sample);
    assert!(settings.is_some() || !flaws.is_empty(), "there are settings, or something is wrong with them");
    let said: Vec<String> = flaws.iter().map(ToString::to_string).collect();
    // What the file or a name says as well may be told.
    let is_secret = |value: &str| {
        value.starts_with(SECRET) && text.matches(SECRET).count() == variables.matches(&format!("={SECRET}")).count()
    };
    for (name, value) in pairs.iter().filter(|(_, value)| is_secret(value)) {
        assert!(said.iter().all(|flaw| !flaw.contains(value)), "{name} is repeated: {said:?}");
    }
    for (_, broker) in
        settings.iter().flat_map(|settings| settings.brokers()).filter(|(_, broker)| broker.password_file.is_none())
    {
        let is_open =
            broker.address().is_ok_and(|address| address.split('@').next().is_some_and(|login| login.matches(':').count() > 1));
        assert!(!is_open, "a password stands in an address");
    }
}
