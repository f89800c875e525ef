//! What concerns a definition as a whole: its patient, its unique id, its dates, and its rules across registrations.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::civil::Date;
use registration::Policy;

use super::{Compiled, Tree, fault, text};
use crate::across::{AcrossKind, AcrossRule, OtherColumn};
use crate::catalogue::Code;
use crate::date;
use crate::definition::{Collection, Definition, PatientFields};
use crate::field::{Field, FieldNo, Kind};
use crate::source::{AcrossKindSource, AcrossSource, CollectionSource, OtherSource, SeveritySource};

pub(super) fn patient_fields(tree: &Tree<'_>) -> Compiled<PatientFields> {
    let mut ids = tree.fields.iter().filter(|field| field.kind == Kind::PatientId);
    let (Some(id), None) = (ids.next(), ids.next()) else {
        return fault("sections", "a definition has exactly one field of type patient_id");
    };
    let find = |name: &str, kind: Kind| match tree.columns.get(format!("{}|{name}", id.column).as_str()) {
        Some(number) if tree.fields.get(usize::from(*number)).is_some_and(|field| field.kind != kind) => {
            fault("sections", format!("{}|{name} must be of the type {kind:?}", id.column))
        }
        number => Ok(number.copied()),
    };
    let patient = PatientFields {
        id: tree.columns.get(id.column.as_str()).copied().unwrap_or_default(),
        internal_id: find("internal_patient_id", Kind::Text)?,
        generated: find("generated", Kind::Boolean)?,
        name: find("name", Kind::Text)?,
        first_name: find("first_name", Kind::Text)?,
        date_of_birth: find("date_of_birth", Kind::Date)?,
        sex: find("sex", Kind::Choice)?,
    };
    // An index of such values would be a list of patients; they are found by number, one at a time.
    let identifying = [Some(patient.id), patient.internal_id, patient.name, patient.first_name, patient.date_of_birth];
    let filterable = identifying.into_iter().flatten().filter_map(|number| tree.fields.get(usize::from(number)));
    match filterable.into_iter().find(|field| field.filterable) {
        Some(field) => fault("sections", format!("{} identifies the patient, so nobody filters by it", field.column)),
        None => Ok(patient),
    }
}

pub(super) fn unique_hd_columns(definition: &Definition) -> Compiled<()> {
    let mut seen = HashSet::new();
    for column in definition.fields.iter().filter_map(Field::hd_column) {
        if column == "pseudonym" || !seen.insert(column.clone()) {
            return fault("sections", format!("healthdata's column {column} would exist twice"));
        }
    }
    Ok(())
}

pub(super) fn unique_id(definition: &Definition, columns: &[String]) -> Compiled<Vec<FieldNo>> {
    if columns.is_empty() {
        return fault("unique_id", "at least one column tells registrations apart");
    }
    let mut fields = Vec::new();
    for (at, column) in columns.iter().enumerate() {
        let path = format!("unique_id[{at}]");
        let Some(number) = definition.field_no(column) else { return fault(&path, format!("there is no column {column}")) };
        let field = definition.field(number);
        if field.is_some_and(|field| field.list.is_some()) {
            return fault(&path, "a field of a list cannot tell registrations apart");
        }
        if field.and_then(Field::policy).is_some_and(|policy| policy != Policy::AsIs) {
            return fault(&path, "healthdata must have the field as it is, or a pseudonym in its place");
        }
        fields.push(number);
    }
    Ok(fields)
}

pub(super) fn across(definition: &Definition, source: AcrossSource, path: &str) -> Compiled<AcrossRule> {
    text(&source.message, &format!("{path}.message"))?;
    let column = |name: &str, member: &str| match definition.field_no(name) {
        Some(number) if definition.field(number).is_some_and(|field| field.list.is_none()) => Ok(number),
        Some(_) => fault(&format!("{path}.{member}"), "a field of a list cannot be compared across registrations"),
        None => fault(&format!("{path}.{member}"), format!("there is no column {name}")),
    };
    let field = column(&source.column, "column")?;
    let kind = match (source.kind, source.link) {
        (AcrossKindSource::NotBefore, Some(link)) => {
            let with_column = |other: OtherSource| match other.column {
                Some(column) => Ok(OtherColumn { dcd: other.dcd, column }),
                None => fault(&format!("{path}.other"), "each needs its column"),
            };
            let others = source.other.into_iter().map(with_column).collect::<Compiled<Vec<_>>>()?;
            AcrossKind::NotBefore { link: column(&link, "link")?, others }
        }
        (AcrossKindSource::NotBefore, None) => return fault(path, "not_before needs the member link"),
        (_, Some(_)) => return fault(&format!("{path}.link"), "only not_before has it"),
        (AcrossKindSource::Exists, None) => {
            AcrossKind::Exists { others: source.other.into_iter().map(|other| other.dcd).collect() }
        }
        (AcrossKindSource::ConstantPerPatient, None) => AcrossKind::ConstantPerPatient,
        (AcrossKindSource::SamePatient, None) => AcrossKind::SamePatient,
    };
    let has_others = match &kind {
        AcrossKind::NotBefore { others, .. } => !others.is_empty(),
        AcrossKind::Exists { others } => !others.is_empty(),
        AcrossKind::ConstantPerPatient | AcrossKind::SamePatient => true,
    };
    if !has_others {
        return fault(&format!("{path}.other"), "at least one other register");
    }
    let code = if source.severity == SeveritySource::Error { Code::V05 } else { Code::W06 };
    Ok(AcrossRule { id: source.id, code, kind, field, message: Arc::new(source.message) })
}

pub(super) fn collection(source: &CollectionSource) -> Compiled<Collection> {
    let day = |text: &String, member: &str| {
        date::from_canonical(text).map_or_else(|| fault(&format!("collection.{member}"), "a date has the form yyyy-mm-dd"), Ok)
    };
    let optional = |text: &Option<String>, member: &str| text.as_ref().map(|text| day(text, member)).transpose();
    let start: Date = day(&source.start, "start")?;
    let collection = Collection {
        start,
        end_creation: optional(&source.end_creation, "end_creation")?,
        end_submission: optional(&source.end_submission, "end_submission")?,
        end_comments: optional(&source.end_comments, "end_comments")?,
    };
    let ends = [collection.end_creation, collection.end_submission, collection.end_comments];
    if ends.into_iter().flatten().any(|end| end < start) {
        return fault("collection", "the collection ends before it starts");
    }
    Ok(collection)
}
