//! Which words of scenarios an installation has while it runs, and how a step is read.

use std::fmt::Write as _;

use crate::{
    scenario::{
        places::Places,
        problem::Problem,
        read::read_step,
        steps::{FAULTS, STEPS, StepWord, Takes},
        words::meant,
        write::quoted,
    },
    simulation::Op,
};

/// Words of scenarios that are no faults of a running installation, and what does the same there.
pub const ELSEWHERE: &[(&str, &str)] = &[
    ("submit", "people do that: `precision submit`, or the APIs"),
    ("change", "people do that: `precision submit`, or the APIs"),
    ("reopen", "people do that: `precision reopen`, or the APIs"),
    ("submit-again", "people do that: `precision submit`, or the APIs"),
    ("delete", "people do that: `precision delete`, or the APIs"),
    ("approve", "people do that: `precision approve`, or the APIs"),
    ("request-corrections", "people do that: `precision correct`, or the APIs"),
    ("request-follow-up", "people do that: `precision correct --follow-up`, or the APIs"),
    ("pass", "time passes by itself; `jump-clock` sets a service's clock"),
    ("polls", "the order of tasks is the system's here"),
    ("expect", "`precision list` and `status` show what is so"),
    ("lose-broker", "ending the process does it: kill -9, and `precision serve` again"),
    ("rotate", "`precision keys rotate --epoch` does it"),
    ("recode", "`precision recode` does it"),
    ("renew-keys", "`precision keys rotate --sealing` does it"),
    ("new-definition", "a folder of definitions with `--definitions` does it, and starting again"),
    ("mistake-patient", "nobody has the pseudonyms of patients for it but healthdata's store"),
];

/// The words that an installation has while it runs.
pub fn words() -> impl Iterator<Item = &'static StepWord> {
    STEPS.iter().filter(|step| ELSEWHERE.iter().all(|(word, _)| *word != step.word))
}

/// Reads a step: in a scenario's form, with or without braces and quotation marks (`fault = "drop", on = "4"`, `calm`), or in words alone
/// (`drop on 4 times 2`, `down ehealth-ttp`).
///
/// # Errors
///
/// All that is wrong with it, by place.
pub fn read(text: &str, places: &Places) -> Result<Vec<Op>, Vec<Problem>> {
    let written = as_step(text.trim());
    let elsewhere = ELSEWHERE.iter().find(|(word, _)| head_of(&written) == Some(*word));
    if let Some((word, instead)) = elsewhere {
        let at = written.find(*word).unwrap_or_default();
        let problem = Problem::at(&written, &(at..at + word.len()), format!("`{word}` is a scenario's alone"));
        return Err(vec![problem.help(*instead)]);
    }
    if let Some(head) = head_of(&written).filter(|head| !is_word(head)) {
        let at = written.find(head).unwrap_or_default();
        let known = words().map(|step| step.word).chain(FAULTS.iter().map(|(fault, _)| *fault));
        let help = match meant(head, known) {
            Some(word) => format!("did you mean `{word}`?"),
            None => "`precision fault list --words` shows all".to_owned(),
        };
        return Err(vec![Problem::at(&written, &(at..at + head.len()), format!("unknown word `{head}`")).help(help)]);
    }
    read_step(&written, places)
}

/// Whether a step's members may begin with this.
fn is_word(word: &str) -> bool {
    let beside = STEPS.iter().flat_map(|step| step.with).map(|(word, _, _)| *word);
    STEPS.iter().map(|step| step.word).chain(beside).any(|known| known == word)
}

/// A step, read as by [`read`], as the document that the operator's API takes.
///
/// # Errors
///
/// As [`read`].
pub fn document(text: &str, places: &Places) -> Result<serde_json::Value, Vec<Problem>> {
    read(text, places)?;
    let written = as_step(text.trim());
    let alone = written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let value = match alone {
        Some(word) => Ok(serde_json::json!({ word: true })),
        None => toml::from_str::<serde_json::Value>(&format!("step = {written}")).map(|mut document| document["step"].take()),
    };
    value.map_err(|error| vec![Problem::at(&written, &(0..0), error.message().to_owned())])
}

/// The word that a step begins with.
fn head_of(written: &str) -> Option<&str> {
    let begin = written.trim_start_matches(['{', '"', ' ']);
    begin.split(['"', ' ', '=']).next().filter(|word| !word.is_empty())
}

/// A text as a list of steps has it.
fn as_step(text: &str) -> String {
    if text.starts_with('{') || text.starts_with('"') {
        return text.to_owned();
    }
    let Some((word, value)) = text.split_once('=') else { return from_words(text) };
    let is_fault = FAULTS.iter().any(|(fault, _)| *fault == word.trim());
    // `drop = "4"` says which fault, and on which step.
    if is_fault { format!("{{ fault = {}, on ={value} }}", quoted(word.trim())) } else { format!("{{ {text} }}") }
}

