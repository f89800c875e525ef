//! What a reason means, and what an operator can do about it.
//!
//! What a code means is the catalogue's word (docs/ERRORS.md), which is written from the errors themselves; what to do is added here.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Letter;

/// The page is written from the services' errors, and a test holds it to them.
const CATALOGUE: &str = include_str!("../../../../docs/ERRORS.md");

/// A line of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The code.
    pub code: &'static str,
    /// Who gives it: services, or `every reader`, or `whoever opens or seals`.
    pub by: &'static str,
    /// What it means.
    pub means: &'static str,
}

/// The code of an item that the program itself fails on; it has no error to be read from.
const DEFECT: Entry =
    Entry { code: "DEFECT", by: "ehbox-hco, ehealth-ttp, ehbox-hd", means: "The program itself failed on the item, twice." };

static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let part = CATALOGUE.split("\n# ").find(|part| part.starts_with("Dead letters\n")).unwrap_or_default();
    let entry = |line: &'static str| {
        let mut cells = line.strip_prefix("| `")?.strip_suffix(" |")?.splitn(3, " | ");
        Some(Entry { code: cells.next()?.strip_suffix('`')?, by: cells.next()?, means: cells.next()? })
    };
    let mut entries: Vec<Entry> = part.lines().filter_map(entry).collect();
    entries.push(DEFECT);
    entries
});

/// All that the catalogue says of a code; nothing when it is none.
#[must_use]
pub fn entries(code: &str) -> Vec<Entry> {
    ENTRIES.iter().filter(|entry| entry.code == code).copied().collect()
}

/// Every code, once.
#[must_use]
pub fn codes() -> Vec<&'static str> {
    let mut codes: Vec<&str> = ENTRIES.iter().map(|entry| entry.code).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// What helps against a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Waiting for the next day, or a higher limit.
    Quota,
    /// The right keys.
    Keys,
    /// The register's definition.
    Definition,
    /// Finding out who swapped or added what.
    Inquiry,
    /// Another release of whoever wrote it, or of whoever reads it.
    Program,
    /// Nothing that an operator does to the letter.
    Unreadable,
    /// The machine.
    Machine,
    /// The log of whoever set it aside.
    Log,
}

impl Remedy {
    /// What helps against a code; none against what is no code.
    #[must_use]
    pub fn against(code: &str) -> Option<Self> {
        Some(match code {
            "QUOTA" => Self::Quota,
            "DOES_NOT_OPEN" | "UNKNOWN_KEY" | "UNKNOWN_PARTY" | "HANDLE" => Self::Keys,
            "UNKNOWN_DEFINITION" => Self::Definition,
            "FOREIGN_FEEDBACK"
            | "FOREIGN_ORGANISATION"
            | "SWAPPED_CONTENT"
            | "SWAPPED_FEEDBACK"
            | "TAG_MISMATCH"
            | "PSEUDONYM_IN_FEEDBACK"
            | "NATIONAL_NUMBER"
            | "POLICY"
            | "ITEM_REUSED"
            | "OTHER_CONTENT"
            | "LOW_ORDER_KEY" => Self::Inquiry,
            "CONTENT" | "DAMAGED_ROW" | "DEFECT" | "FEEDBACK" | "IDENTITY" | "NOT_A_NUMBER" | "NO_IDENTITY" | "NO_UNIQUE_ID"
            | "PLACE" | "PSEUDONYM" | "PSEUDONYMISATION" | "PSEUDONYM_PART" | "RECODE_PART" | "SENDER" | "UNKNOWN_ITEM"
            | "UNKNOWN_TYPE" | "UNKNOWN_VERSION" | "UNWRITABLE" => Self::Program,
            "HEADER_LENGTH"
            | "INVALID_MEMBER"
            | "KEY_LENGTH"
            | "MISSING_MEMBER"
            | "NOT_BASE64"
            | "NOT_JSON"
            | "NO_ITEMS"
            | "REPEATED_MEMBER"
            | "RETURN_PART_FORM"
            | "RETURN_PART_LENGTH"
            | "SEAL_CUT_SHORT"
            | "SEAL_TOO_LONG"
            | "SEAL_TOO_MANY_ITEMS"
            | "TOO_LARGE"
            | "TOO_MANY_ITEMS"
            | "TRAILING_BYTES"
            | "TRUNCATED"
            | "UNKNOWN_MEMBER"
            | "WRONG_LENGTH" => Self::Unreadable,
            "NO_RANDOMNESS" => Self::Machine,
            _ => return None,
        })
    }

    /// Whether putting the letter back as it is can bring it through.
    #[must_use]
    pub const fn helps(self) -> bool {
        !matches!(self, Self::Inquiry | Self::Unreadable)
    }

