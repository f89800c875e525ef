use std::{sync::Arc, time::SystemTime};

use ::broker::{Broker, Consumer, EmbeddedBroker, EmbeddedOptions, Payload, PublishError, contract};
use clock::{SystemClock, Timestamp};
use opentelemetry::{
    SpanId,
    trace::{SpanKind, Status},
};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SimpleSpanProcessor, SpanData};
use topology::{Arrow, Nihdi, Route, Topology};
use uuid::Uuid;

use super::*;
use ::broker::TraceParent;

/// A service whose spans can be looked at.
struct Watched {
    traces: Traces,
    spans: InMemorySpanExporter,
}

fn watched(service: &str, home: Zone, borders: Borders, share: f64) -> Watched {
    let spans = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_span_processor(SimpleSpanProcessor::new(spans.clone()));
    let owner = Owner { service: service.to_owned(), version: "0.0.0", home };
    Watched { traces: Traces::of(&owner, provider, share, borders), spans }
}

impl Watched {
    fn spans(&self) -> Vec<SpanData> {
        self.spans.get_finished_spans().unwrap()
    }

    fn span(&self, name: &str) -> SpanData {
        let spans = self.spans();
        let names: Vec<_> = spans.iter().map(|span| span.name.clone()).collect();
        spans.iter().find(|span| span.name == name).cloned().unwrap_or_else(|| panic!("{name} is not among {names:?}"))
    }
}

fn nihdi() -> Nihdi {
    "00000196".parse().unwrap()
}

fn broker_of(topology: &Topology) -> Arc<dyn Broker> {
    Arc::new(EmbeddedBroker::new(Arc::new(SystemClock), topology, EmbeddedOptions::new(Uuid::from_u128(1))))
}

fn broker() -> Arc<dyn Broker> {
    broker_of(&Topology::for_hospitals(&[nihdi()]))
}

fn route(arrow: Arrow) -> Route {
    arrow.route(Some(&nihdi()))
}

async fn reader(broker: &dyn Broker, arrow: Arrow) -> Box<dyn Consumer> {
    broker.consume(&arrow.queue(Some(&nihdi())), 10).await.unwrap()
}

fn attribute(span: &SpanData, key: &str) -> Option<String> {
    span.attributes.iter().find(|pair| pair.key.as_str() == key).map(|pair| pair.value.to_string())
}

/// Step 3 as HD4DP and the messaging client of one hospital see it, and what that sends on in step 4.
#[tokio::test]
async fn one_trace_goes_through_a_zone_and_ends_at_its_border() {
    let broker = broker();
    let [hd4dp, client] = ["hd4dp", "ehbox-hco"].map(|name| watched(name, Zone::Hospital, Borders::Closed, 1.0));
    let ttp = watched("ehealth-ttp", Zone::EHealth, Borders::Closed, 1.0);
    let of_hd4dp = hd4dp.traces.broker(Arc::clone(&broker), Zone::Hospital);
    let (inside, outside) =
        (client.traces.broker(Arc::clone(&broker), Zone::Hospital), client.traces.broker(Arc::clone(&broker), Zone::EHealth));
    let document = br#"{"specversion":"1.0","id":"0190163d-8694-739b-aea5-966c26f8ad91","source":"hd4dp-00000196"}"#;
    of_hd4dp.publish(&route(Arrow::HandOver), Payload::from_static(document)).await.unwrap();
    let handed_over = reader(&*inside, Arrow::HandOver).await.next().await.unwrap();
    outside.publish_traced(&route(Arrow::ToTtp), handed_over.payload.clone(), handed_over.trace).await.unwrap();
    handed_over.ack().unwrap();

    let (sent, handled, sent_on) =
        (hd4dp.span("send hd4dp.00000196.out"), client.span("process hd4dp.00000196.out"), client.span("send ttp.in"));
    assert_eq!((sent.span_kind.clone(), handled.span_kind.clone()), (SpanKind::Producer, SpanKind::Consumer));
    assert_eq!(sent.parent_span_id, SpanId::INVALID);
    for (child, parent) in [(&handled, &sent), (&sent_on, &handled)] {
        assert_eq!(child.span_context.trace_id(), parent.span_context.trace_id());
        assert_eq!(child.parent_span_id, parent.span_context.span_id());
    }
    for span in [&sent, &handled] {
        assert_eq!(attribute(span, "messaging.message.id").as_deref(), Some("0190163d-8694-739b-aea5-966c26f8ad91"));
        assert_eq!(attribute(span, "messaging.message.body.size"), Some(document.len().to_string()));
    }

    // Nothing stands beside what passed the border, and the TTP begins a trace of its own.
    let ttp_side = ttp.traces.broker(Arc::clone(&broker), Zone::EHealth);
    let raw = reader(&*broker, Arrow::ToTtp).await.next().await.unwrap();
    assert_eq!(raw.trace, None);
    raw.requeue().unwrap();
    reader(&*ttp_side, Arrow::ToTtp).await.next().await.unwrap().ack().unwrap();
    let behind = ttp.span("process ttp.in");
    assert_ne!(behind.span_context.trace_id(), sent.span_context.trace_id());
    assert_eq!((behind.parent_span_id, behind.links.len()), (SpanId::INVALID, 0));
    // Nor do both sides tell something of the publication by which they could be joined.
    for span in [&sent_on, &behind] {
        assert_eq!((attribute(span, "messaging.message.id"), attribute(span, "messaging.message.body.size")), (None, None));
    }
}

