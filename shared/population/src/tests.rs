//! The population as hospitals' files: what the validation engine says of them, and how registers and hospitals belong together.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::{FaultyRow, Order, PopulationError, Report, Rows, write};
use dcd::{Cells, Code, Context, Definition, Definitions, Layout, NoAttachments, NotUtf8};
use jiff::civil::{Date, date};
use opencsv::{Fields, Reader, RecordFault};

const REGISTERS: [&str; 3] = ["Precision_Local_MAB", "Precision_Central_MAB", "Precision_Treatment"];
const TODAY: Date = date(2026, 11, 21);

fn definition(name: &str) -> Arc<Definition> {
    Definitions::built_in().unwrap().get(name).unwrap()
}

fn order<'a>(definition: &'a Arc<Definition>, organisation: &'a str, count: u64) -> Order<'a> {
    Order { definition, organisation, count, seed: 1, faulty_percent: 0 }
}

fn file(order: &Order<'_>) -> (Vec<u8>, Report) {
    let mut bytes = Vec::new();
    let report = write(order, &mut bytes).unwrap();
    (bytes, report)
}

/// Rows as maps from column to value, without the empty ones.
fn table(order: &Order<'_>) -> Vec<HashMap<String, String>> {
    let rows = Rows::new(order).unwrap();
    let header: Vec<_> = rows.header().iter().map(ToString::to_string).collect();
    rows.map(|row| header.iter().cloned().zip(row.cells().iter().cloned()).filter(|(_, value)| !value.is_empty()).collect())
        .collect()
}

struct RecordCells<'r>(&'r Fields);

impl Cells for RecordCells<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, column: usize) -> Result<&str, NotUtf8> {
        self.0.get(column).map_err(|_| NotUtf8)
    }
}

/// A finding as the report of the generator foresees it.
type Found = (u64, Option<String>, Code);

/// All findings of a file, warnings included.
fn findings(definition: &Arc<Definition>, organisation: &str, bytes: &[u8]) -> (u64, Vec<Found>) {
    let mut reader = Reader::new(bytes);
    let layout: Layout = definition.layout(&reader.header().unwrap()).unwrap();
    let context = Context { today: TODAY, organisation, attachments: &NoAttachments };
    let mut found = Vec::new();
    let mut rows = 0;
    while let Some(opencsv::Record { line, body }) = reader.next_record().unwrap() {
        rows += 1;
        match body {
            Ok(fields) => {
                let checked = layout.check(&RecordCells(&fields), &context);
                found.extend(checked.findings.into_iter().map(|finding| (line, finding.column, finding.code)));
            }
            Err(RecordFault::FieldCount { .. }) => found.push((line, None, Code::E03)),
            Err(RecordFault::OpenQuote { .. }) => found.push((line, None, Code::E15)),
            Err(RecordFault::TooLong) => panic!("no row is too long"),
        }
    }
    (rows, found)
}

#[test]
fn every_row_is_valid() {
    for name in REGISTERS {
        let definition = definition(name);
        let (bytes, report) = file(&order(&definition, "00000196", 20_000));
        assert_eq!(report, Report { rows: 20_000, faulty: vec![] });
        let (rows, found) = findings(&definition, "00000196", &bytes);
        assert_eq!(rows, 20_000, "{name}");
        assert_eq!(found, [], "{name}");
    }
}

#[test]
fn faulty_rows_get_the_foreseen_finding_and_the_others_none() {
    for name in REGISTERS {
        let definition = definition(name);
        let order = Order { faulty_percent: 37, seed: 5, ..order(&definition, "00000295", 4_001) };
        let (bytes, report) = file(&order);
        assert_eq!(report.faulty.len(), 4_001 * 37 / 100);
        let expected: Vec<Found> = report
            .faulty
            .iter()
            .map(|FaultyRow { line, column, code, .. }| (*line, column.as_deref().map(str::to_owned), *code))
            .collect();
        let (rows, found) = findings(&definition, "00000295", &bytes);
        for (expected, found) in expected.iter().zip(&found) {
            assert_eq!(found, expected, "{name}");
        }
        assert_eq!((rows, found.len()), (4_001, expected.len()), "{name}");
        let kinds: HashSet<Code> = report.faulty.iter().map(|row| row.code).collect();
        let missing: Vec<_> = ROW_CODES.iter().filter(|code| !kinds.contains(code)).collect();
        let none: &[Code] = if name == "Precision_Treatment" { &[Code::E11, Code::E29] } else { &[] };
        assert_eq!(missing, none.iter().collect::<Vec<_>>(), "{name}");
    }
}

