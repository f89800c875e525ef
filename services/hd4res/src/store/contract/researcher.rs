//! Acts of the researcher, their feedback, and looking at records.

use registration::{Comment, Feedback, Place};
use store::Outcome;

use super::*;
use crate::{
    record::{ActRefusal, Action},
    status::Event,
};

const RESEARCHER: &str = "researcher";

fn comment(place: Option<Place>) -> Comment {
    Comment { place, text: "Is this right?".to_owned() }
}

fn corrections() -> Action {
    Action::RequestCorrections(vec![comment(Some(Place::of(3))), comment(None)])
}

fn follow_up() -> Action {
    Action::RequestFollowUp(vec![comment(None)])
}

async fn try_act(store: &dyn Hd4resStore, record: i64, action: &Action) -> Result<Acted, ActRefusal> {
    store.researcher().act(record, action, &column, &By::role(RESEARCHER), at(100)).await.unwrap()
}

async fn act(store: &dyn Hd4resStore, record: i64, action: &Action) -> Acted {
    try_act(store, record, action).await.unwrap()
}

/// What is due at second 150, before anything was sent.
async fn unsent(store: &dyn Hd4resStore) -> Vec<DueFeedback> {
    store.outbox().due(at(150), 100).await.unwrap()
}

fn sent(due: &[DueFeedback]) -> Vec<Sent> {
    due.iter().map(|one| Sent { feedback: one.feedback, next_send_at: Some(at(300)) }).collect()
}

/// Sends at second 200 what is due; it is due again at second 300.
async fn send_all(store: &dyn Hd4resStore) -> usize {
    let due = store.outbox().due(at(200), 100).await.unwrap();
    store.outbox().sent(&sent(&due), at(200), &[]).await.unwrap();
    due.len()
}

async fn view(store: &dyn Hd4resStore, record: i64) -> RecordView {
    store.researcher().view(record).await.unwrap().unwrap()
}

async fn status(store: &dyn Hd4resStore, record: i64) -> RecordStatus {
    view(store, record).await.row.status
}

async fn a_correction_goes_its_way_and_leaves_its_traces(store: &dyn Hd4resStore) {
    receive(store, &[arrived(1, "U1", 1)]).await;
    judge(store, 1, false).await;
    let acted = act(store, 1, &corrections()).await;
    assert_eq!((acted.status, acted.version, acted.number), (RecordStatus::SendingComments, 1, 2));
    let waiting = unsent(store).await;
    let [feedback] = waiting.as_slice() else { panic!("{waiting:?}") };
    assert_eq!((feedback.item_id, feedback.handle.as_slice(), feedback.hospital), (acted.item_id, &[1][..], [1; 8]));
    let decoded = Feedback::decode(&feedback.bytes).unwrap();
    let head = decoded.head();
    assert_eq!((head.registration_id, head.version, head.item_id, head.number), (Uuid::from_u128(9), 1, Uuid::from_u128(1), 2));
    assert_eq!(decoded.comments().len(), 2);
    let passage = Passage {
        publication: Uuid::from_u128(77),
        step: "6 back",
        queue: "hd4res.out".to_owned(),
        at: at(200),
        outcome: Outcome::Sent,
        items: vec![feedback.item_id],
    };
    store.outbox().sent(&sent(&waiting), at(200), std::slice::from_ref(&passage)).await.unwrap();
    assert_eq!(store.passages(0, 9).await.unwrap().last().unwrap().1, passage);
    assert!(unsent(store).await.is_empty());
    assert_eq!(receive(store, &[arrived(2, "U1", 2)]).await, [Reception::New { status_number: 3 }]);
    let view = view(store, 1).await;
    let history: Vec<_> =
        view.history.iter().map(|line| (line.author.as_str(), line.note.event, line.note.version, line.note.status)).collect();
    assert_eq!(
        history,
        [
            (author::HOSPITAL, Event::Arrived, 1, RecordStatus::New),
            (author::DATA_WAREHOUSE, Event::Found, 1, RecordStatus::CommentsNeeded),
            (RESEARCHER, Event::CorrectionsAsked, 1, RecordStatus::SendingComments),
            (author::HD4RES, Event::FeedbackTakenOver, 1, RecordStatus::CorrectionsRequested),
            (author::HOSPITAL, Event::Arrived, 2, RecordStatus::NewCorrection),
        ]
    );
    assert_eq!(view.history.iter().map(|line| line.at).collect::<Vec<_>>(), [at(0), at(1), at(100), at(200), at(0)]);
    let columns: Vec<_> = view.comments.iter().map(|one| (one.number, one.version, one.column.as_deref())).collect();
    assert_eq!(columns, [(2, 1, Some("column_3")), (2, 1, None)]);
    assert_eq!((view.comments[0].author.as_str(), view.comments[0].at), (RESEARCHER, at(100)));
    assert!(!format!("{view:?}").contains("right"), "remarks are not printed");
}