/// Words alone: the first says what happens and to what, those that may stand beside it begin the rest.
fn from_words(text: &str) -> String {
    let mut words = text.split_whitespace().peekable();
    let first = words.next().unwrap_or_default();
    let is_fault = FAULTS.iter().any(|(fault, _)| *fault == first);
    let word = if is_fault { "fault" } else { first };
    let Some(step) = STEPS.iter().find(|step| step.word == word) else { return quoted(text) };
    if step.takes == Takes::Nothing && words.peek().is_none() {
        return quoted(text);
    }
    let mut member = (step.word, step.takes, if is_fault { vec![first] } else { Vec::new() });
    let mut members = Vec::new();
    for word in words {
        let is_given = |name: &str| member.0 == name || members.iter().any(|(known, _, _)| *known == name);
        match step.with.iter().find(|(beside, _, _)| *beside == word && !is_given(beside)) {
            Some((beside, takes, _)) => members.push(std::mem::replace(&mut member, (*beside, *takes, Vec::new()))),
            None => member.2.push(word),
        }
    }
    members.push(member);
    let mut written = String::from("{");
    for (at, (name, takes, value)) in members.iter().enumerate() {
        let value = value.join(" ");
        let value = if *takes == Takes::Count && value.parse::<u64>().is_ok() { value } else { quoted(value.trim_matches('"')) };
        // Writing to a text does not fail.
        let _ = write!(written, "{} {name} = {value}", if at == 0 { "" } else { "," });
    }
    written + " }"
}

#[cfg(test)]
mod tests {
    use topology::Arrow;

    use super::*;
    use crate::simulation::{Fault, Hospital, Service};

    fn places() -> Places {
        Places::of_installation(&["00000196".parse().unwrap(), "71000012".parse().unwrap()])
    }

    fn one(text: &str) -> Op {
        let ops = read(text, &places()).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
        *ops.first().unwrap_or_else(|| panic!("{text} says nothing"))
    }

    #[test]
    fn a_step_is_said_in_a_scenarios_form_or_in_words() {
        let drop = Op::Once { arrow: Arrow::ToTtp, fault: Fault::Lose };
        for text in [
            "{ fault = \"drop\", on = \"4\" }",
            "fault = \"drop\", on = \"4\"",
            "drop = \"4\"",
            "drop on 4",
            "fault drop on 4",
            "drop on \"4\"",
        ] {
            assert_eq!(one(text), drop, "{text}");
        }
        assert_eq!(read("drop = \"4\", times = 2", &places()).unwrap(), [drop; 2]);
        assert_eq!(read("drop on 4 back times 2", &places()).unwrap(), [Op::Once { arrow: Arrow::ToHco, fault: Fault::Lose }; 2]);
        assert_eq!(one("delay on 5 by 1 hour 5 seconds"), Op::Once { arrow: Arrow::ToHd, fault: Fault::Delay { seconds: 3605 } });
        for text in ["calm", "\"calm\"", "calm = true"] {
            assert_eq!(one(text), Op::Calm, "{text}");
        }
        let other = Hospital::of("71000012".parse().unwrap());
        assert_eq!(one("down ehbox-hco 71000012"), Op::Down(Service::EhboxHco(other)));
        assert_eq!(one("down = \"hd4dp north\""), Op::Down(Service::Hd4dp(Hospital::North)));
        assert_eq!(one("jump-clock hd4res back 2 days"), Op::JumpClock { service: Service::Hd4res, minutes: -2880 });
        assert_eq!(one("guess-patients 71000012 times 50"), Op::Guess { hospital: other, patients: 50 });
    }

    #[test]
    fn what_is_wrong_is_said_with_what_was_meant() {
        let told = |text: &str| {
            let problems = read(text, &places()).unwrap_err();
            problems
                .iter()
                .map(|one| format!("{} ({})", one.message, one.help.as_deref().unwrap_or_default()))
                .collect::<Vec<_>>()
        };
        assert_eq!(told("drp on 4"), ["unknown word `drp` (did you mean `drop`?)"]);
        assert_eq!(told("down ehealth-tpt"), ["unknown service `ehealth-tpt` (did you mean `ehealth-ttp`?)"]);
        assert_eq!(told("fault = \"dorp\", on = \"4\""), ["unknown fault `dorp` (did you mean `drop`?)"]);
        assert_eq!(
            told("submit north local 0"),
            ["`submit` is a scenario's alone (people do that: `precision submit`, or the APIs)"]
        );
        assert_eq!(told("down hd4dp 00000295").len(), 1, "a hospital of another installation");
        assert!(told("swap-patients on 4")[0].contains("does not happen on step 4"));
        for text in
            ["", "=", "{", "{}", "drop =", "drop", "drop on", "down", "crash hd4res", "drop on 4 times 0", "drop on 4 times x"]
        {
            assert!(!told(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_step_becomes_the_document_of_the_api() {
        let document = |text: &str| super::document(text, &places()).unwrap();
        assert_eq!(document("drop on 4 times 2"), serde_json::json!({ "fault": "drop", "on": "4", "times": 2 }));
        assert_eq!(document("calm"), serde_json::json!({ "calm": true }));
        assert!(super::document("drp on 4", &places()).is_err());
    }

    /// Every word of scenarios is a fault here, or it is said what does the same.
    #[test]
    fn every_word_of_scenarios_has_its_place() {
        for (word, _) in ELSEWHERE {
            assert!(STEPS.iter().any(|step| step.word == *word), "{word} is no word");
        }
        assert_eq!(words().count() + ELSEWHERE.len(), STEPS.len());
    }
}
