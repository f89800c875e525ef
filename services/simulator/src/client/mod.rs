//! A caller of a running installation's APIs (docs/API.md), as the commands about registrations need one.
//!
//! - [`address`]: where an installation or a service answers.
//! - [`secrets`]: the caller's tokens, and whom each is for. A secret comes from a file or the environment, never from an argument.
//! - [`connection`]: one request at a time, with a deadline, asked again under the same key when its answer is lost.
//! - [`api`]: which address has which service's API, found out by asking; its lists, walked page by page.
//! - [`hospital`], [`research`]: what HD4DP and HD4RES say, as far as the commands show it.
//! - [`itinerary`]: where a registration was, from each of them.
//! - [`follow`]: what is still on its way, from what both sides say.

pub mod address;
pub mod api;
pub mod connection;
pub mod error;
pub mod follow;
pub mod hospital;
pub mod itinerary;
pub mod research;
pub mod secrets;
pub mod sides;

pub use address::Address;
pub use error::ClientError;
pub use secrets::Secrets;
pub use sides::{Sides, SidesPlan};
