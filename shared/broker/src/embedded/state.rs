use std::collections::{BTreeMap, VecDeque};
use std::task::Waker;

use clock::Timestamp;
use topology::Limits;

use super::queue::ConsumerId;
use crate::{Depth, Payload, TraceParent};

/// A publication and how it fared.
#[derive(Clone)]
pub(super) struct Message {
    /// Its place in the queue, which it keeps when it comes back.
    pub(super) sequence: u64,
    /// How often it came back.
    pub(super) returns: u32,
    pub(super) payload: Payload,
    pub(super) trace: Option<TraceParent>,
}

/// What a queue holds, without any decision about it.
#[derive(Default)]
pub(super) struct State {
    /// Waiting, by rising sequence.
    ready: VecDeque<Message>,
    /// Waiting until a moment.
    delayed: BTreeMap<(Timestamp, u64), Message>,
    /// Handed out, by sequence.
    unacked: BTreeMap<u64, Message>,
    /// Bytes of `ready` and `delayed`.
    bytes: u64,
    next_sequence: u64,
    /// Rises with every cut connection; tickets of an earlier one are void.
    epoch: u64,
    consumers: BTreeMap<ConsumerId, Reader>,
    next_consumer: u64,
}

struct Reader {
    /// 0 means no bound, as in AMQP.
    prefetch: usize,
    in_flight: usize,
    waker: Option<Waker>,
    cut: bool,
}

impl Reader {
    fn may_take(&self) -> bool {
        self.prefetch == 0 || self.in_flight < self.prefetch
    }
}

impl State {
    /// As a quorum queue counts: what is handed out takes no room.
    pub(super) fn is_full(&self, limits: &Limits, more: usize) -> bool {
        let waiting = self.ready.len() + self.delayed.len();
        waiting as u64 >= limits.messages_max || self.bytes.saturating_add(more as u64) > limits.bytes_max
    }

    pub(super) fn push(&mut self, payload: Payload, trace: Option<TraceParent>) {
        let message = self.message(payload, trace);
        self.ready.push_back(message);
    }

    pub(super) fn push_delayed(&mut self, payload: Payload, trace: Option<TraceParent>, at: Timestamp) {
        let message = self.message(payload, trace);
        self.delayed.insert((at, message.sequence), message);
    }

    fn message(&mut self, payload: Payload, trace: Option<TraceParent>) -> Message {
        self.bytes += payload.len() as u64;
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        Message { sequence, returns: 0, payload, trace }
    }

    /// Moves what is due to the end of the queue: it arrives only now.
    pub(super) fn promote_due(&mut self, now: Timestamp) {
        while self.next_due().is_some_and(|at| at <= now) {
            let Some((_, mut message)) = self.delayed.pop_first() else { break };
            message.sequence = self.next_sequence;
            self.next_sequence += 1;
            self.ready.push_back(message);
        }
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.delayed.first_key_value().map(|((at, _), _)| *at)
    }

    pub(super) fn hand_out(&mut self, consumer: ConsumerId) -> Option<(Message, u64)> {
        let reader = self.consumers.get_mut(&consumer)?;
        if !reader.may_take() {
            return None;
        }
        let message = self.ready.pop_front()?;
        reader.in_flight += 1;
        self.bytes -= message.payload.len() as u64;
        self.unacked.insert(message.sequence, message.clone());
        Some((message, self.epoch))
    }

    pub(super) fn take_back(&mut self, consumer: ConsumerId, epoch: u64, sequence: u64) -> Option<Message> {
        if epoch != self.epoch {
            return None;
        }
        let message = self.unacked.remove(&sequence)?;
        if let Some(reader) = self.consumers.get_mut(&consumer) {
            reader.in_flight -= 1;
        }
        Some(message)
    }

    /// Puts it where it was.
    pub(super) fn restore(&mut self, message: Message) {
        self.bytes += message.payload.len() as u64;
        let place = self.ready.partition_point(|other| other.sequence < message.sequence);
        self.ready.insert(place, message);
    }

    /// Voids all tickets and gives back what they were for.
    pub(super) fn cut(&mut self) -> Vec<Message> {
        self.epoch += 1;
        for reader in self.consumers.values_mut() {
            reader.in_flight = 0;
            reader.cut = true;
        }
        std::mem::take(&mut self.unacked).into_values().collect()
    }

    pub(super) fn hears_of_cut(&mut self, consumer: ConsumerId) -> bool {
        self.consumers.get_mut(&consumer).is_some_and(|reader| std::mem::take(&mut reader.cut))
    }

    pub(super) fn join(&mut self, prefetch: u16) -> ConsumerId {
        let id = ConsumerId(self.next_consumer);
        self.next_consumer += 1;
        self.consumers.insert(id, Reader { prefetch: prefetch.into(), in_flight: 0, waker: None, cut: false });
        id
    }

    pub(super) fn leave(&mut self, consumer: ConsumerId) {
        self.consumers.remove(&consumer);
    }

    pub(super) fn wait(&mut self, consumer: ConsumerId, waker: &Waker) {
        let Some(reader) = self.consumers.get_mut(&consumer) else { return };
        match &mut reader.waker {
            Some(known) => known.clone_from(waker),
            None => reader.waker = Some(waker.clone()),
        }
    }

    /// The wakers of all consumers that would find something. More than one may race for one message: the loser waits again.
    pub(super) fn collect_wakers_of_able(&mut self, wakers: &mut Vec<Waker>) {
        let something = !self.ready.is_empty() || !self.delayed.is_empty();
        let able = self.consumers.values_mut().filter(|reader| reader.cut || (something && reader.may_take()));
        wakers.extend(able.filter_map(|reader| reader.waker.take()));
    }

    pub(super) fn depth(&self) -> Depth {
        Depth { ready: (self.ready.len() + self.delayed.len()) as u64, unacked: self.unacked.len() as u64 }
    }
}
