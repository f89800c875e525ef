//! What re-coding asks the TTP, and what it answers, before it is sealed and after it is opened.

use std::fmt;

use crate::{Pseudonym, PseudonymisedError};

/// Pseudonyms of one part at most, and places in every part: the length of a part does not tell how many there are.
pub const RECODE_MAX: usize = 1_024;

const FORM: u8 = 1;
const SLOT: usize = 64;
const HEAD: usize = 3;
const _: () = assert!(Pseudonym::LENGTH_MAX <= SLOT);

/// Pseudonyms of earlier epochs that healthdata asks the TTP to re-code.
///
/// | bytes | what |
/// | --- | --- |
/// | 0 | form, 1 |
/// | 1 to 2 | how many, 1 to 1,024, big endian |
/// | 3 to the end | 1,024 places of 64 bytes: pseudonyms in ASCII with zeros behind them; zeros in the places that are left over |
#[derive(Clone, PartialEq, Eq)]
pub struct RecodePart(Vec<Pseudonym>);

impl RecodePart {
    /// A part with these pseudonyms.
    ///
    /// # Errors
    ///
    /// [`PseudonymisedError::Count`] for none, or more than [`RECODE_MAX`].
    pub fn new(pseudonyms: Vec<Pseudonym>) -> Result<Self, PseudonymisedError> {
        if (1..=RECODE_MAX).contains(&pseudonyms.len()) { Ok(Self(pseudonyms)) } else { Err(PseudonymisedError::Count) }
    }

    /// The pseudonyms.
    #[must_use]
    pub fn pseudonyms(&self) -> &[Pseudonym] {
        &self.0
    }

    /// The part as bytes, ready to be sealed.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(self.0.len(), 1, self.0.iter().map(Some))
    }

    /// Reads a part back.
    ///
    /// # Errors
    ///
    /// [`PseudonymisedError`] for any bytes that [`RecodePart::encode`] does not write.
    pub fn decode(bytes: &[u8]) -> Result<Self, PseudonymisedError> {
        let slots = decode(bytes, 1)?;
        slots.into_iter().map(|slot| slot.ok_or(PseudonymisedError::Malformed)).collect::<Result<_, _>>().map(Self)
    }
}

/// What the TTP makes of a [`RecodePart`]: each pseudonym with the one of the current epoch, or with none when the TTP did not make it.
///
/// As a [`RecodePart`], but with places for two pseudonyms side by side (128 bytes): as it was asked for, and as it is from now on.
#[derive(Clone, PartialEq, Eq)]
pub struct RecodedPart(Vec<(Pseudonym, Option<Pseudonym>)>);

impl RecodedPart {
    /// A part with these answers.
    ///
    /// # Errors
    ///
    /// [`PseudonymisedError::Count`] for none, or more than [`RECODE_MAX`].
    pub fn new(answers: Vec<(Pseudonym, Option<Pseudonym>)>) -> Result<Self, PseudonymisedError> {
        if (1..=RECODE_MAX).contains(&answers.len()) { Ok(Self(answers)) } else { Err(PseudonymisedError::Count) }
    }

    /// The answers: asked for, and from now on.
    #[must_use]
    pub fn answers(&self) -> &[(Pseudonym, Option<Pseudonym>)] {
        &self.0
    }

    /// The part as bytes, ready to be sealed.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(self.0.len(), 2, self.0.iter().flat_map(|(old, new)| [Some(old), new.as_ref()]))
    }

    /// Reads a part back.
    ///
    /// # Errors
    ///
    /// [`PseudonymisedError`] for any bytes that [`RecodedPart::encode`] does not write.
    pub fn decode(bytes: &[u8]) -> Result<Self, PseudonymisedError> {
        let mut slots = decode(bytes, 2)?.into_iter();
        let mut answers = Vec::with_capacity(slots.len() / 2);
        while let (Some(old), Some(new)) = (slots.next(), slots.next()) {
            answers.push((old.ok_or(PseudonymisedError::Malformed)?, new));
        }
        Ok(Self(answers))
    }
}

fn encode<'a>(count: usize, width: usize, slots: impl Iterator<Item = Option<&'a Pseudonym>>) -> Vec<u8> {
    let length = HEAD + RECODE_MAX * width * SLOT;
    let mut bytes = Vec::with_capacity(length);
    bytes.push(FORM);
    bytes.extend_from_slice(&u16::try_from(count).unwrap_or(u16::MAX).to_be_bytes());
    for slot in slots {
        let end = bytes.len() + SLOT;
        bytes.extend_from_slice(slot.map_or(&[], |pseudonym| pseudonym.as_str().as_bytes()));
        bytes.resize(end, 0);
    }
    bytes.resize(length, 0);
    bytes
}

fn decode(bytes: &[u8], width: usize) -> Result<Vec<Option<Pseudonym>>, PseudonymisedError> {
    let ([form, high, low], rest) = bytes.split_first_chunk::<HEAD>().ok_or(PseudonymisedError::Malformed)?;
    if *form != FORM {
        return Err(PseudonymisedError::UnknownVersion);
    }
    let count = usize::from(u16::from_be_bytes([*high, *low]));
    if !(1..=RECODE_MAX).contains(&count) {
        return Err(PseudonymisedError::Count);
    }
    let (used, left_over) = rest.split_at_checked(count * width * SLOT).ok_or(PseudonymisedError::Malformed)?;
    if rest.len() != RECODE_MAX * width * SLOT || left_over.iter().any(|byte| *byte != 0) {
        return Err(PseudonymisedError::Malformed);
    }
    used.chunks(SLOT).map(slot).collect()
}

