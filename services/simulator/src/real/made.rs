//! What is made of each word of a scenario on a real broker, and what is not, with the reason: the table that decides whether a scenario runs
//! there, and that docs/SCENARIOS.md shows.

use std::fmt::Write as _;

use crate::{
    scenario::{Scenario, steps::FAULTS, words::word_of},
    simulation::{Arrow, Deed, Fault, Hospital, KeyPair, Op, Point, Register, RowName, Service},
};

/// What is made of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// It happens, in this way.
    So(&'static str),
    /// It does not, for this reason.
    NotHere(&'static str),
}

use Made::{NotHere, So};

/// What is made of a fault of publications.
#[must_use]
pub const fn fault(fault: Fault) -> Made {
    match fault {
        Fault::Lose => So("the line takes the publication off, and confirms it in the broker's place"),
        Fault::Duplicate => So("the line publishes it twice, and passes one confirm on"),
        Fault::Delay { .. } | Fault::Reorder => So("the line confirms it, and it is published when its time has come"),
        Fault::ConfirmLost => So("the publication passes; when the broker's confirm comes back, the connection is reset"),
        Fault::Refuse => So("the line answers as a queue at its limit does, with a nack; the queue itself is not filled"),
        Fault::Corrupt | Fault::Truncate | Fault::Tamper => So("the line changes its bytes"),
        Fault::Poison => So("the process that is handed it is killed, until the broker's delivery limit sets it aside"),
        Fault::ForgeSender
        | Fault::ForeignItems
        | Fault::SwapPatients
        | Fault::SwapHandles
        | Fault::PseudonymInComment
        | Fault::InventFeedback => So("the line behind the liar puts the lie in the publication's place, with the liar's keys"),
    }
}

/// What is made of something that happens.
#[must_use]
pub const fn op(op: &Op) -> Made {
    match op {
        Op::Submit { .. } | Op::Change { .. } => So("HD4DP's process takes in a CSV file"),
        Op::Upload { .. } => NotHere(INPUTS),
        Op::Deed { deed: Deed::Reopen | Deed::SubmitAgain | Deed::Delete, .. } => So("HD4DP's process does it"),
        Op::Deed { deed: Deed::Approve | Deed::RequestCorrections | Deed::RequestFollowUp, .. } => So("HD4RES's process does it"),
        Op::Steps(_) => So("as many milliseconds pass"),
        Op::Minutes(_) => So("the clocks of all processes are set on in steps; after each, until nobody says anything more"),
        Op::Once { fault, .. } | Op::Keep { fault, .. } => self::fault(*fault),
        Op::Calm => So("the lines pass everything on again"),
        Op::Crash { .. } => So("SIGKILL when the process says that it is at the point; it starts again"),
        Op::Kill(_) => So("SIGKILL; it starts again"),
        Op::Down(_) => So("SIGKILL"),
        Op::Up(_) => So("the process starts"),
        Op::CutBroker => {
            So("every connection is reset; with `--broker-stop` and `--broker-start` the broker is stopped and started")
        }
        Op::LoseBroker => NotHere("RabbitMQ is not part of a service's process, and keeps what it confirmed"),
        Op::BrokerAway => So(
            "every connection is reset and new ones are refused, or silent with `--away silent`; with `--broker-stop` the broker is stopped",
        ),
        Op::BrokerBack => So("the lines are open again; with `--broker-start` the broker is started"),
        Op::Slow { .. } => So("the line hands each delivery out so much later, by the processes' clock"),
        Op::DiskFull(_) => So("the process's store refuses what is to be written, as SQLite does on a full disk"),
        Op::DiskFree(_) => So("it takes it again"),
        Op::JumpClock { .. } => So("the process's clock is set"),
        Op::Replay(_) => So("what was published first is published again"),
        Op::NewDefinition { .. } => NotHere("the processes read the definitions that are built in"),
        Op::UseKeys { .. } => NotHere("a process does not start with other keys than its store was written under"),
        Op::Guess { .. } | Op::Forge(_) => So("it is published to the broker"),
        Op::Rotate => So("the TTP's key folder gets the key of an epoch; its process finds it"),
        Op::Recode => So("ehbox-hd's process does it"),
        Op::Renew(_) => So("the party's key folder gets a key pair; the processes find it"),
        Op::MistakePatient => NotHere("the mistake would have to be made inside the TTP's process"),
    }
}

/// Why inputs are not uploaded here.
const INPUTS: &str = "files for HD4DP's process are written of the rows that every hospital has";

/// Why a scenario is not run here, if it is not.
#[must_use]
pub fn reason_against(scenario: &Scenario) -> Option<String> {
    reason_against_premises(scenario).or_else(|| reason_against_steps(scenario))
}

fn reason_against_premises(scenario: &Scenario) -> Option<String> {
    let premises = scenario.premises.as_ref()?;
    if premises.hospitals != Hospital::ALL {
        return Some("`hospitals`: keys, queues and processes are those of `north` and `south`".to_owned());
    }
    (!premises.inputs.is_empty()).then(|| format!("`inputs`: {INPUTS}"))
}

fn reason_against_steps(scenario: &Scenario) -> Option<String> {
    scenario.ops().iter().find_map(|one| match op(one) {
        So(_) => None,
        NotHere(reason) => Some(format!("`{}`: {reason}", word(one))),
    })
}

const SERVICE: Service = Service::Dhw;
const ROW: RowName = RowName::new(Hospital::North, Register::Local, 0);

/// An operation of each word, in the order of the vocabulary.
const WORDS: [(&str, Op); 32] = [
    ("submit", ROW.submit()),
    ("change", ROW.change()),
    ("reopen", ROW.deed(Deed::Reopen)),
    ("submit-again", ROW.deed(Deed::SubmitAgain)),
    ("delete", ROW.deed(Deed::Delete)),
    ("approve", ROW.deed(Deed::Approve)),
    ("request-corrections", ROW.deed(Deed::RequestCorrections)),
    ("request-follow-up", ROW.deed(Deed::RequestFollowUp)),
    ("pass", Op::Minutes(1)),
    ("polls", Op::Steps(1)),
    ("calm", Op::Calm),
    ("crash", Op::Crash { service: SERVICE, point: Point::BeforeAck }),
    ("kill", Op::Kill(SERVICE)),
    ("down", Op::Down(SERVICE)),
    ("up", Op::Up(SERVICE)),
    ("cut-broker", Op::CutBroker),
    ("lose-broker", Op::LoseBroker),
    ("broker-away", Op::BrokerAway),
    ("broker-back", Op::BrokerBack),
    ("slow", Op::Slow { service: SERVICE, seconds: 60 }),
    ("disk-full", Op::DiskFull(SERVICE)),
    ("disk-free", Op::DiskFree(SERVICE)),
    ("jump-clock", Op::JumpClock { service: SERVICE, minutes: 1 }),
    ("replay", Op::Replay(Arrow::ToTtp)),
    ("use-keys", Op::UseKeys { service: SERVICE, pair: KeyPair::Own }),
    ("guess-patients", Op::Guess { hospital: Hospital::North, patients: 1 }),
    ("forge-status", Op::Forge(Hospital::North)),
    ("rotate", Op::Rotate),
    ("recode", Op::Recode),
    ("renew-keys", Op::Renew(SERVICE)),
    ("new-definition", Op::NewDefinition { register: Register::Local, at: None }),
    ("mistake-patient", Op::MistakePatient),
];

/// The word of an operation.
fn word(op: &Op) -> &'static str {
    let is_of = |known: &Op| match (known, op) {
        (Op::Deed { deed: known, .. }, Op::Deed { deed, .. }) => known == deed,
        _ => std::mem::discriminant(known) == std::mem::discriminant(op),
    };
    match op {
        Op::Once { fault, .. } | Op::Keep { fault, .. } => word_of(&FAULTS, &fault.without_time()),
        Op::Upload { changed: false, .. } => "submit",
        Op::Upload { changed: true, .. } => "change",
        _ => WORDS.iter().find(|(_, known)| is_of(known)).map_or("", |(word, _)| *word),
    }
}

