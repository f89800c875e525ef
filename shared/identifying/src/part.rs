//! The sealed identity part, before it is sealed and after it is opened.

use crate::{Identity, IdentityError, IdentityKind};
use std::fmt;

/// An identity and the hash of what it belongs to, so that nobody in between can swap them.
///
/// HCO to TTP (step 4) it goes with a registration's sealed content, TTP to HCO (step 4 back) with sealed feedback.
///
/// Encoded it has [`IdentityPart::LENGTH`] bytes, whatever the identity, so that a sealed one does not tell its kind:
///
/// | bytes | what |
/// | --- | --- |
/// | 0 | version of this format, 1 |
/// | 1 | kind of identity: 1 SSIN, 2 generated id |
/// | 2 to 33 | the value in ASCII, 11 or 27 bytes by kind, and zeros |
/// | 34 to 65 | SHA-256 of the sealed content or feedback |
#[derive(Clone, PartialEq, Eq)]
pub struct IdentityPart {
    /// Whom the item is about.
    pub identity: Identity,
    /// SHA-256 of the sealed content (to the TTP) or of the sealed feedback (to the HCO) of the item.
    pub content_hash: [u8; 32],
}

const VERSION: u8 = 1;
const VALUE_BYTES: usize = 32;

impl IdentityPart {
    /// Bytes of every encoded part.
    pub const LENGTH: usize = 2 + VALUE_BYTES + 32;

    /// The part as bytes, ready to be sealed.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::LENGTH);
        bytes.push(VERSION);
        bytes.push(match self.identity.kind() {
            IdentityKind::Ssin => 1,
            IdentityKind::Generated => 2,
        });
        bytes.extend_from_slice(self.identity.reveal().as_bytes());
        bytes.resize(2 + VALUE_BYTES, 0);
        bytes.extend_from_slice(&self.content_hash);
        bytes
    }

    /// Reads a part back.
    ///
    /// # Errors
    ///
    /// [`IdentityError`] for any bytes that [`IdentityPart::encode`] does not write.
    pub fn decode(bytes: &[u8]) -> Result<Self, IdentityError> {
        let bytes: &[u8; Self::LENGTH] = bytes.try_into().map_err(|_| IdentityError::Malformed)?;
        let ([version, kind], rest) = bytes.split_first_chunk().ok_or(IdentityError::Malformed)?;
        let (value, hash) = rest.split_last_chunk().ok_or(IdentityError::Malformed)?;
        if *version != VERSION {
            return Err(IdentityError::UnknownVersion);
        }
        let kind = match kind {
            1 => IdentityKind::Ssin,
            2 => IdentityKind::Generated,
            _ => return Err(IdentityError::UnknownKind),
        };
        let length = value.iter().position(|byte| *byte == 0).unwrap_or(value.len());
        let (value, padding) = value.split_at(length);
        if padding.iter().any(|byte| *byte != 0) {
            return Err(IdentityError::Malformed);
        }
        let value = std::str::from_utf8(value).map_err(|_| IdentityError::Malformed)?;
        Ok(Self { identity: Identity::from_parts(kind, value)?, content_hash: *hash })
    }
}

impl fmt::Debug for IdentityPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentityPart")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GeneratedId, SharedHospitalKey};
    use proptest::prelude::*;

    fn parts() -> [IdentityPart; 2] {
        let generated = GeneratedId::derive(&SharedHospitalKey::new([7; 32]), "a", "b", (1964, 3, 12), "1");
        let ssin = "64031299906".parse().unwrap();
        [Identity::Ssin(ssin), Identity::Generated(generated)].map(|identity| IdentityPart { identity, content_hash: [0xab; 32] })
    }

    #[test]
    fn the_bytes_stand_where_the_documentation_says() {
        let [ssin, generated] = parts();
        let bytes = ssin.encode();
        assert_eq!(bytes[..2], [1, 1]);
        assert_eq!(&bytes[2..13], b"64031299906");
        assert_eq!(bytes[13..34], [0; 21]);
        assert_eq!(bytes[34..], [0xab; 32]);
        let bytes = generated.encode();
        assert_eq!(bytes[..3], [1, 2, b'G']);
        assert_eq!(bytes[29..34], [0; 5]);
    }

    #[test]
    fn all_kinds_have_one_length_and_are_read_back() {
        for part in parts() {
            let bytes = part.encode();
            assert_eq!(bytes.len(), IdentityPart::LENGTH);
            assert!(IdentityPart::decode(&bytes) == Ok(part));
        }
    }

    #[test]
    fn refuses_other_versions_kinds_and_lengths() {
        let bytes = parts()[0].encode();
        let changed = |at: usize, to: u8| {
            let mut bytes = bytes.clone();
            bytes[at] = to;
            IdentityPart::decode(&bytes).unwrap_err()
        };
        assert_eq!(changed(0, 2), IdentityError::UnknownVersion);
        assert_eq!(changed(1, 0), IdentityError::UnknownKind);
        assert_eq!(changed(1, 2), IdentityError::NotAGeneratedId);
        assert_eq!(changed(12, b'7'), IdentityError::NotAnSsin);
        assert_eq!(changed(20, b'7'), IdentityError::Malformed);
        assert_eq!(changed(2, 0xff), IdentityError::Malformed);
        assert_eq!(IdentityPart::decode(&bytes[1..]).unwrap_err(), IdentityError::Malformed);
        assert_eq!(IdentityPart::decode(&[&bytes[..], &[0]].concat()).unwrap_err(), IdentityError::Malformed);
    }

    proptest! {
        /// What is read is exactly what would be written.
        #[test]
        fn decoding_is_strict(mut bytes in prop::collection::vec(any::<u8>(), 0..80), patch in any::<bool>()) {
            if patch {
                let good = parts()[0].encode();
                bytes.resize(IdentityPart::LENGTH, 0);
                bytes[..30].copy_from_slice(&good[..30]);
            }
            if let Ok(part) = IdentityPart::decode(&bytes) {
                prop_assert_eq!(part.encode(), bytes);
            }
        }
    }
}
