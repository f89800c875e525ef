//! Lists the definitions in the folder `dcd/` at the top of the repository, so that the program carries them. A procedural macro would not
//! notice a new file; cargo does, when the folder is named here.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let crate_folder = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
    let root = crate_folder.join("../../dcd");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    if root.is_dir() {
        collect(&root, &mut files)?;
    }
    files.sort();
    let mut code = String::from("pub(super) static FILES: &[(&str, &str)] = &[\n");
    for file in files {
        let below = file.strip_prefix(&root).map_err(io::Error::other)?;
        let below = below.iter().filter_map(|part| part.to_str()).collect::<Vec<_>>().join("/");
        let _ = writeln!(code, "    ({below:?}, include_str!({:?})),", file.display().to_string());
    }
    code.push_str("];\n");
    let out = env::var_os("OUT_DIR").map(PathBuf::from).unwrap_or_default();
    fs::write(out.join("built_in.rs"), code)
}

/// Definitions and lists; the folder also holds a README, a schema and samples, which the program does not need.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_list = folder.ends_with("lists") && path.extension().is_some_and(|extension| extension == "csv");
        if path.is_dir() {
            collect(&path, files)?;
        } else if is_list || path.file_name().is_some_and(|name| name == "definition.json") {
            files.push(path);
        }
    }
    Ok(())
}
