//! The command line as a user meets it: files, exit statuses, and nothing of a patient in what it says.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Output, Stdio},
};

#[path = "command_line/recording.rs"]
mod recording;

const REGISTER: &str = "Precision_Local_MAB";
const HOSPITAL: &str = "00000196";

fn precision(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_precision"))
        .args(arguments)
        .current_dir(folder)
        .env("PRECISION_LOG", "trace")
        .output()
        .unwrap()
}

fn generate(folder: &Path, name: &str, rows: &str, faulty: &str) {
    let made = precision(
        folder,
        &["generate", "--dcd", REGISTER, "--org", HOSPITAL, "--count", rows, "--seed", "4", "--faulty", faulty, "-o", name],
    );
    assert!(made.status.success(), "{made:?}");
}

fn run(folder: &Path, out: &str, more: &[&str]) -> Output {
    let mut arguments = vec!["run", "--dcd", REGISTER, "--org", HOSPITAL, "--out", out, "--store", "store", "--json"];
    arguments.extend_from_slice(more);
    precision(folder, &arguments)
}

#[test]
fn rows_may_be_generated_to_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    generate(folder.path(), "mab.csv", "30", "30");
    let arguments =
        ["generate", "--dcd", REGISTER, "--org", HOSPITAL, "--count", "30", "--seed", "4", "--faulty", "30", "-o", "-"];
    let made = precision(folder.path(), &arguments);
    assert!(made.status.success() && made.stdout == fs::read(folder.path().join("mab.csv")).unwrap());
    assert!(!folder.path().join("-").exists());
}

#[test]
fn a_zones_database_has_the_roles_of_its_parties_only() {
    let roles = |more: &[&str]| {
        let made = precision(Path::new("."), &[&["topology", "roles"], more].concat());
        assert!(made.status.success(), "{made:?}");
        let text = String::from_utf8(made.stdout).unwrap();
        let names = text.lines().filter_map(|line| line.trim().strip_prefix('\'')?.split('\'').next());
        names.map(str::to_owned).collect::<BTreeSet<String>>()
    };
    let zones = [
        ("hospital-00000196", &["hd4dp_00000196", "ehbox_hco_00000196"][..]),
        ("ehealth", &["ehealth_ttp"]),
        ("hd", &["ehbox_hd", "hd4res", "dhw"]),
    ];
    let mut all = BTreeSet::new();
    for (zone, expected) in zones {
        let found = roles(&["--zone", zone]);
        assert_eq!(found, expected.iter().copied().map(str::to_owned).collect(), "{zone}");
        all.extend(found);
    }
    assert_eq!(all, roles(&["--org", "00000196"]));
    let unknown = precision(Path::new("."), &["topology", "roles", "--zone", "hospital"]);
    assert_eq!(unknown.status.code(), Some(2), "{unknown:?}");
}

#[test]
fn who_has_no_password_is_named_and_not_in_the_brokers_definitions() {
    let folder = tempfile::tempdir().unwrap();
    let made =
        |arguments: &[&str]| precision(folder.path(), &[&["topology", "definitions", "--org", HOSPITAL], arguments].concat());
    let refused = made(&["--passwords", "."]);
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(2), 0), "{refused:?}");
    for user in ["dhw", "ehbox-hd"] {
        fs::create_dir(folder.path().join(user)).unwrap();
        fs::write(folder.path().join(user).join("broker"), "as it is typed\n").unwrap();
    }
    let partly = made(&["--passwords", "."]);
    let left_out = format!("left out, without a password: hd4dp-{HOSPITAL}, ehbox-hco-{HOSPITAL}, ehealth-ttp, hd4res\n");
    assert_eq!(String::from_utf8(partly.stderr).unwrap(), left_out);
    let text = String::from_utf8(partly.stdout).unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let names = |part: &str, member: &str| -> BTreeSet<String> {
        document[part].as_array().unwrap().iter().map(|row| row[member].as_str().unwrap().to_owned()).collect()
    };
    let known = BTreeSet::from(["dhw".to_owned(), "ehbox-hd".to_owned()]);
    assert_eq!((names("users", "name"), names("permissions", "user")), (known.clone(), known));
    assert!(!text.contains("as it is typed"));
}

