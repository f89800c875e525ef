//! A hospital's visits: which patient comes when, and what becomes of it. The rows of all three registers are made from them.

use crate::PopulationError;
use crate::day::Day;
use crate::draw::{Draw, Purpose, Source};
use crate::patient::Patient;
use crate::population::{Population, SHARED_ONE_IN};

/// Visits come in blocks in which some patients come for the second time.
const BLOCK_VISITS: u64 = 20;
const BLOCK_PATIENTS: u64 = 17;

/// More visits than this, and a patient would start two treatments on one day.
pub(crate) const VISITS_MAX: u64 = 10_000_000;

/// Of a hundred visits, so many go on to the central board.
pub const REFERRED_PERCENT: u32 = 50;

/// The number of a visit in the order of a hospital, from 0.
pub(crate) type VisitNo = u64;

/// A hospital with its order of patients.
pub(crate) struct Hospital {
    population: Population,
    /// The first eight digits of its NIHDI number.
    digits: String,
    organisation: u64,
    shared: Vec<u32>,
    own: Vec<u32>,
    outlines: Source,
    appointments: Source,
    visits: Source,
    rows: Source,
}

/// Who comes to a visit, and for which time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Appointment {
    pub(crate) patient: u32,
    /// 0 at the first visit to this hospital.
    pub(crate) again: u32,
}

/// How a visit goes on. Shares are those that molecular boards report: advice for 69 %, matched therapy for 23 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outline {
    /// The board found a substance to advise.
    pub(crate) advised: bool,
    pub(crate) referred: bool,
    pub(crate) course: Course,
}

/// What is done after the advice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Course {
    /// The advice is followed.
    Followed,
    /// A part of it is.
    PartlyFollowed,
    /// Something else is given.
    NotFollowed,
    /// There is no treatment to register.
    Untreated,
}

/// Which register rows are made for, since each draws what only it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Register {
    Local,
    Central,
    Treatment,
}

