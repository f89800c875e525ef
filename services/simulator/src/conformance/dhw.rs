//! The checks of the data warehouse: step 7 and its verdicts.

use envelope::{B64, Publication, Text};
use hd_messages::{Validation, ValidationItem, Verdict};
use topology::{Arrow, Nihdi};

use super::{
    check::{Check, Protocol, hold, required},
    documents,
    neighbours::Neighbours,
    passing::{self, Spoilt, described, item_checks, items_refused, passed_on},
    play::{Draft, Patient, code_of},
};

const ARROWS: (Arrow, Arrow) = (Arrow::ToDhw, Arrow::Verdicts);

const ITEMS: &[(&str, &str, &str, &str)] = &[
    ("content", "5.2", "a content that cannot be read", "CONTENT"),
    ("definition", "5.2", "a definition that nobody knows", "UNKNOWN_DEFINITION"),
    ("policy", "5.2", "a date of birth that was not reduced to its year", "POLICY"),
    ("pseudonym", "6.5", "a pseudonym that is none", "PSEUDONYM"),
    ("sender", "6.6", "a sender code that is none", "SENDER"),
];

/// Every check of the data warehouse, in the order in which it is made.
#[must_use]
pub fn checks() -> Vec<Check> {
    let mut checks = passing::checks(Arrow::Verdicts, false);
    checks.extend(required(&[
        ("sender-kept", "2", "a verdict has the sender code of its registration"),
        ("findings", "2.4", "a verdict is clean exactly when no finding is an error, and repeats no value"),
        ("again", "8", "a registration that comes again has a verdict again"),
    ]));
    checks.extend(item_checks(Arrow::ToDhw, ITEMS));
    checks.extend(documents::checks(Arrow::ToDhw));
    checks
}

/// Plays HD4RES around the data warehouse.
///
/// # Errors
///
/// The broker's, or a neighbour's keys are not at hand.
pub async fn run(neighbours: &mut Neighbours, protocol: &mut Protocol) -> anyhow::Result<()> {
    neighbours.listen(Arrow::Verdicts.queue(None)).await?;
    neighbours.listen(Arrow::ToDhw.queue(None).dead()).await?;
    let hospital = neighbours.hospital()?;
    let (sent, drafts) = three(neighbours, hospital)?;
    let came = passed_on(neighbours, protocol, ARROWS, None, &sent, ::dhw::service::SERVICE).await?;
    let Some((came, payload)): Option<(Publication<Verdict>, _)> = came else { return Ok(()) };
    let what = described(&sent);
    for item in &came.data.items {
        let expected = sent.data.items.iter().find(|one| one.id == item.id);
        let is_kept = expected.is_some_and(|one| one.sender == item.sender);
        protocol.judge("sender-kept", &what, hold(is_kept, || "another sender code".to_owned()));
        let has_error = item.findings.iter().any(|finding| finding.severity == hd_messages::VerdictSeverity::Error);
        let findings = || format!("clean: {}, with {} findings", item.clean, item.findings.len());
        protocol.judge("findings", &what, hold(item.clean != has_error, findings));
    }
    let code = drafts.first().map(|draft| code_of(draft.registration_id)).unwrap_or_default();
    let repeats = memchr::memmem::find(&payload, code.as_bytes()).is_some();
    protocol.judge("findings", &what, hold(!repeats, || "a value of the registration".to_owned()));
    let again: Option<(Publication<Verdict>, _)> =
        passed_on(neighbours, protocol, ARROWS, None, &sent, ::dhw::service::SERVICE).await?;
    let outcome = again.map(drop).ok_or_else(|| neighbours.nothing(&Arrow::Verdicts.queue(None)));
    protocol.judge("again", &format!("{what} for the second time"), outcome);
    refusals(neighbours, protocol, hospital).await
}

fn validation(neighbours: &Neighbours, draft: &Draft) -> anyhow::Result<ValidationItem> {
    let arrival = neighbours.arrival(draft)?;
    Ok(ValidationItem {
        id: arrival.id,
        pseudonym: arrival.pseudonym,
        recoded_from: Vec::new(),
        sender: arrival.sender,
        content: arrival.content,
    })
}

fn three(neighbours: &mut Neighbours, hospital: Nihdi) -> anyhow::Result<(Publication<Validation>, Vec<Draft>)> {
    let drafts = neighbours.drafts(hospital)?;
    let items = drafts.iter().map(|draft| validation(neighbours, draft)).collect::<anyhow::Result<Vec<_>>>()?;
    Ok((neighbours.publication(::hd4res::SERVICE, Validation { items })?, drafts))
}

async fn refusals(neighbours: &mut Neighbours, protocol: &mut Protocol, hospital: Nihdi) -> anyhow::Result<()> {
    for (name, _, what, code) in ITEMS {
        let (mut publication, drafts) = three(neighbours, hospital)?;
        let (Some(draft), Some(item)) = (drafts.get(1).cloned(), publication.data.items.get_mut(1)) else { continue };
        match *name {
            "content" => item.content = B64(vec![7; 1_024]),
            "definition" => item.content = B64(neighbours.reworked(draft, |head| head.dcd_version = 99, &[])?.content),
            "policy" => {
                let unreduced = [("patient_id|date_of_birth", "1964-03-12")];
                item.content = B64(neighbours.reworked(draft, |_| {}, &unreduced)?.content);
            }
            "pseudonym" => item.pseudonym = Text::unchecked("healthdata.1.L3FTAOXERZTFXKSG2EB2PHDKZI7".to_owned()),
            _ => item.sender = Text::unchecked("SIS7SYKGYBXUNBQK".to_owned()),
        }
        items_refused(neighbours, protocol, ARROWS, None, Spoilt { name, what, publication, bad: &[(1, *code)] }).await?;
    }
    documents::refused(neighbours, protocol, Arrow::ToDhw, None, &[Arrow::Verdicts.queue(None)], |neighbours| {
        let draft = neighbours.draft(hospital, Patient::Numbered(0))?;
        let items = vec![validation(neighbours, &draft)?];
        Ok((draft.id, neighbours.publication(::hd4res::SERVICE, Validation { items })?.encode()?))
    })
    .await
}
