//! Steps 1 to 3 and back: the hospital's registration application.
//!
//! In reading order: [`upload`] takes in a CSV file, [`submit`] decides what a row is, [`prepare`] splits it into who it is about and
//! what healthdata may have, [`service`] writes it down and hands it over, [`resend`] says when it is sent again, [`feedback`] and
//! [`answer`] take what comes back. [`store`] remembers. [`config`], [`opening`] and [`at_start`] serve the process that runs it alone.

pub mod answer;
pub mod at_start;
pub mod config;
pub mod error;
pub mod feedback;
pub mod opening;
pub mod patient;
pub mod prepare;
pub mod resend;
pub mod row;
pub mod service;
pub mod store;
pub mod submit;
pub mod upload;

pub use service::{AcceptedRow, Hd4dp, Parts, SERVICE};
