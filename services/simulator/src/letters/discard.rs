//! Taking letters away for good: each is written down first, and none that nobody meant.

use std::io;

use broker::BrokerError;
use clock::Timestamp;

use super::{Filter, Letter, Office, reading::Reading};

/// Why letters could not be taken away. What was is written down.
#[derive(Debug, thiserror::Error)]
pub enum DiscardError {
    /// The broker is away, or has no such queue.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// A letter cannot be written down, so it stays.
    #[error("write a letter down before it is taken away")]
    Journal(#[from] io::Error),
}

/// The letters that somebody looked at and decided about.
#[derive(Debug, Clone, Copy)]
pub struct Meant<'a> {
    /// Which they are.
    pub filter: &'a Filter,
    /// When they were looked at: what has become old enough since is not meant.
    pub at: Timestamp,
    /// How many they were; not one more goes.
    pub count: u64,
}

impl Office {
    /// Takes away the letters that are meant. Each is given to `note` first, which writes it down for good; one that it fails on
    /// stays, with all behind it. Says how many are gone.
    ///
    /// A connection that is lost may give a letter back that was written down already: it stands where it stood, and is written down a second time when it goes.
    ///
    /// # Errors
    ///
    /// [`DiscardError`].
    pub async fn discard(
        &self,
        meant: &Meant<'_>,
        note: &mut (dyn FnMut(&Letter) -> io::Result<()> + Send),
    ) -> Result<u64, DiscardError> {
        let _turn = self.turn().await;
        let mut gone = 0;
        for post in self.posts.iter().filter(|post| meant.filter.concerns(&post.place)) {
            let mut reading = match Reading::open(&post.broker, &self.clock, post.place.dead()).await {
                Ok(reading) => reading,
                // Whoever looked before was told.
                Err(BrokerError::UnknownQueue(_) | BrokerError::AccessRefused) => continue,
                Err(error) => return Err(error.into()),
            };
            let mut outcome = Ok(());
            while outcome.is_ok() {
                let chunk = reading.chunk().await?;
                if chunk.is_empty() {
                    break;
                }
                for delivery in chunk {
                    let letter = Letter::read(post.place, &delivery.payload);
                    let is_meant = outcome.is_ok() && gone < meant.count && meant.filter.takes(&letter, meant.at);
                    if is_meant {
                        outcome = note(&letter);
                    }
                    if !is_meant || outcome.is_err() {
                        reading.hold(delivery);
                    } else if delivery.ack().is_ok() {
                        gone += 1;
                    }
                }
            }
            reading.give_back().await;
            outcome?;
        }
        tracing::warn!(gone, "dead letters were taken away for good");
        Ok(gone)
    }
}
