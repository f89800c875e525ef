//! The API of one service, asked with one token.

use std::sync::Arc;

use hyper::StatusCode;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;
use topology::Nihdi;
use uuid::Uuid;

use super::{
    ClientError,
    connection::{Answer, Ask, Connection, Told},
    secrets::Secret,
};

/// A service that has an API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// HD4DP of a hospital; of one that the address must know when no number is given.
    Hd4dp(Option<Nihdi>),
    /// HD4RES.
    Hd4res,
    /// The operator's, of an installation in one process.
    Operator,
    /// The data warehouse.
    Dhw,
}

impl Service {
    /// Its name in messages, and the first word of its document's title.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hd4dp(_) => "HD4DP",
            Self::Hd4res => "HD4RES",
            Self::Operator => "the operator's API",
            Self::Dhw => "the data warehouse",
        }
    }

    /// Where it stands in an installation that has one address.
    fn path(self) -> Option<String> {
        match self {
            Self::Hd4dp(nihdi) => nihdi.map(|nihdi| format!("/hd4dp/{nihdi}")),
            Self::Hd4res => Some("/hd4res".to_owned()),
            Self::Operator => Some("/operator".to_owned()),
            Self::Dhw => Some("/dhw".to_owned()),
        }
    }

    fn told(self) -> String {
        match self {
            Self::Hd4dp(Some(nihdi)) => format!("HD4DP of hospital {nihdi}"),
            Self::Hd4dp(None) | Self::Hd4res | Self::Dhw | Self::Operator => self.name().to_owned(),
        }
    }
}

/// A service's API, found at an address, with the token that it is asked with.
#[derive(Debug, Clone)]
pub struct Api {
    connection: Arc<Connection>,
    /// What stands in front of the API's own paths.
    base: String,
    secret: Secret,
}

/// What a service says that it is there.
#[derive(Deserialize)]
struct Health {
    alive: bool,
}

/// A page of a list.
#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
    next: Option<String>,
}

/// Rows that a page is asked for.
const PAGE: u32 = 1_000;

impl Api {
    /// Finds a service's API: below the address of an installation, or at the address itself. The secret is sent nowhere meanwhile.
    ///
    /// # Errors
    ///
    /// [`ClientError`]: nothing answers, something else does, or another service.
    pub async fn find(connection: Arc<Connection>, service: Service, secret: Secret) -> Result<Self, ClientError> {
        if let Some(base) = service.path()
            && is_alive(&connection.probe(&format!("{base}/health")).await?)
        {
            return Ok(Self { connection, base, secret });
        }
        let answer = connection.probe("/openapi.json").await?;
        let at = connection.address().clone();
        match title(&answer) {
            Some(title) if names(&title, service) => Ok(Self { connection, base: String::new(), secret }),
            Some(title) => {
                let found = title.split(',').next().unwrap_or_default().to_owned();
                Err(ClientError::OtherService { at, found, wanted: service.name() })
            }
            None if answer.code().as_deref() == Some("UNKNOWN_ROUTE") => {
                Err(ClientError::NoService { at, wanted: service.told() })
            }
            None => Err(ClientError::NotOurs { at, said: answer.said() }),
        }
    }

    /// What it is asked over.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// A look at a path of the API.
    #[must_use]
    pub fn ask(&self, what: &'static str, path: &str) -> Ask<'_> {
        Ask::look(what, format!("{}{path}", self.base), Some(&self.secret))
    }

    /// Looks at a document, and at its ETag.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn get<T: DeserializeOwned>(&self, what: &'static str, path: &str) -> Result<(T, Option<String>), ClientError> {
        let told = self.connection.look(&self.ask(what, path)).await?;
        Ok((self.connection.document(&told)?, told.etag))
    }

    /// Does a change, and reads what it led to.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn change(&self, ask: &Ask<'_>) -> Result<Told, ClientError> {
        self.connection.change(ask).await
    }

    /// A page of a list, behind `cursor`, with the cursor of the next one.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn page<T: DeserializeOwned>(
        &self,
        what: &'static str,
        (path, limit): (&str, u32),
        cursor: Option<&str>,
    ) -> Result<(Vec<T>, Option<String>), ClientError> {
        let before = if path.contains('?') { '&' } else { '?' };
        let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let path = format!("{path}{before}limit={}{cursor}", limit.clamp(1, PAGE));
        let (Page { items, next }, _) = self.get(what, &path).await?;
        Ok((items, next))
    }

    /// The first `most` rows of a list that are `wanted`, over all the pages that it takes.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn list<T: DeserializeOwned>(
        &self,
        what: &'static str,
        path: &str,
        most: u32,
        wanted: impl Fn(&T) -> bool,
    ) -> Result<Vec<T>, ClientError> {
        let (mut rows, mut cursor) = (Vec::new(), None);
        loop {
            let missing = most.saturating_sub(u32::try_from(rows.len()).unwrap_or(u32::MAX));
            if missing == 0 {
                return Ok(rows);
            }
            let (items, next) = self.page(what, (path, missing), cursor.as_deref()).await?;
            rows.extend(items.into_iter().filter(&wanted));
            if next.is_none() {
                return Ok(rows);
            }
            cursor = next;
        }
    }
}

/// Reads an id. What is none is not repeated.
pub(super) fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| serde::de::Error::custom("an id is expected"))
}

fn is_alive(answer: &Answer) -> bool {
    answer.status == StatusCode::OK && serde_json::from_slice::<Health>(&answer.body).is_ok_and(|health| health.alive)
}

/// Whether a title begins with the service's name.
fn names(title: &str, service: Service) -> bool {
    title.split([',', ':']).next().is_some_and(|name| name.eq_ignore_ascii_case(service.name()))
}

/// The title of an OpenAPI document.
fn title(answer: &Answer) -> Option<String> {
    let document: Value = serde_json::from_slice(&answer.body).ok().filter(|_| answer.status == StatusCode::OK)?;
    document.get("openapi")?;
    Some(document.get("info")?.get("title")?.as_str()?.to_owned())
}
