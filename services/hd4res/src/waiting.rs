//! What HD4RES must not forget yet: where those registrations were that wait for a verdict, or for the hospital's receipt of a feedback.

use std::{collections::HashSet, sync::Arc};

use async_trait::async_trait;
use host::UnderWay;
use store::StoreError;
use uuid::Uuid;

use crate::{store::Hd4resStore, trail};

/// Records that are looked at together.
const PAGE: u32 = 500;

/// The records of a store that are on their way.
pub(crate) struct Waiting(pub(crate) Arc<dyn Hd4resStore>);

#[async_trait]
impl UnderWay for Waiting {
    async fn under_way(&self) -> Result<HashSet<Uuid>, StoreError> {
        let mut ids = HashSet::new();
        let mut after = 0;
        loop {
            let page = self.0.unvalidated(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.record;
            for record in page {
                ids.extend(trail::ids(&*self.0, record.record).await?);
            }
        }
        after = 0;
        loop {
            let page = self.0.outbox().waiting(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(ids) };
            after = *last;
            for record in page {
                ids.extend(trail::ids(&*self.0, record).await?);
            }
        }
    }
}
