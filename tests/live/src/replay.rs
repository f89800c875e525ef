//! A scenario during which the broker meets something that real ones meet.

use std::process::Output;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clock::{SystemClock, timeout};
use serde_json::Value;
use tokio::process::Command;

use crate::{Hooks, programs};

/// For one scenario, on processors that do other things too.
const DEADLINE: Duration = Duration::from_secs(300);

/// The broker is in trouble while registrations are under way, for an hour, and more are submitted meanwhile.
pub const UNDER_WAY: &str = r#"
about = "The broker is in trouble for a while."
steps = [
    { submit = "all" }, { polls = 150 }, "broker-away", { submit = "north local 5" }, { pass = "1 hour" }, "broker-back", { pass = "1 minute" },
    { expect = { rows = { "all" = { hospital = "Submitted, OK", warehouse = 1 }, "north local 5" = { hospital = "Submitted, OK" } } } },
]
[expect]
verdict = { attempted = 25, acknowledged = 25, delivered = 25, recovered = 0, duplicated = 0, lost = 0 }
dead-letters = []
"#;

/// The same while the TTP is away, so that its queue fills; the trouble ends before it is back.
pub const WITHOUT_TTP: &str = r#"
about = "The broker is in trouble for a while, and the TTP is away."
steps = [
    { down = "ehealth-ttp" }, "broker-away", { submit = "all" }, { submit = "north local 5" }, { pass = "1 hour" },
    { expect = { rows = { "all" = { hospital = "Submitted, PENDING", healthdata = "absent" } } } },
    "broker-back", { up = "ehealth-ttp" }, { pass = "1 minute" },
    { expect = { rows = { "all" = { hospital = "Submitted, OK", warehouse = 1 }, "north local 5" = { hospital = "Submitted, OK" } } } },
]
[expect]
verdict = { attempted = 25, acknowledged = 25, delivered = 25, recovered = 0, duplicated = 0, lost = 0 }
dead-letters = []
"#;

/// When something happens to a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It begins.
    Begins,
    /// It ends.
    Ends,
}

/// Replays a scenario on the broker at `address`, to which `act` does something in the middle. Every registration must have arrived once, with its answer,
/// without being sent again.
///
/// # Errors
///
/// What is not so, with the report; or what `act` could not do.
pub async fn comes_through(address: &str, scenario: &str, mut act: impl AsyncFnMut(Trouble) -> Result<()>) -> Result<()> {
    const BEGINS: &str = "begins";
    let program = programs().await?.join("precision");
    let (hooks, folder) = (Hooks::new().await?, tempfile::tempdir()?);
    let file = folder.path().join("trouble.toml");
    std::fs::write(&file, scenario)?;
    let mut replay = Command::new(program);
    replay.arg("replay").arg(&file).args(["--json", "--broker", address]);
    replay.args(["--broker-stop", &hooks.command(BEGINS), "--broker-start", &hooks.command("ends")]);
    let replaying = timeout(&SystemClock, DEADLINE, replay.kill_on_drop(true).output());
    let acting = hooks.serve(async |name| act(if name == BEGINS { Trouble::Begins } else { Trouble::Ends }).await);
    let output = tokio::select! {
        output = replaying => output.context("end within five minutes")??,
        failed = acting => return failed,
    };
    judge(&output)
}

fn judge(output: &Output) -> Result<()> {
    let complaints = String::from_utf8_lossy(&output.stderr);
    let report: Value = serde_json::from_slice(&output.stdout).with_context(|| format!("no report: {complaints}"))?;
    ensure!(output.status.success() && report["as_expected"] == 1, "{report:#}\n{complaints}");
    Ok(())
}
