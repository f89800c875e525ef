//! What all three registers know of a visit: the findings, the dates, the advice.

use crate::alteration::Alteration;
use crate::day::Day;
use crate::draw::Draw;
use crate::hospital::{Course, Hospital, Outline, VisitNo};
use crate::patient::Patient;
use crate::tumour::{Advice, Target};

/// Lines of therapy before the board, at most.
const PREVIOUS_LINES_MAX: i32 = 4;

/// A visit to the molecular board with everything before and after it.
pub(crate) struct Visit {
    pub(crate) number: VisitNo,
    pub(crate) patient: Patient,
    pub(crate) outline: Outline,
    pub(crate) sample: Day,
    /// The local board.
    pub(crate) board: Day,
    /// The request reaches the central board, which meets later.
    pub(crate) received: Day,
    pub(crate) central: Day,
    /// A treatment that is registered starts on this day.
    pub(crate) start: Day,
    pub(crate) previous_lines: u32,
    pub(crate) ecog: u32,
    pub(crate) stage: &'static str,
    /// Whether the tumour's microsatellites are instable.
    pub(crate) instable: bool,
    /// The alteration that calls for a substance.
    pub(crate) target: Option<&'static Target>,
    /// Other alterations, none of them in the target's gene.
    pub(crate) companions: [Option<&'static Alteration>; 2],
    pub(crate) advice: Advice,
}

impl Visit {
    /// The visit with a number.
    pub(crate) fn new(hospital: &Hospital, number: VisitNo) -> Self {
        let appointment = hospital.appointment(number);
        let patient = hospital.patient(appointment.patient);
        let outline = hospital.outline(number);
        let start = hospital.treatment_start(&patient, appointment.again);
        let mut draw = hospital.draw_of_visit(number);
        let before_start = if outline.referred { draw.between(16, 40) } else { draw.between(7, 28) };
        let board = start - before_start;
        let received = board + draw.between(1, 4);
        let central = received + draw.between(3, 9);
        let sample = board - draw.between(12, 45);
        let lines = ((board - patient.advanced - 60) / patient.days_per_line).clamp(0, PREVIOUS_LINES_MAX);
        let target = outline.advised.then(|| patient.tumour.target(&mut draw));
        let advice = match target {
            Some(target) => target.advice(&mut draw),
            None if outline.course == Course::Followed => Advice::Standard,
            None => draw.weighted(WITHOUT_TARGET, |advice| advice.0).1,
        };
        Self {
            number,
            outline,
            sample,
            board,
            received,
            central,
            start,
            previous_lines: lines.unsigned_abs(),
            ecog: [0, 1, 1, 2, 3][draw.weighted(&[(0, 34), (1, 23), (2, 23), (3, 16), (4, 4)], |ecog: &(usize, u32)| ecog.1).0],
            stage: stage(&patient, &mut draw),
            instable: target.is_some_and(|target| target.alteration.gene == "MLH1") || draw.percent(1),
            companions: companions(&patient, target, &mut draw),
            target,
            advice,
            patient,
        }
    }

    /// All alterations that the panel found, the target first.
    pub(crate) fn alterations(&self) -> impl Iterator<Item = &'static Alteration> {
        self.target.map(|target| target.alteration).into_iter().chain(self.companions.into_iter().flatten())
    }
}

const WITHOUT_TARGET: &[(u32, Advice)] =
    &[(40, Advice::Standard), (25, Advice::AdditionalTest), (30, Advice::None), (5, Advice::Other)];

fn stage(patient: &Patient, draw: &mut Draw) -> &'static str {
    match draw.below(100) {
        _ if !patient.tumour.staged => "NA",
        0..84 => "IV",
        84..97 => "III",
        _ => "II",
    }
}

fn companions(patient: &Patient, target: Option<&'static Target>, draw: &mut Draw) -> [Option<&'static Alteration>; 2] {
    let all = patient.tumour.companions;
    let (first, second) = (draw.pick(all), draw.pick(all));
    let count = draw.below(100);
    let target_gene = target.map_or("", |target| target.alteration.gene);
    let first = Some(first).filter(|found| found.gene != target_gene && count >= 25);
    let first_gene = first.map_or("", |found| found.gene);
    let second = Some(second).filter(|found| found.gene != target_gene && found.gene != first_gene && count >= 60);
    [first, second]
}
