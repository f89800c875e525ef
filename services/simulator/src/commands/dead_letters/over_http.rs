//! Dead letters of a running installation, asked over HTTP.

use std::time::Duration;

use envelope::PublicationId;
use hyper::Method;
use uuid::Uuid;

use super::{Act, print::progress};
use crate::{
    client::{ClientError, SidesPlan, api::Api, connection::Ask},
    letters::{LetterDetail, LetterView, Order, Standing, Wanted},
    operator::letter_jobs::NewJob,
    output,
};

/// Between two looks at a job.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Time for a look at a hundred thousand letters; above the service's own.
const LOOK_DEADLINE: Duration = Duration::from_secs(130);

/// The letters that are wanted.
pub(super) async fn list(plan: &SidesPlan, wanted: &Wanted) -> Result<Vec<LetterView>, ClientError> {
    plan.operator().await?.list("list the dead letters", &query(wanted), u32::MAX, |_| true).await
}

/// A filter as an address has it. The filter was read, so there is nothing in it to be escaped.
fn query(wanted: &Wanted) -> String {
    let Wanted { queue, step, reason, hospital, publication, item, older_than_s, newer_than_s } = wanted;
    let number = |number: &Option<u64>| number.map(|number| number.to_string());
    let pairs = [
        ("queue", queue.clone()),
        ("step", step.clone()),
        ("reason", reason.clone()),
        ("hospital", hospital.clone()),
        ("publication", publication.clone()),
        ("item", item.clone()),
        ("older_than_s", number(older_than_s)),
        ("newer_than_s", number(newer_than_s)),
    ];
    let pairs: Vec<String> = pairs.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?))).collect();
    if pairs.is_empty() { "/dead-letters".to_owned() } else { format!("/dead-letters?{}", pairs.join("&")) }
}

/// The letters of a publication.
pub(super) async fn details(plan: &SidesPlan, publication: PublicationId) -> Result<Vec<LetterDetail>, ClientError> {
    let api = plan.operator().await?;
    let ask = api.ask("show the dead letter", &format!("/dead-letters/{publication}"));
    let told = api.connection().look(&Ask { deadline: LOOK_DEADLINE, ..ask }).await?;
    api.connection().document(&told)
}

/// Starts a job, and follows it to its end unless told otherwise.
pub(super) async fn requeue(plan: &SidesPlan, order: Order, detach: bool, is_quiet: bool) -> anyhow::Result<Standing> {
    let api = plan.operator().await?;
    let Order { wanted, per_minute, .. } = order;
    let job = NewJob { all: wanted == Wanted::default(), filter: wanted, per_minute };
    let ask =
        Ask { content: Some(("application/json", serde_json::to_vec(&job)?.into())), ..api.ask("requeue", "/dead-letters/jobs") };
    let mut standing = change(&api, ask).await?;
    if detach {
        return Ok(standing);
    }
    if !is_quiet {
        output::complain(format!("job {} goes on by itself: Ctrl-C leaves it, `dead-letters cancel` ends it", standing.job));
    }
    let (progress_line, clock) = (output::Progress::default(), &plan.manner.clock);
    while !standing.state.is_end() {
        progress_line.show(&progress(&standing));
        clock::sleep(&**clock, LOOK_EVERY).await;
        (standing, _) = api.get("look at the job", &format!("/dead-letters/jobs/{}", standing.job)).await?;
    }
    Ok(standing)
}

/// All jobs, or one.
pub(super) async fn jobs(plan: &SidesPlan, job: Option<Uuid>) -> Result<Vec<Standing>, ClientError> {
    let api = plan.operator().await?;
    match job {
        None => Ok(api.get("list the jobs", "/dead-letters/jobs").await?.0),
        Some(job) => Ok(vec![api.get("look at the job", &format!("/dead-letters/jobs/{job}")).await?.0]),
    }
}

/// Pauses, resumes or cancels a job.
pub(super) async fn act(plan: &SidesPlan, job: Uuid, act: Act) -> Result<Standing, ClientError> {
    let api = plan.operator().await?;
    let (what, below) = match act {
        Act::Pause => ("pause the job", "pause"),
        Act::Resume => ("resume the job", "resume"),
        Act::Cancel => ("cancel the job", "cancel"),
    };
    change(&api, api.ask(what, &format!("/dead-letters/jobs/{job}/{below}"))).await
}

async fn change(api: &Api, ask: Ask<'_>) -> Result<Standing, ClientError> {
    let told = api.change(&Ask { method: Method::POST, ..ask }).await?;
    api.connection().document(&told)
}
