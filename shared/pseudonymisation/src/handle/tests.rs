use super::*;
use identifying::{GeneratedId, SharedHospitalKey};
use proptest::prelude::*;

const SENDER: &str = "00000196";
const ITEM: Uuid = Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);

fn key() -> HandleKey {
    HandleKey::new([5; 32])
}

fn opener() -> HandleOpener {
    HandleOpener::new(key())
}

fn quarter() -> Quarter {
    Quarter::of(2026, 11).unwrap()
}

fn sealer() -> HandleSealer {
    HandleSealer::with_salt(&key(), quarter(), [6; 16]).unwrap()
}

fn ssin() -> Identity {
    Identity::from_parts(IdentityKind::Ssin, "64031299906").unwrap()
}

fn generated() -> Identity {
    Identity::Generated(GeneratedId::derive(&SharedHospitalKey::new([7; 32]), "a", "b", (1964, 3, 12), "1"))
}

/// Computed apart, with Python's cryptography. Handles outlive the program that sealed them, so their form must not change unnoticed.
#[test]
fn handles_of_a_fixed_key_and_salt() {
    let mut sealer = sealer();
    let first = sealer.seal(SENDER, &ssin(), ITEM).unwrap();
    let second = sealer.seal(SENDER, &ssin(), ITEM).unwrap();
    assert_eq!(
        data_encoding::HEXLOWER.encode(&first),
        "0107ea040606060606060606060606060606060600000000eb7ab583a4d1b8c08163362e5bc79f72609313290af8adffd7161a1f56ddc584807e49fd7325deb6930bfed75f5c56e651142df5a66295d2e7eae1b8c6084a3e5e07ae784e50a253ad"
    );
    assert_eq!(
        data_encoding::HEXLOWER.encode(&second),
        "0107ea04060606060606060606060606060606060000000144376e0cea635b7482131ff3dd3cd0d46cb07afd445e3a03998f0a76cde688d8dc2bb60eaaca7804be05a648360578ac8c95e431135e4d0ffd1bd5b80ab51eb62d459859ab3305ee8a"
    );
}

#[test]
fn all_handles_have_one_length_and_are_read_back() {
    let mut sealer = HandleSealer::new(&key(), quarter()).unwrap();
    for identity in [ssin(), generated()] {
        let handle = sealer.seal(SENDER, &identity, ITEM).unwrap();
        assert_eq!(handle.len(), Handle::LENGTH);
        assert!(opener().open(&handle) == Ok(Handle { sender: SENDER.to_owned(), identity, item_id: ITEM }));
    }
}

/// Equal patients are not to be told from their handles, neither within a publication nor across.
#[test]
fn no_two_handles_are_alike_in_a_block() {
    let mut one = HandleSealer::new(&key(), quarter()).unwrap();
    let mut other = HandleSealer::new(&key(), quarter()).unwrap();
    let handles = [one.seal(SENDER, &ssin(), ITEM), one.seal(SENDER, &ssin(), ITEM), other.seal(SENDER, &ssin(), ITEM)];
    let handles = handles.map(Result::unwrap);
    for (number, first) in handles.iter().enumerate() {
        for second in &handles[number + 1..] {
            assert!(first[HEAD..].chunks(16).zip(second[HEAD..].chunks(16)).all(|(first, second)| first != second));
        }
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    for identity in [ssin(), generated()] {
        let handle = sealer().seal(SENDER, &identity, ITEM).unwrap();
        for bit in 0..handle.len() * 8 {
            let mut flipped = handle.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(opener().open(&flipped), Err(PseudonymisationError::Handle), "bit {bit}");
        }
    }
}

#[test]
fn other_keys_quarters_lengths_and_mixtures_are_refused() {
    let mut sealer = sealer();
    let first = sealer.seal(SENDER, &ssin(), ITEM).unwrap();
    let second = sealer.seal(SENDER, &generated(), Uuid::from_u128(2)).unwrap();
    let mut next_quarter = HandleSealer::with_salt(&key(), Quarter::of(2027, 1).unwrap(), [6; 16]).unwrap();
    let later = next_quarter.seal(SENDER, &ssin(), ITEM).unwrap();
    assert!(HandleOpener::new(HandleKey::new([6; 32])).open(&first).is_err());
    for wrong in [
        [&first[..HEAD], &second[HEAD..]].concat(),
        [&second[..HEAD], &first[HEAD..]].concat(),
        [&first[..HEAD], &later[HEAD..]].concat(),
        first[1..].to_vec(),
        first[..first.len() - 1].to_vec(),
        [&first[..], &[0]].concat(),
        Vec::new(),
    ] {
        assert_eq!(opener().open(&wrong), Err(PseudonymisationError::Handle));
    }
    assert_ne!(first[HEAD..], later[HEAD..]);
}

/// The item stands inside: a handle that comes back with another item's feedback still names its own.
#[test]
fn a_handle_is_bound_to_its_item() {
    let mut sealer = sealer();
    for number in 0..100 {
        let item_id = Uuid::from_u128(number);
        let handle = sealer.seal(SENDER, &ssin(), item_id).unwrap();
        assert_eq!(opener().open(&handle).unwrap().item_id, item_id);
    }
}

#[test]
fn a_number_is_never_used_twice() {
    let mut sealer = sealer();
    sealer.next = Some(u32::MAX);
    assert!(sealer.seal(SENDER, &ssin(), ITEM).is_ok());
    assert_eq!(sealer.seal(SENDER, &ssin(), ITEM), Err(PseudonymisationError::TooManyHandles));
}

#[test]
fn a_refused_sender_gets_no_handle() {
    assert_eq!(sealer().seal("1", &ssin(), ITEM), Err(PseudonymisationError::Sender));
}

#[test]
fn quarters_of_the_year() {
    for (month, expected) in [(1, 1), (3, 1), (4, 2), (6, 2), (7, 3), (9, 3), (10, 4), (12, 4)] {
        assert_eq!(Quarter::of(2026, month), Ok(Quarter { year: 2026, quarter: expected }));
    }
    for (year, month) in [(2026, 0), (2026, 13), (2026, -1), (-1, 1)] {
        assert_eq!(Quarter::of(year, month), Err(PseudonymisationError::Quarter));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        prop_assert!(opener().open(&bytes).is_err());
    }
}