async fn answers_stand_behind_the_comments(store: &dyn Hd4resStore) {
    receive(store, &[arrived(1, "U1", 1)]).await;
    act(store, 1, &corrections()).await;
    let answer = |version, text: &str| KeptComment {
        number: 2,
        version,
        column: Some("column_3".to_owned()),
        text: text.to_owned(),
        author: author::HOSPITAL.to_owned(),
        at: at(120),
    };
    let answering = |item, version| Arrived { answers: vec![answer(version, "It is.")], ..arrived(item, "U1", version) };
    receive(store, &[answering(3, 3), answering(2, 2)]).await;
    let comments = view(store, 1).await.comments;
    assert_eq!(comments.len(), 3, "an earlier version that comes late is not taken, nor what it says");
    assert_eq!(comments[2], answer(3, "It is."));
    assert_eq!((comments[0].author.as_str(), comments[0].version), (RESEARCHER, 1));
}

async fn many_are_acted_on_alike_and_each_is_refused_alone(store: &dyn Hd4resStore) {
    receive(store, &[of(1, 1, 1), of(2, 2, 1), of(3, 3, 1)]).await;
    judge(store, 1, true).await;
    judge(store, 3, true).await;
    // One look per record, and one effect: what was asked for together is answered together, also the second time.
    let by = |record: u8, version| By {
        author: RESEARCHER,
        seen: Some(Seen { version, status: RecordStatus::New }),
        effect: Some([record; 16]),
    };
    let acts = [(1, 1), (2, 1), (9, 1), (3, 2), (3, 1)];
    let acts = acts.map(|(record, version)| Act { record: record.into(), action: &Action::Approve, by: by(record, version) });
    let mut before = Vec::new();
    for _ in 0..2 {
        let acted = store.researcher().act_on_all(&acts, &column, at(100)).await.unwrap();
        let codes: Vec<_> =
            acted.iter().map(|one| one.as_ref().map(|acted| acted.version).map_err(|refusal| refusal.code())).collect();
        let [first, not_validated, unknown, stale, done] = codes[..] else { panic!("{codes:?}") };
        assert_eq!((first, not_validated, unknown), (Ok(1), Err("NOT_VALIDATED"), Err("UNKNOWN_RECORD")));
        // The second time the record is done, under the same effect, whatever was seen.
        assert_eq!((stale, done), (if before.is_empty() { Err("STALE_VERSION") } else { Ok(1) }, Ok(1)));
        assert!(before.is_empty() || (acted[0] == before[0] && acted[4] == before[4]));
        before = acted;
    }
    let rows = store.researcher().rows(&[3, 9, 1, 3]).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.record).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(
        rows,
        store.researcher().list(&Filter { status: Some(RecordStatus::Approved), ..Filter::default() }, None, 9).await.unwrap()
    );
    assert_eq!((status(store, 1).await, status(store, 2).await), (RecordStatus::Approved, RecordStatus::New));
    assert_eq!(unsent(store).await.len(), 2);
}

async fn a_refused_act_leaves_nothing(store: &dyn Hd4resStore) {
    receive(store, &[arrived(1, "U1", 1)]).await;
    let before = view(store, 1).await;
    let unknown_field = Action::RequestCorrections(vec![comment(Some(Place::of(9)))]);
    let cases = [
        (2, Action::Approve, "UNKNOWN_RECORD"),
        (1, Action::Approve, "NOT_VALIDATED"),
        (1, Action::RequestCorrections(Vec::new()), "NO_COMMENT"),
        (1, unknown_field, "UNKNOWN_FIELD"),
    ];
    for (record, action, code) in cases {
        assert_eq!(try_act(store, record, &action).await.unwrap_err().code(), code);
    }
    assert_eq!(view(store, 1).await, before);
    assert!(unsent(store).await.is_empty());
    let deletion = Arrived { kind: ContentKind::Deletion, unique_id: String::new(), ..arrived(2, "", 2) };
    receive(store, &[deletion]).await;
    for action in [Action::Approve, corrections(), follow_up()] {
        assert_eq!(try_act(store, 1, &action).await.unwrap_err().code(), "WRONG_STATUS");
    }
}

