//! A rotation in SQL.

use std::collections::BTreeSet;

use async_trait::async_trait;
use clock::Timestamp;
use recoding::{
    Finding, Pair, Refusal,
    renaming::{Merge, Renaming},
    sql::{self as pairs, Rows, Said, Tells},
};
use store::{Connection, Passage, Row, StoreError, bulk, itinerary};

use super::SqlStore;
use crate::store::recode::{Aim, Answer, RecodeJob, RecodeStore};

pub(super) const JOBS: &str = "
CREATE TABLE recode_job (
    id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, begun_at INTEGER NOT NULL, ended_at INTEGER,
    recoded INTEGER NOT NULL, findings INTEGER NOT NULL);
";

/// What is to be re-coded comes in the order of the patients, in which all that a rotation does lies side by side.
pub(super) const BY_EPOCH: &str = "
CREATE INDEX patient_by_epoch ON patient (epoch, id);
";

/// The setting with the latest epoch that was seen.
const AIM: &str = "epoch";

/// The table of tags.
pub(super) struct Tags;

#[async_trait]
impl Rows for Tags {
    async fn conflicting(&self, connection: &mut Connection, renaming: &Renaming) -> Result<BTreeSet<String>, StoreError> {
        // A hospital has one tag for a patient; so only two patients who are one can have two.
        if renaming.merged.is_empty() {
            return Ok(BTreeSet::new());
        }
        const SELECT: &str =
            "SELECT t.patient, t.sender FROM json_each(?) k CROSS JOIN patient_tag t WHERE t.patient = CAST(k.value AS BIGINT)";
        let concerned = renaming.concerned();
        let numbers = bulk::list(&concerned.keys().collect::<Vec<_>>())?;
        let mut standing = Vec::new();
        for row in connection.query(SELECT).bind(&numbers).fetch_all().await? {
            let latest = concerned.get(&row.try_get::<i64>("patient")?).map(|(_, latest)| (*latest).to_owned());
            standing.push((latest.unwrap_or_default(), row.try_get::<i64>("sender")?));
        }
        Ok(pairs::standing_twice(standing))
    }

    async fn recode(&self, connection: &mut Connection, renaming: &Renaming) -> Result<(), StoreError> {
        for Merge { from, into, .. } in &renaming.merged {
            const MERGE: &str = "UPDATE patient_tag SET patient = ? WHERE patient = ?";
            connection.query(MERGE).bind(*into).bind(*from).execute().await?;
        }
        Ok(())
    }
}

/// Raises the aim when one of these is of a later epoch. Returns the aim.
pub(super) async fn raise(
    connection: &mut Connection,
    before: Option<&Aim>,
    pseudonyms: &[&str],
) -> Result<Option<Aim>, StoreError> {
    let raised = |mut aim: Option<Aim>| {
        for pseudonym in pseudonyms {
            aim = Aim::raised(aim.as_ref(), pseudonym).or(aim);
        }
        aim
    };
    if raised(before.cloned()).as_ref() == before {
        return Ok(before.cloned());
    }
    // Another process may have raised it meanwhile.
    let kept: Option<String> = connection.query("SELECT value FROM setting WHERE name = ?").bind(AIM).scalar_optional().await?;
    let aim = raised(kept.as_deref().and_then(Aim::of_text));
    if let Some(aim) = &aim {
        pairs::set(connection, AIM, &aim.to_text()).await?;
    }
    Ok(aim)
}

pub(super) async fn aim(store: &SqlStore) -> Result<Option<Aim>, StoreError> {
    const SELECT: &str = "SELECT value FROM setting WHERE name = ?";
    let text: Option<String> = store.database.query(SELECT).bind(AIM).scalar_optional().await?;
    text.map(|text| Aim::of_text(&text).ok_or(StoreError::Damaged { what: "epoch" })).transpose()
}

fn job(row: &Row) -> Result<RecodeJob, StoreError> {
    let count = |column: &str| u64::try_from(row.try_get::<i64>(column)?).map_err(|_| StoreError::Damaged { what: "job" });
    Ok(RecodeJob {
        epoch: row.try_get("epoch")?,
        begun_at: Timestamp::from_micros(row.try_get("begun_at")?),
        ended_at: row.try_get::<Option<i64>>("ended_at")?.map(Timestamp::from_micros),
        recoded: count("recoded")?,
        findings: count("findings")?,
    })
}

