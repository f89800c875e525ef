//! `precision dead-letters list`, `show`, `why`, `requeue`, `discard`, `jobs`, `pause`, `resume`, `cancel`.
//!
//! With `--at` a running installation is asked, and a job is its own ([`over_http`]). With `--broker` the command reads the queues itself, as the operator of one zone can, and is the
//! job ([`on_broker`]).

mod discard;
pub mod on_broker;
pub mod over_http;
mod print;

use std::{num::NonZeroU32, path::PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use envelope::PublicationId;
use serde::Serialize;
use topology::Nihdi;
use uuid::Uuid;

use print::{Explained, Jobs, Listing, Shown, standing_lines};

use super::life::reach::Calling;
use crate::{
    broker_choice::BrokerChoice,
    cli::{Ended, hospital},
    client::SidesPlan,
    letters::{Filter, LetterDetail, LetterView, Order, Standing, State, Wanted, Why, why},
    output,
};

/// The commands about dead letters.
#[derive(Debug, Subcommand)]
pub enum DeadLettersCommand {
    /// Lists dead letters, by queue in the order of the flow, the oldest first. Each stays where it stands
    List(ListArgs),
    /// Shows one: its envelope, what its parts look like, for whose key they are sealed, and why it is there. It opens nothing
    Show(ShowArgs),
    /// Says what a reason code means and what can be done; of a letter by its id, of a code, or of all codes
    Why(WhyArgs),
    /// Puts letters back, each to the queue that it was set aside from
    #[command(
        after_help = "A job is about what stood there when it began: a letter that comes straight back is not put back again. With --broker the command is the job:\nCtrl-Z pauses it (`fg` goes on), Ctrl-C ends it behind the letter in hand. With --at the installation does it: `pause`, `resume`, `cancel`."
    )]
    Requeue(RequeueArgs),
    /// Takes letters away for good that nobody is going to put back. It says how many are meant, and does it when it is told that number
    #[command(
        after_help = "Only with --broker, and only letters that were set aside 11 days ago or longer, since registrations are sent again for ten days; one that cannot be read has no age, and is\nnamed by its id. Each letter is written down in the journal before it goes: its ids, its code, and who decided it; nothing that is in it.\n\nExample:\n  precision dead-letters discard --broker amqp://… --org 00000196 --older-than 180d\n  precision dead-letters discard --broker amqp://… --org 00000196 --older-than 180d --confirm 12 --journal discarded.jsonl --by 'A. Peeters'"
    )]
    Discard(discard::DiscardArgs),
    /// Shows the jobs of a running installation, or one of them
    Jobs(JobsArgs),
    /// Has a job stop behind the letter in hand; it holds nothing meanwhile
    Pause(JobArgs),
    /// Has a paused job go on
    Resume(JobArgs),
    /// Ends a job behind the letter in hand; the rest stays where it stands
    Cancel(JobArgs),
}

