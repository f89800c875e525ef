use std::time::Duration;

use anyhow::{Context, Result};
use clock::{SystemClock, sleep, timeout};

/// Between two questions. Asking costs a query or a connection.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// Waits until another process has come so far, for `limit` at most. Such a process tells nobody, so `reached` asks it again and again;
/// whatever happens in the test's own process is awaited instead.
///
/// # Errors
///
/// Those of `reached`; or `what` did not come about in time.
pub async fn until(what: &str, limit: Duration, mut reached: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    let asking = async {
        while !reached().await? {
            sleep(&SystemClock, ASK_EVERY).await;
        }
        Ok(())
    };
    let outcome = timeout(&SystemClock, limit, asking).await;
    outcome.unwrap_or_else(|_| Err(anyhow::anyhow!("too late: {} s passed", limit.as_secs()))).with_context(|| what.to_owned())
}
