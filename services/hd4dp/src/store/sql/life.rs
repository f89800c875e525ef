//! A registration's life in SQL.

use async_trait::async_trait;
use clock::Timestamp;
use registration::{Comment, Place};
use store::{AssertSqlSafe, Connection, Passage, Row, StoreError, bulk, itinerary};
use uuid::Uuid;

use super::{
    SqlStore,
    answers::answers,
    attachments,
    by_hand::{create, is_asked},
    drafts::{draft, remove, replace_draft, stop},
    id,
    index::changed,
    kind, moment, status,
    versions::{insert_versions, settle},
};
use crate::{
    row,
    status::{Event, State, Status},
    store::{
        By, CommentView, Creation, Current, Draft, Filter, HistoryEntry, Latest, LifeStore, Listed, NewVersion, Received,
        Refusal, Seen, UploadId, VersionView, View, Wish,
        life::{Standing, event_of, state, stored},
    },
};

/// A registration with its latest version, what was kept, and what waits for an answer.
pub(super) const STANDING: &str =
    "SELECT r.id, r.dcd, r.unique_key, r.version, r.status, r.feedback_number, v.dcd_version, v.confirmed_at,
        v.cells, d.cells AS draft_cells, d.is_valid, coalesce(d.dcd_version, v.dcd_version) AS draft_dcd_version,
        coalesce(v.submitted_at, d.at) AS submitted_at, o.first_sent_at, o.registration_id IS NOT NULL AS is_waiting
    FROM registration r LEFT JOIN version v ON v.registration_id = r.id AND v.version = r.version
    LEFT JOIN draft d ON d.registration_id = r.id LEFT JOIN outbox o ON o.registration_id = r.id";

fn state_of(row: &Row, now: Timestamp) -> Result<State, StoreError> {
    let confirmed = moment(row, "confirmed_at")?.is_some();
    Ok(state(status(row)?, confirmed, moment(row, "first_sent_at")?, now))
}

fn when(row: &Row, column: &str) -> Result<Timestamp, StoreError> {
    Ok(Timestamp::from_micros(row.try_get(column)?))
}

async fn standing_row(connection: &mut Connection, registration_id: Uuid) -> Result<Option<Row>, StoreError> {
    let sql = format!("{STANDING} WHERE r.id = ?");
    connection.query(AssertSqlSafe(sql)).bind(registration_id.as_bytes().to_vec()).fetch_optional().await
}

async fn standing(connection: &mut Connection, registration_id: Uuid, now: Timestamp) -> Result<Option<Standing>, StoreError> {
    let Some(row) = standing_row(connection, registration_id).await? else { return Ok(None) };
    Ok(Some(Standing {
        version: row.try_get("version")?,
        state: state_of(&row, now)?,
        feedback_number: u64::try_from(row.try_get::<i64>("feedback_number")?).unwrap_or(0),
        is_waiting: row.try_get("is_waiting")?,
    }))
}

/// A registration about which a person wishes for something, if it is there and as it was seen.
async fn wished(connection: &mut Connection, registration_id: Uuid, seen: Option<Seen>, now: Timestamp) -> Wish<Standing> {
    let Some(standing) = standing(connection, registration_id, now).await? else {
        return Ok(Err(Refusal::UnknownRegistration));
    };
    Ok(standing.as_seen(happened(connection, registration_id).await?, seen))
}

