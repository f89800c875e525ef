//! The data warehouse over HTTP: what data validators and data analysts look at. Nothing is changed here.
//!
//! Every route stands in [`api`] with the roles that may use it (domain sheet 4.2): a validator sees findings, verdicts and the registrations to
//! check them by, and takes no file with it; an analyst sees registrations and the researcher's file, and no findings.

mod export;
mod findings;
mod itinerary;
mod registers;
mod registrations;
mod rotation;
mod verdicts;

use std::{sync::Arc, time::Duration};

use axum::Router;
use serde_json::Value;
use utoipa_axum::routes;
use web::{Access, Api, Call, Code, Desk, Problem, Role};

use crate::{Dhw, registers::Register};

const ALL: &[Role] = &[Role::DataValidator, Role::DataAnalyst];
const VALIDATE: &[Role] = &[Role::DataValidator];
const ANALYSE: &[Role] = &[Role::DataAnalyst];
const TEND: &[Role] = &[Role::Support, Role::Administrator];

/// A whole register goes into a file first.
const EXPORT_DEADLINE: Duration = Duration::from_secs(600);

/// The API, and its document.
pub fn api(dhw: Arc<Dhw>, desk: Arc<Desk>) -> (Router, Arc<Value>) {
    const FINDINGS: &[Code] = &[Code::ForeignRegister, Code::UnknownRegister, Code::InvalidCursor];
    const REGISTRATIONS: &[Code] = &[Code::ForeignRegister, Code::UnknownRegister, Code::UnknownField, Code::InvalidCursor];
    const EXPORT: &[Code] = &[Code::ForeignRegister, Code::UnknownRegister];
    const ROTATION: &[Code] = &[Code::ForeignRegister, Code::InvalidCursor];
    const VERDICTS: &[Code] = &[Code::ForeignRegister, Code::UnknownItem];
    Api::new(desk, "The data warehouse: validation and analysis")
        .route(routes!(registers::registers), Access::figures(ALL))
        .route(routes!(registrations::list), Access::view(ALL).problems(REGISTRATIONS))
        .route(routes!(export::export), Access::view(ANALYSE).problems(EXPORT).deadline(EXPORT_DEADLINE))
        .route(routes!(findings::list), Access::view(VALIDATE).problems(FINDINGS))
        .route(routes!(verdicts::verdicts), Access::view(VALIDATE).problems(VERDICTS))
        .route(routes!(itinerary::itinerary), Access::view(VALIDATE).problems(VERDICTS))
        .route(routes!(rotation::findings), Access::view(TEND).problems(ROTATION))
        .with_audit()
        .finish(dhw)
}

/// A register that the caller may see, by name in any case and version, with its number.
fn find<'a>(dhw: &'a Dhw, call: &Call, name: &str, version: u32) -> Result<(usize, &'a Register), Problem> {
    call.caller.must_see(name)?;
    let is_it = |register: &Register| {
        register.definition().name().eq_ignore_ascii_case(name) && register.definition().version() == version
    };
    let found = dhw.registers().list().iter().enumerate().find(|(_, register)| is_it(register));
    found.ok_or_else(|| Code::UnknownRegister.into())
}

/// The technical name of a register that the caller may see, from its name in any case.
fn name<'a>(dhw: &'a Dhw, call: &Call, name: &str) -> Result<&'a str, Problem> {
    call.caller.must_see(name)?;
    let mut names = dhw.registers().list().iter().map(|register| register.definition().name());
    names.find(|known| known.eq_ignore_ascii_case(name)).ok_or_else(|| Code::UnknownRegister.into())
}

/// The definitions' language for the one that was asked for.
fn language(call: &Call) -> dcd::Language {
    call.language.as_str().parse().unwrap_or(dcd::Language::English)
}
