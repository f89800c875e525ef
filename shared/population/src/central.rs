//! Rows of Precision_Central_MAB.

use crate::column::Column;
use crate::draw::Draw;
use crate::drug::Drug;
use crate::hospital::Hospital;
use crate::patient_block::{self, Deceased};
use crate::phrases::{self, Topic};
use crate::sheet::{Sheet, flag};
use crate::tumour::{Advice, Target};
use crate::visit::Visit;

pub(crate) fn fill(sheet: &mut Sheet, hospital: &Hospital, visit: &Visit, draw: &mut Draw) {
    patient_block::fill(sheet, hospital, &visit.patient, Deceased::AsKnown, draw);
    request(sheet, hospital, visit);
    board(sheet, visit, draw);
    let inherited = variants(sheet, visit, draw);
    advice(sheet, visit, draw);
    after(sheet, visit, inherited, draw);
}

fn request(sheet: &mut Sheet, hospital: &Hospital, visit: &Visit) {
    hospital.write_vcf_identifier(visit.number, sheet.cell(Column::VcfIdentifier));
    sheet.text(Column::SubmittingCentre, hospital.digits());
    sheet.date(Column::Received, visit.received);
    sheet.date(Column::CentralDate, visit.central);
}

fn board(sheet: &mut Sheet, visit: &Visit, draw: &mut Draw) {
    sheet.text(Column::MeetingType, draw.pick(&["ONLINE", "ONLINE", "ONLINE", "ONLINE", "WRITTEN", "ONSITE"]));
    sheet.number(Column::Experts, draw.between(5, 18));
    let others = [(60, "GENETICIST"), (20, "RADIOLOGIST"), (20, "PHARMACIST")];
    let others = others.map(|(cases, code)| draw.percent(cases).then_some(code));
    let always = ["ONCOLOGIST", "PATHOLOGIST", "MOLECULAR_BIOLOGIST"];
    sheet.codes(Column::ExpertDisciplines, always.into_iter().chain(others.into_iter().flatten()));
    sheet.text(Column::Site, visit.patient.site.topography);
    sheet.text(Column::Histology, visit.patient.histology);
    if draw.percent(90) {
        sheet.number(Column::Ecog, visit.ecog);
    }
}

/// Writes the variants that were discussed and tells whether one of them may be inherited.
fn variants(sheet: &mut Sheet, visit: &Visit, draw: &mut Draw) -> bool {
    // A board without any variant of the panel discusses the gene that it expected.
    let fallback = visit.alterations().next().is_none().then(|| draw.pick(visit.patient.tumour.companions));
    let mut inherited = false;
    for (item, alteration) in visit.alterations().chain(fallback).enumerate() {
        sheet.item_text(Column::DiscussedGene, item, alteration.gene);
        sheet.item_text(Column::DiscussedP, item, alteration.protein);
        let target = visit.target.filter(|_| item == 0);
        sheet.item_text(Column::DiscussedEscat, item, target.map_or("X", |target| target.escat));
        sheet.item_text(Column::DiscussedOncoKb, item, target.map_or("", |target| target.oncokb));
        sheet.item_text(Column::DiscussedAmp, item, amp(target, alteration.pathogenicity));
        let suspected = alteration.may_be_inherited && draw.percent(70);
        inherited |= suspected;
        sheet.item_text(Column::Germline, item, flag(suspected));
        if draw.percent(20) {
            let cell = sheet.item_cell(Column::Interpretation, item);
            phrases::write(Topic::Interpretation, visit.patient.tongue, visit.names(), draw, cell);
        }
    }
    inherited
}

fn amp(target: Option<&Target>, pathogenicity: &str) -> &'static str {
    match target {
        Some(target) if target.escat.starts_with("IA") || target.escat.starts_with("IB") => "I",
        Some(_) => "II",
        None if pathogenicity == "VUS" => "III",
        None => "II",
    }
}

