//! The checks of a TTP: forward, back, and re-coding if it does it.

mod back;
mod forward;
mod recode;
mod refusals;

use topology::Arrow;

use super::{
    check::{Check, Protocol},
    documents,
    neighbours::Neighbours,
    passing,
};

/// Every check of a TTP, in the order in which it is made.
#[must_use]
pub fn checks() -> Vec<Check> {
    let mut checks = passing::checks(Arrow::ToHd, true);
    checks.extend(forward::checks());
    checks.extend(refusals::checks());
    checks.extend(documents::checks(Arrow::ToTtp));
    checks.extend(passing::checks(Arrow::ToHco, true));
    checks.extend(back::checks());
    checks.extend(documents::checks(Arrow::ToTtpBack));
    checks.extend(forward::last());
    checks.extend(recode::checks());
    checks
}

/// Plays hospitals and healthdata around a TTP.
///
/// # Errors
///
/// The broker's, or a neighbour's keys are not at hand.
pub async fn run(neighbours: &mut Neighbours, protocol: &mut Protocol) -> anyhow::Result<()> {
    for queue in [
        Arrow::ToHd.queue(None),
        Arrow::RecodeAnswer.queue(None),
        Arrow::ToTtp.queue(None).dead(),
        Arrow::ToTtpBack.queue(None).dead(),
        Arrow::RecodeRequest.queue(None).dead(),
    ] {
        neighbours.listen(queue).await?;
    }
    for hospital in neighbours.ground.hospitals.clone() {
        neighbours.listen(Arrow::ToHco.queue(Some(&hospital))).await?;
    }
    // A part that does not answer at all is asked nothing more.
    let Some(known) = forward::run(neighbours, protocol).await? else { return Ok(()) };
    refusals::run(neighbours, protocol).await?;
    back::run(neighbours, protocol, &known).await?;
    forward::still_works(neighbours, protocol).await?;
    recode::run(neighbours, protocol, &known).await
}