/// The table of docs/SCENARIOS.md.
#[must_use]
pub fn page() -> String {
    let mut page = String::from("| word or fault | on a real broker |\n| --- | --- |\n");
    let steps = WORDS.iter().map(|(word, known)| (*word, op(known)));
    let faults = FAULTS.iter().map(|(word, known)| (*word, fault(*known)));
    for (word, made) in steps.chain(faults) {
        let text = match made {
            So(how) => how.to_owned(),
            NotHere(reason) => format!("**not run**: {reason}"),
        };
        // Writing to a text does not fail.
        let _ = writeln!(page, "| `{word}` | {text} |");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{read::read, steps::STEPS};

    #[test]
    fn every_word_of_the_vocabulary_is_in_the_table_and_no_other() {
        let known: Vec<&str> =
            STEPS.iter().map(|step| step.word).filter(|word| !["fault", "keep-fault", "expect"].contains(word)).collect();
        assert_eq!(WORDS.map(|(word, _)| word).to_vec(), known);
        for (name, op) in &WORDS {
            assert_eq!(word(op), *name);
        }
    }

    #[test]
    fn a_scenario_says_by_which_word_it_is_not_run() {
        let reason = |steps: &str| reason_against(&read(&format!("about = \"A.\"\nsteps = [{steps}]")).unwrap());
        assert_eq!(reason("{ submit = \"all\" }, \"cut-broker\", { fault = \"drop\", on = \"4\" }"), None);
        assert!(reason("{ submit = \"all\" }, \"lose-broker\"").unwrap().starts_with("`lose-broker`: RabbitMQ is not"));
        assert!(reason("{ use-keys = \"ehbox-hd\", pair = \"wrong\" }").unwrap().starts_with("`use-keys`: a process"));
        assert!(reason("{ new-definition = \"local\", at = \"dhw\" }").unwrap().starts_with("`new-definition`: the processes"));
    }

    #[test]
    fn a_scenario_with_hospitals_or_inputs_of_its_own_is_not_run() {
        let reason = |premises: &str| reason_against(&read(&format!("about = \"A.\"\nsteps = []\n{premises}")).unwrap());
        assert!(reason("hospitals.east = \"00000394\"").unwrap().starts_with("`hospitals`: keys"));
        let made = |hospital: &str| format!("inputs.made = {{ hospital = \"{hospital}\", register = \"local\", count = 1 }}");
        assert!(reason(&made("north")).unwrap().starts_with("`inputs`: files"));
        let both = format!("hospitals.east = \"00000394\"\n{}", made("east"));
        assert!(reason(&both).unwrap().starts_with("`hospitals`: keys"));
    }
}