/// A pseudonym, or nothing where there are zeros only.
fn slot(bytes: &[u8]) -> Result<Option<Pseudonym>, PseudonymisedError> {
    let Some(last) = bytes.iter().rposition(|byte| *byte != 0) else { return Ok(None) };
    let text = std::str::from_utf8(&bytes[..=last]).map_err(|_| PseudonymisedError::Malformed)?;
    text.parse().map(Some)
}

impl fmt::Debug for RecodePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecodePart")
    }
}

impl fmt::Debug for RecodedPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecodedPart")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pseudonym(epoch: u32, code: &str) -> Pseudonym {
        Pseudonym::assemble("healthdata", epoch, code).unwrap()
    }

    fn some(epoch: u32, letter: &str) -> Pseudonym {
        pseudonym(epoch, &letter.repeat(26))
    }

    #[test]
    fn the_bytes_stand_where_the_documentation_says() {
        let asked = RecodePart::new(vec![some(1, "A"), some(1, "B")]).unwrap().encode();
        assert_eq!(asked.len(), 3 + 1_024 * 64);
        assert_eq!(asked[..16], *b"\x01\x00\x02healthdata.1.");
        assert_eq!(asked[67..80], *b"healthdata.1.");
        assert!(asked[3 + 2 * 64..].iter().all(|byte| *byte == 0));
        let answered = RecodedPart::new(vec![(some(1, "A"), Some(some(2, "C"))), (some(1, "B"), None)]).unwrap().encode();
        assert_eq!(answered.len(), 3 + 1_024 * 128);
        assert_eq!(answered[67..80], *b"healthdata.2.");
        assert_eq!(answered[131..144], *b"healthdata.1.");
        assert!(answered[3 + 3 * 64..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn all_parts_have_one_length() {
        let lengths = |count: usize| {
            let asked = vec![some(u32::MAX, "A"); count];
            let answers = asked.iter().map(|one| (one.clone(), Some(some(7, "B")))).collect();
            (RecodePart::new(asked).unwrap().encode().len(), RecodedPart::new(answers).unwrap().encode().len())
        };
        assert_eq!(lengths(1), lengths(RECODE_MAX));
        assert_eq!(RecodePart::new(Vec::new()).unwrap_err(), PseudonymisedError::Count);
        assert_eq!(RecodePart::new(vec![some(1, "A"); RECODE_MAX + 1]).unwrap_err(), PseudonymisedError::Count);
        assert_eq!(RecodedPart::new(Vec::new()).unwrap_err(), PseudonymisedError::Count);
    }

    #[test]
    fn refuses_other_forms_counts_and_lengths() {
        use PseudonymisedError as E;
        let good = RecodePart::new(vec![some(1, "A")]).unwrap().encode();
        let changed = |at: usize, to: u8| {
            let mut bytes = good.clone();
            bytes[at] = to;
            RecodePart::decode(&bytes).unwrap_err()
        };
        assert_eq!(changed(0, 2), E::UnknownVersion);
        assert_eq!(changed(1, 5), E::Count);
        assert_eq!(changed(2, 0), E::Count);
        assert_eq!(changed(2, 2), E::Malformed, "a place without a pseudonym");
        assert_eq!(changed(16, b'B'), E::CheckCharacter);
        assert_eq!(changed(3 + 64 + 5, b'x'), E::Malformed, "something in a place that is left over");
        for length in [0, 1, 3, 67, good.len() - 1] {
            assert_eq!(RecodePart::decode(&good[..length]).unwrap_err(), E::Malformed, "{length}");
        }
        assert_eq!(RecodePart::decode(&[good.as_slice(), &[0]].concat()).unwrap_err(), E::Malformed);
        assert_eq!(RecodedPart::decode(&good).unwrap_err(), E::Malformed, "a question is no answer");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn written_is_read_back_and_every_other_byte_is_found(
            codes in prop::collection::vec(("[A-Z2-7]{26}", prop::option::of("[A-Z2-7]{26}")), 1..9),
            at in 0..1_500_usize,
            to: u8,
        ) {
            let asked = RecodePart::new(codes.iter().map(|(code, _)| pseudonym(1, code)).collect()).unwrap();
            let answers = codes.iter().map(|(old, new)| (pseudonym(1, old), new.as_ref().map(|new| pseudonym(2, new))));
            let answered = RecodedPart::new(answers.collect()).unwrap();
            let (mut question, mut answer) = (asked.encode(), answered.encode());
            prop_assert!(RecodePart::decode(&question) == Ok(asked));
            prop_assert!(RecodedPart::decode(&answer) == Ok(answered));
            (question[at], answer[at]) = (to, to);
            if let Ok(read) = RecodePart::decode(&question) {
                prop_assert_eq!(read.encode(), question);
            }
            if let Ok(read) = RecodedPart::decode(&answer) {
                prop_assert_eq!(read.encode(), answer);
            }
        }
    }
}
