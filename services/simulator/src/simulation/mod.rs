//! The whole system on virtual time: one thread, one seed, faults on demand.
//!
//! A [`World`] is every service of the hospitals, the TTP and healthdata, put together as in any installation, on a simulated clock, an
//! embedded broker and stores in memory. A test is a list of [`Op`]s: somebody uploads rows, time passes, a service crashes, a publication
//! is lost. After each, the invariants are checked, also in the middle of things; at the end, at rest, everything must have come through.
//! One seed and one list give one itinerary, byte for byte.
//!
//! - [`op`]: what can happen.
//! - [`laboratory`]: what worlds share: keys, definitions, rows.
//! - [`input`]: hospitals and files of a scenario's own.
//! - [`world`]: services that run, crash and start again; time that passes.
//! - `desk`, `deeds`: uploads, and what people do to a registration afterwards.
//! - `trap`, `weather`, `forge`: crashes, the broker's faults, false answers.
//! - `line`, `spoil`, `disk`, `service_clock`: what befalls a service's line, its publications, its disk and its clock.
//! - `requeue`: an operator who puts dead letters back.
//! - [`evidence`]: what verdict and invariants look at, here and on a real broker.
//! - `rotation`, `definitions`: new epochs, renewed keys, and newer definitions.
//! - `remembered`: publications of before.
//! - `inspector`, `ledger`, `invariants`, `lives`: every publication is looked into, every reception noted, every promise checked.
//! - `log`, `verdict`: what an operator reads, and what became of every version.
//! - [`list`]: lists by seed, and the shortest list that fails the same way.

pub(crate) mod deeds;
mod definitions;
pub(crate) mod desk;
pub(crate) mod disk;
pub mod evidence;
pub(crate) mod forge;
pub mod input;
pub(crate) mod inspector;
pub(crate) mod invariants;
pub mod laboratory;
pub(crate) mod ledger;
mod line;
pub mod list;
mod lives;
pub(crate) mod log;
pub(crate) mod model;
pub mod name;
pub mod op;
pub(crate) mod remembered;
mod requeue;
mod rotation;
pub(crate) mod service_clock;
pub(crate) mod spoil;
mod trap;
mod verdict;
pub(crate) mod violation;
pub(crate) mod weather;
pub mod world;

pub use evidence::Evidence;
pub use hd4dp::{
    status::{Confirmation, State},
    store::Sending,
};
pub use hd4res::status::RecordStatus;
pub use host::Point;
pub use input::{Input, Premises};
pub use inspector::Published;
pub use laboratory::{Laboratory, ROWS, ROWS_MAX};
pub use name::Name;
pub use op::{Deed, Fault, Hospital, KeyPair, Op, Register, RowName, Service, Whose, written};
pub use topology::{Arrow, Zone};
pub use verdict::{Course, Fared, Figures, Stop, Verdict};
pub use violation::Violation;
pub use world::World;
