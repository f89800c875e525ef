//! Rows of Precision_Treatment.

use crate::central::access;
use crate::column::Column;
use crate::day::{Day, LAST};
use crate::draw::Draw;
use crate::drug::{ALPELISIB, BINIMETINIB, CETUXIMAB, TUCATINIB};
use crate::drug::{DABRAFENIB, Drug, ENCORAFENIB, FULVESTRANT, TRAMETINIB, TRASTUZUMAB};
use crate::hospital::{Course, Hospital};
use crate::local;
use crate::patient_block::{self, Deceased};
use crate::phrases::{self, Topic};
use crate::sheet::{Sheet, Tenths};
use crate::tumour::Target;
use crate::visit::Visit;

/// Treatments without substances, codes of TREATTYPE: radiotherapy, palliative care, active surveillance.
const WITHOUT_DRUGS: &[&str] = &["20", "70", "75"];

/// Months of eight weeks between two assessments.
const ASSESSMENT_DAYS: i32 = 56;

pub(crate) fn fill(sheet: &mut Sheet, hospital: &Hospital, visit: &Visit, draw: &mut Draw) {
    let course = Given::draw(visit, draw);
    let outcome = Outcome::draw(visit, course.matched, draw);
    patient_block::fill(sheet, hospital, &visit.patient, Deceased::Is(outcome.dead), draw);
    if draw.percent(95) {
        hospital.write_vcf_identifier(visit.number, sheet.cell(Column::VcfIdentifier));
    }
    followed(sheet, visit, draw);
    therapy(sheet, visit, &course, draw);
    responses(sheet, visit, &outcome, draw);
    events(sheet, visit, &course, &outcome, draw);
    end(sheet, visit, &outcome, draw);
    let names = phrases::Names { gene: "", drug: course.drugs[0].map_or("", |drug| drug.name) };
    phrases::comment(Topic::TreatmentComment, visit.patient.tongue, names, draw, sheet.cell(Column::TreatmentComment));
}

/// What is given.
struct Given {
    /// The substance of the advice is among it.
    matched: Option<&'static Target>,
    /// Code of TREATTYPE.
    kind: &'static str,
    drugs: [Option<&'static Drug>; 3],
    /// Code of ACCESS.
    route: &'static str,
}

impl Given {
    fn draw(visit: &Visit, draw: &mut Draw) -> Self {
        let matched = visit.target.filter(|_| matches!(visit.outline.course, Course::Followed | Course::PartlyFollowed));
        if let Some(target) = matched {
            let with = partner(target, visit.patient.tumour.sites[0].topography);
            let route = match access(visit.advice) {
                "MNP" if draw.percent(40) => "CUP",
                "OFF_LABEL" if draw.percent(15) => "PRIVATE",
                route => route,
            };
            return Self { matched, kind: target.drug.kind, drugs: [Some(target.drug), with, None], route };
        }
        let route = if draw.percent(96) { "REIMB" } else { "OTHER" };
        if visit.outline.advised && draw.percent(12) {
            return Self { matched, kind: draw.pick(WITHOUT_DRUGS), drugs: [None; 3], route };
        }
        let regimen = visit.patient.tumour.regimen(visit.previous_lines + 1);
        let mut drugs = [None; 3];
        for (place, drug) in drugs.iter_mut().zip(regimen.drugs) {
            *place = Some(*drug);
        }
        Self { matched, kind: regimen.kind, drugs, route }
    }
}

/// Some substances are given in pairs.
fn partner(target: &Target, topography: &str) -> Option<&'static Drug> {
    let drug = target.drug.atc;
    if drug == DABRAFENIB.atc {
        Some(&TRAMETINIB)
    } else if drug == ENCORAFENIB.atc {
        Some(if topography.starts_with("C44") { &BINIMETINIB } else { &CETUXIMAB })
    } else if drug == ALPELISIB.atc && topography.starts_with("C50") {
        Some(&FULVESTRANT)
    } else if drug == TUCATINIB.atc {
        Some(&TRASTUZUMAB)
    } else {
        None
    }
}

