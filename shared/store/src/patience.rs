//! How long PostgreSQL is waited for.
//!
//! A line may fall silent without a word of farewell: a firewall forgets it, a machine loses its power, a cable is pulled. Whoever waits for an answer then
//! waits for ever, and so does who comes next, for the server goes on holding the locks of a connection of which it hears nothing. So an answer is waited for
//! so long and no longer, a connection without one is given up, and the server is asked to do the same.

use std::{future::Future, time::Duration};

use clock::{SystemClock, timeout};
use sqlx::postgres::PgConnectOptions;

use crate::StoreError;

/// How long an answer is waited for. What many rows need is asked in parts, so none takes as long; one that did would be tried again, as one whose answer
/// was lost, and take as long again.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// So many times as long is waited for what reads or writes the whole of a table.
pub(crate) const AT_LENGTH: u32 = 60;

/// What the server is asked for, so that it gives up connections of which it hears nothing, within a minute and a half: what it sent last is not
/// acknowledged, or it asks thrice and nobody answers. Over a socket in a folder it does neither.
const GIVEN_UP_BY_THE_SERVER: [(&str, &str); 4] = [
    ("tcp_keepalives_idle", "60"),
    ("tcp_keepalives_interval", "10"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "90s"),
];

/// What PostgreSQL answers, if it does within this time. Others than PostgreSQL are waited for without one.
pub(crate) async fn answered<T>(
    patience: Option<Duration>,
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, StoreError> {
    let Some(patience) = patience else { return Ok(answer.await?) };
    Ok(timeout(&SystemClock, patience, answer).await.map_err(|_| StoreError::Silent { seconds: patience.as_secs() })??)
}

/// Options for a connection of which the server does not hear for ever.
pub(crate) fn given_up(options: PgConnectOptions) -> PgConnectOptions {
    options.options(GIVEN_UP_BY_THE_SERVER)
}
