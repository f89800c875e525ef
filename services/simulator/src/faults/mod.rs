//! What goes wrong in an installation while it runs, because somebody wants it to: `precision serve --faults`.
//!
//! The words are those of scenarios (docs/SCENARIOS.md), and so is what they do; here time is real, and the broker may be any. Without
//! `--faults` none of this stands between services and broker.
//!
//! - [`board`]: which faults are on.
//! - [`lines`], `line`: the broker as each service sees it, with whatever befalls its publications and deliveries; connections that are cut.
//! - [`held`]: publications that are handed out later.
//! - [`strikes`]: which fault struck what, and when. Nothing of a patient.
//! - [`lives`]: services that stop, start and die; [`forge`]: what nobody sent who may.
//! - [`switchboard`]: switching all of it on and off; [`vocabulary`]: how that is said.

pub mod board;
pub mod forge;
pub mod held;
pub mod line;
pub mod lines;
pub mod lives;
pub mod strikes;
pub mod switchboard;
pub mod vocabulary;

pub use board::{Board, On};
pub use lines::Lines;
pub use strikes::{Outcome, Strike, Strikes};
pub use switchboard::{FaultError, Switchboard, Switched};

#[cfg(test)]
mod tests;