fn advice(sheet: &mut Sheet, visit: &Visit, draw: &mut Draw) {
    let consensus = draw.percent(94);
    sheet.flag(Column::Consensus, consensus);
    if !consensus {
        phrases::write(Topic::NoConsensus, visit.patient.tongue, visit.names(), draw, sheet.cell(Column::ConsensusReason));
    }
    let agreement = draw.below(100);
    let advice = match (visit.target, agreement) {
        (Some(target), 88..) => target.advice(draw),
        _ => visit.advice,
    };
    sheet.text(Column::CentralAdvice, advice.code());
    if advice == Advice::Other {
        phrases::write(Topic::OtherAdvice, visit.patient.tongue, visit.names(), draw, sheet.cell(Column::CentralSpecify));
    }
    let recommendations = recommendations(sheet, visit, advice, draw);
    let agrees = match (advice == visit.advice, recommendations) {
        (false, _) => "CHANGED",
        (true, 2..) => "ADDED",
        (true, _) => "SAME",
    };
    if draw.percent(90) {
        sheet.text(Column::Agrees, agrees);
    }
}

/// Writes what is recommended, best first, and tells how much that is.
fn recommendations(sheet: &mut Sheet, visit: &Visit, advice: Advice, draw: &mut Draw) -> usize {
    let Some(first) = visit.target else { return 0 };
    let mut given: [Option<&Drug>; 3] = [None; 3];
    let wanted = draw.pick(&[1, 1, 1, 2, 2, 3]);
    let mut count = 0;
    for attempt in 0..wanted {
        // Further choices are for the same alteration, so they are few: what comes twice is left out.
        let target = if attempt == 0 { first } else { visit.patient.tumour.target(draw) };
        let named = given.iter().flatten().any(|drug| drug.atc == target.drug.atc);
        if named || target.alteration.gene != first.alteration.gene {
            continue;
        }
        let route = if attempt == 0 { advice } else { target.advice(draw) };
        sheet.item_number(Column::Rank, count, count + 1);
        sheet.item_text(Column::RecommendedSubstance, count, target.drug.atc);
        sheet.item_text(Column::RecommendedGene, count, target.alteration.gene);
        sheet.item_text(Column::RecommendedRoute, count, access(route));
        if route == Advice::Trial {
            sheet.item_number(Column::RecommendedTrial, count, format_args!("NCT{:08}", target.trial_number()));
        }
        sheet.item_text(Column::RecommendedEscat, count, target.escat);
        if draw.percent(33) {
            let cell = sheet.item_cell(Column::Rationale, count);
            phrases::write(Topic::Rationale, visit.patient.tongue, visit.names(), draw, cell);
        }
        given[count] = Some(target.drug);
        count += 1;
    }
    count
}

/// The way to a substance, code of ACCESS.
pub(crate) const fn access(advice: Advice) -> &'static str {
    match advice {
        Advice::Trial => "TRIAL",
        Advice::MedicalNeed => "MNP",
        Advice::OffLabel => "OFF_LABEL",
        Advice::Other => "OTHER",
        Advice::Approved | Advice::Standard | Advice::AdditionalTest | Advice::None => "REIMB",
    }
}

fn after(sheet: &mut Sheet, visit: &Visit, inherited: bool, draw: &mut Draw) {
    let wished = visit.advice == Advice::AdditionalTest;
    let tests: &[&str] = if wished { &["LIQUID_BIOPSY", "REPEAT_NGS", "IHC", "FISH"] } else { &["NONE", "IHC"] };
    let germline = inherited.then_some("GERMLINE");
    match (wished || draw.percent(20), germline) {
        (true, _) => {
            let test = draw.pick(tests);
            sheet.codes(
                Column::AdditionalTest,
                Some(test).filter(|test| germline.is_none() || *test != "NONE").into_iter().chain(germline),
            );
        }
        (false, _) => sheet.codes(Column::AdditionalTest, germline),
    }
    let counselling = draw.pick(&["NO", "NO", "NO", "UNK"]);
    sheet.text(Column::Counselling, if inherited { "YES" } else { counselling });
    if draw.percent(90) {
        sheet.date(Column::ReportSent, visit.central + draw.between(0, 6));
    }
    phrases::comment(Topic::CentralComment, visit.patient.tongue, visit.names(), draw, sheet.cell(Column::CentralComment));
}
