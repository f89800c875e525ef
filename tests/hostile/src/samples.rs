//! Inputs that readers take: what mutations and searches start from. All of it is fictitious.

use std::sync::Arc;

use data_encoding::{BASE64, HEXLOWER};
use dcd::Definition;
use population::{Order, Rows};
use serde_json::{Value, json};

use crate::{REGISTERS, given};

const VECTORS: [&str; 2] =
    [include_str!("../../../docs/vectors/one-item.json"), include_str!("../../../docs/vectors/three-items.json")];

/// Samples of a target, by its name.
#[must_use]
pub fn of(target: &str) -> Vec<Vec<u8>> {
    match target {
        "code_list" => code_lists(),
        "configuration" => configurations(),
        "csv" => csv(),
        "definition" => vec![include_bytes!("../../../shared/dcd/src/sample/definition.json").to_vec()],
        "health" => ["/health", "/ready", "/metrics", "/bulletin"]
            .map(|path| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes())
            .to_vec(),
        "parts" => parts(),
        "publication" => publications(),
        "recording" => recordings(),
        "request" => requests(),
        "rows" => rows(),
        "sealed" => (0..8)
            .map(|change| [&[change, change, 0, 9][..], b"a clear text of some length, and of no meaning"].concat())
            .collect(),
        "step" => steps(),
        "texts" => TEXTS.iter().map(|text| text.as_bytes().to_vec()).collect(),
        "tokens" => vec![TOKENS.as_bytes().to_vec()],
        _ => Vec::new(),
    }
}

const TEXTS: [&str; 27] = [
    "00000196",
    "ehbox-hco-00000196",
    "ehealth-ttp",
    "01234567-89ab-8cde-bc04-8c0000000001",
    "01234567-89AB-8CDE-BC04-8C0000000001",
    "0001020304050607",
    "TOO_LARGE",
    "64031299906",
    "64.03.12-999.06",
    "the number 64 03 12 999 06 and more",
    "GABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "SABCDEFGHIJKLMNO7",
    "healthdata.12.ABCDEFGHIJKLMNOPQRSTUVWXYZ4",
    "see ABCDEFGHIJKLMNOPQRSTUVWXYZ4",
    "2026-11-21T10:00:00.000001Z",
    "postal_area",
    "data-provider",
    "clinic-2",
    "hospital-00000196",
    "amqp://user@broker:5672/hd",
    "amqp://user:pass-word@broker/hd?heartbeat=5",
    "amqps://user@broker/hd?cacertfile=/none/ca.pem",
    "https://registers.hospital.example/a/b",
    "http://[::1]:8080/hd4res/",
    "https://user:pass-word@hd.example",
    "postgres://hd4dp@db:5432/precision",
    "postgres://hd4dp:pass-word@db/precision",
];

const TOKENS: &str = "[[token]]\nname = \"first\"\nrole = \"data-provider\"\norganisation = \"00000196\"\nregisters = [\"Precision_Local_MAB\"]\n\
                      sha256 = \"0001020304050607080900010203040506070809000102030405060708091011\"\nexpires = \"2027-01-01T00:00:00Z\"\n\
                      [[token]]\nname = \"second\"\nrole = \"researcher\"\nregisters = \"all\"\n\
                      sha256 = \"1001020304050607080900010203040506070809000102030405060708091011\"\n";

fn code_lists() -> Vec<Vec<u8>> {
    let open = "# source: ours\n# date: 2026-11-21\n# complete: no\n# pattern: [A-Z]\\d\ncode,en,nl,fr\nA1,\"one, first\",een,un\nA2,two,twee,deux\n";
    vec![open.as_bytes().to_vec(), include_bytes!("../../../dcd/lists/SEX.csv").to_vec()]
}

