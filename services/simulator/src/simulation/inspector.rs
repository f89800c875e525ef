//! Looks into every publication on its way: what may stand in its zone, and what it carries.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use aho_corasick::AhoCorasick;
use broker::Payload;
use clock::Timestamp;
use memchr::memmem;
use serde_json::Value;
use topology::{Arrow, Route, Zone};
use uuid::Uuid;

use super::{
    Violation,
    laboratory::{CANARY_OF_CONTENT, CANARY_OF_IDENTITY},
    op::Service,
    remembered::Remembered,
};

/// A publication as it was handed to the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Service,
    /// On which arrow.
    pub arrow: Arrow,
    /// Whether it is a dead letter.
    pub is_dead: bool,
    /// Its id.
    pub id: Uuid,
    /// Its items, in its order.
    pub items: Vec<Uuid>,
}

/// What was seen on the way.
#[derive(Default)]
pub(crate) struct Inspector {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    published: Vec<Published>,
    remembered: Remembered,
    /// National numbers and generated ids, as they stood in clear inside a hospital.
    identities: Words,
    /// Pseudonyms and sender codes, as they stood in clear inside healthdata.
    pseudonyms: Words,
    /// Zones in which a content was seen in clear.
    contents: BTreeSet<Zone>,
    complaint: Option<Violation>,
}

/// What a pseudonym of the first epoch begins with: domain and epoch.
const PSEUDONYM: &str = "healthdata.1.";
/// What pseudonyms of later epochs begin with.
const LATER: [&str; 3] = ["healthdata.2.", "healthdata.3.", "healthdata.4."];
/// What the name of every register begins with.
const REGISTER: &str = "Precision_";

impl Inspector {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first thing that was wrong.
    pub(crate) fn complaint(&self) -> Option<Violation> {
        self.lock().complaint.clone()
    }

    pub(super) fn published(&self) -> Vec<Published> {
        self.lock().published.clone()
    }

    /// How many patients were named inside hospitals, and how many pseudonyms inside healthdata.
    pub(super) fn patients_and_pseudonyms(&self) -> (usize, usize) {
        let state = self.lock();
        (state.identities.all.len(), state.pseudonyms.all.iter().filter(|word| word.starts_with(PSEUDONYM)).count())
    }

    /// The zones in which a content was seen in clear.
    pub(super) fn zones_of_contents(&self) -> BTreeSet<Zone> {
        self.lock().contents.clone()
    }

    /// Whether a text of eHealth's or healthdata's store names a patient, or depends on a key.
    pub(super) fn judge_itinerary(&self, text: &str) -> Result<(), Violation> {
        let mut state = self.lock();
        let state = &mut *state;
        let is_there = state.identities.stand_in(text.as_bytes()) || state.pseudonyms.stand_in(text.as_bytes());
        match is_there || [CANARY_OF_IDENTITY, CANARY_OF_CONTENT, PSEUDONYM].iter().any(|word| text.contains(word)) {
            true => Err(Violation::of("P-9", "an itinerary names a patient, a pseudonym or a content")),
            false => Ok(()),
        }
    }

    /// Whether the texts that healthdata stores name a patient.
    pub(super) fn judge_at_healthdata(&self, text: &str) -> Result<(), Violation> {
        match self.lock().identities.stand_in(text.as_bytes()) || text.contains(CANARY_OF_IDENTITY) {
            true => Err(Violation::of("P-1", "healthdata stores who a patient is")),
            false => Ok(()),
        }
    }

    /// The first publication on an arrow.
    pub(crate) fn first(&self, arrow: Arrow) -> Option<(Route, Payload)> {
        self.lock().remembered.first(arrow)
    }

    /// The first publication on a route of an arrow.
    pub(super) fn first_on(&self, arrow: Arrow, route: &Route) -> Option<Payload> {
        self.lock().remembered.first_on(arrow, route)
    }

    /// The last items that a hospital other than the one of this publication handed over.
    pub(crate) fn items_handed_over_by_others(&self, payload: &[u8]) -> Vec<Uuid> {
        self.lock().remembered.items_handed_over_by_others(payload)
    }

