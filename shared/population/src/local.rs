//! Rows of Precision_Local_MAB.

use crate::alteration::Alteration;
use crate::column::Column;
use crate::draw::Draw;
use crate::hospital::Hospital;
use crate::patient_block;
use crate::phrases::{self, Names, Topic};
use crate::sheet::{Sheet, Tenths};
use crate::tumour::{Advice, Target};
use crate::visit::Visit;

/// From this age on the G8 screening is filled in.
const G8_YEARS: i32 = 70;

pub(crate) fn fill(sheet: &mut Sheet, hospital: &Hospital, visit: &Visit, draw: &mut Draw) {
    patient_block::fill(sheet, hospital, &visit.patient, patient_block::Deceased::AsKnown, draw);
    board(sheet, hospital, visit, draw);
    tumour(sheet, visit, draw);
    condition(sheet, visit, draw);
    previous_treatments(sheet, visit, draw);
    sequencing(sheet, hospital, visit, draw);
    variants(sheet, visit, draw);
    advice(sheet, visit, draw);
    phrases::comment(Topic::LocalComment, visit.patient.tongue, visit.names(), draw, sheet.cell(Column::LocalComment));
}

fn board(sheet: &mut Sheet, hospital: &Hospital, visit: &Visit, draw: &mut Draw) {
    // A hospital has six of the forty fictitious physicians.
    let physician = 10_001 + (hospital.organisation() / 100 * 6 + u64::from(draw.below(6))) % 40;
    sheet.number(Column::Physician, format_args!("{physician:06}{:02}000", 97 - physician % 97));
    sheet.date(Column::LocalDate, visit.board);
    let others = [(85, "MOLECULAR_BIOLOGIST"), (30, "GENETICIST"), (40, "RADIOLOGIST"), (15, "PHARMACIST"), (2, "OTHER")];
    let others = others.map(|(cases, code)| draw.percent(cases).then_some(code));
    sheet.codes(Column::LocalDisciplines, ["ONCOLOGIST", "PATHOLOGIST"].into_iter().chain(others.into_iter().flatten()));
}

fn tumour(sheet: &mut Sheet, visit: &Visit, draw: &mut Draw) {
    let patient = &visit.patient;
    sheet.text(Column::Site, patient.site.topography);
    sheet.text(Column::Histology, patient.histology);
    if draw.percent(80) {
        sheet.text(Column::DiagnosisCode, patient.site.diagnosis);
    }
    sheet.text(Column::Laterality, patient.side);
    sheet.date(Column::Diagnosis, patient.diagnosis);
    sheet.text(Column::Stage, visit.stage);
    if visit.stage != "IV" {
        return;
    }
    let sites = patient.tumour.spreads_to;
    let (first, second) = (draw.pick(sites), draw.pick(sites));
    let second = Some(second).filter(|second| *second != first);
    sheet.codes(Column::Metastases, [first].into_iter().chain(second));
    if first == "OTHER" || second == Some("OTHER") {
        let names = visit.names();
        phrases::write(Topic::OtherMetastasis, patient.tongue, names, draw, sheet.cell(Column::MetastasesSpecify));
    }
}

fn condition(sheet: &mut Sheet, visit: &Visit, draw: &mut Draw) {
    let patient = &visit.patient;
    sheet.number(Column::Ecog, visit.ecog);
    let years = visit.board.years_since(patient.birth);
    // Illness takes weight.
    let bmi = patient.bmi_tenths - draw.between(0, 12);
    if years >= 18 && draw.percent(85) {
        sheet.number(Column::Weight, Tenths(bmi * patient.height_cm * patient.height_cm / 10_000));
        sheet.number(Column::Height, patient.height_cm);
    }
    if years < G8_YEARS {
        return;
    }
    let bmi = match bmi {
        ..190 => "0",
        190..210 => "1",
        210..230 => "2",
        _ => "3",
    };
    let food = draw.between(1, 2) - i32::from(draw.percent(10));
    sheet.number(Column::G8Food, food);
    sheet.text(Column::G8Weight, draw.pick(&["0", "1", "2", "3", "3"]));
    sheet.text(Column::G8Mobility, if visit.ecog >= 3 { "1" } else { "2" });
    sheet.text(Column::G8Neuro, draw.pick(&["1", "2", "2", "2", "2"]));
    sheet.text(Column::G8Bmi, bmi);
    sheet.text(Column::G8Drugs, draw.pick(&["0", "0", "1"]));
    sheet.text(Column::G8Health, draw.pick(&["0", "0,5", "1", "1", "2"]));
}

