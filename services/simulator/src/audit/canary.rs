//! Canaries: values that stand nowhere by chance, planted in every field in which a value may be chosen freely.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use dcd::{Definition, Definitions, Kind as FieldKind, Layout};
use needle::Form;
use population::{Order, Row, Rows};
use topology::Nihdi;

use super::{
    field::{Field, Kind},
    watch::WatchList,
};

/// The population that the rows are of: hospitals of one seed share patients.
const SEED: u64 = 77;
/// Whoever is born later may have a date of birth that is a day of something else as well.
const BORN_BEFORE: i32 = 2005;
/// Words that there are: five syllables of a hundred.
const WORDS: u64 = 10_000_000_000;
/// Has no factor in common with [`WORDS`], so that every number has a word of its own.
const STRIDE: u64 = 7_368_787_171;

/// Makes words that are no words.
#[derive(Debug, Default)]
pub struct Words {
    made: u64,
}

impl Words {
    /// The next word: ten letters, none like another one.
    pub fn next_word(&mut self) -> String {
        self.made += 1;
        let mut number = self.made.wrapping_mul(STRIDE) % WORDS;
        let mut word = String::with_capacity(10);
        for _ in 0..5 {
            let (consonant, vowel) = (number % 20, number / 20 % 5);
            number /= 100;
            let letter = |letters: &'static str, at: u64| usize::try_from(at).ok().and_then(|at| letters.chars().nth(at));
            word.extend(letter("bcdfghjklmnpqrstvwxz", consonant));
            word.extend(letter("aeiou", vowel));
        }
        word
    }

    fn capitalised(&mut self) -> String {
        let word = self.next_word();
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    }
}

/// Who a patient is called at one hospital.
#[derive(Clone)]
struct Alias {
    name: [String; 2],
    first_name: String,
    internal_id: String,
}

/// Plants canaries in the files of one hospital.
pub struct Planter<'a> {
    /// The hospital.
    pub hospital: Nihdi,
    /// Where its files go.
    pub folder: &'a Path,
    /// Words for all hospitals.
    pub words: &'a mut Words,
    /// What was planted.
    pub watch: &'a mut WatchList,
    aliases: BTreeMap<String, Alias>,
}

/// The column of the national number.
const NUMBER: &str = "patient_id";

/// Rows to choose from.
fn made(definition: &Arc<Definition>, hospital: Nihdi, rows: usize) -> anyhow::Result<Rows> {
    let count = rows as u64 * 5 + 40;
    let order = Order { definition, organisation: hospital.as_str(), count, seed: SEED, faulty_percent: 0 };
    Rows::new(&order).context("make rows")
}

/// The numbers of patients that more than one of the hospitals may register: they show whether records join.
///
/// # Errors
///
/// A register that the population does not know.
pub fn shared(definitions: &Definitions, hospitals: &[Nihdi], rows: usize) -> anyhow::Result<BTreeSet<String>> {
    let mut known: BTreeMap<String, BTreeSet<Nihdi>> = BTreeMap::new();
    for (definition, hospital) in
        definitions.iter().flat_map(|definition| hospitals.iter().map(move |hospital| (definition, hospital)))
    {
        let made = made(definition, *hospital, rows)?;
        let number = made.header().iter().position(|column| &**column == NUMBER);
        for row in made {
            if let Some(number) = number.and_then(|at| row.cells().get(at)).filter(|number| !number.is_empty()) {
                known.entry(number.clone()).or_default().insert(*hospital);
            }
        }
    }
    Ok(known.into_iter().filter(|(_, hospitals)| hospitals.len() > 1).map(|(number, _)| number).collect())
}

/// A row on its way into a file.
struct Sheet<'s> {
    definition: &'s Definition,
    layout: &'s Layout,
    header: &'s [String],
    cells: Vec<String>,
    origin: String,
}

impl<'a> Planter<'a> {
    /// A planter for a hospital.
    pub fn new(hospital: Nihdi, folder: &'a Path, words: &'a mut Words, watch: &'a mut WatchList) -> Self {
        Self { hospital, folder, words, watch, aliases: BTreeMap::new() }
    }

