//! Sealed parts, content headers and return handles that somebody changed or made up.

use std::sync::{LazyLock, Mutex, PoisonError};

use identifying::Identity;
use pseudonymisation::{HandleKey, HandleOpener, HandleSealer, PseudonymisationError, Quarter};
use sealing::{Opener, Part, PrivateKey, Sealer, SealingError, open_header, seal_header};
use uuid::Uuid;

use crate::{given, telling::assert_words};

const PARTS: [Part; 9] = [
    Part::Identity,
    Part::Content,
    Part::ContentHeader,
    Part::Pseudonym,
    Part::Return,
    Part::Feedback,
    Part::ReturnedIdentity,
    Part::Recode,
    Part::Recoded,
];

const ITEM: [u8; 16] = [7; 16];
const OTHER_ITEM: [u8; 16] = [8; 16];
/// Index and tag around a clear text.
const AROUND: usize = 4 + 16;

/// What a refusal says besides numbers and the names of parts.
const WORDS: &str = "a sealed that is cut short does not open key of low order bytes long content header holds no id identity pseudonym return part \
                     feedback returned pseudonyms to re code coded recoded read return handle handles";

/// Two parties and what one sealed for the other. The keys are new in each process: nothing depends on which they are.
struct Parties {
    sender: PrivateKey,
    recipient: PrivateKey,
    seals: Vec<(Sealer, Opener)>,
    handles: (HandleSealer, HandleOpener),
}

impl Parties {
    fn new() -> Option<Self> {
        let (sender, recipient) = (PrivateKey::generate().ok()?, PrivateKey::generate().ok()?);
        let seal = |part| {
            let sealer = Sealer::authenticated(part, &sender, recipient.public()).ok()?;
            let opener = Opener::authenticated(part, sender.public(), &recipient, &sealer.encapsulation().1).ok()?;
            Some((sealer, opener))
        };
        let seals = PARTS.into_iter().map(seal).collect::<Option<_>>()?;
        let handles = HandleSealer::new(&HandleKey::new([1; 32]), Quarter::of(2026, 11).ok()?).ok()?;
        Some(Self { sender, recipient, seals, handles: (handles, HandleOpener::new(HandleKey::new([1; 32]))) })
    }
}

static PARTIES: LazyLock<Mutex<Parties>> = LazyLock::new(|| Mutex::new(given(Parties::new(), "a party with keys")));

/// A sealed part: the first byte chooses which, the second what becomes of it, the next two where; the rest is its clear text, or what stands in its
/// place.
///
/// Holds: what is as it was sealed opens to its clear text; one changed bit, a byte less or more, another item and another part open nothing, and the
/// refusal says so with a code alone; bytes that nobody sealed open nothing, in no mode and as no handle.
pub fn sealed(bytes: &[u8]) {
    let Some(([choice, change, place @ ..], rest)) = bytes.split_first_chunk::<4>() else { return };
    let at = usize::from(u16::from_be_bytes(*place));
    let mut parties = PARTIES.lock().unwrap_or_else(PoisonError::into_inner);
    let number = usize::from(*choice) % PARTS.len();
    match change % 8 {
        0..=4 => changed(&mut parties, number, (change % 8, at), rest),
        5 => made_up(&parties, number, rest),
        6 => header(&parties, at, rest),
        _ => handle(&mut parties, at, rest),
    }
}

fn refused<T>(opened: Result<T, SealingError>) -> Option<SealingError> {
    let error = opened.err();
    error.iter().for_each(|error| assert_words(&error.to_string(), WORDS));
    error
}

fn changed(parties: &mut Parties, number: usize, (change, at): (u8, usize), clear: &[u8]) {
    let part = PARTS[number];
    let (sealer, opener) = &mut parties.seals[number];
    let mut blob = given(sealer.seal(&ITEM, clear).ok(), "a seal");
    assert_eq!(blob.len(), clear.len() + AROUND);
    assert_eq!(opener.open(&ITEM, &blob).as_deref(), Ok(clear));
    let at = at % blob.len();
    match change {
        0 => blob[at] ^= 1 << (at % 8),
        1 => blob.truncate(at),
        2 => blob.insert(at, 0),
        _ => {}
    }
    let (item, opener) = match change {
        3 => (OTHER_ITEM, &*opener),
        4 => (ITEM, &parties.seals[(number + 1) % PARTS.len()].1),
        _ => (ITEM, &*opener),
    };
    let part = if change == 4 { PARTS[(number + 1) % PARTS.len()] } else { part };
    let expected = if blob.len() < AROUND { SealingError::CutShort(part) } else { SealingError::DoesNotOpen(part) };
    assert_eq!(refused(opener.open(&item, &blob)), Some(expected));
}

/// An encapsulated key and a blob that nobody sealed; a key of low order is noticed in both modes.
fn made_up(parties: &Parties, number: usize, bytes: &[u8]) {
    let part = PARTS[number];
    let (enc, blob) = bytes.split_first_chunk::<32>().unwrap_or((&[0; 32], bytes));
    let (sender, recipient) = (parties.sender.public(), &parties.recipient);
    let in_modes = [Opener::authenticated(part, sender, recipient, enc), Opener::base(part, recipient, enc)];
    for opener in in_modes {
        match opener {
            Ok(opener) => {
                let error = refused(opener.open(&ITEM, blob));
                assert!(matches!(error, Some(SealingError::CutShort(_) | SealingError::DoesNotOpen(_))), "{error:?}");
            }
            Err(error) => assert_eq!(refused::<()>(Err(error)), Some(SealingError::LowOrder)),
        }
    }
}

/// A content header: as it was sealed, with one bit changed, and made up.
fn header(parties: &Parties, at: usize, bytes: &[u8]) {
    let (sender, recipient) = (parties.sender.id(), &parties.recipient);
    assert!(refused(open_header(recipient, bytes)).is_some());
    let mut sealed = given(seal_header(recipient.public(), sender).ok(), "a header");
    assert_eq!(open_header(recipient, &sealed), Ok(sender));
    let at = at % sealed.len();
    // The highest bit of a key on Curve25519 is masked (RFC 7748, section 5), but the key schedule has all bits.
    sealed[at] ^= 1 << (at % 8);
    assert!(refused(open_header(recipient, &sealed)).is_some());
}

/// A return handle: as it was sealed, with one bit changed, and made up.
fn handle(parties: &mut Parties, at: usize, bytes: &[u8]) {
    let (sealer, opener) = &mut parties.handles;
    assert_eq!(opener.open(bytes).err(), Some(PseudonymisationError::Handle));
    let identity = given("64031299906".parse().map(Identity::Ssin).ok(), "a patient");
    let mut sealed = given(sealer.seal("00000196", &identity, Uuid::from_u128(1)).ok(), "a handle");
    assert!(opener.open(&sealed).is_ok_and(|handle| handle.identity == identity && handle.item_id == Uuid::from_u128(1)));
    let at = at % sealed.len();
    sealed[at] ^= 1 << (at % 8);
    assert_eq!(opener.open(&sealed).err(), Some(PseudonymisationError::Handle));
}
