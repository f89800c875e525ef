//! Where traces go.

use std::{fmt, str::FromStr};

use url::Url;

/// A collector of traces that takes OTLP over HTTP, and how much it is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Collector {
    address: Url,
    share: f64,
}

/// Why a collector cannot be sent anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CollectorError {
    /// The address is none, or says more than where. It is not repeated: there may be a password in it.
    #[error(
        "understand the collector's address: it must look like http://host:4318 or https://host, without user and parameters"
    )]
    Address,
    /// The share is none.
    #[error("understand the share that is traced: it must lie between 0 and 1")]
    Share,
}

impl Collector {
    /// A collector that gets this share of the traces, from 0 to 1.
    ///
    /// # Errors
    ///
    /// [`CollectorError`].
    pub fn new(address: &str, share: f64) -> Result<Self, CollectorError> {
        let collector: Self = address.parse()?;
        if !(0.0..=1.0).contains(&share) {
            return Err(CollectorError::Share);
        }
        Ok(Self { share, ..collector })
    }

    /// Whether it is spoken to over TLS.
    pub(crate) fn is_sealed(&self) -> bool {
        self.address.scheme() == "https"
    }

    /// Where spans are sent to: the collector's address, with the path that OTLP over HTTP gives them.
    pub(crate) fn spans(&self) -> String {
        format!("{}/v1/traces", self.address.as_str().trim_end_matches('/'))
    }

    pub(crate) const fn share(&self) -> f64 {
        self.share
    }
}

impl FromStr for Collector {
    type Err = CollectorError;

    /// A collector that gets all traces.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = Url::parse(text).map_err(|_| CollectorError::Address)?;
        let is_place = matches!(address.scheme(), "http" | "https") && address.has_host();
        let says_more = !address.username().is_empty()
            || address.password().is_some()
            || address.query().is_some()
            || address.fragment().is_some();
        if !is_place || says_more {
            return Err(CollectorError::Address);
        }
        Ok(Self { address, share: 1.0 })
    }
}

impl fmt::Display for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.address.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_go_where_otlp_says() {
        let spans = |address: &str| address.parse::<Collector>().unwrap().spans();
        assert_eq!(spans("http://127.0.0.1:4318"), "http://127.0.0.1:4318/v1/traces");
        assert_eq!(spans("https://collector.example/otlp/"), "https://collector.example/otlp/v1/traces");
    }

    #[test]
    fn what_is_no_address_is_refused_and_not_repeated() {
        for address in [
            "",
            "collector:4318",
            "grpc://collector:4317",
            "http://user:secret@collector",
            "http://c?key=secret",
            "http://c#secret",
        ] {
            let error = address.parse::<Collector>().unwrap_err();
            assert!(error == CollectorError::Address && !error.to_string().contains("secret"), "{address}");
        }
    }

    #[test]
    fn a_share_lies_between_nothing_and_all() {
        for (share, is_one) in [(0.0, true), (0.25, true), (1.0, true), (-0.1, false), (1.1, false), (f64::NAN, false)] {
            assert_eq!(Collector::new("http://c", share).is_ok(), is_one, "{share}");
        }
    }
}