/// What must show nowhere outside the hospital: numbers, names and internal ids of a file, those long enough not to occur by chance.
fn identifiers(path: &Path) -> BTreeSet<String> {
    let mut reader = opencsv::Reader::new(fs::File::open(path).unwrap());
    let header = reader.header().unwrap();
    let columns = ["patient_id", "patient_id|name", "patient_id|first_name", "patient_id|internal_patient_id"];
    let places: Vec<usize> = columns.iter().filter_map(|column| header.iter().position(|name| name == column)).collect();
    let mut found = BTreeSet::new();
    while let Some(record) = reader.next_record().unwrap() {
        let Ok(fields) = record.body else { continue };
        let values = places.iter().filter_map(|place| fields.get(*place).ok());
        found.extend(values.filter(|value| value.len() > 7).map(str::to_owned));
    }
    found
}

/// With every log line shown, and faults of every kind in the rows, neither stream names a patient; nor does anything that stands
/// outside the hospital's own files.
#[test]
fn nothing_of_a_patient_in_logs_and_answers() {
    let folder = tempfile::tempdir().unwrap();
    generate(folder.path(), "mab.csv", "300", "30");
    let identifiers = identifiers(&folder.path().join("mab.csv"));
    assert!(identifiers.len() > 300);
    let check = precision(folder.path(), &["check", "--dcd", REGISTER, "--json", "mab.csv"]);
    let run = run(folder.path(), "out", &["mab.csv"]);
    assert_eq!((check.status.code(), run.status.code()), (Some(1), Some(1)));
    let mut said = [check.stdout, check.stderr, run.stdout, run.stderr].concat();
    assert!(String::from_utf8_lossy(&said).contains("DEBUG"), "the log is shown in full");
    for file in ["itinerary.jsonl", "summary.json", "validation/findings.csv", &format!("researcher/{REGISTER}.csv")] {
        said.extend(fs::read(folder.path().join("out").join(file)).unwrap());
    }
    let said = String::from_utf8_lossy(&said);
    let leaks = identifiers.iter().filter(|identifier| said.contains(identifier.as_str())).count();
    assert_eq!(leaks, 0, "{leaks} identifiers leak");
}

#[test]
fn a_second_run_of_the_same_file_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    generate(folder.path(), "mab.csv", "120", "0");
    let summary = |output: &Output| serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap();
    let first = run(folder.path(), "out", &["mab.csv"]);
    let second = run(folder.path(), "out2", &["mab.csv"]);
    for (output, unchanged) in [(&first, 0), (&second, 120)] {
        let summary = summary(output);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        for (figure, value) in
            [("accepted", 120), ("confirmed", 120), ("validated", 120), ("pending", 0), ("unchanged", unchanged)]
        {
            assert_eq!(summary[figure], value, "{figure}");
        }
    }
    let rows = |out: &str| fs::read(folder.path().join(out).join("researcher").join(format!("{REGISTER}.csv"))).unwrap();
    assert_eq!(rows("out"), rows("out2"));
}

#[test]
fn what_cannot_be_used_is_said_with_exit_status_2() {
    let folder = tempfile::tempdir().unwrap();
    generate(folder.path(), "mab.csv", "5", "0");
    fs::write(folder.path().join("comma.csv"), "patient_id,patient_id|sex\n1,2\n").unwrap();
    let both = run(folder.path(), "out", &["mab.csv", "comma.csv"]);
    assert_eq!(both.status.code(), Some(2));
    assert!(serde_json::from_slice::<serde_json::Value>(&both.stdout).unwrap()["error"].is_string());
    assert!(!folder.path().join("out/reports").exists(), "nothing of the good file was sent");
    let unknown = precision(folder.path(), &["run", "--dcd", "No_Such_Register", "--org", HOSPITAL, "--out", "o", "mab.csv"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains(REGISTER), "the answer names the registers that there are");
}

#[test]
fn other_keys_over_the_same_store_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    generate(folder.path(), "mab.csv", "5", "0");
    assert_eq!(run(folder.path(), "out", &["mab.csv"]).status.code(), Some(0));
    let other = run(folder.path(), "out", &["--keys", "other", "mab.csv"]);
    assert_eq!(other.status.code(), Some(2), "{other:?}");
}

