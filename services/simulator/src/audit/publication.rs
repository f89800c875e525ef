//! Publications: what stands on a queue, and what each party's own keys open of it.

use std::collections::{BTreeMap, BTreeSet};

use envelope::content_hash;
use registration::{Content, Feedback};
use sealing::{
    KeyId, Keyring, Opener, Part, PublicKey,
    keys::{KeyDirectory, KeyError, Party},
};
use serde_json::Value;
use topology::{Actor, Arrow, Nihdi};
use uuid::Uuid;

use super::{
    board::Board,
    column::{Columns, Stand},
    onlooker::{Medium, Onlooker, Role},
};

/// A publication and the queue that it was meant for.
#[derive(Clone)]
pub struct Recorded {
    /// The queue's name, which is the routing key.
    pub queue: String,
    /// The document.
    pub payload: broker::Payload,
}

impl std::fmt::Debug for Recorded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Recorded({}, {} bytes)", self.queue, self.payload.len())
    }
}

/// The arrow of a queue, its hospital, and whether the queue is the one of dead letters.
#[must_use]
pub fn of_queue(queue: &str) -> Option<(Arrow, Option<Nihdi>, bool)> {
    let (working, is_dead) = queue.strip_suffix(".dead").map_or((queue, false), |working| (working, true));
    let hospital: Option<Nihdi> = working.split('.').find_map(|part| part.parse().ok());
    let arrow = Arrow::ALL.into_iter().find(|arrow| arrow.queue(hospital.as_ref()).as_str() == working)?;
    Some((arrow, hospital, is_dead))
}

/// What each party can open.
#[derive(Default)]
pub struct Keyrings {
    parties: Vec<(Party, Keyring, Vec<KeyId>)>,
    senders: Vec<PublicKey>,
}

impl Keyrings {
    /// The keys of every party whose folder is at hand.
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub fn read(directory: &KeyDirectory) -> Result<Self, KeyError> {
        let public = directory.public()?;
        let mut keyrings = Self::default();
        for party in directory.parties()?.into_iter().filter(|party| party.has_key_pair()) {
            let own = public.keys(party)?.all();
            let keyring = match party {
                Party::EhealthTtp => directory.ttp()?.keyring,
                _ => directory.messaging(party)?.keyring,
            };
            keyrings.parties.push((party, keyring, own.iter().map(PublicKey::id).collect()));
            keyrings.senders.extend(own.iter().cloned());
        }
        Ok(keyrings)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parties.is_empty()
    }

    /// Everybody who opens an item's part, with what they read. Whom it is addressed to does not count: every key is tried.
    fn open(&self, parts: &[Part], enc: &[u8; 32], items: &[(Uuid, Vec<u8>)]) -> Vec<(Party, Uuid, Vec<u8>)> {
        let mut opened = Vec::new();
        for (party, keyring, ids) in &self.parties {
            for (id, part) in ids.iter().flat_map(|id| parts.iter().map(move |part| (*id, *part))) {
                let Ok(opener) = keyring.opener(part, &self.senders, id, enc) else { continue };
                opened.extend(open_items(&opener, items).map(|(item, clear)| (*party, item, clear)));
            }
        }
        opened
    }
}

fn open_items<'a>(opener: &'a Opener, items: &'a [(Uuid, Vec<u8>)]) -> impl Iterator<Item = (Uuid, Vec<u8>)> + 'a {
    items.iter().filter_map(|(id, blob)| Some((*id, opener.open(id.as_bytes(), blob).ok()?)))
}

/// The parts that may stand under a member of a sealed document.
fn parts(member: &str) -> &'static [Part] {
    match member {
        "identity" => &[Part::Identity, Part::ReturnedIdentity],
        "content" => &[Part::Content],
        "pseudonym" => &[Part::Pseudonym],
        "return" => &[Part::Return],
        "feedback" => &[Part::Feedback],
        "pseudonyms" => &[Part::Recode],
        "pairs" => &[Part::Recoded],
        _ => &[],
    }
}

/// Looks through publications, one after the other.
pub struct Publications<'a, 'd> {
    keyrings: &'a Keyrings,
    columns: &'a mut Columns<'d>,
    /// Hashes of the sealed contents and feedback that went into the TTP and came out of it, by item.
    into_ttp: BTreeMap<Uuid, BTreeSet<[u8; 32]>>,
    out_of_ttp: BTreeMap<Uuid, BTreeSet<[u8; 32]>>,
}

/// Whether what the TTP passed on is what it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Passed {
    /// Items whose sealed content or feedback was seen on both sides and is the same.
    pub same: u64,
    /// Items for which it is another.
    pub other: u64,
}

impl<'a, 'd> Publications<'a, 'd> {
    /// A look with these keys.
    #[must_use]
    pub fn new(keyrings: &'a Keyrings, columns: &'a mut Columns<'d>) -> Self {
        Self { keyrings, columns, into_ttp: BTreeMap::new(), out_of_ttp: BTreeMap::new() }
    }

