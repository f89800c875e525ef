//! One row against its definition: all findings in one go, and the canonical values of what is filled.

use std::collections::HashSet;
use std::fmt;

use jiff::civil::Date;
use registration::{Cell, Place};

use crate::catalogue::Code;
use crate::condition::{Target, Truth};
use crate::definition::Definition;
use crate::field::{Field, FieldNo, GroupKind, Kind, Required};
use crate::fill::{compute, fill_defaults, fill_from_ssin};
use crate::finding::{Expected, Finding, Severity};
use crate::layout::{Column, Layout};
use crate::privacy::Identifiers;
use crate::read::{Form, read};
use crate::row::{Row, Value};

/// A cell's bytes are not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("read the cell: not UTF-8")]
pub struct NotUtf8;

/// A row's cells, in the order of the header.
pub trait Cells {
    /// How many there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text of a cell, unescaped.
    ///
    /// # Errors
    /// [`NotUtf8`].
    fn get(&self, column: usize) -> Result<&str, NotUtf8>;
}

impl Cells for [&str] {
    fn len(&self) -> usize {
        <[&str]>::len(self)
    }

    fn get(&self, column: usize) -> Result<&str, NotUtf8> {
        Ok(<[&str]>::get(self, column).copied().unwrap_or_default())
    }
}

impl Cells for [String] {
    fn len(&self) -> usize {
        <[String]>::len(self)
    }

    fn get(&self, column: usize) -> Result<&str, NotUtf8> {
        Ok(<[String]>::get(self, column).map(String::as_str).unwrap_or_default())
    }
}

/// Where attachments lie.
pub trait AttachmentSource {
    /// The size in bytes of the file with this name; none when there is no such file.
    fn size(&self, name: &str) -> Option<u64>;
}

/// No attachments anywhere.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoAttachments;

impl AttachmentSource for NoAttachments {
    fn size(&self, _name: &str) -> Option<u64> {
        None
    }
}

/// What a check needs beyond the row.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The day that "in the future" is about.
    pub today: Date,
    /// NIHDI number of the registering organisation.
    pub organisation: &'a str,
    /// The files that rows refer to.
    pub attachments: &'a dyn AttachmentSource,
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("today", &self.today).field("organisation", &self.organisation).finish_non_exhaustive()
    }
}

/// A checked row.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Checked {
    /// The canonical values of all filled fields, identifying ones, defaults and computed values included, in the order of their places.
    pub cells: Vec<Cell>,
    /// What is wrong or worth a warning, without a line.
    pub findings: Vec<Finding>,
}

impl Checked {
    /// Whether the row must be rejected.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }
}

impl fmt::Debug for Checked {
    /// Prints counts only: the cells hold the patient's identity.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checked").field("cells", &self.cells.len()).field("findings", &self.findings.len()).finish()
    }
}

/// A finding before it has a column name.
pub(crate) struct Fault {
    pub(crate) target: Option<Target>,
    pub(crate) item: Option<u16>,
    pub(crate) code: Code,
    pub(crate) expected: Expected,
    pub(crate) rule: Option<usize>,
}

impl Fault {
    pub(crate) fn in_field(field: FieldNo, item: u16, code: Code, expected: Expected) -> Self {
        Self { target: Some(Target::Field(field)), item: Some(item), code, expected, rule: None }
    }
}

impl Layout {
    /// Checks one row.
    pub fn check<C: Cells + ?Sized>(&self, cells: &C, context: &Context<'_>) -> Checked {
        if cells.len() != self.columns.len() {
            let expected = Expected::Fields { found: cells.len(), expected: self.columns.len() };
            return Checked { cells: vec![], findings: vec![Finding::new(Code::E03).expecting(expected)] };
        }
        let definition = &*self.definition;
        let mut row = Row::new(definition, &self.geometry, context.today);
        let mut faults = Vec::new();
        self.read_cells(cells, &mut row, &mut faults);
        row.count_items(|group, item| faults.push(blank_item(definition, group, item)));
        fill_from_ssin(&mut row);
        fill_defaults(&mut row);
        compute(&mut row, context.organisation, &mut faults);
        check_required(&row, &mut faults);
        check_attachments(&row, context.attachments, &mut faults);
        check_rules(&row, &mut faults);
        check_privacy(&row, &mut faults);
        let findings = name_faults(definition, &faults, |field, item| {
            let width = field.list.as_ref().and_then(|list| self.widths.get(usize::from(list.group))).copied().unwrap_or(2);
            field.column_with(item, width)
        });
        Checked { cells: filled_cells(&row), findings }
    }

