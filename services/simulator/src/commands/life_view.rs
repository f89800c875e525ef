//! A registration as both sides see it: the hospital and healthdata, each from its own store or over its API.

use hd4dp::{
    status::Status,
    store::{Filter, Listed, View},
};
use hd4res::store::RecordView;
use registration::{Comment, Place};
use serde::{Serialize, Serializer};
use topology::Nihdi;
use uuid::Uuid;

use super::session::Session;

/// What both sides see of a registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Both {
    /// The registration, the same on both sides.
    pub registration: String,
    /// Technical name of its register.
    pub dcd: String,
    /// The hospital's view.
    #[serde(skip_serializing_if = "Side::is_not_asked")]
    pub hospital: Side<OfHospital>,
    /// healthdata's view; nothing before it arrives.
    #[serde(skip_serializing_if = "Side::is_not_asked")]
    pub healthdata: Side<OfHealthdata>,
}

/// What a side shows. A side that was not asked is left out of documents; one that has nothing stands there as `null`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Side<T> {
    /// No token opens it.
    NotAsked,
    /// It does not have the registration.
    Nothing,
    /// Its view.
    Has(T),
}

impl<T> Side<T> {
    /// The view, if it has one.
    pub const fn view(&self) -> Option<&T> {
        if let Self::Has(view) = self { Some(view) } else { None }
    }

    const fn is_not_asked(&self) -> bool {
        matches!(self, Self::NotAsked)
    }
}

impl<T> From<Option<T>> for Side<T> {
    fn from(view: Option<T>) -> Self {
        view.map_or(Self::Nothing, Self::Has)
    }
}

impl<T: Serialize> Serialize for Side<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.view().serialize(serializer)
    }
}

/// The hospital's view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OfHospital {
    /// The hospital; none where only its address is known.
    pub org: Option<String>,
    /// The status column.
    pub status: String,
    /// The confirmation column; empty where the status has none.
    pub confirmation: Option<String>,
    /// The latest version.
    pub version: u32,
    /// When that was confirmed.
    pub confirmed_at: Option<String>,
    /// The researcher's comments on it, and what the hospital said with it.
    pub comments: Vec<Remark>,
    /// What happened.
    pub history: Vec<Happened>,
}

/// healthdata's view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OfHealthdata {
    /// The status at HD4RES.
    pub status: String,
    /// The version that is held.
    pub version: u32,
    /// Whether that has a verdict of the data warehouse.
    pub validated: bool,
    /// The patient, as healthdata knows it; none where only a list was looked at.
    pub pseudonym: Option<String>,
    /// The researcher's comments, and the hospital's answers.
    pub comments: Vec<Remark>,
    /// What happened.
    pub history: Vec<Happened>,
}

/// A comment, at its column if it is about one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// The column.
    pub column: Option<String>,
    /// What was written.
    pub text: String,
    /// Whether it is the hospital's answer.
    pub is_answer: bool,
}

/// A line of history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Happened {
    /// When.
    pub at: String,
    /// Who; none for what arrived.
    pub by: Option<String>,
    /// What.
    pub event: String,
    /// The version that it was about.
    pub version: u32,
    /// The status afterwards.
    pub status: String,
}

impl Both {
    /// One that was never submitted and is deleted: its hospital keeps nothing of it, and nobody else ever had it.
    #[must_use]
    pub fn removed(registration: Uuid, dcd: String, nihdi: Option<Nihdi>, healthdata: Side<OfHealthdata>) -> Self {
        let hospital = OfHospital {
            org: nihdi.map(|nihdi| nihdi.to_string()),
            status: Status::Deleted.to_string(),
            confirmation: None,
            version: 0,
            confirmed_at: None,
            comments: Vec::new(),
            history: Vec::new(),
        };
        Self { registration: registration.to_string(), dcd, hospital: Side::Has(hospital), healthdata }
    }

    /// A row of a table.
    #[must_use]
    pub fn row(&self) -> Vec<String> {
        let (hospital, healthdata) = (self.hospital.view(), self.healthdata.view());
        let at_hospital = match &self.hospital {
            Side::NotAsked => NOT_ASKED.to_owned(),
            Side::Nothing => NOTHING.to_owned(),
            Side::Has(OfHospital { status, confirmation: Some(confirmation), .. }) => format!("{status}, {confirmation}"),
            Side::Has(view) => view.status.clone(),
        };
        let at_healthdata = match &self.healthdata {
            Side::NotAsked => NOT_ASKED,
            Side::Nothing => NOTHING,
            Side::Has(view) => &view.status,
        };
        let org = hospital.and_then(|view| view.org.as_deref()).unwrap_or(NOT_ASKED);
        let version = hospital.map(|view| view.version).or(healthdata.map(|view| view.version)).unwrap_or_default();
        let row = [&*self.registration, org, &*self.dcd, &*version.to_string(), &*at_hospital, at_healthdata];
        row.map(str::to_owned).to_vec()
    }

