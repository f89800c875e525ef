//! The protocol of a conformance run: for people, programs and build servers.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::check::{Check, Counts, Finding, Need, Protocol};
use crate::scenario::report::junit::escaped;

const fn word(check: &Check, finding: &Finding) -> &'static str {
    match (finding, check.need) {
        (Finding::Passed, _) => "pass",
        (Finding::Failed { .. }, _) => "FAIL",
        (Finding::NotReached, Need::Required) => "NOT REACHED",
        (Finding::NotReached, Need::Optional) => "not offered",
    }
}

/// A line per check, three more for each that failed, and a last one that says how it ended.
#[must_use]
pub fn terminal(protocol: &Protocol) -> String {
    let mut text = format!("{}\n", protocol.part());
    for (number, check, finding) in protocol.rows() {
        // Writing to a text does not fail.
        let _ = writeln!(text, "{number:>4}  {:<11}  {:<10}  {}", word(check, finding), check.section, check.expected);
        if let Finding::Failed { sent, came } = finding {
            let _ = writeln!(text, "      sent  {sent}\n      came  {came}");
        }
    }
    let Counts { passed, failed, not_reached, not_offered } = protocol.counts();
    let ended = if protocol.conforms() { "conforms" } else { "does NOT conform" };
    let counts = format!("{passed} passed, {failed} failed, {not_reached} not reached, {not_offered} not offered");
    let _ = write!(text, "\n{counts}: {} {ended} to docs/WIRE.md", protocol.part());
    text
}

/// One object: how it ended, and every check.
#[must_use]
pub fn json(protocol: &Protocol) -> Value {
    let Counts { passed, failed, not_reached, not_offered } = protocol.counts();
    let check = |(number, check, finding): (usize, &Check, &Finding)| {
        let mut row = json!({
            "number": number,
            "name": check.name,
            "section": check.section,
            "expected": check.expected,
            "required": check.need == Need::Required,
            "finding": match (finding, check.need) {
                (Finding::Passed, _) => "passed",
                (Finding::Failed { .. }, _) => "failed",
                (Finding::NotReached, Need::Required) => "not reached",
                (Finding::NotReached, Need::Optional) => "not offered",
            },
        });
        if let Finding::Failed { sent, came } = finding {
            row["sent"] = json!(sent);
            row["came"] = json!(came);
        }
        row
    };
    json!({
        "part": protocol.part(),
        "conforms": protocol.conforms(),
        "passed": passed,
        "failed": failed,
        "not_reached": not_reached,
        "not_offered": not_offered,
        "checks": protocol.rows().map(check).collect::<Vec<_>>(),
    })
}

/// JUnit's XML, as Jenkins and GitLab read it: a test case per check. What a part need not do is skipped when it does not.
#[must_use]
pub fn junit(protocol: &Protocol) -> String {
    let rows: Vec<_> = protocol.rows().collect();
    let failed = rows.iter().filter(|(_, check, finding)| !matches!(word(check, finding), "pass" | "not offered")).count();
    let skipped = rows.iter().filter(|(_, check, finding)| word(check, finding) == "not offered").count();
    let part = escaped(protocol.part());
    let counts = format!("tests=\"{}\" failures=\"{failed}\" errors=\"0\" skipped=\"{skipped}\"", rows.len());
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"precision conformance {part}\" {counts}>\n"
    );
    for (number, check, finding) in rows {
        let name = escaped(&format!("{number} {} (WIRE {})", check.expected, check.section));
        let _ = write!(xml, "    <testcase classname=\"{part}.{}\" name=\"{name}\"", escaped(&check.name));
        match (finding, check.need) {
            (Finding::Passed, _) => xml.push_str("/>\n"),
            (Finding::NotReached, Need::Optional) => xml.push_str("><skipped message=\"not offered\"/></testcase>\n"),
            (Finding::NotReached, Need::Required) => {
                xml.push_str("><failure message=\"not reached\" type=\"not reached\"/></testcase>\n");
            }
            (Finding::Failed { sent, came }, _) => {
                let (sent, came) = (escaped(sent), escaped(came));
                let _ = writeln!(xml, "><failure message=\"{came}\" type=\"failed\">sent: {sent}</failure></testcase>");
            }
        }
    }
    xml.push_str("  </testsuite>\n</testsuites>\n");
    xml
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::check::{optional, required};

    fn protocol() -> Protocol {
        let mut checks = required(&[("a", "1", "it is <a>"), ("b", "2", "it is b")]);
        checks.extend(optional(&[("c", "3", "it is c")]));
        let mut protocol = Protocol::new("ehealth-ttp", checks);
        protocol.judge("a", "one & two", Err("\"three\"".to_owned()));
        protocol
    }

    #[test]
    fn a_person_reads_what_was_sent_and_what_came() {
        let text = terminal(&protocol());
        assert!(
            text.contains("   1  FAIL         1           it is <a>\n      sent  one & two\n      came  \"three\"\n"),
            "{text}"
        );
        assert!(text.contains("   2  NOT REACHED") && text.contains("   3  not offered"), "{text}");
        assert!(
            text.ends_with("0 passed, 1 failed, 1 not reached, 1 not offered: ehealth-ttp does NOT conform to docs/WIRE.md"),
            "{text}"
        );
    }

    #[test]
    fn a_build_server_reads_well_formed_xml() {
        let xml = junit(&protocol());
        let document = roxmltree::Document::parse(&xml).unwrap();
        let count = |name| document.descendants().filter(|node| node.has_tag_name(name)).count();
        assert_eq!((count("testcase"), count("failure"), count("skipped")), (3, 2, 1));
    }

    #[test]
    fn a_program_reads_every_check() {
        let object = json(&protocol());
        assert_eq!(object["conforms"], false);
        assert_eq!(object["checks"][0]["came"], "\"three\"");
        assert_eq!(object["checks"][2]["required"], false);
    }
}
