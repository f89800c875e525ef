use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
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

/// Nodes of RabbitMQ that are one broker, on this machine.
pub struct Cluster {
    nodes: Vec<Node>,
    /// By which they know each other.
    cookie: String,
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
        Ok(Self { nodes, cookie, _port_mapper: port_mapper })
    }

    /// Its nodes.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// One of its nodes.
    ///
    /// # Errors
    ///
    /// When there is none of that number.
    pub fn node(&self, number: usize) -> Result<&Node> {
        self.nodes.get(number).context("there is no such node")
    }

    /// One of its nodes, to be killed and started again.
    ///
    /// # Errors
    ///
    /// As [`Cluster::node`].
    pub fn node_mut(&mut self, number: usize) -> Result<&mut Node> {
        self.nodes.get_mut(number).context("there is no such node")
    }

    /// Waits until so many nodes serve and every queue has a leader, as one of the nodes says. Elections take seconds, and nobody says a word meanwhile.
    ///
    /// # Errors
    ///
    /// When it is not so within two minutes, with what it said last.
    pub async fn until_served(&self, by: usize, count: usize) -> Result<()> {
        let (node, mut said) = (self.node(by)?, (String::new(), String::new()));
        let is_served = async || {
            const SERVING: &str = "length([N || N <- [node() | nodes()], rabbit:is_running(N)]).";
            const QUEUES: &[&str] =
                &["list_queues", "--quiet", "--no-table-headers", "state", "leader", "online", "members", "name"];
            let nodes = node.control(&["eval", SERVING]).await.unwrap_or_default();
            let queues = node.control(QUEUES).await.unwrap_or_default();
            let all_lead = queues.lines().all(|queue| queue.starts_with("running"));
            said = (nodes, queues);
            Ok(said.0.trim() == count.to_string() && all_lead)
        };
        let served = until(&format!("{count} nodes serve every queue"), MEET_DEADLINE, is_served).await;
        served.with_context(|| format!("node {by} says that {} nodes serve, and of the queues:\n{}", said.0.trim(), said.1))
    }

    /// Cuts a node off from the others: no side takes the other's word any more, and their connections end. Clients still reach all of them.
    ///
    /// # Errors
    ///
    /// As [`Node::control`].
    pub async fn part(&self, number: usize) -> Result<()> {
        self.talk(number, "cut", "erlang:disconnect_node(N)").await
    }

    /// Lets a node talk to the others again.
    ///
    /// # Errors
    ///
    /// As [`Node::control`].
    pub async fn heal(&self, number: usize) -> Result<()> {
        self.talk(number, &self.cookie, "ok").await
    }

    /// Sets what a node and the others know each other by, and does something about each of the others.
    async fn talk(&self, number: usize, cookie: &str, what: &str) -> Result<()> {
        let others = self.nodes.iter().enumerate().filter(|(other, _)| *other != number);
        let others: Vec<String> = others.map(|(_, node)| format!("'{}'", node.name())).collect();
        let talking = format!("[begin erlang:set_cookie(N, '{cookie}'), {what} end || N <- [{}]].", others.join(", "));
        self.node(number)?.control(&["eval", &talking]).await.map(drop)
    }

    /// Waits until RabbitMQ on a node was begun anew.
    ///
    /// # Errors
    ///
    /// When it was not within two minutes.
    pub async fn until_another_life(&self, number: usize, before: &str) -> Result<()> {
        let node = self.node(number)?;
        let is_another = async || Ok(node.life().await.is_ok_and(|life| life != before));
        until("the node begins anew", MEET_DEADLINE, is_another).await
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
