//! An identity inside the hospital.

use std::fmt;

use identifying::{Identity, IdentityError};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// An identity as the hospital's own messages carry it: kind and value. It is judged per item, so that a bad one does not cost its
/// publication. Debug prints the type's name only; the value is wiped on drop.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClearIdentity {
    kind: String,
    #[serde(with = "wiped")]
    value: Zeroizing<String>,
}

impl ClearIdentity {
    /// The identity.
    ///
    /// # Errors
    ///
    /// An unknown kind, or a value that its kind does not allow.
    pub fn parse(&self) -> Result<Identity, IdentityError> {
        let kind = self.kind.parse()?;
        Identity::from_parts(kind, &self.value)
    }

    /// Characters of kind and value, if none is escaped.
    pub(crate) fn size(&self) -> usize {
        self.kind.len() + self.value.len()
    }
}

impl From<&Identity> for ClearIdentity {
    fn from(identity: &Identity) -> Self {
        Self { kind: identity.kind().as_str().to_owned(), value: Zeroizing::new(identity.reveal().to_owned()) }
    }
}

impl fmt::Debug for ClearIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClearIdentity")
    }
}

mod wiped {
    use serde::{Deserialize, Deserializer, Serializer};
    use zeroize::Zeroizing;

    pub(super) fn serialize<S: Serializer>(value: &Zeroizing<String>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Zeroizing<String>, D::Error> {
        String::deserialize(deserializer).map(Zeroizing::new)
    }
}
