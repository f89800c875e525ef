//! The checks of HD4RES: steps 6 to 7, the STATUS back, and the verdicts.

use broker::Payload;
use envelope::{B64, ItemId, Publication, Text, content_hash};
use hd_messages::{Arrival, OutgoingFeedback, Validation, Verdict, VerdictItem};
use registration::Feedback;
use topology::{Arrow, Nihdi};

use super::{
    check::{Check, Protocol, hold, required},
    documents,
    neighbours::{Neighbours, Sent},
    passing::{self, Spoilt, described, follows, item_checks, items_refused},
    play::{Draft, Patient},
};

const FORWARD: (Arrow, Arrow) = (Arrow::ToHd4res, Arrow::ToDhw);

/// Every check of HD4RES, in the order in which it is made.
#[must_use]
pub fn checks() -> Vec<Check> {
    let mut checks = passing::checks(Arrow::ToDhw, false);
    checks.extend(required(&[
        ("validation", "2", "the data warehouse gets pseudonym, sender code and content as they arrived"),
        (
            "status",
            "2, 8",
            "each registration is answered with a STATUS, whose id is version 5 of the item's with the name STATUS",
        ),
        ("status-route", "2, 5.4", "a STATUS has the return handle and the hospital's key of its registration"),
        ("status-content", "5.6", "a STATUS names registration, version, item and the hash of the content"),
        ("again", "8", "a registration that comes again is answered again, with the same number"),
    ]));
    checks.extend(item_checks(
        Arrow::ToHd4res,
        &[
            ("content", "5.2", "a content that cannot be read", "CONTENT"),
            ("definition", "5.2", "a definition that nobody knows", "UNKNOWN_DEFINITION"),
            ("pseudonym", "6.5", "a pseudonym that is none", "PSEUDONYM"),
            ("sender", "6.6", "a sender code that is none", "PSEUDONYM"),
            ("reused", "8", "a known item id with another content", "ITEM_REUSED"),
        ],
    ));
    checks.extend(documents::checks(Arrow::ToHd4res));
    checks.extend(required(&[
        ("verdict", "2", "a verdict on a registration that was handed over is taken, and none of it set aside"),
        ("unknown-verdict", "9", "a verdict on an item that never arrived: a dead letter with UNKNOWN_ITEM"),
    ]));
    checks.extend(documents::checks(Arrow::Verdicts));
    checks
}

/// Plays healthdata's messaging client and the data warehouse around HD4RES.
///
/// # Errors
///
/// The broker's, or a neighbour's keys are not at hand.
pub async fn run(neighbours: &mut Neighbours, protocol: &mut Protocol) -> anyhow::Result<()> {
    for queue in [
        Arrow::ToDhw.queue(None),
        Arrow::FeedbackOut.queue(None),
        Arrow::ToHd4res.queue(None).dead(),
        Arrow::Verdicts.queue(None).dead(),
    ] {
        neighbours.listen(queue).await?;
    }
    let hospital = neighbours.hospital()?;
    let Some(known) = forward(neighbours, protocol, hospital).await? else { return Ok(()) };
    refusals(neighbours, protocol, hospital, &known).await?;
    verdicts(neighbours, protocol, hospital, &known).await
}

fn three(neighbours: &mut Neighbours, hospital: Nihdi) -> anyhow::Result<(Publication<Arrival>, Vec<Draft>)> {
    let drafts = neighbours.drafts(hospital)?;
    let items = drafts.iter().map(|draft| neighbours.arrival(draft)).collect::<anyhow::Result<Vec<_>>>()?;
    Ok((neighbours.publication(ehbox_hd::SERVICE, Arrival { items })?, drafts))
}

