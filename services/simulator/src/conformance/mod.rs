//! `precision conformance`: whether a tester's own part keeps the wire contract (docs/WIRE.md).
//!
//! The part stands between neighbours that are played here: they send it what the real ones would, good and bad, and look at what comes. Nothing is
//! known of the part but its queues. In reading order:
//!
//! - [`check`]: a check, and the protocol of what came of each.
//! - [`keys`], [`neighbours`], [`play`]: the neighbours' keys, their queues, and what they make.
//! - [`messages`], [`passing`], [`documents`]: what holds on every arrow.
//! - [`ttp`], [`hco`], [`hd`], [`hd4res`], [`dhw`], [`hd4dp`]: the checks of each part.
//! - [`report`]: the protocol for people, programs and build servers.

pub mod check;
pub mod dhw;
pub mod documents;
pub mod hco;
pub mod hd;
pub mod hd4dp;
pub mod hd4res;
pub mod keys;
pub mod messages;
pub mod neighbours;
pub mod passing;
pub mod play;
pub mod report;
pub mod ttp;

#[cfg(test)]
mod tests;

use topology::{Actor, Arrow};

use self::{
    check::{Check, Protocol},
    neighbours::{Ground, Neighbours},
};

/// The checks of a part, in their order.
#[must_use]
pub fn checks(part: Actor) -> Vec<Check> {
    match part {
        Actor::Hd4dp => hd4dp::checks(),
        Actor::EhboxHco => hco::checks(),
        Actor::EhealthTtp => ttp::checks(),
        Actor::EhboxHd => hd::checks(),
        Actor::Hd4res => hd4res::checks(),
        Actor::Dhw => dhw::checks(),
    }
}

/// The queues that a part must read for its checks. It need not re-code.
#[must_use]
pub fn reads(part: Actor) -> Vec<Arrow> {
    let recodes = [Arrow::RecodeRequest, Arrow::RecodeAnswer, Arrow::RecodedToHd4res, Arrow::RecodedToDhw];
    Arrow::ALL.into_iter().filter(|arrow| arrow.to() == part && !recodes.contains(arrow)).collect()
}

/// Plays the neighbours of a part and says what it got wrong.
///
/// # Errors
///
/// The broker's, or a neighbour's keys are not at hand: nothing is known of the part then.
pub async fn run(part: Actor, ground: Ground) -> anyhow::Result<Protocol> {
    let mut neighbours = Neighbours::new(ground);
    let mut protocol = Protocol::new(part.as_str(), checks(part));
    match part {
        Actor::Hd4dp => hd4dp::run(&mut neighbours, &mut protocol).await?,
        Actor::EhboxHco => hco::run(&mut neighbours, &mut protocol).await?,
        Actor::EhealthTtp => ttp::run(&mut neighbours, &mut protocol).await?,
        Actor::EhboxHd => hd::run(&mut neighbours, &mut protocol).await?,
        Actor::Hd4res => hd4res::run(&mut neighbours, &mut protocol).await?,
        Actor::Dhw => dhw::run(&mut neighbours, &mut protocol).await?,
    }
    Ok(protocol)
}