fn configurations() -> Vec<Vec<u8>> {
    let samples = [
        <hd4dp::config::Config as host::Settings>::SAMPLE,
        <ehbox_hco::config::Config as host::Settings>::SAMPLE,
        <ehealth_ttp::config::Config as host::Settings>::SAMPLE,
        <ehbox_hd::config::Config as host::Settings>::SAMPLE,
        <hd4res::config::Config as host::Settings>::SAMPLE,
        <dhw::config::Config as host::Settings>::SAMPLE,
    ];
    let without_remarks = |sample: &str| sample.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
    let whole = (0..).zip(samples).map(|(choice, sample): (u8, _)| [&[choice], without_remarks(sample).as_bytes()].concat());
    let variables = "\n---\nPRECISION_DHW__COMMON__STORE=/secret-1/store\nPRECISION_DHW__COMMON__LOG=loudly-42\nPRECISION_DHW__BROKER__HD__URL=amqp://a:secret-2@b\n";
    let whole = whole.chain([[&[5], without_remarks(samples[5]).as_bytes(), variables.as_bytes()].concat()]);
    // Where a table should be, and no file has one.
    whole
        .chain([b"\x05\n---\nPRECISION_DHW__COMMON=secret-3 of somebody\nPRECISION_DHW__BROKER__HD__URL=secret-4".to_vec()])
        .collect()
}

fn order(definition: &Arc<Definition>) -> Order<'_> {
    Order { definition, organisation: "00000196", count: 2, seed: 4, faulty_percent: 50 }
}

fn file(definition: &Arc<Definition>) -> Vec<u8> {
    let mut file = Vec::new();
    // What could not be written is no sample.
    let _ = population::write(&order(definition), &mut file);
    file
}

fn csv() -> Vec<Vec<u8>> {
    let small = [
        "a;b;c\n1;\"two; 2\";3\r\n\n\"open;5;6\n7;8;9\n",
        "\u{feff}\"a\" ; b\r1;\\\"2\\\\\r",
        "a\n\"\"\n",
        "a,b\n1,2\n",
        "a;b\n\"x\ry\";\"c\n;\"\"d\"\n",
    ];
    let mut all: Vec<Vec<u8>> = small.map(|text| text.as_bytes().to_vec()).to_vec();
    all.extend(REGISTERS.iter().map(file));
    all
}

/// Whole files, and rows behind the template's header.
fn rows() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for (choice, definition) in (0_u8..).zip(REGISTERS.iter()) {
        all.push([&[choice], file(definition).as_slice()].concat());
        let made = given(Rows::new(&order(definition)).ok(), "a register's rows");
        let header: Vec<String> = made.header().iter().map(ToString::to_string).collect();
        let template = definition.header_template();
        let mut writer = opencsv::Writer::new(vec![choice | 0x80]);
        for row in made {
            let cell = |column: &String| header.iter().position(|name| name == column).and_then(|at| row.cells().get(at));
            let cells = template.iter().map(|column| cell(column).map_or("", String::as_str));
            let _ = writer.write_record(cells);
        }
        all.push(writer.into_inner());
    }
    all
}

fn vectors() -> Vec<Value> {
    VECTORS.iter().filter_map(|text| serde_json::from_str(text).ok()).collect()
}

/// The items of a member of the vectors.
fn all<'v>(value: &'v Value, member: &str) -> impl Iterator<Item = &'v Value> {
    value[member].as_array().into_iter().flatten()
}

fn hex(value: &Value) -> Vec<u8> {
    HEXLOWER.decode(value.as_str().unwrap_or_default().as_bytes()).unwrap_or_default()
}

fn publications() -> Vec<Vec<u8>> {
    let steps = ["3", "4", "5", "6", "7", "7 back", "6 back", "5 back", "4 back", "3 back"];
    let mut found = Vec::new();
    for vector in vectors() {
        for step in all(&vector, "steps") {
            let choice = (0_u8..).zip(steps).find(|(_, name)| step["step"] == *name).map_or(0, |(choice, _)| choice);
            found.push([&[choice], step["document"].as_str().unwrap_or_default().as_bytes()].concat());
        }
    }
    found.extend((10_u8..).zip(RECODING).map(|(choice, (name, data))| {
        let document = format!(
            "{{\"specversion\":\"1.0\",\"id\":\"01234567-89ab-8cde-bc04-8c0000000000\",\"source\":\"ehbox-hd\",\
             \"type\":\"be.healthdata.precision.{name}.v1\",\"time\":\"2026-11-21T10:00:00.000001Z\",\"reason\":\"QUOTA\",\"data\":{data}}}"
        );
        [&[choice], document.as_bytes()].concat()
    }));
    found
}

