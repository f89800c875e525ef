//! What HD4DP says over HTTP of registrations, and what it is asked to do with them.

use bytes::Bytes;
use hd4dp::{GivenAnswer, options::UploadOptions, status::Status};
use hyper::Method;
use serde::Deserialize;
use serde_json::json;
use topology::Nihdi;
use uuid::Uuid;

use super::{
    ClientError,
    api::{Api, id},
    connection::{Ask, FILE_DEADLINE},
};
use crate::commands::life_view::{Happened, OfHospital, Remark};

/// HD4DP of a hospital.
#[derive(Debug, Clone)]
pub struct Hospital {
    /// Its API.
    pub api: Api,
    /// Its number, where that is known.
    pub nihdi: Option<Nihdi>,
}

/// A registration in a list.
#[derive(Debug, Clone, Deserialize)]
pub struct Listed {
    /// The registration.
    #[serde(deserialize_with = "id")]
    pub registration_id: Uuid,
    /// Its register.
    pub register: String,
    /// Its latest version; 0 when none was submitted.
    pub version: u32,
    status: String,
    confirmation: Option<String>,
    confirmed_at: Option<String>,
}

/// A registration. Its values are not read: nothing of them is shown.
#[derive(Debug, Clone, Deserialize)]
pub struct Registration {
    /// Its register.
    pub register: String,
    status: String,
    confirmation: Option<String>,
    versions: Vec<Version>,
    comments: Vec<Comment>,
    history: Vec<Entry>,
    /// What a change of it must name.
    #[serde(skip)]
    pub etag: String,
}

#[derive(Debug, Clone, Deserialize)]
struct Version {
    version: u32,
    confirmed_at: Option<String>,
    answers: Vec<Comment>,
}

#[derive(Debug, Clone, Deserialize)]
struct Comment {
    column: Option<String>,
    text: String,
}

#[derive(Debug, Clone, Deserialize)]
struct Entry {
    at: String,
    author: Option<String>,
    event: String,
    version: u32,
    status: String,
}

/// Where a registration stands at its hospital, as far as it is known what its words mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Its status; none of one that this release does not know.
    pub status: Option<Status>,
    /// Its latest version.
    pub version: u32,
    /// Whether that was confirmed.
    pub is_confirmed: bool,
}

/// The status with this name in addresses and answers: `corrections-needed`.
fn status(slug: &str) -> Option<Status> {
    Status::from_code(&code(slug))
}

/// A code of stores and histories from its name in answers.
fn code(slug: &str) -> String {
    slug.to_ascii_uppercase().replace('-', "_")
}

/// A status as HD4DP writes it; one that is not known stays as it came.
fn shown(slug: &str) -> String {
    status(slug).map_or_else(|| slug.to_owned(), |status| status.to_string())
}

impl Listed {
    /// Where it stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        Standing { status: status(&self.status), version: self.version, is_confirmed: self.confirmed_at.is_some() }
    }

    /// The hospital's view, without what lists do not have.
    #[must_use]
    pub fn view(&self, nihdi: Option<Nihdi>) -> OfHospital {
        OfHospital {
            org: nihdi.map(|nihdi| nihdi.to_string()),
            status: shown(&self.status),
            confirmation: self.confirmation.clone(),
            version: self.version,
            confirmed_at: self.confirmed_at.clone(),
            comments: Vec::new(),
            history: Vec::new(),
        }
    }
}

impl Registration {
    /// Where it stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let last = self.versions.last();
        Standing {
            status: status(&self.status),
            version: last.map_or(0, |last| last.version),
            is_confirmed: last.is_some_and(|last| last.confirmed_at.is_some()),
        }
    }

    /// Whether a comment stands at this column.
    #[must_use]
    pub fn is_commented(&self, column: &str) -> bool {
        self.comments.iter().any(|comment| comment.column.as_deref() == Some(column))
    }

    /// The hospital's view.
    #[must_use]
    pub fn view(self, nihdi: Option<Nihdi>) -> OfHospital {
        let version = self.standing().version;
        let remark = |is_answer| move |Comment { column, text }| Remark { column, text, is_answer };
        let last = self.versions.into_iter().next_back();
        let (confirmed_at, answers) = last.map(|last| (last.confirmed_at, last.answers)).unwrap_or_default();
        let comments = self.comments.into_iter().map(remark(false)).chain(answers.into_iter().map(remark(true)));
        let happened = |Entry { at, author, event, version, status }: Entry| Happened {
            at,
            by: author,
            event: code(&event),
            version,
            status: shown(&status),
        };
        OfHospital {
            org: nihdi.map(|nihdi| nihdi.to_string()),
            status: shown(&self.status),
            confirmation: self.confirmation,
            version,
            confirmed_at,
            comments: comments.collect(),
            history: self.history.into_iter().map(happened).collect(),
        }
    }
}

/// What a change led to.
#[derive(Debug, Clone, Deserialize)]
pub struct Changed {
    /// The latest version; 0 of one that was never submitted.
    pub version: u32,
}

/// What an upload came to.
#[derive(Debug, Clone, Deserialize)]
pub struct Taken {
    /// Its number.
    pub upload: i64,
    /// Rows read.
    pub attempted: u64,
    /// Rows refused.
    pub rejected: u64,
}

/// A file that is to be uploaded.
pub struct Upload<'a> {
    /// Its register.
    pub register: &'a str,
    /// What the hospital's overview calls it.
    pub name: String,
    /// What is in it.
    pub rows: Bytes,
    /// How its rows are taken in.
    pub options: UploadOptions,
}

