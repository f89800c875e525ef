//! Fields and the groups that they stand in.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use jiff::civil::Date;
use regex::Regex;
use registration::Policy;

use crate::computed::Computed;
use crate::condition::Condition;
use crate::date;
use crate::list::CodeList;
use crate::number::Number;
use crate::read::{Form, read};
use crate::text::LocalText;

/// Number of a leaf field in its definition, from 0; the `field` of a [`registration::Place`].
pub type FieldNo = u16;

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One line of text, free or from a list.
    Text,
    /// Several lines of free text.
    Multiline,
    /// A number.
    Number,
    /// A day.
    Date,
    /// `TRUE` or `FALSE`.
    Boolean,
    /// One code of a list.
    Choice,
    /// Codes of a list, joined by `|`.
    MultiChoice,
    /// The name of a file.
    Attachment,
    /// The national number.
    PatientId,
}

/// When a field must be filled.
#[derive(Debug)]
pub(crate) enum Required {
    Never,
    Always,
    When(Condition),
}

/// What the national number can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fact {
    DateOfBirth,
    Sex,
}

/// A leaf field: one column, or one per item in a repeating list.
#[derive(Debug)]
pub struct Field {
    pub(crate) name: String,
    pub(crate) column: String,
    pub(crate) kind: Kind,
    pub(crate) label: LocalText,
    pub(crate) help: Option<LocalText>,
    pub(crate) advice: Option<Arc<LocalText>>,
    pub(crate) required: Required,
    pub(crate) read_only: bool,
    pub(crate) computed: Option<Computed>,
    pub(crate) default: Option<String>,
    pub(crate) default_from_ssin: Option<Fact>,
    pub(crate) stable: bool,
    pub(crate) filterable: bool,
    pub(crate) policy: Option<Policy>,
    pub(crate) hd_name: Option<String>,
    pub(crate) max_length: u32,
    pub(crate) pattern: Option<Regex>,
    pub(crate) form: Option<Arc<str>>,
    pub(crate) code_list: Option<Arc<CodeList>>,
    pub(crate) binding: bool,
    pub(crate) multiple: bool,
    pub(crate) min: Option<Number>,
    pub(crate) max: Option<Number>,
    pub(crate) decimals: u8,
    pub(crate) extensions: Arc<[String]>,
    pub(crate) list: Option<ListOf>,
}

/// The repeating list that a field stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListOf {
    pub(crate) group: u16,
    pub(crate) column: Arc<str>,
}

impl Field {
    /// The last part of the column.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The column without an index, such as `variants|gene`.
    #[must_use]
    pub fn column(&self) -> &str {
        &self.column
    }

    /// The column as files write it: with the item's number, of two digits, when the field stands in a list.
    #[must_use]
    pub fn column_at(&self, item: Option<u16>) -> String {
        self.column_with(item.unwrap_or_default(), 2)
    }

    pub(crate) fn column_with(&self, item: u16, width: usize) -> String {
        let Some(list) = &self.list else { return self.column.clone() };
        let rest = self.column.get(list.column.len()..).unwrap_or_default();
        format!("{}|{item:0width$}{rest}", list.column)
    }

    /// The column of the repeating list that the field stands in.
    #[must_use]
    pub fn list(&self) -> Option<&str> {
        self.list.as_ref().map(|list| &*list.column)
    }

    /// The column at healthdata, without an index; none when healthdata does not have the field.
    #[must_use]
    pub fn hd_column(&self) -> Option<String> {
        let policy = self.policy?;
        if policy == Policy::Never {
            return None;
        }
        let Some(name) = &self.hd_name else { return Some(self.column.clone()) };
        Some(self.column.rsplit_once('|').map_or_else(|| name.clone(), |(parent, _)| format!("{parent}|{name}")))
    }

    /// What it holds.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Its label in forms.
    #[must_use]
    pub const fn label(&self) -> &LocalText {
        &self.label
    }

    /// Its help text.
    #[must_use]
    pub const fn help(&self) -> Option<&LocalText> {
        self.help.as_ref()
    }

    /// Whether it must be filled whatever the other fields hold.
    #[must_use]
    pub const fn is_required(&self) -> bool {
        matches!(self.required, Required::Always)
    }

    /// Whether it must be filled when a condition holds.
    #[must_use]
    pub const fn is_conditionally_required(&self) -> bool {
        matches!(self.required, Required::When(_))
    }

    /// Whether people cannot fill it in.
    #[must_use]
    pub const fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Whether it follows from other fields.
    #[must_use]
    pub const fn is_computed(&self) -> bool {
        self.computed.is_some()
    }

    /// The value that it gets when it is empty, in canonical form.
    #[must_use]
    pub fn default(&self) -> Option<&str> {
        self.default.as_deref()
    }

