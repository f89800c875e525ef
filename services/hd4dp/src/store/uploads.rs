//! What HD4DP remembers of uploads for the hospital's overview: who brought which file, what became of it, and its reports.

use async_trait::async_trait;
use clock::Timestamp;
use store::StoreError;

use super::UploadId;
use crate::options::UploadOptions;

/// How a file came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// In the application.
    UploadCentre,
    /// A provisioning folder.
    Provisioning,
    /// A fast-track folder.
    FastTrack,
    /// The command line, or a file named at start: of any size, with its reports as files.
    Command,
    /// An interface for programs.
    Api,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::UploadCentre, Self::Provisioning, Self::FastTrack, Self::Command, Self::Api];

    /// The name in stores and interfaces.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::UploadCentre => "UPLOAD_CENTRE",
            Self::Provisioning => "PROVISIONING",
            Self::FastTrack => "FAST_TRACK",
            Self::Command => "COMMAND",
            Self::Api => "API",
        }
    }

    /// The way with this [`code`](Self::code).
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.code() == code)
    }
}

/// Where an upload stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Progress {
    /// Its rows are being taken in.
    Running,
    /// All its rows were read.
    Done,
    /// It was given up: the file is not the register's, or cannot be read.
    Failed,
    /// The process ended while it was running. What was taken in before stays; the same file once more changes only the rest.
    CutOff,
}

impl Progress {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Running, Self::Done, Self::Failed, Self::CutOff];

    /// The name in stores and interfaces.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Done => "DONE",
            Self::Failed => "FAILED",
            Self::CutOff => "CUT_OFF",
        }
    }

    /// The progress with this [`code`](Self::code).
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|progress| progress.code() == code)
    }
}

/// An upload to be opened.
#[derive(Clone, Copy)]
pub struct NewUpload<'a> {
    /// The file's name, for the hospital's own overview.
    pub file: &'a str,
    /// Technical name of the register.
    pub dcd: &'a str,
    /// How the file came.
    pub way: Way,
    /// Who brought it.
    pub author: &'a str,
    /// Tells the file again after a crash; none when nobody will ask.
    pub claim: Option<&'a str>,
}

/// A line of the overview. Debug does not print the file's name, which may say more than it should.
#[derive(Clone, PartialEq, Eq)]
pub struct UploadView {
    /// The upload.
    pub id: UploadId,
    /// The file's name.
    pub file: String,
    /// Technical name of the register.
    pub dcd: String,
    /// How the file came.
    pub way: Way,
    /// Who brought it; empty when that is not known.
    pub author: String,
    /// Where it stands.
    pub progress: Progress,
    /// When it began.
    pub at: Timestamp,
    /// When it was done or given up.
    pub finished_at: Option<Timestamp>,
    /// Rows read.
    pub attempted: u64,
    /// Rows refused.
    pub rejected: u64,
    /// Rows taken in about which something is to be said.
    pub warned: u64,
}

impl UploadView {
    /// Whether it is done and a user should look at a report: rows were refused, or taken in with warnings.
    #[must_use]
    pub fn has_warnings(&self) -> bool {
        self.progress == Progress::Done && self.rejected + self.warned > 0
    }
}

impl std::fmt::Debug for UploadView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UploadView").field("id", &self.id).field("progress", &self.progress).finish_non_exhaustive()
    }
}

/// The reports of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Report {
    /// Rows that were taken in.
    Success,
    /// Rows that equal what is stored, or gave way to it.
    Ignored,
    /// Rows that were refused, with the reasons; or what is wrong with the file.
    Error,
}

impl Report {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Success, Self::Ignored, Self::Error];

    pub(crate) const fn number(self) -> i64 {
        match self {
            Self::Success => 1,
            Self::Ignored => 2,
            Self::Error => 3,
        }
    }
}

/// A further part of a report. Debug prints no content.
#[derive(Clone)]
pub struct ReportPart {
    /// Of which report.
    pub report: Report,
    /// Lines of CSV.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for ReportPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReportPart").field("report", &self.report).finish_non_exhaustive()
    }
}

/// The part of HD4DP's store that knows uploads. Every method is one transaction.
#[async_trait]
pub trait UploadStore: Send + Sync {
    /// Opens an upload; it is running then.
    async fn open_upload(&self, upload: &NewUpload<'_>, at: Timestamp) -> Result<UploadId, StoreError>;

    /// Says what became of an upload, with the last parts of its reports.
    async fn end_upload(
        &self,
        upload: UploadId,
        progress: Progress,
        reports: &[ReportPart],
        at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Whatever is still running belongs to a process that has ended: it is cut off.
    async fn cut_off(&self) -> Result<(), StoreError>;

    /// One upload.
    async fn upload(&self, upload: UploadId) -> Result<Option<UploadView>, StoreError>;

    /// The upload that was opened with this claim.
    async fn claimed(&self, claim: &str) -> Result<Option<UploadView>, StoreError>;

    /// Up to `limit` uploads, of a register if one is named, before `before`, newest first.
    async fn uploads(&self, dcd: Option<&str>, before: Option<UploadId>, limit: u32) -> Result<Vec<UploadView>, StoreError>;

    /// A report as far as it was written, from its header on; `None` when nothing was kept of it.
    async fn report(&self, upload: UploadId, report: Report) -> Result<Option<Vec<u8>>, StoreError>;

    /// The options that uploads of a register have by default; `None` when nobody chose any.
    async fn default_options(&self, dcd: &str) -> Result<Option<UploadOptions>, StoreError>;

    /// Chooses them.
    async fn set_default_options(
        &self,
        dcd: &str,
        options: &UploadOptions,
        author: &str,
        at: Timestamp,
    ) -> Result<(), StoreError>;
}
