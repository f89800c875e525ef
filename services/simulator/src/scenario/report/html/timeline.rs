//! The time line of a registration: a lane for each service, a mark for each stop, from left to right in the order of time. Virtual time stands
//! still while a registration passes all seven steps and then leaps by days, so stops are equally far apart and each moment is written once.

use std::fmt::Write as _;

use super::super::{junit::escaped, moment};
use crate::{
    scenario::many::Done,
    simulation::{Course, Stop},
};

/// What the marks mean. They differ in form as well as in colour, for paper without it.
pub(super) const LEGEND: &str = "<p class=\"legend\">\
<span><svg width=\"14\" height=\"14\" viewBox=\"0 0 14 14\"><circle class=\"on\" cx=\"7\" cy=\"7\" r=\"4\"/></svg> sent, passed on or taken in</span>\
<span><svg width=\"14\" height=\"14\" viewBox=\"0 0 14 14\"><circle class=\"again\" cx=\"7\" cy=\"7\" r=\"4\"/></svg> sent again, or known already</span>\
<span><svg width=\"14\" height=\"14\" viewBox=\"0 0 14 14\"><path class=\"dead\" d=\"M3 3 11 11M11 3 3 11\"/></svg> set aside</span>\
<span>numbers are the published steps, an arrow marks the way back</span></p>\n";

const LANES: [&str; 6] =
    [hd4dp::SERVICE, ehbox_hco::SERVICE, ehealth_ttp::SERVICE, ehbox_hd::SERVICE, hd4res::SERVICE, dhw::service::SERVICE];
const LANE: usize = 18;
const LEFT: usize = 78;
const STEP: usize = 26;
/// Above the first lane, where its steps' numbers stand.
const TOP: usize = 12;
/// Levels that moments stand on, so that none of those that follow each other closely covers another, and the height of one.
const MOMENTS: usize = 3;
const MOMENT: usize = 10;
/// The width of a letter of a moment at most.
const LETTER: usize = 5;
/// Stops that stand side by side, as many as a page of paper has room for; more go on below.
const STOPS_MAX: usize = 24;

/// The picture.
pub(super) fn drawn(done: &Done, course: &Course) -> String {
    if course.stops.is_empty() {
        return "<p class=\"symptom\">It was never sent.</p>".to_owned();
    }
    course.stops.chunks(STOPS_MAX).map(|stops| line(done, stops)).collect()
}

fn line(done: &Done, stops: &[Stop]) -> String {
    let (width, height) = (LEFT + STOPS_MAX * STEP, TOP + LANES.len() * LANE + MOMENTS * MOMENT);
    let mut svg = format!("<svg viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\">");
    for (lane, name) in LANES.iter().enumerate() {
        let y = level(lane);
        // Writing to a text does not fail.
        let _ = write!(
            svg,
            "<text class=\"soft\" x=\"0\" y=\"{}\">{name}</text><line class=\"lane\" x1=\"{LEFT}\" x2=\"{width}\" y1=\"{y}\" y2=\"{y}\"/>",
            y + 3
        );
    }
    let points: Vec<(usize, usize)> = stops.iter().enumerate().map(|(number, stop)| (place(number), level(lane(stop)))).collect();
    let way: Vec<String> = points.iter().map(|(x, y)| format!("{x},{y}")).collect();
    let _ = write!(svg, "<polyline class=\"way\" points=\"{}\"/>", way.join(" "));
    let (mut before, mut free_from) = (None, [0; MOMENTS]);
    for (stop, (x, y)) in stops.iter().zip(&points) {
        let at = moment(done, stop.at);
        if before.as_ref() != Some(&at) {
            moment_mark(&mut svg, *x, &at, &mut free_from);
            before = Some(at.clone());
        }
        mark(&mut svg, stop, (*x, *y), &at);
    }
    svg.push_str("</svg>");
    svg
}

/// A dotted line where time went on, with the moment below, on the first level where there is room for it.
fn moment_mark(svg: &mut String, x: usize, at: &str, free_from: &mut [usize; MOMENTS]) {
    let (x, bottom) = (x - STEP / 2, LANES.len() * LANE + TOP);
    let level = free_from.iter().position(|free| *free <= x).unwrap_or(0);
    if let Some(free) = free_from.get_mut(level) {
        *free = x + at.len() * LETTER;
    }
    let y = bottom + 8 + level * MOMENT;
    let _ = write!(
        svg,
        "<line class=\"day\" x1=\"{x}\" x2=\"{x}\" y1=\"{TOP}\" y2=\"{}\"/><text class=\"soft\" x=\"{x}\" y=\"{y}\">{at}</text>",
        y - 8
    );
}

fn mark(svg: &mut String, stop: &Stop, (x, y): (usize, usize), at: &str) {
    let title = escaped(&format!("step {}, {} at {}, {at}", stop.step, stop.outcome, stop.service));
    let form = match stop.outcome.as_str() {
        outcome if outcome.starts_with("dead-lettered") => {
            let (left, right, top, bottom) = (x - 4, x + 4, y - 4, y + 4);
            format!("<path class=\"dead\" d=\"M{left} {top} {right} {bottom}M{right} {top} {left} {bottom}\">")
        }
        outcome if matches!(outcome, "resent" | "known") || outcome.starts_with("ignored") => {
            format!("<circle class=\"again\" cx=\"{x}\" cy=\"{y}\" r=\"4\">")
        }
        _ => format!("<circle class=\"on\" cx=\"{x}\" cy=\"{y}\" r=\"4\">"),
    };
    let end = if form.starts_with("<path") { "</path>" } else { "</circle>" };
    let step = stop.step.strip_suffix(" back").map_or_else(|| stop.step.to_owned(), |step| format!("←{step}"));
    let _ = write!(svg, "{form}<title>{title}</title>{end}<text x=\"{}\" y=\"{}\">{step}</text>", x.saturating_sub(5), y - 7);
}

fn place(number: usize) -> usize {
    LEFT + STEP / 2 + number * STEP
}

fn level(lane: usize) -> usize {
    22 + lane * LANE
}

/// The lane of a stop's service; a hospital's services have its number behind their names.
fn lane(stop: &Stop) -> usize {
    let is_of = |name: &str| stop.service.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("-0"));
    LANES.iter().position(|name| is_of(name)).unwrap_or(0)
}
