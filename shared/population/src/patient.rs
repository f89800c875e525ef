//! A patient: who he or she is, and the tumour that brings him or her to a molecular board.

use std::fmt;

use crate::day::{Day, LAST};
use crate::draw::Draw;
use crate::names;
use crate::number::{self, Enrolment, Sex};
use crate::residence::{self, Tongue};
use crate::tumour::{Site, Tumour};

/// Boards of the register began here.
const FIRST_VISIT: Day = Day::new(2021, 9, 1);
/// Who dies is seen in the time before, at least for so many days, and not in the last ones.
const SEEN_DAYS: (i32, i32) = (330, 700);
const LAST_DAYS: i32 = 40;
/// Below this age at diagnosis only the tumours of the young are seen.
const YOUNG_YEARS: i32 = 25;

/// A fictitious patient, a pure function of the seed and of a number.
///
/// Nobody bears these numbers; still `Debug` prints the type's name only, as for real ones.
#[derive(Clone)]
pub struct Patient {
    pub(crate) index: u32,
    pub(crate) birth: Day,
    pub(crate) sex: Sex,
    pub(crate) number: Option<[u8; 11]>,
    pub(crate) name: String,
    pub(crate) first_name: &'static str,
    pub(crate) postal_code: &'static str,
    pub(crate) tongue: Tongue,
    pub(crate) tumour: &'static Tumour,
    pub(crate) site: Site,
    pub(crate) histology: &'static str,
    /// 1 left, 2 right, 3 unpaired, NK.
    pub(crate) side: &'static str,
    pub(crate) diagnosis: Day,
    pub(crate) death: Option<Day>,
    /// Treatments can start from here on.
    pub(crate) from: Day,
    /// And up to here.
    pub(crate) until: Day,
    /// The disease can no longer be cured from here on: lines of therapy are counted.
    pub(crate) advanced: Day,
    /// Days that a line of therapy lasts.
    pub(crate) days_per_line: i32,
    pub(crate) height_cm: i32,
    /// Tenths of a kilogram per square metre.
    pub(crate) bmi_tenths: i32,
}

impl Patient {
    /// The patient with a birth date and sex; `draw` is the patient's own.
    pub(crate) fn new(index: u32, birth: Day, sex: Sex, draw: &mut Draw) -> Self {
        let community = names::community(draw);
        let enrolment = match draw.below(1000) {
            0..30 => Enrolment::None,
            30..42 => Enrolment::BisSexKnown,
            42..50 => Enrolment::BisSexUnknown,
            _ => Enrolment::National,
        };
        let first_name = names::first_name(community, sex, draw);
        let name = names::last_name(community, draw);
        let postal_code = match enrolment {
            Enrolment::National => residence::residence(community, draw),
            _ if draw.percent(30) => residence::ABROAD,
            _ => residence::residence(community, draw),
        };
        let tongue = residence::tongue(postal_code, draw);
        let grown = FIRST_VISIT >= birth + 400;
        let first_death = FIRST_VISIT + SEEN_DAYS.1;
        let death = (grown && draw.percent(60)).then(|| first_death + draw.between(0, LAST - first_death));
        let from = match death {
            Some(death) => death - draw.between(SEEN_DAYS.0, SEEN_DAYS.1),
            None => FIRST_VISIT.max(birth + 400),
        };
        let diagnosis = diagnosis(birth, from, draw);
        let tumour = Tumour::draw(sex, diagnosis.years_since(birth) < YOUNG_YEARS, draw);
        Self {
            index,
            birth,
            sex,
            number: number::fictitious(birth, sex, enrolment),
            name,
            first_name,
            postal_code,
            tongue,
            tumour,
            site: draw.pick(tumour.sites),
            histology: draw.pick(tumour.histologies),
            side: side(tumour, draw),
            diagnosis,
            death,
            from,
            until: death.unwrap_or(LAST) - LAST_DAYS,
            advanced: diagnosis.max(from - draw.between(150, 900)),
            days_per_line: draw.between(200, 600),
            height_cm: height(sex, draw),
            bmi_tenths: 170 + draw.between(0, 70) + draw.between(0, 70),
        }
    }

    /// Which of the population's patients it is.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The fictitious national number; none for the few who have none.
    pub fn national_number(&self) -> Option<&str> {
        self.number.as_ref().and_then(|digits| std::str::from_utf8(digits).ok())
    }

    /// Last name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// First name.
    pub fn first_name(&self) -> &str {
        self.first_name
    }

    /// Year, month and day of birth.
    pub fn birth(&self) -> (i16, i8, i8) {
        self.birth.civil()
    }

    /// Sex.
    pub fn sex(&self) -> Sex {
        self.sex
    }

    /// The patient's own number at a hospital: every hospital has its own and writes it in its own way.
    pub(crate) fn internal_id(&self, organisation: u64) -> String {
        // Multiplying by a number that has no factor in common with the modulus tells all patients of a hospital apart.
        let mixed = (u64::from(self.index) * 7_368_787 + organisation % 9_999_991) % 9_999_991;
        match organisation / 100 % 4 {
            0 => format!("P{mixed:07}"),
            1 => format!("{:04}-H{:05}", 1990 + mixed / 100_000 % 35, mixed % 100_000 + (mixed / 3_500_000) * 100_000),
            2 => format!("MRN{mixed:07}"),
            _ if mixed < 600_000 => format!("D{mixed}"),
            _ => format!("D{mixed:07}.{}", mixed % 7),
        }
    }
}

impl fmt::Debug for Patient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Patient")
    }
}

/// A third of the patients come soon after their diagnosis, the others after years.
fn diagnosis(birth: Day, from: Day, draw: &mut Draw) -> Day {
    let soonest = 95;
    let longest = (from - birth - 30).clamp(soonest, 3600);
    let days = if draw.percent(33) { draw.between(soonest, longest.min(300)) } else { draw.between(soonest, longest) };
    from - days
}

fn side(tumour: &Tumour, draw: &mut Draw) -> &'static str {
    match draw.below(100) {
        _ if !tumour.paired => "3",
        0..49 => "1",
        49..98 => "2",
        _ => "NK",
    }
}

fn height(sex: Sex, draw: &mut Draw) -> i32 {
    let middle = match sex {
        Sex::Female => 163,
        Sex::Male => 175,
    };
    middle + draw.between(-9, 9) + draw.between(-7, 7)
}
