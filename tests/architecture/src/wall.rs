//! The privacy wall: which of our crates may depend on which.
//!
//! Three crates say what data are about: `identifying`, `registration`, `pseudonymised`. Who cannot name a type cannot leak it, so the promises
//! of docs/ARCHITECTURE.md are arrows that are missing. [`ARROWS`] has every arrow that there is; [`GUARDED`] says who may reach a crate
//! at all, over however many others. A new arrow is a line here, in a change of its own.

use crate::graph::{Crate, Graph};

/// Every crate below `shared/` and `services/`, and the crates that it may be built with. The simulator and the crates below `tests/` put everything
/// together and may use all of them.
pub const ARROWS: &[(&str, &[&str])] = &[
    // What data are about.
    ("identifying", &["national-number"]),
    ("registration", &[]),
    ("pseudonymised", &["pseudonym-shape"]),
    // Pure functions and formats.
    ("clock", &[]),
    ("national-number", &[]),
    ("needle", &[]),
    ("opencsv", &[]),
    ("pseudonym-shape", &[]),
    ("dcd", &["national-number", "registration"]),
    ("population", &["dcd", "national-number", "opencsv"]),
    // What travels.
    ("topology", &[]),
    ("envelope", &["clock"]),
    ("sealing", &["topology"]),
    ("pseudonymisation", &["identifying", "pseudonymised"]),
    ("hco-messages", &["envelope", "identifying", "registration"]),
    ("hd-messages", &["envelope", "pseudonymised", "registration"]),
    // What services stand on.
    ("broker", &["clock", "topology"]),
    ("store", &["clock"]),
    ("traces", &["broker", "clock", "envelope", "topology"]),
    ("host", &["broker", "clock", "envelope", "store", "topology", "traces"]),
    ("web", &["clock", "store", "traces"]),
    ("recoding", &["broker", "clock", "envelope", "hd-messages", "host", "pseudonymised", "store", "topology"]),
    // The services, in the order of the flow.
    (
        "hd4dp",
        &[
            "broker",
            "clock",
            "dcd",
            "envelope",
            "hco-messages",
            "host",
            "identifying",
            "national-number",
            "opencsv",
            "registration",
            "sealing",
            "store",
            "topology",
            "web",
        ],
    ),
    (
        "ehbox-hco",
        &[
            "broker",
            "clock",
            "envelope",
            "hco-messages",
            "host",
            "identifying",
            "pseudonym-shape",
            "registration",
            "sealing",
            "store",
            "topology",
        ],
    ),
    (
        "ehealth-ttp",
        &[
            "broker",
            "clock",
            "envelope",
            "host",
            "identifying",
            "national-number",
            "pseudonymisation",
            "pseudonymised",
            "sealing",
            "store",
            "topology",
        ],
    ),
    (
        "ehbox-hd",
        &[
            "broker",
            "clock",
            "dcd",
            "envelope",
            "hd-messages",
            "host",
            "national-number",
            "pseudonym-shape",
            "pseudonymised",
            "recoding",
            "registration",
            "sealing",
            "store",
            "topology",
        ],
    ),
    (
        "hd4res",
        &[
            "broker",
            "clock",
            "dcd",
            "envelope",
            "hd-messages",
            "host",
            "national-number",
            "pseudonym-shape",
            "pseudonymised",
            "recoding",
            "registration",
            "store",
            "topology",
            "web",
        ],
    ),
    (
        "dhw",
        &[
            "broker",
            "clock",
            "dcd",
            "envelope",
            "hd-messages",
            "host",
            "pseudonymised",
            "recoding",
            "registration",
            "store",
            "topology",
            "web",
        ],
    ),
];

/// A crate that not everybody may reach.
#[derive(Debug, Clone, Copy)]
pub struct Guarded {
    /// Its name.
    pub name: &'static str,
    /// Who may reach it, directly or over others, also in tests. Nobody else but the simulator and the crates below `tests/`.
    pub only: &'static [&'static str],
    /// The promise that a further arrow would break.
    pub promise: &'static str,
}

const NO_SERVICE: &str = "services know each other by messages only";

