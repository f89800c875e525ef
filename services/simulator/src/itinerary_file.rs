//! `itinerary.jsonl`: where every registration of a call was, and when. Nothing of the patient.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use serde::Serialize;
use uuid::Uuid;

use crate::{
    stores::Stores,
    tally::{Items, status_of},
};

/// One registration at one step.
#[derive(Serialize)]
struct Line<'a> {
    item: String,
    step: &'a str,
    service: &'a str,
    queue: &'a str,
    publication: &'a str,
    time: &'a str,
    outcome: &'a str,
}

/// Why the itinerary could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ItineraryError {
    /// A store cannot be read.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// The file cannot be written.
    #[error("write the itinerary")]
    File(#[from] io::Error),
}

const PAGE: u32 = 200;

/// Writes a line per item of `items` and passage. Items of the way back appear under the id of the registration's item that they
/// answer.
///
/// # Errors
///
/// [`ItineraryError`].
pub async fn write(stores: &Stores, items: &Items, path: &Path) -> Result<(), ItineraryError> {
    let mut answers: Vec<(Uuid, Uuid)> = items.as_slice().iter().map(|item| (status_of(*item), *item)).collect();
    answers.sort_unstable();
    let own = |item: Uuid| {
        if items.contains(&item) {
            return Some(item);
        }
        answers.binary_search_by_key(&item, |(answer, _)| *answer).ok().map(|at| answers[at].1)
    };
    let mut file = BufWriter::new(File::create(path)?);
    for (service, itinerary) in stores.itineraries() {
        let mut after = 0;
        loop {
            let page = itinerary.passages(after, PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            after = *last;
            for (_, passage) in &page {
                let (time, outcome) = (passage.at.to_string(), passage.outcome.to_string());
                let publication = passage.publication.to_string();
                for item in passage.items.iter().filter_map(|item| own(*item)) {
                    let line = Line {
                        item: item.to_string(),
                        step: passage.step,
                        service: &service,
                        queue: &passage.queue,
                        publication: &publication,
                        time: &time,
                        outcome: &outcome,
                    };
                    serde_json::to_writer(&mut file, &line).map_err(io::Error::from)?;
                    file.write_all(b"\n")?;
                }
            }
        }
    }
    file.flush()?;
    Ok(())
}
