//! Where a registration is now, in one sentence.

use web::{Trail, TrailItem};

use super::{Course, Gathered, Stop, UNKNOWN, words};

/// What the hospital and HD4RES say; either may not have been asked, or not have it.
struct Sides<'a> {
    hospital: Option<&'a Trail>,
    healthdata: Option<&'a Trail>,
    was_healthdata_asked: bool,
}

/// Where something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Now {
    /// In a sentence.
    pub(super) sentence: String,
    /// Whether something of it is on its way, or will be by itself.
    pub(super) is_on_its_way: bool,
}

impl Now {
    fn at_rest(sentence: String) -> Self {
        Self { sentence, is_on_its_way: false }
    }

    fn on_its_way(sentence: String) -> Self {
        Self { sentence, is_on_its_way: true }
    }
}

/// Where it is, from what the parties say and the courses that were made of it.
pub(super) fn now(gathered: &Gathered, courses: &[Course]) -> Now {
    let of = |start: &str| gathered.trails.iter().find(|(party, _)| party.starts_with(start)).map(|(_, trail)| trail);
    let sides = Sides {
        hospital: of(hd4dp::SERVICE).filter(|trail| trail.status.is_some()),
        healthdata: of(hd4res::SERVICE).filter(|trail| trail.status.is_some()),
        was_healthdata_asked: !gathered.not_asked.iter().any(|party| party.starts_with(hd4res::SERVICE)),
    };
    let version = sides.hospital.and_then(|trail| trail.version).max(sides.healthdata.and_then(|trail| trail.version));
    let latest = courses.iter().rfind(|course| course.kind != UNKNOWN && course.version == version);
    match (latest, version) {
        (_, Some(0)) => Now::at_rest(format!("at the hospital, {}; never submitted", sides.hospital_status())),
        (Some(course), _) => sides.of_version(course, version),
        (None, _) => Now::at_rest(stranger(courses)),
    }
}

/// An item that no hospital and no record knows.
fn stranger(courses: &[Course]) -> String {
    let Some(last) = courses.iter().flat_map(|course| &course.stops).max_by_key(|stop| stop.moment) else {
        return "nothing passed".to_owned();
    };
    match last.dead() {
        Some(code) => set_aside(last, code),
        None => format!("last seen at {}, step {}, at {}: {}", last.party, last.step, last.at, words::outcome(&last.outcome)),
    }
}

fn set_aside(stop: &Stop, code: &str) -> String {
    let queue = stop.queue.strip_suffix(".dead").unwrap_or(&stop.queue);
    let what = if matches!(stop.what.as_str(), "REGISTRATION" | "DELETION" | UNKNOWN) {
        String::new()
    } else {
        format!("its {} is ", words::what(&stop.what))
    };
    format!("{what}set aside behind {queue} as {code} since {}: `precision dead-letters show` has it", stop.at)
}

