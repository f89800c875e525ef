//! What holds for every publication that a part passes on or sets aside, whatever arrow it is on.

use std::collections::BTreeSet;

use broker::Payload;
use clock::Timestamp;
use envelope::{ItemId, Publication, PublicationId, ReasonCode};
use topology::{Arrow, Nihdi, QueueName};

use super::{
    check::{Check, Protocol, hold, required},
    messages::Items,
    neighbours::{Neighbours, Sent},
};

/// How far the clocks of two parties may be apart.
const CLOCKS_APART_SECONDS: u64 = 600;

/// What is looked at of the envelope of something that was passed on.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// The publication that it follows from.
    pub incoming: PublicationId,
    /// Who should have made it.
    pub source: &'a str,
    /// Whether its time should be rounded down to seconds.
    pub is_rounded: bool,
}

/// The checks of what follows on an arrow from something good.
#[must_use]
pub fn checks(to: Arrow, is_rounded: bool) -> Vec<Check> {
    let name = |name: &str| format!("{}/{name}", to.exchange());
    let time = if is_rounded { "`time` is now, rounded down to seconds" } else { "`time` is now" };
    let arrives = format!("a good publication is passed on to {}", to.queue(None));
    let readable = format!("what arrives is a document of step {}", to.step());
    required(&[
        (&name("arrives"), "2", &arrives),
        (&name("readable"), "1, 2", &readable),
        (&name("id"), "1, 8", "`id` is a new one, version 5 of the incoming publication's"),
        (&name("source"), "1", "`source` names the part"),
        (&name("time"), "1", time),
        (&name("reason"), "1", "there is no `reason`, since it is no dead letter"),
        (&name("items"), "2, 8", if is_rounded { "items keep their ids and their order" } else { "items keep their ids" }),
    ])
}

/// Sends something good and reads what follows from it. `None` when nothing did, or it cannot be read.
///
/// # Errors
///
/// The broker's.
pub async fn passed_on<In: Items, Out: Items>(
    neighbours: &mut Neighbours,
    protocol: &mut Protocol,
    (from, to): (Arrow, Arrow),
    hospital: Option<Nihdi>,
    publication: &Publication<In>,
    source: &str,
) -> anyhow::Result<Option<(Publication<Out>, Payload)>> {
    let sent = Sent { items: publication.data.ids(), payload: publication.encode()? };
    neighbours.send(from, hospital.as_ref(), sent.payload.clone()).await?;
    follows(neighbours, protocol, to, hospital, publication, source, &sent).await
}

/// Reads what follows from something good that was sent.
///
/// # Errors
///
/// The broker's.
pub async fn follows<In: Items, Out: Items>(
    neighbours: &mut Neighbours,
    protocol: &mut Protocol,
    to: Arrow,
    hospital: Option<Nihdi>,
    publication: &Publication<In>,
    source: &str,
    sent: &Sent,
) -> anyhow::Result<Option<(Publication<Out>, Payload)>> {
    let what = described(publication);
    let name = |name: &str| format!("{}/{name}", to.exchange());
    let payload = match neighbours.receive(&to.queue(hospital.as_ref()), sent).await? {
        Ok(payload) => payload,
        Err(nothing) => {
            protocol.judge(&name("arrives"), &what, Err(nothing));
            return Ok(None);
        }
    };
    protocol.judge(&name("arrives"), &what, Ok(()));
    let came = match Publication::<Out>::decode(&payload) {
        Ok(came) => came,
        Err(error) => {
            protocol.judge(&name("readable"), &what, Err(format!("{error} ({})", error.code())));
            return Ok(None);
        }
    };
    protocol.judge(&name("readable"), &what, Ok(()));
    // Only the TTP rounds.
    let envelope = Envelope { incoming: publication.id, source, is_rounded: source == ehealth_ttp::SERVICE };
    judge_envelope(neighbours, protocol, to, &what, &envelope, &came);
    let (expected, ids) = (publication.data.ids(), came.data.ids());
    let came_ids = || format!("{} items, {} of them with ids that were sent", ids.len(), count_known(&ids, &expected));
    // Whoever else passes something on may shuffle it.
    let is_kept = if envelope.is_rounded { ids == expected } else { sorted(&ids) == sorted(&expected) };
    let in_order = || if sorted(&ids) == sorted(&expected) { "the same ids in another order".to_owned() } else { came_ids() };
    protocol.judge(&name("items"), &what, hold(is_kept, in_order));
    Ok(Some((came, payload)))
}

fn count_known(ids: &[ItemId], expected: &[ItemId]) -> usize {
    ids.iter().filter(|id| expected.contains(id)).count()
}

fn sorted(ids: &[ItemId]) -> Vec<ItemId> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids
}

