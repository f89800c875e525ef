use std::fs;

use topology::Arrow;

use super::{read, read_beside};
use crate::{
    scenario::{Act, schema::schema},
    simulation::{Deed, Fault, Hospital, Op, Register, RowName, Service, State, Whose},
};

const ROW: RowName = RowName::new(Hospital::North, Register::Local, 0);

fn steps(steps: &str) -> String {
    format!("about = \"x\"\nsteps = [\n{steps}\n]\n")
}

/// What is said of a text, one complaint to a line, without the excerpts.
fn complaints(text: &str) -> Vec<String> {
    let problems = read(text).expect_err("nothing was complained of");
    let line = |problem: &crate::scenario::problem::Problem| {
        let help = problem.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        format!("{}:{}: {}{help}", problem.line, problem.column, problem.message)
    };
    problems.iter().map(line).collect()
}

#[test]
fn a_scenario_is_read() {
    let text = r#"
about = "A lost STATUS."
symptom = "Submitted, NOK."
seed = 7
quota = 3
rest = "11 days"
steps = [
    { fault = "drop", on = "6 back", times = 2 },
    { keep-fault = "delay", on = "5", by = "3 hours" },
    { submit = "north local 0-1" }, { approve = "north local 0" }, { delete = "south #2" },
    { crash = "ehbox-hco south", at = "before-ack" },
    { pass = "48 hours" },
    "calm",
    { expect = { rows = { "north local 0" = { hospital = "submitted, nok", healthdata = "New", warehouse = 1 } } } },
]
[expect]
verdict = { attempted = 2, lost = 0 }
dead-letters = []
publications = { "3" = 4 }
rows."north local 0-1" = { hospital = "Submitted, OK", comments = 0 }
"#;
    let scenario = read(text).unwrap();
    assert_eq!((scenario.seed, scenario.quota, scenario.rest_minutes), (7, Some(3), Some(11 * 1440)));
    let drop = Op::Once { arrow: Arrow::FeedbackOut, fault: Fault::Lose };
    let submit = Op::Submit { hospital: Hospital::North, register: Register::Local, first: 0, count: 2 };
    let of = Whose::Taken { hospital: Hospital::South, number: 2 };
    assert_eq!(
        scenario.ops(),
        [
            drop,
            drop,
            Op::Keep { arrow: Arrow::ToHd, fault: Fault::delay(180) },
            submit,
            ROW.deed(Deed::Approve),
            Op::Deed { deed: Deed::Delete, of },
            Op::Crash { service: Service::EhboxHco(Hospital::South), point: crate::simulation::Point::BeforeAck },
            Op::Minutes(2880),
            Op::Calm,
        ]
    );
    let last = scenario.steps.last().unwrap();
    let Act::Expects(expectation) = &last.act else { panic!("{last:?}") };
    assert_eq!(expectation.rows[0].1.hospital, Some(Some(State::Submitted(crate::simulation::Confirmation::Nok))));
    assert_eq!(scenario.steps[5].line, 11);
    assert_eq!(scenario.expect.rows.len(), 2);
    assert_eq!(scenario.expect.publications, [(Arrow::HandOver, 4)].into());
    assert_eq!(scenario.expect.dead_letters, Some([].into()));
}

#[test]
fn a_misspelt_word_is_named_with_its_place_and_the_one_that_was_meant() {
    assert_eq!(complaints(&steps("{ subimt = \"north local 0\" }")), ["3:3: unknown step `subimt` (did you mean `submit`?)"]);
    assert_eq!(complaints(&steps("\"clam\"")), ["3:1: unknown step `clam` (did you mean `calm`?)"]);
    assert_eq!(complaints(&steps("{ submit = \"north locl 0\" }")), ["3:12: unknown register `locl` (did you mean `local`?)"]);
    assert_eq!(
        complaints(&steps("{ fault = \"drop\", on = \"4\", tiems = 2 }")),
        ["3:29: unknown member of `fault` `tiems` (did you mean `times`?)"]
    );
    assert_eq!(
        complaints("about = \"x\"\nsteps = []\nexpct = {}\n"),
        ["3:1: unknown member of a scenario `expct` (did you mean `expect`?)"]
    );
    assert_eq!(
        complaints("about = \"x\"\nsteps = []\n[expect]\nverdict = { lots = 1 }\n"),
        ["4:13: unknown figure `lots` (did you mean `lost`?)"]
    );
}

/// One pass over a file tells everything.
#[test]
fn all_mistakes_are_told_at_once() {
    let text =
        "steps = [\n{ pass = \"5 weeks\" },\n{ kill = \"hd4rs\" },\n{ polls = 0 },\n{ crash = \"dhw\" },\n]\nseed = \"x\"\n";
    assert_eq!(
        complaints(text),
        [
            "1:1: `about` is missing",
            "2:10: `5 weeks` is no time (such as \"1 day 3 hours 5 minutes\")",
            "3:10: unknown service `hd4rs` (did you mean `hd4res`?)",
            "4:11: a number from 1 to 10000 was expected",
            "5:1: `at` is missing",
            "7:8: a whole number was expected, not string",
        ]
    );
}