    pub(crate) fn inspect(&self, at: Timestamp, by: Service, route: &Route, payload: &Payload) {
        let mut state = self.lock();
        if let Err(violation) = state.inspect(at, by, route, payload) {
            state.complaint.get_or_insert(violation);
        }
    }
}

/// The arrow of a route, and whether it is the one of its dead letters.
fn arrow_of(route: &Route) -> Option<(Arrow, bool)> {
    if let Some(arrow) = Arrow::ALL.into_iter().find(|arrow| arrow.exchange() == route.exchange) {
        return Some((arrow, false));
    }
    let queue = route.exchange.strip_prefix("dead.")?;
    let hospital = queue.split('.').nth(1).and_then(|number| number.parse().ok());
    let arrow = Arrow::ALL.into_iter().find(|arrow| arrow.queue(hospital.as_ref()).as_str() == queue)?;
    Some((arrow, true))
}

impl State {
    fn inspect(&mut self, at: Timestamp, by: Service, route: &Route, payload: &Payload) -> Result<(), Violation> {
        let (arrow, is_dead) = arrow_of(route).ok_or_else(|| Violation::new(format!("{by:?} publishes to nowhere")))?;
        let unreadable = || Violation::new(format!("{by:?} publishes on {arrow:?} what is no publication"));
        let document: Value = serde_json::from_slice(payload).map_err(|_| unreadable())?;
        let id = document.get("id").and_then(id).ok_or_else(unreadable)?;
        let items = document.pointer("/data/items").and_then(Value::as_array).ok_or_else(unreadable)?;
        let of_items = items.iter().map(|item| item.get("id").and_then(self::id)).collect::<Option<Vec<Uuid>>>();
        let of_items = of_items.ok_or_else(unreadable)?;
        self.learn(arrow.zone(), items);
        if !is_dead {
            self.remembered.note(arrow, route, payload);
        }
        self.published.push(Published { at, by, arrow, is_dead, id, items: of_items });
        let mut haystacks = Haystacks::default();
        haystacks.take(&document);
        if haystacks.hold(CANARY_OF_CONTENT) {
            self.contents.insert(arrow.zone());
        }
        self.judge(arrow, by, &haystacks)
    }

    /// Learns from the clear zones what must not be found in the others.
    fn learn(&mut self, zone: Zone, items: &[Value]) {
        let text = |item: &Value, pointer: &str| item.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        for item in items {
            match zone {
                Zone::Hospital => self.identities.extend(text(item, "/identity/value")),
                Zone::EHealth => {}
                Zone::Hd => {
                    self.pseudonyms.extend(text(item, "/pseudonym"));
                    self.pseudonyms.extend(text(item, "/sender"));
                    self.pseudonyms.extend(text(item, "/old"));
                    self.pseudonyms.extend(text(item, "/new"));
                }
            }
        }
    }

    fn judge(&mut self, arrow: Arrow, by: Service, haystacks: &Haystacks) -> Result<(), Violation> {
        let mut identities = || haystacks.hold(CANARY_OF_IDENTITY) || haystacks.hold_any(&mut self.identities);
        let mut pseudonyms =
            || [PSEUDONYM].iter().chain(&LATER).any(|word| haystacks.hold(word)) || haystacks.hold_any(&mut self.pseudonyms);
        let found = match arrow.zone() {
            // Names stay inside HD4DP even here.
            Zone::Hospital if haystacks.hold(CANARY_OF_IDENTITY) => Some(("P-7", "the name of a patient")),
            Zone::Hospital if pseudonyms() => Some(("P-3", "a pseudonym")),
            Zone::EHealth if identities() => Some(("P-12", "the identity of a patient")),
            Zone::EHealth if pseudonyms() => Some(("P-12", "a pseudonym")),
            Zone::EHealth if [CANARY_OF_CONTENT, REGISTER].iter().any(|word| haystacks.hold(word)) => {
                Some(("P-12", "the content of a registration"))
            }
            Zone::Hd if identities() => Some(("P-1", "the identity of a patient")),
            Zone::Hospital | Zone::EHealth | Zone::Hd => None,
        };
        found.map_or(Ok(()), |(invariant, what)| {
            Err(Violation::of(invariant, format!("{by:?} publishes {what} on {arrow:?}, in clear")))
        })
    }
}

fn id(value: &Value) -> Option<Uuid> {
    value.as_str()?.parse().ok()
}

