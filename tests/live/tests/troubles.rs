//! What a RabbitMQ meets in its life, each with the verdict of the whole flow: nothing is lost, nothing is doubled, nothing has to be sent again.

use anyhow::{Context as _, Result};
use live::Trouble;
use testkit::Node;
use tokio::sync::Mutex;

/// One test, since the node that it starts lives as long as it does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_in_trouble_loses_nothing() -> Result<()> {
    let node = Node::start().await.context("this test needs a RabbitMQ of its own (Debian: apt-get install rabbitmq-server)")?;
    let address = node.url("guest", "guest", "/");
    let trouble = Trouble { address: &address };
    let node = Mutex::new(node);
    let controlled = async |begin: &[&str], end: &[&str]| {
        let act = async |what: &str| node.lock().await.control(if what == "begin" { begin } else { end }).await.map(drop);
        trouble.passes(act).await
    };
    // Publishers are held back, in the middle of a publication if need be.
    controlled(&["set_vm_memory_high_watermark", "0"], &["set_vm_memory_high_watermark", "0.4"]).await.context("memory alarm")?;
    controlled(&["set_disk_free_limit", "1000000GB"], &["set_disk_free_limit", "50MB"]).await.context("disk alarm")?;
    let killed = async |what: &str| {
        let mut node = node.lock().await;
        if what == "begin" { node.kill().await } else { node.restart().await }
    };
    trouble.passes(killed).await.context("killed, and started over what it had written")?;
    let silent = async |what: &str| {
        node.lock().await.pause(what == "begin");
        Ok(())
    };
    trouble.passes(silent).await.context("it stands still and goes on")
}