/// Texts that are no scenario, for the reader and for the schema.
const WRONG: [&str; 20] = [
    "about = \"x\"\nsteps = []\nhospitals = { east = \"1234\" }",
    "about = \"x\"\nsteps = []\nhospitals = {}",
    "about = \"x\"\nsteps = []\ninputs.a = { hospital = \"north\", register = \"local\" }",
    "about = \"x\"\nsteps = []\ninputs.a = { hospital = \"north\", register = \"local\", count = 3, file = \"a.csv\" }",
    "steps = []",
    "about = 1\nsteps = []",
    "about = \"x\"\nsteps = {}",
    "about = \"x\"\nsteps = [{}]",
    "about = \"x\"\nsteps = [{ submit = \"north local\" }]",
    "about = \"x\"\nsteps = [{ submit = \"all 0\" }]",
    "about = \"x\"\nsteps = [{ approve = \"all\" }]",
    "about = \"x\"\nsteps = [{ pass = \"5\" }]",
    "about = \"x\"\nsteps = [{ fault = \"drop\" }]",
    "about = \"x\"\nsteps = [{ fault = \"explode\", on = \"4\" }]",
    "about = \"x\"\nsteps = [{ fault = \"drop\", on = \"8\" }]",
    "about = \"x\"\nsteps = [{ calm = false }]",
    "about = \"x\"\nsteps = [\"submit\"]",
    "about = \"x\"\nsteps = [{ kill = \"dhw\", down = \"dhw\" }]",
    "about = \"x\"\nsteps = []\nfails-with = \"24\"",
    "about = \"x\"\nsteps = []\nexpect = { rows = { \"north local 0\" = { hospital = \"Lost\" } } }",
];

#[test]
fn the_schema_refuses_what_the_reader_refuses() {
    let schema = jsonschema::validator_for(&schema()).unwrap();
    for text in WRONG {
        assert!(!complaints(text).is_empty());
        let document: serde_json::Value = toml::from_str(text).unwrap();
        assert!(!schema.is_valid(&document), "{text}");
    }
    for text in [
        &steps("\"calm\", { calm = true }, { pass = \"1 day\" }"),
        "about = \"x\"\nsteps = []\nexpect = { dead-letters = [\"QUOTA\"] }",
    ] {
        assert!(read(text).is_ok(), "{text}");
        let document: serde_json::Value = toml::from_str(text).unwrap();
        assert!(schema.is_valid(&document), "{text}");
    }
}

#[test]
fn what_does_not_go_together_is_refused() {
    for (step, sentence) in [
        ("{ fault = \"delay\", on = \"4\" }", "`delay` needs `by`, such as by = \"3 hours\""),
        ("{ fault = \"drop\", on = \"4\", by = \"1 day\" }", "only `delay` takes `by`"),
        ("{ renew-keys = \"dhw\" }", "this service has no key pair"),
        ("{ new-definition = \"local\", at = \"ehealth-ttp\" }", "this service reads no definitions"),
        ("{ kill = \"dhw\", up = \"dhw\" }", "one step, one thing: `up` stands beside `kill`"),
    ] {
        let said = complaints(&steps(step));
        assert!(said.len() == 1 && said[0].ends_with(sentence), "{said:?}");
    }
}

/// A scenario with inputs, in a folder with a file of the local register and one that is none.
fn complaints_about_inputs(premises: &str, steps: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("january.csv"), include_str!("../../../../../tests/scenarios/inputs/east-january.csv")).unwrap();
    fs::write(folder.path().join("letter.csv"), "Dear colleague;\nno rows;\n").unwrap();
    let text = format!("about = \"x\"\nsteps = [{steps}]\n{premises}\n");
    let problems = read_beside(&text, folder.path()).expect_err("nothing was complained of");
    let said = |problem: &crate::scenario::problem::Problem| {
        let help = problem.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        let said = format!("{}: {}{help}", problem.line, problem.message);
        said.replace(&format!("{}/", folder.path().display()), "")
    };
    problems.iter().map(said).collect()
}

