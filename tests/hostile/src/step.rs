//! Scenarios, and single steps of them, as an operator's wish for a fault becomes one.

use simulator::scenario::{
    places::Places,
    problem::Problem,
    read::{read, read_step},
    write,
};

/// A scenario's text, read as a scenario and as one step.
///
/// Holds: a problem has a place in the text; a step that is read is written so that it is read as the same; and so is a scenario's list of steps.
pub fn step(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let places = Places::of_scenarios();
    match read_step(text, &places) {
        Ok(ops) => {
            for op in ops {
                let written = write::step(op);
                assert_eq!(read_step(&written, &places).ok().as_deref(), Some(&[op][..]), "{written}");
            }
        }
        Err(problems) => assert_placed(text, &problems),
    }
    // A scenario's inputs are files beside it, and no input may have files read.
    let has_files = toml::from_str::<toml::Table>(text).is_ok_and(|table| table.contains_key("inputs"));
    if has_files {
        return;
    }
    match read(text) {
        Ok(scenario) if scenario.premises.is_none() => {
            let ops = scenario.ops();
            let written = write::scenario("again", scenario.seed, &ops);
            assert_eq!(read(&written).map(|again| again.ops()).ok(), Some(ops), "{written}");
        }
        Ok(_) => {}
        Err(problems) => assert_placed(text, &problems),
    }
}

fn assert_placed(text: &str, problems: &[Problem]) {
    assert!(!problems.is_empty(), "what is refused is refused for a reason");
    let lines = text.split('\n').count();
    assert!(problems.iter().all(|problem| (1..=lines).contains(&problem.line)), "a problem stands nowhere: {problems:?}");
}
