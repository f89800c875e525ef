//! The codes that services write into their log on this thread.

use std::{
    cell::RefCell,
    fmt::Debug,
    sync::{
        Once,
        atomic::{AtomicU64, Ordering},
    },
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

thread_local! {
    static CODES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Begins to listen, once per process. Every test has a thread of its own, on which its services run.
pub(crate) fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Listener::default()).expect("nobody else listens"));
}

/// The codes of errors that were logged on this thread since the last call: those of publications that were refused as a whole.
pub(crate) fn take_codes() -> Vec<String> {
    CODES.with_borrow_mut(std::mem::take)
}

#[derive(Default)]
struct Listener {
    spans: AtomicU64,
}

struct Code(Option<String>);

impl Visit for Code {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "code" {
            self.0 = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, _field: &Field, _value: &dyn Debug) {}
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::ERROR
    }

    fn event(&self, event: &Event<'_>) {
        let mut code = Code(None);
        event.record(&mut code);
        CODES.with_borrow_mut(|codes| codes.extend(code.0));
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}