/// Lines of a registration's history.
async fn happened(connection: &mut Connection, registration_id: Uuid) -> Result<u64, StoreError> {
    const COUNT: &str = "SELECT count(*) FROM history WHERE registration_id = ?";
    let count: i64 = connection.query(COUNT).bind(&registration_id.as_bytes()[..]).scalar().await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

async fn set_status(connection: &mut Connection, registration_id: Uuid, state: State) -> Result<(), StoreError> {
    connection
        .query("UPDATE registration SET status = ? WHERE id = ?")
        .bind(stored(state).map(Status::code))
        .bind(&registration_id.as_bytes()[..])
        .execute()
        .await?;
    Ok(())
}

/// Writes a line of the history; a feedback that stands there already is not written again, and the answer is then false.
pub(super) async fn note(
    connection: &mut Connection,
    registration_id: Uuid,
    entry: &HistoryEntry,
    number: Option<i64>,
) -> Result<bool, StoreError> {
    const INSERT: &str = "INSERT INTO history (registration_id, at, author, event, version, status, number)
        VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
    let written = connection
        .query(INSERT)
        .bind(&registration_id.as_bytes()[..])
        .bind(entry.at.as_micros())
        .bind(&entry.author)
        .bind(entry.event.code())
        .bind(entry.version)
        .bind(entry.status.code())
        .bind(number)
        .execute()
        .await?;
    Ok(written > 0)
}

/// The version to settle when the feedback was acted upon.
async fn receive(connection: &mut Connection, received: &Received, at: Timestamp) -> Result<Option<(Uuid, u32)>, StoreError> {
    let id = received.registration_id;
    let Some(standing) = standing(connection, id, at).await? else { return Ok(None) };
    let after = standing.after_feedback(received);
    let status = after.unwrap_or(standing.state).status();
    let entry = HistoryEntry { at, author: None, event: received.kind.event(), version: received.version, status };
    let number = i64::try_from(received.number).unwrap_or(i64::MAX);
    if !note(connection, id, &entry, Some(number)).await? {
        return Ok(None);
    }
    if standing.shows_comments(received) {
        const COMMENT: &str = "INSERT INTO comment (registration_id, version, number, field, item, text, at)";
        bulk::insert(connection, COMMENT, 7, "", &received.comments, |row, comment| {
            row.bind(&id.as_bytes()[..])
                .bind(received.version)
                .bind(number)
                .bind(comment.place.map(|place| place.field))
                .bind(comment.place.and_then(|place| place.item))
                .bind(&comment.text)
                .bind(at.as_micros())
        })
        .await?;
    }
    let Some(state) = after else { return Ok(None) };
    connection
        .query("UPDATE registration SET status = ?, feedback_number = ? WHERE id = ?")
        .bind(stored(state).map(Status::code))
        .bind(number)
        .bind(&id.as_bytes()[..])
        .execute()
        .await?;
    Ok(Some((id, received.version)))
}

async fn versions(connection: &mut Connection, registration_id: Uuid) -> Result<Vec<VersionView>, StoreError> {
    const SELECT: &str = "SELECT version, kind, item_id, submitted_at, author, confirmed_at FROM version
        WHERE registration_id = ? ORDER BY version";
    let rows = connection.query(SELECT).bind(&registration_id.as_bytes()[..]).fetch_all().await?;
    let view = |row: &Row| {
        Ok(VersionView {
            version: row.try_get("version")?,
            kind: kind(row)?,
            item_id: id(row, "item_id")?,
            submitted_at: when(row, "submitted_at")?,
            author: row.try_get("author")?,
            confirmed_at: moment(row, "confirmed_at")?,
            answers: Vec::new(),
        })
    };
    let mut versions: Vec<VersionView> = rows.iter().map(view).collect::<Result<_, StoreError>>()?;
    for version in &mut versions {
        version.answers = answers(connection, registration_id, version.version).await?;
    }
    Ok(versions)
}

async fn comments(connection: &mut Connection, registration_id: Uuid, version: u32) -> Result<Vec<CommentView>, StoreError> {
    const SELECT: &str =
        "SELECT number, field, item, text, at FROM comment WHERE registration_id = ? AND version = ? ORDER BY number, id";
    let rows = connection.query(SELECT).bind(&registration_id.as_bytes()[..]).bind(version).fetch_all().await?;
    let view = |row: &Row| {
        let (field, item): (Option<u16>, Option<u16>) = (row.try_get("field")?, row.try_get("item")?);
        Ok(CommentView {
            number: u64::try_from(row.try_get::<i64>("number")?).unwrap_or(0),
            at: when(row, "at")?,
            comment: Comment { place: field.map(|field| Place { field, item }), text: row.try_get("text")? },
        })
    };
    rows.iter().map(view).collect()
}

async fn history(connection: &mut Connection, registration_id: Uuid) -> Result<Vec<HistoryEntry>, StoreError> {
    const SELECT: &str = "SELECT at, author, event, version, status FROM history WHERE registration_id = ? ORDER BY id";
    let rows = connection.query(SELECT).bind(&registration_id.as_bytes()[..]).fetch_all().await?;
    let entry = |row: &Row| {
        let damaged = StoreError::Damaged { what: "history" };
        Ok(HistoryEntry {
            at: when(row, "at")?,
            author: row.try_get("author")?,
            event: Event::from_code(row.try_get("event")?).ok_or(damaged)?,
            version: row.try_get("version")?,
            status: status(row)?.ok_or(StoreError::Damaged { what: "history" })?,
        })
    };
    rows.iter().map(entry).collect()
}

pub(super) fn listed(row: &Row, now: Timestamp) -> Result<Listed, StoreError> {
    Ok(Listed {
        registration_id: id(row, "id")?,
        dcd: row.try_get("dcd")?,
        version: row.try_get("version")?,
        state: state_of(row, now)?,
        submitted_at: when(row, "submitted_at")?,
        confirmed_at: moment(row, "confirmed_at")?,
    })
}

#[async_trait]
impl LifeStore for SqlStore {
    async fn made_by(&self, versions: &[(Uuid, u32)]) -> Result<Vec<Option<(String, u32)>>, StoreError> {
        const SELECT: &str = "SELECT r.dcd, v.dcd_version FROM version v JOIN registration r ON r.id = v.registration_id
            WHERE v.registration_id = ? AND v.version = ?";
        let mut connection = self.database.read().await?;
        let mut found = Vec::with_capacity(versions.len());
        for (id, version) in versions {
            let row = connection.query(SELECT).bind(&id.as_bytes()[..]).bind(version).fetch_optional().await?;
            found.push(row.map(|row| Ok::<_, StoreError>((row.try_get("dcd")?, row.try_get("dcd_version")?))).transpose()?);
        }
        Ok(found)
    }

    async fn feedback(&self, received: &[Received], at: Timestamp, passages: &[Passage]) -> Result<u64, StoreError> {
        let mut transaction = self.database.write().await?;
        let mut answered = Vec::new();
        for one in received {
            answered.extend(receive(&mut transaction, one, at).await?);
        }
        let settled = settle(&mut transaction, &answered, at).await?;
        itinerary::insert(&mut transaction, passages).await?;
        transaction.commit().await?;
        Ok(settled)
    }

    async fn reopen(&self, registration_id: Uuid, by: By<'_>, at: Timestamp) -> Wish<State> {
        let mut transaction = self.database.write().await?;
        let wished = wished(&mut transaction, registration_id, by.seen, at).await?;
        let (standing, state) = match wished.and_then(|standing| Ok((standing, standing.after_wish(Event::Reopened)?))) {
            Ok(after) => after,
            Err(refusal) => return Ok(Err(refusal)),
        };
        set_status(&mut transaction, registration_id, state).await?;
        stop(&mut transaction, registration_id).await?;
        let (author, version) = (Some(by.author.to_owned()), standing.version);
        let entry = HistoryEntry { at, author, event: Event::Reopened, version, status: state.status() };
        note(&mut transaction, registration_id, &entry, None).await?;
        transaction.commit().await?;
        Ok(Ok(state))
    }

    async fn save(&self, registration_id: Uuid, draft: &Draft, by: By<'_>, at: Timestamp) -> Wish<State> {
        let mut transaction = self.database.write().await?;
        let wished = wished(&mut transaction, registration_id, by.seen, at).await?;
        let (standing, state) = match wished.and_then(|standing| Ok((standing, standing.after_wish(Event::Saved)?))) {
            Ok(after) => after,
            Err(refusal) => return Ok(Err(refusal)),
        };
        set_status(&mut transaction, registration_id, state).await?;
        replace_draft(&mut transaction, registration_id, draft, by.author, at).await?;
        changed(&mut transaction, [&registration_id]).await?;
        let (author, version) = (Some(by.author.to_owned()), standing.version);
        let entry = HistoryEntry { at, author, event: Event::Saved, version, status: state.status() };
        note(&mut transaction, registration_id, &entry, None).await?;
        transaction.commit().await?;
        Ok(Ok(state))
    }

    async fn latest(&self, registration_id: Uuid, now: Timestamp) -> Result<Option<Latest>, StoreError> {
        let mut reading = self.database.read_one_moment().await?;
        let Some(row) = standing_row(&mut reading, registration_id).await? else { return Ok(None) };
        let version = row.try_get("version")?;
        let values = match version {
            0 => None,
            _ => Some(Draft {
                dcd_version: row.try_get("dcd_version")?,
                is_valid: true,
                cells: row.try_get("cells")?,
                attachments: attachments(&mut reading, registration_id, version).await?,
            }),
        };
        Ok(Some(Latest {
            version,
            dcd: row.try_get("dcd")?,
            unique_key: row.try_get("unique_key")?,
            state: state_of(&row, now)?,
            values,
            draft: draft(&mut reading, registration_id, &row).await?,
            is_asked: is_asked(&mut reading, registration_id, version).await?,
            happened: happened(&mut reading, registration_id).await?,
        }))
    }

    async fn advance(&self, new: &NewVersion, seen: Option<Seen>, at: Timestamp) -> Wish<bool> {
        let mut transaction = self.database.write().await?;
        let wished = wished(&mut transaction, new.registration_id, seen, at).await?;
        let (standing, state) = match wished.and_then(|standing| Ok((standing, standing.after_version(new)?))) {
            Ok(after) => after,
            Err(refusal) => return Ok(Err(refusal)),
        };
        insert_versions(&mut transaction, UploadId::BY_HAND, std::slice::from_ref(new), at).await?;
        changed(&mut transaction, [&new.registration_id]).await?;
        set_status(&mut transaction, new.registration_id, state).await?;
        let (author, event) = (new.author.clone(), event_of(new.kind));
        let entry = HistoryEntry { at, author, event, version: new.version, status: state.status() };
        note(&mut transaction, new.registration_id, &entry, None).await?;
        transaction.commit().await?;
        Ok(Ok(!standing.is_waiting))
    }

    async fn create(&self, creation: &Creation, at: Timestamp) -> Wish<()> {
        let mut transaction = self.database.write().await?;
        if let Err(refusal) = create(&mut transaction, creation, at).await? {
            return Ok(Err(refusal));
        }
        changed(&mut transaction, [&creation.names().0]).await?;
        transaction.commit().await?;
        Ok(Ok(()))
    }

    async fn remove(&self, registration_id: Uuid, seen: Option<Seen>, now: Timestamp) -> Wish<()> {
        let mut transaction = self.database.write().await?;
        let wished = wished(&mut transaction, registration_id, seen, now).await?;
        if let Err(refusal) = wished.and_then(|standing| standing.may_be_removed()) {
            return Ok(Err(refusal));
        }
        remove(&mut transaction, registration_id).await?;
        changed(&mut transaction, [&registration_id]).await?;
        transaction.commit().await?;
        Ok(Ok(()))
    }

    async fn current(&self, dcd: &str, after: Uuid, limit: u32) -> Result<Vec<Current>, StoreError> {
        const SELECT: &str =
            "SELECT r.id, coalesce(d.cells, v.cells) AS cells, coalesce(d.dcd_version, v.dcd_version) AS dcd_version
            FROM registration r LEFT JOIN version v ON v.registration_id = r.id AND v.version = r.version
            LEFT JOIN draft d ON d.registration_id = r.id
            WHERE r.id > ? AND r.dcd = ? AND coalesce(r.status, '') <> ? ORDER BY r.id LIMIT ?";
        let rows = self
            .database
            .query(SELECT)
            .bind(&after.as_bytes()[..])
            .bind(dcd)
            .bind(Status::Deleted.code())
            .bind(limit)
            .fetch_all()
            .await?;
        let current = |row: &Row| {
            Ok(Current {
                registration_id: id(row, "id")?,
                dcd_version: row.try_get("dcd_version")?,
                cells: row.try_get("cells")?,
            })
        };
        rows.iter().map(current).collect()
    }

    async fn registration(&self, registration_id: Uuid, now: Timestamp) -> Result<Option<View>, StoreError> {
        let mut reading = self.database.read_one_moment().await?;
        let Some(row) = standing_row(&mut reading, registration_id).await? else { return Ok(None) };
        let draft: Option<Vec<u8>> = row.try_get("draft_cells")?;
        let is_draft = draft.is_some();
        let (cells, dcd_version) = match draft {
            Some(cells) => (cells, row.try_get("draft_dcd_version")?),
            None => (row.try_get("cells")?, row.try_get("dcd_version")?),
        };
        Ok(Some(View {
            registration_id,
            dcd: row.try_get("dcd")?,
            dcd_version,
            state: state_of(&row, now)?,
            confirmed_at: moment(&row, "confirmed_at")?,
            cells: row::decode(&cells).ok_or(StoreError::Damaged { what: "row" })?,
            is_draft,
            versions: versions(&mut reading, registration_id).await?,
            comments: comments(&mut reading, registration_id, row.try_get("version")?).await?,
            history: history(&mut reading, registration_id).await?,
        }))
    }

    async fn list(&self, filter: &Filter, after: Option<Uuid>, limit: u32, now: Timestamp) -> Result<Vec<Listed>, StoreError> {
        self.page(filter, after, limit, now).await
    }

    async fn listed(&self, registrations: &[Uuid], now: Timestamp) -> Result<Vec<Listed>, StoreError> {
        let mut connection = self.database.read().await?;
        let mut found = Vec::with_capacity(registrations.len());
        for registration in registrations {
            let row = standing_row(&mut connection, *registration).await?;
            found.extend(row.map(|row| listed(&row, now)).transpose()?);
        }
        Ok(found)
    }
}
