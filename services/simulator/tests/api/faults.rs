//! Faults that an operator switches on while everything runs, and what becomes of the registrations.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use simulator::{
    simulation::{Arrow, Fault, Op},
    tally,
};
use web::Role;

use crate::{
    CANARY,
    client::{Terminal, held},
    house::{HOSPITAL, House},
    http::{Ask, Told},
    stories::Person,
};

/// How long anything that is waited for may take.
const LIMIT: Duration = Duration::from_secs(60);

/// The number of a fault that is on and strikes nothing.
pub(crate) async fn switched_on(house: &House) -> u64 {
    let board = house.session.installation.faults.as_ref().unwrap();
    board.switch(&[Op::Once { arrow: Arrow::RecodedToDhw, fault: Fault::Lose }]).await.unwrap();
    board.lines().board.all().last().unwrap().number
}

/// Whoever runs the house.
struct Operator<'a> {
    house: &'a House,
    person: Person<'a>,
    asked: std::cell::Cell<u32>,
}

impl<'a> Operator<'a> {
    fn of(house: &'a House) -> Self {
        Self { house, person: Person::new(house, "operator", "/operator"), asked: std::cell::Cell::new(0) }
    }

    async fn change(&self, ask: Ask) -> Told {
        self.asked.set(self.asked.get() + 1);
        self.person.change(ask, &format!("operator-{}", self.asked.get()), None).await
    }

    async fn try_switch(&self, wish: Value) -> Told {
        self.change(self.person.ask("post", "/faults").json(&wish)).await
    }

    /// Switches something on, and gives what came of it.
    async fn switch(&self, wish: Value) -> String {
        let told = self.try_switch(wish.clone()).await;
        assert_eq!(told.status, 200, "{wish}: {}", String::from_utf8_lossy(&told.body));
        told.json()["outcome"].as_str().unwrap().to_owned()
    }

    async fn all_off(&self) {
        assert_eq!(self.change(self.person.ask("delete", "/faults")).await.status, 200);
        assert_eq!(self.person.get("/faults").await.json(), json!([]));
    }

    /// What struck so far: fault, and whether it found something.
    async fn struck(&self) -> Vec<(String, bool)> {
        let log = self.person.get("/faults/log?limit=1000").await.json();
        let told = |strike: &Value| (strike["fault"].as_str().unwrap().to_owned(), strike["outcome"] == "struck");
        log.as_array().unwrap().iter().map(told).collect()
    }

    /// How many of the hospital's registrations stand where.
    async fn standing(&self) -> BTreeMap<String, usize> {
        let hospital = Person::at_hospital(self.house);
        let mut counts = BTreeMap::new();
        for one in crate::stories::items(&hospital.get("/registrations?limit=1000").await) {
            let status = one["status"].as_str().unwrap();
            let confirmation = one["confirmation"].as_str().map(|word| format!(", {word}")).unwrap_or_default();
            *counts.entry(format!("{status}{confirmation}")).or_default() += 1;
        }
        counts
    }

    /// Waits until so many registrations are confirmed.
    async fn until_confirmed(&self, count: usize) {
        let clock = &*self.house.session.clock;
        let answered = clock::timeout(clock, LIMIT, self.house.hd4dp().answered()).await;
        let (standing, queues) = (self.standing().await, self.person.get("/queues").await.json());
        let is_so = answered.is_ok() && confirmed(&standing) == count;
        assert!(is_so, "waited in vain for {count} confirmations: {standing:?}\n{queues}\n{:?}", self.struck().await);
    }

    /// The verdict of everything since the house was opened.
    async fn verdict(&self) -> tally::Summary {
        let (stores, uploads) = (&self.house.session.installation.stores, self.house.uploads());
        let items = tally::items(stores, &uploads).await.unwrap();
        tally::summary(stores, &uploads, &items, &tally::Marks::new(), Duration::ZERO).await.unwrap()
    }

