//! The secrets of a caller's tokens, and whom each is for.
//!
//! They come from a file that its owner alone may read, or from the environment: an argument stands where every user of the machine can
//! read it.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use topology::Nihdi;
use web::Role;

use super::Address;

/// A secret. It is printed nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    fn new(text: &str) -> Option<Self> {
        let is_secret = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        is_secret.then(|| Self(text.to_owned()))
    }

    /// What stands in the `Authorization` header.
    #[must_use]
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

/// A token as its holder keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its role; none of a secret that stands alone.
    pub role: Option<Role>,
    /// Its hospital.
    pub organisation: Option<Nihdi>,
    /// Where its service answers, when that is not where the others do.
    pub at: Option<Address>,
    /// The secret.
    pub secret: Secret,
}

/// The tokens of a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secrets(Vec<Held>);

/// Why there are no secrets to use.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// None is given.
    #[error(
        "find a token: --token-file names the file of its secret, or PRECISION_TOKEN_FILE, or PRECISION_TOKEN holds the secret"
    )]
    None,
    /// The secret itself is given in the place of its file.
    #[error("take a secret as an argument, where every user of this machine can read it: write it into a file")]
    Argument,
    /// The file cannot be read.
    #[error("read the secrets {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Others than the owner may read the file.
    #[error("trust the secrets {path}: only its owner may read and write it (chmod 600)")]
    Open {
        /// The file.
        path: PathBuf,
    },
    /// The file holds something else. What it holds is not repeated.
    #[error("understand the secrets {path}: {reason}")]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: &'static str,
    },
    /// PRECISION_TOKEN holds no secret.
    #[error("use PRECISION_TOKEN: it holds the secret of one token")]
    Variable,
}

/// Where secrets come from: what was typed, and the two variables of the environment.
#[derive(Clone, Default)]
pub struct Sources {
    /// `--token-file`.
    pub file: Option<PathBuf>,
    /// `PRECISION_TOKEN_FILE`.
    pub file_variable: Option<PathBuf>,
    /// `PRECISION_TOKEN`.
    pub variable: Option<String>,
}

impl Sources {
    /// Whether a file is named, in which tokens may have addresses.
    #[must_use]
    pub const fn has_file(&self) -> bool {
        self.file.is_some() || self.file_variable.is_some()
    }
}

impl Secrets {
    /// Reads the secrets from where they are: what was typed counts more than the environment, a file more than a secret alone.
    ///
    /// # Errors
    ///
    /// [`SecretsError`].
    pub fn find(sources: &Sources) -> Result<Self, SecretsError> {
        match (sources.file.as_ref().or(sources.file_variable.as_ref()), &sources.variable) {
            (Some(path), _) => Self::load(path),
            (None, Some(text)) => {
                let secret = Secret::new(text.trim()).ok_or(SecretsError::Variable)?;
                Ok(Self(vec![Held { role: None, organisation: None, at: None, secret }]))
            }
            (None, None) => Err(SecretsError::None),
        }
    }

    /// Reads a file: a secret alone, or an entry `[[token]]` for each, as `precision token new --keep` writes them.
    ///
    /// # Errors
    ///
    /// [`SecretsError`].
    pub fn load(path: &Path) -> Result<Self, SecretsError> {
        if path.to_str().is_some_and(|text| text.starts_with(web::token::PREFIX)) && !path.exists() {
            return Err(SecretsError::Argument);
        }
        let unreadable = |source| SecretsError::Unreadable { path: path.to_path_buf(), source };
        // Mode and text are of one file, whatever stands under the name meanwhile.
        let mut file = std::fs::File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0 {
            return Err(SecretsError::Open { path: path.to_path_buf() });
        }
        let mut text = String::new();
        std::io::Read::read_to_string(&mut file, &mut text).map_err(unreadable)?;
        Self::parse(&text).map_err(|reason| SecretsError::Wrong { path: path.to_path_buf(), reason })
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        if let Some(secret) = Secret::new(text.trim()) {
            return Ok(Self(vec![Held { role: None, organisation: None, at: None, secret }]));
        }
        // The parser's own words would repeat the line, which may be a secret.
        let file: File = toml::from_str(text).map_err(|_| FORM)?;
        let held = file.token.into_iter().map(Held::try_from).collect::<Result<Vec<_>, _>>()?;
        if held.is_empty() { Err(FORM) } else { Ok(Self(held)) }
    }

    /// The tokens, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Held> {
        self.0.iter()
    }
}

const FORM: &str = "it holds one secret, or entries [[token]] with role, organisation (of a hospital's), at (an address, where needed) and secret";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    token: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    role: Role,
    organisation: Option<String>,
    at: Option<String>,
    secret: String,
}

