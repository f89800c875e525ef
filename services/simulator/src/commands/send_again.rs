//! `precision send-again`: brings back what a store forgot that came back from a copy of before: its neighbour sends it what it answered since.

use clap::{Args, ValueEnum};
use dcd::Definitions;
use jiff::civil::Date;
use serde::Serialize;

use super::life::There;
use crate::cli::Ended;

/// Whose store came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Forgetful {
    /// HD4RES's: the hospitals send what it answered.
    Hd4res,
    /// The data warehouse's: HD4RES hands everything over.
    Dhw,
}

/// What `send-again` takes.
#[derive(Debug, Args)]
pub struct SendAgainArgs {
    /// The installation
    #[command(flatten)]
    pub there: There,
    /// Whose store came back from a copy
    #[arg(long, value_enum)]
    to: Forgetful,
    /// Of the hospitals' registrations those that were answered since this day, in UTC; all of them when left out. The data warehouse is given all
    #[arg(long, value_name = "YYYY-MM-DD")]
    since: Option<Date>,
}

/// What it says.
#[derive(Debug, Serialize)]
struct SentAgain {
    sent_again: u64,
}

/// Runs the command.
///
/// # Errors
///
/// What keeps the installation from being opened.
pub async fn send_again(args: SendAgainArgs, definitions: Definitions) -> anyhow::Result<Ended> {
    let there = &args.there;
    let session = there.open(definitions).await?;
    let since = args.since.map_or(clock::Timestamp::EPOCH, hd4dp::at_start::start_of);
    let mut said = SentAgain { sent_again: 0 };
    match args.to {
        Forgetful::Hd4res => {
            for hd4dp in session.installation.hd4dp.values() {
                said.sent_again += hd4dp.send_again_since(since).await?;
            }
        }
        Forgetful::Dhw => said.sent_again = session.installation.hd4res.validate_again().await?,
    }
    let ending = there.rest(&session).await?;
    session.close(ending == crate::flow::Ending::AtRest).await;
    there.print(&said, |said| vec![format!("{} sent again", said.sent_again)]);
    Ok(there.ended(ending))
}
