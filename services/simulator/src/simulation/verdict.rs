//! The verdict on a world, in the terms of a queue check (Jepsen's total queue): what was attempted, acknowledged and delivered, what is lost,
//! unexpected, doubled or recovered, and where each version of each registration was.

use std::collections::{BTreeMap, BTreeSet};

use clock::Timestamp;
use serde::Serialize;
use store::{Outcome, Passage};
use topology::Arrow;
use uuid::Uuid;

use super::{
    Violation,
    evidence::{Evidence, at_once},
    op::{Hospital, RowName},
};
use crate::{
    course::{self, Traced},
    tally,
};

/// What item ids of a researcher's feedback are derived by, with its number.
const FEEDBACK: [&str; 3] = ["CORRECTION_REQUEST", "APPROVAL", "FOLLOW_UP_REQUEST"];
/// Feedbacks of one version that an itinerary follows.
const FEEDBACKS_MAX: u64 = 6;

/// The figures. A unit is one version of one registration: what has an item id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Figures {
    /// Versions that hospitals took in.
    pub attempted: u64,
    /// Versions whose STATUS came back.
    pub acknowledged: u64,
    /// Versions that HD4RES took in.
    pub delivered: u64,
    /// Delivered ones whose first sending brought no answer: they came through by a later one, or are still unacknowledged.
    pub recovered: u64,
    /// Acknowledged ones that HD4RES has neither taken in nor seen overtaken.
    pub lost: u64,
    /// Items that HD4RES took in and that no hospital made.
    pub unexpected: u64,
    /// Versions that had their effect at healthdata more than once.
    pub duplicated: u64,
    /// Versions that were never delivered since a later one of the registration was.
    pub overtaken: u64,
    /// Versions that are neither delivered nor overtaken.
    pub pending: u64,
    /// Deliveries of a version that had no second effect.
    pub redelivered: u64,
}

impl Figures {
    /// The figures by the names that scenarios use.
    #[must_use]
    pub const fn named(&self) -> [(&'static str, u64); 10] {
        [
            ("attempted", self.attempted),
            ("acknowledged", self.acknowledged),
            ("delivered", self.delivered),
            ("recovered", self.recovered),
            ("lost", self.lost),
            ("unexpected", self.unexpected),
            ("duplicated", self.duplicated),
            ("overtaken", self.overtaken),
            ("pending", self.pending),
            ("redelivered", self.redelivered),
        ]
    }
}

/// How a version fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fared {
    /// Delivered and acknowledged at the first sending.
    Delivered,
    /// Delivered, though its first sending brought no answer.
    Recovered,
    /// A later version took its place before it came.
    Overtaken,
    /// Not delivered, and not acknowledged.
    Pending,
    /// Acknowledged and not delivered.
    Lost,
    /// More than one effect.
    Duplicated,
    /// Nobody made it.
    Unexpected,
}

impl Fared {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Recovered => "recovered",
            Self::Overtaken => "overtaken",
            Self::Pending => "pending",
            Self::Lost => "lost",
            Self::Duplicated => "duplicated",
            Self::Unexpected => "unexpected",
        }
    }

    /// Whether it is as everybody wishes at rest.
    #[must_use]
    pub const fn is_well(self) -> bool {
        matches!(self, Self::Delivered | Self::Recovered | Self::Overtaken)
    }
}

/// One place of an itinerary.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Stop {
    /// When, by the world's time.
    #[serde(serialize_with = "as_text")]
    pub at: Timestamp,
    /// The step, as published.
    pub step: &'static str,
    /// Who wrote it down.
    pub service: String,
    /// With what outcome.
    pub outcome: String,
}

fn as_text<S: serde::Serializer>(value: &impl std::fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// One version of one registration, and where it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Course {
    /// The row that it came from, as scenarios name it; none for an item that nobody made.
    pub row: Option<String>,
    /// The registration; nil for an item that nobody made.
    #[serde(serialize_with = "as_text")]
    pub registration: Uuid,
    /// Its number.
    pub version: u32,
    /// Its item.
    #[serde(serialize_with = "as_text")]
    pub item: Uuid,
    /// How it fared.
    pub fared: Fared,
    /// Where it and its answers were, oldest first.
    pub stops: Vec<Stop>,
}

/// Figures and courses.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Verdict {
    /// The figures.
    pub figures: Figures,
    /// Codes of dead letters.
    pub dead_letters: BTreeSet<String>,
    /// Publications that stand in dead-letter queues.
    pub dead: u64,
    /// Every version, by row.
    pub courses: Vec<Course>,
}

/// What all itineraries say, by item.
#[derive(Default)]
struct Passages {
    stops: BTreeMap<Uuid, Vec<Stop>>,
    sent_again: BTreeSet<Uuid>,
    arrivals: BTreeMap<Uuid, u32>,
    validations: BTreeMap<Uuid, u32>,
    known: BTreeMap<Uuid, u64>,
}

impl Passages {
    fn take(&mut self, service: &str, passage: &Passage) {
        let Passage { step, at, outcome, items, .. } = passage;
        for item in items {
            let stop = Stop { at: *at, step, service: service.to_owned(), outcome: outcome.to_string() };
            self.stops.entry(*item).or_default().push(stop);
            match outcome {
                Outcome::Resent if *step == Arrow::HandOver.step() => drop(self.sent_again.insert(*item)),
                Outcome::Arrived if service == hd4res::SERVICE && *step == Arrow::ToHd4res.step() => {
                    *self.arrivals.entry(*item).or_default() += 1;
                }
                Outcome::Known if service == hd4res::SERVICE && *step == Arrow::ToHd4res.step() => {
                    *self.known.entry(*item).or_default() += 1;
                }
                Outcome::Validated if service == dhw::service::SERVICE => *self.validations.entry(*item).or_default() += 1,
                _ => {}
            }
        }
    }