async fn an_approved_version_may_be_asked_about_and_replaced(store: &dyn Hd4resStore) {
    receive(store, &[arrived(1, "U1", 1)]).await;
    judge(store, 1, true).await;
    assert_eq!(act(store, 1, &Action::Approve).await.status, RecordStatus::Approved);
    assert_eq!(try_act(store, 1, &Action::Approve).await.unwrap_err().code(), "WRONG_STATUS");
    assert_eq!(act(store, 1, &follow_up()).await.status, RecordStatus::FollowUpNeeded);
    assert_eq!(send_all(store).await, 2);
    assert_eq!(status(store, 1).await, RecordStatus::FollowUpNeeded);
    receive(store, &[arrived(2, "U1", 2)]).await;
    assert_eq!(status(store, 1).await, RecordStatus::NewFollowUp);
    assert_eq!(try_act(store, 1, &Action::Approve).await.unwrap_err().code(), "NOT_VALIDATED", "the verdict was on version 1");
    judge(store, 2, true).await;
    act(store, 1, &Action::Approve).await;
    receive(store, &[arrived(3, "U1", 3)]).await;
    assert_eq!(status(store, 1).await, RecordStatus::NewCorrection);
    // A request that is confirmed after a later version came is none about that version.
    act(store, 1, &corrections()).await;
    receive(store, &[arrived(4, "U1", 4)]).await;
    send_all(store).await;
    assert_eq!(status(store, 1).await, RecordStatus::NewCorrection);
}

async fn a_clean_verdict_approves_where_the_definition_says_so(store: &dyn Hd4resStore) {
    let automatic = |item, unique_id: &str, version| Arrived {
        is_approved_automatically: true,
        registration_id: Uuid::from_u128(unique_id.len() as u128),
        ..arrived(item, unique_id, version)
    };
    receive(store, &[automatic(1, "A", 1), automatic(2, "BB", 1), automatic(3, "CCC", 1), automatic(4, "CCC", 2)]).await;
    let verdicts = [judged(1, true), judged(2, false), judged(3, true), judged(1, true)];
    store.judge(&verdicts, &[]).await.unwrap();
    assert_eq!(status(store, 1).await, RecordStatus::Approved);
    assert_eq!(status(store, 2).await, RecordStatus::CommentsNeeded);
    assert_eq!(status(store, 3).await, RecordStatus::New, "the verdict was on an earlier version");
    let waiting = unsent(store).await;
    let [approval] = waiting.as_slice() else { panic!("{waiting:?}") };
    let decoded = Feedback::decode(&approval.bytes).unwrap();
    assert_eq!((decoded.kind(), decoded.head().item_id, decoded.head().number), ("APPROVAL", Uuid::from_u128(1), 2));
    let last = view(store, 1).await.history.pop().unwrap();
    assert_eq!((last.author.as_str(), last.note.event), (author::HD4RES, Event::ApprovalGiven));
    assert_eq!(receive(store, &[automatic(5, "A", 2)]).await, [Reception::New { status_number: 3 }]);
}

/// Registrations that are told apart by their number.
fn of(record: u128, item: u128, version: u32) -> Arrived {
    Arrived { registration_id: Uuid::from_u128(record), ..arrived(item, &record.to_string(), version) }
}

fn deletion_of(record: u128, item: u128, version: u32) -> Arrived {
    Arrived { kind: ContentKind::Deletion, unique_id: String::new(), ..of(record, item, version) }
}

fn receipt(record: u128, acted: &Acted, sender: &str) -> Heard {
    let receipt = envelope::ItemId::from_uuid(acted.item_id).derived(registration::Receipt::DERIVATION);
    Heard { receipt, sender: sender.to_owned(), registration_id: Uuid::from_u128(record) }
}

