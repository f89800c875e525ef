//! What services write into their log on this thread: a simulation reads it as an operator would, and nobody may stand in it.

use std::{
    cell::RefCell,
    fmt::{Debug, Write},
    sync::{
        Once,
        atomic::{AtomicU64, Ordering},
    },
};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

thread_local! {
    static LINES: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
}

/// A line of the log.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// Message and fields.
    pub(crate) text: String,
    /// The code of a dead letter.
    pub(crate) code: Option<String>,
}

/// Begins to listen, once per process, unless the process has a log of its own. A world lives on one thread, and so do its services.
pub(super) fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Where somebody else listens, the log is his, and a world goes on without.
        let _ = tracing::subscriber::set_global_default(Listener::default());
    });
}

/// The lines of this thread since the last call.
pub(super) fn take() -> Vec<Line> {
    LINES.with_borrow_mut(std::mem::take)
}

#[derive(Default)]
struct Listener {
    spans: AtomicU64,
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "code" {
            self.code = Some(value.to_owned());
        }
        self.record_debug(field, &value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a text does not fail.
        let _ = write!(self.text, "{}={value:?} ", field.name());
    }
}

impl Subscriber for Listener {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        // Items and whole publications alike; other events have codes of their own.
        line.code = line.code.take().filter(|_| line.text.contains("dead letter"));
        LINES.with_borrow_mut(|lines| lines.push(line));
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1 + self.spans.fetch_add(1, Ordering::Relaxed))
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_fields_and_the_code_of_a_dead_letter() {
        listen();
        take();
        tracing::warn!(service = "ehealth-ttp", code = "QUOTA", "an item is set aside as a dead letter");
        tracing::info!(code = "WRONG_STATUS", "answered");
        let lines = take();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].text.contains("ehealth-ttp") && lines[0].text.contains("set aside"));
        assert_eq!((lines[0].code.as_deref(), lines[1].code.as_deref()), (Some("QUOTA"), None));
        assert!(take().is_empty());
    }
}
