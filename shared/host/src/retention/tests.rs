use std::sync::Mutex;

use clock::simulation::Executor;
use store::MemoryItinerary;

use super::*;

const START: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
const DAYS: u32 = 40;

fn days(count: u64) -> Duration {
    DAY.saturating_mul(u32::try_from(count).unwrap())
}

fn item(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn derived(item: Uuid, name: &str) -> Uuid {
    ItemId::from_uuid(item).derived(name).uuid()
}

/// What passed on a day.
fn passage(day: u64, step: &'static str, outcome: Outcome, items: &[Uuid]) -> Passage {
    let (publication, queue) = (item(u128::from(day)), "some.queue".to_owned());
    Passage { publication, step, queue, at: START.plus(days(day)), outcome, items: items.to_vec() }
}

struct Known(Mutex<HashSet<Uuid>>);

#[async_trait]
impl UnderWay for Known {
    async fn under_way(&self) -> Result<HashSet<Uuid>, StoreError> {
        Ok(self.0.lock().unwrap().clone())
    }
}

/// A service that has begun and forgets; everything else stands still.
struct Bench {
    executor: Executor,
    itinerary: Arc<MemoryItinerary>,
    known: Arc<Known>,
}

impl Bench {
    fn new(is_told: Option<bool>, passages: &[Passage]) -> Self {
        let executor = Executor::new(1, START);
        let itinerary = Arc::new(MemoryItinerary::default());
        itinerary.append(passages);
        let known = Arc::new(Known(Mutex::default()));
        let settled = match is_told {
            Some(true) => Settled::Told(Arc::clone(&known) as Arc<dyn UnderWay>),
            Some(false) => Settled::Seen,
            None => Settled::AtOnce,
        };
        let retention = Retention {
            service: "party",
            itinerary: Arc::clone(&itinerary) as Arc<dyn Itinerary>,
            days: DAYS,
            settled,
            clock: Arc::new(executor.clock()),
        };
        let mut bench = Self { executor, itinerary, known };
        bench.executor.spawn(retention.work().start());
        bench.executor.settle();
        bench
    }

    /// What is left some days after the start.
    fn left_after(&mut self, day: u64) -> Vec<(i64, Vec<Uuid>)> {
        self.executor.run_until(START.plus(days(day)).plus(FIRST_LOOK * 2));
        let itinerary = Arc::clone(&self.itinerary);
        let passages = self.executor.block_on(async move { itinerary.passages(0, u32::MAX).await.unwrap() }).unwrap();
        passages.into_iter().map(|(number, passage)| (number, passage.items)).collect()
    }
}

fn numbers(left: &[(i64, Vec<Uuid>)]) -> Vec<i64> {
    left.iter().map(|(number, _)| *number).collect()
}

#[test]
fn what_passed_long_ago_is_forgotten_day_by_day() {
    let passages: Vec<Passage> = (0..6).map(|day| passage(day, "7", Outcome::Validated, &[item(1)])).collect();
    let mut bench = Bench::new(None, &passages);
    assert_eq!(numbers(&bench.left_after(39)), [1, 2, 3, 4, 5, 6], "not before its days are over");
    assert_eq!(numbers(&bench.left_after(40)), [2, 3, 4, 5, 6]);
    assert_eq!(numbers(&bench.left_after(42)), [4, 5, 6]);
    assert_eq!(numbers(&bench.left_after(1_000)), [6], "the newest stays: numbers rise");
}

/// Thousands go in portions, and none is looked over.
#[test]
fn many_go_in_portions() {
    let passages: Vec<Passage> = (0..2_700).map(|_| passage(0, "7", Outcome::Validated, &[item(1)])).collect();
    let mut bench = Bench::new(None, &passages);
    assert_eq!(numbers(&bench.left_after(41)), [2_700]);
}

#[test]
fn what_belongs_to_a_registration_on_its_way_stays() {
    let both = [item(1), item(2)];
    let passages = [
        passage(0, "3", Outcome::Sent, &both),
        passage(1, "3 back", Outcome::Arrived, &[derived(item(1), STATUS)]),
        passage(2, "3", Outcome::Resent, &[item(2)]),
        passage(3, "3", Outcome::Sent, &[item(3)]),
    ];
    let mut bench = Bench::new(Some(true), &passages);
    *bench.known.0.lock().unwrap() = HashSet::from([item(2)]);
    assert_eq!(bench.left_after(400), [(1, vec![item(2)]), (3, vec![item(2)]), (4, vec![item(3)])]);
    // It is answered at last.
    bench.known.0.lock().unwrap().clear();
    assert_eq!(numbers(&bench.left_after(401)), [4]);
}

#[test]
fn who_only_passes_on_keeps_what_it_saw_no_answer_to() {
    let (answered, unanswered, feedback) = (item(1), item(2), item(9));
    let receipt = derived(feedback, RECEIPT);
    let passages = [
        passage(0, "5", Outcome::Forwarded, &[answered, unanswered]),
        passage(8, "4 back", Outcome::Forwarded, &[derived(answered, STATUS)]),
        passage(8, "4 back", Outcome::Forwarded, &[feedback]),
        passage(9, "5", Outcome::Forwarded, &[receipt]),
        passage(9, "R2", Outcome::Forwarded, &[item(20)]),
        passage(10, "5", Outcome::Forwarded, &[unanswered]),
        passage(60, "5", Outcome::Forwarded, &[item(30)]),
    ];
    let mut bench = Bench::new(Some(false), &passages);
    assert_eq!(bench.left_after(70), [(1, vec![unanswered]), (6, vec![unanswered]), (7, vec![item(30)])]);
}

/// It may stand among the dead letters still.
#[test]
fn what_was_set_aside_stays() {
    let aside = Outcome::DeadLettered("QUOTA".to_owned());
    for is_told in [Some(true), Some(false), None] {
        let passages = [passage(0, "5", aside.clone(), &[item(1)]), passage(50, "5", Outcome::Forwarded, &[item(2)])];
        assert_eq!(numbers(&Bench::new(is_told, &passages).left_after(90)), [1, 2]);
    }
}
