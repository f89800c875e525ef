//! The pseudonym.

use crate::PseudonymisedError;
use pseudonym_shape::{CODE_LENGTH, check_character, is_code};
use std::fmt;
use std::str::FromStr;

/// What healthdata knows a patient by: `<domain>.<epoch>.<code><check character>`, such as
/// `healthdata.1.ABCDEFGHIJKLMNOPQRSTUVWXYZ` and the check character.
///
/// The domain is the recipient under whose key the TTP made it, the epoch counts the keys of the domain, the code is 26
/// characters of base32 (130 bits of a keyed hash). The check character is ISO 7064 MOD 37,36 over the 26 characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pseudonym {
    text: String,
    domain_length: usize,
    epoch: u32,
}

/// Characters of the longest domain.
const DOMAIN_CHARACTERS_MAX: usize = 24;

impl Pseudonym {
    /// Bytes of the longest pseudonym.
    pub(crate) const LENGTH_MAX: usize = DOMAIN_CHARACTERS_MAX + 1 + 10 + 1 + CODE_LENGTH + 1;

    /// Puts a pseudonym together and adds the check character. `code` is 26 characters of base32.
    ///
    /// # Errors
    ///
    /// [`PseudonymisedError::Domain`], [`PseudonymisedError::Epoch`] or [`PseudonymisedError::Code`] for the part that is malformed.
    pub fn assemble(domain: &str, epoch: u32, code: &str) -> Result<Self, PseudonymisedError> {
        if !is_domain(domain) {
            return Err(PseudonymisedError::Domain);
        }
        if epoch == 0 {
            return Err(PseudonymisedError::Epoch);
        }
        let check = check_of(code).ok_or(PseudonymisedError::Code)?;
        let text = format!("{domain}.{epoch}.{code}{check}");
        Ok(Self { text, domain_length: domain.len(), epoch })
    }

    /// The recipient under whose key it was made.
    pub fn domain(&self) -> &str {
        &self.text[..self.domain_length]
    }

    /// Which of the domain's keys it was made with, from 1 on.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The 26 characters of the code, without the check character.
    pub fn code(&self) -> &str {
        let end = self.text.len() - 1;
        &self.text[end - CODE_LENGTH..end]
    }

    /// The whole pseudonym.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Pseudonym {
    type Err = PseudonymisedError;

    fn from_str(text: &str) -> Result<Self, PseudonymisedError> {
        let mut parts = text.split('.');
        let (Some(domain), Some(number), Some(code), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(PseudonymisedError::Shape);
        };
        if !is_domain(domain) {
            return Err(PseudonymisedError::Domain);
        }
        let epoch = number.parse().map_err(|_| PseudonymisedError::Epoch)?;
        if !number.starts_with(|first| matches!(first, '1'..='9')) {
            return Err(PseudonymisedError::Epoch);
        }
        let (code, check) = code.split_at_checked(CODE_LENGTH).ok_or(PseudonymisedError::Code)?;
        let expected = check_of(code).ok_or(PseudonymisedError::Code)?;
        let mut given = check.chars();
        if (given.next(), given.next()) != (Some(expected), None) {
            return Err(PseudonymisedError::CheckCharacter);
        }
        Ok(Self { text: text.to_owned(), domain_length: domain.len(), epoch })
    }
}

impl fmt::Display for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pseudonym")
    }
}

fn is_domain(domain: &str) -> bool {
    domain.len() <= DOMAIN_CHARACTERS_MAX
        && domain.starts_with(|first: char| first.is_ascii_lowercase())
        && domain.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

fn check_of(code: &str) -> Option<char> {
    let code = code.as_bytes();
    is_code(code).then(|| check_character(code).map(char::from)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CODE: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    #[test]
    fn is_put_together_and_taken_apart() {
        let pseudonym = Pseudonym::assemble("healthdata", 12, CODE).unwrap();
        assert_eq!(pseudonym.to_string(), "healthdata.12.ABCDEFGHIJKLMNOPQRSTUVWXYZ4");
        assert_eq!((pseudonym.domain(), pseudonym.epoch(), pseudonym.code()), ("healthdata", 12, CODE));
        assert!(pseudonym.as_str().parse() == Ok(pseudonym));
    }

    #[test]
    fn refuses_malformed_parts_each_by_its_name() {
        use PseudonymisedError as E;
        let good = Pseudonym::assemble("healthdata", 1, CODE).unwrap().to_string();
        let check = &good[good.len() - 1..];
        for (text, error) in [
            (String::new(), E::Shape),
            (format!("healthdata.{CODE}{check}"), E::Shape),
            (format!("{good}."), E::Shape),
            (format!("Healthdata.1.{CODE}{check}"), E::Domain),
            (format!(".1.{CODE}{check}"), E::Domain),
            (format!("{}.1.{CODE}{check}", "a".repeat(25)), E::Domain),
            (format!("healthdata..{CODE}{check}"), E::Epoch),
            (format!("healthdata.0.{CODE}{check}"), E::Epoch),
            (format!("healthdata.01.{CODE}{check}"), E::Epoch),
            (format!("healthdata.+1.{CODE}{check}"), E::Epoch),
            (format!("healthdata.4294967296.{CODE}{check}"), E::Epoch),
            ("healthdata.1.".to_owned(), E::Code),
            (format!("healthdata.1.{}é{check}", &CODE[1..]), E::Code),
            (good.to_lowercase(), E::Code),
            (good.replace('Z', "1"), E::Code),
            (format!("healthdata.1.{CODE}"), E::CheckCharacter),
            (format!("{good}A"), E::CheckCharacter),
            (good.replacen(".A", ".B", 1), E::CheckCharacter),
        ] {
            assert_eq!(text.parse::<Pseudonym>(), Err(error), "{text}");
        }
        assert_eq!(Pseudonym::assemble("health data", 1, CODE), Err(E::Domain));
        assert_eq!(Pseudonym::assemble("healthdata", 0, CODE), Err(E::Epoch));
        assert_eq!(Pseudonym::assemble("healthdata", 1, &CODE[1..]), Err(E::Code));
    }

    #[test]
    fn the_longest_one_fits_its_limit() {
        let longest = Pseudonym::assemble(&"a".repeat(24), u32::MAX, CODE).unwrap();
        assert_eq!(longest.as_str().len(), Pseudonym::LENGTH_MAX);
    }

    proptest! {
        #[test]
        fn every_pseudonym_is_read_back(domain in "[a-z][a-z0-9-]{0,23}", epoch in 1_u32.., code in "[A-Z2-7]{26}") {
            let pseudonym = Pseudonym::assemble(&domain, epoch, &code).unwrap();
            let read: Pseudonym = pseudonym.to_string().parse().unwrap();
            prop_assert_eq!((read.domain(), read.epoch(), read.code()), (domain.as_str(), epoch, code.as_str()));
        }

        /// Whatever else one character of code or check becomes, it is no pseudonym any more.
        #[test]
        fn every_change_of_one_character_is_found(code in "[A-Z2-7]{26}", at in 0_usize..27, other in any::<char>()) {
            let text = Pseudonym::assemble("healthdata", 1, &code).unwrap().to_string();
            let mut changed: Vec<char> = text.chars().collect();
            let at = changed.len() - 27 + at;
            for other in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ".chars().chain([other]) {
                if other == text.chars().nth(at).unwrap() {
                    continue;
                }
                changed[at] = other;
                prop_assert!(changed.iter().collect::<String>().parse::<Pseudonym>().is_err());
            }
        }
    }
}
