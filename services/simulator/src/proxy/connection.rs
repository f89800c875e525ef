//! One connection of a line: both directions, and what befalls what passes.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::Duration,
};

use clock::{Clock, SystemClock, Timestamp};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::{mpsc, watch},
    task::JoinSet,
};

use super::{
    End, Fate, Handing, Mode, Passing, Quality, Shared,
    confirms::{Confirms, For},
    frame::{Content, Frame, Frames, HEARTBEAT, Method, NoFrame, Unfinished},
};

/// What waits to be written is written for so long after one side has closed.
const DRAIN: Duration = Duration::from_secs(1);
/// Slices that a narrow line lets pass in a second.
const SLICES_PER_S: u64 = 20;

/// Bytes, and when they may be written at the earliest.
type Parcel = (Timestamp, Vec<u8>);
type Parcels = mpsc::UnboundedSender<Parcel>;

/// What both directions of a connection share.
#[derive(Default)]
struct Agreed {
    /// Bytes of a frame at most; 0 for no bound.
    frame_max: u32,
    /// Of each channel whose client wants confirms.
    confirms: HashMap<u16, Confirms>,
}

/// Why a direction ends: its side has closed, or it speaks no AMQP, or the line breaks.
enum Over {
    Closed,
    Broken,
}

impl From<io::Error> for Over {
    fn from(_: io::Error) -> Self {
        Self::Closed
    }
}

impl From<NoFrame> for Over {
    fn from(_: NoFrame) -> Self {
        Self::Broken
    }
}

impl<T> From<mpsc::error::SendError<T>> for Over {
    fn from(_: mpsc::error::SendError<T>) -> Self {
        Self::Closed
    }
}

/// Passes on what comes until a side closes or the line is cut.
pub(super) async fn pass_on(mut near: TcpStream, shared: Arc<Shared>, mut cuts: watch::Receiver<(u64, End)>) {
    let mut mode = shared.mode.subscribe();
    let far = tokio::select! {
        biased;
        // Nobody says so, and nobody says anything.
        _ = mode.wait_for(|mode| *mode == Mode::Silent) => None,
        far = TcpStream::connect(&shared.broker) => far.ok(),
        _ = cuts.changed() => return drop(near.set_zero_linger()),
    };
    let Some(mut far) = far else {
        if *shared.mode.borrow() == Mode::Silent {
            tokio::select! {
                _ = swallow(&mut near) => {}
                _ = mode.wait_for(|mode| *mode != Mode::Silent) => {}
            }
        }
        return drop(near.set_zero_linger());
    };
    // Frames are small, and whoever waits for them waits for each.
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let ending = between(&mut near, &mut far, &shared, &mut cuts).await;
    if ending == End::Reset {
        let _ = (near.set_zero_linger(), far.set_zero_linger());
    }
}

/// Takes what comes for ever.
async fn swallow(near: &mut TcpStream) -> io::Result<()> {
    let mut bytes = [0; 4096];
    while near.read(&mut bytes).await? > 0 {}
    Ok(())
}

async fn between(near: &mut TcpStream, far: &mut TcpStream, shared: &Shared, cuts: &mut watch::Receiver<(u64, End)>) -> End {
    let (near_read, near_write) = near.split();
    let (far_read, far_write) = far.split();
    let (to_near, for_near) = mpsc::unbounded_channel();
    let (to_far, for_far) = mpsc::unbounded_channel();
    let born = cuts.borrow().0;
    let agreed = Mutex::new(Agreed { frame_max: 128 << 10, ..Agreed::default() });
    let up = Up { shared, born, agreed: &agreed, to_near: to_near.clone(), to_far, unfinished: HashMap::new() };
    let down =
        Down { shared, born, agreed: &agreed, to_near, unfinished: HashMap::new(), late: HashMap::new(), lanes: JoinSet::new() };
    let reading = async move {
        let over = tokio::select! {
            over = up.read(near_read) => over,
            over = down.read(far_read) => over,
        };
        match over {
            Ok(()) | Err(Over::Closed) => End::Farewell,
            Err(Over::Broken) => End::Reset,
        }
    };
    let writing = async {
        let quality = || *shared.quality.borrow();
        let (near, far) = tokio::join!(write(near_write, for_near, quality), write(far_write, for_far, quality));
        near.and(far)
    };
    tokio::pin!(reading, writing);
    tokio::select! {
        biased;
        _ = cuts.changed() => cuts.borrow().1,
        ending = &mut reading => {
            if ending == End::Farewell {
                // The last words, such as the answer to a close.
                let _ = clock::timeout(&SystemClock, DRAIN, writing).await;
            }
            ending
        }
        _ = &mut writing => End::Farewell,
    }
}

