//! Three nodes of RabbitMQ as one broker: what befalls one of them is no trouble of the flow's.

use anyhow::{Context as _, Result};
use live::{Trouble, UNDER_WAY, comes_through};
use testkit::{Balancer, Cluster, Node};

/// One test, since the nodes that it starts live as long as it does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_loses_a_node_loses_nothing_else() -> Result<()> {
    let mut cluster = Cluster::start(3).await.context("this test needs RabbitMQ (Debian: apt-get install rabbitmq-server)")?;
    let all: Vec<String> = cluster.nodes().iter().map(Node::address).collect();
    let balancer = Balancer::before(all.clone()).await?;
    let address = format!("amqp://guest:guest@{}/%2f", balancer.address());
    for victim in 0..3 {
        let witness = (victim + 1) % 3;
        let of_others = |(number, address): (usize, &String)| (number != victim).then(|| address.clone());
        let others: Vec<String> = all.iter().enumerate().filter_map(of_others).collect();
        let killed = async |trouble| {
            if trouble == Trouble::Begins {
                balancer.use_only(others.clone());
                cluster.node_mut(victim)?.kill().await?;
                return cluster.until_served(witness, 2).await;
            }
            cluster.node_mut(victim)?.restart().await?;
            cluster.until_served(witness, 3).await?;
            balancer.use_only(all.clone());
            Ok(())
        };
        comes_through(&address, UNDER_WAY, killed).await.with_context(|| format!("node {victim} is killed and comes back"))?;
        let mut life = String::new();
        let parted = async |trouble| {
            if trouble == Trouble::Begins {
                balancer.use_only(others.clone());
                life = cluster.node(victim)?.life().await?;
                cluster.part(victim).await?;
                return cluster.until_served(witness, 2).await;
            }
            cluster.heal(victim).await?;
            // In a minority it stopped to serve; with the others it begins anew.
            cluster.until_another_life(victim, &life).await?;
            cluster.until_served(witness, 3).await?;
            balancer.use_only(all.clone());
            Ok(())
        };
        comes_through(&address, UNDER_WAY, parted).await.with_context(|| format!("node {victim} is parted from the others"))?;
    }
    Ok(())
}
