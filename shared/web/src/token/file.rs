//! The file of tokens, followed while the service runs.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use clock::Timestamp;

use super::{Caller, Known, TokenError, Wrong};
use crate::Code;

/// The tokens that a service knows: those of a file, as it is at each request.
pub struct Tokens {
    path: PathBuf,
    state: Mutex<State>,
}

struct State {
    /// What the file said when it could last be used.
    text: String,
    known: Arc<Known>,
    /// Why it cannot be used now; it stands in the log.
    trouble: Option<String>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Tokens {
    /// Reads a file that only its owner may read and write.
    ///
    /// # Errors
    ///
    /// [`TokenError`].
    pub fn load(path: &Path) -> Result<Self, TokenError> {
        let text = read(path)?;
        let known = Arc::new(known(path, &text)?);
        Ok(Self { path: path.to_owned(), state: Mutex::new(State { text, known, trouble: None }) })
    }

    /// Who an `Authorization` header stands for at `now`, by the file as it is now.
    ///
    /// # Errors
    ///
    /// [`Code::Unauthenticated`], [`Code::TokenExpired`].
    pub fn caller(&self, authorization: Option<&str>, now: Timestamp) -> Result<Caller, Code> {
        self.known().caller(authorization, now).cloned()
    }

    /// The tokens of the file. Its whole text is compared, since no time of change tells two changes of one moment apart, and a revoked
    /// token must not pass; a few kilobytes of the page cache are not worth another thread. A file that cannot be used leaves the tokens
    /// of before, as a half-written one would otherwise shut everybody out.
    fn known(&self) -> Arc<Known> {
        let read = read(&self.path);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(&read, Ok(text) if *text == state.text) {
            state.trouble = None;
            return Arc::clone(&state.known);
        }
        match read.and_then(|text| Ok((known(&self.path, &text)?, text))) {
            Ok((known, text)) => {
                tracing::info!(tokens = known.tokens.len(), "the tokens were read again");
                *state = State { text, known: Arc::new(known), trouble: None };
            }
            Err(error) => {
                let trouble = complaint(&error);
                if state.trouble.as_ref() != Some(&trouble) {
                    tracing::error!(error = %trouble, "the file of tokens cannot be used: those of before stay");
                    state.trouble = Some(trouble);
                }
            }
        }
        Arc::clone(&state.known)
    }
}

fn read(path: &Path) -> Result<String, TokenError> {
    let unreadable = |source| TokenError::Unreadable { path: path.to_path_buf(), source };
    // Mode and text are of one file, whatever stands under the name meanwhile.
    let mut file = std::fs::File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0 {
        return Err(TokenError::Open { path: path.to_path_buf() });
    }
    let mut text = String::new();
    std::io::Read::read_to_string(&mut file, &mut text).map_err(unreadable)?;
    Ok(text)
}

fn known(path: &Path, text: &str) -> Result<Known, TokenError> {
    Known::parse(text).map_err(|error| match error {
        Wrong::Form(source) => TokenError::Wrong { path: path.to_path_buf(), source },
        Wrong::Entry(name, reason) => TokenError::Entry { name, reason },
    })
}

/// What is wrong, without the line of the file that shows it: somebody may have put a secret there.
fn complaint(error: &TokenError) -> String {
    match error {
        TokenError::Wrong { source, .. } => format!("{error}: {}", source.message()),
        TokenError::Unreadable { source, .. } => format!("{error}: {source}"),
        TokenError::Open { .. } | TokenError::Entry { .. } | TokenError::NoRandomness => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::{
        Role,
        token::{NewToken, Registers},
    };

    fn drawn(name: &str) -> (String, String) {
        let caller = Caller { name: name.to_owned(), role: Role::Researcher, organisation: None, registers: Registers::All };
        let token = NewToken::draw(&caller, None).unwrap();
        (token.entry, format!("Bearer {}", token.secret))
    }

    fn write(path: &Path, text: &str, mode: u32) {
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let load = |mode| {
            write(file.path(), &drawn("one").0, mode);
            Tokens::load(file.path())
        };
        load(0o600).unwrap();
        for mode in [0o640, 0o604, 0o622, 0o666] {
            assert!(matches!(load(mode), Err(TokenError::Open { .. })), "{mode:o}");
        }
        assert!(matches!(Tokens::load(Path::new("/nowhere")), Err(TokenError::Unreadable { .. })));
    }

    #[test]
    fn a_changed_file_counts_at_once_and_a_broken_one_leaves_what_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.toml");
        let ((one, first), (two, second)) = (drawn("one"), drawn("two"));
        write(&path, &one, 0o600);
        let tokens = Tokens::load(&path).unwrap();
        let known = |header: &str| tokens.caller(Some(header), Timestamp::EPOCH).map(|caller| caller.name);
        let trouble = || tokens.state.lock().unwrap().trouble.clone();
        assert_eq!((known(&first), known(&second)), (Ok("one".to_owned()), Err(Code::Unauthenticated)));
        write(&path, &format!("{one}{two}"), 0o600);
        assert_eq!(known(&second), Ok("two".to_owned()), "a new token needs no restart");
        // The same length at the same moment: a time of change would not tell.
        write(&path, &two, 0o600);
        assert_eq!((known(&first), known(&second)), (Err(Code::Unauthenticated), Ok("two".to_owned())), "revoked");
        let in_the_middle = two.split_at(two.len() / 2).0;
        for (broken, mode) in [(in_the_middle, 0o600), ("colour = \"precision_x\"\n", 0o600), (&*one, 0o644)] {
            write(&path, broken, mode);
            assert_eq!((known(&first), known(&second)), (Err(Code::Unauthenticated), Ok("two".to_owned())));
            assert!(trouble().is_some_and(|trouble| !trouble.contains("precision_x")), "{broken}");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(known(&second).is_ok() && trouble().is_some());
        write(&path, "", 0o600);
        assert_eq!((known(&second), trouble()), (Err(Code::Unauthenticated), None), "an empty file is a file");
    }
}
