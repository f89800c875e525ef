//! What verdict and invariants look at: the stores of all parties, what was published, and what was asked for. A world on virtual time has it,
//! and so have processes on a real broker.

use std::{collections::BTreeMap, fmt, future::Future, pin::pin, sync::Arc};

use broker::Broker;
use clock::{Clock, Timestamp};
use dhw::Registers;
use futures_util::FutureExt;
use host::Chance;
use store::StoreError;
use tokio::runtime::Handle;
use uuid::Uuid;

use super::{
    Laboratory, Violation,
    deeds::{Screen, Wish},
    desk::{Desk, Upload},
    inspector::{Inspector, Published},
    model::Model,
    name::Name,
    op::{Hospital, Register, RowName, Service, Whose},
    spoil::Spoiler,
    violation::broken,
};
use crate::{installation::Tuning, stores::Stores};

/// All that can be asked about what happened.
pub struct Evidence {
    pub(crate) laboratory: Arc<Laboratory>,
    /// The world's time.
    pub(crate) time: Arc<dyn Clock>,
    pub(crate) chance: Arc<Chance>,
    /// Where the publications stand.
    pub(crate) queues: Arc<dyn Broker>,
    pub(crate) stores: Stores,
    pub(crate) inspector: Arc<Inspector>,
    pub(crate) spoiler: Arc<Spoiler>,
    pub(crate) model: Model,
    pub(crate) desks: BTreeMap<Hospital, Desk>,
    pub(crate) screens: BTreeMap<Service, Screen>,
    pub(crate) epoch: u32,
    pub(crate) tuning: Tuning,
    /// The data warehouse's tables.
    pub(crate) registers: Arc<Registers>,
    /// Whether services ever had different versions of a definition.
    pub(crate) had_two_versions: bool,
}

impl fmt::Debug for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evidence").field("time", &self.time).finish_non_exhaustive()
    }
}

impl Evidence {
    /// The world's time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.time.now()
    }

    /// Every publication so far, in order.
    #[must_use]
    pub fn published(&self) -> Vec<Published> {
        self.inspector.published()
    }

    /// Somebody brings rows of a register to their hospital's desk, changed or as they last were.
    pub(crate) fn bring(&mut self, hospital: Hospital, register: Register, first: u16, count: u16, changed: bool) {
        let names = (first..first.saturating_add(count)).map(|number| RowName::new(hospital, register, number));
        let rows = names.map(|row| self.model.revise(row, changed)).collect();
        self.put(hospital, Upload { register, rows, input: None, rejected: 0 });
    }

    /// The same with rows of an input.
    pub(super) fn bring_input(&mut self, input: Name, first: u16, count: u16, changed: bool) -> Result<(), Violation> {
        let placed = Arc::clone(self.laboratory.input(input)?);
        let wanted = || placed.rows.iter().skip(first.into()).take(count.into());
        let rejected = wanted().filter(|row| row.is_err()).count() as u64;
        let rows = wanted().flatten().map(|form| self.model.revise_to(*form, changed)).collect();
        self.put(placed.hospital, Upload { register: placed.register, rows, input: Some(input), rejected });
        Ok(())
    }

    fn put(&mut self, hospital: Hospital, upload: Upload) {
        if let Some(desk) = self.desks.get_mut(&hospital) {
            desk.put(upload);
        }
    }

    /// Somebody wants to do something to a registration.
    pub(crate) fn wish_for(&mut self, wish: Wish) {
        self.screens.entry(wish.deed.place(wish.of.hospital())).or_default().put(wish);
    }

    /// The registration that a wish is about, if its hospital has taken in any.
    pub(crate) fn named(&self, wish: Wish) -> Result<Option<(RowName, Uuid)>, Violation> {
        let (hospital, number) = match wish.of {
            Whose::Row(row) => {
                let Some(row) = self.laboratory.row_itself(row) else { return Ok(None) };
                return Ok(self.known(row)?.map(|known| (row, known.registration_id)));
            }
            Whose::Taken { hospital, number } => (hospital, number),
        };
        let mut all = Vec::new();
        for row in self.model.rows_of(hospital) {
            all.extend(self.known(row)?.map(|known| (row, known.registration_id)));
        }
        let at = usize::from(number).checked_rem(all.len());
        Ok(at.and_then(|at| all.get(at).copied()))
    }
}

/// What a store answers. In memory nothing makes wait.
pub(crate) fn at_once<T>(answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, Violation> {
    wait_for(answer)?.map_err(broken("ask a store"))
}

/// The answer, at once; or when it has come, where a runtime lets this thread wait for it.
pub(super) fn wait_for<T>(answer: impl Future<Output = T>) -> Result<T, Violation> {
    let mut answer = pin!(answer);
    match ((&mut answer).now_or_never(), Handle::try_current()) {
        (Some(answer), _) => Ok(answer),
        (None, Ok(runtime)) => Ok(runtime.block_on(answer)),
        (None, Err(_)) => Err(Violation::new("something in memory made wait")),
    }
}
