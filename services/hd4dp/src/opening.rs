//! What a process opens before HD4DP of a hospital can be put together.

use std::path::Path;

use dcd::{DefinitionError, Definitions};
use identifying::{SharedHospitalKey, TagKey};
use registration::CodeKey;
use sealing::keys::HospitalSecrets;
use store::{InDatabase, Location, StoreError};
use topology::Nihdi;

use crate::{prepare::Secrets, store::SqlStore};

/// The built-in definitions, and those of `folder` that add to or replace them.
///
/// # Errors
///
/// [`DefinitionError`] with file and place.
pub fn definitions(folder: Option<&Path>) -> Result<Definitions, DefinitionError> {
    let built_in = Definitions::built_in()?;
    folder.into_iter().try_fold(built_in, Definitions::with_directory)
}

/// Opens the store of the hospital `nihdi`, and holds the fingerprints of its keys and of the definitions against those that it was
/// written under. A definition that changes without a new version would make another content of a stored row than was sent.
///
/// # Errors
///
/// [`StoreError`]; [`StoreError::OtherKeys`] when one of the fingerprints is another.
pub async fn store(
    location: impl Into<Location>,
    nihdi: Nihdi,
    keys: &str,
    definitions: &Definitions,
) -> Result<SqlStore, StoreError> {
    let store = SqlStore::open(location, nihdi.as_str()).await?;
    store.database().remember_key(store.database().name(), keys).await?;
    for definition in definitions.iter() {
        let name = format!("definition {} {}", definition.name(), definition.version());
        let fingerprint: String = definition.fingerprint().iter().map(|byte| format!("{byte:02x}")).collect();
        store.database().remember_key(&name, &fingerprint).await?;
    }
    Ok(store)
}

/// The keys of a hospital's folder, each as the type of what it is for.
#[must_use]
pub fn secrets(keys: &HospitalSecrets) -> Secrets {
    Secrets {
        tag: TagKey::new(*keys.tag_key.bytes()),
        generated_id: SharedHospitalKey::new(*keys.generated_id_key.bytes()),
        code: CodeKey::new(*keys.code_key.bytes()),
    }
}
