//! Where a publication stands in a trace.

use std::{fmt, str::FromStr};

/// The header, and its name in W3C Trace Context.
pub(crate) const HEADER: &str = "traceparent";

/// A place in a trace, as the header `traceparent` says it (W3C Trace Context, version 00). Drawn ids and a mark: nothing of what passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceParent {
    /// The trace; never all zeros.
    pub trace: [u8; 16],
    /// The span that what follows is part of; never all zeros.
    pub span: [u8; 8],
    /// Whether somebody keeps the trace.
    pub is_sampled: bool,
}

/// The text is no `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("understand the place in a trace")]
pub struct TraceParentError;

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace, span) = (u128::from_be_bytes(self.trace), u64::from_be_bytes(self.span));
        write!(f, "00-{trace:032x}-{span:016x}-{:02x}", u8::from(self.is_sampled))
    }
}

impl FromStr for TraceParent {
    type Err = TraceParentError;

    /// Reads version 00, and what later versions have in common with it: their first 55 characters.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (head, rest) = text.split_at_checked(55).ok_or(TraceParentError)?;
        let mut parts = head.split('-');
        let mut part = |digits: usize| {
            let part =
                parts.next().filter(|part| part.len() == digits && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
            u128::from_str_radix(part.ok_or(TraceParentError)?, 16).map_err(|_| TraceParentError)
        };
        let (version, trace, span, flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
        let is_known =
            version == 0 && rest.is_empty() || (1..255).contains(&version) && (rest.is_empty() || rest.starts_with('-'));
        let span = u64::try_from(span).map_err(|_| TraceParentError)?;
        if !is_known || trace == 0 || span == 0 {
            return Err(TraceParentError);
        }
        Ok(Self { trace: trace.to_be_bytes(), span: span.to_be_bytes(), is_sampled: flags & 1 == 1 })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The examples of the recommendation.
    #[test]
    fn the_published_examples_are_read() {
        let sampled: TraceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap();
        assert!(sampled.is_sampled && sampled.trace[0] == 0x4b && sampled.span[7] == 0xb7);
        let not: TraceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00".parse().unwrap();
        assert_eq!(not, TraceParent { is_sampled: false, ..sampled });
        let later: TraceParent = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes-later".parse().unwrap();
        assert_eq!(later, sampled);
    }

    #[test]
    fn others_are_refused() {
        for text in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0\u{e9}",
        ] {
            assert_eq!(text.parse::<TraceParent>(), Err(TraceParentError), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(trace in 1..=u128::MAX, span in 1..=u64::MAX, is_sampled: bool) {
            let place = TraceParent { trace: trace.to_be_bytes(), span: span.to_be_bytes(), is_sampled };
            prop_assert_eq!(place.to_string().parse(), Ok(place));
        }

        #[test]
        fn nothing_breaks_the_reader(text in "\\PC{0,70}") {
            let _ = text.parse::<TraceParent>();
        }
    }
}
