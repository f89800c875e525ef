//! A registration's life at its hospital: what a researcher says, and what a person then does, through the queues of steps 3 and 3 back.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod hospital;

use std::{fs, path::PathBuf, sync::Arc};

use broker::{Broker, EmbeddedBroker};
use clock::{Clock, SystemClock};
use dcd::Language;
use envelope::{ItemId, Publication, PublicationId};
use hco_messages::{DeliveredItem, FeedbackDelivery, Submission, SubmissionItem};
use hd4dp::{
    GivenAnswer, Hd4dp, LifeError,
    status::{Confirmation, State, Status},
    store::{Filter, Hd4dpStore, MemoryStore, Refusal, Tally, View},
    upload::{CsvFile, upload},
};
use host::{NoProbe, Probe};
use population::Order;
use registration::{Answer, Comment, Content, ContentKind, Feedback, FeedbackHead, Place, Receipt, Submitted};
use topology::{Arrow, Nihdi, QueueName};
use uuid::Uuid;

const HOSPITAL: &str = "00000196";
const OK: State = State::Submitted(Confirmation::Ok);

/// A hospital whose messaging client is played by the test.
struct Hospital {
    hd4dp: Arc<Hd4dp>,
    store: Arc<MemoryStore>,
    broker: Arc<EmbeddedBroker>,
    folder: tempfile::TempDir,
    publications: std::cell::Cell<u128>,
}

impl Hospital {
    async fn new() -> Self {
        Self::with(Arc::new(MemoryStore::default()), 1).await
    }

    async fn with(store: Arc<MemoryStore>, incarnation: u128) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let broker = hospital::broker(&clock, incarnation);
        let context = (clock, Arc::new(NoProbe) as Arc<dyn Probe>);
        let parts = hospital::parts(context, Arc::clone(&broker), Arc::clone(&store) as _, hospital::definitions(false));
        let hd4dp = Hd4dp::new(parts).await.unwrap();
        for work in hd4dp.works() {
            tokio::spawn(work.start());
        }
        let publications = std::cell::Cell::new(1);
        Self { hd4dp, store, broker, folder: tempfile::tempdir().unwrap(), publications }
    }

    /// Takes in a file, and says what its error report holds.
    async fn upload(&self, text: &str) -> (Tally, String) {
        let definition = self.hd4dp.definitions().get("Precision_Local_MAB").unwrap();
        fs::write(self.path("mab.csv"), text).unwrap();
        let file = CsvFile::open(&self.path("mab.csv"), &definition, SystemClock.now().date()).unwrap();
        let id = upload(&self.hd4dp, &definition, file, &self.path("reports"), Language::English, async |_| {}).await.unwrap();
        (self.store.tally(id).await.unwrap(), fs::read_to_string(self.path("reports/mab.error.csv")).unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn rows(&self, count: u64) -> String {
        let definition = self.hd4dp.definitions().get("Precision_Local_MAB").unwrap();
        let order = Order { definition: &definition, organisation: HOSPITAL, count, seed: 5, faulty_percent: 0 };
        let mut file = Vec::new();
        population::write(&order, &mut file).unwrap();
        String::from_utf8(file).unwrap()
    }

    /// The next item that was handed over of this version, and its content. A service that starts sends what it finds unanswered, so an
    /// earlier version may be there twice.
    async fn handed_over(&self, version: u32) -> (SubmissionItem, Content) {
        let mut consumer = self.broker.consume(&Arrow::HandOver.queue(Some(&nihdi())), 1).await.unwrap();
        loop {
            let delivery = consumer.next().await.unwrap();
            let publication = Publication::<Submission>::decode(&delivery.payload).unwrap();
            delivery.ack().unwrap();
            // Receipts are no content.
            let found = publication.data.items.into_iter().filter_map(|item| Some((item.content().ok()?, item)));
            if let Some((content, item)) = found.into_iter().find(|(content, _)| content.head().version == version) {
                return (item, content);
            }
        }
    }

    /// The next receipt that was handed over, with its item.
    async fn receipt(&self) -> (SubmissionItem, Receipt) {
        let mut consumer = self.broker.consume(&Arrow::HandOver.queue(Some(&nihdi())), 1).await.unwrap();
        loop {
            let delivery = consumer.next().await.unwrap();
            let publication = Publication::<Submission>::decode(&delivery.payload).unwrap();
            delivery.ack().unwrap();
            for item in publication.data.items {
                if let Submitted::Receipt(receipt) = Submitted::decode(&item.content).unwrap() {
                    return (item, receipt);
                }
            }
        }
    }

    /// Delivers feedback on what was handed over, and waits until it was taken.
    async fn answer(&self, item: &SubmissionItem, feedback: &Feedback) {
        let number = self.publications.replace(self.publications.get() + 1);
        let id = ItemId::from_uuid(Uuid::from_u128(number));
        let items = vec![DeliveredItem::new(id, &item.identity.parse().unwrap(), feedback.encode())];
        let id = PublicationId::from_uuid(Uuid::from_u128(number << 64));
        let source = "ehbox-hco-00000196".parse().unwrap();
        let publication = Publication::new(id, source, SystemClock.now(), FeedbackDelivery { items });
        self.broker.publish(&Arrow::ToHd4dp.route(Some(&nihdi())), publication.encode().unwrap()).await.unwrap();
        while !self.is_empty(&Arrow::ToHd4dp.queue(Some(&nihdi()))).await {
            tokio::task::yield_now().await;
        }
    }

    async fn is_empty(&self, queue: &QueueName) -> bool {
        let depth = self.broker.depth(queue).await.unwrap();
        depth.ready + depth.unacked == 0
    }

    async fn dead_letters(&self) -> u64 {
        let depth = self.broker.depth(&Arrow::ToHd4dp.queue(Some(&nihdi())).dead()).await.unwrap();
        depth.ready
    }

    async fn view(&self, id: Uuid) -> View {
        self.hd4dp.registration(id).await.unwrap().unwrap()
    }

    /// One registration with its STATUS.
    async fn confirmed(&self) -> (String, SubmissionItem, Content) {
        let text = self.rows(1);
        self.upload(&text).await;
        let (item, content) = self.handed_over(1).await;
        self.answer(&item, &status(&item, &content)).await;
        assert_eq!(self.view(content.head().registration_id).await.state, OK);
        (text, item, content)
    }
}

fn nihdi() -> Nihdi {
    HOSPITAL.parse().unwrap()
}

fn head(item: &SubmissionItem, content: &Content, number: u64) -> FeedbackHead {
    let (registration_id, version) = (content.head().registration_id, content.head().version);
    FeedbackHead { registration_id, version, item_id: item.id.uuid(), number }
}

fn status(item: &SubmissionItem, content: &Content) -> Feedback {
    Feedback::Status { head: head(item, content, 1), content_hash: content.hash() }
}

fn request(item: &SubmissionItem, content: &Content, number: u64, field: u16) -> Feedback {
    let comments = vec![Comment { place: Some(Place::of(field)), text: "please look".to_owned() }];
    Feedback::CorrectionRequest { head: head(item, content, number), comments }
}

fn refusal<T>(outcome: Result<T, LifeError>) -> &'static str {
    match outcome {
        Err(error) => error.code().unwrap_or_else(|| panic!("{error}")),
        Ok(_) => panic!("it should be refused"),
    }
}

