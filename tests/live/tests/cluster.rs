//! Three nodes of RabbitMQ as one broker: what befalls one of them is no trouble of the flow's.

use anyhow::{Context as _, Result};
use live::Trouble;
use testkit::{Balancer, Cluster};
use tokio::sync::Mutex;

/// One test, since the nodes that it starts live as long as it does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_loses_a_node_loses_nothing_else() -> Result<()> {
    let cluster = Cluster::start(3).await.context("this test needs RabbitMQ (Debian: apt-get install rabbitmq-server)")?;
    cluster.until_whole().await?;
    let all: Vec<String> = cluster.nodes().iter().map(testkit::Node::address).collect();
    let balancer = Balancer::before(all.clone()).await?;
    let address = format!("amqp://guest:guest@{}/%2f", balancer.address());
    let cluster = Mutex::new(cluster);
    for victim in 0..3 {
        let others: Vec<String> =
            all.iter().enumerate().filter(|(number, _)| *number != victim).map(|(_, address)| address.clone()).collect();
        let witness = (victim + 1) % 3;
        let killed = async |what: &str| {
            let mut cluster = cluster.lock().await;
            let node = cluster.node_mut(victim).context("there is no such node")?;
            if what == "begin" {
                balancer.use_only(others.clone());
                node.kill().await?;
                cluster.until_seen(witness, 2).await?;
                return cluster.until_queues_serve(witness).await;
            }
            node.restart().await?;
            cluster.until_whole().await?;
            cluster.until_queues_serve(witness).await?;
            balancer.use_only(all.clone());
            Ok(())
        };
        Trouble { address: &address }.passes(killed).await.with_context(|| format!("node {victim} is killed and comes back"))?;
        // Whoever is connected to it sees nothing of the others, and they nothing of it: a partition, which heals.
        let parted = async |what: &str| {
            let mut cluster = cluster.lock().await;
            let node = cluster.node_mut(victim).context("there is no such node")?;
            node.pause(what == "begin");
            if what == "begin" {
                balancer.use_only(others.clone());
                cluster.until_seen(witness, 2).await?;
                return cluster.until_queues_serve(witness).await;
            }
            cluster.until_whole().await?;
            cluster.until_queues_serve(witness).await?;
            balancer.use_only(all.clone());
            Ok(())
        };
        Trouble { address: &address }.passes(parted).await.with_context(|| format!("node {victim} is parted from the others"))?;
    }
    Ok(())
}
