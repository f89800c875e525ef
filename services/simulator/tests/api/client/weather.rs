//! Answers that are lost, late or for later: what was asked for happens once, and nothing is waited for without an end.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    extract::{Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{Terminal, registration};
use crate::{
    house::{House, REGISTER, rows},
    http::Ask,
};

/// Stands before a service and loses its answers to the first changes: the service has done them, the caller hears nothing. Counts changes.
async fn losing(service: SocketAddr, answers: usize) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, changes) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&changes);
    tokio::spawn(async move {
        while let Ok((caller, _)) = listener.accept().await {
            tokio::spawn(pass(caller, service, Arc::clone(&counted), answers));
        }
    });
    (address, changes)
}

async fn pass(mut caller: TcpStream, service: SocketAddr, changes: Arc<AtomicUsize>, lost: usize) {
    let mut service = TcpStream::connect(service).await.unwrap();
    let (mut asked, mut answered) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let mut is_lost = false;
    loop {
        tokio::select! {
            length = caller.read(&mut asked) => {
                let Some(bytes) = length.ok().filter(|length| *length > 0).map(|length| &asked[..length]) else { return };
                if bytes.starts_with(b"POST ") || bytes.starts_with(b"DELETE ") {
                    is_lost = changes.fetch_add(1, Ordering::SeqCst) < lost;
                }
                if service.write_all(bytes).await.is_err() { return }
            }
            length = service.read(&mut answered) => {
                let Some(length) = length.ok().filter(|length| *length > 0 && !is_lost) else { return };
                if caller.write_all(&answered[..length]).await.is_err() { return }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_answers_are_lost_happens_once() {
    let house = House::open_in(tempfile::tempdir().unwrap()).await;
    let file = rows(house.folder.path(), "four.csv", 4, 0);
    let through = async || {
        let (address, changes) = losing(house.address, 2).await;
        (Terminal::new(&house).at(&[format!("http://{address}")]), changes)
    };
    let (terminal, changes) = through().await;
    let sent = terminal.json(&["submit", "--dcd", REGISTER, "--file", file.to_str().unwrap()]).await;
    assert_eq!((&sent["accepted"], changes.load(Ordering::SeqCst)), (&4.into(), 3));
    let ask = Ask::new("get", "/hd4dp/00000196/uploads").with("authorization", &house.token("data-provider", "00000196"));
    assert_eq!(house.ask(&ask).await.json()["items"].as_array().unwrap().len(), 1, "one upload, asked for three times");

    let first = registration(&sent, 0);
    for (arguments, status, events) in [
        (&["correct", &first, "--comment", "Is it right?"][..], "Corrections needed", 1),
        (&["submit", &first, "--answer", "It is."], "Submitted", 2),
        (&["reopen", &first], "Open", 3),
        (&["delete", &first], "Deleted", 4),
    ] {
        let (terminal, changes) = through().await;
        let both = terminal.json(arguments).await;
        assert_eq!((&both["hospital"]["status"], changes.load(Ordering::SeqCst)), (&status.into(), 3), "{arguments:?}");
        assert_eq!(both["hospital"]["history"].as_array().unwrap().len(), events, "{both}");
    }
    house.close().await;
}

/// An answer that never comes ends in exit status 3, and says that it may have been done.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_never_answered_may_have_been_done() {
    let house = House::open().await;
    let first = registration(&Terminal::new(&house).json(&["list"]).await, 0);
    let (address, changes) = losing(house.address, usize::MAX).await;
    let terminal = Terminal::new(&house).at(&[format!("http://{address}")]);
    let (status, said) = terminal.fails(&["reopen", &first, "--timeout", "1"]).await;
    assert!(status == 3 && said.contains("within 1 seconds; it may have been done: `precision status` shows it"), "{said}");
    assert!(changes.load(Ordering::SeqCst) > 2);
    let both = Terminal::new(&house).json(&["status", &first]).await;
    assert_eq!((&both["hospital"]["status"], both["hospital"]["history"].as_array().unwrap().len()), (&"Open".into(), 1));
    house.close().await;
}

fn document(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

/// An HD4DP that has a registration on its way for ever, in two pages of a list, and asks for patience once.
async fn slow() -> SocketAddr {
    let etag = [(header::ETAG, "\"1-submitted-0\"")];
    let one = json!({ "registration_id": ID, "register": REGISTER, "register_version": 1, "status": "submitted",
        "confirmation": "PENDING", "is_draft": false, "values": [], "comments": [], "history": [], "of_a_later_release": {},
        "versions": [{ "version": 1, "submitted_at": "", "author": null, "confirmed_at": null, "answers": [] }] });
    let line = json!({ "registration_id": ID, "register": REGISTER, "version": 1, "status": "submitted", "confirmation": "PENDING",
        "submitted_at": "", "confirmed_at": null });
    let problem = json!({ "type": "urn:x", "title": "Later.", "status": 503, "code": "STORE_UNAVAILABLE" });
    let busy = (StatusCode::SERVICE_UNAVAILABLE, [(header::CONTENT_TYPE, "application/problem+json")], problem.to_string());
    let list = async move |State(asked): State<Arc<AtomicUsize>>, Query(query): Query<Vec<(String, String)>>| {
        let cursor = query.into_iter().find_map(|(name, value)| (name == "cursor").then_some(value));
        match (asked.fetch_add(1, Ordering::SeqCst), cursor.as_deref()) {
            (0, _) => busy.into_response(),
            (_, None) => document(&json!({ "items": [line, line], "next": "second" })),
            (_, Some("second")) => document(&json!({ "items": [line], "next": null })),
            (_, Some(_)) => StatusCode::BAD_REQUEST.into_response(),
        }
    };
    let openapi = json!({ "openapi": "3.1.0", "info": { "title": "HD4DP, slow" } });
    let router = Router::new()
        .route("/openapi.json", get(async move || document(&openapi)))
        .route("/registrations", get(list))
        .route("/registrations/{id}", get(async move || (etag, document(&one))))
        .with_state(Arc::new(AtomicUsize::new(0)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, router).await });
    address
}

const ID: &str = "018f3c2e-0000-8000-8000-000000000001";

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_walked_busy_services_asked_again_and_waiting_ends() {
    let house = House::open_in(tempfile::tempdir().unwrap()).await;
    let terminal = Terminal::with(&house, "alone", "precision_alone").at(&[format!("http://{}", slow().await)]);
    let arguments = ["--org", "00000196", "--timeout", "1"];
    let listed = terminal.run(&[&["list"], &arguments[..]].concat()).await;
    let lines = String::from_utf8(listed.stdout).unwrap();
    assert_eq!((listed.status.code(), lines.matches("Submitted, PENDING").count()), (Some(0), 3), "{lines}");
    let waited = terminal.run(&[&["status", ID, "--json"], &arguments[..]].concat()).await;
    let (both, said): (Value, _) = (serde_json::from_slice(&waited.stdout).unwrap(), String::from_utf8_lossy(&waited.stderr));
    assert_eq!((waited.status.code(), &both["hospital"]["confirmation"]), (Some(3), &"PENDING".into()));
    assert!(said.contains("healthdata has not confirmed it, and nothing moved for 1 seconds"), "{said}");
    house.close().await;
}
