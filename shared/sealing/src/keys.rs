//! Key files: one folder per party and a public directory.
//!
//! ```text
//! DIR/public/ehbox-hco-00000196.json   public keys of each party that seals or opens, readable to all
//! DIR/hd4dp-00000196/                  patient-tag.key  hospitals.key
//! DIR/ehbox-hco-00000196/              messaging-1.key
//! DIR/ehealth-ttp/                     messaging-1.key  pseudonym-1.key  handle.key  sender.key  quota.key
//! DIR/ehbox-hd/                        messaging-1.key
//! ```
//!
//! Of `messaging-<n>.key` and `pseudonym-<epoch>.key` the highest number is the current one; a new key is a new file, and none is ever
//! written over. Folders have mode 0700 and key files 0600, checked on every read. A key file holds 64 hexadecimal digits and a line end. A service
//! mounts its own folder and the public one, and refuses to start when it can read another party's.
//!
//! A running service looks again, so that keys are renewed under it: [`KeysInUse`].

mod directory;
mod error;
mod files;
mod in_use;
mod party;
mod public;
mod secrets;

pub use directory::KeyDirectory;
pub use error::KeyError;
pub use in_use::KeysInUse;
pub use party::{Party, PartyError};
pub use public::{PartyKeys, PublicDirectory};
pub use secrets::{HospitalSecrets, MessagingKeys, TtpKeys};
