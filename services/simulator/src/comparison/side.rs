//! What is compared: a run's folder, or stores.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use dcd::{Definitions, Language};
use dhw::{DhwStore, Registers};
use store::{Inspection, Location};

use super::tables::Table;

/// One of the two.
#[derive(Debug, Clone)]
pub struct Side {
    /// As it was given, without a password.
    pub name: String,
    /// The run's folder; none of stores alone.
    pub folder: Option<PathBuf>,
    /// The stores; none of a run that had them elsewhere.
    pub store: Option<Location>,
}

impl Side {
    /// Finds out what a text names: a folder that `run` or `demo` left, one of stores, or the address of a database.
    ///
    /// # Errors
    ///
    /// It names none of these.
    pub async fn find(text: &str) -> anyhow::Result<Self> {
        if Location::is_address(text) {
            let location: Location = text.parse()?;
            return Ok(Self { name: location.to_string(), folder: None, store: Some(location) });
        }
        let path = PathBuf::from(text);
        let name = path.display().to_string();
        let has_stores = async |folder: &Path| anyhow::Ok(!Location::from(folder).stores_of(hd4dp::SERVICE).await?.is_empty());
        if has_stores(&path).await? {
            return Ok(Self { name, folder: None, store: Some(Location::from(&path)) });
        }
        anyhow::ensure!(
            path.join("summary.json").is_file(),
            "find a run or stores in {name}: there is no summary.json and no store"
        );
        let store = path.join("store");
        let store = if has_stores(&store).await? { Some(Location::from(&store)) } else { None };
        Ok(Self { name, folder: Some(path), store })
    }

    /// The figures of a run.
    ///
    /// # Errors
    ///
    /// A file that is no summary.
    pub fn summary(&self) -> anyhow::Result<Option<serde_json::Value>> {
        let Some(folder) = &self.folder else { return Ok(None) };
        let path = folder.join("summary.json");
        let failed = || format!("read {}", path.display());
        let bytes = std::fs::read(&path).with_context(failed)?;
        Ok(Some(serde_json::from_slice(&bytes).with_context(failed)?))
    }

    /// The researcher's files and the findings, by their names: those of a run, or what its stores would give.
    ///
    /// # Errors
    ///
    /// A file or a store that cannot be read.
    pub async fn tables(&self, definitions: &Definitions) -> anyhow::Result<Tables> {
        if let Some(folder) = &self.folder {
            return Tables::read(folder);
        }
        let location = self.store.as_ref().context("find the stores")?;
        let temporary = tempfile::tempdir()?;
        export(location, definitions, temporary.path()).await?;
        Tables::read(temporary.path())
    }
}

/// What the researcher's side of a run left.
#[derive(Debug, Default)]
pub struct Tables {
    /// The researcher's files, by register.
    pub researcher: BTreeMap<String, Table>,
    /// The findings.
    pub findings: Option<Table>,
}

impl Tables {
    fn read(folder: &Path) -> anyhow::Result<Self> {
        let mut tables = Self::default();
        let researcher = folder.join("researcher");
        if researcher.is_dir() {
            for entry in std::fs::read_dir(&researcher).with_context(|| format!("read {}", researcher.display()))? {
                let path = entry?.path();
                let name = path.file_stem().map(|name| name.to_string_lossy().into_owned());
                if let Some(name) = name.filter(|_| path.extension().is_some_and(|ending| ending == "csv")) {
                    tables.researcher.insert(name, Table::read(&path)?);
                }
            }
        }
        let findings = folder.join("validation").join("findings.csv");
        if findings.is_file() {
            tables.findings = Some(Table::read(&findings)?);
        }
        Ok(tables)
    }

    /// All pseudonyms in it.
    #[must_use]
    pub fn pseudonyms(&self) -> BTreeSet<&str> {
        self.researcher.values().chain(&self.findings).flat_map(Table::pseudonyms).collect()
    }
}

/// Writes what `run` would of a data warehouse's store.
async fn export(location: &Location, definitions: &Definitions, folder: &Path) -> anyhow::Result<()> {
    // A store that is not there is not made.
    if Inspection::open(location, dhw::service::SERVICE).await?.is_none() {
        return Ok(());
    }
    let registers = Arc::new(Registers::new(definitions));
    let store: Arc<dyn DhwStore> = Arc::new(dhw::SqlStore::open(location, Arc::clone(&registers)).await?);
    std::fs::create_dir_all(folder.join("researcher"))?;
    std::fs::create_dir_all(folder.join("validation"))?;
    let names: BTreeSet<&str> = definitions.iter().map(|definition| definition.name()).collect();
    for name in names {
        let file = std::fs::File::create(folder.join("researcher").join(format!("{name}.csv")))?;
        dhw::researcher::export(&*store, &registers, name, std::io::BufWriter::new(file))
            .await
            .context("read the researcher's data")?;
    }
    let file = std::fs::File::create(folder.join("validation").join("findings.csv"))?;
    dhw::findings::export(&*store, Language::English, std::io::BufWriter::new(file)).await.context("read the findings")?;
    Ok(())
}
