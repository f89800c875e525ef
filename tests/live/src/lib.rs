//! The real RabbitMQ, and killed processes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

/// The folder of the programs, which are built as the test that asks was.
///
/// # Errors
///
/// When they cannot be built.
pub async fn programs() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.ancestors().nth(2).context("find the folder that the programs are built in")?;
    let mut building = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    building.args(["build", "--quiet", "--bins"]);
    if folder.ends_with("release") {
        building.arg("--release");
        for package in ["hd4dp", "ehbox-hco", "ehealth-ttp", "ehbox-hd", "hd4res", "dhw", "simulator"] {
            building.args(["--package", package]);
        }
    } else {
        // With the features of the whole workspace's tests, or what they were built with would be built a second time.
        building.args(["--workspace", "--tests"]);
    }
    ensure!(building.current_dir(repository()).status().await?.success(), "the services cannot be built");
    Ok(folder.to_path_buf())
}

/// The top folder of the repository.
#[must_use]
pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
