//! `precision recode`: has everything that healthdata holds re-coded to the current epoch, and says what was.

use std::path::Path;

use clap::Args;
use clock::Timestamp;
use dcd::Definitions;
use ehbox_hd::store::RecodeJob;
use recoding::Finding;
use sealing::keys::KeyDirectory;
use serde::Serialize;

use super::{
    life::There,
    session::{Session, places},
};
use crate::{cli::Ended, flow::Ending};

/// What `recode` takes.
#[derive(Debug, Args)]
pub struct RecodeArgs {
    /// The installation
    #[command(flatten)]
    pub there: There,
}

/// What the stores say when the job is at rest.
#[derive(Debug, Serialize)]
struct Recoded {
    /// The current epoch.
    epoch: u32,
    /// Pseudonyms that are another one since they were seen first, at each of healthdata's stores.
    ehbox_hd: u64,
    hd4res: u64,
    dhw: u64,
    jobs: Vec<Job>,
    /// What could not be re-coded, without saying of whom.
    findings: Vec<Found>,
}

#[derive(Debug, Serialize)]
struct Job {
    epoch: u32,
    begun_at: String,
    ended_at: Option<String>,
    recoded: u64,
    findings: u64,
}

#[derive(Debug, Serialize)]
struct Found {
    store: &'static str,
    code: &'static str,
    count: usize,
}

impl From<RecodeJob> for Job {
    fn from(job: RecodeJob) -> Self {
        let RecodeJob { epoch, begun_at, ended_at, recoded, findings } = job;
        Self { epoch, begun_at: begun_at.to_string(), ended_at: ended_at.map(|at: Timestamp| at.to_string()), recoded, findings }
    }
}

fn found(store: &'static str, findings: &[Finding]) -> Vec<Found> {
    let mut codes: Vec<&'static str> = findings.iter().map(|finding| finding.refusal.code()).collect();
    codes.sort_unstable();
    let counted = codes.chunk_by(|a, b| a == b).filter_map(|same| Some((*same.first()?, same.len())));
    counted.map(|(code, count)| Found { store, code, count }).collect()
}

impl Recoded {
    async fn of(session: &Session, epoch: u32) -> anyhow::Result<Self> {
        let stores = &session.installation.stores;
        let mut findings = found("ehbox-hd", &stores.ehbox_hd.recode_findings().await?);
        findings.extend(found("hd4res", &stores.hd4res.recode_findings().await?));
        findings.extend(found("dhw", &stores.dhw.recode_findings().await?));
        Ok(Self {
            epoch,
            ehbox_hd: stores.ehbox_hd.recoded().await?,
            hd4res: stores.hd4res.recoded().await?,
            dhw: stores.dhw.recoded().await?,
            jobs: stores.ehbox_hd.jobs().await?.into_iter().map(Job::from).collect(),
            findings,
        })
    }

    fn lines(&self) -> Vec<String> {
        let Self { epoch, ehbox_hd, hd4res, dhw, jobs, findings } = self;
        let mut lines =
            vec![format!("epoch {epoch}: {ehbox_hd} pseudonyms re-coded at ehbox-hd, {hd4res} at hd4res, {dhw} at dhw")];
        for Job { epoch, begun_at, ended_at, recoded, findings } in jobs {
            let ended = ended_at.as_deref().unwrap_or("goes on");
            lines.push(format!("job to epoch {epoch}: {begun_at} to {ended}, {recoded} re-coded, {findings} findings"));
        }
        lines.extend(findings.iter().map(|Found { store, code, count }| format!("{store}: {code} {count} times")));
        lines
    }
}

/// Runs the command.
///
/// # Errors
///
/// What keeps the installation from being opened.
pub async fn recode(args: RecodeArgs, definitions: Definitions) -> anyhow::Result<Ended> {
    let there = &args.there;
    let session = there.open(definitions).await?;
    let epoch = current_epoch(there)?;
    session.installation.ehbox_hd.recode_to(ehealth_ttp::DOMAIN, epoch).await?;
    let ending = there.rest(&session).await?;
    let answer = Recoded::of(&session, epoch).await?;
    session.close(ending == Ending::AtRest).await;
    there.print(&answer, Recoded::lines);
    Ok(if answer.findings.is_empty() { there.ended(ending) } else { Ended::Failed })
}

/// The epoch of the TTP's newest key.
fn current_epoch(there: &There) -> anyhow::Result<u32> {
    let (_, keys) = places(Some(&there.store), there.keys.as_ref(), Path::new(""))?;
    let masters = KeyDirectory::open(&keys)?.ttp()?.masters;
    Ok(masters.last_key_value().map_or(1, |(epoch, _)| *epoch))
}
