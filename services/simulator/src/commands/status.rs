//! `precision status` without a registration: how an installation of separate services stands, in one screen.
//!
//! Each service says how it stands where `common.health` of its configuration has it ([`host::Bulletin`]). All are asked at once; one that does not answer is a line like the
//! others. Where nobody from outside gets there, as in containers, somebody inside asks (`SERVICE --bulletin`) and the answers are read from a file. What somebody has to look at stands below, by the limits of docs/OPERATIONS.md, and is the exit status.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read as _},
    path::Path,
    thread,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use clap::Args;
use host::{Bulletin, resend};
use serde::{Deserialize, Serialize};
use topology::Actor;

use super::life::STANDARD_INPUT;
use crate::{cli::Ended, output};

/// Addresses stand between blanks or commas.
const SERVICES_VARIABLE: &str = "PRECISION_SERVICES";

const NO_SERVICES: &str = "say how what stands: a registration's id is missing, or where services say whether they are ready (--service, PRECISION_SERVICES, --from)";

/// A hospital is about to be held back.
const QUOTA_WARNING: f64 = 0.8;

/// Where the services of an installation say how they stand.
#[derive(Debug, Args)]
pub struct Services {
    /// Where a service says whether it is ready: `common.health` of its configuration. May be given several times. Without it, PRECISION_SERVICES
    /// has them all
    #[arg(long = "service", value_name = "HOST:PORT", conflicts_with_all = ["registration", "store", "at", "from"])]
    services: Vec<String>,
    /// File with what services said, or `-`: a line `{"at":NAME,"bulletin":WHAT}` for each, WHAT being what `SERVICE --bulletin` prints
    #[arg(long, value_name = "FILE", conflicts_with_all = ["registration", "store", "at"])]
    from: Option<String>,
}

/// What one service said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Look {
    /// Its address, or what else it was asked by.
    at: String,
    /// How it stands.
    #[serde(default)]
    bulletin: Option<Bulletin>,
    /// Why nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Look {
    fn at(address: &str) -> Self {
        let (bulletin, error) = match Bulletin::ask(address) {
            Ok(bulletin) => (Some(bulletin), None),
            Err(error) => (None, Some(format!("failed to {error:#}"))),
        };
        Self { at: address.to_owned(), bulletin, error }
    }

    /// The service, or where it should be.
    fn name(&self) -> &str {
        self.bulletin.as_ref().map_or(&self.at, |bulletin| &bulletin.service)
    }
}

/// What was seen of all.
#[derive(Debug, Serialize)]
struct Seen {
    services: Vec<Look>,
    /// What somebody has to look at; nothing when all is well.
    to_look_at: Vec<String>,
}

/// Runs the command.
///
/// # Errors
///
/// Nothing says where the services are, or a file cannot be read.
pub fn status(services: &Services, json: bool) -> anyhow::Result<Ended> {
    let mut services = match &services.from {
        Some(file) => read(file)?,
        None => ask(&services.services)?,
    };
    services.sort_by_cached_key(|look| place_on_route(look.name()));
    let to_look_at = services.iter().flat_map(to_look_at).chain(full_quotas(&services)).collect();
    let seen = Seen { services, to_look_at };
    if json {
        output::say(serde_json::to_string(&seen).unwrap_or_default());
    } else {
        output::say(screen(&seen).trim_end());
    }
    Ok(if seen.to_look_at.is_empty() { Ended::Well } else { Ended::ToLookAt })
}

/// Asks the services at these addresses, or at those of the environment.
fn ask(given: &[String]) -> anyhow::Result<Vec<Look>> {
    let variable = std::env::var(SERVICES_VARIABLE).unwrap_or_default();
    let of_variable = variable.split([' ', ',', '\n']).filter(|address| !address.is_empty());
    let addresses: Vec<&str> = if given.is_empty() { of_variable.collect() } else { given.iter().map(String::as_str).collect() };
    ensure!(!addresses.is_empty(), NO_SERVICES);
    Ok(thread::scope(|scope| {
        let asked: Vec<_> = addresses.iter().map(|address| scope.spawn(|| Look::at(address))).collect();
        asked.into_iter().filter_map(|look| look.join().ok()).collect()
    }))
}

