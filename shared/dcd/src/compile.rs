//! From the file's shape to a definition with meaning: fields get their numbers, references their targets, and what contradicts itself is
//! refused with the place where it stands.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use registration::Policy;

use crate::definition::{Approval, AttachmentLimits, Definition, Section};
use crate::error::DefinitionError;
use crate::field::{Fact, Field, FieldNo, Group, GroupKind, Kind, ListOf, Required};
use crate::list::{CodeList, anchored};
use crate::number::{DECIMALS_MAX, Number};
use crate::source::{
    ApprovalSource, ComputedSource, DefinitionSource, FactSource, FieldSource, HdSource, RequiredSource, TypeSource,
};
use crate::text::LocalText;

mod conditions;
mod fitness;
mod whole;

/// Longest single-line text when the definition does not say.
const TEXT_LENGTH: u32 = 500;
/// Longest text of several lines when the definition does not say.
const MULTILINE_LENGTH: u32 = 4000;
/// Most items of a list when the definition does not say.
const ITEMS: u16 = 100;
/// Largest attachment, and all of a registration, when the definition does not say: 6 MiB, as the conventions have it.
const ATTACHMENT_BYTES: u64 = 6_291_456;

/// A place in the file and what is wrong there.
pub(crate) struct Fault {
    path: String,
    reason: String,
}

pub(crate) type Compiled<T> = Result<T, Fault>;

pub(crate) fn fault<T>(path: &str, reason: impl Into<String>) -> Compiled<T> {
    Err(Fault { path: path.to_owned(), reason: reason.into() })
}

/// Where code lists come from.
pub(crate) type Lists<'a> = &'a dyn Fn(&str) -> Option<Arc<CodeList>>;

/// Compiles a definition; `file` is what errors name.
pub(crate) fn compile(
    source: DefinitionSource,
    fingerprint: [u8; 32],
    lists: Lists<'_>,
    file: &str,
) -> Result<Definition, DefinitionError> {
    compile_definition(source, fingerprint, lists).map_err(|Fault { path, reason }| DefinitionError::Meaning {
        file: file.to_owned(),
        path,
        reason,
    })
}

fn compile_definition(source: DefinitionSource, fingerprint: [u8; 32], lists: Lists<'_>) -> Compiled<Definition> {
    check_name(&source.name, "name")?;
    if source.version == 0 {
        return fault("version", "versions count from 1");
    }
    text(&source.title, "title")?;
    let attachments = source.attachments.map_or_else(
        || AttachmentLimits { max_bytes: ATTACHMENT_BYTES, sum_bytes: ATTACHMENT_BYTES, extensions: Arc::new([]) },
        |limits| AttachmentLimits {
            max_bytes: limits.max_bytes,
            sum_bytes: limits.sum_bytes,
            extensions: limits.extensions.iter().map(|extension| extension.to_ascii_lowercase()).collect(),
        },
    );
    let mut tree = Tree {
        lists,
        fields: vec![],
        groups: vec![],
        columns: HashMap::new(),
        pending: vec![],
        extensions: attachments.extensions.clone(),
    };
    let mut sections = Vec::new();
    for (at, section) in source.sections.into_iter().enumerate() {
        let path = format!("sections[{at}]");
        text(&section.label, &format!("{path}.label"))?;
        let first = tree.next_no(&path)?;
        tree.add_all(section.fields, &Parent::default(), &format!("{path}.fields"))?;
        sections.push(Section { label: section.label, fields: first..tree.next_no(&path)? });
    }
    let mut definition = Definition {
        name: source.name,
        version: source.version,
        project: source.project,
        title: source.title,
        collection: whole::collection(&source.collection)?,
        approval: match source.approval {
            ApprovalSource::Manual => Approval::Manual,
            ApprovalSource::Automatic => Approval::Automatic,
        },
        unique_id: vec![],
        attachments,
        sections,
        patient: whole::patient_fields(&tree)?,
        fields: tree.fields,
        groups: tree.groups,
        rules: vec![],
        across: vec![],
        columns: tree.columns,
        fingerprint,
    };
    whole::unique_hd_columns(&definition)?;
    let computed =
        tree.pending.iter().filter(|pending| pending.computed.is_some()).filter_map(Pending::field).collect::<HashSet<_>>();
    for pending in tree.pending {
        pending.resolve(&mut definition, &computed)?;
    }
    definition.unique_id = whole::unique_id(&definition, &source.unique_id)?;
    let mut ids = HashSet::new();
    for (at, rule) in source.rules.into_iter().enumerate() {
        let path = format!("rules[{at}]");
        if !ids.insert(rule.id.clone()) {
            return fault(&format!("{path}.id"), "the id of another rule");
        }
        let rule = conditions::rule(&definition, rule, &path)?;
        definition.rules.push(rule);
    }
    for (at, rule) in source.across.into_iter().enumerate() {
        let path = format!("across[{at}]");
        if !ids.insert(rule.id.clone()) {
            return fault(&format!("{path}.id"), "the id of another rule");
        }
        let rule = whole::across(&definition, rule, &path)?;
        definition.across.push(rule);
    }
    Ok(definition)
}

