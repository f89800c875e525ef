//! The documents that travel on queues.

use envelope::{EnvelopeError, MAX_BYTES, MAX_ITEMS, Message, Publication, sealed};
use hco_messages::{FeedbackDelivery, Submission};
use hd_messages::{Arrival, OutgoingFeedback, RecodedPatients, RecodedRows, Validation, Verdict};

use crate::{chosen, telling::assert_words};

/// Its section 9 has the codes.
const WIRE: &str = include_str!("../../../docs/WIRE.md");

/// What a refusal says besides numbers.
const WORDS: &str = "a publication of no items more than bytes with at line column its end missing behind the document text that is not JSON an unknown \
                     member repeated version type base64 canonical value wrong length form";

/// Readers of all documents, in the order of docs/WIRE.md, section 2.
const READERS: [fn(&[u8]); 14] = [
    read::<Submission>,
    read::<sealed::SealedSubmission>,
    read::<sealed::PseudonymisedSubmission>,
    read::<Arrival>,
    read::<Validation>,
    read::<Verdict>,
    read::<OutgoingFeedback>,
    read::<sealed::SealedFeedback>,
    read::<sealed::ReturnedFeedback>,
    read::<FeedbackDelivery>,
    read::<sealed::RecodeRequest>,
    read::<sealed::RecodeAnswer>,
    read::<RecodedPatients>,
    read::<RecodedRows>,
];

/// A publication: the first byte chooses of which step, in the order of docs/WIRE.md.
///
/// Holds: a refusal has a code of docs/WIRE.md and says nothing of the document; what was read is written in no more bytes and read as the same; it is
/// written in one form; and neither a byte behind it, nor a member more, nor another type is let pass.
pub fn publication(bytes: &[u8]) {
    let (choice, document) = chosen(bytes);
    READERS[usize::from(choice) % READERS.len()](document);
}

fn read<D: Message + Clone + PartialEq + std::fmt::Debug>(document: &[u8]) {
    let publication = match Publication::<D>::decode(document) {
        Ok(publication) => publication,
        Err(error) => return assert_refusal(&error),
    };
    assert!(document.len() <= MAX_BYTES && (1..=MAX_ITEMS).contains(&publication.data.len()));
    let encoded = publication.encode();
    assert!(encoded.is_ok(), "what was read cannot be written: {encoded:?}");
    let encoded = encoded.unwrap_or_default();
    assert!(encoded.len() <= document.len(), "{} bytes became {}", document.len(), encoded.len());
    assert_eq!(Publication::<D>::decode(&encoded).as_ref(), Ok(&publication));
    assert_eq!(publication.encode().ok(), Some(encoded.clone()));
    let with = |changed: Vec<u8>| Publication::<D>::decode(&changed).map(|_| ()).map_err(|error| error.code());
    assert_eq!(with([document, b" "].concat()), Err("TRAILING_BYTES"));
    assert_eq!(with([b"{\"more\":1,", &encoded[1..]].concat()), Err("UNKNOWN_MEMBER"));
    assert_eq!(with(encoded[..encoded.len() - 1].to_vec()), Err("TRUNCATED"));
    let other = if D::TYPE == Verdict::TYPE { Arrival::TYPE } else { Verdict::TYPE };
    let renamed = String::from_utf8_lossy(&encoded).replacen(D::TYPE, other, 1);
    assert_eq!(with(renamed.into_bytes()), Err("UNKNOWN_TYPE"));
}

fn assert_refusal(error: &EnvelopeError) {
    assert!(WIRE.contains(&format!("`{}`", error.code())), "docs/WIRE.md lacks {}", error.code());
    assert_words(&error.to_string(), WORDS);
}
