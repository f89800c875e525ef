//! An installation over HTTP for whoever runs it: what stands on its queues, what was set aside, and what goes wrong on demand where that is allowed.
//! Nothing of a patient: publications are counted and named, never opened.
//!
//! It exists where one process runs all parties (`serve`). In an installation of separate processes each party's operator has its own zone's broker to look at.

mod dead_letters;
mod faults;
pub mod letter_jobs;
mod queues;

use std::{sync::Arc, time::Duration};

use axum::Router;
use clock::Clock;
use serde_json::Value;
use topology::Nihdi;
use utoipa_axum::routes;
use web::{Access, Api, Code, Desk, Role};

use crate::{
    faults::Switchboard,
    installation::{Installation, Zones},
    letters::{Jobs, Office},
};

/// The service's name, in audit rows and below the site.
pub const SERVICE: &str = "operator";

/// The document's title. Callers know the API by its first words.
pub const TITLE: &str = "the operator's API, of an installation in one process";

/// A hundred thousand letters are looked at one by one.
const LOOK_DEADLINE: Duration = Duration::from_secs(120);

const OPERATE: &[Role] = &[Role::Operator];

/// What an operator works with.
pub struct Operator {
    zones: Zones,
    hospitals: Vec<Nihdi>,
    office: Arc<Office>,
    looks: dead_letters::Looks,
    jobs: Jobs,
    faults: Option<Arc<Switchboard>>,
}

impl Operator {
    /// The operator of an installation.
    #[must_use]
    pub fn of(installation: &Installation, clock: &Arc<dyn Clock>) -> Self {
        let (zones, hospitals) = (installation.zones.clone(), installation.hospitals.clone());
        let office = Arc::new(Office::new(&zones, &hospitals, Arc::clone(clock)));
        let (looks, jobs, faults) = (dead_letters::Looks::default(), Jobs::default(), installation.faults.clone());
        Self { zones, hospitals, office, looks, jobs, faults }
    }
}

/// The API, and its document.
pub fn api(operator: Arc<Operator>, desk: Arc<Desk>) -> (Router, Arc<Value>) {
    const LIST: &[Code] = &[Code::InvalidCursor, Code::BrokerUnavailable];
    const LETTER: &[Code] = &[Code::UnknownDeadLetter, Code::BrokerUnavailable];
    const JOB: &[Code] = &[Code::UnknownJob];
    const WISH: &[Code] = &[Code::UnknownJob, Code::WrongStatus];
    let api = Api::new(desk, TITLE)
        .route(routes!(queues::list), Access::figures(OPERATE))
        .route(routes!(dead_letters::list), Access::figures(OPERATE).problems(LIST).deadline(LOOK_DEADLINE))
        .route(routes!(dead_letters::one), Access::figures(OPERATE).problems(LETTER).deadline(LOOK_DEADLINE))
        .route(routes!(letter_jobs::start), Access::change(OPERATE))
        .route(routes!(letter_jobs::list), Access::figures(OPERATE))
        .route(routes!(letter_jobs::one), Access::figures(OPERATE).problems(JOB))
        .route(routes!(letter_jobs::pause), Access::change(OPERATE).problems(WISH))
        .route(routes!(letter_jobs::resume), Access::change(OPERATE).problems(WISH))
        .route(routes!(letter_jobs::cancel), Access::change(OPERATE).problems(WISH));
    // Without `--faults` there are no such routes.
    let api = if operator.faults.is_some() { faults::routes(api) } else { api };
    api.finish(operator)
}
