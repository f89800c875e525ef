//! The command line: what can be typed, and how a command ends.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use dcd::{DefinitionError, Definitions, Language};
use topology::Nihdi;

use crate::{
    broker_choice::BrokerChoice,
    commands::{self, life::Act},
    output,
};

/// The healthdata.be route from hospital to researcher, all of it in one process: registrations go through the seven published steps,
/// pseudonymised on the way, and their confirmations come back. All data are fictitious.
#[derive(Debug, Parser)]
#[command(name = "precision", version, max_term_width = 120, after_help = EXAMPLES)]
pub struct Cli {
    /// Folder of definitions that add to or replace the built-in ones, laid out as NAME/VERSION/definition.json
    #[arg(long, global = true, value_name = "DIR")]
    pub definitions: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "Examples:
  precision demo
  precision generate --dcd Precision_Local_MAB --org 00000196 --count 1000 --seed 1 -o mab.csv
  precision run --dcd Precision_Local_MAB --org 00000196 --out out mab.csv
  precision check --dcd Precision_Local_MAB --language nl mab.csv

Exit status: 0 done; 1 some rows were rejected; 2 wrong usage, configuration or header; 3 the flow failed.
PRECISION_LOG=info shows what the services do.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Sample data of two hospitals through all seven steps, with a report of who saw what
    #[command(after_help = "Example:\n  precision demo --exit --data /tmp/demo")]
    Demo(commands::demo::DemoArgs),
    /// Sends CSV files of one hospital through all seven steps and writes reports, researcher files and the verdict
    #[command(
        after_help = "Examples:\n  precision run --dcd Precision_Treatment --org 00000196 --out out treatments.csv\n  precision run --dcd Precision_Local_MAB --org 00000295 --out out2 --store out/store --keys out/store/keys other.csv\n  precision run … --broker amqp://guest:guest@127.0.0.1:5672/%2f --json"
    )]
    Run(commands::run::RunArgs),
    /// Writes a CSV file of plausible, fictitious patients
    #[command(
        after_help = "Example:\n  precision generate --dcd Precision_Local_MAB --org 00000196 --count 1000 --seed 1 --faulty 2 -o mab.csv"
    )]
    Generate(commands::generate::GenerateArgs),
    /// Validates CSV files and sends nothing
    #[command(after_help = "Example:\n  precision check --dcd Precision_Central_MAB --language fr central.csv")]
    Check(commands::check::CheckArgs),
    /// Runs all services until interrupted
    #[command(
        after_help = "Examples:\n  precision serve --org 00000196 00000295 --store /var/lib/precision\n  precision serve --config precision.toml"
    )]
    Serve(commands::serve::ServeArgs),
    /// Lists registrations, as the hospital and as healthdata see them
    #[command(after_help = "Example:\n  precision list --store out/store --dcd Precision_Local_MAB --json")]
    List(commands::life::ListArgs),
    /// Shows one registration with its comments and history, as both sides see it
    #[command(after_help = "Example:\n  precision status --store out/store 018f3c2e-0000-8000-8000-000000000001")]
    Status(commands::life::OneArgs),
    /// Submits a file's registrations, or a registration that was reopened or needs corrections
    #[command(
        after_help = "Examples:\n  precision submit --store out/store --dcd Precision_Local_MAB --org 00000196 --file corrected.csv\n  precision submit --store out/store 018f3c2e-0000-8000-8000-000000000001"
    )]
    Submit(commands::life::SubmitArgs),
    /// Writes a hospital's registrations of a register into a file that `submit` takes again
    #[command(
        after_help = "Example:\n  precision download --store out/store --dcd Precision_Local_MAB --org 00000196 -o mab.csv"
    )]
    Download(commands::life::DownloadArgs),
    /// The researcher asks the hospital for corrections, or for further fields
    #[command(
        after_help = "Example:\n  precision correct --store out/store 018f3c2e-0000-8000-8000-000000000001 --comment 'stage=Is IV right?'"
    )]
    Correct(commands::life::CorrectArgs),
    /// The researcher approves a registration that the data warehouse has validated
    Approve(commands::life::OneArgs),
    /// The hospital takes a submitted registration back into its hands
    Reopen(commands::life::OneArgs),
    /// The hospital deletes an open registration, or one that needs corrections; healthdata keeps a tombstone
    Delete(commands::life::OneArgs),
    /// Has everything that healthdata holds re-coded to the current epoch of pseudonyms
    #[command(after_help = "Example:\n  precision keys rotate out/store/keys --epoch\n  precision recode --store out/store")]
    Recode(commands::recode::RecodeArgs),
    /// Makes, renews and shows the parties' keys
    #[command(subcommand)]
    Keys(commands::keys::KeysCommand),
    /// Makes tokens for the callers of the APIs
    #[command(subcommand)]
    Token(commands::token::TokenCommand),
    /// Shows or declares exchanges, queues and permissions
    #[command(subcommand)]
    Topology(commands::topology::TopologyCommand),
    /// Shows the registers' definitions
    #[command(subcommand)]
    Dcd(commands::dcd::DcdCommand),
    /// Measures the flow on generated registrations
    #[command(after_help = "Example:\n  precision bench --count 100000 --json")]
    Bench(commands::bench::BenchArgs),
    /// Prints a completion script for a shell
    #[command(after_help = "Example:\n  precision completions bash > /etc/bash_completion.d/precision")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Where a flow lives.
