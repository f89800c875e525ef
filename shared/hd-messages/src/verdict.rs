//! Step 7 back: the validation environment to HD4RES.

use envelope::{ItemId, Message, Text, items};
use pseudonymised::SenderCode;
use serde::{Deserialize, Deserializer, Serialize};

/// What the validation says of registrations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// The verdicts.
    #[serde(deserialize_with = "items")]
    pub items: Vec<VerdictItem>,
}

/// The verdict on one registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerdictItem {
    /// The item.
    pub id: ItemId,
    /// The hospital: with the item, the key of a duplicate.
    pub sender: Text<SenderCode>,
    /// Whether nothing was found that is an error.
    pub clean: bool,
    /// What was found. Never repeats a value.
    pub findings: Vec<VerdictFinding>,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerdictFinding {
    /// The definition's rule that found it; none for what holds for all definitions.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub rule: Option<String>,
    /// The catalogue's code, for instance `V03`.
    pub code: String,
    /// How bad it is.
    pub severity: VerdictSeverity,
    /// The column that it is about; none when it is about the registration.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub column: Option<String>,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VerdictSeverity {
    /// The registration is not clean.
    Error,
    /// Worth a look.
    Warning,
}

/// Reads a member that may be left out, but not be `null`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

impl Message for Verdict {
    const TYPE: &'static str = "be.healthdata.precision.verdict.v1";

    fn len(&self) -> usize {
        self.items.len()
    }

    fn size_max(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let finding = |finding: &VerdictFinding| 64 + text(&finding.rule) + finding.code.len() + text(&finding.column);
        let size = |item: &VerdictItem| 100 + item.sender.size() + item.findings.iter().map(finding).sum::<usize>();
        self.items.iter().map(size).sum()
    }
}
