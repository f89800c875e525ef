//! The whole system on virtual time: one thread, one seed, faults on demand.
//!
//! A [`World`] is every service of two hospitals, the TTP and healthdata, put together as in any installation, on a simulated clock, an
//! embedded broker and stores in memory. A test is a list of [`Op`]s: somebody uploads rows, time passes, a service crashes, a publication
//! is lost. After each, the invariants are checked, also in the middle of things; at the end, at rest, everything must have come through.
//! One seed and one list give one itinerary, byte for byte.
//!
//! - [`op`]: what can happen.
//! - [`laboratory`]: what worlds share: keys, definitions, rows.
//! - [`world`]: services that run, crash and start again; time that passes.
//! - `desk`, `deeds`: uploads, and what people do to a registration afterwards.
//! - `trap`, `weather`, `forge`: crashes, the broker's faults, false answers.
//! - `rotation`: new epochs and renewed keys.
//! - `inspector`, `ledger`, `invariants`, `lives`: every publication is looked into, every reception noted, every promise checked.
//! - [`list`]: lists by seed, and the shortest list that fails the same way.

mod deeds;
mod desk;
mod forge;
mod inspector;
mod invariants;
pub mod laboratory;
mod ledger;
pub mod list;
mod lives;
mod model;
pub mod op;
mod rotation;
mod trap;
mod violation;
mod weather;
pub mod world;

pub use hd4dp::{
    status::{Confirmation, State},
    store::Sending,
};
pub use hd4res::status::RecordStatus;
pub use host::Point;
pub use inspector::Published;
pub use laboratory::{Laboratory, ROWS};
pub use op::{Fault, Hospital, Op, Register, RowName, Service};
pub use topology::{Arrow, Zone};
pub use violation::Violation;
pub use world::World;
