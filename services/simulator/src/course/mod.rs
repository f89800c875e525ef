//! Where a registration is and was: what the parties' itineraries say of it, put together version by version.
//!
//! [`gather`] asks the stores of all parties; over HTTP [`crate::client`] asks those that the caller's tokens open. Both bring [`Trail`]s, and what
//! is made of them here does not know where they came from. Nothing in them joins a hospital's patient to a pseudonym.

mod attempts;
pub mod gather;
mod now;
mod words;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use clock::Timestamp;
use serde::Serialize;
use uuid::Uuid;
use web::{Trail, TrailItem};

use self::attempts::Attempts;

/// What the parties say, and who was not asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Gathered {
    /// By party: `hd4dp-00000196`, `ehealth-ttp`.
    pub trails: BTreeMap<String, Trail>,
    /// Parties that could not be asked, each with the reason.
    pub not_asked: Vec<String>,
}

/// A registration, with all that is known of where it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Traced {
    /// The id that was asked for.
    pub id: String,
    /// The registration; none of an item that belongs to no known one.
    pub registration: Option<String>,
    /// Its register's technical name.
    pub register: Option<String>,
    /// Where it is, in a sentence.
    pub now: String,
    /// Whether something of it is on its way, or will be by itself.
    pub on_its_way: bool,
    /// How it stands at the parties that have a word for that.
    pub parties: Vec<Standing>,
    /// Its versions, oldest first; items that belong to none behind them.
    pub courses: Vec<Course>,
    /// Parties that could not be asked, each with the reason.
    pub not_asked: Vec<String>,
}

/// How a registration stands at a party.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// The party.
    pub party: String,
    /// Its latest version there.
    pub version: Option<u32>,
    /// Its status.
    pub status: Option<String>,
    /// At a hospital: `PENDING`, `OK` or `NOK`.
    pub confirmation: Option<String>,
    /// At healthdata: whether the latest version has a verdict.
    pub validated: Option<bool>,
    /// When something of it is due to be sent again.
    pub due_at: Option<String>,
}

/// One version, or an item that belongs to none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Course {
    /// Its number.
    pub version: Option<u32>,
    /// Its item.
    pub item: String,
    /// `REGISTRATION` or `DELETION`; `UNKNOWN` of an item that belongs to no known version.
    pub kind: String,
    /// Where it and the answers to it were, oldest first.
    pub stops: Vec<Stop>,
}

/// One item at one step, as the party wrote it down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stop {
    /// When, on the party's clock, in UTC.
    pub at: String,
    /// Milliseconds since the first stop of the course.
    pub after_ms: u64,
    /// The party.
    pub party: String,
    /// The step, as published.
    pub step: String,
    /// `forward` or `back`.
    pub direction: &'static str,
    /// The queue.
    pub queue: String,
    /// What passed: the version itself, or an answer to it.
    pub what: String,
    /// Which sending of it this was, from 1; none where that cannot be told.
    pub attempt: Option<u32>,
    /// With what outcome, as itineraries have it.
    pub outcome: String,
    /// The item.
    pub item: String,
    /// The publication that it stood in.
    pub publication: String,
    #[serde(skip)]
    moment: Timestamp,
    /// Its place in the course: the moment, or that of what came before it when that was written down later.
    #[serde(skip)]
    place: Timestamp,
}

impl Stop {
    /// Whether it was put into a dead-letter queue, and with which code.
    fn dead(&self) -> Option<&str> {
        self.outcome.strip_prefix("dead-lettered:")
    }

    /// Whether the party took it in, instead of passing it on.
    fn is_end(&self) -> bool {
        !matches!(self.outcome.as_str(), "sent" | "resent" | "forwarded")
    }

    fn step_number(&self) -> Option<usize> {
        store::itinerary::STEPS.iter().position(|step| *step == self.step)
    }
}

/// The kind of an item that belongs to no known version.
const UNKNOWN: &str = "UNKNOWN";

/// Puts together what the parties say of `id`; none when no party knows it.
#[must_use]
pub fn put_together(id: Uuid, gathered: &Gathered) -> Option<Traced> {
    let is_known = |trail: &Trail| trail.registration_id.is_some() || !trail.passages.is_empty();
    if !gathered.trails.values().any(is_known) {
        return None;
    }
    let said = |word: fn(&Trail) -> Option<&String>| gathered.trails.values().find_map(word).cloned();
    let courses = courses(gathered);
    let now = now::now(gathered, &courses);
    Some(Traced {
        id: id.to_string(),
        registration: said(|trail| trail.registration_id.as_ref()),
        register: said(|trail| trail.register.as_ref()),
        now: now.sentence,
        on_its_way: now.is_on_its_way,
        parties: gathered
            .trails
            .iter()
            .filter(|(_, trail)| trail.status.is_some() || trail.is_validated.is_some())
            .map(|(party, trail)| Standing::of(party, trail))
            .collect(),
        courses,
        not_asked: gathered.not_asked.clone(),
    })
}

