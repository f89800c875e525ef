use std::{
    io,
    sync::{Mutex, PoisonError},
};

use clock::{OffsetClock, SystemClock, timeout};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    frame::{
        Content, Frame, Frames, METHOD, Method, Unfinished,
        tests::{content, publication},
    },
    *,
};

const PATIENCE: Duration = Duration::from_secs(20);
const GREETING: &[u8] = b"AMQP\0\0\x09\x01";

/// Decides as it was told, in this order; then everything passes.
#[derive(Default)]
struct Told {
    fates: Mutex<Vec<Fate>>,
    handings: Mutex<Vec<Handing>>,
    seen: Mutex<Vec<Passing>>,
}

fn next<T>(from: &Mutex<Vec<T>>) -> Option<T> {
    let mut waiting = from.lock().unwrap_or_else(PoisonError::into_inner);
    (!waiting.is_empty()).then(|| waiting.remove(0))
}

impl Watcher for Told {
    fn publishes(&self, publication: &Passing) -> Fate {
        self.seen.lock().unwrap().push(publication.clone());
        next(&self.fates).unwrap_or(Fate::Pass)
    }

    fn is_handed(&self, _body: &Bytes) -> Handing {
        next(&self.handings).unwrap_or(Handing::Now)
    }
}

/// One end of a connection.
struct Side {
    stream: TcpStream,
    frames: Frames,
}

impl Side {
    fn new(stream: TcpStream) -> Self {
        Self { stream, frames: Frames::default() }
    }

    async fn say(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    async fn frame(&mut self) -> Option<Frame> {
        let reading = async {
            loop {
                if let Some(frame) = self.frames.next().unwrap() {
                    return Some(frame);
                }
                let mut bytes = [0; 4096];
                match self.stream.read(&mut bytes).await {
                    Ok(0) | Err(_) => return None,
                    Ok(length) => self.frames.put(&bytes[..length]),
                }
            }
        };
        timeout(&SystemClock, PATIENCE, reading).await.expect("nothing came")
    }

    /// The next publication or delivery.
    async fn content(&mut self) -> Content {
        let mut unfinished = Unfinished::new(self.frame().await.unwrap());
        loop {
            match unfinished.take(self.frame().await.unwrap()).unwrap() {
                Ok(content) => return content,
                Err(more) => unfinished = more,
            }
        }
    }

    /// How the connection ends, when nothing comes before.
    async fn ending(&mut self) -> io::Result<usize> {
        let mut bytes = [0; 64];
        timeout(&SystemClock, PATIENCE, self.stream.read(&mut bytes)).await.expect("the connection stands")
    }
}

struct Line {
    proxy: Proxy,
    broker: TcpListener,
    told: Arc<Told>,
    clock: OffsetClock,
}

impl Line {
    async fn lay() -> Self {
        let broker = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (told, clock) = (Arc::<Told>::default(), OffsetClock::default());
        let address = broker.local_addr().unwrap().to_string();
        let proxy = Proxy::to(address, Arc::clone(&told) as Arc<dyn Watcher>, Arc::new(clock.clone())).await.unwrap();
        Self { proxy, broker, told, clock }
    }

    async fn client(&self) -> Side {
        Side::new(TcpStream::connect(self.proxy.address()).await.unwrap())
    }

    /// A client and its broker that have greeted, with confirms on channel 1.
    async fn connected(&self) -> (Side, Side) {
        let mut client = self.client().await;
        client.say(GREETING).await;
        let mut broker = Side::new(self.broker.accept().await.unwrap().0);
        let mut greeting = [0; GREETING.len()];
        broker.stream.read_exact(&mut greeting).await.unwrap();
        assert_eq!(greeting, GREETING);
        client.say(&method(1, &[0, 85, 0, 10, 0])).await;
        assert_eq!(broker.frame().await.unwrap().method(), Method::ConfirmSelect);
        (client, broker)
    }