/// The wall itself.
pub const GUARDED: &[Guarded] = &[
    Guarded {
        name: "identifying",
        only: &["hd4dp", "ehbox-hco", "ehealth-ttp", "hco-messages", "pseudonymisation"],
        promise: "healthdata cannot name a patient",
    },
    Guarded {
        name: "registration",
        only: &[
            "hd4dp",
            "ehbox-hco",
            "ehbox-hd",
            "hd4res",
            "dhw",
            "dcd",
            "hco-messages",
            "hd-messages",
            "population",
            "recoding",
        ],
        promise: "the TTP cannot name a registration",
    },
    Guarded {
        name: "pseudonymised",
        only: &["ehealth-ttp", "ehbox-hd", "hd4res", "dhw", "hd-messages", "pseudonymisation", "recoding"],
        promise: "a hospital cannot name a pseudonym",
    },
    Guarded { name: "pseudonymisation", only: &["ehealth-ttp"], promise: "the TTP alone can pseudonymise" },
    Guarded { name: "hco-messages", only: &["hd4dp", "ehbox-hco"], promise: "clear identities stay in a hospital's zone" },
    Guarded {
        name: "hd-messages",
        only: &["ehbox-hd", "hd4res", "dhw", "recoding"],
        promise: "clear pseudonyms stay in healthdata's zone",
    },
    Guarded { name: "hd4dp", only: &[], promise: NO_SERVICE },
    Guarded { name: "ehbox-hco", only: &[], promise: NO_SERVICE },
    Guarded { name: "ehealth-ttp", only: &[], promise: NO_SERVICE },
    Guarded { name: "ehbox-hd", only: &[], promise: NO_SERVICE },
    Guarded { name: "hd4res", only: &[], promise: NO_SERVICE },
    Guarded { name: "dhw", only: &[], promise: NO_SERVICE },
];

/// The crate that puts all services into one process.
const SIMULATOR: &str = "simulator";

fn may_use_all(name: &str, own: &Crate) -> bool {
    name == SIMULATOR || own.is_test_crate()
}

/// Who reaches the guarded crate of this name without being allowed to, a sentence each.
#[must_use]
pub fn breaches(graph: &Graph, guarded: &str) -> Vec<String> {
    let Some(rule) = GUARDED.iter().find(|rule| rule.name == guarded) else {
        return vec![format!(
            "`{guarded}` is not guarded any more: put it back into the table of tests/architecture/src/wall.rs."
        )];
    };
    if !graph.crates.contains_key(rule.name) {
        return vec![format!(
            "The guarded crate `{}` does not exist: mend the table of tests/architecture/src/wall.rs.",
            rule.name
        )];
    }
    let outsiders = graph
        .crates
        .iter()
        .filter(|(name, own)| !may_use_all(name, own) && *name != rule.name && !rule.only.contains(&name.as_str()));
    let ways = outsiders.filter_map(|(name, _)| graph.way(name, rule.name));
    ways.map(|way| {
        let (from, over) = (way.first().map_or("", String::as_str), way.join(" -> "));
        format!("`{from}` reaches `{}` ({over}) and must not: {}.", rule.name, rule.promise)
    })
    .collect()
}

/// What of the graph is not in the table and what of the table is not in the graph, a sentence each.
#[must_use]
pub fn deviations(graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    for (name, own) in graph.crates.iter().filter(|(name, own)| !may_use_all(name, own)) {
        let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| known == name) else {
            found.push(format!(
                "`{name}` is not in the table of tests/architecture/src/wall.rs: add it with the arrows that it may have."
            ));
            continue;
        };
        for used in own.uses.iter().filter(|used| !allowed.contains(&used.as_str())) {
            found.push(format!(
                "`{name}` depends on `{used}`, an arrow that the table of tests/architecture/src/wall.rs does not have."
            ));
        }
        for unused in allowed.iter().filter(|allowed| !own.uses.contains(**allowed)) {
            found.push(format!(
                "The table of tests/architecture/src/wall.rs lets `{name}` depend on `{unused}`, which it does not: take it out."
            ));
        }
    }
    for (name, _) in ARROWS.iter().filter(|(name, _)| !graph.crates.contains_key(*name)) {
        found.push(format!("The table of tests/architecture/src/wall.rs has `{name}`, which does not exist: take it out."));
    }
    found
}

