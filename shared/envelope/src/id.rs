//! Ids without a clock: random batch and counter (v8), or derived from another id (v5).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

/// A text that is not an id: 36 characters, lower-case hexadecimal with hyphens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the form 01234567-89ab-8def-8123-456789abcdef")]
pub struct IdError;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID that was read from a store.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID itself.
            #[must_use]
            pub const fn uuid(&self) -> Uuid {
                self.0
            }

            /// The 16 bytes, as the sealing's associated data has them.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// The id (v5) that follows from this one and `purpose`: a redelivered publication gives the same one again.
            #[must_use]
            pub fn derived(&self, purpose: &str) -> Self {
                Self(Uuid::new_v5(&self.0, purpose.as_bytes()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                parse(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.0.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(IdVisitor).map(Self)
            }
        }
    };
}

id! {
    /// Names one item: one per version of a registration and kind of message, kept over resends.
    ItemId
}

id! {
    /// Names one publication: new for every send, derived where the TTP passes one on.
    PublicationId
}

/// Accepts the one canonical form only, so that equal ids are equal texts everywhere.
fn parse(text: &str) -> Result<Uuid, IdError> {
    if text.len() != 36 || text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(IdError);
    }
    Uuid::try_parse(text).map_err(|_| IdError)
}

struct IdVisitor;

impl de::Visitor<'_> for IdVisitor {
    type Value = Uuid;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Uuid, E> {
        parse(text).map_err(E::custom)
    }
}

/// Hands out ids (UUID v8) that share 80 random bits and end in a counter of 42 bits: no clock, and rising in byte order, so that a
/// store appends them at the end of its index.
///
/// ```text
/// rrrrrrrr-rrrr-8rrr-Rrrr-rMCCCCCCCCCC   r random, C counter, R variant and 2 random bits, M 2 random bits and 2 of the counter
/// ```
#[derive(Debug)]
pub struct IdBatch {
    random: [u8; 10],
    next: u64,
}

impl IdBatch {
    /// Ids that one batch can hand out.
    const COUNTER_BITS: u32 = 42;

    /// A batch on 80 bits of randomness; two batches on the same bits hand out the same ids.
    #[must_use]
    pub const fn new(random: [u8; 10]) -> Self {
        Self { random, next: 0 }
    }

    /// The next id of the batch.
    pub fn next_uuid(&mut self) -> Uuid {
        let mut wide = [0; 16];
        wide[6..].copy_from_slice(&self.random);
        let random = u128::from_be_bytes(wide);
        let counter = u128::from(self.next) & ((1 << Self::COUNTER_BITS) - 1);
        self.next += 1;
        // 122 bits that are ours: 48 before the version, 12 between version and variant, 62 behind it.
        let ours = (random << Self::COUNTER_BITS) | counter;
        let (high, middle, low) = (ours >> 74, (ours >> 62) & 0xfff, ours & ((1 << 62) - 1));
        Uuid::from_u128((high << 80) | (0x8 << 76) | (middle << 64) | (0b10 << 62) | low)
    }

    /// The next id, for an item.
    pub fn next_item(&mut self) -> ItemId {
        ItemId(self.next_uuid())
    }

    /// The next id, for a publication.
    pub fn next_publication(&mut self) -> PublicationId {
        PublicationId(self.next_uuid())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_batch_rises_in_byte_order_and_is_version_8() {
        let mut batch = IdBatch::new([0xff; 10]);
        let ids: Vec<ItemId> = (0..5_000).map(|_| batch.next_item()).collect();
        assert!(ids.is_sorted_by(|a, b| a.as_bytes() < b.as_bytes()));
        assert!(ids.iter().all(|id| id.uuid().get_version_num() == 8 && id.uuid().get_variant() == uuid::Variant::RFC4122));
    }

    #[test]
    fn a_batch_has_its_documented_layout() {
        let mut batch = IdBatch::new([0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23]);
        assert_eq!(batch.next_uuid().to_string(), "01234567-89ab-8cde-bc04-8c0000000000");
        assert_eq!(batch.next_uuid().to_string(), "01234567-89ab-8cde-bc04-8c0000000001");
    }

    #[test]
    fn only_the_canonical_text_is_an_id() {
        let canonical = "01234567-89ab-8cde-bc04-8c0000000000";
        assert!(canonical.parse::<ItemId>().is_ok());
        for other in [
            "01234567-89AB-8cde-bc04-8c0000000000",
            "0123456789ab8cdebc048c0000000000",
            "{01234567-89ab-8cde-bc04-8c0000000000}",
            "urn:uuid:01234567-89ab-8cde-bc04-8c0000000000",
            "01234567-89ab-8cde-bc04-8c000000000",
            "01234567-89ab-8cde-bc04-8c000000000g",
            "",
        ] {
            assert_eq!(other.parse::<ItemId>(), Err(IdError), "{other}");
        }
    }

    proptest! {
        #[test]
        fn printed_is_read_back(bits in any::<u128>()) {
            let id = PublicationId(Uuid::from_u128(bits));
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }

        #[test]
        fn a_derived_id_depends_on_source_and_purpose(a in any::<u128>(), b in any::<u128>()) {
            prop_assume!(a != b);
            let (a, b) = (ItemId(Uuid::from_u128(a)), ItemId(Uuid::from_u128(b)));
            prop_assert_eq!(a.derived("x"), a.derived("x"));
            prop_assert_ne!(a.derived("x"), a.derived("y"));
            prop_assert_ne!(a.derived("x"), b.derived("x"));
        }
    }
}