impl TryFrom<Entry> for Held {
    type Error = &'static str;

    fn try_from(Entry { role, organisation, at, secret }: Entry) -> Result<Self, &'static str> {
        let organisation = organisation.map(|text| text.parse()).transpose();
        let organisation = organisation.map_err(|_| "an organisation is a NIHDI number of 8 digits")?;
        if role == Role::DataProvider && organisation.is_none() {
            return Err("a data provider's token has an organisation");
        }
        let at =
            at.map(|text| text.parse()).transpose().map_err(|_| "`at` is an address: https://host or http://host:port/path")?;
        Ok(Self {
            role: Some(role),
            organisation,
            at,
            secret: Secret::new(&secret).ok_or("a secret has visible ASCII characters only")?,
        })
    }
}

/// The entry of a new token for its holder's file.
#[must_use]
pub fn entry(role: Role, organisation: Option<&str>, secret: &str) -> String {
    let organisation = organisation.map(|number| format!("organisation = {number:?}\n")).unwrap_or_default();
    format!("[[token]]\nrole = \"{role}\"\n{organisation}secret = {secret:?}\n")
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    const SECRET: &str = "precision_c2VjcmV0";

    fn held(text: &str) -> Vec<Held> {
        Secrets::parse(text).unwrap().0
    }

    #[test]
    fn a_secret_stands_alone_or_with_whom_it_is_for() {
        let alone = &held(&format!("  {SECRET}\n"))[0];
        assert_eq!((alone.role, alone.organisation, alone.secret.bearer()), (None, None, format!("Bearer {SECRET}")));
        let text = entry(Role::DataProvider, Some("00000196"), SECRET) + "\n" + &entry(Role::Researcher, None, "other");
        let both = held(&text);
        assert_eq!(both[0].organisation, Some("00000196".parse().unwrap()));
        assert_eq!(both.iter().map(|one| one.role).collect::<Vec<_>>(), [Some(Role::DataProvider), Some(Role::Researcher)]);
        let with_address = held(&format!("[[token]]\nrole = \"support\"\nat = \"https://hd.example\"\nsecret = \"{SECRET}\"\n"));
        assert_eq!(with_address[0].at, Some("https://hd.example".parse().unwrap()));
    }

    #[test]
    fn what_is_wrong_is_said_without_the_secret() {
        for wrong in [
            String::new(),
            format!("{SECRET} {SECRET}"),
            format!("[[token]]\nrole = \"nobody\"\nsecret = \"{SECRET}\""),
            format!("[[token]]\nrole = \"data-provider\"\nsecret = \"{SECRET}\""),
            format!("[[token]]\nrole = \"data-provider\"\norganisation = \"1\"\nsecret = \"{SECRET}\""),
            format!("[[token]]\nrole = \"support\"\nat = \"here\"\nsecret = \"{SECRET}\""),
            format!("[[token]]\nrole = \"support\"\nsecret = \"a b\"\nword = \"{SECRET}\""),
        ] {
            let reason = Secrets::parse(&wrong).unwrap_err();
            assert!(!reason.contains("c2VjcmV0"), "{reason}");
        }
        assert!(!format!("{:?}", held(SECRET)).contains("c2VjcmV0"));
    }

    #[test]
    fn what_is_typed_counts_more_than_the_environment() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, mode: u32| {
            let path = folder.path().join(name);
            fs::write(&path, name).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            path
        };
        let (typed, of_variable) = (write("typed", 0o600), write("of-variable", 0o400));
        let found = |file: Option<&PathBuf>, file_variable: Option<&PathBuf>, variable: Option<&str>| {
            let sources =
                Sources { file: file.cloned(), file_variable: file_variable.cloned(), variable: variable.map(str::to_owned) };
            Secrets::find(&sources).map(|secrets| secrets.0[0].secret.bearer())
        };
        assert_eq!(found(Some(&typed), Some(&of_variable), Some("alone")).unwrap(), "Bearer typed");
        assert_eq!(found(None, Some(&of_variable), Some("alone")).unwrap(), "Bearer of-variable");
        assert_eq!(found(None, None, Some("alone")).unwrap(), "Bearer alone");
        assert!(matches!(found(None, None, Some("a b")), Err(SecretsError::Variable)));
        assert!(matches!(found(None, None, None), Err(SecretsError::None)));
        assert!(matches!(found(Some(&write("open", 0o640)), None, None), Err(SecretsError::Open { .. })));
        let argument = found(Some(&PathBuf::from(SECRET)), None, None).unwrap_err();
        assert!(!argument.to_string().contains(SECRET));
        assert!(matches!(argument, SecretsError::Argument));
    }
}
