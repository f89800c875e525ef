//! Documents as any client may have written them: changed member by member, without the project's own types.

use std::collections::BTreeSet;

use bytes::Bytes;
use data_encoding::BASE64;
use envelope::ItemId;
use serde_json::Value;

/// A document as JSON.
pub(crate) fn parse(document: &[u8]) -> Value {
    serde_json::from_slice(document).unwrap()
}

/// JSON as a document.
pub(crate) fn write(document: &Value) -> Bytes {
    serde_json::to_vec(document).unwrap().into()
}

/// The document after `change`.
pub(crate) fn changed(document: &Bytes, change: impl FnOnce(&mut Value)) -> Bytes {
    let mut value = parse(document);
    change(&mut value);
    write(&value)
}

/// The items of a document.
pub(crate) fn items(document: &[u8]) -> Vec<Value> {
    parse(document)["data"]["items"].as_array().unwrap().clone()
}

/// The id of an item.
pub(crate) fn id(item: &Value) -> ItemId {
    item["id"].as_str().unwrap().parse().unwrap()
}

/// The ids of the items of documents.
pub(crate) fn ids<'a>(documents: impl IntoIterator<Item = &'a Bytes>) -> BTreeSet<ItemId> {
    documents.into_iter().flat_map(|document| items(document)).map(|item| id(&item)).collect()
}

/// The place of the item with an id.
pub(crate) fn place(document: &[u8], wanted: ItemId) -> usize {
    items(document).iter().position(|item| id(item) == wanted).unwrap()
}

/// The member at a path such as `/data/items/1/content`.
pub(crate) fn member<'a>(document: &'a mut Value, path: &str) -> &'a mut Value {
    document.pointer_mut(path).unwrap_or_else(|| panic!("no member {path}"))
}

/// The bytes of a member in base64.
pub(crate) fn bytes(member: &Value) -> Vec<u8> {
    BASE64.decode(member.as_str().unwrap().as_bytes()).unwrap()
}

/// Bytes as a member in base64.
pub(crate) fn base64(bytes: &[u8]) -> Value {
    Value::String(BASE64.encode(bytes))
}

/// Which bit of a member is flipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bit {
    /// The lowest one of the first byte.
    First,
    /// One in the middle.
    Middle,
    /// The highest one of the last byte.
    Last,
}

impl Bit {
    pub(crate) const ALL: [Self; 3] = [Self::First, Self::Middle, Self::Last];

    pub(crate) fn flip(self, bytes: &mut [u8]) {
        match self {
            Self::First => bytes[0] ^= 1,
            Self::Middle => {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 0x10;
            }
            Self::Last => *bytes.last_mut().unwrap() ^= 0x80,
        }
    }
}

/// Flips a bit of what a member in base64 holds.
pub(crate) fn flip(document: &Bytes, path: &str, bit: Bit) -> Bytes {
    changed(document, |document| {
        let member = member(document, path);
        let mut held = bytes(member);
        bit.flip(&mut held);
        *member = base64(&held);
    })
}

/// Flips a bit of the bytes that a member in hexadecimal digits holds; hyphens stay where they are.
pub(crate) fn flip_hex(document: &Bytes, path: &str, bit: Bit) -> Bytes {
    changed(document, |document| {
        let member = member(document, path);
        let mut text = member.as_str().unwrap().as_bytes().to_vec();
        let place = match bit {
            Bit::First => 0,
            // Not among the version and variant bits of an id.
            Bit::Middle => text.len() / 2 + 2,
            Bit::Last => text.len() - 1,
        };
        let digit = char::from(text[place]).to_digit(16).unwrap() ^ 1;
        text[place] = char::from_digit(digit, 16).unwrap().try_into().unwrap();
        *member = Value::String(String::from_utf8(text).unwrap());
    })
}

/// Exchanges a member of two items.
pub(crate) fn swap(document: &Bytes, member: &str, one: usize, other: usize) -> Bytes {
    changed(document, |document| {
        let items = document["data"]["items"].as_array_mut().unwrap();
        let kept = items[one][member].take();
        items[one][member] = items[other][member].take();
        items[other][member] = kept;
    })
}
