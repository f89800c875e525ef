//! Who a row is about. Names live here and leave the hospital never.

use std::fmt;

use dcd::Definition;
use identifying::{GeneratedId, Identity, IdentityKind, SharedHospitalKey};
use registration::Cell;

use crate::error::ItemError;

/// What identifies a patient without a national number, borrowed from the row. Debug prints the type's name only.
struct Name<'a> {
    last: &'a str,
    first: &'a str,
    birth: (i16, i8, i8),
    sex: &'a str,
}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Name")
    }
}

/// The identity of the patient of a checked row: the national number, or else the generated id.
///
/// # Errors
///
/// [`ItemError::NoIdentity`] when the row has neither a number nor everything that an id is generated from.
pub fn identity(definition: &Definition, cells: &[Cell], key: &SharedHospitalKey) -> Result<Identity, ItemError> {
    let fields = definition.patient();
    let value = |field: u16| {
        let cell = cells.iter().find(|cell| cell.place.field == field && cell.place.item.is_none());
        cell.map(|cell| cell.value.as_str()).filter(|value| !value.is_empty())
    };
    if let Some(number) = value(fields.id) {
        return Identity::from_parts(IdentityKind::Ssin, number).map_err(|_| ItemError::NoIdentity);
    }
    let name = || {
        Some(Name {
            last: value(fields.name?)?,
            first: value(fields.first_name?)?,
            birth: day(value(fields.date_of_birth?)?)?,
            sex: value(fields.sex?)?,
        })
    };
    let name = name().ok_or(ItemError::NoIdentity)?;
    Ok(Identity::Generated(GeneratedId::derive(key, name.last, name.first, name.birth, name.sex)))
}

/// The cells that say who the patient is, and no others.
#[must_use]
pub fn identifying_cells(definition: &Definition, cells: &[Cell]) -> Vec<Cell> {
    let fields = definition.patient();
    let identifying = [Some(fields.id), fields.name, fields.first_name, fields.date_of_birth, fields.sex];
    cells.iter().filter(|cell| identifying.contains(&Some(cell.place.field))).cloned().collect()
}

/// A canonical date, `2024-02-29`.
fn day(text: &str) -> Option<(i16, i8, i8)> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    Some((year.parse().ok()?, month.parse().ok()?, day.parse().ok()?))
}