/// Crates that would build fixed keys and encapsulations into a program, a sentence each.
#[must_use]
pub fn fixed_keys(graph: &Graph) -> Vec<String> {
    let features = graph.crates.iter().filter(|(_, own)| !own.is_test_crate());
    features
        .filter(|(_, own)| own.features.iter().any(|(_, feature)| feature == "fixed-for-vectors-only"))
        .map(|(name, _)| {
            format!("`{name}` turns on `fixed-for-vectors-only`: keys that are no secret belong to test vectors alone.")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table as a graph, which has no fault.
    fn ideal() -> Graph {
        let mut graph = Graph::default();
        for (name, uses) in ARROWS {
            let uses = uses.iter().map(|used| (*used).to_owned()).collect();
            graph.crates.insert((*name).to_owned(), Crate { folder: format!("shared/{name}"), uses, ..Crate::default() });
        }
        let all: Vec<String> = graph.crates.keys().cloned().collect();
        for (name, folder) in [("simulator", "services/simulator"), ("flow", "tests/flow")] {
            let uses = all.iter().cloned().collect();
            graph.crates.insert(name.to_owned(), Crate { folder: folder.to_owned(), uses, ..Crate::default() });
        }
        graph
    }

    fn with(from: &str, to: &str, in_tests: bool) -> Graph {
        let mut graph = ideal();
        let own = graph.crates.entry(from.to_owned()).or_default();
        if in_tests { &mut own.test_uses } else { &mut own.uses }.insert(to.to_owned());
        graph
    }

    fn all_breaches(graph: &Graph) -> Vec<String> {
        GUARDED.iter().flat_map(|rule| breaches(graph, rule.name)).collect()
    }

    #[test]
    fn the_table_keeps_its_own_wall() {
        assert_eq!(all_breaches(&ideal()), Vec::<String>::new());
        assert_eq!(deviations(&ideal()), Vec::<String>::new());
    }

    #[test]
    fn every_missing_arrow_is_missed_when_it_comes() {
        let forbidden = [
            ("dhw", "identifying"),
            ("hd4res", "hco-messages"),
            ("ehbox-hd", "pseudonymisation"),
            ("ehealth-ttp", "dcd"),
            ("ehealth-ttp", "registration"),
            ("hd4dp", "pseudonymised"),
            ("ehbox-hco", "hd-messages"),
            ("dcd", "identifying"),
            ("registration", "pseudonymised"),
            ("identifying", "registration"),
            ("hd4dp", "ehbox-hco"),
            ("store", "hd4res"),
            ("host", "simulator"),
            ("sealing", "flow"),
        ];
        for (from, to) in forbidden {
            for in_tests in [false, true] {
                let found = all_breaches(&with(from, to, in_tests));
                assert!(
                    found.iter().any(|found| found.starts_with(&format!("`{from}` reaches"))),
                    "{from} {to} {in_tests}: {found:?}"
                );
            }
        }
    }

    #[test]
    fn a_way_round_is_told_whole() {
        let graph = with("host", "hco-messages", false);
        let found = breaches(&graph, "identifying");
        assert!(found.contains(&"`dhw` reaches `identifying` (dhw -> host -> hco-messages -> identifying) and must not: healthdata cannot name a patient.".to_owned()), "{found:?}");
    }

    #[test]
    fn an_arrow_that_is_not_in_the_table_is_named_and_one_too_many_there_too() {
        let found = deviations(&with("clock", "opencsv", false));
        assert_eq!(
            found,
            ["`clock` depends on `opencsv`, an arrow that the table of tests/architecture/src/wall.rs does not have."]
        );
        let mut graph = ideal();
        graph.crates.entry("envelope".to_owned()).or_default().uses.clear();
        assert_eq!(deviations(&graph).len(), 1);
        graph.crates.remove("dhw");
        graph.crates.insert("shiny".to_owned(), Crate::default());
        assert_eq!(deviations(&graph).len(), 3);
    }
}
