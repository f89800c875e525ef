//! The registers, and how much of each there is.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use web::{Call, Problem, Reply, Role};

use super::language;
use crate::{Dhw, store::FindingCount};

/// A version of a register.
#[derive(Debug, Serialize, ToSchema)]
struct RegisterFigures {
    /// Its technical name.
    register: String,
    /// The version of its definition.
    version: u32,
    /// Its title in the language that was asked for.
    title: String,
    /// How many registrations stand.
    registrations: u64,
    /// How many findings the register's versions have together; for data validators only.
    findings: Option<Findings>,
}

/// Findings by severity.
#[derive(Debug, Serialize, ToSchema)]
struct Findings {
    /// Errors.
    errors: u64,
    /// Warnings.
    warnings: u64,
}

/// The caller's registers, with counts.
#[utoipa::path(get, path = "/registers", responses((status = 200, body = Vec<RegisterFigures>)))]
pub(super) async fn registers(State(dhw): State<Arc<Dhw>>, call: Call) -> Result<Reply, Problem> {
    let look = dhw.store().look();
    let held = look.held().await?;
    let counts = if call.caller.role == Role::DataValidator { Some(look.finding_counts().await?) } else { None };
    let of = |counts: &[FindingCount], name: &str, severity| {
        let of_register = counts.iter().filter(|count| count.dcd == name && count.severity == severity);
        of_register.map(|count| count.count).sum()
    };
    let known = dhw.registers().list().iter().zip(held);
    let seen = known.filter(|(register, _)| call.caller.may_see(register.definition().name()));
    let figures = seen.map(|(register, held)| {
        let definition = register.definition();
        let name = definition.name();
        RegisterFigures {
            register: name.to_owned(),
            version: definition.version(),
            title: definition.title().get(language(&call)).to_owned(),
            registrations: held.registrations,
            findings: counts.as_deref().map(|counts| Findings {
                errors: of(counts, name, dcd::Severity::Error),
                warnings: of(counts, name, dcd::Severity::Warning),
            }),
        }
    });
    Reply::json(&figures.collect::<Vec<_>>())
}
