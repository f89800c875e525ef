use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use clock::{SystemClock, sleep};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Child;
use tokio::task::AbortHandle;

use crate::{
    Node,
    node::{Family, Plan, free_ports, port_mapper},
    until,
};

/// For nodes to see each other, or to see that one is gone.
const MEET_DEADLINE: Duration = Duration::from_secs(120);
/// For a node that was cut off to notice it, which takes it as long as the others ([`Node`]).
const SETTLE: Duration = Duration::from_secs(6);

/// Nodes of RabbitMQ that are one broker, on this machine.
pub struct Cluster {
    nodes: Vec<Node>,
    _port_mapper: Child,
}

impl Cluster {
    /// Starts so many nodes and joins them.
    ///
    /// # Errors
    ///
    /// As [`Node::start`], and when they do not find together.
    pub async fn start(count: usize) -> Result<Self> {
        let [mapper] = free_ports()?;
        let port_mapper = port_mapper(mapper).context("epmd cannot be run, which comes with Erlang")?;
        let cookie = format!("PRECISION{mapper}");
        let mut nodes: Vec<Node> = Vec::with_capacity(count);
        for _ in 0..count {
            let node = Node::start_with(Plan { certificates: None, family: Some(Family { mapper, cookie: &cookie }) }).await?;
            if let Some(first) = nodes.first() {
                node.control(&["stop_app"]).await?;
                node.control(&["join_cluster", &first.name()]).await?;
                node.control(&["start_app"]).await?;
            }
            nodes.push(node);
        }
        Ok(Self { nodes, _port_mapper: port_mapper })
    }

    /// Its nodes.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// One of its nodes, to be killed and started again.
    pub fn node_mut(&mut self, number: usize) -> Option<&mut Node> {
        self.nodes.get_mut(number)
    }

    /// Waits until one node sees so many that serve, itself among them.
    ///
    /// # Errors
    ///
    /// When it does not within two minutes.
    pub async fn until_seen(&self, by: usize, count: usize) -> Result<()> {
        let sees = async || self.sees(by, count).await;
        until(&format!("{count} nodes see each other"), MEET_DEADLINE, sees).await
    }

    /// Waits until every node sees all others, and still does a while later: one that was cut off needs a moment to notice that it was.
    ///
    /// # Errors
    ///
    /// When they do not within two minutes.
    pub async fn until_whole(&self) -> Result<()> {
        let is_whole = async || {
            for _ in 0..2 {
                for by in 0..self.nodes.len() {
                    if !self.sees(by, self.nodes.len()).await? {
                        return Ok(false);
                    }
                }
                sleep(&SystemClock, SETTLE).await;
            }
            Ok(true)
        };
        until("the cluster is whole", MEET_DEADLINE, is_whole).await
    }

    /// Waits until every queue has a leader, as one node says. Elections take seconds, and nobody says a word meanwhile.
    ///
    /// # Errors
    ///
    /// When they do not within two minutes.
    pub async fn until_queues_serve(&self, by: usize) -> Result<()> {
        let node = self.nodes.get(by).context("there is no such node")?;
        let serve = async || {
            let said = node.control(&["list_queues", "--quiet", "--no-table-headers", "state"]).await;
            Ok(said.is_ok_and(|said| said.lines().all(|state| state.trim() == "running")))
        };
        until("every queue has a leader", MEET_DEADLINE, serve).await
    }

    async fn sees(&self, by: usize, count: usize) -> Result<bool> {
        let node = self.nodes.get(by).context("there is no such node")?;
        let serving = node.control(&["eval", "length([N || N <- [node() | nodes()], rabbit:is_running(N)])."]).await;
        Ok(serving.is_ok_and(|said| said.trim() == count.to_string()))
    }
}

/// What stands before a cluster: it takes connections at one port and brings each to one of the nodes that it is told to use, in turn.
pub struct Balancer {
    address: String,
    targets: Arc<Mutex<Vec<String>>>,
    listening: AbortHandle,
}

impl Balancer {
    /// Stands before these addresses.
    ///
    /// # Errors
    ///
    /// When no port can be had.
    pub async fn before(targets: Vec<String>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let targets = Arc::new(Mutex::new(targets));
        let listening = tokio::spawn(listen(listener, Arc::clone(&targets))).abort_handle();
        Ok(Self { address, targets, listening })
    }

    /// The address to connect to.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// New connections go to these from now on. Those that stand stay where they are.
    pub fn use_only(&self, targets: Vec<String>) {
        *self.targets.lock().unwrap_or_else(PoisonError::into_inner) = targets;
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(listener: TcpListener, targets: Arc<Mutex<Vec<String>>>) {
    let mut turn = 0;
    while let Ok((mut near, _)) = listener.accept().await {
        turn += 1;
        let mut in_turn = targets.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !in_turn.is_empty() {
            let first = turn % in_turn.len();
            in_turn.rotate_left(first);
        }
        tokio::spawn(async move {
            for target in in_turn {
                if let Ok(mut far) = TcpStream::connect(target).await {
                    let _ = copy_bidirectional(&mut near, &mut far).await;
                    return;
                }
            }
        });
    }
}