    fn read_cells<'a, C: Cells + ?Sized>(&'a self, cells: &'a C, row: &mut Row<'a>, faults: &mut Vec<Fault>) {
        for (at, Column { field: number, item, slot }) in self.columns.iter().enumerate() {
            let value = match (cells.get(at), self.definition.field(*number)) {
                (Ok(""), _) | (_, None) => continue,
                (Ok(text), Some(field)) => {
                    let mut note = |code, expected| faults.push(Fault::in_field(*number, *item, code, expected));
                    read(field, text, Form::Hospital, &mut note)
                }
                (Err(NotUtf8), Some(_)) => {
                    faults.push(Fault::in_field(*number, *item, Code::E26, Expected::Nothing));
                    Value::Invalid
                }
            };
            if let Some(there) = row.values.get_mut(*slot) {
                *there = value;
            }
        }
    }
}

pub(crate) fn blank_item(definition: &Definition, group: u16, item: u16) -> Fault {
    let first = definition.groups.get(usize::from(group)).map(|group| group.fields.start).unwrap_or_default();
    Fault::in_field(first, item, Code::E09, Expected::Nothing)
}

pub(crate) fn check_required(row: &Row<'_>, faults: &mut Vec<Fault>) {
    for (number, field) in (0..).zip(&row.definition.fields) {
        if field.is_computed() || matches!(field.required, Required::Never) {
            continue;
        }
        for item in 0..row.items_of_field(field) {
            if row.value(number, item).is_empty() && is_required(row, &field.required, item) && row.is_alive(field, item) {
                faults.push(Fault::in_field(number, item, Code::V01, Expected::Nothing));
            }
        }
    }
    for (at, group) in (0..).zip(&row.definition.groups) {
        if matches!(group.required, Required::Never) || !is_required(row, &group.required, 0) {
            continue;
        }
        if group.kind == GroupKind::List {
            if row.items_of(at) == 0 && !row.withholds(group.fields.clone()) {
                faults.push(Fault {
                    target: Some(Target::Group(at)),
                    item: None,
                    code: Code::V01,
                    expected: Expected::Nothing,
                    rule: None,
                });
            }
            continue;
        }
        // A required fieldset or questionnaire asks for each of its fields that has no rule of its own.
        for number in group.fields.clone() {
            let Some(field) = row.definition.field(number) else { continue };
            let asks = !field.is_computed() && matches!(field.required, Required::Never);
            if asks && row.value(number, 0).is_empty() {
                faults.push(Fault::in_field(number, 0, Code::V01, Expected::Nothing));
            }
        }
    }
}

fn is_required(row: &Row<'_>, required: &Required, item: u16) -> bool {
    match required {
        Required::Never => false,
        Required::Always => true,
        Required::When(condition) => condition.truth(row, item) == Truth::True,
    }
}

fn check_attachments(row: &Row<'_>, source: &dyn AttachmentSource, faults: &mut Vec<Fault>) {
    let limits = &row.definition.attachments;
    let mut sum = 0_u64;
    for (number, field) in (0..).zip(&row.definition.fields).filter(|(_, field)| field.kind == Kind::Attachment) {
        for item in 0..row.items_of_field(field) {
            let Some(name) = row.value(number, item).text() else { continue };
            let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
            let is_allowed = extension.is_some_and(|extension| field.extensions.contains(&extension));
            let is_beside = !name.contains(['/', '\\']) && !name.starts_with('.') && name.len() <= 255;
            let size = if is_allowed && is_beside { source.size(name) } else { None };
            match size.filter(|size| *size <= limits.max_bytes) {
                Some(size) => sum = sum.saturating_add(size),
                None => {
                    let expected = Expected::File { max_bytes: limits.max_bytes, extensions: field.extensions.clone() };
                    faults.push(Fault::in_field(number, item, Code::E11, expected));
                }
            }
        }
    }
    if sum > limits.sum_bytes {
        faults.push(Fault {
            target: None,
            item: None,
            code: Code::E20,
            expected: Expected::AtMost(limits.sum_bytes),
            rule: None,
        });
    }
}

