//! More patients than there are fictitious national numbers.

use std::{
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use dcd::Definition;
use population::{Order, Rows};

use super::{HOSPITAL, SEED};

/// A file whose rows are of a patient each, known by name, birth date and sex alone.
pub(super) fn file(folder: &Path, definition: &Arc<Definition>, count: u64) -> anyhow::Result<PathBuf> {
    let path = folder.join("many.csv");
    let rows = Rows::new(&Order { definition, organisation: HOSPITAL, count, seed: SEED, faulty_percent: 0 })?;
    let column =
        |name: &str| rows.header().iter().position(|column| &**column == name).with_context(|| format!("find the column {name}"));
    let (number, generated, name) = (column("patient_id")?, column("patient_id|generated")?, column("patient_id|name")?);
    let mut writer = opencsv::Writer::new(BufWriter::new(File::create(&path)?));
    writer.write_record(rows.header().iter())?;
    for row in rows {
        let mut cells = row.cells().to_vec();
        cells[number].clear();
        cells[generated] = "TRUE".to_owned();
        cells[name] = name_of(row.number());
        writer.write_record(&cells)?;
    }
    writer.flush()?;
    Ok(path)
}

/// A name for every number: digits are no part of one.
fn name_of(mut number: u64) -> String {
    let mut name = String::from("Fictief ");
    while number > 0 {
        name.push(char::from(b'a' + (number % 26) as u8));
        number /= 26;
    }
    name
}
