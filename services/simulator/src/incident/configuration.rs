//! A configuration without its secrets.

use serde_json::Value;

/// What stands in a secret's place.
const WITHHELD: &str = "withheld";

/// The configuration of a TOML file as a document, with addresses that hold no user and no password, and nothing of what is named like a secret.
///
/// # Errors
///
/// The file is no TOML. The error repeats nothing of it.
pub fn without_secrets(toml: &str) -> Result<Value, NoToml> {
    let table: toml::Table = toml.parse().map_err(|_| NoToml)?;
    let mut document = serde_json::to_value(table).map_err(|_| NoToml)?;
    clean(&mut document);
    Ok(document)
}

/// A file that is no TOML.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("read the configuration: it is no TOML")]
pub struct NoToml;

fn clean(value: &mut Value) {
    match value {
        Value::String(text) => *text = address(text),
        Value::Array(values) => values.iter_mut().for_each(clean),
        Value::Object(members) => {
            for (name, value) in members {
                if is_secret(name) { *value = WITHHELD.into() } else { clean(value) }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["password", "passwd", "secret", "token", "credential", "private"].iter().any(|word| name.contains(word))
}

/// An address without what stands before `@` in its authority, and without its parameters, which may hold a password too. Other texts stay.
fn address(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    // A password may hold a `/` that nobody encoded; then the last `@` ends it all the same.
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}://{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_stays() {
        let toml = r#"
organisation = "00000196"
broker = "amqp://hd4dp:pa/ss@rabbit.example:5671/%2f?password=xyz"
store = "postgres://hd4dp:p@ss@db.example/precision"
[api]
listen = "127.0.0.1:8080"
tokens = "tokens.toml"
[[zone]]
api_secret = { value = "xyz" }
name = "eHealth"
"#;
        let document = without_secrets(toml).unwrap();
        let text = document.to_string();
        for secret in ["pa/ss", "xyz", "p@ss", "hd4dp:"] {
            assert!(!text.contains(secret), "{text}");
        }
        assert_eq!(document["broker"], "amqp://rabbit.example:5671/%2f");
        assert_eq!(document["store"], "postgres://db.example/precision");
        assert_eq!((&document["api"]["listen"], &document["zone"][0]["name"]), (&"127.0.0.1:8080".into(), &"eHealth".into()));
        assert_eq!(document["zone"][0]["api_secret"], WITHHELD);
    }

    #[test]
    fn what_is_no_toml_is_not_repeated() {
        assert_eq!(without_secrets("password: hunter2").unwrap_err().to_string(), "read the configuration: it is no TOML");
    }
}
