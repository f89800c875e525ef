//! What must hold after everything that happens, and what must hold at rest.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use hd4dp::{
    status::{State, Status},
    store::{Known, Sending, UploadId},
};
use host::resend;
use store::{Outcome, Passage};
use topology::Arrow;
use uuid::Uuid;

use super::{
    Violation, World,
    desk::Desk,
    evidence::{Evidence, at_once, wait_for},
    laboratory::CANARY_OF_IDENTITY,
    log,
    op::{Hospital, RowName},
    violation::{broken, ensure, hold},
};
use crate::tally;

const PAGE: u32 = 10_000;

/// The versions of a registration with their items.
type Versions = BTreeMap<u32, Uuid>;

/// What tests and invariants ask for.
impl Evidence {
    /// Where the confirmation of a row's latest version stands; `None` for a row that was not taken in.
    ///
    /// # Errors
    ///
    /// A [`Violation`] when the store cannot be asked.
    pub fn sending(&self, row: RowName) -> Result<Option<Sending>, Violation> {
        let Some(known) = self.known(row)? else { return Ok(None) };
        at_once(self.hd4dp_store(row.hospital)?.sending(known.registration_id, self.now()))
    }

    /// The revision of each row that the data warehouse holds.
    ///
    /// # Errors
    ///
    /// A [`Violation`] when a row stands there twice, or is none of this world's.
    pub fn at_dhw(&self) -> Result<BTreeMap<RowName, u32>, Violation> {
        let mut found = BTreeMap::new();
        for (register, version, number) in self.tables()? {
            for row in at_once(self.stores.dhw.rows(number, None, PAGE))? {
                let (name, revision) = self.laboratory.named_by((register, version), &row.cells).ok_or_else(|| {
                    Violation::new(format!("the data warehouse holds a row of {register:?} that nobody uploaded"))
                })?;
                let cells: Vec<&str> = row.cells.iter().map(|cell| cell.value.as_str()).collect();
                self.inspector.judge_at_healthdata(&cells.join("\n"))?;
                let before = found.insert(name, revision);
                hold("P-22", before.is_none(), || format!("row {name} stands twice in the data warehouse"))?;
            }
        }
        Ok(found)
    }

    /// How many publications wait or are being handled on an arrow, over all hospitals, and how many dead letters it has.
    ///
    /// # Errors
    ///
    /// A [`Violation`] when the broker cannot be asked.
    pub fn on_the_way(&self, arrow: Arrow) -> Result<(u64, u64), Violation> {
        let (mut waiting, mut dead) = (0, 0);
        let mut hospitals: Vec<_> = self.laboratory.hospitals.values().map(Some).collect();
        if !arrow.per_hospital() {
            hospitals = vec![None];
        }
        for nihdi in hospitals {
            let queue = arrow.queue(nihdi);
            for (queue, sum) in [(&queue, &mut waiting), (&queue.dead(), &mut dead)] {
                let depth = wait_for(self.queues.depth(queue))?.map_err(broken("ask the broker"))?;
                *sum += depth.ready + depth.unacked;
            }
        }
        Ok((waiting, dead))
    }

    /// What every party wrote down, one passage to a line.
    ///
    /// # Errors
    ///
    /// A [`Violation`] when a store cannot be asked, or when an itinerary names a patient.
    pub fn itinerary(&self) -> Result<String, Violation> {
        let mut lines = Vec::new();
        for (service, itinerary) in self.stores.itineraries() {
            for (number, passage) in at_once(itinerary.passages(0, u32::MAX))? {
                let Passage { publication, step, queue, at, outcome, items } = passage;
                let items: Vec<String> = items.iter().map(Uuid::to_string).collect();
                lines.push(format!("{service} {number} {at} {step} {queue} {publication} {outcome} {}\n", items.join(" ")));
            }
        }
        let text = lines.concat();
        self.inspector.judge_itinerary(&text)?;
        Ok(text)
    }

    /// What the hospital's store knows of a row.
    pub(crate) fn known(&self, row: RowName) -> Result<Option<Known>, Violation> {
        let key = self.laboratory.unique_key(row)?;
        Ok(at_once(self.hd4dp_store(row.hospital)?.known(row.register.name(), &[key]))?.into_iter().flatten().next())
    }

    pub(super) fn item_of(&self, hospital: Hospital, registration: Uuid, version: u32) -> Result<Option<Uuid>, Violation> {
        Ok(self.registrations(hospital)?.get(&registration).and_then(|versions| versions.get(&version)).copied())
    }

