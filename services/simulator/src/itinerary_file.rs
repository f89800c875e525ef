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

const PAGE: u32 = 100;
/// Answers whose ids are held at once, 32 bytes each. Larger calls are written in several goes over the itineraries.
const ANSWERS: usize = 250_000;

/// Writes a line per item of `items` and passage, in the order of the services. Items of the way back appear under the id of the
/// registration's item that they answer; those of a call too large for one go come behind the rest.
///
/// # Errors
///
/// [`ItineraryError`].
pub async fn write(stores: &Stores, items: &Items, path: &Path) -> Result<(), ItineraryError> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut rest = items.iter();
    for go in 0.. {
        let mut answers: Vec<(Uuid, Uuid)> = rest.by_ref().take(ANSWERS).map(|item| (status_of(item), item)).collect();
        if answers.is_empty() {
            break;
        }
        answers.sort_unstable();
        let own = |item: Uuid| {
            if items.contains(&item) {
                return (go == 0).then_some(item);
            }
            let at = answers.binary_search_by_key(&item, |(answer, _)| *answer).ok()?;
            answers.get(at).map(|(_, item)| *item)
        };
        write_lines(stores, own, &mut file).await?;
    }
    file.flush()?;
    Ok(())
}

/// Writes a line per passage and item that `own` knows.
async fn write_lines(
    stores: &Stores,
    own: impl Fn(Uuid) -> Option<Uuid>,
    file: &mut BufWriter<File>,
) -> Result<(), ItineraryError> {
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
                    serde_json::to_writer(&mut *file, &line).map_err(io::Error::from)?;
                    file.write_all(b"\n")?;
                }
            }
        }
    }
    Ok(())
}