    /// What an operator can do.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Quota => {
                "Requeue it on the next day (UTC), when the sender's count begins anew, or after the limit was raised (quota_patients_per_day). If a hospital did not \
                 mean to send that much, ask it first. Left alone, the hospital sends it again by itself after 48 hours."
            }
            Self::Keys => {
                "Compare the key that it is sealed for (`dead-letters show`) with the keys of its reader (`precision keys show`), and the sender with the public \
                 directory. Put back the key or the entry that is missing, then requeue it. If all keys are there, it was changed on its way: find out where, and \
                 leave it to the hospital, which sends again by itself after 48 hours."
            }
            Self::Definition => {
                "Give the service the register's definition of that version (--definitions), start it again, then requeue it."
            }
            Self::Inquiry => {
                "Do not requeue it: it comes back, and it should. Somebody sent what the promises forbid, or what belongs elsewhere. Tell the security officer; the \
                 item's id and the itineraries of both sides show who made it and when."
            }
            Self::Program => {
                "Whoever wrote it, or its reader, has a defect or is of another release. Compare the releases and the log of who set it aside; after the update, requeue \
                 it. Left alone, the hospital sends a registration again by itself after 48 hours."
            }
            Self::Unreadable => {
                "It can never be read as it is, so requeueing brings it back. Find out who wrote it, or what damaged it on the way. A registration in it is sent again \
                 by its hospital after 48 hours."
            }
            Self::Machine => "Mend the machine of who set it aside, then requeue it.",
            Self::Log => {
                "The letter is readable and names no reason: its publication was refused as a whole, or was handed out ten times and never got a verdict. The log and the \
                 itinerary of who set it aside have the code. When that is mended, requeue it."
            }
        }
    }
}

/// Why a letter stands there, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Why {
    /// The code; none of a readable letter without one.
    pub code: Option<String>,
    /// Where the code is from: `letter`, or `reading it again`.
    pub told_by: Option<String>,
    /// What it means: the catalogue's sentences for who set it aside.
    pub means: Vec<String>,
    /// Whether putting it back as it is can bring it through, once the reason is mended.
    pub requeue_helps: bool,
    /// What an operator can do.
    pub what_to_do: String,
}

impl Why {
    /// Why this letter stands there.
    #[must_use]
    pub fn of(letter: &Letter) -> Self {
        let told_by = match (&letter.reason, letter.fault) {
            (Some(_), _) => Some("letter"),
            (None, Some(_)) => Some("reading it again"),
            (None, None) => None,
        };
        let actor = letter.place.arrow.to().as_str();
        Self::told(letter.code(), told_by, |entry| is_by(entry, actor))
    }

    /// What a code means, whoever gives it; none when it is none.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        (!entries(code).is_empty()).then(|| Self::told(Some(code), None, |_| true))
    }

    fn told(code: Option<&str>, told_by: Option<&str>, is_meant: impl Fn(&Entry) -> bool) -> Self {
        let known = code.map(entries).unwrap_or_default();
        let mut means: Vec<String> = known.iter().filter(|entry| is_meant(entry)).map(sentence).collect();
        if means.is_empty() {
            // A code of a later release, or one that this reader is not known to give.
            means = known.iter().map(sentence).collect();
        }
        if means.is_empty() {
            let what = if code.is_some() { "This release does not know the code." } else { "It has no reason code." };
            means.push(what.to_owned());
        }
        let remedy = match code {
            None => Remedy::Log,
            Some(code) => Remedy::against(code).unwrap_or(Remedy::Program),
        };
        Self {
            code: code.map(str::to_owned),
            told_by: told_by.map(str::to_owned),
            means,
            requeue_helps: remedy.helps(),
            what_to_do: remedy.advice().to_owned(),
        }
    }
}

fn sentence(entry: &Entry) -> String {
    format!("{} ({})", entry.means, entry.by)
}

/// Whether a service may have given an entry's code.
fn is_by(entry: &Entry, actor: &str) -> bool {
    entry.by.split(", ").any(|by| by == actor || by == "every reader" || by == "whoever opens or seals")
}

#[cfg(test)]
mod tests {
    use topology::Arrow;

    use super::*;
    use crate::letters::Place;

    #[test]
    fn every_code_of_the_catalogue_has_its_remedy() {
        assert!(codes().len() > 50, "{:?}", codes());
        for code in codes() {
            assert!(Remedy::against(code).is_some(), "{code}");
            let why = Why::of_code(code).unwrap();
            assert!(!why.means.is_empty() && why.means.iter().all(|means| means.ends_with(')')), "{why:?}");
        }
        assert_eq!(Remedy::against("NO_SUCH_CODE"), None);
        assert_eq!(Why::of_code("NO_SUCH_CODE"), None);
        assert_eq!(Why::of_code("E10"), None, "findings of rows are no reasons");
    }

    #[test]
    fn a_remedy_is_for_a_code_that_exists() {
        let source = include_str!("why.rs");
        let (_, body) = source.split_once("pub fn against").unwrap();
        let (body, _) = body.split_once("_ => return None").unwrap();
        let named: Vec<&str> = body.split('"').skip(1).step_by(2).collect();
        assert!(named.len() > 50);
        for code in named {
            assert!(codes().contains(&code), "{code}");
        }
    }

    #[test]
    fn what_cannot_be_read_says_so_by_itself() {
        let letter = Letter::read(Place { arrow: Arrow::ToTtp, nihdi: None }, b"{\"specversion\":\"1.0\",\"id\":\"");
        let why = Why::of(&letter);
        assert_eq!((why.code.as_deref(), why.told_by.as_deref()), (Some("TRUNCATED"), Some("reading it again")));
        assert!(!why.requeue_helps);
    }

    #[test]
    fn a_code_means_what_its_giver_means_by_it() {
        let meant = |code: &str, actor: &str| {
            let why = Why::told(Some(code), None, |entry| is_by(entry, actor));
            why.means.concat()
        };
        assert!(meant("IDENTITY", "ehealth-ttp").contains("check digits"));
        assert!(!meant("IDENTITY", "ehbox-hco").contains("check digits"));
        assert!(meant("UNKNOWN_KEY", "ehbox-hd").contains("does not have"));
    }
}