    pub(crate) fn hd4dp_store(&self, hospital: Hospital) -> Result<&dyn hd4dp::store::Hd4dpStore, Violation> {
        let nihdi = self.laboratory.hospitals.get(&hospital);
        let stores = nihdi.and_then(|nihdi| self.stores.hospitals.get(nihdi));
        stores.map(|stores| &*stores.hd4dp).ok_or_else(|| Violation::new("a hospital has no store"))
    }

    /// All that a hospital took in.
    pub(super) fn registrations(&self, hospital: Hospital) -> Result<BTreeMap<Uuid, Versions>, Violation> {
        let store = self.hd4dp_store(hospital)?;
        let mut registrations: BTreeMap<Uuid, Versions> = BTreeMap::new();
        let uploads = self.desks.get(&hospital).map(|desk| desk.begun()).unwrap_or_default();
        for upload in uploads.into_iter().chain([UploadId::BY_HAND]) {
            for item in at_once(store.uploaded(upload, None, PAGE))? {
                registrations.entry(item.registration_id).or_default().insert(item.version, item.item_id);
            }
        }
        Ok(registrations)
    }
}

/// After everything that happens.
impl World {
    pub(super) fn check(&mut self) -> Result<(), Violation> {
        self.read_log(log::take())?;
        self.inspector.complaint().map_or(Ok(()), Err)?;
        self.ledger.complaint().map_or(Ok(()), Err)?;
        let records = at_once(self.stores.hd4res.records())?;
        hold("P-22", records == self.ledger.records(), || {
            format!("HD4RES holds {records} records, not {}", self.ledger.records())
        })?;
        self.check_stores()
    }

    pub(super) fn check_all_at_rest(&self, given_up: &BTreeSet<RowName>) -> Result<(), Violation> {
        for (hospital, hd4dp) in &self.hd4dp {
            let (counted, waiting) = (hd4dp.waiting(), at_once(hd4dp.store().waiting())?);
            ensure(counted == waiting, || format!("{hospital:?} counts {counted} that wait, and {waiting} do"))?;
        }
        self.check_at_rest(given_up)
    }
}

/// The same, of stores and logs alone.
impl Evidence {
    /// What all stores say, which must stand still meanwhile.
    pub(crate) fn check_stores(&mut self) -> Result<(), Violation> {
        for hospital in self.laboratory.hospitals.keys() {
            self.check_hospital(*hospital)?;
        }
        self.read_itineraries()?;
        self.check_lives()?;
        self.check_dhw()
    }

    /// Nobody stands in the log.
    pub(crate) fn read_log(&mut self, lines: Vec<log::Line>) -> Result<(), Violation> {
        if lines.is_empty() {
            return Ok(());
        }
        let patients = self.model.revisions.keys().map(|row| self.laboratory.identity_text(*row));
        let patients = patients.collect::<Result<BTreeSet<_>, Violation>>()?;
        for line in lines {
            let digits: String = line.text.chars().filter(char::is_ascii_digit).collect();
            let is_named = |who: &Arc<str>| line.text.contains(&**who) || digits.contains(&**who);
            let leak = line.text.contains(CANARY_OF_IDENTITY) || patients.iter().any(is_named);
            hold("P-9", !leak, || "a line of the log says who a patient is".to_owned())?;
            self.model.codes.extend(line.code);
        }
        Ok(())
    }

    /// What is confirmed is held, what waits stands in an outbox, and nothing was taken in twice.
    fn check_hospital(&self, hospital: Hospital) -> Result<(), Violation> {
        let store = self.hd4dp_store(hospital)?;
        let registrations = self.registrations(hospital)?;
        let rows = self.model.rows_of(hospital).count();
        hold("P-22", registrations.len() <= rows, || {
            format!("{hospital:?} made {} registrations of {rows} rows", registrations.len())
        })?;
        let outbox: BTreeMap<Uuid, u32> = at_once(store.unanswered(Uuid::nil(), true, PAGE))?
            .into_iter()
            .map(|outgoing| (outgoing.registration_id, outgoing.version))
            .collect();
        let waiting: BTreeSet<Uuid> = at_once(self.stores.hd4res.unvalidated(0, PAGE))?.iter().map(|one| one.item_id).collect();
        for (registration, versions) in &registrations {
            let mut is_held = false;
            for (version, item) in versions.iter().rev() {
                let one = std::slice::from_ref(item);
                let is_here = at_once(self.stores.hd4res.held(one))? > 0;
                let is_latest_held = is_here && !is_held;
                is_held |= is_here;
                let is_confirmed = at_once(store.is_confirmed(*item))? == Some(true);
                hold("P-24", is_held || !is_confirmed, || {
                    format!("version {version} of {registration} is confirmed at {hospital:?}, and HD4RES does not have it")
                })?;
                let is_settled = !is_latest_held || waiting.contains(item) || at_once(self.stores.hd4res.validated(one))? > 0;
                hold("P-24", is_settled, || format!("item {item} arrived and HD4RES waits for no verdict on it"))?;
            }
            let Some((version, item)) = versions.last_key_value() else { continue };
            let is_confirmed = at_once(store.is_confirmed(*item))? == Some(true);
            let latest = at_once(store.latest(*registration, self.now()))?;
            // Nobody waits for the answer to what was reopened.
            let is_open = latest.is_some_and(|latest| latest.state == State::Open);
            hold("P-24", is_confirmed || is_open || outbox.get(registration) == Some(version), || {
                format!(
                    "version {version} of {registration} at {hospital:?} is out of sight: neither confirmed nor in the outbox"
                )
            })?;
        }
        Ok(())
    }

