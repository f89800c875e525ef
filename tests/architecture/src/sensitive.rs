//! Types that hold what identifies a patient, registration values, or keys: none may be printed, copied or serialised in passing.
//!
//! The crates' own tests prove it of the types that they know. This looks at the source, so that a new type in `identifying` and a derive
//! on an old one are noticed by somebody who did not write them.

use anyhow::{Result, ensure};

use crate::repository::{Repository, Source};

/// The crate of which every type is sensitive, but for these.
const IDENTIFYING: (&str, &[&str]) = ("shared/identifying/src", &["IdentityKind", "IdentityError"]);

/// Sensitive types elsewhere.
const ELSEWHERE: &[(&str, &[&str])] = &[
    ("shared/national-number/src", &["Facts"]),
    ("shared/registration/src", &["Cell", "Content", "Attachment", "Comment", "CodeKey"]),
    ("shared/pseudonymised/src", &["Pseudonym", "PseudonymPart", "RecodePart", "RecodedPart", "SenderCode"]),
    ("shared/pseudonymisation/src", &["Handle", "HandleKey", "SenderKey", "Pseudonymiser"]),
    ("shared/sealing/src", &["PrivateKey", "Secret", "Keyring"]),
    ("shared/hco-messages/src", &["ClearIdentity"]),
    ("shared/envelope/src", &["ReturnPart"]),
    ("services/hd4dp/src", &["Name", "NewVersion", "Outgoing"]),
];

/// The one sensitive type that a message carries as text.
const MAY_SERIALISE: &str = "ClearIdentity";

/// Traits that no sensitive type derives.
const FORBIDDEN: [&str; 3] = ["Debug", "Copy", "Serialize"];

/// A type and what it derives.
#[derive(Debug, PartialEq, Eq)]
struct Declared {
    name: String,
    derives: Vec<String>,
}

/// Every fault, a sentence each.
///
/// # Errors
///
/// A source cannot be read, or a listed type is not where the list has it.
pub fn faults(repository: &Repository) -> Result<Vec<String>> {
    let sources = repository.sources()?;
    let mut found = Vec::new();
    let (folder, harmless) = IDENTIFYING;
    for (source, declared) in types(&sources, folder) {
        if !harmless.contains(&declared.name.as_str()) {
            found.extend(faults_of(source, &declared));
        }
    }
    found.extend(implemented(&sources));
    for (folder, names) in ELSEWHERE {
        let declared = types(&sources, folder);
        for name in *names {
            let known: Vec<_> = declared.iter().filter(|(_, declared)| declared.name == *name).collect();
            ensure!(
                !known.is_empty(),
                "{folder} has no type `{name}` any more: mend the list of tests/architecture/src/sensitive.rs"
            );
            found.extend(known.iter().flat_map(|(source, declared)| faults_of(source, declared)));
        }
    }
    Ok(found)
}

fn types<'a>(sources: &'a [Source], folder: &str) -> Vec<(&'a str, Declared)> {
    let of_folder = sources.iter().filter(|source| source.path.starts_with(folder));
    of_folder.flat_map(|source| declarations(source.product()).into_iter().map(|own| (source.path.as_str(), own))).collect()
}

fn faults_of(path: &str, declared: &Declared) -> Vec<String> {
    let forbidden = FORBIDDEN.iter().filter(|name| **name != "Serialize" || declared.name != MAY_SERIALISE);
    let derived = forbidden.filter(|name| declared.derives.iter().any(|derived| derived == *name));
    derived.map(|name| format!("{path}: `{}` derives {name}.", declared.name)).collect()
}

/// Hand-written ways out of `identifying`.
fn implemented(sources: &[Source]) -> Vec<String> {
    let of_crate = sources.iter().filter(|source| source.path.starts_with(IDENTIFYING.0));
    let lines = of_crate.flat_map(|source| source.product().lines().map(|line| (source.path.as_str(), line)));
    let out = ["Display for ", "Copy for ", "Serialize for ", "LowerHex for "];
    lines
        .filter(|(_, line)| line.starts_with("impl") && out.iter().any(|out| line.contains(out)))
        .filter(|(_, line)| !IDENTIFYING.1.iter().any(|harmless| line.contains(&format!(" for {harmless} "))))
        .map(|(path, line)| format!("{path}: `{}`.", line.trim_end_matches(" {")))
        .collect()
}

/// The types that a source declares at its top level, with everything that they derive.
fn declarations(text: &str) -> Vec<Declared> {
    let (mut found, mut derives) = (Vec::new(), Vec::new());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(list) = line.strip_prefix("#[derive(") {
            let mut list = list.to_owned();
            while !list.contains(")]") {
                let Some(more) = lines.next() else { break };
                list.push_str(more);
            }
            let names = list.split(")]").next().unwrap_or_default().split(',');
            derives.extend(names.map(|name| name.rsplit("::").next().unwrap_or_default().trim().to_owned()));
            continue;
        }
        let rest = line.strip_prefix("pub(crate) ").or_else(|| line.strip_prefix("pub ")).unwrap_or(line);
        let declared = rest.strip_prefix("struct ").or_else(|| rest.strip_prefix("enum "));
        if let Some(declared) = declared {
            let name = declared.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
            found.push(Declared { name: name.to_owned(), derives: std::mem::take(&mut derives) });
        } else if !line.starts_with('#') && !line.starts_with("//") {
            derives.clear();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derives_are_found_over_lines_attributes_and_comments() {
        let text = "/// A.\n#[derive(Clone, thiserror::Error)]\n#[serde(x)]\n/// More.\npub struct A(u8);\n\n\
                    #[derive(\n    Debug,\n    serde::Serialize,\n)]\nenum B {\n}\n\nstruct C;\n";
        let declared = declarations(text);
        let expected = [("A", vec!["Clone", "Error"]), ("B", vec!["Debug", "Serialize", ""]), ("C", vec![])];
        let expected = expected
            .map(|(name, derives)| Declared { name: name.to_owned(), derives: derives.into_iter().map(str::to_owned).collect() });
        assert_eq!(declared, expected);
    }

    #[test]
    fn ways_out_of_identifying_are_named() {
        let text = "#[derive(Debug, Clone)]\npub struct Ssin(String);\n\nimpl fmt::Display for Ssin {\n}\nimpl fmt::Display for IdentityKind {\n}\n";
        let source = Source::new("shared/identifying/src/ssin.rs".into(), text.into());
        let faults: Vec<_> = types(std::slice::from_ref(&source), IDENTIFYING.0)
            .iter()
            .flat_map(|(path, declared)| faults_of(path, declared))
            .chain(implemented(std::slice::from_ref(&source)))
            .collect();
        assert_eq!(
            faults,
            [
                "shared/identifying/src/ssin.rs: `Ssin` derives Debug.",
                "shared/identifying/src/ssin.rs: `impl fmt::Display for Ssin`."
            ]
        );
    }
}
