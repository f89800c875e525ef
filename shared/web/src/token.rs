//! Who calls: bearer tokens with a role, an organisation and registers.
//!
//! The file holds hashes only. A secret has 256 random bits, so its plain SHA-256 tells nothing; a password would need more.

mod file;

use std::{collections::BTreeSet, fmt, path::PathBuf, str::FromStr};

use clock::Timestamp;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde::Deserialize;
use sha2::{Digest, Sha256};

pub use self::file::Tokens;
use crate::Code;

/// What a caller may be (domain sheet 3.6, 4.1 and 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// At a hospital: enters and submits registrations.
    DataProvider,
    /// Of a hospital, or of healthdata: reads the audit rows; at a hospital it also changes settings.
    Administrator,
    /// At healthdata: checks records, asks, approves.
    Researcher,
    /// At healthdata: reads records and changes nothing.
    Support,
    /// At the data warehouse: only validation, no analysis.
    DataValidator,
    /// At the data warehouse: analysis, no findings.
    DataAnalyst,
    /// Of an installation that one process runs: queues, and what is set aside on them; nothing of a patient.
    Operator,
}

/// A text that is no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("know the role: it is data-provider, administrator, researcher, support, data-validator, data-analyst or operator")]
pub struct UnknownRole;

impl Role {
    /// Every role.
    pub const ALL: [Self; 7] = [
        Self::DataProvider,
        Self::Administrator,
        Self::Researcher,
        Self::Support,
        Self::DataValidator,
        Self::DataAnalyst,
        Self::Operator,
    ];

    /// The role as files and histories have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DataProvider => "data-provider",
            Self::Administrator => "administrator",
            Self::Researcher => "researcher",
            Self::Support => "support",
            Self::DataValidator => "data-validator",
            Self::DataAnalyst => "data-analyst",
            Self::Operator => "operator",
        }
    }

    /// Whether it fits a token with an organisation, or one without.
    const fn fits(self, has_organisation: bool) -> bool {
        match self {
            Self::DataProvider => has_organisation,
            Self::Administrator => true,
            Self::Researcher | Self::Support | Self::DataValidator | Self::DataAnalyst | Self::Operator => !has_organisation,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(UnknownRole)
    }
}

/// The registers that a token extends to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registers {
    /// All of them, later ones too.
    All,
    /// These, by technical name.
    Only(BTreeSet<String>),
}

/// Who calls, as far as a service may know: a token's name, never a person's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The token's name.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// The hospital's number; none at healthdata.
    pub organisation: Option<String>,
    /// Its registers.
    pub registers: Registers,
}

impl Caller {
    /// Whether the token extends to a register, by its technical name in any case.
    #[must_use]
    pub fn may_see(&self, register: &str) -> bool {
        match &self.registers {
            Registers::All => true,
            Registers::Only(names) => names.iter().any(|name| name.eq_ignore_ascii_case(register)),
        }
    }

    /// Refuses what is about a register that the token does not extend to.
    ///
    /// # Errors
    ///
    /// [`Code::ForeignRegister`].
    pub fn must_see(&self, register: &str) -> Result<(), Code> {
        if self.may_see(register) { Ok(()) } else { Err(Code::ForeignRegister) }
    }
}

/// Why a file of tokens cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file cannot be read.
    #[error("read the tokens {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Others than the owner may read or write the file.
    #[error("trust the tokens {path}: only its owner may read and write it (chmod 600)")]
    Open {
        /// The file.
        path: PathBuf,
    },
    /// The file does not say what it must.
    #[error("understand the tokens {path}")]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Where and what.
        source: Box<toml::de::Error>,
    },
    /// An entry that contradicts itself or another one.
    #[error("accept the token `{name}`: {reason}")]
    Entry {
        /// The entry's name.
        name: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The operating system gave no randomness.
    #[error("draw a secret: the operating system gave no randomness")]
    NoRandomness,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    token: Vec<Entry>,
}

/// One `[[token]]` of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    role: Role,
    organisation: Option<String>,
    registers: RegistersEntry,
    sha256: String,
    expires: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RegistersEntry {
    Word(String),
    List(BTreeSet<String>),
}

struct Token {
    hash: [u8; 32],
    expires: Option<Timestamp>,
    caller: Caller,
}

/// The tokens of a text.
struct Known {
    tokens: Vec<Token>,
}

impl Known {
    fn parse(text: &str) -> Result<Self, Wrong> {
        let file: File = toml::from_str(text).map_err(|error| Wrong::Form(Box::new(error)))?;
        let mut tokens: Vec<Token> = Vec::with_capacity(file.token.len());
        for entry in file.token {
            let name = entry.name.clone();
            let token = read(entry).map_err(|reason| Wrong::Entry(name.clone(), reason))?;
            if tokens.iter().any(|known| known.caller.name == name || known.hash == token.hash) {
                return Err(Wrong::Entry(name, "another one has its name or its secret"));
            }
            tokens.push(token);
        }
        Ok(Self { tokens })
    }

