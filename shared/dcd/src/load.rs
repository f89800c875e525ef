//! The definitions of this program: those that are built in, and those of a folder that adds to them or replaces them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::compile::compile;
use crate::definition::Definition;
use crate::error::DefinitionError;
use crate::list::CodeList;
use crate::source::DefinitionSource;

/// The files of the folder `dcd/` as they were at build time: path below it, and text.
mod built_in {
    include!(concat!(env!("OUT_DIR"), "/built_in.rs"));
}

/// A set of definitions.
#[derive(Debug)]
pub struct Definitions {
    files: BTreeMap<String, File>,
    /// By name in lower case and version.
    definitions: BTreeMap<(String, u32), Arc<Definition>>,
}

#[derive(Debug, Clone)]
struct File {
    /// What errors name.
    shown: String,
    text: Cow<'static, str>,
}

impl Definitions {
    /// The definitions that are built into the program.
    ///
    /// # Errors
    /// [`DefinitionError`]; a test of this crate makes sure that there is none.
    pub fn built_in() -> Result<Self, DefinitionError> {
        let file = |(path, text): &(&str, &'static str)| {
            ((*path).to_owned(), File { shown: format!("dcd/{path}"), text: Cow::Borrowed(*text) })
        };
        Self::from_files(built_in::FILES.iter().map(file).collect())
    }

    /// The same with the files of a folder of the same shape (`<Name>/<version>/definition.json`, `<Name>/<version>/lists/*.csv`,
    /// `lists/*.csv`) added, or put in the place of those with the same path. A shared list that the folder holds serves every definition.
    ///
    /// # Errors
    /// [`DefinitionError`].
    pub fn with_directory(self, directory: &Path) -> Result<Self, DefinitionError> {
        let mut files = self.files;
        read_directory(directory, directory, &mut files)?;
        Self::from_files(files)
    }

    /// The newest version of a definition, its name written in any case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<Definition>> {
        let name = name.to_ascii_lowercase();
        let versions = self.definitions.range((name.clone(), 0)..=(name, u32::MAX));
        versions.last().map(|(_, definition)| Arc::clone(definition))
    }

    /// One version of a definition, by its technical name.
    #[must_use]
    pub fn exact(&self, name: &str, version: u32) -> Option<Arc<Definition>> {
        self.definitions.get(&(name.to_ascii_lowercase(), version)).filter(|definition| definition.name() == name).cloned()
    }

    /// The JSON of one version of a definition, by its technical name.
    #[must_use]
    pub fn json(&self, name: &str, version: u32) -> Option<&str> {
        self.files.get(&format!("{name}/{version}/definition.json")).map(|file| &*file.text)
    }

    /// The same with a definition from its JSON added, or put in the place of that version.
    ///
    /// # Errors
    /// [`DefinitionError`].
    pub fn with_definition(&self, name: &str, version: u32, json: String) -> Result<Self, DefinitionError> {
        let mut files = self.files.clone();
        let path = format!("{name}/{version}/definition.json");
        files.insert(path.clone(), File { shown: path, text: Cow::Owned(json) });
        Self::from_files(files)
    }

    /// All definitions, by name and version.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Definition>> {
        self.definitions.values()
    }

    /// A definition from its JSON and a way to its lists (name to CSV text), for tests and tools.
    ///
    /// # Errors
    /// [`DefinitionError`].
    pub fn single(json: &str, lists: &[(&str, &str)]) -> Result<Arc<Definition>, DefinitionError> {
        let lists =
            lists.iter().map(|(name, text)| CodeList::read(name, name, text).map(|list| ((*name).to_owned(), Arc::new(list))));
        let lists = lists.collect::<Result<BTreeMap<_, _>, _>>()?;
        read_definition("definition.json", json, &|name| lists.get(name).cloned()).map(Arc::new)
    }

    fn from_files(files: BTreeMap<String, File>) -> Result<Self, DefinitionError> {
        let mut lists = BTreeMap::new();
        for (path, file) in &files {
            if let Some((folder, name)) = list_path(path) {
                let list = CodeList::read(name, &file.shown, &file.text)?;
                lists.insert((folder.to_owned(), name.to_owned()), Arc::new(list));
            }
        }
        let mut definitions = BTreeMap::new();
        for (path, file) in &files {
            let Some(folder) = path.strip_suffix("/definition.json") else { continue };
            let list = |name: &str| {
                let at = |folder: &str| lists.get(&(folder.to_owned(), name.to_owned())).cloned();
                at(folder).or_else(|| at(""))
            };
            let definition = read_definition(&file.shown, &file.text, &list)?;
            if folder != format!("{}/{}", definition.name(), definition.version()) {
                let reason =
                    format!("the folder is {folder}, but this is {} in version {}", definition.name(), definition.version());
                return Err(DefinitionError::Meaning { file: file.shown.clone(), path: "name".to_owned(), reason });
            }
            let key = (definition.name().to_ascii_lowercase(), definition.version());
            if definitions.insert(key, Arc::new(definition)).is_some() {
                let reason = "another definition has this name in another case".to_owned();
                return Err(DefinitionError::Meaning { file: file.shown.clone(), path: "name".to_owned(), reason });
            }
        }
        Ok(Self { files, definitions })
    }
}

