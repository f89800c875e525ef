//! The researcher's file: all that healthdata holds of one register, `researcher/<dcd>.csv`. A working file inside healthdata, never a release.
//!
//! RFC 4180, sorted by the pseudonym under which a patient came first: `pseudonym`, then every column that healthdata may have, in the definition's order and under healthdata's
//! names. A repeating list has as many items as the longest one in the store, at least one. A register with several versions in the store
//! gets the columns of the newest, then those that only older ones have.

use std::{
    collections::{HashMap, VecDeque},
    io,
};

use dcd::{Definition, Field, Group, GroupKind};
use registration::Place;

use crate::{
    error::ExportError,
    registers::{Register, Registers},
    store::{DhwStore, RowKey, StoredRow},
};

/// Registrations that are read from the store at once.
const PAGE: u32 = 500;

/// Writes the file of the register `dcd` (its name in any case) and returns how many registrations it holds. Memory does not grow with
/// the store. Call it when nothing comes in any more: every page is as new as its reading.
///
/// # Errors
///
/// [`ExportError`] of the store or of the writer.
pub async fn export(
    store: &dyn DhwStore,
    registers: &Registers,
    dcd: &str,
    writer: impl io::Write + Send,
) -> Result<u64, ExportError> {
    let of_dcd = |(_, register): &(usize, &Register)| register.definition().name().eq_ignore_ascii_case(dcd);
    let mut versions: Vec<(usize, &Definition)> =
        registers.list().iter().enumerate().filter(of_dcd).map(|(number, register)| (number, &**register.definition())).collect();
    // The newest version decides the order of the columns.
    versions.reverse();
    let mut widths: HashMap<&str, u16> = HashMap::new();
    for (number, definition) in &versions {
        for (list, width) in lists(definition).zip(store.list_widths(*number).await?) {
            let widest = widths.entry(list.column()).or_insert(1);
            *widest = width.max(*widest);
        }
    }
    let mut versions: Vec<Version> =
        versions.into_iter().map(|(number, definition)| Version::new(number, columns(definition, &widths))).collect();
    let header = header(&mut versions);
    let mut file = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(writer);
    file.write_record(std::iter::once("pseudonym").chain(header.iter().map(String::as_str)))?;
    let mut count = 0;
    loop {
        for version in &mut versions {
            version.fill(store).await?;
        }
        let next = versions.iter_mut().filter(|version| !version.page.is_empty());
        let Some(version) = next.min_by(|a, b| a.key().cmp(&b.key())) else { break };
        let Some(row) = version.page.pop_front() else { break };
        file.write_record(record(version, &row, header.len())?)?;
        count += 1;
    }
    file.flush()?;
    Ok(count)
}

/// One version of the register while it is read.
struct Version {
    register: usize,
    columns: Vec<(Place, String)>,
    places: HashMap<Place, usize>,
    page: VecDeque<StoredRow>,
    after: Option<RowKey>,
    is_read: bool,
}

impl Version {
    fn new(register: usize, columns: Vec<(Place, String)>) -> Self {
        Self { register, columns, places: HashMap::new(), page: VecDeque::new(), after: None, is_read: false }
    }

    fn key(&self) -> Option<&RowKey> {
        self.page.front().map(|row| &row.key)
    }

    /// Reads the next page when the one before is used up.
    async fn fill(&mut self, store: &dyn DhwStore) -> Result<(), ExportError> {
        if self.page.is_empty() && !self.is_read {
            self.page = store.rows(self.register, self.after.as_ref(), PAGE).await?.into();
            self.is_read = self.page.len() < PAGE as usize;
            self.after = self.page.back().map(|row| row.key.clone());
        }
        Ok(())
    }
}

/// The columns of all versions, newest first, and for each version where its places stand among them.
fn header(versions: &mut [Version]) -> Vec<String> {
    let mut header: Vec<String> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for version in versions {
        for (place, name) in std::mem::take(&mut version.columns) {
            let at = *known.entry(name).or_insert_with_key(|name| {
                header.push(name.clone());
                header.len() - 1
            });
            version.places.insert(place, at);
        }
    }
    header
}

/// The repeating lists of a definition, in its order.
fn lists(definition: &Definition) -> impl Iterator<Item = &Group> {
    definition.groups().iter().filter(|group| group.kind() == GroupKind::List)
}

/// The columns of a definition, its lists with so many items as `widths` says of each.
fn columns(definition: &Definition, widths: &HashMap<&str, u16>) -> Vec<(Place, String)> {
    let mut columns = Vec::new();
    let fields = || (0..).zip(definition.fields());
    for (number, field) in fields() {
        let Some(group) = lists(definition).find(|group| group.fields().contains(&number)) else {
            columns.extend(field.hd_column().map(|name| (Place::of(number), name)));
            continue;
        };
        // All columns of a list stand where its first field does.
        if number != group.fields().start {
            continue;
        }
        let items = widths.get(group.column()).copied().unwrap_or(1);
        let digits = (items - 1).to_string().len().max(2);
        for item in 0..items {
            let of_list = fields().filter(|(number, _)| group.fields().contains(number));
            let named = of_list.filter_map(|(number, field)| Some((Place::in_item(number, item), indexed(field, item, digits)?)));
            columns.extend(named);
        }
    }
    columns
}

