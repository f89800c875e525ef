//! `precision record`: what passes sealed on a RabbitMQ, into a file. `run` and `serve` record what they carry themselves.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use broker::{BrokerError, RabbitBroker};
use clap::Args;
use clock::{Clock, SystemClock};
use serde_json::json;
use topology::{Naming, Nihdi};

use crate::{
    audit::sweep,
    broker_choice::{self, BrokerChoice, OpenBroker},
    cli::{Ended, hospital},
    output,
    recording::{
        Writer,
        recorder::{Recorder, header},
        selection::{Step, span},
        tap::{Listener, routes},
        writer::Taken,
    },
};

/// What `record` takes.
#[derive(Debug, Args)]
pub struct RecordArgs {
    /// Address of the RabbitMQ, with the virtual host of eHealth's zone; its user needs the rights that docs/RECORDINGS.md lists
    #[arg(long, value_name = "amqp://…")]
    pub broker: BrokerChoice,
    /// The file to record into; it must not be there yet
    #[arg(short, long, value_name = "FILE")]
    pub out: PathBuf,
    /// The hospitals' NIHDI numbers, for their queues of step 4 back; those of the store by default
    #[arg(long, value_name = "NIHDI", num_args = 1.., required_unless_present = "store", value_parser = hospital)]
    pub org: Vec<Nihdi>,
    /// Store of the installation, which says under which prefix `run`, `serve` or `demo` put its queues, and of which hospitals
    #[arg(long, value_name = "DIR|postgres://…", conflicts_with = "prefix")]
    pub store: Option<String>,
    /// What stands in front of every exchange and queue, when anything does
    #[arg(long)]
    pub prefix: Option<String>,
    /// Folder of the keys, or of the public ones: their ids go into the recording's first line
    #[arg(long, value_name = "DIR")]
    pub keys: Option<PathBuf>,
    /// Only these steps: 4, 5, `5 back`, `4 back`, R1, R2
    #[arg(long, value_name = "STEP")]
    pub step: Vec<Step>,
    /// Ends after so long: 90s, 5m, 2h; without it and --count, Ctrl-C ends it
    #[arg(long = "for", value_name = "SPAN", value_parser = a_span)]
    pub lasting: Option<Duration>,
    /// Ends after so many publications
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Print one JSON object at the end and nothing else
    #[arg(long)]
    pub json: bool,
}

fn a_span(text: &str) -> Result<Duration, String> {
    span(text).ok_or_else(|| "expected a span such as 90s, 5m or 2h".to_owned())
}

/// Where an installation's queues stand on a RabbitMQ: by its store, by a prefix, or under their plain names.
///
/// # Errors
///
/// A store that cannot be read.
pub async fn naming(store: Option<&str>, prefix: Option<&str>) -> anyhow::Result<Naming> {
    match (store, prefix) {
        (Some(store), _) => Ok(broker_choice::naming(&store.parse()?).await?),
        (None, Some(prefix)) => Ok(Naming::prefixed(prefix)),
        (None, None) => Ok(Naming::default()),
    }
}

/// Runs the command.
///
/// # Errors
///
/// Usage, a file that is there already, rights that are missing (exit 2).
pub async fn record(args: RecordArgs) -> anyhow::Result<Ended> {
    let BrokerChoice::Rabbit(address) = &args.broker else {
        anyhow::bail!("record an embedded flow from outside: nobody can listen to it; say --record FILE to `run` or `serve`");
    };
    let naming = naming(args.store.as_deref(), args.prefix.as_deref()).await?;
    let hospitals = match &args.store {
        Some(store) if args.org.is_empty() => sweep::hospitals(&store.parse()?).await?,
        _ => args.org.clone(),
    };
    anyhow::ensure!(!hospitals.is_empty(), "find a hospital: the store has none; --org names them");
    let routes = routes(&hospitals, &args.step);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let broker = match RabbitBroker::connect(address, naming, Arc::clone(&clock)).await {
        Ok(broker) => broker,
        Err(error @ (BrokerError::Unavailable | BrokerError::ConnectionLost)) => {
            output::complain(format!("precision: failed to record: {error}"));
            if args.json {
                output::say(json!({ "error": error.to_string() }).to_string());
            }
            return Ok(Ended::Failed);
        }
        Err(error) => return Err(error).context("record"),
    };
    let header = header(&hospitals, args.keys.as_deref())?;
    let id = header.id;
    let listener = Listener { broker: &broker, routes: &routes, id, clock: &clock };
    let tap = listener.tap().await?;
    let writer = Writer::create(&args.out, header, Arc::clone(&clock))?;
    output::complain(format!("recording into {}; Ctrl-C ends it", args.out.display()));
    listener.listen(tap, &writer, args.lasting, args.count).await;
    broker.close().await;
    let taken = writer.finish()?;
    if args.json {
        output::say(json!({ "recording": args.out, "id": id.to_string(), "taken": taken }).to_string());
    } else {
        output::say(told(&args.out, &taken));
    }
    Ok(Ended::Well)
}

/// A recording of a flow in this process.
pub struct Recording {
    path: PathBuf,
    writer: Arc<Writer>,
}

impl OpenBroker {
    /// Has everything recorded that passes sealed on this broker from now on.
    ///
    /// # Errors
    ///
    /// The file is there already, or cannot be made.
    pub fn record(&mut self, path: &Path, hospitals: &[Nihdi], keys: &Path) -> anyhow::Result<Recording> {
        let writer = Arc::new(Writer::create(path, header(hospitals, Some(keys))?, Arc::new(SystemClock))?);
        self.broker = Arc::new(Recorder::new(Arc::clone(&self.broker), Arc::clone(&writer)));
        Ok(Recording { path: path.to_owned(), writer })
    }
}

impl Recording {
    /// Ends the recording and says on standard error what became of it.
    ///
    /// # Errors
    ///
    /// A line could not be written.
    pub fn end(self) -> anyhow::Result<()> {
        output::complain(told(&self.path, &self.writer.finish()?));
        Ok(())
    }
}

fn told(path: &Path, taken: &Taken) -> String {
    let steps: Vec<String> = taken.steps.iter().map(|(step, count)| format!("step {step}: {count}")).collect();
    let steps = if steps.is_empty() { String::new() } else { format!(" ({})", steps.join(", ")) };
    let mut text = format!("{} publications{steps} recorded in {}", taken.publications, path.display());
    if taken.left_out > 0 {
        text.push_str(&format!("; {} left out, since they were no sealed documents", taken.left_out));
    }
    if taken.gaps > 0 {
        text.push_str(&format!("; nobody listened {} times", taken.gaps));
    }
    text
}
