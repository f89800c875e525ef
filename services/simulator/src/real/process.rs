//! A service's process, as whoever started it sees it.

use std::{path::Path, process::Stdio};

use anyhow::Context as _;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, Command},
    sync::mpsc,
};

use super::order::{Order, Setup, Word};
use crate::simulation::{Service, log::Line};

/// Counts processes, so that what an earlier one said is told apart.
pub(super) type Generation = u64;

/// What processes say.
#[derive(Debug)]
pub(super) enum Event {
    /// On standard output.
    Says(Word),
    /// In its log.
    Logs(Line),
    /// Nothing any more.
    Ends,
}

pub(super) type Events = mpsc::UnboundedSender<(Service, Generation, Event)>;

/// A running process. It is killed when it is dropped.
pub(super) struct Process {
    child: Child,
    orders: ChildStdin,
    pub(super) generation: Generation,
    /// Whether it has said that it works.
    pub(super) is_ready: bool,
}

impl Process {
    /// Starts a service.
    pub(super) async fn start(
        program: &Path,
        (service, generation): (Service, Generation),
        setup: &Setup,
        events: &Events,
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        command.arg("party").env_remove("PRECISION_LOG").kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Ctrl-C at the terminal is for whoever started it.
        let mut child = command.process_group(0).spawn().context("start a service's process")?;
        let mut orders = child.stdin.take().context("tell a process something")?;
        let words = child.stdout.take().context("hear a process")?;
        let log = child.stderr.take().context("read a process's log")?;
        let tell = move |events: &Events, event| drop(events.send((service, generation, event)));
        let (of_words, of_log) = (events.clone(), events.clone());
        tokio::spawn(async move {
            read(words, |line| {
                if let Ok(word) = serde_json::from_str(line) {
                    tell(&of_words, Event::Says(word));
                }
            })
            .await;
            tell(&of_words, Event::Ends);
        });
        tokio::spawn(read(log, move |line| tell(&of_log, Event::Logs(logged(line)))));
        write(&mut orders, setup).await?;
        Ok(Self { child, orders, generation, is_ready: false })
    }

    /// Tells it something. One that is gone hears nothing.
    pub(super) async fn tell(&mut self, order: &Order) {
        let _ = write(&mut self.orders, order).await;
    }

    /// Ends it where it stands, by SIGKILL, and waits until it is gone.
    pub(super) async fn kill(mut self) {
        let _ = self.child.kill().await;
    }
}

async fn write(to: &mut ChildStdin, what: &impl serde::Serialize) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(what).context("write an order")?;
    line.push(b'\n');
    to.write_all(&line).await.context("tell a process something")
}

async fn read(from: impl AsyncRead + Unpin, mut each: impl FnMut(&str)) {
    let mut lines = BufReader::new(from).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        each(&line);
    }
}

/// A line of a log in JSON.
fn logged(line: &str) -> Line {
    let code = serde_json::from_str::<Value>(line).ok().and_then(|entry| {
        let fields = entry.get("fields")?;
        let is_of_dead_letter = fields.get("message")?.as_str()?.contains("dead letter");
        is_of_dead_letter.then(|| fields.get("code")?.as_str().map(str::to_owned))?
    });
    Line { text: line.to_owned(), code }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_dead_letter_has_its_code() {
        let line = |message: &str| format!("{{\"level\":\"ERROR\",\"fields\":{{\"message\":\"{message}\",\"code\":\"QUOTA\"}}}}");
        assert_eq!(logged(&line("an item is set aside as a dead letter")).code.as_deref(), Some("QUOTA"));
        assert_eq!(logged(&line("answered")).code, None);
        let text = "thread 'main' panicked";
        assert_eq!((logged(text).text.as_str(), logged(text).code), (text, None));
    }
}
