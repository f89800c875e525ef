use std::sync::Arc;

use super::{html, json, junit, terminal};
use crate::{
    scenario::{
        many::{Done, Job, run_all},
        read::read,
    },
    simulation::Laboratory,
};

/// A run that is as expected, one that is not, and one whose registration is lost for good, under names that no format likes.
fn done() -> Vec<Done> {
    let texts = [
        "about = \"Well & <good>.\"\nsteps = [{ submit = \"north local 0\" }]",
        "about = \"\\\"Ill\\\" <b>.\"\nsteps = [{ submit = \"north local 0\" }]\nexpect = { verdict = { lost = 3 } }",
        "about = \"Too soon.\"\nrest = \"1 hour\"\nsteps = [{ fault = \"drop\", on = \"4\" }, { submit = \"south local 1\" }]",
    ];
    let jobs: Vec<Job> = texts
        .iter()
        .map(|text| Job {
            file: "./scenarios/b.1/a&b<c>\u{1}.toml".to_owned(),
            scenario: Arc::new(read(text).unwrap()),
            seed: None,
        })
        .collect();
    run_all(&Arc::new(Laboratory::new().unwrap()), &jobs, |_| {})
}

#[test]
fn junit_is_xml_with_a_case_for_each_run() {
    let done = done();
    let xml = junit::report(&done);
    let document = roxmltree::Document::parse(&xml).unwrap();
    let suites = document.root_element();
    assert_eq!(
        (suites.tag_name().name(), suites.attribute("tests"), suites.attribute("failures")),
        ("testsuites", Some("3"), Some("2"))
    );
    let cases: Vec<_> = document.descendants().filter(|node| node.has_tag_name("testcase")).collect();
    assert_eq!(cases.len(), 3);
    assert_eq!(cases[0].attribute("name"), Some("Well & <good>. (seed 1)"));
    // Whoever groups by the last point finds folder and file.
    assert_eq!(cases[0].attribute("classname"), Some("scenarios.b_1.a&b<c>\u{fffd}"));
    assert_eq!(cases[0].attribute("file"), Some("./scenarios/b.1/a&b<c>\u{fffd}.toml"));
    let said = cases[0].children().filter(roxmltree::Node::is_element).map(|child| child.tag_name().name().to_owned());
    assert_eq!(said.collect::<Vec<_>>(), ["system-out"]);
    let failures: Vec<_> = document.descendants().filter(|node| node.has_tag_name("failure")).collect();
    assert_eq!(failures[0].attribute("message"), Some("at the end: 0 lost, not 3"));
    let text = failures[1].text().unwrap();
    assert!(text.contains("P-24: not at rest in 60 minutes") && text.contains("south local 1, version 1 is pending"), "{text}");
}

#[test]
fn json_has_the_figures_and_the_registrations_that_are_not_well() {
    let report = json::report(&done());
    assert_eq!((&report["as_expected"], &report["not_as_expected"]), (&1.into(), &2.into()));
    assert_eq!(report["scenarios"][0]["verdict"]["delivered"], 1);
    assert_eq!(report["scenarios"][0]["registrations"], serde_json::json!([]));
    let lost = &report["scenarios"][2]["registrations"][0];
    assert_eq!((&lost["row"], &lost["fared"]), (&"south local 1".into(), &"pending".into()));
    assert_eq!(lost["stops"][0]["step"], "3");
}

/// What was not run is neither well nor ill, everywhere with its reason; and where nothing was run, nothing is well.
#[test]
fn what_was_not_run_is_no_success() {
    let mut all = done();
    all.truncate(1);
    assert!(super::is_well(&all));
    all[0].outcome.not_run = Some("`lose-broker`: <it> stays".to_owned());
    assert_eq!((super::counts(&all), super::is_well(&all)), ([0, 0, 1], false));
    let xml = junit::report(&all);
    let document = roxmltree::Document::parse(&xml).unwrap();
    assert_eq!(document.root_element().attribute("skipped"), Some("1"));
    let skipped = document.descendants().find(|node| node.has_tag_name("skipped")).unwrap();
    assert_eq!(skipped.attribute("message"), Some("not run here: `lose-broker`: <it> stays"));
    let report = json::report(&all);
    assert_eq!((&report["as_expected"], &report["not_run"]), (&0.into(), &1.into()));
    assert_eq!(report["scenarios"][0]["not_run"], "`lose-broker`: <it> stays");
    let text = terminal::report(&all);
    assert!(text.contains("a&b<c>\u{1}.toml is not run here: `lose-broker`"), "{text}");
    assert!(text.ends_with("0 as expected, 0 not, 1 not run here"), "{text}");
    assert!(html::report(&all).contains("Not run here: `lose-broker`: &lt;it&gt; stays"));
}

/// Every element of the page is closed, it needs nothing beside itself, and everybody has a time line.
#[test]
fn the_page_stands_alone() {
    let page = html::report(&done());
    let body = page.strip_prefix("<!DOCTYPE html>\n").unwrap();
    // What HTML closes by itself.
    let body =
        body.replace("<meta charset=\"utf-8\">", "").replace("<meta name=\"viewport\" content=\"width=device-width\">", "");
    let document = roxmltree::Document::parse(&body).unwrap();
    let name = |node: roxmltree::Node<'_, '_>| node.tag_name().name().to_owned();
    let outside = ["src", "href", "data", "action", "poster"];
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        assert!(!["script", "link", "img", "iframe", "object", "base"].contains(&name(node).as_str()), "{}", name(node));
        for attribute in node.attributes().filter(|attribute| outside.contains(&attribute.name())) {
            assert!(attribute.value().starts_with('#'), "{}", attribute.value());
        }
    }
    assert!(!page.contains("url(") && !page.contains("@import"));
    let figures = document.descendants().filter(|node| node.has_tag_name("figure")).count();
    assert_eq!(figures, 3);
    assert!(page.contains("Well &amp; &lt;good&gt;.") && !page.contains("<good>"));
}

#[test]
fn the_terminal_shows_what_failed_with_where_it_was() {
    let text = terminal::report(&done());
    assert!(text.ends_with("1 as expected, 2 not"), "{text}");
    assert!(text.contains("P-24: not at rest in 60 minutes: row South Local 1 is not confirmed"), "{text}");
    assert!(text.contains("+0 d 00:00:00  3"), "{text}");
}
