//! What opens, and everything that must not.

use data_encoding::HEXLOWER;
use proptest::prelude::*;

use super::*;

const PART: Part = Part::Content;
const ITEM: [u8; 16] = *b"item id, 16 long";

const PARTS: [Part; 7] =
    [Part::Identity, Part::Content, Part::ContentHeader, Part::Pseudonym, Part::Return, Part::Feedback, Part::ReturnedIdentity];

fn key() -> PrivateKey {
    PrivateKey::generate().unwrap()
}

/// A sender, a recipient, and what one sealed for the other.
struct Sealed {
    sender: PrivateKey,
    recipient: PrivateKey,
    enc: [u8; 32],
    blobs: Vec<Vec<u8>>,
}

fn item_id(number: usize) -> [u8; 16] {
    [number as u8; 16]
}

fn sealed(clear: &[&[u8]]) -> Sealed {
    let (sender, recipient) = (key(), key());
    let mut sealer = Sealer::authenticated(PART, &sender, recipient.public()).unwrap();
    let blobs = clear.iter().enumerate().map(|(number, clear)| sealer.seal(&item_id(number), clear).unwrap()).collect();
    let (named, enc) = sealer.encapsulation();
    assert_eq!(named, recipient.id());
    Sealed { sender, recipient, enc, blobs }
}

impl Sealed {
    fn opener(&self) -> Opener {
        Opener::authenticated(PART, self.sender.public(), &self.recipient, &self.enc).unwrap()
    }
}

#[test]
fn items_open_in_any_order_and_alone() {
    let sealed = sealed(&[b"zero", b"one", b"two"]);
    let opener = sealed.opener();
    for (number, clear) in [(2, &b"two"[..]), (0, b"zero"), (1, b"one"), (0, b"zero")] {
        assert_eq!(opener.open(&item_id(number), &sealed.blobs[number]).unwrap(), clear);
        assert_eq!(sealed.opener().open(&item_id(number), &sealed.blobs[number]).unwrap(), clear);
    }
}

#[test]
fn a_blob_is_index_cipher_text_and_tag() {
    let sealed = sealed(&[b"zero", b""]);
    assert_eq!(sealed.blobs[0].len(), 4 + 4 + 16);
    assert_eq!(sealed.blobs[0][..4], [0, 0, 0, 0]);
    assert_eq!(sealed.blobs[1].len(), 4 + 16);
    assert_eq!(sealed.blobs[1][..4], [0, 0, 0, 1]);
}

#[test]
fn another_recipient_opens_nothing() {
    let sealed = sealed(&[b"zero"]);
    let opener = Opener::authenticated(PART, sealed.sender.public(), &key(), &sealed.enc).unwrap();
    assert_eq!(opener.open(&item_id(0), &sealed.blobs[0]), Err(SealingError::DoesNotOpen(PART)));
}

#[test]
fn another_sender_is_found_out() {
    let sealed = sealed(&[b"zero"]);
    let opener = Opener::authenticated(PART, key().public(), &sealed.recipient, &sealed.enc).unwrap();
    assert_eq!(opener.open(&item_id(0), &sealed.blobs[0]), Err(SealingError::DoesNotOpen(PART)));
}

#[test]
fn a_sender_that_changes_keys_opens_by_either() {
    let sealed = sealed(&[b"zero"]);
    let (new, own) = (key().public().clone(), sealed.sender.public().clone());
    let opener = Opener::authenticated_by_any(PART, &[new.clone(), own], &sealed.recipient, &sealed.enc).unwrap();
    assert_eq!(opener.open(&item_id(0), &sealed.blobs[0]).unwrap(), b"zero");
    let opener = Opener::authenticated_by_any(PART, &[new], &sealed.recipient, &sealed.enc).unwrap();
    assert_eq!(opener.open(&item_id(0), &sealed.blobs[0]), Err(SealingError::DoesNotOpen(PART)));
    assert!(Opener::authenticated_by_any(PART, &[], &sealed.recipient, &sealed.enc).is_err());
}