impl Hospital {
    /// The hospital with a NIHDI number of 8 or 11 digits; the last three of 11 are a qualification.
    pub(crate) fn new(seed: u64, organisation: &str, register: Register) -> Result<Self, PopulationError> {
        if !matches!(organisation.len(), 8 | 11) || !organisation.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(PopulationError::Organisation);
        }
        let digits = &organisation[..8];
        let organisation = digits.parse().map_err(|_| PopulationError::Organisation)?;
        let population = Population::new(seed);
        let source = |purpose| Source::new(seed, purpose, organisation);
        let rows = source(match register {
            Register::Local => Purpose::LocalRows,
            Register::Central => Purpose::CentralRows,
            Register::Treatment => Purpose::TreatmentRows,
        });
        Ok(Self {
            digits: digits.to_owned(),
            organisation,
            shared: population.shared_order(),
            own: population.own_order(organisation),
            outlines: source(Purpose::Outline),
            appointments: source(Purpose::Appointments),
            visits: source(Purpose::Visits),
            rows,
            population,
        })
    }

    pub(crate) fn digits(&self) -> &str {
        &self.digits
    }

    pub(crate) fn organisation(&self) -> u64 {
        self.organisation
    }

    pub(crate) fn seed(&self) -> u64 {
        self.population.seed()
    }

    pub(crate) fn patient(&self, index: u32) -> Patient {
        self.population.patient(index)
    }

    /// Who comes to a visit.
    pub(crate) fn appointment(&self, visit: VisitNo) -> Appointment {
        let (block, place) = (visit / BLOCK_VISITS, visit % BLOCK_VISITS);
        let (patient, second) = match place.checked_sub(BLOCK_PATIENTS) {
            None => (place, 0),
            Some(repeat) => (repeat * 5 + block % 5, 1),
        };
        let nth = block * BLOCK_PATIENTS + patient;
        // Two hospitals take the shared patients in the same order, so that those of the one come to the other as well.
        let (order, nth) = if nth % SHARED_ONE_IN == SHARED_ONE_IN - 1 {
            (&self.shared, nth / SHARED_ONE_IN)
        } else {
            (&self.own, nth - nth / SHARED_ONE_IN)
        };
        let count = order.len() as u64;
        let round = u32::try_from(nth / count).unwrap_or(u32::MAX);
        let index = usize::try_from(nth % count).unwrap_or_default();
        Appointment { patient: order[index], again: round.saturating_mul(2).saturating_add(second) }
    }

    /// How a visit goes on.
    pub(crate) fn outline(&self, visit: VisitNo) -> Outline {
        let mut draw = self.outlines.draw(visit);
        let (advised, course) = match draw.below(100) {
            0..23 => (true, Course::Followed),
            23..27 => (true, Course::PartlyFollowed),
            27..55 => (true, Course::NotFollowed),
            55..69 => (true, Course::Untreated),
            69..80 => (false, Course::Followed),
            _ => (false, Course::Untreated),
        };
        Outline { advised, referred: draw.percent(REFERRED_PERCENT), course }
    }

    /// The first day of the treatment after a visit, were there one: another day for each visit of a patient.
    pub(crate) fn treatment_start(&self, patient: &Patient, again: u32) -> Day {
        let mut draw = self.appointments.draw(u64::from(patient.index));
        let window = (patient.until - patient.from).unsigned_abs() + 1;
        let first = draw.below(window / 2);
        let mut step = window / 3 + draw.below(window / 4);
        while greatest_common_divisor(step, window) != 1 {
            step += 1;
        }
        let day = (u64::from(first) + u64::from(again) * u64::from(step)) % u64::from(window);
        patient.from + i32::try_from(day).unwrap_or_default()
    }

    /// What happens at a visit.
    pub(crate) fn draw_of_visit(&self, visit: VisitNo) -> Draw {
        self.visits.draw(visit)
    }

    /// What only this register holds of a visit.
    pub(crate) fn draw_of_row(&self, visit: VisitNo) -> Draw {
        self.rows.draw(visit)
    }

    /// Writes the identifier of a visit's VCF file. It never reads as a national number: wherever eleven digits could meet
    /// there is a letter or there are more digits.
    pub(crate) fn write_vcf_identifier(&self, visit: VisitNo, text: &mut String) {
        use std::fmt::Write as _;
        let (seed, number) = (self.seed(), visit + 1);
        text.push_str("VCF-");
        text.push_str(&self.digits);
        text.push('-');
        if seed < 1_000_000_000 {
            let _ = write!(text, "{seed}");
        } else {
            let mut rest = seed;
            while rest > 0 {
                text.push(char::from(b'a' + u8::try_from(rest % 26).unwrap_or_default()));
                rest /= 26;
            }
        }
        let _ = if number < 1_000_000 { write!(text, "-{number:06}") } else { write!(text, "-{number:012}") };
    }
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    fn hospital(seed: u64, organisation: &str) -> Hospital {
        Hospital::new(seed, organisation, Register::Local).unwrap()
    }

    #[test]
    fn a_fifth_of_a_hospitals_patients_is_known_to_another() {
        let of = |organisation| -> HashSet<u32> {
            let hospital = hospital(1, organisation);
            (0..3000).map(|visit| hospital.appointment(visit).patient).collect()
        };
        let (one, other) = (of("00000196"), of("00000295"));
        assert_eq!(one.len(), 2550);
        let share = one.intersection(&other).count() * 100 / one.len();
        assert!((20..30).contains(&share), "{share} %");
    }

    #[test]
    fn a_patient_never_comes_twice_for_the_same_time() {
        let hospital = hospital(1, "00000196");
        let mut seen = HashSet::new();
        let mut visits = HashMap::new();
        for visit in 0..300_000 {
            let appointment = hospital.appointment(visit);
            assert!(seen.insert((appointment.patient, appointment.again)), "visit {visit}");
            *visits.entry(appointment.patient).or_insert(0) += 1;
        }
        assert!(visits.len() >= 70_000);
        assert!(visits.values().all(|count| *count >= 2));
    }

    #[test]
    fn each_visit_has_a_treatment_day_of_its_own() {
        let hospital = hospital(1, "00000196");
        let most = u32::try_from(VISITS_MAX / 70_000).unwrap() * 2;
        for index in (0..crate::PATIENTS).step_by(997) {
            let patient = hospital.patient(index);
            let days: HashSet<_> = (0..most).map(|again| hospital.treatment_start(&patient, again)).collect();
            assert_eq!(days.len(), most as usize);
            assert!(days.iter().all(|day| (patient.from..=patient.until).contains(day)));
        }
    }

    #[test]
    fn the_outlines_have_the_shares_that_boards_report() {
        let hospital = hospital(1, "00000196");
        let outlines: Vec<_> = (0..20_000).map(|visit| hospital.outline(visit)).collect();
        let percent = |of: &dyn Fn(&Outline) -> bool| outlines.iter().filter(|outline| of(outline)).count() / 200;
        assert!((68..70).contains(&percent(&|outline| outline.advised)));
        assert!((22..24).contains(&percent(&|outline| outline.advised && outline.course == Course::Followed)));
        assert!((49..51).contains(&percent(&|outline| outline.referred)));
    }

    #[test]
    fn identifiers_are_told_apart_and_are_no_national_numbers() {
        let identifier = |seed, visit| {
            let mut text = String::new();
            hospital(seed, "00000196").write_vcf_identifier(visit, &mut text);
            text
        };
        assert_eq!(identifier(1, 122), "VCF-00000196-1-000123");
        assert_eq!(identifier(6403, 1_299_905), "VCF-00000196-6403-000001299906");
        assert_eq!(identifier(64_031_299_906, 0), "VCF-00000196-cwxpfhzh-000001");
        for seed in [1, 64, 640, 6403, 640_312, 640_312_999, u64::MAX] {
            for visit in [0, 99_906, 999_999, 1_299_905, VISITS_MAX] {
                assert!(!national_number::contains_number(&identifier(seed, visit)), "{seed} {visit}");
            }
        }
    }

    #[test]
    fn an_organisation_is_eight_or_eleven_digits() {
        for wrong in ["", "196", "0000019a", "000001960", "00000196 00", "０000196"] {
            assert!(matches!(Hospital::new(1, wrong, Register::Local), Err(PopulationError::Organisation)), "{wrong}");
        }
        assert_eq!(hospital(1, "00000196110").digits(), "00000196");
    }
}
