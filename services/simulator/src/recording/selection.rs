//! Which publications of a recording are meant.

use std::{collections::BTreeSet, str::FromStr, time::Duration};

use clock::Timestamp;
use serde::Serialize;
use topology::{Arrow, Nihdi};
use uuid::Uuid;

use super::{
    document::is_recordable,
    format::id,
    reader::{Entry, Recording},
};

/// A step whose publications can be recorded: `4`, `5`, `5 back`, `4 back`, `R1`, `R2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step(pub Arrow);

impl FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Arrow::ALL.into_iter().find(|arrow| arrow.step().eq_ignore_ascii_case(text.trim()));
        match found {
            Some(arrow) if is_recordable(arrow) => Ok(Self(arrow)),
            Some(arrow) => Err(format!("step {} travels clear, and no recording has it; {STEPS}", arrow.step())),
            None => Err(STEPS.to_owned()),
        }
    }
}

const STEPS: &str = "expected 4, 5, `5 back`, `4 back`, R1 or R2";

/// One condition; those of one kind add to each other, those of different kinds must all hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// This item: its publication is cut down to it.
    Item(Uuid),
    /// This publication.
    Publication(Uuid),
    /// Of this hospital, as far as eHealth's broker shows it.
    Hospital(Nihdi),
    /// Numbers from the first to the last.
    Numbers(u64, u64),
    /// Not before.
    From(Bound),
    /// Not after.
    Until(Bound),
}

/// A moment of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Counted from its beginning.
    Offset(Duration),
    /// By the recorder's clock.
    Moment(Timestamp),
}

const CONDITIONS: &str = "expected item=ID, publication=ID, hospital=NIHDI, number=3 or number=3..7, from=TIME, until=TIME; \
     a time is a span from the beginning such as 90s, 5m or 2h, or a moment such as 2026-11-21T10:00:00Z";

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("{text}: {CONDITIONS}");
        let (name, value) = text.split_once('=').ok_or_else(wrong)?;
        match name.trim() {
            "item" => value.parse().map(Self::Item).map_err(|_| wrong()),
            "publication" => value.parse().map(Self::Publication).map_err(|_| wrong()),
            "hospital" => value.parse().map(Self::Hospital).map_err(|_| wrong()),
            "number" => numbers(value).map(|(first, last)| Self::Numbers(first, last)).ok_or_else(wrong),
            "from" => bound(value).map(Self::From).ok_or_else(wrong),
            "until" => bound(value).map(Self::Until).ok_or_else(wrong),
            _ => Err(wrong()),
        }
    }
}

fn numbers(text: &str) -> Option<(u64, u64)> {
    let Some((first, last)) = text.split_once("..") else {
        let number = text.parse().ok()?;
        return Some((number, number));
    };
    let first = if first.is_empty() { 1 } else { first.parse().ok()? };
    let last = if last.is_empty() { u64::MAX } else { last.parse().ok()? };
    (first <= last).then_some((first, last))
}

fn bound(text: &str) -> Option<Bound> {
    span(text).map(Bound::Offset).or_else(|| text.parse().ok().map(Bound::Moment))
}

/// Reads a span of time: a whole number and `s`, `m` or `h`.
#[must_use]
pub fn span(text: &str) -> Option<Duration> {
    let unit = text.chars().next_back()?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        _ => return None,
    };
    let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
    number.checked_mul(factor).map(Duration::from_secs)
}

/// Which publications are meant; all when it says nothing. Its JSON is the same for the same meaning.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Selection {
    steps: BTreeSet<&'static str>,
    #[serde(serialize_with = "id::all")]
    items: BTreeSet<Uuid>,
    #[serde(serialize_with = "id::all")]
    publications: BTreeSet<Uuid>,
    hospitals: BTreeSet<Nihdi>,
    numbers: BTreeSet<(u64, u64)>,
    from_us: Option<u64>,
    until_us: Option<u64>,
}

/// A publication that is meant.
#[derive(Debug, Clone)]
pub struct Picked<'a> {
    /// The publication.
    pub entry: &'a Entry,
    /// Its items that are meant, when not all are.
    pub items: Option<BTreeSet<Uuid>>,
}

