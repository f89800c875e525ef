//! One registration under check: every field's value at its slot, so that rules reach it by number.

use std::borrow::Cow;
use std::ops::Range;

use jiff::civil::Date;
use national_number::Facts;
use registration::Policy;

use crate::date;
use crate::definition::Definition;
use crate::field::{Field, FieldNo, GroupKind, Kind};
use crate::number::Number;

/// What stands in a slot.
#[derive(Clone)]
pub(crate) enum Value<'a> {
    /// Nothing.
    Empty,
    /// Something that is not what the field holds; a finding says so already.
    Invalid,
    /// Healthdata does not have it, or not as the hospital gave it.
    Withheld,
    Text(Cow<'a, str>),
    Number(Number),
    Date(Date),
    Boolean(bool),
}

impl Value<'_> {
    pub(crate) const fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// The canonical form; none when there is nothing usable.
    pub(crate) fn canonical(&self) -> Option<String> {
        match self {
            Self::Empty | Self::Invalid | Self::Withheld => None,
            Self::Text(text) => Some(text.as_ref().to_owned()),
            Self::Number(number) => Some(number.to_string()),
            Self::Date(day) => Some(date::canonical(*day)),
            Self::Boolean(true) => Some("TRUE".to_owned()),
            Self::Boolean(false) => Some("FALSE".to_owned()),
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) const fn date(&self) -> Option<Date> {
        match self {
            Self::Date(date) => Some(*date),
            _ => None,
        }
    }

    /// The number, also when it stands in a code such as `0.5` or `0,5`.
    pub(crate) fn number(&self) -> Option<Number> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(code) => Number::from_canonical(code).or_else(|| Number::from_hospital(code).ok()),
            _ => None,
        }
    }
}

/// Which slot belongs to which place. Slots are in the order of places.
#[derive(Debug)]
pub(crate) struct Geometry {
    /// First slot of each field.
    first: Vec<u32>,
    /// Items of each field's list; none outside lists.
    items: Vec<Option<u16>>,
    slots: usize,
}

impl Geometry {
    /// The slots of a definition with so many items per list (a number per group).
    pub(crate) fn new(definition: &Definition, items_per_group: &[u16]) -> Self {
        let mut geometry = Self {
            first: Vec::with_capacity(definition.fields.len()),
            items: Vec::with_capacity(definition.fields.len()),
            slots: 0,
        };
        for field in &definition.fields {
            let items = field.list.as_ref().map(|list| items_per_group.get(usize::from(list.group)).copied().unwrap_or_default());
            geometry.first.push(u32::try_from(geometry.slots).unwrap_or(u32::MAX));
            geometry.items.push(items);
            geometry.slots += usize::from(items.unwrap_or(1));
        }
        geometry
    }

    pub(crate) const fn slots(&self) -> usize {
        self.slots
    }

    /// The slot of a field; the item counts only in lists.
    pub(crate) fn slot(&self, field: FieldNo, item: u16) -> Option<usize> {
        let first = *self.first.get(usize::from(field))? as usize;
        match *self.items.get(usize::from(field))? {
            None => Some(first),
            Some(items) if item < items => Some(first + usize::from(item)),
            Some(_) => None,
        }
    }

    /// How many items the field has slots for; none outside lists.
    pub(crate) fn items(&self, field: FieldNo) -> Option<u16> {
        self.items.get(usize::from(field)).copied().flatten()
    }
}

/// A registration under check.
pub(crate) struct Row<'a> {
    pub(crate) definition: &'a Definition,
    pub(crate) geometry: &'a Geometry,
    pub(crate) values: Vec<Value<'a>>,
    /// Items per group that are filled, up to the last one.
    pub(crate) items: Vec<u16>,
    /// What the national number tells.
    pub(crate) facts: Option<Facts>,
    pub(crate) today: Date,
    /// Whether it is healthdata's form, in which reduced fields are withheld.
    pub(crate) at_hd: bool,
}

static EMPTY: Value<'static> = Value::Empty;

impl<'a> Row<'a> {
    pub(crate) fn new(definition: &'a Definition, geometry: &'a Geometry, today: Date) -> Self {
        let mut values = Vec::new();
        values.resize_with(geometry.slots(), || Value::Empty);
        Self { definition, geometry, values, items: vec![0; definition.groups.len()], facts: None, today, at_hd: false }
    }

    pub(crate) fn value(&self, field: FieldNo, item: u16) -> &Value<'a> {
        self.geometry.slot(field, item).and_then(|slot| self.values.get(slot)).unwrap_or(&EMPTY)
    }

    pub(crate) fn set(&mut self, field: FieldNo, item: u16, value: Value<'a>) {
        if let Some(there) = self.geometry.slot(field, item).and_then(|slot| self.values.get_mut(slot)) {
            *there = value;
        }
    }

    /// Counts every list's items up to the last filled one and calls `blank` for each blank item in front of it.
    pub(crate) fn count_items(&mut self, mut blank: impl FnMut(u16, u16)) {
        for (number, group) in self.definition.groups.iter().enumerate().filter(|(_, group)| group.kind == GroupKind::List) {
            let slots = self.geometry.items(group.fields.start).unwrap_or_default();
            let filled = |item: &u16| self.item_is_filled(group.fields.clone(), *item);
            let count = (0..slots).rev().find(filled).map_or(0, |last| last + 1);
            let group_no = u16::try_from(number).unwrap_or(u16::MAX);
            (0..count).filter(|item| !filled(item)).for_each(|item| blank(group_no, item));
            if let Some(items) = self.items.get_mut(number) {
                *items = count;
            }
        }
    }

    pub(crate) fn items_of(&self, group: u16) -> u16 {
        self.items.get(usize::from(group)).copied().unwrap_or_default()
    }

    /// The items of a list that hold something.
    pub(crate) fn filled_items(&self, group: u16) -> impl Iterator<Item = u16> + '_ {
        let fields = self.definition.groups.get(usize::from(group)).map(|group| group.fields.clone()).unwrap_or_default();
        (0..self.items_of(group)).filter(move |item| self.item_is_filled(fields.clone(), *item))
    }

    pub(crate) fn item_is_filled(&self, mut fields: Range<FieldNo>, item: u16) -> bool {
        fields.any(|field| !matches!(self.value(field, item), Value::Empty | Value::Withheld))
    }

    /// The items at which a field stands in this row: one outside lists.
    pub(crate) fn items_of_field(&self, field: &Field) -> u16 {
        field.list.as_ref().map_or(1, |list| self.items_of(list.group))
    }

    /// Whether an item takes part at all: blank items in a list do not.
    pub(crate) fn is_alive(&self, field: &Field, item: u16) -> bool {
        let group = field.list.as_ref().and_then(|list| self.definition.groups.get(usize::from(list.group)));
        group.is_none_or(|group| self.item_is_filled(group.fields.clone(), item))
    }

    /// Whether healthdata lacks one of these fields as the hospital gave it.
    pub(crate) fn withholds(&self, fields: Range<FieldNo>) -> bool {
        self.at_hd
            && fields
                .into_iter()
                .any(|field| self.definition.field(field).is_some_and(|field| field.policy != Some(Policy::AsIs)))
    }

    /// Whether the field holds the name of a file.
    pub(crate) fn is_attachment(&self, field: FieldNo) -> bool {
        self.definition.field(field).is_some_and(|field| field.kind == Kind::Attachment)
    }
}