fn previous_treatments(sheet: &mut Sheet, visit: &Visit, draw: &mut Draw) {
    sheet.number(Column::PreviousLines, visit.previous_lines);
    // The list holds the latest three.
    let skipped = visit.previous_lines.saturating_sub(3);
    for (item, line) in (skipped + 1..=visit.previous_lines).enumerate() {
        let regimen = visit.patient.tumour.regimen(line);
        sheet.item_text(Column::PreviousType, item, regimen.kind);
        sheet.item_text(Column::PreviousSubstance, item, draw.pick(regimen.drugs).atc);
        let nth = i32::try_from(line).unwrap_or(1);
        let begin = visit.patient.advanced + 21 + (nth - 1) * visit.patient.days_per_line;
        let start = begin + draw.between(0, 20);
        sheet.item_date(Column::PreviousStart, item, start);
        let end = (start + draw.between(60, visit.patient.days_per_line - 30)).min(visit.board - 7);
        sheet.item_date(Column::PreviousEnd, item, end.max(start));
        sheet.item_text(Column::PreviousResponse, item, draw.pick(&["PR", "SD", "SD", "PD", "PD", "PR", "NE", "CR"]));
    }
}

fn sequencing(sheet: &mut Sheet, hospital: &Hospital, visit: &Visit, draw: &mut Draw) {
    hospital.write_vcf_identifier(visit.number, sheet.cell(Column::VcfIdentifier));
    // Each hospital works with two of the eight fictitious laboratories.
    let laboratory = 9001 + (hospital.organisation() / 100 + u64::from(draw.percent(20)) * 3) % 8;
    sheet.number(Column::Laboratory, format_args!("{laboratory:06}{:02}", 97 - laboratory % 97));
    let liquid = draw.percent(6);
    let panels: &[&str] =
        if liquid { &["TSO500_CTDNA", "F1LIQUID", "GUARDANT360"] } else { &["TSO500", "TSO500", "TSO500", "OCA_PLUS"] };
    sheet.text(Column::Panel, draw.pick(panels));
    let samples = ["PRIMARY_FFPE", "METASTASIS_FFPE", "METASTASIS_FFPE", "CYTOLOGY"];
    let sample = if visit.stage == "IV" { draw.pick(&samples) } else { "PRIMARY_FFPE" };
    sheet.text(Column::SampleType, if liquid { "PLASMA" } else { sample });
    sheet.date(Column::SampleDate, visit.sample);
    if !liquid {
        sheet.number(Column::CellContent, 10 + 5 * draw.below(16));
    }
    let burden = if visit.instable { draw.between(180, 600) } else { draw.between(4, 60) + draw.between(0, 60) };
    sheet.number(Column::MutationalBurden, Tenths(burden));
    let stability = if liquid || draw.percent(2) { "NE" } else { "MSS" };
    sheet.text(Column::Msi, if visit.instable { "MSI_H" } else { stability });
}

fn variants(sheet: &mut Sheet, visit: &Visit, draw: &mut Draw) {
    for (item, alteration) in visit.alterations().enumerate() {
        sheet.item_text(Column::Gene, item, alteration.gene);
        sheet.item_text(Column::VariantType, item, alteration.kind);
        sheet.item_text(Column::HgvsC, item, alteration.coding);
        sheet.item_text(Column::HgvsP, item, alteration.protein);
        sheet.item_text(Column::FusionPartner, item, alteration.partner);
        sheet.item_text(Column::Pathogenicity, item, alteration.pathogenicity);
        measured(sheet, item, alteration, draw);
        if let Some(target) = visit.target.filter(|_| item == 0) {
            sheet.item_text(Column::Escat, item, target.escat);
            sheet.item_text(Column::OncoKb, item, target.oncokb);
        } else if draw.percent(30) {
            sheet.item_text(Column::Escat, item, "X");
        }
    }
    let none = visit.target.is_none();
    if none || draw.percent(70) {
        sheet.flag(Column::NoActionableVariant, none);
    }
}

fn measured(sheet: &mut Sheet, item: usize, alteration: &Alteration, draw: &mut Draw) {
    match alteration.kind {
        "CNV_GAIN" => sheet.item_number(Column::CopyNumber, item, Tenths(draw.between(60, 240))),
        "CNV_LOSS" => sheet.item_number(Column::CopyNumber, item, Tenths(draw.between(0, 8))),
        _ => sheet.item_number(Column::Vaf, item, Tenths(draw.between(30, 620))),
    }
}

fn advice(sheet: &mut Sheet, visit: &Visit, draw: &mut Draw) {
    sheet.text(Column::LocalAdvice, visit.advice.code());
    match (visit.advice, visit.target) {
        (Advice::Trial, Some(target)) => trial(sheet, Column::AdviceTrial, target),
        (Advice::Approved | Advice::MedicalNeed | Advice::OffLabel, Some(target)) => {
            sheet.text(Column::AdviceSubstance, target.drug.atc);
        }
        (Advice::Other, _) => {
            phrases::write(Topic::OtherAdvice, visit.patient.tongue, visit.names(), draw, sheet.cell(Column::AdviceSpecify));
        }
        _ => {}
    }
    sheet.flag(Column::Refer, visit.outline.referred);
}

/// Writes the number of the trial for a target.
pub(crate) fn trial(sheet: &mut Sheet, column: Column, target: &Target) {
    sheet.number(column, format_args!("NCT{:08}", target.trial_number()));
}

impl Visit {
    /// What texts about this visit may name.
    pub(crate) fn names(&self) -> Names<'static> {
        Names {
            gene: self.alterations().next().map_or("", |alteration| alteration.gene),
            drug: self.target.map_or("", |target| target.drug.name),
        }
    }
}
