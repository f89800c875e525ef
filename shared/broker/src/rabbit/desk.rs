//! Where verdicts are handed in. Verdicts are given in passing, without waiting; the desk sends them, acknowledgements in bundles.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clock::{Clock, Timestamp, timeout};
use futures_util::future::{BoxFuture, OptionFuture};
use futures_util::stream::StreamExt;
use lapin::Channel;
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicRejectOptions};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::ANSWER_DEADLINE;
use crate::BrokerError;
use crate::delivery::Verdict;

/// An acknowledgement waits this long at most for others to share a frame with.
const BUNDLE_WAIT: Duration = Duration::from_millis(5);

/// A channel stays open so long after its last acknowledgement or rejection. RabbitMQ takes 32 verdicts of a channel at a time to a queue and gathers the others; what is gathered when the channel
/// closes is forgotten, and those publications come back (3.10, `rabbit_fifo_client`). Nothing in the protocol says when all have reached the queue.
const SETTLE_WAIT: Duration = Duration::from_secs(1);

pub(super) type Desk = mpsc::UnboundedSender<Command>;

/// The desks of a broker that may still hold acknowledgements, each with its clerk.
pub(super) type Desks = Arc<Mutex<Vec<(mpsc::WeakUnboundedSender<Command>, JoinHandle<()>)>>>;

pub(super) enum Command {
    Settle(u64, Verdict),
    /// The consumer is gone: stop the queue from sending and return what it has sent ahead.
    Leave(Box<lapin::Consumer>),
    /// Send what waits and say when the queue has heard of it.
    Flush(oneshot::Sender<()>),
}

/// The right to give a verdict on one delivery.
pub(crate) struct Ticket {
    desk: Desk,
    tag: u64,
    unacked: Arc<AtomicU64>,
}

impl Ticket {
    pub(super) fn new(desk: Desk, tag: u64, unacked: Arc<AtomicU64>) -> Self {
        Self { desk, tag, unacked }
    }

    pub(crate) fn settle(self, verdict: Verdict) -> Result<(), BrokerError> {
        let sent = self.desk.send(Command::Settle(self.tag, verdict));
        // What is left is out until its channel closes.
        if verdict != Verdict::Leave || sent.is_err() {
            self.unacked.fetch_sub(1, Ordering::Relaxed);
        }
        sent.map_err(|_| BrokerError::ConnectionLost)
    }
}

/// Opens the desk of a channel. It closes, and the channel with it, when the consumer and all tickets are gone, or when the channel breaks.
pub(super) fn open(channel: Channel, clock: Arc<dyn Clock>, prefetch: u16, unacked: Arc<AtomicU64>, desks: &Desks) -> Desk {
    let (desk, mut commands) = mpsc::unbounded_channel();
    // Bundles of five to ten per cent of what may be out at a time: the broker never runs dry for want of an acknowledgement.
    let bundle = if prefetch == 0 { 50 } else { usize::from(prefetch / 10).clamp(1, 50) };
    let clerk = tokio::spawn(async move {
        let mut clerk = Clerk { channel, clock, bundle, ledger: Ledger::default(), settled_by: None, left: 0 };
        if let Err(error) = clerk.serve(&mut commands).await {
            tracing::debug!(%error, "verdicts could not be sent; the deliveries come back");
        }
        // Whoever comes later is told.
        commands.close();
        while let Ok(command) = commands.try_recv() {
            clerk.left += u64::from(matches!(command, Command::Settle(_, Verdict::Leave)));
        }
        unacked.fetch_sub(clerk.left, Ordering::Relaxed);
    });
    let mut desks = desks.lock().unwrap_or_else(PoisonError::into_inner);
    desks.retain(|(_, clerk)| !clerk.is_finished());
    desks.push((desk.downgrade(), clerk));
    desk
}

struct Clerk {
    channel: Channel,
    clock: Arc<dyn Clock>,
    bundle: usize,
    ledger: Ledger,
    /// When the queue has heard of every acknowledgement and rejection.
    settled_by: Option<Timestamp>,
    /// Deliveries that go back when the channel closes.
    left: u64,
}

impl Clerk {
    async fn serve(&mut self, commands: &mut mpsc::UnboundedReceiver<Command>) -> Result<(), lapin::Error> {
        let mut alarm: Option<BoxFuture<'static, ()>> = None;
        loop {
            tokio::select! {
                biased;
                command = commands.recv() => match command {
                    Some(Command::Settle(tag, Verdict::Ack)) => {
                        self.ledger.ack(tag);
                        if self.ledger.waiting() >= self.bundle {
                            self.flush().await?;
                            alarm = None;
                        } else if alarm.is_none() {
                            alarm = Some(self.clock.sleep_until(self.clock.now().plus(BUNDLE_WAIT)));
                        }
                    }
                    // RabbitMQ sorts what a channel leaves behind when it closes. What is rejected one by one it gathers when it is busy, and gives back more than 32
                    // gathered ones in no order (rabbit_fifo, a map, in 3.10).
                    Some(Command::Settle(_, Verdict::Leave)) => self.left += 1,
                    Some(Command::Settle(tag, verdict)) => {
                        self.ledger.settle(tag);
                        // Not a nack: RabbitMQ counts that towards the delivery limit up to 4.2 only, a reject always.
                        if verdict == Verdict::Reject {
                            self.settled_by = Some(self.clock.now().plus(SETTLE_WAIT));
                        }
                        let options = BasicRejectOptions { requeue: verdict == Verdict::Requeue };
                        self.channel.basic_reject(tag, options).await?;
                    }
                    Some(Command::Leave(stream)) => self.leave(*stream).await?,
                    Some(Command::Flush(done)) => {
                        self.flush().await?;
                        alarm = None;
                        self.settle().await;
                        let _ = done.send(());
                    }
                    None => {
                        self.flush().await?;
                        self.settle().await;
                        let _ = timeout(self.clock.as_ref(), ANSWER_DEADLINE, self.channel.close(200, "OK".into())).await;
                        return Ok(());
                    }
                },
                Some(()) = OptionFuture::from(alarm.as_mut()), if alarm.is_some() => {
                    alarm = None;
                    self.flush().await?;
                }
            }
        }
    }

