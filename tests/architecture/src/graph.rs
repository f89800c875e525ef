//! Our crates and everybody else's, from the manifests.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::repository::Repository;

/// One of our crates, and the arrows to our other crates that its manifest draws.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Crate {
    /// Its folder, relative to the top folder: `shared/clock`.
    pub folder: String,
    /// What it is built with: normal and build dependencies, on every platform and with every feature.
    pub uses: BTreeSet<String>,
    /// What its own tests are built with besides.
    pub test_uses: BTreeSet<String>,
    /// Features of our other crates that it turns on: crate and feature.
    pub features: BTreeSet<(String, String)>,
}

impl Crate {
    /// Whether it exists for tests only.
    #[must_use]
    pub fn is_test_crate(&self) -> bool {
        self.folder.starts_with("tests/")
    }
}

/// A crate of somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// The SPDX expression of its manifest.
    pub licence: Option<String>,
    /// Where it comes from, in cargo's words.
    pub source: String,
}

/// All crates that this repository is built from.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    /// Ours, by name.
    pub crates: BTreeMap<String, Crate>,
    /// Everybody else's that this platform needs.
    pub foreign: Vec<Foreign>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
    path: Option<PathBuf>,
    features: Vec<String>,
}

impl Graph {
    /// Asks `cargo metadata`, without the network and without touching the lock file.
    ///
    /// # Errors
    ///
    /// Cargo's own words, when it fails.
    pub fn of(repository: &Repository) -> Result<Self> {
        let platform = platform()?;
        let arguments = ["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", &platform];
        let text = cargo(repository.root(), &arguments).context("`cargo fetch --locked` brings what is missing")?;
        let metadata: Metadata = serde_json::from_str(&text).context("read what cargo metadata says")?;
        let mut graph = Self::default();
        for package in metadata.packages {
            match package.source {
                Some(source) => {
                    graph.foreign.push(Foreign { name: package.name, version: package.version, licence: package.license, source })
                }
                None => {
                    let own = own(repository.root(), &package);
                    graph.crates.insert(package.name, own);
                }
            }
        }
        ensure!(!graph.crates.is_empty() && !graph.foreign.is_empty(), "cargo metadata knows no crates");
        Ok(graph)
    }

    /// The shortest way from one of our crates to another, both ends included. It begins with any arrow of `from`, its tests' arrows too, and goes
    /// on over what is built in.
    #[must_use]
    pub fn way(&self, from: &str, to: &str) -> Option<Vec<String>> {
        let start = self.crates.get(from)?;
        let mut ways: Vec<Vec<String>> =
            start.uses.union(&start.test_uses).map(|next| vec![from.to_owned(), next.clone()]).collect();
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let mut at = 0;
        while let Some(way) = ways.get(at).cloned() {
            at += 1;
            let Some(last) = way.last() else { continue };
            if last == to {
                return Some(way);
            }
            if !seen.insert(last.clone()) {
                continue;
            }
            for next in self.crates.get(last).into_iter().flat_map(|own| &own.uses) {
                ways.push(way.iter().chain([next]).cloned().collect());
            }
        }
        None
    }
}

fn own(root: &Path, package: &Package) -> Crate {
    let folder = package.manifest_path.parent().and_then(|folder| folder.strip_prefix(root).ok());
    let mut own = Crate {
        folder: folder.map(|folder| folder.to_string_lossy().replace('\\', "/")).unwrap_or_default(),
        ..Crate::default()
    };
    for dependency in package.dependencies.iter().filter(|dependency| dependency.path.is_some()) {
        own.features.extend(dependency.features.iter().map(|feature| (dependency.name.clone(), feature.clone())));
        let uses = if dependency.kind.as_deref() == Some("dev") { &mut own.test_uses } else { &mut own.uses };
        uses.insert(dependency.name.clone());
    }
    own
}

fn platform() -> Result<String> {
    let version = cargo(Path::new("."), &["--version", "--verbose"])?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("find the platform in cargo's version")
}

fn cargo(folder: &Path, arguments: &[&str]) -> Result<String> {
    // Set by cargo when it runs tests; the same cargo then reads the same lock file.
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program).args(arguments).current_dir(folder).output().context("run cargo")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo {} failed: {}", arguments.first().unwrap_or(&""), said.trim());
    String::from_utf8(output.stdout).context("read what cargo says")
}
