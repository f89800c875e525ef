//! What the test crates share: a RabbitMQ to test against, a way to cut its connections, and that broker as the contract suite wants it.

mod cable;
mod node;
mod rabbit;
mod subject;
mod until;

pub use cable::Cable;
pub use node::Node;
pub use rabbit::{Origin, Rabbit};
pub use subject::{CutByHand, RabbitSubject, unique_prefix};
pub use until::until;
