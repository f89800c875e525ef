//! Where a registration was, from each service that a token opens: every party shows its own passages only.

use topology::Nihdi;
use uuid::Uuid;
use web::Trail;

use super::{ClientError, Sides, api::Api};
use crate::course::{Gathered, gather};

/// What the parties without an API are not asked for.
const NO_API: &str = "it has no API; its itinerary is in its store";

/// Asks everybody whom the tokens open about a registration or an item; whoever does not know it says nothing.
///
/// # Errors
///
/// [`ClientError`].
pub async fn ask_all(sides: &Sides, warehouse: Option<&Api>, id: Uuid) -> Result<Gathered, ClientError> {
    let mut gathered = Gathered::default();
    for hospital in &sides.hospitals {
        if let Some(trail) = ask(&hospital.api, id).await? {
            gathered.trails.insert(party(hd4dp::SERVICE, hospital.nihdi), trail);
            break;
        }
    }
    let of_hospital = gathered.trails.values().find_map(|trail| trail.registration_id.as_ref()?.parse().ok());
    if let Some(research) = &sides.research {
        let trail = ask(&research.api, of_hospital.unwrap_or(id)).await?;
        gathered.trails.extend(trail.map(|trail| (hd4res::SERVICE.to_owned(), trail)));
        // Whoever has an item of an unknown hospital in hand learns its registration from HD4RES.
        if gathered.trails.len() == 1
            && let Some(registration) = gathered.trails.values().find_map(|trail| trail.registration_id.as_ref()?.parse().ok())
        {
            for hospital in sides.hospitals.iter().filter(|_| of_hospital.is_none()) {
                let trail = ask(&hospital.api, registration).await?;
                gathered.trails.extend(trail.map(|trail| (party(hd4dp::SERVICE, hospital.nihdi), trail)));
            }
        }
    }
    if let Some(warehouse) = warehouse {
        let mut items = gather::versions(&gathered.trails);
        items.insert(id);
        let mut whole = Trail::default();
        for item in items {
            whole.passages.extend(ask(warehouse, item).await?.into_iter().flat_map(|trail| trail.passages));
        }
        if !whole.passages.is_empty() {
            gathered.trails.insert(dhw::service::SERVICE.to_owned(), whole);
        }
    }
    gathered.not_asked = not_asked(sides, warehouse);
    Ok(gathered)
}

async fn ask(api: &Api, id: Uuid) -> Result<Option<Trail>, ClientError> {
    match api.get("look at the itinerary", &format!("/itinerary/{id}")).await {
        Ok((trail, _)) => Ok(Some(trail)),
        Err(error) if ["UNKNOWN_REGISTRATION", "UNKNOWN_RECORD", "UNKNOWN_ITEM"].iter().any(|code| error.is(code)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn party(service: &str, nihdi: Option<Nihdi>) -> String {
    nihdi.map_or_else(|| service.to_owned(), |nihdi| format!("{service}-{nihdi}"))
}

fn not_asked(sides: &Sides, warehouse: Option<&Api>) -> Vec<String> {
    let mut parties = Vec::new();
    let mut note = |is_open: bool, party: &str, why: &str| {
        if !is_open {
            parties.push(format!("{party}: {why}"));
        }
    };
    note(!sides.hospitals.is_empty(), hd4dp::SERVICE, "no data provider's token opens it");
    note(false, ehbox_hco::SERVICE, NO_API);
    note(false, ehealth_ttp::SERVICE, NO_API);
    note(false, ehbox_hd::SERVICE, NO_API);
    note(sides.research.is_some(), hd4res::SERVICE, "no token of a researcher or of support opens it");
    note(warehouse.is_some(), dhw::service::SERVICE, "no data validator's token opens it");
    parties
}
