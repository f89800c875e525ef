//! The id of a patient without a national number.

use crate::{IdentityError, keyed_mac, update_framed};
use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt;
use std::str::FromStr;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;
use zeroize::{ZeroizeOnDrop, Zeroizing};

/// `G` and 26 characters of base32 (RFC 4648, upper case): the first 130 bits of a keyed hash of name, first name, birth
/// date and sex. Hospitals share the key, so a person has one id everywhere; whoever lacks the key cannot try names.
#[derive(Clone, PartialEq, Eq, Hash, ZeroizeOnDrop)]
pub struct GeneratedId(String);

/// Characters of the keyed hash in an id.
const CODE_CHARACTERS: usize = 26;

/// Keeps ids apart from whatever else is made with the hospitals' key.
const PURPOSE: &str = "precision/generated-id/1";

/// The key that hospitals share for generated ids; TTP and healthdata lack it.
#[derive(Clone)]
pub struct SharedHospitalKey {
    keyed: Hmac<Sha256>,
}

impl SharedHospitalKey {
    /// The key of these 32 bytes.
    pub fn new(key: [u8; 32]) -> Self {
        Self { keyed: keyed_mac(&Zeroizing::new(key)) }
    }
}

impl fmt::Debug for SharedHospitalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedHospitalKey")
    }
}

impl GeneratedId {
    /// The id of the patient with this name, first name, birth date (year, month, day) and sex (the code of the register).
    ///
    /// HMAC-SHA256 over `precision/generated-id/1`, name, first name, `yyyymmdd` and sex, each behind its length. Case,
    /// accents, punctuation and spaces of a name do not count; letters of every script do.
    pub fn derive(key: &SharedHospitalKey, name: &str, first_name: &str, birth: (i16, i8, i8), sex: &str) -> Self {
        let (year, month, day) = birth;
        let birth = Zeroizing::new(format!("{year:04}{month:02}{day:02}"));
        let mut mac = key.keyed.clone();
        update_framed(&mut mac, &[PURPOSE, &normalised(name), &normalised(first_name), &birth, sex]);
        let mut id = String::with_capacity(1 + CODE_CHARACTERS);
        id.push('G');
        id.extend(BASE32_NOPAD.encode(&mac.finalize().into_bytes()).chars().take(CODE_CHARACTERS));
        Self(id)
    }

    /// The id.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for GeneratedId {
    type Error = IdentityError;

    fn try_from(id: &str) -> Result<Self, IdentityError> {
        let code = id.strip_prefix('G').ok_or(IdentityError::NotAGeneratedId)?;
        if code.len() == CODE_CHARACTERS && code.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7')) {
            Ok(Self(id.to_owned()))
        } else {
            Err(IdentityError::NotAGeneratedId)
        }
    }
}

impl FromStr for GeneratedId {
    type Err = IdentityError;

    fn from_str(id: &str) -> Result<Self, IdentityError> {
        Self::try_from(id)
    }
}

impl fmt::Debug for GeneratedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GeneratedId")
    }
}

/// A name as it is compared: decomposed (NFKD), without case, and only what [`counts`]. A name with nothing that counts is
/// taken with all its signs, so that `?` and `-` do not become one person.
fn normalised(name: &str) -> Zeroizing<String> {
    let caseless = || {
        // Through upper case, so that ß is ss and both small sigmas are one.
        let upper = name.nfkd().flat_map(char::to_uppercase);
        upper.flat_map(char::to_lowercase).nfkd()
    };
    let letters: String = caseless().filter(|character| counts(*character)).collect();
    Zeroizing::new(if letters.is_empty() { caseless().collect() } else { letters })
}