/// A publication as the protocol names it.
#[must_use]
pub fn described<D: Items>(publication: &Publication<D>) -> String {
    let items = publication.data.len();
    format!("publication {} of {items} item{} from {}", publication.id, if items == 1 { "" } else { "s" }, publication.source)
}

fn judge_envelope<D: Items>(
    neighbours: &Neighbours,
    protocol: &mut Protocol,
    to: Arrow,
    what: &str,
    expected: &Envelope<'_>,
    came: &Publication<D>,
) {
    let name = |name: &str| format!("{}/{name}", to.exchange());
    let (id, version) = (came.id.uuid(), came.id.uuid().get_version_num());
    let came_id =
        || if id == expected.incoming.uuid() { "the incoming id".to_owned() } else { format!("an id of version {version}") };
    protocol.judge(&name("id"), what, hold(came.id != expected.incoming && version == 5, came_id));
    protocol.judge(&name("source"), what, hold(came.source.as_str() == expected.source, || format!("`{}`", came.source)));
    let now = neighbours.ground.clock.now();
    let time = judge_time(came.time, now, expected.is_rounded);
    protocol.judge(&name("time"), what, time);
    let reason = came.reason.as_ref();
    protocol.judge(
        &name("reason"),
        what,
        hold(reason.is_none(), || format!("reason `{}`", reason.map_or("", ReasonCode::as_str))),
    );
}

fn judge_time(came: Timestamp, now: Timestamp, is_rounded: bool) -> Result<(), String> {
    hold(!is_rounded || came == came.rounded_to_seconds(), || format!("{came}, with fractions of a second"))?;
    let apart = if came > now { came.since(now) } else { now.since(came) };
    hold(apart.as_secs() <= CLOCKS_APART_SECONDS, || format!("{came}, {} s away from now", apart.as_secs()))
}

/// Judges whether each of the blobs under one encapsulation has an index of its own: under one twice, the key stream would be the same.
pub fn judge_indexes<'a>(protocol: &mut Protocol, what: &str, blobs: impl Iterator<Item = &'a [u8]>) {
    let blobs: Vec<&[u8]> = blobs.collect();
    let indexes: BTreeSet<&[u8]> = blobs.iter().filter_map(|blob| blob.get(..4)).collect();
    let twice = || format!("{} indexes for {} items", indexes.len(), blobs.len());
    protocol.judge("index-once", what, hold(indexes.len() == blobs.len(), twice));
}

/// A publication of which some items must be set aside.
pub struct Spoilt<'a, D> {
    /// The check.
    pub name: &'a str,
    /// What is wrong with it.
    pub what: &'a str,
    /// The publication.
    pub publication: Publication<D>,
    /// The places of the bad items, and the code of each.
    pub bad: &'a [(usize, &'a str)],
}

