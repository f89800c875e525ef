//! A registration's values as a person gives them: by column, each written as a hospital's file writes it (`dd/mm/yyyy`, decimal comma,
//! codes joined by `|`), so that there is one way in and one set of findings for forms and files.

use std::{collections::BTreeMap, fmt, sync::Arc};

use dcd::{Code, Context, Definition, Finding, Kind, Severity};
use jiff::civil::Date;
use registration::{Attachment, Cell, Place};

use crate::{
    attachment::{self, GivenFile},
    service::AcceptedRow,
    sheet::{Files, Items, Sheet, widen},
};

/// Values by column; those of a list carry the item's number (`variants|00|gene`). What is not named is empty. Debug prints how many
/// there are.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Form(BTreeMap<String, String>);

impl Form {
    /// The values of `cells`, without computed ones, as a person would give them.
    #[must_use]
    pub fn of(definition: &Definition, cells: &[Cell]) -> Self {
        let mut items = Items::new();
        widen(&mut items, definition, cells);
        let sheet = Sheet::new(definition, &items);
        let row = sheet.row(cells).unwrap_or_default();
        let filled = sheet.header().into_iter().zip(row).filter(|(_, value)| !value.is_empty());
        filled.map(|(column, value)| (column, value.into_owned())).collect()
    }

    /// The value of a column.
    #[must_use]
    pub fn get(&self, column: &str) -> Option<&str> {
        self.0.get(column).map(String::as_str)
    }

    /// Gives a column a value; an empty one leaves it empty.
    pub fn set(&mut self, column: impl Into<String>, value: impl Into<String>) {
        self.0.insert(column.into(), value.into());
    }

    /// Columns and values, by column.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(column, value)| (column.as_str(), value.as_str()))
    }
}

impl FromIterator<(String, String)> for Form {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Form").field("values", &self.0.len()).finish()
    }
}

/// A form that was checked.
pub(crate) struct Filled {
    pub(crate) row: AcceptedRow,
    pub(crate) findings: Vec<Finding>,
}

impl Filled {
    pub(crate) fn errors(&self) -> Vec<Finding> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Error).cloned().collect()
    }
}

