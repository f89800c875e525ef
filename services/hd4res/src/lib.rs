//! Steps 6 to 7 and back: the research application.
//!
//! In reading order: [`service`] wires the stations; [`arrival`] takes registrations in, by what [`receive`] decides, answers each with
//! a STATUS and hands the new ones to the data warehouse; [`verdict`] takes what it says. [`act`] is what the researcher does, and sends
//! the feedback. [`status`] is the table of a record's statuses, [`record`] what becomes of a record by it; [`store`] remembers.
//! [`api`] is the way in for researchers' programs.

pub mod act;
pub mod api;
pub mod arrival;
pub mod at_start;
pub mod config;
pub mod error;
pub mod receive;
pub mod record;
pub mod service;
pub mod status;
pub mod store;
pub mod trail;
pub mod verdict;
mod waiting;

pub use arrival::STATUS;
pub use record::{ActRefusal, Action};
pub use service::{Hd4res, Parts, SERVICE};