    /// Who an `Authorization` header stands for at `now`. Every known hash is compared, each in constant time.
    ///
    /// # Errors
    ///
    /// [`Code::Unauthenticated`], [`Code::TokenExpired`].
    fn caller(&self, authorization: Option<&str>, now: Timestamp) -> Result<&Caller, Code> {
        let (scheme, secret) = authorization.and_then(|header| header.split_once(' ')).ok_or(Code::Unauthenticated)?;
        let given = hash(secret.trim_start());
        let mut found = None;
        for token in &self.tokens {
            let difference = given.iter().zip(&token.hash).fold(0, |all, (a, b)| all | (a ^ b));
            if std::hint::black_box(difference) == 0 {
                found = Some(token);
            }
        }
        let token = found.filter(|_| scheme.eq_ignore_ascii_case("bearer")).ok_or(Code::Unauthenticated)?;
        match token.expires {
            Some(expires) if expires <= now => Err(Code::TokenExpired),
            _ => Ok(&token.caller),
        }
    }
}

#[derive(Debug)]
enum Wrong {
    Form(Box<toml::de::Error>),
    Entry(String, &'static str),
}

/// Whether a text may be a token's name: it stands in logs and audit rows.
fn is_name(text: &str) -> bool {
    let is_char = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.');
    (1..=60).contains(&text.chars().count()) && text.chars().all(is_char) && text.trim() == text
}

fn is_organisation(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit())
}

fn read(entry: Entry) -> Result<Token, &'static str> {
    if !is_name(&entry.name) {
        return Err("a name has 1 to 60 letters, digits, blanks, `-`, `_` and `.`");
    }
    if !entry.organisation.as_deref().is_none_or(is_organisation) {
        return Err("an organisation is a NIHDI number of 8 digits");
    }
    if !entry.role.fits(entry.organisation.is_some()) {
        return Err("a data provider has an organisation, a role of healthdata has none");
    }
    let registers = match entry.registers {
        RegistersEntry::Word(word) if word == "all" => Registers::All,
        RegistersEntry::List(names) if !names.is_empty() => Registers::Only(names),
        _ => return Err("registers are \"all\" or a list of names"),
    };
    let hash = HEXLOWER.decode(entry.sha256.as_bytes()).ok().and_then(|hash| hash.try_into().ok());
    let hash = hash.ok_or("sha256 has 64 lower-case hexadecimal digits")?;
    let expires = entry.expires.map(|text| text.parse()).transpose().map_err(|_| "expires is a time: 2027-01-01T00:00:00Z")?;
    let caller = Caller { name: entry.name, role: entry.role, organisation: entry.organisation, registers };
    Ok(Token { hash, expires, caller })
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// A new token: the secret, to be handed over once, and the entry for the file, which does not hold it.
pub struct NewToken {
    /// What the caller sends.
    pub secret: String,
    /// What stands in the file.
    pub entry: String,
}

impl fmt::Debug for NewToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewToken")
    }
}

impl NewToken {
    /// Draws a secret for `caller`.
    ///
    /// # Errors
    ///
    /// [`TokenError`] when the entry would not be accepted, or there is no randomness.
    #[expect(clippy::disallowed_methods, reason = "a token's secret is drawn like a key")]
    pub fn draw(caller: &Caller, expires: Option<Timestamp>) -> Result<Self, TokenError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|_| TokenError::NoRandomness)?;
        let secret = format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&bytes));
        let mut entry = format!("[[token]]\nname = {:?}\nrole = \"{}\"\n", caller.name, caller.role);
        if let Some(organisation) = &caller.organisation {
            entry.push_str(&format!("organisation = {organisation:?}\n"));
        }
        match &caller.registers {
            Registers::All => entry.push_str("registers = \"all\"\n"),
            Registers::Only(names) => entry.push_str(&format!("registers = {:?}\n", names.iter().collect::<Vec<_>>())),
        }
        entry.push_str(&format!("sha256 = \"{}\"\n", HEXLOWER.encode(&hash(&secret))));
        if let Some(expires) = expires {
            entry.push_str(&format!("expires = \"{expires}\"\n"));
        }
        // Whoever stores the entry must be able to use it.
        Known::parse(&entry).map_err(|wrong| match wrong {
            Wrong::Entry(name, reason) => TokenError::Entry { name, reason },
            Wrong::Form(_) => {
                TokenError::Entry { name: caller.name.clone(), reason: "its name or its registers cannot be written down" }
            }
        })?;
        Ok(Self { secret, entry })
    }
}

/// In front of every secret, so that one that leaks is recognised.
pub const PREFIX: &str = "precision_";

#[cfg(test)]
mod tests;
