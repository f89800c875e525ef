use registration::Place;

use crate::sample::{NUMBER, brief, check, context, definition, row};
use crate::{Cells, Finding, Language, NotUtf8};

fn findings(changes: &[(&str, &str)]) -> Vec<String> {
    brief(&check(changes).findings)
}

/// The canonical value of a column after the check.
fn value(changes: &[(&str, &str)], column: &str) -> Option<String> {
    let definition = definition();
    let checked = check(changes);
    checked.cells.into_iter().find(|cell| definition.column_at(cell.place).as_deref() == Some(column)).map(|cell| cell.value)
}

#[test]
fn a_good_row_has_no_findings() {
    assert_eq!(check(&[]).findings, vec![]);
}

#[test]
fn values_are_canonical_and_in_the_order_of_places() {
    let checked = check(&[]);
    assert!(checked.cells.windows(2).all(|pair| pair[0].place < pair[1].place));
    for (column, expected) in [
        ("patient_id", NUMBER),
        ("patient_id|date_of_birth", "1964-03-12"),
        ("seen", "2024-02-10"),
        ("body|weight", "70.5"),
        ("body|bmi", "23"),
        ("days", "10"),
        ("sites", "LIVER|LUNG"),
        ("none_found", "FALSE"),
        ("organisation", "00000196"),
        ("variants|00|kind", "SNV"),
        ("variants|01|copies", "12"),
        ("best", "II"),
        ("comment", "line one\nline two"),
    ] {
        assert_eq!(value(&[], column).as_deref(), Some(expected), "{column}");
    }
    let genes: Vec<_> =
        checked.cells.iter().filter(|cell| cell.value == "EGFR" || cell.value == "KRAS").map(|cell| cell.place).collect();
    let gene = definition().field_no("variants|gene").unwrap();
    assert_eq!(genes, [Place::in_item(gene, 0), Place::in_item(gene, 1)]);
    assert!(checked.cells.iter().all(|cell| !cell.value.is_empty()));
}

/// One fault in one cell gives one finding in that column.
#[test]
fn every_fault_of_a_cell_has_its_code() {
    for (column, cell, expected) in [
        ("patient_id", "64031299907", "E10"),
        ("patient_id", "640312999061", "E10"),
        ("patient_id|generated", "TRUE", "E19"),
        ("patient_id|internal_patient_id", "64.03.12-999.06", "E22"),
        ("patient_id|internal_patient_id", "123456789012345678901", "E23"),
        ("patient_id|date_of_birth", "1964-03-12", "E04"),
        ("patient_id|date_of_birth", "13/03/1964", "W05"),
        ("patient_id|sex", "banana", "E06"),
        ("patient_id|sex", "248152002", "W05"),
        ("patient_id|postcode", "3001", "W03"),
        ("patient_id|postcode", "300", "E25"),
        ("patient_id|postcode", "B-3000", "E06"),
        ("case", "", "V01"),
        ("case", "   ", "V01"),
        ("seen", "31/02/2024", "E04"),
        ("stage", "V", "E06"),
        ("sites", "LIVER|HEART", "E06"),
        ("sites", "LIVER||LUNG", "E09"),
        ("sites", "LIVER|LIVER", "E29"),
        ("body|weight", "12.5", "E05"),
        ("body|weight", "70,55", "E27"),
        ("body|weight", "300,6", "V04"),
        ("body|weight", "19,9", "V04"),
        ("body|height", "1234567890123", "E27"),
        ("none_found", "true", "E07"),
        ("variants|00|gene", "", "V01"),
        ("variants|00|gene", "BRAF", "W03"),
        ("variants|00|gene", "b raf", "E06"),
        ("variants|01|copies", "", "V01"),
        ("variants|01|found", "10/02/2024", "V03"),
        ("variants|01|rank", "3", "V03"),
        ("drug", "two\nlines", "E28"),
        ("tags", "a|bbbbbb", "E23"),
        ("comment", "bell \u{7}", "E28"),
        ("comment", "this comment has very much more than the sixty letters of its field", "E23"),
        ("report", "large.pdf", "E11"),
        ("report", "absent.pdf", "E11"),
        ("report", "small.exe", "E11"),
        ("report", "../small.pdf", "E11"),
    ] {
        let given = check(&[(column, cell)]).findings;
        assert_eq!(brief(&given), [format!("{expected} {column}")], "{column}");
        let is_gap =
            |message: String| ["{max", "{list", "{range", "{form", "{rule", "{ext"].iter().any(|gap| message.contains(gap));
        assert!(!given.iter().any(|finding| Language::ALL.iter().any(|language| is_gap(finding.message(*language)))));
    }
}

