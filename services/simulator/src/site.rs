//! The APIs of all services of an installation at one address: `/hd4res`, `/dhw`, `/operator`, and `/hd4dp/<nihdi>` for each hospital.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    extract::Request,
    middleware::{self, Next},
    response::IntoResponse,
};
use clock::Clock;
use serde_json::Value;
use store::StoreError;
use topology::Actor;
use web::{Code, Desk, DeskParts, Journal, MemoryJournal, Problem, Site, Tokens};

use crate::{
    installation::Installation,
    operator::{self, Operator},
    stores::Stores,
};

/// The site of an installation.
pub struct OpenSite {
    /// What answers requests.
    pub router: axum::Router,
    /// The OpenAPI document of each API, by the path below which it stands.
    pub documents: BTreeMap<String, Arc<Value>>,
    /// What the operator's API remembers; the others' stores do that for theirs.
    pub operator_journal: Arc<dyn Journal>,
}

/// Puts the APIs of an installation together, below a base path that may be empty. One file of tokens serves all: a token's role and organisation say where it is of use.
///
/// # Errors
///
/// [`StoreError`] when a store does not give what its API needs.
pub async fn open(
    installation: &Installation,
    tokens: &Arc<Tokens>,
    clock: &Arc<dyn Clock>,
    base_path: &str,
) -> Result<OpenSite, StoreError> {
    let Stores { hd4res_journal, dhw_journal, hospitals, .. } = &installation.stores;
    let desk = |service, organisation, journal: &Arc<dyn Journal>| {
        let (tokens, journal, clock) = (Arc::clone(tokens), Arc::clone(journal), Arc::clone(clock));
        Desk::open(DeskParts { service, organisation, tokens, journal, clock })
    };
    let (mut site, mut documents) = (Site::new(), BTreeMap::new());
    let mut add = |path: String, (router, document): (axum::Router, Arc<Value>)| {
        site = std::mem::take(&mut site).with(&path, router);
        documents.insert(path, document);
    };
    // What is left to another part is that part's to offer.
    if !installation.left_out.has(Actor::Hd4res, None) {
        let hd4res = desk(hd4res::SERVICE, None, hd4res_journal).await?;
        let api = hd4res::api::api(Arc::clone(&installation.hd4res), hd4res);
        add(format!("{base_path}/hd4res"), guarded(installation, hd4res::SERVICE, api));
    }
    if !installation.left_out.has(Actor::Dhw, None) {
        let dhw = desk(dhw::service::SERVICE, None, dhw_journal).await?;
        let api = dhw::api::api(Arc::clone(&installation.dhw), dhw);
        add(format!("{base_path}/dhw"), guarded(installation, dhw::service::SERVICE, api));
    }
    for (nihdi, hd4dp) in &installation.hd4dp {
        let Some(stores) = hospitals.get(nihdi) else { continue };
        let desk = desk(hd4dp::SERVICE, Some(nihdi.to_string()), &stores.journal).await?;
        let service = format!("{}-{nihdi}", hd4dp::SERVICE);
        add(format!("{base_path}/hd4dp/{nihdi}"), guarded(installation, &service, hd4dp::api::api(Arc::clone(hd4dp), desk)));
    }
    // What an operator asked for concerns this process's broker, and is forgotten with it.
    let operator_journal: Arc<dyn Journal> = Arc::new(MemoryJournal::default());
    let desk = desk(operator::SERVICE, None, &operator_journal).await?;
    add(format!("{base_path}/operator"), operator::api(Arc::new(Operator::of(installation, clock)), desk));
    Ok(OpenSite { router: site.finish(Arc::clone(clock)), documents, operator_journal })
}

/// The API of a service that may be stopped: nobody answers there then.
fn guarded(installation: &Installation, service: &str, (router, document): (Router, Arc<Value>)) -> (Router, Arc<Value>) {
    let Some(faults) = installation.faults.clone() else { return (router, document) };
    let service: Arc<str> = service.into();
    let guard = move |request: Request, next: Next| {
        let is_down = faults.is_down(&service);
        async move { if is_down { Problem::from(Code::ServiceDown).into_response() } else { next.run(request).await } }
    };
    (router.layer(middleware::from_fn(guard)), document)
}
