//! Step 5: from an identity to a pseudonym. Pure: everything that it needs comes in.

use envelope::{
    B64,
    sealed::{PseudonymisedItem, SealedItem},
};
use identifying::{Identity, IdentityPart};
use pseudonymisation::{HandleSealer, Pseudonymiser};
use pseudonymised::{PseudonymPart, SenderCode};
use sealing::{Opener, Sealer};
use topology::Nihdi;

use crate::error::{ItemError, belongs};

/// The identity of an item whose part was opened, with the item.
pub struct Identified {
    /// The item, as it came.
    pub item: SealedItem,
    /// The patient.
    pub identity: Identity,
}

/// Opens the identity of an item. Refuses one that belongs to another content, and numbers whose check digits fail, so that the TTP
/// answers no guesses.
///
/// # Errors
///
/// [`ItemError`], with the item as it came.
pub fn identify(opener: &Opener, item: SealedItem) -> Result<Identified, (SealedItem, ItemError)> {
    let opened = || {
        let part = IdentityPart::decode(&opener.open(item.id.as_bytes(), &item.identity)?)?;
        belongs(&part.content_hash, &item.content)?;
        Ok(part.identity)
    };
    match opened() {
        Ok(identity) => Ok(Identified { item, identity }),
        Err(error) => Err((item, error)),
    }
}

/// What turns the items of one publication over.
pub struct Pseudonymisation<'a> {
    /// Makes pseudonyms.
    pub pseudonymiser: &'a Pseudonymiser,
    /// Makes the return handles of this publication.
    pub handles: HandleSealer,
    /// Seals for healthdata.
    pub sealer: Sealer,
    /// The sender, as healthdata may know it.
    pub sender_code: SenderCode,
    /// The sender.
    pub sender: &'a Nihdi,
}

impl Pseudonymisation<'_> {
    /// Replaces the identity of an item by a pseudonym; the content stays as the hospital sealed it.
    ///
    /// # Errors
    ///
    /// [`ItemError::Sealing`] or [`ItemError::Pseudonymisation`].
    pub fn pseudonymise(&mut self, identified: &Identified) -> Result<PseudonymisedItem, ItemError> {
        let item = &identified.item;
        let part = PseudonymPart {
            pseudonym: self.pseudonymiser.pseudonym(&identified.identity)?,
            sender: self.sender_code.clone(),
            handle: self.handles.seal(self.sender.as_str(), &identified.identity, item.id.uuid())?,
            content_hash: envelope::content_hash(&item.content),
        };
        let pseudonym = self.sealer.seal(item.id.as_bytes(), &part.encode())?;
        Ok(PseudonymisedItem { id: item.id, pseudonym: B64(pseudonym), content: item.content.clone() })
    }
}
