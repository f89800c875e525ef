//! What healthdata seals for the TTP on the way back.

/// The clear text of a sealed return part.
///
/// | bytes | what |
/// | --- | --- |
/// | 1 | form: 1 |
/// | 2 | length of the handle, big-endian |
/// | n | the handle, as the TTP gave it out |
/// | 32 | SHA-256 of the sealed feedback |
#[derive(Clone, PartialEq, Eq)]
pub struct ReturnPart {
    /// The handle that came with the registration; opaque to all but the TTP.
    pub handle: Vec<u8>,
    /// [`content_hash`](crate::content_hash) of the sealed feedback that goes with it.
    pub feedback_hash: [u8; 32],
}

/// Bytes that are not a return part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReturnPartError {
    /// Another form than 1.
    #[error("a return part of an unknown form")]
    UnknownForm,
    /// Too short or too long for what it says.
    #[error("a return part of the wrong length")]
    WrongLength,
}

impl ReturnPartError {
    /// The code that goes with a dead letter.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownForm => "RETURN_PART_FORM",
            Self::WrongLength => "RETURN_PART_LENGTH",
        }
    }
}

impl ReturnPart {
    const FORM: u8 = 1;

    /// Writes the bytes.
    ///
    /// # Errors
    ///
    /// A handle of more than 65,535 bytes.
    pub fn encode(&self) -> Result<Vec<u8>, ReturnPartError> {
        let length = u16::try_from(self.handle.len()).map_err(|_| ReturnPartError::WrongLength)?;
        let mut bytes = Vec::with_capacity(3 + self.handle.len() + 32);
        bytes.push(Self::FORM);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&self.handle);
        bytes.extend_from_slice(&self.feedback_hash);
        Ok(bytes)
    }

    /// Reads the bytes.
    ///
    /// # Errors
    ///
    /// Another form, or a length that does not fit.
    pub fn decode(bytes: &[u8]) -> Result<Self, ReturnPartError> {
        let (form, rest) = bytes.split_first().ok_or(ReturnPartError::WrongLength)?;
        if *form != Self::FORM {
            return Err(ReturnPartError::UnknownForm);
        }
        let (length, rest) = rest.split_first_chunk::<2>().ok_or(ReturnPartError::WrongLength)?;
        let (handle, feedback_hash) = rest.split_last_chunk::<32>().ok_or(ReturnPartError::WrongLength)?;
        if handle.len() != usize::from(u16::from_be_bytes(*length)) {
            return Err(ReturnPartError::WrongLength);
        }
        Ok(Self { handle: handle.to_vec(), feedback_hash: *feedback_hash })
    }
}

impl std::fmt::Debug for ReturnPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReturnPart")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_has_its_documented_bytes() {
        let part = ReturnPart { handle: vec![0xaa, 0xbb], feedback_hash: [7; 32] };
        let bytes = part.encode().unwrap();
        assert_eq!(bytes[..5], [1, 0, 2, 0xaa, 0xbb]);
        assert_eq!(bytes[5..], [7; 32]);
    }

    #[test]
    fn every_other_length_and_form_is_refused() {
        let bytes = ReturnPart { handle: vec![9; 40], feedback_hash: [7; 32] }.encode().unwrap();
        for length in 0..bytes.len() {
            assert_eq!(ReturnPart::decode(&bytes[..length]), Err(ReturnPartError::WrongLength), "{length}");
        }
        assert_eq!(ReturnPart::decode(&[bytes.as_slice(), &[0]].concat()), Err(ReturnPartError::WrongLength));
        let mut other = bytes;
        other[0] = 2;
        assert_eq!(ReturnPart::decode(&other), Err(ReturnPartError::UnknownForm));
        let part = ReturnPart { handle: vec![0; 65_536], feedback_hash: [0; 32] };
        assert_eq!(part.encode(), Err(ReturnPartError::WrongLength));
    }

    proptest! {
        #[test]
        fn written_is_read_back(handle in prop::collection::vec(any::<u8>(), 0..300), feedback_hash in any::<[u8; 32]>()) {
            let part = ReturnPart { handle, feedback_hash };
            prop_assert_eq!(ReturnPart::decode(&part.encode().unwrap()), Ok(part));
        }
    }
}