/// Checks a form with its files. `known` are the files that the registration has already: they stay where their names do.
///
/// # Errors
///
/// What is wrong with the columns (E01, E08, E30) or the files (E11, E17, E35, E36), by column: nothing is made of such a form.
pub(crate) fn fill(
    definition: &Arc<Definition>,
    mut form: Form,
    files: Vec<GivenFile>,
    known: &[Attachment],
    (organisation, today): (&str, Date),
) -> Result<Filled, Vec<Finding>> {
    for file in &files {
        form.set(&file.column, &file.name);
    }
    let columns: Vec<String> = form.0.keys().cloned().collect();
    let layout = definition.layout_of_form(&columns)?;
    let places: BTreeMap<&str, Place> =
        columns.iter().enumerate().filter_map(|(at, column)| Some((column.as_str(), layout.place(at)?))).collect();
    let mut faults = Vec::new();
    let mut attachments: Vec<Attachment> = Vec::new();
    for GivenFile { column, name, bytes } in files {
        let place = places.get(column.as_str()).copied();
        let field = place.and_then(|place| definition.field(place.field)).filter(|field| field.kind() == Kind::Attachment);
        let (Some(place), Some(field)) = (place, field) else {
            faults.push(Finding::new(Code::E01).in_column(column));
            continue;
        };
        faults.extend(attachment::fault(definition, field, &name, &bytes).map(|finding| finding.in_column(column)));
        attachments.push(Attachment { place, name, bytes });
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let named = |file: &&Attachment| {
        let is_named = columns
            .iter()
            .any(|column| places.get(column.as_str()) == Some(&file.place) && form.get(column) == Some(file.name.as_str()));
        is_named && attachments.iter().all(|given| given.place != file.place)
    };
    let kept: Vec<Attachment> = known.iter().filter(named).cloned().collect();
    attachments.extend(kept);
    attachments.sort_by_key(|file| file.place);
    let context = Context { today, organisation, attachments: &Files(&attachments) };
    let values: Vec<&str> = form.0.values().map(String::as_str).collect();
    let checked = layout.check(values.as_slice(), &context);
    Ok(Filled { row: AcceptedRow { cells: checked.cells, attachments }, findings: checked.findings })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mab() -> Arc<Definition> {
        dcd::Definitions::built_in().unwrap().get("Precision_Local_MAB").unwrap()
    }

    fn filled(values: &[(&str, &str)], files: Vec<GivenFile>, known: &[Attachment]) -> Result<Filled, Vec<Finding>> {
        let form = values.iter().map(|(column, value)| ((*column).to_owned(), (*value).to_owned())).collect();
        fill(&mab(), form, files, known, ("00000196", jiff::civil::date(2026, 1, 1)))
    }

    fn codes(findings: &[Finding]) -> Vec<(Code, Option<&str>)> {
        findings.iter().map(|finding| (finding.code, finding.column.as_deref())).collect()
    }

    #[test]
    fn a_form_is_read_as_a_file_is_and_given_back_as_it_was() {
        let values = [
            ("patient_id", "64031299906"),
            ("local_mab_date", "03/02/2025"),
            ("anthropometry|weight", "70,5"),
            ("variants|00|gene", "EGFR"),
        ];
        let filled = filled(&values, Vec::new(), &[]).unwrap();
        assert!(filled.errors().iter().all(|finding| finding.code.as_str().starts_with('V')));
        let again = Form::of(&mab(), &filled.row.cells);
        assert!(values.iter().all(|(column, value)| again.get(column) == Some(value)), "{again:?}");
        assert_eq!(again.get("patient_id|date_of_birth"), Some("12/03/1964"), "the number tells it");
        assert_eq!(again.get("installation_id"), None);
        assert!(!format!("{again:?}").contains("640312"));
    }

    #[test]
    fn unknown_columns_and_wrong_files_are_told_by_column() {
        let wrong = |values: &[(&str, &str)], files| {
            codes(&filled(values, files, &[]).err().unwrap()).into_iter().map(|(code, _)| code).collect::<Vec<_>>()
        };
        assert_eq!(wrong(&[("nothing", "1"), ("variants|01|gene", "EGFR")], Vec::new()), [Code::E01, Code::E08]);
        let file =
            |column: &str, name: &str| GivenFile { column: column.to_owned(), name: name.to_owned(), bytes: b"x".to_vec() };
        assert_eq!(wrong(&[], vec![file("ngs_panel", "a.vcf")]), [Code::E01]);
        assert_eq!(wrong(&[], vec![file("vcf_file", "../a.vcf")]), [Code::E36]);
    }

    #[test]
    fn a_known_file_stays_as_long_as_it_is_named() {
        let place = Place::of(mab().field_no("vcf_file").unwrap());
        let known = [Attachment { place, name: "P.vcf".to_owned(), bytes: b"##fileformat=VCFv4.2\n".to_vec() }];
        let files = |values: &[(&str, &str)]| filled(values, Vec::new(), &known).unwrap();
        let kept = files(&[("vcf_identifier", "P"), ("vcf_file", "P.vcf")]);
        assert_eq!(kept.row.attachments.len(), 1);
        assert!(!codes(&kept.findings).contains(&(Code::E11, Some("vcf_file"))));
        assert!(files(&[("vcf_identifier", "P")]).row.attachments.is_empty());
        let other = files(&[("vcf_identifier", "Q"), ("vcf_file", "Q.vcf")]);
        assert!(other.row.attachments.is_empty());
        assert!(codes(&other.findings).contains(&(Code::E11, Some("vcf_file"))), "it is named and not there");
    }
}
