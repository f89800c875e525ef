//! What healthdata answers a hospital about a registration (steps 6 back to 3 back).
//!
//! # Bytes, format version 1
//!
//! The frame, numbers, texts and places are those of [`content`](crate::content), padded to [`FEEDBACK_PADDING_STEP`]. The body:
//!
//! | bytes | meaning |
//! | --- | --- |
//! | 1 | kind: 1 status, 2 correction request, 3 approval, 4 follow-up request |
//! | 16 | registration id |
//! | number | version of the registration that it answers |
//! | 16 | item id of the submission that it answers |
//! | number | number of the feedback, rising per registration |
//! | 32 | status only: hash of the content that healthdata opened |
//! | number | requests only: count of comments, then for each: 1 byte (1 with a place, 0 without), the place, text |
//!
//! The place of a comment counts from field 0 each time, as comments stand in the researcher's order.

use std::fmt;

use uuid::Uuid;

use crate::wire::{FrameReader, FrameWriter};
use crate::{ContentError, Place};

/// Feedback is padded to a multiple of this many bytes.
pub const FEEDBACK_PADDING_STEP: usize = 256;

/// What every feedback says of the registration that it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedbackHead {
    /// The registration.
    pub registration_id: Uuid,
    /// The version that is answered.
    pub version: u32,
    /// The item (version and kind of message) that is answered.
    pub item_id: Uuid,
    /// Rises per registration; a hospital ignores what is older than it has.
    pub number: u64,
}

/// A researcher's remark, on the registration or on one of its fields.
#[derive(Clone, PartialEq, Eq)]
pub struct Comment {
    /// The field that it is about; none when it is about the registration.
    pub place: Option<Place>,
    /// What the researcher wrote.
    pub text: String,
}

impl fmt::Debug for Comment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Comment").field("place", &self.place).finish_non_exhaustive()
    }
}

/// An answer of healthdata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feedback {
    /// The registration arrived at HD4RES: the confirmation turns OK when the hash is the one of what was sent.
    Status {
        /// What is answered.
        head: FeedbackHead,
        /// SHA-256 of the content that healthdata opened.
        content_hash: [u8; 32],
    },
    /// The researcher asks for corrections.
    CorrectionRequest {
        /// What is answered.
        head: FeedbackHead,
        /// What should be corrected.
        comments: Vec<Comment>,
    },
    /// The researcher approved the registration.
    Approval {
        /// What is answered.
        head: FeedbackHead,
    },
    /// Further fields have come open.
    FollowUpRequest {
        /// What is answered.
        head: FeedbackHead,
        /// Which fields, and why.
        comments: Vec<Comment>,
    },
}

impl Feedback {
    /// What it answers.
    #[must_use]
    pub const fn head(&self) -> &FeedbackHead {
        match self {
            Self::Status { head, .. }
            | Self::CorrectionRequest { head, .. }
            | Self::Approval { head }
            | Self::FollowUpRequest { head, .. } => head,
        }
    }

    /// The remarks of a request; none for status and approval.
    #[must_use]
    pub fn comments(&self) -> &[Comment] {
        match self {
            Self::CorrectionRequest { comments, .. } | Self::FollowUpRequest { comments, .. } => comments,
            Self::Status { .. } | Self::Approval { .. } => &[],
        }
    }

    /// The name of the kind in logs and tables.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Status { .. } => "STATUS",
            Self::CorrectionRequest { .. } => "CORRECTION_REQUEST",
            Self::Approval { .. } => "APPROVAL",
            Self::FollowUpRequest { .. } => "FOLLOW_UP_REQUEST",
        }
    }

    const fn tag(&self) -> u8 {
        match self {
            Self::Status { .. } => 1,
            Self::CorrectionRequest { .. } => 2,
            Self::Approval { .. } => 3,
            Self::FollowUpRequest { .. } => 4,
        }
    }

    /// The bytes described at the [module](self), padded.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = FrameWriter::with_capacity(FEEDBACK_PADDING_STEP);
        let head = self.head();
        writer.byte(self.tag());
        writer.raw(head.registration_id.as_bytes());
        writer.number(u64::from(head.version));
        writer.raw(head.item_id.as_bytes());
        writer.number(head.number);
        match self {
            Self::Status { content_hash, .. } => writer.raw(content_hash),
            Self::Approval { .. } => {}
            Self::CorrectionRequest { comments, .. } | Self::FollowUpRequest { comments, .. } => {
                writer.number(comments.len() as u64);
                for comment in comments {
                    write_comment(&mut writer, comment);
                }
            }
        }
        writer.finish(FEEDBACK_PADDING_STEP)
    }

    /// Reads what [`Feedback::encode`] wrote, as strictly as [`Content::decode`](crate::Content::decode).
    ///
    /// # Errors
    /// Every deviation from the format.
    pub fn decode(bytes: &[u8]) -> Result<Self, ContentError> {
        let mut reader = FrameReader::open(bytes, FEEDBACK_PADDING_STEP)?;
        let tag = reader.byte()?;
        let head = FeedbackHead {
            registration_id: reader.uuid()?,
            version: reader.number_u32()?,
            item_id: reader.uuid()?,
            number: reader.number()?,
        };
        let feedback = match tag {
            1 => Self::Status { head, content_hash: reader.array()? },
            2 => Self::CorrectionRequest { head, comments: read_comments(&mut reader)? },
            3 => Self::Approval { head },
            4 => Self::FollowUpRequest { head, comments: read_comments(&mut reader)? },
            found => return Err(ContentError::Tag { found }),
        };
        reader.end()?;
        Ok(feedback)
    }
}

