//! HD4RES on virtual time: what it publishes of the researcher's acts, and what a crash or another broker changes of it.

use std::{path::Path, sync::Arc, time::Duration};

use broker::{Broker, EmbeddedBroker, EmbeddedOptions, contract::SlowConfirms};
use bytes::Bytes;
use clock::{Clock, Timestamp, simulation::Executor};
use dcd::Definitions;
use envelope::{Message, Publication, PublicationId, Text};
use hd_messages::{Arrival, ArrivalItem, Verdict, VerdictItem};
use host::{Chance, Context, NoProbe};
use pseudonymised::Pseudonym;
use registration::{CodeKey, Comment, Content, ContentHead, ContentKind, Feedback, Place};
use store::Itinerary as _;
use topology::Topology;
use uuid::Uuid;

use super::*;
use crate::{
    Parts,
    store::{Hd4resStore, MemoryStore, RecordStatus},
};

const DCD: &str = "Precision_Local_MAB";
const SENDER: &str = "SABCDEFGHIJKLMNO7";
const ITEM: Uuid = Uuid::from_u128(1);

struct Rig {
    executor: Executor,
    broker: Arc<EmbeddedBroker>,
    store: Arc<MemoryStore>,
    definitions: Arc<Definitions>,
    published: u128,
}

impl Rig {
    fn new(definitions: Definitions) -> Self {
        let executor = Executor::new(1, Timestamp::EPOCH);
        let broker = broker_of(&executor, 1);
        Self { executor, broker, store: Arc::default(), definitions: Arc::new(definitions), published: 0 }
    }

    fn service(&self) -> Arc<Hd4res> {
        Hd4res::new(Parts {
            source: SERVICE.parse().unwrap(),
            context: Context {
                clock: Arc::new(self.executor.clock()) as Arc<dyn Clock>,
                chance: Arc::new(Chance::seeded(1)),
                probe: Arc::new(NoProbe),
            },
            hd: Arc::clone(&self.broker) as Arc<dyn Broker>,
            store: Arc::clone(&self.store) as Arc<dyn Hd4resStore>,
            definitions: Arc::clone(&self.definitions),
        })
    }

    /// Lets a service run until it has nothing left to do, and then crash.
    fn run(&mut self, service: &Arc<Hd4res>) {
        let tasks: Vec<_> = service.works().iter().map(|work| self.executor.spawn(work.start())).collect();
        self.executor.settle();
        tasks.into_iter().for_each(|task| self.executor.kill(task));
    }

    fn feed<D: Message + Send + 'static>(&mut self, arrow: Arrow, data: D) {
        self.published += 1;
        let id = PublicationId::from_uuid(Uuid::from_u128(self.published));
        let document = Publication::new(id, "test".parse().unwrap(), Timestamp::EPOCH, data).encode().unwrap();
        let broker = Arc::clone(&self.broker);
        self.executor.block_on(async move { broker.publish(&arrow.route(None), document).await.unwrap() }).unwrap();
    }

    /// One registration arrives and is judged clean.
    fn register(&mut self) {
        let content = content(&self.definitions);
        let pseudonym = Pseudonym::assemble("healthdata", 1, &"A".repeat(26)).unwrap();
        let item = ArrivalItem {
            id: ItemId::from_uuid(ITEM),
            pseudonym: Text::unchecked(pseudonym.as_str().to_owned()),
            recoded_from: Vec::new(),
            sender: Text::unchecked(SENDER.to_owned()),
            hospital: KeyIdHex([7; 8]),
            handle: B64(vec![8; 40]),
            content: B64(content.encode()),
        };
        self.feed(Arrow::ToHd4res, Arrival { items: vec![item] });
        let verdict = VerdictItem {
            id: ItemId::from_uuid(ITEM),
            sender: Text::unchecked(SENDER.to_owned()),
            clean: true,
            findings: Vec::new(),
        };
        let service = self.service();
        self.run(&service);
        self.feed(Arrow::Verdicts, Verdict { items: vec![verdict] });
        self.run(&service);
    }

    fn act(&mut self, service: &Arc<Hd4res>, action: Action) -> Result<Acted, ActRefusal> {
        let service = Arc::clone(service);
        self.executor.block_on(async move { service.act(1, &action, &By::role("researcher")).await.unwrap() }).unwrap()
    }

    fn status(&mut self) -> RecordStatus {
        let store = Arc::clone(&self.store);
        self.executor.block_on(async move { store.researcher().view(1).await.unwrap().unwrap().row.status }).unwrap()
    }

    /// What stands in the queue of feedback but for STATUS: item id and feedback.
    fn feedback(&mut self) -> Vec<(Uuid, Feedback)> {
        let broker = Arc::clone(&self.broker);
        let documents: Vec<Bytes> = self
            .executor
            .block_on(async move {
                let mut consumer = broker.consume(&Arrow::FeedbackOut.queue(None), 0).await.unwrap();
                let mut taken = Vec::new();
                while let Some(delivery) = consumer.try_next() {
                    taken.push(delivery.payload.clone());
                    delivery.ack().unwrap();
                }
                taken
            })
            .unwrap();
        let items = documents.iter().flat_map(|document| Publication::<OutgoingFeedback>::decode(document).unwrap().data.items);
        let feedback = items.map(|item| (item.id.uuid(), item.feedback().unwrap()));
        feedback.filter(|(_, feedback)| feedback.kind() != crate::STATUS).collect()
    }
}

