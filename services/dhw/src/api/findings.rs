//! Findings.

use std::sync::Arc;

use axum::extract::State;
use dcd::{Language, Severity};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use web::{Call, Code, PageOf, Problem, Query, Reply, Trace, token::Registers};

use super::{language, name};
use crate::{
    Dhw,
    findings::{FindingKey, StoredFinding},
    store::{FindingFilter, Found},
};

/// Which findings.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Those of this register only, by its technical name.
    register: Option<String>,
    /// Those of this rule of the definition, or of this code of the catalogue, only.
    rule: Option<String>,
    /// `error` or `warning`.
    severity: Option<String>,
    /// Where the list goes on: `next` of the page before.
    cursor: Option<String>,
    /// Rows at most, from 1 to 1000; 100 when not given.
    limit: Option<u32>,
}

/// A finding.
#[derive(Debug, Serialize, ToSchema)]
struct Finding {
    /// The register's technical name.
    register: String,
    /// The registration that it is about.
    registration_id: Option<String>,
    /// The patient, as the TTP calls it.
    pseudonym: String,
    /// Healthdata's form of the unique id.
    unique_id: String,
    /// The hospital's code.
    sender: String,
    /// The definition's rule; none for what holds for all definitions.
    rule: Option<String>,
    /// The catalogue's code.
    code: String,
    /// `error` or `warning`.
    severity: String,
    /// The column that it is about.
    column: Option<String>,
    /// What was expected, in the language that was asked for.
    message: String,
}

/// The key of a finding, as a cursor holds it.
type Key = (String, String, String, String, bool, u32);

/// The findings of the caller's registers, sorted by patient.
#[utoipa::path(get, path = "/findings", params(Wanted), responses((status = 200, body = PageOf<Finding>)))]
pub(super) async fn list(State(dhw): State<Arc<Dhw>>, call: Call, Query(wanted): Query<Wanted>) -> Result<Reply, Problem> {
    let dcd = wanted.register.as_deref().map(|register| name(&dhw, &call, register)).transpose()?;
    let severity = match wanted.severity.as_deref() {
        None => None,
        Some("error") => Some(Severity::Error),
        Some("warning") => Some(Severity::Warning),
        Some(_) => return Err(Code::InvalidParameter.into()),
    };
    let parameters = (&wanted.register, &wanted.rule, &wanted.severity);
    let asked = call.asked::<Key>(&parameters, wanted.cursor.as_deref(), wanted.limit)?;
    let after = asked.after.map(|(pseudonym, dcd, unique_id, sender, across, number)| FindingKey {
        pseudonym,
        dcd,
        unique_id,
        sender,
        across,
        number,
    });
    let mut found = Vec::new();
    for dcd in registers(&dhw, &call, dcd) {
        let filter = FindingFilter { dcd, rule: wanted.rule.clone(), severity };
        found.extend(dhw.store().look().found(&filter, after.as_ref(), asked.limit + 1).await?);
    }
    found.sort_by(|a, b| a.finding.key.cmp(&b.finding.key));
    let key = |found: &Found| -> Key {
        let FindingKey { pseudonym, dcd, unique_id, sender, across, number } = found.finding.key.clone();
        (pseudonym, dcd, unique_id, sender, across, number)
    };
    let language = language(&call);
    let page = call.page(&parameters, asked.limit, found, key, |found| shown(found, language))?;
    let about = page.items.iter().map(|one| (one.register.as_str(), one.registration_id.clone().unwrap_or_default()));
    let trace = Trace::of_all(about);
    Ok(Reply::json(&page)?.traced(trace))
}

/// The registers to look in; one `None` is all.
fn registers(dhw: &Dhw, call: &Call, wanted: Option<&str>) -> Vec<Option<String>> {
    match (wanted, &call.caller.registers) {
        (Some(wanted), _) => vec![Some(wanted.to_owned())],
        (None, Registers::All) => vec![None],
        (None, Registers::Only(_)) => {
            let known = dhw.registers().list().iter().map(|register| register.definition().name());
            let mut names: Vec<&str> = known.filter(|name| call.caller.may_see(name)).collect();
            names.dedup();
            names.into_iter().map(|name| Some(name.to_owned())).collect()
        }
    }
}

fn shown(found: Found, language: Language) -> Finding {
    let Found { finding: StoredFinding { key, rule, code, severity, column, messages }, registration_id } = found;
    let at = Language::ALL.iter().position(|one| *one == language).unwrap_or_default();
    Finding {
        register: key.dcd,
        registration_id: registration_id.map(|id| id.to_string()),
        pseudonym: key.pseudonym,
        unique_id: key.unique_id,
        sender: key.sender,
        rule,
        code,
        severity: severity.as_str().to_owned(),
        column,
        message: messages.get(at).cloned().unwrap_or_default(),
    }
}