#[test]
fn base_mode_does_not_pass_for_authenticated_nor_the_other_way() {
    let (sender, recipient) = (key(), key());
    let mut base = Sealer::base(PART, recipient.public()).unwrap();
    let (blob, enc) = (base.seal(&ITEM, b"clear").unwrap(), base.encapsulation().1);
    assert_eq!(Opener::base(PART, &recipient, &enc).unwrap().open(&ITEM, &blob).unwrap(), b"clear");
    let opener = Opener::authenticated(PART, sender.public(), &recipient, &enc).unwrap();
    assert_eq!(opener.open(&ITEM, &blob), Err(SealingError::DoesNotOpen(PART)));

    let sealed = sealed(&[b"zero"]);
    let opener = Opener::base(PART, &sealed.recipient, &sealed.enc).unwrap();
    assert_eq!(opener.open(&item_id(0), &sealed.blobs[0]), Err(SealingError::DoesNotOpen(PART)));
}

#[test]
fn no_part_opens_as_another() {
    let (sender, recipient) = (key(), key());
    for (number, sealed_as) in PARTS.into_iter().enumerate() {
        assert_eq!(usize::from(sealed_as.tag()), number + 1);
        let mut sealer = Sealer::authenticated(sealed_as, &sender, recipient.public()).unwrap();
        let (blob, enc) = (sealer.seal(&ITEM, b"clear").unwrap(), sealer.encapsulation().1);
        for opened_as in PARTS {
            let opener = Opener::authenticated(opened_as, sender.public(), &recipient, &enc).unwrap();
            let expected = if opened_as == sealed_as { Ok(b"clear".to_vec()) } else { Err(SealingError::DoesNotOpen(opened_as)) };
            assert_eq!(opener.open(&ITEM, &blob), expected, "{sealed_as} as {opened_as}");
        }
    }
}

