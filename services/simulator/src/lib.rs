//! The whole route in one process, and the command line `precision`.
//!
//! - [`installation`]: all services put together, on [`keys`], [`stores`] and the brokers of three zones.
//! - [`flow`]: running them until everything has come to rest.
//! - [`tally`], [`itinerary_file`]: the verdict, and where every registration was, in memory that does not grow with it ([`id_set`]).
//! - [`course`]: where one registration is and was, from all itineraries that can be asked.
//! - [`incident`]: one registration at one party, in a file for a ticket.
//! - [`comparison`]: two runs held against each other.
//! - [`simulation`]: the same on virtual time, with crashes and faults.
//! - [`spans`]: OpenTelemetry traces of all services.
//! - [`faults`]: what goes wrong in an installation while it runs, because somebody wants it to.
//! - [`scenario`]: files of what happens in a simulation, and of what must come of it.
//! - [`real`]: the same files on a real broker, with processes.
//! - [`site`]: the APIs of all services at one address.
//! - [`operator`]: the API for whoever runs an installation.
//! - [`letters`]: dead letters, looked at and put back.
//! - [`client`]: a caller of the APIs of a running installation.
//! - [`audit`]: who saw what, proved by looking.
//! - [`own_part`], [`conformance`]: a tester's own part in the place of a service, and whether it keeps the wire contract.
//! - [`recording`]: what passed sealed, kept, and sent once more.
//! - [`proxy`]: a line to a broker on which things go wrong.
//! - [`cli`], [`commands`]: what people type.

pub mod audit;
pub mod broker_choice;
pub mod cli;
pub mod client;
pub mod commands;
pub mod comparison;
pub mod conformance;
pub mod course;
pub mod faults;
pub mod flow;
pub mod id_set;
pub mod incident;
pub mod installation;
pub mod itinerary_file;
pub mod keys;
pub mod letters;
pub mod operator;
pub mod output;
pub mod own_part;
pub mod passwords;
pub mod proxy;
pub mod real;
pub mod recording;
pub mod roles;
pub mod scenario;
pub mod simulation;
pub mod site;
pub mod spans;
pub mod stores;
pub mod tally;
