//! A file's header against a definition: which column feeds which slot, and everything that is wrong with it, at once.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use registration::Place;

use crate::catalogue::Code;
use crate::definition::Definition;
use crate::field::{Field, FieldNo, Group, GroupKind};
use crate::finding::{Expected, Finding};
use crate::row::Geometry;

/// A header that fits its definition, ready to check rows.
#[derive(Debug)]
pub struct Layout {
    pub(crate) definition: Arc<Definition>,
    pub(crate) columns: Vec<Column>,
    pub(crate) geometry: Geometry,
    /// Digits of the item numbers, per group.
    pub(crate) widths: Vec<usize>,
}

/// What a column feeds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) field: FieldNo,
    pub(crate) item: u16,
    pub(crate) slot: usize,
}

impl Definition {
    /// Fits a header to the definition.
    ///
    /// # Errors
    /// All faults of the header at once: E01 unknown column, E02 no column known at all, E08 item numbers, E14 repeated column, E16 missing
    /// required column, E30 too many items. A column's name is repeated only when it cannot be a row's data.
    pub fn layout(self: &Arc<Self>, header: &[String]) -> Result<Layout, Vec<Finding>> {
        self.fit(header, true)
    }

    /// Fits the columns of a form: any of them may be missing, and a value that is missing then is a finding of the check.
    ///
    /// # Errors
    /// As [`Definition::layout`], without E02 and E16.
    pub fn layout_of_form(self: &Arc<Self>, columns: &[String]) -> Result<Layout, Vec<Finding>> {
        self.fit(columns, false)
    }

    fn fit(self: &Arc<Self>, header: &[String], is_file: bool) -> Result<Layout, Vec<Finding>> {
        let mut findings = Vec::new();
        let mut seen = HashSet::new();
        let mut numbering: Vec<Numbering> = self.groups.iter().map(|_| Numbering::default()).collect();
        let mut columns = Vec::with_capacity(header.len());
        for (at, name) in header.iter().enumerate() {
            if !seen.insert(name.as_str()) {
                findings.push(Finding::new(Code::E14).in_column(printable(name, at)));
                continue;
            }
            match self.place_of(name) {
                Some(Found { field, item: None }) => columns.push((field, 0)),
                Some(Found { field, item: Some((item, width)) }) => {
                    if let Some(numbering) = self.list_of(field).and_then(|list| numbering.get_mut(usize::from(list))) {
                        numbering.items.insert(item);
                        numbering.widths.insert(width);
                    }
                    columns.push((field, item));
                }
                None if self.field_no(name).is_some() => findings.push(Finding::new(Code::E08).in_column(name.as_str())),
                None => findings.push(Finding::new(Code::E01).in_column(printable(name, at))),
            }
        }
        if is_file && columns.is_empty() {
            return Err(vec![Finding::new(Code::E02)]);
        }
        for (group, numbering) in self.groups.iter().zip(&numbering) {
            findings.extend(numbering.faults(group));
        }
        let items: Vec<u16> = numbering.iter().map(Numbering::count).collect();
        let widths = numbering.iter().map(|numbering| numbering.widths.first().copied().unwrap_or(2)).collect::<Vec<_>>();
        if is_file {
            self.missing_columns(&columns, &items, &widths, &mut findings);
        }
        if !findings.is_empty() {
            return Err(findings);
        }
        let geometry = Geometry::new(self, &items);
        let column = |(field, item)| Column { field, item, slot: geometry.slot(field, item).unwrap_or(usize::MAX) };
        let columns = columns.into_iter().map(column).collect();
        Ok(Layout { definition: Arc::clone(self), columns, geometry, widths })
    }

    fn list_of(&self, field: FieldNo) -> Option<u16> {
        self.field(field).and_then(|field| field.list.as_ref()).map(|list| list.group)
    }

