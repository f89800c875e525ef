//! What holds for every type of this crate.

use crate::*;

/// Calls of `allowed` are ambiguous, and do not compile, for a type that has the trait of the second `impl`.
macro_rules! lacks {
    ($trait:path: $($type:ty),+) => {{
        trait Lacks<Marker> {
            fn allowed() {}
        }
        impl<T: ?Sized> Lacks<()> for T {}
        struct Has;
        impl<T: ?Sized + $trait> Lacks<Has> for T {}
        $(<$type as Lacks<_>>::allowed();)+
    }};
}

/// The proof is that this compiles. A sealer that could be cloned would use a nonce twice.
#[test]
fn keys_and_handles_cannot_be_copied_printed_or_serialised() {
    lacks!(Copy: Pseudonymiser, SenderKey, HandleKey, HandleSealer, HandleOpener, Handle);
    lacks!(std::fmt::Display: Pseudonymiser, SenderKey, HandleKey, HandleSealer, HandleOpener, Handle);
    lacks!(serde::Serialize: Pseudonymiser, SenderKey, HandleKey, HandleSealer, HandleOpener, Handle);
    lacks!(Clone: HandleSealer);
}

#[test]
fn debug_prints_the_name_of_the_type_only() {
    let key = HandleKey::new([7; 32]);
    let mut sealer = HandleSealer::new(&key, Quarter::of(2026, 11).unwrap()).unwrap();
    let identity = identifying::Identity::from_parts(identifying::IdentityKind::Ssin, "64031299906").unwrap();
    let opener = HandleOpener::new(key.clone());
    let handle = opener.open(&sealer.seal("00000196", &identity, uuid::Uuid::nil()).unwrap()).unwrap();
    let pseudonymiser = Pseudonymiser::new("healthdata", [(1, &[7; 32])]).unwrap();
    let printed = [
        format!("{key:?}"),
        format!("{sealer:?}"),
        format!("{opener:?}"),
        format!("{handle:?}"),
        format!("{pseudonymiser:?}"),
        format!("{:?}", SenderKey::new([7; 32])),
    ];
    assert_eq!(printed, ["HandleKey", "HandleSealer", "HandleOpener", "Handle", "Pseudonymiser", "SenderKey"]);
}

#[test]
fn keys_are_wiped_on_drop() {
    fn wiped<T: zeroize::ZeroizeOnDrop>() {}
    wiped::<HandleKey>();
    wiped::<aes_gcm::Aes256Gcm>();
    // The states that a key leaves in an HMAC are hash states.
    wiped::<sha2::Sha256>();
}
