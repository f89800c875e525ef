//! How long corrections take, there and back: a researcher asks for one on every record, the hospital corrects each registration, and
//! every corrected version arrives and is validated.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use dcd::Definition;
use hd4dp::{AcceptedRow, Hd4dp, upload::CsvFile};
use hd4res::{
    Action,
    store::{Act, By, Filter},
};
use registration::{Comment, Place};
use serde::Serialize;
use topology::Nihdi;

use super::{super::session::Session, PATIENCE};
use crate::flow::Watch;

/// What `--corrections` adds to the figures.
#[derive(Debug, Serialize)]
pub(super) struct Corrections {
    /// Registrations that were asked about and corrected.
    corrections: u64,
    /// Until every request was durable at HD4RES, in milliseconds.
    asked_ms: u64,
    /// Until every hospital had its request.
    there_ms: u64,
    /// Until every correction was back, validated and confirmed.
    elapsed_ms: u64,
    /// Registrations corrected per second of that time.
    corrections_per_s: f64,
}

/// A field that anything may stand in.
const CORRECTED: &str = "ngs_panel";
/// Records that are listed at once.
const PAGE: u32 = 1_000;

impl Corrections {
    /// What people read.
    pub(super) fn line(&self) -> String {
        format!(
            "{} corrections there and back in {:.1} s (asked after {:.1} s, at the hospital after {:.1} s): {:.0} per second",
            self.corrections,
            self.elapsed_ms as f64 / 1e3,
            self.asked_ms as f64 / 1e3,
            self.there_ms as f64 / 1e3,
            self.corrections_per_s
        )
    }

    /// Corrects every registration of the file, which was run before.
    pub(super) async fn measure(
        session: &Session,
        hospital: Nihdi,
        definition: &Arc<Definition>,
        file: &Path,
    ) -> anyhow::Result<Self> {
        let hd4dp = session.installation.hd4dp.get(&hospital).context("find the hospital")?;
        let field = definition.field_no(CORRECTED).context("find the field that is corrected")?;
        let watch = Watch::over(&session.installation, &session.clock);
        let started = session.clock.now();
        let since = || session.clock.now().since(started);
        let asked = ask(session, field).await?;
        let asked_after = since();
        watch.until_rest(PATIENCE).await?;
        let there_after = since();
        let corrected = correct(hd4dp, definition, field, file).await?;
        watch.until_rest(PATIENCE).await?;
        let elapsed = since();
        anyhow::ensure!(asked == corrected, "correct what was asked about: {asked} were, and {corrected} are");
        ensure_corrected(session, asked).await?;
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Ok(Self {
            corrections: asked,
            asked_ms: ms(asked_after),
            there_ms: ms(there_after),
            elapsed_ms: ms(elapsed),
            corrections_per_s: asked as f64 / elapsed.as_secs_f64(),
        })
    }
}

/// A researcher asks for a correction of every record, a page of them at a time.
async fn ask(session: &Session, field: u16) -> anyhow::Result<u64> {
    let hd4res = &session.installation.hd4res;
    let comment = Comment { place: Some(Place::of(field)), text: "Is this the right panel?".to_owned() };
    let action = Action::RequestCorrections(vec![comment]);
    let (mut after, mut asked) = (None, 0);
    loop {
        let page = hd4res.store().list(&Filter::default(), after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(asked) };
        after = Some(last.record);
        let by = By::role("researcher");
        let acts: Vec<Act<'_>> = page.iter().map(|row| Act { record: row.record, action: &action, by }).collect();
        for acted in hd4res.act_on_all(&acts).await? {
            acted?;
            asked += 1;
        }
    }
}

/// The hospital's file again, with another value in the field.
async fn correct(hd4dp: &Hd4dp, definition: &Arc<Definition>, field: u16, path: &Path) -> anyhow::Result<u64> {
    let clock = &hd4dp.context().clock;
    let (today, organisation) = (clock.now().date(), hd4dp.nihdi().as_str());
    let mut file = CsvFile::open(path, definition, today)?;
    let upload = hd4dp.store().begin_upload("corrected.csv", definition.name(), clock.now()).await?;
    let (mut rows, mut corrected) = (Vec::new(), 0);
    loop {
        let row = file.next_row(organisation, today)?;
        let is_last = row.is_none();
        if let Some(mut row) = row {
            let cell = row.cells.iter_mut().find(|cell| cell.place == Place::of(field)).context("find the value")?;
            cell.value = "CORRECTED".to_owned();
            rows.push(AcceptedRow { cells: row.cells, attachments: Vec::new() });
        }
        if !rows.is_empty() && (is_last || rows.len() >= hd4dp.publication_size()) {
            let count = rows.len() as u64;
            hd4dp.submit(upload, definition, std::mem::take(&mut rows), count, 0).await?;
            corrected += count;
        }
        if is_last {
            return Ok(corrected);
        }
    }
}

/// A figure counts for what really happened.
async fn ensure_corrected(session: &Session, expected: u64) -> anyhow::Result<()> {
    let filter = Filter { dcd: None, status: Some(hd4res::store::RecordStatus::NewCorrection) };
    let (mut after, mut found) = (None, 0);
    loop {
        let page = session.installation.hd4res.store().list(&filter, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.record);
        found += page.iter().filter(|record| record.is_validated && record.version == 2).count() as u64;
    }
    anyhow::ensure!(found == expected, "bring {expected} corrections back: {found} arrived and are validated");
    Ok(())
}
