//! Decimal numbers in the form that PostgreSQL takes for NUMERIC: groups of four digits, with the place of the first one.

use sqlx::{
    Encode, Postgres, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgTypeInfo},
};

use crate::values::Numeral;

/// Digits that a floating-point number holds exactly.
pub(crate) const EXACT_DIGITS: usize = 15;

/// Decimal digits of a group.
const GROUP: usize = 4;

/// A number on its way to PostgreSQL.
pub(crate) struct Numeric<'a>(pub(crate) Numeral<'a>);

/// The text is no decimal number.
#[derive(Debug, thiserror::Error)]
#[error("read a number: it must be digits with at most one point")]
struct NoNumber;

impl Type<Postgres> for Numeric<'_> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("NUMERIC")
    }
}

impl Encode<'_, Postgres> for Numeric<'_> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(&encoded(self.0.0).ok_or(NoNumber)?);
        Ok(IsNull::No)
    }
}

/// Number of groups, weight of the first group, sign, digits behind the point; then the groups, from the left.
fn encoded(number: &str) -> Option<Vec<u8>> {
    let (is_negative, digits) = number.strip_prefix('-').map_or((false, number), |digits| (true, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if digits.is_empty() || digits == "." || !are_digits(whole) || !are_digits(fraction) {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let (before, behind) = ((GROUP - whole.len() % GROUP) % GROUP, (GROUP - fraction.len() % GROUP) % GROUP);
    let padded = format!("{:0>before$}{whole}{fraction}{:0>behind$}", "", "");
    let groups: Vec<i16> = padded
        .as_bytes()
        .chunks(GROUP)
        .map(|group| group.iter().fold(0, |sum, digit| sum * 10 + i16::from(digit - b'0')))
        .collect();
    // Groups of nothing but zeros at either end are left out.
    let leading = groups.iter().take_while(|group| **group == 0).count();
    let trailing = groups.iter().skip(leading).rev().take_while(|group| **group == 0).count();
    let kept = groups.get(leading..groups.len() - trailing)?;
    let weight = i16::try_from((whole.len() + before) / GROUP).ok()? - 1 - i16::try_from(leading).ok()?;
    let sign: u16 = if is_negative && !kept.is_empty() { 0x4000 } else { 0 };
    let mut bytes = Vec::with_capacity(8 + 2 * kept.len());
    bytes.extend_from_slice(&i16::try_from(kept.len()).ok()?.to_be_bytes());
    bytes.extend_from_slice(&(if kept.is_empty() { 0 } else { weight }).to_be_bytes());
    bytes.extend_from_slice(&sign.to_be_bytes());
    bytes.extend_from_slice(&i16::try_from(fraction.len()).ok()?.to_be_bytes());
    kept.iter().for_each(|group| bytes.extend_from_slice(&group.to_be_bytes()));
    Some(bytes)
}
