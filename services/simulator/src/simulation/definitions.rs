//! Newer versions of definitions: what comes into force at one party after the other.

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError},
};

use dcd::{Definition, Definitions};
use dhw::{DhwStore, MemoryStore, Registers};
use registration::{Cell, Place};
use serde_json::{Value, json};

use super::{
    Laboratory, Violation, World,
    disk::OnDisk,
    evidence::Evidence,
    op::{Register, Service},
    violation::{broken, ensure},
};

/// The versions that a register's definition may have.
pub(super) const VERSIONS: [u32; 2] = [1, 2];
/// The field that the second version has more, before all others: so every field has another number there.
const NEW_FIELD: &str = "data_entry_note";
/// What it holds in every row.
const NEW_VALUE: &str = "by the second version";

impl Laboratory {
    /// The definitions of a party that has the second version of these registers.
    pub(super) fn definitions_with(&self, newer: &BTreeSet<Register>) -> Result<Arc<Definitions>, Violation> {
        if newer.is_empty() {
            return Ok(Arc::clone(&self.definitions));
        }
        let mut known = self.newer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(definitions) = known.get(newer) {
            return Ok(Arc::clone(definitions));
        }
        let mut definitions = Arc::clone(&self.definitions);
        for register in newer {
            let [first, second] = VERSIONS;
            let json = definitions.json(register.name(), first).ok_or_else(|| Violation::new("a register is not built in"))?;
            let json = second_version(json).map_err(broken("write a second version"))?;
            let with = definitions.with_definition(register.name(), second, json);
            definitions = Arc::new(with.map_err(broken("load a second version"))?);
        }
        known.insert(newer.clone(), Arc::clone(&definitions));
        Ok(definitions)
    }

    /// A version of a register's definition.
    pub(super) fn version(&self, register: Register, version: u32) -> Result<Arc<Definition>, Violation> {
        let definitions = match version {
            1 => Arc::clone(&self.definitions),
            _ => self.definitions_with(&Register::ALL.into())?,
        };
        definitions
            .exact(register.name(), version)
            .ok_or_else(|| Violation::new(format!("{register:?} has no version {version}")))
    }

    /// Adds what only the second version has.
    pub(super) fn fill_new_field(definition: &Definition, cells: &mut Vec<Cell>) {
        if let Some(place) = definition.field_no(NEW_FIELD).map(Place::of) {
            let at = cells.partition_point(|cell| cell.place < place);
            cells.insert(at, Cell { place, value: NEW_VALUE.to_owned() });
        }
    }
}

/// The same definition with the next number and one more field, before all others.
fn second_version(json: &str) -> Result<String, serde_json::Error> {
    let mut definition: Value = serde_json::from_str(json.trim_start_matches('\u{feff}'))?;
    let text = |en: &str, nl: &str, fr: &str| json!({ "en": en, "nl": nl, "fr": fr });
    let section = json!({
        "label": text("Data entry", "Gegevensinvoer", "Saisie des donn\u{e9}es"),
        "fields": [{
            "name": NEW_FIELD,
            "type": "text",
            "label": text("Note on data entry", "Opmerking bij de invoer", "Remarque sur la saisie"),
            "help": text("New in this version.", "Nieuw in deze versie.", "Nouveau dans cette version."),
            "hd": "as_is",
            "max_length": 100,
        }],
    });
    definition["version"] = json!(VERSIONS[1]);
    if let Some(sections) = definition["sections"].as_array_mut() {
        sections.insert(0, section);
    }
    Ok(definition.to_string())
}

impl World {
    /// A party, or everybody, starts again with the second version of a register's definition.
    pub(super) fn new_definition(&mut self, register: Register, at: Option<Service>) -> Result<(), Violation> {
        let services = at.map_or_else(|| self.services(), |service| vec![service]);
        for service in services.into_iter().filter(|service| service.reads_definitions()) {
            if !self.newer.entry(service).or_default().insert(register) {
                continue;
            }
            let is_running = self.is_running(service);
            self.stop(service);
            if service == Service::Dhw {
                self.reopen_warehouse()?;
            }
            if is_running {
                self.start(service)?;
            }
        }
        let mut readers = self.services().into_iter().filter(|service| service.reads_definitions());
        let first = readers.next().map(|service| self.newer_at(service));
        let has_two_versions = readers.any(|service| Some(self.newer_at(service)) != first);
        self.had_two_versions |= has_two_versions;
        Ok(())
    }

    /// The registers of which a service has the second version.
    pub(super) fn newer_at(&self, service: Service) -> BTreeSet<Register> {
        self.newer.get(&service).cloned().unwrap_or_default()
    }

    fn reopen_warehouse(&mut self) -> Result<(), Violation> {
        let definitions = self.laboratory.definitions_with(&self.newer_at(Service::Dhw))?;
        let registers = Arc::new(Registers::new(&definitions));
        self.warehouse = Arc::new(self.warehouse.reopened(Arc::clone(&registers)));
        let store = OnDisk::new(Service::Dhw, &self.disks, &(Arc::clone(&self.warehouse) as Arc<dyn DhwStore>));
        self.registers = registers;
        self.stores.dhw = store;
        Ok(())
    }
}

impl Evidence {
    /// The data warehouse's tables: register, version of its definition, number.
    pub(super) fn tables(&self) -> Result<Vec<(Register, u32, usize)>, Violation> {
        let all = Register::ALL.into_iter().flat_map(|register| VERSIONS.map(|version| (register, version)));
        let tables =
            all.filter_map(|(register, version)| Some((register, version, self.registers.number(register.name(), version)?)));
        let tables: Vec<_> = tables.collect();
        ensure(tables.len() >= Register::ALL.len(), || "the data warehouse does not know a register".to_owned())?;
        Ok(tables)
    }
}

/// A data warehouse of the first versions.
pub(super) fn warehouse(definitions: &Definitions) -> (Arc<Registers>, Arc<MemoryStore>) {
    let registers = Arc::new(Registers::new(definitions));
    (Arc::clone(&registers), Arc::new(MemoryStore::new(registers)))
}