/// Writes parcels when their time has come, as fast as the line lets.
async fn write(
    mut to: WriteHalf<'_>,
    mut parcels: mpsc::UnboundedReceiver<Parcel>,
    quality: impl Fn() -> Quality,
) -> io::Result<()> {
    while let Some((at, bytes)) = parcels.recv().await {
        SystemClock.sleep_until(at).await;
        let Some(bytes_per_s) = quality().bytes_per_s.map(|bytes| bytes.max(SLICES_PER_S)) else {
            to.write_all(&bytes).await?;
            continue;
        };
        let slice = usize::try_from(bytes_per_s / SLICES_PER_S).unwrap_or(usize::MAX);
        for bytes in bytes.chunks(slice) {
            to.write_all(bytes).await?;
            let pause = Duration::from_micros(1_000_000 * bytes.len() as u64 / bytes_per_s);
            clock::sleep(&SystemClock, pause).await;
        }
    }
    to.shutdown().await
}

impl Shared {
    /// Whether bytes pass now. A line that is no longer silent has cut what it was silent to before it opened, so that nothing of it passes.
    fn passes(&self, born: u64) -> Result<bool, Over> {
        let is_silent = *self.mode.borrow() == Mode::Silent;
        if self.cuts.borrow().0 == born { Ok(!is_silent) } else { Err(Over::Broken) }
    }

    fn parcel(&self, bytes: Vec<u8>) -> Parcel {
        (SystemClock.now().plus(self.quality.borrow().delay), bytes)
    }

    fn count(&self, frame: &Frame) {
        self.frames.fetch_add(u64::from(frame.kind != HEARTBEAT), Ordering::Relaxed);
    }
}

/// Reads one direction frame by frame; what `take` makes of each goes on.
async fn read(
    shared: &Shared,
    born: u64,
    mut from: ReadHalf<'_>,
    onto: Parcels,
    mut take: impl FnMut(Frame, &mut Vec<u8>) -> Result<(), Over>,
) -> Result<(), Over> {
    let (mut bytes, mut frames) = (vec![0; 64 << 10], Frames::default());
    loop {
        let length = from.read(&mut bytes).await?;
        if length == 0 {
            return Ok(());
        }
        if !shared.passes(born)? {
            continue;
        }
        frames.put(bytes.get(..length).unwrap_or_default());
        let mut onward = Vec::new();
        // The client's, or that of a broker that wants another version.
        if frames.is_greeting() {
            let Some(greeting) = frames.greeting() else { continue };
            onward.extend_from_slice(&greeting);
        }
        while let Some(frame) = frames.next()? {
            shared.count(&frame);
            take(frame, &mut onward)?;
        }
        if !onward.is_empty() {
            onto.send(shared.parcel(onward))?;
        }
    }
}

/// From the client to the broker.
struct Up<'a> {
    shared: &'a Shared,
    /// How many cuts there were when it began.
    born: u64,
    agreed: &'a Mutex<Agreed>,
    to_near: Parcels,
    to_far: Parcels,
    /// Publications whose frames have not all come, by channel, with exchange and routing key.
    unfinished: HashMap<u16, (String, String, Unfinished)>,
}

impl Up<'_> {
    async fn read(mut self, from: ReadHalf<'_>) -> Result<(), Over> {
        let (shared, born, onto) = (self.shared, self.born, self.to_far.clone());
        read(shared, born, from, onto, |frame, onward| self.take(frame, onward)).await
    }

    fn take(&mut self, frame: Frame, onward: &mut Vec<u8>) -> Result<(), Over> {
        let channel = frame.channel;
        if let Some((exchange, routing_key, unfinished)) = self.unfinished.remove(&channel) {
            match unfinished.take(frame)? {
                Ok(content) => self.publish(exchange, routing_key, content, onward)?,
                Err(more) => drop(self.unfinished.insert(channel, (exchange, routing_key, more))),
            }
            return Ok(());
        }
        match frame.method() {
            Method::Publish { exchange, routing_key } => {
                self.unfinished.insert(channel, (exchange, routing_key, Unfinished::new(frame)));
                return Ok(());
            }
            Method::TuneOk { frame_max } => locked(self.agreed).frame_max = frame_max,
            Method::ChannelOpen => drop(locked(self.agreed).confirms.remove(&channel)),
            Method::ConfirmSelect => drop(locked(self.agreed).confirms.insert(channel, Confirms::default())),
            Method::Deliver | Method::Settle { .. } | Method::Other => {}
        }
        frame.write(onward);
        Ok(())
    }

    fn publish(&self, exchange: String, routing_key: String, mut content: Content, onward: &mut Vec<u8>) -> Result<(), Over> {
        let passing = Passing { exchange, routing_key, body: content.body.clone() };
        let mut fate = self.shared.watcher.publishes(&passing);
        if let Fate::Change(body) = fate {
            content.body = body;
            fate = Fate::Pass;
        }
        let mut agreed = locked(self.agreed);
        let Agreed { frame_max, confirms } = &mut *agreed;
        let (frame_max, mut confirms) = (*frame_max, confirms.get_mut(&content.channel()));
        let number = confirms.as_mut().map(|confirms| confirms.asked());
        let mut send = |whom: Option<For>| {
            content.write(frame_max, onward);
            confirms.as_mut().zip(whom).into_iter().for_each(|(confirms, whom)| confirms.sent(whom));
        };
        match fate {
            Fate::Pass | Fate::Change(_) => send(number.map(For::Client)),
            Fate::Twice => {
                send(number.map(For::Client));
                send(Some(For::Nobody));
            }
            Fate::LoseConfirm => send(Some(For::Break)),
            Fate::Swallow | Fate::Refuse => {
                if let Some(number) = number {
                    let mut word = Vec::new();
                    Frame::confirm(content.channel(), number, fate == Fate::Swallow).write(&mut word);
                    self.to_near.send(self.shared.parcel(word))?;
                }
            }
        }
        Ok(())
    }
}