const RECODING: [(&str, &str); 4] = [
    (
        "recode-request",
        r#"{"pseudonyms":{"key":"0001020304050607","enc":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="},"items":[{"id":"01234567-89ab-8cde-bc04-8c0000000001","pseudonyms":"AQID"}]}"#,
    ),
    (
        "recode-answer",
        r#"{"pairs":{"key":"0001020304050607","enc":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="},"items":[{"id":"01234567-89ab-8cde-bc04-8c0000000001","pairs":"AQID"}]}"#,
    ),
    ("recoded-patients", RECODED),
    ("recoded-rows", RECODED),
];

const RECODED: &str = r#"{"items":[{"id":"01234567-89ab-8cde-bc04-8c0000000001","old":"healthdata.11.ABCDEFGHIJKLMNOPQRSTUVWXYZ4","new":"healthdata.12.ABCDEFGHIJKLMNOPQRSTUVWXYZ4"}]}"#;

/// Clear texts of the vectors, contents and feedback as well without their frames.
fn parts() -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for vector in vectors() {
        for (choice, bytes) in all(&vector, "registrations")
            .map(|one| (0, hex(&one["content"]["bytes"])))
            .chain(all(&vector, "feedback").map(|one| (1, hex(&one["bytes"]))))
        {
            let length =
                bytes.first_chunk::<5>().map_or(0, |head| u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize);
            let body = bytes.get(5..5 + length).unwrap_or_default();
            found.push([&[choice | 0x80], body].concat());
            found.push([&[choice], bytes.as_slice()].concat());
        }
        for part in all(&vector, "steps").flat_map(|step| all(step, "parts")) {
            let choices = [("identity", 2), ("returned identity", 2), ("pseudonym", 3), ("return part", 4)];
            let choice = choices.into_iter().find(|(name, _)| part["part"] == *name);
            let of_part = |(_, choice): (&str, u8)| {
                all(part, "items").map(move |item| [&[choice], hex(&item["clear"]).as_slice()].concat())
            };
            found.extend(choice.into_iter().flat_map(of_part));
        }
    }
    found.push(
        [
            &[6],
            hd4dp::row::encode(&[registration::Cell { place: registration::Place::of(3), value: "value".to_owned() }]).as_slice(),
        ]
        .concat(),
    );
    let pseudonym = "healthdata.12.ABCDEFGHIJKLMNOPQRSTUVWXYZ4".parse::<pseudonymised::Pseudonym>();
    found.extend(
        pseudonym
            .ok()
            .and_then(|one| pseudonymised::RecodePart::new(vec![one]).ok())
            .map(|part| [&[5], part.encode().as_slice()].concat()),
    );
    found
}

/// Lines without hashes; they are put behind them.
fn recordings() -> Vec<Vec<u8>> {
    let header = json!({"kind": "recording", "version": 1, "id": "01234567-89ab-8cde-bc04-8c0000000000", "program": "precision 0.1.0",
        "begun_at": "2026-11-21T10:00:00.000000Z", "hospitals": ["00000196"], "keys": {}});
    let queues = [("4", "ttp.in"), ("5", "hd.in"), ("5 back", "ttp.return"), ("4 back", "hco.00000196.in")];
    let mut found = Vec::new();
    for vector in vectors().into_iter().take(1) {
        // A recording's own beginning, whose members stand in this order.
        let mut lines = vec![header.to_string(), json!({"kind": "gap", "offset_us": 1}).to_string()];
        for (number, (step, queue)) in (1..).zip(queues) {
            let document = all(&vector, "steps")
                .find(|one| one["step"] == step)
                .and_then(|one| one["document"].as_str())
                .unwrap_or_default();
            let id = serde_json::from_str::<Value>(document).unwrap_or_default()["id"].clone();
            lines.push(
                json!({"kind": "publication", "number": number, "offset_us": number, "step": step, "queue": queue, "publication": id,
                    "document": BASE64.encode(document.as_bytes())})
                .to_string(),
            );
        }
        lines.push(json!({"kind": "left_out", "offset_us": 9, "queue": "ttp.in", "code": "NOT_JSON", "bytes": 7}).to_string());
        lines.push(json!({"kind": "withdrawn", "number": 2}).to_string());
        lines.push(json!({"kind": "end", "offset_us": 9, "publications": 4}).to_string());
        found.push([&[1], lines.join("\n").as_bytes()].concat());
        found.push([&[200], lines[..3].join("\n").as_bytes()].concat());
    }
    found
}

