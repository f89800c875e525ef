//! Record and replay: what passed on eHealth's broker, kept as it was sealed, and sent once more.
//!
//! A recording holds sealed publications only, so it tells its holder what eHealth's broker tells its operator and nothing else. What stands clear
//! inside a hospital or inside healthdata is never written. docs/RECORDINGS.md has the format byte by byte, and what is promised.
//!
//! - [`document`]: the sealed documents, and what may be read of them without a key.
//! - `format`: the lines of a recording, chained by hashes; [`writer`] appends them, [`reader`] finds out what is damaged.
//! - [`recorder`] listens to an embedded flow; [`tap`] to a RabbitMQ.
//! - [`selection`]: which publications are meant; [`ledger`]: what was replayed, so that nothing is twice by accident.
//! - [`edit`]: what is changed before; [`reseal`] opens, changes and seals again.
//! - [`replay`] sends them to a [`target`]; [`effect`]: what came of it.

pub mod document;
pub mod edit;
pub mod effect;
pub mod format;
pub mod ledger;
pub mod reader;
pub mod recorder;
pub mod replay;
pub mod reseal;
pub mod selection;
pub mod tap;
pub mod target;
pub mod writer;

pub use reader::Recording;
pub use writer::Writer;
