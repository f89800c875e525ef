//! Commands for a shell that have a test do something, and wait until it is done.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::pipe;
use tokio::process::Command;

/// Where commands say what they want, and hear that it is done: two named pipes.
pub struct Hooks {
    folder: TempDir,
}

impl Hooks {
    /// No command was called yet.
    ///
    /// # Errors
    ///
    /// When the pipes cannot be made.
    pub async fn new() -> Result<Self> {
        let hooks = Self { folder: tempfile::tempdir()? };
        let made = Command::new("mkfifo").args([hooks.asked(), hooks.done()]).status().await?;
        ensure!(made.success(), "mkfifo failed");
        Ok(hooks)
    }

    fn asked(&self) -> PathBuf {
        self.folder.path().join("asked")
    }

    fn done(&self) -> PathBuf {
        self.folder.path().join("done")
    }

    /// What a shell runs. It ends when [`Hooks::serve`] has done what goes by this name. One at a time.
    #[must_use]
    pub fn command(&self, name: &str) -> String {
        format!("echo {name} >'{}' && read -r done <'{}'", self.asked().display(), self.done().display())
    }

    /// Does what commands ask for, as long as it is polled.
    ///
    /// # Errors
    ///
    /// What `act` could not do.
    pub async fn serve(&self, mut act: impl AsyncFnMut(&str) -> Result<()>) -> Result<()> {
        // Both ends, so that a pipe does not end with the command that held the other.
        let open = |path: &Path| pipe::OpenOptions::new().read_write(true).open_receiver(path);
        let mut asked = BufReader::new(open(&self.asked())?).lines();
        let mut done = pipe::OpenOptions::new().read_write(true).open_sender(self.done())?;
        while let Some(name) = asked.next_line().await? {
            act(&name).await.with_context(|| name.clone())?;
            done.write_all(b"done\n").await?;
        }
        Ok(())
    }
}