    /// No effect twice, no dead letter that was not forged.
    fn read_itineraries(&mut self) -> Result<(), Violation> {
        for (service, itinerary) in self.stores.itineraries() {
            let after = self.model.read.get(&service).copied().unwrap_or(0);
            for (number, passage) in at_once(itinerary.passages(after, PAGE))? {
                self.model.read.insert(service.clone(), number);
                self.check_passage(&service, &passage)?;
            }
        }
        Ok(())
    }

    fn check_passage(&mut self, service: &str, passage: &Passage) -> Result<(), Violation> {
        let seen = match (&passage.outcome, passage.step) {
            (Outcome::Arrived, "6") => Some(&mut self.model.arrived),
            (Outcome::Validated, _) => Some(&mut self.model.validated),
            (Outcome::Arrived, step) if step == Arrow::ToHd4dp.step() && service.starts_with(hd4dp::SERVICE) => {
                self.model.heard.extend(&passage.items);
                None
            }
            (Outcome::DeadLettered(code), _) => {
                if (code == "QUOTA" && self.tuning.quota.is_some()) || (code == "UNKNOWN_DEFINITION" && self.had_two_versions) {
                    return Ok(());
                }
                let forged = self.spoiler.has_spoiled() || passage.items.iter().all(|item| self.model.forged.contains(item));
                return hold("P-24", forged, || format!("{service} sets {:?} aside: {code}", passage.items));
            }
            _ => None,
        };
        let Some(seen) = seen else { return Ok(()) };
        for item in &passage.items {
            hold("P-22", seen.insert(*item) || self.spoiler.is_foreign(item), || {
                format!("item {item} had its effect at {service} twice")
            })?;
        }
        Ok(())
    }

    /// Versions never go back.
    fn check_dhw(&mut self) -> Result<(), Violation> {
        let (now, mut gone) = (self.at_dhw()?, self.model.gone.clone());
        for (row, before) in &self.model.at_dhw {
            let revision = now.get(row);
            let is_deleted = revision.is_none() && self.known(*row)?.is_some_and(|known| known.status == Some(Status::Deleted));
            hold("P-23", is_deleted || revision.is_some_and(|revision| revision >= before), || {
                format!("row {row} went from revision {before} back to {revision:?} in the data warehouse")
            })?;
            gone.extend(is_deleted.then_some(*row));
        }
        let back = now.keys().find(|row| gone.contains(row));
        hold("P-23", back.is_none(), || format!("deleted rows came back into the data warehouse: {back:?}"))?;
        self.model.gone = gone;
        self.model.at_dhw = now;
        Ok(())
    }
}

/// At rest.
impl Evidence {
    /// Rows whose resends are over, so that nothing will ever bring them through.
    pub(crate) fn given_up(&self) -> Result<BTreeSet<RowName>, Violation> {
        let mut first_sent: BTreeMap<Uuid, clock::Timestamp> = BTreeMap::new();
        for published in self.inspector.published().into_iter().filter(|one| one.arrow == Arrow::HandOver) {
            for item in published.items {
                first_sent.entry(item).or_insert(published.at);
            }
        }
        let mut given_up = BTreeSet::new();
        for row in self.model.revisions.keys() {
            let Some(known) = self.known(*row)?.filter(|known| !known.confirmed) else { continue };
            let item = self.item_of(row.hospital, known.registration_id, known.version)?;
            let sent = item.and_then(|item| first_sent.get(&item));
            if sent.is_some_and(|sent| self.now().since(*sent) >= resend::RESEND_UNTIL) {
                given_up.insert(*row);
            }
        }
        Ok(given_up)
    }