/// A new register is files, not code: a made-up one goes through all seven steps.
#[test]
fn a_made_up_register_is_added_by_files() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("definitions/Made_Up/1");
    fs::create_dir_all(&home).unwrap();
    let label = r#"{"en":"x","nl":"x","fr":"x"}"#;
    let field = |text: &str| format!(r#"{{{text}, "label": {label}}}"#);
    let patient = [
        field(r#""name":"internal_patient_id","type":"text","max_length":50,"hd":"never""#),
        field(r#""name":"generated","type":"boolean","hd":"as_is""#),
        field(r#""name":"name","type":"text","max_length":100,"hd":"never""#),
        field(r#""name":"first_name","type":"text","max_length":100,"hd":"never""#),
        field(r#""name":"date_of_birth","type":"date","required":true,"default_from_ssin":"date_of_birth","hd":"year","hd_name":"year_of_birth""#),
        field(r#""name":"sex","type":"choice","list":"SEX","required":true,"default_from_ssin":"sex","hd":"as_is""#),
    ]
    .join(",");
    let fields = [
        field(&format!(r#""name":"patient_id","type":"patient_id","required":true,"hd":"pseudonym","fields":[{patient}]"#)),
        field(r#""name":"case_number","type":"text","required":true,"max_length":20,"hd":"as_is""#),
        field(r#""name":"score","type":"number","min":0,"max":10,"decimals":1,"hd":"as_is""#),
    ]
    .join(",");
    let definition = format!(
        r#"{{"name":"Made_Up","version":1,"project":"HDBP0000","title":{label},
            "collection":{{"start":"2020-01-01","end_creation":null,"end_submission":null,"end_comments":null}},
            "approval":"manual","unique_id":["case_number"],"attachments":{{"max_bytes":1,"sum_bytes":1,"extensions":["txt"]}},
            "sections":[{{"label":{label},"fields":[{fields}]}}],"rules":[],"across":[]}}"#
    );
    fs::write(home.join("definition.json"), definition).unwrap();
    fs::write(folder.path().join("cases.csv"), "patient_id;case_number;score\n64031299906;A-1;7,5\n64031200035;A-2;11\n")
        .unwrap();
    let run = precision(
        folder.path(),
        &["--definitions", "definitions", "run", "--dcd", "made_up", "--org", HOSPITAL, "--out", "out", "--json", "cases.csv"],
    );
    assert_eq!(run.status.code(), Some(1), "{run:?}");
    let rows = fs::read_to_string(folder.path().join("out/researcher/Made_Up.csv")).unwrap();
    assert!(rows.contains("A-1,7.5") && !rows.contains("A-2"), "{rows}");
    let errors = fs::read_to_string(folder.path().join("out/reports/cases.error.csv")).unwrap();
    assert!(errors.contains("V04 score"), "{errors}");
}

/// The entry goes into a file, the secret to whoever will call, and neither says the other's.
#[test]
fn a_new_token_is_an_entry_and_a_secret() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.toml");
    let mut entries = Vec::new();
    let wanted: [(&str, &[&str]); 3] = [
        ("study", &["--role", "researcher", "--all-registers"]),
        ("help", &["--role", "support", "--register=A"]),
        // Whoever runs an installation sees no register.
        ("operator", &["--role", "operator"]),
    ];
    for (name, more) in wanted {
        let made = precision(folder.path(), &[&["token", "new", "--name", name], more].concat());
        assert!(made.status.success(), "{made:?}");
        let said = String::from_utf8(made.stderr).unwrap();
        let secret = said.split_whitespace().find(|word| word.starts_with("precision_")).unwrap();
        assert!(!String::from_utf8_lossy(&made.stdout).contains(secret));
        entries.push((format!("Bearer {secret}"), made.stdout));
    }
    fs::write(&file, entries.iter().flat_map(|(_, entry)| entry.clone()).collect::<Vec<u8>>()).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let tokens = web::Tokens::load(&file).unwrap();
    let names: Vec<String> =
        entries.iter().map(|(secret, _)| tokens.caller(Some(secret), clock::Timestamp::EPOCH).unwrap().name).collect();
    assert_eq!(names, ["study", "help", "operator"]);
    for (wrong, missing) in [
        (["--role", "data-provider", "--all-registers"], "organisation"),
        (["--role", "support", "--expires=2027-12-31T00:00:00Z"], "--register"),
    ] {
        let refused = precision(folder.path(), &[&["token", "new", "--name", "x"], &wrong[..]].concat());
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(2) && said.contains(missing) && refused.stdout.is_empty(), "{said}");
    }
}

/// A secret that is kept for its caller is printed nowhere, and the file that it goes to is the owner's.
#[test]
fn a_kept_secret_goes_from_the_drawing_into_the_callers_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (file, mut entries) = (folder.path().join("secrets.toml"), Vec::new());
    let new = ["token", "new", "--all-registers", "--keep", "secrets.toml", "--name"];
    for more in
        [["desk", "--role=data-provider", "--org=00000196"], ["study", "--role=researcher", "--expires=2099-01-01T00:00:00Z"]]
    {
        let made = precision(folder.path(), &[&new[..], &more].concat());
        assert!(made.status.success() && !String::from_utf8_lossy(&made.stderr).contains(web::token::PREFIX), "{made:?}");
        entries.extend(made.stdout);
    }
    let tokens = folder.path().join("tokens.toml");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    fs::write(&tokens, &entries).unwrap();
    fs::set_permissions(&tokens, fs::Permissions::from_mode(0o600)).unwrap();
    let (tokens, secrets) = (web::Tokens::load(&tokens).unwrap(), simulator::client::Secrets::load(&file).unwrap());
    let caller = |bearer: &str| tokens.caller(Some(bearer), clock::Timestamp::EPOCH).unwrap();
    let names: Vec<_> = secrets.iter().map(|held| caller(&held.secret.bearer()).name).collect();
    assert_eq!(names, ["desk", "study"]);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let open = precision(folder.path(), &[&new[..], &["third", "--role=support"]].concat());
    assert!(open.status.code() == Some(2) && open.stdout.is_empty(), "an entry without its secret would be of no use");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(simulator::client::Secrets::load(&file).unwrap().iter().count(), 2);
}

const SCENARIO: &str = "about = \"A row.\"\nsteps = [{ submit = \"north local 0\" }]\nexpect = { verdict = { delivered = 1 } }\n";

/// 0 when all end as expected; 1 when one does not; 2 with line, column and the word that was meant when a file is no scenario.
#[test]
fn replay_says_by_its_status_how_scenarios_ended() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    fs::create_dir(folder.path().join("well")).unwrap();
    write("well/one.toml", SCENARIO);
    write("well/other.toml", &SCENARIO.replace("A row", "Another"));
    write("ill.toml", &SCENARIO.replace("delivered = 1", "delivered = 2"));
    write("none.toml", "about = \"A row.\"\nsteps = [{ subimt = \"north local 0\" }]\n");
    let well =
        precision(folder.path(), &["replay", "well", "--repeat", "3", "--json", "--junit", "out.xml", "--html", "out.html"]);
    assert_eq!(well.status.code(), Some(0), "{well:?}");
    let report: serde_json::Value = serde_json::from_slice(&well.stdout).unwrap();
    assert_eq!((&report["as_expected"], &report["not_as_expected"]), (&6.into(), &0.into()));
    assert!(fs::read_to_string(folder.path().join("out.xml")).unwrap().contains("tests=\"6\""));
    assert!(fs::read_to_string(folder.path().join("out.html")).unwrap().contains("<svg"));
    let filtered = precision(folder.path(), &["replay", "well", "--filter", "ANOTHER", "--json"]);
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&filtered.stdout).unwrap()["as_expected"], 1);
    let ill = precision(folder.path(), &["replay", "well", "ill.toml"]);
    let said = String::from_utf8_lossy(&ill.stdout).into_owned();
    assert_eq!(ill.status.code(), Some(1));
    assert!(said.contains("at the end: 1 delivered, not 2") && said.ends_with("2 as expected, 1 not\n"), "{said}");
    let none = precision(folder.path(), &["replay", "ill.toml", "none.toml"]);
    let said = String::from_utf8_lossy(&none.stderr).into_owned();
    assert_eq!(none.status.code(), Some(2));
    assert!(said.contains("none.toml:2:12: unknown step `subimt`") && said.contains("did you mean `submit`?"), "{said}");
}

/// Whoever wants a real broker and does not get it is told so, and nobody reads his password.
#[test]
fn replay_on_a_real_broker_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("one.toml"), SCENARIO).unwrap();
    // Somebody has had this port, and nobody listens there any more.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = format!("amqp://user:geheim@{gone}/v");
    for (more, expected) in [
        (&["--broker", &away][..], "failed to reach the broker"),
        (&["--broker", "amqps://user:geheim@h/v"], "they know no TLS"),
        (&["--broker", "user:geheim@h"], "expected an address such as"),
        (&["--broker", &away, "--broker-stop", "true"], "--broker-start"),
        (&["--away", "silent"], "name another one with --broker"),
    ] {
        let output = precision(folder.path(), &[&["replay", "one.toml"], more].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(expected) && !said.contains("geheim"), "{said}");
    }
}