/// Best responses after matched and other therapy.
const AFTER_MATCHED: &[(u32, &str)] = &[(38, "PR"), (30, "SD"), (24, "PD"), (5, "CR"), (3, "NE")];
const AFTER_OTHER: &[(u32, &str)] = &[(17, "PR"), (37, "SD"), (40, "PD"), (2, "CR"), (4, "NE")];

/// How the treatment went, as far as the last follow-up knows.
struct Outcome {
    follow_up: Day,
    dead: bool,
    lost: bool,
    progression: Option<Day>,
    stop: Option<(Day, &'static str)>,
    /// Code of RECIST of the assessments before progression; empty when there was none.
    best: &'static str,
}

impl Outcome {
    fn draw(visit: &Visit, matched: Option<&Target>, draw: &mut Draw) -> Self {
        let death = visit.patient.death;
        let planned = visit.start + draw.between(30, 600);
        let dead = death.is_some_and(|death| death <= planned);
        let follow_up = death.filter(|_| dead).unwrap_or(planned).min(LAST);
        let known = follow_up - visit.start;
        let responses = if matched.is_some() { AFTER_MATCHED } else { AFTER_OTHER };
        let best = draw.weighted(responses, |response| response.0).1;
        let lasts = if best == "PD" { draw.between(35, 70) } else { draw.between(100, 500) };
        let progression = (lasts < known).then(|| visit.start + lasts);
        let stop = match progression {
            Some(day) => Some((day + draw.between(0, 14), "PD")),
            None if dead => Some((follow_up - draw.between(0, 10), "DEATH")),
            None if draw.percent(20) => {
                Some((visit.start + draw.between(14, known), draw.pick(&["TOX", "TOX", "COMPLETED", "PATIENT", "PHYSICIAN"])))
            }
            None => None,
        };
        let stop = stop.map(|(day, reason)| (day.clamp(visit.start, follow_up), reason));
        Self { follow_up, dead, lost: !dead && draw.percent(3), progression, stop, best }
    }
}

fn followed(sheet: &mut Sheet, visit: &Visit, draw: &mut Draw) {
    let (code, reason) = match visit.outline.course {
        Course::Followed => ("YES", None),
        Course::PartlyFollowed => ("PARTLY", Some(draw.pick(&["NO_ACCESS", "PHYSICIAN_CHOICE", "DETERIORATION"]))),
        Course::NotFollowed | Course::Untreated => ("NO", Some(draw.weighted(REASONS, |reason| reason.0).1)),
    };
    sheet.text(Column::Followed, code);
    if let Some(reason) = reason {
        sheet.text(Column::NotFollowedReason, reason);
        if reason == "OTHER" {
            phrases::write(Topic::OtherReason, visit.patient.tongue, visit.names(), draw, sheet.cell(Column::NotFollowedSpecify));
        }
    }
}

const REASONS: &[(u32, &str)] = &[
    (24, "DETERIORATION"),
    (20, "STANDARD_FIRST"),
    (16, "NO_ACCESS"),
    (12, "TRIAL_FULL"),
    (10, "NOT_ELIGIBLE"),
    (8, "PHYSICIAN_CHOICE"),
    (6, "PATIENT_CHOICE"),
    (4, "OTHER"),
];

fn therapy(sheet: &mut Sheet, visit: &Visit, given: &Given, draw: &mut Draw) {
    sheet.date(Column::Start, visit.start);
    sheet.number(Column::Line, visit.previous_lines + 1);
    sheet.text(Column::TreatmentType, given.kind);
    let intent = if visit.stage == "IV" || draw.percent(60) { "PALL" } else { draw.pick(&["CUR", "ADJ", "NEO"]) };
    sheet.text(Column::Intent, intent);
    for (item, drug) in given.drugs.iter().flatten().enumerate() {
        sheet.item_text(Column::Substance, item, drug.atc);
        if draw.percent(90) {
            sheet.item_text(Column::Dose, item, drug.dose);
            sheet.item_text(Column::DoseUnit, item, drug.unit);
            sheet.item_text(Column::Schedule, item, drug.schedule);
        }
    }
    if let Some(target) = given.matched {
        sheet.text(Column::TargetGene, target.alteration.gene);
    }
    sheet.text(Column::Route, given.route);
    match (given.route, given.matched) {
        ("TRIAL", Some(target)) => local::trial(sheet, Column::RouteTrial, target),
        ("MNP" | "CUP", Some(target)) => {
            let names = phrases::Names { gene: "", drug: target.drug.name };
            phrases::write(Topic::Program, visit.patient.tongue, names, draw, sheet.cell(Column::RouteProgram));
        }
        _ => {}
    }
    sheet.number(Column::EcogAtStart, (visit.ecog + draw.below(5) / 4).min(4));
    if draw.percent(90) {
        sheet.date(Column::Imaging, visit.start - draw.between(0, 35));
    }
}

fn responses(sheet: &mut Sheet, visit: &Visit, outcome: &Outcome, draw: &mut Draw) {
    let method = draw.pick(&["CT", "CT", "CT", "PET_CT", "MRI"]);
    let mut diameters = draw.between(200, 1400);
    let mut day = visit.start;
    for item in 0..4 {
        day = day + ASSESSMENT_DAYS + draw.between(-6, 6);
        let progressed = outcome.progression.is_some_and(|progression| progression <= day + 10);
        let day_of = if progressed { outcome.progression.unwrap_or(day) } else { day };
        if day_of > outcome.follow_up {
            break;
        }
        let response = if progressed { "PD" } else { outcome.best };
        sheet.item_date(Column::AssessmentDate, item, day_of);
        sheet.item_text(Column::AssessmentMethod, item, method);
        sheet.item_text(Column::Response, item, response);
        diameters = match response {
            "PR" => diameters * draw.between(55, 75) / 100,
            "CR" => 0,
            "PD" => diameters * draw.between(120, 160) / 100,
            _ => diameters,
        };
        if response != "NE" && draw.percent(80) {
            sheet.item_number(Column::Diameters, item, Tenths(diameters));
        }
        if progressed {
            break;
        }
    }
}

fn events(sheet: &mut Sheet, visit: &Visit, given: &Given, outcome: &Outcome, draw: &mut Draw) {
    let Some(drug) = given.drugs[0] else { return };
    let wanted = draw.weighted(&[(30, 0), (35, 1), (22, 2), (13, 3)], |wanted: &(u32, usize)| wanted.0).1;
    let first = draw.below(8) as usize;
    for (item, term) in drug.toxicity.iter().cycle().skip(first).take(wanted).enumerate() {
        sheet.item_text(Column::EventTerm, item, term);
        sheet.item_number(Column::EventGrade, item, draw.pick(&[1, 1, 2, 2, 2, 3]));
        if draw.percent(80) {
            let onset = visit.start + draw.between(3, 90);
            sheet.item_date(Column::EventOnset, item, onset.min(outcome.follow_up));
        }
        sheet.item_text(Column::EventRelated, item, draw.pick(&["YES", "YES", "YES", "UNK", "NO"]));
    }
}

fn end(sheet: &mut Sheet, visit: &Visit, outcome: &Outcome, draw: &mut Draw) {
    sheet.flag(Column::Ongoing, outcome.stop.is_none());
    if let Some((day, reason)) = outcome.stop {
        sheet.date(Column::Stop, day);
        sheet.text(Column::StopReason, reason);
    }
    let progressed = outcome.progression.filter(|day| *day > visit.start);
    if progressed.is_some() || draw.percent(80) {
        sheet.flag(Column::Progression, progressed.is_some());
    }
    if let Some(day) = progressed {
        sheet.date(Column::ProgressionDate, day);
    }
    sheet.date(Column::FollowUp, outcome.follow_up);
    sheet.text(
        Column::Vital,
        if outcome.dead {
            "DEAD"
        } else if outcome.lost {
            "LOST"
        } else {
            "ALIVE"
        },
    );
}
