//! Steps 1 to 3 and back: the hospital's registration application.
//!
//! In reading order: [`status`] is the life of a registration as one table. [`upload`] takes in a CSV file, [`submit`] decides what a row
//! is, [`prepare`] splits it into who it is about and what healthdata may have, [`intake`] writes it down, [`service`] hands it over,
//! [`resend`] says when it is sent again, [`feedback`] and [`answer`] take what comes back, [`life`] does what a person asks for.
//! [`store`] remembers. [`config`], [`opening`] and [`at_start`] serve the process that runs it alone.

pub mod answer;
pub mod at_start;
pub mod config;
pub mod error;
pub mod feedback;
pub mod intake;
pub mod life;
pub mod opening;
pub mod patient;
pub mod prepare;
pub mod resend;
pub mod row;
pub mod service;
pub mod status;
pub mod store;
pub mod submit;
pub mod upload;

pub use intake::{Decided, SubmitError};
pub use life::LifeError;
pub use service::{AcceptedRow, Hd4dp, Parts, SERVICE};