    /// The field, and the item and its digits, that a column's name stands for.
    fn place_of(&self, name: &str) -> Option<Found> {
        if let Some(field) = self.field_no(name).filter(|field| self.list_of(*field).is_none()) {
            return Some(Found { field, item: None });
        }
        let lists = self.groups.iter().filter(|group| group.kind == GroupKind::List);
        lists.into_iter().find_map(|group| {
            let rest = name.strip_prefix(group.column.as_str())?.strip_prefix('|')?;
            let (number, rest) = rest.split_once('|')?;
            let is_number = (1..=4).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
            let item = number.parse().ok().filter(|_| is_number)?;
            let field = self.field_no(&format!("{}|{rest}", group.column))?;
            Some(Found { field, item: Some((item, number.len())) })
        })
    }

    /// E16 for every column without which no row could be right.
    fn missing_columns(&self, columns: &[(FieldNo, u16)], items: &[u16], widths: &[usize], findings: &mut Vec<Finding>) {
        let given: HashSet<_> = columns.iter().copied().collect();
        let is_needed = |field: &Field| {
            field.is_required()
                && !field.is_computed()
                && !field.is_read_only()
                && field.default.is_none()
                && field.default_from_ssin.is_none()
        };
        for (field_no, field) in (0..).zip(&self.fields).filter(|(_, field)| is_needed(field)) {
            let list = field.list.as_ref().map(|list| usize::from(list.group));
            let count = list.map_or(1, |list| items.get(list).copied().unwrap_or_default());
            let width = list.and_then(|list| widths.get(list)).copied().unwrap_or(2);
            let missing = (0..count).filter(|item| !given.contains(&(field_no, *item)));
            findings.extend(missing.map(|item| Finding::new(Code::E16).in_column(field.column_with(item, width))));
        }
    }
}

struct Found {
    field: FieldNo,
    item: Option<(u16, usize)>,
}

/// The item numbers of one list in a header.
#[derive(Default)]
struct Numbering {
    items: BTreeSet<u16>,
    widths: BTreeSet<usize>,
}

impl Numbering {
    fn count(&self) -> u16 {
        self.items.last().map_or(0, |last| last.saturating_add(1))
    }

    fn faults(&self, group: &Group) -> Option<Finding> {
        let finding = |code| Finding::new(code).in_column(group.column.as_str());
        if self.widths.len() > 1 || self.items.len() != usize::from(self.count()) {
            return Some(finding(Code::E08));
        }
        (self.count() > group.max_items).then(|| finding(Code::E30).expecting(Expected::AtMost(u64::from(group.max_items))))
    }
}

/// The name of an unknown column, or its number when the name may be a cell of a file without a header.
fn printable(name: &str, at: usize) -> String {
    let is_technical = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'|' | b'-' | b'.');
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    if !name.is_empty() && name.len() <= 100 && digits < 6 && name.bytes().all(is_technical) {
        name.to_owned()
    } else {
        format!("#{}", at + 1)
    }
}

impl Layout {
    /// The definition that the header fits.
    #[must_use]
    pub const fn definition(&self) -> &Arc<Definition> {
        &self.definition
    }

    /// The place that a column of the header feeds.
    #[must_use]
    pub fn place(&self, column: usize) -> Option<Place> {
        let Column { field, item, .. } = *self.columns.get(column)?;
        let in_list = self.definition.list_of(field).is_some();
        Some(Place { field, item: in_list.then_some(item) })
    }

    /// The column of a place as this header numbers items.
    #[must_use]
    pub fn column_at(&self, place: Place) -> Option<String> {
        let field = self.definition.field(place.field)?;
        let width = field.list.as_ref().and_then(|list| self.widths.get(usize::from(list.group))).copied().unwrap_or(2);
        Some(field.column_with(place.item.unwrap_or_default(), width))
    }
}

#[cfg(test)]
mod tests {
    use crate::sample::{GOOD, brief, definition};

    fn faults(header: &[&str]) -> Vec<String> {
        let header: Vec<_> = header.iter().map(|column| (*column).to_owned()).collect();
        brief(&definition().layout(&header).err().unwrap_or_default())
    }

