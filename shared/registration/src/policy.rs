//! What healthdata gets of a field: the reduction that the hospital applies and the shape that healthdata demands.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::ZeroizeOnDrop;

/// Bytes of the keyed hash that a code shows: 80 bits, 16 characters.
const CODE_BYTES: usize = 10;

/// What healthdata gets of a field. The definition names one per field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Policy {
    /// The value as it is.
    AsIs,
    /// The year of a date.
    Year,
    /// Year and month of a date.
    Month,
    /// The first two digits of a Belgian postal code; `999` (missing) and `9999` (abroad) whole.
    PostalArea,
    /// `K` and a keyed code that lets healthdata group by the value without learning it.
    Code,
    /// Nothing.
    Never,
}

impl Policy {
    /// Every policy, in the order of the enum.
    pub const ALL: [Self; 6] = [Self::AsIs, Self::Year, Self::Month, Self::PostalArea, Self::Code, Self::Never];

    /// The policy's name in a definition.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AsIs => "as_is",
            Self::Year => "year",
            Self::Month => "month",
            Self::PostalArea => "postal_area",
            Self::Code => "code",
            Self::Never => "never",
        }
    }

    /// The value as healthdata may have it, from its canonical form.
    ///
    /// None when the policy is [`Policy::Never`], and when the value lacks the form that the reduction starts from: what cannot be reduced
    /// does not travel.
    #[must_use]
    pub fn reduce(&self, value: &str, key: &CodeKey) -> Option<String> {
        match self {
            Self::AsIs => Some(value.to_owned()),
            Self::Year => is_iso_date(value).then(|| value.get(..4).map(str::to_owned)).flatten(),
            Self::Month => is_iso_date(value).then(|| value.get(..7).map(str::to_owned)).flatten(),
            Self::PostalArea if matches!(value, "999" | "9999") => Some(value.to_owned()),
            Self::PostalArea => fits(value, "dddd").then(|| value.get(..2).map(str::to_owned)).flatten(),
            Self::Code => (!value.is_empty()).then(|| key.code(value)),
            Self::Never => None,
        }
    }

    /// Whether a value has the shape that this policy leaves. Healthdata refuses the others.
    #[must_use]
    pub fn is_reduced(&self, value: &str) -> bool {
        match self {
            Self::AsIs => true,
            Self::Year => fits(value, "dddd"),
            Self::Month => fits(value, "dddd-dd"),
            Self::PostalArea => fits(value, "dd") || matches!(value, "999" | "9999"),
            Self::Code => {
                value.len() == 1 + CODE_BYTES * 8 / 5
                    && value.starts_with('K')
                    && value.bytes().skip(1).all(|b| matches!(b, b'A'..=b'Z' | b'2'..=b'7'))
            }
            Self::Never => false,
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is no policy's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("know the policy: expected as_is, year, month, postal_area, code or never")]
pub struct UnknownPolicy;

impl FromStr for Policy {
    type Err = UnknownPolicy;

    fn from_str(name: &str) -> Result<Self, UnknownPolicy> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == name).ok_or(UnknownPolicy)
    }
}

/// The key of [`Policy::Code`]. Hospitals share it, so that one laboratory has one code everywhere; healthdata lacks it.
#[derive(Clone, ZeroizeOnDrop)]
pub struct CodeKey {
    /// The 32 bytes and zeros up to the block of SHA-256, which is what HMAC makes of a short key.
    block: [u8; 64],
}

impl CodeKey {
    /// The key from its 32 bytes.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        let mut block = [0; 64];
        block[..32].copy_from_slice(&key);
        Self { block }
    }

    /// `K` and the first 80 bits of HMAC-SHA256 over `precision/code/1`, a zero byte and the value, in base32 (RFC 4648, upper case).
    fn code(&self, value: &str) -> String {
        let mut mac = Hmac::<Sha256>::new(&self.block.into());
        mac.update(b"precision/code/1\0");
        mac.update(value.as_bytes());
        let tag = mac.finalize().into_bytes();
        let mut code = String::with_capacity(1 + CODE_BYTES * 8 / 5);
        code.push('K');
        BASE32_NOPAD.encode_append(&tag[..CODE_BYTES], &mut code);
        code
    }
}

impl fmt::Debug for CodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeKey")
    }
}

fn is_iso_date(value: &str) -> bool {
    fits(value, "dddd-dd-dd")
}

/// Whether the value has the shape: `d` stands for an ASCII digit, everything else for itself.
fn fits(value: &str, shape: &str) -> bool {
    value.len() == shape.len()
        && value
            .bytes()
            .zip(shape.bytes())
            .all(|(found, wanted)| if wanted == b'd' { found.is_ascii_digit() } else { found == wanted })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> CodeKey {
        CodeKey::new([7; 32])
    }

    #[test]
    fn each_policy_reduces_to_its_own_shape() {
        let of = |policy: Policy, value: &str| policy.reduce(value, &key());
        assert_eq!(of(Policy::AsIs, "anything"), Some("anything".into()));
        assert_eq!(of(Policy::Year, "1964-03-12"), Some("1964".into()));
        assert_eq!(of(Policy::Month, "1964-03-12"), Some("1964-03".into()));
        assert_eq!(of(Policy::PostalArea, "3000"), Some("30".into()));
        assert_eq!(of(Policy::PostalArea, "999"), Some("999".into()));
        assert_eq!(of(Policy::PostalArea, "9999"), Some("9999".into()));
        assert_eq!(of(Policy::Never, "1964-03-12"), None);
    }

    #[test]
    fn what_lacks_the_form_is_not_reduced_by_cutting() {
        for value in ["12/03/1964", "1964", "19640312", "1964-03-1é", ""] {
            assert_eq!(Policy::Year.reduce(value, &key()), None, "{value}");
            assert_eq!(Policy::Month.reduce(value, &key()), None, "{value}");
        }
        for value in ["300", "30000", "B-3000", ""] {
            assert_eq!(Policy::PostalArea.reduce(value, &key()), None, "{value}");
        }
    }

    #[test]
    fn unreduced_values_are_refused() {
        assert!(!Policy::Year.is_reduced("1964-03-12"));
        assert!(!Policy::Month.is_reduced("1964-03-12"));
        assert!(!Policy::PostalArea.is_reduced("3000"));
        assert!(!Policy::Code.is_reduced("71000436"));
        assert!(!Policy::Never.is_reduced("x"));
    }

    #[test]
    fn a_code_is_constant_under_a_key_and_differs_between_keys() {
        let code = Policy::Code.reduce("71000436", &key());
        assert_eq!(code, Policy::Code.reduce("71000436", &key()));
        assert_ne!(code, Policy::Code.reduce("71000437", &key()));
        assert_ne!(code, Policy::Code.reduce("71000436", &CodeKey::new([8; 32])));
        assert_eq!(code.as_deref().map(str::len), Some(17));
    }

    #[test]
    fn names_read_back() {
        for policy in Policy::ALL {
            assert_eq!(policy.as_str().parse(), Ok(policy));
        }
        assert_eq!("pseudonym".parse::<Policy>(), Err(UnknownPolicy));
    }

    #[test]
    fn debug_of_a_key_prints_its_name_only() {
        assert_eq!(format!("{:?}", key()), "CodeKey");
    }

    proptest! {
        #[test]
        fn what_is_reduced_passes_the_shape_check(value in "(\\d{4}-\\d{2}-\\d{2}|\\d{1,5}|.{0,12})") {
            for policy in Policy::ALL {
                if let Some(reduced) = policy.reduce(&value, &key()) {
                    prop_assert!(policy.is_reduced(&reduced));
                }
            }
        }
    }
}
