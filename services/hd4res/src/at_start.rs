//! What HD4RES does once when the process starts.

use std::sync::Arc;

use clap::Args;
use host::Work;

use crate::Hd4res;

/// What HD4RES takes besides its configuration.
#[derive(Debug, Clone, Copy, Args)]
pub struct AtStart {
    /// Hand all records over to the data warehouse once more, at start: where its store came back from a copy of before. What it knows it answers again
    #[arg(long)]
    pub validate_again: bool,
}

impl AtStart {
    /// Everything that runs in the process.
    #[must_use]
    pub fn works(self, hd4res: &Arc<Hd4res>, itinerary_days: u32) -> Vec<Work> {
        let again = self.validate_again.then(|| validating_again(hd4res));
        hd4res.works().into_iter().chain([hd4res.forgetting(itinerary_days)]).chain(again).collect()
    }
}

/// The work of handing everything over once more, once.
fn validating_again(hd4res: &Arc<Hd4res>) -> Work {
    let hd4res = Arc::clone(hd4res);
    Work::once("hd4res handing over once more", move || {
        let hd4res = Arc::clone(&hd4res);
        async move {
            let records = hd4res.keep_trying(|| hd4res.validate_again()).await;
            tracing::warn!(records, "everything was handed over to the data warehouse once more");
        }
    })
}
