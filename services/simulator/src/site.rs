//! The APIs of all services of an installation at one address: `/hd4res`, `/dhw`, and `/hd4dp/<nihdi>` for each hospital.

use std::{collections::BTreeMap, sync::Arc};

use clock::Clock;
use serde_json::Value;
use store::StoreError;
use web::{Desk, DeskParts, Journal, Site, Tokens};

use crate::{installation::Installation, stores::Stores};

/// The site of an installation.
#[derive(Debug)]
pub struct OpenSite {
    /// What answers requests.
    pub router: axum::Router,
    /// The OpenAPI document of each API, by the path below which it stands.
    pub documents: BTreeMap<String, Arc<Value>>,
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
    let hd4res = desk(hd4res::SERVICE, None, hd4res_journal).await?;
    add(format!("{base_path}/hd4res"), hd4res::api::api(Arc::clone(&installation.hd4res), hd4res));
    let dhw = desk(dhw::service::SERVICE, None, dhw_journal).await?;
    add(format!("{base_path}/dhw"), dhw::api::api(Arc::clone(&installation.dhw), dhw));
    for (nihdi, hd4dp) in &installation.hd4dp {
        let Some(stores) = hospitals.get(nihdi) else { continue };
        let desk = desk(hd4dp::SERVICE, Some(nihdi.to_string()), &stores.journal).await?;
        add(format!("{base_path}/hd4dp/{nihdi}"), hd4dp::api::api(Arc::clone(hd4dp), desk));
    }
    Ok(OpenSite { router: site.finish(Arc::clone(clock)), documents })
}
