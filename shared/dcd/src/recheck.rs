//! The same definition at healthdata: the rules whose fields it has as the hospital gave them, over canonical values.

use std::collections::HashMap;

use registration::{Cell, Policy};

use crate::catalogue::Code;
use crate::check::{Context, Fault, blank_item, check_privacy, check_required, check_rules, name_faults};
use crate::definition::Definition;
use crate::field::Field;
use crate::finding::{Expected, Finding};
use crate::read::{Form, read};
use crate::row::{Geometry, Row, Value};

impl Definition {
    /// Checks a registration as healthdata has it. Fields that are reduced or absent there make the rules about them pass; the search of
    /// texts is for national numbers only, since healthdata knows none of the patient's other identifiers. Columns carry item numbers of
    /// two digits.
    #[must_use]
    pub fn recheck(&self, cells: &[Cell], context: &Context<'_>) -> Vec<Finding> {
        let mut items = vec![0_u16; self.groups.len()];
        for cell in cells {
            let list = self.field(cell.place.field).and_then(|field| field.list.as_ref());
            if let (Some(list), Some(item)) = (list, cell.place.item)
                && let Some(count) = items.get_mut(usize::from(list.group))
            {
                *count = (*count).max(item.saturating_add(1).min(self.max_items(list.group)));
            }
        }
        let geometry = Geometry::new(self, &items);
        let mut row = Row::new(self, &geometry, context.today);
        row.at_hd = true;
        let mut faults = Vec::new();
        self.withhold(&mut row);
        for cell in cells {
            self.read_cell(cell, &mut row, &mut faults);
        }
        row.count_items(|group, item| faults.push(blank_item(self, group, item)));
        check_required(&row, &mut faults);
        check_rules(&row, &mut faults);
        check_privacy(&row, &mut faults);
        name_faults(self, &faults, |field, item| field.column_with(item, 2))
    }

    fn max_items(&self, group: u16) -> u16 {
        self.groups.get(usize::from(group)).map_or(0, |group| group.max_items)
    }

    fn withhold(&self, row: &mut Row<'_>) {
        for (number, field) in (0..).zip(&self.fields).filter(|(_, field)| field.policy != Some(Policy::AsIs)) {
            let items = if field.list.is_some() { row.geometry.items(number).unwrap_or_default() } else { 1 };
            (0..items).for_each(|item| row.set(number, item, Value::Withheld));
        }
    }

    fn read_cell<'a>(&'a self, cell: &'a Cell, row: &mut Row<'a>, faults: &mut Vec<Fault>) {
        let (number, item) = (cell.place.field, cell.place.item.unwrap_or_default());
        let Some(field) = self.field(number).filter(|field| field.policy == Some(Policy::AsIs)) else { return };
        if field.list.is_some() != cell.place.item.is_some() || row.geometry.slot(number, item).is_none() {
            faults.push(Fault::in_field(number, item, Code::E08, Expected::Nothing));
            return;
        }
        let value = read(field, &cell.value, Form::Canonical, &mut |code, expected| {
            // The hospital was told already, and nobody at healthdata can complete the list for it.
            if code != Code::W03 {
                faults.push(Fault::in_field(number, item, code, expected));
            }
        });
        row.set(number, item, value);
    }

    /// A registration's values as healthdata's columns name them, in the definition's order.
    #[must_use]
    pub fn hd_columns(&self) -> Vec<String> {
        self.fields.iter().filter_map(Field::hd_column).collect()
    }

    /// The canonical values by column name (item numbers of two digits), for views.
    #[must_use]
    pub fn by_column<'a>(&self, cells: &'a [Cell]) -> HashMap<String, &'a str> {
        cells.iter().filter_map(|cell| Some((self.column_at(cell.place)?, cell.value.as_str()))).collect()
    }
}

#[cfg(test)]
mod tests {
    use registration::{Cell, CodeKey, Content, ContentHead, ContentKind, Place};

    use crate::sample::{brief, check, context, definition};

