//! What the hospital's user chooses for an upload (upload centre, domain sheet 3.4).

use serde::{Deserialize, Serialize};

use crate::store::Way;

/// The options of an upload. The default is the provisioning rule: the new CSV's values win as a whole, valid rows are sent at once, equal
/// ones are left as they are, and only rows without errors are taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UploadOptions {
    /// What becomes of a row whose unique id is known and whose values differ.
    pub conflict_mode: ConflictMode,
    /// Whose values count where a merge finds two; of no meaning in other modes.
    pub conflict_master: ConflictMaster,
    /// Whether a row that equals the stored one passes without a word, or with W01 in the success report.
    pub ignore_duplicates: bool,
    /// Whether rows are sent at once, or kept as Open registrations until somebody submits them.
    pub autosubmit: bool,
    /// Which rows are taken in.
    pub validation: Validation,
}

/// What becomes of a row whose unique id is known and whose values differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConflictMode {
    /// Each fills what the other one leaves empty; where both are filled and differ, the conflict master decides (W02).
    Merge,
    /// The row's values win as a whole.
    #[default]
    Overwrite,
    /// The stored values stay (W02).
    Skip,
    /// The row is refused.
    Fail,
}

/// Whose values count in a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConflictMaster {
    /// Those of the file.
    #[default]
    New,
    /// Those that are stored.
    Stored,
}

/// Which rows are taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Validation {
    /// Rows without errors.
    #[default]
    None,
    /// Also rows with validation errors only (codes V): they are kept as Open registrations, whatever autosubmit says.
    SaveOnValidations,
    /// None at all when any row has an error.
    ValidateAll,
}

impl Default for UploadOptions {
    fn default() -> Self {
        Self {
            conflict_mode: ConflictMode::default(),
            conflict_master: ConflictMaster::default(),
            ignore_duplicates: true,
            autosubmit: true,
            validation: Validation::default(),
        }
    }
}

impl UploadOptions {
    /// The published rule of the provisioning folders: both are merged, the file's values win, and a user submits them.
    pub const PROVISIONING: Self = Self {
        conflict_mode: ConflictMode::Merge,
        conflict_master: ConflictMaster::New,
        ignore_duplicates: true,
        autosubmit: false,
        validation: Validation::None,
    };

    /// Whether the success report says more than which rows were taken in: `line` and `warning` then stand in front, as in the error report.
    #[must_use]
    pub fn has_warnings(&self) -> bool {
        matches!(self.conflict_mode, ConflictMode::Merge | ConflictMode::Skip)
            || !self.ignore_duplicates
            || self.validation == Validation::SaveOnValidations
    }

    /// Whether a known registration's values and exact state are needed, beyond its row's hash.
    pub(crate) fn looks_at_values(&self) -> bool {
        self.conflict_mode != ConflictMode::Overwrite || !self.autosubmit || self.validation == Validation::SaveOnValidations
    }
}

/// How a file is taken in, and for whom.
#[derive(Debug, Clone, Copy)]
pub struct How<'a> {
    /// The user's choices.
    pub options: UploadOptions,
    /// The user, for the overview and for the history of what is kept.
    pub author: &'a str,
    /// How the file came.
    pub way: Way,
    /// Tells the upload again after a crash.
    pub claim: Option<&'a str>,
}

impl<'a> How<'a> {
    /// By the command line.
    #[must_use]
    pub const fn by_command(options: UploadOptions, author: &'a str) -> Self {
        Self { options, author, way: Way::Command, claim: None }
    }
}

impl How<'static> {
    /// With the default options, which keep nothing and so need no author.
    pub(crate) fn by_default() -> Self {
        Self::by_command(UploadOptions::default(), "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_by_name_and_unknown_ones_refused() {
        let read = |text: &str| serde_json::from_str::<UploadOptions>(text);
        assert_eq!(read("{}").unwrap(), UploadOptions::default());
        let options = read(r#"{"conflict_mode":"merge","conflict_master":"stored","validation":"save-on-validations"}"#).unwrap();
        assert_eq!((options.conflict_mode, options.conflict_master), (ConflictMode::Merge, ConflictMaster::Stored));
        assert!(options.autosubmit && options.has_warnings() && !UploadOptions::default().has_warnings());
        assert!(read(r#"{"conflict":"merge"}"#).is_err() && read(r#"{"conflict_mode":"guess"}"#).is_err());
        assert_eq!(read(&serde_json::to_string(&options).unwrap()).unwrap(), options);
    }
}