    fn has_doubled(&self, item: &Uuid) -> bool {
        self.arrivals.get(item).is_some_and(|times| *times > 1) || self.validations.get(item).is_some_and(|times| *times > 1)
    }

    /// The stops of an item and of the answers to it.
    fn stops_of(&mut self, item: Uuid) -> Vec<Stop> {
        let of_researcher = FEEDBACK.iter().flat_map(|kind| (1..=FEEDBACKS_MAX).map(move |number| format!("{kind} {number}")));
        let answers = of_researcher.map(|name| envelope::ItemId::from_uuid(item).derived(&name).uuid());
        let ids: Vec<Uuid> = [item, tally::status_of(item)].into_iter().chain(answers).collect();
        let mut stops: Vec<Stop> = ids.iter().filter_map(|id| self.stops.get(id)).flatten().cloned().collect();
        // Of one step at one moment, whoever passes on comes before whoever takes in.
        let is_end = |stop: &Stop| !matches!(stop.outcome.as_str(), "sent" | "resent" | "forwarded");
        stops.sort_by_key(|stop| (stop.at, store::itinerary::STEPS.iter().position(|step| *step == stop.step), is_end(stop)));
        stops
    }
}

impl Evidence {
    /// Where a row's registration is and was, as `precision trace` tells it; `None` for a row that was not taken in.
    ///
    /// # Errors
    ///
    /// A [`Violation`] when a store cannot be asked.
    pub fn trace(&self, row: RowName) -> Result<Option<Traced>, Violation> {
        let Some(known) = self.known(row)? else { return Ok(None) };
        let gathered = at_once(course::gather::gather(&self.stores, known.registration_id, self.now()))?;
        Ok(course::put_together(known.registration_id, &gathered))
    }

    /// The verdict on all that happened so far.
    ///
    /// # Errors
    ///
    /// A [`Violation`] when a store cannot be asked.
    pub fn verdict(&self) -> Result<Verdict, Violation> {
        let mut passages = Passages::default();
        for (service, itinerary) in self.stores.itineraries() {
            for (_, passage) in at_once(itinerary.passages(0, u32::MAX))? {
                passages.take(&service, &passage);
            }
        }
        let mut verdict = Verdict { dead_letters: self.model.codes.clone(), ..Verdict::default() };
        for arrow in Arrow::ALL {
            verdict.dead += self.on_the_way(arrow)?.1;
        }
        let mut made = BTreeSet::new();
        for hospital in self.laboratory.hospitals.keys() {
            self.judge_hospital(*hospital, &mut passages, &mut verdict, &mut made)?;
        }
        let strangers: Vec<Uuid> = passages.arrivals.keys().filter(|item| !made.contains(*item)).copied().collect();
        for item in strangers {
            verdict.figures.unexpected += 1;
            let stops = passages.stops_of(item);
            verdict.courses.push(Course {
                row: None,
                registration: Uuid::nil(),
                version: 0,
                item,
                fared: Fared::Unexpected,
                stops,
            });
        }
        Ok(verdict)
    }

    fn judge_hospital(
        &self,
        hospital: Hospital,
        passages: &mut Passages,
        verdict: &mut Verdict,
        made: &mut BTreeSet<Uuid>,
    ) -> Result<(), Violation> {
        let mut names: BTreeMap<Uuid, RowName> = BTreeMap::new();
        for row in self.model.rows_of(hospital) {
            names.extend(self.known(row)?.map(|known| (known.registration_id, row)));
        }
        let mut courses = Vec::new();
        for (registration, versions) in self.registrations(hospital)? {
            let mut is_overtaken = false;
            for (version, item) in versions.into_iter().rev() {
                made.insert(item);
                let fared = self.judge_version(hospital, item, is_overtaken, passages, &mut verdict.figures)?;
                is_overtaken |= !matches!(fared, Fared::Pending | Fared::Lost);
                let row = names.get(&registration).copied();
                let stops = passages.stops_of(item);
                courses.push((
                    row,
                    version,
                    Course { row: row.map(super::op::written), registration, version, item, fared, stops },
                ));
            }
        }
        courses.sort_by_key(|(row, version, _)| (*row, *version));
        verdict.courses.extend(courses.into_iter().map(|(_, _, course)| course));
        Ok(())
    }

    fn judge_version(
        &self,
        hospital: Hospital,
        item: Uuid,
        is_overtaken: bool,
        passages: &Passages,
        figures: &mut Figures,
    ) -> Result<Fared, Violation> {
        let is_acknowledged = at_once(self.hd4dp_store(hospital)?.is_confirmed(item))? == Some(true);
        let is_delivered = passages.arrivals.contains_key(&item) || at_once(self.stores.hd4res.held(&[item]))? > 0;
        figures.attempted += 1;
        figures.acknowledged += u64::from(is_acknowledged);
        figures.delivered += u64::from(is_delivered);
        figures.redelivered += passages.known.get(&item).copied().unwrap_or(0);
        let (fared, figure) = match (is_delivered, is_acknowledged) {
            (true, _) if passages.has_doubled(&item) && !self.spoiler.is_foreign(&item) => {
                (Fared::Duplicated, &mut figures.duplicated)
            }
            (true, true) if !passages.sent_again.contains(&item) => return Ok(Fared::Delivered),
            (true, _) => (Fared::Recovered, &mut figures.recovered),
            (false, _) if is_overtaken => (Fared::Overtaken, &mut figures.overtaken),
            (false, true) => (Fared::Lost, &mut figures.lost),
            (false, false) => (Fared::Pending, &mut figures.pending),
        };
        *figure += 1;
        Ok(fared)
    }
}
