//! The whole route in one process, and the command line `precision`.
//!
//! - [`installation`]: all services put together, on [`keys`], [`stores`] and the brokers of three zones.
//! - [`flow`]: running them until everything has come to rest.
//! - [`tally`], [`itinerary_file`]: the verdict, and where every registration was, in memory that does not grow with it ([`id_set`]).
//! - [`simulation`]: the same on virtual time, with crashes and faults.
//! - [`site`]: the APIs of all services at one address.
//! - [`cli`], [`commands`]: what people type.

pub mod broker_choice;
pub mod cli;
pub mod commands;
pub mod flow;
pub mod id_set;
pub mod installation;
pub mod itinerary_file;
pub mod keys;
pub mod output;
pub mod roles;
pub mod simulation;
pub mod site;
pub mod stores;
pub mod tally;
