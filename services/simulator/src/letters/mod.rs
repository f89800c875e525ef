//! Dead letters: what services set aside, looked at without opening it, and put back where it was set aside from.
//!
//! - [`place`]: the queue of dead letters of each queue, and the way back from it.
//! - [`letter`], [`shape`]: one dead letter as an operator may see it: its envelope and what its parts look like, never what they hold.
//! - [`filter`]: which of them.
//! - [`discard`]: taking them away for good, each written down first.
//! - [`view`]: how a letter is shown.
//! - [`why`]: what a reason means, and what can be done about it.
//! - `reading`: taking letters off a queue so that they all go back to their places.
//! - [`office`]: a look at all of them.
//! - [`todo`], [`job`], `requeue`: putting them back, with progress, pause and cancel; [`jobs`] keeps the jobs of a process.
//!
//! Nothing is lost by putting back: a letter is acknowledged behind the confirm of its publication on the working queue. What dies in between leaves it on both queues,
//! and that is harmless, since every effect is idempotent on the item id.

#[cfg(any(test, feature = "contract"))]
pub mod contract;
pub mod discard;
pub mod filter;
pub mod job;
pub mod jobs;
pub mod letter;
pub mod office;
pub mod place;
mod reading;
mod requeue;
pub mod shape;
mod todo;
pub mod view;
pub mod why;

pub use discard::{DiscardError, Meant};
pub use filter::{Filter, FilterError, Wanted};
pub use job::{Job, Order, Standing, State};
pub use jobs::Jobs;
pub use letter::Letter;
pub use office::{Look, Office};
pub use place::Place;
pub use view::{LetterDetail, LetterView};
pub use why::Why;

#[cfg(test)]
mod tests;
