//! Commands for a shell that have a test do something, and wait until it is done.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clock::{SystemClock, sleep};
use tempfile::TempDir;

/// Between two looks whether a command was called.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Where commands leave word.
pub struct Hooks {
    folder: TempDir,
}

impl Hooks {
    /// No command was called yet.
    ///
    /// # Errors
    ///
    /// When there is no room for a folder.
    pub fn new() -> Result<Self> {
        Ok(Self { folder: tempfile::tempdir()? })
    }

    fn file(&self, name: &str, end: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.{end}"))
    }

    /// What a shell runs. It ends when [`Hooks::serve`] has done what goes by this name.
    #[must_use]
    pub fn command(&self, name: &str) -> String {
        let (asked, done) = (self.file(name, "asked"), self.file(name, "done"));
        let (asked, done) = (asked.display(), done.display());
        format!("rm -f '{done}'; : >'{asked}'; until [ -e '{done}' ]; do sleep 0.05; done")
    }

    /// Does what commands ask for, as long as it is polled.
    ///
    /// # Errors
    ///
    /// What `act` could not do.
    pub async fn serve(&self, names: &[&str], mut act: impl AsyncFnMut(&str) -> Result<()>) -> Result<()> {
        loop {
            for name in names {
                if std::fs::remove_file(self.file(name, "asked")).is_ok() {
                    act(name).await.with_context(|| (*name).to_owned())?;
                    std::fs::write(self.file(name, "done"), "")?;
                }
            }
            sleep(&SystemClock, LOOK_EVERY).await;
        }
    }
}