    async fn flush(&mut self) -> Result<(), lapin::Error> {
        for Acknowledgement { tag, multiple } in self.ledger.flush() {
            self.settled_by = Some(self.clock.now().plus(SETTLE_WAIT));
            self.channel.basic_ack(tag, BasicAckOptions { multiple }).await?;
        }
        Ok(())
    }

    /// Waits until the queue has heard of every verdict.
    async fn settle(&mut self) {
        if let Some(moment) = self.settled_by.take() {
            self.clock.sleep_until(moment).await;
        }
    }

    async fn leave(&mut self, mut stream: lapin::Consumer) -> Result<(), lapin::Error> {
        let cancelling = async {
            self.channel.basic_cancel(stream.tag(), BasicCancelOptions::default()).await?;
            let mut ahead = Vec::new();
            while let Some(Ok(message)) = stream.next().await {
                ahead.push(message.delivery_tag);
            }
            Ok::<_, lapin::Error>(ahead)
        };
        let Ok(ahead) = timeout(self.clock.as_ref(), ANSWER_DEADLINE, cancelling).await else { return Ok(()) };
        for tag in ahead? {
            self.ledger.settle(tag);
            self.channel.basic_reject(tag, BasicRejectOptions { requeue: true }).await?;
        }
        Ok(())
    }
}

/// Which deliveries of a channel are settled. Their tags count from 1 without gaps.
#[derive(Debug, Default)]
struct Ledger {
    /// The broker knows about all tags up to here.
    floor: u64,
    /// Tags above that the broker knows about too.
    settled: BTreeSet<u64>,
    /// Acknowledged here, not yet sent.
    acked: BTreeSet<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Acknowledgement {
    tag: u64,
    /// It stands for all tags below, too.
    multiple: bool,
}

impl Ledger {
    fn ack(&mut self, tag: u64) {
        self.acked.insert(tag);
    }

    fn settle(&mut self, tag: u64) {
        self.settled.insert(tag);
    }

    fn waiting(&self) -> usize {
        self.acked.len()
    }

    /// What to send: one frame for all that is settled without a gap from the floor, and one for each behind a gap.
    fn flush(&mut self) -> Vec<Acknowledgement> {
        let mut highest = None;
        loop {
            let next = self.floor + 1;
            if self.acked.remove(&next) {
                highest = Some(next);
            } else if !self.settled.remove(&next) {
                break;
            }
            self.floor = next;
        }
        let mut frames: Vec<_> = highest.map(|tag| Acknowledgement { tag, multiple: true }).into_iter().collect();
        for tag in std::mem::take(&mut self.acked) {
            self.settled.insert(tag);
            frames.push(Acknowledgement { tag, multiple: false });
        }
        frames
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn acknowledgements_in_order_share_a_frame() {
        let mut ledger = Ledger::default();
        (1..=5).for_each(|tag| ledger.ack(tag));
        assert_eq!(ledger.flush(), [Acknowledgement { tag: 5, multiple: true }]);
        assert_eq!(ledger.flush(), []);
    }

    #[test]
    fn a_bundle_never_reaches_over_an_open_delivery() {
        let mut ledger = Ledger::default();
        [1, 3].into_iter().for_each(|tag| ledger.ack(tag));
        assert_eq!(ledger.flush(), [Acknowledgement { tag: 1, multiple: true }, Acknowledgement { tag: 3, multiple: false }]);
        ledger.settle(2);
        ledger.ack(4);
        assert_eq!(ledger.flush(), [Acknowledgement { tag: 4, multiple: true }]);
    }

    proptest! {
        /// Against a broker that holds a set of open tags: each is acknowledged exactly once, and only those that were.
        #[test]
        fn every_tag_is_settled_once(verdicts in proptest::collection::vec((any::<bool>(), any::<u8>(), any::<bool>()), 1..60)) {
            let mut order: Vec<u64> = (1..=verdicts.len() as u64).collect();
            order.sort_by_key(|tag| verdicts[*tag as usize - 1].1);
            let mut open: BTreeSet<u64> = order.iter().copied().collect();
            let mut unsent = BTreeSet::new();
            let mut ledger = Ledger::default();
            for tag in order {
                let (ack, _, flush) = verdicts[tag as usize - 1];
                if ack {
                    ledger.ack(tag);
                    unsent.insert(tag);
                } else {
                    ledger.settle(tag);
                    prop_assert!(open.remove(&tag));
                }
                if flush {
                    for frame in ledger.flush() {
                        let closed: Vec<u64> = if frame.multiple {
                            open.range(..=frame.tag).copied().collect()
                        } else {
                            vec![frame.tag]
                        };
                        prop_assert!(closed.contains(&frame.tag));
                        for tag in closed {
                            prop_assert!(unsent.remove(&tag), "{} was not acknowledged", tag);
                            prop_assert!(open.remove(&tag));
                        }
                    }
                    prop_assert!(unsent.is_empty());
                }
            }
        }
    }
}
