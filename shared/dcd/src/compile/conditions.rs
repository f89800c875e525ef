//! Conditions, rules and computed values: names become numbers, and each form is checked against the types of its fields.

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::Arc;

use super::{Compiled, fact, fault, text};
use crate::catalogue::Code;
use crate::computed::Computed;
use crate::condition::{Condition, Operand, Target};
use crate::date;
use crate::definition::Definition;
use crate::field::{Field, FieldNo, Kind};
use crate::list::anchored;
use crate::number::Number;
use crate::rule::Rule;
use crate::source::{ComputedSource, ConditionSource, OperandSource, RuleSource, SeveritySource, Sign};

/// Whose condition it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Owner {
    Field(FieldNo),
    Group(u16),
}

impl Owner {
    /// The list inside which the owner stands.
    pub(super) fn list(self, definition: &Definition) -> Option<u16> {
        match self {
            Self::Field(number) => definition.field(number).and_then(|field| field.list.as_ref()).map(|list| list.group),
            Self::Group(_) => None,
        }
    }
}

/// Compiles a condition; `list` is the list inside whose items it is evaluated.
pub(super) fn condition(definition: &Definition, source: ConditionSource, list: Option<u16>, path: &str) -> Compiled<Condition> {
    Compiler { definition, reads_item: Cell::new(false) }.condition(source, list, path)
}

pub(super) fn rule(definition: &Definition, source: RuleSource, path: &str) -> Compiled<Rule> {
    text(&source.message, &format!("{path}.message"))?;
    let compiler = Compiler { definition, reads_item: Cell::new(false) };
    let target = compiler.target(&source.column, &format!("{path}.column"))?;
    let list = match target {
        Target::Field(number) => Owner::Field(number).list(definition),
        Target::Group(_) => None,
    };
    let when = source.when.map(|when| compiler.condition(when, list, &format!("{path}.when"))).transpose()?;
    let check = compiler.condition(source.check, list, &format!("{path}.check"))?;
    let code = match source.severity {
        SeveritySource::Warning => Code::W05,
        SeveritySource::Error => code_of(definition, target, &check),
    };
    let per_item = list.filter(|_| compiler.reads_item.get());
    Ok(Rule { id: source.id, column: source.column, target, code, when, check, message: Arc::new(source.message), per_item })
}

/// A rule that says what a code of the catalogue says has that code.
fn code_of(definition: &Definition, target: Target, check: &Condition) -> Code {
    let Target::Field(column) = target else { return Code::V03 };
    match check {
        Condition::Compare(field, Sign::LessOrEqual | Sign::Less, Operand::Today) if *field == column => Code::V02,
        Condition::NotNationalNumber(field) if *field == column && definition.patient.internal_id == Some(column) => Code::E22,
        Condition::NotNationalNumber(field) if *field == column => Code::E17,
        _ if definition.patient.generated == Some(column) => Code::E19,
        _ => Code::V03,
    }
}

struct Compiler<'a> {
    definition: &'a Definition,
    /// Whether a field of the surrounding list was read directly: such a rule is checked for every item.
    reads_item: Cell<bool>,
}