    /// Everything that was taken in came through, once.
    async fn all_is_well(&self, count: u64) {
        let summary = self.verdict().await;
        let told = (summary.confirmed, summary.validated, summary.pending, summary.dead_lettered);
        assert_eq!(told, (count, count, 0, 0), "{summary:?}");
        assert_eq!((summary.lost, summary.unexpected, summary.duplicated), (0, 0, 0), "{summary:?}");
    }
}

fn confirmed(standing: &BTreeMap<String, usize>) -> usize {
    standing.get("submitted, OK").copied().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_ttp_that_is_down_goes_on_when_it_is_up() {
    let house = House::open_with_faults().await;
    let operator = Operator::of(&house);
    assert_eq!(operator.switch(json!({ "down": "ehealth-ttp" })).await, "on");
    assert_eq!(operator.switch(json!({ "down": "ehealth-ttp" })).await, "nothing", "it is down already");
    house.take_in(12).await;
    let (clock, broker) = (&*house.session.clock, house.session.installation.zones.broker(Arrow::ToTtp.zone()));
    let mut reader = broker.consume(&Arrow::ToTtp.queue(None), 1).await.unwrap();
    drop(clock::timeout(clock, LIMIT, reader.next()).await.expect("a publication comes before the TTP").unwrap());
    drop(reader);
    let queues = operator.person.get("/queues").await.json();
    assert!(queues.as_array().unwrap().iter().any(|queue| queue["queue"] == "ttp.in" && queue["ready"] != 0), "{queues}");
    assert_eq!(confirmed(&operator.standing().await), 8, "those of before");
    assert_eq!(operator.switch(json!({ "up": "ehealth-ttp" })).await, "off");
    operator.until_confirmed(12).await;
    house.rest().await;
    operator.all_is_well(12 + 8).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_gets_lost_is_sent_again_when_its_hospitals_clock_says_so() {
    let house = House::open_with_faults().await;
    let operator = Operator::of(&house);
    assert_eq!(operator.switch(json!({ "fault": "drop", "on": "4" })).await, "on");
    house.take_in(12).await;
    house.rest().await;
    assert!(operator.struck().await.contains(&("drop".to_owned(), true)));
    assert_eq!(confirmed(&operator.standing().await), 8);
    assert_eq!(operator.switch(json!({ "jump-clock": format!("hd4dp {HOSPITAL}"), "by": "49 hours" })).await, "done");
    operator.until_confirmed(12).await;
    house.rest().await;
    operator.all_is_well(12 + 8).await;
    let log = operator.person.get("/faults/log").await.json();
    assert_eq!((&log[0]["step"], &log[0]["service"]), (&"4".into(), &"ehbox-hco north".into()));
    assert!(log[0]["publication"].as_str().unwrap().parse::<uuid::Uuid>().is_ok() && !log.to_string().contains(CANARY));
    house.close().await;
}

/// Everything that stops, slows or interrupts a service, one after the other with registrations on their way; nothing is lost by it.
#[tokio::test(flavor = "multi_thread")]
async fn no_interruption_costs_a_registration() {
    let house = House::open_with_faults().await;
    let operator = Operator::of(&house);
    let mut taken = 8;
    let hd4dp = format!("hd4dp {HOSPITAL}");
    let trials = [
        vec![json!({ "crash": "hd4res", "at": "before-commit" })],
        vec![json!({ "crash": "hd4res", "at": "before-ack", "times": 2 })],
        vec![json!({ "crash": "dhw", "at": "after-commit" })],
        vec![json!({ "fault": "lose-confirm", "on": "5" }), json!({ "fault": "full-queue", "on": "6" })],
        vec![json!({ "fault": "duplicate", "on": "3" }), json!({ "fault": "duplicate", "on": "7" })],
        vec![json!({ "fault": "delay", "on": "4", "by": "1 second" }), json!({ "fault": "reorder", "on": "4 back" })],
        vec![json!({ "slow": "ehbox-hd", "by": "1 second" })],
    ];
    for (number, wishes) in trials.into_iter().enumerate() {
        for wish in &wishes {
            assert_eq!(operator.switch(wish.clone()).await, "on", "{wish}");
        }
        let count = 10 + u32::try_from(number).unwrap();
        house.take_in(count).await;
        taken += u64::from(count);
        operator.until_confirmed(count as usize).await;
        house.rest().await;
    }
    for wish in [json!({ "broker-away": true }), json!({ "disk-full": "ehealth-ttp" }), json!({ "disk-full": "hd4res" })] {
        assert_eq!(operator.switch(wish.clone()).await, "on");
        house.take_in(20 + u32::try_from(taken % 7).unwrap()).await;
        taken += 20 + taken % 7;
        let before = operator.standing().await;
        for wish in [json!({ "kill": hd4dp }), json!({ "cut-broker": true }), json!({ "kill": "ehbox-hd" })] {
            assert_eq!(operator.switch(wish).await, "done");
        }
        assert!(confirmed(&operator.standing().await) <= confirmed(&before), "{wish}");
        operator.all_off().await;
        house.rest().await;
    }
    house.rest().await;
    operator.all_is_well(taken).await;
    let struck: Vec<String> = operator.struck().await.into_iter().map(|(fault, _)| fault).collect();
    for fault in ["crash", "lose-confirm", "full-queue", "duplicate", "delay", "reorder", "kill", "cut-broker", "broker-away"] {
        assert!(struck.iter().any(|known| known == fault), "{fault} did not strike: {struck:?}");
    }
    house.close().await;
}

/// What is broken, forged, guessed or sealed with other keys becomes a dead letter or nothing, and what it stood in for comes through with its resend.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_broken_or_forged_is_set_aside_and_the_rest_comes_through() {
    let house = House::open_with_faults().await;
    let operator = Operator::of(&house);
    let dead = async || {
        let queues = operator.person.get("/queues").await.json();
        queues.as_array().unwrap().iter().map(|queue| queue["dead"].as_u64().unwrap()).sum::<u64>()
    };
    let (mut count, hd4dp) = (9_u32, format!("hd4dp {HOSPITAL}"));
    let trials = [
        vec![json!({ "fault": "corrupt", "on": "4" })],
        vec![json!({ "fault": "truncate", "on": "6" })],
        vec![json!({ "fault": "tamper", "on": "5" })],
        vec![json!({ "fault": "poison", "on": "4" })],
        vec![json!({ "use-keys": "ehbox-hd", "pair": "wrong" })],
    ];
    for wishes in trials {
        let before = dead().await;
        for wish in &wishes {
            assert_eq!(operator.switch(wish.clone()).await, "on", "{wish}");
        }
        house.take_in(count).await;
        house.rest().await;
        assert!(dead().await > before, "no dead letters of {wishes:?}");
        operator.all_off().await;
        operator.switch(json!({ "jump-clock": hd4dp, "by": "72 hours" })).await;
        operator.until_confirmed(count as usize).await;
        house.rest().await;
        count += 1;
    }
    for (wish, outcome) in [
        (json!({ "replay": "4" }), "done"),
        (json!({ "replay": "R4" }), "nothing"),
        (json!({ "forge-status": HOSPITAL }), "nothing"),
        (json!({ "guess-patients": HOSPITAL, "times": 20 }), "done"),
    ] {
        assert_eq!(operator.switch(wish.clone()).await, outcome, "{wish}");
    }
    house.rest().await;
    let summary = operator.verdict().await;
    assert_eq!((summary.lost, summary.duplicated, summary.pending), (0, 0, 0), "{summary:?}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_down_does_not_answer_and_what_is_wrong_is_said() {
    let house = House::open_with_faults().await;
    let operator = Operator::of(&house);
    operator.switch(json!({ "down": "hd4dp north" })).await;
    let hospital = Person::at_hospital(&house);
    assert_eq!(hospital.get("/registrations").await.code(), "SERVICE_DOWN");
    operator.switch(json!({ "up": format!("hd4dp {HOSPITAL}") })).await;
    assert_eq!(hospital.get("/registrations").await.status, 200);
    for (wish, pointer) in [
        (json!({ "fault": "drp", "on": "4" }), "/fault"),
        (json!({ "fault": "drop", "on": CANARY }), "/on"),
        (json!({ "down": format!("hd4dp {CANARY}") }), "/down"),
    ] {
        let told = operator.try_switch(wish.clone()).await;
        assert_eq!(
            (told.status, told.code().as_str(), &told.json()["pointer"]),
            (422, "INVALID_FAULT", &pointer.into()),
            "{wish}"
        );
        assert!(!told.json()["findings"][0]["message"].as_str().unwrap().is_empty());
        assert!(!String::from_utf8_lossy(&told.body).contains(CANARY));
    }
    let unknown = operator.change(operator.person.ask("delete", "/faults/999")).await;
    assert_eq!(unknown.code(), "UNKNOWN_FAULT");
    house.close().await;
}

/// Without `--faults` nobody can switch anything on.
#[tokio::test(flavor = "multi_thread")]
async fn an_installation_that_allows_no_faults_has_no_such_routes() {
    let house = House::open_in(tempfile::tempdir().unwrap()).await;
    assert!(house.session.installation.faults.is_none());
    let operator = Operator::of(&house);
    for (method, path) in [("get", "/faults"), ("post", "/faults"), ("delete", "/faults"), ("get", "/faults/log")] {
        let told = operator.change(operator.person.ask(method, path)).await;
        assert_eq!(told.code(), "UNKNOWN_ROUTE", "{method} {path}");
    }
    let terminal = Terminal::with(&house, "operator", &held(&house, Role::Operator, None));
    let (status, said) = terminal.fails(&["fault", "on", "drop", "on", "4"]).await;
    assert!(status == 2 && said.contains("--faults"), "{status}: {said}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_are_switched_from_the_command_line() {
    let house = House::open_with_faults().await;
    let terminal = Terminal::with(&house, "operator", &held(&house, Role::Operator, None));
    let on = terminal.json(&["fault", "on", "drop", "on", "4 back", "times", "2"]).await;
    assert_eq!((&on["outcome"], &on["words"]), (&"on".into(), &"{ fault = \"drop\", on = \"4 back\" }".into()));
    let number = on["number"].as_u64().unwrap();
    let listed = terminal.json(&["fault", "list"]).await;
    assert_eq!((&listed["faults"][0]["number"], &listed["faults"][0]["left"]), (&number.into(), &2.into()));
    let (status, said) = terminal.fails(&["fault", "on", "down = \"ehealth-tpt\""]).await;
    assert!(status == 2 && said.starts_with("precision: failed to understand what shall happen"), "{status}: {said}");
    assert_eq!(terminal.json(&["fault", "off", &number.to_string()]).await["off"], 1);
    assert_eq!(terminal.json(&["fault", "list"]).await["faults"], json!([]));
    terminal.json(&["fault", "on", "kill dhw"]).await;
    let log = terminal.json(&["fault", "log"]).await;
    assert_eq!((&log["strikes"][0]["fault"], &log["strikes"][0]["service"]), (&"kill".into(), &"dhw".into()));
    let words = terminal.json(&["fault", "list", "--words"]).await;
    let services = words["vocabulary"]["services"].as_array().unwrap();
    assert!(services.contains(&format!("hd4dp {HOSPITAL}").into()) && services.contains(&"hd4dp north".into()));
    let researcher = Terminal::with(&house, "researcher", &held(&house, Role::Researcher, None));
    let (status, said) = researcher.fails(&["fault", "list"]).await;
    assert!(status == 2 && said.contains("an operator's"), "{said}");
    house.close().await;
}
