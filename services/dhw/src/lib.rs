//! Step 7: the validation environment on healthdata's data warehouse.
//!
//! It reads what HD4RES sends, validates every registration against its definition and against the patient's other registrations, keeps
//! what it validated in typed tables, and answers with verdicts. It knows pseudonyms and sender codes; it cannot name a patient.
//!
//! - [`service`]: receives, settles, answers, acknowledges.
//! - [`validate`]: one registration against its definition.
//! - [`decide`]: what becomes of it: new, known, overtaken, a deletion.
//! - [`registers`], [`across`]: rules across the registrations of one patient.
//! - [`conclude`]: from fates and judgements to findings and answers.
//! - [`store`]: typed tables per register, findings, verdicts, tombstones.
//! - [`researcher`], [`findings`]: the two files that people read.
//! - [`api`]: the same over HTTP, and single registrations and verdicts.
//! - [`config`], [`error`], [`metrics`]: what their names say.

pub mod across;
pub mod api;
pub mod conclude;
pub mod config;
pub mod decide;
pub mod error;
pub mod findings;
pub mod metrics;
pub mod registers;
pub mod researcher;
#[cfg(test)]
mod sample;
pub mod service;
pub mod store;
pub mod trail;
pub mod validate;

pub use registers::Registers;
pub use service::{Dhw, DhwParts};
pub use store::{DhwStore, MemoryStore, SqlStore};