/// What a field stands below.
#[derive(Clone, Default)]
struct Parent {
    column: Option<String>,
    list: Option<ListOf>,
    /// Inside a fieldset, a questionnaire or a list; the patient block stands outside of all.
    grouped: bool,
    depth: usize,
}

/// The fields that are numbered so far.
struct Tree<'a> {
    lists: Lists<'a>,
    fields: Vec<Field>,
    groups: Vec<Group>,
    columns: HashMap<Box<str>, FieldNo>,
    pending: Vec<Pending>,
    extensions: Arc<[String]>,
}

/// What refers to other fields and so waits until all have their numbers.
struct Pending {
    target: conditions::Owner,
    path: String,
    required: RequiredSource,
    computed: Option<ComputedSource>,
}

impl Pending {
    const fn field(&self) -> Option<FieldNo> {
        match self.target {
            conditions::Owner::Field(number) => Some(number),
            conditions::Owner::Group(_) => None,
        }
    }

    fn resolve(self, definition: &mut Definition, computed_fields: &HashSet<FieldNo>) -> Compiled<()> {
        let required = match self.required {
            RequiredSource::Never => Required::Never,
            RequiredSource::Always => Required::Always,
            RequiredSource::When(source) => {
                let scope = self.target.list(definition);
                Required::When(conditions::condition(definition, *source, scope, &format!("{}.required", self.path))?)
            }
        };
        match self.target {
            conditions::Owner::Field(number) => {
                let computed = match self.computed {
                    Some(source) => Some(conditions::computed(
                        definition,
                        number,
                        source,
                        computed_fields,
                        &format!("{}.computed", self.path),
                    )?),
                    None => None,
                };
                if let Some(field) = definition.fields.get_mut(usize::from(number)) {
                    field.required = required;
                    field.computed = computed;
                }
            }
            conditions::Owner::Group(number) => {
                if let Some(group) = definition.groups.get_mut(usize::from(number)) {
                    group.required = required;
                }
            }
        }
        Ok(())
    }
}

impl Tree<'_> {
    fn next_no(&self, path: &str) -> Compiled<FieldNo> {
        FieldNo::try_from(self.fields.len()).or_else(|_| fault(path, "too many fields"))
    }

    fn add_all(&mut self, sources: Vec<FieldSource>, parent: &Parent, path: &str) -> Compiled<()> {
        sources.into_iter().enumerate().try_for_each(|(at, source)| self.add(source, parent, &format!("{path}[{at}]")))
    }

    fn add(&mut self, source: FieldSource, parent: &Parent, path: &str) -> Compiled<()> {
        check_name(&source.name, &format!("{path}.name"))?;
        fitness::check(&source, parent.grouped, parent.depth, path)?;
        text(&source.label, &format!("{path}.label"))?;
        for (name, member) in [("help", &source.help), ("error", &source.error)] {
            member.as_ref().map_or(Ok(()), |member| text(member, &format!("{path}.{name}")))?;
        }
        let column = parent.column.as_ref().map_or_else(|| source.name.clone(), |parent| format!("{parent}|{}", source.name));
        match source.kind {
            TypeSource::Fieldset => self.add_group(source, GroupKind::Fieldset, column, parent, path),
            TypeSource::Questionnaire => self.add_group(source, GroupKind::Questionnaire, column, parent, path),
            TypeSource::List => self.add_group(source, GroupKind::List, column, parent, path),
            _ => self.add_leaf(source, column, parent, path),
        }
    }

    fn add_group(&mut self, source: FieldSource, kind: GroupKind, column: String, parent: &Parent, path: &str) -> Compiled<()> {
        let first = self.next_no(path)?;
        let number = u16::try_from(self.groups.len()).or_else(|_| fault(path, "too many groups"))?;
        self.groups.push(Group {
            column: column.clone(),
            kind,
            label: source.label,
            fields: first..first,
            max_items: source.max_items.unwrap_or(ITEMS),
            required: Required::Never,
        });
        self.pending.push(Pending {
            target: conditions::Owner::Group(number),
            path: path.to_owned(),
            required: source.required,
            computed: None,
        });
        let list = match kind {
            GroupKind::List => Some(ListOf { group: number, column: column.as_str().into() }),
            _ => parent.list.clone(),
        };
        let inside = Parent { column: Some(column), list, grouped: true, depth: parent.depth + 1 };
        self.add_all(source.fields, &inside, &format!("{path}.fields"))?;
        let end = self.next_no(path)?;
        if end == first {
            return fault(path, "a group has at least one field");
        }
        if let Some(group) = self.groups.get_mut(usize::from(number)) {
            group.fields = first..end;
        }
        Ok(())
    }

    fn add_leaf(&mut self, mut source: FieldSource, column: String, parent: &Parent, path: &str) -> Compiled<()> {
        let number = self.next_no(path)?;
        if self.columns.insert(column.as_str().into(), number).is_some() {
            return fault(path, format!("the column {column} exists already"));
        }
        let (nested, children) = (std::mem::take(&mut source.nested), std::mem::take(&mut source.fields));
        let (required, computed) = (std::mem::take(&mut source.required), source.computed.take());
        let (kind, label) = (source.kind, source.label.clone());
        let field = leaf(source, column.clone(), parent, self.lists, &self.extensions, path)?;
        self.fields.push(field);
        self.pending.push(Pending { target: conditions::Owner::Field(number), path: path.to_owned(), required, computed });
        let below = Parent { column: Some(column.clone()), depth: parent.depth + 1, ..parent.clone() };
        self.add_all(nested, &below, &format!("{path}.nested"))?;
        self.add_all(children, &below, &format!("{path}.fields"))?;
        if kind == TypeSource::PatientId {
            let fields = number..self.next_no(path)?;
            self.groups.push(Group { column, kind: GroupKind::Patient, label, fields, max_items: 1, required: Required::Never });
        }
        Ok(())
    }
}

