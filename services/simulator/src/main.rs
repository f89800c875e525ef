//! The command line `precision`.

use std::process::ExitCode;

use clap::Parser;

/// A fifth of the time went into the system's allocator: registrations are many small values.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    simulator::cli::run(simulator::cli::Cli::parse())
}
