//! Where a value stands in a registration.

use std::fmt;

/// A field of the definition, and the item when the field belongs to a repeating list.
///
/// Places order by field and then by item, which is the order of the cells in a [`Content`](crate::Content).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Number of the field in the definition's order of leaf fields, from 0.
    pub field: u16,
    /// Item of the repeating list that the field belongs to, from 0; none outside a list.
    pub item: Option<u16>,
}

impl Place {
    /// The place of a field outside a list.
    #[must_use]
    pub const fn of(field: u16) -> Self {
        Self { field, item: None }
    }

    /// The place of a field in an item of a list.
    #[must_use]
    pub const fn in_item(field: u16, item: u16) -> Self {
        Self { field, item: Some(item) }
    }
}

/// A filled field: its place and its value in canonical form (ISO date, decimal point, `TRUE` or `FALSE`, codes, lists joined by `|`).
#[derive(Clone, PartialEq, Eq)]
pub struct Cell {
    /// Where it stands.
    pub place: Place,
    /// Its value, never empty.
    pub value: String,
}

impl fmt::Debug for Cell {
    /// Prints the place only: inside a hospital a cell may hold a name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cell").field("place", &self.place).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_order_by_field_then_item() {
        assert!(Place::of(1) < Place::in_item(2, 0));
        assert!(Place::in_item(2, 0) < Place::in_item(2, 1));
        assert!(Place::in_item(2, 9) < Place::in_item(3, 0));
    }

    #[test]
    fn debug_of_a_cell_prints_no_value() {
        let cell = Cell { place: Place::of(4), value: "Janssens".into() };
        assert!(!format!("{cell:?}").contains("Janssens"));
    }
}
