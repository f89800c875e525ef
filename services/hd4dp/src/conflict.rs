//! Two sets of values under one unique id, merged: what one leaves empty the other fills, and the master decides where both differ.

use std::collections::{BTreeMap, BTreeSet};

use dcd::{Definition, FieldNo, GroupKind};
use registration::{Attachment, Cell, Place};

use crate::{options::ConflictMaster, service::AcceptedRow};

/// What is taken from one side as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Field(FieldNo),
    /// A repeating list, whose items have no names to match them by; or the patient block of two patients.
    Group(usize),
}

/// What a side holds in one part.
#[derive(Default, PartialEq, Eq)]
struct Values<'a> {
    cells: Vec<&'a Cell>,
    files: Vec<&'a Attachment>,
}

/// The merged values, without computed ones, and whether the master had to decide.
pub(crate) fn merge(
    definition: &Definition,
    stored: &AcceptedRow,
    new: &AcceptedRow,
    is_same_patient: bool,
    master: ConflictMaster,
) -> (AcceptedRow, bool) {
    let part = |place: Place| part_of(definition, place, is_same_patient);
    let (mut stored, mut new) = (parts(definition, stored, part), parts(definition, new, part));
    let names: BTreeSet<Part> = stored.keys().chain(new.keys()).copied().collect();
    let mut merged = AcceptedRow { cells: Vec::new(), attachments: Vec::new() };
    let mut by_master = false;
    for name in names {
        let taken = match (stored.remove(&name), new.remove(&name)) {
            (Some(stored), Some(new)) if stored != new => {
                by_master = true;
                if master == ConflictMaster::New { new } else { stored }
            }
            (_, Some(values)) | (Some(values), None) => values,
            (None, None) => continue,
        };
        merged.cells.extend(taken.cells.into_iter().cloned());
        merged.attachments.extend(taken.files.into_iter().cloned());
    }
    merged.cells.sort_by_key(|cell| cell.place);
    merged.attachments.sort_by_key(|file| file.place);
    (merged, by_master)
}

fn part_of(definition: &Definition, place: Place, is_same_patient: bool) -> Part {
    let is_whole = |kind| match kind {
        GroupKind::List => true,
        GroupKind::Patient => !is_same_patient,
        GroupKind::Fieldset | GroupKind::Questionnaire => false,
    };
    let group = definition.groups().iter().position(|group| is_whole(group.kind()) && group.fields().contains(&place.field));
    group.map_or(Part::Field(place.field), Part::Group)
}

fn parts<'a>(definition: &Definition, row: &'a AcceptedRow, part: impl Fn(Place) -> Part) -> BTreeMap<Part, Values<'a>> {
    let mut parts: BTreeMap<Part, Values<'a>> = BTreeMap::new();
    let is_given = |place: Place| definition.field(place.field).is_some_and(|field| !field.is_computed());
    for cell in row.cells.iter().filter(|cell| is_given(cell.place)) {
        parts.entry(part(cell.place)).or_default().cells.push(cell);
    }
    for file in &row.attachments {
        parts.entry(part(file.place)).or_default().files.push(file);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &[(Place, &str)]) -> AcceptedRow {
        let cell = |(place, value): &(Place, &str)| Cell { place: *place, value: (*value).to_owned() };
        AcceptedRow { cells: values.iter().map(cell).collect(), attachments: Vec::new() }
    }

    fn places() -> (std::sync::Arc<Definition>, [Place; 5]) {
        let definition = dcd::Definitions::built_in().unwrap().get("Precision_Local_MAB").unwrap();
        let list = definition.groups().iter().find(|group| group.kind() == GroupKind::List).unwrap().fields().start;
        let plain: Vec<FieldNo> = (0..)
            .zip(definition.fields())
            .filter(|(_, field)| field.list().is_none() && !field.is_computed())
            .map(|(number, _)| number)
            .filter(|number| definition.groups().iter().all(|group| !group.fields().contains(number)))
            .collect();
        let patient = *definition.patient();
        let [a, b] = [plain[0], plain[1]].map(Place::of);
        (definition, [a, b, Place::of(patient.name.unwrap()), Place::in_item(list, 0), Place::in_item(list, 1)])
    }

    fn both(stored: &[(Place, &str)], new: &[(Place, &str)], is_same_patient: bool) -> [(Vec<String>, bool); 2] {
        [ConflictMaster::New, ConflictMaster::Stored].map(|master| {
            let (definition, _) = places();
            let (merged, by_master) = merge(&definition, &row(stored), &row(new), is_same_patient, master);
            (merged.cells.into_iter().map(|cell| cell.value).collect(), by_master)
        })
    }

    #[test]
    fn each_side_fills_what_the_other_leaves_empty() {
        let (_, [a, b, ..]) = places();
        let expected = (vec!["1".to_owned(), "2".to_owned()], false);
        assert_eq!(both(&[(a, "1")], &[(b, "2")], true), [expected.clone(), expected.clone()]);
        assert_eq!(both(&[(a, "1"), (b, "2")], &[(b, "2")], true), [expected.clone(), expected]);
    }

    #[test]
    fn the_master_decides_where_both_are_filled() {
        let (_, [a, ..]) = places();
        let [new, stored] = both(&[(a, "1")], &[(a, "2")], true);
        assert_eq!((new, stored), ((vec!["2".to_owned()], true), (vec!["1".to_owned()], true)));
    }

    #[test]
    fn lists_and_patients_are_not_mixed() {
        let (_, [_, _, name, first, second]) = places();
        let [new, stored] = both(&[(first, "1"), (second, "2")], &[(first, "3")], true);
        assert_eq!((new.0, stored.0), (vec!["3".to_owned()], vec!["1".to_owned(), "2".to_owned()]));
        let id = Place::of(places().0.patient().id);
        let [_, stored] = both(&[(id, "1")], &[(id, "2"), (name, "B")], false);
        assert_eq!(stored, (vec!["1".to_owned()], true));
    }
}
