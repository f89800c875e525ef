//! Scenarios on a real broker: every service is a process of its own, with its own store and keys, behind a line of its own to a RabbitMQ. What a
//! scenario breaks is broken for real: processes are killed, lines are cut, publications are changed on their way, clocks are set.
//!
//! What must come of it is judged as on virtual time: from the stores, when everything has come to rest, by the same
//! [`crate::simulation::Evidence`].
//!
//! - [`made`]: what is made of each word of a scenario here, or why nothing is.
//! - [`ground`]: what all scenarios of one call share: the broker, keys, rows.
//! - `world`, `time`: what happens, one thing after the other, and time that passes.
//! - `eye`: what befalls publications and deliveries on a service's line.
//! - `process`, `order`, [`party`]: a service as a process, what it is told, and what it does.
//! - [`run`]: one scenario.

mod eye;
pub mod ground;
pub mod made;
mod order;
pub mod party;
mod process;
pub mod run;
mod time;
mod world;
