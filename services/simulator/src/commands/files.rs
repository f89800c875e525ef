//! What a flow leaves in its folder besides the hospital's reports.

use std::{
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use dcd::Language;
use dhw::Registers;

use crate::{
    itinerary_file,
    stores::Stores,
    tally::{Items, Summary},
};

/// Writes `researcher/<dcd>.csv` for each register, `validation/findings.csv`, `itinerary.jsonl` and `summary.json`.
///
/// # Errors
///
/// A store that cannot be read, or a file that cannot be written.
pub async fn write(
    out: &Path,
    dcds: &[&str],
    language: Language,
    stores: &Stores,
    registers: &Registers,
    items: &Items,
    summary: &Summary,
) -> anyhow::Result<()> {
    for dcd in dcds {
        let file = create(&out.join("researcher").join(format!("{dcd}.csv")))?;
        dhw::researcher::export(&*stores.dhw, registers, dcd, file).await.context("write the researcher's file")?;
    }
    let findings = create(&out.join("validation").join("findings.csv"))?;
    dhw::findings::export(&*stores.dhw, language, findings).await.context("write the findings")?;
    itinerary_file::write(stores, items, &out.join("itinerary.jsonl")).await?;
    let text = serde_json::to_string(summary).context("write the summary")?;
    std::fs::write(out.join("summary.json"), format!("{text}\n")).context("write the summary")
}

fn create(path: &Path) -> anyhow::Result<BufWriter<File>> {
    let failed = || format!("write {}", path.display());
    let folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    std::fs::create_dir_all(folder).with_context(failed)?;
    Ok(BufWriter::new(File::create(path).with_context(failed)?))
}
