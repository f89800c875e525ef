//! JSON Schemas: of the definition format, and of one registration of a register.

use serde_json::{Map, Value, json};

use crate::definition::Definition;
use crate::field::{Field, GroupKind, Kind};
use crate::number::Number;
use crate::text::Language;

const FORMAT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../dcd/definition.schema.json"));

/// The JSON Schema of the definition format: the file `dcd/definition.schema.json`.
#[must_use]
pub fn json_schema() -> Value {
    serde_json::from_str(FORMAT).unwrap_or_default()
}

impl Definition {
    /// The JSON Schema of one registration: an object with a member per column, lists as arrays of objects whose members are the columns below
    /// the list, values in canonical form. It says what a field holds; what depends on other fields is left to the rules.
    #[must_use]
    pub fn row_schema(&self) -> Value {
        let mut members = Map::new();
        let mut required = Vec::new();
        for field in self.fields().iter().filter(|field| field.list().is_none()) {
            members.insert(field.column().to_owned(), field_schema(field));
            if is_demanded(field) {
                required.push(json!(field.column()));
            }
        }
        for group in self.groups().iter().filter(|group| group.kind() == GroupKind::List) {
            let fields = group.fields().filter_map(|number| self.field(number)).collect::<Vec<_>>();
            let below = |field: &Field| field.column().get(group.column().len() + 1..).unwrap_or_default().to_owned();
            let item: Map<_, _> = fields.iter().map(|field| (below(field), field_schema(field))).collect();
            let demanded: Vec<_> = fields.iter().filter(|field| is_demanded(field)).map(|field| below(field)).collect();
            let item = json!({ "type": "object", "additionalProperties": false, "properties": item, "required": demanded, "minProperties": 1 });
            let title = group.label().get(Language::English);
            members.insert(
                group.column().to_owned(),
                json!({ "type": "array", "title": title, "maxItems": group.max_items(), "items": item }),
            );
        }
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": self.title().get(Language::English),
            "description": format!("One registration of {} version {}", self.name(), self.version()),
            "type": "object",
            "additionalProperties": false,
            "properties": members,
            "required": required,
        })
    }
}

fn is_demanded(field: &Field) -> bool {
    field.is_required()
        && !field.is_computed()
        && !field.is_read_only()
        && field.default().is_none()
        && field.default_from_ssin.is_none()
}

fn field_schema(field: &Field) -> Value {
    let mut schema = value_schema(field);
    if field.is_multiple() {
        schema = json!({ "type": "array", "uniqueItems": true, "minItems": 1, "items": schema });
    }
    if let Some(members) = schema.as_object_mut() {
        members.insert("title".to_owned(), json!(field.label().get(Language::English)));
        if let Some(help) = field.help() {
            members.insert("description".to_owned(), json!(help.get(Language::English)));
        }
        if let Some(default) = field.default() {
            members.insert("default".to_owned(), default_value(field, default));
        }
        if field.is_read_only() || field.is_computed() {
            members.insert("readOnly".to_owned(), json!(true));
        }
    }
    schema
}

fn default_value(field: &Field, default: &str) -> Value {
    match field.kind() {
        Kind::Boolean => json!(default == "TRUE"),
        Kind::Number => Number::from_canonical(default).map_or(Value::Null, number),
        _ if field.is_multiple() => json!(default.split('|').collect::<Vec<_>>()),
        _ => json!(default),
    }
}

fn value_schema(field: &Field) -> Value {
    match field.kind() {
        Kind::Number => {
            let mut schema = json!({ "type": if field.decimals() == 0 { "integer" } else { "number" } });
            if field.decimals() > 0 {
                schema["multipleOf"] = number(Number::from_millionths(10_i64.pow(6 - u32::from(field.decimals().min(6)))));
            }
            if let Some(min) = field.min() {
                schema["minimum"] = number(min);
            }
            if let Some(max) = field.max() {
                schema["maximum"] = number(max);
            }
            schema
        }
        Kind::Date => json!({ "type": "string", "format": "date", "pattern": "^\\d{4}-\\d{2}-\\d{2}$" }),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::PatientId => json!({ "type": "string", "pattern": "^\\d{11}$" }),
        Kind::Attachment => {
            json!({ "type": "string", "maxLength": 255, "pattern": format!("\\.({})$", field.extensions().join("|")) })
        }
        Kind::Text | Kind::Multiline | Kind::Choice | Kind::MultiChoice => text_schema(field),
    }
}

