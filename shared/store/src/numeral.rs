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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Database, Location, Schema, bulk};

    const SCHEMA: Schema = Schema { steps: &["CREATE TABLE measured (at INTEGER, number NUMERIC)"] };

    /// Numbers as the registers hold them: no zeros in front, none behind a point, no exponent.
    fn number() -> impl Strategy<Value = String> {
        let form = "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{0,25}[1-9])?";
        form.prop_filter("minus nought", |number| number != "-0")
    }

    async fn come_back(location: Location, numbers: &[String]) -> Vec<String> {
        let store = Database::open(location, "numbers", SCHEMA).await.unwrap();
        let mut transaction = store.write().await.unwrap();
        let rows: Vec<(i64, &String)> = (0..).zip(numbers).collect();
        bulk::insert(&mut transaction, "INSERT INTO measured (at, number)", 2, "", &rows, |row, (at, number)| {
            row.bind(at).bind(Some(Numeral(number)))
        })
        .await
        .unwrap();
        transaction.query("SELECT CAST(number AS TEXT) FROM measured ORDER BY at").scalars().await.unwrap()
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_digit_comes_back(numbers in prop::collection::vec(number(), 1..200)) {
            let kept = runtime().block_on(async { come_back(crate::test_server::database().await.unwrap(), &numbers).await });
            prop_assert_eq!(kept, numbers);
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "-", ".", "1e3", "1,5", "1.2.3", " 1", "NaN", "١"] {
            assert_eq!(encoded(text), None, "{text}");
        }
    }
}
