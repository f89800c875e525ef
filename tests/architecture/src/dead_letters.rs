//! The codes of dead letters, read from the errors that carry them: an enum cannot be asked for its variants, and its documentation
//! even less.

use anyhow::{Context as _, Result, ensure};

use crate::repository::Repository;

/// Where errors with codes stand: enum, file, and who gives them. The services' order is that of the flow.
const ERRORS: &[(&str, &str, &str)] = &[
    ("EnvelopeError", "shared/envelope/src/error.rs", "every reader"),
    ("Fault", "shared/envelope/src/error.rs", "every reader"),
    ("SealingError", "shared/sealing/src/error.rs", "whoever opens or seals"),
    ("ReturnPartError", "shared/envelope/src/sealed/return_part.rs", "ehealth-ttp"),
    ("ItemError", "services/hd4dp/src/error.rs", "hd4dp"),
    ("ItemError", "services/ehbox-hco/src/error.rs", "ehbox-hco"),
    ("ItemError", "services/ehealth-ttp/src/error.rs", "ehealth-ttp"),
    ("ItemError", "services/ehbox-hd/src/error.rs", "ehbox-hd"),
    ("ItemError", "services/hd4res/src/error.rs", "hd4res"),
    ("ItemError", "services/dhw/src/error.rs", "dhw"),
];

/// A code, who gives it, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterCode {
    /// The code: upper case, digits and underscores.
    pub code: String,
    /// Who gives it.
    pub by: Vec<&'static str>,
    /// Why: the variant's documentation.
    pub reason: String,
}

/// All codes, by name. A code that several give for one reason stands once.
///
/// # Errors
///
/// A file is not there, an enum has no codes, or a code has no documentation.
pub fn codes(repository: &Repository) -> Result<Vec<DeadLetterCode>> {
    let mut codes: Vec<DeadLetterCode> = Vec::new();
    for (name, path, by) in ERRORS {
        let found = of_enum(&repository.read(path)?, name).with_context(|| format!("read the codes in {path}"))?;
        ensure!(!found.is_empty(), "{path} has no codes in `{name}`");
        for (code, reason) in found {
            match codes.iter_mut().find(|known| known.code == code && known.reason == reason) {
                Some(known) if known.by.contains(by) => {}
                Some(known) => known.by.push(by),
                None => codes.push(DeadLetterCode { code, by: vec![by], reason }),
            }
        }
    }
    codes.sort_by(|a, b| a.code.cmp(&b.code));
    Ok(codes)
}

/// Codes that stand elsewhere than where [`codes`] looks, a sentence each.
///
/// # Errors
///
/// A source cannot be read.
pub fn strays(repository: &Repository) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for source in repository.sources()? {
        let is_listed = ERRORS.iter().any(|(_, path, _)| *path == source.path);
        if source.path.starts_with("services/") && !is_listed && source.product().contains("DeadLetter(\"") {
            found.push(format!("{} gives a dead letter a code of its own: codes stand in error.rs.", source.path));
        }
    }
    Ok(found)
}

/// Code and documentation of each variant of the enum `name` that the `match` of its `impl` gives a code.
fn of_enum(text: &str, name: &str) -> Result<Vec<(String, String)>> {
    let reasons = reasons(text, name).with_context(|| format!("find the enum `{name}`"))?;
    let start = text.find(&format!("\nimpl {name} {{")).with_context(|| format!("find the impl of `{name}`"))?;
    let block = &text[start + 1..];
    let block = &block[..block.find("\n}\n").unwrap_or(block.len())];
    let mut found = Vec::new();
    for line in block.lines() {
        let Some((patterns, code)) = line.split_once(" => ") else { continue };
        let Some(code) = code.split('"').nth(1).filter(|code| is_code(code)) else { continue };
        for variant in patterns.split('|') {
            let variant = variant.trim().strip_prefix("Self::").unwrap_or_default();
            let variant = variant.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
            let reason = reasons.iter().find(|(known, _)| known == variant);
            let (_, reason) = reason.with_context(|| format!("find the variant `{variant}` of code {code}"))?;
            ensure!(!reason.is_empty(), "`{variant}` of code {code} has no documentation");
            let entry = (code.to_owned(), reason.clone());
            if !found.contains(&entry) {
                found.push(entry);
            }
        }
    }
    Ok(found)
}

fn is_code(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// The variants of an enum with their documentation in one line.
fn reasons(text: &str, name: &str) -> Option<Vec<(String, String)>> {
    let start = text.find(&format!("enum {name} {{\n"))?;
    let body = &text[start..];
    let body = &body[..body.find("\n}")?];
    let (mut found, mut reason) = (Vec::new(), String::new());
    for line in body.lines().skip(1) {
        let Some(line) = line.strip_prefix("    ").filter(|line| !line.starts_with(' ')) else { continue };
        if let Some(more) = line.strip_prefix("///") {
            reason.push_str(more);
        } else if line.starts_with(|c: char| c.is_ascii_uppercase()) {
            let variant = line.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
            found.push((variant.to_owned(), without_links(std::mem::take(&mut reason).trim())));
        }
    }
    Some(found)
}

/// Rustdoc's links lead nowhere on a page: their words stay.
fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once("[`") {
        let Some((word, after)) = link.split_once("`]") else { break };
        plain.push_str(&format!("{before}`{word}`"));
        rest = match after.strip_prefix('(').and_then(|target| target.split_once(')')) {
            Some((_, after)) => after,
            None => after,
        };
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
/// Why.
pub enum ItemError {
    /// It is
    /// large: more than [`MAX`](crate::MAX).
    #[error(\"no\")]
    Large {
        /// How large.
        bytes: usize,
    },
    /// It is [`Small`].
    Small(#[from] Other),
    /// Nobody knows.
    Odd,
}

impl ItemError {
    const fn code(&self) -> &'static str {
        match self {
            Self::Large { .. } => Disposition::DeadLetter(\"TOO_LARGE\"),
            Self::Small(_) | Self::Odd => \"ODD_1\",
            Self::Sealing(error) => error.code(),
        }
    }
}

impl Other {
    fn code() { match x { Self::Else => \"ELSE\" } }
}
";

    #[test]
    fn codes_are_read_with_their_reasons() {
        let expected = [("TOO_LARGE", "It is large: more than `MAX`."), ("ODD_1", "It is `Small`."), ("ODD_1", "Nobody knows.")]
            .map(|(code, reason)| (code.to_owned(), reason.to_owned()));
        assert_eq!(of_enum(TEXT, "ItemError").unwrap(), expected);
    }

    #[test]
    fn a_code_without_documentation_is_a_fault() {
        assert!(of_enum(&TEXT.replace("    /// Nobody knows.\n", ""), "ItemError").is_err());
        assert!(of_enum(TEXT, "Missing").is_err());
    }
}
