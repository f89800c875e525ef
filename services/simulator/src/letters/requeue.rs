//! How a job puts letters back.
//!
//! It looks first, and is about what it saw then: a letter that comes straight back is another one, which a job never turns to, so that no job goes round in circles. Then it
//! goes through each queue from the front, in passes. A pass ends at the end of what stood there, or when the job is to stop, or when somebody wants to look; what it holds goes back
//! first. A lost connection ends it too, and the next begins with what is left.

use std::time::Duration;

use broker::{BrokerError, Delivery, PublishError};
use clock::Timestamp;
use host::Backoff;

use super::{
    Job, State,
    job::Wish,
    letter::fingerprint,
    office::{Look, Office, Post},
    reading::Reading,
    todo::{Task, Todo},
};

/// How long a broker may refuse or be away, with no letter put back meanwhile.
const TROUBLE_MAX: Duration = Duration::from_secs(60);

/// How long letters that stood there are looked for.
const MISSING_MAX: Duration = Duration::from_secs(5);

/// A pause that is waited for with letters in hand; for a longer one they go back.
const SHORT_PAUSE: Duration = Duration::from_millis(200);

/// Why letters of a queue are not put back now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

impl Trouble {
    /// Whether waiting may help.
    const fn passes(&self) -> bool {
        match self {
            Self::Publish(PublishError::Unroutable) => false,
            Self::Publish(PublishError::Rejected | PublishError::ConfirmLost | PublishError::Unavailable) => true,
            Self::Broker(BrokerError::Unavailable | BrokerError::ConnectionLost) => true,
            Self::Broker(
                BrokerError::UnknownQueue(_)
                | BrokerError::AccessRefused
                | BrokerError::InvalidAddress
                | BrokerError::Certificate { .. }
                | BrokerError::Untrusted(_)
                | BrokerError::Declare(_),
            ) => false,
        }
    }
}

/// How a pass ended.
enum Passed {
    /// Behind the last letter that stood there.
    ToTheEnd,
    /// Before it.
    Halfway,
}

impl Office {
    /// Does a job to its end. May be dropped at any time: what it had in hand goes back, and a letter that was just published may stand on both queues.
    pub async fn requeue(&self, job: &Job) {
        let state = match self.begin(job).await {
            Ok(queues) => self.work_off(job, queues).await,
            Err(error) => {
                job.note(|standing| standing.problems.push(error.to_string()));
                State::Failed
            }
        };
        let now = self.clock.now();
        job.note(|standing| {
            standing.state = state;
            standing.ended_at = Some(now.to_string());
        });
        let standing = job.standing();
        tracing::info!(job = %job.id(), state = state.as_str(), requeued = standing.requeued, left = standing.left, "dead letters were put back");
    }

    /// Looks at what stands there.
    async fn begin(&self, job: &Job) -> Result<Vec<(&Post, Todo)>, BrokerError> {
        if !job.goes_on().await {
            return Ok(Vec::new());
        }
        let _turn = self.turn().await;
        let (filter, now) = (&job.order().filter, self.clock.now());
        let (mut queues, mut total, mut missed, mut seen) = (Vec::new(), 0, Vec::new(), 0);
        for post in self.posts.iter().filter(|post| filter.concerns(&post.place)) {
            let mut look = Look::default();
            self.look_at(post, filter, now, &mut look).await?;
            missed.append(&mut look.missed);
            seen += look.queues;
            let mut todo = Todo::default();
            look.letters.iter().for_each(|letter| todo.add(letter));
            if todo.left() > 0 {
                total += todo.left();
                queues.push((post, todo));
            }
        }
        job.note(|standing| {
            (standing.total, standing.missed, standing.queues) = (total, missed, seen);
            if standing.state == State::Waiting {
                standing.state = State::Running;
            }
        });
        Ok(queues)
    }

    async fn work_off(&self, job: &Job, queues: Vec<(&Post, Todo)>) -> State {
        let mut next = self.clock.now();
        for (post, mut todo) in queues {
            self.work_off_queue(job, post, &mut todo, &mut next).await;
            if job.wish() == Wish::Cancel {
                break;
            }
        }
        let standing = job.standing();
        match () {
            () if job.wish() == Wish::Cancel && (standing.left > 0 || standing.total == 0) => State::Cancelled,
            () if standing.failed > 0 => State::Failed,
            () => State::Done,
        }
    }

