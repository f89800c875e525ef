//! `precision keys`: makes and shows the parties' keys.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use sealing::keys::KeyDirectory;
use topology::Nihdi;

use crate::{
    cli::{Ended, hospital},
    output,
};

/// What `keys` does.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Makes the keys of all parties: a folder per party, and a public directory
    #[command(after_help = "Example:\n  precision keys init keys --org 00000196 00000295")]
    Init {
        /// Folder to make them in
        dir: PathBuf,
        /// The hospitals' NIHDI numbers
        #[arg(long, value_name = "NIHDI", required = true, num_args = 1.., value_parser = hospital)]
        org: Vec<Nihdi>,
    },
    /// Shows who has keys, and their fingerprints; no key itself
    Show {
        /// Folder of the keys
        dir: PathBuf,
    },
}

/// Runs the command.
///
/// # Errors
///
/// Keys that exist already, or cannot be read.
pub fn keys(command: &KeysCommand) -> anyhow::Result<Ended> {
    match command {
        KeysCommand::Init { dir, org } => {
            KeyDirectory::create(dir, org)?;
            show(dir)
        }
        KeysCommand::Show { dir } => show(dir),
    }
}

fn show(dir: &Path) -> anyhow::Result<Ended> {
    let directory = KeyDirectory::open(dir)?;
    let public = directory.public()?;
    let mut rows = vec![["party", "seals and opens with", "fingerprint of its secrets"].map(str::to_owned).to_vec()];
    for party in directory.parties()? {
        let key = public.keys(party).map_or_else(|_| "-".to_owned(), |keys| keys.current().id().to_string());
        rows.push(vec![party.to_string(), key, directory.fingerprint(party)?]);
    }
    output::say(output::table(&rows, &[]).trim_end());
    Ok(Ended::Well)
}