/// Nobody would believe a register in which nobody dies, or all have had five lines of therapy.
#[test]
fn the_shares_are_plausible() {
    let [local, _, treatment] = REGISTERS.map(definition);
    let check = |definition: &Arc<Definition>, column: &str, codes: &[&str], expected: std::ops::Range<usize>| {
        let rows = table(&order(definition, "00000196", 5_000));
        let percent = rows.iter().filter(|row| row.get(column).is_some_and(|value| codes.contains(&value.as_str()))).count() / 50;
        assert!(expected.contains(&percent), "{column}: {percent} %");
    };
    check(&local, "local_mab_advice", &["APPROVED", "TRIAL", "MNP", "OFF_LABEL"], 67..71);
    check(&local, "stage", &["IV"], 75..90);
    check(&local, "number_of_previous_lines", &["0"], 15..40);
    check(&local, "number_of_previous_lines", &["1", "2"], 40..70);
    check(&treatment, "vital_status", &["DEAD"], 12..30);
    check(&treatment, "response_assessments|00|response", &["PR", "CR"], 15..35);
}

/// All codes at level row or field, but those that need a stored registration, several attachments, or a computed column.
const ROW_CODES: [Code; 23] = [
    Code::E03,
    Code::E04,
    Code::E05,
    Code::E06,
    Code::E07,
    Code::E09,
    Code::E10,
    Code::E11,
    Code::E15,
    Code::E17,
    Code::E19,
    Code::E21,
    Code::E22,
    Code::E23,
    Code::E25,
    Code::E26,
    Code::E27,
    Code::E28,
    Code::E29,
    Code::V01,
    Code::V02,
    Code::V03,
    Code::V04,
];

#[test]
fn all_rows_can_be_faulty() {
    let definition = definition(REGISTERS[0]);
    let (bytes, report) = file(&Order { faulty_percent: 100, ..order(&definition, "00000196", 500) });
    assert_eq!(report.faulty.iter().map(|row| row.row).collect::<Vec<_>>(), (1..=500).collect::<Vec<_>>());
    assert_eq!(findings(&definition, "00000196", &bytes).1.len(), 500);
}

#[test]
fn a_file_is_the_same_byte_for_byte() {
    for name in REGISTERS {
        let definition = definition(name);
        let base = Order { faulty_percent: 10, ..order(&definition, "00000196", 300) };
        let (bytes, report) = file(&base);
        assert_eq!(file(&base), (bytes.clone(), report));
        assert_ne!(file(&Order { seed: 2, ..base }).0, bytes);
        assert_ne!(file(&Order { organisation: "00000295", ..base }).0, bytes);
        // A shorter file is the beginning of a longer one.
        let valid = Order { faulty_percent: 0, ..base };
        let short = file(&Order { count: 100, ..valid }).0;
        assert!(file(&valid).0.starts_with(&short));
    }
}

#[test]
fn the_header_is_all_that_a_hospital_may_fill_in() {
    for name in REGISTERS {
        let definition = definition(name);
        let header: HashSet<String> =
            Rows::new(&order(&definition, "00000196", 1)).unwrap().header().iter().map(ToString::to_string).collect();
        for column in definition.header_template() {
            assert!(header.contains(&column), "{name}: {column}");
        }
        assert!(header.contains("patient_id|generated"));
    }
    let local = definition(REGISTERS[0]);
    let rows = Rows::new(&order(&local, "00000196", 1)).unwrap();
    let of = |part: &str| rows.header().iter().filter(|column| column.starts_with(part)).count();
    assert_eq!((of("previous_treatments|02|"), of("previous_treatments|03|"), of("variants|02|")), (5, 0, 10));
}

#[test]
fn hospitals_of_one_seed_share_patients() {
    let definition = definition(REGISTERS[0]);
    let people = |organisation, seed| -> HashMap<String, HashMap<String, String>> {
        let rows = table(&Order { seed, ..order(&definition, organisation, 2_000) });
        rows.into_iter().filter_map(|row| Some((row.get("patient_id")?.clone(), row))).collect()
    };
    let (one, other) = (people("00000196", 1), people("00000295", 1));
    let shared: Vec<_> = one.iter().filter_map(|(number, row)| Some((row, other.get(number)?))).collect();
    let percent = shared.len() * 100 / one.len();
    assert!((19..28).contains(&percent), "{percent} %");
    for (here, there) in shared {
        for same in
            ["patient_id|name", "patient_id|first_name", "patient_id|sex", "patient_id|date_of_birth", "primary_tumour_site"]
        {
            assert_eq!(here.get(same), there.get(same));
        }
        assert_ne!(here.get("vcf_identifier"), there.get("vcf_identifier"));
        assert_ne!(here.get("patient_id|internal_patient_id"), there.get("patient_id|internal_patient_id"));
    }
}

