//! Every target with any bytes, and with what its readers take after somebody had a hand in it.

use std::fmt;

use hostile::{TARGETS, samples};
use proptest::{
    prelude::*,
    sample::{Index, select},
    test_runner::TestRunner,
};

/// What means something to one reader or another.
const TOKENS: [&[u8]; 24] = [
    b"\"",
    b"\\",
    b";",
    b"\n",
    b"\r",
    b"|",
    b",",
    b":",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\0",
    b"\xff",
    b"\xc3",
    b"\\u0000",
    b"null",
    b"-1",
    b"99999999999999999999",
    b"64031299906",
    b"=",
    b"+",
    b"\xef\xbb\xbf",
    b" ",
];

/// Something that is done to bytes.
#[derive(Debug, Clone)]
enum Change {
    Byte(Index, u8),
    Bit(Index, u8),
    Token(Index, &'static [u8]),
    /// Takes some out, at one place, and puts them in at another, or nowhere.
    Move(Index, usize, Option<Index>),
    Cut(Index),
    /// Goes on as another sample does.
    Join(Index, Index),
}

impl Change {
    fn any() -> impl Strategy<Value = Self> {
        prop_oneof![
            (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Self::Byte(at, byte)),
            (any::<Index>(), 0_u8..8).prop_map(|(at, bit)| Self::Bit(at, bit)),
            (any::<Index>(), select(&TOKENS[..])).prop_map(|(at, token)| Self::Token(at, token)),
            (any::<Index>(), 1_usize..40, any::<Option<Index>>()).prop_map(|(at, length, to)| Self::Move(at, length, to)),
            any::<Index>().prop_map(Self::Cut),
            (any::<Index>(), any::<Index>()).prop_map(|(at, other)| Self::Join(at, other)),
        ]
    }

    fn on(&self, bytes: &mut Vec<u8>, samples: &[Vec<u8>]) {
        let place = |at: &Index, bytes: &[u8]| at.index(bytes.len() + 1);
        match self {
            Self::Byte(at, byte) => bytes.insert(place(at, bytes), *byte),
            Self::Bit(at, bit) if !bytes.is_empty() => *at.get_mut(bytes) ^= 1 << bit,
            Self::Bit(..) => {}
            Self::Token(at, token) => {
                let at = place(at, bytes);
                bytes.splice(at..at, token.iter().copied());
            }
            Self::Move(at, length, to) => {
                let at = place(at, bytes);
                let taken: Vec<u8> = bytes.drain(at..(at + length).min(bytes.len())).collect();
                if let Some(to) = to {
                    let to = place(to, bytes);
                    bytes.splice(to..to, taken);
                }
            }
            Self::Cut(at) => bytes.truncate(place(at, bytes)),
            Self::Join(at, other) => {
                let other = other.get(samples);
                let at = place(at, bytes);
                bytes.truncate(at);
                bytes.extend_from_slice(other.get(at..).unwrap_or_default());
            }
        }
    }
}

/// Bytes that are shown as they would be written.
#[derive(Clone)]
struct Given(Vec<u8>);

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

/// Runs all targets, each with what a strategy of its own makes, and tells the smallest bytes that break it.
fn hold<S: Strategy<Value = Vec<u8>>>(made: impl Fn(&str) -> S) {
    let config =
        ProptestConfig { cases: ProptestConfig::default().cases / 4, failure_persistence: None, ..ProptestConfig::default() };
    let broken = TARGETS.iter().filter_map(|target| {
        let held = TestRunner::new(config.clone()).run(&made(target.name).prop_map(Given), |Given(bytes)| {
            (target.run)(&bytes);
            Ok(())
        });
        held.err().map(|error| format!("{}: {error}", target.name))
    });
    let broken: Vec<String> = broken.collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn no_bytes_break_a_target() {
    hold(|_| prop::collection::vec(any::<u8>(), 0..400));
}

#[test]
fn no_change_of_a_sample_breaks_a_target() {
    hold(|name| {
        let all = samples::of(name);
        (any::<Index>(), prop::collection::vec(Change::any(), 1..6)).prop_map(move |(sample, changes)| {
            let mut bytes = sample.get(&all).clone();
            changes.iter().for_each(|change| change.on(&mut bytes, &all));
            bytes
        })
    });
}

#[test]
fn every_target_keeps_its_promises_with_its_samples() {
    let mut broken = Vec::new();
    for target in TARGETS {
        let samples = samples::of(target.name);
        assert!(!samples.is_empty(), "{} has no samples", target.name);
        let kept = samples.iter().all(|sample| std::panic::catch_unwind(|| (target.run)(sample)).is_ok());
        broken.extend((!kept).then_some(target.name));
    }
    assert_eq!(broken, Vec::<&str>::new());
}