    /// For people.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.row().join("  ")];
        let mut say = |side: &str, comments: &[Remark], history: &[Happened]| {
            for Happened { at, by, event, version, status } in history {
                let by = by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
                lines.push(format!("  {side}  {at}  {event}{by}, version {version}: {status}"));
            }
            for Remark { column, text, is_answer } in comments {
                let column = column.as_ref().map(|column| format!("{column}: ")).unwrap_or_default();
                let kind = if *is_answer { "answer " } else { "comment" };
                lines.push(format!("  {side}  {kind}  {column}{text}"));
            }
        };
        if let Some(view) = self.hospital.view() {
            say("hospital  ", &view.comments, &view.history);
        }
        if let Some(view) = self.healthdata.view() {
            say("healthdata", &view.comments, &view.history);
        }
        lines
    }
}

/// What stands in a table for a side that was not asked.
const NOT_ASKED: &str = "-";
/// And for one that does not have the registration.
const NOTHING: &str = "nothing yet";

/// What both sides see of a registration; none when no hospital has it.
///
/// # Errors
///
/// A store that cannot be read.
pub async fn both(session: &Session, registration: Uuid) -> anyhow::Result<Option<Both>> {
    for (nihdi, hd4dp) in &session.installation.hd4dp {
        let Some(view) = hd4dp.registration(registration).await? else { continue };
        let dcd = view.dcd.clone();
        let definition = hd4dp.definitions().exact(&view.dcd, view.dcd_version);
        let column = |place| definition.as_ref()?.column_at(place);
        let hospital = of_hospital(nihdi, view, column);
        return Ok(Some(Both {
            registration: registration.to_string(),
            dcd,
            hospital: Side::Has(hospital),
            healthdata: of_healthdata(session, registration).await?.into(),
        }));
    }
    Ok(None)
}

/// A page of registrations, hospital by hospital in order of their ids.
///
/// # Errors
///
/// A store that cannot be read.
pub async fn page(
    session: &Session,
    org: Option<Nihdi>,
    dcd: Option<String>,
    after: Option<Uuid>,
    limit: u32,
) -> anyhow::Result<Vec<Both>> {
    let filter = Filter { dcd, status: None };
    let mut listed: Vec<Listed> = Vec::new();
    for (nihdi, hd4dp) in &session.installation.hd4dp {
        if org.is_none_or(|org| org == *nihdi) {
            listed.extend(hd4dp.list(&filter, after, limit).await?);
        }
    }
    listed.sort_unstable_by_key(|listed| listed.registration_id);
    let mut page = Vec::new();
    for listed in listed.into_iter().take(limit as usize) {
        page.extend(both(session, listed.registration_id).await?);
    }
    Ok(page)
}

fn of_hospital(nihdi: &Nihdi, view: View, column: impl Fn(Place) -> Option<String>) -> OfHospital {
    let remark = |is_answer| {
        let column = &column;
        move |comment: Comment| {
            let at = comment.place.and_then(column);
            Remark { column: at, text: comment.text, is_answer }
        }
    };
    let answers = view.versions.last().map(|version| version.answers.clone()).unwrap_or_default();
    let answers = answers.into_iter().map(|answer| answer.comment).map(remark(true));
    let comments = view.comments.into_iter().map(|kept| kept.comment).map(remark(false)).chain(answers);
    let history = view.history.into_iter().map(|entry| Happened {
        at: entry.at.to_string(),
        by: entry.author,
        event: entry.event.code().to_owned(),
        version: entry.version,
        status: entry.status.to_string(),
    });
    OfHospital {
        org: Some(nihdi.to_string()),
        status: view.state.status().to_string(),
        confirmation: view.state.confirmation().map(|confirmation| confirmation.code().to_owned()),
        version: view.versions.last().map_or(0, |version| version.version),
        confirmed_at: view.confirmed_at.map(|at| at.to_string()),
        comments: comments.collect(),
        history: history.collect(),
    }
}

async fn of_healthdata(session: &Session, registration: Uuid) -> anyhow::Result<Option<OfHealthdata>> {
    let store = session.installation.hd4res.store();
    let Some(record) = store.of_registration(registration).await? else { return Ok(None) };
    let Some(RecordView { row, pseudonym, comments, history, .. }) = store.view(record).await? else { return Ok(None) };
    let comments = comments.into_iter().map(|kept| Remark {
        column: kept.column,
        text: kept.text,
        is_answer: kept.author == hd4res::store::author::HOSPITAL,
    });
    let history = history.into_iter().map(|entry| Happened {
        at: entry.at.to_string(),
        by: Some(entry.author),
        event: entry.note.event.to_string(),
        version: entry.note.version,
        status: entry.note.status.to_string(),
    });
    Ok(Some(OfHealthdata {
        status: row.status.to_string(),
        version: row.version,
        validated: row.is_validated,
        pseudonym: Some(pseudonym),
        comments: comments.collect(),
        history: history.collect(),
    }))
}
