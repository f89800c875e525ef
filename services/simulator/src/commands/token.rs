//! `precision token`: makes the tokens of the APIs' callers.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::{ArgGroup, Args, Subcommand};
use clock::Timestamp;
use topology::Nihdi;
use web::{
    Caller, Role,
    token::{NewToken, Registers},
};

use crate::{
    cli::{Ended, hospital},
    client::secrets,
    output,
};

/// What `token` does.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Prints the entry of a new token for a service's file of tokens on standard output, and its secret, once, on standard error
    #[command(
        after_help = "Examples:\n  precision token new --name 'mab desk' --role data-provider --org 00000196 --register Precision_Local_MAB >> tokens.toml\n  precision token new --name study --role researcher --all-registers --expires 2027-12-31T00:00:00Z >> tokens.toml\n  precision token new --name 'mab desk' --role data-provider --org 00000196 --all-registers --keep mine.toml >> tokens.toml\n\nThe file must be readable by its owner alone: chmod 600 tokens.toml."
    )]
    New(NewArgs),
}

/// What `token new` takes.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("registers"))]
pub struct NewArgs {
    /// What it is called in logs and audit rows: a desk or a program, never a person
    #[arg(long)]
    name: String,
    /// data-provider, administrator, researcher, support, data-validator, data-analyst or operator
    #[arg(long)]
    role: Role,
    /// The hospital, of a data provider or a hospital's administrator
    #[arg(long, value_name = "NIHDI", value_parser = hospital)]
    org: Option<Nihdi>,
    /// The registers that it extends to, by technical name; an operator's sees none of them and needs none
    #[arg(long, value_name = "NAME", num_args = 1.., group = "registers")]
    register: Vec<String>,
    /// It extends to all registers, later ones too
    #[arg(long, group = "registers")]
    all_registers: bool,
    /// Append the secret to this file for who will call (`--token-file` of other commands), instead of printing it; it is made with access for
    /// its owner alone
    #[arg(long, value_name = "FILE")]
    keep: Option<PathBuf>,
    /// When it expires, in UTC; never when not given
    #[arg(long, value_name = "TIME", value_parser = moment)]
    expires: Option<Timestamp>,
}

fn moment(text: &str) -> Result<Timestamp, String> {
    text.parse::<Timestamp>().map_err(|error| error.to_string())
}

/// Runs the command.
///
/// # Errors
///
/// An entry that no tokens file would accept.
pub fn token(command: TokenCommand) -> anyhow::Result<Ended> {
    let TokenCommand::New(NewArgs { name, role, org, register, all_registers, keep, expires }) = command;
    let registers = if !register.is_empty() {
        Registers::Only(register.into_iter().collect())
    } else if all_registers || role == Role::Operator {
        Registers::All
    } else {
        anyhow::bail!("know what the token extends to: --register NAME, or --all-registers")
    };
    let caller = Caller { name, role, organisation: org.map(|org| org.to_string()), registers };
    let NewToken { secret, entry } = NewToken::draw(&caller, expires)?;
    // The secret first: an entry whose secret is nowhere would be of no use.
    match keep {
        Some(path) => {
            let held = secrets::entry(role, caller.organisation.as_deref(), &secret);
            append(&path, &held).with_context(|| format!("keep the secret in {}", path.display()))?;
            output::complain(format!("the secret is in {}", path.display()));
        }
        None => output::complain(format!("the secret, which is kept nowhere: {secret}")),
    }
    output::say(entry);
    Ok(Ended::Well)
}

/// Appends to a file that its owner alone may read, made so when it is new.
fn append(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let mut file = File::options().create(true).append(true).mode(0o600).open(path)?;
    let metadata = file.metadata()?;
    anyhow::ensure!(
        metadata.permissions().mode() & 0o077 == 0,
        "trust the file: only its owner may read and write it (chmod 600)"
    );
    let before = if metadata.len() > 0 { "\n" } else { "" };
    file.write_all(format!("{before}{text}").as_bytes())?;
    Ok(file.sync_all()?)
}
