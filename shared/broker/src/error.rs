use topology::QueueName;

/// Why a publication was not confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// No queue takes this route, or this user may not write to it. Trying again helps only after someone has mended the broker.
    #[error("the publication's route leads to no queue")]
    Unroutable,
    /// The broker refused it: the queue is full. Nothing was stored.
    #[error("the queue is full and refused the publication")]
    Rejected,
    /// The confirm did not arrive: the connection broke or the deadline passed. The publication may be in the queue or not.
    #[error("the publication's confirm was lost")]
    ConfirmLost,
    /// The broker cannot be reached. Nothing was sent.
    #[error("the broker cannot be reached")]
    Unavailable,
}

/// Why a queue cannot be read, or a verdict cannot be given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BrokerError {
    /// The broker cannot be reached.
    #[error("the broker cannot be reached")]
    Unavailable,
    /// The connection broke. Deliveries that were out come back, marked as redelivered.
    #[error("the connection to the broker was lost")]
    ConnectionLost,
    /// Nobody has declared this queue.
    #[error("the broker has no queue {0}")]
    UnknownQueue(QueueName),
    /// The broker knows the user but not this right, or does not know the user.
    #[error("the broker refuses access")]
    AccessRefused,
    /// The address of the broker cannot be read. It is not repeated, since it may hold a password.
    #[error("the address of the broker is not a valid amqp:// or amqps:// URL")]
    InvalidAddress,
    /// A file that TLS needs cannot be used.
    #[error("use {file} for TLS to the broker: {reason}")]
    Certificate {
        /// The file.
        file: String,
        /// Why not.
        reason: String,
    },
    /// The broker has no certificate that can be believed.
    #[error("the broker's certificate is not to be trusted: {0}")]
    Untrusted(String),
    /// The topology could not be declared; the broker's own words.
    #[error("the topology could not be declared: {0}")]
    Declare(String),
}
