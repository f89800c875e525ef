//! The envelope around a message, and its strict reader.

use std::{borrow::Cow, fmt, marker::PhantomData};

use bytes::Bytes;
use clock::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{EnvelopeError, Fault, Place, PublicationId, ReasonCode, Source, base64::Compact, error::Marker};

/// Bytes of a publication at most, as in the eHealthBox.
pub const MAX_BYTES: usize = 10_000_000;

/// Items of a publication at most.
pub const MAX_ITEMS: usize = 10_000;

/// Characters that everything around the items takes at most: envelope, encapsulations and punctuation.
const ENVELOPE_MAX: usize = 1_024;

/// The data of a publication: one type per arrow of the dataflow.
pub trait Message: Serialize + de::DeserializeOwned {
    /// CloudEvents `type`: one constant per arrow and major version, ending in `.v` and the version.
    const TYPE: &'static str;

    /// How many items there are.
    fn len(&self) -> usize;

    /// Whether there is no item.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Characters that the items take on the wire, or a few more: the buffer is made so large at once.
    fn size_max(&self) -> usize;
}

/// A publication: what moves on a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication<D> {
    /// New for every send; derived from the incoming one where the TTP passes a publication on.
    pub id: PublicationId,
    /// The party that made this envelope.
    pub source: Source,
    /// When it was made.
    pub time: Timestamp,
    /// Why it was set aside; dead letters only.
    pub reason: Option<ReasonCode>,
    /// The items.
    pub data: D,
}

impl<D: Message> Publication<D> {
    /// A publication that is not a dead letter.
    pub const fn new(id: PublicationId, source: Source, time: Timestamp, data: D) -> Self {
        Self { id, source, time, reason: None, data }
    }

    /// Writes the document.
    ///
    /// # Errors
    ///
    /// No items, more than [`MAX_ITEMS`], or more than [`MAX_BYTES`] bytes.
    pub fn encode(&self) -> Result<Bytes, EnvelopeError> {
        check_count(self.data.len())?;
        let mut document = Vec::with_capacity(ENVELOPE_MAX + self.data.size_max());
        Written {
            specversion: SpecVersion,
            id: self.id,
            source: &self.source,
            r#type: D::TYPE,
            time: Time(self.time),
            reason: self.reason.as_ref(),
            data: &self.data,
        }
        .serialize(&mut serde_json::Serializer::with_formatter(&mut document, Compact))
        .map_err(|_| EnvelopeError::Unwritable)?;
        check_size(document.len())?;
        Ok(document.into())
    }

    /// Reads a document.
    ///
    /// # Errors
    ///
    /// [`EnvelopeError`], whose code says which rule of docs/WIRE.md the document breaks.
    pub fn decode(document: &[u8]) -> Result<Self, EnvelopeError> {
        check_size(document.len())?;
        let mut reader = serde_json::Deserializer::from_slice(document);
        let read = Read::<D>::deserialize(&mut reader).map_err(|error| explain::<D>(document, &error))?;
        reader.end().map_err(|error| EnvelopeError::from_json(&error))?;
        if document.last() != Some(&b'}') {
            // The parser lets blanks pass.
            let at = Place { line: 1, column: document.len() };
            return Err(EnvelopeError::Refused { fault: Fault::TrailingBytes, at });
        }
        check_count(read.data.len())?;
        Ok(Self { id: read.id, source: read.source, time: read.time.0, reason: read.reason, data: read.data })
    }
}

