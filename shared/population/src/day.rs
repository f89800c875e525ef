//! Days as plain numbers: every row makes a dozen of them and writes them in the form of hospital files.

use std::ops::{Add, Sub};

/// A day, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Day(i32);

/// No date of the population lies after this day, whatever day it is.
pub(crate) const LAST: Day = Day::new(2026, 6, 30);

impl Day {
    /// A day of the Gregorian calendar after the year 0. The arguments are a real date.
    pub(crate) const fn new(year: i16, month: i8, day: i8) -> Self {
        // Years that begin in March put the leap day at their end; 146,097 days make 400 years.
        let year = year as i32 - (month <= 2) as i32;
        let of_year = (153 * ((month as i32 + 9) % 12) + 2) / 5 + day as i32 - 1;
        Self(year * 365 + year / 4 - year / 100 + year / 400 + of_year - 719_468)
    }

    /// Year, month and day.
    pub(crate) const fn civil(self) -> (i16, i8, i8) {
        let days = self.0 + 719_468;
        let era = days / 146_097;
        let of_era = days % 146_097;
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = year_of_era + era * 400 + (month <= 2) as i32;
        (year as i16, month as i8, day as i8)
    }

    /// Completed years since another day.
    pub(crate) fn years_since(self, birth: Self) -> i32 {
        let (year, month, day) = self.civil();
        let (birth_year, birth_month, birth_day) = birth.civil();
        i32::from(year) - i32::from(birth_year) - i32::from((month, day) < (birth_month, birth_day))
    }

    /// Days since an earlier day.
    pub(crate) const fn days_from(self, earlier: Self) -> u32 {
        self.0.abs_diff(earlier.0)
    }

    /// Writes `dd/mm/yyyy`.
    pub(crate) fn write(self, text: &mut String) {
        let (year, month, day) = self.civil();
        let mut digits = |value: i16, places: u32| {
            for place in (0..places).rev() {
                let digit = value / 10_i16.pow(place) % 10;
                text.push(char::from(b'0' + u8::try_from(digit).unwrap_or_default()));
            }
            if places == 2 {
                text.push('/');
            }
        };
        digits(i16::from(day), 2);
        digits(i16::from(month), 2);
        digits(year, 4);
    }
}

impl Add<i32> for Day {
    type Output = Self;

    fn add(self, days: i32) -> Self {
        Self(self.0 + days)
    }
}

impl Sub<i32> for Day {
    type Output = Self;

    fn sub(self, days: i32) -> Self {
        Self(self.0 - days)
    }
}

impl Sub for Day {
    type Output = i32;

    fn sub(self, other: Self) -> i32 {
        self.0 - other.0
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::Date;

    use super::*;

    #[test]
    fn every_day_of_two_centuries_is_the_calendars() {
        let mut date = Date::constant(1900, 1, 1);
        let mut day = Day::new(1900, 1, 1);
        while date.year() < 2100 {
            assert_eq!(day.civil(), (date.year(), date.month(), date.day()));
            assert_eq!(Day::new(date.year(), date.month(), date.day()), day);
            date = date.tomorrow().unwrap();
            day = day + 1;
        }
    }

    #[test]
    fn days_are_written_as_hospitals_write_them() {
        let mut text = String::new();
        Day::new(2004, 2, 9).write(&mut text);
        assert_eq!(text, "09/02/2004");
    }

    #[test]
    fn years_are_completed_on_the_birthday() {
        let birth = Day::new(1950, 6, 10);
        assert_eq!(Day::new(2020, 6, 9).years_since(birth), 69);
        assert_eq!(Day::new(2020, 6, 10).years_since(birth), 70);
    }
}