/// It comes again, settles nothing then, and is counted all the same.
#[tokio::test]
async fn a_status_that_was_written_down_without_anybody_hearing_so_is_counted() {
    let hospital = Hospital::new().await;
    hospital.upload(&hospital.rows(1)).await;
    let (item, content) = hospital.handed_over(1).await;
    hospital.store.lost_answers.lose(1);
    hospital.answer(&item, &status(&item, &content)).await;
    let answered = hospital.hd4dp.answered();
    clock::timeout(&SystemClock, std::time::Duration::from_secs(60), answered).await.unwrap();
    assert_eq!((hospital.store.waiting().await.unwrap(), hospital.hd4dp.waiting()), (0, 0));
}

#[tokio::test]
async fn corrections_are_asked_for_made_and_sent() {
    let hospital = Hospital::new().await;
    let (_, item, content) = hospital.confirmed().await;
    let id = content.head().registration_id;
    hospital.answer(&item, &request(&item, &content, 2, 3)).await;
    let view = hospital.view(id).await;
    assert_eq!((view.state, view.comments.len()), (State::CorrectionsNeeded, 1));
    assert_eq!(view.comments[0].comment.place, Some(Place::of(3)));
    let mut form = hospital.hd4dp.form(id).await.unwrap();
    form.set("ngs_panel", "OTHER");
    assert_eq!(hospital.hd4dp.save(id, form, Vec::new(), "ann").await.unwrap().state, State::Open);
    assert_eq!(hospital.hd4dp.submit_again(id, "ann").await.unwrap(), 2);
    let (again, corrected) = hospital.handed_over(2).await;
    assert_eq!((corrected.head().registration_id, corrected.head().version), (id, 2));
    assert_ne!(again.id, item.id);
    assert!(corrected.cells().iter().any(|cell| cell.value == "OTHER"));
    hospital.answer(&again, &status(&again, &corrected)).await;
    let view = hospital.view(id).await;
    assert_eq!((view.state, view.comments.len(), view.versions.len()), (OK, 0, 2));
    assert_eq!((hospital.hd4dp.waiting(), hospital.dead_letters().await), (0, 0));
}

