//! The checks of a hospital's HD4DP, as far as it can be driven from its queues.
//!
//! Registrations enter it by files, forms and its own API, which are no part of the wire contract. So what it sends is looked at only when its own user sends
//! something while the checks run; what it does with feedback that is not its own, and with what is no feedback, is always looked at.

use broker::Payload;
use envelope::{ItemId, Publication};
use hco_messages::{DeliveredItem, FeedbackDelivery, Submission};
use registration::{Comment, Content, Feedback, FeedbackHead};
use sealing::keys::Party;
use topology::{Arrow, Nihdi};

use super::{
    check::{Check, Protocol, hold, optional, required},
    documents,
    neighbours::{Neighbours, Sent},
    passing::{self, described},
    play::Patient,
};

const BACK: (Arrow, Arrow) = (Arrow::ToHd4dp, Arrow::HandOver);

/// Every check of HD4DP, in the order in which it is made.
#[must_use]
pub fn checks() -> Vec<Check> {
    let mut checks = required(&[
        ("foreign-status", "7, 9", "a STATUS about nothing that it sent: a dead letter with FOREIGN_FEEDBACK"),
        ("foreign-request", "7, 9", "a correction request about nothing that it sent: a dead letter with FOREIGN_FEEDBACK"),
        ("feedback-form", "5.6, 9", "a feedback that cannot be read: a dead letter with FEEDBACK"),
    ]);
    checks.extend(documents::checks(Arrow::ToHd4dp));
    checks.extend(optional(&[
        ("submission", "1, 2", "what its user submitted meanwhile: a document of step 3"),
        ("submission-source", "1", "its `source` is hd4dp- and the hospital's number"),
        ("submission-identity", "2.1, 6.1", "its identities are such, with the right check digits"),
        ("submission-content", "5.2", "its contents can be read and name the hospital"),
        ("submission-status", "7", "a STATUS that answers it is taken"),
        ("submission-forged", "7, 9", "a STATUS with the hash of another content: a dead letter with FOREIGN_FEEDBACK"),
    ]));
    checks
}

/// Plays the messaging client around a hospital's HD4DP.
///
/// # Errors
///
/// The broker's, or a neighbour's keys are not at hand.
pub async fn run(neighbours: &mut Neighbours, protocol: &mut Protocol) -> anyhow::Result<()> {
    let hospital = neighbours.hospital()?;
    neighbours.listen(Arrow::HandOver.queue(Some(&hospital))).await?;
    neighbours.listen(Arrow::ToHd4dp.queue(Some(&hospital)).dead()).await?;
    foreign(neighbours, protocol, hospital).await?;
    if protocol.has_failed("foreign-status") {
        // It does not even read its queue.
        return Ok(());
    }
    documents::refused(neighbours, protocol, Arrow::ToHd4dp, Some(hospital), &[], |neighbours| {
        let items = vec![foreign_item(neighbours, None)?];
        let id = items.first().map_or_else(|| neighbours.item_id(), |item| item.id);
        let source = Party::EhboxHco(hospital).to_string();
        Ok((id, neighbours.publication(&source, FeedbackDelivery { items })?.encode()?))
    })
    .await?;
    submitted(neighbours, protocol, hospital).await
}

/// Feedback about a registration that the part never sent. Its keys are not at hand, so the number of a known patient must do.
fn foreign_item(neighbours: &mut Neighbours, feedback: Option<Feedback>) -> anyhow::Result<DeliveredItem> {
    let (id, identity) = (neighbours.item_id(), neighbours.identity(Patient::Numbered(0))?);
    let status = Feedback::Status { head: nowhere(neighbours), content_hash: [0; 32] };
    Ok(DeliveredItem::new(id, &identity, feedback.unwrap_or(status).encode()))
}

fn nowhere(neighbours: &mut Neighbours) -> FeedbackHead {
    let (registration_id, item_id) = (neighbours.item_id().uuid(), neighbours.item_id().uuid());
    FeedbackHead { registration_id, version: 1, item_id, number: 1 }
}

