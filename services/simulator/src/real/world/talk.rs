//! What processes say, and are told to do for people.

use std::sync::Arc;

use hd4dp::store::UploadId;
use store::Location;

use super::{Given, RealWorld, stuck};
use crate::{
    real::{
        order::{self, Order, Word},
        process::{Event, Generation},
    },
    simulation::{
        Hospital, Register, RowName, Service, Violation,
        deeds::Progress,
        desk::{Ending, Upload, lock},
        laboratory::Values,
    },
};

impl RealWorld<'_> {
    /// Hears everybody, lets the next uploads and deeds begin, starts again who was killed. Whether there was anything to do.
    pub(in crate::real) fn attend(&mut self) -> Result<bool, Violation> {
        let runtime = self.runtime.clone();
        if self.ground.is_interrupted() {
            return Err(Violation::new("interrupted"));
        }
        let before = self.heard;
        while let Ok((service, generation, event)) = self.events.try_recv() {
            self.heard += 1;
            self.hear(service, generation, event)?;
        }
        for service in self.sight.caught() {
            runtime.block_on(self.crash(service)).map_err(stuck)?;
        }
        let late = if self.is_away { Vec::new() } else { self.sight.due() };
        for (route, payload) in late {
            self.smuggle(&route, payload)?;
        }
        for hospital in Hospital::ALL {
            self.attend_desk(hospital)?;
        }
        let places: Vec<Service> = self.evidence.screens.keys().copied().collect();
        for service in places {
            self.attend_screen(service)?;
        }
        Ok(self.heard != before)
    }

    fn hear(&mut self, service: Service, generation: Generation, event: Event) -> Result<(), Violation> {
        let runtime = self.runtime.clone();
        let Some(process) = self.running.get_mut(&service).filter(|process| process.generation == generation) else {
            if let Event::Logs(line) = event {
                self.lines.push(line);
            }
            return Ok(());
        };
        match event {
            Event::Logs(line) => self.lines.push(line),
            Event::Says(Word::Ready) => process.is_ready = true,
            Event::Says(Word::Reached(point)) => {
                let point = order::point(&point).ok_or_else(|| Violation::new("a process stands nowhere"))?;
                if let Some(times) = self.traps.get_mut(&(service, point)) {
                    *times = times.saturating_sub(1);
                }
                runtime.block_on(self.crash(service)).map_err(stuck)?;
            }
            Event::Says(Word::Done { number, upload, failed, is_disk_full }) => {
                self.done(number, upload, (failed, is_disk_full))?;
            }
            Event::Ends => {
                let last = self.lines.last().map(|line| line.text.clone()).unwrap_or_default();
                return Err(Violation::new(format!("{service:?} ended by itself; its last words: {last}")));
            }
        }
        Ok(())
    }

    fn done(
        &mut self,
        number: u64,
        upload: Option<i64>,
        (failed, is_disk_full): (Option<String>, bool),
    ) -> Result<(), Violation> {
        let Some(waiting) = self.waiting.remove(&number) else { return Ok(()) };
        let service = waiting.service;
        let failed = failed.map(|text| Violation::new(format!("{service:?} failed to {text}")));
        match waiting.order {
            Given::Upload(hospital, brought, progress) => {
                if let Some(upload) = upload {
                    self.know_taken(hospital, &brought, UploadId(upload))?;
                }
                *lock(&progress) = Some(match failed {
                    None => Ending::Taken,
                    Some(_) if is_disk_full => Ending::DiskFull,
                    Some(violation) => Ending::Broken(violation),
                });
            }
            Given::Other(progress) => *lock(&progress) = Some(failed.map_or(Ok(()), Err)),
        }
        Ok(())
    }

    /// The rows of an upload that were not refused.
    fn know_taken(&self, hospital: Hospital, brought: &Upload, upload: UploadId) -> Result<(), Violation> {
        let store = self.evidence.hd4dp_store(hospital)?;
        let of_upload = self.runtime.block_on(store.uploaded(upload, None, u32::MAX)).map_err(stuck)?;
        let mut taken: Vec<(RowName, u32)> = Vec::new();
        for Values { row, revision, .. } in &brought.rows {
            let known = self.evidence.known(*row)?;
            let is_taken = |id| of_upload.iter().any(|item| item.registration_id == id);
            if known.is_some_and(|known| is_taken(known.registration_id)) {
                taken.push((*row, *revision));
            }
        }
        if let Some(desk) = self.evidence.desks.get(&hospital) {
            desk.know_taken(taken);
        }
        Ok(())
    }

    /// What stands in the stores and is not asked for each time: the uploads, finished or not, and the epoch that healthdata re-codes to.
    pub(in crate::real) fn know_stores(&mut self) -> Result<(), Violation> {
        if self.evidence.epoch > 1 {
            // A store remembers the epoch that its own process has learnt of.
            let location = Location::Folder(self.place.store_of(ehbox_hd::SERVICE));
            let opened = self.runtime.block_on(ehbox_hd::store::SqlStore::open(location)).map_err(stuck)?;
            self.evidence.stores.ehbox_hd = Arc::new(opened);
        }
        for (hospital, desk) in &self.evidence.desks {
            let store = self.evidence.hd4dp_store(*hospital)?;
            let uploads = self.runtime.block_on(store.uploads(None, None, u32::MAX)).map_err(stuck)?;
            desk.know_begun(uploads.into_iter().map(|upload| upload.id).collect());
        }
        Ok(())
    }

    fn is_ready(&self, service: Service) -> bool {
        self.running.get(&service).is_some_and(|process| process.is_ready)
    }

    fn attend_desk(&mut self, hospital: Hospital) -> Result<(), Violation> {
        let (runtime, service) = (self.runtime.clone(), Service::Hd4dp(hospital));
        if !self.is_ready(service) {
            return Ok(());
        }
        let is_full = self.full.contains(&service);
        let begun = self.evidence.desks.get_mut(&hospital).map_or(Ok(None), |desk| desk.begin(|| is_full))?;
        let Some((upload, progress)) = begun else { return Ok(()) };
        let bytes = self.evidence.laboratory.file(upload.register, &upload.rows)?;
        let register = upload.register.name().to_owned();
        let number = self.numbered(service, Given::Upload(hospital, upload, progress));
        let file = self.place.bring(number, &bytes).map_err(stuck)?;
        runtime.block_on(self.tell(service, &Order::Upload { number, register, file }));
        Ok(())
    }

    fn attend_screen(&mut self, service: Service) -> Result<(), Violation> {
        let runtime = self.runtime.clone();
        if !self.is_ready(service) {
            return Ok(());
        }
        let screens = &mut self.evidence.screens;
        let wish = screens.get_mut(&service).map_or(Ok(None), |screen| screen.next())?;
        let Some(wish) = wish else { return Ok(()) };
        let Some((row, registration)) = self.evidence.named(wish)? else { return Ok(()) };
        let progress = Progress::default();
        self.evidence.screens.entry(service).or_default().begin(Arc::clone(&progress));
        let number = self.numbered(service, Given::Other(progress));
        let (deed, register) = (order::deed_name(wish.deed), Register::name(row.register).to_owned());
        let order = Order::Deed { number, deed, register, registration: registration.to_string() };
        runtime.block_on(self.tell(service, &order));
        Ok(())
    }

    /// Nobody stands in a log or where he may not, so far.
    pub(in crate::real) fn look(&mut self) -> Result<(), Violation> {
        let lines = std::mem::take(&mut self.lines);
        self.evidence.read_log(lines)?;
        self.evidence.inspector.complaint().map_or(Ok(()), Err)
    }

    /// Whether somebody has not come up yet.
    pub(in crate::real) fn is_starting(&self) -> bool {
        self.running.values().any(|process| !process.is_ready)
    }

    /// Whether somebody does what he was told, or waits with it.
    pub(in crate::real) fn is_obeying(&self) -> bool {
        !self.waiting.is_empty()
    }
}
