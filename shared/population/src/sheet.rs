//! The header of a file and the cells of one row.

use std::fmt::{self, Display, Write as _};
use std::sync::Arc;

use dcd::Definition;

use crate::column::Column;
use crate::day::Day;

/// Items that a list has room for, in every file of its register.
const WIDTHS: &[(&str, u16)] = &[
    ("previous_treatments", 3),
    ("variants", 3),
    ("variants_discussed", 3),
    ("recommendations", 3),
    ("drugs", 3),
    ("response_assessments", 4),
    ("adverse_events", 3),
];

/// The columns of a file: all that a hospital may fill in, the same for every file of a definition.
pub(crate) struct Header {
    names: Vec<Arc<str>>,
    places: Vec<Option<Place>>,
}

/// Where a column stands: that of item 0, and how many columns further each later item's is.
#[derive(Clone, Copy)]
struct Place {
    first: usize,
    stride: usize,
    items: usize,
}

impl Header {
    /// The header of a definition's files.
    pub(crate) fn new(definition: &Definition) -> Self {
        let fields: Vec<_> = definition.fields().iter().filter(|field| !field.is_computed() && !field.is_read_only()).collect();
        let mut names: Vec<Arc<str>> = Vec::new();
        let mut found = Vec::new();
        // Fields of one list stand together: one chunk per list, and one per run of other fields.
        for group in fields.chunk_by(|one, next| one.list() == next.list()) {
            let list = group.first().and_then(|field| field.list());
            let items = list.map_or(1, width);
            for (offset, field) in group.iter().enumerate() {
                let place = Place { first: names.len() + offset, stride: group.len(), items: items.into() };
                found.push((field.column(), place));
            }
            for item in 0..items {
                names.extend(group.iter().map(|field| Arc::from(field.column_at(list.map(|_| item)))));
            }
        }
        let place = |column: &str| found.iter().find(|(name, _)| *name == column).map(|(_, place)| *place);
        let places = Column::ALL.iter().map(|(_, column)| place(column)).collect();
        Self { names, places }
    }

    /// The names of the columns.
    pub(crate) fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// Where a column of an item stands; none when the definition lacks it or the list is not so wide.
    pub(crate) fn find(&self, column: Column, item: usize) -> Option<usize> {
        let place = self.places[column as usize]?;
        (item < place.items).then_some(place.first + item * place.stride)
    }
}

fn width(list: &str) -> u16 {
    WIDTHS.iter().find(|(name, _)| *name == list).map_or(1, |(_, width)| *width)
}

/// The cells of one row. They are used again for the next one.
pub(crate) struct Sheet {
    header: Arc<Header>,
    cells: Vec<String>,
    /// Takes what goes to columns that the definition lacks.
    nowhere: String,
}

impl Sheet {
    pub(crate) fn new(header: Arc<Header>) -> Self {
        Self { cells: vec![String::new(); header.names().len()], header, nowhere: String::new() }
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// All cells in the order of the header.
    pub(crate) fn cells(&self) -> &[String] {
        &self.cells
    }

    /// Empties all cells.
    pub(crate) fn clear(&mut self) {
        self.cells.iter_mut().for_each(String::clear);
    }

    /// What a cell outside lists holds.
    pub(crate) fn value(&self, column: Column) -> &str {
        self.item_value(column, 0)
    }

    /// What a cell of an item holds.
    pub(crate) fn item_value(&self, column: Column, item: usize) -> &str {
        self.header.find(column, item).and_then(|place| self.cells.get(place)).map_or("", String::as_str)
    }

    /// The emptied cell of a column, to write into.
    pub(crate) fn cell(&mut self, column: Column) -> &mut String {
        self.item_cell(column, 0)
    }

    /// The emptied cell of an item.
    pub(crate) fn item_cell(&mut self, column: Column, item: usize) -> &mut String {
        let cell = match self.header.find(column, item) {
            Some(place) => &mut self.cells[place],
            None => &mut self.nowhere,
        };
        cell.clear();
        cell
    }

    /// The cell of a column outside lists with what it holds.
    pub(crate) fn cell_as_it_is(&mut self, column: Column) -> &mut String {
        match self.header.find(column, 0) {
            Some(place) => &mut self.cells[place],
            None => &mut self.nowhere,
        }
    }

    /// Empties item 0 of a list, given by its first column, and sees to it that item 1 is filled.
    pub(crate) fn leave_item_blank(&mut self, first_of_list: Column) {
        let (Some(first), Some(second)) = (self.header.find(first_of_list, 0), self.header.find(first_of_list, 1)) else {
            return;
        };
        if self.cells[second].is_empty() {
            (first..second).for_each(|place| self.cells.swap(place, place + second - first));
        } else {
            self.cells[first..second].iter_mut().for_each(String::clear);
        }
    }

    pub(crate) fn text(&mut self, column: Column, value: &str) {
        self.cell(column).push_str(value);
    }

    pub(crate) fn item_text(&mut self, column: Column, item: usize, value: &str) {
        self.item_cell(column, item).push_str(value);
    }

    pub(crate) fn flag(&mut self, column: Column, value: bool) {
        self.text(column, flag(value));
    }

    pub(crate) fn date(&mut self, column: Column, day: Day) {
        day.write(self.cell(column));
    }

    pub(crate) fn item_date(&mut self, column: Column, item: usize, day: Day) {
        day.write(self.item_cell(column, item));
    }

    pub(crate) fn number(&mut self, column: Column, value: impl Display) {
        let _ = write!(self.cell(column), "{value}");
    }

    pub(crate) fn item_number(&mut self, column: Column, item: usize, value: impl Display) {
        let _ = write!(self.item_cell(column, item), "{value}");
    }

    /// Writes codes of a list that takes several.
    pub(crate) fn codes<'c>(&mut self, column: Column, codes: impl IntoIterator<Item = &'c str>) {
        let cell = self.cell(column);
        for code in codes {
            if !cell.is_empty() {
                cell.push('|');
            }
            cell.push_str(code);
        }
    }
}

impl fmt::Debug for Sheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sheet({})", self.cells.len())
    }
}

/// A boolean in the form of hospital files.
pub(crate) const fn flag(value: bool) -> &'static str {
    if value { "TRUE" } else { "FALSE" }
}

/// A number of tenths in the form of hospital files, with a decimal comma.
pub(crate) struct Tenths(pub(crate) i32);

impl Display for Tenths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 10, self.0 % 10) {
            (whole, 0) => write!(f, "{whole}"),
            (whole, tenth) => write!(f, "{whole},{tenth}"),
        }
    }
}
