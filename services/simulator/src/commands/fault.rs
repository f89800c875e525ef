//! `precision fault`: what goes wrong in a running installation, switched on and off.

use bytes::Bytes;
use clap::{Args, Subcommand};
use hyper::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use topology::Nihdi;

use super::life::reach::OverHttp;
use crate::{
    cli::Ended,
    client::{ClientError, api::Api, connection::Ask},
    faults::vocabulary,
    output,
    scenario::places::Places,
};

/// What `fault` can do.
#[derive(Debug, Subcommand)]
pub enum FaultCommand {
    /// Shows which faults are on, or with --words which there are
    #[command(after_help = "Examples:\n  precision fault list --at http://127.0.0.1:8080\n  precision fault list --words")]
    List(ListArgs),
    /// Switches a fault on, or lets something happen once, in the words of scenarios (docs/SCENARIOS.md)
    #[command(
        after_help = "Examples:\n  precision fault on drop on 4 times 2\n  precision fault on 'fault = \"delay\", on = \"5\", by = \"30 seconds\"'\n  precision fault on keep-fault duplicate on 4 back\n  precision fault on down ehealth-ttp\n  precision fault on crash hd4dp 00000196 at before-ack\n  precision fault on broker-away"
    )]
    On(OnArgs),
    /// Switches one fault off, by the number that `list` shows, or all
    #[command(after_help = "Examples:\n  precision fault off 3\n  precision fault off --all")]
    Off(OffArgs),
    /// Shows what struck, and when
    #[command(after_help = "Example:\n  precision fault log --after 12 --json")]
    Log(LogArgs),
}

impl FaultCommand {
    const fn over(&self) -> &OverHttp {
        match self {
            Self::List(args) => &args.over,
            Self::On(args) => &args.over,
            Self::Off(args) => &args.over,
            Self::Log(args) => &args.over,
        }
    }

    /// Whether standard output must hold one JSON object.
    #[must_use]
    pub const fn wants_json(&self) -> bool {
        self.over().json
    }
}

/// What `fault list` takes.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// The installation
    #[command(flatten)]
    over: OverHttp,
    /// Show the words that can be said, instead of what is on
    #[arg(long)]
    words: bool,
}

/// What `fault on` takes.
#[derive(Debug, Args)]
pub struct OnArgs {
    /// The installation
    #[command(flatten)]
    over: OverHttp,
    /// What shall happen: a step of a scenario, or its words alone
    #[arg(required = true, value_name = "WORDS")]
    words: Vec<String>,
}

/// What `fault off` takes.
#[derive(Debug, Args)]
pub struct OffArgs {
    /// The installation
    #[command(flatten)]
    over: OverHttp,
    /// The fault's number
    #[arg(value_name = "NUMBER", required_unless_present = "all", conflicts_with = "all")]
    number: Option<u64>,
    /// Switch every fault off
    #[arg(long)]
    all: bool,
}