/// The numbers of the feedbacks that are due, in their order.
async fn due_at(store: &dyn Hd4resStore, second: i64) -> Vec<u64> {
    let due = store.outbox().due(at(second), 100).await.unwrap();
    due.iter().map(|one| Feedback::decode(&one.bytes).unwrap().head().number).collect()
}

async fn feedback_goes_again_until_it_is_heard_or_answered(store: &dyn Hd4resStore) {
    receive(store, &[of(1, 1, 1), of(2, 2, 1), of(3, 3, 1)]).await;
    let mut acted = Vec::new();
    for record in [1, 1, 2, 3] {
        acted.push(act(store, record, &corrections()).await);
    }
    assert_eq!(store.outbox().again(at(120)).await.unwrap(), 0, "all wait for their first sending");
    assert_eq!(store.outbox().waiting(0, 10).await.unwrap(), [1, 2, 3]);
    assert_eq!(store.outbox().waiting(1, 1).await.unwrap(), [2]);
    assert_eq!(send_all(store).await, 4);
    assert_eq!((due_at(store, 299).await, store.outbox().next_due().await.unwrap()), (vec![], Some(at(300))));
    assert_eq!(due_at(store, 300).await, [2, 3, 2, 2]);
    // Of another hospital, about another registration, and right.
    let heard = [receipt(1, &acted[0], "SB"), receipt(2, &acted[0], "SA"), receipt(1, &acted[1], "SA")];
    let passage = Passage {
        publication: Uuid::from_u128(78),
        step: "6",
        queue: "hd4res.in".to_owned(),
        at: at(210),
        outcome: Outcome::Receipt,
        items: heard.iter().map(|one| one.receipt.uuid()).collect(),
    };
    for _ in 0..2 {
        store.outbox().heard(&heard, at(210), std::slice::from_ref(&passage)).await.unwrap();
    }
    assert_eq!(store.passages(0, 99).await.unwrap().last().unwrap().1, passage);
    assert_eq!(due_at(store, 300).await, [2, 2, 2], "the second of record 1 is heard");
    let issued = store.outbox().of_record(1).await.unwrap();
    let told = |at_place: usize| (issued[at_place].item_id, issued[at_place].next_send_at, issued[at_place].heard_at);
    assert_eq!(told(0), (acted[0].item_id, Some(at(300)), None));
    assert_eq!(told(1), (acted[1].item_id, None, Some(at(210))));
    assert_eq!((issued[0].kind.as_str(), issued[0].version, issued.len()), ("CORRECTION_REQUEST", 1, 2));
    receive(store, &[of(2, 4, 2), deletion_of(3, 5, 2)]).await;
    let records = store.researcher();
    let of_item = async |item: u128| records.of_item(Uuid::from_u128(item)).await.unwrap();
    assert_eq!((of_item(4).await, of_item(9).await), (of_item(2).await, None), "both versions are one record's");
    let second = of_item(2).await.unwrap();
    assert_eq!(records.items(second).await.unwrap(), [(Uuid::from_u128(2), 1), (Uuid::from_u128(4), 2)]);
    let due = store.outbox().due(at(300), 1).await.unwrap();
    assert_eq!((due.len(), due[0].item_id, due[0].first_sent_at), (1, acted[0].item_id, Some(at(200))));
    assert_eq!(store.outbox().again(at(250)).await.unwrap(), 1, "a later version and a deletion answer, too");
    assert_eq!(due_at(store, 250).await, [2]);
    let last = Sent { feedback: due[0].feedback, next_send_at: None };
    store.outbox().sent(&[last], at(260), &[]).await.unwrap();
    assert!(due_at(store, 299).await.is_empty(), "given up");
    // What else was due shows itself as answered when its time comes.
    assert_eq!((due_at(store, 300).await, store.outbox().next_due().await.unwrap()), (vec![], None));
    assert!(store.outbox().waiting(0, 10).await.unwrap().is_empty());
    assert_eq!(status(store, 1).await, RecordStatus::CorrectionsRequested);
}

