//! The pseudonym part, before it is sealed and after it is opened.

use crate::{Pseudonym, PseudonymisedError, SenderCode};
use std::fmt;

/// What the TTP gives healthdata instead of the identity part (step 5), and the hash of the content that it belongs to.
///
/// Encoded, all parts with handles of one length have one length:
///
/// | bytes | what |
/// | --- | --- |
/// | 0 | version of this format, 1 |
/// | 1 to 64 | the pseudonym in ASCII, and zeros |
/// | 65 to 81 | the sender code in ASCII |
/// | 82 to 113 | SHA-256 of the sealed content |
/// | 114 to the end | the return handle |
#[derive(Clone, PartialEq, Eq)]
pub struct PseudonymPart {
    /// The patient.
    pub pseudonym: Pseudonym,
    /// The hospital.
    pub sender: SenderCode,
    /// What the TTP needs to answer; opaque to everybody else.
    pub handle: Vec<u8>,
    /// SHA-256 of the sealed content of the item.
    pub content_hash: [u8; 32],
}

const VERSION: u8 = 1;
const PSEUDONYM_BYTES: usize = 64;
const _: () = assert!(Pseudonym::LENGTH_MAX <= PSEUDONYM_BYTES);

impl PseudonymPart {
    /// The part as bytes, ready to be sealed.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1 + PSEUDONYM_BYTES + SenderCode::LENGTH + 32 + self.handle.len());
        bytes.push(VERSION);
        bytes.extend_from_slice(self.pseudonym.as_str().as_bytes());
        bytes.resize(1 + PSEUDONYM_BYTES, 0);
        bytes.extend_from_slice(self.sender.as_str().as_bytes());
        bytes.extend_from_slice(&self.content_hash);
        bytes.extend_from_slice(&self.handle);
        bytes
    }

    /// Reads a part back.
    ///
    /// # Errors
    ///
    /// [`PseudonymisedError`] for any bytes that [`PseudonymPart::encode`] does not write.
    pub fn decode(bytes: &[u8]) -> Result<Self, PseudonymisedError> {
        let ([version], rest) = bytes.split_first_chunk().ok_or(PseudonymisedError::Malformed)?;
        if *version != VERSION {
            return Err(PseudonymisedError::UnknownVersion);
        }
        let (pseudonym, rest) = rest.split_first_chunk::<PSEUDONYM_BYTES>().ok_or(PseudonymisedError::Malformed)?;
        let (sender, rest) = rest.split_first_chunk::<{ SenderCode::LENGTH }>().ok_or(PseudonymisedError::Malformed)?;
        let (content_hash, handle) = rest.split_first_chunk().ok_or(PseudonymisedError::Malformed)?;
        let length = pseudonym.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let pseudonym = std::str::from_utf8(&pseudonym[..length]).map_err(|_| PseudonymisedError::Malformed)?;
        let sender = std::str::from_utf8(sender).map_err(|_| PseudonymisedError::Malformed)?;
        Ok(Self { pseudonym: pseudonym.parse()?, sender: sender.parse()?, handle: handle.to_vec(), content_hash: *content_hash })
    }
}

impl fmt::Debug for PseudonymPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PseudonymPart")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn part(epoch: u32, handle: Vec<u8>) -> PseudonymPart {
        PseudonymPart {
            pseudonym: Pseudonym::assemble("healthdata", epoch, "ABCDEFGHIJKLMNOPQRSTUVWXYZ").unwrap(),
            sender: "SABCDEFGHIJKLMNO7".parse().unwrap(),
            handle,
            content_hash: [0xab; 32],
        }
    }

    #[test]
    fn the_bytes_stand_where_the_documentation_says() {
        let bytes = part(1, vec![5, 6]).encode();
        assert_eq!(bytes[0], 1);
        assert_eq!(&bytes[1..14], b"healthdata.1.");
        assert_eq!(bytes[41..65], [0; 24]);
        assert_eq!(&bytes[65..82], b"SABCDEFGHIJKLMNO7");
        assert_eq!(bytes[82..114], [0xab; 32]);
        assert_eq!(bytes[114..], [5, 6]);
    }

    #[test]
    fn the_length_does_not_tell_the_epoch() {
        assert_eq!(part(1, vec![0; 9]).encode().len(), part(1000, vec![0; 9]).encode().len());
    }

    #[test]
    fn refuses_other_versions_lengths_and_contents() {
        use PseudonymisedError as E;
        let bytes = part(1, Vec::new()).encode();
        let changed = |at: usize, to: u8| {
            let mut bytes = bytes.clone();
            bytes[at] = to;
            PseudonymPart::decode(&bytes).unwrap_err()
        };
        assert_eq!(changed(0, 2), E::UnknownVersion);
        assert_eq!(changed(14, b'B'), E::CheckCharacter);
        assert_eq!(changed(64, b'B'), E::CheckCharacter);
        assert_eq!(changed(2, 0xff), E::Malformed);
        assert_eq!(changed(65, b'T'), E::SenderCode);
        assert_eq!(PseudonymPart::decode(&bytes[..113]).unwrap_err(), E::Malformed);
        assert_eq!(PseudonymPart::decode(&[]).unwrap_err(), E::Malformed);
    }

    proptest! {
        /// What is read is exactly what would be written, whatever byte of a good part becomes another one.
        #[test]
        fn decoding_is_strict(epoch in 1_u32.., handle in prop::collection::vec(any::<u8>(), 0..20), at in any::<prop::sample::Index>(), to: u8) {
            let part = part(epoch, handle);
            let mut bytes = part.encode();
            prop_assert!(PseudonymPart::decode(&bytes) == Ok(part));
            let at = at.index(bytes.len());
            bytes[at] = to;
            if let Ok(part) = PseudonymPart::decode(&bytes) {
                prop_assert_eq!(part.encode(), bytes);
            }
        }
    }
}
