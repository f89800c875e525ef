//! What the TTP makes of its keys, made anew when these are renewed.

use std::sync::{Arc, PoisonError, RwLock};

use pseudonymisation::{HandleKey, HandleOpener, PseudonymisationError, Pseudonymiser, SenderKey};
use sealing::{
    Opener,
    keys::{KeyError, KeysInUse, TtpKeys},
};

use crate::service::{DOMAIN, SERVICE};

/// The keys, and what is made of them once, since it is used per registration.
pub(crate) struct Tools {
    pub(crate) keys: Arc<TtpKeys>,
    pub(crate) pseudonymiser: Pseudonymiser,
    pub(crate) handle_key: HandleKey,
    pub(crate) handles: HandleOpener,
    pub(crate) sender_key: SenderKey,
}

impl Tools {
    fn new(keys: Arc<TtpKeys>) -> Result<Self, PseudonymisationError> {
        let masters = keys.masters.iter().map(|(epoch, master)| (*epoch, master.bytes()));
        Ok(Self {
            pseudonymiser: Pseudonymiser::new(DOMAIN, masters)?,
            handle_key: HandleKey::new(*keys.handle.bytes()),
            handles: HandleOpener::new(HandleKey::new(*keys.handle.bytes())),
            sender_key: SenderKey::new(*keys.sender.bytes()),
            keys,
        })
    }
}

/// The tools of the keys that are in use.
pub(crate) struct Toolbox {
    keys: Arc<KeysInUse<TtpKeys>>,
    tools: RwLock<Arc<Tools>>,
}

impl Toolbox {
    pub(crate) fn new(keys: Arc<KeysInUse<TtpKeys>>) -> Result<Self, PseudonymisationError> {
        let tools = RwLock::new(Arc::new(Tools::new(keys.get())?));
        Ok(Self { keys, tools })
    }

    /// The tools of the keys as of the last look.
    pub(crate) fn get(&self) -> Arc<Tools> {
        let keys = self.keys.get();
        let tools = Arc::clone(&self.tools.read().unwrap_or_else(PoisonError::into_inner));
        if Arc::ptr_eq(&tools.keys, &keys) {
            return tools;
        }
        match Tools::new(keys) {
            Ok(made) => {
                let made = Arc::new(made);
                *self.tools.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&made);
                made
            }
            Err(error) => {
                tracing::error!(service = SERVICE, %error, "ALARM: the renewed keys cannot be used; those of before stay");
                tools
            }
        }
    }

    /// What opens something that arrived, and the tools of its keys, as [`KeysInUse::open`] has it.
    pub(crate) fn open<E>(
        &self,
        open: impl Fn(&TtpKeys) -> Result<Opener, E>,
        fits: impl FnOnce(&Opener) -> bool,
    ) -> Result<(Arc<Tools>, Result<Opener, E>), KeyError> {
        let (keys, opener) = self.keys.open(&open, fits)?;
        let tools = self.get();
        // Keys that cannot be used, or that were renewed once more.
        let opener = if Arc::ptr_eq(&tools.keys, &keys) { opener } else { open(&tools.keys) };
        Ok((tools, opener))
    }

    /// Looks for renewed keys.
    pub(crate) fn look_again(&self) -> Result<bool, KeyError> {
        self.keys.look_again()
    }
}
