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
        check_privacy(&row, false, &mut faults);
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
