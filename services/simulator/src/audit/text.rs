//! A report for a terminal.

use super::{
    field::Kind,
    onlooker::Role,
    report::{Report, Seen, Standing, Verdict},
};
use crate::output;

/// Evidence that is shown of one promise; the other forms have all of it.
const SHOWN: usize = 12;

impl Report {
    /// The report as lines.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            "Who saw what".to_owned(),
            format!("  {} of {}, {}", self.program, self.made_at, self.subject),
            format!(
                "  {} hospitals, {} registrations, the values of {} looked for{}; {} publications",
                self.hospitals.len(),
                self.registrations.registrations,
                self.registrations.sampled,
                if self.is_planted { ", planted ones among them" } else { "" },
                self.publications
            ),
            String::new(),
            output::table(&self.matrix(), &[1]).trim_end().to_owned(),
            String::new(),
            "  seen: whole values, as it may. reduced: what the definition's policy leaves. -: looked for and not seen. SEEN!: breaks a promise."
                .to_owned(),
            "  .: too short to be looked for, and in no column that was read. ?: nothing of it was looked at.".to_owned(),
            String::new(),
        ];
        self.promises.iter().for_each(|verdict| lines.extend(of_promise(verdict)));
        if !self.not_searched.is_empty() {
            lines.push("Not looked at".to_owned());
            lines.extend(self.not_searched.iter().map(|what| format!("  {what}")));
        }
        lines.push(String::new());
        lines.push(self.sentence().to_owned());
        lines
    }

    /// The answer in a sentence.
    #[must_use]
    pub fn sentence(&self) -> &'static str {
        let is_broken = self.promises.iter().any(|verdict| verdict.standing == Standing::Broken);
        match (self.holds, is_broken) {
            (true, _) => "The promises hold in everything that was looked at.",
            (false, true) => "A PROMISE IS BROKEN.",
            (false, false) => "The promises are NOT PROVED: too little was looked at.",
        }
    }

    /// Kinds by roles; the first row is the heading.
    #[must_use]
    pub fn matrix(&self) -> Vec<Vec<String>> {
        let head = ["what", "values"].into_iter().chain(Role::ALL.iter().map(|role| short(*role)));
        let mut rows = vec![head.map(str::to_owned).collect::<Vec<_>>()];
        for kind in Kind::ALL {
            let Some((values, _, sights)) = self.of_kind(kind) else { continue };
            let cells = Role::ALL.iter().map(|role| sights.get(role).copied().unwrap_or(Seen::NotSearched).as_str().to_owned());
            rows.push([kind.to_string(), values.to_string()].into_iter().chain(cells).collect());
        }
        rows
    }
}

/// A role at the head of a narrow column.
const fn short(role: Role) -> &'static str {
    match role {
        Role::HospitalBroker => "hco broker",
        Role::EhealthBroker => "eH broker",
        Role::EhealthTtp => "ttp",
        Role::HdBroker => "hd broker",
        role => role.as_str(),
    }
}

fn of_promise(verdict: &Verdict) -> Vec<String> {
    let number = verdict.number.map_or_else(String::new, |number| format!("{number}. "));
    let mut lines = vec![format!("{number}{}", verdict.sentence), format!("  {}: {}", verdict.standing.as_str(), verdict.ground)];
    for evidence in verdict.evidence.iter().take(SHOWN) {
        lines.push(format!(
            "    {} at {} ({}): {}, written {}, {} times, for instance {}",
            evidence.field, evidence.onlooker, evidence.medium, evidence.place, evidence.written, evidence.times, evidence.of
        ));
    }
    if verdict.evidence.len() > SHOWN {
        lines.push(format!("    … and {} more; --json and --html have them all", verdict.evidence.len() - SHOWN));
    }
    lines.push(String::new());
    lines
}
