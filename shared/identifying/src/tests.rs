//! What holds for every type of this crate.

use crate::*;
use std::fmt::Debug;

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

/// The proof is that this compiles.
#[test]
fn sensitive_types_cannot_be_copied_printed_or_serialised() {
    lacks!(Copy: Ssin, GeneratedId, Identity, IdentityPart, SharedHospitalKey, TagKey);
    lacks!(std::fmt::Display: Ssin, GeneratedId, Identity, IdentityPart, SharedHospitalKey, TagKey);
    lacks!(serde::Serialize: Ssin, GeneratedId, Identity, IdentityPart, SharedHospitalKey, TagKey);
}

#[test]
fn debug_prints_the_name_of_the_type_only() {
    fn prints(value: &dyn Debug, name: &str) {
        assert_eq!(format!("{value:?}"), name);
        assert_eq!(format!("{value:#?}"), name);
    }
    let (tag_key, shared) = (TagKey::new([7; 32]), SharedHospitalKey::new([7; 32]));
    let ssin: Ssin = "64031299906".parse().unwrap();
    let generated = GeneratedId::derive(&shared, "Janssens", "An", (1964, 3, 12), "1");
    let identity = Identity::Generated(generated.clone());
    prints(&ssin, "Ssin");
    prints(&generated, "GeneratedId");
    prints(&identity, "Identity");
    prints(&IdentityPart { identity, content_hash: [0; 32] }, "IdentityPart");
    prints(&tag_key, "TagKey");
    prints(&shared, "SharedHospitalKey");
}

#[test]
fn keys_and_identities_are_wiped_on_drop() {
    fn wiped<T: zeroize::ZeroizeOnDrop>() {}
    wiped::<Ssin>();
    wiped::<GeneratedId>();
    // The states that a key leaves in an HMAC are hash states.
    wiped::<sha2::Sha256>();
}

#[test]
fn an_ssin_is_eleven_digits_with_right_check_digits() {
    assert_eq!("64031299906".parse::<Ssin>().unwrap().reveal(), "64031299906");
    for wrong in ["64031299907", "64.03.12-999.06", " 64031299906", "", "G"] {
        let error = wrong.parse::<Ssin>().unwrap_err();
        assert_eq!(error, IdentityError::NotAnSsin);
        assert!(!error.to_string().contains("640"));
    }
}

#[test]
fn an_identity_is_made_of_kind_and_value() {
    let shared = SharedHospitalKey::new([7; 32]);
    let id = GeneratedId::derive(&shared, "a", "b", (1964, 3, 12), "1");
    for (kind, value) in [(IdentityKind::Ssin, "64031299906"), (IdentityKind::Generated, id.reveal())] {
        let identity = Identity::from_parts(kind, value).unwrap();
        assert_eq!((identity.kind(), identity.reveal()), (kind, value));
        assert_eq!(kind.as_str().parse::<IdentityKind>(), Ok(kind));
    }
    assert!(Identity::from_parts(IdentityKind::Generated, "64031299906").is_err());
    assert!(Identity::from_parts(IdentityKind::Ssin, id.reveal()).is_err());
    assert_eq!("SSIN".parse::<IdentityKind>(), Err(IdentityError::UnknownKind));
}
