//! The hospitals and inputs that a scenario names.

use std::{
    fs,
    io::{self, Cursor},
    path::Path,
    sync::Arc,
};

use dcd::{Definition, Definitions, Finding, Language};
use hd4dp::upload::UploadError;
use population::Order;
use topology::Nihdi;

use super::super::{places::Places, words};
use super::{
    fields::{Cast, Fields, Place, Reader},
    values,
};
use crate::simulation::{
    Hospital, Input, Name, Premises, Register,
    input::{HOSPITALS_MAX, INPUT_ROWS_MAX, POPULATION},
};

/// The hospitals and inputs of a scenario, when it names any, for its steps to name.
pub(super) fn premises(reader: &mut Reader<'_>, fields: &Fields<'_>, folder: &Path) -> Option<Arc<Premises>> {
    let hospitals = fields.get("hospitals").map(|place| hospitals(reader, place));
    let inputs = fields.get("inputs");
    if hospitals.is_none() && inputs.is_none() {
        return None;
    }
    let hospitals = hospitals.filter(|named| !named.is_empty()).unwrap_or_else(|| Hospital::ALL.to_vec());
    let places = Places::with(&hospitals);
    reader.cast = Arc::new(Cast { places: places.clone(), inputs: Vec::new() });
    let inputs = inputs.map(|place| self::inputs(reader, place, folder)).unwrap_or_default();
    reader.cast = Arc::new(Cast { places, inputs: inputs.clone() });
    Some(Arc::new(Premises { hospitals, inputs }))
}

/// A table of numbers by name.
fn hospitals(reader: &mut Reader<'_>, place: Place<'_>) -> Vec<Hospital> {
    let Some(table) = reader.table(place) else { return Vec::new() };
    let mut hospitals: Vec<Hospital> = Vec::new();
    for (key, value) in table {
        let Some(name) = self::name(reader, &key.span(), key.get_ref()) else { continue };
        let Some(number) = reader.text(value) else { continue };
        // A number that begins with 0 is nobody's.
        let nihdi = number.parse::<Nihdi>().ok().filter(|nihdi| nihdi.as_str().starts_with('0'));
        let Some(nihdi) = nihdi else {
            let help = "8 digits, 0 first, such as \"00000394\": numbers that are issued to nobody";
            reader.complain_with(&value.span(), format!("`{number}` is no number of a fictitious hospital"), help);
            continue;
        };
        if let Some(other) = hospitals.iter().find(|other| other.number() == nihdi.as_str()) {
            reader.complain(&value.span(), format!("`{name}` has the number of `{}`", other.name()));
        }
        hospitals.push(Hospital::Other { name: Some(name), nihdi });
    }
    if hospitals.len() > HOSPITALS_MAX || table.is_empty() {
        reader.complain(&place.span(), format!("1 to {HOSPITALS_MAX} hospitals were expected, not {}", table.len()));
    }
    hospitals
}

fn name(reader: &mut Reader<'_>, span: &std::ops::Range<usize>, text: &str) -> Option<Name> {
    let taken = [words::ALL].iter().chain(words::REGISTERS.iter().map(|(word, _)| word)).any(|word| *word == text);
    match text.parse::<Name>() {
        Ok(name) if !taken => Some(name),
        Ok(_) => {
            reader.complain(span, format!("`{text}` means something else already"));
            None
        }
        Err(error) => {
            reader.complain_with(span, format!("`{text}` is no name"), error.to_string());
            None
        }
    }
}

fn inputs(reader: &mut Reader<'_>, place: Place<'_>, folder: &Path) -> Vec<Input> {
    let Some(table) = reader.table(place) else { return Vec::new() };
    let Ok(definitions) = Definitions::built_in() else { return Vec::new() };
    let mut inputs = Vec::new();
    for (key, value) in table {
        let name = self::name(reader, &key.span(), key.get_ref());
        if reader.cast.places.hospitals.iter().any(|(hospital, _)| *hospital == *key.get_ref()) {
            reader.complain(&key.span(), format!("`{}` is a hospital", key.get_ref()));
        }
        inputs.extend(name.and_then(|name| input(reader, name, value, (folder, &definitions))));
    }
    inputs
}

