//! Steps 4 to 5 and back: the trusted third party that pseudonymises.
//!
//! It sees who a registration is about and from whom it came, and nothing else: the content passes sealed for healthdata, and this
//! crate could not name it. In reading order: [`service`] wires the relays; [`forward`] and [`pseudonymise`] replace identities by
//! pseudonyms, within the [`quota`]; [`back`] gives them back to the hospital that sent them; [`recode`] re-codes healthdata's
//! pseudonyms after a rotation. [`store`] remembers no patient.

pub mod back;
pub mod config;
pub mod error;
pub mod forward;
mod measure;
pub mod pseudonymise;
pub mod quota;
pub mod recode;
pub mod service;
pub mod store;
mod tools;

pub use service::{DOMAIN, EhealthTtp, Parts, SERVICE};
