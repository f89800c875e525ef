//! Putting routes together: each stands with the access that it gives, or it is not there.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, Method, header},
    middleware::{self, Next},
    response::Response,
    routing::get,
};
use clock::Clock;
use serde_json::Value;
use traces::{Answered, Traces};
use utoipa::openapi::{InfoBuilder, OpenApiBuilder};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use crate::{
    Access, Code, Desk, Problem, Reply, document,
    guard::{self, Gate, Served},
};

/// The API of one service while it is put together.
pub struct Api<S> {
    desk: Arc<Desk>,
    router: OpenApiRouter<S>,
    gates: BTreeMap<String, Arc<Gate>>,
}

impl<S: Clone + Send + Sync + 'static> Api<S> {
    /// An API without routes, with its title.
    #[must_use]
    pub fn new(desk: Arc<Desk>, title: &str) -> Self {
        let info = InfoBuilder::new().title(title).version(env!("CARGO_PKG_VERSION")).build();
        let router = OpenApiRouter::with_openapi(OpenApiBuilder::new().info(info).build());
        Self { desk, router, gates: BTreeMap::new() }
    }

    /// Adds a route, as `utoipa_axum::routes!` makes it of one handler, with who may use it.
    #[must_use]
    pub fn route(mut self, (schemas, paths, methods): UtoipaMethodRouter<S>, access: Access) -> Self {
        let found = serde_json::to_value(&paths).map(|paths| document::operations(&paths)).unwrap_or_default();
        let Some(operation) = found.into_iter().next() else { return self };
        let gate = Arc::new(Gate {
            desk: Arc::clone(&self.desk),
            access,
            route: operation.route.as_str().into(),
            parameters: operation.parameters,
            media_types: operation.media_types,
        });
        let methods = methods.route_layer(middleware::from_fn_with_state(Arc::clone(&gate), guard::guard));
        self.gates.insert(operation.route, gate);
        self.router = self.router.routes((schemas, paths, methods));
        self
    }

    /// The finished API, and its OpenAPI document, which it also serves.
    pub fn finish(self, state: S) -> (Router, Arc<Value>) {
        let (router, openapi) = self.router.split_for_parts();
        let document = Arc::new(document::complete(serde_json::to_value(&openapi).unwrap_or_default(), &self.gates));
        let shown = Arc::clone(&document);
        let (journal, clock) = (Arc::clone(&self.desk.parts.journal), Arc::clone(&self.desk.parts.clock));
        let ready = move || {
            let (journal, clock) = (Arc::clone(&journal), Arc::clone(&clock));
            async move {
                match clock::timeout(&*clock, READY_DEADLINE, journal.audit(i64::MAX, 1)).await {
                    Ok(Ok(_)) => Reply::json(&serde_json::json!({ "ready": true })),
                    _ => Err(Problem::from(Code::NotReady)),
                }
            }
        };
        let router = router
            .with_state(state)
            .route("/openapi.json", get(async move || Reply::json(&*shown)))
            .route("/health", get(async || Reply::json(&serde_json::json!({ "alive": true }))))
            .route("/ready", get(ready))
            .method_not_allowed_fallback(async || Problem::from(Code::WrongMethod))
            .fallback(async || Problem::from(Code::UnknownRoute));
        (router, document)
    }
}

/// How long the store may take to say that it is there.
const READY_DEADLINE: Duration = Duration::from_secs(5);

/// All APIs of one address.
#[derive(Debug, Default)]
pub struct Site {
    router: Router,
    traces: Option<Traces>,
}

impl Site {
    /// A site without APIs.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an API below a path: empty, or one that [`is_base_path`] accepts.
    #[must_use]
    pub fn with(mut self, base_path: &str, api: Router) -> Self {
        self.router = if base_path.is_empty() { self.router.merge(api) } else { self.router.nest(base_path, api) };
        self
    }

    /// Makes a span of every answer.
    #[must_use]
    pub fn traced(self, traces: Option<Traces>) -> Self {
        Self { traces, ..self }
    }

    /// What answers requests.
    pub fn finish(self, clock: Arc<dyn Clock>) -> Router {
        let router = self.router.method_not_allowed_fallback(async || Problem::from(Code::WrongMethod));
        let router = router.fallback(async || Problem::from(Code::UnknownRoute));
        router.layer(middleware::from_fn_with_state((clock, self.traces), finish))
    }
}

/// What answers every request with one problem.
pub(crate) fn refusing(code: Code, clock: Arc<dyn Clock>) -> Router {
    Router::new()
        .fallback(async move || Problem::from(code))
        .layer(middleware::from_fn_with_state((clock, None::<Traces>), finish))
}

/// Whether a text is the path below which an API may stand: `/hd4res`, `/a/b`.
#[must_use]
pub fn is_base_path(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) && part != ".."
    };
    text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_part))
}

/// Gives every problem its language, every answer the headers that all have, and the log and the traces one line: no address, no query, no body.
async fn finish(State((clock, traces)): State<(Arc<dyn Clock>, Option<Traces>)>, request: Request, next: Next) -> Response {
    let (begin, language, method) = (clock.now(), guard::language(request.headers()), request.method().clone());
    let mut response = next.run(request).await;
    let served = response.extensions_mut().remove::<Served>();
    let problem = response.extensions_mut().remove::<Problem>();
    if let Some(problem) = &problem {
        let replayed = response.headers().get("idempotency-replayed").cloned();
        let allow = response.headers().get(header::ALLOW).cloned();
        response = problem.response(language);
        response.headers_mut().extend(replayed.map(|value| (header::HeaderName::from_static("idempotency-replayed"), value)));
        response.headers_mut().extend(allow.map(|value| (header::ALLOW, value)));
    }
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Language, Authorization"));
    let (service, route, token) = match &served {
        Some(Served { service, route, token }) => (*service, route.as_ref(), token.as_deref()),
        None => ("api", known(&method), None),
    };
    let code = problem.map(|problem| problem.code.as_str());
    let now = clock.now();
    let (status, took) = (response.status().as_u16(), now.since(begin));
    if let Some(traces) = &traces {
        let route = route.split_once(' ').map(|(_, pattern)| pattern).filter(|_| served.is_some());
        traces.answered(&Answered { method: known(&method), route, status, code, took, at: now });
    }
    let millis = took.as_millis();
    tracing::info!(service, route, status, code, token, millis, "answered");
    response
}

/// A method as the log may have it: anybody can invent one, of any text.
const fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "another method",
    }
}

#[cfg(test)]
mod tests;
