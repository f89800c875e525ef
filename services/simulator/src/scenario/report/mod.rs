//! How scenarios ended, for whoever wants to know.

pub mod html;
pub mod json;
pub mod junit;
pub mod terminal;

use super::{many::Done, run::Outcome, words};
use crate::simulation::Course;

/// Registrations of one run that a report shows at most: those that are not as expected come first.
pub const COURSES_MAX: usize = 100;

/// How many runs ended as expected, not as expected, and were not run.
#[must_use]
pub fn counts(all: &[Done]) -> [usize; 3] {
    let count = |is: fn(&Outcome) -> bool| all.iter().filter(|done| is(&done.outcome)).count();
    [count(Outcome::is_as_expected), count(Outcome::is_not_as_expected), count(|outcome| outcome.not_run.is_some())]
}

/// Whether all is as expected: something was run, and nothing of it was otherwise.
#[must_use]
pub fn is_well(all: &[Done]) -> bool {
    let [well, ill, _] = counts(all);
    ill == 0 && well > 0
}

/// The courses that a report shows, and how many it leaves out.
#[must_use]
pub fn shown(done: &Done, all: bool) -> (Vec<&Course>, usize) {
    let courses = &done.outcome.verdict.courses;
    let (ill, well): (Vec<&Course>, Vec<&Course>) = courses.iter().partition(|course| done.outcome.is_to_be_shown(course));
    let mut shown = ill;
    if all {
        shown.extend(well);
    }
    let left_out = shown.len().saturating_sub(COURSES_MAX);
    shown.truncate(COURSES_MAX);
    (shown, left_out)
}

/// A course's name.
#[must_use]
pub fn title(course: &Course) -> String {
    match &course.row {
        Some(row) => format!("{row}, version {}", course.version),
        None => format!("item {}", course.item),
    }
}

/// When a stop was, since the beginning of its world.
#[must_use]
pub fn moment(done: &Done, at: clock::Timestamp) -> String {
    words::since(done.outcome.between.0, at)
}

#[cfg(test)]
mod tests;
