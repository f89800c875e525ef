//! Computed values: what follows from other fields is not asked, only compared when a file gives it.

use std::borrow::Cow;

use crate::date;
use crate::field::{Field, FieldNo, Kind};
use crate::number::Number;
use crate::row::{Row, Value};

/// How a field follows from others.
#[derive(Debug)]
pub(crate) enum Computed {
    Organisation,
    Bmi {
        weight: FieldNo,
        height: FieldNo,
    },
    /// To today when there is no second field.
    DaysBetween {
        from: FieldNo,
        to: Option<FieldNo>,
    },
    /// Only when all are filled.
    Sum(Vec<FieldNo>),
    BestOf {
        field: FieldNo,
        list: Option<u16>,
        order: Vec<Box<str>>,
    },
    /// Bands by rising age.
    AgeBand {
        at: FieldNo,
        bands: Vec<(i64, Box<str>)>,
    },
}

impl Computed {
    /// The value; empty while something that it follows from is missing.
    pub(crate) fn value<'a>(&'a self, row: &Row<'a>, field: &Field, item: u16, organisation: &'a str) -> Value<'a> {
        let value = match self {
            Self::Organisation => Some(Value::Text(Cow::Borrowed(organisation))),
            Self::Bmi { weight, height } => {
                let (weight, height) = (row.value(*weight, item).number(), row.value(*height, item).number());
                weight.zip(height).and_then(|(weight, height)| body_mass_index(weight, height, field.decimals)).map(Value::Number)
            }
            Self::DaysBetween { from, to } => {
                let to = to.map_or(Some(row.today), |to| row.value(to, item).date());
                let days = row.value(*from, item).date().zip(to).map(|(from, to)| date::days_between(from, to));
                days.and_then(Number::from_integer).map(Value::Number)
            }
            Self::Sum(parts) => {
                let numbers = parts.iter().map(|part| row.value(*part, item).number());
                let sum = numbers.map(|number| number.map(Number::millionths)).sum::<Option<i64>>();
                sum.map(Number::from_millionths).map(Value::Number)
            }
            Self::BestOf { field, list, order } => {
                let rank =
                    |item: u16| row.value(*field, item).text().and_then(|code| order.iter().position(|listed| **listed == *code));
                let best = match list {
                    Some(list) => row.filled_items(*list).filter_map(rank).min(),
                    None => rank(item),
                };
                best.and_then(|best| order.get(best)).map(|code| Value::Text(Cow::Borrowed(code)))
            }
            Self::AgeBand { at, bands } => {
                let birth = row.definition.patient.date_of_birth.and_then(|field| row.value(field, 0).date());
                let age = birth.zip(row.value(*at, item).date()).map(|(birth, at)| date::age(birth, at));
                let band = age.and_then(|age| bands.iter().rev().find(|(from, _)| *from <= age));
                band.map(|(_, value)| Value::Text(Cow::Borrowed(value)))
            }
        };
        match value {
            Some(Value::Text(text)) if field.kind == Kind::Number => {
                Number::from_canonical(&text).map_or(Value::Empty, Value::Number)
            }
            Some(Value::Number(number)) if field.kind != Kind::Number => Value::Text(Cow::Owned(number.to_string())),
            Some(value) => value,
            None => Value::Empty,
        }
    }

    /// Whether a given number may differ from the computed one by its last decimal.
    pub(crate) const fn rounds(&self) -> bool {
        matches!(self, Self::Bmi { .. })
    }
}

/// Weight in kg over the square of the height (given in cm) in m, rounded half up.
fn body_mass_index(weight: Number, height: Number, decimals: u8) -> Option<Number> {
    let (weight, height) = (i128::from(weight.millionths()), i128::from(height.millionths()));
    if weight <= 0 || height <= 0 {
        return None;
    }
    let scale = 10_i128.pow(u32::from(decimals.min(6)));
    // In millionths: weight·10⁻⁶ / (height·10⁻⁸)² = weight·10¹⁰ / height².
    let (dividend, divisor) = (weight * 10_000_000_000 * scale, height * height);
    let rounded = (2 * dividend + divisor) / (2 * divisor);
    i64::try_from(rounded * (1_000_000 / scale)).ok().map(Number::from_millionths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bmi(weight: &str, height: &str) -> Option<String> {
        let number = |text| Number::from_canonical(text).unwrap();
        body_mass_index(number(weight), number(height), 1).map(|bmi| bmi.to_string())
    }

    #[test]
    fn the_body_mass_index_has_one_decimal() {
        assert_eq!(bmi("70", "175").as_deref(), Some("22.9"));
        assert_eq!(bmi("80.5", "180").as_deref(), Some("24.8"));
        assert_eq!(bmi("81", "180").as_deref(), Some("25"));
        assert_eq!(bmi("300", "100").as_deref(), Some("300"));
        assert_eq!(bmi("70", "0"), None);
    }
}
