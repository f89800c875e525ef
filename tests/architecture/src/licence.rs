//! Everybody else's crates: their licences, and those that must not be there. deny.toml says the same to cargo-deny.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use toml::{Table, Value};

use crate::{graph::Foreign, repository::Repository};

/// Licences that a crate may be used under. All are permissive: a hospital may build and ship what is here.
pub const ALLOWED: &[&str] = &["Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "Unicode-3.0", "Zlib"];

/// Crates that must not be there, with the reason.
pub const BANNED: &[(&str, &str)] = &[
    ("aws-lc-rs", RING),
    ("aws-lc-sys", RING),
    ("native-tls", RING),
    ("openssl", RING),
    ("openssl-sys", RING),
    ("async-std", "tokio is the one runtime"),
    ("rust_decimal", "dcd::Number holds the registers' numbers"),
];

const RING: &str = "TLS is rustls on ring everywhere";

/// The one place that crates come from, in cargo's words.
pub const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Whether a crate with this SPDX expression may be used. The old `A/B` means `A OR B`.
///
/// # Errors
///
/// It is no expression.
pub fn is_allowed(expression: &str) -> Result<bool> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    let allowed = any(&mut rest).with_context(|| format!("read the licence `{expression}`"))?;
    ensure!(rest.is_empty(), "read the licence `{expression}`: something stands behind it");
    Ok(allowed)
}

fn any(words: &mut &[&str]) -> Option<bool> {
    let mut allowed = all(words)?;
    while let [word, rest @ ..] = *words
        && *word == "OR"
    {
        *words = rest;
        allowed |= all(words)?;
    }
    Some(allowed)
}

fn all(words: &mut &[&str]) -> Option<bool> {
    let mut allowed = one(words)?;
    while let [word, rest @ ..] = *words
        && *word == "AND"
    {
        *words = rest;
        allowed &= one(words)?;
    }
    Some(allowed)
}

fn one(words: &mut &[&str]) -> Option<bool> {
    let [word, rest @ ..] = *words else { return None };
    *words = rest;
    match *word {
        "(" => {
            let allowed = any(words)?;
            let [")", rest @ ..] = *words else { return None };
            *words = rest;
            Some(allowed)
        }
        ")" | "OR" | "AND" | "WITH" => None,
        // An exception only ever permits more; it is a licence of its own all the same, and not on the list.
        licence => match *words {
            ["WITH", _, rest @ ..] => {
                *words = rest;
                Some(false)
            }
            _ => Some(ALLOWED.contains(&licence)),
        },
    }
}

/// Crates whose licence is not on the list or that come from elsewhere than crates.io, a sentence each.
#[must_use]
pub fn refused(foreign: &[Foreign]) -> Vec<String> {
    let mut found = Vec::new();
    for own in foreign {
        let (name, version) = (&own.name, &own.version);
        match own.licence.as_deref().map(is_allowed) {
            Some(Ok(true)) => {}
            Some(Ok(false)) => {
                found.push(format!("{name} {version} has the licence `{}`.", own.licence.as_deref().unwrap_or_default()));
            }
            Some(Err(error)) => found.push(format!("{name} {version}: failed to {error:#}.")),
            None => found.push(format!("{name} {version} states no licence.")),
        }
        if own.source != REGISTRY {
            found.push(format!("{name} {version} comes from {}.", own.source));
        }
    }
    found
}

/// The names of all crates in the lock file, those of other platforms too.
///
/// # Errors
///
/// The lock file is not there or is none.
pub fn locked(repository: &Repository) -> Result<BTreeSet<String>> {
    let lock: Table = repository.read("Cargo.lock")?.parse().context("read Cargo.lock")?;
    let packages = lock.get("package").and_then(Value::as_array).context("find the packages in Cargo.lock")?;
    Ok(packages.iter().filter_map(|package| Some(package.get("name")?.as_str()?.to_owned())).collect())
}

/// The two lists of deny.toml, sorted.
#[derive(Debug, PartialEq, Eq)]
pub struct Denied {
    /// Licences.
    pub allowed: Vec<String>,
    /// Crates, with the reason.
    pub banned: Vec<(String, String)>,
}

/// What deny.toml allows and bans.
///
/// # Errors
///
/// It is not there or says something else.
pub fn denied(repository: &Repository) -> Result<Denied> {
    let deny: Table = repository.read("deny.toml")?.parse().context("read deny.toml")?;
    let list = |section: &str, key: &str| -> Result<Vec<Value>> {
        let list = deny.get(section).and_then(|section| section.get(key)).and_then(Value::as_array);
        list.cloned().with_context(|| format!("find {section}.{key} in deny.toml"))
    };
    let text = |value: &Value, key: &str| -> Result<String> {
        let text = value.get(key).and_then(Value::as_str);
        text.map(str::to_owned).with_context(|| format!("find `{key}` of a banned crate in deny.toml"))
    };
    let allowed = list("licenses", "allow")?;
    let mut allowed: Vec<String> = allowed.iter().filter_map(|licence| licence.as_str().map(str::to_owned)).collect();
    let banned = list("bans", "deny")?;
    let banned = banned.iter().map(|banned| Ok((text(banned, "crate")?, text(banned, "reason")?)));
    let mut banned = banned.collect::<Result<Vec<_>>>()?;
    allowed.sort();
    banned.sort();
    Ok(Denied { allowed, banned })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_read_as_spdx_reads_them() {
        for good in [
            "MIT",
            "MIT OR GPL-3.0",
            "GPL-3.0/MIT",
            "MIT AND Zlib",
            "(GPL-2.0 OR MIT) AND (ISC)",
            "Apache-2.0 WITH LLVM-exception OR MIT",
        ] {
            assert!(is_allowed(good).unwrap(), "{good}");
        }
        for bad in [
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "GPL-2.0 OR MIT AND AGPL-3.0",
            "(GPL-2.0 OR MIT) AND MPL-2.0",
            "Apache-2.0 WITH LLVM-exception",
        ] {
            assert!(!is_allowed(bad).unwrap(), "{bad}");
        }
        for none in ["", "MIT OR", "(MIT", "MIT)", "MIT MIT", "OR", "MIT AND OR ISC"] {
            assert!(is_allowed(none).is_err(), "{none}");
        }
    }

    #[test]
    fn what_is_refused_is_named_with_its_reason() {
        let own = |name: &str, licence: Option<&str>, source: &str| Foreign {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            licence: licence.map(str::to_owned),
            source: source.to_owned(),
        };
        assert_eq!(refused(&[own("a", Some("MIT"), REGISTRY)]), Vec::<String>::new());
        let bad =
            [own("b", Some("GPL-3.0"), REGISTRY), own("c", None, REGISTRY), own("d", Some("MIT"), "git+https://example.org/d")];
        let expected =
            ["b 1.0.0 has the licence `GPL-3.0`.", "c 1.0.0 states no licence.", "d 1.0.0 comes from git+https://example.org/d."];
        assert_eq!(refused(&bad), expected);
    }
}