#[test]
fn the_bounds_of_a_number_belong_to_it() {
    let within = [("body|weight", "20"), ("body|weight", "300,5"), ("body|weight", "+20,0"), ("body|height", "100")];
    within.into_iter().for_each(|cell| assert_eq!(findings(&[cell]), Vec::<String>::new()));
    assert_eq!(findings(&[("body|height", "99")]), ["V04 body|height"]);
}

#[test]
fn lengths_count_characters_and_not_bytes() {
    assert_eq!(findings(&[("comment", &"é".repeat(60))]), Vec::<String>::new());
    assert_eq!(findings(&[("comment", &"é".repeat(61))]), ["E23 comment"]);
}

#[test]
fn the_patterns_finding_holds_the_definitions_advice() {
    let given = check(&[("case", "case-1"), ("file", "")]).findings;
    assert_eq!(brief(&given), ["E25 case"]);
    assert_eq!(given[0].report_text(Language::English), "E25 case: a value of this form is expected: [A-Z0-9-]+ (capitals)");
}

#[test]
fn all_findings_of_a_row_come_at_once() {
    let given = findings(&[("seen", "x"), ("stage", "x"), ("none_found", "x"), ("comment", &format!("see {NUMBER}"))]);
    assert_eq!(given, ["E04 seen", "E06 stage", "E07 none_found", "E17 comment"]);
}

#[test]
fn rules_between_fields_speak_for_themselves() {
    for (changes, expected) in [
        (vec![("seen", "02/06/2024"), ("reported", "")], vec!["V02 seen", "V03 variants|00|found", "V03 variants|01|found"]),
        (vec![("reported", "09/02/2024")], vec!["V03 reported"]),
        (vec![("reported", "24/03/2024")], vec!["W05 reported"]),
        (vec![("reported", "23/03/2024")], vec![]),
        (vec![("variants|01|found", "09/02/2024")], vec!["V03 variants|01|found", "V03 variants|01|found"]),
        (vec![("variants|01|found", "11/02/2024")], vec!["V03 variants|01|found"]),
        (vec![("variants|00|found", "")], vec![]),
        (vec![("none_found", "TRUE")], vec!["V03 none_found"]),
        (vec![("file", "")], vec![]),
        (vec![("case", "CASE-2")], vec!["V03 file"]),
        (vec![("variants|00|gene", "TP53")], vec!["W05 variants"]),
        (vec![("variants|01|secret", "s"), ("variants|01|rank", "")], vec!["V03 variants|01|secret"]),
        (vec![("sites", "OTHER")], vec!["V01 sites|specify"]),
        (vec![("sites", "LUNG|OTHER"), ("sites|specify", "x")], vec![]),
    ] {
        assert_eq!(findings(&changes), expected, "{changes:?}");
    }
}

/// Bad cells are reported once, not again by every rule that reads them.
#[test]
fn a_comparison_with_an_empty_or_invalid_operand_is_silent() {
    assert_eq!(findings(&[("seen", "99/99/2024")]), ["E04 seen"]);
    assert_eq!(findings(&[("reported", "")]), Vec::<String>::new());
}

#[test]
fn a_number_may_be_typed_with_its_separators() {
    assert_eq!(findings(&[("patient_id", "64.03.12-999.06")]), Vec::<String>::new());
    assert_eq!(value(&[("patient_id", "64.03.12-999.06")], "patient_id").as_deref(), Some(NUMBER));
}

#[test]
fn without_a_number_the_name_is_needed() {
    let without = [("patient_id", ""), ("patient_id|generated", "TRUE")];
    assert_eq!(findings(&without), Vec::<String>::new());
    let nameless = [without[0], without[1], ("patient_id|name", "")];
    assert_eq!(findings(&nameless), ["V01 patient_id|name"]);
    assert_eq!(findings(&[("patient_id", "")]), ["V01 patient_id"]);
}

