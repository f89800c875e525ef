//! The registrations of a register as a CSV file that can be uploaded again.

use std::{io::Write, sync::Arc};

use dcd::Definition;
use opencsv::Writer;
use registration::Cell;
use store::StoreError;
use uuid::Uuid;

use crate::{
    error::ItemError,
    row,
    service::{AcceptedRow, Hd4dp},
    sheet::{Items, Sheet, translated, widen},
};

/// Registrations that are read at once.
const PAGE: u32 = 500;

/// Why a download was not finished.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The store does not give the registrations.
    #[error("read the registrations")]
    Store(#[from] StoreError),
    /// A registration cannot be read.
    #[error(transparent)]
    Item(#[from] ItemError),
    /// A list got longer while the file was written, so that its columns do not suffice any more.
    #[error("write registrations that change meanwhile")]
    Changed,
    /// The file cannot be written.
    #[error("write the file")]
    File(#[from] std::io::Error),
}

/// Writes all registrations of a register that are not deleted, page by page: what was kept of them, or else their latest version. Computed
/// fields are left out, and of attachments only the names are written. Returns how many registrations there are.
///
/// # Errors
///
/// [`DownloadError`].
pub async fn download(hd4dp: &Hd4dp, definition: &Arc<Definition>, output: impl Write) -> Result<u64, DownloadError> {
    let mut items = Items::new();
    each(hd4dp, definition, |cells| {
        widen(&mut items, definition, cells);
        Ok(())
    })
    .await?;
    let sheet = Sheet::new(definition, &items);
    let mut writer = Writer::new(output);
    writer.write_record(sheet.header().iter().map(String::as_str))?;
    let written = each(hd4dp, definition, |cells| {
        let fields = sheet.row(cells).ok_or(DownloadError::Changed)?;
        Ok(writer.write_record(fields.iter().map(AsRef::as_ref))?)
    })
    .await?;
    writer.flush()?;
    Ok(written)
}

/// Shows the values of each registration, in order of their ids.
async fn each(
    hd4dp: &Hd4dp,
    definition: &Definition,
    mut show: impl FnMut(&[Cell]) -> Result<(), DownloadError>,
) -> Result<u64, DownloadError> {
    let (mut after, mut count) = (Uuid::nil(), 0);
    loop {
        let page = hd4dp.store().current(definition.name(), after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(count) };
        after = last.registration_id;
        count += page.len() as u64;
        for one in &page {
            let mut cells = row::decode(&one.cells).ok_or(ItemError::DamagedRow)?;
            if one.dcd_version != definition.version() {
                let from = hd4dp.definition_of(definition.name(), one.dcd_version)?;
                cells = translated(&from, definition, AcceptedRow { cells, attachments: Vec::new() }).cells;
            }
            show(&cells)?;
        }
    }
}
