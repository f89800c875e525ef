//! Being told to stop.

use tokio::sync::watch;

/// Tells work that it is to stop.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

/// Whether the service was told to stop: work that holds something finishes it and takes nothing more.
#[derive(Debug, Clone)]
pub struct Stopping(Option<watch::Receiver<bool>>);

/// Somebody who tells, and what hears it.
#[must_use]
pub fn stopping() -> (Stopper, Stopping) {
    let (stopper, stopping) = watch::channel(false);
    (Stopper(stopper), Stopping(Some(stopping)))
}

impl Stopper {
    /// Tells it.
    pub fn tell(&self) {
        self.0.send_replace(true);
    }
}

impl Stopping {
    /// For work that ends when it is dropped.
    #[must_use]
    pub const fn never() -> Self {
        Self(None)
    }

    /// Whether it was told.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.0.as_ref().is_some_and(|told| *told.borrow())
    }

    /// Completes when it is told.
    pub async fn told(&self) {
        let heard = match self.0.clone() {
            Some(mut told) => told.wait_for(|is_told| *is_told).await.is_ok(),
            None => false,
        };
        if !heard {
            // Nobody tells, or whoever could have told is gone, and so will be the work.
            std::future::pending().await
        }
    }
}
