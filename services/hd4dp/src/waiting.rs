//! What a hospital must not forget yet: where those of its registrations were that have no answer.

use std::{collections::HashSet, sync::Arc};

use async_trait::async_trait;
use clock::Clock;
use host::UnderWay;
use store::StoreError;
use uuid::Uuid;

use crate::{store::Hd4dpStore, trail};

/// Registrations that are looked at together.
const PAGE: u32 = 500;

/// The registrations of a store that have no answer.
pub(crate) struct Waiting {
    pub(crate) store: Arc<dyn Hd4dpStore>,
    pub(crate) clock: Arc<dyn Clock>,
}

#[async_trait]
impl UnderWay for Waiting {
    async fn under_way(&self) -> Result<HashSet<Uuid>, StoreError> {
        let (mut after, mut ids) = (Uuid::nil(), HashSet::new());
        loop {
            let page = self.store.waiting_registrations(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(ids) };
            after = *last;
            for registration in &page {
                if let Some(view) = self.store.registration(*registration, self.clock.now()).await? {
                    ids.extend(trail::ids(&view));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clock::{SystemClock, Timestamp};
    use envelope::ItemId;
    use registration::ContentKind;

    use super::*;
    use crate::store::{Intake, MemoryStore, NewVersion, UploadId};

    fn version(registration: u128, version: u32) -> NewVersion {
        NewVersion {
            registration_id: Uuid::from_u128(registration),
            version,
            kind: ContentKind::Registration,
            author: None,
            item_id: Uuid::from_u128(registration * 10 + u128::from(version)),
            dcd: "Made_Up".to_owned(),
            dcd_version: 1,
            unique_key: registration.to_string(),
            patient_tag: [0; 16],
            cells: crate::row::encode(&[]),
            row_hash: [0; 32],
            content_hash: [0; 32],
            attachments: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// Also what an earlier, answered version of it left, and what may yet come back.
    #[tokio::test]
    async fn all_of_a_registration_without_an_answer_is_under_way() {
        let store = Arc::new(MemoryStore::default());
        for versions in [vec![version(1, 1), version(2, 1)], vec![version(1, 2)]] {
            let confirmed: Vec<(Uuid, u32)> =
                versions.iter().filter(|one| one.version == 1).map(|one| (one.registration_id, one.version)).collect();
            let intake = Intake { versions, ..Intake::default() };
            store.submit(UploadId(1), &intake, Timestamp::EPOCH).await.unwrap();
            store.confirm(&confirmed, Timestamp::EPOCH, &[]).await.unwrap();
        }
        let waiting = Waiting { store, clock: Arc::new(SystemClock) };
        let ids = waiting.under_way().await.unwrap();
        for item in [11, 12].map(|item| ItemId::from_uuid(Uuid::from_u128(item))) {
            assert!(ids.contains(&item.uuid()) && ids.contains(&item.derived("STATUS").uuid()), "{item}");
            assert!(ids.contains(&item.derived("APPROVAL 1").derived("RECEIPT").uuid()), "{item}");
        }
        assert!(!ids.contains(&Uuid::from_u128(21)), "the other one is answered");
    }
}
