//! The words of scenarios. Reader, writer, schema and page have them from here.

use clock::Timestamp;
use topology::Arrow;

use crate::simulation::{Confirmation, Deed, Hospital, Point, RecordStatus, Register, Service, State};

/// A word and what it stands for.
pub type Word<T> = (&'static str, T);

/// The kind of a service, and its hospital if it has one.
#[must_use]
pub const fn service_and_hospital(service: Service) -> (&'static str, Option<Hospital>) {
    match service {
        Service::Hd4dp(of) => (hd4dp::SERVICE, Some(of)),
        Service::EhboxHco(of) => (ehbox_hco::SERVICE, Some(of)),
        Service::EhealthTtp => (ehealth_ttp::SERVICE, None),
        Service::EhboxHd => (ehbox_hd::SERVICE, None),
        Service::Hd4res => (hd4res::SERVICE, None),
        Service::Dhw => (dhw::service::SERVICE, None),
    }
}

/// The word of a service, with the name of its hospital.
#[must_use]
pub fn service(service: Service) -> String {
    match service_and_hospital(service) {
        (kind, Some(of)) => format!("{kind} {}", of.name()),
        (kind, None) => kind.to_owned(),
    }
}

/// The hospitals of a scenario that names no others.
pub const HOSPITALS: [Word<Hospital>; 2] = [("north", Hospital::North), ("south", Hospital::South)];

/// The registers.
pub const REGISTERS: [Word<Register>; 3] =
    [("local", Register::Local), ("central", Register::Central), ("treatment", Register::Treatment)];

/// The services of a scenario that names no other hospitals, each hospital's own ones by its word.
pub const SERVICES: [Word<Service>; 8] = [
    ("hd4dp north", Service::Hd4dp(Hospital::North)),
    ("hd4dp south", Service::Hd4dp(Hospital::South)),
    ("ehbox-hco north", Service::EhboxHco(Hospital::North)),
    ("ehbox-hco south", Service::EhboxHco(Hospital::South)),
    ("ehealth-ttp", Service::EhealthTtp),
    ("ehbox-hd", Service::EhboxHd),
    ("hd4res", Service::Hd4res),
    ("dhw", Service::Dhw),
];

/// Where a service may crash.
pub const POINTS: [Word<Point>; 3] =
    [("before-commit", Point::BeforeCommit), ("after-commit", Point::AfterCommit), ("before-ack", Point::BeforeAck)];

/// What people do to a registration.
pub const DEEDS: [Word<Deed>; 6] = [
    ("reopen", Deed::Reopen),
    ("submit-again", Deed::SubmitAgain),
    ("delete", Deed::Delete),
    ("approve", Deed::Approve),
    ("request-corrections", Deed::RequestCorrections),
    ("request-follow-up", Deed::RequestFollowUp),
];

/// The arrows, by their steps.
#[must_use]
pub fn arrows() -> Vec<Word<Arrow>> {
    Arrow::ALL.map(|arrow| (arrow.step(), arrow)).into()
}

/// Where a registration stands at its hospital, as HD4DP shows it: status, with the confirmation of a submitted one.
pub const STATES: [Word<State>; 10] = [
    ("Open", State::Open),
    ("Sending", State::Sending),
    ("Submitted, PENDING", State::Submitted(Confirmation::Pending)),
    ("Submitted, OK", State::Submitted(Confirmation::Ok)),
    ("Submitted, NOK", State::Submitted(Confirmation::Nok)),
    ("Corrections needed", State::CorrectionsNeeded),
    ("Approved", State::Approved),
    ("Follow-up needed", State::FollowUpNeeded),
    ("Error", State::Error),
    ("Deleted", State::Deleted),
];

/// Where a record stands, as HD4RES shows it.
#[must_use]
pub fn record_statuses() -> Vec<Word<RecordStatus>> {
    RecordStatus::ALL.map(|status| (status.as_str(), status)).into()
}

/// What stands for the first rows of every register of all hospitals.
pub const ALL: &str = "all";

/// What stands for a registration that a side does not have.
pub const ABSENT: &str = "absent";

/// The word for a value.
#[must_use]
pub fn word_of<T: PartialEq>(words: &[Word<T>], value: &T) -> &'static str {
    words.iter().find(|(_, known)| known == value).map_or("", |(word, _)| word)
}

/// The word among these that somebody probably meant.
#[must_use]
pub fn meant<'a>(given: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_lowercase();
    let near = words.into_iter().map(|word| (strsim::damerau_levenshtein(&given, &word.to_lowercase()), word));
    let (distance, word) = near.min_by_key(|(distance, _)| *distance)?;
    // A third of the letters may be wrong; more is another word.
    (distance <= word.chars().count().max(3) / 3).then_some(word)
}

/// Seconds as text: `2 days 3 hours 5 minutes`.
#[must_use]
pub fn span(seconds: u32) -> String {
    let minutes = seconds / 60;
    let parts = [(minutes / 1440, "day"), (minutes / 60 % 24, "hour"), (minutes % 60, "minute"), (seconds % 60, "second")];
    let text = |(count, unit): (u32, &str)| format!("{count} {unit}{}", if count == 1 { "" } else { "s" });
    let parts: Vec<String> = parts.into_iter().filter(|(count, _)| *count > 0).map(text).collect();
    if parts.is_empty() { "0 minutes".to_owned() } else { parts.join(" ") }
}

/// Seconds from text.
#[must_use]
pub fn seconds(text: &str) -> Option<u32> {
    let mut words = text.split_whitespace();
    let mut sum: Option<u32> = None;
    while let Some(count) = words.next() {
        let count: u32 = count.parse().ok()?;
        let unit = match words.next()? {
            "second" | "seconds" => 1,
            "minute" | "minutes" => 60,
            "hour" | "hours" => 3600,
            "day" | "days" => 86_400,
            _ => return None,
        };
        sum = Some(sum.unwrap_or(0).checked_add(count.checked_mul(unit)?)?);
    }
    sum
}

/// Time since the beginning of a world, for reports: `+2 d 03:05:00`.
#[must_use]
pub fn since(start: Timestamp, at: Timestamp) -> String {
    let seconds = at.since(start).as_secs();
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    format!("+{days} d {:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_its_word() {
        for service in Service::ALL {
            assert_eq!(word_of(&SERVICES, &service), super::service(service));
        }
        for deed in Deed::ALL {
            assert!(!word_of(&DEEDS, &deed).is_empty());
        }
        for point in Point::ALL {
            assert!(!word_of(&POINTS, &point).is_empty());
        }
        for state in State::ALL {
            assert_eq!(word_of(&STATES, &state), state.to_string());
        }
    }

    #[test]
    fn a_span_reads_back() {
        for seconds in [0, 1, 59, 60, 61, 3599, 3600, 86_399, 86_400, 172_800, 864_305, 6_000_000] {
            assert_eq!(super::seconds(&span(seconds)), Some(seconds));
        }
        assert_eq!(super::seconds("1 hour 30 minutes 5 seconds"), Some(5405));
        for wrong in ["", "5", "hours", "5 hours 3", "-1 minutes", "5 weeks", "99999999999 days", "4000000 days"] {
            assert_eq!(super::seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_misspelt_word_is_recognised_and_another_is_not() {
        let words = || DEEDS.iter().map(|(word, _)| *word);
        assert_eq!(meant("aprove", words()), Some("approve"));
        assert_eq!(meant("request-folow-up", words()), Some("request-follow-up"));
        assert_eq!(meant("explode", words()), None);
    }
}
