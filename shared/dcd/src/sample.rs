//! A small register of the tests' own, with every kind of field and rule.

use std::sync::Arc;

use jiff::civil::{Date, date};

use crate::{AttachmentSource, Checked, Context, Definition, Definitions, Finding};

pub(crate) const JSON: &str = include_str!("sample/definition.json");

pub(crate) const LISTS: &[(&str, &str)] = &[
    ("SEX", "# source: s\n# date: d\n# complete: yes\ncode,en,nl,fr\n248153007,m,m,m\n248152002,f,v,f\n261665006,u,o,i\n"),
    ("STAGE", "# source: s\n# date: d\n# complete: yes\ncode,en,nl,fr\nI,a,b,c\nII,a,b,c\nIII,a,b,c\nIV,a,b,c\n"),
    ("SITE", "# source: s\n# date: d\n# complete: yes\ncode,en,nl,fr\nLIVER,a,b,c\nLUNG,a,b,c\nOTHER,a,b,c\n"),
    ("SCORE", "# source: s\n# date: d\n# complete: yes\ncode,en,nl,fr\n0,a,b,c\n\"0,5\",a,b,c\n1,a,b,c\n2,a,b,c\n"),
    ("VARIANT", "# source: s\n# date: d\n# complete: yes\ncode,en,nl,fr\nSNV,a,b,c\nCNV,a,b,c\n"),
    ("GENE", "# source: s\n# date: d\n# complete: no\n# pattern: [A-Z0-9]+\ncode,en,nl,fr\nEGFR,a,b,c\nKRAS,a,b,c\nTP53,a,b,c\n"),
    (
        "POSTAL",
        "# source: s\n# date: d\n# complete: no\n# pattern: \\d{3,4}\ncode,en,nl,fr\n3000,Leuven,Leuven,Louvain\n999,a,b,c\n9999,a,b,c\n",
    ),
];

pub(crate) fn definition() -> Arc<Definition> {
    Definitions::single(JSON, LISTS).unwrap()
}

/// A number without a living bearer: a man born on 12/03/1964.
pub(crate) const NUMBER: &str = "64031299906";

/// A row without findings.
pub(crate) const GOOD: &[(&str, &str)] = &[
    ("patient_id", NUMBER),
    ("patient_id|internal_patient_id", "PAT-4711"),
    ("patient_id|generated", ""),
    ("patient_id|name", "Janssens"),
    ("patient_id|first_name", "Jan"),
    ("patient_id|date_of_birth", "12/03/1964"),
    ("patient_id|sex", "248153007"),
    ("patient_id|postcode", "3000"),
    ("case", "CASE-1"),
    ("seen", "10/02/2024"),
    ("reported", "20/02/2024"),
    ("stage", "II"),
    ("sites", "LIVER|LUNG"),
    ("sites|specify", ""),
    ("body|weight", "70,50"),
    ("body|height", "175"),
    ("g8|food", ""),
    ("g8|health", ""),
    ("variants|00|gene", "EGFR"),
    ("variants|00|kind", ""),
    ("variants|00|copies", ""),
    ("variants|00|found", "11/02/2024"),
    ("variants|00|rank", "1"),
    ("variants|00|response", "III"),
    ("variants|00|secret", ""),
    ("variants|01|gene", "KRAS"),
    ("variants|01|kind", "CNV"),
    ("variants|01|copies", "12"),
    ("variants|01|found", "12/02/2024"),
    ("variants|01|rank", "2"),
    ("variants|01|response", "II"),
    ("variants|01|secret", ""),
    ("none_found", "FALSE"),
    ("drug", "anything"),
    ("tags", "a|b"),
    ("laboratory", "I"),
    ("file", "CASE-1.vcf"),
    ("report", ""),
    ("comment", "line one\nline two"),
];

pub(crate) const TODAY: Date = date(2024, 6, 1);

/// Files that are as large as their names say.
pub(crate) struct Files;

impl AttachmentSource for Files {
    fn size(&self, name: &str) -> Option<u64> {
        match name {
            "CASE-1.vcf" | "exact.pdf" => Some(100),
            "small.pdf" => Some(50),
            "large.pdf" => Some(101),
            _ => None,
        }
    }
}

pub(crate) fn context() -> Context<'static> {
    Context { today: TODAY, organisation: "00000196", attachments: &Files }
}

/// The good row with some cells replaced or columns added.
pub(crate) fn row(changes: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
    let mut cells: Vec<(String, String)> =
        GOOD.iter().map(|(column, value)| ((*column).to_owned(), (*value).to_owned())).collect();
    for (column, value) in changes {
        match cells.iter_mut().find(|(name, _)| name == column) {
            Some((_, cell)) => (*value).clone_into(cell),
            None => cells.push(((*column).to_owned(), (*value).to_owned())),
        }
    }
    cells.into_iter().unzip()
}

pub(crate) fn check(changes: &[(&str, &str)]) -> Checked {
    let (header, cells) = row(changes);
    definition().layout(&header).unwrap().check(cells.as_slice(), &context())
}

/// Code and column of findings, to compare with what was expected.
pub(crate) fn brief(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|finding| format!("{} {}", finding.code, finding.column.as_deref().unwrap_or("-"))).collect()
}
