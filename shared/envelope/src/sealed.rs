//! The documents of eHealth's zone: nothing in them is clear.

mod encapsulation;
mod pseudonymised_submission;
mod recode_answer;
mod recode_request;
mod return_part;
mod returned_feedback;
mod sealed_feedback;
mod sealed_submission;

pub use encapsulation::{ContentSeal, Encapsulation};
pub use pseudonymised_submission::{PseudonymisedItem, PseudonymisedSubmission};
pub use recode_answer::{RecodeAnswer, RecodeAnswerItem};
pub use recode_request::{RecodeRequest, RecodeRequestItem};
pub use return_part::{ReturnPart, ReturnPartError};
pub use returned_feedback::{ReturnedFeedback, ReturnedItem};
pub use sealed_feedback::{SealedFeedback, SealedFeedbackItem};
pub use sealed_submission::{SealedItem, SealedSubmission};
