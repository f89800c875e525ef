//! Uploads in SQLite.

use async_trait::async_trait;
use clock::Timestamp;
use store::{AssertSqlSafe, Connection, Row, StoreError};

use super::{SqlStore, moment};
use crate::{
    options::UploadOptions,
    store::{NewUpload, Progress, Report, ReportPart, UploadId, UploadStore, UploadView, Way},
};

/// The step of the schema that uploads need beyond their figures.
pub(super) const STEP: &str = "
ALTER TABLE upload ADD COLUMN way TEXT NOT NULL DEFAULT 'COMMAND';
ALTER TABLE upload ADD COLUMN author TEXT NOT NULL DEFAULT '';
ALTER TABLE upload ADD COLUMN progress TEXT NOT NULL DEFAULT 'DONE';
ALTER TABLE upload ADD COLUMN finished_at INTEGER;
ALTER TABLE upload ADD COLUMN warned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE upload ADD COLUMN claim TEXT;
CREATE INDEX upload_by_claim ON upload (claim) WHERE claim IS NOT NULL;
CREATE INDEX upload_by_progress ON upload (progress);
CREATE INDEX upload_by_register ON upload (dcd, id);
CREATE TABLE upload_report (
    upload INTEGER NOT NULL, report INTEGER NOT NULL, part INTEGER NOT NULL, bytes BLOB NOT NULL,
    PRIMARY KEY (upload, report, part));
CREATE TABLE upload_default (
    dcd TEXT PRIMARY KEY, options TEXT NOT NULL, author TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
";

const SELECT: &str = "SELECT id, file, dcd, way, author, progress, at, finished_at, attempted, rejected, warned FROM upload";

fn view(row: &Row) -> Result<UploadView, StoreError> {
    let damaged = || StoreError::Damaged { what: "upload" };
    let figure = |column| Ok::<u64, StoreError>(u64::try_from(row.try_get::<i64>(column)?).unwrap_or(0));
    Ok(UploadView {
        id: UploadId(row.try_get("id")?),
        file: row.try_get("file")?,
        dcd: row.try_get("dcd")?,
        way: Way::from_code(row.try_get("way")?).ok_or_else(damaged)?,
        author: row.try_get("author")?,
        progress: Progress::from_code(row.try_get("progress")?).ok_or_else(damaged)?,
        at: Timestamp::from_micros(row.try_get("at")?),
        finished_at: moment(row, "finished_at")?,
        attempted: figure("attempted")?,
        rejected: figure("rejected")?,
        warned: figure("warned")?,
    })
}

/// Writes further parts of reports down, behind those that stand there.
pub(super) async fn append(connection: &mut Connection, upload: UploadId, reports: &[ReportPart]) -> Result<(), StoreError> {
    for part in reports {
        let last: Option<i64> = connection
            .query("SELECT max(part) FROM upload_report WHERE upload = ? AND report = ?")
            .bind(upload.0)
            .bind(part.report.number())
            .scalar()
            .await?;
        connection
            .query("INSERT INTO upload_report (upload, report, part, bytes) VALUES (?, ?, ?, ?)")
            .bind(upload.0)
            .bind(part.report.number())
            .bind(last.unwrap_or(0) + 1)
            .bind(&part.bytes[..])
            .execute()
            .await?;
    }
    Ok(())
}

#[async_trait]
impl UploadStore for SqlStore {
    async fn open_upload(&self, upload: &NewUpload<'_>, at: Timestamp) -> Result<UploadId, StoreError> {
        const INSERT: &str =
            "INSERT INTO upload (file, dcd, at, way, author, progress, claim) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id";
        let mut transaction = self.database.write().await?;
        let id = transaction
            .query(INSERT)
            .bind(upload.file)
            .bind(upload.dcd)
            .bind(at.as_micros())
            .bind(upload.way.code())
            .bind(upload.author)
            .bind(Progress::Running.code())
            .bind(upload.claim)
            .scalar()
            .await?;
        transaction.commit().await?;
        Ok(UploadId(id))
    }

    async fn end_upload(
        &self,
        upload: UploadId,
        progress: Progress,
        reports: &[ReportPart],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut transaction = self.database.write().await?;
        append(&mut transaction, upload, reports).await?;
        transaction
            .query("UPDATE upload SET progress = ?, finished_at = ? WHERE id = ?")
            .bind(progress.code())
            .bind(at.as_micros())
            .bind(upload.0)
            .execute()
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn cut_off(&self) -> Result<(), StoreError> {
        let mut transaction = self.database.write().await?;
        transaction
            .query("UPDATE upload SET progress = ? WHERE progress = ?")
            .bind(Progress::CutOff.code())
            .bind(Progress::Running.code())
            .execute()
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn upload(&self, upload: UploadId) -> Result<Option<UploadView>, StoreError> {
        let sql = format!("{SELECT} WHERE id = ?");
        let row = self.database.query(AssertSqlSafe(sql)).bind(upload.0).fetch_optional().await?;
        row.as_ref().map(view).transpose()
    }

    async fn claimed(&self, claim: &str) -> Result<Option<UploadView>, StoreError> {
        let sql = format!("{SELECT} WHERE claim = ? ORDER BY id LIMIT 1");
        let row = self.database.query(AssertSqlSafe(sql)).bind(claim).fetch_optional().await?;
        row.as_ref().map(view).transpose()
    }

    async fn uploads(&self, dcd: Option<&str>, before: Option<UploadId>, limit: u32) -> Result<Vec<UploadView>, StoreError> {
        let filter = if dcd.is_some() { "dcd = ? AND" } else { "" };
        let sql = format!("{SELECT} WHERE {filter} id < ? ORDER BY id DESC LIMIT ?");
        let mut query = self.database.query(AssertSqlSafe(sql));
        if let Some(dcd) = dcd {
            query = query.bind(dcd);
        }
        let before = before.map_or(i64::MAX, |before| before.0);
        let rows = query.bind(before).bind(limit).fetch_all().await?;
        rows.iter().map(view).collect()
    }

    async fn report(&self, upload: UploadId, report: Report) -> Result<Option<Vec<u8>>, StoreError> {
        const SELECT: &str = "SELECT bytes FROM upload_report WHERE upload = ? AND report = ? ORDER BY part";
        let parts: Vec<Vec<u8>> = self.database.query(SELECT).bind(upload.0).bind(report.number()).scalars().await?;
        Ok((!parts.is_empty()).then(|| parts.concat()))
    }

    async fn default_options(&self, dcd: &str) -> Result<Option<UploadOptions>, StoreError> {
        let select = self.database.query("SELECT options FROM upload_default WHERE dcd = ?");
        let options: Option<String> = select.bind(dcd).scalar_optional().await?;
        let read =
            |options: String| serde_json::from_str(&options).map_err(|_| StoreError::Damaged { what: "upload configuration" });
        options.map(read).transpose()
    }

    async fn set_default_options(
        &self,
        dcd: &str,
        options: &UploadOptions,
        author: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        const SET: &str = "INSERT INTO upload_default (dcd, options, author, at) VALUES (?, ?, ?, ?)
            ON CONFLICT (dcd) DO UPDATE SET options = excluded.options, author = excluded.author, at = excluded.at";
        let options = serde_json::to_string(options).map_err(|_| StoreError::Damaged { what: "upload configuration" })?;
        let mut transaction = self.database.write().await?;
        transaction.query(SET).bind(dcd).bind(options).bind(author).bind(at.as_micros()).execute().await?;
        transaction.commit().await?;
        Ok(())
    }
}