#[test]
fn the_number_fills_in_birth_and_sex() {
    let empty = [("patient_id|date_of_birth", ""), ("patient_id|sex", "")];
    assert_eq!(findings(&empty), Vec::<String>::new());
    assert_eq!(value(&empty, "patient_id|date_of_birth").as_deref(), Some("1964-03-12"));
    assert_eq!(value(&empty, "patient_id|sex").as_deref(), Some("248153007"));
    let day_unknown = [("patient_id", "58070099974"), empty[0]];
    assert_eq!(findings(&day_unknown), ["V01 patient_id|date_of_birth"]);
    let year_only = |given| findings(&[day_unknown[0], ("patient_id|date_of_birth", given)]);
    assert_eq!(year_only("03/09/1958"), Vec::<String>::new());
    assert_eq!(year_only("03/09/1959"), ["W05 patient_id|date_of_birth"]);
}

#[test]
fn defaults_fill_what_is_empty_and_only_in_items_that_exist() {
    assert_eq!(value(&[("stage", "")], "stage").as_deref(), Some("IV"));
    let blank: Vec<_> =
        ["gene", "kind", "copies", "found", "rank", "response"].map(|name| format!("variants|01|{name}")).to_vec();
    let blank: Vec<_> = blank.iter().map(|column| (column.as_str(), "")).collect();
    assert_eq!(findings(&blank), Vec::<String>::new());
    assert_eq!(value(&blank, "variants|01|kind"), None);
}

#[test]
fn a_blank_item_before_a_filled_one_is_refused() {
    let blank = ["gene", "kind", "copies", "found", "rank", "response"].map(|name| format!("variants|00|{name}"));
    let mut changes: Vec<_> = blank.iter().map(|column| (column.as_str(), "")).collect();
    changes.push(("variants|01|rank", "1"));
    assert_eq!(findings(&changes), ["E09 variants|00|gene"]);
}

#[test]
fn a_required_list_needs_an_item() {
    let all = ["gene", "kind", "copies", "found", "rank", "response"];
    let blank: Vec<_> = all.iter().flat_map(|name| [format!("variants|00|{name}"), format!("variants|01|{name}")]).collect();
    let mut changes: Vec<_> = blank.iter().map(|column| (column.as_str(), "")).collect();
    assert_eq!(findings(&changes), ["V01 variants"]);
    changes.push(("none_found", "TRUE"));
    assert_eq!(findings(&changes), Vec::<String>::new());
}

#[test]
fn computed_values_may_be_given_when_they_agree() {
    assert_eq!(findings(&[("days", "10"), ("organisation", "00000196"), ("body|bmi", "23,0")]), Vec::<String>::new());
    assert_eq!(findings(&[("days", "11")]), ["E24 days"]);
    assert_eq!(findings(&[("organisation", "00000295")]), ["E24 organisation"]);
    assert_eq!(findings(&[("body|bmi", "23,0204")]), ["W04 body|bmi"]);
    assert_eq!(value(&[("body|bmi", "23,0204")], "body|bmi").as_deref(), Some("23"));
    assert_eq!(findings(&[("body|bmi", "24")]), ["E24 body|bmi"]);
    assert_eq!(findings(&[("body|bmi", "23"), ("body|weight", "")]), ["E24 body|bmi"]);
}

#[test]
fn a_questionnaire_is_asked_by_age_and_scored_when_answered() {
    let old = [("patient_id", "00000199938"), ("patient_id|date_of_birth", "10/02/1954"), ("patient_id|sex", "261665006")];
    assert_eq!(findings(&old), ["V01 g8|food", "V01 g8|health"]);
    assert_eq!(value(&old, "g8|age"), None);
    let answered = [old[0], old[1], old[2], ("g8|food", "0"), ("g8|health", "0,5")];
    assert_eq!(findings(&answered), Vec::<String>::new());
    assert_eq!(value(&answered, "g8|age").as_deref(), Some("2"));
    assert_eq!(value(&answered, "g8|total").as_deref(), Some("2.5"));
    let younger = [("patient_id", "00000199938"), ("patient_id|date_of_birth", "11/02/1954"), ("patient_id|sex", "261665006")];
    assert_eq!(findings(&younger), Vec::<String>::new());
    let frail = [old[0], ("patient_id|date_of_birth", "10/02/1930"), old[2], ("g8|food", "0"), ("g8|health", "0,5")];
    assert_eq!(value(&frail, "g8|total").as_deref(), Some("0.5"));
    assert_eq!(findings(&frail), ["W05 g8"]);
}

