//! What goes into an incident, from the stores of an installation or from a service that runs; with the patient's values, to look for them.

use std::path::PathBuf;

use anyhow::Context as _;
use clock::{Clock, SystemClock};
use dcd::Definitions;
use serde::Deserialize;
use store::{Inspection, Location};
use topology::Nihdi;
use uuid::Uuid;
use web::Trail;

use super::IncidentArgs;
use crate::{
    audit::{field::Kind, queues as asked},
    broker_choice::BrokerChoice,
    client::{ClientError, Sides, SidesPlan, api::Api, itinerary, sides::Needs},
    commands::trace,
    course::gather,
    incident::{Happened, QueueDepth, patient::Gathering},
    stores::Stores,
};

/// What is known of one registration at one party.
pub(super) struct Facts {
    pub(super) party: String,
    pub(super) trail: Trail,
    pub(super) history: Vec<Happened>,
    pub(super) gathering: Gathering,
    pub(super) schema: Option<u64>,
    pub(super) store: Option<String>,
    pub(super) keys: Option<PathBuf>,
    pub(super) queues: Vec<QueueDepth>,
    pub(super) left_out: Vec<String>,
}

/// From the stores.
pub(super) async fn on_store(location: &Location, args: &IncidentArgs, definitions: &Definitions) -> anyhow::Result<Facts> {
    let party = args.party.clone().context("choose a party: --party names it")?;
    let (lock, stores) = trace::open(location, definitions).await?;
    let known: Vec<String> = stores.itineraries().into_iter().map(|(party, _)| party).collect();
    anyhow::ensure!(known.contains(&party), "find the party {party}; there are {}", known.join(", "));
    let mut gathered = gather::gather(&stores, args.item, SystemClock.now()).await?;
    let registration = gathered.trails.values().find_map(|trail| trail.registration_id.as_ref()?.parse::<Uuid>().ok());
    let trail = gathered.trails.remove(&party);
    let mut trail = trail.with_context(|| format!("find anything of {} at {party}", args.item))?;
    // A party that keeps no registrations is told which items its passages are about.
    if trail.items.is_empty() {
        let passed = |item: &web::TrailItem| trail.passages.iter().any(|passage| passage.item_id == item.item_id);
        trail.items = gathered.trails.values().flat_map(|other| &other.items).filter(|item| passed(item)).cloned().collect();
        trail.items.sort_by(|one, other| one.item_id.cmp(&other.item_id));
        trail.items.dedup_by(|one, other| one.item_id == other.item_id);
        for item in &mut trail.items {
            // When it was made and answered is another party's knowledge, and so is what it says at the TTP.
            (item.made_at, item.answered_at) = (None, None);
            if party == ehealth_ttp::SERVICE {
                (item.kind, item.version) = ("ITEM".to_owned(), None);
            }
        }
    }
    let mut gathering = Gathering::default();
    let history = match registration {
        Some(registration) => look(&stores, &party, registration, definitions, &mut gathering).await?,
        None => Vec::new(),
    };
    stores.close().await;
    drop(lock);
    let keys = args.reach.keys().or_else(|| match location {
        Location::Folder(folder) => Some(folder.join("keys")),
        Location::Server(_) => None,
    });
    Ok(Facts {
        schema: schema(location, &party).await?,
        store: Some(match location {
            // A folder's path may be called after somebody; that it is one is enough.
            Location::Folder(_) => "SQLite".to_owned(),
            Location::Server(_) => location.to_string(),
        }),
        queues: queues(args, location, &party).await?,
        keys: keys.filter(|folder| folder.is_dir()),
        left_out: Vec::new(),
        party,
        trail,
        history,
        gathering,
    })
}

/// What happened at the party, and the values of the patient wherever they are at hand.
async fn look(
    stores: &Stores,
    party: &str,
    registration: Uuid,
    definitions: &Definitions,
    gathering: &mut Gathering,
) -> anyhow::Result<Vec<Happened>> {
    let mut history = Vec::new();
    for (nihdi, hospital) in &stores.hospitals {
        let Some(view) = hospital.hd4dp.registration(registration, SystemClock.now()).await? else { continue };
        for (dcd_version, bytes) in hospital.hd4dp.all_values(registration).await? {
            let definition = definitions.exact(&view.dcd, dcd_version).or_else(|| definitions.get(&view.dcd));
            let (definition, cells) = definition.zip(hd4dp::row::decode(&bytes)).context("read the registration's values")?;
            gathering.cells(&definition, &cells);
        }
        view.comments.iter().for_each(|kept| gathering.text(Kind::Comment, &kept.comment.text));
        view.versions
            .iter()
            .flat_map(|version| &version.answers)
            .for_each(|answer| gathering.text(Kind::Answer, &answer.comment.text));
        if party == format!("{}-{nihdi}", hd4dp::SERVICE) {
            history.extend(view.history.iter().map(|entry| Happened {
                at: entry.at.to_string(),
                event: entry.event.code().to_owned(),
                version: entry.version,
                status: entry.status.to_string(),
            }));
        }
    }
    let records = stores.hd4res.researcher();
    if let Some(record) = records.of_registration(registration).await?
        && let Some(view) = records.view(record).await?
    {
        gathering.pseudonym(&view.pseudonym);
        view.comments.iter().for_each(|kept| gathering.text(Kind::Comment, &kept.text));
        if party == hd4res::SERVICE {
            history.extend(view.history.iter().map(|entry| Happened {
                at: entry.at.to_string(),
                event: entry.note.event.to_string(),
                version: entry.note.version,
                status: entry.note.status.to_string(),
            }));
        }
    }
    Ok(history)
}