/// The folder of the definition (empty for shared lists) and the name of a list's path.
fn list_path(path: &str) -> Option<(&str, &str)> {
    let (folder, file) = path.rsplit_once('/')?;
    let name = file.strip_suffix(".csv")?;
    if folder == "lists" { Some(("", name)) } else { folder.strip_suffix("/lists").map(|folder| (folder, name)) }
}

fn read_definition(file: &str, text: &str, lists: crate::compile::Lists<'_>) -> Result<Definition, DefinitionError> {
    let text = text.trim_start_matches('\u{feff}');
    let mut json = serde_json::Deserializer::from_str(text);
    let malformed = |error: &serde_json::Error, path: String| DefinitionError::Json {
        file: file.to_owned(),
        line: error.line(),
        column: error.column(),
        path,
        // The position is told already.
        reason: error.to_string().split(" at line ").next().unwrap_or_default().to_owned(),
    };
    let source: DefinitionSource =
        serde_path_to_error::deserialize(&mut json).map_err(|error| malformed(error.inner(), error.path().to_string()))?;
    json.end().map_err(|error| malformed(&error, ".".to_owned()))?;
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| malformed(&error, ".".to_owned()))?;
    let mut canonical = String::with_capacity(text.len());
    write_canonical(&value, &mut canonical);
    compile(source, Sha256::digest(canonical.as_bytes()).into(), lists, file)
}

/// JSON with sorted keys and no white space.
fn write_canonical(value: &serde_json::Value, out: &mut String) {
    match value {
        serde_json::Value::Object(members) => {
            let sorted: BTreeMap<_, _> = members.iter().collect();
            out.push('{');
            for (at, (key, member)) in sorted.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_canonical(&serde_json::Value::String(key.clone()), out);
                out.push(':');
                write_canonical(member, out);
            }
            out.push('}');
        }
        serde_json::Value::Array(elements) => {
            out.push('[');
            for (at, element) in elements.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_canonical(element, out);
            }
            out.push(']');
        }
        leaf => out.push_str(&leaf.to_string()),
    }
}

fn read_directory(root: &Path, directory: &Path, files: &mut BTreeMap<String, File>) -> Result<(), DefinitionError> {
    let failed = |path: &Path, source| DefinitionError::Read { file: path.display().to_string(), source };
    for entry in std::fs::read_dir(directory).map_err(|source| failed(directory, source))? {
        let path = entry.map_err(|source| failed(directory, source))?.path();
        if path.is_dir() {
            read_directory(root, &path, files)?;
            continue;
        }
        let parts: Option<Vec<_>> =
            path.strip_prefix(root).ok().map(|below| below.iter().filter_map(|part| part.to_str()).collect());
        let below = parts.unwrap_or_default().join("/");
        if below.ends_with("/definition.json") || list_path(&below).is_some() {
            let text = std::fs::read_to_string(&path).map_err(|source| failed(&path, source))?;
            files.insert(below, File { shown: path.display().to_string(), text: Cow::Owned(text) });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