/// A word that comes again has no new effect, and HD4RES has to hear again that it came.
#[tokio::test]
async fn a_researchers_word_is_answered_each_time_that_it_comes() {
    let hospital = Hospital::new().await;
    let (_, item, content) = hospital.confirmed().await;
    let approval = Feedback::Approval { head: head(&item, &content, 2) };
    for delivery in 0..2 {
        let word = ItemId::from_uuid(Uuid::from_u128(hospital.publications.get()));
        hospital.answer(&item, &approval).await;
        let (answer, receipt) = hospital.receipt().await;
        assert_eq!((answer.id, &answer.identity), (word.derived(Receipt::DERIVATION), &item.identity), "{delivery}");
        let of = (receipt.registration_id, receipt.version, receipt.organisation.as_str(), receipt.patient_tag);
        assert_eq!(of, (content.head().registration_id, 1, HOSPITAL, content.head().patient_tag));
    }
    while hospital.hd4dp.receipts_waiting() > 0 {
        tokio::task::yield_now().await;
    }
    let view = hospital.view(content.head().registration_id).await;
    assert_eq!((view.state, view.history.len()), (State::Approved, 1));
}

/// The value may be right, and the researcher wants to know.
#[tokio::test]
async fn a_comment_is_answered_with_the_next_version() {
    let hospital = Hospital::new().await;
    let (_, item, content) = hospital.confirmed().await;
    let id = content.head().registration_id;
    let definition = hospital.hd4dp.definitions().get("Precision_Local_MAB").unwrap();
    hospital.answer(&item, &request(&item, &content, 2, 3)).await;
    let column = definition.column_at(Place::of(3));
    let view = hospital.view(id).await;
    let name = view.cells.iter().find(|cell| definition.patient().id == cell.place.field).unwrap().value.clone();
    let given = |column: &Option<String>, text: &str| vec![GivenAnswer { column: column.clone(), text: text.to_owned() }];
    let refused = async |answers| hospital.hd4dp.submit_with(id, answers, "ann").await.unwrap_err().code().unwrap();
    assert_eq!(refused(given(&None, "It is.")).await, "UNKNOWN_COMMENT");
    assert_eq!(refused(given(&column, " ")).await, "NO_ANSWER");
    assert_eq!(refused(given(&column, &format!("see {name}"))).await, "VALIDATION_ERRORS");
    assert_eq!(hospital.hd4dp.submit_with(id, given(&column, "It is."), "ann").await.unwrap(), 2);
    let (_, answered) = hospital.handed_over(2).await;
    let comment = Comment { place: Some(Place::of(3)), text: "It is.".to_owned() };
    assert_eq!(answered.answers(), [Answer { number: 2, comment }]);
    assert_eq!(answered.cells(), content.cells());
    assert_eq!(hospital.view(id).await.versions[1].answers, answered.answers());
}

#[tokio::test]
async fn feedback_that_is_not_about_what_was_sent_is_set_aside() {
    let hospital = Hospital::new().await;
    let (_, item, content) = hospital.confirmed().await;
    let known = head(&item, &content, 2);
    let of = |head| Feedback::Approval { head };
    hospital.answer(&item, &of(FeedbackHead { item_id: Uuid::from_u128(9), ..known })).await;
    hospital.answer(&item, &of(FeedbackHead { version: 2, ..known })).await;
    hospital.answer(&item, &of(FeedbackHead { registration_id: Uuid::from_u128(9), ..known })).await;
    hospital.answer(&item, &request(&item, &content, 2, 9_999)).await;
    assert_eq!(hospital.dead_letters().await, 4);
    let view = hospital.view(known.registration_id).await;
    assert_eq!((view.state, view.history.len()), (OK, 0));
    hospital.answer(&item, &of(known)).await;
    assert_eq!(hospital.view(known.registration_id).await.state, State::Approved);
}

#[tokio::test]
async fn an_approval_before_the_status_is_an_answer() {
    let hospital = Hospital::new().await;
    hospital.upload(&hospital.rows(1)).await;
    let (item, content) = hospital.handed_over(1).await;
    hospital.answer(&item, &Feedback::Approval { head: head(&item, &content, 2) }).await;
    hospital.hd4dp.answered().await;
    hospital.answer(&item, &status(&item, &content)).await;
    let view = hospital.view(content.head().registration_id).await;
    assert_eq!(view.state, State::Approved);
    assert!(view.confirmed_at.is_some());
    assert_eq!(hospital.hd4dp.waiting(), 0);
}

