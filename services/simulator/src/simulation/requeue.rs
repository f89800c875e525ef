//! An operator who puts dead letters back, and whose process may die of it.

use std::sync::Arc;

use broker::Broker;
use clock::Clock;
use topology::Nihdi;
use uuid::Uuid;

use super::{Violation, World, violation::broken};
use crate::{
    installation::Zones,
    letters::{Filter, Job, Office, Order, Standing, Wanted},
};

impl World {
    /// Puts back the dead letters that are wanted, and lets everything happen that follows at this moment. With `killed_after`, the operator's process dies after so many
    /// steps of the world, wherever it is then.
    ///
    /// # Errors
    ///
    /// A [`Violation`] that follows, or a filter that is none.
    pub fn requeue(&mut self, wanted: Wanted, killed_after: Option<u64>) -> Result<Standing, Violation> {
        let broker: Arc<dyn Broker> = Arc::clone(&self.broker) as Arc<dyn Broker>;
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let hospitals: Vec<Nihdi> = self.laboratory.hospitals.values().copied().collect();
        let office = Office::new(&Zones::all_on(&broker), &hospitals, clock);
        let filter = Filter::try_from(&wanted).map_err(broken("filter dead letters"))?;
        let job = Arc::new(Job::new(Uuid::nil(), Order { wanted, filter, per_minute: None }, self.now()));
        let begun = Arc::clone(&job);
        let task = self.executor.spawn(async move { office.requeue(&begun).await });
        if let Some(steps) = killed_after {
            self.executor.run_steps(steps);
            self.executor.kill(task);
        }
        self.settle()?;
        self.check()?;
        Ok(job.standing())
    }
}
