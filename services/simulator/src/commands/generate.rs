//! `precision generate`: plausible, fictitious patients as a CSV file.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::PathBuf,
};

use anyhow::Context as _;
use clap::Args;
use dcd::Definitions;
use population::Order;
use topology::Nihdi;

use super::find;
use crate::{
    cli::{Ended, hospital},
    output,
};

/// What `generate` takes.
#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// Technical name of the register, in any case
    #[arg(long, value_name = "NAME")]
    pub dcd: String,
    /// The hospital's NIHDI number, 8 digits
    #[arg(long, value_name = "NIHDI", value_parser = hospital)]
    pub org: Nihdi,
    /// Rows to write
    #[arg(long, value_name = "N")]
    pub count: u64,
    /// Decides the population: hospitals with one seed share patients
    #[arg(long, value_name = "S")]
    pub seed: u64,
    /// Share of rows that get one fault each, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub faulty: u8,
    /// The file to write; `-` for standard output
    #[arg(short, long, value_name = "FILE.csv")]
    pub output: PathBuf,
}

/// Runs the command.
///
/// # Errors
///
/// An unknown register, or a file that cannot be written.
pub fn generate(args: &GenerateArgs, definitions: &Definitions) -> anyhow::Result<Ended> {
    let definition = find(definitions, &args.dcd)?;
    let failed = || format!("write {}", args.output.display());
    let file: Box<dyn Write> = match args.output.as_os_str().as_encoded_bytes() {
        b"-" => Box::new(io::stdout().lock()),
        _ => Box::new(File::create(&args.output).with_context(failed)?),
    };
    let mut file = BufWriter::new(file);
    let order = Order {
        definition: &definition,
        organisation: args.org.as_str(),
        count: args.count,
        seed: args.seed,
        faulty_percent: args.faulty,
    };
    let report = population::write(&order, &mut file).with_context(failed)?;
    file.flush().with_context(failed)?;
    output::complain(format!("{} rows, {} of them faulty: {}", report.rows, report.faulty.len(), args.output.display()));
    Ok(Ended::Well)
}