fn broker_of(executor: &Executor, incarnation: u128) -> Arc<EmbeddedBroker> {
    broker_with(executor, EmbeddedOptions::new(Uuid::from_u128(incarnation)))
}

fn broker_with(executor: &Executor, options: EmbeddedOptions) -> Arc<EmbeddedBroker> {
    let topology = Topology::for_hospitals(&["00000196".parse().unwrap()]);
    Arc::new(EmbeddedBroker::new(Arc::new(executor.clock()), &topology, options))
}

fn content(definitions: &Definitions) -> Content {
    let definition = definitions.exact(DCD, 1).unwrap();
    let head = ContentHead {
        registration_id: Uuid::from_u128(9),
        version: 1,
        kind: ContentKind::Registration,
        dcd: DCD.to_owned(),
        dcd_version: 1,
        organisation: "00000196".to_owned(),
        patient_tag: [0; 16],
    };
    let place = Place::of(definition.field_no("vcf_identifier").unwrap());
    Content::reduce(head, [(place, "V1")], Vec::new(), &definition.policies(), &CodeKey::new([1; 32])).unwrap()
}

fn corrections(place: Option<Place>) -> Action {
    Action::RequestCorrections(vec![Comment { place, text: "Is this right?".to_owned() }])
}

#[test]
fn feedback_is_sent_when_there_is_some_and_then_taken_over() {
    let mut rig = Rig::new(Definitions::built_in().unwrap());
    rig.register();
    assert!(rig.feedback().is_empty());
    let service = rig.service();
    let tasks: Vec<_> = service.works().iter().map(|work| rig.executor.spawn(work.start())).collect();
    rig.executor.settle();
    let place = Place::of(rig.definitions.exact(DCD, 1).unwrap().field_no("vcf_identifier").unwrap());
    let acted = rig.act(&service, corrections(Some(place))).unwrap();
    rig.executor.settle();
    let sent = rig.feedback();
    let [(id, feedback)] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!((*id, feedback.kind(), feedback.head().number), (acted.item_id, "CORRECTION_REQUEST", acted.number));
    assert_eq!(rig.status(), RecordStatus::CorrectionsRequested);
    let store = Arc::clone(&rig.store);
    let view = rig.executor.block_on(async move { store.researcher().view(1).await.unwrap().unwrap() }).unwrap();
    assert_eq!(view.comments[0].column.as_deref(), Some("vcf_identifier"));
    tasks.into_iter().for_each(|task| rig.executor.kill(task));
}

