//! What is said of a recording and of its replay.

use std::path::Path;

use serde::Serialize;
use serde_json::json;
use topology::Nihdi;

use super::ReplayArgs;
use crate::{
    cli::Ended,
    output,
    recording::{
        Recording,
        effect::Effect,
        format::id,
        ledger::Ledger,
        replay::{BrokenOff, Plan, Replayed},
        selection::Selection,
    },
};

/// What would be replayed.
#[derive(Serialize)]
struct Listed {
    number: u64,
    offset_ms: u64,
    step: &'static str,
    queue: String,
    hospital: Option<Nihdi>,
    #[serde(with = "id")]
    publication: uuid::Uuid,
    items: usize,
    /// How often it was replayed before, onto whatever installation.
    replayed: usize,
}

/// Lists what would be replayed.
///
/// # Errors
///
/// A ledger that cannot be read.
pub(super) fn list(args: &ReplayArgs, path: &Path, recording: &Recording, selection: &Selection) -> anyhow::Result<Ended> {
    let replays = Ledger::look(path)?;
    let listed: Vec<Listed> = selection
        .of(recording)
        .map(|one| Listed {
            number: one.entry.number,
            offset_ms: u64::try_from(one.entry.offset.as_millis()).unwrap_or(u64::MAX),
            step: one.entry.arrow.step(),
            queue: one.entry.arrow.queue(one.entry.nihdi.as_ref()).to_string(),
            hospital: recording.hospital(one.entry),
            publication: one.entry.publication,
            items: one.items.map_or(one.entry.items.len(), |items| items.len()),
            replayed: replays.values().filter(|known| known.replayed.contains_key(&one.entry.number)).count(),
        })
        .collect();
    if args.json {
        let answer = json!({
            "recording": path,
            "id": recording.header().id.to_string(),
            "state": recording.state().to_string(),
            "gaps": recording.gaps(),
            "left_out": recording.left_out(),
            "publications": listed,
        });
        output::say(answer.to_string());
        return Ok(Ended::Well);
    }
    let heading = ["number", "ms", "step", "queue", "hospital", "publication", "items", "replayed"].map(str::to_owned).to_vec();
    let row = |one: &Listed| {
        let hospital = one.hospital.map_or_else(|| "-".to_owned(), |nihdi| nihdi.to_string());
        let Listed { number, offset_ms, step, queue, publication, items, replayed, .. } = one;
        [
            number.to_string(),
            offset_ms.to_string(),
            (*step).to_owned(),
            queue.clone(),
            hospital,
            publication.to_string(),
            items.to_string(),
            replayed.to_string(),
        ]
        .to_vec()
    };
    let rows: Vec<Vec<String>> = std::iter::once(heading).chain(listed.iter().map(row)).collect();
    output::say(output::table(&rows, &[0, 1, 6, 7]).trim_end());
    output::say(format!("{} of {} publications would be replayed", listed.len(), recording.entries().len()));
    Ok(Ended::Well)
}

/// What `--json` prints.
#[derive(Serialize)]
struct Answer<'a> {
    recording: &'a Path,
    state: String,
    onto: &'a str,
    #[serde(flatten)]
    replayed: &'a Replayed,
    /// What came of it, where the stores are at hand.
    effect: Option<&'a Effect>,
}

/// What a replay was, for whoever is told how it ended.
pub(super) struct Told<'a> {
    /// What was typed.
    pub(super) args: &'a ReplayArgs,
    /// The recording.
    pub(super) path: &'a Path,
    /// What was meant.
    pub(super) plan: &'a Plan<'a>,
    /// The installation.
    pub(super) onto: &'a str,
}

impl Told<'_> {
    /// Says how a replay ended.
    ///
    /// # Errors
    ///
    /// What kept it from beginning.
    pub(super) fn say(&self, outcome: anyhow::Result<Replayed>, effect: Option<&Effect>) -> anyhow::Result<Ended> {
        let replayed = match outcome {
            Ok(replayed) => replayed,
            // What was sent before it broke off stands in the ledger.
            Err(error) if error.is::<BrokenOff>() => {
                if self.args.json {
                    output::say(json!({ "error": format!("{error:#}") }).to_string());
                }
                output::complain(format!("precision: failed to {error:#}; the same command goes on from there"));
                return Ok(Ended::Failed);
            }
            Err(error) => return Err(error),
        };
        let has_failed = effect.is_some_and(Effect::has_failed);
        if self.args.json {
            let state = self.plan.recording.state().to_string();
            let answer = Answer { recording: self.path, state, onto: self.onto, replayed: &replayed, effect };
            output::say(serde_json::to_string(&answer)?);
        } else {
            lines(self.onto, &replayed, effect).iter().for_each(output::say);
        }
        Ok(if has_failed { Ended::Failed } else { Ended::Well })
    }
}

fn lines(onto: &str, replayed: &Replayed, effect: Option<&Effect>) -> Vec<String> {
    let Replayed { replay, selected, replayed, before, was_replayed_at, .. } = replayed;
    if let Some(at) = was_replayed_at {
        return vec![format!(
            "{selected} publications were replayed onto {onto} at {at} (replay {replay}); --again does it once more"
        )];
    }
    let earlier = if *before > 0 { format!(", {before} by an earlier call") } else { String::new() };
    let mut lines = vec![format!("{replayed} of {selected} publications replayed onto {onto}{earlier} (replay {replay})")];
    if let Some(Effect { arrived, redelivered, duplicated, unclaimed_answers, dead_lettered }) = effect {
        lines.push(format!(
            "{arrived} registrations arrived for the first time, {redelivered} redelivered, {duplicated} duplicated"
        ));
        if *unclaimed_answers > 0 {
            lines.push(format!("{unclaimed_answers} answers to registrations that these hospitals never sent"));
        }
        lines.extend(dead_lettered.iter().map(|(code, count)| format!("{count} dead-lettered: {code}")));
    }
    lines
}
