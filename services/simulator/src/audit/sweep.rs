//! Looking through stores and folders.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use store::{Inspection, Location, StoreError};
use topology::{Actor, Nihdi};

use super::{
    board::Board,
    onlooker::{Medium, Onlooker, Role},
};

/// Bytes that are read of a file at once.
const CHUNK: usize = 4 << 20;
/// Bytes of a chunk that are looked at again with the next one, so that nothing is missed on the border.
const OVERLAP: usize = 1 << 16;

/// The stores of an installation, whether they are there or not.
#[must_use]
pub fn store_names(hospitals: &[Nihdi]) -> Vec<String> {
    crate::stores::names(hospitals)
}

/// The hospitals that have a store there.
///
/// # Errors
///
/// [`StoreError`] when the stores cannot be listed.
pub async fn hospitals(location: &Location) -> Result<Vec<Nihdi>, StoreError> {
    let mut hospitals = Vec::new();
    for actor in [Actor::Hd4dp, Actor::EhboxHco] {
        let found = location.stores_of(actor.as_str()).await?;
        hospitals.extend(found.iter().filter_map(|digits| digits.parse::<Nihdi>().ok()));
    }
    hospitals.sort_unstable();
    hospitals.dedup();
    Ok(hospitals)
}

/// Looks through every row of every store.
///
/// # Errors
///
/// [`StoreError`] when a store is there and cannot be read.
pub async fn stores(location: &Location, hospitals: &[Nihdi], board: &mut Board) -> Result<(), StoreError> {
    for name in store_names(hospitals) {
        let Some(onlooker) = Onlooker::of_store(&name) else { continue };
        let Some(mut store) = Inspection::open(location, &name).await? else {
            board.missed(format!("the store of {name}: it is not there"));
            continue;
        };
        for table in store.tables().await? {
            let called = board.look_at_name(onlooker, "table", &table);
            let look = |row: store::FoundRow| {
                for (column, value) in row {
                    board.look(onlooker, Medium::Store, &format!("{name}, {called}, column {column}"), &value);
                }
            };
            store.each_row(&table, look).await?;
        }
        store.close().await?;
    }
    Ok(())
}

/// Looks through all files below a folder: whose a file is, its place says.
///
/// # Errors
///
/// A folder or file that cannot be read.
pub fn folder(root: &Path, hospitals: &[Nihdi], board: &mut Board) -> io::Result<()> {
    let mut paths = Vec::new();
    collect(root, &mut paths)?;
    paths.sort();
    for path in paths {
        let relative = path.strip_prefix(root).unwrap_or(&path);
        let name = relative.display().to_string();
        let Some((onlooker, medium)) = owner(relative, hospitals) else { continue };
        let called = board.look_at_name(onlooker, "file", &name);
        file(&path, &called, onlooker, medium, board)?;
    }
    Ok(())
}

/// Looks through the bytes of a file, which the report calls `name`.
///
/// # Errors
///
/// It cannot be read.
pub fn file(path: &Path, name: &str, onlooker: Onlooker, medium: Medium, board: &mut Board) -> io::Result<()> {
    let mut file = File::open(path)?;
    let mut chunk = Vec::with_capacity(CHUNK + OVERLAP);
    loop {
        let read = (&mut file).take(CHUNK as u64).read_to_end(&mut chunk)?;
        board.look(onlooker, medium, name, &chunk);
        if read < CHUNK {
            return Ok(());
        }
        chunk.drain(..chunk.len().saturating_sub(OVERLAP));
    }
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}

/// Whose a file of a run's folder is; none for keys, which nobody but their party may read, and for what this search itself wrote.
fn owner(path: &Path, hospitals: &[Nihdi]) -> Option<(Onlooker, Medium)> {
    let parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
    let name = *parts.last()?;
    if parts.iter().rev().skip(1).any(|part| *part == "keys") || name == "lock" || name.starts_with("audit.") {
        return None;
    }
    if let Some((store, _)) = name.split_once(".sqlite") {
        return Onlooker::of_store(store).map(|onlooker| (onlooker, Medium::Store));
    }
    // What is a hospital's stands in a folder with its number, or there is one hospital only.
    let named = parts.iter().find_map(|part| part.parse::<Nihdi>().ok());
    let hospital = named.or(if let [only] = hospitals { Some(*only) } else { None });
    let of_hospital = Onlooker { role: Role::Hd4dp, hospital };
    let is_below = |folders: &[&str]| parts.iter().rev().skip(1).any(|part| folders.contains(part));
    if is_below(&["input", "reports", "provisioning", "fast-track"]) {
        return Some((of_hospital, Medium::Export));
    }
    if is_below(&["researcher", "validation"]) {
        return Some((Onlooker::of(Role::Researcher), Medium::Export));
    }
    Some((Onlooker::of(Role::Operator), Medium::Record))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_place_says_whose_it_is() {
        let hospital: Nihdi = "00000196".parse().unwrap();
        let of = |path: &str| owner(Path::new(path), &[hospital]).map(|(onlooker, medium)| (onlooker.to_string(), medium));
        assert_eq!(of("store/dhw.sqlite-wal"), Some(("dhw".to_owned(), Medium::Store)));
        assert_eq!(of("store/hd4dp-00000196.sqlite"), Some(("hd4dp-00000196".to_owned(), Medium::Store)));
        assert_eq!(of("reports/00000295/a.error.csv"), Some(("hd4dp-00000295".to_owned(), Medium::Export)));
        assert_eq!(of("reports/a.error.csv"), Some(("hd4dp-00000196".to_owned(), Medium::Export)));
        assert_eq!(of("researcher/Precision_Local_MAB.csv"), Some(("researcher".to_owned(), Medium::Export)));
        assert_eq!(of("itinerary.jsonl"), Some(("operator".to_owned(), Medium::Record)));
        assert_eq!(of("incidents/a.zip"), Some(("operator".to_owned(), Medium::Record)));
        assert_eq!(of("store/keys/ehealth-ttp/messaging-1.key"), None);
        assert_eq!(of("store/lock"), None);
        let (several, other) = ([hospital, "00000295".parse().unwrap()], Path::new("reports/a.error.csv"));
        assert_eq!(owner(other, &several), Some((Onlooker::of(Role::Hd4dp), Medium::Export)));
    }
}
