//! Connections: how many there may be, and how long one may keep others waiting.
//!
//! Whoever is slow on purpose costs a connection and nothing else: a head must come within [`HEAD_DEADLINE`], also the one of the next request
//! on a connection that is kept; a body within the guard's deadline; and an answer must be taken, however slowly, without a pause of
//! [`STALL_DEADLINE`]. Above [`Limits::connections`] a request is answered with [`Code::Busy`], and above those too, a connection is closed at once.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use axum::{Router, body::Body, http::Request, serve::Listener};
use clock::Clock;
use futures_util::{
    FutureExt,
    future::{self, BoxFuture, Either, Shared},
};
use hyper::{
    body::Incoming,
    rt::{Read, ReadBufCursor, Sleep, Timer, Write},
    server::conn::http1,
};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{
    net::TcpListener,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};
use tower::ServiceExt;

use crate::{Code, api};

/// Time for the head of a request, from the moment at which it may come.
const HEAD_DEADLINE: Duration = Duration::from_secs(20);
/// Time in which a caller must take some part of an answer.
const STALL_DEADLINE: Duration = Duration::from_secs(30);
/// Bytes of a head at most. Ours are far shorter.
const HEAD_MAX: usize = 32 * 1024;

/// How many connections there may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Those that are served.
    pub(crate) connections: usize,
    /// Those beyond that are told so.
    pub(crate) turned_away: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 512, turned_away: 64 }
    }
}

/// The end, as every connection waits for it.
type Stop = Shared<BoxFuture<'static, ()>>;

/// Serves connections until `stop` completes, then ends them after the requests that are being worked on, or when `over` completes. Says
/// whether all ended.
pub(crate) async fn serve(
    mut listener: TcpListener,
    router: Router,
    clock: Arc<dyn Clock>,
    limits: Limits,
    stop: Stop,
    over: impl Future<Output = ()>,
) -> bool {
    let (served, told) = (Arc::new(Semaphore::new(limits.connections)), Arc::new(Semaphore::new(limits.turned_away)));
    let busy = api::refusing(Code::Busy, Arc::clone(&clock));
    let mut connections = JoinSet::new();
    loop {
        let accepted = std::pin::pin!(Listener::accept(&mut listener));
        let Either::Left(((stream, _), _)) = future::select(accepted, stop.clone()).await else { break };
        while connections.try_join_next().is_some() {}
        let free = |places: &Arc<Semaphore>| Arc::clone(places).try_acquire_owned().ok();
        let place = free(&served).map(|permit| (permit, router.clone(), true));
        let place = place.or_else(|| free(&told).map(|permit| (permit, busy.clone(), false)));
        // Whoever is closed on at once has at least no reason to wait.
        let Some((permit, router, is_kept)) = place else { continue };
        let io = Patient { io: TokioIo::new(stream), clock: Arc::clone(&clock), alarm: None };
        connections.spawn(Connection { io, router, is_kept, permit }.serve(Arc::clone(&clock), stop.clone()));
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    matches!(future::select(std::pin::pin!(ended), std::pin::pin!(over)).await, Either::Left(_))
}

/// A connection with its place among the others.
struct Connection {
    io: Patient,
    router: Router,
    /// Whether it may bring another request behind the first one.
    is_kept: bool,
    permit: OwnedSemaphorePermit,
}

impl Connection {
    async fn serve(self, clock: Arc<dyn Clock>, stop: Stop) {
        let service = TowerToHyperService::new(self.router.map_request(|request: Request<Incoming>| request.map(Body::new)));
        let mut builder = http1::Builder::new();
        builder.timer(ClockTimer(clock)).header_read_timeout(HEAD_DEADLINE).max_buf_size(HEAD_MAX).keep_alive(self.is_kept);
        let mut connection = std::pin::pin!(builder.serve_connection(self.io, service));
        // How a connection ends is the caller's affair: what was wrong with a request was answered.
        if let Either::Right(((), _)) = future::select(connection.as_mut(), stop).await {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
        drop(self.permit);
    }
}

/// What waits on the [`Clock`]. Its waits may be shared among threads, which a [`BoxFuture`] alone may not.
struct Alarm(Mutex<BoxFuture<'static, ()>>);

impl Alarm {
    fn after(clock: &dyn Clock, pause: Duration) -> Self {
        Self(Mutex::new(clock.sleep_until(clock.now().plus(pause))))
    }
}

impl Future for Alarm {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner).poll_unpin(context)
    }
}

impl Sleep for Alarm {}

/// The HTTP library's waits, on the [`Clock`].
struct ClockTimer(Arc<dyn Clock>);

impl Timer for ClockTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        Box::pin(Alarm::after(&*self.0, duration))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.sleep(deadline.saturating_duration_since(self.now()))
    }
}

/// A connection whose other side must take what it is sent.
struct Patient {
    io: TokioIo<tokio::net::TcpStream>,
    clock: Arc<dyn Clock>,
    alarm: Option<Alarm>,
}

impl Patient {
    /// The outcome of a write, or that it has been waited for long enough.
    fn within<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.alarm = None;
            return written;
        }
        let clock = &self.clock;
        let alarm = self.alarm.get_or_insert_with(|| Alarm::after(&**clock, STALL_DEADLINE));
        alarm.poll_unpin(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Read for Patient {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl Write for Patient {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(context, bytes);
        self.within(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(context);
        self.within(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.io).poll_shutdown(context);
        self.within(context, shut)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(context, slices);
        self.within(context, written)
    }
}

#[cfg(test)]
mod tests;
