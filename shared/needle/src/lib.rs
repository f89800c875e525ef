//! Values that are looked for wherever they could have gone, in every way in which they could be written there.
//!
//! A [`Needle`] is a value: a national number, a name, a text. [`spellings`] lists the ways in which it may stand somewhere ([`Encoding`]). A
//! [`Searcher`] finds all of them in one pass over a haystack, and looks once more into what stands there in base64 or hexadecimal digits. What was
//! compressed, or encrypted under a key that nobody gave, it cannot see.

mod encoding;
mod layer;
mod needle;
mod searcher;
mod spelling;

pub use encoding::Encoding;
pub use layer::Layer;
pub use needle::{Form, Needle, SHORTEST};
pub use searcher::{Hit, Searcher, TooMany};
pub use spelling::{Apart, Spelling, spellings};
