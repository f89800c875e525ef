//! How long healthdata takes to re-code everything after a rotation.

use anyhow::Context as _;
use sealing::keys::KeyDirectory;
use serde::Serialize;

use super::PATIENCE;
use crate::{
    commands::session::{Prepared, Wanted},
    flow::{Ending, Watch},
};

/// What was measured.
#[derive(Debug, Serialize)]
pub(super) struct Recoding {
    pseudonyms: u64,
    seconds: f64,
    pseudonyms_per_s: f64,
}

impl Recoding {
    /// Begins a new epoch over a store that was closed, opens it again and has everything re-coded, at all three stores.
    pub(super) async fn measure(wanted: Wanted<'_>) -> anyhow::Result<Self> {
        let epoch = KeyDirectory::open(wanted.keys)?.add_epoch()?;
        let prepared = Prepared::open(&wanted).await?;
        let broker = prepared.broker(&wanted).await?;
        let stores = prepared.stores().clone();
        let session = prepared.start(wanted, broker).await?;
        let watch = Watch::over(&session.installation, &session.clock);
        let started = session.clock.now();
        session.installation.ehbox_hd.recode_to(ehealth_ttp::DOMAIN, epoch).await?;
        let ending = watch.until_rest(PATIENCE).await?;
        let seconds = session.clock.now().since(started).as_secs_f64();
        let pseudonyms = stores.dhw.recoded().await?;
        let findings = stores.ehbox_hd.recode_findings().await?.len();
        session.close(true).await;
        anyhow::ensure!(ending == Ending::AtRest && findings == 0, "re-code everything: {findings} findings");
        let per_s = (seconds > 0.0).then(|| (pseudonyms as f64 / seconds).round()).context("measure the time")?;
        Ok(Self { pseudonyms, seconds, pseudonyms_per_s: per_s })
    }

    pub(super) fn line(&self) -> String {
        let Self { pseudonyms, seconds, pseudonyms_per_s } = self;
        format!("a rotation: {pseudonyms} pseudonyms re-coded at three stores in {seconds:.1} s, {pseudonyms_per_s}/s")
    }
}