/// The row stands in the error report with its line; the registration keeps its values.
#[tokio::test]
async fn a_file_may_not_change_what_is_approved_or_deleted() {
    let hospital = Hospital::new().await;
    let (text, item, content) = hospital.confirmed().await;
    let id = content.head().registration_id;
    hospital.answer(&item, &Feedback::Approval { head: head(&item, &content, 2) }).await;
    let changed = text.replacen(";TSO500;", ";OTHER;", 1);
    assert_ne!(changed, text, "the sample holds the panel");
    let (tally, errors) = hospital.upload(&changed).await;
    assert_eq!((tally.attempted, tally.accepted, tally.rejected), (1, 0, 1));
    assert!(errors.lines().nth(1).unwrap().starts_with("2;E18"), "{errors}");
    let (tally, _) = hospital.upload(&text).await;
    assert_eq!((tally.accepted, tally.unchanged, tally.rejected), (1, 1, 0));
    assert_eq!(hospital.view(id).await.versions.len(), 1);

    hospital.answer(&item, &request(&item, &content, 3, 3)).await;
    hospital.hd4dp.delete(id, "ann").await.unwrap();
    hospital.handed_over(2).await;
    let (tally, _) = hospital.upload(&text).await;
    assert_eq!((tally.accepted, tally.rejected), (0, 1));
    assert_eq!(hospital.view(id).await.state, State::Deleted);
}

#[tokio::test]
async fn a_reopened_registration_is_submitted_by_its_own_row() {
    let hospital = Hospital::new().await;
    let (text, _, content) = hospital.confirmed().await;
    let id = content.head().registration_id;
    assert_eq!(hospital.hd4dp.reopen(id, "ann").await.unwrap(), State::Open);
    let (tally, _) = hospital.upload(&text).await;
    assert_eq!((tally.accepted, tally.unchanged), (1, 0));
    hospital.handed_over(2).await;
}

/// The deletion is made again from what is stored, byte by byte, after the broker has forgotten it.
#[tokio::test]
async fn a_deletion_travels_until_it_is_answered() {
    let hospital = Hospital::new().await;
    let (_, item, content) = hospital.confirmed().await;
    let id = content.head().registration_id;
    hospital.hd4dp.reopen(id, "ann").await.unwrap();
    hospital.hd4dp.delete(id, "ann").await.unwrap();
    let (first, deletion) = hospital.handed_over(2).await;
    assert_eq!((deletion.head().kind, deletion.head().version), (ContentKind::Deletion, 2));
    assert!(deletion.cells().is_empty() && deletion.attachments().is_empty());
    assert_eq!(deletion.head().patient_tag, content.head().patient_tag);
    assert_eq!(first.identity, item.identity);
    assert_ne!(first.id, item.id);
    assert_eq!(hospital.hd4dp.waiting(), 1);

    let later = Hospital::with(Arc::clone(&hospital.store), 2).await;
    let (again, _) = later.handed_over(2).await;
    assert_eq!(again, first);
    later.answer(&again, &status(&again, &deletion)).await;
    later.hd4dp.answered().await;
    let view = later.view(id).await;
    assert_eq!(view.state, State::Deleted);
    assert!(view.confirmed_at.is_some());
    let deleted = Filter { status: Some(Status::Deleted), ..Filter::default() };
    assert_eq!(later.hd4dp.list(&deleted, None, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_not_possible_is_refused_with_a_code() {
    let hospital = Hospital::new().await;
    let unknown = Uuid::from_u128(9);
    assert_eq!(refusal(hospital.hd4dp.reopen(unknown, "ann").await), Refusal::UnknownRegistration.code());
    assert_eq!(refusal(hospital.hd4dp.submit_again(unknown, "ann").await), "UNKNOWN_REGISTRATION");
    assert_eq!(refusal(hospital.hd4dp.delete(unknown, "ann").await), "UNKNOWN_REGISTRATION");
    let (_, _, content) = hospital.confirmed().await;
    let id = content.head().registration_id;
    let form = hospital.hd4dp.form(id).await.unwrap();
    assert_eq!(refusal(hospital.hd4dp.save(id, form.clone(), Vec::new(), "ann").await), "WRONG_STATUS");
    assert_eq!(refusal(hospital.hd4dp.submit_again(id, "ann").await), "WRONG_STATUS");
    assert_eq!(refusal(hospital.hd4dp.delete(id, "ann").await), "WRONG_STATUS");
    hospital.hd4dp.reopen(id, "ann").await.unwrap();
    assert_eq!(refusal(hospital.hd4dp.reopen(id, "ann").await), "WRONG_STATUS");
    let mut other = form;
    other.set("vcf_identifier", "OTHER-1");
    assert_eq!(refusal(hospital.hd4dp.save(id, other, Vec::new(), "ann").await), "OTHER_UNIQUE_ID");
}
