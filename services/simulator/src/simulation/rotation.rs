//! Rotation while traffic flows, and what must hold of it at rest.

use std::collections::BTreeMap;

use ehbox_hd::store::Answer;
use pseudonymisation::Pseudonymiser;
use pseudonymised::Pseudonym;
use recoding::Finding;
use sealing::keys::Party;

use super::{
    Violation, World,
    evidence::{Evidence, at_once},
    op::{KeyPair, Service},
    violation::{broken, hold},
};

const PAGE: u32 = 10_000;

impl World {
    /// The TTP begins the next epoch.
    pub(super) fn rotate(&mut self) -> Result<(), Violation> {
        self.epoch = self.shelf.add_epoch().map_err(broken("make the key of an epoch"))?;
        self.keys.look_again(Party::EhealthTtp).map_err(broken("look for keys")).map(drop)
    }

    /// healthdata has everything re-coded, also before anything of the current epoch was seen.
    pub(super) fn recode(&mut self) -> Result<(), Violation> {
        if self.disks.write(Service::EhboxHd).is_err() {
            // Whoever types the command is told so.
            return Ok(());
        }
        match &self.ehbox_hd {
            Some(client) => at_once(client.recode_to(ehealth_ttp::DOMAIN, self.epoch)),
            None => at_once(self.stores.ehbox_hd.aim_at(ehealth_ttp::DOMAIN, self.epoch)),
        }
    }

    /// A party renews its key pair. It alone looks at once; the others when they meet the new key.
    pub(super) fn renew(&mut self, service: Service) -> Result<(), Violation> {
        let party = self.party(service);
        let Some(party) = party else { return Ok(()) };
        self.shelf.renew_key_pair(party).map_err(broken("renew a key"))?;
        self.keys.look_again(party).map_err(broken("look for keys")).map(drop)
    }

    /// A party takes another key pair than its public one, or its own again.
    pub(super) fn change_keys(&mut self, service: Service, pair: KeyPair) -> Result<(), Violation> {
        let Some(party) = self.party(service) else { return Ok(()) };
        match pair {
            KeyPair::Wrong => self.shelf.use_wrong_key_pair(party).map_err(broken("make a key"))?,
            KeyPair::Foreign => self.shelf.use_foreign_key_pair(party),
            KeyPair::Own => self.shelf.use_own_key_pair(party),
        }
        self.keys.look_again(party).map_err(broken("look for keys")).map(drop)
    }

    /// Tells healthdata's messaging client that a patient is, from now on, who another one will be.
    pub(super) fn mistake_patient(&mut self) -> Result<(), Violation> {
        let mut patients = self.pseudonyms_at_dhw()?.into_keys();
        let (Some(old), Some(other)) = (patients.next(), patients.next()) else {
            return Err(Violation::new("there are no two patients to take for each other"));
        };
        let keys = self.keys.ttp.get();
        let masters = keys.masters.iter().map(|(epoch, master)| (*epoch, master.bytes()));
        let pseudonymiser = Pseudonymiser::new(ehealth_ttp::DOMAIN, masters).map_err(broken("use the TTP's keys"))?;
        let other: Pseudonym = other.parse().map_err(broken("read a pseudonym"))?;
        let new = pseudonymiser.recode(&other).map_err(broken("re-code a pseudonym"))?.to_string();
        at_once(self.stores.ehbox_hd.answered(&[Answer { old, new: Some(new) }], self.now(), &[])).map(drop)
    }
}

impl Evidence {
    /// The epoch of the TTP's keys.
    #[must_use]
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Re-coding jobs that healthdata's messaging client began, and how many are done.
    ///
    /// # Errors
    ///
    /// A [`Violation`] when the store cannot be asked.
    pub fn jobs(&self) -> Result<(usize, usize), Violation> {
        let jobs = at_once(self.stores.ehbox_hd.jobs())?;
        Ok((jobs.len(), jobs.iter().filter(|job| job.ended_at.is_some()).count()))
    }

    /// Everything that could not be re-coded, at any of healthdata's stores.
    ///
    /// # Errors
    ///
    /// A [`Violation`] when a store cannot be asked.
    pub fn recode_findings(&self) -> Result<Vec<Finding>, Violation> {
        let mut findings = at_once(self.stores.ehbox_hd.recode_findings())?;
        findings.extend(at_once(self.stores.hd4res.recode_findings())?);
        findings.extend(at_once(self.stores.dhw.recode_findings())?);
        Ok(findings)
    }

