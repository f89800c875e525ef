//! Steps 3 to 4 and back: the hospital's eHBox messaging client.
//!
//! It keeps nothing but its itinerary. In reading order: [`service`] wires two relays; [`forward`] seals what HD4DP hands over;
//! [`back`] opens what comes from the TTP.

pub mod back;
pub mod config;
pub mod error;
pub mod forward;
pub mod service;

pub use service::{EhboxHco, Parts, SERVICE};
