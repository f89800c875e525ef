//! Bytes from outside: what every reader of them promises, whatever it is given.
//!
//! A [`Target`] is a pure function of bytes. It hands them to one of the product's readers as a file, a broker or a caller would, and asserts what holds
//! for each outcome: what was taken is written again and read as the same; what was refused is refused without a word of it; nothing
//! becomes larger than it came. Property tests call every target (`tests/properties.rs`), the kept inputs in `corpus/` are run by each test run
//! (`tests/corpus.rs`), and `fuzz/` searches for inputs that no sample is like.
//!
//! Where a target has several readers, the first byte chooses; its documentation says how the bytes are taken apart.

use std::sync::{Arc, LazyLock};

use dcd::{Definition, Definitions};

mod code_list;
mod configuration;
mod csv;
mod definition;
mod health;
mod parts;
mod publication;
mod recording;
mod request;
mod rows;
pub mod samples;
mod sealed;
mod step;
mod telling;
mod texts;
mod tokens;

pub use self::{
    code_list::code_list, configuration::configuration, csv::csv, definition::definition, health::health, parts::parts,
    publication::publication, recording::recording, request::request, rows::rows, sealed::sealed, step::step, texts::texts,
    tokens::tokens,
};

/// A reader of bytes from outside, with what it promises.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, which is that of its corpus and of its program below `fuzz/` as well.
    pub name: &'static str,
    /// Gives it bytes. Panics when a promise is broken.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "code_list", run: code_list },
    Target { name: "configuration", run: configuration },
    Target { name: "csv", run: csv },
    Target { name: "definition", run: definition },
    Target { name: "health", run: health },
    Target { name: "parts", run: parts },
    Target { name: "publication", run: publication },
    Target { name: "recording", run: recording },
    Target { name: "request", run: request },
    Target { name: "rows", run: rows },
    Target { name: "sealed", run: sealed },
    Target { name: "step", run: step },
    Target { name: "texts", run: texts },
    Target { name: "tokens", run: tokens },
];

/// The registers that are built in.
static DEFINITIONS: LazyLock<Arc<Definitions>> = LazyLock::new(|| Arc::new(given(Definitions::built_in().ok(), "a definition")));

/// Their definitions, one by one.
static REGISTERS: LazyLock<Vec<Arc<Definition>>> = LazyLock::new(|| DEFINITIONS.iter().cloned().collect());

/// What a target stands on. One that has it not would hold nothing, and must not pass.
#[track_caller]
#[expect(clippy::panic, reason = "whoever gives bytes to a target waits for it to panic")]
fn given<T>(there: Option<T>, what: &str) -> T {
    let Some(there) = there else { panic!("{what} is missing") };
    there
}

/// The first byte, by which a target chooses, and the bytes behind it; zero where there is none.
fn chosen(bytes: &[u8]) -> (u8, &[u8]) {
    bytes.split_first().map_or((0, bytes), |(first, rest)| (*first, rest))
}
