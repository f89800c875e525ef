//! All patients of a seed.

use crate::day::Day;
use crate::draw::{Draw, Purpose, Source};
use crate::number::Sex;
use crate::patient::Patient;

/// Birth dates run over 97 years: two fictitious numbers exist per day, and hospitals need many patients.
const FIRST_BIRTH: Day = Day::new(1926, 1, 1);
const LAST_BIRTH: Day = Day::new(2022, 12, 31);

/// How many patients a seed has: a woman and a man for every birth date.
pub const PATIENTS: u32 = 2 * (LAST_BIRTH.days_from(FIRST_BIRTH) + 1);

/// Patients whom several hospitals know, one in so many.
pub(crate) const SHARED_ONE_IN: u64 = 5;

/// The patients of a seed. It holds none of them: each is a pure function of its index.
pub struct Population {
    seed: u64,
    patients: Source,
}

impl Population {
    /// The population of a seed.
    pub fn new(seed: u64) -> Self {
        Self { seed, patients: Source::new(seed, Purpose::Patients, 0) }
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The patient with an index below [`PATIENTS`]; beyond it the indices begin again.
    pub fn patient(&self, index: u32) -> Patient {
        let index = index % PATIENTS;
        Patient::new(index, birth(index), sex(index), &mut self.draw_of(index))
    }

    /// In which order hospitals see the patients whom several of them know: one order for all.
    pub(crate) fn shared_order(&self) -> Vec<u32> {
        self.order(true, &Source::new(self.seed, Purpose::SharedOrder, 0))
    }

    /// In which order a hospital sees its other patients.
    pub(crate) fn own_order(&self, organisation: u64) -> Vec<u32> {
        self.order(false, &Source::new(self.seed, Purpose::OwnOrder, organisation))
    }

    fn draw_of(&self, index: u32) -> Draw {
        self.patients.draw(u64::from(index))
    }

    /// All patients once, the ages that have cancer most first: the smallest of as many draws as an age weighs decides.
    fn order(&self, shared: bool, source: &Source) -> Vec<u32> {
        let mut draw = source.draw(0);
        // Whether a patient is shared is a fact of the seed, whichever hospital asks.
        let mut known = self.patients.draw(u64::MAX);
        let mut order: Vec<(u64, u32)> = (0..PATIENTS)
            .filter(|_| known.bits().is_multiple_of(SHARED_ONE_IN) == shared)
            .map(|index| ((0..weight(birth(index))).map(|_| draw.bits()).min().unwrap_or(u64::MAX), index))
            .collect();
        order.sort_unstable();
        order.into_iter().map(|(_, index)| index).collect()
    }
}

fn birth(index: u32) -> Day {
    FIRST_BIRTH + i32::try_from(index / 2).unwrap_or_default()
}

fn sex(index: u32) -> Sex {
    if index.is_multiple_of(2) { Sex::Female } else { Sex::Male }
}

/// How much more often people of an age come to a molecular board than children do.
fn weight(birth: Day) -> u32 {
    match Day::new(2024, 1, 1).years_since(birth) {
        ..18 => 1,
        18..30 => 2,
        30..40 => 6,
        40..50 => 16,
        50..60 => 36,
        60..70 => 48,
        70..80 => 40,
        80..86 => 16,
        86..92 => 5,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_seed_has_seventy_thousand_distinct_patients() {
        const { assert!(PATIENTS >= 70_000) };
        let population = Population::new(1);
        let mut numbers = HashSet::new();
        let (mut without, mut bis) = (0, 0);
        for index in 0..PATIENTS {
            let patient = population.patient(index);
            let Some(number) = patient.national_number() else {
                without += 1;
                continue;
            };
            assert!(national_number::is_valid(number));
            assert!(matches!(&number[6..9], "000" | "999"));
            let facts = national_number::facts(number).unwrap();
            assert_eq!(facts.birth, Some(patient.birth()));
            bis += u32::from(facts.bis);
            assert!(numbers.insert(number.to_owned()));
            assert!(patient.birth < patient.diagnosis && patient.diagnosis < patient.from);
            assert!(patient.until - patient.from >= 290);
            assert!(patient.diagnosis <= patient.advanced && patient.advanced < patient.from);
        }
        let share = |count: u32| f64::from(count) / f64::from(PATIENTS);
        assert!((0.027..0.033).contains(&share(without)), "{without}");
        assert!((0.017..0.023).contains(&share(bis)), "{bis}");
    }

    #[test]
    fn a_patient_depends_on_seed_and_index_only() {
        let of = |seed: u64, index| {
            let patient = Population::new(seed).patient(index);
            (patient.name.clone(), patient.first_name, patient.postal_code, patient.diagnosis)
        };
        assert_eq!(of(1, 20_000), of(1, 20_000));
        let differing = (0..100).filter(|index| of(1, *index) != of(2, *index)).count();
        assert!(differing > 95, "{differing}");
    }

    #[test]
    fn the_ages_that_have_cancer_come_first() {
        let population = Population::new(1);
        let order = population.own_order(196);
        let shared = population.shared_order();
        assert_eq!(order.len() + shared.len(), PATIENTS as usize);
        assert!((0.19..0.21).contains(&(shared.len() as f64 / f64::from(PATIENTS))));
        let old = order[..2000].iter().filter(|index| (50..80).contains(&LAST_BIRTH.years_since(birth(**index)))).count();
        assert!(old > 1400, "{old}");
        let both: HashSet<_> = order.iter().chain(&shared).collect();
        assert_eq!(both.len(), PATIENTS as usize);
    }

    #[test]
    fn internal_ids_are_of_one_patient_and_mostly_long() {
        let population = Population::new(1);
        for organisation in [196, 295, 394, 493] {
            let ids: HashSet<_> = (0..PATIENTS).map(|index| population.patient(index).internal_id(organisation)).collect();
            assert_eq!(ids.len(), PATIENTS as usize);
            assert!(ids.iter().filter(|id| id.len() >= 7).count() * 100 >= ids.len() * 95);
            assert!(ids.iter().all(|id| !national_number::contains_number(id)));
        }
    }

    #[test]
    fn debug_prints_no_patient() {
        assert_eq!(format!("{:?}", Population::new(1).patient(5)), "Patient");
    }
}
