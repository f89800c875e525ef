//! From operations to the text of a scenario, which reads back as the same operations.

use std::fmt::Write as _;

use topology::Arrow;

use super::{
    steps::{FAULTS, KEY_PAIRS},
    words::{self, word_of},
};
use crate::simulation::{Fault, Hospital, Op, Register, RowName, Whose};

/// A scenario of these operations.
#[must_use]
pub fn scenario(about: &str, seed: u64, ops: &[Op]) -> String {
    let mut text = format!("about = {}\nseed = {seed}\n\nsteps = [\n", quoted(about));
    for op in ops {
        // Writing to a text does not fail.
        let _ = writeln!(text, "    {},", step(*op));
    }
    text.push_str("]\n");
    text
}

/// A text as TOML has it.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            letter if letter.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(letter));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

/// A step that stands for one operation.
#[must_use]
pub fn step(op: Op) -> String {
    match op {
        Op::Submit { hospital, register, first, count } => one("submit", &range(hospital, register, first, count)),
        Op::Change { hospital, register, first, count } => one("change", &range(hospital, register, first, count)),
        Op::Upload { input, first, count, changed } => {
            one(if changed { "change" } else { "submit" }, &format!("{input} {}", numbers(first, count)))
        }
        Op::Deed { deed, of } => one(word_of(&words::DEEDS, &deed), &whose(of)),
        Op::Steps(polls) => format!("{{ polls = {polls} }}"),
        Op::Minutes(minutes) => one("pass", &words::span(minutes.saturating_mul(60))),
        Op::Crash { service, point } => {
            let (service, point) = (words::service(service), word_of(&words::POINTS, &point));
            format!("{{ crash = \"{service}\", at = \"{point}\" }}")
        }
        Op::Kill(service) => one("kill", &words::service(service)),
        Op::Down(service) => one("down", &words::service(service)),
        Op::Up(service) => one("up", &words::service(service)),
        Op::Once { arrow, fault } => faulty("fault", arrow, fault),
        Op::Keep { arrow, fault } => faulty("keep-fault", arrow, fault),
        Op::Calm => quoted("calm"),
        Op::CutBroker => quoted("cut-broker"),
        Op::LoseBroker => quoted("lose-broker"),
        Op::Forge(hospital) => one("forge-status", hospital.name()),
        Op::BrokerAway => quoted("broker-away"),
        Op::BrokerBack => quoted("broker-back"),
        Op::Slow { service, seconds } => {
            format!("{{ slow = \"{}\", by = \"{}\" }}", words::service(service), words::span(seconds))
        }
        Op::DiskFull(service) => one("disk-full", &words::service(service)),
        Op::DiskFree(service) => one("disk-free", &words::service(service)),
        Op::JumpClock { service, minutes } => {
            let (service, word) = (words::service(service), if minutes < 0 { "back" } else { "by" });
            let by = words::span(minutes.unsigned_abs().saturating_mul(60));
            format!("{{ jump-clock = \"{service}\", {word} = \"{by}\" }}")
        }
        Op::Replay(arrow) => one("replay", arrow.step()),
        Op::UseKeys { service, pair } => {
            format!("{{ use-keys = \"{}\", pair = \"{}\" }}", words::service(service), word_of(&KEY_PAIRS, &pair))
        }
        Op::Guess { hospital, patients } => {
            format!("{{ guess-patients = \"{}\", times = {patients} }}", hospital.name())
        }
        Op::NewDefinition { register, at } => {
            let at = at.map(|service| format!(", at = \"{}\"", words::service(service))).unwrap_or_default();
            format!("{{ new-definition = \"{}\"{at} }}", word_of(&words::REGISTERS, &register))
        }
        Op::Rotate => quoted("rotate"),
        Op::Recode => quoted("recode"),
        Op::Renew(service) => one("renew-keys", &words::service(service)),
        Op::MistakePatient => quoted("mistake-patient"),
    }
}

fn one(word: &str, takes: &str) -> String {
    format!("{{ {word} = \"{takes}\" }}")
}

fn faulty(word: &str, arrow: Arrow, fault: Fault) -> String {
    let name = |fault| word_of(&FAULTS, &fault);
    let (fault, by) = match fault {
        Fault::Delay { seconds } => (name(Fault::Delay { seconds: 0 }), format!(", by = \"{}\"", words::span(seconds))),
        other => (name(other), String::new()),
    };
    format!("{{ {word} = \"{fault}\", on = \"{}\"{by} }}", arrow.step())
}

fn range(hospital: Hospital, register: Register, first: u16, count: u16) -> String {
    format!("{} {} {}", hospital.name(), word_of(&words::REGISTERS, &register), numbers(first, count))
}

fn numbers(first: u16, count: u16) -> String {
    if count == 1 { first.to_string() } else { format!("{first}-{}", first + count.max(1) - 1) }
}

fn whose(of: Whose) -> String {
    match of {
        Whose::Row(row @ RowName { input: Some(_), .. }) => row.to_string(),
        Whose::Row(RowName { hospital, register, number, .. }) => range(hospital, register, number, 1),
        Whose::Taken { hospital, number } => format!("{} #{number}", hospital.name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{scenario::read::read, simulation::list};

    /// What the explorer finds is what `replay` takes.
    #[test]
    fn every_random_list_reads_back() {
        for seed in 0..3_000 {
            let ops = list::of_seed(seed);
            let text = scenario("a \"list\" \\ of\nlines\u{7}", seed, &ops);
            let back = read(&text).unwrap_or_else(|problems| panic!("{text}\n{problems:?}"));
            assert_eq!((back.ops(), back.seed), (ops, seed));
            assert_eq!(back.about, "a \"list\" \\ of\nlines\u{7}");
        }
    }
}
