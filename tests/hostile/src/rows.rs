//! Hospital files, as a register reads them.

use std::{
    io::Cursor,
    path::Path,
    sync::{Arc, LazyLock},
};

use dcd::{Context, Definition, NoAttachments, Severity};
use hd4dp::{
    form::Form,
    prepare::{self, Enclosed, Naming, Secrets},
    row,
    upload::{CheckedRow, CsvFile, UploadError},
};
use identifying::{SharedHospitalKey, TagKey};
use jiff::civil::{Date, date};
use registration::{CodeKey, Content};
use uuid::Uuid;

use crate::{REGISTERS, chosen, given, telling::assert_no_cell};

/// A day on which all registers take registrations.
const TODAY: Date = date(2026, 6, 1);
const ORGANISATION: &str = "00000196";
/// What a choosing byte has when the register's own header stands in front.
const WITH_HEADER: u8 = 0x80;

/// Keys that keep nothing secret: nothing here leaves the process.
static SECRETS: LazyLock<Secrets> = LazyLock::new(|| Secrets {
    tag: TagKey::new([1; 32]),
    generated_id: SharedHospitalKey::new([2; 32]),
    code: CodeKey::new([3; 32]),
});

/// A file of a register: the first byte chooses which, and whether the header of its template stands in front of the rest.
///
/// Holds: no finding says anything of a cell; values are kept in the order of their places, and read back from how they are stored; a row that
/// is taken in says whose it is, leaves its hospital reduced, and has no error for healthdata; and what is downloaded is what was uploaded.
pub fn rows(bytes: &[u8]) {
    let (choice, rest) = chosen(bytes);
    let definition = &REGISTERS[usize::from(choice & !WITH_HEADER) % REGISTERS.len()];
    let mut file = Vec::new();
    if choice & WITH_HEADER != 0 {
        file.extend_from_slice(definition.header_template().join(";").as_bytes());
        file.push(b'\n');
    }
    file.extend_from_slice(rest);
    match CsvFile::of(Box::new(Cursor::new(file)), Path::new("rows.csv"), definition, TODAY) {
        Ok(file) => read(definition, file),
        Err(UploadError::Refused { findings, .. }) => {
            assert!(!findings.is_empty(), "a file is refused for a reason");
            assert_no_cell(&findings);
        }
        Err(error) => assert!(matches!(error, UploadError::Refused { .. }), "reading from memory cannot fail: {error}"),
    }
}

fn read(definition: &Arc<Definition>, mut file: CsvFile) {
    while let Ok(Some(row)) = file.next_row(ORGANISATION, TODAY) {
        assert_no_cell(&row.findings);
        assert!(row.findings.iter().all(|finding| finding.line == Some(row.line)));
        assert!(row.cells.is_sorted_by(|before, behind| before.place < behind.place), "cells stand in the order of their places");
        assert!(row.cells.iter().all(|cell| !cell.value.is_empty()), "an empty cell is none");
        assert_eq!(row::decode(&row::encode(&row.cells)).as_ref(), Some(&row.cells));
        if !row.is_rejected() {
            assert_leaves(definition, &row);
            assert_downloaded(definition, &row);
        }
    }
}

/// Holds a row that was taken in to leaving its hospital, and to being right at healthdata.
fn assert_leaves(definition: &Definition, row: &CheckedRow) {
    let identity = given(prepare::identity(definition, &row.cells, &SECRETS).ok(), "whose it is, in a row that is taken in,");
    let naming = Naming { registration_id: Uuid::nil(), version: 1, organisation: ORGANISATION };
    let policies = definition.policies();
    let prepared = prepare::prepare(definition, naming, identity, &row.cells, Enclosed::default(), &policies, &SECRETS);
    let content = prepared.as_ref().ok().and_then(|prepared| Content::decode(&prepared.content).ok());
    let content = given(content, "what is sent of a row that is taken in");
    assert_eq!(content.check(&policies), Ok(()));
    let context = Context { today: TODAY, organisation: ORGANISATION, attachments: &NoAttachments };
    let found = definition.recheck(content.cells(), &context);
    assert!(
        found.iter().all(|finding| finding.severity == Severity::Warning),
        "healthdata refuses what the hospital took: {found:?}"
    );
}

/// Holds a row that was taken in to being the same when it comes back from a form.
fn assert_downloaded(definition: &Arc<Definition>, row: &CheckedRow) {
    let form = Form::of(definition, &row.cells);
    let (columns, values): (Vec<String>, Vec<&str>) = form.iter().map(|(column, value)| (column.to_owned(), value)).unzip();
    let layout = definition.layout_of_form(&columns);
    let context = Context { today: TODAY, organisation: ORGANISATION, attachments: &NoAttachments };
    let layout = given(layout.ok(), "a column of a download in its register");
    let again = layout.check(values.as_slice(), &context);
    assert!(!again.has_errors(), "a download is refused: {:?}", again.findings);
    assert!(again.cells == row.cells, "a download says something else than was uploaded");
}
