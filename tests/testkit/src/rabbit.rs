use std::fmt;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use broker::RabbitBroker;
use clock::SystemClock;
use testcontainers::core::IntoContainerPort;
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, GenericImage};
use topology::Naming;

use crate::{Node, until};

/// Names a broker to test against instead of starting one. Its user needs configure rights on its virtual host.
const URL_VARIABLE: &str = "PRECISION_TEST_AMQP";

/// Says that it is to be a container and nothing else: `container`.
const KIND_VARIABLE: &str = "PRECISION_TEST_RABBITMQ";

/// From the start of the container, the image being there.
const CONTAINER_DEADLINE: Duration = Duration::from_secs(120);

/// A RabbitMQ for live tests. What was started for it stops when it is dropped.
pub struct Rabbit {
    url: String,
    running: Running,
}

enum Running {
    Elsewhere,
    Container(#[expect(dead_code, reason = "held, since dropping it stops the container")] Box<ContainerAsync<GenericImage>>),
    Node(#[expect(dead_code, reason = "held, since dropping it stops the node")] Box<Node>),
}

/// Where a [`Rabbit`] comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The URL in the environment.
    Environment,
    /// A container of the image `rabbitmq:4-management`.
    Container,
    /// A node of the installed `rabbitmq-server`, started for this test.
    PrivateNode,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Environment => "the broker that PRECISION_TEST_AMQP names",
            Self::Container => "a container of rabbitmq:4-management",
            Self::PrivateNode => "a private node of the installed rabbitmq-server",
        })
    }
}

impl Rabbit {
    /// Finds or starts a broker: the URL in `PRECISION_TEST_AMQP`, else Docker, else an installed `rabbitmq-server`; with `PRECISION_TEST_RABBITMQ=container` Docker
    /// alone. Says on stderr which one it was.
    ///
    /// # Errors
    ///
    /// When none is possible, with what to install. A live test without a broker fails; it is never skipped in silence.
    pub async fn find() -> Result<Self> {
        let rabbit = Self::search().await?;
        // Past the capture of the test harness: whoever reads the log of a run must see what it ran against.
        let _ = writeln!(std::io::stderr(), "live test against {}", rabbit.origin());
        Ok(rabbit)
    }

    async fn search() -> Result<Self> {
        if let Some(kind) = std::env::var(KIND_VARIABLE).ok().filter(|kind| !kind.is_empty()) {
            ensure!(kind == "container", "{KIND_VARIABLE} must be `container`");
            return Self::in_container().await;
        }
        if let Some(url) = std::env::var(URL_VARIABLE).ok().filter(|url| !url.is_empty()) {
            ensure!(url.starts_with("amqp://"), "{URL_VARIABLE} must be an amqp:// URL");
            return Ok(Self { url, running: Running::Elsewhere });
        }
        let no_container = match Self::in_container().await {
            Ok(rabbit) => return Ok(rabbit),
            Err(error) => error,
        };
        match Node::start().await {
            Ok(node) => Ok(Self { url: node.url("guest", "guest", "/"), running: Running::Node(Box::new(node)) }),
            Err(no_node) => bail!(
                "live tests need a RabbitMQ, 3.10 or later. Do one of these: set {URL_VARIABLE} to an amqp:// URL whose user has configure rights; \
                 or install and start Docker (Debian: apt-get install docker.io) with the image rabbitmq:4-management; or install RabbitMQ \
                 (Debian: apt-get install rabbitmq-server). Docker: {no_container:#}. RabbitMQ: {no_node:#}."
            ),
        }
    }

    async fn in_container() -> Result<Self> {
        let image = GenericImage::new("rabbitmq", "4-management").with_exposed_port(5672.tcp());
        let container = image.start().await?;
        let host = container.get_host().await?;
        let port = container.get_host_port_ipv4(5672).await.context("the container shows no port")?;
        let url = format!("amqp://guest:guest@{host}:{port}/%2f");
        wait_until_it_speaks(&url).await?;
        Ok(Self { url, running: Running::Container(Box::new(container)) })
    }

    /// The address, with user and password.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Which one it is.
    #[must_use]
    pub fn origin(&self) -> Origin {
        match self.running {
            Running::Elsewhere => Origin::Environment,
            Running::Container(_) => Origin::Container,
            Running::Node(_) => Origin::PrivateNode,
        }
    }
}

/// Not by a line of its log, which differs between images, nor by its port, which Docker opens at once.
async fn wait_until_it_speaks(url: &str) -> Result<()> {
    let speaks = async || Ok(RabbitBroker::connect(url, Naming::default(), Arc::new(SystemClock)).await.is_ok());
    until("the container speaks AMQP", CONTAINER_DEADLINE, speaks).await
}