    /// The pseudonyms of the data warehouse's rows, as often as each stands there.
    ///
    /// # Errors
    ///
    /// A [`Violation`] when the store cannot be asked.
    pub fn pseudonyms_at_dhw(&self) -> Result<BTreeMap<String, usize>, Violation> {
        let mut found = BTreeMap::new();
        for (_, _, number) in self.tables()? {
            for row in at_once(self.stores.dhw.rows(number, None, PAGE))? {
                *found.entry(row.pseudonym).or_default() += 1;
            }
        }
        Ok(found)
    }

    /// The party of a service that has a key pair.
    pub(crate) fn party(&self, service: Service) -> Option<Party> {
        match service {
            Service::EhboxHco(hospital) => self.laboratory.hospitals.get(&hospital).copied().map(Party::EhboxHco),
            Service::EhealthTtp => Some(Party::EhealthTtp),
            Service::EhboxHd => Some(Party::EhboxHd),
            Service::Hd4dp(_) | Service::Hd4res | Service::Dhw => None,
        }
    }

    /// What is left to re-code.
    pub(super) fn to_recode(&self) -> Result<Vec<String>, Violation> {
        let mut unfinished = Vec::new();
        let left = at_once(self.stores.ehbox_hd.to_recode(PAGE))?.len();
        if left > 0 {
            unfinished.push(format!("{left} pseudonyms of earlier epochs"));
        }
        let untold = at_once(self.stores.ehbox_hd.untold(PAGE))?.len() + at_once(self.stores.hd4res.untold(PAGE))?.len();
        if untold > 0 {
            unfinished.push(format!("{untold} pairs that were not told"));
        }
        Ok(unfinished)
    }

    /// At rest every patient has one pseudonym over all registers and hospitals, of the latest epoch that healthdata saw.
    pub(super) fn check_epoch(&self) -> Result<(), Violation> {
        let findings = self.recode_findings()?.len();
        hold("P-33", findings == 0, || format!("{findings} pseudonyms could not be re-coded"))?;
        let (begun, done) = self.jobs()?;
        hold("P-33", begun == done, || format!("{begun} jobs were begun and {done} are done"))?;
        let (mut of_patient, mut epochs) = (BTreeMap::new(), BTreeMap::new());
        for (register, version, number) in self.tables()? {
            for row in at_once(self.stores.dhw.rows(number, None, PAGE))? {
                let Some((name, _)) = self.laboratory.named_by((register, version), &row.cells) else { continue };
                let identity = self.laboratory.identity(name)?.reveal().to_owned();
                let pseudonym: Pseudonym = row.pseudonym.parse().map_err(broken("read a pseudonym"))?;
                *epochs.entry(pseudonym.epoch()).or_insert(0) += 1;
                let is_other = row.key.unique_id.contains("healthdata.") && !row.key.unique_id.contains(pseudonym.as_str());
                hold("P-33", !is_other, || format!("the unique id of row {name} has another pseudonym than the row"))?;
                let before = of_patient.insert(identity, pseudonym.clone());
                hold("P-33", before.is_none_or(|before| before == pseudonym), || {
                    format!("the patient of row {name} has two pseudonyms")
                })?;
            }
        }
        hold("P-33", epochs.len() < 2, || format!("rows stand under several epochs: {epochs:?}"))?;
        for row in self.model.revisions.keys() {
            let Some(known) = self.known(*row)? else { continue };
            let researcher = self.stores.hd4res.researcher();
            let Some(record) = at_once(researcher.of_registration(known.registration_id))? else { continue };
            let Some(view) = at_once(researcher.view(record))? else { continue };
            let at_dhw = of_patient.get(self.laboratory.identity(*row)?.reveal());
            let agrees = at_dhw.is_none_or(|pseudonym| *pseudonym.as_str() == *view.pseudonym);
            hold("P-33", agrees, || format!("HD4RES and the data warehouse have two pseudonyms for the patient of row {row}"))?;
        }
        Ok(())
    }
}
