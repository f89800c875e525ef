//! What the HTTP APIs of the services share: everything about a request that is not the field's.
//!
//! In reading order: [`Api`] puts routes together, each with the [`Access`] that it gives, and makes the OpenAPI document from them. The
//! guard before each route ([`desk`]) knows the caller by a [`token`], refuses with a [`Problem`], lets a change happen once, and lets no
//! answer out before its audit row is kept; what that needs is in a [`journal`]. [`Call`] is what a handler sees of its request, [`Reply`]
//! what it gives back, [`cursor`] where a list goes on. [`server`] listens, and lets nobody keep others waiting.

pub mod access;
pub mod api;
pub mod audit;
pub mod code;
mod connections;
pub mod cursor;
pub mod desk;
mod document;
pub mod extract;
mod guard;
pub mod journal;
mod language;
pub mod problem;
pub mod reply;
pub mod server;
pub mod token;
pub mod trail;

pub use access::Access;
pub use api::{Api, Site};
pub use code::{Code, problems_markdown};
pub use desk::{Asked, Call, Desk, DeskParts, PageOf};
pub use extract::{FileBody, Json, Path, Query};
pub use journal::{AuditRow, Journal, MemoryJournal, SqlJournal};
pub use language::Language;
pub use problem::{FoundLine, Problem};
pub use reply::{Reply, Trace};
pub use server::{Opening, Settings, bind, serve};
pub use token::{Caller, Role, Tokens};
pub use traces::Traces;
pub use trail::{Trail, TrailItem, TrailPassage};
