//! Conditions of rules, compiled to field numbers.
//!
//! A condition is true, false, or unknown. Unknown is what an empty, invalid or withheld operand makes of a comparison: a check fails only
//! when it is definitely false, and a rule applies, or a field is required, only when its condition is definitely true. So an empty date
//! breaks no rule about its order, and healthdata evaluates the same rules without the fields that it does not have.

use std::cmp::Ordering;

use jiff::civil::Date;
use national_number::Sex;
use regex::Regex;

use crate::date;
use crate::field::{Fact, FieldNo};
use crate::number::Number;
use crate::row::{Row, Value};
use crate::source::Sign;

/// The code of the list SEX for male (SNOMED CT).
pub(crate) const SEX_MALE: &str = "248153007";
/// The code of the list SEX for female (SNOMED CT).
pub(crate) const SEX_FEMALE: &str = "248152002";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Truth {
    True,
    False,
    Unknown,
}

impl Truth {
    const fn of(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }

    const fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
        }
    }

    /// False as soon as one is false; unknown when one is unknown.
    fn all(truths: impl IntoIterator<Item = Self>) -> Self {
        let mut result = Self::True;
        for truth in truths {
            match truth {
                Self::False => return Self::False,
                Self::Unknown => result = Self::Unknown,
                Self::True => {}
            }
        }
        result
    }

    fn any(truths: impl IntoIterator<Item = Self>) -> Self {
        Self::all(truths.into_iter().map(Self::not)).not()
    }
}

/// A field or a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Field(FieldNo),
    Group(u16),
}

#[derive(Debug)]
pub(crate) enum Operand {
    Field(FieldNo),
    Today,
    Number(Number),
    Date(Date),
    Boolean(bool),
    Text(Box<str>),
}

#[derive(Debug)]
pub(crate) enum Condition {
    Filled(Target),
    Empty(Target),
    In(FieldNo, Vec<Box<str>>),
    Compare(FieldNo, Sign, Operand),
    Matches(FieldNo, Regex),
    Count(u16, Sign, u16),
    AnyItem(u16, Box<Self>),
    EveryItem(u16, Box<Self>),
    Rising(FieldNo, u16),
    ConsecutiveFromOne(FieldNo, u16),
    /// The right one is today when there is none.
    DaysBetween(FieldNo, Option<FieldNo>, Sign, i64),
    AgeAt(FieldNo, Sign, i64),
    AgreesWithSsin(Fact),
    NotNationalNumber(FieldNo),
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
}

impl Condition {
    /// Evaluates for a registration; inside a list, for one item.
    pub(crate) fn truth(&self, row: &Row<'_>, item: u16) -> Truth {
        match self {
            Self::Filled(target) => filled(row, *target, item),
            Self::Empty(target) => filled(row, *target, item).not(),
            Self::In(field, codes) => is_in(row.value(*field, item), codes),
            Self::Compare(field, sign, operand) => compare(row, item, *field, *sign, operand),
            Self::Matches(field, pattern) => {
                row.value(*field, item).text().map_or(Truth::Unknown, |text| Truth::of(pattern.is_match(text)))
            }
            Self::Count(group, sign, wanted) => count(row, *group, *sign, *wanted),
            Self::AnyItem(group, inner) => Truth::any(row.filled_items(*group).map(|item| inner.truth(row, item))),
            Self::EveryItem(group, inner) => Truth::all(row.filled_items(*group).map(|item| inner.truth(row, item))),
            Self::Rising(..) | Self::ConsecutiveFromOne(..) => Truth::of(self.offending_item(row).is_none()),
            Self::DaysBetween(from, to, sign, days) => {
                let to = to.map_or(Some(row.today), |to| row.value(to, item).date());
                let days_of = |(from, to)| Truth::of(sign.holds(date::days_between(from, to).cmp(days)));
                row.value(*from, item).date().zip(to).map_or(Truth::Unknown, days_of)
            }
            Self::AgeAt(at, sign, years) => {
                let birth = row.definition.patient.date_of_birth.and_then(|field| row.value(field, 0).date());
                let age_of = |(birth, at)| Truth::of(sign.holds(date::age(birth, at).cmp(years)));
                birth.zip(row.value(*at, item).date()).map_or(Truth::Unknown, age_of)
            }
            Self::AgreesWithSsin(fact) => agrees_with_ssin(row, *fact),
            Self::NotNationalNumber(field) => row.value(*field, item).text().map_or(Truth::Unknown, |text| {
                Truth::of(!national_number::strip_separators(text).is_some_and(|digits| national_number::is_valid(&digits)))
            }),
            Self::All(parts) => Truth::all(parts.iter().map(|part| part.truth(row, item))),
            Self::Any(parts) => Truth::any(parts.iter().map(|part| part.truth(row, item))),
            Self::Not(inner) => inner.truth(row, item).not(),
        }
    }

