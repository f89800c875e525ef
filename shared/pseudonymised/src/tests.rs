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

/// The proof is that this compiles.
#[test]
fn types_cannot_be_copied_or_serialised_in_passing() {
    lacks!(Copy: Pseudonym, SenderCode, PseudonymPart);
    lacks!(serde::Serialize: Pseudonym, SenderCode, PseudonymPart);
    lacks!(std::fmt::Display: PseudonymPart);
}

#[test]
fn debug_prints_the_name_of_the_type_only() {
    let pseudonym = Pseudonym::assemble("healthdata", 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ").unwrap();
    let sender: SenderCode = "SABCDEFGHIJKLMNO7".parse().unwrap();
    assert_eq!(format!("{pseudonym:?}"), "Pseudonym");
    assert_eq!(format!("{sender:?}"), "SenderCode");
    let part = PseudonymPart { pseudonym, sender, handle: vec![1, 2, 3], content_hash: [0; 32] };
    assert_eq!(format!("{part:?}"), "PseudonymPart");
}
