//! Steps 6 to 7 and back: the research application.
//!
//! In reading order: [`service`] wires the stations; [`arrival`] takes registrations in, by what [`receive`] decides, answers each with
//! a STATUS and hands the new ones to the data warehouse; [`verdict`] takes what it says. [`store`] remembers.

pub mod arrival;
pub mod config;
pub mod error;
pub mod receive;
pub mod service;
pub mod store;
pub mod verdict;

pub use arrival::STATUS;
pub use service::{Hd4res, Parts, SERVICE};