    fn decide(&self, fates: &[Fate]) {
        self.told.fates.lock().unwrap().extend_from_slice(fates);
    }
}

fn method(channel: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    Frame { kind: METHOD, channel, payload: Bytes::copy_from_slice(payload) }.write(&mut bytes);
    bytes
}

fn confirm(tag: u64, multiple: bool, is_taken: bool) -> Vec<u8> {
    let code = if is_taken { 80 } else { 120 };
    method(1, &[&[0, 60, 0, code][..], &tag.to_be_bytes(), &[u8::from(multiple)]].concat())
}

async fn heard(client: &mut Side) -> (u64, bool) {
    match client.frame().await.unwrap().method() {
        Method::Settle { tag, is_taken, .. } => (tag, is_taken),
        other => panic!("{other:?}"),
    }
}

fn delivery(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    content(1, vec![0, 60, 0, 60, 1, b'c', 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, b'x', 1, b'k'], body).write(4096, &mut bytes);
    bytes
}

#[tokio::test]
async fn everything_passes_and_is_seen() {
    let line = Line::lay().await;
    let (mut client, mut broker) = line.connected().await;
    let body = vec![7; 20_000];
    client.say(&publication(1, "ex", "key", &body)).await;
    assert_eq!(broker.content().await.body, body);
    broker.say(&confirm(1, false, true)).await;
    assert_eq!(heard(&mut client).await, (1, true));
    let seen = line.told.seen.lock().unwrap().clone();
    assert_eq!(seen, [Passing { exchange: "ex".into(), routing_key: "key".into(), body: body.into() }]);
    assert!(line.proxy.frames() > 3 && line.proxy.connections() == 1);
    drop(client);
    assert_eq!(broker.ending().await.unwrap(), 0);
}

/// Whatever the line makes of publications, client and broker count on, each for himself, and every confirm finds its publisher.
#[tokio::test]
async fn each_fate_of_a_publication_keeps_the_count() {
    let line = Line::lay().await;
    let (mut client, mut broker) = line.connected().await;
    line.decide(&[Fate::Swallow, Fate::Pass, Fate::Refuse, Fate::Twice, Fate::Change(Bytes::from_static(b"other")), Fate::Pass]);
    for body in ["swallowed", "first", "refused", "twice", "changed", "last"] {
        client.say(&publication(1, "ex", "key", body.as_bytes())).await;
    }
    assert_eq!([heard(&mut client).await, heard(&mut client).await], [(1, true), (3, false)]);
    let mut arrived = Vec::new();
    for _ in 0..5 {
        arrived.push(broker.content().await.body);
    }
    assert_eq!(arrived, ["first", "twice", "twice", "other", "last"]);
    broker.say(&confirm(3, true, true)).await;
    broker.say(&confirm(5, false, false)).await;
    broker.say(&confirm(4, false, true)).await;
    let mut words = Vec::new();
    for _ in 0..4 {
        words.push(heard(&mut client).await);
    }
    assert_eq!(words, [(2, true), (4, true), (6, false), (5, true)]);
}

#[tokio::test]
async fn a_lost_confirm_breaks_the_connection_behind_the_publication() {
    let line = Line::lay().await;
    let (mut client, mut broker) = line.connected().await;
    line.decide(&[Fate::LoseConfirm]);
    client.say(&publication(1, "ex", "key", b"stored")).await;
    assert_eq!(broker.content().await.body, "stored");
    broker.say(&confirm(1, false, true)).await;
    assert_eq!(client.ending().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    // The next connection is as good as any.
    let (mut client, mut broker) = line.connected().await;
    client.say(&publication(1, "ex", "key", b"again")).await;
    assert_eq!(broker.content().await.body, "again");
    broker.say(&confirm(1, false, true)).await;
    assert_eq!(heard(&mut client).await, (1, true));
}

#[tokio::test]
async fn a_delivery_is_held_back_by_the_clock_or_for_ever() {
    let line = Line::lay().await;
    let (mut client, mut broker) = line.connected().await;
    let hour = Duration::from_secs(3600);
    let later = line.clock.now().plus(hour);
    *line.told.handings.lock().unwrap() = vec![Handing::Now, Handing::Never, Handing::At(later), Handing::Now];
    for body in ["first", "never", "late", "behind"] {
        broker.say(&delivery(body.as_bytes())).await;
    }
    assert_eq!(client.content().await.body, "first");
    // On another channel nobody waits.
    broker.say(&method(2, &[0, 20, 0, 11, 0, 0, 0, 0])).await;
    assert_eq!(client.frame().await.unwrap().channel, 2);
    line.clock.jump(hour);
    assert_eq!([client.content().await.body, client.content().await.body], ["late", "behind"]);
}

#[tokio::test]
async fn a_cut_says_farewell_and_a_reset_does_not() {
    let line = Line::lay().await;
    let (mut client, _broker) = line.connected().await;
    line.proxy.cut();
    assert_eq!(client.ending().await.unwrap(), 0);
    let (mut client, mut broker) = line.connected().await;
    line.proxy.reset();
    assert_eq!(client.ending().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(broker.ending().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    line.connected().await;
}

#[tokio::test]
async fn a_line_that_refuses_ends_what_there_is_and_what_comes() {
    let line = Line::lay().await;
    let (mut client, _broker) = line.connected().await;
    line.proxy.set(Mode::Refusing);
    assert!(client.ending().await.is_err());
    let mut client = line.client().await;
    assert!(client.ending().await.is_err());
    line.proxy.set(Mode::Open);
    line.connected().await;
}

/// Half open: each side believes that the other one is there, and hears nothing. When the line is there again, it knows nothing of them.
#[tokio::test]
async fn a_silent_line_takes_everything_and_passes_nothing_on() {
    let line = Line::lay().await;
    let (mut client, mut broker) = line.connected().await;
    line.proxy.set(Mode::Silent);
    client.say(&publication(1, "ex", "key", b"into the void")).await;
    broker.say(&confirm(1, false, true)).await;
    let mut late = line.client().await;
    late.say(GREETING).await;
    // The system takes a connection before the line does, and one that the line meets when it is open goes through.
    let met = async {
        while line.proxy.connections() < 2 {
            clock::sleep(&SystemClock, Duration::from_millis(2)).await;
        }
    };
    timeout(&SystemClock, PATIENCE, met).await.expect("the line does not meet the late one");
    // Had anything passed, it would have come before the end of the connection.
    line.proxy.set(Mode::Open);
    for side in [&mut client, &mut broker, &mut late] {
        assert_eq!(side.ending().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }
    assert!(line.told.seen.lock().unwrap().is_empty());
    line.connected().await;
}

#[tokio::test]
async fn a_line_is_late_and_narrow_as_it_was_told() {
    let line = Line::lay().await;
    let (mut client, mut broker) = line.connected().await;
    let took = async |client: &mut Side, broker: &mut Side, body: &[u8]| {
        let begun = SystemClock.now();
        client.say(&publication(1, "ex", "key", body)).await;
        assert_eq!(broker.content().await.body, body);
        SystemClock.now().since(begun)
    };
    line.proxy.set_quality(Quality { delay: Duration::from_millis(120), bytes_per_s: None });
    assert!(took(&mut client, &mut broker, b"late").await >= Duration::from_millis(120));
    line.proxy.set_quality(Quality { delay: Duration::ZERO, bytes_per_s: Some(40_000) });
    assert!(took(&mut client, &mut broker, &[1; 8_000]).await >= Duration::from_millis(150));
}

#[tokio::test]
async fn who_speaks_something_else_is_cut_off() {
    let line = Line::lay().await;
    let mut client = line.client().await;
    client.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(client.ending().await.map_or(true, |length| length == 0));
}

/// A broker that is not there is a connection that breaks at once.
#[tokio::test]
async fn an_absent_broker_ends_its_clients() {
    let line = Line::lay().await;
    let Line { proxy, broker, .. } = line;
    drop(broker);
    let mut client = Side::new(TcpStream::connect(proxy.address()).await.unwrap());
    assert!(client.ending().await.map_or(true, |length| length == 0));
}
