//! Registers as files that can be uploaded again.

use std::{
    io::{BufWriter, Seek},
    sync::Arc,
};

use axum::extract::State;
use web::{Call, Code, Path, Problem, Reply, Trace};

use super::Office;
use crate::download::{self, DownloadError};

/// All registrations of a register that are not deleted, as a file that can be uploaded again.
#[utoipa::path(get, path = "/registers/{register}/registrations.csv", params(("register" = String, Path)),
    responses((status = 200, body = String, content_type = "text/csv")))]
pub(super) async fn download(
    State(office): State<Arc<Office>>,
    call: Call,
    Path(register): Path<String>,
) -> Result<Reply, Problem> {
    let definition = office.register(&call, &register)?;
    // The file comes first: what goes wrong halfway is then a problem and no file cut short. It has no name on the disk.
    let mut file = tempfile::tempfile().map_err(DownloadError::from)?;
    let count = download::download(&office.hd4dp, &definition, BufWriter::new(&mut file)).await?;
    reply(file, definition.name(), definition.name(), count)
}

/// What is known of the stable fields of a register, a line per patient with a national number.
#[utoipa::path(get, path = "/registers/{register}/stable.csv", params(("register" = String, Path)),
    responses((status = 200, body = String, content_type = "text/csv")))]
pub(super) async fn stable(
    State(office): State<Arc<Office>>,
    call: Call,
    Path(register): Path<String>,
) -> Result<Reply, Problem> {
    let definition = office.register(&call, &register)?;
    let mut file = tempfile::tempfile().map_err(DownloadError::from)?;
    let count = office.hd4dp.download_stable(&definition, BufWriter::new(&mut file)).await?;
    reply(file, definition.name(), &format!("{}-stable", definition.name()), count)
}

fn reply(mut file: std::fs::File, register: &str, name: &str, count: u64) -> Result<Reply, Problem> {
    file.rewind().map_err(DownloadError::from)?;
    let trace = Trace { register: Some(register.to_owned()), ids: Vec::new(), count };
    Ok(Reply::from_file("text/csv; charset=utf-8", file).file(&format!("{name}.csv")).traced(trace))
}

impl From<DownloadError> for Problem {
    fn from(error: DownloadError) -> Self {
        match error {
            DownloadError::Store(error) => error.into(),
            DownloadError::Changed => Code::StoreUnavailable.into(),
            error @ (DownloadError::Item(_) | DownloadError::File(_)) => {
                tracing::error!(service = crate::SERVICE, %error, "a download failed");
                Code::Internal.into()
            }
        }
    }
}
