//! The figures of two runs.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Part;

/// What follows from the machine and the moment.
const BY_NATURE: [&str; 2] = ["elapsed_ms", "registrations_per_s"];

/// Compares two `summary.json`.
#[must_use]
pub fn compare(a: &Value, b: &Value) -> Part {
    let mut part = Part::new("figures");
    let (a, b) = (figures(a), figures(b));
    let names: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    for name in names {
        part.compared += 1;
        let (a, b) = (a.get(name), b.get(name));
        if a != b {
            part.note(name, "figure", a.cloned(), b.cloned());
        }
    }
    part
}

/// The figures by name; of a step how many registrations passed, since publications are cut as it happens.
fn figures(summary: &Value) -> BTreeMap<String, String> {
    let mut figures = BTreeMap::new();
    for (name, value) in summary.as_object().into_iter().flatten() {
        if let Some(steps) = value.as_array() {
            for step in steps {
                let text = |member: &str| step[member].as_str().unwrap_or_default().to_owned();
                figures.insert(format!("step {} on {}", text("step"), text("queue")), step["registrations"].to_string());
            }
        } else if !BY_NATURE.contains(&name.as_str()) {
            figures.insert(name.clone(), value.to_string());
        }
    }
    figures
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn speed_and_publications_differ_by_nature() {
        let run = |elapsed: u64, publications: u64, confirmed: u64| {
            json!({ "elapsed_ms": elapsed, "registrations_per_s": 1.5 * elapsed as f64, "confirmed": confirmed,
                "steps": [{ "step": "4", "queue": "ttp.in", "publications": publications, "registrations": 5 }] })
        };
        assert_eq!(compare(&run(1, 2, 3), &run(4, 5, 3)).differences, 0);
        let part = compare(&run(1, 2, 3), &run(1, 2, 4));
        assert_eq!((part.differences, part.listed[0].of.as_str(), part.compared), (1, "confirmed", 2));
    }
}
