//! Steps 5 to 6 and back: healthdata's eHBox messaging client.
//!
//! In reading order: [`service`] wires the relays; [`forward`] opens what the TTP passed on, [`inspect`]s it and hands it to HD4RES;
//! [`back`] seals HD4RES's feedback. After a rotation `recode` asks the TTP for the pseudonyms of the current epoch, and `recoded`
//! takes its answers. [`store`] remembers which tag goes with which pseudonym.

pub mod back;
pub mod config;
pub mod error;
pub mod forward;
pub mod inspect;
mod recode;
mod recoded;
pub mod service;
pub mod store;

pub use service::{EhboxHd, Parts, SERVICE};
