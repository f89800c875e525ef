//! One file per command.

pub mod audit;
pub mod bench;
pub mod check;
pub mod conformance;
pub mod dcd;
pub mod dead_letters;
pub mod demo;
pub mod diff;
pub mod explore;
pub mod fault;
pub mod files;
pub mod generate;
pub mod incident;
pub mod keys;
pub mod life;
pub mod life_view;
pub mod recode;
pub mod record;
pub mod replay;
pub mod run;
pub mod send_again;
pub mod serve;
pub mod session;
pub mod sight;
pub mod status;
pub mod token;
pub mod topology;
pub mod trace;

use std::sync::Arc;

use ::dcd::{Definition, Definitions};
use anyhow::Context as _;

/// The newest definition of a name in any case.
///
/// # Errors
///
/// Which names there are.
pub fn find(definitions: &Definitions, name: &str) -> anyhow::Result<Arc<Definition>> {
    let known = || definitions.iter().map(|definition| definition.name().to_owned()).collect::<Vec<_>>().join(", ");
    definitions.get(name).with_context(|| format!("find a definition of that name; there are {}", known()))
}