    fn good_with(more: &[&'static str]) -> Vec<&'static str> {
        GOOD.iter().map(|(column, _)| *column).chain(more.iter().copied()).collect()
    }

    fn good_without(column: &str) -> Vec<&'static str> {
        good_with(&[]).into_iter().filter(|name| *name != column).collect()
    }

    #[test]
    fn the_template_is_a_header_that_fits() {
        let template = definition().header_template();
        assert!(template.contains(&"variants|00|gene".to_owned()));
        assert!(!template.contains(&"organisation".to_owned()) && !template.contains(&"body|bmi".to_owned()));
        assert!(definition().layout(&template).is_ok());
        assert_eq!(faults(&good_with(&["organisation", "body|bmi"])), Vec::<String>::new());
    }

    #[test]
    fn all_faults_of_a_header_come_at_once() {
        let header = ["case", "case", "nothing", "variants|00|kind", "variants|2|gene"];
        assert_eq!(
            faults(&header),
            ["E14 case", "E01 nothing", "E08 variants", "E16 seen", "E16 variants|0|gene", "E16 variants|1|gene"]
        );
    }

    #[test]
    fn required_columns_must_be_there_and_what_fills_itself_need_not() {
        assert_eq!(faults(&good_without("case")), ["E16 case"]);
        assert_eq!(faults(&good_without("variants|01|gene")), ["E16 variants|01|gene"]);
        for column in ["stage", "patient_id|sex", "patient_id|generated", "patient_id"] {
            assert_eq!(faults(&good_without(column)), Vec::<String>::new(), "{column}");
        }
    }

    #[test]
    fn list_items_are_numbered_from_0_without_gaps_in_one_width() {
        let with = |columns: &[&'static str]| {
            let base = good_with(&[]).into_iter().filter(|column| !column.starts_with("variants|"));
            faults(&base.chain(columns.iter().copied()).collect::<Vec<_>>())
        };
        let none = Vec::<String>::new();
        assert_eq!(with(&["variants|0|gene", "variants|1|gene"]), none);
        assert_eq!(with(&["variants|001|gene", "variants|000|gene"]), none);
        assert_eq!(with(&["variants|0|gene", "variants|01|gene"]), ["E08 variants"]);
        assert_eq!(with(&["variants|1|gene"]), ["E08 variants", "E16 variants|0|gene"]);
        assert_eq!(with(&["variants|0|gene", "variants|2|gene"]), ["E08 variants", "E16 variants|1|gene"]);
        assert_eq!(with(&["variants|0|gene", "variants|1|gene", "variants|2|gene", "variants|3|gene"]), ["E30 variants"]);
        assert_eq!(with(&["variants|gene"]), ["E08 variants|gene"]);
        assert_eq!(with(&["variants|x|gene"]), ["E01 variants|x|gene"]);
    }

    #[test]
    fn a_form_may_leave_out_any_column_and_name_no_other() {
        let form = |columns: &[&str]| {
            let columns: Vec<_> = columns.iter().map(|column| (*column).to_owned()).collect();
            brief(&definition().layout_of_form(&columns).err().unwrap_or_default())
        };
        assert_eq!(form(&[]), Vec::<String>::new());
        assert_eq!(form(&["case", "variants|00|kind"]), Vec::<String>::new());
        assert_eq!(form(&["case", "nothing", "variants|01|kind"]), ["E01 nothing", "E08 variants"]);
    }

    /// A file without a header begins with a row: none of it may be repeated.
    #[test]
    fn what_may_be_a_row_is_not_repeated() {
        assert_eq!(faults(&["64031299906", "Janssens", "12/03/1964"]), ["E02 -"]);
        assert_eq!(faults(&[]), ["E02 -"]);
        let header = good_with(&["64031299906", "Jan Janssens", ""]);
        let first = GOOD.len() + 1;
        let numbered = [first, first + 1, first + 2].map(|at| format!("E01 #{at}"));
        assert_eq!(faults(&header), numbered);
    }

    #[test]
    fn a_layout_knows_its_places_and_its_width() {
        let header: Vec<_> = ["case", "seen", "variants|0|gene"].map(str::to_owned).to_vec();
        let layout = definition().layout(&header).unwrap();
        let place = layout.place(2).unwrap();
        assert_eq!(place.item, Some(0));
        assert_eq!(layout.column_at(place).as_deref(), Some("variants|0|gene"));
        assert_eq!(layout.place(0).unwrap().item, None);
        assert_eq!(layout.place(3), None);
    }
}
