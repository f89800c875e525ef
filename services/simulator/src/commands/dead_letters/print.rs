//! What the commands about dead letters print.

use serde::Serialize;

use crate::{
    letters::{LetterDetail, LetterView, Standing, Why},
    output,
};

#[derive(Debug, Serialize)]
pub(super) struct Listing {
    pub(super) dead_letters: Vec<LetterView>,
    pub(super) missed: Vec<String>,
}

impl Listing {
    pub(super) fn lines(&self) -> Vec<String> {
        let heading = ["publication", "set aside from", "step", "reason", "hospital", "set aside", "items", "bytes"];
        let mut rows = vec![heading.map(str::to_owned).to_vec()];
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        rows.extend(self.dead_letters.iter().map(|letter| {
            vec![
                or_none(&letter.publication),
                letter.set_aside_from.clone(),
                letter.step.clone(),
                or_none(&letter.reason),
                or_none(&letter.hospital),
                or_none(&letter.time),
                letter.items.to_string(),
                letter.bytes.to_string(),
            ]
        }));
        let mut lines = vec![format!("{} dead letters", self.dead_letters.len())];
        if !self.dead_letters.is_empty() {
            lines.push(output::table(&rows, &[6, 7]).trim_end().to_owned());
        }
        lines.extend(self.missed.iter().map(|missed| format!("not looked at: {missed}")));
        lines
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Shown {
    pub(super) dead_letters: Vec<LetterDetail>,
}

impl Shown {
    pub(super) fn lines(&self) -> Vec<String> {
        self.dead_letters.iter().flat_map(detail_lines).collect()
    }
}

fn counted(items: usize) -> String {
    if items == 1 { "1 item".to_owned() } else { format!("{items} items") }
}

fn detail_lines(detail: &LetterDetail) -> Vec<String> {
    let LetterDetail { letter, items, why } = detail;
    let or_unknown = |text: &Option<String>| text.clone().unwrap_or_else(|| "not known".to_owned());
    let mut lines = vec![
        format!("publication   {}", or_unknown(&letter.publication)),
        format!("stands in     {}, step {}, zone {}, {}", letter.queue, letter.step, letter.zone, letter.form),
        format!("set aside by  {}", letter.set_aside_by),
        format!("goes back to  {}", letter.set_aside_from),
        format!("sender        {}", or_unknown(&letter.sender)),
        format!("time          {}", or_unknown(&letter.time)),
        format!("message       {}, {}, {} bytes", or_unknown(&letter.kind), counted(letter.items), letter.bytes),
    ];
    for item in items {
        lines.push(format!("item {}", item.item));
        for part in &item.parts {
            let bytes = part.bytes.map(|bytes| format!(", {bytes} bytes")).unwrap_or_default();
            let key = part.sealed_for.as_ref().map(|key| format!(", for key {key}")).unwrap_or_default();
            lines.push(format!("  {}: {}{bytes}{key}", part.part, part.form));
        }
    }
    if items.len() < letter.items {
        lines.push(format!("and {} further items", letter.items - items.len()));
    }
    lines.extend(why_lines(why));
    lines
}

#[derive(Debug, Serialize)]
pub(super) struct Explained {
    pub(super) reasons: Vec<Why>,
}

impl Explained {
    pub(super) fn lines(&self) -> Vec<String> {
        self.reasons.iter().flat_map(why_lines).collect()
    }
}

fn why_lines(why: &Why) -> Vec<String> {
    let told = why.told_by.as_ref().map(|by| format!(" (from {by})")).unwrap_or_default();
    let mut lines = vec![format!("reason        {}{told}", why.code.as_deref().unwrap_or("none"))];
    lines.extend(why.means.iter().map(|means| format!("  {means}")));
    lines.push(format!("what to do    {}", why.what_to_do));
    lines
}

#[derive(Debug, Serialize)]
pub(super) struct Jobs {
    pub(super) jobs: Vec<Standing>,
}

impl Jobs {
    pub(super) fn lines(&self) -> Vec<String> {
        if self.jobs.is_empty() {
            return vec!["no job since the process began".to_owned()];
        }
        self.jobs.iter().flat_map(standing_lines).collect()
    }
}

pub(super) fn standing_lines(standing: &Standing) -> Vec<String> {
    let mut lines = vec![format!("job {} {}", standing.job, progress(standing))];
    lines.extend(standing.problems.iter().map(|problem| format!("  failed: {problem}")));
    lines.extend(standing.missed.iter().map(|missed| format!("  not looked at: {missed}")));
    lines
}

/// How far a job is, in one line.
pub(super) fn progress(standing: &Standing) -> String {
    let Standing { state, total, done, requeued, gone, failed, left, .. } = standing;
    let state = state.as_str();
    format!("{state}: {done} of {total} letters done, {requeued} put back, {gone} gone, {failed} failed, {left} left")
}
