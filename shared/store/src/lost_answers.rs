//! Answers that a store's caller never hears.

use std::{
    io,
    sync::atomic::{AtomicU32, Ordering},
};

use crate::StoreError;

/// Has a store in memory do what it is asked to and say that it did not: as a database whose connection breaks between the commit and its answer.
#[derive(Debug, Default)]
pub struct LostAnswers(AtomicU32);

impl LostAnswers {
    /// So many of the next answers are lost.
    pub fn lose(&self, answers: u32) {
        self.0.store(answers, Ordering::Relaxed);
    }

    /// What the caller hears of what was done.
    ///
    /// # Errors
    ///
    /// Where the answer is lost.
    pub fn told<T>(&self, done: T) -> Result<T, StoreError> {
        let lose = |left: u32| left.checked_sub(1);
        match self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, lose) {
            Ok(_) => Err(StoreError::Database(io::Error::from(io::ErrorKind::ConnectionReset).into())),
            Err(_) => Ok(done),
        }
    }
}
