//! `precision keys`: makes and shows the parties' keys.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use sealing::keys::{KeyDirectory, Party};
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
    /// Begins a new epoch of pseudonyms, or gives parties new key pairs; running services notice it
    #[command(
        after_help = "Examples:\n  precision keys rotate store/keys --epoch\n  precision keys rotate keys --sealing ehealth-ttp ehbox-hd\n\nWhat was sealed with or for the old keys still opens. After --epoch, `precision recode` re-codes what healthdata holds; where services\nrun, they do it by themselves as soon as a registration comes under the new epoch."
    )]
    Rotate {
        /// Folder of the keys
        dir: PathBuf,
        /// Begin a new epoch of pseudonyms
        #[arg(long, required_unless_present = "sealing")]
        epoch: bool,
        /// Parties that get a new key pair: ehealth-ttp, ehbox-hd, ehbox-hco-NIHDI
        #[arg(long, value_name = "PARTY", num_args = 1.., value_parser = party)]
        sealing: Vec<Party>,
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
        KeysCommand::Rotate { dir, epoch, sealing } => rotate(dir, *epoch, sealing),
        KeysCommand::Show { dir } => show(dir),
    }
}

/// Reads the name of a party that seals.
fn party(text: &str) -> Result<Party, String> {
    let party = text.parse::<Party>().map_err(|error| error.to_string())?;
    if party.has_key_pair() { Ok(party) } else { Err(format!("{party} seals nothing, so it has no key pair")) }
}

fn rotate(dir: &Path, epoch: bool, sealing: &[Party]) -> anyhow::Result<Ended> {
    let directory = KeyDirectory::open(dir)?;
    for party in sealing {
        directory.renew_key_pair(*party)?;
        output::say(format!("{party} seals with a new key"));
    }
    if epoch {
        output::say(format!("pseudonyms are of epoch {} from now on", directory.add_epoch()?));
    }
    Ok(Ended::Well)
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
