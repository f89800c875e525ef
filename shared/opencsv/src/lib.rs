//! The hospital files' CSV dialect (OpenCSV), streaming, with true line numbers.
//!
//! The dialect is that of the published guide for HD4DP v1 uploads, read as OpenCSV reads it:
//!
//! - UTF-8 with or without a byte order mark; `;` between fields; LF, CRLF or CR after a record; blank lines do not count.
//! - A field that opens with `"` ends at the next `"` that stands alone. Inside, `""` and `\"` are a quote and `\\` is a
//!   backslash; any other backslash is dropped, as OpenCSV does. Line breaks inside stay as they are.
//! - The same escapes hold in a field without quotes. A quote in the middle of such a field is an ordinary character.
//! - Blanks before an opening quote and after a closing one are dropped.
//!
//! Where OpenCSV guesses, this reader reports: text behind a closing quote and a quote that never closes are faults of
//! their row. A forgotten quote would swallow the rows after it, so [`Reader`] looks for the place where it was forgotten
//! and gives up that row only.

mod fields;
mod reader;
mod scan;
mod writer;

pub use fields::{Fields, NotUtf8};
pub use reader::{HeaderError, MAX_RECORD_BYTES, Reader, Record, RecordFault};
pub use writer::Writer;
