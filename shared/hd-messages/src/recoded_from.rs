//! The earlier pseudonyms that an item brings along.

use envelope::Text;
use pseudonymised::Pseudonym;
use serde::{Deserialize, Deserializer, de};

/// Earlier pseudonyms of one item at most: so many epochs, years apart, are not to be expected.
pub const EARLIER_MAX: usize = 64;

/// Reads the member, which may be left out, but not be `null` or empty.
pub(crate) fn earlier<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Text<Pseudonym>>, D::Error> {
    let earlier = Vec::<Text<Pseudonym>>::deserialize(deserializer)?;
    if (1..=EARLIER_MAX).contains(&earlier.len()) { Ok(earlier) } else { Err(de::Error::custom("not 1 to 64 pseudonyms")) }
}

/// Characters that the member takes on the wire, or a few more.
pub(crate) fn earlier_size(earlier: &[Text<Pseudonym>]) -> usize {
    if earlier.is_empty() { 0 } else { 20 + earlier.iter().map(|one| one.size() + 3).sum::<usize>() }
}