/// Whoever is told that it failed need not try again, and what was done is no secret.
#[test]
fn what_was_done_without_anybody_hearing_so_is_sent() {
    let mut rig = Rig::new(Definitions::built_in().unwrap());
    rig.register();
    let service = rig.service();
    let tasks: Vec<_> = service.works().iter().map(|work| rig.executor.spawn(work.start())).collect();
    rig.executor.settle();
    for at_once in [false, true] {
        rig.store.lost_answers.lose(1);
        let (acting, action) = (Arc::clone(&service), corrections(None));
        let act = async move {
            let by = By::role("researcher");
            match at_once {
                false => acting.act(1, &action, &by).await.map(drop),
                true => acting.act_on_all(&[Act { record: 1, action: &action, by }]).await.map(drop),
            }
        };
        rig.executor.block_on(act).unwrap().unwrap_err();
        let later = rig.executor.clock().now().plus(GATHERING);
        rig.executor.run_until(later);
        assert_eq!(rig.feedback().len(), 1, "{at_once}");
    }
    tasks.into_iter().for_each(|task| rig.executor.kill(task));
}

/// Its reader may have passed it on before the confirm is heard.
#[test]
fn a_sending_is_noted_as_of_when_it_was_sent() {
    let mut rig = Rig::new(Definitions::built_in().unwrap());
    rig.register();
    let confirms = SlowConfirms::new(rig.executor.clock());
    rig.broker = broker_with(&rig.executor, confirms.options(Uuid::from_u128(1)));
    let service = rig.service();
    rig.act(&service, corrections(None)).unwrap();
    let tasks: Vec<_> = service.works().iter().map(|work| rig.executor.spawn(work.start())).collect();
    rig.executor.run_until(Timestamp::EPOCH.plus(Duration::from_secs(60)));
    tasks.into_iter().for_each(|task| rig.executor.kill(task));
    let store = Arc::clone(&rig.store);
    let passages = rig.executor.block_on(async move { store.passages(0, 100).await.unwrap() }).unwrap();
    let sent: Vec<Timestamp> =
        passages.iter().filter(|(_, passage)| passage.outcome == Outcome::Sent).map(|(_, passage)| passage.at).collect();
    let attempts = confirms.attempts();
    assert_eq!((sent.last(), attempts.len()), (attempts.last(), 2), "{sent:?} {attempts:?}");
}

#[test]
fn a_refused_act_says_why_and_sends_nothing() {
    let mut rig = Rig::new(Definitions::built_in().unwrap());
    rig.register();
    let service = rig.service();
    let refused = rig.act(&service, corrections(Some(Place::of(u16::MAX))));
    assert_eq!(refused.unwrap_err(), ActRefusal::UnknownField);
    rig.run(&service);
    assert!(rig.feedback().is_empty());
}

#[test]
fn what_was_committed_before_a_crash_is_sent_after_it_and_only_once() {
    let mut rig = Rig::new(Definitions::built_in().unwrap());
    rig.register();
    let crashed = rig.service();
    let acted = rig.act(&crashed, Action::Approve).unwrap();
    assert!(rig.feedback().is_empty());
    for expected in [vec![acted.item_id], Vec::new()] {
        let service = rig.service();
        rig.run(&service);
        assert_eq!(rig.feedback().iter().map(|(id, _)| *id).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn what_the_old_broker_confirmed_is_sent_again_on_a_new_one() {
    let mut rig = Rig::new(Definitions::built_in().unwrap());
    rig.register();
    let service = rig.service();
    let acted = rig.act(&service, corrections(None)).unwrap();
    rig.run(&service);
    rig.broker = broker_of(&rig.executor, 2);
    let service = rig.service();
    rig.run(&service);
    assert_eq!(rig.feedback().iter().map(|(id, _)| *id).collect::<Vec<_>>(), [acted.item_id]);
    assert_eq!(rig.status(), RecordStatus::CorrectionsRequested);
}

#[test]
fn a_clean_verdict_is_approved_and_answered_where_the_definition_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dcd").join(DCD).join("1/definition.json");
    let manual = std::fs::read_to_string(path).unwrap();
    let target = folder.path().join(DCD).join("1");
    std::fs::create_dir_all(&target).unwrap();
    std::fs::write(target.join("definition.json"), manual.replace(r#""approval": "manual""#, r#""approval": "automatic""#))
        .unwrap();
    let mut rig = Rig::new(Definitions::built_in().unwrap().with_directory(folder.path()).unwrap());
    rig.register();
    assert_eq!(rig.status(), RecordStatus::Approved);
    let kinds: Vec<_> = rig.feedback().iter().map(|(_, feedback)| feedback.kind()).collect();
    assert_eq!(kinds, ["APPROVAL"]);
}