    /// What is still to be done.
    pub(crate) fn unfinished(&self, given_up: &BTreeSet<RowName>) -> Result<Vec<String>, Violation> {
        let mut unfinished = Vec::new();
        for (hospital, desk) in &self.desks {
            if !desk.is_clear() {
                unfinished.push(format!("an upload at {hospital:?}"));
            }
        }
        for row in self.model.revisions.keys().filter(|row| !given_up.contains(row)) {
            match self.known(*row)? {
                None => unfinished.push(format!("row {row} is not taken in")),
                Some(known) if !known.confirmed && !self.is_open(*row)? => unfinished.push(format!("row {row} is not confirmed")),
                Some(_) => {}
            }
        }
        for (service, screen) in &self.screens {
            if !screen.is_clear() {
                unfinished.push(format!("a deed at {service:?}"));
            }
        }
        unfinished.extend(self.feedback_on_the_way()?);
        let unvalidated = at_once(self.stores.hd4res.unvalidated(0, PAGE))?.len();
        if unvalidated > 0 {
            unfinished.push(format!("{unvalidated} records without a verdict"));
        }
        unfinished.extend(self.to_recode()?);
        for arrow in Arrow::ALL {
            let (waiting, _) = self.on_the_way(arrow)?;
            if waiting > 0 {
                unfinished.push(format!("{waiting} publications on {arrow:?}"));
            }
        }
        Ok(unfinished)
    }

    pub(crate) fn check_at_rest(&self, given_up: &BTreeSet<RowName>) -> Result<(), Violation> {
        self.itinerary()?;
        self.check_epoch()?;
        for arrow in Arrow::ALL {
            let (_, dead) = self.on_the_way(arrow)?;
            // A forgery is one dead letter at most each time that it is delivered.
            let is_over_quota = arrow == Arrow::ToTtp && self.tuning.quota.is_some();
            let is_explained = dead == 0
                || is_over_quota
                || self.had_two_versions
                || self.spoiler.has_spoiled()
                || (arrow == Arrow::ToHd4dp && !self.model.forged.is_empty());
            hold("P-24", is_explained, || format!("{dead} dead letters on {arrow:?}"))?;
        }
        let taken = self.desks.values().flat_map(Desk::taken);
        for (row, revision) in taken.filter(|(row, _)| !given_up.contains(row)) {
            let at_dhw = self.model.at_dhw.get(&row).copied();
            let is_right = match self.revision_held(row)? {
                None => at_dhw.is_none(),
                Some((held, is_sent)) => held == revision && (at_dhw == Some(revision) || !is_sent),
            };
            hold("P-24", is_right, || format!("row {row} is at revision {revision}, in the warehouse at {at_dhw:?}"))?;
        }
        // That verdict knows items by their ids alone, and no sender.
        if !self.spoiler.has_foreign() {
            self.check_verdict(given_up)?;
        }
        self.check_agreement(given_up)
    }

    /// The verdict that people are shown says the same.
    fn check_verdict(&self, given_up: &BTreeSet<RowName>) -> Result<(), Violation> {
        let mut uploads = Vec::new();
        for (hospital, desk) in &self.desks {
            let Some(nihdi) = self.laboratory.hospitals.get(hospital) else { continue };
            uploads.extend(desk.begun().into_iter().chain([UploadId::BY_HAND]).map(|upload| (*nihdi, upload)));
        }
        let items = at_once(tally::items(&self.stores, &uploads))?;
        let summary = at_once(tally::summary(&self.stores, &uploads, &items, &tally::Marks::new(), Duration::ZERO))?;
        let tally::Summary { pending, dead_lettered, lost, unexpected, duplicated, .. } = summary;
        // Nobody waits for the answer to what was reopened, and so nobody asks for it again where it was set aside.
        let mut open = 0;
        for row in self.model.revisions.keys() {
            open += u64::from(self.is_open(*row)?);
        }
        let unanswered = if given_up.is_empty() && open == 0 { pending } else { 0 };
        let unexplained = dead_lettered.saturating_sub(open);
        hold("P-24", lost + unexpected + duplicated + unanswered + unexplained == 0, || {
            format!(
                "at rest the verdict is {pending} pending, {dead_lettered} set aside, {lost} lost, {unexpected} unexpected, {duplicated} duplicated"
            )
        })
    }
}