pub(crate) fn check_rules(row: &Row<'_>, faults: &mut Vec<Fault>) {
    for (at, rule) in row.definition.rules.iter().enumerate() {
        rule.breaches(row, |target, item| {
            faults.push(Fault {
                target: Some(target),
                item,
                code: rule.code,
                expected: Expected::Rule(rule.message.clone()),
                rule: Some(at),
            });
        });
    }
}

/// Searches the texts that reach healthdata as they are. At healthdata the row's own identifiers are withheld, so that only national
/// numbers are found there.
pub(crate) fn check_privacy(row: &Row<'_>, faults: &mut Vec<Fault>) {
    let mut identifiers = None;
    let mut folded = String::new();
    for (number, field) in (0..).zip(&row.definition.fields) {
        if !field.reaches_hd_as_is() || field.is_computed() || !field.is_free_text() {
            continue;
        }
        for item in 0..row.items_of_field(field) {
            let Some(text) = row.value(number, item).text() else { continue };
            if national_number::contains_number(text) {
                faults.push(Fault::in_field(number, item, Code::E17, Expected::Nothing));
            }
            if identifiers.get_or_insert_with(|| Identifiers::of(row)).appear_in(text, &mut folded) {
                faults.push(Fault::in_field(number, item, Code::E21, Expected::Nothing));
            }
        }
    }
}

/// Turns faults into findings, each code once per place.
pub(crate) fn name_faults(definition: &Definition, faults: &[Fault], name: impl Fn(&Field, u16) -> String) -> Vec<Finding> {
    let (mut findings, mut told) = (Vec::with_capacity(faults.len()), HashSet::new());
    for fault in faults {
        let (column, field) = match fault.target {
            Some(Target::Field(number)) => {
                let field = definition.field(number);
                let column = field.map(|field| match fault.item {
                    Some(item) => name(field, item),
                    None => field.column.clone(),
                });
                (column, field)
            }
            Some(Target::Group(group)) => (definition.groups.get(usize::from(group)).map(|group| group.column.clone()), None),
            None => (None, None),
        };
        // E17 says the same whether a rule or the search of all texts found it.
        if !told.insert((fault.code, column.clone(), fault.rule.filter(|_| fault.code != Code::E17))) {
            continue;
        }
        let advice = field.and_then(|field| field.advice.clone()).filter(|_| is_about_form(fault.code));
        let rule = fault.rule.and_then(|at| definition.rules.get(at)).map(|rule| rule.id().to_owned());
        let severity = fault.code.severity();
        findings.push(Finding { line: None, column, code: fault.code, severity, rule, expected: fault.expected.clone(), advice });
    }
    findings
}

/// Whether the definition's own error text for the field helps with this code.
const fn is_about_form(code: Code) -> bool {
    matches!(code, Code::E04 | Code::E05 | Code::E06 | Code::E07 | Code::E10 | Code::E11 | Code::E25 | Code::E27 | Code::V04)
}

fn filled_cells(row: &Row<'_>) -> Vec<Cell> {
    let mut cells = Vec::with_capacity(row.values.len() / 2);
    let mut values = row.values.iter();
    for (number, _) in (0..).zip(&row.definition.fields) {
        let items = row.geometry.items(number);
        for item in 0..items.unwrap_or(1) {
            if let Some(value) = values.next().and_then(Value::canonical) {
                cells.push(Cell { place: Place { field: number, item: items.map(|_| item) }, value });
            }
        }
    }
    cells
}

#[cfg(test)]
mod tests;