fn text_schema(field: &Field) -> Value {
    match field.code_list() {
        Some(list) if field.is_binding() && list.is_complete() => {
            json!({ "type": "string", "enum": list.codes().iter().map(|listed| listed.code.as_str()).collect::<Vec<_>>() })
        }
        Some(list) if field.is_binding() => {
            let codes = list.codes().iter().map(|listed| listed.code.as_str()).collect::<Vec<_>>();
            json!({ "type": "string", "anyOf": [{ "enum": codes }, { "pattern": list.pattern() }] })
        }
        _ => {
            let mut schema = json!({ "type": "string", "minLength": 1, "maxLength": field.max_length() });
            if let Some(pattern) = field.pattern() {
                schema["pattern"] = json!(pattern);
            }
            schema
        }
    }
}

/// A JSON number that reads back exactly: whole ones as integers.
fn number(value: Number) -> Value {
    serde_json::from_str(&value.to_string()).unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Definitions;
    use crate::sample::{JSON, definition};

    fn file(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_schema_is_the_file_and_a_valid_schema() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../dcd/definition.schema.json");
        assert_eq!(json_schema(), file(&std::fs::read_to_string(path).unwrap()));
        assert!(jsonschema::meta::is_valid(&json_schema()));
    }

    #[test]
    fn the_schema_takes_what_the_program_takes() {
        let schema = jsonschema::validator_for(&json_schema()).unwrap();
        let mut definitions = vec![("sample".to_owned(), file(JSON))];
        for definition in Definitions::built_in().unwrap().iter() {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../dcd");
            let path = format!("{folder}/{}/{}/definition.json", definition.name(), definition.version());
            definitions.push((path.clone(), file(&std::fs::read_to_string(path).unwrap())));
        }
        for (name, definition) in definitions {
            let errors: Vec<_> = schema.iter_errors(&definition).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{name}: {errors:?}");
        }
    }

    #[test]
    fn the_schema_refuses_what_the_program_refuses_for_its_shape() {
        let schema = jsonschema::validator_for(&json_schema()).unwrap();
        for (from, to) in [
            ("\"max_items\": 3", "\"max_item\": 3"),
            ("\"version\": 2", "\"version\": 0"),
            ("\"nl\": \"Staal\"", "\"nl\": \" \""),
            ("\"hd\": \"pseudonym\"", "\"hd\": \"as_is\""),
            ("\"list\": \"SITE\", \"hd\": \"as_is\"", "\"list\": \"SITE\""),
            ("\"list\": \"STAGE\", \"required\"", "\"required\""),
            ("{ \"empty\": \"patient_id\" }", "{ }"),
            ("{ \"empty\": \"patient_id\" }", "{ \"empty\": \"case\", \"filled\": \"case\" }"),
            ("[\"seen\", \"<=\", \"today\"]", "[\"seen\", \"=<\", \"today\"]"),
            ("\"link\": \"case\", ", ""),
            ("\"severity\": \"error\"", "\"severity\": \"fatal\""),
        ] {
            let changed = JSON.replacen(from, to, 1);
            assert_ne!(changed, JSON, "{from}");
            assert!(!schema.is_valid(&file(&changed)), "{to}");
            assert!(Definitions::single(&changed, crate::sample::LISTS).is_err(), "{to}");
        }
    }

    #[test]
    fn a_registrations_schema_says_what_its_fields_hold() {
        let schema = definition().row_schema();
        assert!(jsonschema::meta::is_valid(&schema));
        let schema = jsonschema::validator_for(&schema).unwrap();
        let good = json!({
            "case": "CASE-1", "seen": "2024-02-10", "body|weight": 70.5, "none_found": false, "sites": ["LIVER", "OTHER"],
            "variants": [{ "gene": "EGFR", "copies": 3 }, { "gene": "NEW1" }]
        });
        assert!(schema.is_valid(&good), "{:?}", schema.iter_errors(&good).map(|error| error.to_string()).collect::<Vec<_>>());
        for (member, value) in [
            ("case", json!("lower")),
            ("case", json!(null)),
            ("seen", json!("10/02/2024")),
            ("body|weight", json!(300.6)),
            ("body|weight", json!(70.55)),
            ("stage", json!("V")),
            ("sites", json!(["LIVER", "LIVER"])),
            ("variants", json!([{ "gene": "EGFR" }, {}])),
            ("variants", json!([{ "gene": "e gfr" }])),
            ("variants|gene", json!("EGFR")),
            ("nothing", json!(1)),
        ] {
            let mut changed = good.clone();
            changed[member] = value;
            assert!(!schema.is_valid(&changed), "{member}");
        }
        let mut without = good;
        without.as_object_mut().unwrap().remove("seen");
        assert!(!schema.is_valid(&without));
    }

    #[test]
    fn the_built_in_registers_have_valid_row_schemas() {
        for definition in Definitions::built_in().unwrap().iter() {
            assert!(jsonschema::meta::is_valid(&definition.row_schema()), "{}", definition.name());
        }
    }
}