fn read_comments(reader: &mut FrameReader<'_>) -> Result<Vec<Comment>, ContentError> {
    let count = reader.count()?;
    let mut comments = Vec::new();
    for _ in 0..count {
        comments.push(read_comment(reader)?);
    }
    Ok(comments)
}

pub(crate) fn read_comment(reader: &mut FrameReader<'_>) -> Result<Comment, ContentError> {
    let place = match reader.byte()? {
        0 => None,
        1 => {
            reader.restart_places();
            Some(reader.place()?)
        }
        found => return Err(ContentError::Tag { found }),
    };
    Ok(Comment { place, text: reader.text()?.to_owned() })
}

pub(crate) fn write_comment(writer: &mut FrameWriter, comment: &Comment) {
    writer.byte(u8::from(comment.place.is_some()));
    if let Some(place) = comment.place {
        writer.restart_places();
        writer.place(place);
    }
    writer.block(comment.text.as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn head() -> FeedbackHead {
        FeedbackHead { registration_id: Uuid::from_bytes([1; 16]), version: 2, item_id: Uuid::from_bytes([3; 16]), number: 300 }
    }

    #[test]
    fn a_status_has_the_documented_bytes() {
        let mut expected = vec![1, 0, 0, 0, 68, 1];
        expected.extend([1; 16]);
        expected.push(2);
        expected.extend([3; 16]);
        expected.extend([0xac, 0x02]);
        expected.extend([8; 32]);
        assert_eq!(expected.len(), 5 + 68);
        expected.resize(256, 0);
        assert_eq!(Feedback::Status { head: head(), content_hash: [8; 32] }.encode(), expected);
    }

    #[test]
    fn status_and_approval_have_one_length() {
        let status = Feedback::Status { head: head(), content_hash: [8; 32] }.encode();
        assert_eq!(status.len(), Feedback::Approval { head: head() }.encode().len());
    }

    #[test]
    fn unknown_kinds_and_trailing_bytes_are_refused() {
        let mut bytes = Feedback::Approval { head: head() }.encode();
        bytes[5] = 9;
        assert_eq!(Feedback::decode(&bytes), Err(ContentError::Tag { found: 9 }));
        bytes[5] = 3;
        bytes[4] += 1;
        assert_eq!(Feedback::decode(&bytes), Err(ContentError::Length));
    }

    #[test]
    fn debug_prints_no_comment() {
        let comment = Comment { place: None, text: "CANARY".into() };
        let feedback = Feedback::CorrectionRequest { head: head(), comments: vec![comment] };
        assert!(!format!("{feedback:?}").contains("CANARY"));
    }

    prop_compose! {
        fn comments()(
            list in proptest::collection::vec((proptest::option::of((any::<u16>(), proptest::option::of(any::<u16>()))), "\\PC{0,80}"), 0..10),
        ) -> Vec<Comment> {
            let place = |(field, item)| Place { field, item };
            list.into_iter().map(|(at, text)| Comment { place: at.map(place), text }).collect()
        }
    }

    proptest! {
        #[test]
        fn every_feedback_reads_back(comments in comments(), kind in 0..4, number in 0_u64..1 << 60) {
            let head = FeedbackHead { number, ..head() };
            let feedback = match kind {
                0 => Feedback::Status { head, content_hash: [7; 32] },
                1 => Feedback::CorrectionRequest { head, comments },
                2 => Feedback::Approval { head },
                _ => Feedback::FollowUpRequest { head, comments },
            };
            let bytes = feedback.encode();
            prop_assert_eq!(bytes.len() % FEEDBACK_PADDING_STEP, 0);
            prop_assert_eq!(Feedback::decode(&bytes), Ok(feedback));
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut framed = vec![1, 0, 0, 0, u8::try_from(bytes.len()).unwrap()];
            framed.extend(&bytes);
            framed.resize(FEEDBACK_PADDING_STEP, 0);
            let _ = Feedback::decode(&framed);
        }
    }
}
