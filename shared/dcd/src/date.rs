//! Dates: `dd/mm/yyyy` in hospital files, ISO in canonical form. The shape is read by hand, since date libraries accept more than the
//! conventions do; the calendar decides the rest.

use jiff::civil::Date;

/// Earlier years are slips of the pen: no patient, event or collection is older.
pub(crate) const YEAR_MIN: i16 = 1800;

/// Reads exactly `dd/mm/yyyy`.
pub(crate) fn from_hospital(text: &str) -> Option<Date> {
    let [d1, d2, b'/', m1, m2, b'/', y1, y2, y3, y4] = *text.as_bytes() else { return None };
    date([y1, y2, y3, y4], [m1, m2], [d1, d2])
}

/// Reads exactly `yyyy-mm-dd`.
pub(crate) fn from_canonical(text: &str) -> Option<Date> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text.as_bytes() else { return None };
    date([y1, y2, y3, y4], [m1, m2], [d1, d2])
}

/// `yyyy-mm-dd`.
pub(crate) fn canonical(date: Date) -> String {
    let mut text = String::with_capacity(10);
    push_digits(&mut text, date.year().unsigned_abs(), 4);
    text.push('-');
    push_digits(&mut text, u16::from(date.month().unsigned_abs()), 2);
    text.push('-');
    push_digits(&mut text, u16::from(date.day().unsigned_abs()), 2);
    text
}

/// `dd/mm/yyyy`.
pub(crate) fn hospital_form(date: Date) -> String {
    format!("{:02}/{:02}/{:04}", date.day(), date.month(), date.year())
}

/// Days from one date to another, negative when the other is earlier.
pub(crate) fn days_between(from: Date, to: Date) -> i64 {
    to.duration_since(from).as_hours() / 24
}

/// Completed years of age at a date.
pub(crate) fn age(birth: Date, at: Date) -> i64 {
    let had_birthday = (at.month(), at.day()) >= (birth.month(), birth.day());
    i64::from(at.year()) - i64::from(birth.year()) - i64::from(!had_birthday)
}

fn date(year: [u8; 4], month: [u8; 2], day: [u8; 2]) -> Option<Date> {
    let year = number(&year).filter(|year| *year >= YEAR_MIN)?;
    Date::new(year, i8::try_from(number(&month)?).ok()?, i8::try_from(number(&day)?).ok()?).ok()
}

fn number(digits: &[u8]) -> Option<i16> {
    digits.iter().try_fold(0_i16, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i16::from(digit - b'0')))
}

/// Cheaper than the formatting machinery, and every row writes several dates.
fn push_digits(text: &mut String, value: u16, width: u32) {
    for place in (0..width).rev() {
        let digit = value / 10_u16.pow(place) % 10;
        text.push(char::from(b'0' + u8::try_from(digit).unwrap_or_default()));
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date as day;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_exact_shape_is_a_date() {
        assert_eq!(from_hospital("29/02/2024"), Some(day(2024, 2, 29)));
        for text in [
            "31/02/2024",
            "29/02/2023",
            "1/2/2024",
            "01/13/2024",
            "00/01/2024",
            "2024-02-01",
            "01-02-2024",
            "01/02/24",
            "01/02/2024 ",
            "٠١/٠٢/2024",
            "01/02/0024",
            "",
        ] {
            assert_eq!(from_hospital(text), None, "{text}");
        }
        assert_eq!(from_canonical("20240201"), None);
    }

    #[test]
    fn ages_turn_on_the_birthday() {
        assert_eq!(age(day(1950, 6, 10), day(2020, 6, 9)), 69);
        assert_eq!(age(day(1950, 6, 10), day(2020, 6, 10)), 70);
        assert_eq!(age(day(1952, 2, 29), day(2022, 2, 28)), 69);
    }

    #[test]
    fn days_count_over_leap_days_and_backwards() {
        assert_eq!(days_between(day(2024, 2, 1), day(2024, 3, 1)), 29);
        assert_eq!(days_between(day(2024, 3, 1), day(2024, 2, 1)), -29);
    }

    proptest! {
        #[test]
        fn every_date_reads_back(year in YEAR_MIN..9999_i16, month in 1_i8..=12, of_month in 1_i8..=28) {
            let date = day(year, month, of_month);
            prop_assert_eq!(from_hospital(&hospital_form(date)), Some(date));
            prop_assert_eq!(from_canonical(&canonical(date)), Some(date));
        }

        #[test]
        fn no_text_panics(text in ".{0,12}") {
            let _ = (from_hospital(&text), from_canonical(&text));
        }
    }
}