#[test]
fn registers_of_one_seed_join() {
    let definitions = REGISTERS.map(definition);
    let of =
        |register: usize, count| -> Vec<HashMap<String, String>> { table(&order(&definitions[register], "00000196", count)) };
    let day = |row: &HashMap<String, String>, column: &str| -> (u32, u32, u32) {
        let mut parts = row[column].split('/').map(|part| part.parse().unwrap());
        let (day, month, year) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        (year, month, day)
    };
    let patient = |row: &HashMap<String, String>| row["patient_id|internal_patient_id"].clone();
    let locals: HashMap<String, _> = of(0, 4_000).into_iter().map(|row| (row["vcf_identifier"].clone(), row)).collect();
    assert_eq!(locals.len(), 4_000);
    let centrals: HashMap<String, _> = of(1, 1_900).into_iter().map(|row| (row["vcf_identifier"].clone(), row)).collect();
    assert_eq!(centrals.len(), 1_900);
    for (identifier, central) in &centrals {
        let local = &locals[identifier];
        assert_eq!(local["refer_to_central_mab"], "TRUE");
        assert_eq!(patient(local), patient(central));
        assert!(day(local, "local_mab_date") < day(central, "central_mab_date"));
        assert!(local.get("variants|00|gene").is_none_or(|gene| *gene == central["variants_discussed|00|gene"]));
    }
    let mut matched = 0;
    for treatment in of(2, 2_500) {
        let Some(identifier) = treatment.get("vcf_identifier") else { continue };
        let local = &locals[identifier];
        assert_eq!(patient(local), patient(&treatment));
        let start = day(&treatment, "treatment_start_date");
        assert!(day(local, "local_mab_date") < start);
        assert!(centrals.get(identifier).is_none_or(|central| day(central, "central_mab_date") < start));
        if treatment.contains_key("target_gene") {
            assert_eq!(treatment["target_gene"], local["variants|00|gene"]);
            matched += 1;
        }
    }
    // Boards report 23 % of all patients; 2,500 treatments come from some 3,790 visits.
    assert!((850..1150).contains(&matched), "{matched}");
}

#[test]
fn unique_ids_are_unique_and_patients_come_again() {
    for (name, count) in [(REGISTERS[0], 20_000), (REGISTERS[1], 10_000), (REGISTERS[2], 15_000)] {
        let definition = definition(name);
        let rows = Rows::new(&order(&definition, "00000196", count)).unwrap();
        let at = |column: &str| rows.header().iter().position(|name| &**name == column).unwrap();
        let unique = if name == REGISTERS[2] { at("treatment_start_date") } else { at("vcf_identifier") };
        // The internal number stands for the patient, with and without a national number.
        let patient = at("patient_id|internal_patient_id");
        let by_patient = name == REGISTERS[2];
        let mut seen = HashSet::new();
        let mut patients = HashSet::new();
        for row in rows {
            let who = row.cells()[patient].clone();
            assert!(seen.insert((if by_patient { who.clone() } else { String::new() }, row.cells()[unique].clone())), "{name}");
            patients.insert(who);
        }
        assert!(patients.len() < seen.len());
    }
}

#[test]
fn texts_tell_nothing_of_the_patient() {
    for name in REGISTERS {
        let definition = definition(name);
        let free: Vec<_> = definition.fields().iter().filter(|field| field.is_free_text() && field.reaches_hd_as_is()).collect();
        let mut commented = 0;
        for row in table(&order(&definition, "00000493", 3_000)) {
            let who: Vec<_> = [
                "patient_id",
                "patient_id|name",
                "patient_id|first_name",
                "patient_id|internal_patient_id",
                "patient_id|date_of_birth",
            ]
            .iter()
            .filter_map(|column| row.get(*column))
            .filter(|value| value.chars().count() > 3)
            .collect();
            for (column, value) in &row {
                let bare = column.split('|').filter(|part| part.parse::<u16>().is_err()).collect::<Vec<_>>().join("|");
                if free.iter().any(|field| field.column() == bare) {
                    assert!(!who.iter().any(|secret| value.contains(secret.as_str())), "{column}");
                }
                commented += u32::from(column.ends_with("_comment"));
            }
        }
        assert!((900..1100).contains(&commented), "{name}: {commented}");
    }
}

#[test]
fn patients_without_number_are_said_to_be_generated() {
    let definition = definition(REGISTERS[0]);
    let rows = table(&order(&definition, "00000196", 5_000));
    let without = rows.iter().filter(|row| !row.contains_key("patient_id")).count();
    assert!((100..200).contains(&without), "{without}");
    for row in &rows {
        assert_eq!(row.contains_key("patient_id"), row.get("patient_id|generated").map(String::as_str) != Some("TRUE"));
        assert!(row.contains_key("patient_id|name") && row.contains_key("patient_id|first_name"));
    }
}

#[test]
fn nothing_lies_after_the_fixed_day() {
    for name in REGISTERS {
        let definition = definition(name);
        for row in table(&order(&definition, "00000196", 5_000)) {
            for value in row.values() {
                if let [_, _, b'/', m1, m2, b'/', year @ ..] = value.as_bytes()
                    && year.len() == 4
                {
                    let day = (std::str::from_utf8(year).unwrap(), [*m1, *m2], &value[..2]);
                    assert!(day <= ("2026", *b"06", "30"), "{value}");
                }
            }
        }
    }
}

#[test]
fn orders_that_cannot_be_filled_are_refused() {
    let definition = definition(REGISTERS[0]);
    let base = order(&definition, "00000196", 1);
    let refused = |order: Order<'_>| Rows::new(&order).err().unwrap();
    assert!(matches!(refused(Order { organisation: "196", ..base }), PopulationError::Organisation));
    assert!(matches!(refused(Order { faulty_percent: 101, ..base }), PopulationError::FaultyPercent));
    assert!(matches!(refused(Order { count: u64::MAX, ..base }), PopulationError::TooMany { .. }));
}