/// Reads what services said.
fn read(file: &str) -> anyhow::Result<Vec<Look>> {
    let failed = || format!("read {file}");
    let mut text = String::new();
    if file == STANDARD_INPUT {
        io::stdin().read_to_string(&mut text).with_context(failed)?;
    } else {
        text = fs::read_to_string(Path::new(file)).with_context(failed)?;
    }
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let looks = lines.map(|(number, line)| parse(line).with_context(|| format!("understand line {} of {file}", number + 1)));
    let looks: Vec<Look> = looks.collect::<anyhow::Result<_>>()?;
    ensure!(!looks.is_empty(), "find a service in {file}: it is empty");
    Ok(looks)
}

fn parse(line: &str) -> anyhow::Result<Look> {
    let mut look: Look = serde_json::from_str(line)?;
    if look.bulletin.is_none() && look.error.is_none() {
        look.error = Some("does not run, or does not answer".to_owned());
    }
    Ok(look)
}

/// Hospitals first, each by itself, then along the route; what did not say who it is at the end.
fn place_on_route(name: &str) -> (usize, String) {
    let actors = Actor::ALL.iter().position(|actor| name.starts_with(actor.as_str()));
    (actors.unwrap_or(usize::MAX), name.to_owned())
}

/// What is to be looked at in one service.
fn to_look_at(look: &Look) -> Vec<String> {
    let Some(bulletin) = &look.bulletin else {
        return vec![format!("{}: {}", look.at, look.error.as_deref().unwrap_or_default())];
    };
    let service = &bulletin.service;
    let mut lines = Vec::new();
    if !bulletin.missing.is_empty() {
        lines.push(format!("{service}: not ready, missing: {}", bulletin.missing.join(", ")));
    }
    for queue in bulletin.queues.iter().filter(|queue| queue.dead_letters > 0) {
        let letters = if queue.dead_letters == 1 { "dead letter" } else { "dead letters" };
        lines.push(format!("{}: {} {letters}: precision dead-letters list", queue.queue, queue.dead_letters));
    }
    if bulletin.figures.is_none() {
        lines.push(format!("{service}: its store does not say how it stands"));
    }
    let age = span_of(bulletin, "oldest_unanswered_age_seconds");
    if age > resend::NOK_AFTER {
        lines.push(format!("{service}: a registration has had no answer for {}: precision trace", span(age)));
    }
    let given_up = bulletin.figure("unanswered_registrations", &[("state", "given-up")]).unwrap_or_default();
    if given_up > 0.0 {
        lines.push(format!("{service}: {given_up} registrations had no answer in ten days: precision trace"));
    }
    lines
}

/// Hospitals that have asked for most of what they may today.
fn full_quotas(services: &[Look]) -> Vec<String> {
    let bulletins = services.iter().filter_map(|look| look.bulletin.as_ref());
    let quotas = bulletins.filter_map(|bulletin| Some((bulletin, bulletin.figure("quota_limit", &[])?)));
    quotas
        .flat_map(|(bulletin, limit)| {
            let full = bulletin.figures("quota_patients").filter(move |asked| asked.value > QUOTA_WARNING * limit);
            full.map(move |asked| {
                let sender = asked.labels.get("sender").map_or("", String::as_str);
                format!("{sender}: {} of {limit} patients of today are asked for", asked.value)
            })
        })
        .collect()
}

fn span_of(bulletin: &Bulletin, figure: &str) -> Duration {
    Duration::from_secs_f64(bulletin.figure(figure, &[]).unwrap_or_default().max(0.0))
}

/// A span in its largest unit: `12 s`, `3 min`, `5 h`, `9 d`.
fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Items that passed in one direction: of a service that takes in at one step and sends at another, they are the same twice.
fn items(bulletin: &Bulletin, is_back: bool) -> u64 {
    const NOT_AGAIN: [&str; 6] = ["sent", "forwarded", "arrived", "validated", "receipt", "ignored"];
    let mut by_step: BTreeMap<&str, u64> = BTreeMap::new();
    let counted = bulletin.passed.iter().filter(|passed| NOT_AGAIN.contains(&passed.outcome.as_str()));
    for passed in counted.filter(|passed| passed.step.ends_with(" back") == is_back && !passed.step.starts_with('R')) {
        *by_step.entry(&passed.step).or_default() += passed.items;
    }
    by_step.into_values().max().unwrap_or(0)
}

