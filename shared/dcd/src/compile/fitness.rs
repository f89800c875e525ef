//! Which members belong to which type of field.

use registration::{CodeKey, Policy};

use super::{Compiled, fault};
use crate::field::{Field, Kind};
use crate::read::{Form, read};
use crate::source::{FieldSource, HdSource, TypeSource};

/// Groups stand in groups at most so deep; the conventions of column names know no deeper.
const DEPTH_MAX: usize = 3;

pub(super) fn kind_of(source: TypeSource) -> Kind {
    match source {
        TypeSource::Text => Kind::Text,
        TypeSource::Multiline => Kind::Multiline,
        TypeSource::Number => Kind::Number,
        TypeSource::Date => Kind::Date,
        TypeSource::Boolean => Kind::Boolean,
        TypeSource::Choice => Kind::Choice,
        TypeSource::MultiChoice => Kind::MultiChoice,
        TypeSource::Attachment => Kind::Attachment,
        // The groups have no kind of their own and never come here.
        TypeSource::PatientId | TypeSource::Questionnaire | TypeSource::Fieldset | TypeSource::List => Kind::PatientId,
    }
}

/// Refuses members that mean nothing for the field's type, and types that cannot stand where they do.
pub(super) fn check(source: &FieldSource, grouped: bool, depth: usize, path: &str) -> Compiled<()> {
    use TypeSource as T;
    let kind = source.kind;
    let is_group = matches!(kind, T::Questionnaire | T::Fieldset | T::List);
    let is_text = matches!(kind, T::Text | T::Multiline);
    let is_choice = matches!(kind, T::Choice | T::MultiChoice);
    let unfit: [(&str, bool, bool); 18] = [
        ("hd", source.hd.is_some(), !is_group),
        ("hd_name", source.hd_name.is_some(), !is_group),
        ("computed", source.computed.is_some(), !is_group && kind != T::PatientId),
        ("default", source.default.is_some(), !is_group && !matches!(kind, T::PatientId | T::Attachment)),
        ("default_from_ssin", source.default_from_ssin.is_some(), matches!(kind, T::Date | T::Choice)),
        ("read_only", source.read_only, !is_group && kind != T::PatientId),
        ("stable", source.stable, !is_group),
        ("filterable", source.filterable, !is_group),
        ("max_length", source.max_length.is_some(), is_text || is_choice),
        ("pattern", source.pattern.is_some(), is_text),
        ("list", source.list.is_some(), kind == T::Text || is_choice),
        ("binding", source.binding.is_some(), source.list.is_some()),
        ("multiple", source.multiple, kind == T::Text || kind == T::Choice),
        ("min", source.min.is_some() || source.max.is_some(), kind == T::Number),
        ("decimals", source.decimals.is_some(), kind == T::Number),
        ("max_items", source.max_items.is_some(), kind == T::List),
        ("nested", !source.nested.is_empty(), is_choice || kind == T::Boolean),
        ("fields", !source.fields.is_empty(), is_group || kind == T::PatientId),
    ];
    if let Some((member, ..)) = unfit.iter().find(|(_, given, fits)| *given && !*fits) {
        return fault(&format!("{path}.{member}"), "means nothing for a field of this type");
    }
    if source.extensions.is_some() && kind != T::Attachment {
        return fault(&format!("{path}.extensions"), "means nothing for a field of this type");
    }
    if is_choice && source.list.is_none() {
        return fault(path, "a choice needs the member list");
    }
    if kind == T::List && grouped {
        return fault(path, "a list cannot stand in a list or another group");
    }
    if kind == T::PatientId && depth > 0 {
        return fault(path, "the patient block stands outside of all groups");
    }
    if depth > DEPTH_MAX {
        return fault(path, "too deep");
    }
    if kind == T::List && source.max_items.is_some_and(|items| items == 0 || items > 1000) {
        return fault(&format!("{path}.max_items"), "from 1 to 1000");
    }
    if (kind == T::PatientId) != (source.hd == Some(HdSource::Pseudonym)) {
        return fault(&format!("{path}.hd"), "the pseudonym replaces the field of type patient_id, and no other");
    }
    if source.hd_name.as_ref().is_some_and(|name| super::check_name(name, "").is_err()) {
        return fault(&format!("{path}.hd_name"), "a name starts with a letter and has letters, digits and underscores");
    }
    Ok(())
}

/// A default must be a value that the field itself takes.
pub(super) fn check_default(field: &Field, path: &str) -> Compiled<()> {
    let Some(default) = &field.default else { return Ok(()) };
    let mut is_right = !default.is_empty();
    read(field, default, Form::Canonical, &mut |_, _| is_right = false);
    if is_right {
        Ok(())
    } else {
        fault(&format!("{path}.default"), "the field does not take this value (write it in canonical form)")
    }
}

/// A policy must have something to start from in every value that the field takes.
pub(super) fn check_reduction(field: &Field, path: &str) -> Compiled<()> {
    let fits = match field.policy {
        Some(Policy::Year | Policy::Month) => field.kind == Kind::Date,
        Some(Policy::PostalArea) => {
            let key = CodeKey::new([0; 32]);
            let reduces = |code: &str| Policy::PostalArea.reduce(code, &key).is_some();
            let lists_fit = field.code_list.as_ref().is_none_or(|list| list.codes().iter().all(|listed| reduces(&listed.code)));
            field.kind == Kind::Text && !field.multiple && lists_fit
        }
        Some(Policy::Code) => !field.multiple && field.kind != Kind::Attachment,
        Some(Policy::AsIs | Policy::Never) | None => true,
    };
    if fits { Ok(()) } else { fault(&format!("{path}.hd"), "a field of this type cannot be reduced so") }
}