/// Healthdata's name of a list's column with the number of the item: `variants|00|gene`.
fn indexed(field: &Field, item: u16, digits: usize) -> Option<String> {
    let (name, list) = (field.hd_column()?, field.list()?);
    let rest = name.strip_prefix(list)?;
    Some(format!("{list}|{item:0digits$}{rest}"))
}

fn record<'a>(version: &Version, row: &'a StoredRow, columns: usize) -> Result<Vec<&'a str>, ExportError> {
    let mut record = vec![""; columns + 1];
    if let Some(first) = record.first_mut() {
        *first = &row.pseudonym;
    }
    for cell in &row.cells {
        let at = version.places.get(&cell.place).ok_or(ExportError::Changed)?;
        if let Some(value) = record.get_mut(at + 1) {
            *value = &cell.value;
        }
    }
    Ok(record)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        sample::{Draft, advice, draft, pseudonym, registers, settle},
        store::{MemoryStore, SqlStore},
    };

    async fn exported(store: &dyn DhwStore, registers: &Registers, dcd: &str) -> Vec<Vec<String>> {
        let mut file = Vec::new();
        let count = export(store, registers, dcd, &mut file).await.unwrap();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(file.as_slice());
        let records: Vec<Vec<String>> =
            reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect();
        assert_eq!(records.len() as u64, count + 1);
        records
    }

    async fn in_memory(drafts: &[Draft], dcd: &str) -> Vec<Vec<String>> {
        let registers = registers();
        let store = MemoryStore::new(Arc::clone(&registers));
        settle(&store, &registers, drafts).await;
        exported(&store, &registers, dcd).await
    }

    #[tokio::test]
    async fn a_register_without_registrations_has_its_whole_header() {
        let records = in_memory(&[], "precision_LOCAL_mab").await;
        assert_eq!(records.len(), 1);
        let header: Vec<&str> = records[0].iter().map(String::as_str).collect();
        assert_eq!(header[..4], ["pseudonym", "patient_id|generated", "patient_id|year_of_birth", "patient_id|sex"]);
        for column in ["patient_id|postal_area", "variants|00|gene", "anthropometry|bmi", "local_mab_advice|trial_number"] {
            assert!(header.contains(&column), "{column}");
        }
        for column in ["patient_id", "patient_id|name", "patient_id|date_of_birth", "responsible_physician", "variants|01|gene"] {
            assert!(!header.contains(&column), "{column}");
        }
    }

    #[tokio::test]
    async fn lists_are_as_wide_as_the_longest_one() {
        let long = advice(1, "A-1").with_item("variants|gene", 100, "EGFR").with_item("variants|vaf", 100, "1.5");
        let records = in_memory(&[long, advice(2, "A-2").of_patient(2).with("closing", "end")], "Advice").await;
        let first = records[0].iter().position(|name| name == "variants|000|gene").unwrap();
        assert_eq!(records[0][first + 1], "variants|000|vaf");
        assert_eq!(records[0][first + 200..first + 203], ["variants|100|gene", "variants|100|vaf", "closing"]);
        assert_eq!(records[1][first + 200..first + 203], ["EGFR", "1.5", ""]);
        assert_eq!(records[2][first + 202], "end");
    }

    #[tokio::test]
    async fn versions_share_one_file_in_one_order() {
        let drafts: Vec<Draft> = (0..20_u8)
            .map(|number| draft("Advice", 1 + u32::from(number % 3 == 0), u32::from(number)).of_patient((number * 7) % 20))
            .map(|draft| {
                let code = format!("A-{}", draft.registration);
                draft.with("code", &code)
            })
            .collect();
        let registers = registers();
        let folder = tempfile::tempdir().unwrap();
        let store = SqlStore::open(folder.path(), Arc::clone(&registers)).await.unwrap();
        settle(&store, &registers, &drafts).await;
        let records = exported(&store, &registers, "Advice").await;
        let pseudonyms: Vec<&str> = records[1..].iter().map(|record| record[0].as_str()).collect();
        let mut expected: Vec<String> = (0..20).map(pseudonym).collect();
        expected.sort();
        assert_eq!(pseudonyms, expected);
        assert_eq!(records[0][3..6], ["code", "added", "given"], "the newest version decides the order of the columns");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn whatever_a_text_holds_is_read_back(notes in ".+", gene in any::<String>(), code in "[ \",;\r\n\\\\|=é\u{0}]{1,9}") {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let draft = advice(1, &code).with("notes", &notes).with_item("variants|gene", 0, &gene);
            let records = runtime.block_on(in_memory(&[draft], "Advice"));
            let at = |column: &str| records[0].iter().position(|name| name == column).unwrap();
            prop_assert_eq!(&records[1][at("notes")], &notes);
            prop_assert_eq!(&records[1][at("variants|00|gene")], &gene);
            prop_assert_eq!(&records[1][at("code")], &code);
        }
    }
}
