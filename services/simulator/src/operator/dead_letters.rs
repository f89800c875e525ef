//! Dead letters: what stands there, and why.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use axum::extract::State;
use broker::BrokerError;
use envelope::PublicationId;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use web::{Call, Code, PageOf, Path, Problem, Query, Reply};

use super::Operator;
use crate::letters::{Filter, LetterDetail, LetterView, Wanted};

/// Which letters.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// Those of a queue, by its name or that of its dead letters' queue.
    queue: Option<String>,
    /// Those of a step: `4`, `5-back`, `R1`.
    step: Option<String>,
    /// Those with a reason code; `NONE` for those without one.
    reason: Option<String>,
    /// Those of a hospital, as far as that can be told.
    hospital: Option<String>,
    /// Those of a publication.
    publication: Option<String>,
    /// Those with an item.
    item: Option<String>,
    /// Those set aside at least so many seconds ago.
    older_than_s: Option<u64>,
    /// Those set aside at most so many seconds ago.
    newer_than_s: Option<u64>,
    /// Where the list goes on: `next` of the page before.
    cursor: Option<String>,
    /// Rows at most, from 1 to 1000; 100 when not given.
    limit: Option<u32>,
}

/// Looks that are remembered, so that the pages of a list are of one moment.
#[derive(Default)]
pub(super) struct Looks(Mutex<Remembered>);

#[derive(Default)]
struct Remembered {
    next: u64,
    looks: VecDeque<(u64, Arc<[LetterView]>)>,
}

/// Looks that are remembered at most.
const LOOKS_MAX: usize = 8;

/// The place of a row, as a cursor holds it: the look, and the row's number in it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Row(u64, usize);

impl Looks {
    fn remember(&self, letters: Vec<LetterView>) -> (u64, Arc<[LetterView]>) {
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, letters): (u64, Arc<[LetterView]>) = (remembered.next, letters.into());
        remembered.next += 1;
        remembered.looks.push_back((number, Arc::clone(&letters)));
        while remembered.looks.len() > LOOKS_MAX {
            remembered.looks.pop_front();
        }
        (number, letters)
    }

    fn find(&self, number: u64) -> Option<Arc<[LetterView]>> {
        let remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.looks.iter().find(|(known, _)| *known == number).map(|(_, letters)| Arc::clone(letters))
    }
}

/// The dead letters of all queues, by queue in the order of the flow, the oldest first. Each stays where it stands.
#[utoipa::path(get, path = "/dead-letters", params(Parameters), responses((status = 200, body = PageOf<LetterView>)))]
pub(super) async fn list(
    State(operator): State<Arc<Operator>>,
    call: Call,
    Query(parameters): Query<Parameters>,
) -> Result<Reply, Problem> {
    let Parameters { cursor, limit, queue, step, reason, hospital, publication, item, older_than_s, newer_than_s } = parameters;
    let wanted = Wanted { queue, step, reason, hospital, publication, item, older_than_s, newer_than_s };
    let filter = Filter::try_from(&wanted).map_err(|_| Code::InvalidParameter)?;
    let asked = call.asked::<Row>(&wanted, cursor.as_deref(), limit)?;
    let (number, letters, from) = match asked.after {
        // A look of which newer ones have taken the place: the list begins anew.
        Some(Row(number, last)) => (number, operator.looks.find(number).ok_or(Code::InvalidCursor)?, last + 1),
        None => {
            let look = operator.office.look(&filter).await.map_err(away)?;
            let (number, letters) = operator.looks.remember(look.letters.iter().map(LetterView::from).collect());
            (number, letters, 0)
        }
    };
    let rows = letters.iter().enumerate().skip(from).take(asked.limit as usize + 1).collect();
    let page =
        call.page(&wanted, asked.limit, rows, |(at, _)| Row(number, *at), |(_, letter): (usize, &LetterView)| letter.clone())?;
    Reply::json(&page)
}

/// The dead letters of one publication (one, unless it stands there twice), each with what its parts look like and with why it is there. Nothing is opened.
#[utoipa::path(get, path = "/dead-letters/{publication}", params(("publication" = String, Path)),
    responses((status = 200, body = Vec<LetterDetail>)))]
pub(super) async fn one(State(operator): State<Arc<Operator>>, Path(publication): Path<String>) -> Result<Reply, Problem> {
    let publication: PublicationId = publication.parse().map_err(|_| Code::InvalidParameter)?;
    let look = operator.office.look(&Filter::of(publication)).await.map_err(away)?;
    if look.letters.is_empty() {
        return Err(Code::UnknownDeadLetter.into());
    }
    Reply::json(&look.letters.iter().map(LetterDetail::from).collect::<Vec<_>>())
}

fn away(error: BrokerError) -> Problem {
    tracing::warn!(%error, "dead letters could not be looked at");
    Code::BrokerUnavailable.into()
}