/// Answers as pairs, and those without one as findings.
pub(in crate::store) fn sorted(answers: &[Answer]) -> (Vec<Pair>, Vec<Finding>) {
    let (mut pairs, mut unknown) = (Vec::new(), Vec::new());
    for Answer { old, new } in answers {
        match new {
            // The TTP has no later epoch; it may have soon.
            Some(new) if new == old => {}
            Some(new) => pairs.push(Pair { old: old.clone(), new: new.clone() }),
            None => {
                let pair = Pair { old: old.clone(), new: String::new() };
                unknown.push(Finding { pair, refusal: Refusal::Unknown });
            }
        }
    }
    (pairs, unknown)
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Tells for SqlStore {}

#[async_trait]
impl RecodeStore for SqlStore {
    async fn aim_at(&self, domain: &str, epoch: u32) -> Result<(), StoreError> {
        let mut transaction = self.database.write().await?;
        let aimed = Aim { domain: domain.to_owned(), epoch };
        let aim = raise(&mut transaction, self.aim().as_ref(), &[&format!("{}.", aimed.to_text())]).await?;
        transaction.commit().await?;
        self.set_aim(aim);
        Ok(())
    }

    async fn to_recode(&self, limit: u32) -> Result<Vec<String>, StoreError> {
        let Some(aim) = self.aim() else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        const BEHIND: &str = "SELECT pseudonym FROM patient p WHERE epoch = ? AND pseudonym > ? AND pseudonym < ?
            AND NOT EXISTS (SELECT 1 FROM recode_finding f WHERE f.old = p.pseudonym) ORDER BY id LIMIT ?";
        for epoch in 1..aim.epoch {
            // A dot ends the epoch, and a slash comes behind it.
            let (from, to) = (format!("{}.{epoch}.", aim.domain), format!("{}.{epoch}/", aim.domain));
            let left = (i64::from(limit) - signed(found.len())).max(0);
            found.extend(self.database.query(BEHIND).bind(epoch).bind(from).bind(to).bind(left).scalars::<String>().await?);
        }
        const UNCONFIRMED: &str = "SELECT old FROM recoded r WHERE by_ttp = 0
            AND NOT EXISTS (SELECT 1 FROM recode_finding f WHERE f.old = r.old) ORDER BY id LIMIT ?";
        let left = (i64::from(limit) - signed(found.len())).max(0);
        found.extend(self.database.query(UNCONFIRMED).bind(left).scalars::<String>().await?);
        Ok(found)
    }

    async fn answered(&self, answers: &[Answer], at: Timestamp, passages: &[Passage]) -> Result<Vec<Finding>, StoreError> {
        let mut transaction = self.database.write().await?;
        let (wanted, unknown) = sorted(answers);
        let learned = pairs::learn(&mut transaction, &Tags, &wanted, Said::ByTtp, at).await?;
        let mut findings = learned.findings;
        findings.extend(pairs::note(&mut transaction, &unknown, at).await?);
        let olds: BTreeSet<&str> = answers.iter().map(|answer| answer.old.as_str()).collect();
        pairs::confirm(&mut transaction, &olds).await?;
        const COUNT: &str = "UPDATE recode_job SET recoded = recoded + ?, findings = findings + ? WHERE ended_at IS NULL";
        let (recoded, found) = (signed(learned.decision.moves.len()), signed(findings.len()));
        transaction.query(COUNT).bind(recoded).bind(found).execute().await?;
        let news: Vec<&str> = wanted.iter().map(|pair| pair.new.as_str()).collect();
        let aim = raise(&mut transaction, self.aim().as_ref(), &news).await?;
        itinerary::insert(&mut transaction, passages).await?;
        transaction.commit().await?;
        self.set_aim(aim);
        Ok(findings)
    }

    async fn begin_job(&self, at: Timestamp) -> Result<bool, StoreError> {
        let epoch = self.aim().map_or(0, |aim| aim.epoch);
        let mut transaction = self.database.write().await?;
        const INSERT: &str = "INSERT INTO recode_job (epoch, begun_at, recoded, findings) SELECT ?, ?, 0, 0
            WHERE NOT EXISTS (SELECT 1 FROM recode_job WHERE ended_at IS NULL)";
        let begun = transaction.query(INSERT).bind(epoch).bind(at.as_micros()).execute().await?;
        transaction.commit().await?;
        Ok(begun > 0)
    }

    async fn end_job(&self, at: Timestamp) -> Result<Option<RecodeJob>, StoreError> {
        const OPEN: &str = "SELECT id, epoch, begun_at, ended_at, recoded, findings FROM recode_job WHERE ended_at IS NULL";
        let Some(open) = self.database.query(OPEN).fetch_optional().await? else { return Ok(None) };
        let mut transaction = self.database.write().await?;
        let id: i64 = open.try_get("id")?;
        const END: &str = "UPDATE recode_job SET ended_at = ? WHERE id = ?";
        transaction.query(END).bind(at.as_micros()).bind(id).execute().await?;
        transaction.commit().await?;
        Ok(Some(RecodeJob { ended_at: Some(at), ..job(&open)? }))
    }

    async fn jobs(&self) -> Result<Vec<RecodeJob>, StoreError> {
        const ALL: &str = "SELECT epoch, begun_at, ended_at, recoded, findings FROM recode_job ORDER BY id";
        self.database.query(ALL).fetch_all().await?.iter().map(job).collect()
    }

    async fn recode_findings(&self) -> Result<Vec<Finding>, StoreError> {
        pairs::findings(&self.database).await
    }

    async fn recoded(&self) -> Result<u64, StoreError> {
        pairs::recoded(&self.database).await
    }
}
