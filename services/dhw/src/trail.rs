//! Where an item was at the data warehouse, which keeps no register and no registration of it.

use store::StoreError;
use uuid::Uuid;
use web::{Trail, TrailItem, trail};

use crate::store::DhwStore;

/// An item's trail; none for one that never came.
///
/// # Errors
///
/// [`StoreError`].
pub async fn of(store: &dyn DhwStore, item: Uuid) -> Result<Option<Trail>, StoreError> {
    let passages = trail::lines(&store.passages_of(&[item], None).await?);
    let is_validated = !store.look().verdicts(item).await?.is_empty();
    if passages.is_empty() && !is_validated {
        return Ok(None);
    }
    let items = vec![TrailItem::new(item, "REGISTRATION", None)];
    Ok(Some(Trail { is_validated: Some(is_validated), items, passages, ..Trail::default() }))
}
