//! Settings from the environment, over those of the configuration file.
//!
//! The variable of a setting is `PRECISION_`, the service, `__`, and the setting's place with `__` between tables, all in capitals:
//! `common.store` of `hd4dp` is `PRECISION_HD4DP__COMMON__STORE`. What a variable says counts more than the file. A variable of the
//! service that fits no setting is an error, so that a misspelt one is not passed over. No error repeats what a variable says: somebody may
//! have put a password there.

use std::{collections::BTreeMap, ffi::OsString, fmt};

use serde::{
    Deserializer,
    de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess, Visitor, value::StringDeserializer},
    forward_to_deserialize_any,
};

use crate::flaw::{self, Flaw};

/// Between the service and the place, and between the tables of a place.
const BETWEEN: &str = "__";

/// What every variable of a service begins with: `PRECISION_EHBOX_HCO_`.
#[must_use]
pub fn namespace(service: &str) -> String {
    format!("PRECISION_{}_", capitals(service))
}

/// The variable of a setting: of `common.store` of `hd4dp` it is `PRECISION_HD4DP__COMMON__STORE`.
#[must_use]
pub fn variable(service: &str, place: &str) -> String {
    let tables: Vec<String> = place.split('.').map(capitals).collect();
    format!("PRECISION_{}{BETWEEN}{}", capitals(service), tables.join(BETWEEN))
}

fn capitals(name: &str) -> String {
    name.replace('-', "_").to_ascii_uppercase()
}

/// A variable of the service is no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("understand the environment: {0} is no UTF-8 text")]
pub struct NoText(pub String);

/// Flaws that are told at once; a file that is no configuration at all has no end of them, and nor has a sample that is none.
const FLAWS_MAX: usize = 30;

/// The variables of one service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Those of a service among all of them, as `std::env::vars_os` has them.
    ///
    /// # Errors
    ///
    /// [`NoText`].
    pub fn of(service: &str, all: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Self, NoText> {
        let namespace = namespace(service);
        let own = all.into_iter().filter_map(|(name, text)| {
            let name = name.into_string().ok().filter(|name| name.starts_with(&namespace))?;
            Some(text.into_string().map_err(|_| NoText(name.clone())).map(|text| (name, text)))
        });
        Ok(Self(own.collect::<Result<_, _>>()?))
    }

    /// Which variable says which setting.
    pub(crate) fn places(&self, service: &str) -> BTreeMap<String, String> {
        let begin = format!("{}{}", namespace(service), &BETWEEN[1..]);
        let place = |name: &String| Some((name.strip_prefix(&begin)?.to_ascii_lowercase().replace(BETWEEN, "."), name.clone()));
        self.0.keys().filter_map(place).collect()
    }

    /// Whether the file alone counts.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The settings that file and environment give together, with all that is wrong with them. In the place of a setting that is wrong stands that of
    /// `sample`, so that the others can be looked at; there are no settings when not even that helps.
    pub fn over<T: DeserializeOwned>(self, service: &str, file: toml::Table, sample: toml::Table) -> (Option<T>, Vec<Flaw>) {
        let (mut tree, mut flaws) = (Node::of_file(toml::Value::Table(file)), Vec::new());
        let begin = format!("{}{}", namespace(service), &BETWEEN[1..]);
        for (name, text) in self.0 {
            let place = name.strip_prefix(&begin).unwrap_or_default().to_ascii_lowercase();
            let steps: Vec<&str> = place.split(BETWEEN).collect();
            let is_place = steps.iter().all(|step| !step.is_empty() && !step.starts_with('_') && !step.ends_with('_'));
            if !is_place || !tree.put(&steps, Node::Variable { name: name.clone(), text }) {
                flaws.push(Flaw::of("", format_args!("{name} is none of this service's settings")));
            }
        }
        let sample = Node::of_file(toml::Value::Table(sample));
        for _ in 0..FLAWS_MAX {
            match T::deserialize(tree.clone()) {
                Ok(settings) => return (Some(settings), flaws),
                Err(wrong) => {
                    let is_mended = tree.mend(&wrong, &sample);
                    flaw::add(&mut flaws, vec![wrong.into()]);
                    if !is_mended {
                        break;
                    }
                }
            }
        }
        (None, flaws)
    }
}

/// A setting, or a table of them.
#[derive(Debug, Clone, PartialEq)]
enum Node {
    Table(BTreeMap<String, Self>),
    File(toml::Value),
    Variable { name: String, text: String },
}