/// The process may die between the broker's confirm and its note.
async fn a_receipt_says_that_the_feedback_was_taken_over(store: &dyn Hd4resStore) {
    receive(store, &[of(1, 1, 1), of(2, 2, 1)]).await;
    let acted = act(store, 1, &corrections()).await;
    act(store, 2, &corrections()).await;
    store.outbox().heard(&[receipt(1, &acted, "SA")], at(140), &[]).await.unwrap();
    assert_eq!(status(store, 1).await, RecordStatus::CorrectionsRequested);
    assert_eq!(status(store, 2).await, RecordStatus::SendingComments);
    let due = unsent(store).await;
    assert_eq!(due.len(), 1);
    // Noted late, it does not come back.
    store.outbox().sent(&[Sent { feedback: 1, next_send_at: Some(at(300)) }], at(160), &[]).await.unwrap();
    assert_eq!(store.outbox().due(at(400), 9).await.unwrap(), due);
}

/// A word that was never sent is sent once, whatever came since: the hospital keeps it in its history.
async fn what_was_answered_before_it_was_sent_is_sent_once(store: &dyn Hd4resStore) {
    receive(store, &[of(1, 1, 1)]).await;
    act(store, 1, &corrections()).await;
    receive(store, &[of(1, 2, 2)]).await;
    assert_eq!(send_all(store).await, 1);
    assert_eq!((due_at(store, 300).await, status(store, 1).await), (vec![], RecordStatus::NewCorrection));
}

/// An item id belongs to a sender, so two feedbacks may travel under one id.
async fn feedback_under_one_item_id_is_told_apart(store: &dyn Hd4resStore) {
    receive(store, &[arrived(1, "U1", 1), Arrived { sender: "SB".to_owned(), ..arrived(1, "U1", 1) }]).await;
    let (one, other) = (act(store, 1, &corrections()).await, act(store, 2, &corrections()).await);
    assert_eq!(one.item_id, other.item_id);
    let first = unsent(store).await[0].feedback;
    store.outbox().sent(&[Sent { feedback: first, next_send_at: None }], at(200), &[]).await.unwrap();
    assert_eq!(unsent(store).await.len(), 1);
    assert_eq!(status(store, 1).await, RecordStatus::CorrectionsRequested);
    assert_eq!(status(store, 2).await, RecordStatus::SendingComments);
    assert_eq!(store.outbox().due(at(400), 0).await.unwrap(), []);
}

/// A version, or a verdict, that came after the look is not what was decided on.
async fn an_act_on_what_is_no_longer_there_is_refused(store: &dyn Hd4resStore) {
    let act_on = async |version, status, action: &Action| {
        let by = By { seen: Some(Seen { version, status }), ..By::role(RESEARCHER) };
        store.researcher().act(1, action, &column, &by, at(100)).await.unwrap()
    };
    receive(store, &[arrived(1, "U1", 1)]).await;
    judge(store, 1, true).await;
    receive(store, &[arrived(2, "U1", 2)]).await;
    let before = view(store, 1).await;
    assert_eq!(act_on(1, RecordStatus::New, &corrections()).await, Err(ActRefusal::StaleVersion));
    judge(store, 2, false).await;
    assert_eq!(act_on(2, RecordStatus::New, &Action::Approve).await, Err(ActRefusal::StaleVersion));
    assert!(unsent(store).await.is_empty());
    assert_eq!(view(store, 1).await.comments, before.comments);
    let acted = act_on(2, RecordStatus::CommentsNeeded, &corrections()).await.unwrap();
    assert_eq!((acted.version, acted.status), (2, RecordStatus::SendingComments));
}

/// Whoever asked, lost the answer and asks again gets it, and nothing is done a second time.
async fn an_act_with_a_known_effect_is_answered_and_not_done_again(store: &dyn Hd4resStore) {
    receive(store, &[arrived(1, "U1", 1)]).await;
    judge(store, 1, false).await;
    let seen = Some(Seen { version: 1, status: RecordStatus::CommentsNeeded });
    let ask = async |effect, action: &Action| {
        let by = By { author: RESEARCHER, seen, effect: Some([effect; 16]) };
        store.researcher().act(1, action, &column, &by, at(100)).await.unwrap()
    };
    let acted = ask(1, &corrections()).await.unwrap();
    send_all(store).await;
    let before = view(store, 1).await;
    assert_eq!(ask(1, &corrections()).await, Ok(acted));
    assert!(unsent(store).await.is_empty());
    assert_eq!(view(store, 1).await, before);
    assert_eq!(ask(2, &corrections()).await, Err(ActRefusal::StaleVersion));
    assert_eq!(ask(2, &corrections()).await, Err(ActRefusal::StaleVersion), "a refusal is no effect");
}