#[test]
fn replay_runs_again_when_a_file_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.toml");
    fs::write(&path, SCENARIO).unwrap();
    let mut watching = Command::new(env!("CARGO_BIN_EXE_precision"))
        .args(["replay", "one.toml", "--watch"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "1 as expected, 0 not"));
    fs::write(&path, SCENARIO.replace("delivered = 1", "delivered = 2")).unwrap();
    assert!(lines.any(|line| line == "0 as expected, 1 not"));
    watching.kill().unwrap();
    watching.wait().unwrap();
}

#[test]
fn explore_says_how_fast_it_is_and_one_seed_is_one_itinerary() {
    let folder = tempfile::tempdir().unwrap();
    let explored = precision(folder.path(), &["explore", "--count", "12", "--seed", "7", "--twice"]);
    let said = String::from_utf8_lossy(&explored.stdout).into_owned();
    assert_eq!(explored.status.code(), Some(0), "{said}");
    assert!(said.starts_with("12 lists from seed 7 on, each twice") && said.contains("per second"), "{said}");
}

/// Nothing from outside reaches the embedded broker, so no part can take a service's place on it.
#[test]
fn a_part_of_ones_own_needs_a_rabbitmq_keys_and_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let serve = ["serve", "--org", HOSPITAL, "--store", "store"];
    let address = "amqp://guest:guest@127.0.0.1:1/%2f";
    let config = "hospitals = [\"00000196\"]\nstore = \"store\"\nwithout = [\"ehealth-ttp\"]\n";
    fs::write(folder.path().join("serve.toml"), config).unwrap();
    for (arguments, reason) in [
        ([&serve[..], &["--without", "ehealth-ttp"]].concat(), "needs a RabbitMQ"),
        (vec!["serve", "--config", "serve.toml"], "needs a RabbitMQ"),
        ([&serve[..], &["--without", "ttp"]].concat(), "expected one of hd4dp, ehbox-hco, ehealth-ttp"),
        ([&serve[..], &["--broker", address, "--without", "ehbox-hco-00000295"]].concat(), "that hospital is not served"),
        (vec!["conformance", "ttp", "--broker", address, "--keys", "keys"], "expected one of hd4dp, ehbox-hco, ehealth-ttp"),
        (vec!["conformance", "ehealth-ttp", "--broker", address, "--keys", "nowhere"], "precision keys init"),
    ] {
        let output = precision(folder.path(), &arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(reason), "{arguments:?}: {said}");
    }
    assert!(!folder.path().join("store").exists(), "nothing is made before it is clear that it can be used");
    let made = precision(folder.path(), &["keys", "init", "keys", "--org", HOSPITAL]);
    assert!(made.status.success(), "{made:?}");
    for (part, broker, reason) in
        [("ehbox-hco", "embedded", "nothing from outside reaches it"), ("ehealth-ttp", address, "the keys of 2 hospitals")]
    {
        let output = precision(folder.path(), &["conformance", part, "--broker", broker, "--keys", "keys"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(reason), "{said}");
    }
    // One hospital is enough for a hospital's part; then it is the broker that is away.
    let arguments = ["conformance", "ehbox-hco", "--broker", address, "--keys", "keys", "--json"];
    let output = precision(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(2));
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(said["error"].as_str().unwrap().contains("the broker cannot be reached"), "{said}");
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// One file sent in two installations with keys of their own; then one of them gets one other cell.
#[test]
fn two_runs_of_one_file_are_equal_and_one_changed_cell_is_exactly_that() {
    let folder = tempfile::tempdir().unwrap();
    generate(folder.path(), "mab.csv", "40", "10");
    let send = |out: &str, file: &str| {
        let sent = precision(folder.path(), &["run", "--dcd", REGISTER, "--org", HOSPITAL, "--out", out, "--json", file]);
        assert!(matches!(sent.status.code(), Some(0 | 1)), "{sent:?}");
    };
    send("a", "mab.csv");
    send("b", "mab.csv");
    let diff = |a: &str, b: &str| precision(folder.path(), &["diff", a, b, "--json"]);
    let equal = diff("a", "b");
    let told = json(&equal);
    assert_eq!((equal.status.code(), &told["equal"], &told["same_keys"]), (Some(0), &true.into(), &false.into()), "{told}");
    let names: Vec<&str> = told["parts"].as_array().unwrap().iter().map(|part| part["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["figures", "statuses", "itineraries", "researcher/Precision_Local_MAB", "findings"]);
    let compared = |part: usize| told["parts"][part]["compared"].as_u64().unwrap();
    assert!(compared(0) > 15 && compared(1) > 20 && compared(2) == compared(1) && compared(3) == compared(1), "{told}");
    let stores = diff("a/store", "b/store");
    assert_eq!((stores.status.code(), json(&stores)["equal"].clone()), (Some(0), true.into()), "{stores:?}");

    // Another comment in one row that is taken in.
    let text = fs::read_to_string(folder.path().join("a/reports/mab.success.csv")).unwrap();
    let accepted = text.lines().nth(1).unwrap();
    let file = fs::read_to_string(folder.path().join("mab.csv")).unwrap();
    let column = file.lines().next().unwrap().split(';').position(|name| name.trim_matches('"') == "local_mab_comment").unwrap();
    let mut cells: Vec<&str> = accepted.split(';').collect();
    cells[column] = "\"Another comment\"";
    assert!(file.contains(accepted));
    fs::write(folder.path().join("other.csv"), file.replace(accepted, &cells.join(";"))).unwrap();
    send("c", "other.csv");
    let different = diff("a", "c");
    let told = json(&different);
    assert_eq!(different.status.code(), Some(1));
    let listed: Vec<(&str, &serde_json::Value)> = told["parts"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|part| part["listed"].as_array().unwrap().iter().map(|one| (part["name"].as_str().unwrap(), one)))
        .collect();
    let [(part, one)] = listed.as_slice() else { panic!("{listed:?}") };
    assert_eq!(
        (*part, &one["what"], &one["b"]),
        ("researcher/Precision_Local_MAB", &"local_mab_comment".into(), &"Another comment".into())
    );
    // The same store again: a second version, and what that leaves everywhere.
    let again = run(folder.path(), "d", &["mab.csv"]);
    assert!(matches!(again.status.code(), Some(0 | 1)));
    let again = run(folder.path(), "e", &["other.csv"]);
    assert!(matches!(again.status.code(), Some(0 | 1)));
    let lines = String::from_utf8(precision(folder.path(), &["diff", "a/store", "store"]).stdout).unwrap();
    assert!(lines.contains("version at the hospital: \"1\" | \"2\"") && lines.ends_with("different\n"), "{lines}");
    for (a, b) in [("a", "none"), ("reports", "a")] {
        let wrong = precision(folder.path(), &["diff", a, b, "--json"]);
        assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
        assert!(json(&wrong)["error"].is_string());
    }
}

#[test]
fn a_registration_is_traced_on_what_a_run_left_and_goes_into_a_ticket() {
    let folder = tempfile::tempdir().unwrap();
    generate(folder.path(), "mab.csv", "12", "0");
    let run = precision(folder.path(), &["run", "--dcd", REGISTER, "--org", HOSPITAL, "--out", "out", "--json", "mab.csv"]);
    assert!(run.status.success(), "{run:?}");
    let itinerary = fs::read_to_string(folder.path().join("out/itinerary.jsonl")).unwrap();
    let first: serde_json::Value = serde_json::from_str(itinerary.lines().next().unwrap()).unwrap();
    let item = first["item"].as_str().unwrap();
    let traced = precision(folder.path(), &["trace", "--data", "out", "--json", item]);
    let told = json(&traced);
    assert!(traced.status.success(), "{traced:?}");
    let course = &told["traced"][0]["courses"][0];
    assert_eq!(course["item"], item);
    // As many stops as the run's own file has lines of this item, in both directions.
    let lines = itinerary.lines().filter(|line| line.contains(item)).count();
    assert_eq!((course["stops"].as_array().unwrap().len(), lines), (12, 12), "{course}");
    let registration = told["traced"][0]["registration"].as_str().unwrap();
    let table = precision(folder.path(), &["trace", "--store", "out/store", registration]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.starts_with(&format!("registration {registration}, {REGISTER}\n\nversion 1, item {item}\n")), "{table}");
    assert!(table.ends_with("the hospital sees Submitted, OK; nothing is on its way\n"), "{table}");
    let unknown = precision(folder.path(), &["trace", "--data", "out", "--json", "01234567-89ab-8def-8123-456789abcdef", item]);
    assert_eq!(
        (unknown.status.code(), json(&unknown)["unknown"][0].as_str()),
        (Some(2), Some("01234567-89ab-8def-8123-456789abcdef"))
    );
    for wrong in [vec!["trace", "--data", "nowhere", item], vec!["trace", item], vec!["trace", "--data", "out", "no id"]] {
        assert_eq!(precision(folder.path(), &wrong).status.code(), Some(2), "{wrong:?}");
    }
    assert!(!folder.path().join("nowhere").exists(), "no store is made");
}

/// The address may come from the environment, and then nobody need say whose view it is.
#[test]
fn a_ticket_is_asked_for_where_the_environment_says() {
    let folder = tempfile::tempdir().unwrap();
    let item = "01234567-89ab-8def-8123-456789abcdef";
    let mut asking = Command::new(env!("CARGO_BIN_EXE_precision"));
    asking.args(["incident", item, "--token-file", "mine.toml", "-o", "incident.json"]).env("PRECISION_AT", "http://127.0.0.1:9");
    let output = asking.current_dir(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains("mine.toml") && !said.contains("--party"), "{said}");
}