#[test]
fn texts_that_reach_healthdata_hold_no_identifier() {
    for text in ["file pat-4711", "Jan Janssens", "born 12/03/1964", "JANSSENS, JAN"] {
        assert_eq!(findings(&[("comment", text)]), ["E21 comment"], "{text}");
    }
    assert_eq!(findings(&[("drug", "64031299906")]), ["E17 drug"]);
    assert_eq!(findings(&[("variants|00|secret", "Jan Janssens 64031299906")]), Vec::<String>::new());
    assert_eq!(findings(&[("comment", "Jan had a good week")]), Vec::<String>::new());
}

#[test]
fn attachments_have_a_size_each_and_together() {
    assert_eq!(findings(&[("report", "small.pdf")]), Vec::<String>::new());
    assert_eq!(findings(&[("report", "exact.pdf")]), ["E20 -"]);
    assert_eq!(findings(&[("file", "CASE-1.pdf")]), ["E11 file"]);
}

struct Latin1<'a>(&'a [String]);

impl Cells for Latin1<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, column: usize) -> Result<&str, NotUtf8> {
        if self.0[column] == "latin1" { Err(NotUtf8) } else { Ok(&self.0[column]) }
    }
}

#[test]
fn a_cell_that_is_not_utf8_costs_its_field() {
    let (header, cells) = row(&[("comment", "latin1")]);
    let checked = definition().layout(&header).unwrap().check(&Latin1(&cells), &context());
    assert_eq!(brief(&checked.findings), ["E26 comment"]);
}

#[test]
fn a_row_of_another_length_is_refused_whole() {
    let (header, mut cells) = row(&[]);
    cells.pop();
    let checked = definition().layout(&header).unwrap().check(cells.as_slice(), &context());
    assert_eq!(brief(&checked.findings), ["E03 -"]);
    assert!(checked.has_errors() && checked.cells.is_empty());
}

/// Findings name what was expected and never what a cell holds.
#[test]
fn no_finding_repeats_a_cell() {
    const CANARY: &str = "Qzx9Canary";
    let (header, mut cells) = row(&[]);
    for at in 0..cells.len() {
        let before = std::mem::replace(&mut cells[at], format!("{CANARY};\"|{CANARY}\u{1}"));
        let checked = definition().layout(&header).unwrap().check(cells.as_slice(), &context());
        for finding in &checked.findings {
            let texts = Language::ALL.map(|language| finding.report_text(language)).join(" ");
            assert!(!texts.contains(CANARY) && !format!("{finding:?}").contains(CANARY), "{}", header[at]);
        }
        assert!(!format!("{checked:?}").contains(CANARY));
        cells[at] = before;
    }
}

#[test]
fn every_cell_of_a_row_may_be_any_text() {
    use proptest::prelude::*;
    let (header, _) = row(&[]);
    let layout = definition().layout(&header).unwrap();
    let cell = prop_oneof![
        Just(String::new()),
        ".{0,30}",
        "\\d{1,2}/\\d{1,2}/\\d{4}",
        "-?\\d{1,14}(,\\d{1,8})?",
        "[A-Z|]{1,9}",
        "\\d{11}"
    ];
    let rows = proptest::collection::vec(cell, header.len());
    proptest!(|(cells in rows)| {
        let checked = layout.check(cells.as_slice(), &context());
        prop_assert!(checked.cells.windows(2).all(|pair| pair[0].place < pair[1].place));
        prop_assert!(checked.findings.iter().all(|finding: &Finding| finding.severity == finding.code.severity()));
    });
}

/// A cell may be as long as a file allows. A reader that compared the parts of this one by one would be at it for minutes.
#[test]
fn a_cell_of_very_many_parts_is_read_to_its_end() {
    let parts: Vec<String> = (0..200_000).map(|part| format!("{part:x}")).collect();
    let all = parts.join("|");
    assert_eq!(findings(&[("tags", &all)]), Vec::<String>::new());
    assert_eq!(findings(&[("tags", &format!("{all}|{:x}", 199_999))]), ["E29 tags"]);
    assert_eq!(findings(&[("sites", &all)]), ["E06 sites"]);
}