    /// What healthdata has of a checked row.
    fn at_hd(changes: &[(&str, &str)]) -> Vec<Cell> {
        let head = ContentHead {
            registration_id: Default::default(),
            version: 1,
            kind: ContentKind::Registration,
            dcd: "Sample".into(),
            dcd_version: 2,
            organisation: "00000196".into(),
            patient_tag: [0; 16],
        };
        let cells = check(changes).cells;
        let values = cells.iter().map(|cell| (cell.place, cell.value.as_str()));
        let content = Content::reduce(head, values, vec![], &definition().policies(), &CodeKey::new([1; 32])).unwrap();
        assert_eq!(content.check(&definition().policies()), Ok(()));
        content.cells().to_vec()
    }

    fn changed(column: &str, value: &str) -> Vec<String> {
        let definition = definition();
        let mut cells = at_hd(&[]);
        let cell = cells.iter_mut().find(|cell| definition.column_at(cell.place).as_deref() == Some(column)).unwrap();
        value.clone_into(&mut cell.value);
        brief(&definition.recheck(&cells, &context()))
    }

    #[test]
    fn what_the_hospital_accepted_healthdata_accepts() {
        assert_eq!(definition().recheck(&at_hd(&[]), &context()), vec![]);
        let without_number = [("patient_id", ""), ("patient_id|generated", "TRUE")];
        assert_eq!(definition().recheck(&at_hd(&without_number), &context()), vec![]);
        let withheld = [("variants|00|secret", "s"), ("variants|00|rank", "1")];
        assert_eq!(definition().recheck(&at_hd(&withheld), &context()), vec![]);
    }

    #[test]
    fn what_can_be_checked_there_is_checked() {
        assert_eq!(changed("seen", "2024-06-02"), ["V02 seen", "V03 reported", "V03 variants|00|found", "V03 variants|01|found"]);
        assert_eq!(changed("seen", "10/02/2024"), ["E04 seen"]);
        assert_eq!(changed("stage", "V"), ["E06 stage"]);
        assert_eq!(changed("body|weight", "70,5"), ["E05 body|weight"]);
        assert_eq!(changed("variants|01|rank", "4"), ["V03 variants|01|rank"]);
        assert_eq!(changed("comment", "number 64.03.12-999.06"), ["E17 comment"]);
    }

    #[test]
    fn cells_at_impossible_places_are_findings() {
        let definition = definition();
        let gene = definition.field_no("variants|gene").unwrap();
        let with = |place| {
            let mut cells = at_hd(&[]);
            cells.push(Cell { place, value: "EGFR".into() });
            brief(&definition.recheck(&cells, &context()))
        };
        assert!(with(Place::of(gene)).contains(&"E08 variants|00|gene".to_owned()));
        assert!(with(Place::in_item(gene, 7)).contains(&"E08 variants|07|gene".to_owned()));
        assert_eq!(with(Place::of(9999)), Vec::<String>::new());
    }

    /// A hospital may send what no file of its could hold.
    #[test]
    fn very_many_cells_at_impossible_places_are_a_finding_each() {
        let definition = definition();
        let gene = definition.field_no("variants|gene").unwrap();
        let cells = (0..u16::MAX).map(|item| Cell { place: Place::in_item(gene, item), value: "EGFR".into() });
        let found = definition.recheck(&cells.collect::<Vec<_>>(), &context());
        let impossible = found.iter().filter(|finding| finding.code == crate::Code::E08).count();
        let possible = definition.groups().iter().find(|group| group.column() == "variants").unwrap().max_items();
        assert_eq!(impossible, usize::from(u16::MAX - possible));
    }

    #[test]
    fn columns_at_healthdata_have_their_own_names() {
        let columns = definition().hd_columns();
        assert!(
            columns.contains(&"patient_id|year_of_birth".to_owned()) && columns.contains(&"patient_id|postal_area".to_owned())
        );
        for absent in ["patient_id", "patient_id|name", "patient_id|date_of_birth", "variants|secret"] {
            assert!(!columns.contains(&absent.to_owned()), "{absent}");
        }
    }
}
