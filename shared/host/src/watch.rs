//! Work that looks at something from time to time.

use std::{fmt::Display, sync::Arc, time::Duration};

use clock::Clock;

use crate::Work;

/// Between two looks of a service for renewed keys.
pub const LOOK_FOR_KEYS_EVERY: Duration = Duration::from_secs(10);

/// Looks `every` so often whether the keys of `service` were renewed, and says so in the log.
pub fn watch_keys<E: Display>(
    service: &'static str,
    clock: &Arc<dyn Clock>,
    every: Duration,
    look: impl Fn() -> Result<bool, E> + Send + Sync + 'static,
) -> Work {
    let (clock, look) = (Arc::clone(clock), Arc::new(look));
    Work::new(format!("{service} looking for renewed keys"), move || {
        let (clock, look) = (Arc::clone(&clock), Arc::clone(&look));
        Box::pin(async move {
            loop {
                clock::sleep(&*clock, every).await;
                match look() {
                    Ok(true) => tracing::info!(service, "the keys were renewed"),
                    Ok(false) => {}
                    Err(error) => tracing::error!(service, "failed to {error}; the keys of before stay"),
                }
            }
        })
    })
}
