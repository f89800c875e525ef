//! What a service's health address is asked.

use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock},
};

use clock::{Clock, SystemClock};
use host::{
    Metrics,
    health::{Health, answer},
};
use tokio::runtime::Runtime;

use crate::given;

struct Place {
    runtime: Runtime,
    health: Health,
    metrics: Metrics,
    clock: Arc<dyn Clock>,
    /// All that is ever answered.
    answers: BTreeSet<String>,
}

impl Place {
    fn new() -> Option<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().ok()?;
        let (health, metrics, clock) = (Health::default(), Metrics::default(), Arc::new(SystemClock) as Arc<dyn Clock>);
        let asked = ["/health", "/ready", "/metrics", "/bulletin", "/"].map(|path| format!("GET {path} HTTP/1.1\r\n\r\n"));
        let mut answers = BTreeSet::new();
        for head in &asked {
            answers.insert(runtime.block_on(answer(head.as_bytes(), &health, &metrics, &*clock)));
        }
        Some(Self { runtime, health, metrics, clock, answers })
    }
}

static PLACE: LazyLock<Place> = LazyLock::new(|| given(Place::new(), "a health address"));

/// The head of a question.
///
/// Holds: whatever is asked, the answer is one of five, and says nothing of the question.
pub fn health(bytes: &[u8]) {
    let Place { runtime, health, metrics, clock, answers } = &*PLACE;
    let answer = runtime.block_on(answer(bytes, health, metrics, &**clock));
    assert!(answers.contains(&answer), "{answer}");
}