/// A delivery's frames, and when the client may have it.
type Late = (Timestamp, Vec<u8>);

/// From the broker to the client.
struct Down<'a> {
    shared: &'a Shared,
    /// How many cuts there were when it began.
    born: u64,
    agreed: &'a Mutex<Agreed>,
    to_near: Parcels,
    /// Deliveries whose frames have not all come, by channel.
    unfinished: HashMap<u16, Unfinished>,
    /// Where the deliveries of channels wait that were held back once.
    late: HashMap<u16, mpsc::UnboundedSender<Late>>,
    lanes: JoinSet<()>,
}

impl Down<'_> {
    async fn read(mut self, from: ReadHalf<'_>) -> Result<(), Over> {
        let (shared, born, onto) = (self.shared, self.born, self.to_near.clone());
        read(shared, born, from, onto, |frame, onward| self.take(frame, onward)).await
    }

    fn take(&mut self, frame: Frame, onward: &mut Vec<u8>) -> Result<(), Over> {
        let channel = frame.channel;
        if let Some(unfinished) = self.unfinished.remove(&channel) {
            match unfinished.take(frame)? {
                Ok(content) => self.hand(&content, onward)?,
                Err(more) => drop(self.unfinished.insert(channel, more)),
            }
            return Ok(());
        }
        match frame.method() {
            Method::Deliver => drop(self.unfinished.insert(channel, Unfinished::new(frame))),
            Method::Settle { tag, multiple, is_taken } => self.settle(&frame, tag, multiple, is_taken, onward)?,
            _ => frame.write(onward),
        }
        Ok(())
    }

    /// Tells the client what the broker said, in the client's numbers.
    fn settle(&self, frame: &Frame, tag: u64, multiple: bool, is_taken: bool, onward: &mut Vec<u8>) -> Result<(), Over> {
        let mut agreed = locked(self.agreed);
        let Some(confirms) = agreed.confirms.get_mut(&frame.channel) else {
            frame.write(onward);
            return Ok(());
        };
        for whom in confirms.came(tag, multiple) {
            match whom {
                For::Client(number) => Frame::confirm(frame.channel, number, is_taken).write(onward),
                For::Nobody => {}
                For::Break => return Err(Over::Broken),
            }
        }
        Ok(())
    }

    fn hand(&mut self, content: &Content, onward: &mut Vec<u8>) -> Result<(), Over> {
        let handing = self.shared.watcher.is_handed(&content.body);
        if handing == Handing::Never {
            return Ok(());
        }
        let frame_max = locked(self.agreed).frame_max;
        let at = if let Handing::At(at) = handing { Some(at) } else { None };
        if at.is_none() && !self.late.contains_key(&content.channel()) {
            content.write(frame_max, onward);
            return Ok(());
        }
        let mut bytes = Vec::new();
        content.write(frame_max, &mut bytes);
        let lane = self.late.entry(content.channel()).or_insert_with(|| {
            let (lane, waiting) = mpsc::unbounded_channel();
            self.lanes.spawn(hand_out(waiting, Arc::clone(&self.shared.clock), self.to_near.clone()));
            lane
        });
        lane.send((at.unwrap_or(Timestamp::EPOCH), bytes)).map_err(|_| Over::Closed)
    }
}

/// Hands out the deliveries of one channel in their order, each when its time has come.
async fn hand_out(mut waiting: mpsc::UnboundedReceiver<Late>, clock: Arc<dyn Clock>, to_near: Parcels) {
    while let Some((at, bytes)) = waiting.recv().await {
        clock.sleep_until(at).await;
        if to_near.send((Timestamp::EPOCH, bytes)).is_err() {
            return;
        }
    }
}

fn locked(agreed: &Mutex<Agreed>) -> std::sync::MutexGuard<'_, Agreed> {
    agreed.lock().unwrap_or_else(PoisonError::into_inner)
}
