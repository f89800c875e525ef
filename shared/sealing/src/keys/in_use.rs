//! Keys that change while a service runs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::KeyError;

/// What looks whether there are other keys than those of the last look.
type Look<T> = Box<dyn FnMut() -> Result<Option<T>, KeyError> + Send>;

/// The keys of a running service, which may be renewed under it.
///
/// A service looks again from time to time, and at once when something does not open: a party may seal with its new key as soon as that is
/// public, so what it sealed can arrive before the recipient has looked. Whoever holds what [`KeysInUse::get`] gave goes on with that.
pub struct KeysInUse<T> {
    current: RwLock<Arc<T>>,
    look: Mutex<Look<T>>,
}

impl<T> KeysInUse<T> {
    /// Keys that `look` may replace: it says `None` as long as there are no others.
    pub fn new(first: T, look: impl FnMut() -> Result<Option<T>, KeyError> + Send + 'static) -> Self {
        Self { current: RwLock::new(Arc::new(first)), look: Mutex::new(Box::new(look)) }
    }

    /// Keys that never change.
    pub fn fixed(keys: T) -> Self {
        Self::new(keys, || Ok(None))
    }

    /// The keys as of the last look.
    #[must_use]
    pub fn get(&self) -> Arc<T> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks for other keys; whether there are any, which count from now on.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when they cannot be read, for instance since they are just being written; those of before stay.
    pub fn look_again(&self) -> Result<bool, KeyError> {
        let mut look: MutexGuard<'_, Look<T>> = self.look.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(found) = look()? else { return Ok(false) };
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(found);
        Ok(true)
    }

    /// What opens something that arrived, as `open` makes it, and the keys that it was made of: those of the last look when it `fits`, else those
    /// of another look. It need not fit then either.
    ///
    /// # Errors
    ///
    /// As [`Self::look_again`]: whether anything fits is not known then.
    pub fn open<O, E>(
        &self,
        open: impl Fn(&T) -> Result<O, E>,
        fits: impl FnOnce(&O) -> bool,
    ) -> Result<(Arc<T>, Result<O, E>), KeyError> {
        let keys = self.get();
        let opener = open(&keys);
        if opener.as_ref().is_ok_and(fits) {
            return Ok((keys, opener));
        }
        self.look_again()?;
        let newer = self.get();
        if Arc::ptr_eq(&newer, &keys) {
            return Ok((keys, opener));
        }
        let opener = open(&newer);
        Ok((newer, opener))
    }
}

impl<T> std::fmt::Debug for KeysInUse<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeysInUse")
    }
}
