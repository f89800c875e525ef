//! Definitions of registers, as whoever installs one may write them.

use std::{collections::BTreeSet, sync::Arc};

use dcd::{Context, Definition, Definitions, Language, NoAttachments};
use jiff::civil::date;

/// The lists that a definition here may name: a few codes each.
const LISTS: [(&str, &str); 7] = [
    ("SEX", "# source: s\n# date: d\n# complete: yes\ncode,en,nl,fr\n248153007,m,m,m\n248152002,f,v,f\n261665006,u,o,i\n"),
    ("STAGE", "# source: s\n# date: d\n# complete: yes\ncode,en,nl,fr\nI,a,b,c\nII,a,b,c\nIII,a,b,c\nIV,a,b,c\n"),
    ("SITE", "# source: s\n# date: d\n# complete: yes\ncode,en,nl,fr\nLIVER,a,b,c\nLUNG,a,b,c\nOTHER,a,b,c\n"),
    ("SCORE", "# source: s\n# date: d\n# complete: yes\ncode,en,nl,fr\n0,a,b,c\n\"0,5\",a,b,c\n1,a,b,c\n2,a,b,c\n"),
    ("VARIANT", "# source: s\n# date: d\n# complete: yes\ncode,en,nl,fr\nSNV,a,b,c\nCNV,a,b,c\n"),
    ("GENE", "# source: s\n# date: d\n# complete: no\n# pattern: [A-Z0-9]+\ncode,en,nl,fr\nEGFR,a,b,c\nKRAS,a,b,c\n"),
    ("POSTAL", "# source: s\n# date: d\n# complete: no\n# pattern: \\d{3,4}\ncode,en,nl,fr\n3000,a,b,c\n999,a,b,c\n"),
];

/// Values that are tried in every column.
const VALUES: [&str; 8] = ["", "64031299906", "10/02/2024", "1,5", "TRUE", "EGFR|KRAS", "3000", "a\nb"];

/// The JSON of a definition.
///
/// Holds: one that is refused is refused with its file; one that is read has columns that are all different, lead to their fields and stand in a header
/// that it takes, at the hospital and at healthdata; and rows of any values are checked, with a message in every language.
pub fn definition(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let definition = match Definitions::single(text, &LISTS) {
        Ok(definition) => definition,
        Err(error) => {
            assert!(error.to_string().contains(" definition.json, "), "{error}");
            return;
        }
    };
    let again = Definitions::single(text, &LISTS);
    assert!(again.is_ok_and(|again| again.fingerprint() == definition.fingerprint()), "a definition is read as another");
    let columns: Vec<&str> = definition.fields().iter().map(dcd::Field::column).collect();
    assert_eq!(columns.iter().collect::<BTreeSet<_>>().len(), columns.len(), "two fields have one column");
    assert!((0..).zip(&columns).all(|(number, column)| definition.field_no(column) == Some(number)));
    let hd_columns = definition.hd_columns();
    assert_eq!(hd_columns.iter().collect::<BTreeSet<_>>().len(), hd_columns.len(), "healthdata has two columns of one name");
    assert_eq!(definition.policies().len(), columns.len());
    assert_checks(&definition);
}

fn assert_checks(definition: &Arc<Definition>) {
    let header = definition.header_template();
    let layout = definition.layout(&header);
    assert!(layout.is_ok(), "a definition refuses its own template: {layout:?}");
    let Ok(layout) = layout else { return };
    let context = Context { today: date(2026, 6, 1), organisation: "00000196", attachments: &NoAttachments };
    for first in 0..VALUES.len() {
        let row: Vec<&str> = (0..header.len()).map(|column| VALUES[(first + column * first) % VALUES.len()]).collect();
        let checked = layout.check(row.as_slice(), &context);
        assert!(checked.cells.is_sorted_by(|before, behind| before.place < behind.place));
        let found = [checked.findings, definition.recheck(&checked.cells, &context)].concat();
        for finding in found {
            assert!(Language::ALL.iter().all(|language| !finding.report_text(*language).is_empty()));
        }
    }
}