/// What `fault log` takes.
#[derive(Debug, Args)]
pub struct LogArgs {
    /// The installation
    #[command(flatten)]
    over: OverHttp,
    /// Only what struck behind the strike of this number
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    after: u64,
    /// Strikes at most, up to 1000
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

const WITHOUT_FAULTS: &str = "switch faults there: the installation was not started with `precision serve --faults`";

/// Runs the command.
///
/// # Errors
///
/// Words that say no fault, a refusal with its code, or what keeps the installation from being reached.
pub async fn fault(command: FaultCommand) -> anyhow::Result<Ended> {
    let api = command.over().plan(None)?.operator().await?;
    let done = match &command {
        FaultCommand::List(args) if args.words => words(&api, args.over.json).await,
        FaultCommand::List(args) => list(&api, args.over.json).await,
        FaultCommand::On(args) => on(&api, &args.words.join(" "), args.over.json).await,
        FaultCommand::Off(args) => off(&api, args.number, args.over.json).await,
        FaultCommand::Log(args) => log(&api, args).await,
    };
    match done {
        Err(error) if error.downcast_ref::<ClientError>().is_some_and(|error| error.is("UNKNOWN_ROUTE")) => {
            Err(anyhow::anyhow!(WITHOUT_FAULTS))
        }
        done => done.map(|()| Ended::Well),
    }
}

/// A fault that is on, as the API shows it.
#[derive(Debug, Serialize, Deserialize)]
struct FaultOn {
    number: u64,
    since: String,
    words: String,
    left: Option<u32>,
}

async fn list(api: &Api, wants_json: bool) -> anyhow::Result<()> {
    let (faults, _): (Vec<FaultOn>, _) = api.get("see which faults are on", "/faults").await?;
    if wants_json {
        output::say(json!({ "faults": faults }).to_string());
    } else if faults.is_empty() {
        output::say("no fault is on");
    }
    for FaultOn { number, since, words, left } in faults.iter().filter(|_| !wants_json) {
        let left = left.map(|left| format!(", {left} more")).unwrap_or_default();
        output::say(format!("{number:>4}  {words}{left}  since {since}"));
    }
    Ok(())
}

/// The words of an installation, as the API shows them.
#[derive(Debug, Serialize, Deserialize)]
struct Vocabulary {
    words: Vec<Word>,
    faults: Vec<FaultWord>,
    hospitals: Vec<String>,
    services: Vec<String>,
    points: Vec<String>,
    pairs: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Word {
    word: String,
    form: String,
    about: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct FaultWord {
    word: String,
    about: String,
    steps: Vec<String>,
}

async fn vocabulary(api: &Api) -> Result<Vocabulary, ClientError> {
    Ok(api.get("see which faults there are", "/faults/vocabulary").await?.0)
}

async fn words(api: &Api, wants_json: bool) -> anyhow::Result<()> {
    let all = vocabulary(api).await?;
    if wants_json {
        output::say(json!({ "vocabulary": all }).to_string());
        return Ok(());
    }
    let width = all.words.iter().map(|word| word.form.chars().count()).max().unwrap_or_default();
    for Word { form, about, .. } in &all.words {
        output::say(format!("{form:width$}  {about}"));
    }
    let width = all.faults.iter().map(|fault| fault.word.len()).max().unwrap_or_default();
    output::say("\nFAULT is one of");
    for FaultWord { word, about, .. } in &all.faults {
        output::say(format!("  {word:width$}  {about}"));
    }
    for (what, words) in [("SERVICE", &all.services), ("HOSPITAL", &all.hospitals), ("POINT", &all.points), ("PAIR", &all.pairs)]
    {
        output::say(format!("{what} is one of {}", words.join(", ")));
    }
    Ok(())
}

/// What came of a wish, as the API says it.
#[derive(Debug, Serialize, Deserialize)]
struct Came {
    outcome: String,
    number: Option<u64>,
    off: Option<usize>,
    words: Option<String>,
}

impl Came {
    fn say(&self, wants_json: bool) {
        let said = match (self.outcome.as_str(), self.number, self.off) {
            _ if wants_json => json!(self).to_string(),
            (_, Some(number), _) => format!("on, as number {number}: {}", self.words.as_deref().unwrap_or_default()),
            (_, None, Some(1)) => "1 fault is off".to_owned(),
            (_, None, Some(count)) => format!("{count} faults are off"),
            ("nothing", None, None) => "there was nothing that it could have happened to".to_owned(),
            (outcome, None, None) => outcome.to_owned(),
        };
        output::say(said);
    }
}

async fn on(api: &Api, text: &str, wants_json: bool) -> anyhow::Result<()> {
    // The words are looked through here, where a mistake can be shown at its place.
    let hospitals: Vec<Nihdi> = vocabulary(api).await?.hospitals.iter().filter_map(|word| word.parse().ok()).collect();
    let places = Places::of_installation(&hospitals);
    let document = vocabulary::document(text, &places).map_err(|problems| {
        let told: String = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("understand what shall happen:\n{}", told.trim_end())
    })?;
    let ask = Ask {
        method: Method::POST,
        content: Some(("application/json", Bytes::from(document.to_string()))),
        ..api.ask("switch a fault on", "/faults")
    };
    came(api, &ask, wants_json).await
}

async fn off(api: &Api, number: Option<u64>, wants_json: bool) -> anyhow::Result<()> {
    let path = number.map_or_else(|| "/faults".to_owned(), |number| format!("/faults/{number}"));
    let ask = Ask { method: Method::DELETE, ..api.ask("switch a fault off", &path) };
    came(api, &ask, wants_json).await
}

async fn came(api: &Api, ask: &Ask<'_>, wants_json: bool) -> anyhow::Result<()> {
    let told = api.change(ask).await?;
    api.connection().document::<Came>(&told)?.say(wants_json);
    Ok(())
}

/// A fault that struck, as the API shows it.
#[derive(Debug, Serialize, Deserialize)]
struct Strike {
    number: u64,
    at: String,
    fault: String,
    step: Option<String>,
    service: Option<String>,
    publication: Option<String>,
    outcome: String,
}

async fn log(api: &Api, args: &LogArgs) -> anyhow::Result<()> {
    let path = format!("/faults/log?after={}&limit={}", args.after, args.limit);
    let (strikes, _): (Vec<Strike>, _) = api.get("see what struck", &path).await?;
    if args.over.json {
        output::say(Value::from_iter([("strikes", json!(strikes))]).to_string());
        return Ok(());
    }
    for Strike { number, at, fault, step, service, publication, outcome } in &strikes {
        let step = step.as_ref().map(|step| format!(" on step {step}")).unwrap_or_default();
        let service = service.as_ref().map(|service| format!(", {service}")).unwrap_or_default();
        let publication = publication.as_ref().map(|id| format!(", publication {id}")).unwrap_or_default();
        let outcome = if outcome == "struck" { "" } else { ": there was nothing to strike" };
        output::say(format!("{number:>4}  {at}  {fault}{step}{service}{publication}{outcome}"));
    }
    Ok(())
}