impl Node {
    fn of_file(value: toml::Value) -> Self {
        match value {
            toml::Value::Table(table) => Self::Table(table.into_iter().map(|(key, value)| (key, Self::of_file(value))).collect()),
            value => Self::File(value),
        }
    }

    /// The first variable in it.
    fn variable(&self) -> Option<&str> {
        match self {
            Self::Table(table) => table.values().find_map(Self::variable),
            Self::File(_) => None,
            Self::Variable { name, .. } => Some(name),
        }
    }

    /// Puts a variable where its place is. Nothing may stand below another variable, nor a variable where a table is.
    fn put(&mut self, steps: &[&str], variable: Self) -> bool {
        let (Self::Table(table), [first, rest @ ..]) = (self, steps) else { return false };
        if !rest.is_empty() {
            return table.entry((*first).to_owned()).or_insert_with(|| Self::Table(BTreeMap::new())).put(rest, variable);
        }
        let fits = matches!(table.get(*first), None | Some(Self::File(_)));
        if fits {
            table.insert((*first).to_owned(), variable);
        }
        fits
    }
}

impl Node {
    /// Puts what the sample has into the place of what is wrong, or takes out what nobody knows. Whether that changed anything.
    fn mend(&mut self, wrong: &Wrong, sample: &Self) -> bool {
        let mut steps: Vec<&str> = wrong.place.iter().rev().map(String::as_str).collect();
        let field = match &wrong.what {
            What::Value => steps.pop(),
            What::Missing(field) | What::Unknown(field) => Some(field.as_str()),
        };
        let (Some(field), Some(Self::Table(table))) = (field, self.at_mut(&steps)) else { return false };
        let of_sample = match sample.at(&steps) {
            Some(Self::Table(table)) if !matches!(wrong.what, What::Unknown(_)) => table.get(field).cloned(),
            _ => None,
        };
        match of_sample {
            Some(node) if table.get(field) != Some(&node) => {
                table.insert(field.to_owned(), node);
                true
            }
            _ if table.remove(field).is_some() => true,
            // A table that lacks what nobody can give it may be one that can be left out.
            _ => match steps.split_last() {
                Some((table, around)) => match self.at_mut(around) {
                    Some(Self::Table(around)) => around.remove(*table).is_some(),
                    _ => false,
                },
                None => false,
            },
        }
    }

    fn at(&self, steps: &[&str]) -> Option<&Self> {
        steps.iter().try_fold(self, |node, step| match node {
            Self::Table(table) => table.get(*step),
            Self::File(_) | Self::Variable { .. } => None,
        })
    }

    fn at_mut(&mut self, steps: &[&str]) -> Option<&mut Self> {
        steps.iter().try_fold(self, |node, step| match node {
            Self::Table(table) => table.get_mut(*step),
            Self::File(_) | Self::Variable { .. } => None,
        })
    }
}

/// What is wrong, and where: the tables around it, the innermost first.
#[derive(Debug)]
struct Wrong {
    place: Vec<String>,
    what: What,
    reason: String,
}

/// What is wrong at a place.
#[derive(Debug)]
enum What {
    /// The setting there.
    Value,
    /// A setting of the table there is missing.
    Missing(String),
    /// A setting of the table there is none.
    Unknown(String),
}

impl From<Wrong> for Flaw {
    fn from(Wrong { place, what, reason }: Wrong) -> Self {
        let field = match what {
            What::Value => None,
            What::Missing(field) | What::Unknown(field) => Some(field),
        };
        let steps: Vec<String> = place.into_iter().rev().chain(field).collect();
        Self::of(steps.join("."), reason)
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self { place: Vec::new(), what: What::Value, reason: reason.to_string() }
    }

    fn missing_field(field: &'static str) -> Self {
        Self { place: Vec::new(), what: What::Missing(field.to_owned()), reason: "it is missing".to_owned() }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let reason = format!("there is no such setting; there are {}", expected.join(", "));
        Self { place: Vec::new(), what: What::Unknown(field.to_owned()), reason }
    }
}

/// A number as the environment has it.
macro_rules! number {
    ($($deserialize:ident $visit:ident $number:ty),*) => {$(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
            match self {
                Self::Variable { name, text } => {
                    let number = text.parse::<$number>().map_err(|_| misunderstood(&name, "a number that fits"))?;
                    visitor.$visit(number).map_err(|error: Wrong| of_variable(&name, error))
                }
                node => node.deserialize_any(visitor),
            }
        }
    )*};
}

fn misunderstood(name: &str, expected: &str) -> Wrong {
    de::Error::custom(format_args!("{name} is not {expected}"))
}

