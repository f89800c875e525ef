//! A hospital's row as it is kept: all canonical values, compactly.
//!
//! Bytes: format version 1; then for each filled cell, in the order of the definition: field number, item of the repeating list plus
//! one (0 outside a list), length of the value in bytes, the value in UTF-8. Numbers are LEB128.

use registration::{Cell, Place};
use sha2::{Digest, Sha256};

const VERSION: u8 = 1;

/// The bytes of `cells`.
#[must_use]
pub fn encode(cells: &[Cell]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + cells.iter().map(|cell| cell.value.len() + 4).sum::<usize>());
    bytes.push(VERSION);
    for cell in cells {
        number(&mut bytes, u64::from(cell.place.field));
        number(&mut bytes, cell.place.item.map_or(0, |item| u64::from(item) + 1));
        number(&mut bytes, cell.value.len() as u64);
        bytes.extend_from_slice(cell.value.as_bytes());
    }
    bytes
}

/// The cells that `bytes` hold; `None` when they are not what [`encode`] writes.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<Vec<Cell>> {
    let (version, mut rest) = bytes.split_first()?;
    if *version != VERSION {
        return None;
    }
    let mut cells = Vec::new();
    while !rest.is_empty() {
        let field = u16::try_from(read(&mut rest)?).ok()?;
        let item = read(&mut rest)?.checked_sub(1).map(u16::try_from).transpose().ok()?;
        let length = usize::try_from(read(&mut rest)?).ok()?;
        let (value, after) = rest.split_at_checked(length)?;
        rest = after;
        let place = item.map_or(Place::of(field), |item| Place::in_item(field, item));
        cells.push(Cell { place, value: std::str::from_utf8(value).ok()?.to_owned() });
    }
    Some(cells)
}

/// What two equal rows have in common: SHA-256 over the row's bytes and its attachments' names and contents.
#[must_use]
pub fn hash<'a>(bytes: &[u8], attachments: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(bytes);
    for (name, content) in attachments {
        hash.update((name.len() as u64).to_be_bytes());
        hash.update(name.as_bytes());
        hash.update((content.len() as u64).to_be_bytes());
        hash.update(content);
    }
    hash.finalize().into()
}

fn number(bytes: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

fn read(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells() -> Vec<Cell> {
        vec![
            Cell { place: Place::of(0), value: "64031299906".to_owned() },
            Cell { place: Place::in_item(300, 0), value: "é".repeat(200) },
            Cell { place: Place::in_item(300, 65_534), value: "x".to_owned() },
        ]
    }

    #[test]
    fn what_is_kept_is_read_back() {
        assert!(decode(&encode(&cells())).unwrap() == cells());
        assert!(decode(&encode(&[])).unwrap().is_empty());
    }

    #[test]
    fn damaged_bytes_are_noticed() {
        let bytes = encode(&cells());
        assert!(decode(&bytes[..bytes.len() - 1]).is_none());
        assert!(decode(&[2]).is_none());
        assert!(decode(&[]).is_none());
    }

    #[test]
    fn an_attachment_is_part_of_the_row() {
        let bytes = encode(&cells());
        assert_ne!(hash(&bytes, []), hash(&bytes, [("a.vcf", &b"x"[..])]));
        assert_ne!(hash(&bytes, [("a", &b"bc"[..])]), hash(&bytes, [("ab", &b"c"[..])]));
    }
}
