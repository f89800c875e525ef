//! `precision token`: makes the tokens of the APIs' callers.

use clap::{ArgGroup, Args, Subcommand};
use clock::Timestamp;
use topology::Nihdi;
use web::{
    Caller, Role,
    token::{NewToken, Registers},
};

use crate::{
    cli::{Ended, hospital},
    output,
};

/// What `token` does.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Prints the entry of a new token for a tokens file on standard output, and its secret, once, on standard error
    #[command(
        after_help = "Examples:\n  precision token new --name 'mab desk' --role data-provider --org 00000196 --register Precision_Local_MAB >> tokens.toml\n  precision token new --name study --role researcher --all-registers --expires 2027-12-31T00:00:00Z >> tokens.toml\n\nThe file must be readable by its owner alone: chmod 600 tokens.toml."
    )]
    New(NewArgs),
}

/// What `token new` takes.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("registers").required(true))]
pub struct NewArgs {
    /// What it is called in logs and audit rows: a desk or a program, never a person
    #[arg(long)]
    name: String,
    /// data-provider, administrator, researcher, support, data-validator or data-analyst
    #[arg(long)]
    role: Role,
    /// The hospital, of a data provider or a hospital's administrator
    #[arg(long, value_name = "NIHDI", value_parser = hospital)]
    org: Option<Nihdi>,
    /// The registers that it extends to, by technical name
    #[arg(long, value_name = "NAME", num_args = 1.., group = "registers")]
    register: Vec<String>,
    /// It extends to all registers, later ones too
    #[arg(long, group = "registers")]
    all_registers: bool,
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
    let TokenCommand::New(NewArgs { name, role, org, register, all_registers, expires }) = command;
    let registers = if all_registers { Registers::All } else { Registers::Only(register.into_iter().collect()) };
    let caller = Caller { name, role, organisation: org.map(|org| org.to_string()), registers };
    let NewToken { secret, entry } = NewToken::draw(&caller, expires)?;
    output::say(entry);
    output::complain(format!("the secret, which is kept nowhere: {secret}"));
    Ok(Ended::Well)
}
