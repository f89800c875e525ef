//! A definition that was read and understood: fields with their numbers, lists, rules.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use jiff::civil::Date;
use registration::{Place, Policy};

use crate::across::AcrossRule;
use crate::catalogue::Code;
use crate::field::{Field, FieldNo, Group, GroupKind};
use crate::finding::{Expected, Finding};
use crate::rule::Rule;
use crate::text::LocalText;

/// A data collection definition (DCD): what one register asks of a registration.
#[derive(Debug)]
pub struct Definition {
    pub(crate) name: String,
    pub(crate) version: u32,
    pub(crate) project: String,
    pub(crate) title: LocalText,
    pub(crate) collection: Collection,
    pub(crate) approval: Approval,
    pub(crate) unique_id: Vec<FieldNo>,
    pub(crate) attachments: AttachmentLimits,
    pub(crate) sections: Vec<Section>,
    pub(crate) fields: Vec<Field>,
    pub(crate) groups: Vec<Group>,
    pub(crate) patient: PatientFields,
    pub(crate) rules: Vec<Rule>,
    pub(crate) across: Vec<AcrossRule>,
    pub(crate) columns: HashMap<Box<str>, FieldNo>,
    pub(crate) fingerprint: [u8; 32],
}

/// The gates of a data collection round, all days included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Collection {
    /// From this day on registrations are taken.
    pub start: Date,
    /// Last day on which a registration can be created.
    pub end_creation: Option<Date>,
    /// Last day on which one can be submitted.
    pub end_submission: Option<Date>,
    /// Last day on which comments can be answered.
    pub end_comments: Option<Date>,
}

impl Collection {
    /// Whether a registration may be created on a day.
    ///
    /// # Errors
    /// The finding E13.
    pub fn may_create(&self, today: Date) -> Result<(), Finding> {
        self.gate(today, self.end_creation)
    }

    /// Whether a registration may be submitted on a day.
    ///
    /// # Errors
    /// The finding E13.
    pub fn may_submit(&self, today: Date) -> Result<(), Finding> {
        self.gate(today, self.end_submission)
    }

    /// Whether comments may be answered on a day.
    ///
    /// # Errors
    /// The finding E13.
    pub fn may_comment(&self, today: Date) -> Result<(), Finding> {
        self.gate(today, self.end_comments)
    }

    fn gate(&self, today: Date, until: Option<Date>) -> Result<(), Finding> {
        if today >= self.start && until.is_none_or(|until| today <= until) {
            return Ok(());
        }
        Err(Finding::new(Code::E13).expecting(Expected::Period { from: self.start, until }))
    }
}

/// Who approves a registration without findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approval {
    /// The researcher.
    Manual,
    /// HD4RES, as soon as the verdict is clean.
    Automatic,
}

/// What attachments may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachmentLimits {
    /// Largest size of one, in bytes.
    pub max_bytes: u64,
    /// Largest size of all of a registration together, in bytes.
    pub sum_bytes: u64,
    /// Extensions, without the point, in lower case.
    pub extensions: Arc<[String]>,
}

/// A part of the form. Sections do not show in column names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its heading.
    pub label: LocalText,
    /// The numbers of its fields.
    pub fields: Range<FieldNo>,
}

/// The fields that say who the patient is. They feed the identity and never reach healthdata unreduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PatientFields {
    /// `patient_id`: the national number.
    pub id: FieldNo,
    /// `patient_id|internal_patient_id`.
    pub internal_id: Option<FieldNo>,
    /// `patient_id|generated`.
    pub generated: Option<FieldNo>,
    /// `patient_id|name`.
    pub name: Option<FieldNo>,
    /// `patient_id|first_name`.
    pub first_name: Option<FieldNo>,
    /// `patient_id|date_of_birth`.
    pub date_of_birth: Option<FieldNo>,
    /// `patient_id|sex`.
    pub sex: Option<FieldNo>,
}

impl Definition {
    /// The technical name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version, from 1.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// The project's number, such as `HDBP0080`.
    #[must_use]
    pub fn project(&self) -> &str {
        &self.project
    }

    /// The register's title.
    #[must_use]
    pub const fn title(&self) -> &LocalText {
        &self.title
    }

    /// When registrations are taken.
    #[must_use]
    pub const fn collection(&self) -> &Collection {
        &self.collection
    }

    /// Who approves.
    #[must_use]
    pub const fn approval(&self) -> Approval {
        self.approval
    }

    /// The fields that together tell registrations apart. When `patient_id` is among them the value never travels: HD puts the pseudonym
    /// in its place.
    #[must_use]
    pub fn unique_id(&self) -> &[FieldNo] {
        &self.unique_id
    }

    /// What attachments may be.
    #[must_use]
    pub const fn attachments(&self) -> &AttachmentLimits {
        &self.attachments
    }

    /// The parts of the form.
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The leaf fields; the index is the field's number.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Repeating lists, fieldsets, questionnaires and the patient block.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The fields that say who the patient is.
    #[must_use]
    pub const fn patient(&self) -> &PatientFields {
        &self.patient
    }

    /// The rules between fields.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rules across the registrations of a patient, which the data warehouse evaluates.
    #[must_use]
    pub fn across(&self) -> &[AcrossRule] {
        &self.across
    }

    /// The field with a number.
    #[must_use]
    pub fn field(&self, number: FieldNo) -> Option<&Field> {
        self.fields.get(usize::from(number))
    }

    /// The number of the field of a column, written without an index (`variants|gene`).
    #[must_use]
    pub fn field_no(&self, column: &str) -> Option<FieldNo> {
        self.columns.get(column).copied()
    }

    /// One policy per field. What is replaced by the pseudonym counts as never.
    #[must_use]
    pub fn policies(&self) -> Vec<Policy> {
        self.fields.iter().map(|field| field.policy().unwrap_or(Policy::Never)).collect()
    }

    /// SHA-256 of the definition's JSON with sorted keys and no white space: the same for equal definitions, however they are laid out.
    #[must_use]
    pub const fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// The columns that a hospital may fill in, lists with item 00.
    #[must_use]
    pub fn header_template(&self) -> Vec<String> {
        let may_fill = |field: &&Field| !field.is_computed() && !field.is_read_only();
        let item = |field: &Field| field.list().map(|_| 0);
        self.fields.iter().filter(may_fill).map(|field| field.column_at(item(field))).collect()
    }

    /// The column of a place, with an index of two digits in lists.
    #[must_use]
    pub fn column_at(&self, place: Place) -> Option<String> {
        self.field(place.field).map(|field| field.column_at(place.item))
    }

    pub(crate) fn group_of_list(&self, column: &str) -> Option<u16> {
        let at = self.groups.iter().position(|group| group.kind() == GroupKind::List && group.column() == column)?;
        u16::try_from(at).ok()
    }
}
