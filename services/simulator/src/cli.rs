//! The command line: what can be typed, and how a command ends.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use dcd::{DefinitionError, Definitions, Language};
use topology::Nihdi;

use crate::{
    broker_choice::BrokerChoice,
    client::ClientError,
    commands::{self, life::Act},
    output, real,
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
        after_help = "Examples:\n  precision serve --org 00000196 00000295 --store /var/lib/precision\n  precision serve --config precision.toml\n  precision serve --org 00000196 00000295 --broker amqp://guest:guest@127.0.0.1:5672/%2f --without ehealth-ttp"
    )]
    Serve(commands::serve::ServeArgs),
    /// Switches faults on and off in a running installation that allows it (`precision serve --faults`)
    #[command(subcommand)]
    Fault(commands::fault::FaultCommand),
    /// Lists registrations, as the hospital and as healthdata see them
    #[command(
        after_help = "Examples:\n  precision list --store out/store --dcd Precision_Local_MAB --json\n  precision list --at http://127.0.0.1:8080 --token-file secrets.toml"
    )]
    List(commands::life::ListArgs),
    /// Shows one registration with its comments and history, as both sides see it; or without one, how an installation of separate services stands
    #[command(
        after_help = "Examples:\n  precision status --store out/store 018f3c2e-0000-8000-8000-000000000001\n  precision status --service 127.0.0.1:8090 --service ttp.example:8090\n\nExit status of an installation: 0 all is well; 1 something is to be looked at; 2 wrong usage."
    )]
    Status(commands::life::StatusArgs),
    /// Shows where registrations are and were: each step, both directions, times, attempts, faults
    #[command(
        after_help = "Examples:\n  precision trace --data out 018f3c2e-0000-8000-8000-000000000001\n  precision trace --at http://127.0.0.1:8080 --token-file secrets.toml 018f3c2e-0000-8000-8000-000000000001\n\nExit status: 0 known; 2 wrong usage, or nobody who was asked knows an id."
    )]
    Trace(commands::trace::TraceArgs),
    /// Packs what a service desk needs of one registration into one file for a ticket, with nothing of the patient
    #[command(
        after_help = "Examples:\n  precision incident 018f3c2e-0000-8000-8000-000000000001 --data out --party hd4dp-00000196 -o incident.json\n  precision incident 018f3c2e-0000-8000-8000-000000000001 --at https://hd4dp.hospital.example --token-file secrets.toml -o incident.json\n\nExit status: 0 written; 2 wrong usage, nobody knows the item, or the file would have held something of the patient."
    )]
    Incident(commands::incident::IncidentArgs),
    /// Submits a file's registrations, or a registration that was reopened or needs corrections
    #[command(
        after_help = "Examples:\n  precision submit --store out/store --dcd Precision_Local_MAB --org 00000196 --file corrected.csv\n  precision submit --store out/store 018f3c2e-0000-8000-8000-000000000001\n  precision submit --at https://hd4dp.hospital.example --token-file secrets.toml --dcd Precision_Local_MAB --file corrected.csv"
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
    /// Brings back what HD4RES or the data warehouse forgot, whose store came back from a copy of before
    #[command(
        after_help = "Examples:\n  precision send-again --store out/store --to hd4res --since 2026-11-01\n  precision send-again --store out/store --to dhw\n\nWhere services run, they do it at their start: `hd4dp --config FILE --send-again-since 2026-11-01`, `hd4res --config FILE --validate-again`."
    )]
    SendAgain(commands::send_again::SendAgainArgs),
    /// Who saw what: looks for the hospitals' values in everything that others can see, and says whether the promises hold
    #[command(
        after_help = "Examples:\n  precision audit --run --html audit.html\n  precision audit --data out\n  precision audit --store postgres://me@db/precision --keys keys --file operator=service.log --json\n\nExit status: 0 the promises hold; 1 one is broken or not proved; 2 wrong usage."
    )]
    Audit(commands::audit::AuditArgs),
    /// Dead letters: what services set aside, why, and how it comes back to its queue
    #[command(
        subcommand,
        after_help = "Examples:\n  precision dead-letters list --at http://127.0.0.1:8080 --token-file operator.toml\n  precision dead-letters why QUOTA\n  precision dead-letters requeue --all --at http://127.0.0.1:8080 --token-file operator.toml\n  precision dead-letters requeue --step 4 --reason QUOTA --broker amqp://me@broker/ehealth --org 00000196\n\nExit status: 0 done; 2 wrong usage, or not reached; 3 some letters were not put back."
    )]
    DeadLetters(commands::dead_letters::DeadLettersCommand),
    /// Holds two runs against each other: figures, itineraries, statuses of both sides, researcher's files cell by cell
    #[command(
        after_help = "Example:\n  precision diff before after --json\n\nTimes, drawn ids and the cutting into publications are not compared.\nExit status: 0 equal; 1 different; 2 wrong usage."
    )]
    Diff(commands::diff::DiffArgs),
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
    /// Plays the neighbours of a tester's own part over RabbitMQ, and says step by step what it gets wrong
    #[command(
        after_help = "Example:\n  precision keys init keys --org 00000196 00000295\n  precision conformance ehealth-ttp --broker amqp://guest:guest@127.0.0.1:5672/%2f --keys keys --junit ttp.xml\n\nExit status: 0 the part conforms; 1 it does not; 2 wrong usage, or the broker is away."
    )]
    Conformance(commands::conformance::ConformanceArgs),
    /// Records what passes sealed on a RabbitMQ; `run --record` and `serve --record` record a flow of their own
    #[command(
        after_help = "Examples:\n  precision record --broker amqp://recorder:secret@rabbit:5672/ehealth --org 00000196 -o flow.recording --for 10m\n  precision record --broker amqp://guest:guest@127.0.0.1:5672/%2f --store out/store -o flow.recording --count 100\n\nExit status: 0 recorded; 2 wrong usage, rights that are missing, or a file that cannot be written; 3 the broker is away."
    )]
    Record(commands::record::RecordArgs),
    /// Runs scenarios from files, on virtual time or for real: what goes wrong on the route, and what must come of it; or plays a recording back
    #[command(
        after_help = "Examples:\n  precision replay tests/scenarios\n  precision replay tests/scenarios/acknowledgement/lost-status.toml --repeat 100 --html out.html\n  precision replay --broker amqp://guest:guest@127.0.0.1:5672/%2f tests/scenarios/services\n  precision replay flow.recording --store out/store --dry-run\n  precision replay flow.recording --store out/store --step 4 --filter number=3..7\n  precision replay flow.recording --broker amqp://guest:guest@127.0.0.1:5672/%2f --store out/store --pace original\n\nExit status of scenarios: 0 all that was run is as expected; 1 some not, or nothing was run; 2 wrong usage, or a file that is no scenario.\nExit status of a recording: 0 replayed, now or before; 2 wrong usage, or a key that is missing; 3 it broke off, or something was doubled or dead-lettered."
    )]
    Replay(commands::replay::ReplayArgs),
    /// One service of a scenario on a real broker, told on standard input what to be
    #[command(hide = true)]
    Party,
    /// Runs random lists of operations and faults on virtual time, and writes down the shortest that fails
    #[command(
        after_help = "Example:\n  precision explore --count 10000 --keep found\n\nExit status: 0 none failed; 1 one did; 2 wrong usage."
    )]
    Explore(commands::explore::ExploreArgs),
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
    /// Some scenarios did not end as they should.
    NotAsExpected,
    /// A promise is broken, or not proved; or a part does not keep the wire contract.
    Broken,
    /// Two runs differ.
    Different,
    /// Something in an installation is to be looked at.
    ToLookAt,
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
            Self::Rejected | Self::NotAsExpected | Self::Broken | Self::Different | Self::ToLookAt => 1,
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
    // A simulation listens to its log itself.
    if !matches!(cli.command, Command::Replay(_) | Command::Explore(_) | Command::Party) {
        host::logging::start(host::logging::LogForm::Text, "error");
    }
    let wants_json = cli.command.wants_json();
    let ended = match execute(cli) {
        Ok(ended) => ended,
        Err(error) => {
            let reasons = format!("{error:#}");
            if wants_json {
                output::say(serde_json::json!({ "error": reasons }).to_string());
            }
            output::complain(format!("precision: failed to {reasons}"));
            error.downcast_ref::<ClientError>().map_or(Ended::Usage, ClientError::ended)
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
            Self::List(args) => args.reach.over.json,
            Self::Status(args) => args.reach.over.json,
            Self::Approve(args) | Self::Reopen(args) | Self::Delete(args) => args.reach.over.json,
            Self::Submit(args) => args.reach.over.json,
            Self::Download(args) => args.reach.over.json,
            Self::Correct(args) => args.one.reach.over.json,
            Self::Recode(args) => args.there.json,
            Self::SendAgain(args) => args.there.json,
            Self::Record(args) => args.json,
            Self::Fault(command) => command.wants_json(),
            Self::Replay(args) => args.json,
            Self::Audit(args) => args.json,
            Self::DeadLetters(command) => command.wants_json(),
            Self::Conformance(args) => args.json,
            Self::Trace(args) => args.reach.over.json,
            Self::Diff(args) => args.json,
            Self::Incident(args) => args.reach.over.json,
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
        Command::Fault(command) => in_runtime(commands::fault::fault(command)),
        Command::List(args) => in_runtime(commands::life::list(args, definitions)),
        Command::Status(args) => in_runtime(commands::life::status(args, definitions)),
        Command::Trace(args) => in_runtime(commands::trace::trace(args, definitions)),
        Command::Incident(args) => in_runtime(commands::incident::incident(args, definitions)),
        Command::Submit(args) => in_runtime(commands::life::submit(args, definitions)),
        Command::Download(args) => in_runtime(commands::life::download(args, definitions)),
        Command::Correct(args) => in_runtime(commands::life::correct(args, definitions)),
        Command::Approve(args) => in_runtime(commands::life::act(args, Act::Approve, definitions)),
        Command::Reopen(args) => in_runtime(commands::life::act(args, Act::Reopen, definitions)),
        Command::Delete(args) => in_runtime(commands::life::act(args, Act::Delete, definitions)),
        Command::Recode(args) => in_runtime(commands::recode::recode(args, definitions)),
        Command::SendAgain(args) => in_runtime(commands::send_again::send_again(args, definitions)),
        Command::Audit(args) => commands::audit::audit(&args, definitions),
        Command::DeadLetters(command) => in_runtime(commands::dead_letters::dead_letters(command)),
        Command::Conformance(args) => in_runtime(commands::conformance::conformance(args, definitions)),
        Command::Diff(args) => in_runtime(commands::diff::diff(args, definitions)),
        Command::Keys(command) => commands::keys::keys(&command),
        Command::Token(command) => commands::token::token(command),
        Command::Topology(command) => in_runtime(commands::topology::topology(command)),
        Command::Dcd(command) => commands::dcd::dcd(&command, &definitions),
        Command::Bench(args) => in_runtime(commands::bench::bench(args, definitions)),
        Command::Record(args) => in_runtime(commands::record::record(args)),
        Command::Replay(args) => in_runtime(commands::replay::replay(args, definitions)),
        Command::Party => in_runtime(real::party::party()),
        Command::Explore(args) => commands::explore::explore(&args),
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
