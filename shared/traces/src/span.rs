//! What spans are called and what they tell: all of it is here.

use std::time::{Duration, SystemTime};

use ::broker::{PublishError, TraceParent, Verdict};
use clock::Timestamp;
use opentelemetry::{
    Context, KeyValue, SpanId, TraceFlags, TraceId,
    trace::{Link, Span as _, SpanContext, SpanKind, Status, TraceContextExt, TraceState, Tracer},
};
use opentelemetry_sdk::trace::Span;

use crate::Traces;

/// The zone that the service is at home in.
pub(crate) const ZONE: &str = "precision.zone";
/// What became of what was read: `done`, `requeued`, `left`, `set-aside`.
const OUTCOME: &str = "precision.outcome";
/// Whether it was read before.
const REDELIVERED: &str = "precision.redelivered";

// OpenTelemetry's semantic conventions (messaging, HTTP, errors).
const SYSTEM: &str = "messaging.system";
const OPERATION: &str = "messaging.operation.type";
const DESTINATION: &str = "messaging.destination.name";
const PUBLICATION: &str = "messaging.message.id";
const SIZE: &str = "messaging.message.body.size";
const ERROR: &str = "error.type";
const METHOD: &str = "http.request.method";
const ROUTE: &str = "http.route";
const STATUS: &str = "http.response.status_code";

/// What comes before a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    /// Nothing: it begins a trace.
    Nothing,
    /// It is part of this one.
    PartOf(TraceParent),
    /// It begins a trace, behind this one of another zone.
    Behind(TraceParent),
}

impl Before {
    pub(crate) fn part_of(place: Option<TraceParent>) -> Self {
        place.map_or(Self::Nothing, Self::PartOf)
    }
}

fn context_of(place: TraceParent) -> SpanContext {
    let flags = if place.is_sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
    SpanContext::new(TraceId::from_bytes(place.trace), SpanId::from_bytes(place.span), flags, true, TraceState::default())
}

/// The place of a span, for what follows from it.
pub(crate) fn place_of(span: &Span) -> Option<TraceParent> {
    let context = span.span_context();
    let place = TraceParent {
        trace: context.trace_id().to_bytes(),
        span: context.span_id().to_bytes(),
        is_sampled: context.is_sampled(),
    };
    context.is_valid().then_some(place)
}

/// What passes a broker.
pub(crate) struct Passing<'a> {
    /// The queue that it is put on or taken from.
    pub(crate) queue: &'a str,
    /// It itself; nothing where the other side of a border would tell the same of it, by which the two could be joined.
    pub(crate) document: Option<&'a [u8]>,
}

impl Traces {
    fn begin(&self, name: String, kind: SpanKind, before: Before) -> Span {
        let builder = self.tracer.span_builder(name).with_kind(kind);
        let (builder, parent) = match before {
            Before::Nothing => (builder, Context::new()),
            Before::PartOf(place) => (builder, Context::new().with_remote_span_context(context_of(place))),
            Before::Behind(place) => (builder.with_links(vec![Link::with_context(context_of(place))]), Context::new()),
        };
        self.tracer.build_with_context(builder, &parent)
    }

    fn begin_passing(&self, operation: &'static str, kind: SpanKind, before: Before, passing: &Passing<'_>) -> Span {
        let Passing { queue, document } = passing;
        let mut span = self.begin(format!("{operation} {queue}"), kind, before);
        if span.is_recording() {
            span.set_attributes([
                KeyValue::new(SYSTEM, "rabbitmq"),
                KeyValue::new(OPERATION, operation),
                KeyValue::new(DESTINATION, (*queue).to_owned()),
            ]);
            let size = |document: &[u8]| KeyValue::new(SIZE, i64::try_from(document.len()).unwrap_or(i64::MAX));
            span.set_attributes(document.map(size));
            let id = document.and_then(envelope::id_of);
            span.set_attributes(id.map(|id| KeyValue::new(PUBLICATION, id.to_string())));
        }
        span
    }

    /// A publication is sent.
    pub(crate) fn sending(&self, before: Before, passing: &Passing<'_>) -> Span {
        self.begin_passing("send", SpanKind::Producer, before, passing)
    }

    /// A publication is out for handling.
    pub(crate) fn handling(&self, before: Before, passing: &Passing<'_>, is_again: bool) -> Span {
        let mut span = self.begin_passing("process", SpanKind::Consumer, before, passing);
        span.set_attributes(is_again.then(|| KeyValue::new(REDELIVERED, true)));
        span
    }

    /// A request was answered.
    pub fn answered(&self, answer: &Answered<'_>) {
        let Answered { method, route, status, code, took, at } = *answer;
        let end = SystemTime::UNIX_EPOCH + Duration::from_micros(at.as_micros().unsigned_abs());
        let name = route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"));
        let builder = self.tracer.span_builder(name).with_kind(SpanKind::Server).with_start_time(end - took);
        let mut span = self.tracer.build_with_context(builder, &Context::new());
        span.set_attributes([KeyValue::new(METHOD, method.to_owned()), KeyValue::new(STATUS, i64::from(status))]);
        span.set_attributes(route.map(|route| KeyValue::new(ROUTE, route.to_owned())));
        span.set_attributes(code.map(|code| KeyValue::new(ERROR, code)));
        if status >= 500 {
            span.set_status(Status::error(""));
        }
        span.end_with_timestamp(end);
    }
}

/// How a request was answered: nothing of who asked for what.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// Its method.
    pub method: &'a str,
    /// The pattern of its route, as `/records/{record}`; none when it met no route that somebody has access to.
    pub route: Option<&'a str>,
    /// The answer's status.
    pub status: u16,
    /// The code of its problem.
    pub code: Option<&'static str>,
    /// How long it took.
    pub took: Duration,
    /// When it was done.
    pub at: Timestamp,
}

/// Ends the span of what was sent.
pub(crate) fn sent(mut span: Span, outcome: Result<(), PublishError>) {
    if let Err(error) = outcome {
        span.set_attribute(KeyValue::new(ERROR, code(error)));
        span.set_status(Status::error(""));
    }
    span.end();
}

/// Ends the span of what was handled.
pub(crate) fn handled(mut span: Span, verdict: Verdict, is_heard: bool) {
    let outcome = match verdict {
        Verdict::Ack => "done",
        Verdict::Requeue => "requeued",
        Verdict::Leave => "left",
        Verdict::Reject => "set-aside",
    };
    span.set_attribute(KeyValue::new(OUTCOME, outcome));
    if !is_heard {
        // The broker delivers it again.
        span.set_attribute(KeyValue::new(ERROR, "CONNECTION_LOST"));
    }
    if verdict == Verdict::Reject || !is_heard {
        span.set_status(Status::error(""));
    }
    span.end();
}

const fn code(error: PublishError) -> &'static str {
    match error {
        PublishError::Unroutable => "UNROUTABLE",
        PublishError::Rejected => "REJECTED",
        PublishError::ConfirmLost => "CONFIRM_LOST",
        PublishError::Unavailable => "UNAVAILABLE",
    }
}
