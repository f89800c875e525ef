//! The file of tokens, which says who may call an API.

use std::{
    io::{Seek, Write},
    sync::{LazyLock, Mutex, PoisonError},
};

use clock::Timestamp;
use tempfile::NamedTempFile;
use web::{
    Caller, Code, Role, Tokens,
    token::{NewToken, Registers, TokenError},
};

use crate::given;

/// A token that nobody else's text can hold.
struct Known {
    file: NamedTempFile,
    caller: Caller,
    token: NewToken,
}

impl Known {
    fn draw() -> Option<Self> {
        let name = "a name that only this token has".to_owned();
        let caller = Caller { name, role: Role::Researcher, organisation: None, registers: Registers::All };
        // Its file is made for its owner alone.
        Some(Self { file: NamedTempFile::new().ok()?, token: NewToken::draw(&caller, None).ok()?, caller })
    }

    fn load(&mut self, text: &[u8]) -> Result<Tokens, TokenError> {
        let file = self.file.as_file_mut();
        given(file.rewind().and_then(|()| file.set_len(0)).and_then(|()| file.write_all(text)).ok(), "room in a file");
        Tokens::load(self.file.path())
    }
}

static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(|| Mutex::new(given(Known::draw(), "a token")));

/// The text of a file of tokens.
///
/// Holds: nobody comes in without a token of the file, whatever the file says; a token that is added to a file that can be used lets its caller in, and
/// as nobody else; what is wrong with a file is told without its text.
pub fn tokens(bytes: &[u8]) {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let header = format!("Bearer {}", known.token.secret);
    match known.load(bytes) {
        Ok(tokens) => {
            for authorization in [None, Some("Bearer "), Some("Bearer x"), Some(header.as_str())] {
                assert_eq!(tokens.caller(authorization, Timestamp::EPOCH), Err(Code::Unauthenticated));
            }
        }
        Err(error) => {
            let said = error.to_string();
            let is_told = matches!(error, TokenError::Wrong { .. } | TokenError::Entry { .. } | TokenError::Unreadable { .. });
            assert!(is_told && said.lines().count() == 1, "{said}");
            return;
        }
    }
    let added = [bytes, b"\n", known.token.entry.as_bytes()].concat();
    let Ok(tokens) = known.load(&added) else {
        assert!(String::from_utf8_lossy(bytes).contains(&known.caller.name), "a token that is added spoils the file");
        return;
    };
    assert_eq!(tokens.caller(Some(&header), Timestamp::EPOCH).as_ref(), Ok(&known.caller));
    assert_eq!(tokens.caller(Some(&header.replace("Bearer", "Basic")), Timestamp::EPOCH), Err(Code::Unauthenticated));
    assert!(!format!("{tokens:?}").contains(&known.token.secret));
}