fn row(look: &Look) -> Vec<String> {
    let Some(bulletin) = &look.bulletin else {
        return vec![look.at.clone(), "no answer".to_owned()];
    };
    let sum = |figure: fn(&host::bulletin::Queue) -> u64| bulletin.queues.iter().map(figure).sum::<u64>().to_string();
    let known = |text: String| if bulletin.queues.is_empty() { "?".to_owned() } else { text };
    vec![
        bulletin.service.clone(),
        if bulletin.missing.is_empty() { "ready" } else { "not ready" }.to_owned(),
        span(Duration::from_secs(bulletin.up_seconds)),
        items(bulletin, false).to_string(),
        items(bulletin, true).to_string(),
        known(sum(|queue| queue.publications)),
        known(sum(|queue| queue.dead_letters)),
        bulletin.retries.to_string(),
        bulletin.version.clone(),
    ]
}

/// What a hospital waits for.
fn waits(look: &Look) -> Option<String> {
    let bulletin = look.bulletin.as_ref()?;
    let count = |name: &str| bulletin.figure("unanswered_registrations", &[("state", name)]);
    let (unsent, sent, given_up) = (count("unsent")?, count("sent")?, count("given-up")?);
    let age = span_of(bulletin, "oldest_unanswered_age_seconds");
    let since = if sent > 0.0 { format!(", the oldest for {}", span(age)) } else { String::new() };
    Some(format!("  {}: {unsent} to be sent; {sent} without an answer{since}; {given_up} given up", bulletin.service))
}