fn input(reader: &mut Reader<'_>, name: Name, place: Place<'_>, (folder, definitions): (&Path, &Definitions)) -> Option<Input> {
    let table = reader.table(place)?;
    let fields = Fields::of(reader, table, &["hospital", "register", "file", "count", "seed", "faulty"], "an input");
    let cast = Arc::clone(&reader.cast);
    let hospital = fields.needed(reader, &place.span(), "hospital");
    let hospital = hospital.and_then(|place| values::one(reader, place, "hospital", &cast.places.hospitals));
    let register = fields.needed(reader, &place.span(), "register");
    let register = register.and_then(|place| values::one(reader, place, "register", &words::REGISTERS));
    let whose = (name, hospital?, register?);
    let definition = definitions.get(register?.name())?;
    let (span, input) = match (fields.get("file"), fields.get("count")) {
        (Some(file), None) => {
            for made in ["seed", "faulty"].iter().filter_map(|member| fields.get(member)) {
                reader.complain(&made.span(), "a file has its rows; `seed` and `faulty` go with `count`");
            }
            let path = folder.join(reader.text(file)?);
            (file.span(), from_file(reader, file, &path, (whose, &definition, definitions))?)
        }
        (None, Some(count)) => (count.span(), generated(reader, &fields, count, (whose, &definition))?),
        _ => {
            let help = "file = \"rows.csv\" beside the scenario, or count = 20 for rows that are made";
            reader.complain_with(&place.span(), "an input has either `file` or `count`", help);
            return None;
        }
    };
    if !(1..=usize::from(INPUT_ROWS_MAX)).contains(&input.count()) {
        reader.complain(&span, format!("1 to {INPUT_ROWS_MAX} rows were expected, not {}", input.count()));
        return None;
    }
    Some(input)
}

/// Who uploads an input of which register, as what.
type Whose = (Name, Hospital, Register);

fn from_file(
    reader: &mut Reader<'_>,
    place: Place<'_>,
    path: &Path,
    (whose, definition, definitions): (Whose, &Arc<Definition>, &Definitions),
) -> Option<Input> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) => {
            let message = format!("cannot read {}: {error}", path.display());
            match meant(path).filter(|_| error.kind() == io::ErrorKind::NotFound) {
                Some(file) => reader.complain_with(&place.span(), message, format!("did you mean `{file}`?")),
                None => reader.complain_with(&place.span(), message, "a file is looked for beside its scenario"),
            }
            return None;
        }
    };
    let read =
        |whose: Whose, definition: &Arc<Definition>| Input::read(whose, definition, Box::new(Cursor::new(text.clone())), path);
    match read(whose, definition) {
        Ok(input) => Some(input),
        Err(UploadError::Refused { findings, .. }) => {
            let said: Vec<String> = findings.iter().take(FINDINGS_MAX).map(said).collect();
            let rest = findings.len().saturating_sub(FINDINGS_MAX);
            let rest = if rest > 0 { format!("; and {rest} more") } else { String::new() };
            let message = format!("this is no file of {}: {}{rest}", definition.name(), said.join("; "));
            let fits = words::REGISTERS.iter().find(|(_, register)| {
                let other = definitions.get(register.name());
                other.is_some_and(|other| read((whose.0, whose.1, *register), &other).is_ok())
            });
            match fits {
                Some((word, _)) => reader.complain_with(&place.span(), message, format!("it fits register `{word}`")),
                None => reader.complain_with(
                    &place.span(),
                    message,
                    format!("precision dcd template {} prints the columns", definition.name()),
                ),
            }
            None
        }
        Err(error) => {
            reader.complain(&place.span(), host::station::reasons(&error));
            None
        }
    }
}

/// Findings that are told of a file whose header does not fit.
const FINDINGS_MAX: usize = 3;

fn said(finding: &Finding) -> String {
    finding.report_text(Language::English)
}

/// The name of a file in the same folder that somebody probably meant.
fn meant(path: &Path) -> Option<String> {
    let given = path.file_name()?.to_str()?;
    let entries = fs::read_dir(path.parent()?).ok()?;
    let mut names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    words::meant(given, names.iter().map(String::as_str)).map(str::to_owned)
}

/// Rows as `precision generate` makes them.
fn generated(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    count: Place<'_>,
    (whose, definition): (Whose, &Arc<Definition>),
) -> Option<Input> {
    let seed = fields.get("seed").map(|place| reader.number(place, 0..=i64::MAX.unsigned_abs()));
    let faulty = fields.get("faulty").map(|place| reader.number(place, 0..=100));
    let order = Order {
        definition,
        organisation: whose.1.number(),
        count: reader.number(count, 1..=INPUT_ROWS_MAX.into())?,
        seed: seed.unwrap_or(Some(POPULATION))?,
        faulty_percent: u8::try_from(faulty.unwrap_or(Some(0))?).ok()?,
    };
    let mut text = Vec::new();
    let made = population::write(&order, &mut text).map_err(|error| host::station::reasons(&error));
    let read = || {
        let path = Path::new("generated.csv");
        Input::read(whose, definition, Box::new(Cursor::new(text)), path).map_err(|error| host::station::reasons(&error))
    };
    match made.and_then(|_| read()) {
        Ok(input) => Some(input),
        Err(reasons) => {
            reader.complain(&count.span(), reasons);
            None
        }
    }
}
