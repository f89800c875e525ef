//! Numbers as registers hold them: fixed point, so that `0,1` is a tenth and not its neighbour.

use std::fmt;

/// Decimals that a number can have.
pub const DECIMALS_MAX: u8 = 6;
/// Digits in front of the decimal mark.
const INTEGER_DIGITS_MAX: usize = 12;
const ONE: i64 = 1_000_000;

/// A number of up to 12 digits and 6 decimals, exact.
///
/// `Display` writes the canonical form: a point, no plus sign, no superfluous zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number {
    millionths: i64,
}

/// Why a text is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberFault {
    /// Not a sign, digits, and at most one decimal mark with digits behind it.
    Form,
    /// More digits or decimals than a number can have.
    Precision,
}

impl Number {
    /// Reads a hospital's form: optional sign, digits, optional decimal comma and decimals.
    pub(crate) fn from_hospital(text: &str) -> Result<Self, NumberFault> {
        Self::parse(text, b',')
    }

    /// Reads the canonical form, or the form of a JSON number without an exponent.
    #[must_use]
    pub fn from_canonical(text: &str) -> Option<Self> {
        Self::parse(text, b'.').ok()
    }

    /// A whole number; none above 12 digits.
    #[must_use]
    pub fn from_integer(value: i64) -> Option<Self> {
        value.checked_mul(ONE).map(|millionths| Self { millionths })
    }

    pub(crate) const fn from_millionths(millionths: i64) -> Self {
        Self { millionths }
    }

    pub(crate) const fn millionths(self) -> i64 {
        self.millionths
    }

    /// Decimals that are not superfluous zeros.
    #[must_use]
    pub fn decimals(self) -> u8 {
        let mut rest = self.millionths.unsigned_abs() % ONE.unsigned_abs();
        let mut decimals = if rest == 0 { 0 } else { DECIMALS_MAX };
        while rest != 0 && rest.is_multiple_of(10) {
            rest /= 10;
            decimals -= 1;
        }
        decimals
    }

    /// The form of hospital files, with a decimal comma.
    #[must_use]
    pub fn hospital_form(self) -> String {
        self.to_string().replace('.', ",")
    }

    fn parse(text: &str, mark: u8) -> Result<Self, NumberFault> {
        let bytes = text.as_bytes();
        let (negative, digits) = match bytes.split_first() {
            Some((b'-', rest)) => (true, rest),
            Some((b'+', rest)) => (false, rest),
            _ => (false, bytes),
        };
        let (whole, decimals) = match digits.iter().position(|&byte| byte == mark) {
            Some(at) => (&digits[..at], Some(&digits[at + 1..])),
            None => (digits, None),
        };
        let is_digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
        if !is_digits(whole) || decimals.is_some_and(|part| !is_digits(part)) {
            return Err(NumberFault::Form);
        }
        let whole = trim(whole, |part| part.split_first().filter(|(first, _)| **first == b'0').map(|(_, rest)| rest));
        let decimals =
            trim(decimals.unwrap_or_default(), |part| part.split_last().filter(|(last, _)| **last == b'0').map(|(_, rest)| rest));
        if whole.len() > INTEGER_DIGITS_MAX || decimals.len() > usize::from(DECIMALS_MAX) {
            return Err(NumberFault::Precision);
        }
        let value_of = |part: &[u8]| part.iter().fold(0_i64, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        let mut scale = ONE;
        for _ in decimals {
            scale /= 10;
        }
        let millionths = value_of(whole) * ONE + value_of(decimals) * scale;
        Ok(Self { millionths: if negative { -millionths } else { millionths } })
    }
}

/// Drops superfluous zeros, one at a time, from the end that `shorter` looks at.
fn trim(mut part: &[u8], shorter: impl Fn(&[u8]) -> Option<&[u8]>) -> &[u8] {
    while let Some(rest) = shorter(part) {
        part = rest;
    }
    part
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.millionths.unsigned_abs();
        let (whole, rest) = (size / ONE.unsigned_abs(), size % ONE.unsigned_abs());
        if self.millionths < 0 {
            f.write_str("-")?;
        }
        write!(f, "{whole}")?;
        let decimals = usize::from(self.decimals());
        if decimals > 0 {
            let digits = format!("{rest:06}");
            write!(f, ".{}", digits.get(..decimals).unwrap_or_default())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canonical(text: &str) -> Result<String, NumberFault> {
        Number::from_hospital(text).map(|number| number.to_string())
    }

    #[test]
    fn the_canonical_form_has_a_point_and_no_superfluous_zeros() {
        for (given, expected) in [
            ("12,50", "12.5"),
            ("007", "7"),
            ("+5", "5"),
            ("-0", "0"),
            ("-0,0", "0"),
            ("0,000001", "0.000001"),
            ("-12,034", "-12.034"),
            ("100", "100"),
            ("5,0", "5"),
            ("0000000000000000001,10000000000", "1.1"),
        ] {
            assert_eq!(canonical(given).as_deref(), Ok(expected), "{given}");
        }
    }

    #[test]
    fn other_forms_are_no_numbers() {
        for text in ["12.5", "1e3", "", "-", ",5", "5,", "1 000", "1.000,5", "١٢", "0x1", "1,2,3", " 1", "NaN", "--1"] {
            assert_eq!(canonical(text), Err(NumberFault::Form), "{text}");
        }
        assert_eq!(canonical("1234567890123"), Err(NumberFault::Precision));
        assert_eq!(canonical("0,1234567"), Err(NumberFault::Precision));
    }

    proptest! {
        #[test]
        fn every_number_reads_back_in_both_forms(millionths in -999_999_999_999_999_999_i64..=999_999_999_999_999_999) {
            let number = Number::from_millionths(millionths);
            prop_assert_eq!(Number::from_canonical(&number.to_string()), Some(number));
            prop_assert_eq!(Number::from_hospital(&number.hospital_form()), Ok(number));
            let decimals = number.to_string().split_once('.').map_or(0, |(_, decimals)| decimals.len());
            prop_assert_eq!(usize::from(number.decimals()), decimals);
        }

        #[test]
        fn no_text_panics(text in ".{0,20}") {
            let _ = canonical(&text);
        }
    }
}