fn screen(Seen { services, to_look_at }: &Seen) -> String {
    let is_ready = |look: &&Look| look.bulletin.as_ref().is_some_and(|bulletin| bulletin.missing.is_empty());
    let ready = services.iter().filter(is_ready).count();
    let heading = ["service", "is", "up", "forward", "back", "waiting", "dead letters", "retries", "version"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(services.iter().map(row));
    let mut text = format!("{} of {} services are ready\n\n{}", ready, services.len(), output::table(&rows, &[2, 3, 4, 5, 6, 7]));
    text.push_str("\n  forward, back: items since the service started; waiting: publications on the queues that it reads\n");
    let waits: Vec<String> = services.iter().filter_map(waits).collect();
    if !waits.is_empty() {
        text.push_str(&format!("\nRegistrations\n{}\n", waits.join("\n")));
    }
    if to_look_at.is_empty() {
        text.push_str("\nNothing needs to be looked at.\n");
    } else {
        text.push_str("\nTo be looked at (docs/OPERATIONS.md)\n");
        to_look_at.iter().for_each(|line| text.push_str(&format!("  {line}\n")));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn look(bulletin: serde_json::Value) -> Look {
        Look { at: "127.0.0.1:1".to_owned(), bulletin: Some(serde_json::from_value(bulletin).unwrap()), error: None }
    }

    fn passed(step: &str, outcome: &str, items: u64) -> serde_json::Value {
        json!({ "step": step, "queue": "q", "outcome": outcome, "code": "", "publications": 1, "items": items })
    }

    fn hospital(unsent: u64, given_up: u64, age: f64) -> Look {
        let unanswered =
            |waits: &str, value: u64| json!({ "name": "unanswered_registrations", "labels": { "state": waits }, "value": value });
        look(json!({
            "service": "hd4dp-00000196", "version": "0.1.0", "up_seconds": 7_300, "missing": [], "retries": 2,
            "queues": [{ "queue": "hd4dp.00000196.in", "publications": 3, "dead_letters": 0 }],
            "passed": [passed("3", "sent", 120), passed("3", "resent", 7), passed("3 back", "arrived", 90), passed("R1", "sent", 1_000)],
            "figures": [
                unanswered("unsent", unsent), unanswered("sent", 30), unanswered("given-up", given_up),
                { "name": "oldest_unanswered_age_seconds", "labels": {}, "value": age },
            ],
            "of a later version": 1,
        }))
    }

    fn warehouse(missing: &[&str], letters: u64) -> Look {
        let queues = json!([{ "queue": "dhw.in", "publications": 0, "dead_letters": letters }]);
        look(json!({
            "service": "dhw", "version": "0.1.0", "up_seconds": 59, "missing": missing, "retries": 0,
            "queues": if missing.is_empty() { queues } else { json!([]) },
            "passed": [passed("7", "validated", 90), passed("7 back", "sent", 90)], "figures": [],
        }))
    }

    fn ttp(asked: f64) -> Look {
        look(json!({
            "service": "ehealth-ttp", "version": "0.1.0", "up_seconds": 1, "missing": [], "retries": 0, "queues": [], "passed": [],
            "figures": [
                { "name": "quota_limit", "labels": {}, "value": 20_000.0 },
                { "name": "quota_patients", "labels": { "sender": "ehbox-hco-00000196" }, "value": asked },
            ],
        }))
    }

    #[test]
    fn one_screen_has_every_service_and_what_hospitals_wait_for() {
        let services = vec![hospital(5, 0, 200.0), warehouse(&[], 0)];
        let text = screen(&Seen { to_look_at: services.iter().flat_map(to_look_at).collect(), services });
        let expected = "\
2 of 2 services are ready

  service         is       up  forward  back  waiting  dead letters  retries  version
  --------------  -----  ----  -------  ----  -------  ------------  -------  -------
  hd4dp-00000196  ready   2 h      120    90        3             0        2  0.1.0
  dhw             ready  59 s       90    90        0             0        0  0.1.0

  forward, back: items since the service started; waiting: publications on the queues that it reads

Registrations
  hd4dp-00000196: 5 to be sent; 30 without an answer, the oldest for 3 min; 0 given up

Nothing needs to be looked at.
";
        assert_eq!(text, expected);
        assert!(text.lines().count() <= 24);
    }

    #[test]
    fn what_somebody_has_to_look_at_is_said() {
        let away = Look {
            at: "127.0.0.1:1".to_owned(),
            bulletin: None,
            error: Some("failed to ask the service at 127.0.0.1:1".to_owned()),
        };
        let said = |look: &Look| to_look_at(look).join("; ");
        assert_eq!(said(&hospital(5, 0, 172_800.0)), "");
        assert_eq!(
            said(&hospital(0, 4, 172_801.0)),
            "hd4dp-00000196: a registration has had no answer for 2 d: precision trace; \
             hd4dp-00000196: 4 registrations had no answer in ten days: precision trace"
        );
        let mut silent = hospital(0, 4, 172_801.0);
        silent.bulletin.iter_mut().for_each(|bulletin| bulletin.figures = None);
        assert_eq!(said(&silent), "hd4dp-00000196: its store does not say how it stands");
        assert_eq!(said(&warehouse(&["the broker of hd"], 0)), "dhw: not ready, missing: the broker of hd");
        assert_eq!(said(&warehouse(&[], 1)), "dhw.in: 1 dead letter: precision dead-letters list");
        assert_eq!(said(&away), "127.0.0.1:1: failed to ask the service at 127.0.0.1:1");
        assert_eq!(full_quotas(&[ttp(16_000.0), away.clone()]), [""; 0]);
        assert_eq!(full_quotas(&[away, ttp(16_001.0)]), ["ehbox-hco-00000196: 16001 of 20000 patients of today are asked for"]);
    }

    #[test]
    fn what_services_said_is_read_line_by_line() {
        let said = serde_json::to_string(&hospital(0, 0, 0.0)).unwrap();
        assert_eq!(parse(&said).unwrap(), hospital(0, 0, 0.0));
        let silent = parse(r#"{"at":"dhw","bulletin":null}"#).unwrap();
        assert_eq!(to_look_at(&silent), ["dhw: does not run, or does not answer"]);
        for wrong in ["", "{}", r#"{"at":"dhw","bulletin":{}}"#, r#"{"at":"dhw","more":1}"#, &said[..said.len() - 1]] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn services_stand_in_the_order_of_the_route_and_strangers_behind_them() {
        let mut names = [
            "dhw",
            "127.0.0.1:1",
            "ehealth-ttp",
            "ehbox-hd",
            "hd4res",
            "ehbox-hco-00000295",
            "hd4dp-00000196",
            "ehbox-hco-00000196",
        ];
        names.sort_by_cached_key(|name| place_on_route(name));
        assert_eq!(
            names,
            [
                "hd4dp-00000196",
                "ehbox-hco-00000196",
                "ehbox-hco-00000295",
                "ehealth-ttp",
                "ehbox-hd",
                "hd4res",
                "dhw",
                "127.0.0.1:1"
            ]
        );
    }

    #[test]
    fn spans_are_said_in_their_largest_unit() {
        let spans =
            [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3_599, "59 min"), (7_200, "2 h"), (172_799, "47 h"), (172_800, "2 d")];
        for (seconds, text) in spans {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }
}
