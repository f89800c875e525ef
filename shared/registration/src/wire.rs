//! The bytes that contents and feedback are made of: a frame (format version, length, body, zeros up to a flat step) and the few
//! kinds of values inside the body.

use uuid::Uuid;

use crate::{ContentError, Place};

/// Format version, the first byte of every frame.
pub(crate) const FORMAT_VERSION: u8 = 1;

/// Bytes in front of the body: format version and body length.
const FRAME_HEAD: usize = 5;

/// Writes one frame.
pub(crate) struct FrameWriter {
    bytes: Vec<u8>,
    /// The field of the last place, from which the next one counts.
    field: u16,
}

impl FrameWriter {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        let mut bytes = Vec::with_capacity(capacity);
        bytes.extend_from_slice(&[FORMAT_VERSION, 0, 0, 0, 0]);
        Self { bytes, field: 0 }
    }

    pub(crate) fn byte(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(crate) fn raw(&mut self, value: &[u8]) {
        self.bytes.extend_from_slice(value);
    }

    /// LEB128: seven bits per byte, lowest first, the high bit says that another follows.
    pub(crate) fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push((value & 0x7f) as u8);
    }

    pub(crate) fn block(&mut self, value: &[u8]) {
        self.number(value.len() as u64);
        self.raw(value);
    }

    /// Places count from field 0 again: a new sequence of them begins.
    pub(crate) fn restart_places(&mut self) {
        self.field = 0;
    }

    /// Twice the distance from the field before, plus one when an item follows. Places must be written in rising order.
    pub(crate) fn place(&mut self, place: Place) {
        let step = u64::from(place.field.saturating_sub(self.field));
        self.field = place.field;
        self.number(step << 1 | u64::from(place.item.is_some()));
        if let Some(item) = place.item {
            self.number(u64::from(item));
        }
    }

    /// Sets the length and pads with zeros to the next multiple of `step`.
    pub(crate) fn finish(mut self, step: usize) -> Vec<u8> {
        // A body above 4 GiB cannot come about: a publication holds 10 MB.
        let length = u32::try_from(self.bytes.len() - FRAME_HEAD).unwrap_or(u32::MAX);
        self.bytes[1..FRAME_HEAD].copy_from_slice(&length.to_be_bytes());
        self.bytes.resize(self.bytes.len().next_multiple_of(step), 0);
        self.bytes
    }
}

/// Reads one frame's body. Every read fails rather than guessing.
pub(crate) struct FrameReader<'a> {
    rest: &'a [u8],
    field: u16,
}

impl<'a> FrameReader<'a> {
    /// Checks the frame: version, length, exactly the padding that the step demands, all zero.
    pub(crate) fn open(bytes: &'a [u8], step: usize) -> Result<Self, ContentError> {
        let (&found, after) = bytes.split_first().ok_or(ContentError::Truncated)?;
        if found != FORMAT_VERSION {
            return Err(ContentError::FormatVersion { found });
        }
        let (length, body) = after.split_first_chunk::<4>().ok_or(ContentError::Truncated)?;
        let length = u32::from_be_bytes(*length) as usize;
        if length > body.len() {
            return Err(ContentError::Truncated);
        }
        if (FRAME_HEAD + length).checked_next_multiple_of(step) != Some(bytes.len()) {
            return Err(ContentError::Length);
        }
        let (body, padding) = body.split_at(length);
        if padding.iter().any(|&byte| byte != 0) {
            return Err(ContentError::Padding);
        }
        Ok(Self { rest: body, field: 0 })
    }

    pub(crate) fn byte(&mut self) -> Result<u8, ContentError> {
        let (&byte, rest) = self.rest.split_first().ok_or(ContentError::Truncated)?;
        self.rest = rest;
        Ok(byte)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], ContentError> {
        let (&array, rest) = self.rest.split_first_chunk::<N>().ok_or(ContentError::Truncated)?;
        self.rest = rest;
        Ok(array)
    }

    pub(crate) fn uuid(&mut self) -> Result<Uuid, ContentError> {
        self.array().map(Uuid::from_bytes)
    }

    pub(crate) fn number(&mut self) -> Result<u64, ContentError> {
        let mut value = 0_u64;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                // A last byte of zero behind others says nothing: there is a shorter form.
                return if byte == 0 && shift > 0 { Err(ContentError::Number) } else { Ok(value) };
            }
        }
        Err(ContentError::Number)
    }

    pub(crate) fn number_u32(&mut self) -> Result<u32, ContentError> {
        u32::try_from(self.number()?).map_err(|_| ContentError::Number)
    }

    pub(crate) fn block(&mut self) -> Result<&'a [u8], ContentError> {
        let length = usize::try_from(self.number()?).map_err(|_| ContentError::Number)?;
        let (block, rest) = self.rest.split_at_checked(length).ok_or(ContentError::Truncated)?;
        self.rest = rest;
        Ok(block)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, ContentError> {
        std::str::from_utf8(self.block()?).map_err(|_| ContentError::Text)
    }

    /// A count of things that take at least one byte each: more than bytes are left is refused before anything is reserved.
    pub(crate) fn count(&mut self) -> Result<usize, ContentError> {
        let count = usize::try_from(self.number()?).map_err(|_| ContentError::Number)?;
        if count > self.rest.len() { Err(ContentError::Truncated) } else { Ok(count) }
    }

    pub(crate) fn restart_places(&mut self) {
        self.field = 0;
    }

    pub(crate) fn place(&mut self) -> Result<Place, ContentError> {
        let coded = self.number()?;
        let step = u16::try_from(coded >> 1).map_err(|_| ContentError::Number)?;
        self.field = self.field.checked_add(step).ok_or(ContentError::Number)?;
        let item = if coded & 1 == 1 { Some(u16::try_from(self.number()?).map_err(|_| ContentError::Number)?) } else { None };
        Ok(Place { field: self.field, item })
    }

    /// The body must be used up.
    pub(crate) fn end(self) -> Result<(), ContentError> {
        if self.rest.is_empty() { Ok(()) } else { Err(ContentError::Length) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(body: &[u8]) -> Result<u64, ContentError> {
        let mut reader = FrameReader { rest: body, field: 0 };
        let value = reader.number()?;
        reader.end().map(|()| value)
    }

    #[test]
    fn numbers_have_one_form_only() {
        assert_eq!(read(&[0]), Ok(0));
        assert_eq!(read(&[0x80, 0x01]), Ok(128));
        assert_eq!(read(&[0x80, 0x00]), Err(ContentError::Number));
        assert_eq!(read(&[0xff; 12]), Err(ContentError::Number));
        assert_eq!(read(&[0x80]), Err(ContentError::Truncated));
    }

    proptest! {
        #[test]
        fn a_number_reads_back(value in 0_u64..1 << 62) {
            let mut writer = FrameWriter::with_capacity(16);
            writer.number(value);
            let bytes = writer.finish(64);
            let mut reader = FrameReader::open(&bytes, 64).unwrap();
            prop_assert_eq!(reader.number(), Ok(value));
            prop_assert_eq!(reader.end(), Ok(()));
        }
    }
}
