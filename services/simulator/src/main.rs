//! The command line `precision`.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    simulator::cli::run(simulator::cli::Cli::parse())
}
