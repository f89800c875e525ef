//! All spellings of all needles, in one pass.

use std::fmt;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder};

use crate::{
    Encoding, Layer, Needle, SHORTEST, layer,
    spelling::{Apart, Edges, spellings},
};

/// How deep base64 in base64 is looked into.
const DEPTH: usize = 2;

/// A needle that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hit {
    /// Which needle, by its place in the list that the searcher was made of.
    pub needle: usize,
    /// How it is written.
    pub encoding: Encoding,
    /// What it stood inside of, if it had to be read out of something first.
    pub within: Option<Layer>,
}

impl Hit {
    /// How it is written, in words.
    #[must_use]
    pub fn way(&self) -> String {
        match (self.encoding, self.within) {
            (Encoding::Plain, Some(layer)) => layer.to_string(),
            (encoding, Some(layer)) => format!("{encoding} in {layer}"),
            (encoding, None) => encoding.to_string(),
        }
    }
}

/// There are more spellings than a searcher can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("hold so many values at once: look for fewer")]
pub struct TooMany;

/// Finds every spelling of many needles in one pass over a haystack.
pub struct Searcher {
    automaton: AhoCorasick,
    patterns: Vec<Pattern>,
}

struct Pattern {
    needle: usize,
    encoding: Encoding,
    bytes: Box<[u8]>,
    any_case: bool,
    apart: Apart,
    edges: Edges,
}

impl Searcher {
    /// A searcher for `needles`.
    ///
    /// # Errors
    ///
    /// [`TooMany`].
    pub fn new<'a>(needles: impl IntoIterator<Item = &'a Needle>) -> Result<Self, TooMany> {
        let mut patterns = Vec::new();
        for (number, needle) in needles.into_iter().enumerate() {
            patterns.extend(spellings(needle).into_iter().map(|spelling| Pattern {
                needle: number,
                encoding: spelling.encoding,
                any_case: spelling.any_case,
                apart: spelling.apart,
                edges: spelling.edges,
                bytes: spelling.bytes.into(),
            }));
        }
        let bytes = patterns.iter().map(|pattern| &pattern.bytes);
        let automaton = AhoCorasickBuilder::new().ascii_case_insensitive(true).build(bytes).map_err(|_| TooMany)?;
        Ok(Self { automaton, patterns })
    }

    /// Tells `found` of every needle in `haystack`, as often as it stands there, also inside base64 and hexadecimal digits.
    pub fn search(&self, haystack: &[u8], mut found: impl FnMut(Hit)) {
        self.search_at(haystack, None, DEPTH, &mut found);
    }

    fn search_at(&self, haystack: &[u8], within: Option<Layer>, depth: usize, found: &mut impl FnMut(Hit)) {
        if haystack.len() < SHORTEST {
            return;
        }
        for found_at in self.automaton.find_overlapping_iter(haystack) {
            let Some(pattern) = self.patterns.get(found_at.pattern().as_usize()) else { continue };
            let Some(bytes) = haystack.get(found_at.range()) else { continue };
            let is_exact = bytes == &*pattern.bytes;
            let before = found_at.start().checked_sub(1).and_then(|at| haystack.get(at));
            let beside = [before, haystack.get(found_at.end())];
            if (!is_exact && !pattern.any_case) || !stands_apart(beside, pattern.apart) || !fits_between(beside, pattern.edges) {
                continue;
            }
            let is_other_case = !is_exact && pattern.encoding == Encoding::Plain;
            let encoding = if is_other_case { Encoding::OtherCase } else { pattern.encoding };
            found(Hit { needle: pattern.needle, encoding, within });
        }
        if depth == 0 {
            return;
        }
        for (layer, bytes) in layer::within(haystack) {
            self.search_at(&bytes, Some(layer), depth - 1, found);
        }
    }
}

/// Whether nothing stands beside it that may not.
fn stands_apart(beside: [Option<&u8>; 2], apart: Apart) -> bool {
    let is_joined = |byte: &u8| match apart {
        Apart::FromNothing => false,
        Apart::FromDigits => byte.is_ascii_digit(),
        Apart::FromWords => byte.is_ascii_alphanumeric(),
    };
    !beside.into_iter().flatten().any(is_joined)
}

/// Whether the first and last bits of it stand beside it, where anything does.
fn fits_between([before, after]: [Option<&u8>; 2], edges: Edges) -> bool {
    edges.before.may_stand_in(before) && edges.after.may_stand_in(after)
}

impl fmt::Debug for Searcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Searcher({} spellings)", self.patterns.len())
    }
}

#[cfg(test)]
mod tests;
