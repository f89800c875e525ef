//! What is wrong with a configuration: all of it, so that whoever mends it starts the service once more and not once for each.

use std::{collections::BTreeMap, fmt, path::Path};

use toml::de::DeTable;

/// Something that is wrong with a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// The setting, as `common.store`; a variable of the environment; or nothing, when it is about all.
    pub place: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Flaw {
    /// Of a setting.
    pub fn of(place: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self { place: place.into(), reason: reason.to_string() }
    }

    /// Whether it is about this setting, or about a table that it is in.
    fn covers(&self, place: &str) -> bool {
        place.strip_prefix(&self.place).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place.as_str() {
            "" => f.write_str(&self.reason),
            place => write!(f, "{place}: {}", self.reason),
        }
    }
}

/// All that is wrong with a configuration, each with the line of the file where it stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaws {
    about: String,
    told: Vec<String>,
}

impl Flaws {
    /// The flaws of a configuration file, and of what the environment says over it: `variables` has the variable of each setting that comes from one.
    #[must_use]
    pub fn of(path: Option<&Path>, text: &str, variables: &BTreeMap<String, String>, flaws: &[Flaw]) -> Self {
        let about = path.map_or_else(String::new, |path| format!(" {}", path.display()));
        let lines = Lines::of(text);
        let told = flaws.iter().map(|flaw| match (variables.get(&flaw.place), lines.of_place(&flaw.place)) {
            (Some(variable), _) => format!("{variable}, {flaw}"),
            (None, Some(line)) => format!("line {line}, {flaw}"),
            (None, None) => flaw.to_string(),
        });
        Self { about, told: told.collect() }
    }
}

impl fmt::Display for Flaws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "understand the configuration{}: {}", self.about, self.told.join("; "))
    }
}

impl std::error::Error for Flaws {}

/// Adds those flaws that are of settings which are not known to be wrong already.
pub(crate) fn add(flaws: &mut Vec<Flaw>, more: Vec<Flaw>) {
    for flaw in more {
        if !flaws.iter().any(|known| known.covers(&flaw.place)) {
            flaws.push(flaw);
        }
    }
}

/// Where settings stand in a file.
struct Lines<'t> {
    text: &'t str,
    table: Option<DeTable<'t>>,
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Self {
        Self { text, table: DeTable::parse(text).ok().map(toml::Spanned::into_inner) }
    }

    /// The line of a setting.
    fn of_place(&self, place: &str) -> Option<usize> {
        let mut table = self.table.as_ref()?;
        let mut steps = place.split('.').peekable();
        while let Some(step) = steps.next() {
            let (key, value) = table.iter().find(|(key, _)| key.get_ref() == step)?;
            if steps.peek().is_none() {
                let before = self.text.get(..key.span().start)?;
                return Some(before.matches('\n').count() + 1);
            }
            table = value.get_ref().as_table()?;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flaw_has_its_line() {
        let text = "nihdi = 1\n\n[common]\n# here\nstore = 3\n[broker.hd]\nurl = \"x\"\n";
        let flaws = ["nihdi", "common.store", "broker.hd.url", "common.keys", ""].map(|place| Flaw::of(place, "wrong"));
        let said = Flaws::of(Some(Path::new("/etc/dhw.toml")), text, &BTreeMap::new(), &flaws).to_string();
        assert_eq!(
            said,
            "understand the configuration /etc/dhw.toml: line 1, nihdi: wrong; line 5, common.store: wrong; line 7, broker.hd.url: wrong; \
             common.keys: wrong; wrong"
        );
        let variables = BTreeMap::from([("nihdi".to_owned(), "PRECISION_DHW__NIHDI".to_owned())]);
        let said = Flaws::of(None, text, &variables, &flaws).to_string();
        assert!(said.starts_with("understand the configuration: PRECISION_DHW__NIHDI, nihdi: wrong; line 5, "), "{said}");
    }

    #[test]
    fn what_is_known_to_be_wrong_is_not_looked_at_again() {
        let mut flaws = vec![Flaw::of("common.store", "missing"), Flaw::of("broker", "missing")];
        add(
            &mut flaws,
            ["common.store", "common.store_password_file", "broker.hd.url"].map(|place| Flaw::of(place, "wrong")).into(),
        );
        let places: Vec<&str> = flaws.iter().map(|flaw| flaw.place.as_str()).collect();
        assert_eq!(places, ["common.store", "broker", "common.store_password_file"]);
    }
}
