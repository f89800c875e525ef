//! Publishing to one exchange: one channel, many publications in flight.
//!
//! RabbitMQ confirms an unroutable mandatory publication after it has returned it, and one confirm may stand for many. The client library hangs a returned
//! message on whichever confirm it completes next, in no particular order. So each publication carries its number as message id, the number of what
//! came back is noted, and nobody is told "confirmed" before everything that the same frame completed has been looked at.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, Timestamp};
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation};
use tokio::sync::{mpsc, oneshot};

use super::link::Link;
use super::{ANSWER_DEADLINE, fault};
use crate::{BrokerError, Payload, PublishError};

/// A confirm that takes longer does not come. Quorum queues confirm within milliseconds, or seconds while they elect a leader.
const CONFIRM_DEADLINE: Duration = Duration::from_secs(30);

/// Survives a restart of the broker.
const PERSISTENT: u8 = 2;

/// A publication on its way into the lane.
pub(super) struct Job {
    pub(super) routing_key: String,
    pub(super) payload: Payload,
    /// What stands beside the payload; nobody of the flow reads it.
    pub(super) headers: FieldTable,
    pub(super) reply: oneshot::Sender<Result<(), PublishError>>,
}

type Outcome = (u64, lapin::Result<Confirmation>);

struct Lane {
    link: Arc<Link>,
    clock: Arc<dyn Clock>,
    exchange: String,
    channel: Channel,
    number: u64,
    /// Publications without a confirm, by number: who waits, and until when.
    waiting: BTreeMap<u64, (oneshot::Sender<Result<(), PublishError>>, Timestamp)>,
    confirms: FuturesUnordered<BoxFuture<'static, Outcome>>,
    /// Numbers of publications that came back and whose confirm has not been seen yet.
    returned: HashSet<u64>,
}

/// Serves an exchange until its channel breaks or nobody publishes any more.
pub(super) async fn run(link: Arc<Link>, clock: Arc<dyn Clock>, exchange: String, mut jobs: mpsc::UnboundedReceiver<Job>) {
    let reason = match open(&link, clock.as_ref()).await {
        Ok(channel) => {
            let mut lane = Lane {
                link,
                clock,
                exchange,
                channel,
                number: 0,
                waiting: BTreeMap::new(),
                confirms: FuturesUnordered::new(),
                returned: HashSet::new(),
            };
            lane.serve(&mut jobs).await
        }
        Err(BrokerError::AccessRefused) => PublishError::Unroutable,
        Err(_) => PublishError::Unavailable,
    };
    // What was never sent: the caller may try again without doubling anything.
    jobs.close();
    while let Some(job) = jobs.recv().await {
        let _ = job.reply.send(Err(if reason == PublishError::Unroutable { reason } else { PublishError::Unavailable }));
    }
}

async fn open(link: &Link, clock: &dyn Clock) -> Result<Channel, BrokerError> {
    let channel = link.channel().await?;
    let selecting = channel.confirm_select(ConfirmSelectOptions::default());
    match clock::timeout(clock, ANSWER_DEADLINE, selecting).await {
        Ok(Ok(())) => Ok(channel),
        Ok(Err(_)) | Err(_) => Err(BrokerError::Unavailable),
    }
}

impl Lane {
    /// Returns why it ended. Whoever waited has been answered by then.
    async fn serve(&mut self, jobs: &mut mpsc::UnboundedReceiver<Job>) -> PublishError {
        let mut alarm = self.clock.sleep_until(self.clock.now().plus(CONFIRM_DEADLINE));
        loop {
            tokio::select! {
                Some(outcome) = self.confirms.next(), if !self.confirms.is_empty() => {
                    if let Err(error) = self.settle(outcome) {
                        return self.fail(&error, jobs);
                    }
                }
                job = jobs.recv() => match job {
                    Some(job) if self.is_usable().await => self.publish(job),
                    Some(job) => {
                        let _ = job.reply.send(Err(PublishError::Unavailable));
                        return PublishError::Unavailable;
                    }
                    None => return self.finish().await,
                },
                () = &mut alarm => {
                    let now = self.clock.now();
                    let oldest = self.waiting.first_key_value().map(|(_, (_, deadline))| *deadline);
                    if oldest.is_some_and(|deadline| deadline <= now) {
                        tracing::warn!(exchange = %self.exchange, waiting = self.waiting.len(), "confirms did not arrive in time");
                        jobs.close();
                        self.link.abandon().await;
                        self.answer_all(PublishError::ConfirmLost);
                        return PublishError::ConfirmLost;
                    }
                    alarm = self.clock.sleep_until(oldest.unwrap_or_else(|| now.plus(CONFIRM_DEADLINE)));
                }
            }
        }
    }

