//! The languages that answers speak.

/// A language of the federal health administration, or English.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
    /// `en`, `nl` or `fr`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Dutch => "nl",
            Self::French => "fr",
        }
    }

    /// What an `Accept-Language` (RFC 9110 section 12.5.4) prefers among ours; English where it names none of them. The first one wins
    /// among equals.
    #[must_use]
    pub fn accepted(header: &str) -> Self {
        let mut best = (0, Self::English);
        for range in header.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let tag = parts.next().unwrap_or_default().split('-').next().unwrap_or_default();
            let language = match tag.to_ascii_lowercase().as_str() {
                "en" => Self::English,
                "nl" => Self::Dutch,
                "fr" => Self::French,
                _ => continue,
            };
            let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(1_000, thousandths);
            if weight > best.0 {
                best = (weight, language);
            }
        }
        best.1
    }
}

/// A quality value in thousandths; what is none weighs nothing.
fn thousandths(weight: &str) -> u16 {
    let (whole, rest) = weight.split_once('.').unwrap_or((weight, ""));
    let is_form = matches!(whole, "0" | "1") && rest.len() <= 3 && rest.bytes().all(|b| b.is_ascii_digit());
    let value = || format!("{whole}{rest:0<3}").parse::<u16>().ok();
    if is_form { value().map_or(0, |value| value.min(1_000)) } else { 0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_heaviest_of_ours_is_taken() {
        let cases = [
            ("", Language::English),
            ("de", Language::English),
            ("nl-BE,nl;q=0.9,en;q=0.8", Language::Dutch),
            ("en;q=0.1, FR-be;q=0.25", Language::French),
            ("nl;q=0, fr;q=0.001", Language::French),
            ("nl;q=2, en;q=nan", Language::English),
            ("fr,nl", Language::French),
        ];
        for (header, language) in cases {
            assert_eq!(Language::accepted(header), language, "{header}");
        }
    }

    proptest! {
        #[test]
        fn any_header_has_an_answer(header in ".{0,60}") {
            prop_assert!(["en", "nl", "fr"].contains(&Language::accepted(&header).as_str()));
        }
    }
}
