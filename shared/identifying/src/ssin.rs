//! The national number.

use crate::IdentityError;
use std::fmt;
use std::str::FromStr;
use zeroize::ZeroizeOnDrop;

/// A number of the national register or a BIS number: 11 digits with right check digits.
///
/// Parsing takes the 11 digits only; [`national_number::strip_separators`] turns what people type into them.
#[derive(Clone, PartialEq, Eq, Hash, ZeroizeOnDrop)]
pub struct Ssin(String);

impl Ssin {
    /// The 11 digits.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for Ssin {
    type Error = IdentityError;

    fn try_from(digits: &str) -> Result<Self, IdentityError> {
        if national_number::is_valid(digits) { Ok(Self(digits.to_owned())) } else { Err(IdentityError::NotAnSsin) }
    }
}

impl FromStr for Ssin {
    type Err = IdentityError;

    fn from_str(digits: &str) -> Result<Self, IdentityError> {
        Self::try_from(digits)
    }
}

impl fmt::Debug for Ssin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ssin")
    }
}
