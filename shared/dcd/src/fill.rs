//! What a registration gets without being asked: values from the national number, defaults, computed values.

use std::borrow::Cow;

use jiff::civil::Date;
use national_number::Sex;

use crate::catalogue::Code;
use crate::check::Fault;
use crate::condition::{SEX_FEMALE, SEX_MALE, Truth};
use crate::field::{Fact, FieldNo, GroupKind, Required};
use crate::finding::Expected;
use crate::read::{Form, read};
use crate::row::{Row, Value};

/// Reads the national number, and fills in from it what the definition says.
pub(crate) fn fill_from_ssin(row: &mut Row<'_>) {
    let patient = &row.definition.patient;
    let Some(facts) = row.value(patient.id, 0).text().and_then(national_number::facts) else { return };
    for number in [patient.date_of_birth, patient.sex].into_iter().flatten() {
        let Some(field) = row.definition.field(number).filter(|_| row.value(number, 0).is_empty()) else { continue };
        let value = match field.default_from_ssin {
            Some(Fact::DateOfBirth) => {
                facts.birth.and_then(|(year, month, day)| Date::new(year, month, day).ok()).map(Value::Date)
            }
            Some(Fact::Sex) => {
                facts.sex.map(|sex| Value::Text(Cow::Borrowed(if sex == Sex::Male { SEX_MALE } else { SEX_FEMALE })))
            }
            None => None,
        };
        if let Some(value) = value {
            row.set(number, 0, value);
        }
    }
    row.facts = Some(facts);
}

/// Fills in defaults. Where a value is required only under a condition, the default comes under the same condition.
pub(crate) fn fill_defaults<'a>(row: &mut Row<'a>) {
    for (number, field) in (0..).zip(&row.definition.fields) {
        let Some(default) = &field.default else { continue };
        for item in 0..row.items_of_field(field) {
            let applies = match &field.required {
                Required::Never | Required::Always => true,
                Required::When(condition) => condition.truth(row, item) == Truth::True,
            };
            if applies && row.value(number, item).is_empty() && row.is_alive(field, item) {
                let value: Value<'a> = read(field, default, Form::Canonical, &mut |_, _| {});
                row.set(number, item, value);
            }
        }
    }
}

/// Computes what is computed, and compares what was given for it.
pub(crate) fn compute<'a>(row: &mut Row<'a>, organisation: &'a str, faults: &mut Vec<Fault>) {
    for (number, field) in (0..).zip(&row.definition.fields) {
        let Some(computed) = &field.computed else { continue };
        for item in 0..row.items_of_field(field) {
            let waits = is_unanswered(row, number, item);
            let value = if waits { Value::Empty } else { computed.value(row, field, item, organisation) };
            match (row.value(number, item), &value) {
                (Value::Empty | Value::Invalid, _) => {}
                (Value::Number(given), Value::Number(value)) if given == value => {}
                (Value::Number(given), Value::Number(value)) => {
                    let last_decimal = 10_u64.pow(6 - u32::from(field.decimals.min(6)));
                    let is_rounding = computed.rounds() && given.millionths().abs_diff(value.millionths()) <= last_decimal;
                    let code = if is_rounding { Code::W04 } else { Code::E24 };
                    faults.push(Fault::in_field(number, item, code, Expected::Nothing));
                }
                (given, value) if given.canonical() == value.canonical() => {}
                _ => faults.push(Fault::in_field(number, item, Code::E24, Expected::Nothing)),
            }
            row.set(number, item, value);
        }
    }
}

/// In a questionnaire that nobody answered nothing is computed either: a lone score would look like an answer.
fn is_unanswered(row: &Row<'_>, field: FieldNo, item: u16) -> bool {
    let around =
        row.definition.groups.iter().find(|group| group.kind == GroupKind::Questionnaire && group.fields.contains(&field));
    let is_answer = |number: FieldNo| {
        row.definition.field(number).is_some_and(|field| field.computed.is_none()) && !row.value(number, item).is_empty()
    };
    around.is_some_and(|group| !group.fields.clone().any(is_answer))
}
