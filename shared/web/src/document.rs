//! The OpenAPI document: what the handlers' macros say, completed by what the guard does.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value, json};

use crate::{access::Kind, guard::Gate, problem::MEDIA_TYPE};

/// What the guard must know of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Operation {
    /// Method and path: `GET /records/{record}`.
    pub(crate) route: String,
    /// The parameters behind the `?`.
    pub(crate) parameters: Vec<String>,
    /// The media types of the body that it takes; none when it takes no body.
    pub(crate) media_types: Vec<String>,
}

const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];

/// The operations of the `paths` of a document.
pub(crate) fn operations(paths: &Value) -> Vec<Operation> {
    let mut found = Vec::new();
    for (path, item) in paths.as_object().into_iter().flatten() {
        for method in METHODS {
            let Some(operation) = item.get(method) else { continue };
            let parameters = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
            let queries = parameters.filter(|parameter| parameter.get("in").is_some_and(|place| place == "query"));
            let names = queries.filter_map(|parameter| Some(parameter.get("name")?.as_str()?.to_owned()));
            found.push(Operation {
                route: format!("{} {path}", method.to_uppercase()),
                parameters: names.collect(),
                media_types: media_types(operation).map(str::to_owned).collect(),
            });
        }
    }
    found
}

fn media_types(operation: &Value) -> impl Iterator<Item = &str> {
    let content = operation.get("requestBody").and_then(|body| body.get("content")?.as_object());
    content.into_iter().flatten().map(|(media_type, _)| media_type.as_str())
}

/// Adds to each operation its roles, its headers, and the problems that it may answer with.
pub(crate) fn complete(mut document: Value, gates: &BTreeMap<String, Arc<Gate>>) -> Value {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    for (path, item) in paths.into_iter().flatten() {
        for method in METHODS {
            let Some(operation) = item.get_mut(method).and_then(Value::as_object_mut) else { continue };
            if let Some(gate) = gates.get(&format!("{} {path}", method.to_uppercase())) {
                describe(operation, gate);
            }
        }
    }
    if let Some(components) = object(&mut document, "components") {
        let bearer = json!({ "bearer": { "type": "http", "scheme": "bearer" } });
        components.insert("securitySchemes".to_owned(), bearer);
        if let Some(schemas) = components.entry("schemas").or_insert_with(|| json!({})).as_object_mut() {
            let schema = <crate::problem::ProblemDocument as utoipa::PartialSchema>::schema();
            schemas.insert("Problem".to_owned(), serde_json::to_value(schema).unwrap_or_default());
            let schema = <crate::problem::FoundLine as utoipa::PartialSchema>::schema();
            schemas.insert("Found".to_owned(), serde_json::to_value(schema).unwrap_or_default());
        }
    }
    document
}

fn object<'a>(value: &'a mut Value, member: &str) -> Option<&'a mut Map<String, Value>> {
    value.as_object_mut()?.entry(member).or_insert_with(|| json!({})).as_object_mut()
}

fn describe(operation: &mut Map<String, Value>, gate: &Gate) {
    let access = &gate.access;
    let roles: Vec<&str> = access.roles.iter().map(|role| role.as_str()).collect();
    operation.insert("security".to_owned(), json!([{ "bearer": roles }]));
    operation.insert("x-roles".to_owned(), json!(roles));
    operation.insert("x-leaves-audit-row".to_owned(), json!(access.kind != Kind::Figures));
    let parameters = operation.entry("parameters").or_insert_with(|| json!([]));
    if let Some(parameters) = parameters.as_array_mut() {
        if access.kind == Kind::Change {
            parameters.push(header("Idempotency-Key", "8 to 128 visible ASCII characters, new for each change", (8, 128)));
        }
        if access.is_versioned {
            parameters.push(header("If-Match", "the ETag of what was looked at", (3, 100)));
        }
    }
    let mut codes: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for code in access.all_problems(&gate.media_types) {
        codes.entry(code.status().as_u16()).or_default().push(code.as_str());
    }
    let responses = operation.entry("responses").or_insert_with(|| json!({}));
    for (status, codes) in codes {
        let content = json!({ MEDIA_TYPE: { "schema": { "$ref": "#/components/schemas/Problem" } } });
        let response = json!({ "description": codes.join(", "), "content": content, "x-codes": codes });
        if let Some(responses) = responses.as_object_mut() {
            responses.insert(status.to_string(), response);
        }
    }
}

fn header(name: &str, description: &str, (least, most): (u32, u32)) -> Value {
    let schema = json!({ "type": "string", "minLength": least, "maxLength": most });
    json!({ "name": name, "in": "header", "required": true, "description": description, "schema": schema })
}
