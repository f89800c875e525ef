//! The two messages that stand clear in a hospital's zone: step 3, from HD4DP to the messaging client, and step 3 back.
//!
//! This is the one place where an identity is written as text. Both messages hold it beside the content or feedback, which travels as
//! the bytes that `registration` describes.

mod clear_identity;
mod feedback_delivery;
mod submission;

pub use clear_identity::ClearIdentity;
pub use feedback_delivery::{DeliveredItem, FeedbackDelivery};
pub use submission::{Submission, SubmissionItem};

#[cfg(test)]
mod tests;