/// Letters and digits of every script, and the marks without which a script's letter is another letter. Accents, Hebrew
/// and Arabic vowel points, tone marks and the Arabic lengthening stroke do not count: people leave them out.
fn counts(character: char) -> bool {
    match canonical_combining_class(character) {
        // Nukta, kana voicing marks and virama.
        7..=9 => true,
        // Hebrew, Arabic and Syriac points.
        10..=36 => false,
        _ => character.is_alphanumeric() && character != '\u{640}',
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> SharedHospitalKey {
        SharedHospitalKey::new([7; 32])
    }

    fn id(name: &str, first_name: &str) -> String {
        GeneratedId::derive(&key(), name, first_name, (1964, 3, 12), "248152007").reveal().to_owned()
    }

    /// Computed apart, with Python's hmac and base64.
    #[test]
    fn an_id_is_the_keyed_hash_that_the_documentation_describes() {
        let id = GeneratedId::derive(&key(), "Van den Bérg-O'Neil", "Zoë", (1964, 3, 12), "248152002");
        assert_eq!(id.reveal(), "GWAVQXO6OFD5E7GC5UNPKMSXNHX");
    }

    #[test]
    fn spellings_of_one_name_are_one_person() {
        for (one, other) in [
            ("Van den Berg", "VANDENBERG"),
            ("O'Neil", "o’neil"),
            ("Jean-Luc", "jean luc"),
            ("Müller", "Mu\u{308}ller"),
            ("Müller", "MULLER"),
            ("Strauß", "STRAUSS"),
            ("Οδυσσεύς", "ΟΔΥΣΣΕΥΣ"),
            ("Ｙａｍａｄａ", "yamada"),
            ("ﬁnch", "Finch"),
            ("مُحَمَّد", "محمد"),
            ("محمـــد", "محمد"),
            ("שָׁלוֹם", "שלום"),
            ("Fatma Işık", "fatma isik"),
        ] {
            assert_eq!(id(one, "a"), id(other, "a"), "{one} {other}");
            assert_eq!(id("a", one), id("a", other), "{one} {other}");
        }
    }

    #[test]
    fn no_script_is_lost() {
        let names = [
            "漢字",
            "漢子",
            "Иванов",
            "Петров",
            "محمد",
            "محمود",
            "שלום",
            "שלמה",
            "कमल",
            "कमला",
            "คำ",
            "คุณ",
            "かく",
            "がく",
            "김",
            "박",
            "Ελένη",
            "ელენე",
            "Անի",
            "?",
            "-",
            "--",
            "x",
        ];
        for (number, one) in names.iter().enumerate() {
            for other in &names[number + 1..] {
                assert_ne!(id(one, "a"), id(other, "a"), "{one} {other}");
            }
        }
    }

    #[test]
    fn every_part_counts_and_the_parts_do_not_run_together() {
        let base = || GeneratedId::derive(&key(), "ab", "c", (1964, 3, 12), "1");
        let others = [
            GeneratedId::derive(&key(), "a", "bc", (1964, 3, 12), "1"),
            GeneratedId::derive(&key(), "c", "ab", (1964, 3, 12), "1"),
            GeneratedId::derive(&key(), "ab", "c", (1964, 12, 3), "1"),
            GeneratedId::derive(&key(), "ab", "c", (1965, 3, 12), "1"),
            GeneratedId::derive(&key(), "ab", "c", (1964, 3, 12), "2"),
            GeneratedId::derive(&SharedHospitalKey::new([8; 32]), "ab", "c", (1964, 3, 12), "1"),
        ];
        for other in others {
            assert!(other != base());
        }
    }

    #[test]
    fn refuses_other_shapes() {
        let good = id("a", "b");
        for wrong in [&good[1..], &good[..26], &format!("{good}A"), &good.to_lowercase(), &good.replace('G', "H"), "", "G"] {
            assert!(GeneratedId::try_from(wrong).is_err(), "{wrong}");
        }
        assert!(GeneratedId::try_from(format!("{}1", &good[..26]).as_str()).is_err());
    }

    proptest! {
        #[test]
        fn every_id_is_read_back(name in any::<String>(), first_name in any::<String>()) {
            let id = GeneratedId::derive(&key(), &name, &first_name, (1964, 3, 12), "1");
            prop_assert!(id.reveal().parse::<GeneratedId>() == Ok(id));
        }

        /// Normalising is done once and for all: upper or lower case, composed or decomposed, the id is the same.
        #[test]
        fn case_and_composition_never_count(name in "\\PC{1,12}") {
            let expected = id(&name, "");
            prop_assert_eq!(&id(&name.nfc().collect::<String>(), ""), &expected);
            prop_assert_eq!(&id(&name.nfkd().collect::<String>(), ""), &expected);
            prop_assert_eq!(&id(&name.chars().flat_map(char::to_uppercase).collect::<String>(), ""), &expected);
        }
    }
}
