//! What a RabbitMQ meets in its life, each with the verdict of the whole flow: nothing is lost, nothing is doubled, nothing has to be sent again.

use anyhow::{Context as _, Result};
use live::{Trouble, comes_through};
use testkit::Node;

/// One test, since the node that it starts lives as long as it does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_in_trouble_loses_nothing() -> Result<()> {
    let mut node =
        Node::start().await.context("this test needs a RabbitMQ of its own (Debian: apt-get install rabbitmq-server)")?;
    let address = node.url("guest", "guest", "/");
    // Publishers are held back, in the middle of a publication if need be.
    for [begins, ends] in [
        [["set_vm_memory_high_watermark", "0"], ["set_vm_memory_high_watermark", "0.4"]],
        [["set_disk_free_limit", "1000000GB"], ["set_disk_free_limit", "50MB"]],
    ] {
        let alarm = async |trouble| node.control(if trouble == Trouble::Begins { &begins } else { &ends }).await.map(drop);
        comes_through(&address, alarm).await.context(begins[0])?;
    }
    let still = async |trouble| {
        node.pause(trouble == Trouble::Begins);
        Ok(())
    };
    comes_through(&address, still).await.context("it stands still and goes on")?;
    let killed = async |trouble| if trouble == Trouble::Begins { node.kill().await } else { node.restart().await };
    comes_through(&address, killed).await.context("killed, and started over what it had written")
}