impl Hospital {
    /// A registration with what happened to it.
    ///
    /// # Errors
    ///
    /// [`ClientError`], also when this hospital has no such registration.
    pub async fn registration(&self, id: Uuid) -> Result<Registration, ClientError> {
        let (mut registration, etag): (Registration, _) =
            self.api.get("find the registration", &format!("/registrations/{id}")).await?;
        registration.etag = etag.ok_or_else(|| ClientError::Unreadable(self.api.connection().address().clone()))?;
        Ok(registration)
    }

    /// The same; none when this hospital has no such registration.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn find(&self, id: Uuid) -> Result<Option<Registration>, ClientError> {
        match self.registration(id).await {
            Err(error) if error.is("UNKNOWN_REGISTRATION") => Ok(None),
            found => found.map(Some),
        }
    }

    /// Registrations in the order of their ids, behind `after`.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn list(&self, register: Option<&str>, after: Option<Uuid>, most: u32) -> Result<Vec<Listed>, ClientError> {
        let register = register.map(|name| format!("?register={name}")).unwrap_or_default();
        let path = format!("/registrations{register}");
        self.api
            .list("list the registrations", &path, most, |one: &Listed| after.is_none_or(|after| one.registration_id > after))
            .await
    }

    /// Reopens what was looked at.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn reopen(&self, id: Uuid, seen: &Registration) -> Result<Changed, ClientError> {
        let ask = self.api.ask("reopen the registration", &format!("/registrations/{id}/reopening"));
        self.change(Ask { method: Method::POST, seen: Some(&seen.etag), ..ask }).await
    }

    /// Deletes what was looked at.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn delete(&self, id: Uuid, seen: &Registration) -> Result<Changed, ClientError> {
        let ask = self.api.ask("delete the registration", &format!("/registrations/{id}"));
        self.change(Ask { method: Method::DELETE, seen: Some(&seen.etag), ..ask }).await
    }

    /// Submits what was looked at, with answers to the researcher's comments.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn submit(&self, id: Uuid, seen: &Registration, answers: &[GivenAnswer]) -> Result<Changed, ClientError> {
        let answer = |GivenAnswer { column, text }: &GivenAnswer| json!({ "column": column, "text": text });
        let body = json!({ "answers": answers.iter().map(answer).collect::<Vec<_>>() });
        let ask = self.api.ask("submit the registration", &format!("/registrations/{id}/submission"));
        let content = Some(("application/json", body.to_string().into()));
        self.change(Ask { method: Method::POST, seen: Some(&seen.etag), content, ..ask }).await
    }

    /// Uploads a file.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn upload(&self, upload: Upload<'_>) -> Result<Taken, ClientError> {
        let path = format!("/registers/{}/uploads?{}", upload.register, parameters(&upload.options));
        let ask = self.api.ask("take in the file", &path);
        let (content, file_name) = (Some(("text/csv", upload.rows)), Some(upload.name));
        self.change(Ask { method: Method::POST, content, file_name, deadline: FILE_DEADLINE, ..ask }).await
    }

    /// A report of an upload; none when it has no row.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn report(&self, upload: i64, kind: &str) -> Result<Option<Bytes>, ClientError> {
        let ask = self.api.ask("have the report", &format!("/uploads/{upload}/reports/{kind}"));
        match self.api.connection().look(&Ask { deadline: FILE_DEADLINE, ..ask }).await {
            Ok(told) => Ok(Some(told.body)),
            Err(error) if error.is("UNKNOWN_UPLOAD") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A page of the registrations of an upload as they stand now.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn uploaded(&self, upload: i64, cursor: Option<&str>) -> Result<(Vec<Listed>, Option<String>), ClientError> {
        self.api.page("follow the file's rows", (&format!("/uploads/{upload}/registrations"), u32::MAX), cursor).await
    }

    /// All registrations of a register as a file; `take` gets its pieces.
    ///
    /// # Errors
    ///
    /// [`ClientError`], or what `take` says.
    pub async fn download(&self, register: &str, take: impl FnMut(&[u8]) -> std::io::Result<()>) -> anyhow::Result<()> {
        let ask = self.api.ask("download the registrations", &format!("/registers/{register}/registrations.csv"));
        self.api.connection().download(&Ask { deadline: FILE_DEADLINE, ..ask }, take).await
    }

    async fn change<T: serde::de::DeserializeOwned>(&self, ask: Ask<'_>) -> Result<T, ClientError> {
        let told = self.api.change(&ask).await?;
        self.api.connection().document(&told)
    }
}

/// Every option, so that what the caller was shown is what holds, whatever the hospital's own defaults are.
fn parameters(options: &UploadOptions) -> String {
    let options = serde_json::to_value(options).unwrap_or_default();
    let pair = |(name, value): (&String, &serde_json::Value)| match value.as_str() {
        Some(text) => format!("{name}={text}"),
        None => format!("{name}={value}"),
    };
    options.as_object().into_iter().flatten().map(pair).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_read_back_and_others_are_left_as_they_came() {
        for of in Status::ALL {
            let slug = of.code().to_ascii_lowercase().replace('_', "-");
            assert_eq!((status(&slug), shown(&slug)), (Some(of), of.to_string()));
        }
        assert_eq!((status("lost-in-time"), shown("lost-in-time").as_str()), (None, "lost-in-time"));
    }

    #[test]
    fn every_option_stands_in_the_address() {
        let expected = "autosubmit=true&conflict_master=new&conflict_mode=overwrite&ignore_duplicates=true&validation=none";
        let parameters = parameters(&UploadOptions::default());
        let mut sorted: Vec<&str> = parameters.split('&').collect();
        sorted.sort_unstable();
        assert_eq!(sorted.join("&"), expected);
    }
}