/// Where the letters are, and how to answer.
#[derive(Debug, Clone, Args)]
pub struct Place {
    /// Address of a running installation (`precision serve --port`). Without it and --broker, PRECISION_AT has it
    #[arg(long, value_name = "URL", conflicts_with = "broker")]
    at: Option<String>,
    /// File with the secret of an operator's token (`precision token new --role operator --keep`); yours to read only. Without it,
    /// PRECISION_TOKEN_FILE names the file or PRECISION_TOKEN holds the secret
    #[arg(long, value_name = "FILE", conflicts_with = "broker")]
    token_file: Option<PathBuf>,
    /// Also speak http:// to another machine, where everybody on the way reads the secret
    #[arg(long, conflicts_with = "broker")]
    plain_http: bool,
    /// The address of a RabbitMQ, or of one zone's virtual host there: its queues are read without any service
    #[arg(long, value_name = "amqp://…")]
    broker: Option<BrokerChoice>,
    /// With --broker: the hospitals whose queues are looked at, beside those that all share
    #[arg(long, value_name = "NIHDI", num_args = 1.., requires = "broker", value_parser = hospital)]
    org: Vec<Nihdi>,
    /// With --broker: the store of an installation whose queues stand under a prefix (`serve --broker`); it names the hospitals too
    #[arg(long, value_name = "DIR|postgres://…", requires = "broker")]
    store: Option<String>,
    /// Seconds to wait for a service that does not answer any more
    #[arg(long, default_value_t = 60, value_name = "S")]
    timeout: u64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Which letters.
#[derive(Debug, Clone, Default, Args)]
pub struct Which {
    /// Those of this queue, by its name or that of its dead letters' queue
    #[arg(long, value_name = "QUEUE")]
    queue: Option<String>,
    /// Those of this step: 4, 5-back, R1
    #[arg(long, value_name = "STEP")]
    step: Option<String>,
    /// Those with this reason code; NONE for those without one
    #[arg(long, value_name = "CODE")]
    reason: Option<String>,
    /// Those of this hospital, as far as that can be told: behind the TTP nobody knows
    #[arg(long, value_name = "NIHDI")]
    hospital: Option<String>,
    /// Those with this item
    #[arg(long, value_name = "ITEM")]
    item: Option<String>,
    /// Those set aside at least so long ago: 90s, 15m, 2h, 3d
    #[arg(long, value_name = "AGE", value_parser = age)]
    older_than: Option<u64>,
    /// Those set aside at most so long ago
    #[arg(long, value_name = "AGE", value_parser = age)]
    newer_than: Option<u64>,
}

impl Which {
    fn wanted(&self, publication: Option<PublicationId>) -> Wanted {
        let Self { queue, step, reason, hospital, item, older_than, newer_than } = self.clone();
        let publication = publication.map(|id| id.to_string());
        // In an address a blank would have to be escaped.
        let step = step.map(|step| step.replace(' ', "-"));
        Wanted { queue, step, reason, hospital, publication, item, older_than_s: older_than, newer_than_s: newer_than }
    }
}

/// Seconds of an age: `90s`, `15m`, `2h`, `3d`.
fn age(text: &str) -> Result<u64, String> {
    const FORM: &str = "expected a number and s, m, h or d, for instance 15m";
    let unit = text.chars().last().ok_or(FORM)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(FORM.to_owned()),
    };
    let number: u64 = text.strip_suffix(unit).and_then(|number| number.parse().ok()).ok_or(FORM)?;
    number.checked_mul(seconds).ok_or_else(|| FORM.to_owned())
}

/// What `list` takes.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Where
    #[command(flatten)]
    place: Place,
    /// Which
    #[command(flatten)]
    which: Which,
    /// Those of this publication
    #[arg(long, value_name = "PUBLICATION")]
    publication: Option<PublicationId>,
}

/// What `show` takes.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Where
    #[command(flatten)]
    place: Place,
    /// The letter's id, as `list` shows it
    #[arg(value_name = "PUBLICATION")]
    publication: PublicationId,
}

/// What `why` takes.
#[derive(Debug, Args)]
pub struct WhyArgs {
    /// Where
    #[command(flatten)]
    place: Place,
    /// A letter's id, or a code, for which nothing is asked anywhere; all codes when left out
    #[arg(value_name = "PUBLICATION|CODE")]
    of: Option<String>,
}

/// What `requeue` takes.
#[derive(Debug, Args)]
pub struct RequeueArgs {
    /// Where
    #[command(flatten)]
    place: Place,
    /// The letter's id, as `list` shows it
    #[arg(value_name = "PUBLICATION")]
    publication: Option<PublicationId>,
    /// Which
    #[command(flatten)]
    which: Which,
    /// All of them
    #[arg(long, conflicts_with_all = ["publication", "queue", "step", "reason", "hospital", "item", "older_than", "newer_than"])]
    all: bool,
    /// Letters of a minute at most; as fast as the broker takes them by default
    #[arg(long, value_name = "N")]
    per_minute: Option<NonZeroU32>,
    /// With --at: do not wait for the job's end
    #[arg(long, conflicts_with = "broker")]
    detach: bool,
}