    /// Whether it stays the same over a patient's registrations and is filled in from them.
    #[must_use]
    pub const fn is_stable(&self) -> bool {
        self.stable
    }

    /// Whether overviews can be filtered by it.
    #[must_use]
    pub const fn is_filterable(&self) -> bool {
        self.filterable
    }

    /// What healthdata gets of it; none when it is replaced by the pseudonym.
    #[must_use]
    pub const fn policy(&self) -> Option<Policy> {
        self.policy
    }

    /// Whether healthdata has it as the hospital gave it.
    #[must_use]
    pub fn reaches_hd_as_is(&self) -> bool {
        self.policy == Some(Policy::AsIs)
    }

    /// The list of its codes.
    #[must_use]
    pub fn code_list(&self) -> Option<&CodeList> {
        self.code_list.as_deref()
    }

    /// Whether only codes of its list are taken.
    #[must_use]
    pub const fn is_binding(&self) -> bool {
        self.binding
    }

    /// Whether its values are joined by `|` in one cell.
    #[must_use]
    pub const fn is_multiple(&self) -> bool {
        self.multiple
    }

    /// Whether people write into it what they like: such texts are searched for identifiers.
    #[must_use]
    pub fn is_free_text(&self) -> bool {
        match self.kind {
            Kind::Multiline | Kind::Attachment => true,
            Kind::Text | Kind::Choice | Kind::MultiChoice => self.code_list.is_none() || !self.binding,
            Kind::Number | Kind::Date | Kind::Boolean | Kind::PatientId => false,
        }
    }

    /// Most characters of a text.
    #[must_use]
    pub const fn max_length(&self) -> u32 {
        self.max_length
    }

    /// The form of a text, as an anchored regular expression.
    #[must_use]
    pub fn pattern(&self) -> Option<&str> {
        self.pattern.as_ref().map(Regex::as_str)
    }

    /// The lowest number.
    #[must_use]
    pub const fn min(&self) -> Option<Number> {
        self.min
    }

    /// The highest number.
    #[must_use]
    pub const fn max(&self) -> Option<Number> {
        self.max
    }

    /// Most decimals of a number; 0 for whole numbers.
    #[must_use]
    pub const fn decimals(&self) -> u8 {
        self.decimals
    }

    /// Extensions of an attachment, without the point.
    #[must_use]
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }

    /// A canonical value in the form of hospital files (`dd/mm/yyyy`, decimal comma), so that a download can be uploaded again.
    #[must_use]
    pub fn hospital_form<'a>(&self, canonical: &'a str) -> Cow<'a, str> {
        let other = match self.kind {
            Kind::Date => date::from_canonical(canonical).map(date::hospital_form),
            Kind::Number => Number::from_canonical(canonical).map(Number::hospital_form),
            _ => None,
        };
        other.map_or(Cow::Borrowed(canonical), Cow::Owned)
    }

    /// A value in the form of hospital files as it is kept: the canonical form. What is no value of the field stays as it is.
    #[must_use]
    pub fn canonical_form<'a>(&self, hospital: &'a str) -> Cow<'a, str> {
        match read(self, hospital, Form::Hospital, &mut |_, _| {}).canonical() {
            Some(canonical) => Cow::Owned(canonical),
            None => Cow::Borrowed(hospital),
        }
    }

    /// The day that a canonical value of a date field stands for.
    #[must_use]
    pub fn day_of(&self, canonical: &str) -> Option<Date> {
        if self.kind == Kind::Date { date::from_canonical(canonical) } else { None }
    }
}

/// What a group is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupKind {
    /// Repeats: its columns carry the number of the item.
    List,
    /// Fields under one heading.
    Fieldset,
    /// Questions under one heading, with computed scores.
    Questionnaire,
    /// The patient block.
    Patient,
}

/// Fields that stand together under one name.
#[derive(Debug)]
pub struct Group {
    pub(crate) column: String,
    pub(crate) kind: GroupKind,
    pub(crate) label: LocalText,
    pub(crate) fields: Range<FieldNo>,
    pub(crate) max_items: u16,
    pub(crate) required: Required,
}

impl Group {
    /// The first part of its columns.
    #[must_use]
    pub fn column(&self) -> &str {
        &self.column
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> GroupKind {
        self.kind
    }

    /// Its heading.
    #[must_use]
    pub const fn label(&self) -> &LocalText {
        &self.label
    }

    /// The numbers of its fields.
    #[must_use]
    pub fn fields(&self) -> Range<FieldNo> {
        self.fields.clone()
    }

    /// Most items of a list.
    #[must_use]
    pub const fn max_items(&self) -> u16 {
        self.max_items
    }
}
