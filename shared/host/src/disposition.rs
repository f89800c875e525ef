//! What becomes of an item that could not be handled.

/// The answer of every service error to "what now": each error enum gives it in one exhaustive `match`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Nothing is wrong with the item; try again later, keeping the delivery.
    Retry,
    /// The item can never be handled here: into the dead-letter queue, with this code of docs/WIRE.md.
    DeadLetter(&'static str),
    /// Nothing to do and nothing to complain of: note it under this code and go on.
    Ignore(&'static str),
}
