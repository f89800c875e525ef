//! Belgian national numbers as pure functions: check digits, readable facts, and the scanner for numbers in free text.
//!
//! A number has 11 digits, `YYMMDD CCC KK`: birth date, counter, check digits; people write it `85.07.30-033.28`. The
//! check digits also tell the century. A BIS number, given to people who are not in the national register, has 20 added
//! to its month when the sex was not known and 40 when it was. Unknown parts of the birth date are zeros.
//!
//! No type here holds a number, so that healthdata can search its texts for numbers without being able to name one.

mod scanner;

pub use scanner::contains_number;

use std::fmt;

/// What a number tells about its bearer.
///
/// That is personal too: `Debug` prints the type's name only.
#[derive(Clone, PartialEq, Eq)]
pub struct Facts {
    /// Year, month and day of birth; only when all of it is known and is a date.
    pub birth: Option<(i16, i8, i8)>,
    /// The year of birth.
    pub year: Option<i16>,
    /// The sex, unless it is a BIS number that was given when the sex was not known.
    pub sex: Option<Sex>,
    /// Whether it is a BIS number.
    pub bis: bool,
}

impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Facts")
    }
}

/// The sex that a number's counter tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sex {
    /// The counter is odd.
    Male,
    /// The counter is even.
    Female,
}

/// Whether the text is a number: exactly 11 digits, and check digits that fit a birth before or since 2000.
///
/// That is all that the definitions ask for. The date is not looked at: numbers with impossible dates have been issued.
pub fn is_valid(digits: &str) -> bool {
    parts(digits).is_some()
}

/// What the number tells; `None` when it is not valid.
///
/// A number whose month is none, not even with 20 or 40 added, tells nothing. A day behind the end of its month counts as
/// unknown, as does any day of an unknown month: that is how numbers were issued when the counter of a day ran out.
pub fn facts(digits: &str) -> Option<Facts> {
    let parts = parts(digits)?;
    let Some((month, kind)) = parts.month() else {
        return Some(Facts { birth: None, year: None, sex: None, bis: false });
    };
    let nothing_known = parts.year % 100 == 0 && month == 0 && parts.day == 1;
    let year = (!nothing_known).then_some(parts.year);
    let birth = (1..=days_in_month(parts.year, month)).contains(&parts.day).then_some((parts.year, month, parts.day));
    let counted = if parts.counter % 2 == 1 { Sex::Male } else { Sex::Female };
    let sex = (kind != Kind::BisSexUnknown).then_some(counted);
    Some(Facts { birth, year, sex, bis: kind != Kind::National })
}

/// The 11 digits of a number as people type it: plain, or with a separator between its parts as in `85.07.30-033.28`.
///
/// Each of the four separators may be missing; dots, dashes, slashes and spaces are taken. The check digits are not
/// looked at. `None` for any other shape.
pub fn strip_separators(text: &str) -> Option<String> {
    let (digits, rest) = scanner::digits_in_shape(text)?;
    if !rest.is_empty() {
        return None;
    }
    Some(digits.iter().map(|digit| char::from(*digit)).collect())
}

/// The check digits, 1 to 97, for the nine digits before them: 97 minus their remainder by 97. For a birth since 2000 a 2
/// stands in front of the nine digits.
pub fn check_digits(first_nine: u32, born_2000_or_later: bool) -> u8 {
    let number = u64::from(first_nine) + if born_2000_or_later { 2_000_000_000 } else { 0 };
    97 - u8::try_from(number % 97).unwrap_or_default()
}

/// A number with right check digits, taken apart.
struct Parts {
    /// With its century.
    year: i16,
    /// As written.
    month: i8,
    day: i8,
    counter: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    National,
    BisSexUnknown,
    BisSexKnown,
}

impl Parts {
    /// The month without what a BIS number adds, 0 for unknown; `None` when that is no month.
    fn month(&self) -> Option<(i8, Kind)> {
        match self.month {
            0..=12 => Some((self.month, Kind::National)),
            20..=32 => Some((self.month - 20, Kind::BisSexUnknown)),
            40..=52 => Some((self.month - 40, Kind::BisSexKnown)),
            _ => None,
        }
    }

    /// Whether the date can stand in an issued number: a real one, or one with unknown parts. Stricter than [`facts`],
    /// so that the scanner does not take every ninth number of 11 digits for a person.
    fn has_plausible_date(&self) -> bool {
        match self.month() {
            // The sixth digit is raised when the counter of a date without month and day ran out.
            Some((0, _)) => self.day <= 9,
            Some((month, _)) => self.day <= days_in_month(self.year, month),
            None => false,
        }
    }
}

fn parts(digits: &str) -> Option<Parts> {
    digits.as_bytes().try_into().ok().and_then(parts_of)
}

fn parts_of(digits: &[u8; 11]) -> Option<Parts> {
    let mut number = 0_u64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        number = number * 10 + u64::from(digit - b'0');
    }
    let first_nine = u32::try_from(number / 100).ok()?;
    let check = u8::try_from(number % 100).ok()?;
    // The two ways to count differ by 29 modulo 97, so at most one of them fits.
    let century = if check == check_digits(first_nine, false) {
        1900
    } else if check == check_digits(first_nine, true) {
        2000
    } else {
        return None;
    };
    Some(Parts {
        year: century + i16::try_from(first_nine / 10_000_000).ok()?,
        month: i8::try_from(first_nine / 100_000 % 100).ok()?,
        day: i8::try_from(first_nine / 1000 % 100).ok()?,
        counter: first_nine % 1000,
    })
}

/// The days of a month of 1900 to 2099; 0 for what is no month.
fn days_in_month(year: i16, month: i8) -> i8 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && year != 1900 => 29,
        2 => 28,
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
