//! The upload centre (domain sheet 3.4): files that come by an interface or lie in a folder, with an overview that outlives the process.
//!
//! Their reports stand in the store, each part in the transaction of the rows that it is about. So an upload that a crash cut off can be
//! taken up again behind its last row, and its reports are whole then.

use std::{path::Path, sync::Arc};

use dcd::{Code, Definition, Expected, Finding, Language};
use host::Trouble;
use store::StoreError;

use crate::{
    Hd4dp, SubmitError,
    options::{How, UploadOptions},
    reports::{self, ReportsTo},
    store::{NewUpload, Progress, Report, UploadId},
    upload::{CsvFile, Reading, UploadError},
};

/// Largest file of the upload centre, the folders and the interface, in bytes: the published 6 MB.
pub const FILE_MAX: u64 = 6 * 1024 * 1024;

/// A file that came.
#[derive(Clone, Copy)]
pub struct Incoming<'a> {
    /// The register that it is for.
    pub definition: &'a Arc<Definition>,
    /// Where it lies; attachments lie beside it.
    pub path: &'a Path,
    /// What the hospital calls it.
    pub name: &'a str,
}

impl std::fmt::Debug for Incoming<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Incoming").field("register", &self.definition.name()).finish_non_exhaustive()
    }
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Its upload.
    pub upload: UploadId,
    /// Why no row of it was read; empty when all were.
    pub refused: Vec<Finding>,
}

impl Hd4dp {
    /// Takes in a file, and keeps its reports. A file that is not its register's stands in the overview too, with what is wrong with it.
    ///
    /// # Errors
    ///
    /// [`UploadError`] when the file cannot be read or the rows not be written down; the upload stands in the overview as failed then, or,
    /// when the store does not even take that, as cut off after the next start.
    pub async fn receive(&self, file: Incoming<'_>, how: &How<'_>, language: Language) -> Result<Outcome, UploadError> {
        self.receive_beside(file, None, how, language).await
    }

    /// The same for a file whose attachments lie in another folder than itself.
    pub(crate) async fn receive_beside(
        &self,
        file: Incoming<'_>,
        beside: Option<&Path>,
        how: &How<'_>,
        language: Language,
    ) -> Result<Outcome, UploadError> {
        let new = NewUpload { file: file.name, dcd: file.definition.name(), way: how.way, author: how.author, claim: how.claim };
        let opened = self.store().open_upload(&new, self.context().clock.now()).await;
        let upload = opened.map_err(unwritten)?;
        self.take_up_beside(file, beside, (upload, 0), how, language).await
    }

    /// Goes on with an upload of which `done` rows were taken in before; `file` must be the same.
    ///
    /// # Errors
    ///
    /// As [`Hd4dp::receive`].
    pub async fn take_up(
        &self,
        file: Incoming<'_>,
        (upload, done): (UploadId, u64),
        how: &How<'_>,
        language: Language,
    ) -> Result<Outcome, UploadError> {
        self.take_up_beside(file, None, (upload, done), how, language).await
    }

    pub(crate) async fn take_up_beside(
        &self,
        file: Incoming<'_>,
        beside: Option<&Path>,
        (upload, done): (UploadId, u64),
        how: &How<'_>,
        language: Language,
    ) -> Result<Outcome, UploadError> {
        let taken = self.take_rows(file, beside, (upload, done), how, language).await;
        let (progress, refused, reports) = match taken {
            Ok(()) => (Progress::Done, Vec::new(), Vec::new()),
            Err(UploadError::Refused { findings, .. }) => {
                let report = reports::of_refused_file(&findings, language);
                (Progress::Failed, findings, vec![report])
            }
            Err(error) => {
                // What the store did not take it may take later, so that is no failure of the file.
                let progress =
                    if let UploadError::Submit(SubmitError::Trouble(_)) = &error { Progress::CutOff } else { Progress::Failed };
                // Whatever the store says now, the first error is the one to be told.
                let _ = self.store().end_upload(upload, progress, &[], self.context().clock.now()).await;
                return Err(error);
            }
        };
        self.store().end_upload(upload, progress, &reports, self.context().clock.now()).await.map_err(unwritten)?;
        Ok(Outcome { upload, refused })
    }

    async fn take_rows(
        &self,
        file: Incoming<'_>,
        beside: Option<&Path>,
        (upload, done): (UploadId, u64),
        how: &How<'_>,
        language: Language,
    ) -> Result<(), UploadError> {
        let today = self.context().clock.now().date();
        let failed = |source| UploadError::File { what: "read", path: file.path.to_path_buf(), source };
        if std::fs::metadata(file.path).map_err(failed)?.len() > FILE_MAX {
            let finding = Finding::new(Code::E12).expecting(Expected::AtMost(FILE_MAX));
            return Err(UploadError::Refused { path: file.path.to_path_buf(), findings: vec![finding] });
        }
        let mut csv = CsvFile::open(file.path, file.definition, today)?;
        if let Some(beside) = beside {
            csv = csv.with_attachments_in(beside);
        }
        let mut begun = Vec::new();
        for report in Report::ALL {
            if done > 0 && self.store().report(upload, report).await.map_err(unwritten)?.is_some() {
                begun.push(report);
            }
        }
        let reading = Reading::new(self, file.definition, how);
        reading.take_in(csv, (upload, done), ((ReportsTo::Store, language), begun), async |_| {}).await
    }

    /// The options that an upload of this register has when its user chooses none: those that somebody chose for all, or else the
    /// program's.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn upload_options(&self, definition: &Definition) -> Result<UploadOptions, StoreError> {
        Ok(self.store().default_options(definition.name()).await?.unwrap_or_default())
    }

    /// Chooses the options that uploads of a register have by default. Anyone who takes part in the register may; a single upload can have
    /// others.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn set_upload_options(
        &self,
        definition: &Definition,
        options: &UploadOptions,
        author: &str,
    ) -> Result<(), StoreError> {
        self.store().set_default_options(definition.name(), options, author, self.context().clock.now()).await
    }
}

fn unwritten(error: StoreError) -> UploadError {
    UploadError::Submit(SubmitError::Trouble(Trouble::Store(error)))
}