#[test]
fn a_bit_flipped_anywhere_in_a_blob_is_found_out() {
    let sealed = sealed(&[b"zero", b"one"]);
    let opener = sealed.opener();
    for bit in 0..sealed.blobs[1].len() * 8 {
        let mut blob = sealed.blobs[1].clone();
        blob[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(opener.open(&item_id(1), &blob), Err(SealingError::DoesNotOpen(PART)), "bit {bit}");
    }
}

#[test]
fn a_bit_flipped_anywhere_in_the_encapsulated_key_is_found_out() {
    let sealed = sealed(&[b"zero"]);
    for bit in 0..256 {
        let mut enc = sealed.enc;
        enc[bit / 8] ^= 1 << (bit % 8);
        let opener = Opener::authenticated(PART, sealed.sender.public(), &sealed.recipient, &enc).unwrap();
        assert_eq!(opener.open(&item_id(0), &sealed.blobs[0]), Err(SealingError::DoesNotOpen(PART)), "bit {bit}");
    }
}

#[test]
fn a_bit_flipped_anywhere_in_the_key_id_is_an_unknown_key() {
    let sealed = sealed(&[b"zero"]);
    let keyring = Keyring::new(sealed.recipient.clone(), vec![key()]);
    for bit in 0..64 {
        let mut id = sealed.recipient.id();
        id.0[bit / 8] ^= 1 << (bit % 8);
        let opened = keyring.opener(PART, &[sealed.sender.public().clone()], id, &sealed.enc);
        assert_eq!(opened.err(), Some(SealingError::UnknownKey(id)), "bit {bit}");
        assert_eq!(keyring.open_header(id, &[0; HEADER_LENGTH]), Err(SealingError::UnknownKey(id)));
    }
}

#[test]
fn a_swapped_index_or_item_is_found_out() {
    let sealed = sealed(&[b"zero", b"one!"]);
    let opener = sealed.opener();
    assert_eq!(opener.open(&item_id(1), &sealed.blobs[0]), Err(SealingError::DoesNotOpen(PART)));
    let swapped = [&sealed.blobs[1][..4], &sealed.blobs[0][4..]].concat();
    assert_eq!(opener.open(&item_id(0), &swapped), Err(SealingError::DoesNotOpen(PART)));
    assert_eq!(opener.open(&item_id(1), &swapped), Err(SealingError::DoesNotOpen(PART)));
}

#[test]
fn an_item_does_not_open_under_another_publication_of_the_same_parties() {
    let first = sealed(&[b"zero"]);
    let mut sealer = Sealer::authenticated(PART, &first.sender, first.recipient.public()).unwrap();
    let second = sealer.seal(&item_id(0), b"zero").unwrap();
    assert_ne!(sealer.encapsulation().1, first.enc);
    assert_ne!(second, first.blobs[0]);
    assert_eq!(first.opener().open(&item_id(0), &second), Err(SealingError::DoesNotOpen(PART)));
}

#[test]
fn a_blob_cut_short_or_grown_is_found_out() {
    let sealed = sealed(&[b"zero"]);
    let blob = &sealed.blobs[0];
    for length in 0..blob.len() {
        let expected = if length < 20 { SealingError::CutShort(PART) } else { SealingError::DoesNotOpen(PART) };
        assert_eq!(sealed.opener().open(&item_id(0), &blob[..length]), Err(expected), "{length} bytes");
    }
    let grown = [blob.as_slice(), &[0]].concat();
    assert_eq!(sealed.opener().open(&item_id(0), &grown), Err(SealingError::DoesNotOpen(PART)));
}

#[test]
fn an_old_key_opens_and_never_seals() {
    let sealed = sealed(&[b"zero"]);
    let keyring = Keyring::new(key(), vec![key(), sealed.recipient.clone()]);
    let senders = [sealed.sender.public().clone()];
    let opener = keyring.opener(PART, &senders, sealed.recipient.id(), &sealed.enc).unwrap();
    assert_eq!(opener.open(&item_id(0), &sealed.blobs[0]).unwrap(), b"zero");

    let mut sealer = keyring.sealer(PART, sealed.sender.public()).unwrap();
    let (blob, enc) = (sealer.seal(&ITEM, b"answer").unwrap(), sealer.encapsulation().1);
    let by = |sender: &PublicKey| Opener::authenticated(PART, sender, &sealed.sender, &enc).unwrap().open(&ITEM, &blob);
    assert_eq!(by(keyring.public()).unwrap(), b"answer");
    assert_eq!(by(sealed.recipient.public()), Err(SealingError::DoesNotOpen(PART)));
}

#[test]
fn the_last_index_is_used_and_no_index_twice() {
    let mut sealer = Sealer::base(PART, key().public()).unwrap();
    sealer.skip_to(u32::MAX);
    assert_eq!(sealer.seal(&ITEM, b"last").unwrap()[..4], [0xff; 4]);
    assert_eq!(sealer.seal(&ITEM, b"one more"), Err(SealingError::TooManyItems));
    assert_eq!(sealer.seal(&ITEM, b"one more"), Err(SealingError::TooManyItems));
}

/// Points of small order on curve25519, with which every shared secret is zero: 0, 1, two of order 8, and p - 1, p and p + 1.
const LOW_ORDER: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

/// RFC 9180 section 7.1.4: an all-zero shared secret aborts, on both sides and in both modes.
#[test]
fn an_all_zero_shared_secret_is_refused() {
    let (sender, recipient) = (key(), key());
    for point in LOW_ORDER {
        let bytes: [u8; 32] = HEXLOWER.decode(point.as_bytes()).unwrap().try_into().unwrap();
        let low = PublicKey::from_bytes(&bytes).unwrap();
        assert_eq!(Sealer::base(PART, &low).err(), Some(SealingError::LowOrder), "{point}");
        assert_eq!(Sealer::authenticated(PART, &sender, &low).err(), Some(SealingError::LowOrder), "{point}");
        assert_eq!(seal_header(&low, sender.id()), Err(SealingError::LowOrder), "{point}");
        assert_eq!(Opener::base(PART, &recipient, &bytes).err(), Some(SealingError::LowOrder), "{point}");
        let opened = Opener::authenticated(PART, sender.public(), &recipient, &bytes);
        assert_eq!(opened.err(), Some(SealingError::LowOrder), "{point}");
        // A sender of low order would let anybody forge.
        let enc = Sealer::base(PART, recipient.public()).unwrap().encapsulation().1;
        assert_eq!(Opener::authenticated(PART, &low, &recipient, &enc).err(), Some(SealingError::LowOrder), "{point}");
        let header = [bytes.as_slice(), &[0; 28]].concat();
        assert_eq!(open_header(&recipient, &header), Err(SealingError::LowOrder), "{point}");
    }
}

#[test]
fn a_header_tells_the_recipient_alone_whose_key_it_is() {
    let (sender, recipient) = (key(), key());
    let header = seal_header(recipient.public(), sender.id()).unwrap();
    assert_eq!(header.len(), HEADER_LENGTH);
    assert_eq!(open_header(&recipient, &header), Ok(sender.id()));
    assert_eq!(open_header(&key(), &header), Err(SealingError::DoesNotOpen(Part::ContentHeader)));
    assert!(!header.windows(8).any(|part| part == sender.id().0));
    for bit in 0..header.len() * 8 {
        let mut changed = header.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(open_header(&recipient, &changed), Err(SealingError::DoesNotOpen(Part::ContentHeader)), "bit {bit}");
    }
    for length in 0..header.len() {
        assert!(open_header(&recipient, &header[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn a_header_of_another_length_is_refused() {
    let recipient = key();
    let mut sealer = Sealer::base(Part::ContentHeader, recipient.public()).unwrap();
    let blob = sealer.seal(&[0; 16], b"9 bytes..").unwrap();
    let header = [sealer.encapsulation().1.as_slice(), &blob].concat();
    assert_eq!(open_header(&recipient, &header), Err(SealingError::HeaderLength));
}

#[test]
fn every_code_and_part_is_documented() {
    let wire = include_str!("../../../docs/WIRE.md");
    let errors = [
        SealingError::UnknownKey(KeyId([0; 8])),
        SealingError::LowOrder,
        SealingError::KeyLength,
        SealingError::CutShort(PART),
        SealingError::DoesNotOpen(PART),
        SealingError::HeaderLength,
        SealingError::TooManyItems,
        SealingError::TooLong,
        SealingError::NoRandomness,
    ];
    for error in errors {
        assert!(wire.contains(&format!("`{}`", error.code())), "{error}");
    }
    for part in PARTS {
        assert!(wire.contains(&format!("| {} | {part} |", part.tag())), "{part}");
    }
}

#[test]
fn keys_have_32_bytes() {
    for length in [0, 31, 33] {
        assert_eq!(PublicKey::from_bytes(&vec![9; length]), Err(SealingError::KeyLength));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_sealed_opens(clear in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3_000), 1..8)) {
        let clear: Vec<&[u8]> = clear.iter().map(Vec::as_slice).collect();
        let sealed = sealed(&clear);
        let opener = sealed.opener();
        for (number, clear) in clear.iter().enumerate().rev() {
            prop_assert_eq!(&opener.open(&item_id(number), &sealed.blobs[number]).unwrap(), clear);
        }
    }

    #[test]
    fn any_bytes_get_an_answer(blob in prop::collection::vec(any::<u8>(), 0..100), enc in any::<[u8; 32]>()) {
        let recipient = key();
        if let Ok(opener) = Opener::base(PART, &recipient, &enc) {
            prop_assert!(opener.open(&ITEM, &blob).is_err());
        }
        prop_assert!(open_header(&recipient, &blob).is_err());
    }
}
