//! Bytes on the wire: canonical base64, read straight from the document and written straight into it.

use std::{fmt, ops::Deref, str::FromStr, sync::LazyLock};

use base64::{
    Engine,
    engine::{Simd, general_purpose::PAD},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{IdError, error::Marker};

/// RFC 4648 section 4 with padding; unused bits must be zero, so that equal bytes are equal texts. Which instructions the processor
/// has is asked once.
static STANDARD: LazyLock<Simd> = LazyLock::new(|| Simd::standard(PAD));

/// Opaque bytes: a sealed blob, a handle, an encoded content. Debug prints their number only.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct B64(pub Vec<u8>);

impl B64 {
    /// Characters that `bytes` bytes take on the wire, without the quotes.
    #[must_use]
    pub const fn encoded_len(bytes: usize) -> usize {
        bytes.div_ceil(3) * 4
    }
}

impl Deref for B64 {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for B64 {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for B64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "B64({} bytes)", self.0.len())
    }
}

/// Exactly `N` opaque bytes. Debug prints their number only.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct B64Fixed<const N: usize>(pub [u8; N]);

impl<const N: usize> fmt::Debug for B64Fixed<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "B64Fixed({N} bytes)")
    }
}

// Both types are bytes to serde. The document's formatter writes bytes as base64, and the readers below decode them from the slice
// that the parser lends, so that no text of a blob is ever held.

impl Serialize for B64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for B64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(Base64Visitor)
    }
}

impl<const N: usize> Serialize for B64Fixed<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de, const N: usize> Deserialize<'de> for B64Fixed<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = deserializer.deserialize_bytes(Base64Visitor)?;
        bytes.0.try_into().map(Self).map_err(|_| de::Error::custom(Marker::WrongLength))
    }
}

struct Base64Visitor;

impl de::Visitor<'_> for Base64Visitor {
    type Value = B64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("base64")
    }

    fn visit_bytes<E: de::Error>(self, text: &[u8]) -> Result<B64, E> {
        STANDARD.decode(text).map(B64).map_err(|_| E::custom(Marker::NotBase64))
    }
}

/// Writes compact JSON, and bytes as base64 without a text in between.
pub(crate) struct Compact;

impl serde_json::ser::Formatter for Compact {
    fn write_byte_array<W: ?Sized + std::io::Write>(&mut self, writer: &mut W, value: &[u8]) -> std::io::Result<()> {
        const GROUP: usize = 3 * 1024;
        let mut text = [0; GROUP / 3 * 4];
        writer.write_all(b"\"")?;
        for group in value.chunks(GROUP) {
            let length = STANDARD.encode_slice(group, &mut text).map_err(std::io::Error::other)?;
            writer.write_all(&text[..length])?;
        }
        writer.write_all(b"\"")
    }
}

/// The 8 bytes that name a key, as 16 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyIdHex(pub [u8; 8]);

impl fmt::Debug for KeyIdHex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyIdHex({self})")
    }
}

impl fmt::Display for KeyIdHex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl FromStr for KeyIdHex {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() != 16 || !text.bytes().all(digits) {
            return Err(IdError);
        }
        u64::from_str_radix(text, 16).map(|bits| Self(bits.to_be_bytes())).map_err(|_| IdError)
    }
}

impl Serialize for KeyIdHex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyIdHex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyIdVisitor;

        impl de::Visitor<'_> for KeyIdVisitor {
            type Value = KeyIdHex;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key id")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<KeyIdHex, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(KeyIdVisitor)
    }
}
