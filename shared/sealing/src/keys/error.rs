//! What can be wrong with key files.

use std::{io, path::PathBuf};

use crate::SealingError;

use super::Party;

/// Why keys were not made or not read. Names files, never what they hold.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file or folder could not be read or written.
    #[error("{action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The directory holds keys already; keys are never written over.
    #[error("make keys in {}: it holds keys already", path.display())]
    Exists {
        /// The directory.
        path: PathBuf,
    },
    /// A party's key file is not there.
    #[error("find the key file {}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A private file or folder that others may read or write.
    #[error("use {}: its mode is {mode:o}, it must be {expected:o} so that nobody else can read it", path.display())]
    Mode {
        /// The file or folder.
        path: PathBuf,
        /// The mode it has.
        mode: u32,
        /// The mode it must have.
        expected: u32,
    },
    /// A file of another form than it should have.
    #[error("read {}: {expected}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// Another party's private key can be read.
    #[error("keep the parties apart: {own} can read {}, a private key of {foreign}", path.display())]
    Foreign {
        /// Who asks.
        own: Party,
        /// Whose key it is.
        foreign: String,
        /// The file.
        path: PathBuf,
    },
    /// A hospital cannot be added, since no hospital's folder is at hand to take the shared key from.
    #[error("add a hospital in {}: no hospital's hospitals.key is there to share; run it where one can be read", path.display())]
    NoSharedKey {
        /// The directory.
        path: PathBuf,
    },
    /// A party's public file does not show its current key: others would refuse what it seals.
    #[error("use the keys of {party}: {} does not show its current one", path.display())]
    PublicDiffers {
        /// Whose.
        party: Party,
        /// The public file.
        path: PathBuf,
    },
    /// The public directory does not know a party.
    #[error("find {0} in the public directory")]
    UnknownParty(Party),
    /// A key that is none.
    #[error("use a key of {party}")]
    Key {
        /// Whose.
        party: Party,
        /// What is wrong with it.
        source: SealingError,
    },
    /// The operating system gave no randomness.
    #[error("draw a key")]
    NoRandomness(#[source] SealingError),
}
