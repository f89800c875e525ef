//! Who could read what, found out by looking: every party's store file is searched for what it must not hold.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::Path,
};

use anyhow::Context as _;

use crate::output;

/// What is searched for.
const KINDS: [&str; 4] = ["national numbers", "names", "pseudonyms", "medical data"];

/// Values of one kind that are taken from each file, at most: enough to be sure, few enough to be quick.
const SAMPLES: usize = 12;

/// Which party's store holds which kind of data.
pub struct Sight {
    parties: Vec<(String, [bool; 4])>,
}

/// Looks through the store files in `store` for values that stand in the hospitals' input and in the researcher's files.
///
/// # Errors
///
/// A file that cannot be read.
pub fn look(store: &Path, input: &Path, researcher: &Path, names: &[&str]) -> anyhow::Result<Sight> {
    let needles = needles(input, researcher, names)?;
    let mut parties: Vec<(String, [bool; 4])> = Vec::new();
    let mut files: Vec<_> = fs::read_dir(store)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    for path in files {
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let Some((party, "" | "-wal")) = name.split_once(".sqlite") else { continue };
        let bytes = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        let holds = needles.each_ref().map(|kind| kind.iter().any(|needle| contains(&bytes, needle)));
        match parties.iter_mut().find(|(known, _)| known == party) {
            Some((_, known)) => known.iter_mut().zip(holds).for_each(|(known, new)| *known |= new),
            None => parties.push((party.to_owned(), holds)),
        }
    }
    parties.sort_by_key(|(party, _)| ORDER.iter().position(|start| party.starts_with(start)));
    Ok(Sight { parties })
}

/// The parties in the order of the flow.
const ORDER: [&str; 6] = ["hd4dp", "ehbox-hco", "ehealth-ttp", "ehbox-hd", "hd4res", "dhw"];

fn contains(bytes: &[u8], needle: &str) -> bool {
    memchr::memmem::find(bytes, needle.as_bytes()).is_some()
}

fn needles(input: &Path, researcher: &Path, names: &[&str]) -> anyhow::Result<[Vec<String>; 4]> {
    let mut kinds: [BTreeSet<String>; 4] = Default::default();
    for hospital in fs::read_dir(input)? {
        for name in names {
            let path = hospital.as_ref().map_err(|error| anyhow::anyhow!("{error}"))?.path().join(format!("{name}.csv"));
            let mut reader = opencsv::Reader::new(File::open(&path)?);
            let header = reader.header()?;
            let column = |wanted: &str| header.iter().position(|column| column == wanted);
            let columns = [(column("patient_id"), 0), (column("patient_id|name"), 1), (column("vcf_identifier"), 3)];
            let mut taken = [0; 4];
            while let Some(record) = reader.next_record()? {
                let Ok(fields) = &record.body else { continue };
                for (column, kind) in &columns {
                    let value = column.and_then(|column| fields.get(column).ok()).unwrap_or_default();
                    // Short values would be found by chance.
                    if value.len() > 7 && taken[*kind] < SAMPLES {
                        taken[*kind] += 1;
                        kinds[*kind].insert(value.to_owned());
                    }
                }
            }
        }
    }
    for name in names {
        for record in csv::Reader::from_path(researcher.join(format!("{name}.csv")))?.records().take(SAMPLES) {
            kinds[2].insert(record?.get(0).unwrap_or_default().to_owned());
        }
    }
    Ok(kinds.map(|kind| kind.into_iter().collect()))
}

impl Sight {
    /// The finding as a table of parties by kind.
    #[must_use]
    pub fn table(&self) -> String {
        let mut rows = vec![std::iter::once("party's store").chain(KINDS).map(str::to_owned).collect::<Vec<_>>()];
        for (party, holds) in &self.parties {
            let cells = holds.iter().map(|holds| if *holds { "holds" } else { "-" }.to_owned());
            rows.push(std::iter::once(party.clone()).chain(cells).collect());
        }
        output::table(&rows, &[])
    }

    /// Whether the three promises hold, in a sentence.
    #[must_use]
    pub fn verdict(&self) -> &'static str {
        let of = |starts: &'static [&str]| {
            self.parties
                .iter()
                .filter(move |(party, _)| starts.iter().any(|start| party.starts_with(start)))
                .map(|(_, holds)| *holds)
        };
        let hospital_has_no_pseudonym = of(&["hd4dp", "ehbox-hco"]).all(|[.., pseudonyms, _]| !pseudonyms);
        let ttp_has_no_content = of(&["ehealth-ttp"]).all(|[.., content]| !content);
        let hd_has_no_identity = of(&["ehbox-hd", "hd4res", "dhw"]).all(|[numbers, names, ..]| !numbers && !names);
        // A search that finds nothing anywhere would prove nothing.
        let search_works = (0..4).all(|kind| self.parties.iter().any(|(_, holds)| holds[kind]));
        match (hospital_has_no_pseudonym && ttp_has_no_content && hd_has_no_identity, search_works) {
            (true, true) => {
                "The promises hold: no hospital has a pseudonym, the TTP has no content, healthdata has no number and no name."
            }
            (true, false) => "The search found too little to prove anything.",
            (false, _) => "A PROMISE IS BROKEN: a party holds what it must not.",
        }
    }
}
