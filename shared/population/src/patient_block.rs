//! The columns about the patient, which open every register.

use crate::column::Column;
use crate::draw::Draw;
use crate::hospital::Hospital;
use crate::number::Sex;
use crate::patient::Patient;
use crate::sheet::Sheet;

/// How a row knows of the patient's death.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deceased {
    /// Some hospitals fill it in afterwards.
    AsKnown,
    /// The row itself says so.
    Is(bool),
}

pub(crate) fn fill(sheet: &mut Sheet, hospital: &Hospital, patient: &Patient, deceased: Deceased, draw: &mut Draw) {
    match patient.national_number() {
        Some(number) => sheet.text(Column::PatientId, number),
        None => sheet.flag(Column::Generated, true),
    }
    sheet.text(Column::InternalId, &patient.internal_id(hospital.organisation()));
    sheet.text(Column::Name, &patient.name);
    sheet.text(Column::FirstName, patient.first_name);
    sheet.date(Column::Birth, patient.birth);
    let sex = match patient.sex {
        Sex::Female => "248152002",
        Sex::Male => "248153007",
    };
    sheet.text(Column::Sex, sex);
    let known = match (deceased, patient.death) {
        (Deceased::Is(dead), death) => Some((dead, death)),
        (Deceased::AsKnown, Some(death)) if draw.percent(60) => Some((true, Some(death))),
        (Deceased::AsKnown, _) => draw.percent(20).then_some((false, None)),
    };
    if let Some((dead, death)) = known {
        sheet.flag(Column::Deceased, dead);
        if let Some(death) = death.filter(|_| dead) {
            sheet.date(Column::Death, death);
        }
    }
    sheet.text(Column::Residence, patient.postal_code);
}