/// How many steps of its schema a store has made.
async fn schema(location: &Location, party: &str) -> anyhow::Result<Option<u64>> {
    let Some(mut inspection) = Inspection::open(location, party).await? else { return Ok(None) };
    let mut steps = 0;
    inspection.each_row("_sqlx_migrations", |_| steps += 1).await?;
    inspection.close().await?;
    Ok(Some(steps))
}

/// How full the party's own queues are, where a RabbitMQ is named.
async fn queues(args: &IncidentArgs, location: &Location, party: &str) -> anyhow::Result<Vec<QueueDepth>> {
    let BrokerChoice::Rabbit(address) = args.reach.broker() else { return Ok(Vec::new()) };
    let hospitals: Vec<Nihdi> = location.stores_of(hd4dp::SERVICE).await?.iter().filter_map(|nihdi| nihdi.parse().ok()).collect();
    let depths = asked::depths(address, location, &hospitals, party).await?;
    let depth = |(queue, ready, unacked)| QueueDepth { queue, ready, unacked };
    Ok(depths.into_iter().map(depth).collect())
}

/// From the one service that a token opens, or that --party names among several.
pub(super) async fn over_http(plan: &SidesPlan, args: &IncidentArgs, definitions: &Definitions) -> anyhow::Result<Facts> {
    let warehouse = plan.open_warehouse().await?;
    let sides = match plan.open(Needs::Any).await {
        Err(ClientError::NoToken(_)) if warehouse.is_some() => Sides::default(),
        opened => opened?,
    };
    let gathered = itinerary::ask_all(&sides, warehouse.as_ref(), args.item).await?;
    let is_wanted = |party: &String| args.party.as_ref().is_none_or(|wanted| wanted == party);
    let mut own: Vec<(String, Trail)> = gathered.trails.into_iter().filter(|(party, _)| is_wanted(party)).collect();
    let (party, trail) = match (own.pop(), own.is_empty()) {
        (Some(one), true) => one,
        (Some(_), false) => anyhow::bail!("choose a party: the tokens are of several, and --party names one"),
        (None, _) => anyhow::bail!("find {} at a party that was asked", args.item),
    };
    let mut gathering = Gathering::default();
    let mut left_out = vec!["schema: a service does not say it over HTTP".to_owned()];
    let register = trail.register.as_deref().and_then(|name| definitions.get(name));
    let document = match (&trail.registration_id, party.split('-').next()) {
        (Some(registration), Some(hd4dp::SERVICE)) => {
            let mut found = None;
            for hospital in &sides.hospitals {
                found = found.or(of_service(&hospital.api, &format!("/registrations/{registration}")).await?);
            }
            found.context("look at the registration")?
        }
        (Some(registration), Some(hd4res::SERVICE)) => {
            let research = sides.research.as_ref().context("find healthdata")?;
            let record = research.find(registration.parse()?).await?.ok_or(ClientError::UnknownRecord)?;
            let path = format!("/records/{}", record.record);
            let mut found = of_service(&research.api, &path).await?.context("look at the record")?;
            (found.history, _) = research.api.get("look at the record's history", &format!("{path}/history")).await?;
            (found.comments, _) = research.api.get("look at the record's comments", &format!("{path}/comments")).await?;
            found
        }
        _ => {
            left_out.push("a look for the patient's own values: this party does not know them".to_owned());
            Document::default()
        }
    };
    if let Some(definition) = &register {
        let values = document.values.iter().map(|value| (value.column.as_str(), value.value.as_str()));
        gathering.columns(definition, values);
    }
    document.pseudonym.iter().for_each(|pseudonym| gathering.pseudonym(pseudonym));
    [&document.comments, &document.versions].into_iter().for_each(|texts| each_text(texts, &mut gathering));
    let history =
        document.history.into_iter().map(|Entry { at, event, version, status }| Happened { at, event, version, status });
    Ok(Facts {
        history: history.collect(),
        schema: None,
        store: None,
        keys: None,
        queues: Vec::new(),
        left_out,
        party,
        trail,
        gathering,
    })
}

/// What HD4DP and HD4RES say of a registration or record, as far as it is needed here.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Document {
    values: Vec<Value>,
    history: Vec<Entry>,
    pseudonym: Option<String>,
    /// What the researcher wrote; HD4RES says how many there are here, and what they say elsewhere.
    comments: serde_json::Value,
    /// At a hospital; with what it answered.
    versions: serde_json::Value,
}

#[derive(Deserialize)]
struct Value {
    column: String,
    value: String,
}

#[derive(Deserialize)]
struct Entry {
    at: String,
    event: String,
    version: u32,
    status: String,
}

/// Takes what people wrote, wherever it stands.
fn each_text(value: &serde_json::Value, gathering: &mut Gathering) {
    match value {
        serde_json::Value::Array(values) => values.iter().for_each(|value| each_text(value, gathering)),
        serde_json::Value::Object(members) => {
            if let Some(text) = members.get("text").and_then(serde_json::Value::as_str) {
                gathering.text(Kind::Comment, text);
            }
            members.values().for_each(|value| each_text(value, gathering));
        }
        _ => {}
    }
}

async fn of_service(api: &Api, path: &str) -> Result<Option<Document>, ClientError> {
    match api.get("look at the registration", path).await {
        Ok((document, _)) => Ok(Some(document)),
        Err(error) if error.is("UNKNOWN_REGISTRATION") => Ok(None),
        Err(error) => Err(error),
    }
}
