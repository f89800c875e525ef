//! What the test crates share: a RabbitMQ or several to test against, ways to cut their connections, that broker as the contract suite wants it, and a collector of traces.

mod cable;
mod cluster;
mod collector;
mod node;
mod rabbit;
mod subject;
mod until;

pub use cable::Cable;
pub use cluster::{Balancer, Cluster};
pub use collector::{Collector, Span};
pub use node::Node;
pub use rabbit::{Origin, Rabbit};
pub use subject::{CutByHand, RabbitSubject, unique_prefix};
pub use until::until;
