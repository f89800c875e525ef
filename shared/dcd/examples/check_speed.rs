//! How many rows per second one core checks: `cargo run --release -p dcd --example check_speed`.
//!
//! It takes the definition with the most columns of those that are built in, fills five items of every list, and checks the same filled row
//! again and again. What it prints goes to docs/PERFORMANCE.md.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a measurement prints and reads the real clock")]

use std::sync::Arc;
use std::time::Instant;

use dcd::{Context, Definition, Definitions, Field, Kind, Layout, NoAttachments};

const ROWS: u32 = 50_000;
const ITEMS: u16 = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let definitions = Definitions::built_in()?;
    for definition in definitions.iter() {
        let (header, row) = filled_row(definition);
        let layout = definition.layout(&header).map_err(|findings| format!("{findings:?}"))?;
        measure(definition, &layout, &row)?;
    }
    Ok(())
}

fn measure(definition: &Definition, layout: &Layout, row: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    let context = Context { today: jiff::civil::Date::new(2026, 11, 21)?, organisation: "00000196", attachments: &NoAttachments };
    let checked = layout.check(row, &context);
    let mut kinds: Vec<_> = checked.findings.iter().map(|finding| finding.report_text(dcd::Language::English)).collect();
    kinds.truncate(5);
    let start = Instant::now();
    let cells: usize = (0..ROWS).map(|_| layout.check(std::hint::black_box(row), &context).cells.len()).sum();
    let seconds = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let findings: usize = (0..ROWS).map(|_| definition.recheck(std::hint::black_box(&checked.cells), &context).len()).sum();
    let again = start.elapsed().as_secs_f64();
    println!(
        "{}: {} columns, {} filled cells; check {:.1} us a row, {:.0} rows/s; recheck {:.1} us a row; findings {}, {} {kinds:?}",
        definition.name(),
        row.len(),
        cells / ROWS as usize,
        seconds * 1e6 / f64::from(ROWS),
        f64::from(ROWS) / seconds,
        again * 1e6 / f64::from(ROWS),
        checked.findings.len(),
        findings / ROWS as usize,
    );
    Ok(())
}

fn filled_row(definition: &Arc<Definition>) -> (Vec<String>, Vec<String>) {
    let mut header = Vec::new();
    let mut row = Vec::new();
    for field in definition.fields().iter().filter(|field| !field.is_computed()) {
        for item in 0..if field.list().is_some() { ITEMS } else { 1 } {
            header.push(field.column_at(Some(item)));
            row.push(value(definition, field, item));
        }
    }
    (header, row)
}

fn value(definition: &Definition, field: &Field, item: u16) -> String {
    let code = || field.code_list().and_then(|list| list.codes().first()).map(|listed| listed.code.clone()).unwrap_or_default();
    match field.kind() {
        Kind::PatientId => "64031299906".to_owned(),
        Kind::Date if definition.patient().date_of_birth == definition.field_no(field.column()) => "12/03/1964".to_owned(),
        Kind::Date if field.name() == "date" => "11/03/2024".to_owned(),
        Kind::Date => format!("{:02}/03/2024", 10 + item),
        Kind::Number if field.name() == "rank" => (item + 1).to_string(),
        Kind::Number => field.min().map_or_else(|| (item + 1).to_string(), dcd::Number::hospital_form),
        Kind::Boolean if field.column().ends_with("generated") => String::new(),
        Kind::Boolean => "FALSE".to_owned(),
        Kind::Attachment => String::new(),
        Kind::Choice | Kind::MultiChoice => code(),
        Kind::Text if field.code_list().is_some() => code(),
        Kind::Text | Kind::Multiline => match field.pattern() {
            Some(pattern) if pattern.contains("c\\.") => "c.2573T>G".to_owned(),
            Some(pattern) if pattern.contains("p\\.") => "p.Leu858Arg".to_owned(),
            Some(pattern) if pattern.contains("NCT") => "NCT01234567".to_owned(),
            _ if field.column().starts_with("patient_id|") => field.name().to_owned(),
            _ => "ORDINARY-TEXT-OF-SOME-WORDS-42".to_owned(),
        },
    }
}
