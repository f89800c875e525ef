//! The one table of exchanges, queues, limits and permissions.
//!
//! [`Arrow`] holds every arrow of the flow (design, section 3): which step it is, who sends, who receives, in whose zone it stands and in which
//! form. [`Topology`] spells the table out for a set of hospitals. The embedded broker is built from it, RabbitMQ is declared from it,
//! and the broker definitions and the queue table of the documentation are printed from it: nobody writes a queue's name a second time.

mod actor;
mod arrow;
mod dataflow;
mod definitions;
mod name;
mod nihdi;
mod permission;
mod table;

pub use actor::{Actor, User};
pub use arrow::{Arrow, Form, Zone};
pub use dataflow::dataflow_markdown;
pub use definitions::{Argument, Password};
pub use name::{Naming, QueueName, Route};
pub use nihdi::{Nihdi, NihdiError};
pub use permission::Permission;
pub use table::{Binding, Exchange, Limits, Queue, Topology, Vhost, VhostError};