impl Compiler<'_> {
    fn condition(&self, source: ConditionSource, list: Option<u16>, path: &str) -> Compiled<Condition> {
        let form = the_one_form(&source, path)?;
        let at = |member: &str| format!("{path}.{member}");
        let missing = || fault(path, "a condition has exactly one form");
        let compiled = match form {
            "filled" => Condition::Filled(self.read_target(source.filled.as_deref().unwrap_or_default(), list, &at(form))?),
            "empty" => Condition::Empty(self.read_target(source.empty.as_deref().unwrap_or_default(), list, &at(form))?),
            "field" => {
                let (Some(field), Some(codes)) = (source.field, source.values) else {
                    return fault(path, "field and in go together");
                };
                let number = self.read_field(&field, list, &at(form))?;
                self.known_codes(number, &codes, &at("in"))?;
                Condition::In(number, codes.into_iter().map(Into::into).collect())
            }
            "compare" => {
                let Some((field, sign, operand)) = source.compare else { return missing() };
                self.compare(&field, sign, operand, list, &at(form))?
            }
            "matches" => {
                let Some((field, pattern)) = source.matches else { return missing() };
                let number = self.read_field(&field, list, &at(form))?;
                self.of_kinds(
                    number,
                    &[Kind::Text, Kind::Multiline, Kind::Choice, Kind::MultiChoice, Kind::Attachment],
                    &at(form),
                )?;
                Condition::Matches(number, anchored(&pattern).or_else(|error| fault(&at(form), error.to_string()))?)
            }
            "count" | "any_item" | "every_item" | "rising" | "consecutive_from_one" => self.over_list(source, form, &at(form))?,
            "days_between" => {
                let Some((from, to, sign, days)) = source.days_between else { return missing() };
                let (from, to) = self.two_dates(&from, &to, list, &at(form))?;
                Condition::DaysBetween(from, to, sign, days)
            }
            "age_at" => {
                let Some((field, sign, years)) = source.age_at else { return missing() };
                let number = self.read_field(&field, list, &at(form))?;
                self.of_kinds(number, &[Kind::Date], &at(form))?;
                Condition::AgeAt(number, sign, years)
            }
            "agrees_with_ssin" => {
                source.agrees_with_ssin.map_or_else(missing, |which| Ok(Condition::AgreesWithSsin(fact(which))))?
            }
            "not_national_number" => {
                let number = self.read_field(source.not_national_number.as_deref().unwrap_or_default(), list, &at(form))?;
                self.of_kinds(number, &[Kind::Text, Kind::Multiline], &at(form))?;
                Condition::NotNationalNumber(number)
            }
            "all" | "any" => {
                let parts = source.all.or(source.any).unwrap_or_default().into_iter().enumerate();
                let compiled = parts.map(|(at_part, part)| self.condition(part, list, &format!("{}[{at_part}]", at(form))));
                let parts = compiled.collect::<Compiled<Vec<_>>>()?;
                if form == "all" { Condition::All(parts) } else { Condition::Any(parts) }
            }
            _ => {
                let Some(inner) = source.not else { return missing() };
                Condition::Not(Box::new(self.condition(*inner, list, &at("not"))?))
            }
        };
        Ok(compiled)
    }

    /// The forms that are about a list as a whole.
    fn over_list(&self, source: ConditionSource, form: &str, path: &str) -> Compiled<Condition> {
        if let Some((name, sign, wanted)) = source.count {
            return Ok(Condition::Count(self.list(&name, path)?, sign, wanted));
        }
        if let Some(pair) = source.any_item.or(source.every_item) {
            let (name, inner) = *pair;
            let list = self.list(&name, path)?;
            let inside = Compiler { definition: self.definition, reads_item: Cell::new(false) };
            let inner = Box::new(inside.condition(inner, Some(list), &format!("{path}[1]"))?);
            return Ok(if form == "any_item" { Condition::AnyItem(list, inner) } else { Condition::EveryItem(list, inner) });
        }
        let name = source.rising.or(source.consecutive_from_one).unwrap_or_default();
        let (number, list) = self.field_of_list(&name, path)?;
        if form == "rising" {
            self.of_kinds(number, &[Kind::Date, Kind::Number], path)?;
            return Ok(Condition::Rising(number, list));
        }
        self.of_kinds(number, &[Kind::Number], path)?;
        Ok(Condition::ConsecutiveFromOne(number, list))
    }

    fn compare(&self, field: &str, sign: Sign, operand: OperandSource, list: Option<u16>, path: &str) -> Compiled<Condition> {
        let number = self.read_field(field, list, path)?;
        let kind = self.kind(number);
        let operand = match operand {
            OperandSource::Name(name) if name == "today" => Operand::Today,
            OperandSource::Name(name) => Operand::Field(self.read_field(&name, list, path)?),
            OperandSource::Value(serde_json::Value::Number(value)) => Operand::Number(
                Number::from_canonical(&value.to_string()).map_or_else(|| fault(path, "not a number that fields hold"), Ok)?,
            ),
            OperandSource::Value(serde_json::Value::Bool(value)) => Operand::Boolean(value),
            OperandSource::Value(serde_json::Value::String(value)) if kind == Kind::Date => {
                Operand::Date(date::from_canonical(&value).map_or_else(|| fault(path, "a date has the form yyyy-mm-dd"), Ok)?)
            }
            OperandSource::Value(serde_json::Value::String(value)) => Operand::Text(value.into()),
            OperandSource::Value(_) => return fault(path, "a value is a text, a number, true or false"),
        };
        let is_text = |kind: Kind| matches!(kind, Kind::Text | Kind::Multiline | Kind::Choice | Kind::Attachment);
        let is_numeric = |kind: Kind| matches!(kind, Kind::Number | Kind::Choice);
        let fits = match &operand {
            Operand::Today | Operand::Date(_) => kind == Kind::Date,
            Operand::Number(_) => is_numeric(kind),
            Operand::Boolean(_) => kind == Kind::Boolean,
            Operand::Text(_) => is_text(kind),
            Operand::Field(other) => {
                let other = self.kind(*other);
                kind == other || (is_text(kind) && is_text(other)) || (is_numeric(kind) && is_numeric(other))
            }
        };
        if fits { Ok(Condition::Compare(number, sign, operand)) } else { fault(path, "the two sides cannot be compared") }
    }

    /// A field or group that is read where `list` is the surrounding list.
    fn read_target(&self, name: &str, list: Option<u16>, path: &str) -> Compiled<Target> {
        match self.target(name, path)? {
            Target::Field(_) => self.read_field(name, list, path).map(Target::Field),
            group @ Target::Group(_) => Ok(group),
        }
    }

    fn target(&self, name: &str, path: &str) -> Compiled<Target> {
        if let Some(number) = self.definition.field_no(name) {
            return Ok(Target::Field(number));
        }
        let group = self.definition.groups.iter().position(|group| group.column == name).and_then(|at| u16::try_from(at).ok());
        group.map_or_else(|| fault(path, format!("there is no column {name}")), |group| Ok(Target::Group(group)))
    }

    fn read_field(&self, name: &str, list: Option<u16>, path: &str) -> Compiled<FieldNo> {
        let Some(number) = self.definition.field_no(name) else { return fault(path, format!("there is no column {name}")) };
        match Owner::Field(number).list(self.definition) {
            None => {}
            Some(of) if Some(of) == list => self.reads_item.set(true),
            Some(_) => return fault(path, format!("{name} stands in a list: use any_item or every_item")),
        }
        Ok(number)
    }

    fn field_of_list(&self, name: &str, path: &str) -> Compiled<(FieldNo, u16)> {
        let Some(number) = self.definition.field_no(name) else { return fault(path, format!("there is no column {name}")) };
        match Owner::Field(number).list(self.definition) {
            Some(list) => Ok((number, list)),
            None => fault(path, format!("{name} does not stand in a list")),
        }
    }

    fn list(&self, name: &str, path: &str) -> Compiled<u16> {
        self.definition.group_of_list(name).map_or_else(|| fault(path, format!("there is no list {name}")), Ok)
    }

    fn two_dates(&self, from: &str, to: &str, list: Option<u16>, path: &str) -> Compiled<(FieldNo, Option<FieldNo>)> {
        let from = self.read_field(from, list, path)?;
        self.of_kinds(from, &[Kind::Date], path)?;
        if to == "today" {
            return Ok((from, None));
        }
        let to = self.read_field(to, list, path)?;
        self.of_kinds(to, &[Kind::Date], path)?;
        Ok((from, Some(to)))
    }

    fn kind(&self, number: FieldNo) -> Kind {
        self.definition.field(number).map_or(Kind::Text, Field::kind)
    }

    fn of_kinds(&self, number: FieldNo, kinds: &[Kind], path: &str) -> Compiled<()> {
        if kinds.contains(&self.kind(number)) { Ok(()) } else { fault(path, "the field has another type than this form needs") }
    }

    /// Codes that a complete, binding list does not hold are slips that would make a rule silent.
    fn known_codes(&self, number: FieldNo, codes: &[String], path: &str) -> Compiled<()> {
        let Some(field) = self.definition.field(number) else { return Ok(()) };
        let is_known = |code: &String| match (&field.code_list, field.kind) {
            (_, Kind::Boolean) => matches!(code.as_str(), "TRUE" | "FALSE"),
            (Some(list), _) if field.binding && list.is_complete() => list.membership(code) == crate::list::Membership::Listed,
            _ => true,
        };
        codes.iter().find(|code| !is_known(code)).map_or(Ok(()), |code| fault(path, format!("the field never holds {code}")))
    }
}

