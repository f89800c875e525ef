//! `--broker embedded|amqp://…`.

use std::{fs, io, path::Path, str::FromStr, sync::Arc};

use broker::{Broker, BrokerError, EmbeddedBroker, EmbeddedOptions, RabbitBroker};
use clock::Clock;
use envelope::IdBatch;
use host::Chance;
use store::{Database, Inspection, Location, Schema, StoreError};
use topology::{Naming, Topology};

use crate::audit::harvest::text;

/// Which broker carries the flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrokerChoice {
    /// In the process.
    Embedded,
    /// RabbitMQ: one address for all zones, which stand under a prefix in one virtual host.
    Rabbit(String),
}

impl FromStr for BrokerChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "embedded" => Ok(Self::Embedded),
            address if address.starts_with("amqp://") || address.starts_with("amqps://") => Ok(Self::Rabbit(address.to_owned())),
            _ => Err("expected `embedded` or an address such as amqp://user:password@host:5672/%2f".to_owned()),
        }
    }
}

/// A broker that was opened, and how to leave it.
pub struct OpenBroker {
    /// The broker.
    pub broker: Arc<dyn Broker>,
    /// How the names of its queues are spelled.
    pub naming: Naming,
    rabbit: Option<(Arc<RabbitBroker>, Topology)>,
}

/// Why no broker could be opened.
#[derive(Debug, thiserror::Error)]
pub enum BrokerChoiceError {
    /// The broker refuses or is away.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The installation's id cannot be kept in the store.
    #[error("keep the installation's id in the store")]
    Id(#[from] io::Error),
    /// The same, of a store in a database.
    #[error("keep the installation's id in the store: failed to {0}")]
    Store(#[from] StoreError),
}

impl BrokerChoice {
    /// Opens the broker for `topology`. On RabbitMQ the queues are declared under the installation's id, which is kept in `store`.
    ///
    /// # Errors
    ///
    /// [`BrokerChoiceError`].
    pub async fn open(
        &self,
        topology: &Topology,
        store: &Location,
        chance: &Chance,
        clock: Arc<dyn Clock>,
    ) -> Result<OpenBroker, BrokerChoiceError> {
        let address = match self {
            Self::Embedded => {
                let mut options = EmbeddedOptions::new(IdBatch::new(chance.bytes()).next_uuid());
                options.queue_bytes_max = Some(EMBEDDED_QUEUE_BYTES);
                let broker = EmbeddedBroker::new(clock, topology, options);
                return Ok(OpenBroker { broker: Arc::new(broker), naming: Naming::default(), rabbit: None });
            }
            Self::Rabbit(address) => address,
        };
        let naming = Naming::prefixed(installation_id(store, chance).await?);
        let broker = Arc::new(RabbitBroker::connect(address, naming.clone(), clock).await?);
        broker.declare(topology).await?;
        Ok(OpenBroker { broker: Arc::clone(&broker) as Arc<dyn Broker>, naming, rabbit: Some((broker, topology.clone())) })
    }
}

/// Bytes that wait in one queue inside the process at most: memory that a slow reader may cost.
const EMBEDDED_QUEUE_BYTES: u64 = 12 << 20;

impl OpenBroker {
    /// Leaves the broker; after a `clean` end its queues are deleted, so that nothing stays behind.
    pub async fn close(self, clean: bool) {
        let Some((broker, topology)) = self.rabbit else { return };
        if clean && let Err(error) = broker.delete(&topology).await {
            tracing::warn!(%error, "the queues could not be deleted");
        }
        broker.close().await;
    }
}

/// Under which names an installation's queues stand: a prefix that it keeps in its store, or the plain ones.
///
/// # Errors
///
/// [`StoreError`] of a store that is there and cannot be read.
pub async fn naming(location: &Location) -> Result<Naming, StoreError> {
    let id = match location {
        Location::Folder(folder) => std::fs::read_to_string(folder.join("installation")).ok().map(|id| id.trim().to_owned()),
        Location::Server(_) => match Inspection::open(location, "installation").await? {
            Some(mut store) => {
                let mut id = None;
                let look = |row: store::FoundRow| {
                    if text(&row, "name") == Some("installation") {
                        id = text(&row, "value").map(str::to_owned);
                    }
                };
                store.each_row("setting", look).await?;
                store.close().await?;
                id
            }
            None => None,
        },
    };
    Ok(id.filter(|id| !id.is_empty()).map_or_else(Naming::default, Naming::prefixed))
}

/// The id of the installation that a store belongs to, made at first use.
///
/// # Errors
///
/// The store cannot keep it.
pub async fn installation_id(store: &Location, chance: &Chance) -> Result<String, BrokerChoiceError> {
    let folder = match store {
        Location::Folder(folder) => folder,
        Location::Server(_) => {
            // A schema of its own, since it is no party's.
            let database = Database::open(store, "installation", Schema { steps: &[] }).await?;
            let id = database.setting("installation", &new_id(chance)).await?;
            database.close().await;
            return Ok(id);
        }
    };
    Ok(id_in_folder(folder, chance)?)
}

fn new_id(chance: &Chance) -> String {
    let id: String = chance.bytes::<6>().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("precision-{id}")
}

fn id_in_folder(store: &Path, chance: &Chance) -> io::Result<String> {
    let path = store.join("installation");
    match fs::read_to_string(&path) {
        Ok(id) if !id.trim().is_empty() => Ok(id.trim().to_owned()),
        Ok(_) | Err(_) => {
            let id = new_id(chance);
            fs::create_dir_all(store)?;
            fs::write(&path, format!("{id}\n"))?;
            Ok(id)
        }
    }
}
