use std::fmt;

/// Name of a queue, without the prefix of an installation: see [`Naming`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueName(String);

impl QueueName {
    /// The name as it stands in the table.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The queue that takes this queue's dead letters: `<queue>.dead`.
    #[must_use]
    pub fn dead(&self) -> Self {
        Self(format!("{}.dead", self.0))
    }

    pub(crate) fn new(name: String) -> Self {
        Self(name)
    }
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a publication is published to: an exchange and a routing key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route {
    /// Name of the exchange, without prefix.
    pub exchange: String,
    /// Name of the queue that it is meant for, without prefix.
    pub routing_key: String,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.exchange, self.routing_key)
    }
}

/// How the names of the table are spelled on one RabbitMQ.
///
/// An installation has a vhost per zone and no prefix. Where one URL stands for all zones (tests, `--broker`), everything stands in
/// one vhost under the prefix of the installation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Naming {
    /// Written in front of exchanges and queues, with a dot behind it. Routing keys keep their names, since they live inside one exchange.
    pub prefix: Option<String>,
}

impl Naming {
    /// All names under this prefix.
    #[must_use]
    pub fn prefixed(prefix: impl Into<String>) -> Self {
        Self { prefix: Some(prefix.into()) }
    }

    /// The exchange's name on the broker.
    #[must_use]
    pub fn exchange(&self, name: &str) -> String {
        self.spell(name)
    }

    /// The queue's name on the broker.
    #[must_use]
    pub fn queue(&self, name: &QueueName) -> String {
        self.spell(name.as_str())
    }

    /// The name of a listener's own queue on the broker.
    #[must_use]
    pub fn tap(&self, id: impl fmt::Display) -> String {
        self.spell(&format!("tap.{id}"))
    }

    fn spell(&self, name: &str) -> String {
        match &self.prefix {
            Some(prefix) => format!("{prefix}.{name}"),
            None => name.to_owned(),
        }
    }
}