/// The visitor's own words may repeat the text.
fn of_variable(name: &str, _: Wrong) -> Wrong {
    misunderstood(name, "what this setting takes")
}

impl<'de> Deserializer<'de> for Node {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self {
            Self::Table(table) => visitor.visit_map(Entries { rest: table.into_iter(), next: None }),
            Self::File(value) => value.deserialize_any(visitor).map_err(|error| de::Error::custom(error.message())),
            Self::Variable { name, text } => visitor.visit_string(text).map_err(|error| of_variable(&name, error)),
        }
    }

    number!(
        deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32, deserialize_u64 visit_u64 u64,
        deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16, deserialize_i32 visit_i32 i32, deserialize_i64 visit_i64 i64,
        deserialize_f32 visit_f32 f32, deserialize_f64 visit_f64 f64, deserialize_bool visit_bool bool
    );

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match self {
            Self::Table(_) => Err(de::Error::custom("expected a text")),
            Self::File(value) => {
                value.deserialize_enum(name, variants, visitor).map_err(|error| de::Error::custom(error.message()))
            }
            Self::Variable { name, text } => visitor
                .visit_enum(IntoDeserializer::<Wrong>::into_deserializer(text))
                .map_err(|_| misunderstood(&name, &format!("one of {}", variants.join(", ")))),
        }
    }

    forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// The settings of a table, one after the other.
struct Entries {
    rest: std::collections::btree_map::IntoIter<String, Node>,
    next: Option<(String, Node)>,
}