/// Words that are looked for all at once, however many they are.
#[derive(Default)]
struct Words {
    all: BTreeSet<String>,
    /// Finds them; none as long as there is another word than when it was made.
    finder: Option<AhoCorasick>,
}

impl Words {
    fn extend(&mut self, words: impl IntoIterator<Item = String>) {
        for word in words {
            if self.all.insert(word) {
                self.finder = None;
            }
        }
    }

    fn stand_in(&mut self, haystack: &[u8]) -> bool {
        if self.all.is_empty() {
            return false;
        }
        if self.finder.is_none() {
            self.finder = AhoCorasick::new(&self.all).ok();
        }
        match &self.finder {
            Some(finder) => finder.is_match(haystack),
            None => self.all.iter().any(|word| memmem::find(haystack, word.as_bytes()).is_some()),
        }
    }
}

/// All that a document says: its texts, and what those are in base64 of.
#[derive(Default)]
struct Haystacks(Vec<Vec<u8>>);

impl Haystacks {
    fn take(&mut self, value: &Value) {
        match value {
            Value::String(text) => {
                self.0.extend(from_base64(text));
                self.0.push(text.clone().into_bytes());
            }
            Value::Array(values) => values.iter().for_each(|value| self.take(value)),
            Value::Object(members) => members.values().for_each(|value| self.take(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn hold(&self, needle: &str) -> bool {
        let finder = memmem::Finder::new(needle);
        self.0.iter().any(|haystack| finder.find(haystack).is_some())
    }

    fn hold_any(&self, words: &mut Words) -> bool {
        self.0.iter().any(|haystack| words.stand_in(haystack))
    }
}

/// The envelope's reader of blobs reads them from a document, so the text becomes one.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    let document = format!("\"{text}\"");
    (text.len() >= 16).then(|| serde_json::from_slice::<envelope::B64>(document.as_bytes()).ok())?.map(|blob| blob.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(arrow: Arrow, text: &str) -> Option<Violation> {
        let id = Uuid::from_u128(1).to_string();
        let hospital = "00000196".parse().ok();
        let document = serde_json::json!({ "id": id, "data": { "items": [{ "id": id, "blob": text }] } });
        let inspector = Inspector::default();
        let payload = Payload::from(serde_json::to_vec(&document).unwrap());
        inspector.inspect(Timestamp::EPOCH, Service::EhboxHd, &arrow.route(hospital.as_ref()), &payload);
        inspector.inspect(Timestamp::EPOCH, Service::EhboxHd, &arrow.dead_route(hospital.as_ref()), &payload);
        assert_eq!(inspector.published().iter().filter(|one| one.arrow == arrow).count(), 2);
        inspector.complaint()
    }

    fn base64(text: &str) -> String {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        // Blanks at the end make whole groups, so that no padding is needed.
        let bytes = format!("{text:<width$}", width = text.len().next_multiple_of(3)).into_bytes();
        let group = |group: &[u8]| {
            let bits = group.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
            [18, 12, 6, 0].map(|shift| char::from(DIGITS[bits >> shift & 63]))
        };
        bytes.chunks(3).flat_map(group).collect()
    }

    #[test]
    fn finds_what_a_zone_may_not_see_also_behind_base64() {
        let (name, content) = (format!("x{CANARY_OF_IDENTITY}x y"), format!("about {CANARY_OF_CONTENT}"));
        for text in [name.clone(), base64(&name)] {
            for arrow in Arrow::ALL {
                assert!(complaint(arrow, &text).is_some(), "{arrow:?}");
            }
        }
        for text in [content.clone(), base64(&content)] {
            for arrow in Arrow::ALL {
                assert_eq!(complaint(arrow, &text).is_some(), arrow.zone() == Zone::EHealth, "{arrow:?}");
            }
        }
        let pseudonym = format!("{PSEUDONYM}ABCDEFGHIJKLMNOPQRSTUVWXYZ");
        for arrow in Arrow::ALL {
            assert_eq!(complaint(arrow, &base64(&pseudonym)).is_some(), arrow.zone() != Zone::Hd, "{arrow:?}");
            assert_eq!(complaint(arrow, "nothing of anybody"), None);
        }
    }
}
