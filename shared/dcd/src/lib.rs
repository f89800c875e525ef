//! Data collection definitions: model, loading, validation and messages in three languages.
//!
//! A register is data: a JSON file and code lists in the folder `dcd/`, in the format that its README describes. [`Definitions`] reads them,
//! [`Definition::layout`] fits a file's header to one, [`Layout::check`] checks a row and gives its values in canonical form, with defaults
//! and computed values, and [`Definition::recheck`] repeats at healthdata what can be repeated there. A [`Finding`] says what was expected and
//! never what a cell holds.

mod across;
mod catalogue;
mod check;
mod compile;
mod computed;
mod condition;
mod date;
mod definition;
mod error;
mod field;
mod fill;
mod finding;
mod layout;
mod list;
mod load;
mod number;
mod privacy;
mod read;
mod recheck;
mod row;
mod rule;
#[cfg(test)]
mod sample;
mod schema;
mod source;
mod text;

pub use across::{AcrossKind, AcrossRule, OtherColumn};
pub use catalogue::{Code, errors_markdown};
pub use check::{AttachmentSource, Cells, Checked, Context, NoAttachments, NotUtf8};
pub use definition::{Approval, AttachmentLimits, Collection, Definition, PatientFields, Section};
pub use error::DefinitionError;
pub use field::{Field, FieldNo, Group, GroupKind, Kind};
pub use finding::{Expected, Finding, Level, Severity};
pub use layout::Layout;
pub use list::{CodeList, ListedCode, Membership};
pub use load::Definitions;
pub use number::{DECIMALS_MAX, Number};
pub use rule::Rule;
pub use schema::json_schema;
pub use text::{Language, LocalText, UnknownLanguage};
