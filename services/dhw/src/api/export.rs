//! The researcher's file of a register.

use std::{
    io::{self, Seek},
    sync::Arc,
};

use axum::extract::State;
use web::{Call, Code, Path, Problem, Reply, Trace};

use super::name;
use crate::{Dhw, error::ExportError, researcher};

/// All that healthdata holds of a register, as RFC 4180: a working file inside healthdata, never a release. Its bytes are those of
/// `researcher/<register>.csv`.
#[utoipa::path(get, path = "/registers/{register}/export.csv", params(("register" = String, Path)),
    responses((status = 200, body = String, content_type = "text/csv")))]
pub(super) async fn export(State(dhw): State<Arc<Dhw>>, call: Call, Path(register): Path<String>) -> Result<Reply, Problem> {
    let register = name(&dhw, &call, &register)?;
    // The file comes first: what goes wrong halfway is then a problem and no file cut short, and the audit row knows how much it was. It has
    // no name on the disk, so nothing of it stays.
    let mut file = tempfile::tempfile().map_err(ExportError::from)?;
    let count = researcher::export(&**dhw.store(), dhw.registers(), register, io::BufWriter::new(&mut file)).await?;
    file.rewind().map_err(ExportError::from)?;
    let trace = Trace { register: Some(register.to_owned()), ids: Vec::new(), count };
    Ok(Reply::from_file("text/csv; charset=utf-8", file).file(&format!("{register}.csv")).traced(trace))
}

impl From<ExportError> for Problem {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Store(error) => error.into(),
            // The next attempt finds the lists as long as they are by then.
            ExportError::Changed => Code::StoreUnavailable.into(),
            error @ (ExportError::Record(_) | ExportError::File(_)) => {
                tracing::error!(service = crate::service::SERVICE, %error, "an export failed");
                Code::Internal.into()
            }
        }
    }
}