/// The id of an encoded publication, for whoever handles it without reading it: of one that is written as [`Publication::encode`] writes.
#[must_use]
pub fn id_of(document: &[u8]) -> Option<PublicationId> {
    let behind = document.strip_prefix(br#"{"specversion":"1.0","id":""#)?;
    std::str::from_utf8(behind.get(..36)?).ok()?.parse().ok()
}

const fn check_count(items: usize) -> Result<(), EnvelopeError> {
    match items {
        0 => Err(EnvelopeError::NoItems),
        1..=MAX_ITEMS => Ok(()),
        _ => Err(EnvelopeError::TooManyItems),
    }
}

const fn check_size(bytes: usize) -> Result<(), EnvelopeError> {
    if bytes > MAX_BYTES { Err(EnvelopeError::TooLarge { bytes }) } else { Ok(()) }
}

/// The refusal of a document. One of another version or type has another shape as well, and that is the answer that helps, wherever
/// its `type` stands.
fn explain<D: Message>(document: &[u8], error: &serde_json::Error) -> EnvelopeError {
    #[derive(Deserialize)]
    struct Head<'a> {
        #[serde(borrow)]
        specversion: Option<Cow<'a, str>>,
        #[serde(borrow)]
        r#type: Option<Cow<'a, str>>,
    }

    let refusal = EnvelopeError::from_json(error);
    let EnvelopeError::Refused { fault, at } = refusal else { return refusal };
    let Ok(head) = serde_json::from_slice::<Head<'_>>(document) else { return refusal };
    if head.specversion.is_some_and(|version| version != SpecVersion::TEXT) {
        return EnvelopeError::Refused { fault: Fault::UnknownVersion, at };
    }
    match head.r#type.map(|name| judge_type(&name, D::TYPE)) {
        Some(Err(Marker::UnknownVersion)) => EnvelopeError::Refused { fault: Fault::UnknownVersion, at },
        Some(Err(_)) => EnvelopeError::Refused { fault: Fault::UnknownType, at },
        // The head was read to the end of the document, so it is JSON: serde takes a value of another kind than an enum's for bad syntax.
        Some(Ok(())) if fault == Fault::NotJson && std::str::from_utf8(document).is_ok() => {
            EnvelopeError::Refused { fault: Fault::InvalidMember, at }
        }
        Some(Ok(())) | None => refusal,
    }
}

fn judge_type(given: &str, expected: &str) -> Result<(), Marker> {
    if given == expected {
        return Ok(());
    }
    let name = |text: &str| text.rsplit_once(".v").map(|(name, _)| name.to_owned());
    if name(given).is_some() && name(given) == name(expected) { Err(Marker::UnknownVersion) } else { Err(Marker::UnknownType) }
}

#[derive(Serialize)]
struct Written<'a, D> {
    specversion: SpecVersion,
    id: PublicationId,
    source: &'a Source,
    r#type: &'static str,
    time: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a ReasonCode>,
    data: &'a D,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound = "D: Message")]
struct Read<D> {
    #[expect(dead_code, reason = "reading it is the check")]
    specversion: SpecVersion,
    id: PublicationId,
    source: Source,
    #[expect(dead_code, reason = "reading it is the check")]
    r#type: TypeOf<D>,
    time: Time,
    #[serde(default, deserialize_with = "present")]
    reason: Option<ReasonCode>,
    data: D,
}

/// Reads a member that may be left out, but not be `null`.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

struct SpecVersion;

impl SpecVersion {
    const TEXT: &str = "1.0";
}

impl Serialize for SpecVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(Self::TEXT)
    }
}

impl<'de> Deserialize<'de> for SpecVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == Self::TEXT { Ok(Self) } else { Err(de::Error::custom(Marker::UnknownVersion)) }
    }
}

struct TypeOf<D>(PhantomData<D>);

impl<'de, D: Message> Deserialize<'de> for TypeOf<D> {
    fn deserialize<R: Deserializer<'de>>(deserializer: R) -> Result<Self, R::Error> {
        let text = String::deserialize(deserializer)?;
        judge_type(&text, D::TYPE).map(|()| Self(PhantomData)).map_err(de::Error::custom)
    }
}

struct Time(Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // One form only, so that what is read and written again is the same text.
        match text.parse::<Timestamp>() {
            Ok(time) if time.to_string() == text => Ok(Self(time)),
            _ => Err(de::Error::custom("not a time in UTC with microseconds")),
        }
    }
}

/// Reads the items of a message, for `#[serde(deserialize_with = "envelope::items")]`: stops at the first one too many, so that a
/// document of tiny items cannot make a large table.
///
/// # Errors
///
/// What an item has against its text, or more than [`MAX_ITEMS`].
pub fn items<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    struct Items<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Items<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of items")
        }

        fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut items = Vec::new();
            while let Some(item) = list.next_element()? {
                if items.len() == MAX_ITEMS {
                    return Err(de::Error::custom(Marker::TooManyItems));
                }
                items.push(item);
            }
            Ok(items)
        }
    }

    deserializer.deserialize_seq(Items(PhantomData))
}

#[cfg(test)]
mod tests;