impl Sides<'_> {
    fn hospital_status(&self) -> String {
        let Some(trail) = self.hospital else { return "not asked".to_owned() };
        let status = trail.status.as_deref().unwrap_or_default();
        trail.confirmation.as_ref().map_or_else(|| status.to_owned(), |confirmation| format!("{status}, {confirmation}"))
    }

    fn of_version(&self, course: &Course, version: Option<u32>) -> Now {
        let arrived_at_hd = self.healthdata.is_some_and(|trail| trail.version >= version);
        // Without a word from HD4RES, a STATUS that came back is as good.
        let answered = |item: &str| self.hospital.is_some_and(|trail| is_answered(trail, item));
        let is_confirmed = answered(&course.item);
        if arrived_at_hd || is_confirmed {
            return self.arrived(course, is_confirmed);
        }
        let own = |stop: &&Stop| stop.item == course.item;
        let Some(last) = course.stops.iter().rfind(own) else {
            let status = self.hospital_status();
            return Now::on_its_way(format!("at the hospital, {status}; not taken over by its messaging client yet"));
        };
        let hospital = if self.hospital.is_some() { due(self.hospital) } else { String::new() };
        let sentence = match last.dead() {
            Some(code) => format!("{}{hospital}", set_aside(last, code)),
            None if self.hospital.is_none() && !self.was_healthdata_asked => stranger(std::slice::from_ref(course)),
            None => format!("sent to {} at {}, no answer since{hospital}", next_party(last), last.at),
        };
        Now { sentence, is_on_its_way: last.dead().is_none() || is_due(self.hospital) }
    }

    /// A version that healthdata has.
    fn arrived(&self, course: &Course, is_confirmed: bool) -> Now {
        let mut place = match self.healthdata {
            Some(trail) => {
                let validated = if trail.is_validated == Some(true) { "validated, " } else { "" };
                format!("at HD4RES, {validated}{}", trail.status.as_deref().unwrap_or_default())
            }
            None => "at HD4RES, which was not asked".to_owned(),
        };
        if self.hospital.is_some() {
            place.push_str(&format!("; the hospital sees {}", self.hospital_status()));
        }
        if self.hospital.is_some() && !is_confirmed {
            let sentence = format!("{place}; {}{}", status_on_its_way(course), due(self.hospital));
            return Now { sentence, is_on_its_way: is_due(self.hospital) };
        }
        if let Some(waiting) = self.healthdata.and_then(|trail| unanswered(trail, course.version)) {
            let what = words::what(&waiting.kind);
            let seen = course.stops.iter().rfind(|stop| stop.item == waiting.item_id);
            let seen = match seen.map(|stop| (stop, stop.dead())) {
                Some((stop, Some(code))) => set_aside(stop, code),
                Some((stop, None)) => format!("its {what} was last seen at {} at {}, no receipt since", stop.party, stop.at),
                None => format!("its {what} waits to be sent"),
            };
            let sentence = format!("{place}; {seen}{}", due(self.healthdata));
            return Now { sentence, is_on_its_way: is_due(self.healthdata) };
        }
        match self.healthdata.map(|trail| trail.is_validated == Some(true)) {
            Some(false) => Now::on_its_way(format!("{place}; no verdict of the data warehouse yet")),
            _ => Now::at_rest(format!("{place}; nothing is on its way")),
        }
    }
}

fn is_due(trail: Option<&Trail>) -> bool {
    trail.is_some_and(|trail| trail.due_at.is_some())
}

fn due(trail: Option<&Trail>) -> String {
    match trail.and_then(|trail| trail.due_at.as_deref()) {
        // What has never been sent is due from the beginning of time.
        Some(at) if at.starts_with("1970-") => "; to be sent now".to_owned(),
        Some(at) => format!("; resend due at {at}"),
        None => "; sent no more".to_owned(),
    }
}

fn is_answered(trail: &Trail, item: &str) -> bool {
    trail.items.iter().any(|one| one.item_id == item && one.answered_at.is_some())
}

/// The oldest feedback on a version without a receipt.
fn unanswered(trail: &Trail, version: Option<u32>) -> Option<&TrailItem> {
    let is_feedback = |item: &&TrailItem| item.made_at.is_some() && item.answered_at.is_none() && item.version == version;
    trail.items.iter().find(is_feedback)
}

fn status_on_its_way(course: &Course) -> String {
    let of_status = course.stops.iter().rfind(|stop| stop.what == hd4res::STATUS);
    match of_status.map(|stop| (stop, stop.dead())) {
        Some((stop, Some(code))) => set_aside(stop, code),
        Some((stop, None)) => format!("its STATUS was last seen at {} at {}", stop.party, stop.at),
        None => "its STATUS has not been seen".to_owned(),
    }
}

/// Whom a stop hands over to.
fn next_party(stop: &Stop) -> &str {
    match stop.step.as_str() {
        "3" => "the hospital's messaging client",
        "4" => "the TTP",
        "5" => "healthdata's messaging client",
        "6" => "HD4RES",
        _ => &stop.queue,
    }
}