    /// Puts back the letters of one queue, pass after pass.
    async fn work_off_queue(&self, job: &Job, post: &Post, todo: &mut Todo, next: &mut Timestamp) {
        let (mut backoff, mut trouble_since, mut missing_since) = (Backoff::default(), None, None);
        while !todo.is_done() {
            let left = todo.left();
            self.wait_until(job, *next).await;
            if !job.goes_on().await {
                return;
            }
            let passed = {
                let _turn = self.turn().await;
                self.pass(job, post, todo, next).await
            };
            if todo.left() < left {
                (backoff, trouble_since, missing_since) = (Backoff::default(), None, None);
            }
            match passed {
                Ok(Passed::Halfway) => trouble_since = None,
                // Somebody else may look at them, or the broker may not know yet that the connection over which they were out is gone.
                Ok(Passed::ToTheEnd) if !todo.is_done() && self.is_within(MISSING_MAX, &mut missing_since) => {
                    self.wait_until(job, self.clock.now().plus(backoff.after_failure())).await;
                }
                Ok(Passed::ToTheEnd) => {
                    let left = todo.left();
                    job.note(|standing| standing.gone += left);
                    return;
                }
                Err(trouble) if trouble.passes() && self.is_within(TROUBLE_MAX, &mut trouble_since) => {
                    tracing::warn!(queue = %post.place.queue(), error = %trouble, "letters wait to be put back");
                    self.wait_until(job, self.clock.now().plus(backoff.after_failure())).await;
                }
                Err(trouble) => {
                    let (left, problem) = (todo.left(), format!("queue {}: {trouble}", post.place.queue()));
                    job.note(|standing| {
                        standing.failed += left;
                        standing.problems.push(problem);
                    });
                    return;
                }
            }
        }
    }

    /// Whether something that goes on since a moment, or since now, has not lasted too long yet.
    fn is_within(&self, longest: Duration, since: &mut Option<Timestamp>) -> bool {
        let now = self.clock.now();
        now.since(*since.get_or_insert(now)) < longest
    }

    /// Waits for a moment, or until the job is to stop.
    async fn wait_until(&self, job: &Job, at: Timestamp) {
        tokio::select! {
            biased;
            () = self.clock.sleep_until(at) => {}
            () = job.is_stopped() => {}
        }
    }

    /// Goes through a queue once, in this job's turn.
    async fn pass(&self, job: &Job, post: &Post, todo: &mut Todo, next: &mut Timestamp) -> Result<Passed, Trouble> {
        let mut reading = Reading::open(&post.broker, &self.clock, post.place.dead()).await?;
        let passed = self.go_through(job, post, todo, next, &mut reading).await;
        reading.give_back().await;
        passed
    }

    async fn go_through(
        &self,
        job: &Job,
        post: &Post,
        todo: &mut Todo,
        next: &mut Timestamp,
        reading: &mut Reading,
    ) -> Result<Passed, Trouble> {
        let left = todo.left();
        loop {
            let chunk = reading.chunk().await?;
            if chunk.is_empty() {
                return Ok(Passed::ToTheEnd);
            }
            let mut passed = None;
            for delivery in chunk {
                if passed.is_none() {
                    // Whoever looks all the time must not keep a job from getting on.
                    let is_interrupted = todo.left() < left && self.is_wanted();
                    passed = if is_interrupted { Some(Ok(Passed::Halfway)) } else { self.stop(job, todo, *next).await };
                }
                if passed.is_some() {
                    reading.hold(delivery);
                } else if let Err((trouble, delivery)) = self.deal_with(job, post, todo, next, delivery, reading).await {
                    reading.hold(delivery);
                    passed = Some(Err(trouble.into()));
                }
            }
            if let Some(passed) = passed {
                return passed;
            }
        }
    }

    /// Whether to stop before the next letter; waits for it when that is soon.
    async fn stop(&self, job: &Job, todo: &Todo, next: Timestamp) -> Option<Result<Passed, Trouble>> {
        if todo.is_done() {
            return Some(Ok(Passed::ToTheEnd));
        }
        let wait = next.since(self.clock.now());
        if wait > SHORT_PAUSE {
            return Some(Ok(Passed::Halfway));
        }
        if !wait.is_zero() {
            self.wait_until(job, next).await;
        }
        (job.wish() != Wish::Go).then_some(Ok(Passed::Halfway))
    }

    /// Puts one letter back: published and confirmed first, acknowledged then.
    async fn deal_with(
        &self,
        job: &Job,
        post: &Post,
        todo: &mut Todo,
        next: &mut Timestamp,
        delivery: Delivery,
        reading: &mut Reading,
    ) -> Result<(), (PublishError, Delivery)> {
        let letter = fingerprint(&delivery.payload);
        match todo.task(&letter) {
            Task::Leave => reading.hold(delivery),
            Task::Acknowledge => {
                if delivery.ack().is_ok() {
                    todo.acknowledge(&letter);
                }
            }
            Task::Requeue => {
                if let Err(error) = post.broker.publish(&post.place.route(), delivery.payload.clone()).await {
                    return Err((error, delivery));
                }
                todo.publish(&letter);
                if delivery.ack().is_err() {
                    todo.comes_again(letter);
                }
                if let Some(pace) = job.pace() {
                    *next = self.clock.now().plus(pace);
                }
                job.note(|standing| standing.requeued += 1);
            }
        }
        Ok(())
    }
}