#[test]
fn what_is_wrong_with_an_input_is_told_with_its_line() {
    let of = |rest: &str| format!("inputs.january = {{ hospital = \"north\", {rest} }}");
    for (premises, steps, expected) in [
        (
            of("register = \"local\", file = \"janury.csv\""),
            "",
            "3: cannot read janury.csv: No such file or directory (os error 2) (did you mean `january.csv`?)",
        ),
        (
            of("register = \"local\", file = \"x\""),
            "",
            "3: cannot read x: No such file or directory (os error 2) (a file is looked for beside its scenario)",
        ),
        (of("register = \"locl\", count = 3"), "", "3: unknown register `locl` (did you mean `local`?)"),
        (
            of("register = \"local\""),
            "",
            "3: an input has either `file` or `count` (file = \"rows.csv\" beside the scenario, or count = 20 for rows that are made)",
        ),
        (of("register = \"local\", count = 3, faulty = 101"), "", "3: a number from 0 to 100 was expected"),
        (
            of("register = \"local\", count = 3"),
            "{ submit = \"januari\" }",
            "2: unknown input `januari` (did you mean `january`?)",
        ),
        (
            of("register = \"local\", count = 3"),
            "{ submit = \"january 1-3\" }",
            "2: `1-3` are no rows (numbers from 0 to 2, such as \"0\" or \"0-3\")",
        ),
        (
            of("register = \"local\", count = 3"),
            "{ approve = \"january\" }",
            "2: one registration at a time (such as \"north local 0\", or \"north #0\")",
        ),
        (
            "inputs.january = { hospital = \"norht\", register = \"local\", count = 3 }".to_owned(),
            "",
            "3: unknown hospital `norht` (did you mean `north`?)",
        ),
        ("inputs.north = { hospital = \"north\", register = \"local\", count = 3 }".to_owned(), "", "3: `north` is a hospital"),
        (
            "hospitals.east = \"394\"".to_owned(),
            "",
            "3: `394` is no number of a fictitious hospital (8 digits, 0 first, such as \"00000394\": numbers that are issued to nobody)",
        ),
        (
            "hospitals.East = \"00000394\"".to_owned(),
            "",
            "3: `East` is no name (name it by 1 to 24 small letters, digits and `-`, a letter first)",
        ),
        ("hospitals = { east = \"00000394\", west = \"00000394\" }".to_owned(), "", "3: `west` has the number of `east`"),
        (
            "hospitals.east = \"00000394\"".to_owned(),
            "{ submit = \"north local 0\" }",
            "2: unknown hospital `north` (there are `east`)",
        ),
        (
            "hospitals.east = \"00000394\"".to_owned(),
            "{ kill = \"hd4dp eest\" }",
            "2: unknown service `hd4dp eest` (did you mean `hd4dp east`?)",
        ),
    ] {
        assert_eq!(complaints_about_inputs(&premises, steps), [expected]);
    }
    let said = complaints_about_inputs(&of("register = \"central\", file = \"january.csv\""), "");
    assert!(
        said[0].contains("no file of Precision_Central_MAB: E01") && said[0].ends_with("(it fits register `local`)"),
        "{said:?}"
    );
    let said = complaints_about_inputs(&of("register = \"local\", file = \"letter.csv\""), "");
    assert!(said[0].ends_with("(precision dcd template Precision_Local_MAB prints the columns)"), "{said:?}");
}

/// A file is taken apart as HD4DP takes it apart: rows of its own, and made ones.
#[test]
fn inputs_are_read_and_named_by_steps() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/scenarios/inputs");
    let text = r#"
about = "x"
steps = [{ submit = "january" }, { change = "made 2-3" }, { approve = "january 1" }, { delete = "east #0" }, { kill = "hd4dp east" }]
[hospitals]
east = "00000394"
[inputs]
january = { hospital = "east", register = "local", file = "east-january.csv" }
made = { hospital = "east", register = "treatment", count = 9, seed = 2, faulty = 50 }
[expect]
inputs.january = { accepted = 4, codes = ["E10"] }
rows."made 3" = { warehouse = 2 }
"#;
    let scenario = read_beside(text, std::path::Path::new(folder)).unwrap();
    let premises = scenario.premises.as_ref().unwrap();
    let [january, made] = &premises.inputs[..] else { panic!("{premises:?}") };
    assert_eq!((january.count(), made.count()), (6, 9));
    let east = premises.hospitals[0];
    let row = RowName { hospital: east, register: Register::Local, input: Some(january.name), number: 1 };
    assert_eq!(
        scenario.ops(),
        [
            Op::Upload { input: january.name, first: 0, count: 6, changed: false },
            Op::Upload { input: made.name, first: 2, count: 2, changed: true },
            row.deed(Deed::Approve),
            Op::Deed { deed: Deed::Delete, of: Whose::Taken { hospital: east, number: 0 } },
            Op::Kill(Service::Hd4dp(east)),
        ]
    );
    let again = crate::scenario::write::scenario("x", 1, &scenario.ops());
    for step in
        ["{ submit = \"january 0-5\" }", "{ change = \"made 2-3\" }", "{ approve = \"january 1\" }", "{ kill = \"hd4dp east\" }"]
    {
        assert!(again.contains(step), "{again}");
    }
    let document: serde_json::Value = toml::from_str(text).unwrap();
    assert!(jsonschema::validator_for(&schema()).unwrap().is_valid(&document));
}

#[test]
fn broken_toml_is_told_with_its_place() {
    let said = complaints("about = \"x\nsteps = []\n");
    assert!(said[0].starts_with("1:") && said[0].contains("no TOML"), "{said:?}");
}
