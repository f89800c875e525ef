//! Texts in the three languages of the system.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// A language that every text exists in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Dutch.
    Dutch,
    /// French.
    French,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 3] = [Self::English, Self::Dutch, Self::French];

    /// The two-letter code: `en`, `nl` or `fr`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Dutch => "nl",
            Self::French => "fr",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A code that is no language of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("know the language: expected en, nl or fr")]
pub struct UnknownLanguage;

impl FromStr for Language {
    type Err = UnknownLanguage;

    fn from_str(code: &str) -> Result<Self, UnknownLanguage> {
        Self::ALL.into_iter().find(|language| language.as_str() == code).ok_or(UnknownLanguage)
    }
}

/// One text in three languages, as definitions hold them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalText {
    en: String,
    nl: String,
    fr: String,
}

impl LocalText {
    /// A text from its three forms.
    #[must_use]
    pub fn new(en: impl Into<String>, nl: impl Into<String>, fr: impl Into<String>) -> Self {
        Self { en: en.into(), nl: nl.into(), fr: fr.into() }
    }

    /// The text in a language.
    #[must_use]
    pub fn get(&self, language: Language) -> &str {
        match language {
            Language::English => &self.en,
            Language::Dutch => &self.nl,
            Language::French => &self.fr,
        }
    }

    /// Whether a form is missing.
    pub(crate) fn has_gap(&self) -> bool {
        Language::ALL.into_iter().any(|language| self.get(language).trim().is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_read_back_and_unknown_ones_are_refused() {
        for language in Language::ALL {
            assert_eq!(language.as_str().parse(), Ok(language));
        }
        assert_eq!("de".parse::<Language>(), Err(UnknownLanguage));
    }

    #[test]
    fn a_text_with_an_empty_form_has_a_gap() {
        assert!(LocalText::new("a", " ", "c").has_gap());
        assert!(!LocalText::new("a", "b", "c").has_gap());
    }
}
