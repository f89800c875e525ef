//! Scenarios on a real RabbitMQ, as a user runs them: every service is a process, and what breaks is broken for real.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use anyhow::{Context, Result, ensure};
use live::{Trouble, UNDER_WAY, comes_through, programs, repository};
use roxmltree::Document;
use serde_json::Value;
use tempfile::TempDir;
use testkit::Node;
use tokio::process::Command;

/// What must be so on a real broker as on virtual time.
const SHIPPED: [&str; 6] = [
    "flow/seven-steps.toml",
    "acknowledgement/broker-confirm-lost.toml",
    "acknowledgement/lost-status.toml",
    "broken/tampered.toml",
    "life/correction.toml",
    "services/hospital-away.toml",
];

/// The TTP dies behind its effect and before its acknowledgement, twice, and HD4RES between commit and publication.
const KILLED: &str = r#"
about = "Services are killed at the points where a crash has its own consequence."
steps = [
    { crash = "ehealth-ttp", at = "before-ack", times = 2 }, { crash = "hd4res", at = "after-commit" },
    { submit = "north local 0-3" }, { pass = "1 minute" },
    { kill = "hd4dp north" }, { submit = "north central 0" }, { pass = "1 minute" },
]
[expect]
rows = { "north local 0-3" = { hospital = "Submitted, OK", warehouse = 1 }, "north central 0" = { hospital = "Submitted, OK" } }
verdict = { attempted = 5, acknowledged = 5, delivered = 5, lost = 0, duplicated = 0 }
dead-letters = []
"#;

/// What is not so is said in the words of virtual time.
const WRONG: &str = r#"
about = "Too soon, and too much."
rest = "1 hour"
steps = [{ fault = "drop", on = "4" }, { submit = "north local 0" }, { pass = "1 minute" }, { expect = { verdict = { delivered = 1 } } }]
"#;

const NOT_HERE: &str = r#"
about = "What dies with the one process of an embedded broker."
steps = [{ submit = "north local 0" }, "lose-broker"]
"#;

/// One test, since the node that it starts lives as long as it does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scenarios_end_on_a_real_broker_as_on_virtual_time() -> Result<()> {
    let program = programs().await?.join("precision");
    let node = Node::start().await.context("this test needs a RabbitMQ of its own (Debian: apt-get install rabbitmq-server)")?;
    let stage = Stage { program, url: node.url("guest", "guest", "/"), folder: tempfile::tempdir()? };
    stage.shipped_scenarios_end_as_they_say().await?;
    stage.killed_services_lose_nothing().await?;
    stage.what_is_wrong_is_said_in_the_same_words().await?;
    stage.what_makes_no_sense_is_skipped_and_nothing_is_no_success().await?;
    let left = node.control(&["list_queues", "--quiet", "--no-table-headers", "name"]).await?;
    ensure!(left.trim().is_empty(), "queues stayed behind: {left}");
    // Its application stops and starts, in whatever state it is.
    let stopped =
        async |trouble| node.control(&[if trouble == Trouble::Begins { "stop_app" } else { "start_app" }]).await.map(drop);
    comes_through(&stage.url, UNDER_WAY, stopped).await
}

struct Stage {
    program: PathBuf,
    url: String,
    folder: TempDir,
}

impl Stage {
    async fn replay(&self, files: &[PathBuf], more: &[&str]) -> Result<Output> {
        let mut command = Command::new(&self.program);
        command.arg("replay").args(files).args(more);
        Ok(command.output().await?)
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let file = self.folder.path().join(name);
        fs::write(&file, text)?;
        Ok(file)
    }

    async fn for_real(&self, files: &[PathBuf], more: &[&str]) -> Result<(Value, Option<i32>)> {
        let more = [&["--json", "--broker", &self.url], more].concat();
        let output = self.replay(files, &more).await?;
        let complaints = String::from_utf8_lossy(&output.stderr);
        let report = serde_json::from_slice(&output.stdout).with_context(|| format!("no report: {complaints}"))?;
        Ok((report, output.status.code()))
    }

    async fn shipped_scenarios_end_as_they_say(&self) -> Result<()> {
        let files: Vec<PathBuf> = SHIPPED.iter().map(|file| repository().join("tests/scenarios").join(file)).collect();
        let (report, status) = self.for_real(&files, &[]).await?;
        ensure!(status == Some(0) && report["as_expected"] == SHIPPED.len(), "{report:#}");
        Ok(())
    }

    async fn killed_services_lose_nothing(&self) -> Result<()> {
        let (report, status) = self.for_real(&[self.write("killed.toml", KILLED)?], &[]).await?;
        ensure!(status == Some(0) && report["as_expected"] == 1, "{report:#}");
        Ok(())
    }

    async fn what_is_wrong_is_said_in_the_same_words(&self) -> Result<()> {
        let files = [self.write("wrong.toml", WRONG)?];
        let (report, status) = self.for_real(&files, &[]).await?;
        let on_virtual_time: Value = serde_json::from_slice(&self.replay(&files, &["--json"]).await?.stdout)?;
        let (here, there) = (&report["scenarios"][0], &on_virtual_time["scenarios"][0]);
        ensure!(status == Some(1) && here["failures"] == there["failures"], "{here:#}\n{there:#}");
        ensure!(here["verdict"] == there["verdict"] && here["registrations"][0]["row"] == "north local 0", "{here:#}\n{there:#}");
        let stops = |report: &Value| -> Vec<String> {
            let stops = report["registrations"][0]["stops"].as_array().cloned().unwrap_or_default();
            stops.iter().map(|stop| format!("{} {} {}", stop["step"], stop["service"], stop["outcome"])).collect()
        };
        ensure!(stops(here) == stops(there) && !stops(here).is_empty(), "{here:#}\n{there:#}");
        Ok(())
    }

    async fn what_makes_no_sense_is_skipped_and_nothing_is_no_success(&self) -> Result<()> {
        let junit = self.folder.path().join("junit.xml");
        let more = ["--broker", &self.url, "--junit", path(&junit)?];
        let output = self.replay(&[self.write("not-here.toml", NOT_HERE)?], &more).await?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.code() == Some(1), "nothing was run, and it ended well: {said}");
        ensure!(said.contains("`lose-broker`: RabbitMQ") && said.ends_with("0 as expected, 0 not, 1 not run here\n"), "{said}");
        let xml = fs::read_to_string(junit)?;
        let document = Document::parse(&xml)?;
        let skipped = document.descendants().find(|node| node.has_tag_name("skipped")).context("JUnit has no skipped case")?;
        ensure!(skipped.attribute("message").is_some_and(|message| message.contains("lose-broker")), "{xml}");
        Ok(())
    }
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().context("the temporary directory has an odd name")
}