async fn records_are_counted_by_register_and_status(store: &dyn Hd4resStore) {
    let of = |item: u128, dcd: &str| Arrived {
        dcd: dcd.to_owned(),
        registration_id: Uuid::from_u128(item),
        ..arrived(item, &item.to_string(), 1)
    };
    assert!(store.researcher().counts().await.unwrap().is_empty());
    receive(store, &[of(1, "Y"), of(2, "X"), of(3, "X"), of(4, "X")]).await;
    judge(store, 3, false).await;
    let counted = |dcd: &str, status, count| StatusCount { dcd: dcd.to_owned(), status, count };
    let expected =
        [counted("X", RecordStatus::New, 2), counted("X", RecordStatus::CommentsNeeded, 1), counted("Y", RecordStatus::New, 1)];
    assert_eq!(store.researcher().counts().await.unwrap(), expected);
}

async fn records_are_found_and_listed(store: &dyn Hd4resStore) {
    let of = |item: u128, dcd: &str, sender: &str| Arrived {
        dcd: dcd.to_owned(),
        sender: sender.to_owned(),
        registration_id: Uuid::from_u128(item),
        ..arrived(item, &format!("U{}", item % 2), 1)
    };
    let arrivals = [of(1, "X", "SA"), of(2, "X", "SA"), of(3, "X", "SB"), of(4, "Y", "SB"), of(5, "Y", "SC")];
    receive(store, &arrivals).await;
    judge(store, 2, false).await;
    let researcher = store.researcher();
    assert_eq!(researcher.find(None, "X", "U1").await.unwrap(), [1, 3]);
    assert_eq!(researcher.find(Some("SB"), "X", "U1").await.unwrap(), [3]);
    assert!(researcher.find(None, "Z", "U1").await.unwrap().is_empty());
    assert_eq!(researcher.of_registration(Uuid::from_u128(3)).await.unwrap(), Some(3));
    assert_eq!(researcher.of_registration(Uuid::from_u128(6)).await.unwrap(), None);
    let listed = async |dcd: Option<&str>, status, after, limit| {
        let filter = Filter { dcd: dcd.map(str::to_owned), status };
        let rows = researcher.list(&filter, after, limit).await.unwrap();
        rows.iter().map(|row| row.record).collect::<Vec<_>>()
    };
    assert_eq!(listed(None, None, None, 9).await, [1, 2, 3, 4, 5]);
    assert_eq!(listed(None, None, Some(2), 2).await, [3, 4]);
    assert_eq!(listed(Some("Y"), None, None, 9).await, [4, 5]);
    assert_eq!(listed(Some("X"), Some(RecordStatus::New), Some(1), 9).await, [3]);
    assert_eq!(listed(None, Some(RecordStatus::CommentsNeeded), None, 9).await, [2]);
    let view = view(store, 2).await;
    let expected = RecordRow {
        record: 2,
        sender: "SA".to_owned(),
        dcd: "X".to_owned(),
        dcd_version: 1,
        unique_id: Some("U0".to_owned()),
        status: RecordStatus::CommentsNeeded,
        registration_id: Uuid::from_u128(2),
        version: 1,
        is_validated: true,
    };
    assert_eq!((&view.row, view.pseudonym.as_str(), view.content.len()), (&expected, "P1", 30));
    assert_eq!(researcher.list(&Filter::default(), Some(1), 1).await.unwrap(), [expected]);
    assert_eq!(researcher.view(6).await.unwrap(), None);
}

contract!(
    a_correction_goes_its_way_and_leaves_its_traces,
    answers_stand_behind_the_comments,
    many_are_acted_on_alike_and_each_is_refused_alone,
    a_refused_act_leaves_nothing,
    an_approved_version_may_be_asked_about_and_replaced,
    a_clean_verdict_approves_where_the_definition_says_so,
    feedback_goes_again_until_it_is_heard_or_answered,
    a_receipt_says_that_the_feedback_was_taken_over,
    what_was_answered_before_it_was_sent_is_sent_once,
    feedback_under_one_item_id_is_told_apart,
    an_act_on_what_is_no_longer_there_is_refused,
    an_act_with_a_known_effect_is_answered_and_not_done_again,
    records_are_counted_by_register_and_status,
    records_are_found_and_listed,
);
