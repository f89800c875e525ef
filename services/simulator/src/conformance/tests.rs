//! The services of this tree pass every check; parts that are broken in one way fail the check that is about it.

mod broken;

use std::{sync::Arc, time::Duration};

use broker::{Broker, EmbeddedBroker, EmbeddedOptions};
use clock::{Clock, Timestamp, simulation::Executor};
use dcd::Definitions;
use host::{Chance, Context, NoProbe};
use topology::{Actor, Nihdi, Topology};
use uuid::Uuid;

use self::broken::{Breakage, Spoiling};
use super::{
    check::{Counts, Finding, Protocol},
    keys::NeighbourKeys,
    neighbours::Ground,
    report, run,
};
use crate::{
    installation::{Installation, Plan, Tuning, Zones},
    keys::AllKeys,
    stores::Stores,
};

/// 21 November 2026, 10:00 and a few microseconds, which the TTP rounds away.
const START: Timestamp = Timestamp::from_micros(1_795_255_200_000_123);

fn hospitals() -> Vec<Nihdi> {
    ["00000196", "00000295"].map(|digits| digits.parse().unwrap()).to_vec()
}

/// The protocol of a service of this tree, on virtual time; what it publishes goes through `breakage`.
fn protocol(part: Actor, breakage: Option<Breakage>) -> Protocol {
    let (hospitals, definitions) = (hospitals(), Arc::new(Definitions::built_in().unwrap()));
    let mut executor = Executor::new(1, START);
    let clock: Arc<dyn Clock> = Arc::new(executor.clock());
    let topology = Topology::for_hospitals(&hospitals);
    let options = EmbeddedOptions::new(Uuid::from_u128(1));
    let broker: Arc<dyn Broker> = Arc::new(EmbeddedBroker::new(Arc::clone(&clock), &topology, options));
    let keys = Arc::new(AllKeys::in_memory(&hospitals).unwrap());
    let context = Context { clock: Arc::clone(&clock), chance: Arc::new(Chance::seeded(1)), probe: Arc::new(NoProbe) };
    let of_part: Arc<dyn Broker> = match breakage {
        Some(breakage) => Arc::new(Spoiling::new(Arc::clone(&broker), Arc::clone(&keys), breakage)),
        None => Arc::clone(&broker),
    };
    let installation = {
        let (hospitals, keys, definitions, context) = (hospitals.clone(), Arc::clone(&keys), Arc::clone(&definitions), context);
        executor.block_on(async move {
            let plan = Plan {
                hospitals: &hospitals,
                context,
                zones: Zones::all_on(&of_part),
                stores: Stores::in_memory(&hospitals, &definitions),
                keys: &keys,
                definitions,
                tuning: Tuning { look_for_keys_every: None, ..Tuning::default() },
            };
            Installation::new(plan).await.unwrap()
        })
    };
    let installation = installation.unwrap();
    let own = part.user(hospitals.first()).to_string();
    for (_, work) in installation.works.into_iter().filter(|(service, _)| *service == own) {
        executor.spawn(async move { work.start().await });
    }
    let ground = Ground {
        broker,
        clock,
        chance: Arc::new(Chance::seeded(2)),
        keys: NeighbourKeys::of(&keys, part, &hospitals),
        definitions,
        hospitals,
        patience: Duration::from_secs(5),
    };
    executor.block_on(run(part, ground)).unwrap().unwrap()
}

/// The names of the checks that failed.
fn failed(protocol: &Protocol) -> Vec<String> {
    let failed = |finding: &Finding| matches!(finding, Finding::Failed { .. });
    protocol.rows().filter(|(_, _, finding)| failed(finding)).map(|(_, check, _)| check.name.clone()).collect()
}

/// All checks are reached and passed, and none is judged that is not listed.
#[track_caller]
fn passes_all(part: Actor) {
    let protocol = protocol(part, None);
    let counts = protocol.counts();
    assert_eq!(counts, Counts { passed: counts.passed, ..Counts::default() }, "{}", report::terminal(&protocol));
    assert!(counts.passed > 20, "{counts:?}");
    assert_eq!(protocol.unknown(), Vec::<&str>::new());
    assert!(protocol.conforms());
}

#[test]
fn the_ttp_passes() {
    passes_all(Actor::EhealthTtp);
}

#[test]
fn a_hospitals_messaging_client_passes() {
    passes_all(Actor::EhboxHco);
}

#[test]
fn healthdatas_messaging_client_passes() {
    passes_all(Actor::EhboxHd);
}

#[test]
fn hd4res_passes() {
    passes_all(Actor::Hd4res);
}

#[test]
fn the_data_warehouse_passes() {
    passes_all(Actor::Dhw);
}

/// Its user submits nothing here, so what it sends is not looked at.
#[test]
fn hd4dp_passes_what_can_be_asked_of_it() {
    let protocol = protocol(Actor::Hd4dp, None);
    let counts = protocol.counts();
    assert_eq!(counts, Counts { passed: counts.passed, not_offered: 6, ..Counts::default() }, "{}", report::terminal(&protocol));
    assert!(protocol.conforms());
    assert_eq!(protocol.unknown(), Vec::<&str>::new());
}

/// Each breakage of a TTP, and a check that it must fail.
#[test]
fn a_broken_ttp_fails_the_check_that_is_about_it() {
    for (breakage, check) in broken::OF_TTP {
        let protocol = protocol(Actor::EhealthTtp, Some(*breakage));
        let failed = failed(&protocol);
        assert!(failed.iter().any(|name| name == check), "{breakage:?} should fail {check}:\n{}", report::terminal(&protocol));
        assert!(!protocol.conforms());
    }
}

/// A part that is not there fails the first check, and is asked nothing more.
#[test]
fn a_part_that_answers_nothing_fails_the_first_check() {
    let protocol = protocol(Actor::EhealthTtp, Some(Breakage::Silent));
    assert_eq!(failed(&protocol), ["step-5/arrives"]);
    let counts = protocol.counts();
    assert_eq!((counts.passed, counts.failed), (0, 1));
    assert!(counts.not_reached > 20, "{counts:?}");
    assert!(report::terminal(&protocol).contains("nothing came within 5 s on queue hd.in"));
}
