//! What a RabbitMQ meets in its life, each with the verdict of the whole flow: nothing is lost, nothing is doubled, nothing has to be sent again.

use anyhow::{Context as _, Result, ensure};
use live::{Trouble, UNDER_WAY, WITHOUT_TTP, comes_through};
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
        comes_through(&address, UNDER_WAY, alarm).await.context(begins[0])?;
    }
    let full = async |trouble| full_queue(&node, trouble).await;
    comes_through(&address, WITHOUT_TTP, full).await.context("the TTP's queue is at its limit")?;
    let still = async |trouble| {
        node.pause(trouble == Trouble::Begins);
        Ok(())
    };
    comes_through(&address, UNDER_WAY, still).await.context("it stands still and goes on")?;
    let killed = async |trouble| if trouble == Trouble::Begins { node.kill().await } else { node.restart().await };
    comes_through(&address, UNDER_WAY, killed).await.context("killed, and started over what it had written")
}

/// Publications that the TTP's queue takes.
const LIMIT: usize = 2;

/// The TTP's queue is full when the trouble ends; its limit stays, and does not keep anything from passing when somebody reads.
async fn full_queue(node: &Node, trouble: Trouble) -> Result<()> {
    const QUEUE: &str = "ttp\\.in$";
    if trouble == Trouble::Begins {
        let limit = format!("{{\"max-length\":{LIMIT}}}");
        return node.control(&["set_policy", "--apply-to", "queues", "full", QUEUE, &limit]).await.map(drop);
    }
    let queues = node.control(&["list_queues", "--quiet", "--no-table-headers", "name", "messages"]).await?;
    let messages = |end: &str| -> usize {
        let counts = queues.lines().filter_map(|line| line.split_once('\t')).filter(|(name, _)| name.ends_with(end));
        counts.filter_map(|(_, count)| count.trim().parse::<usize>().ok()).sum()
    };
    // RabbitMQ notices a publication late that the limit is reached; what it refused waits one step before.
    let (full, before) = (messages("ttp.in"), messages(".out"));
    ensure!(
        (LIMIT..=LIMIT + 1).contains(&full) && before > 0,
        "{full} publications wait for the TTP and {before} before it: {queues}"
    );
    Ok(())
}