impl Standing {
    /// How it stands at `party`, by what that says.
    #[must_use]
    pub fn of(party: &str, trail: &Trail) -> Self {
        Self {
            party: party.to_owned(),
            version: trail.version,
            status: trail.status.clone(),
            confirmation: trail.confirmation.clone(),
            validated: trail.is_validated,
            due_at: trail.due_at.clone(),
        }
    }
}

fn is_version(item: &TrailItem) -> bool {
    matches!(item.kind.as_str(), "REGISTRATION" | "DELETION")
}

/// What is known of the items, by their ids. Parties that know the version count more than those that know the item alone.
fn described(gathered: &Gathered) -> BTreeMap<&str, &TrailItem> {
    let mut items: BTreeMap<&str, &TrailItem> = BTreeMap::new();
    for item in gathered.trails.values().flat_map(|trail| &trail.items) {
        let known = items.entry(&item.item_id).or_insert(item);
        if known.version.is_none() {
            *known = item;
        }
    }
    items
}

fn courses(gathered: &Gathered) -> Vec<Course> {
    let items = described(gathered);
    let mut courses: Vec<Course> = Vec::new();
    let mut open = |version: Option<u32>, item: &str, kind: &str| {
        let course = Course { version, item: item.to_owned(), kind: kind.to_owned(), stops: Vec::new() };
        courses.push(course);
    };
    let mut versions: Vec<&TrailItem> = items.values().copied().filter(|item| is_version(item)).collect();
    versions.sort_by_key(|item| (item.version.is_none(), item.version, item.item_id.clone()));
    versions.iter().for_each(|item| open(item.version, &item.item_id, &item.kind));
    let passed = gathered.trails.values().flat_map(|trail| &trail.passages).map(|passage| passage.item_id.as_str());
    let strangers: BTreeSet<&str> = passed.filter(|item| !items.contains_key(item)).collect();
    strangers.iter().for_each(|item| open(None, item, UNKNOWN));
    for (party, trail) in &gathered.trails {
        for passage in &trail.passages {
            let item = items.get(passage.item_id.as_str());
            let is_home = |course: &&mut Course| match item {
                Some(item) if !is_version(item) => course.version.is_some() && course.version == item.version,
                _ => course.item == passage.item_id,
            };
            let Some(course) = courses.iter_mut().find(is_home) else { continue };
            course.stops.push(Stop {
                at: passage.at.clone(),
                after_ms: 0,
                party: party.clone(),
                step: passage.step.clone(),
                direction: if passage.step.ends_with("back") { "back" } else { "forward" },
                queue: passage.queue.clone(),
                what: item.map_or(UNKNOWN, |item| item.kind.as_str()).to_owned(),
                attempt: None,
                outcome: passage.outcome.clone(),
                item: passage.item_id.clone(),
                publication: passage.publication_id.clone(),
                moment: passage.at.parse().unwrap_or(Timestamp::EPOCH),
                place: Timestamp::EPOCH,
            });
        }
    }
    let nihdi = gathered.trails.keys().find_map(|party| party.strip_prefix("hd4dp-"));
    courses.iter_mut().for_each(|course| finish(course, nihdi));
    courses
}

/// Puts the stops of a course in order, with their times since the first and the numbers of their sendings.
fn finish(course: &mut Course, nihdi: Option<&str>) {
    course.stops.sort_by_key(|stop| (stop.moment, stop.step_number(), stop.is_end()));
    let attempts = Attempts::of(&course.stops, nihdi);
    let first = course.stops.first().map_or(Timestamp::EPOCH, |stop| stop.moment);
    for stop in &mut course.stops {
        stop.after_ms = u64::try_from(stop.moment.since(first).as_millis()).unwrap_or(u64::MAX);
        stop.attempt = attempts.number(stop);
    }
    place(&mut course.stops);
}

/// Puts each stop behind what came before it on its way. A sending is written down once the broker has it, and the next party may be faster; clocks
/// differ too.
fn place(stops: &mut [Stop]) {
    // Of one step, whoever passes on comes before whoever takes in.
    let along = |stop: &Stop| (stop.item.clone(), stop.attempt, stop.step_number(), stop.is_end());
    stops.sort_by_key(|stop| (along(stop), stop.moment));
    let mut before = Timestamp::EPOCH;
    let mut last: Option<(String, Option<u32>)> = None;
    for step in stops.chunk_by_mut(|one, next| along(one) == along(next)) {
        let Some(way) = step.first().map(|stop| (stop.item.clone(), stop.attempt)) else { continue };
        // Which sending an unnumbered one was is not known, so nothing is known to come before it.
        if last.as_ref() != Some(&way) || way.1.is_none() {
            before = Timestamp::EPOCH;
        }
        step.iter_mut().for_each(|stop| stop.place = stop.moment.max(before));
        // What came twice was there the first time.
        before = step.iter().map(|stop| stop.place).min().unwrap_or(before);
        last = Some(way);
    }
    stops.sort_by_key(|stop| (stop.place, stop.step_number(), stop.is_end()));
}

