use serde::Deserialize;

use super::*;

/// As the data warehouse's: without keys, with registers.
#[derive(Debug, Deserialize)]
struct Keyless {
    common: Common,
    broker: Option<Brokers>,
    api: Option<Api>,
}

#[derive(Debug, Deserialize)]
struct Brokers {
    hd: BrokerSettings,
}

#[derive(Debug, Deserialize)]
struct Api {
    base_path: Option<String>,
    tokens: Option<PathBuf>,
}

impl Settings for Keyless {
    const ACTOR: Actor = Actor::Dhw;
    const SAMPLE: &'static str = "[common]\nstore = \"/store\"\n[broker.hd]\nurl = \"amqp://dhw@broker/hd\"\n";
    const HAS_KEYS: bool = false;
    const KNOWS_REGISTERS: bool = true;
    const HAS_API: bool = true;

    fn base_path(&mut self) -> Option<&mut Option<String>> {
        self.api.as_mut().map(|api| &mut api.base_path)
    }

    fn common(&self) -> &Common {
        &self.common
    }

    fn brokers(&self) -> Vec<(&'static str, &BrokerSettings)> {
        self.broker.iter().map(|brokers| ("hd", &brokers.hd)).collect()
    }

    fn tokens(&self) -> Option<&Path> {
        self.api.as_ref()?.tokens.as_deref()
    }
}

/// As the TTP's: with keys, without registers.
#[derive(Debug, Deserialize)]
struct Keyed {
    common: Common,
}

impl Settings for Keyed {
    const ACTOR: Actor = Actor::EhealthTtp;
    const SAMPLE: &'static str = "";
    const HAS_KEYS: bool = true;
    const KNOWS_REGISTERS: bool = false;

    fn common(&self) -> &Common {
        &self.common
    }

    fn brokers(&self) -> Vec<(&'static str, &BrokerSettings)> {
        Vec::new()
    }
}

const STORE: &str = "[common]\nstore = \"/nowhere\"\n";
const KEYS: &str = "keys = \"/nowhere/keys\"\n";
const DEFINITIONS: &str = "definitions = \"/nowhere/dcd\"\n";

fn loaded<S: Settings>(lines: &[&str]) -> anyhow::Result<S> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), lines.concat())?;
    load(file.path())
}

#[test]
fn a_service_takes_keys_and_definitions_only_where_it_has_a_use_for_them() {
    loaded::<Keyless>(&[STORE, DEFINITIONS]).unwrap();
    loaded::<Keyed>(&[STORE, KEYS]).unwrap();
    let reason = |refused: anyhow::Error| refused.to_string();
    assert!(reason(loaded::<Keyless>(&[STORE, KEYS]).unwrap_err()).ends_with("dhw has no keys"));
    assert!(reason(loaded::<Keyed>(&[STORE]).unwrap_err()).ends_with("common.keys: ehealth-ttp needs it"));
    assert!(reason(loaded::<Keyed>(&[STORE, KEYS, DEFINITIONS]).unwrap_err()).ends_with("has no use for definitions"));
}

#[test]
fn the_command_line_says_where_an_api_stands_if_there_is_one() {
    let path = "/elsewhere".to_owned();
    let configured = || loaded::<Keyless>(&[STORE, "[api]\nbase_path = \"/dhw\"\n"]).unwrap();
    let below = |settings: Keyless| settings.api.and_then(|api| api.base_path);
    assert_eq!(below(below_path(configured(), None).unwrap()).as_deref(), Some("/dhw"));
    assert_eq!(below(below_path(configured(), Some(&path)).unwrap()).as_deref(), Some("/elsewhere"));
    let without = loaded::<Keyless>(&[STORE]).unwrap();
    assert!(below_path(without, Some(&path)).unwrap_err().to_string().ends_with("no section [api]"));
}

#[test]
fn who_cannot_start_says_so_by_its_exit_status() {
    let code = run(load::<Keyed>(Path::new("/nowhere/at/all.toml")), async |_, _| Ok(Vec::new()));
    assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(2)));
}

/// Somebody who mends a configuration starts the service once more, and not once for each mistake.
#[test]
fn all_mistakes_are_told_at_once() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = "[common]\nstore = \"postgres://dhw:secret@db/p\"\nlog = \"loud\"\nkeys = \"/nowhere\"\nshiny = 1\n\n\
                [broker.hd]\nurl = \"http://broker\"\n\n[api]\ntokens = \"/nowhere/tokens\"\n";
    std::fs::write(file.path(), text).unwrap();
    let look = |settings: &Keyless| [misplaced::<Keyless>(settings.common()), astray(settings)].concat();
    let told = read::<Keyless>(Some(file.path()), Variables::default(), look).unwrap_err().to_string();
    for part in [
        "line 2, common.store: understand the store's address",
        "line 3, common.log: unknown variant `loud`",
        "line 4, common.keys: dhw has no keys",
        "line 4, common.keys: read the folder /nowhere",
        "line 5, common.shiny: there is no such setting",
        "line 8, broker.hd.url: understand the broker address",
        "line 11, api.tokens: read /nowhere/tokens",
    ] {
        assert_eq!(
            told.matches(part).count(),
            usize::from(part != "line 4, common.keys: read the folder /nowhere"),
            "{part}: {told}"
        );
    }
    assert!(!told.contains("secret"), "{told}");
}