fn the_one_form(source: &ConditionSource, path: &str) -> Compiled<&'static str> {
    let given = [
        ("filled", source.filled.is_some()),
        ("empty", source.empty.is_some()),
        ("field", source.field.is_some() || source.values.is_some()),
        ("compare", source.compare.is_some()),
        ("matches", source.matches.is_some()),
        ("count", source.count.is_some()),
        ("any_item", source.any_item.is_some()),
        ("every_item", source.every_item.is_some()),
        ("rising", source.rising.is_some()),
        ("consecutive_from_one", source.consecutive_from_one.is_some()),
        ("days_between", source.days_between.is_some()),
        ("age_at", source.age_at.is_some()),
        ("agrees_with_ssin", source.agrees_with_ssin.is_some()),
        ("not_national_number", source.not_national_number.is_some()),
        ("all", source.all.is_some()),
        ("any", source.any.is_some()),
        ("not", source.not.is_some()),
    ];
    let mut forms = given.into_iter().filter(|(_, is_given)| *is_given).map(|(form, _)| form);
    match (forms.next(), forms.next()) {
        (Some(form), None) => Ok(form),
        _ => fault(path, "a condition has exactly one form"),
    }
}

pub(super) fn computed(
    definition: &Definition,
    owner: FieldNo,
    source: ComputedSource,
    computed_fields: &HashSet<FieldNo>,
    path: &str,
) -> Compiled<Computed> {
    let compiler = Compiler { definition, reads_item: Cell::new(false) };
    let list = Owner::Field(owner).list(definition);
    let number = |name: &str, kinds: &[Kind]| {
        let number = compiler.read_field(name, list, path)?;
        compiler.of_kinds(number, kinds, path)?;
        // Fields are computed in their order, so what they follow from must stand in front.
        if number >= owner && computed_fields.contains(&number) {
            return fault(path, format!("{name} is computed later"));
        }
        Ok(number)
    };
    let ComputedSource { organisation, bmi, days_between, sum, best_of, age_band } = source;
    match (organisation, bmi, days_between, sum, best_of, age_band) {
        (Some(true), None, None, None, None, None) => Ok(Computed::Organisation),
        (None, Some((weight, height)), None, None, None, None) => {
            Ok(Computed::Bmi { weight: number(&weight, &[Kind::Number])?, height: number(&height, &[Kind::Number])? })
        }
        (None, None, Some((from, to)), None, None, None) => {
            let (from, to) = compiler.two_dates(&from, &to, list, path)?;
            Ok(Computed::DaysBetween { from, to })
        }
        (None, None, None, Some(parts), None, None) => {
            let parts = parts.iter().map(|part| number(part, &[Kind::Number, Kind::Choice])).collect::<Compiled<Vec<_>>>()?;
            Ok(Computed::Sum(parts))
        }
        (None, None, None, None, Some(best), None) => {
            let (field, of) = match compiler.field_of_list(&best.field, path) {
                Ok((field, of)) => (field, Some(of)),
                Err(_) => (number(&best.field, &[Kind::Choice, Kind::Text])?, None),
            };
            compiler.known_codes(field, &best.order, path)?;
            Ok(Computed::BestOf { field, list: of, order: best.order.into_iter().map(Into::into).collect() })
        }
        (None, None, None, None, None, Some(band)) => {
            let at = number(&band.at, &[Kind::Date])?;
            let mut bands: Vec<_> = band.bands.into_iter().map(|band| (band.from, band.value.into())).collect();
            bands.sort_by_key(|(from, _)| *from);
            Ok(Computed::AgeBand { at, bands })
        }
        _ => fault(path, "a computed field has exactly one form"),
    }
}