/// Arrivals that are good. `None` when nothing came of them at all.
async fn forward(
    neighbours: &mut Neighbours,
    protocol: &mut Protocol,
    hospital: Nihdi,
) -> anyhow::Result<Option<(Publication<Arrival>, Vec<Draft>)>> {
    let (sent, drafts) = three(neighbours, hospital)?;
    let about = Sent { items: drafts.iter().map(|draft| draft.id).collect(), payload: sent.encode()? };
    neighbours.send(Arrow::ToHd4res, None, about.payload.clone()).await?;
    let came: Option<(Publication<Validation>, Payload)> =
        follows(neighbours, protocol, Arrow::ToDhw, None, &sent, ::hd4res::SERVICE, &about).await?;
    let Some((came, _)) = came else { return Ok(None) };
    let what = described(&sent);
    for item in &came.data.items {
        let Some(expected) = sent.data.items.iter().find(|arrival| arrival.id == item.id) else { continue };
        let is_same = item.pseudonym == expected.pseudonym && item.sender == expected.sender && item.content == expected.content;
        protocol.judge("validation", &what, hold(is_same, || "another pseudonym, sender code or content".to_owned()));
    }
    let first = status(neighbours, protocol, &sent, &drafts).await?;
    neighbours.send(Arrow::ToHd4res, None, about.payload).await?;
    let again = status(neighbours, protocol, &sent, &drafts).await?;
    let outcome = hold(first.is_some() && first == again, || "another answer than before, or none".to_owned());
    protocol.judge("again", &format!("{what} for the second time"), outcome);
    Ok(Some((sent, drafts)))
}

/// Reads the STATUS of each registration and judges it; gives what they say.
async fn status(
    neighbours: &mut Neighbours,
    protocol: &mut Protocol,
    sent: &Publication<Arrival>,
    drafts: &[Draft],
) -> anyhow::Result<Option<Vec<(ItemId, Vec<u8>)>>> {
    let (what, queue) = (described(sent), Arrow::FeedbackOut.queue(None));
    let ids: Vec<ItemId> = drafts.iter().map(|draft| draft.id.derived("STATUS")).collect();
    let (mut said, until) = (Vec::new(), neighbours.deadline());
    while said.len() < ids.len() {
        let left: Vec<ItemId> = ids.iter().filter(|id| !said.iter().any(|(other, _)| other == *id)).copied().collect();
        let about = Sent { items: left, payload: Payload::new() };
        let came = neighbours.receive_until(&queue, &about, until).await?;
        let came = came.and_then(|payload| {
            Publication::<OutgoingFeedback>::decode(&payload).map_err(|error| format!("a document that cannot be read: {error}"))
        });
        let came = match came {
            Ok(came) => came,
            Err(came) => {
                protocol.judge("status", &what, Err(came));
                return Ok(None);
            }
        };
        for item in came.data.items {
            let Some(place) = ids.iter().position(|id| *id == item.id) else { continue };
            let (draft, arrival) = (&drafts[place], &sent.data.items[place]);
            let is_routed = item.handle == arrival.handle && item.hospital == arrival.hospital;
            protocol.judge("status-route", &what, hold(is_routed, || "another handle or hospital".to_owned()));
            protocol.judge("status-content", &what, judge_status(&item.feedback, draft));
            said.push((item.id, item.feedback.0));
        }
    }
    protocol.judge("status", &what, Ok(()));
    said.sort();
    Ok(Some(said))
}

fn judge_status(feedback: &[u8], draft: &Draft) -> Result<(), String> {
    let feedback = Feedback::decode(feedback).map_err(|error| format!("a feedback that cannot be read: {error}"))?;
    let Feedback::Status { head, content_hash: hash } = feedback else {
        return Err(format!("a feedback of kind {}", feedback.kind()));
    };
    let is_about = head.registration_id == draft.registration_id && head.version == 1 && head.item_id == draft.id.uuid();
    hold(is_about, || "another registration, version or item".to_owned())?;
    hold(hash == content_hash(&draft.content), || "the hash of another content".to_owned())
}