    /// Writes a file of `rows` rows of a register, with attachments beside it; those of the patients in `first` come
    /// first, and one of a patient without a number.
    ///
    /// # Errors
    ///
    /// A file that cannot be written, or a register that the population does not know.
    pub fn plant(&mut self, definition: &Arc<Definition>, rows: usize, first: &BTreeSet<String>) -> anyhow::Result<PathBuf> {
        let made = made(definition, self.hospital, rows)?;
        let header: Vec<String> = made.header().iter().map(ToString::to_string).collect();
        let layout = definition.layout(&header).map_err(|_| anyhow::anyhow!("fit the population's header to the register"))?;
        let name = format!("{}.csv", self.words.next_word());
        self.watch.plant(&Field::beside(Kind::FileName), Some(self.hospital), "upload", name.as_str(), Form::Text);
        fs::create_dir_all(self.folder)?;
        let path = self.folder.join(&name);
        let mut file = opencsv::Writer::new(BufWriter::new(File::create(&path).context("write the planted file")?));
        file.write_record(&header)?;
        let mut written = 0;
        let number = header.iter().position(|column| column == NUMBER);
        let comes_first = |row: &Row| number.and_then(|at| row.cells().get(at)).is_some_and(|number| first.contains(number));
        let (early, late): (Vec<Row>, Vec<Row>) = made.partition(comes_first);
        let is_without = |row: &&Row| number.and_then(|at| row.cells().get(at)).is_some_and(String::is_empty);
        let without: Vec<Row> = late.iter().filter(is_without).take(1).cloned().collect();
        let late = late.into_iter().filter(|row| !without.contains(row));
        for row in early.into_iter().take(rows.div_ceil(2)).chain(without.iter().cloned()).chain(late) {
            if written == rows {
                break;
            }
            let origin = format!("{} {} row {}", self.hospital, definition.name(), written + 1);
            let mut sheet = Sheet { definition, layout: &layout, header: &header, cells: row.cells().to_vec(), origin };
            if sheet.year_of_birth().is_none_or(|year| year >= BORN_BEFORE) {
                continue;
            }
            self.fill(&mut sheet, written)?;
            file.write_record(&sheet.cells)?;
            written += 1;
        }
        file.flush()?;
        file.into_inner().flush()?;
        anyhow::ensure!(written == rows, "make {rows} rows of {}: the population has {written}", definition.name());
        Ok(path)
    }

    fn fill(&mut self, sheet: &mut Sheet<'_>, row: usize) -> anyhow::Result<()> {
        self.identify(sheet);
        for column in 0..sheet.header.len() {
            let Some(place) = sheet.layout.place(column) else { continue };
            let (Some(field), Some(known)) = (sheet.definition.field(place.field), Field::of(sheet.definition, place.field))
            else {
                continue;
            };
            let is_blank = sheet.cells.get(column).is_none_or(String::is_empty);
            // An item of a list that is not there stays away, and every second row has no attachment.
            let stays_blank = is_blank && place.item.is_some();
            match known.kind {
                Kind::AttachmentName if row.is_multiple_of(2) && !stays_blank => {
                    let extension = field.extensions().first().cloned().unwrap_or_default();
                    let name = self.attach(sheet, &known, &extension)?;
                    sheet.set(column, name);
                }
                Kind::AttachmentName => sheet.set(column, String::new()),
                Kind::FreeText if field.pattern().is_some() => self.keep(sheet, column, &known, Form::Text),
                Kind::FreeText if !stays_blank && field.max_length() >= 200 => {
                    let word = self.words.next_word();
                    self.watch.plant(&known, Some(self.hospital), &sheet.origin, word.as_str(), Form::Text);
                    sheet.set(column, format!("Nota {word}: zie verslag “{row}”, à revoir"));
                }
                Kind::NationalNumber => self.keep(sheet, column, &known, Form::NationalNumber),
                _ => {}
            }
        }
        Ok(())
    }

    /// A value that has to stay as it is made: it is unique as it is.
    fn keep(&mut self, sheet: &Sheet<'_>, column: usize, field: &Field, form: Form) {
        if let Some(value) = sheet.cells.get(column).filter(|value| !value.is_empty()) {
            self.watch.plant(field, Some(self.hospital), &sheet.origin, value.as_str(), form);
        }
    }

