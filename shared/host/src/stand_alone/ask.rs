//! Asking a service that runs.

use std::{io::Write as _, net::SocketAddr, process::ExitCode};

use anyhow::Context as _;

use super::Settings;
use crate::{bulletin::Bulletin, health};

/// Where the service with these settings answers.
fn health_address<S: Settings>(settings: &S) -> anyhow::Result<SocketAddr> {
    settings.common().health.context("ask the service: common.health is not set")
}

fn say_what_it_said(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{text}").context("say what the service said")
}

/// Asks the service with these settings whether it is ready, and prints what it says.
pub(super) fn is_ready<S: Settings>(settings: &S) -> anyhow::Result<ExitCode> {
    let asked = health::ask(health_address(settings)?);
    let (is_ready, text) = asked.unwrap_or_else(|error| (false, format!("not ready: failed to {error:#}")));
    say_what_it_said(&text)?;
    Ok(if is_ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Asks the service with these settings how it stands, and prints what it says.
pub(super) fn bulletin_of<S: Settings>(settings: &S) -> anyhow::Result<ExitCode> {
    match Bulletin::ask(&health_address(settings)?.to_string()) {
        Ok(bulletin) => say_what_it_said(&bulletin.to_string()).map(|()| ExitCode::SUCCESS),
        Err(error) => {
            tracing::error!(service = S::ACTOR.as_str(), "failed to {error:#}");
            Ok(ExitCode::FAILURE)
        }
    }
}