async fn refusals(
    neighbours: &mut Neighbours,
    protocol: &mut Protocol,
    hospital: Nihdi,
    known: &(Publication<Arrival>, Vec<Draft>),
) -> anyhow::Result<()> {
    for (name, what, code) in [
        ("content", "a content that cannot be read", "CONTENT"),
        ("definition", "a definition that nobody knows", "UNKNOWN_DEFINITION"),
        ("pseudonym", "a pseudonym that is none", "PSEUDONYM"),
        ("sender", "a sender code that is none", "PSEUDONYM"),
        ("reused", "a known item id with another content", "ITEM_REUSED"),
    ] {
        let (mut publication, drafts) = three(neighbours, hospital)?;
        let unknown = drafts.get(1).cloned().map(|draft| neighbours.reworked(draft, |head| head.dcd_version = 99, &[]));
        if let (Some(item), Some(unknown)) = (publication.data.items.get_mut(1), unknown) {
            match name {
                "content" => item.content = B64(vec![7; 1_024]),
                "definition" => item.content = B64(unknown?.content),
                "pseudonym" => item.pseudonym = Text::unchecked("healthdata.1.L3FTAOXERZTFXKSG2EB2PHDKZI7".to_owned()),
                "sender" => item.sender = Text::unchecked("SIS7SYKGYBXUNBQK".to_owned()),
                _ => item.id = known.1.first().map_or(item.id, |draft| draft.id),
            }
        }
        let spoilt = Spoilt { name, what, publication, bad: &[(1, code)] };
        if name == "reused" {
            reused(neighbours, protocol, spoilt).await?;
        } else {
            items_refused(neighbours, protocol, FORWARD, None, spoilt).await?;
        }
    }
    documents::refused(neighbours, protocol, Arrow::ToHd4res, None, &[Arrow::ToDhw.queue(None)], |neighbours| {
        let draft = neighbours.draft(hospital, Patient::Numbered(0))?;
        let items = vec![neighbours.arrival(&draft)?];
        Ok((draft.id, neighbours.publication(ehbox_hd::SERVICE, Arrival { items })?.encode()?))
    })
    .await
}

/// A known item id: that it was handed over before says nothing, so how often is counted.
async fn reused(neighbours: &mut Neighbours, protocol: &mut Protocol, spoilt: Spoilt<'_, Arrival>) -> anyhow::Result<()> {
    let reused: Vec<ItemId> = spoilt.publication.data.items.get(1).map(|item| item.id).into_iter().collect();
    let (what, queue) = (format!("{}: {}", spoilt.what, described(&spoilt.publication)), Arrow::ToDhw.queue(None));
    neighbours.look_around().await?;
    let before = neighbours.times_came(&queue, &reused);
    let about = Sent { items: reused.clone(), payload: Payload::new() };
    neighbours.send(Arrow::ToHd4res, None, spoilt.publication.encode()?).await?;
    let letter = neighbours.receive(&Arrow::ToHd4res.queue(None).dead(), &about).await?;
    let came = letter.and_then(|letter| passing::judge_letter(&spoilt.publication, 1, "ITEM_REUSED", &letter));
    neighbours.look_around().await?;
    let after = neighbours.times_came(&queue, &reused);
    let came = came.and_then(|_| hold(before == after, || format!("it was passed on to {queue}")));
    protocol.judge("step-6/item/reused", &what, came);
    Ok(())
}

async fn verdicts(
    neighbours: &mut Neighbours,
    protocol: &mut Protocol,
    hospital: Nihdi,
    (_, known): &(Publication<Arrival>, Vec<Draft>),
) -> anyhow::Result<()> {
    let sender = Text::from(&neighbours.sender(hospital)?);
    let verdict = |id| VerdictItem { id, sender: sender.clone(), clean: true, findings: Vec::new() };
    let unknown = neighbours.item_id();
    let mut items: Vec<VerdictItem> = known.iter().map(|draft| verdict(draft.id)).collect();
    items.push(verdict(unknown));
    let publication = neighbours.publication(::dhw::service::SERVICE, Verdict { items })?;
    neighbours.send(Arrow::Verdicts, None, publication.encode()?).await?;
    let (dead, what) = (Arrow::Verdicts.queue(None).dead(), described(&publication));
    let about = Sent { items: vec![unknown], payload: Payload::new() };
    let letter = neighbours.receive(&dead, &about).await?;
    let place = known.len();
    let came = letter.and_then(|letter| passing::judge_letter(&publication, place, "UNKNOWN_ITEM", &letter).map(drop));
    protocol.judge("unknown-verdict", &what, came);
    neighbours.look_around().await?;
    let ids: Vec<ItemId> = known.iter().map(|draft| draft.id).collect();
    let is_taken = !neighbours.ever_came(&dead, &ids);
    protocol.judge("verdict", &what, hold(is_taken, || "a dead letter of a good verdict".to_owned()));
    documents::refused(neighbours, protocol, Arrow::Verdicts, None, &[], |neighbours| {
        let id = neighbours.item_id();
        let items = vec![verdict(id)];
        Ok((id, neighbours.publication(::dhw::service::SERVICE, Verdict { items })?.encode()?))
    })
    .await
}