fn leaf(
    source: FieldSource,
    column: String,
    parent: &Parent,
    lists: Lists<'_>,
    extensions: &Arc<[String]>,
    path: &str,
) -> Compiled<Field> {
    let kind = fitness::kind_of(source.kind);
    let code_list = match &source.list {
        Some(name) => Some(lists(name).map_or_else(|| fault(&format!("{path}.list"), format!("there is no list {name}")), Ok)?),
        None => None,
    };
    let pattern = match &source.pattern {
        Some(pattern) => Some(anchored(pattern).or_else(|error| fault(&format!("{path}.pattern"), error.to_string()))?),
        None => None,
    };
    let bound = |value: Option<&serde_json::Number>, name: &str| match value {
        Some(value) => match Number::from_canonical(&value.to_string()) {
            Some(number) => Ok(Some(number)),
            None => fault(&format!("{path}.{name}"), "not a number of at most 12 digits and 6 decimals"),
        },
        None => Ok(None),
    };
    let (min, max) = (bound(source.min.as_ref(), "min")?, bound(source.max.as_ref(), "max")?);
    let decimals = source.decimals.unwrap_or_default();
    if decimals > DECIMALS_MAX {
        return fault(&format!("{path}.decimals"), format!("at most {DECIMALS_MAX}"));
    }
    let own_extensions = source.extensions.map(|list| list.iter().map(|extension| extension.to_ascii_lowercase()).collect());
    let extensions: Arc<[String]> = own_extensions.unwrap_or_else(|| extensions.clone());
    if kind == Kind::Attachment && extensions.is_empty() {
        return fault(path, "an attachment needs extensions, here or in the definition's attachments");
    }
    let field = Field {
        multiple: source.multiple || kind == Kind::MultiChoice,
        name: source.name,
        column,
        kind,
        label: source.label,
        help: source.help,
        advice: source.error.map(Arc::new),
        required: Required::Never,
        read_only: source.read_only,
        computed: None,
        default: source.default,
        default_from_ssin: source.default_from_ssin.map(fact),
        stable: source.stable,
        filterable: source.filterable,
        policy: policy(source.hd, path)?,
        hd_name: source.hd_name,
        max_length: source.max_length.unwrap_or(if kind == Kind::Multiline { MULTILINE_LENGTH } else { TEXT_LENGTH }),
        form: source.pattern.map(Into::into),
        pattern,
        binding: code_list.is_some() && source.binding.unwrap_or(true),
        code_list,
        min,
        max,
        decimals,
        extensions,
        list: parent.list.clone(),
    };
    fitness::check_default(&field, path)?;
    fitness::check_reduction(&field, path)?;
    Ok(field)
}

fn policy(hd: Option<HdSource>, path: &str) -> Compiled<Option<Policy>> {
    match hd {
        None => fault(path, "the member hd is missing: every field says what healthdata gets of it"),
        Some(HdSource::Pseudonym) => Ok(None),
        Some(HdSource::AsIs) => Ok(Some(Policy::AsIs)),
        Some(HdSource::Year) => Ok(Some(Policy::Year)),
        Some(HdSource::Month) => Ok(Some(Policy::Month)),
        Some(HdSource::PostalArea) => Ok(Some(Policy::PostalArea)),
        Some(HdSource::Code) => Ok(Some(Policy::Code)),
        Some(HdSource::Never) => Ok(Some(Policy::Never)),
    }
}

fn fact(source: FactSource) -> Fact {
    match source {
        FactSource::DateOfBirth => Fact::DateOfBirth,
        FactSource::Sex => Fact::Sex,
    }
}

fn check_name(name: &str, path: &str) -> Compiled<()> {
    let mut letters = name.bytes();
    let starts_well = letters.next().is_some_and(|first| first.is_ascii_alphabetic());
    if starts_well && name.len() <= 100 && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == b'_') {
        return Ok(());
    }
    fault(path, "a name starts with a letter and has letters, digits and underscores")
}

pub(crate) fn text(text: &LocalText, path: &str) -> Compiled<()> {
    if text.has_gap() { fault(path, "the text is missing in one of the languages") } else { Ok(()) }
}