/// A request of every route, with a body where the route takes one.
fn requests() -> Vec<Vec<u8>> {
    let values = json!([{"column": "patient_id", "value": "64031299906"}, {"column": "local_mab_date", "value": "03/02/2025"},
        {"column": "variants|00|gene", "value": "EGFR"}, {"column": "64031299906", "value": "x"}]);
    let comments = json!([{"column": "variants|gene", "item": 1, "text": "Is it right?"}, {"text": "All of it?"}]);
    let mut found = Vec::new();
    for (choice, route) in (0_u8..).zip(crate::request::routes()) {
        let (_, template) = route.split_once(' ').unwrap_or_default();
        let below = template.rsplit_once('/').map_or("", |(_, last)| last);
        let body = match (route.split(' ').next().unwrap_or_default(), below) {
            ("POST", "registrations") => json!({"values": values, "submit": true}),
            ("PUT", "{registration}") => json!({"values": values}),
            ("POST", "submission") => json!({"answers": [{"column": "variants|00|gene", "text": "It is."}]}),
            ("POST", "search") => json!({"column": "vcf_identifier", "value": "P-1", "limit": 5}),
            ("POST", "prefill") => json!({"national_number": "64031299906"}),
            ("PUT", "upload-options") => {
                json!({"conflict_mode": "merge", "validation": "save-on-validations", "autosubmit": false})
            }
            ("POST", "corrections" | "follow-up") => json!({"comments": comments}),
            ("POST", "acts") => json!({"act": "corrections", "comments": comments, "records": [{"record": 1, "seen": "1-new"}]}),
            ("POST", "jobs") => json!({"filter": {"queue": "dhw.in", "step": "5 back", "hospital": "00000196"}, "per_minute": 3}),
            ("POST", "faults") => json!({"keep-fault": "delay", "on": "R4", "by": "2 minutes"}),
            _ => Value::Null,
        };
        let (query, seen) = ("", if template.starts_with("/hd4res") { "\"1-new\"" } else { "\"0-open-1\"" });
        let disposition = "attachment; filename=\"P-1.vcf\"";
        let body = match below {
            "uploads" if route.starts_with("POST") => {
                String::from_utf8_lossy(&REGISTERS.first().map(file).unwrap_or_default()).into_owned()
            }
            "{column}" => "##fileformat=VCFv4.2\n#CHROM\tPOS\nchr7\t1\n".to_owned(),
            _ if body.is_null() => String::new(),
            _ => body.to_string(),
        };
        found.push([&[choice], format!("{query}\n{seen}\n{disposition}\n{body}").as_bytes()].concat());
        if route.starts_with("GET") {
            found.push([&[choice], b"limit=5&cursor=AAAA&register=Precision_Local_MAB\n\n\n".as_slice()].concat());
        }
    }
    found
}

fn steps() -> Vec<Vec<u8>> {
    let scenarios = [
        include_str!("../../scenarios/flow/seven-steps.toml"),
        include_str!("../../scenarios/services/clock-jumps.toml"),
        include_str!("../../scenarios/life/correction.toml"),
        include_str!("../../scenarios/keys/rotation.toml"),
        include_str!("../../scenarios/broker/full-queue.toml"),
    ];
    let single =
        ["{ fault = \"drop\", on = \"4\" }", "{ keep-fault = \"delay\", on = \"5 back\", by = \"2 minutes\" }", "\"calm\""];
    let single =
        single.into_iter().chain(["{ jump-clock = \"hd4dp north\", back = \"3 hours\" }", "{ submit = \"north local 0-3\" }"]);
    scenarios.into_iter().chain(single).map(|text| text.as_bytes().to_vec()).collect()
}