    /// Looks at one publication: as those see it who run its broker, as its reader does, and as each party's keys open it.
    pub fn look(&mut self, recorded: &Recorded, board: &mut Board) {
        let Some((arrow, hospital, is_dead)) = of_queue(&recorded.queue) else {
            // Nobody knows who reads it; that it is there at all is seen by whoever keeps the broker running.
            let operator = Onlooker::of(Role::Operator);
            let place = board.look_at_name(operator, "queue", &recorded.queue);
            board.look(operator, Medium::Queue, &place, &recorded.payload);
            return;
        };
        let medium = if is_dead { Medium::DeadLetter } else { Medium::Queue };
        let broker = Onlooker::broker(arrow, hospital);
        let place = board.look_at_name(broker, "queue", &recorded.queue);
        board.look(broker, medium, &place, &recorded.payload);
        if !is_dead {
            board.look(Onlooker::service(arrow.to(), hospital), medium, &place, &recorded.payload);
        }
        // A dead letter may be unreadable; its bytes were looked through all the same.
        let Ok(document) = serde_json::from_slice::<Value>(&recorded.payload) else { return };
        let Some(items) = document.pointer("/data/items").and_then(Value::as_array) else { return };
        let stand = Stand { onlooker: broker, medium, place: &place };
        self.clear_contents(arrow, items, stand, board);
        if !is_dead {
            self.note_passing(arrow, items);
        }
        let members = document.get("data").and_then(Value::as_object).into_iter().flatten();
        for (member, seal) in members {
            let Some(enc) = seal.get("enc").and_then(blob).and_then(|enc| <[u8; 32]>::try_from(enc).ok()) else { continue };
            let sealed: Vec<(Uuid, Vec<u8>)> =
                items.iter().filter_map(|item| Some((id(item)?, item.get(member).and_then(blob)?))).collect();
            for (party, item, clear) in self.keyrings.open(parts(member), &enc, &sealed) {
                self.opened(party, member, item, &clear, &place, board);
            }
        }
    }

    fn opened(&mut self, party: Party, member: &str, item: Uuid, clear: &[u8], place: &str, board: &mut Board) {
        let (actor, hospital) = match party {
            Party::Hd4dp(nihdi) => (Actor::Hd4dp, Some(nihdi)),
            Party::EhboxHco(nihdi) => (Actor::EhboxHco, Some(nihdi)),
            Party::EhealthTtp => (Actor::EhealthTtp, None),
            Party::EhboxHd => (Actor::EhboxHd, None),
        };
        let onlooker = Onlooker::service(actor, hospital);
        let place = format!("{place}, {member}");
        board.look(onlooker, Medium::Opened, &place, clear);
        if let Ok(content) = Content::decode(clear) {
            self.columns.content(&content, Stand { onlooker, medium: Medium::Opened, place: &place }, board);
        }
        let is_content = Content::decode(clear).is_ok() || Feedback::decode(clear).is_ok();
        if party == Party::EhealthTtp && is_content {
            let field = board.watch.field(&super::field::Field::beside(super::field::Kind::FreeText));
            let promise = Some(super::promise::Promise::TtpWithoutContent);
            let way = "opened: a content or feedback".to_owned();
            let found = super::board::Found { promise, field, onlooker, medium: Medium::Opened, place, way };
            board.breach(found, &format!("item {item}"));
            board.saw(field, Role::EhealthTtp, super::board::Sight::Seen);
        }
    }

    /// Contents that stand in clear are judged by their columns.
    fn clear_contents(&mut self, arrow: Arrow, items: &[Value], stand: Stand<'_>, board: &mut Board) {
        for item in items {
            let Some(bytes) = item.get("content").and_then(blob) else { continue };
            let Ok(content) = Content::decode(&bytes) else { continue };
            self.columns.content(&content, stand, board);
            let reader = Onlooker::service(arrow.to(), stand.onlooker.hospital);
            self.columns.content(&content, Stand { onlooker: reader, ..stand }, board);
        }
    }

    fn note_passing(&mut self, arrow: Arrow, items: &[Value]) {
        let (member, side) = match arrow {
            Arrow::ToTtp => ("content", &mut self.into_ttp),
            Arrow::ToHd => ("content", &mut self.out_of_ttp),
            Arrow::ToTtpBack => ("feedback", &mut self.into_ttp),
            Arrow::ToHco => ("feedback", &mut self.out_of_ttp),
            _ => return,
        };
        for item in items {
            if let (Some(id), Some(sealed)) = (id(item), item.get(member).and_then(blob)) {
                side.entry(id).or_default().insert(content_hash(&sealed));
            }
        }
    }

    /// Whether what came out of the TTP is what went in.
    #[must_use]
    pub fn passed(&self) -> Passed {
        let mut passed = Passed::default();
        for (item, hashes) in &self.out_of_ttp {
            match self.into_ttp.get(item) {
                Some(known) if hashes.is_subset(known) => passed.same += 1,
                Some(_) => passed.other += 1,
                None => {}
            }
        }
        passed
    }
}

fn id(item: &Value) -> Option<Uuid> {
    item.get("id")?.as_str()?.parse().ok()
}

/// The envelope's reader of blobs reads them from a document, so the text becomes one.
fn blob(value: &Value) -> Option<Vec<u8>> {
    let document = format!("\"{}\"", value.as_str()?);
    serde_json::from_slice::<envelope::B64>(document.as_bytes()).ok().map(|blob| blob.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_queue_is_of_an_arrow() {
        let hospital: Nihdi = "00000196".parse().unwrap();
        for arrow in Arrow::ALL {
            let queue = arrow.queue(Some(&hospital));
            let own = arrow.per_hospital().then_some(hospital);
            assert_eq!(of_queue(queue.as_str()), Some((arrow, own, false)));
            assert_eq!(of_queue(queue.dead().as_str()), Some((arrow, own, true)));
        }
        assert_eq!(of_queue("elsewhere"), None);
    }
}
