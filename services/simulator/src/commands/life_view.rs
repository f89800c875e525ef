//! A registration as both sides see it: the hospital and healthdata, each from its own store.

use hd4dp::store::{Filter, Listed, View};
use hd4res::store::RecordView;
use registration::Comment;
use serde::Serialize;
use topology::Nihdi;
use uuid::Uuid;

use super::session::Session;

/// What both sides see of a registration.
#[derive(Debug, Serialize)]
pub struct Both {
    /// The registration, the same on both sides.
    pub registration: String,
    /// Technical name of its register.
    pub dcd: String,
    /// The hospital's view.
    pub hospital: OfHospital,
    /// healthdata's view; none before it arrives.
    pub healthdata: Option<OfHealthdata>,
}

/// The hospital's view.
#[derive(Debug, Serialize)]
pub struct OfHospital {
    /// The hospital.
    pub org: String,
    /// The status column.
    pub status: String,
    /// The confirmation column; empty where the status has none.
    pub confirmation: Option<&'static str>,
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
#[derive(Debug, Serialize)]
pub struct OfHealthdata {
    /// The status at HD4RES.
    pub status: &'static str,
    /// The version that is held.
    pub version: u32,
    /// Whether that has a verdict of the data warehouse.
    pub validated: bool,
    /// The patient, as healthdata knows it.
    pub pseudonym: String,
    /// The researcher's comments, and the hospital's answers.
    pub comments: Vec<Remark>,
    /// What happened.
    pub history: Vec<Happened>,
}

/// A comment, at its column if it is about one.
#[derive(Debug, Serialize)]
pub struct Remark {
    /// The column.
    pub column: Option<String>,
    /// What was written.
    pub text: String,
    /// Whether it is the hospital's answer.
    pub is_answer: bool,
}

/// A line of history.
#[derive(Debug, Serialize)]
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
    /// A row of a table.
    #[must_use]
    pub fn row(&self) -> Vec<String> {
        let hospital = match self.hospital.confirmation {
            Some(confirmation) => format!("{}, {confirmation}", self.hospital.status),
            None => self.hospital.status.clone(),
        };
        let healthdata = self.healthdata.as_ref().map_or("nothing yet", |view| view.status);
        let version = self.hospital.version.to_string();
        vec![self.registration.clone(), self.hospital.org.clone(), self.dcd.clone(), version, hospital, healthdata.to_owned()]
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
        say("hospital  ", &self.hospital.comments, &self.hospital.history);
        if let Some(view) = &self.healthdata {
            say("healthdata", &view.comments, &view.history);
        }
        lines
    }
}

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
        let column = |field| definition.as_ref().and_then(|definition| Some(definition.field(field)?.column().to_owned()));
        let hospital = of_hospital(nihdi, view, column);
        return Ok(Some(Both {
            registration: registration.to_string(),
            dcd,
            hospital,
            healthdata: of_healthdata(session, registration).await?,
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

fn of_hospital(nihdi: &Nihdi, view: View, column: impl Fn(u16) -> Option<String>) -> OfHospital {
    let remark = |is_answer| {
        let column = &column;
        move |comment: Comment| {
            let at = comment.place.and_then(|place| column(place.field));
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
        org: nihdi.to_string(),
        status: view.state.status().to_string(),
        confirmation: view.state.confirmation().map(|confirmation| confirmation.code()),
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
        status: row.status.as_str(),
        version: row.version,
        validated: row.is_validated,
        pseudonym,
        comments: comments.collect(),
        history: history.collect(),
    }))
}
