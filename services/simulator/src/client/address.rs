//! Where an installation or one of its services answers.

use std::{fmt, net::IpAddr, str::FromStr};

use hyper::Uri;

/// An address, without what stands below it: `https://registers.hospital.example`, `http://127.0.0.1:8080/hd4res`. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    text: String,
    is_sealed: bool,
    is_here: bool,
}

/// Why a text is no address. It does not repeat the text, since there may be a password in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is of another form.
    #[error("use the address: it must look like https://host, http://host:port or https://host/path")]
    Form,
    /// A name or a password stands before the host.
    #[error("use the address: who calls is said by a token, so nothing may stand before the host")]
    Login,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let uri: Uri = text.parse().map_err(|_| AddressError::Form)?;
        let is_sealed = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(AddressError::Form),
        };
        let authority = uri.authority().ok_or(AddressError::Form)?;
        if authority.as_str().contains('@') {
            return Err(AddressError::Login);
        }
        let path = uri.path().trim_end_matches('/');
        let is_path = path.is_empty() || web::api::is_base_path(path);
        if uri.query().is_some() || text.contains('#') || authority.host().is_empty() || !is_path {
            return Err(AddressError::Form);
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let is_here = host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        let scheme = if is_sealed { "https" } else { "http" };
        Ok(Self { text: format!("{scheme}://{authority}{path}"), is_sealed, is_here })
    }
}

impl Address {
    /// Whether what is said there is sealed on its way (TLS).
    #[must_use]
    pub const fn is_sealed(&self) -> bool {
        self.is_sealed
    }

    /// Whether others on the way can read what is said there: neither TLS nor this machine.
    #[must_use]
    pub const fn is_overheard(&self) -> bool {
        !self.is_sealed && !self.is_here
    }

    /// What stands below the address, at a path that begins with `/`.
    #[must_use]
    pub fn below(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_and_a_host_and_perhaps_a_path() {
        let read = |text: &str| text.parse::<Address>().map(|address| (address.to_string(), address.is_sealed, address.is_here));
        let told = |text: &str, is_sealed, is_here| Ok((text.to_owned(), is_sealed, is_here));
        assert_eq!(read("http://127.0.0.1:8080/"), told("http://127.0.0.1:8080", false, true));
        assert_eq!(read("http://[::1]:80/hd4res/"), told("http://[::1]:80/hd4res", false, true));
        assert_eq!(read("HTTP://LOCALHOST"), told("http://LOCALHOST", false, true));
        assert_eq!(read("https://hd.example/a/b"), told("https://hd.example/a/b", true, false));
        assert_eq!(read("http://127.0.0.1.example:80"), told("http://127.0.0.1.example:80", false, false));
        for wrong in [
            "",
            "hd.example",
            "ftp://hd.example",
            "http://",
            "http://a/b?c",
            "http://a/../b",
            "http://a/b#c",
            "/hd4res",
            "http:// a",
        ] {
            assert_eq!(read(wrong), Err(AddressError::Form), "{wrong}");
        }
        assert_eq!(read("https://me:word@hd.example"), Err(AddressError::Login));
    }

    #[test]
    fn only_this_machine_is_spoken_to_in_clear() {
        let is_overheard = |text: &str| text.parse::<Address>().unwrap().is_overheard();
        assert!(!is_overheard("http://127.0.0.1:1") && !is_overheard("https://hd.example"));
        assert!(is_overheard("http://hd.example") && is_overheard("http://10.0.0.1:8080"));
    }
}