/// Who sends from another zone could else put its own ids into the traces of this one.
#[tokio::test]
async fn what_another_zone_puts_beside_a_publication_is_not_read() {
    let broker = broker();
    let ttp = watched("ehealth-ttp", Zone::EHealth, Borders::Closed, 1.0);
    let place = TraceParent { trace: [7; 16], span: [9; 8], is_sampled: false };
    broker.publish_traced(&route(Arrow::ToTtp), Payload::from_static(b"x"), Some(place)).await.unwrap();
    let traced = ttp.traces.broker(broker, Zone::EHealth);
    reader(&*traced, Arrow::ToTtp).await.next().await.unwrap().ack().unwrap();
    let span = ttp.span("process ttp.in");
    assert_ne!(span.span_context.trace_id().to_bytes(), place.trace);
    assert_eq!((span.parent_span_id, span.links.len()), (SpanId::INVALID, 0));
}

#[tokio::test]
async fn who_runs_all_zones_sees_what_was_before_the_border() {
    let broker = broker();
    let client = watched("ehbox-hco", Zone::Hospital, Borders::Linked, 1.0);
    let ttp = watched("ehealth-ttp", Zone::EHealth, Borders::Linked, 1.0);
    let sending = client.traces.broker(Arc::clone(&broker), Zone::EHealth);
    sending.publish(&route(Arrow::ToTtp), Payload::from_static(b"x")).await.unwrap();
    let reading = ttp.traces.broker(broker, Zone::EHealth);
    reader(&*reading, Arrow::ToTtp).await.next().await.unwrap().ack().unwrap();
    let (before, behind) = (client.span("send ttp.in"), ttp.span("process ttp.in"));
    assert_ne!(behind.span_context.trace_id(), before.span_context.trace_id());
    assert_eq!(behind.parent_span_id, SpanId::INVALID);
    let links: Vec<_> = behind.links.iter().map(|link| (link.span_context.trace_id(), link.span_context.span_id())).collect();
    assert_eq!(links, [(before.span_context.trace_id(), before.span_context.span_id())]);
}

#[tokio::test]
async fn a_span_says_how_it_ended() {
    let broker = broker();
    let service = watched("hd4res", Zone::Hd, Borders::Closed, 1.0);
    let traced = service.traces.broker(broker, Zone::Hd);
    let nowhere = Route { routing_key: "nowhere".to_owned(), ..route(Arrow::ToDhw) };
    assert_eq!(traced.publish(&nowhere, Payload::from_static(b"x")).await, Err(PublishError::Unroutable));
    let lost = service.span("send nowhere");
    assert!(matches!(lost.status, Status::Error { .. }));
    assert_eq!(attribute(&lost, "error.type").as_deref(), Some("UNROUTABLE"));
    assert_eq!(attribute(&lost, "messaging.message.id"), None, "what is none has no id");

    traced.publish(&route(Arrow::ToDhw), Payload::from_static(b"x")).await.unwrap();
    let mut reader = reader(&*traced, Arrow::ToDhw).await;
    reader.next().await.unwrap().requeue().unwrap();
    reader.next().await.unwrap().reject().unwrap();
    let handled: Vec<_> = service.spans().into_iter().filter(|span| span.name == "process dhw.in").collect();
    let told: Vec<_> = handled
        .iter()
        .map(|span| (attribute(span, "precision.outcome"), attribute(span, "precision.redelivered"), span.status.clone()))
        .collect();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(told, [(text("requeued"), None, Status::Unset), (text("set-aside"), text("true"), Status::error(""))]);
}