impl<'de> MapAccess<'de> for Entries {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Wrong> {
        self.next = self.rest.next();
        let Some((key, node)) = &self.next else { return Ok(None) };
        let key_of = StringDeserializer::<Wrong>::new(key.clone());
        seed.deserialize(key_of).map(Some).map_err(|error| match node.variable() {
            Some(name) => Wrong { reason: format!("{name} is none of this service's settings"), ..error },
            None => error,
        })
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        let Some((key, node)) = self.next.take() else {
            return Err(de::Error::custom("a value was asked for before its key"));
        };
        seed.deserialize(node).map_err(|mut error| {
            error.place.push(key);
            error
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{net::SocketAddr, os::unix::ffi::OsStringExt, path::PathBuf};

    use serde::Deserialize;

    use super::*;
    use crate::logging::LogForm;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        nihdi: String,
        common: Common,
        #[serde(default)]
        api: Option<Api>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Common {
        store: PathBuf,
        #[serde(default)]
        log: LogForm,
        #[serde(default)]
        is_loud: bool,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Api {
        address: SocketAddr,
        #[serde(default)]
        limit: Option<u32>,
    }

    const FILE: &str = "nihdi = \"00000196\"\n[common]\nstore = \"/file\"\n";
    const SERVICE: &str = "ehbox-hco";

    fn read(file: &str, variables: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
        let all = variables.iter().map(|(name, text)| (OsString::from(name), OsString::from(text)));
        let variables = Variables::of(SERVICE, all).unwrap();
        let (settings, flaws) = variables.over(SERVICE, toml::from_str(file).unwrap(), toml::from_str(FILE).unwrap());
        let flaws: Vec<String> = flaws.iter().map(ToString::to_string).collect();
        settings.filter(|_| flaws.is_empty()).ok_or(flaws)
    }

    #[test]
    fn what_a_variable_says_counts_more_than_the_file() {
        let settings = read(
            FILE,
            &[
                ("PRECISION_EHBOX_HCO__COMMON__STORE", "/variable"),
                ("PRECISION_EHBOX_HCO__COMMON__LOG", "json"),
                ("PRECISION_EHBOX_HCO__COMMON__IS_LOUD", "true"),
                ("PRECISION_EHBOX_HCO__API__ADDRESS", "127.0.0.1:80"),
                ("PRECISION_EHBOX_HCO__API__LIMIT", "7"),
                ("PRECISION_EHBOX_HD__COMMON__STORE", "/of another service"),
                ("PRECISION_LOG", "warn"),
            ],
        );
        let common = Common { store: "/variable".into(), log: LogForm::Json, is_loud: true };
        let api = Some(Api { address: ([127, 0, 0, 1], 80).into(), limit: Some(7) });
        assert_eq!(settings.unwrap(), Settings { nihdi: "00000196".to_owned(), common, api });
    }

    /// A number of digits that is a text stays one.
    #[test]
    fn variables_alone_are_a_configuration() {
        let settings =
            read("", &[("PRECISION_EHBOX_HCO__NIHDI", "00000196"), ("PRECISION_EHBOX_HCO__COMMON__STORE", "/data")]).unwrap();
        assert_eq!((settings.nihdi.as_str(), settings.common.log), ("00000196", LogForm::Text));
    }

    #[test]
    fn what_fits_no_setting_is_named_and_not_repeated() {
        for name in [
            "PRECISION_EHBOX_HCO__SHINY",
            "PRECISION_EHBOX_HCO__COMMON__SHINY",
            "PRECISION_EHBOX_HCO__SHINY__SHINY",
            "PRECISION_EHBOX_HCO__COMMON",
            "PRECISION_EHBOX_HCO__COMMON__STORE__DEEPER",
            "PRECISION_EHBOX_HCO_COMMON__STORE",
            "PRECISION_EHBOX_HCO__COMMON_STORE",
            "PRECISION_EHBOX_HCO__COMMON___STORE",
            "PRECISION_EHBOX_HCO__",
            "PRECISION_EHBOX_HCO__API__LIMIT",
            "PRECISION_EHBOX_HCO__COMMON__LOG",
            "PRECISION_EHBOX_HCO__COMMON__IS_LOUD",
        ] {
            let flaws = read(FILE, &[("PRECISION_EHBOX_HCO__API__ADDRESS", "127.0.0.1:80"), (name, "s€cret")]).unwrap_err();
            assert!(flaws.len() == 1 && flaws[0].contains(name) && !flaws[0].contains("s€cret"), "{name}: {flaws:?}");
        }
    }

    #[test]
    fn what_is_wrong_in_the_file_is_named_with_its_place() {
        let told = |file: &str| read(file, &[("PRECISION_EHBOX_HCO__NIHDI", "1")]).unwrap_err();
        assert_eq!(told("[common]\nstore = 1\n"), ["common.store: invalid type: integer `1`, expected path string"]);
        assert_eq!(told("[common]\nlog = \"text\"\n"), ["common.store: it is missing"]);
        assert!(told("[common]\nstore = \"a\"\nlog = \"loud\"\n")[0].starts_with("common.log: unknown variant `loud`"));
        assert_eq!(
            told("[common]\nstore = \"a\"\nshiny = 1\n"),
            ["common.shiny: there is no such setting; there are store, log, is_loud"]
        );
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let file = "shiny = 1\n[common]\nlog = \"loud\"\nis_loud = 7\nstare = \"a\"\n[api]\nlimit = -1\n";
        let flaws = read(file, &[("PRECISION_EHBOX_HCO__SHINY__LIGHT", "1"), ("PRECISION_EHBOX_HCO__API__ADDRESS", "nowhere")])
            .unwrap_err();
        let begin = |flaw: &String| flaw.split([':', ' ']).next().unwrap_or_default().to_owned();
        let mut places: Vec<String> = flaws.iter().map(begin).collect();
        places.sort();
        let expected = [
            "PRECISION_EHBOX_HCO__SHINY__LIGHT",
            "api.address",
            "api.limit",
            "common.is_loud",
            "common.log",
            "common.stare",
            "common.store",
            "nihdi",
            "shiny",
        ];
        assert_eq!(places, expected, "{flaws:#?}");
        // What the sample has in its place may be as wrong.
        let (settings, flaws) = Variables::default().over::<Settings>(
            SERVICE,
            toml::from_str("nihdi = 1\n").unwrap(),
            toml::from_str("nihdi = 2\n[common]\nstore = 3\n").unwrap(),
        );
        assert!(settings.is_none() && flaws.iter().any(|flaw| flaw.place == "nihdi"), "{flaws:?}");
        // A whole table of the wrong kind, and none at all.
        assert_eq!(read("nihdi = \"1\"\ncommon = 3\n", &[]).unwrap_err().len(), 1);
        assert_eq!(read("nihdi = \"1\"\n", &[]).unwrap_err(), ["common: it is missing"]);
    }

    #[test]
    fn a_variable_has_the_name_of_its_place() {
        assert_eq!(variable("ehbox-hco", "nihdi"), "PRECISION_EHBOX_HCO__NIHDI");
        assert_eq!(variable("hd4res", "broker.hd.password_file"), "PRECISION_HD4RES__BROKER__HD__PASSWORD_FILE");
        assert!(variable("hd4res", "common.store").starts_with(&namespace("hd4res")));
        let broken = [(OsString::from("PRECISION_EHBOX_HCO__NIHDI"), OsString::from_vec(vec![0xff]))];
        assert_eq!(Variables::of(SERVICE, broken), Err(NoText("PRECISION_EHBOX_HCO__NIHDI".to_owned())));
    }
}
