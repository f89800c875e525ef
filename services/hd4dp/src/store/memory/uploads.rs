//! Uploads in memory.

use async_trait::async_trait;
use clock::Timestamp;
use store::StoreError;

use super::MemoryStore;
use crate::{
    options::UploadOptions,
    store::{NewUpload, Progress, Report, ReportPart, UploadId, UploadStore, UploadView},
};

/// An upload, and what was written of its reports.
pub(super) struct Upload {
    pub(super) view: UploadView,
    claim: Option<String>,
    pub(super) reports: Vec<ReportPart>,
}

#[async_trait]
impl UploadStore for MemoryStore {
    async fn open_upload(&self, upload: &NewUpload<'_>, at: Timestamp) -> Result<UploadId, StoreError> {
        let mut state = self.lock();
        let id = UploadId(state.uploads.last_key_value().map_or(1, |(last, _)| last.0 + 1));
        let view = UploadView {
            id,
            file: upload.file.to_owned(),
            dcd: upload.dcd.to_owned(),
            way: upload.way,
            author: upload.author.to_owned(),
            progress: Progress::Running,
            at,
            finished_at: None,
            attempted: 0,
            rejected: 0,
            warned: 0,
        };
        state.uploads.insert(id, Upload { view, claim: upload.claim.map(str::to_owned), reports: Vec::new() });
        Ok(id)
    }

    async fn end_upload(
        &self,
        upload: UploadId,
        progress: Progress,
        reports: &[ReportPart],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        if let Some(upload) = self.lock().uploads.get_mut(&upload) {
            (upload.view.progress, upload.view.finished_at) = (progress, Some(at));
            upload.reports.extend_from_slice(reports);
        }
        Ok(())
    }

    async fn cut_off(&self) -> Result<(), StoreError> {
        for upload in self.lock().uploads.values_mut().filter(|upload| upload.view.progress == Progress::Running) {
            upload.view.progress = Progress::CutOff;
        }
        Ok(())
    }

    async fn upload(&self, upload: UploadId) -> Result<Option<UploadView>, StoreError> {
        Ok(self.lock().uploads.get(&upload).map(|upload| upload.view.clone()))
    }

    async fn claimed(&self, claim: &str) -> Result<Option<UploadView>, StoreError> {
        let state = self.lock();
        let mut uploads = state.uploads.values();
        Ok(uploads.find(|upload| upload.claim.as_deref() == Some(claim)).map(|upload| upload.view.clone()))
    }

    async fn uploads(&self, dcd: Option<&str>, before: Option<UploadId>, limit: u32) -> Result<Vec<UploadView>, StoreError> {
        let state = self.lock();
        let views = state.uploads.values().rev().map(|upload| &upload.view);
        let fits = |view: &&UploadView| dcd.is_none_or(|dcd| dcd == view.dcd) && before.is_none_or(|before| view.id < before);
        Ok(views.filter(fits).take(limit as usize).cloned().collect())
    }

    async fn report(&self, upload: UploadId, report: Report) -> Result<Option<Vec<u8>>, StoreError> {
        let state = self.lock();
        let parts = state.uploads.get(&upload).into_iter().flat_map(|upload| &upload.reports);
        let parts: Vec<&ReportPart> = parts.filter(|part| part.report == report).collect();
        Ok((!parts.is_empty()).then(|| parts.iter().flat_map(|part| part.bytes.clone()).collect()))
    }

    async fn default_options(&self, dcd: &str) -> Result<Option<UploadOptions>, StoreError> {
        Ok(self.lock().default_options.get(dcd).copied())
    }

    async fn set_default_options(
        &self,
        dcd: &str,
        options: &UploadOptions,
        _author: &str,
        _at: Timestamp,
    ) -> Result<(), StoreError> {
        self.lock().default_options.insert(dcd.to_owned(), *options);
        Ok(())
    }
}
