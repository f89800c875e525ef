//! A publication of three registrations on its whole way, forward and back, as the services themselves make it.

use std::collections::BTreeMap;

use bytes::Bytes;
use hd4dp::AcceptedRow;
use registration::{Cell, Place};
use topology::Arrow;

use crate::rig::{DEFINITIONS, HOSPITAL, Rig};

pub(crate) const REGISTER: &str = "Precision_Local_MAB";

/// Numbers of nobody: their counters are never issued.
pub(crate) const PATIENTS: [&str; 4] = ["64031299906", "64031200035", "05031299957", "05031200086"];

/// A row of a patient with a national number, filled by column; `variants|gene` stands in item 0 of its list.
pub(crate) fn row(patient: &str, code: &str) -> Vec<(&'static str, String)> {
    let columns = [
        ("patient_id", patient),
        ("patient_id|date_of_birth", "1964-03-12"),
        ("patient_id|sex", "248153007"),
        ("patient_id|place_of_residence", "9000"),
        ("installation_id", HOSPITAL),
        ("primary_tumour_site", "C34.1"),
        ("vcf_identifier", code),
        ("variants|gene", "EGFR"),
    ];
    columns.map(|(column, value)| (column, value.to_owned())).to_vec()
}

/// A row of a patient without a national number.
pub(crate) fn row_without_number(name: &str, code: &str) -> Vec<(&'static str, String)> {
    let mut row = row("", code);
    row.remove(0);
    row.extend([
        ("patient_id|generated", "TRUE".to_owned()),
        ("patient_id|name", name.to_owned()),
        ("patient_id|first_name", "Zoë".to_owned()),
    ]);
    row
}

/// The row with another value in a column.
pub(crate) fn with(mut row: Vec<(&'static str, String)>, column: &'static str, value: &str) -> Vec<(&'static str, String)> {
    row.retain(|(other, _)| *other != column);
    row.push((column, value.to_owned()));
    row
}

/// The place of a column of the register.
pub(crate) fn place(column: &str) -> Place {
    let definition = DEFINITIONS.get(REGISTER).unwrap();
    let field = definition.field_no(column).unwrap_or_else(|| panic!("no column {column}"));
    let is_in_list = definition.field(field).unwrap().list().is_some();
    if is_in_list { Place::in_item(field, 0) } else { Place::of(field) }
}

pub(crate) fn accepted(row: &[(&'static str, String)]) -> AcceptedRow {
    let mut cells: Vec<Cell> = row.iter().map(|(column, value)| Cell { place: place(column), value: value.clone() }).collect();
    cells.sort_by_key(|cell| cell.place);
    AcceptedRow { cells, attachments: Vec::new() }
}

/// Three patients, one of them without a national number.
pub(crate) fn three() -> Vec<Vec<(&'static str, String)>> {
    vec![row(PATIENTS[0], "A-1"), row(PATIENTS[1], "A-2"), row_without_number("Peeters", "A-3")]
}

/// A publication on its way: each document as the services before it made it.
pub(crate) struct Journey {
    documents: BTreeMap<Arrow, Bytes>,
}

impl Journey {
    /// Three registrations that a hospital hands over.
    pub(crate) fn new(rig: &mut Rig) -> Self {
        Self::of(rig, &three())
    }

    /// These registrations.
    pub(crate) fn of(rig: &mut Rig, rows: &[Vec<(&'static str, String)>]) -> Self {
        Self::from_hospital(rig, HOSPITAL, rows)
    }

    /// These registrations of a hospital.
    pub(crate) fn from_hospital(rig: &mut Rig, hospital: &str, rows: &[Vec<(&'static str, String)>]) -> Self {
        let submitted = rig.submit(hospital, REGISTER, rows.iter().map(|row| accepted(row)).collect());
        let [submission] = submitted.as_slice() else { panic!("{} submissions", submitted.len()) };
        Self::starting_with(Arrow::HandOver, submission.clone())
    }

    /// What follows from this document.
    pub(crate) fn starting_with(arrow: Arrow, document: Bytes) -> Self {
        Self { documents: BTreeMap::from([(arrow, document)]) }
    }

    /// The document on an arrow. The services before it run when they have not yet; its reader does not.
    pub(crate) fn at(&mut self, rig: &mut Rig, arrow: Arrow) -> Bytes {
        self.at_hospital(rig, HOSPITAL, arrow)
    }

    /// The same of a hospital.
    pub(crate) fn at_hospital(&mut self, rig: &mut Rig, hospital: &str, arrow: Arrow) -> Bytes {
        if let Some(document) = self.documents.get(&arrow) {
            return document.clone();
        }
        let from = before(arrow);
        let document = self.at_hospital(rig, hospital, from);
        let outcome = rig.feed_at(from, hospital, [document]);
        for onward in after(from) {
            self.documents.insert(*onward, outcome.only_of(*onward, hospital));
        }
        self.documents[&arrow].clone()
    }
}

/// The arrows that the reader of an arrow writes to.
pub(crate) const fn after(arrow: Arrow) -> &'static [Arrow] {
    match arrow {
        Arrow::HandOver => &[Arrow::ToTtp],
        Arrow::ToTtp => &[Arrow::ToHd],
        Arrow::ToHd => &[Arrow::ToHd4res],
        Arrow::ToHd4res => &[Arrow::ToDhw, Arrow::FeedbackOut],
        Arrow::ToDhw => &[Arrow::Verdicts],
        Arrow::FeedbackOut => &[Arrow::ToTtpBack],
        Arrow::ToTtpBack => &[Arrow::ToHco],
        Arrow::ToHco => &[Arrow::ToHd4dp],
        Arrow::RecodeRequest => &[Arrow::RecodeAnswer],
        Arrow::RecodeAnswer => &[Arrow::RecodedToHd4res],
        Arrow::RecodedToHd4res => &[Arrow::RecodedToDhw],
        Arrow::Verdicts | Arrow::ToHd4dp | Arrow::RecodedToDhw => &[],
    }
}

fn before(arrow: Arrow) -> Arrow {
    *Arrow::FLOW.iter().find(|other| after(**other).contains(&arrow)).unwrap_or_else(|| panic!("nothing leads to {arrow:?}"))
}
