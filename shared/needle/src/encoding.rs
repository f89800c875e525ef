use std::fmt;

/// How a value is written where it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Encoding {
    /// As it is.
    Plain,
    /// In other case.
    OtherCase,
    /// With other separators, or with none.
    Separators,
    /// Without accents, or with accents as characters of their own.
    Accents,
    /// Escaped, as JSON, SQL or HTML have it.
    Escaped,
    /// Percent-encoded, as in an address.
    Url,
    /// In UTF-16, either byte first.
    Utf16,
    /// In base64, of either alphabet, at any offset.
    Base64,
    /// In hexadecimal digits.
    Hex,
    /// As a number in bytes: eight of them in either order, or LEB128.
    Number,
    /// As SHA-256 without a key.
    Sha256,
    /// As SHA-1 without a key.
    Sha1,
    /// As MD5 without a key.
    Md5,
}

impl Encoding {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Plain,
        Self::OtherCase,
        Self::Separators,
        Self::Accents,
        Self::Escaped,
        Self::Url,
        Self::Utf16,
        Self::Base64,
        Self::Hex,
        Self::Number,
        Self::Sha256,
        Self::Sha1,
        Self::Md5,
    ];

    /// Its name in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::OtherCase => "other case",
            Self::Separators => "other separators",
            Self::Accents => "other accents",
            Self::Escaped => "escaped",
            Self::Url => "URL-encoded",
            Self::Utf16 => "UTF-16",
            Self::Base64 => "base64",
            Self::Hex => "hexadecimal",
            Self::Number => "number",
            Self::Sha256 => "SHA-256",
            Self::Sha1 => "SHA-1",
            Self::Md5 => "MD5",
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
