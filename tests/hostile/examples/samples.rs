//! Writes the samples of every target into a folder for each: what a search starts from beside the kept inputs.
//!
//! usage: cargo run -p hostile --example samples -- FOLDER

use std::{env, fs, io, path::PathBuf};

fn main() -> io::Result<()> {
    let folder = env::args_os().nth(1).map(PathBuf::from).ok_or_else(|| io::Error::other("name a folder"))?;
    for target in hostile::TARGETS {
        let folder = folder.join(target.name);
        fs::create_dir_all(&folder)?;
        for (number, sample) in hostile::samples::of(target.name).iter().enumerate() {
            fs::write(folder.join(format!("sample-{number}")), sample)?;
        }
    }
    Ok(())
}