impl Traced {
    /// For people: a heading, a table per version, and where it is now.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let register = self.register.as_ref().map(|register| format!(", {register}")).unwrap_or_default();
        let mut lines = vec![match &self.registration {
            Some(registration) => format!("registration {registration}{register}"),
            None => format!("item {}: of no registration that was looked at", self.id),
        }];
        for course in &self.courses {
            lines.push(String::new());
            lines.push(course.heading());
            if course.stops.is_empty() {
                lines.push("  nothing passed yet".to_owned());
            } else {
                lines.push(course.table());
            }
        }
        lines.push(String::new());
        lines.extend(self.not_asked.iter().map(|party| format!("not asked: {party}")));
        lines.push(format!("now: {}", self.now));
        lines
    }
}

impl Traced {
    /// Every stop in a line of its own, by time, for whoever follows it.
    #[must_use]
    pub fn passing(&self) -> Vec<String> {
        let mut stops: Vec<(&Stop, Option<u32>)> =
            self.courses.iter().flat_map(|course| course.stops.iter().map(|stop| (stop, course.version))).collect();
        stops.sort_by_key(|(stop, _)| (stop.moment, stop.step_number(), stop.is_end()));
        let line = |(stop, version): &(&Stop, Option<u32>)| {
            let version = version.map(|version| format!("version {version}, ")).unwrap_or_default();
            let (what, outcome) = (words::what(&stop.what), words::outcome(&stop.outcome));
            format!("{}  {:<6}  {:<18}  {:<22}  {version}{what}: {outcome}", stop.at, stop.step, stop.party, stop.queue)
        };
        stops.iter().map(line).collect()
    }
}

impl Course {
    fn heading(&self) -> String {
        match (self.version, self.kind.as_str()) {
            (Some(version), "DELETION") => format!("version {version}, a deletion, item {}", self.item),
            (Some(version), _) => format!("version {version}, item {}", self.item),
            (None, _) => format!("item {}", self.item),
        }
    }

    fn table(&self) -> String {
        let heading = ["time", "since", "party", "step", "queue", "what", "try", "outcome"];
        let mut rows = vec![heading.map(str::to_owned).to_vec()];
        rows.extend(self.stops.iter().map(Stop::row));
        crate::output::table(&rows, &[1, 6]).trim_end().to_owned()
    }
}

impl Stop {
    fn row(&self) -> Vec<String> {
        vec![
            self.at.clone(),
            words::since(Duration::from_millis(self.after_ms)),
            self.party.clone(),
            self.step.clone(),
            self.queue.clone(),
            words::what(&self.what),
            self.attempt.map_or_else(|| "-".to_owned(), |attempt| attempt.to_string()),
            words::outcome(&self.outcome),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stop(at: i64, party: &str, step: &str, attempt: Option<u32>, outcome: &str) -> Stop {
        Stop {
            at: String::new(),
            after_ms: 0,
            party: party.to_owned(),
            step: step.to_owned(),
            direction: "forward",
            queue: String::new(),
            what: "REGISTRATION".to_owned(),
            attempt,
            outcome: outcome.to_owned(),
            item: "a".to_owned(),
            publication: String::new(),
            moment: Timestamp::from_micros(at),
            place: Timestamp::EPOCH,
        }
    }

    #[test]
    fn a_sending_that_is_written_down_late_stays_before_what_became_of_it() {
        let mut stops = vec![
            stop(5, "ehbox-hco", "4", Some(1), "forwarded"),
            stop(7, "hd4dp", "3", Some(1), "sent"),
            stop(9, "ttp", "5", Some(1), "forwarded"),
            stop(50, "ttp", "5", Some(1), "forwarded"),
            stop(12, "ehbox-hd", "6", Some(1), "forwarded"),
            stop(40, "hd4dp", "3", Some(2), "resent"),
            stop(45, "ehbox-hco", "4", None, "forwarded"),
        ];
        place(&mut stops);
        let order: Vec<(&str, i64)> = stops.iter().map(|stop| (stop.party.as_str(), stop.moment.as_micros())).collect();
        let expected =
            [("hd4dp", 7), ("ehbox-hco", 5), ("ttp", 9), ("ehbox-hd", 12), ("hd4dp", 40), ("ehbox-hco", 45), ("ttp", 50)];
        assert_eq!(order, expected);
    }
}
