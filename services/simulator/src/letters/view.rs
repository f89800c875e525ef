//! How a letter is shown: over HTTP, as JSON and in tables, always the same.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Letter, Why, shape::ItemShape};

/// Items of a letter that are shown at most. A letter has one, unless it was set aside as a whole.
const ITEMS_MAX: usize = 100;

/// A dead letter in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LetterView {
    /// Its id; none of a document that has no readable one.
    pub publication: Option<String>,
    /// The queue that it stands in.
    pub queue: String,
    /// The queue that it was set aside from, and goes back to.
    pub set_aside_from: String,
    /// Who set it aside.
    pub set_aside_by: String,
    /// The step's number.
    pub step: String,
    /// The zone whose broker it stands on.
    pub zone: String,
    /// `sealed`, or `clear` within its zone.
    pub form: String,
    /// The party that sent it; none of a document that names no party of the flow.
    pub sender: Option<String>,
    /// The hospital that it belongs to; behind the TTP nobody can tell.
    pub hospital: Option<String>,
    /// The message's type.
    pub kind: Option<String>,
    /// When it was set aside; of a document that was set aside as a whole, when it was made.
    pub time: Option<String>,
    /// The code that it was set aside with, or that reading it again gives.
    pub reason: Option<String>,
    /// How many items it has; none of a document that cannot be read.
    pub items: usize,
    /// The item, when it has one.
    pub item: Option<String>,
    /// Bytes of the document.
    pub bytes: usize,
}

/// A dead letter by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LetterDetail {
    /// The letter.
    pub letter: LetterView,
    /// What its items look like, the first hundred at most. Nothing is opened, and nothing that is clear is shown.
    pub items: Vec<ItemShape>,
    /// Why it stands there.
    pub why: Why,
}

impl From<&Letter> for LetterView {
    fn from(letter: &Letter) -> Self {
        let (place, arrow) = (&letter.place, letter.place.arrow);
        Self {
            publication: letter.publication.map(|id| id.to_string()),
            queue: place.dead().to_string(),
            set_aside_from: place.queue().to_string(),
            set_aside_by: place.reader(),
            step: arrow.step().to_owned(),
            zone: arrow.zone().as_str().to_owned(),
            form: arrow.form().as_str().to_owned(),
            sender: letter.sender.clone(),
            hospital: letter.hospital().map(|nihdi| nihdi.to_string()),
            kind: letter.kind.map(str::to_owned),
            time: letter.time.map(|time| time.to_string()),
            reason: letter.code().map(str::to_owned),
            items: letter.items.len(),
            item: if let [item] = letter.items[..] { Some(item.to_string()) } else { None },
            bytes: letter.bytes,
        }
    }
}

impl From<&Letter> for LetterDetail {
    fn from(letter: &Letter) -> Self {
        let items = letter.shapes.iter().take(ITEMS_MAX).cloned().collect();
        Self { letter: letter.into(), items, why: Why::of(letter) }
    }
}
