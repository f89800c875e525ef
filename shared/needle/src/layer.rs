//! What stands in a haystack in base64 or hexadecimal digits, and is looked into once more.

use std::{fmt, sync::LazyLock};

use data_encoding::{Encoding, Specification};

/// What a part of a haystack is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// Base64, of either alphabet.
    Base64,
    /// Hexadecimal digits.
    Hex,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Base64 => "base64",
            Self::Hex => "hexadecimal",
        })
    }
}

/// Signs of a run that is worth reading.
const RUN_MIN: usize = 16;

/// Base64 that takes both alphabets and any bits at the end: what was cut out of something must not escape.
static LENIENT: LazyLock<Option<Encoding>> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification.symbols.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    specification.translate.from.push_str("-_");
    specification.translate.to.push_str("+/");
    specification.check_trailing_bits = false;
    specification.encoding().ok()
});

/// Every run of such signs, read.
pub(crate) fn within(haystack: &[u8]) -> Vec<(Layer, Vec<u8>)> {
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    let mut found = Vec::new();
    for run in haystack.split(|byte| !is_base64(byte)).filter(|run| run.len() >= RUN_MIN) {
        found.extend(from_base64(run).map(|bytes| (Layer::Base64, bytes)));
        if run.iter().all(u8::is_ascii_hexdigit) {
            found.extend(from_hex(run).map(|bytes| (Layer::Hex, bytes)));
        }
    }
    found
}

fn from_base64(run: &[u8]) -> Option<Vec<u8>> {
    // One sign alone holds no byte.
    let run = if run.len() % 4 == 1 { run.split_last()?.1 } else { run };
    LENIENT.as_ref()?.decode(run).ok()
}

fn from_hex(run: &[u8]) -> Option<Vec<u8>> {
    let even = run.get(..run.len() / 2 * 2)?;
    data_encoding::HEXLOWER_PERMISSIVE.decode(even).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_read_wherever_they_stand() {
        let layers = |text: &str| within(text.as_bytes());
        let secret = b"Kanarievogel?>".to_vec();
        let base64 = data_encoding::BASE64.encode(&secret);
        let url = data_encoding::BASE64URL_NOPAD.encode(&secret);
        assert_ne!(base64, url);
        for text in [base64, url] {
            assert!(layers(&format!("{{\"blob\":\"{text}\"}}")).contains(&(Layer::Base64, secret.clone())), "{text}");
        }
        let hex = data_encoding::HEXUPPER.encode(&secret);
        assert!(layers(&format!("\\x{hex}")).iter().all(|(layer, _)| *layer == Layer::Base64), "the x makes it another run");
        assert!(layers(&format!("'{hex}'")).contains(&(Layer::Hex, secret)));
        assert!(layers("short: QUJD").is_empty());
    }
}
