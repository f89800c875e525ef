//! A registration's values as the row of a file, in the form that an upload accepts.

use std::{borrow::Cow, collections::BTreeMap};

use dcd::{AttachmentSource, Checked, Context, Definition, Field, FieldNo, GroupKind};
use jiff::civil::Date;
use registration::{Attachment, Cell, Place};

use crate::service::AcceptedRow;

/// How many items each repeating list has, by the list's column.
pub(crate) type Items = BTreeMap<String, u16>;

/// The columns of a file: all fields of a definition that are not computed, in its order, lists item by item.
pub(crate) struct Sheet<'a> {
    definition: &'a Definition,
    places: Vec<Place>,
}

impl<'a> Sheet<'a> {
    /// With room for so many items; each list has one at least.
    pub(crate) fn new(definition: &'a Definition, items: &Items) -> Self {
        let is_given = |field: &FieldNo| definition.field(*field).is_some_and(|field| !field.is_computed());
        let mut places = Vec::with_capacity(definition.fields().len());
        for (number, field) in (0..).zip(definition.fields()) {
            let Some(list) = field.list() else {
                places.extend(is_given(&number).then(|| Place::of(number)));
                continue;
            };
            let group = definition.groups().iter().find(|group| group.kind() == GroupKind::List && group.column() == list);
            let Some(group) = group.filter(|group| group.fields().start == number) else { continue };
            for item in 0..items.get(list).copied().unwrap_or_default().max(1) {
                places.extend(group.fields().filter(is_given).map(|field| Place::in_item(field, item)));
            }
        }
        Self { definition, places }
    }

    pub(crate) fn header(&self) -> Vec<String> {
        let column = |place: &Place| self.definition.field(place.field).map(|field| self.column(field, *place));
        self.places.iter().filter_map(column).collect()
    }

    /// The values in the columns' order; none when some value has no column here.
    pub(crate) fn row<'c>(&self, cells: &'c [Cell]) -> Option<Vec<Cow<'c, str>>> {
        let is_given = |cell: &&Cell| self.definition.field(cell.place.field).is_some_and(|field| !field.is_computed());
        let mut values: BTreeMap<Place, &str> =
            cells.iter().filter(is_given).map(|cell| (cell.place, cell.value.as_str())).collect();
        let value = |place: &Place| match (values.remove(place), self.definition.field(place.field)) {
            (Some(value), Some(field)) => field.hospital_form(value),
            _ => Cow::Borrowed(""),
        };
        let row = self.places.iter().map(value).collect();
        values.is_empty().then_some(row)
    }

    /// All items of a list are numbered with as many digits as its last possible one needs, two at least.
    fn column(&self, field: &Field, place: Place) -> String {
        let (Some(list), Some(item)) = (field.list(), place.item) else { return field.column().to_owned() };
        let group = self.definition.groups().iter().find(|group| group.kind() == GroupKind::List && group.column() == list);
        let digits = group.map_or(2, |group| group.max_items().saturating_sub(1).to_string().len().max(2));
        let rest = field.column().get(list.len()..).unwrap_or_default();
        format!("{list}|{item:0digits$}{rest}")
    }
}

/// Makes room for the items of `cells`.
pub(crate) fn widen(items: &mut Items, definition: &Definition, cells: &[Cell]) {
    for cell in cells {
        let Some((item, list)) = cell.place.item.zip(definition.field(cell.place.field).and_then(Field::list)) else { continue };
        match items.get_mut(list) {
            Some(count) => *count = (*count).max(item.saturating_add(1)),
            None => {
                items.insert(list.to_owned(), item.saturating_add(1));
            }
        }
    }
}

/// Checks values as if they stood in a file, and fills in anew what is computed.
pub(crate) fn check(definition: &std::sync::Arc<Definition>, row: &AcceptedRow, organisation: &str, today: Date) -> Checked {
    let mut items = Items::new();
    widen(&mut items, definition, &row.cells);
    let sheet = Sheet::new(definition, &items);
    let attachments = Files(&row.attachments);
    let context = Context { today, organisation, attachments: &attachments };
    let fields = sheet.row(&row.cells).unwrap_or_default();
    let fields: Vec<&str> = fields.iter().map(AsRef::as_ref).collect();
    match definition.layout(&sheet.header()) {
        Ok(layout) => layout.check(fields.as_slice(), &context),
        Err(findings) => Checked { cells: Vec::new(), findings },
    }
}

/// Values of another version of the definition, by the names of their columns. What this version does not have is left out.
#[must_use]
pub fn translated(from: &Definition, to: &Definition, row: AcceptedRow) -> AcceptedRow {
    let place = |place: Place| {
        let field = to.field_no(from.field(place.field)?.column())?;
        Some(Place { field, ..place })
    };
    let mut cells: Vec<Cell> =
        row.cells.into_iter().filter_map(|cell| Some(Cell { place: place(cell.place)?, value: cell.value })).collect();
    cells.sort_by_key(|cell| cell.place);
    let attachments = row.attachments.into_iter();
    let attachments = attachments.filter_map(|file| Some(Attachment { place: place(file.place)?, ..file })).collect();
    AcceptedRow { cells, attachments }
}

/// The files of a registration by their names.
pub(crate) struct Files<'a>(pub(crate) &'a [Attachment]);

impl AttachmentSource for Files<'_> {
    fn size(&self, name: &str) -> Option<u64> {
        self.0.iter().find(|file| file.name == name).map(|file| file.bytes.len() as u64)
    }
}