impl Selection {
    /// Puts a selection together.
    #[must_use]
    pub fn new(steps: &[Step], conditions: &[Condition], begun_at: Timestamp) -> Self {
        let mut selection = Self { steps: steps.iter().map(|step| step.0.step()).collect(), ..Self::default() };
        let micros = |bound: &Bound| {
            let offset = match bound {
                Bound::Offset(offset) => *offset,
                Bound::Moment(moment) => moment.since(begun_at),
            };
            u64::try_from(offset.as_micros()).unwrap_or(u64::MAX)
        };
        for condition in conditions {
            match condition {
                Condition::Item(id) => {
                    selection.items.insert(*id);
                }
                Condition::Publication(id) => {
                    selection.publications.insert(*id);
                }
                Condition::Hospital(nihdi) => {
                    selection.hospitals.insert(*nihdi);
                }
                Condition::Numbers(first, last) => {
                    selection.numbers.insert((*first, *last));
                }
                Condition::From(bound) => selection.from_us = selection.from_us.max(Some(micros(bound))),
                Condition::Until(bound) => {
                    selection.until_us = Some(selection.until_us.map_or(micros(bound), |before| before.min(micros(bound))));
                }
            }
        }
        selection
    }

    /// The publications of a recording that are meant, in order.
    pub fn of<'a>(&'a self, recording: &'a Recording) -> impl Iterator<Item = Picked<'a>> + 'a {
        recording.entries().iter().filter_map(move |entry| self.pick(recording, entry))
    }

    fn pick<'a>(&self, recording: &Recording, entry: &'a Entry) -> Option<Picked<'a>> {
        let offset_us = u64::try_from(entry.offset.as_micros()).unwrap_or(u64::MAX);
        let in_range = |(first, last): &(u64, u64)| (*first..=*last).contains(&entry.number);
        let is_meant = (self.steps.is_empty() || self.steps.contains(entry.arrow.step()))
            && (self.publications.is_empty() || self.publications.contains(&entry.publication))
            && (self.numbers.is_empty() || self.numbers.iter().any(in_range))
            && self.from_us.is_none_or(|from| offset_us >= from)
            && self.until_us.is_none_or(|until| offset_us <= until)
            && (self.hospitals.is_empty() || recording.hospital(entry).is_some_and(|of| self.hospitals.contains(&of)));
        if !is_meant {
            return None;
        }
        if self.items.is_empty() {
            return Some(Picked { entry, items: None });
        }
        let wanted: BTreeSet<Uuid> = entry.items.iter().filter(|item| self.items.contains(item)).copied().collect();
        match wanted.len() {
            0 => None,
            some if some == entry.items.len() => Some(Picked { entry, items: None }),
            _ => Some(Picked { entry, items: Some(wanted) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_meant_is_answered_with_what_can() {
        for text in ["", "item", "item=1", "hospital=196", "number=7..3", "number=x", "from=5", "until=yesterday", "patient=1"] {
            assert!(text.parse::<Condition>().is_err_and(|answer| answer.contains("expected item=ID")), "{text}");
        }
        assert!("3".parse::<Step>().is_err_and(|answer| answer.contains("travels clear")));
        assert!("8".parse::<Step>().is_err());
        assert_eq!("5 BACK".parse::<Step>(), Ok(Step(Arrow::ToTtpBack)));
    }

    #[test]
    fn numbers_and_spans_are_read() {
        assert_eq!("number=3".parse(), Ok(Condition::Numbers(3, 3)));
        assert_eq!("number=..7".parse(), Ok(Condition::Numbers(1, 7)));
        assert_eq!("number=3..".parse(), Ok(Condition::Numbers(3, u64::MAX)));
        assert_eq!("from=5m".parse(), Ok(Condition::From(Bound::Offset(Duration::from_secs(300)))));
        assert!(matches!("until=2026-11-21T10:00:00Z".parse(), Ok(Condition::Until(Bound::Moment(_)))));
        assert_eq!((span("2h"), span("h"), span("2"), span("-2s")), (Some(Duration::from_secs(7_200)), None, None, None));
    }

    /// The order in which conditions are typed makes no other replay.
    #[test]
    fn the_same_meaning_is_the_same_text() {
        let conditions: Vec<Condition> =
            ["number=3", "number=1..2", "until=5m", "until=3m"].map(|text| text.parse().unwrap()).into();
        let mut turned = conditions.clone();
        turned.reverse();
        let text = |conditions: &[Condition]| {
            serde_json::to_string(&Selection::new(&[Step(Arrow::ToTtp)], conditions, Timestamp::EPOCH)).unwrap()
        };
        assert_eq!(text(&conditions), text(&turned));
        assert!(text(&conditions).contains(r#""until_us":180000000"#), "{}", text(&conditions));
    }
}