/// What `jobs` takes.
#[derive(Debug, Args)]
pub struct JobsArgs {
    /// Where
    #[command(flatten)]
    place: Place,
    /// Only this one
    #[arg(value_name = "JOB")]
    job: Option<Uuid>,
}

/// What the commands about one job take.
#[derive(Debug, Args)]
pub struct JobArgs {
    /// Where
    #[command(flatten)]
    place: Place,
    /// The job's id, as `requeue` and `jobs` show it
    #[arg(value_name = "JOB")]
    job: Uuid,
}

/// What becomes of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Pause,
    Resume,
    Cancel,
}

impl DeadLettersCommand {
    /// Whether standard output must hold one JSON object and nothing else.
    #[must_use]
    pub const fn wants_json(&self) -> bool {
        match self {
            Self::List(ListArgs { place, .. })
            | Self::Show(ShowArgs { place, .. })
            | Self::Why(WhyArgs { place, .. })
            | Self::Discard(discard::DiscardArgs { place, .. })
            | Self::Requeue(RequeueArgs { place, .. })
            | Self::Jobs(JobsArgs { place, .. })
            | Self::Pause(JobArgs { place, .. })
            | Self::Resume(JobArgs { place, .. })
            | Self::Cancel(JobArgs { place, .. }) => place.json,
        }
    }
}

/// Which way leads to the letters.
enum Way<'a> {
    Http(SidesPlan),
    Broker(on_broker::Way<'a>),
}

const NO_WAY: &str = "find the dead letters: --at names the address of a running installation, or --broker a RabbitMQ";
const NO_JOBS: &str =
    "find a job on a broker: with --broker a command is its own job (Ctrl-Z pauses it, `fg` goes on, Ctrl-C ends it)";
const NOT_EMBEDDED: &str = "look into an embedded broker: it lives in its process, whose address --at names";

impl Place {
    fn way(&self) -> anyhow::Result<Way<'_>> {
        match &self.broker {
            Some(BrokerChoice::Rabbit(address)) => {
                Ok(Way::Broker(on_broker::Way { address, hospitals: &self.org, store: self.store.as_deref() }))
            }
            Some(BrokerChoice::Embedded) => anyhow::bail!(NOT_EMBEDDED),
            None => {
                let at: Vec<String> = self.at.iter().cloned().collect();
                let calling =
                    Calling { at: &at, token_file: self.token_file.as_ref(), timeout: self.timeout, plain_http: self.plain_http };
                Ok(Way::Http(calling.plan(None, NO_WAY)?))
            }
        }
    }

    fn say<T: Serialize>(&self, answer: &T, lines: impl Fn(&T) -> Vec<String>) {
        if self.json {
            output::say(serde_json::to_string(answer).unwrap_or_default());
        } else {
            lines(answer).iter().for_each(output::say);
        }
    }
}

/// Runs a command.
///
/// # Errors
///
/// Wrong usage, an unknown letter or job, or what keeps the broker or the installation from being reached.
pub async fn dead_letters(command: DeadLettersCommand) -> anyhow::Result<Ended> {
    match command {
        DeadLettersCommand::List(args) => list(&args).await,
        DeadLettersCommand::Show(args) => {
            let letters = details(&args.place, args.publication).await?;
            args.place.say(&Shown { dead_letters: letters }, Shown::lines);
            Ok(Ended::Well)
        }
        DeadLettersCommand::Why(args) => explain(&args).await,
        DeadLettersCommand::Requeue(args) => requeue(&args).await,
        DeadLettersCommand::Discard(args) => discard::discard(&args).await,
        DeadLettersCommand::Jobs(args) => jobs(&args).await,
        DeadLettersCommand::Pause(args) => act(&args, Act::Pause).await,
        DeadLettersCommand::Resume(args) => act(&args, Act::Resume).await,
        DeadLettersCommand::Cancel(args) => act(&args, Act::Cancel).await,
    }
}