async fn foreign(neighbours: &mut Neighbours, protocol: &mut Protocol, hospital: Nihdi) -> anyhow::Result<()> {
    let source = Party::EhboxHco(hospital).to_string();
    let comments = vec![Comment { place: None, text: "Is this right?".to_owned() }];
    let request = Feedback::CorrectionRequest { head: nowhere(neighbours), comments };
    let mut unreadable = foreign_item(neighbours, None)?;
    unreadable.feedback.0 = vec![7; 256];
    for (name, code, item) in [
        ("foreign-status", "FOREIGN_FEEDBACK", foreign_item(neighbours, None)?),
        ("foreign-request", "FOREIGN_FEEDBACK", foreign_item(neighbours, Some(request))?),
        ("feedback-form", "FEEDBACK", unreadable),
    ] {
        let publication = neighbours.publication(&source, FeedbackDelivery { items: vec![item] })?;
        passing::set_aside(neighbours, protocol, BACK, Some(hospital), (name, code), &publication).await?;
    }
    Ok(())
}

/// What the part's user submitted while the checks ran, if anything, and two answers to it.
async fn submitted(neighbours: &mut Neighbours, protocol: &mut Protocol, hospital: Nihdi) -> anyhow::Result<()> {
    let queue = Arrow::HandOver.queue(Some(&hospital));
    let Some(payload) = neighbours.anything(&queue).await? else { return Ok(()) };
    let what = "what its user submitted";
    let came = match Publication::<Submission>::decode(&payload) {
        Ok(came) => came,
        Err(error) => {
            protocol.judge("submission", what, Err(format!("{error} ({})", error.code())));
            return Ok(());
        }
    };
    protocol.judge("submission", what, Ok(()));
    let own = Party::Hd4dp(hospital).to_string();
    protocol.judge("submission-source", what, hold(came.source.as_str() == own, || format!("`{}`", came.source)));
    let mut good = Vec::new();
    for item in &came.data.items {
        let identity = item.identity.parse().map_err(|error| error.to_string());
        protocol.judge("submission-identity", what, identity.as_ref().map(drop).map_err(Clone::clone));
        let content = Content::decode(&item.content).map_err(|error| format!("failed to {error}"));
        let named = content.as_ref().map_err(Clone::clone).and_then(|content| {
            let name = &content.head().organisation;
            hold(name == hospital.as_str(), || format!("hospital {name}"))
        });
        protocol.judge("submission-content", what, named);
        if let (Ok(identity), Ok(content)) = (identity, content) {
            good.push((item.id, identity, content, envelope::content_hash(&item.content)));
        }
    }
    let Some((item, identity, content, hash)) = good.into_iter().next() else { return Ok(()) };
    let head = |number| FeedbackHead {
        registration_id: content.head().registration_id,
        version: content.head().version,
        item_id: item.uuid(),
        number,
    };
    let source = Party::EhboxHco(hospital).to_string();
    let status = |id: ItemId, number, content_hash| {
        DeliveredItem::new(id, &identity, Feedback::Status { head: head(number), content_hash }.encode())
    };
    let forged = neighbours.item_id();
    let data = FeedbackDelivery { items: vec![status(forged, 1, [0; 32])] };
    let publication = neighbours.publication(&source, data)?;
    let refused = ("submission-forged", "FOREIGN_FEEDBACK");
    passing::set_aside(neighbours, protocol, BACK, Some(hospital), refused, &publication).await?;
    // The forged one after it shows that the good one was read.
    let (right, last) = (item.derived("STATUS"), neighbours.item_id());
    let data = FeedbackDelivery { items: vec![status(right, 1, hash), status(last, 2, [0; 32])] };
    let publication = neighbours.publication(&source, data)?;
    neighbours.send(Arrow::ToHd4dp, Some(&hospital), publication.encode()?).await?;
    let dead = Arrow::ToHd4dp.queue(Some(&hospital)).dead();
    let about = Sent { items: vec![last], payload: Payload::new() };
    let came = neighbours.receive(&dead, &about).await?.map(drop);
    neighbours.look_around().await?;
    let set_aside = neighbours.ever_came(&dead, &[right]);
    let came = came.and_then(|()| hold(!set_aside, || "a dead letter of the good STATUS".to_owned()));
    protocol.judge("submission-status", &described(&publication), came);
    Ok(())
}