    /// A channel that broke while it was idle has told nobody. Nothing is lost then, so it is replaced in silence.
    async fn is_usable(&mut self) -> bool {
        if self.channel.status().connected() || !self.waiting.is_empty() {
            return true;
        }
        match open(&self.link, self.clock.as_ref()).await {
            Ok(channel) => {
                self.channel = channel;
                self.returned.clear();
                true
            }
            Err(_) => false,
        }
    }

    fn publish(&mut self, job: Job) {
        let number = self.number;
        self.number += 1;
        let deadline = self.clock.now().plus(CONFIRM_DEADLINE);
        self.waiting.insert(number, (job.reply, deadline));
        let channel = self.channel.clone();
        let exchange = self.exchange.as_str().into();
        let sending = async move {
            let options = BasicPublishOptions { mandatory: true, immediate: false };
            let mut properties =
                BasicProperties::default().with_delivery_mode(PERSISTENT).with_message_id(number.to_string().into());
            if !job.headers.inner().is_empty() {
                properties = properties.with_headers(job.headers);
            }
            let key = job.routing_key.into();
            let confirm = channel.basic_publish(exchange, key, options, &job.payload, properties).await;
            let outcome = match confirm {
                Ok(confirm) => confirm.await,
                Err(error) => Err(error),
            };
            (number, outcome)
        };
        let mut sending = sending.boxed();
        // The first poll hands the frames over, so it happens here, in the order of the jobs. The second, by the set, waits.
        if let Some(outcome) = sending.as_mut().now_or_never() {
            self.confirms.push(std::future::ready(outcome).boxed());
        } else {
            self.confirms.push(sending);
        }
    }

    /// Answers for this outcome and all others that are known by now.
    fn settle(&mut self, first: Outcome) -> Result<(), lapin::Error> {
        // The library completes all confirms of a frame under the lock that this call takes too: behind it, they are all there.
        let _ = self.channel.wait_for_confirms().now_or_never();
        let mut outcomes = vec![first];
        while let Some(Some(outcome)) = self.confirms.next().now_or_never() {
            outcomes.push(outcome);
        }
        for (_, outcome) in &outcomes {
            if let Ok(Confirmation::Ack(Some(message)) | Confirmation::Nack(Some(message))) = outcome
                && let Some(number) = message.properties.message_id().as_ref().and_then(|id| id.as_str().parse().ok())
            {
                self.returned.insert(number);
            }
        }
        let mut broken = None;
        for (number, outcome) in outcomes {
            let Some((reply, deadline)) = self.waiting.remove(&number) else { continue };
            let answer = match outcome {
                _ if self.returned.remove(&number) => Err(PublishError::Unroutable),
                Ok(Confirmation::Ack(_)) => Ok(()),
                Ok(Confirmation::Nack(_)) => Err(PublishError::Rejected),
                // Every channel here has confirms switched on.
                Ok(Confirmation::NotRequested) => Err(PublishError::ConfirmLost),
                // The channel is gone, and with it every answer: the caller gives them all the same one.
                Err(error) => {
                    broken = Some(error);
                    self.waiting.insert(number, (reply, deadline));
                    continue;
                }
            };
            let _ = reply.send(answer);
        }
        broken.map_or(Ok(()), Err)
    }

    /// Closes before it answers, so that whoever tries again at once meets the next lane.
    fn fail(&mut self, error: &lapin::Error, jobs: &mut mpsc::UnboundedReceiver<Job>) -> PublishError {
        jobs.close();
        tracing::warn!(exchange = %self.exchange, waiting = self.waiting.len(), %error, "a publishing channel broke");
        let reason = fault::of_publishing(error);
        self.answer_all(reason);
        reason
    }

    fn answer_all(&mut self, reason: PublishError) {
        for (_, (reply, _)) in std::mem::take(&mut self.waiting) {
            let _ = reply.send(Err(reason));
        }
    }

    /// Nobody publishes any more: the last confirms may still come.
    async fn finish(&mut self) -> PublishError {
        let clock = Arc::clone(&self.clock);
        let rest = async {
            while let Some(outcome) = self.confirms.next().await {
                if self.settle(outcome).is_err() {
                    break;
                }
            }
        };
        let _ = clock::timeout(clock.as_ref(), CONFIRM_DEADLINE, rest).await;
        self.answer_all(PublishError::ConfirmLost);
        PublishError::Unavailable
    }
}
