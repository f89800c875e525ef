//! What HD4RES says over HTTP of records, and what it is asked to do with them.

use hd4res::status::RecordStatus;
use hyper::Method;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::{
    ClientError,
    api::{Api, id},
    connection::Ask,
};
use crate::commands::life_view::{Happened, OfHealthdata, Remark};

/// HD4RES.
#[derive(Debug, Clone)]
pub struct Research {
    /// Its API.
    pub api: Api,
}

/// A record in a list.
#[derive(Debug, Clone, Deserialize)]
pub struct Listed {
    /// The record's number.
    pub record: i64,
    /// The registration.
    #[serde(deserialize_with = "id")]
    pub registration_id: Uuid,
    /// Its register.
    pub register: String,
    /// The version of the register's definition.
    pub register_version: u32,
    /// The version that is held.
    pub version: u32,
    status: String,
    is_validated: bool,
}

/// A record with what an act must name.
#[derive(Debug, Clone, Deserialize)]
struct Record {
    pseudonym: String,
}

#[derive(Debug, Clone, Deserialize)]
struct Comment {
    column: Option<String>,
    text: String,
    author: String,
}

#[derive(Debug, Clone, Deserialize)]
struct Entry {
    at: String,
    author: String,
    event: String,
    version: u32,
    status: String,
}

/// What a researcher asks of a hospital, about the registration or a place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewComment {
    /// The column, without the number of a list's item.
    pub column: Option<String>,
    /// The list's item.
    pub item: Option<u16>,
    /// What the hospital shall read.
    pub text: String,
}

/// Where a record stands, as far as it is known what its words mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Its status; none of one that this release does not know.
    pub status: Option<RecordStatus>,
    /// The version that is held.
    pub version: u32,
    /// Whether that has a verdict.
    pub is_validated: bool,
}

/// An act of a researcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act<'a> {
    /// Approves.
    Approve,
    /// Asks for corrections.
    Correct(&'a [NewComment]),
    /// Asks for further fields.
    FollowUp(&'a [NewComment]),
}

/// The status with this name in addresses and answers: `new-correction`.
fn status(slug: &str) -> Option<RecordStatus> {
    RecordStatus::ALL.into_iter().find(|status| status.as_str().to_ascii_lowercase().replace(' ', "-") == slug)
}

/// A status as HD4RES writes it; one that is not known stays as it came.
fn shown(slug: &str) -> String {
    status(slug).map_or_else(|| slug.to_owned(), |status| status.to_string())
}

impl Listed {
    /// Where it stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        Standing { status: status(&self.status), version: self.version, is_validated: self.is_validated }
    }

    /// healthdata's view, without what lists do not have.
    #[must_use]
    pub fn view(&self) -> OfHealthdata {
        OfHealthdata {
            status: shown(&self.status),
            version: self.version,
            validated: self.is_validated,
            pseudonym: None,
            comments: Vec::new(),
            history: Vec::new(),
        }
    }
}

impl Research {
    /// The record that holds a registration; none before it arrives.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn find(&self, registration: Uuid) -> Result<Option<Listed>, ClientError> {
        let path = format!("/records?registration={registration}");
        Ok(self.api.list("find the record", &path, 1, |_: &Listed| true).await?.pop())
    }

    /// Records in the order in which they came first.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn list(&self, register: Option<&str>, most: u32) -> Result<Vec<Listed>, ClientError> {
        let register = register.map(|name| format!("?register={name}")).unwrap_or_default();
        self.api.list("list the records", &format!("/records{register}"), most, |_: &Listed| true).await
    }

    /// healthdata's view of a record, with comments and history.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn view(&self, listed: &Listed) -> Result<OfHealthdata, ClientError> {
        let path = format!("/records/{}", listed.record);
        let (Record { pseudonym }, _) = self.api.get("look at the record", &path).await?;
        let (comments, _): (Vec<Comment>, _) = self.api.get("look at the record's comments", &format!("{path}/comments")).await?;
        let (history, _): (Vec<Entry>, _) = self.api.get("look at the record's history", &format!("{path}/history")).await?;
        let remark = |Comment { column, text, author }| {
            let is_answer = author == hd4res::store::author::HOSPITAL;
            Remark { column, text, is_answer }
        };
        let happened = |Entry { at, author, event, version, status }: Entry| Happened {
            at,
            by: Some(author),
            event,
            version,
            status: shown(&status),
        };
        Ok(OfHealthdata {
            pseudonym: Some(pseudonym),
            comments: comments.into_iter().map(remark).collect(),
            history: history.into_iter().map(happened).collect(),
            ..listed.view()
        })
    }

    /// Acts on a record as it stands now.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn act(&self, listed: &Listed, act: Act<'_>) -> Result<(), ClientError> {
        let (what, below, comments) = match act {
            Act::Approve => ("approve the registration", "approval", None),
            Act::Correct(comments) => ("ask for corrections", "corrections", Some(comments)),
            Act::FollowUp(comments) => ("ask for a follow-up", "follow-up", Some(comments)),
        };
        let path = format!("/records/{}", listed.record);
        let (_, etag): (Record, _) = self.api.get("look at the record", &path).await?;
        let content = comments.map(|comments| {
            let comment =
                |NewComment { column, item, text }: &NewComment| json!({ "column": column, "item": item, "text": text });
            let body = json!({ "comments": comments.iter().map(comment).collect::<Vec<_>>() });
            ("application/json", body.to_string().into())
        });
        let ask = self.api.ask(what, &format!("{path}/{below}"));
        self.api.change(&Ask { method: Method::POST, seen: etag.as_deref(), content, ..ask }).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_read_back_and_others_are_left_as_they_came() {
        for of in RecordStatus::ALL {
            let slug = of.as_str().to_ascii_lowercase().replace(' ', "-");
            assert_eq!((status(&slug), shown(&slug)), (Some(of), of.to_string()));
        }
        assert_eq!((status("elsewhere"), shown("elsewhere").as_str()), (None, "elsewhere"));
    }
}
