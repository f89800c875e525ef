//! Made-up registers and registrations for the tests: `Advice` in two versions, and `Cure`, which refers to it by `code`.

use std::{
    path::Path,
    sync::{Arc, LazyLock},
};

use dcd::{Definition, Definitions};
use envelope::{B64, ItemId, Text};
use hd_messages::ValidationItem;
use jiff::civil::{Date, date};
use pseudonymised::Pseudonym;
use registration::{CodeKey, Content, ContentHead, ContentKind, Place};
use uuid::Uuid;

use crate::{
    decide::Answer,
    findings::StoredFinding,
    registers::Registers,
    store::{Arrived, Batch, DhwStore},
    validate::{self, Registration},
};

pub(crate) const TODAY: Date = date(2026, 11, 21);

static DEFINITIONS: LazyLock<Arc<Definitions>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    Arc::new(Definitions::built_in().unwrap().with_directory(&folder).unwrap())
});

/// The built-in definitions and the made-up ones.
pub(crate) fn definitions() -> Arc<Definitions> {
    Arc::clone(&DEFINITIONS)
}

pub(crate) fn registers() -> Arc<Registers> {
    Arc::new(Registers::new(&DEFINITIONS))
}

pub(crate) fn pseudonym(patient: u8) -> String {
    let letter = |digit: u8| char::from(b'A' + digit);
    let code = format!("{}{}{}", "A".repeat(24), letter(patient / 26), letter(patient % 26));
    Pseudonym::assemble("healthdata", 1, &code).unwrap().to_string()
}

pub(crate) fn sender(hospital: u8) -> String {
    format!("S{}{}", "A".repeat(15), char::from(b'A' + hospital))
}

/// A registration in the making. Its item id follows from registration, version and kind.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) definition: Arc<Definition>,
    pub(crate) patient: u8,
    pub(crate) hospital: u8,
    pub(crate) registration: u32,
    pub(crate) version: u32,
    pub(crate) kind: ContentKind,
    pub(crate) cells: Vec<(Place, String)>,
}

/// A draft of a registration of `dcd` that is number `registration` of its hospital.
pub(crate) fn draft(dcd: &str, version: u32, registration: u32) -> Draft {
    let definition = definitions().exact(dcd, version).unwrap();
    let kind = ContentKind::Registration;
    Draft { definition, patient: 1, hospital: 1, registration, version: 1, kind, cells: Vec::new() }
}

/// An advice with a code.
pub(crate) fn advice(registration: u32, code: &str) -> Draft {
    draft("Advice", 1, registration).with("code", code)
}

/// A cure that starts on a day.
pub(crate) fn cure(registration: u32, start: &str) -> Draft {
    draft("Cure", 1, registration).with("start", start)
}

impl Draft {
    pub(crate) fn of_patient(self, patient: u8) -> Self {
        Self { patient, ..self }
    }

    pub(crate) fn at_hospital(self, hospital: u8) -> Self {
        Self { hospital, ..self }
    }

    pub(crate) fn in_version(self, version: u32) -> Self {
        Self { version, ..self }
    }

    pub(crate) fn deleted(self) -> Self {
        Self { kind: ContentKind::Deletion, cells: Vec::new(), ..self }
    }

    pub(crate) fn with(mut self, column: &str, value: &str) -> Self {
        let place = Place::of(self.definition.field_no(column).unwrap());
        self.cells.retain(|(at, _)| *at != place);
        self.cells.push((place, value.to_owned()));
        self
    }

    pub(crate) fn with_item(mut self, column: &str, item: u16, value: &str) -> Self {
        self.cells.push((Place::in_item(self.definition.field_no(column).unwrap(), item), value.to_owned()));
        self
    }

    pub(crate) fn item_id(&self) -> Uuid {
        let kind = u128::from(self.kind == ContentKind::Deletion);
        let number = (u128::from(self.hospital) << 64) | (u128::from(self.registration) << 16) | u128::from(self.version);
        Uuid::from_u128(number * 2 + kind)
    }

    pub(crate) fn content(&self) -> Content {
        let head = ContentHead {
            registration_id: Uuid::from_u128((u128::from(self.hospital) << 32) | u128::from(self.registration)),
            version: self.version,
            kind: self.kind,
            dcd: self.definition.name().to_owned(),
            dcd_version: self.definition.version(),
            organisation: "00000196".to_owned(),
            patient_tag: [self.patient; 16],
        };
        let cells = self.cells.iter().map(|(place, value)| (*place, value.as_str()));
        Content::reduce(head, cells, Vec::new(), &self.definition.policies(), &CodeKey::new([7; 32])).unwrap()
    }

    pub(crate) fn item(&self) -> ValidationItem {
        ValidationItem {
            id: ItemId::from_uuid(self.item_id()),
            pseudonym: Text::unchecked(pseudonym(self.patient)),
            recoded_from: Vec::new(),
            sender: Text::unchecked(sender(self.hospital)),
            content: B64(self.content().encode()),
        }
    }

    pub(crate) fn registration(&self, registers: &Registers) -> Registration {
        validate::read(&self.item(), registers, TODAY).unwrap()
    }
}

/// Settles drafts as one publication.
pub(crate) async fn settle(store: &dyn DhwStore, registers: &Registers, drafts: &[Draft]) -> Vec<Answer> {
    let arrived = Arrived { id: Uuid::from_u128(99), at: clock::Timestamp::EPOCH, registrations: drafts.len(), dead: Vec::new() };
    let registrations = drafts.iter().map(|draft| draft.registration(registers)).collect();
    store.settle(&mut Batch { registrations, publications: vec![arrived] }).await.unwrap()
}

/// All findings of a store, each as its register, unique id and rule or code.
pub(crate) async fn found(store: &dyn DhwStore) -> Vec<(String, String, String)> {
    let short = |one: StoredFinding| (one.key.dcd, one.key.unique_id, one.rule.unwrap_or(one.code));
    store.findings(None, u32::MAX).await.unwrap().into_iter().map(short).collect()
}
