//! The whole flow on virtual time: what the tests of this crate share.

use std::sync::{Arc, LazyLock};

use simulator::simulation::{Hospital, Laboratory, Op, ROWS, Register, RowName, Violation, World};

/// Keys, definitions and rows, made once: making them takes longer than most tests.
static LABORATORY: LazyLock<Result<Arc<Laboratory>, Violation>> = LazyLock::new(|| Laboratory::new().map(Arc::new));

/// A row for tests that need one and no special one.
pub const ROW: RowName = RowName::new(Hospital::North, Register::Local, 0);

/// What all worlds share.
///
/// # Errors
///
/// A [`Violation`] when the built-in definitions and the population do not fit.
pub fn laboratory() -> Result<Arc<Laboratory>, Violation> {
    LABORATORY.clone()
}

/// A world at rest in which every service runs.
///
/// # Errors
///
/// A [`Violation`].
pub fn world(seed: u64) -> Result<World, Violation> {
    World::new(&laboratory()?, seed)
}

/// Uploads of all rows of both hospitals.
pub fn all_rows() -> impl Iterator<Item = Op> {
    let registers = Hospital::ALL.into_iter().flat_map(|hospital| Register::ALL.map(|register| (hospital, register)));
    registers.map(|(hospital, register)| Op::Submit { hospital, register, first: 0, count: ROWS })
}

/// The same with so many distinct patients per hospital and day at the TTP.
///
/// # Errors
///
/// A [`Violation`].
pub fn world_with_quota(seed: u64, patients_per_day: u32) -> Result<World, Violation> {
    World::with_quota(&laboratory()?, seed, patients_per_day)
}