async fn list(args: &ListArgs) -> anyhow::Result<Ended> {
    let wanted = args.which.wanted(args.publication);
    let filter = Filter::try_from(&wanted)?;
    let listing = match args.place.way()? {
        Way::Http(plan) => Listing { dead_letters: over_http::list(&plan, &wanted).await?, missed: Vec::new() },
        Way::Broker(way) => {
            let look = way.look(&filter).await?;
            Listing { dead_letters: look.letters.iter().map(LetterView::from).collect(), missed: look.missed }
        }
    };
    args.place.say(&listing, Listing::lines);
    Ok(Ended::Well)
}

/// The letters of a publication; at least one.
async fn details(place: &Place, publication: PublicationId) -> anyhow::Result<Vec<LetterDetail>> {
    match place.way()? {
        Way::Http(plan) => Ok(over_http::details(&plan, publication).await?),
        Way::Broker(way) => {
            let look = way.look(&Filter::of(publication)).await?;
            anyhow::ensure!(!look.letters.is_empty(), UNKNOWN_LETTER);
            Ok(look.letters.iter().map(LetterDetail::from).collect())
        }
    }
}

const UNKNOWN_LETTER: &str = "find a dead letter of that id (UNKNOWN_DEAD_LETTER)";

async fn explain(args: &WhyArgs) -> anyhow::Result<Ended> {
    let whys = match args.of.as_deref() {
        None => why::codes().into_iter().filter_map(Why::of_code).collect(),
        Some(of) => match of.parse::<PublicationId>() {
            Ok(publication) => details(&args.place, publication).await?.into_iter().map(|detail| detail.why).collect(),
            Err(_) => vec![Why::of_code(of).context("find a reason of that code: `precision dead-letters why` lists them")?],
        },
    };
    args.place.say(&Explained { reasons: whys }, Explained::lines);
    Ok(Ended::Well)
}

async fn requeue(args: &RequeueArgs) -> anyhow::Result<Ended> {
    let wanted = args.which.wanted(args.publication);
    let filter = Filter::try_from(&wanted)?;
    anyhow::ensure!(args.all || wanted != Wanted::default(), "choose: name a letter, filter, or say --all");
    let order = Order { wanted, filter, per_minute: args.per_minute };
    let standing = match args.place.way()? {
        Way::Http(plan) => over_http::requeue(&plan, order, args.detach, args.place.json).await?,
        Way::Broker(way) => way.requeue(order).await?,
    };
    let is_missing = standing.state == State::Done && standing.total == 0 && args.publication.is_some();
    anyhow::ensure!(!is_missing, UNKNOWN_LETTER);
    args.place.say(&standing, standing_lines);
    Ok(ended(&standing))
}

async fn jobs(args: &JobsArgs) -> anyhow::Result<Ended> {
    let Way::Http(plan) = args.place.way()? else { anyhow::bail!(NO_JOBS) };
    let jobs = Jobs { jobs: over_http::jobs(&plan, args.job).await? };
    args.place.say(&jobs, Jobs::lines);
    Ok(Ended::Well)
}

async fn act(args: &JobArgs, act: Act) -> anyhow::Result<Ended> {
    let Way::Http(plan) = args.place.way()? else { anyhow::bail!(NO_JOBS) };
    let standing = over_http::act(&plan, args.job, act).await?;
    args.place.say(&standing, standing_lines);
    Ok(Ended::Well)
}

/// How a requeue ends: well when everything that stood there is back, or is still going there.
const fn ended(standing: &Standing) -> Ended {
    match standing.state {
        State::Waiting | State::Running | State::Paused | State::Done => Ended::Well,
        State::Failed | State::Cancelled => Ended::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_a_number_with_a_unit() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("2h", 7_200), ("3d", 259_200), ("0s", 0)] {
            assert_eq!(age(text), Ok(seconds));
        }
        for text in ["", "15", "m", "-1m", "1.5h", "15 m", "1w", "99999999999999999999s", "18446744073709551615d", "5é"] {
            assert!(age(text).is_err(), "{text}");
        }
    }
}
