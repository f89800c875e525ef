//! The real RabbitMQ, and killed processes.

mod hooks;
pub mod installation;
mod replay;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

pub use hooks::Hooks;
pub use replay::{Trouble, UNDER_WAY, WITHOUT_TTP, comes_through};

/// What cargo tells a test of its own package. To build scripts of dependencies that look at it, it would be a change, and half of all would be built again.
const OF_THIS_TEST: [&str; 3] = ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_EXE_"];

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
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| OF_THIS_TEST.iter().any(|prefix| name.starts_with(prefix))) {
            building.env_remove(name);
        }
    }
    let profile = folder.file_name().and_then(|name| name.to_str()).context("the folder's name")?;
    if profile != "debug" {
        building.args(["--profile", profile]);
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