    /// Gives the patient the names that this hospital knows him by, the same in all its files.
    fn identify(&mut self, sheet: &mut Sheet<'_>) {
        let patient = sheet.definition.patient();
        let column = |field: u16| sheet.column(field);
        let number = column(patient.id).and_then(|at| sheet.cells.get(at)).filter(|value| !value.is_empty());
        let internal = patient.internal_id.and_then(column).and_then(|at| sheet.cells.get(at));
        let Some(key) = number.or(internal).cloned() else { return };
        let words = &mut *self.words;
        let alias = self.aliases.entry(key).or_insert_with(|| Alias {
            name: [words.capitalised(), words.capitalised()],
            first_name: format!("{}ë", words.capitalised()),
            internal_id: format!("{}-{}.7", words.next_word(), words.next_word()),
        });
        let Alias { name: [one, other], first_name, internal_id } = alias.clone();
        let name = format!("d'{one}-Ö{other}");
        let values = [
            (patient.name, vec![name.clone(), one, other], name),
            (patient.first_name, vec![first_name.clone()], first_name),
            (patient.internal_id, vec![internal_id.clone()], internal_id),
        ];
        for (field, watched, value) in values {
            let Some((field, column)) = field.and_then(|field| Some((Field::of(sheet.definition, field)?, sheet.column(field)?)))
            else {
                continue;
            };
            for value in watched {
                self.watch.plant(&field, Some(self.hospital), &sheet.origin, value, Form::Text);
            }
            sheet.set(column, value);
        }
        let birth = patient.date_of_birth.and_then(|field| Some((Field::of(sheet.definition, field)?, sheet.day(field)?)));
        if let Some((field, day)) = birth {
            self.watch.plant(&field, Some(self.hospital), &sheet.origin, day, Form::Date);
        }
    }

    /// Writes a file of this extension, with a canary in its name and others in it, and returns its name.
    fn attach(&mut self, sheet: &Sheet<'_>, field: &Field, extension: &str) -> anyhow::Result<String> {
        let (name, word) = (format!("{} {}.{extension}", self.words.next_word(), self.words.next_word()), self.words.next_word());
        let content: Vec<u8> = match extension {
            "vcf" => format!("##fileformat=VCFv4.2\n##source={word}\n#CHROM\tPOS\tID\tREF\tALT\n7\t140753336\t{word}\tA\tT\n")
                .into_bytes(),
            "pdf" => [b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n".as_slice(), word.as_bytes(), b"\n%%EOF\n"].concat(),
            "png" => [b"\x89PNG\r\n\x1a\n".as_slice(), word.as_bytes()].concat(),
            _ => format!("verslag {word}\n").into_bytes(),
        };
        fs::write(self.folder.join(&name), content).context("write a planted attachment")?;
        let of_content = Field { kind: Kind::Attachment, column: None, ..field.clone() };
        self.watch.plant(&of_content, Some(self.hospital), &sheet.origin, word, Form::Text);
        self.watch.plant(field, Some(self.hospital), &sheet.origin, name.as_str(), Form::Text);
        Ok(name)
    }
}

impl Sheet<'_> {
    /// The column of a field outside lists.
    fn column(&self, field: u16) -> Option<usize> {
        let is_it = |at: &usize| self.layout.place(*at).is_some_and(|place| place.field == field && place.item.is_none());
        (0..self.header.len()).find(is_it)
    }

    fn set(&mut self, column: usize, value: String) {
        if let Some(cell) = self.cells.get_mut(column) {
            *cell = value;
        }
    }

    /// A day as the stores have it.
    fn day(&self, field: u16) -> Option<String> {
        let is_date = self.definition.field(field).is_some_and(|field| field.kind() == FieldKind::Date);
        let cell = self.cells.get(self.column(field)?).filter(|_| is_date)?;
        let mut parts = cell.split('/');
        let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
        Some(format!("{year}-{month:0>2}-{day:0>2}"))
    }

    fn year_of_birth(&self) -> Option<i32> {
        let day = self.day(self.definition.patient().date_of_birth?)?;
        day.get(..4)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_comes_twice() {
        let mut words = Words::default();
        let made: BTreeSet<String> = (0..20_000).map(|_| words.next_word()).collect();
        assert_eq!(made.len(), 20_000);
        assert!(made.iter().all(|word| word.len() == 10));
    }
}
