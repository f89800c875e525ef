//! The privacy wall, read from the crate graph; and what the pages promise, held against the code.
//!
//! In reading order: [`wall`] has the table of arrows between our crates and who may reach what; [`graph`] reads what the manifests say;
//! [`licence`] judges everybody else's crates; [`sensitive`] finds types that would print or copy what they must not; [`dead_letters`] reads
//! the codes of the services' errors and [`pages`] writes the generated pages with them; [`invariants`] holds the numbers of
//! docs/ARCHITECTURE.md against the tests. [`repository`] finds the files. The checks themselves are in `tests/`.

pub mod dead_letters;
pub mod graph;
pub mod invariants;
pub mod licence;
pub mod pages;
pub mod repository;
pub mod sensitive;
pub mod wall;
