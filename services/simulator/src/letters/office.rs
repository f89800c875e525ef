//! The dead-letter queues of an installation, looked at one after the other.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use broker::{Broker, BrokerError};
use clock::{Clock, Timestamp};
use tokio::sync::{Mutex, MutexGuard};
use topology::Nihdi;

use super::{Filter, Letter, Place, reading::Reading};
use crate::installation::Zones;

/// A place, and the broker of its zone.
pub(super) struct Post {
    pub(super) place: Place,
    pub(super) broker: Arc<dyn Broker>,
}

/// All places of an installation, and whose turn it is to take letters from them: one look or one job at a time, or neither would see everything.
pub struct Office {
    pub(super) posts: Vec<Post>,
    pub(super) clock: Arc<dyn Clock>,
    turn: Mutex<()>,
    lookers: AtomicUsize,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Look {
    /// The letters, by place in the order of the flow, the oldest first.
    pub letters: Vec<Letter>,
    /// What could not be looked at, and why.
    pub missed: Vec<String>,
    /// Queues of dead letters that were there.
    pub queues: u64,
}

impl Office {
    /// The office of an installation with these hospitals.
    #[must_use]
    pub fn new(zones: &Zones, hospitals: &[Nihdi], clock: Arc<dyn Clock>) -> Self {
        let post = |place: Place| Post { broker: Arc::clone(zones.broker(place.arrow.zone())), place };
        let posts = Place::all(hospitals).into_iter().map(post).collect();
        Self { posts, clock, turn: Mutex::new(()), lookers: AtomicUsize::new(0) }
    }

    /// Looks at all letters that a filter takes. Each goes back to its place; the look counts as one of its deliveries, of which a queue of dead letters allows a million.
    ///
    /// # Errors
    ///
    /// [`BrokerError`] of a broker that is away. A queue that is not there, or that the broker does not let be read, is named in what was missed.
    pub async fn look(&self, filter: &Filter) -> Result<Look, BrokerError> {
        let _waiting = Looker::announce(&self.lookers);
        let _turn = self.turn.lock().await;
        let mut look = Look::default();
        let now = self.clock.now();
        for post in self.posts.iter().filter(|post| filter.concerns(&post.place)) {
            self.look_at(post, filter, now, &mut look).await?;
        }
        Ok(look)
    }

    /// The moment that it is now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The turn of a job, which is asked to end it while somebody wants to look.
    pub(super) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Whether somebody waits to look.
    pub(super) fn is_wanted(&self) -> bool {
        self.lookers.load(Ordering::SeqCst) > 0
    }

    /// Looks at one place, whose turn the caller has.
    pub(super) async fn look_at(&self, post: &Post, filter: &Filter, now: Timestamp, look: &mut Look) -> Result<(), BrokerError> {
        let Post { place, broker } = post;
        let mut reading = match Reading::open(broker, &self.clock, place.dead()).await {
            Ok(reading) => reading,
            Err(error @ (BrokerError::UnknownQueue(_) | BrokerError::AccessRefused)) => {
                look.missed.push(format!("queue {}: {error}", place.dead()));
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        look.queues += 1;
        loop {
            let chunk = reading.chunk().await?;
            if chunk.is_empty() {
                break;
            }
            for delivery in chunk {
                let letter = Letter::read(*place, &delivery.payload);
                reading.hold(delivery);
                if filter.takes(&letter, now) {
                    look.letters.push(letter);
                }
            }
        }
        if reading.left() > 0 {
            look.missed.push(format!("queue {}: {} letters that somebody else holds", place.dead(), reading.left()));
        }
        reading.give_back().await;
        Ok(())
    }
}

/// Somebody who waits to look.
struct Looker<'a>(&'a AtomicUsize);

impl<'a> Looker<'a> {
    fn announce(lookers: &'a AtomicUsize) -> Self {
        lookers.fetch_add(1, Ordering::SeqCst);
        Self(lookers)
    }
}

impl Drop for Looker<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
