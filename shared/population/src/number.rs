//! Fictitious national numbers: the counters 000 and 999 are never issued, so no living person has one of these.

use crate::day::Day;

/// The sex that a patient is registered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sex {
    /// Female.
    Female,
    /// Male.
    Male,
}

/// How a patient is known to the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Enrolment {
    /// In the national register.
    National,
    /// BIS number, given when the sex was not known.
    BisSexUnknown,
    /// BIS number, given when the sex was known.
    BisSexKnown,
    /// Without any number.
    None,
}

/// The number of a birth date and sex: there is one of each enrolment, so equal numbers are equal patients, also over seeds.
pub(crate) fn fictitious(birth: Day, sex: Sex, enrolment: Enrolment) -> Option<[u8; 11]> {
    let (year, month, day) = birth.civil();
    let added = match enrolment {
        Enrolment::National => 0,
        Enrolment::BisSexUnknown => 20,
        Enrolment::BisSexKnown => 40,
        Enrolment::None => return None,
    };
    let counter = match sex {
        Sex::Female => 0,
        Sex::Male => 999,
    };
    let part = |value: i16| u32::from(value.unsigned_abs());
    let date = part(year % 100) * 10_000 + (part(month.into()) + added) * 100 + part(day.into());
    let first_nine = date * 1000 + counter;
    let check = national_number::check_digits(first_nine, year >= 2000);
    let mut number = u64::from(first_nine) * 100 + u64::from(check);
    let mut digits = [b'0'; 11];
    for digit in digits.iter_mut().rev() {
        *digit += u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
    Some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of fictitious numbers that the project's documents give.
    #[test]
    fn the_known_examples_come_out() {
        let of = |birth, sex, enrolment| String::from_utf8(fictitious(birth, sex, enrolment).unwrap().to_vec()).unwrap();
        let (old, young) = (Day::new(1964, 3, 12), Day::new(2005, 3, 12));
        assert_eq!(of(old, Sex::Male, Enrolment::National), "64031299906");
        assert_eq!(of(old, Sex::Female, Enrolment::National), "64031200035");
        assert_eq!(of(young, Sex::Male, Enrolment::National), "05031299957");
        assert_eq!(of(young, Sex::Female, Enrolment::National), "05031200086");
        assert_eq!(of(old, Sex::Male, Enrolment::BisSexKnown), "64431299992");
        assert_eq!(of(old, Sex::Male, Enrolment::BisSexUnknown), "64231299949");
        assert_eq!(of(Day::new(2001, 11, 5), Sex::Female, Enrolment::BisSexKnown), "01510500063");
        assert_eq!(fictitious(old, Sex::Male, Enrolment::None), None);
    }
}