    /// The first item that breaks a condition over a whole list, so that the finding can point at it.
    pub(crate) fn offending_item(&self, row: &Row<'_>) -> Option<u16> {
        match self {
            Self::EveryItem(group, inner) => row.filled_items(*group).find(|item| inner.truth(row, *item) == Truth::False),
            Self::Rising(field, group) => {
                let mut before: Option<&Value<'_>> = None;
                row.filled_items(*group).find(|item| {
                    let value = row.value(*field, *item);
                    let falls = before.and_then(|before| order(before, value)).is_some_and(|order| order != Ordering::Less);
                    if matches!(value, Value::Date(_) | Value::Number(_)) {
                        before = Some(value);
                    }
                    falls
                })
            }
            Self::ConsecutiveFromOne(field, group) => {
                let mut next = 1;
                row.filled_items(*group).find(|item| {
                    let expected = Number::from_integer(next);
                    next += 1;
                    row.value(*field, *item).number().is_some_and(|number| Some(number) != expected)
                })
            }
            _ => None,
        }
    }
}

impl Sign {
    pub(crate) const fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
        }
    }
}

fn filled(row: &Row<'_>, target: Target, item: u16) -> Truth {
    match target {
        Target::Field(field) => match row.value(field, item) {
            Value::Empty => Truth::False,
            Value::Withheld => Truth::Unknown,
            _ => Truth::True,
        },
        Target::Group(group) => {
            let Some(fields) = row.definition.groups.get(usize::from(group)).map(|group| group.fields.clone()) else {
                return Truth::Unknown;
            };
            let is_filled = row.items_of(group) > 0 || row.item_is_filled(fields.clone(), item);
            if !is_filled && row.withholds(fields) { Truth::Unknown } else { Truth::of(is_filled) }
        }
    }
}

fn is_in(value: &Value<'_>, codes: &[Box<str>]) -> Truth {
    let holds = |given: &str| codes.iter().any(|code| **code == *given);
    match value {
        Value::Empty => Truth::False,
        Value::Invalid | Value::Withheld => Truth::Unknown,
        Value::Text(text) => Truth::of(holds(text) || text.split('|').any(holds)),
        Value::Boolean(value) => Truth::of(holds(if *value { "TRUE" } else { "FALSE" })),
        Value::Number(_) | Value::Date(_) => Truth::of(value.canonical().is_some_and(|text| holds(&text))),
    }
}

fn count(row: &Row<'_>, group: u16, sign: Sign, wanted: u16) -> Truth {
    let Some(fields) = row.definition.groups.get(usize::from(group)).map(|group| group.fields.clone()) else {
        return Truth::Unknown;
    };
    if row.withholds(fields) {
        return Truth::Unknown;
    }
    Truth::of(sign.holds(row.filled_items(group).count().cmp(&usize::from(wanted))))
}

fn compare(row: &Row<'_>, item: u16, field: FieldNo, sign: Sign, operand: &Operand) -> Truth {
    let left = row.value(field, item);
    let order = match operand {
        Operand::Field(other) if row.is_attachment(field) || row.is_attachment(*other) => {
            let right = row.value(*other, item);
            left.text()
                .zip(right.text())
                .map(|(left, right)| if names_agree(left, right) { Ordering::Equal } else { left.cmp(right) })
        }
        Operand::Field(other) => order(left, row.value(*other, item)),
        Operand::Today => left.date().map(|date| date.cmp(&row.today)),
        Operand::Date(day) => left.date().map(|date| date.cmp(day)),
        Operand::Number(number) => left.number().map(|left| left.cmp(number)),
        Operand::Boolean(right) => match left {
            Value::Boolean(left) => Some(left.cmp(right)),
            _ => None,
        },
        Operand::Text(right) => left.text().map(|left| left.cmp(right)),
    };
    order.map_or(Truth::Unknown, |order| Truth::of(sign.holds(order)))
}

fn order(left: &Value<'_>, right: &Value<'_>) -> Option<Ordering> {
    match (left, right) {
        (Value::Date(left), Value::Date(right)) => Some(left.cmp(right)),
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        (Value::Boolean(left), Value::Boolean(right)) => Some(left.cmp(right)),
        _ => left.number().zip(right.number()).map(|(left, right)| left.cmp(&right)),
    }
}

/// Whether two names are the same, the extension of one of them aside.
fn names_agree(left: &str, right: &str) -> bool {
    let stem = |name: &str, other: &str| name.rsplit_once('.').is_some_and(|(stem, _)| stem == other);
    left == right || stem(left, right) || stem(right, left)
}

fn agrees_with_ssin(row: &Row<'_>, fact: Fact) -> Truth {
    let Some(facts) = &row.facts else { return Truth::Unknown };
    let patient = &row.definition.patient;
    match fact {
        Fact::DateOfBirth => {
            let Some(given) = patient.date_of_birth.and_then(|field| row.value(field, 0).date()) else { return Truth::Unknown };
            match (facts.birth, facts.year) {
                (Some(birth), _) => Truth::of(birth == (given.year(), given.month(), given.day())),
                (None, Some(year)) => Truth::of(year == given.year()),
                (None, None) => Truth::Unknown,
            }
        }
        Fact::Sex => {
            let given = patient.sex.map(|field| row.value(field, 0));
            let given = match given.and_then(Value::text) {
                Some(SEX_MALE) => Sex::Male,
                Some(SEX_FEMALE) => Sex::Female,
                _ => return Truth::Unknown,
            };
            facts.sex.map_or(Truth::Unknown, |sex| Truth::of(sex == given))
        }
    }
}
