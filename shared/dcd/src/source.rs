//! The definition format as it stands in the JSON file. Nothing is checked here but the shape; `compile` gives it meaning.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor, value::MapAccessDeserializer};

use crate::text::LocalText;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DefinitionSource {
    pub(crate) name: String,
    pub(crate) version: u32,
    pub(crate) project: String,
    pub(crate) title: LocalText,
    pub(crate) collection: CollectionSource,
    pub(crate) approval: ApprovalSource,
    pub(crate) unique_id: Vec<String>,
    pub(crate) attachments: Option<AttachmentsSource>,
    pub(crate) sections: Vec<SectionSource>,
    #[serde(default)]
    pub(crate) rules: Vec<RuleSource>,
    #[serde(default)]
    pub(crate) across: Vec<AcrossSource>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CollectionSource {
    pub(crate) start: String,
    pub(crate) end_creation: Option<String>,
    pub(crate) end_submission: Option<String>,
    pub(crate) end_comments: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ApprovalSource {
    Manual,
    Automatic,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AttachmentsSource {
    pub(crate) max_bytes: u64,
    pub(crate) sum_bytes: u64,
    pub(crate) extensions: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SectionSource {
    pub(crate) label: LocalText,
    pub(crate) fields: Vec<FieldSource>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TypeSource {
    Text,
    Multiline,
    Number,
    Date,
    Boolean,
    Choice,
    #[serde(rename = "multichoice")]
    MultiChoice,
    Questionnaire,
    Fieldset,
    List,
    Attachment,
    PatientId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HdSource {
    AsIs,
    Year,
    Month,
    PostalArea,
    Code,
    Never,
    Pseudonym,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FactSource {
    DateOfBirth,
    Sex,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FieldSource {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: TypeSource,
    pub(crate) label: LocalText,
    pub(crate) help: Option<LocalText>,
    pub(crate) error: Option<LocalText>,
    #[serde(default)]
    pub(crate) required: RequiredSource,
    #[serde(default)]
    pub(crate) read_only: bool,
    pub(crate) computed: Option<ComputedSource>,
    pub(crate) default: Option<String>,
    pub(crate) default_from_ssin: Option<FactSource>,
    #[serde(default)]
    pub(crate) stable: bool,
    #[serde(default)]
    pub(crate) filterable: bool,
    pub(crate) hd: Option<HdSource>,
    pub(crate) hd_name: Option<String>,
    pub(crate) max_length: Option<u32>,
    pub(crate) pattern: Option<String>,
    pub(crate) list: Option<String>,
    pub(crate) binding: Option<bool>,
    #[serde(default)]
    pub(crate) multiple: bool,
    pub(crate) min: Option<serde_json::Number>,
    pub(crate) max: Option<serde_json::Number>,
    pub(crate) decimals: Option<u8>,
    pub(crate) max_items: Option<u16>,
    #[serde(default)]
    pub(crate) fields: Vec<Self>,
    #[serde(default)]
    pub(crate) nested: Vec<Self>,
    pub(crate) extensions: Option<Vec<String>>,
}

/// `true`, `false`, or the condition under which a value is required.
#[derive(Debug, Default)]
pub(crate) enum RequiredSource {
    #[default]
    Never,
    Always,
    When(Box<ConditionSource>),
}

impl<'de> Deserialize<'de> for RequiredSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BoolOrCondition;

        impl<'de> Visitor<'de> for BoolOrCondition {
            type Value = RequiredSource;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("true, false or a condition")
            }

            fn visit_bool<E>(self, value: bool) -> Result<RequiredSource, E> {
                Ok(if value { RequiredSource::Always } else { RequiredSource::Never })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RequiredSource, A::Error> {
                ConditionSource::deserialize(MapAccessDeserializer::new(map)).map(Box::new).map(RequiredSource::When)
            }
        }

        deserializer.deserialize_any(BoolOrCondition)
    }
}

/// A comparison sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Sign {
    #[serde(rename = "<")]
    Less,
    #[serde(rename = "<=")]
    LessOrEqual,
    #[serde(rename = ">")]
    Greater,
    #[serde(rename = ">=")]
    GreaterOrEqual,
    #[serde(rename = "==")]
    Equal,
    #[serde(rename = "!=")]
    NotEqual,
}

/// The right side of a comparison: a column, `today`, or `{"value": …}`.
#[derive(Debug)]
pub(crate) enum OperandSource {
    Name(String),
    Value(serde_json::Value),
}

impl<'de> Deserialize<'de> for OperandSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Constant {
            value: serde_json::Value,
        }

        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(name) => Ok(Self::Name(name)),
            other => Constant::deserialize(other).map(|constant| Self::Value(constant.value)).map_err(D::Error::custom),
        }
    }
}

/// A condition: exactly one of the members is given (`field` and `in` go together).
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ConditionSource {
    pub(crate) filled: Option<String>,
    pub(crate) empty: Option<String>,
    pub(crate) field: Option<String>,
    #[serde(rename = "in")]
    pub(crate) values: Option<Vec<String>>,
    pub(crate) compare: Option<(String, Sign, OperandSource)>,
    pub(crate) matches: Option<(String, String)>,
    pub(crate) count: Option<(String, Sign, u16)>,
    pub(crate) any_item: Option<Box<(String, ConditionSource)>>,
    pub(crate) every_item: Option<Box<(String, ConditionSource)>>,
    pub(crate) rising: Option<String>,
    pub(crate) consecutive_from_one: Option<String>,
    pub(crate) days_between: Option<(String, String, Sign, i64)>,
    pub(crate) age_at: Option<(String, Sign, i64)>,
    pub(crate) agrees_with_ssin: Option<FactSource>,
    pub(crate) not_national_number: Option<String>,
    pub(crate) all: Option<Vec<ConditionSource>>,
    pub(crate) any: Option<Vec<ConditionSource>>,
    pub(crate) not: Option<Box<ConditionSource>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SeveritySource {
    Error,
    Warning,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleSource {
    pub(crate) id: String,
    pub(crate) column: String,
    pub(crate) severity: SeveritySource,
    pub(crate) when: Option<ConditionSource>,
    pub(crate) check: ConditionSource,
    pub(crate) message: LocalText,
}

/// How a field is computed: exactly one of the members is given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ComputedSource {
    pub(crate) organisation: Option<bool>,
    pub(crate) bmi: Option<(String, String)>,
    pub(crate) days_between: Option<(String, String)>,
    pub(crate) sum: Option<Vec<String>>,
    pub(crate) best_of: Option<BestOfSource>,
    pub(crate) age_band: Option<AgeBandSource>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BestOfSource {
    pub(crate) field: String,
    pub(crate) order: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AgeBandSource {
    pub(crate) at: String,
    pub(crate) bands: Vec<BandSource>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BandSource {
    pub(crate) from: i64,
    pub(crate) value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AcrossKindSource {
    ConstantPerPatient,
    SamePatient,
    NotBefore,
    Exists,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcrossSource {
    pub(crate) id: String,
    pub(crate) severity: SeveritySource,
    pub(crate) kind: AcrossKindSource,
    pub(crate) column: String,
    pub(crate) link: Option<String>,
    #[serde(default)]
    pub(crate) other: Vec<OtherSource>,
    pub(crate) message: LocalText,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OtherSource {
    pub(crate) dcd: String,
    pub(crate) column: Option<String>,
}