#[derive(Debug, Clone, Args)]
pub struct Place {
    /// `embedded`, or the address of a RabbitMQ, whose queues then stand under a prefix in one virtual host
    #[arg(long, default_value = "embedded", value_name = "embedded|amqp://…")]
    pub broker: BrokerChoice,
    /// Folder of the stores, one SQLite file per party, or the address of a PostgreSQL database with a schema per party; several runs may share it
    #[arg(long, value_name = "DIR|postgres://…")]
    pub store: Option<String>,
    /// Folder of the keys, made at first use; `keys` in the store's folder by default
    #[arg(long, value_name = "DIR")]
    pub keys: Option<PathBuf>,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All is well.
    Well,
    /// Some rows were rejected.
    Rejected,
    /// Wrong usage, configuration or header.
    Usage,
    /// The flow failed.
    Failed,
}

impl Ended {
    /// The exit status of the contract.
    #[must_use]
    pub const fn status(self) -> u8 {
        match self {
            Self::Well => 0,
            Self::Rejected => 1,
            Self::Usage => 2,
            Self::Failed => 3,
        }
    }
}

/// Reads a language: `en`, `nl`, `fr`.
///
/// # Errors
///
/// A sentence for the terminal.
pub fn language(text: &str) -> Result<Language, String> {
    text.parse().map_err(|_| "expected en, nl or fr".to_owned())
}

/// Reads a hospital's number.
///
/// # Errors
///
/// A sentence for the terminal.
pub fn hospital(text: &str) -> Result<Nihdi, String> {
    text.parse::<Nihdi>().map_err(|error| error.to_string())
}

/// The built-in definitions and those of `--definitions`.
///
/// # Errors
///
/// [`DefinitionError`] with file and place.
pub fn definitions(folder: Option<&PathBuf>) -> Result<Definitions, DefinitionError> {
    let definitions = Definitions::built_in()?;
    match folder {
        Some(folder) => definitions.with_directory(folder),
        None => Ok(definitions),
    }
}

/// Runs a command and returns its exit status.
pub fn run(cli: Cli) -> ExitCode {
    host::logging::start(host::logging::LogForm::Text, "error");
    let wants_json = cli.command.wants_json();
    let ended = match execute(cli) {
        Ok(ended) => ended,
        Err(error) => {
            let reasons = format!("{error:#}");
            if wants_json {
                output::say(serde_json::json!({ "error": reasons }).to_string());
            }
            output::complain(format!("precision: failed to {reasons}"));
            Ended::Usage
        }
    };
    ExitCode::from(ended.status())
}

impl Command {
    /// Whether standard output must hold one JSON object and nothing else.
    const fn wants_json(&self) -> bool {
        match self {
            Self::Run(args) => args.json,
            Self::Check(args) => args.json,
            Self::Bench(args) => args.json,
            Self::List(args) => args.there.json,
            Self::Status(args) | Self::Approve(args) | Self::Reopen(args) | Self::Delete(args) => args.there.json,
            Self::Submit(args) => args.there.json,
            Self::Download(args) => args.there.json,
            Self::Correct(args) => args.one.there.json,
            Self::Recode(args) => args.there.json,
            _ => false,
        }
    }
}

fn execute(cli: Cli) -> anyhow::Result<Ended> {
    let definitions = definitions(cli.definitions.as_ref())?;
    match cli.command {
        Command::Demo(args) => in_runtime(commands::demo::demo(args, definitions)),
        Command::Run(args) => in_runtime(commands::run::run(args, definitions)),
        Command::Generate(args) => commands::generate::generate(&args, &definitions),
        Command::Check(args) => commands::check::check(&args, &definitions),
        Command::Serve(args) => in_runtime(commands::serve::serve(args, definitions)),
        Command::List(args) => in_runtime(commands::life::list(args, definitions)),
        Command::Status(args) => in_runtime(commands::life::status(args, definitions)),
        Command::Submit(args) => in_runtime(commands::life::submit(args, definitions)),
        Command::Download(args) => in_runtime(commands::life::download(args, definitions)),
        Command::Correct(args) => in_runtime(commands::life::correct(args, definitions)),
        Command::Approve(args) => in_runtime(commands::life::act(args, Act::Approve, definitions)),
        Command::Reopen(args) => in_runtime(commands::life::act(args, Act::Reopen, definitions)),
        Command::Delete(args) => in_runtime(commands::life::act(args, Act::Delete, definitions)),
        Command::Recode(args) => in_runtime(commands::recode::recode(args, definitions)),
        Command::Keys(command) => commands::keys::keys(&command),
        Command::Token(command) => commands::token::token(command),
        Command::Topology(command) => in_runtime(commands::topology::topology(command)),
        Command::Dcd(command) => commands::dcd::dcd(&command, &definitions),
        Command::Bench(args) => in_runtime(commands::bench::bench(args, definitions)),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut <Cli as clap::CommandFactory>::command(), "precision", &mut script);
            output::say(String::from_utf8_lossy(&script).trim_end());
            Ok(Ended::Well)
        }
    }
}

fn in_runtime<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}
