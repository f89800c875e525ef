//! Steps 1 to 3 and back: the hospital's registration application.
//!
//! In reading order: [`status`] is the life of a registration as one table. [`upload`] takes in a CSV file as its [`options`] say, [`centre`] keeps what became of it, and [`folders`] takes files from folders, `submit`
//! decides what a row is and `conflict` merges it with what is stored, [`prepare`] splits it into who it is about and what healthdata may have, [`intake`] writes it down, [`service`] hands it over,
//! `in_hand` knows what is about to be handed over, `counting` how much waits for an answer,
//! [`host::resend`] says when it is sent again, [`feedback`] and [`answer`] take what comes back, `receipts` answers a researcher's feedback,
//! [`entry`] takes in a [`form`] with its files ([`attachment`]), [`life`] does what else a person asks for, [`gate`] says on which days,
//! [`download`] gives a register back as a file,
//! [`search`] finds by values, [`stable`] fills in what is known of a patient.
//! [`api`] offers all of this to programs. [`store`] remembers. [`config`], [`opening`] and [`at_start`] serve the process that runs it alone.

pub mod answer;
pub mod api;
pub mod at_start;
pub mod attachment;
pub mod centre;
pub mod config;
mod conflict;
mod counting;
pub mod download;
pub mod entry;
pub mod error;
pub mod feedback;
pub mod folders;
pub mod form;
pub mod gate;
mod in_hand;
pub mod intake;
pub mod life;
mod measure;
pub mod opening;
pub mod options;
pub mod patient;
pub mod prepare;
mod receipts;
pub mod reports;
pub mod row;
pub mod search;
pub mod service;
mod sheet;
pub mod stable;
pub mod status;
pub mod store;
mod submit;
pub mod trail;
pub mod upload;
mod waiting;

pub use intake::{Decided, SubmitError};
pub use life::{GivenAnswer, LifeError};
pub use service::{AcceptedRow, Hd4dp, Parts, SERVICE};
pub use sheet::translated;