/// Checks of items that are refused, from rows of name, section, what is wrong and the code.
#[must_use]
pub fn item_checks(arrow: Arrow, rows: &[(&str, &'static str, &str, &str)]) -> Vec<Check> {
    let mut checks = Vec::new();
    for (name, section, what, code) in rows {
        let expected = format!(
            "step {}: {what}: the item alone becomes a dead letter, as it came, with reason {code}; the others pass",
            arrow.step()
        );
        checks.extend(required(&[(format!("{}/item/{name}", arrow.exchange()).as_str(), section, expected.as_str())]));
    }
    checks
}

/// Sends a publication of which some items must be set aside, and looks that they are, alone and as they came, and that the others pass.
///
/// # Errors
///
/// The broker's.
pub async fn items_refused<In: Items>(
    neighbours: &mut Neighbours,
    protocol: &mut Protocol,
    (from, to): (Arrow, Arrow),
    hospital: Option<Nihdi>,
    spoilt: Spoilt<'_, In>,
) -> anyhow::Result<Option<PublicationId>> {
    let Spoilt { name, what, publication, bad } = spoilt;
    let (sent_what, ids) = (format!("{what}: {}", described(&publication)), publication.data.ids());
    neighbours.send(from, hospital.as_ref(), publication.encode()?).await?;
    let (dead, onward) = (from.queue(hospital.as_ref()).dead(), to.queue(hospital.as_ref()));
    let (until, mut came, mut letter_id) = (neighbours.deadline(), Ok(()), None);
    for (place, code) in bad {
        let about = Sent { items: ids.get(*place).copied().into_iter().collect(), payload: Payload::new() };
        let letter = neighbours.receive_until(&dead, &about, until).await?;
        let letter = letter.and_then(|letter| judge_letter(&publication, *place, code, &letter));
        letter_id = letter.as_ref().ok().copied().or(letter_id);
        came = came.and(letter.map(drop));
    }
    let good = (0..ids.len()).filter(|place| !bad.iter().any(|(other, _)| other == place));
    for place in good {
        let about = Sent { items: vec![ids[place]], payload: Payload::new() };
        let passed = if neighbours.ever_came(&onward, &about.items) {
            Ok(())
        } else {
            neighbours.receive_until(&onward, &about, until).await?.map(drop)
        };
        came = came.and(passed.map_err(|nothing| format!("a good item did not pass: {nothing}")));
    }
    neighbours.look_around().await?;
    let bad_ids: Vec<ItemId> = bad.iter().filter_map(|(place, _)| ids.get(*place).copied()).collect();
    if neighbours.ever_came(&onward, &bad_ids) {
        came = Err(format!("the bad item was passed on to {onward}"));
    }
    protocol.judge(&format!("{}/item/{name}", from.exchange()), &sent_what, came);
    Ok(letter_id)
}

/// Sends a publication of which every item must be set aside alone, and looks that they are, and that nothing passes.
///
/// # Errors
///
/// The broker's.
pub async fn set_aside<In: Items>(
    neighbours: &mut Neighbours,
    protocol: &mut Protocol,
    (from, to): (Arrow, Arrow),
    hospital: Option<Nihdi>,
    (name, code): (&str, &str),
    publication: &Publication<In>,
) -> anyhow::Result<()> {
    let (ids, onward) = (publication.data.ids(), to.queue(hospital.as_ref()));
    neighbours.send(from, hospital.as_ref(), publication.encode()?).await?;
    let (dead, until, mut came) = (from.queue(hospital.as_ref()).dead(), neighbours.deadline(), Ok(()));
    for (place, id) in ids.iter().enumerate() {
        let about = Sent { items: vec![*id], payload: Payload::new() };
        let letter = neighbours.receive_until(&dead, &about, until).await?;
        came = came.and(letter.and_then(|letter| judge_letter(publication, place, code, &letter).map(drop)));
    }
    neighbours.look_around().await?;
    if neighbours.ever_came(&onward, &ids) {
        came = Err(format!("it was passed on to {onward}"));
    }
    protocol.judge(name, &described(publication), came);
    Ok(())
}

/// Whether a dead letter is the one of this item; gives its id.
///
/// # Errors
///
/// What it is instead.
pub fn judge_letter<D: Items>(
    publication: &Publication<D>,
    place: usize,
    code: &str,
    letter: &Payload,
) -> Result<PublicationId, String> {
    let letter = Publication::<D>::decode(letter).map_err(|error| format!("a dead letter that cannot be read: {error}"))?;
    hold(letter.data.len() == 1, || format!("a dead letter of {} items", letter.data.len()))?;
    let reason = letter.reason.as_ref().map_or("no reason", ReasonCode::as_str);
    hold(reason == code, || format!("a dead letter with {reason}"))?;
    hold(letter.source == publication.source, || format!("a dead letter with source `{}`", letter.source))?;
    hold(letter.id != publication.id, || "a dead letter with the publication's own id".to_owned())?;
    hold(letter.data == publication.data.alone(place), || "a dead letter that is not the item as it came".to_owned())?;
    Ok(letter.id)
}

/// Checks of publications that are refused as a whole, from rows of name, section, what is wrong and the code.
#[must_use]
pub fn whole_checks(arrow: Arrow, rows: &[(&str, &'static str, &str, &str)]) -> Vec<Check> {
    let mut checks = Vec::new();
    for (name, section, what, code) in rows {
        let expected = format!("step {}: {what} ({code}): the document byte by byte into the dead-letter queue", arrow.step());
        checks.extend(required(&[(format!("{}/whole/{name}", arrow.exchange()).as_str(), section, expected.as_str())]));
    }
    checks
}

/// Sends a document that must be refused as a whole, and looks that it is.
///
/// # Errors
///
/// The broker's.
pub async fn refused_whole<In: Items>(
    neighbours: &mut Neighbours,
    protocol: &mut Protocol,
    from: Arrow,
    hospital: Option<Nihdi>,
    onward: &[QueueName],
    (name, publication): (&str, &Publication<In>),
) -> anyhow::Result<()> {
    let sent = Sent { items: publication.data.ids(), payload: publication.encode()? };
    neighbours.send(from, hospital.as_ref(), sent.payload.clone()).await?;
    let letter = neighbours.receive(&from.queue(hospital.as_ref()).dead(), &sent).await?;
    neighbours.look_around().await?;
    let went_on = onward.iter().find(|queue| neighbours.ever_came(queue, &sent.items));
    let came = match (went_on, letter) {
        (Some(queue), _) => Err(format!("it was passed on to {queue}")),
        (None, Err(nothing)) => Err(nothing),
        (None, Ok(letter)) => hold(letter == sent.payload, || "a dead letter that is another document than was sent".to_owned()),
    };
    protocol.judge(&format!("{}/whole/{name}", from.exchange()), &described(publication), came);
    Ok(())
}