#[tokio::test]
async fn a_verdict_that_nobody_hears_is_told() {
    let topology = Topology::for_hospitals(&[nihdi()]);
    let options = EmbeddedOptions::new(Uuid::from_u128(1));
    let broker = Arc::new(EmbeddedBroker::new(Arc::new(SystemClock), &topology, options));
    let service = watched("dhw", Zone::Hd, Borders::Closed, 1.0);
    let traced = service.traces.broker(Arc::<EmbeddedBroker>::clone(&broker), Zone::Hd);
    traced.publish(&route(Arrow::ToDhw), Payload::from_static(b"x")).await.unwrap();
    let delivery = reader(&*traced, Arrow::ToDhw).await.next().await.unwrap();
    broker.cut();
    assert!(delivery.ack().is_err());
    assert_eq!(attribute(&service.span("process dhw.in"), "error.type").as_deref(), Some("CONNECTION_LOST"));
}

/// Whoever begins a trace decides; else a part of it would be missing.
#[tokio::test]
async fn a_trace_is_kept_whole_or_not_at_all() {
    let broker = broker();
    let (none, all) =
        (watched("hd4dp", Zone::Hospital, Borders::Closed, 0.0), watched("ehbox-hco", Zone::Hospital, Borders::Closed, 1.0));
    let sending = none.traces.broker(Arc::clone(&broker), Zone::Hospital);
    sending.publish(&route(Arrow::HandOver), Payload::from_static(b"x")).await.unwrap();
    let reading = all.traces.broker(broker, Zone::Hospital);
    reader(&*reading, Arrow::HandOver).await.next().await.unwrap().ack().unwrap();
    assert_eq!((none.spans().len(), all.spans().len()), (0, 0));
}

#[tokio::test]
async fn a_request_is_a_span_by_the_pattern_of_its_route() {
    let service = watched("hd4res", Zone::Hd, Borders::Closed, 1.0);
    let (took, at) = (Duration::from_millis(250), Timestamp::from_micros(1_000_000_000_000));
    let (route, code) = (Some("/records/{record}"), Some("STORE_AWAY"));
    service.traces.answered(&Answered { method: "GET", route, status: 503, code, took, at });
    service.traces.answered(&Answered { method: "GET", route: None, status: 404, code: None, took, at });
    let (span, end) = (service.span("GET /records/{record}"), SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000));
    assert_eq!((span.span_kind.clone(), span.start_time, span.end_time), (SpanKind::Server, end - took, end));
    assert_eq!((attribute(&service.span("GET"), "http.route"), service.span("GET").status), (None, Status::Unset));
    assert_eq!(attribute(&span, "http.response.status_code").as_deref(), Some("503"));
    assert_eq!(attribute(&span, "error.type").as_deref(), Some("STORE_AWAY"));
    assert!(matches!(span.status, Status::Error { .. }));
}

/// A national number in a payload, in a header that somebody made up, in a queue's name that does not exist: none of it is in a span.
#[tokio::test]
async fn nothing_of_what_is_published_is_told() {
    let broker = broker();
    let service = watched("ehbox-hco", Zone::Hospital, Borders::Closed, 1.0);
    let traced = service.traces.broker(broker, Zone::Hospital);
    for payload in
        ["64031299906", r#"{"specversion":"1.0","id":"64031299906-64031299906-64031299906-640312","ssin":"64031299906"}"#]
    {
        traced.publish(&route(Arrow::HandOver), Payload::from(payload)).await.unwrap();
    }
    let mut reader = reader(&*traced, Arrow::HandOver).await;
    for _ in 0..2 {
        reader.next().await.unwrap().ack().unwrap();
    }
    let spans = service.spans();
    assert_eq!(spans.len(), 4);
    for span in &spans {
        let told = format!("{span:?}");
        assert!(!told.contains("64031299906"), "{}", span.name);
    }
}

struct OverEmbedded {
    traced: Arc<dyn Broker>,
    broker: Arc<EmbeddedBroker>,
}

#[async_trait::async_trait]
impl contract::Subject for OverEmbedded {
    fn broker(&self) -> Arc<dyn Broker> {
        Arc::clone(&self.traced)
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(SystemClock)
    }

    async fn cut(&self) {
        self.broker.cut();
    }

    async fn retire(&self) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_traced_broker_is_a_broker() {
    contract::all(|topology| async move {
        let options = EmbeddedOptions::new(Uuid::from_u128(1));
        let broker = Arc::new(EmbeddedBroker::new(Arc::new(SystemClock), &topology, options));
        let traces = watched("hd4dp", Zone::Hospital, Borders::Closed, 1.0).traces;
        let traced = traces.broker(Arc::<EmbeddedBroker>::clone(&broker), Zone::Hospital);
        Box::new(OverEmbedded { traced, broker }) as Box<dyn contract::Subject>
    })
    .await;
}
