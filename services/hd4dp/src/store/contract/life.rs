//! The part of the contract that serves people.

use registration::Comment;

use super::*;
use crate::status::{Confirmation, Event, State};

const ID: Uuid = Uuid::from_u128(1);
const OK: State = State::Submitted(Confirmation::Ok);

fn received(version: u32, number: u64, kind: FeedbackKind) -> Received {
    let comment = |place, text: &str| Comment { place, text: text.to_owned() };
    let comments = vec![comment(Some(Place::in_item(7, 2)), "CANARY of a field"), comment(None, "CANARY of all")];
    let comments = if kind == FeedbackKind::Approval { Vec::new() } else { comments };
    Received { registration_id: ID, version, number, kind, comments }
}

fn by_hand(number: u32, kind: ContentKind) -> NewVersion {
    NewVersion { kind, author: Some("ann".to_owned()), ..version(1, number) }
}

fn draft_of(cells: Vec<u8>, attachments: Vec<Attachment>) -> Draft {
    Draft { dcd_version: 1, is_valid: true, cells, attachments }
}

/// A row of registration 1 that is not sent.
fn kept(version: u32, value: &str) -> Kept {
    let place = Place::of(30);
    let file = Attachment { place, name: "P1.vcf".to_owned(), bytes: b"##fileformat".to_vec() };
    let cells = crate::row::encode(&[Cell { place: Place::of(0), value: value.to_owned() }]);
    Kept {
        registration_id: ID,
        version,
        dcd: "Made_Up".to_owned(),
        unique_key: "key 1".to_owned(),
        draft: Draft { dcd_version: 7, is_valid: false, cells, attachments: vec![file] },
        author: "ann".to_owned(),
        reopens: version > 0,
    }
}

/// An upload of rows that are not sent.
async fn keep(store: &dyn Hd4dpStore, kept: Vec<Kept>) -> UploadId {
    let upload = store.begin_upload("rows.csv", "Made_Up", at(0)).await.unwrap();
    let intake = Intake { attempted: kept.len() as u64, kept, ..Intake::default() };
    store.submit(upload, &intake, at(1)).await.unwrap();
    upload
}

async fn sent(store: &dyn Hd4dpStore, version: u32) {
    store.sent(&[Sent { registration_id: ID, version, next_send_at: Some(at(500)) }], at(2), &[]).await.unwrap();
}

/// Version 1, taken over.
async fn taken_over(store: &dyn Hd4dpStore) -> UploadId {
    let upload = submitted(store, vec![version(1, 1)], vec![]).await;
    sent(store, 1).await;
    upload
}

/// Version 1, with its STATUS.
async fn confirmed(store: &dyn Hd4dpStore) {
    taken_over(store).await;
    store.confirm(&[(ID, 1)], at(3), &[]).await.unwrap();
}

async fn view(store: &dyn Hd4dpStore) -> View {
    store.registration(ID, at(4)).await.unwrap().unwrap()
}

async fn state(store: &dyn Hd4dpStore) -> State {
    view(store).await.state
}

fn events(view: &View) -> Vec<Event> {
    view.history.iter().map(|entry| entry.event).collect()
}

pub(super) async fn a_reopened_registration_is_sent_no_more_and_its_answer_counts(store: &dyn Hd4dpStore) {
    let upload = taken_over(store).await;
    assert_eq!(store.reopen(ID, "ann".into(), at(4)).await.unwrap(), Ok(State::Open));
    assert_eq!(store.next_due().await.unwrap(), None);
    assert!(store.unanswered(Uuid::nil(), true, 10).await.unwrap().is_empty());
    // A resend that was on its way when the registration was reopened does not bring the timer back.
    sent(store, 1).await;
    assert_eq!(store.next_due().await.unwrap(), None);
    assert_eq!((store.waiting().await.unwrap(), store.tally(upload).await.unwrap().confirmed), (1, 0));
    store.confirm(&[(ID, 1)], at(5), &[]).await.unwrap();
    let view = view(store).await;
    assert_eq!((view.state, view.confirmed_at), (State::Open, Some(at(5))));
    let entry =
        HistoryEntry { at: at(4), author: Some("ann".to_owned()), event: Event::Reopened, version: 1, status: Status::Open };
    assert_eq!(view.history, [entry]);
    assert_eq!((store.waiting().await.unwrap(), store.tally(upload).await.unwrap().confirmed), (0, 1));
}

pub(super) async fn a_draft_is_kept_until_a_version_ends_it(store: &dyn Hd4dpStore) {
    confirmed(store).await;
    store.reopen(ID, "ann".into(), at(4)).await.unwrap().unwrap();
    let cell = |value: &str| Cell { place: Place::of(0), value: value.to_owned() };
    let file = Attachment { place: Place::of(30), name: "P1.vcf".to_owned(), bytes: b"##fileformat".to_vec() };
    for value in ["CANARY one", "CANARY two"] {
        let draft = draft_of(crate::row::encode(&[cell(value)]), vec![file.clone()]);
        assert_eq!(store.save(ID, &draft, "ann".into(), at(5)).await.unwrap(), Ok(State::Open));
    }
    let kept = view(store).await;
    assert!(kept.is_draft && kept.cells == [cell("CANARY two")]);
    assert!(!format!("{kept:?}").contains("CANARY"));
    let latest = store.latest(ID, at(6)).await.unwrap().unwrap();
    assert!(latest.draft.as_ref().unwrap().attachments == [file] && latest.values.as_ref().unwrap().attachments.is_empty());
    assert!(!format!("{latest:?}").contains("CANARY"));
    assert_eq!(store.advance(&by_hand(2, ContentKind::Registration), None, at(6)).await.unwrap(), Ok(true));
    let latest = store.latest(ID, at(6)).await.unwrap().unwrap();
    assert!(latest.draft.is_none() && latest.version == 2);
    assert_eq!(latest.values.unwrap().cells, version(1, 2).cells);
}

pub(super) async fn a_person_submits_the_next_version_only_when_it_is_awaited(store: &dyn Hd4dpStore) {
    taken_over(store).await;
    let pending = State::Submitted(Confirmation::Pending);
    let again = by_hand(2, ContentKind::Registration);
    assert_eq!(store.advance(&again, None, at(3)).await.unwrap(), Err(Refusal::WrongStatus { state: pending }));
    store.reopen(ID, "ann".into(), at(3)).await.unwrap().unwrap();
    let skipping = by_hand(3, ContentKind::Registration);
    assert_eq!(store.advance(&skipping, None, at(4)).await.unwrap(), Err(Refusal::WrongStatus { state: State::Open }));
    // The unanswered version gives its place in the outbox to this one.
    assert_eq!(store.advance(&again, None, at(4)).await.unwrap(), Ok(false));
    let unsent = store.unanswered(Uuid::nil(), false, 10).await.unwrap();
    assert_eq!((unsent[0].version, unsent[0].kind), (2, ContentKind::Registration));
    let view = view(store).await;
    assert_eq!((view.state, events(&view)), (State::Sending, vec![Event::Reopened, Event::SubmittedByUser]));
    let versions: Vec<_> = view.versions.iter().map(|one| (one.version, one.author.as_deref(), one.submitted_at)).collect();
    assert_eq!(versions, [(1, None, at(1)), (2, Some("ann"), at(4))]);
    assert_eq!(store.is_confirmed(again.item_id).await.unwrap(), Some(false));
    sent(store, 2).await;
    assert_eq!(store.due(at(500), 10).await.unwrap()[0].version, 2, "it is sent again as any other");
}

pub(super) async fn a_deletion_waits_in_the_outbox_and_is_final(store: &dyn Hd4dpStore) {
    confirmed(store).await;
    let deletion = by_hand(2, ContentKind::Deletion);
    assert_eq!(store.advance(&deletion, None, at(4)).await.unwrap(), Err(Refusal::WrongStatus { state: OK }));
    store.reopen(ID, "ann".into(), at(4)).await.unwrap().unwrap();
    assert_eq!(store.advance(&deletion, None, at(5)).await.unwrap(), Ok(true));
    assert_eq!(state(store).await, State::Deleted);
    let unsent = store.unanswered(Uuid::nil(), false, 10).await.unwrap();
    assert_eq!((unsent[0].version, unsent[0].kind), (2, ContentKind::Deletion));
    sent(store, 2).await;
    assert_eq!(store.due(at(500), 10).await.unwrap().len(), 1);
    store.feedback(&[received(2, 1, FeedbackKind::CorrectionRequest)], at(6), &[]).await.unwrap();
    let view = view(store).await;
    assert_eq!((view.state, view.comments.len()), (State::Deleted, 0));
    assert_eq!(view.history.last().map(|entry| entry.event), Some(Event::CorrectionRequested));
    assert_eq!(view.versions[1].kind, ContentKind::Deletion);
    store.confirm(&[(ID, 2)], at(7), &[]).await.unwrap();
    assert_eq!((store.waiting().await.unwrap(), state(store).await), (0, State::Deleted));
    let refused = Err(Refusal::WrongStatus { state: State::Deleted });
    assert_eq!(store.reopen(ID, "ann".into(), at(8)).await.unwrap(), refused);
    let known = store.known("Made_Up", &["key 1".to_owned()]).await.unwrap();
    assert_eq!(known[0].as_ref().unwrap().status, Some(Status::Deleted));
}

pub(super) async fn feedback_about_the_current_version_is_acted_upon_once(store: &dyn Hd4dpStore) {
    confirmed(store).await;
    let request = received(1, 5, FeedbackKind::CorrectionRequest);
    for _ in 0..2 {
        assert_eq!(store.feedback(std::slice::from_ref(&request), at(4), &[]).await.unwrap(), 0);
    }
    let shown = view(store).await;
    assert_eq!(shown.state, State::CorrectionsNeeded);
    let comments: Vec<&Comment> = shown.comments.iter().map(|comment| &comment.comment).collect();
    assert!(comments == request.comments.iter().collect::<Vec<_>>());
    assert_eq!((shown.comments[0].number, shown.comments[0].at), (5, at(4)));
    assert!(!format!("{:?}", shown.comments).contains("CANARY"));
    // An older one that comes late is written into the history, and no more than that.
    store.feedback(&[received(1, 4, FeedbackKind::Approval)], at(5), &[]).await.unwrap();
    assert_eq!(state(store).await, State::CorrectionsNeeded);
    store
        .feedback(&[received(1, 6, FeedbackKind::Approval), received(1, 7, FeedbackKind::FollowUpRequest)], at(6), &[])
        .await
        .unwrap();
    let view = view(store).await;
    assert_eq!((view.state, view.comments.len()), (State::FollowUpNeeded, 4));
    use Event::*;
    assert_eq!(events(&view), [CorrectionRequested, ApprovalArrived, ApprovalArrived, FollowUpRequested]);
    assert!(view.history.iter().all(|entry| entry.author.is_none()));
}

pub(super) async fn feedback_about_another_version_changes_nothing(store: &dyn Hd4dpStore) {
    confirmed(store).await;
    submitted(store, vec![version(1, 2)], vec![]).await;
    let foreign = Received { registration_id: Uuid::from_u128(9), ..received(1, 1, FeedbackKind::Approval) };
    let old = received(1, 1, FeedbackKind::CorrectionRequest);
    assert_eq!(store.feedback(&[old, foreign], at(4), &[]).await.unwrap(), 0);
    let view = view(store).await;
    assert_eq!((view.state, view.comments.len(), view.confirmed_at), (State::Sending, 0, None));
    assert_eq!(view.history.iter().map(|entry| (entry.version, entry.status)).collect::<Vec<_>>(), [(1, Status::Sending)]);
    assert!(store.registration(Uuid::from_u128(9), at(4)).await.unwrap().is_none());
}

pub(super) async fn feedback_before_the_status_settles_the_outbox(store: &dyn Hd4dpStore) {
    let upload = submitted(store, vec![version(1, 1)], vec![]).await;
    assert_eq!(store.feedback(&[received(1, 2, FeedbackKind::Approval)], at(4), &[]).await.unwrap(), 1);
    assert_eq!((store.waiting().await.unwrap(), store.tally(upload).await.unwrap().confirmed), (0, 1));
    let settled = view(store).await;
    assert_eq!((settled.state, settled.confirmed_at), (State::Approved, Some(at(4))));
    assert_eq!(store.confirm(&[(ID, 1)], at(5), &[]).await.unwrap(), 0);
    assert_eq!((state(store).await, view(store).await.confirmed_at), (State::Approved, Some(at(4))));
}

pub(super) async fn an_opened_registration_stays_open_and_shows_comments(store: &dyn Hd4dpStore) {
    taken_over(store).await;
    store.reopen(ID, "ann".into(), at(3)).await.unwrap().unwrap();
    assert_eq!(store.feedback(&[received(1, 2, FeedbackKind::CorrectionRequest)], at(4), &[]).await.unwrap(), 1);
    let view = view(store).await;
    assert_eq!((view.state, view.comments.len(), view.confirmed_at), (State::Open, 2, Some(at(4))));
}

pub(super) async fn a_file_s_row_ends_what_was_asked_for(store: &dyn Hd4dpStore) {
    confirmed(store).await;
    store.feedback(&[received(1, 2, FeedbackKind::CorrectionRequest)], at(4), &[]).await.unwrap();
    let draft = draft_of(vec![1], Vec::new());
    assert_eq!(store.save(ID, &draft, "ann".into(), at(5)).await.unwrap(), Ok(State::Open));
    submitted(store, vec![version(1, 2)], vec![]).await;
    let latest = store.latest(ID, at(6)).await.unwrap().unwrap();
    assert!(latest.state == State::Sending && latest.draft.is_none());
    let known = store.known("Made_Up", &["key 1".to_owned()]).await.unwrap();
    assert_eq!(known[0].as_ref().unwrap().status, None);
}

pub(super) async fn wishes_that_are_not_possible_are_refused_and_leave_no_trace(store: &dyn Hd4dpStore) {
    let draft = draft_of(vec![1], Vec::new());
    let unknown = Err(Refusal::UnknownRegistration);
    assert_eq!(store.reopen(ID, "ann".into(), at(1)).await.unwrap(), unknown);
    assert_eq!(store.save(ID, &draft, "ann".into(), at(1)).await.unwrap(), unknown);
    let new = by_hand(2, ContentKind::Registration);
    assert_eq!(store.advance(&new, None, at(1)).await.unwrap(), Err(Refusal::UnknownRegistration));
    assert!(store.latest(ID, at(1)).await.unwrap().is_none());
    submitted(store, vec![version(1, 1)], vec![]).await;
    let refusal = Refusal::WrongStatus { state: State::Sending };
    let sending = Err(refusal);
    assert_eq!(store.reopen(ID, "ann".into(), at(2)).await.unwrap(), sending);
    assert_eq!(store.save(ID, &draft, "ann".into(), at(2)).await.unwrap(), sending);
    let view = view(store).await;
    assert!(view.history.is_empty() && !view.is_draft);
    assert_eq!(Refusal::UnknownRegistration.code(), "UNKNOWN_REGISTRATION");
    assert_eq!(refusal.code(), "WRONG_STATUS");
}

pub(super) async fn the_list_goes_by_id_definition_and_status(store: &dyn Hd4dpStore) {
    let other = NewVersion { dcd: "Other".to_owned(), ..version(4, 1) };
    submitted(store, vec![version(1, 1), version(2, 1), version(3, 1), other], vec![]).await;
    submitted(store, vec![version(2, 2)], vec![]).await;
    sent(store, 1).await;
    store.confirm(&[(Uuid::from_u128(3), 1)], at(3), &[]).await.unwrap();
    store.reopen(Uuid::from_u128(3), "ann".into(), at(4)).await.unwrap().unwrap();
    let list = async |dcd: Option<&str>, status, after: Option<u128>, limit| {
        let filter = Filter { dcd: dcd.map(str::to_owned), status };
        let listed = store.list(&filter, after.map(Uuid::from_u128), limit, at(5)).await.unwrap();
        listed.iter().map(|one| (one.registration_id.as_u128(), one.version, one.state)).collect::<Vec<_>>()
    };
    let pending = State::Submitted(Confirmation::Pending);
    let all = [(1, 1, pending), (2, 2, State::Sending), (3, 1, State::Open), (4, 1, State::Sending)];
    assert_eq!(list(None, None, None, 9).await, all);
    assert_eq!(list(None, None, Some(1), 2).await, all[1..3]);
    assert_eq!(list(Some("Other"), None, None, 9).await, all[3..]);
    assert_eq!(list(None, Some(Status::Sending), None, 9).await, [all[1], all[3]]);
    assert_eq!(list(None, Some(Status::Submitted), None, 9).await, all[..1]);
    assert_eq!(list(Some("Made_Up"), Some(Status::Open), None, 9).await, all[2..3]);
    let whole = store.list(&Filter::default(), None, 9, at(5)).await.unwrap();
    let chosen = store.listed(&[3, 9, 1].map(Uuid::from_u128), at(5)).await.unwrap();
    assert_eq!(chosen, [whole[2].clone(), whole[0].clone()], "in the order asked for, without what there is not");
}

pub(super) async fn a_version_knows_its_definition(store: &dyn Hd4dpStore) {
    submitted(store, vec![version(1, 1)], vec![]).await;
    let made_by = store.made_by(&[(ID, 2), (ID, 1)]).await.unwrap();
    assert_eq!(made_by, [None, Some(("Made_Up".to_owned(), 1))]);
}

pub(super) async fn a_kept_row_is_a_registration_without_a_version(store: &dyn Hd4dpStore) {
    let upload = keep(store, vec![kept(0, "CANARY one"), kept(0, "CANARY two")]).await;
    assert!(!format!("{:?}", kept(0, "CANARY")).contains("CANARY"));
    let view = view(store).await;
    assert_eq!((view.state, view.is_draft, view.versions.len(), view.dcd_version), (State::Open, true, 0, 7));
    assert_eq!((view.cells[0].value.as_str(), view.confirmed_at), ("CANARY two", None));
    assert_eq!((events(&view), view.history[0].author.as_deref()), (vec![Event::Saved; 2], Some("ann")));
    let latest = store.latest(ID, at(2)).await.unwrap().unwrap();
    assert!(latest.version == 0 && latest.values.is_none() && latest.unique_key == "key 1");
    let draft = latest.draft.unwrap();
    assert_eq!((draft.dcd_version, draft.is_valid, draft.attachments.len()), (7, false, 1));
    let known = store.known("Made_Up", &["key 1".to_owned()]).await.unwrap();
    let open = Known { registration_id: ID, version: 0, row_hash: None, confirmed: true, status: Some(Status::Open) };
    assert_eq!(known, [Some(open)]);
    let tally = store.tally(upload).await.unwrap();
    assert_eq!(tally, Tally { attempted: 2, accepted: 2, kept: 2, ..Tally::default() });
    assert_eq!((store.waiting().await.unwrap(), store.sending(ID, at(2)).await.unwrap()), (0, None));
    assert!(store.uploaded(upload, None, 9).await.unwrap().is_empty());
    let open = Filter { dcd: Some("Made_Up".to_owned()), status: Some(Status::Open) };
    let listed = store.list(&open, None, 9, at(2)).await.unwrap();
    assert_eq!((listed.len(), listed[0].version, listed[0].submitted_at), (1, 0, at(1)));
    // The row once more changes nothing; it has no version to be counted with.
    let again = submitted(store, vec![], vec![(ID, 0)]).await;
    assert_eq!(store.tally(again).await.unwrap().unchanged, 1);
    assert!(store.uploaded(again, None, 9).await.unwrap().is_empty());
}

pub(super) async fn the_first_version_ends_a_kept_row(store: &dyn Hd4dpStore) {
    keep(store, vec![kept(0, "1")]).await;
    assert_eq!(store.advance(&by_hand(1, ContentKind::Registration), None, at(4)).await.unwrap(), Ok(true));
    let latest = store.latest(ID, at(5)).await.unwrap().unwrap();
    assert!(latest.draft.is_none() && latest.state == State::Sending);
    assert!(latest.values.unwrap().attachments.is_empty(), "the kept row's file is not the version's");
    assert_eq!(store.unanswered(Uuid::nil(), false, 9).await.unwrap().len(), 1);
    // In one batch a row may be kept and the next one of the same unique id be sent.
    let upload = store.begin_upload("rows.csv", "Made_Up", at(0)).await.unwrap();
    let other = Kept { registration_id: Uuid::from_u128(2), unique_key: "key 2".to_owned(), ..kept(0, "2") };
    let intake = Intake { versions: vec![version(2, 1)], kept: vec![other], attempted: 2, ..Intake::default() };
    store.submit(upload, &intake, at(6)).await.unwrap();
    assert!(!store.registration(Uuid::from_u128(2), at(7)).await.unwrap().unwrap().is_draft);
    assert_eq!(store.tally(upload).await.unwrap().accepted, 2);
}

pub(super) async fn a_kept_row_opens_what_was_submitted(store: &dyn Hd4dpStore) {
    taken_over(store).await;
    keep(store, vec![kept(1, "9")]).await;
    let view = view(store).await;
    assert_eq!((view.state, view.is_draft, view.versions.len()), (State::Open, true, 1));
    assert_eq!(events(&view), [Event::Reopened, Event::Saved]);
    assert!(store.next_due().await.unwrap().is_none(), "the version is sent no more");
    assert_eq!(store.waiting().await.unwrap(), 1, "its answer still counts");
    assert_eq!(store.remove(ID, None, at(5)).await.unwrap(), Err(Refusal::WrongStatus { state: State::Open }));
}

pub(super) async fn a_registration_that_was_never_submitted_is_removed_without_a_trace(store: &dyn Hd4dpStore) {
    assert_eq!(store.remove(ID, None, at(1)).await.unwrap(), Err(Refusal::UnknownRegistration));
    keep(store, vec![kept(0, "1")]).await;
    assert_eq!(store.remove(ID, None, at(2)).await.unwrap(), Ok(()));
    assert!(store.registration(ID, at(3)).await.unwrap().is_none());
    assert_eq!(store.known("Made_Up", &["key 1".to_owned()]).await.unwrap(), [None]);
    assert_eq!(store.waiting().await.unwrap(), 0);
    submitted(store, vec![version(1, 1)], vec![]).await;
    let view = view(store).await;
    assert!(view.history.is_empty() && !view.is_draft && view.state == State::Sending);
}

pub(super) async fn the_current_values_are_the_kept_ones_or_the_latest(store: &dyn Hd4dpStore) {
    let other = NewVersion { dcd: "Other".to_owned(), ..version(4, 1) };
    submitted(store, vec![version(1, 1), version(2, 1), version(3, 1), other], vec![]).await;
    sent(store, 1).await;
    keep(store, vec![kept(1, "kept")]).await;
    store.confirm(&[(Uuid::from_u128(2), 1)], at(3), &[]).await.unwrap();
    store.reopen(Uuid::from_u128(2), "ann".into(), at(4)).await.unwrap().unwrap();
    let deletion = NewVersion { kind: ContentKind::Deletion, ..version(2, 2) };
    store.advance(&deletion, None, at(5)).await.unwrap().unwrap();
    let current = store.current("Made_Up", Uuid::nil(), 9).await.unwrap();
    let ids: Vec<_> = current.iter().map(|one| (one.registration_id.as_u128(), one.dcd_version)).collect();
    assert_eq!(ids, [(1, 7), (3, 1)]);
    assert_eq!((&current[0].cells, &current[1].cells), (&kept(1, "kept").draft.cells, &version(3, 1).cells));
    assert_eq!(store.current("Made_Up", Uuid::nil(), 1).await.unwrap().len(), 1);
    assert_eq!(store.current("Made_Up", ID, 9).await.unwrap().len(), 1);
}

pub(super) async fn a_person_creates_what_is_not_there(store: &dyn Hd4dpStore) {
    let other = |number| Kept { registration_id: Uuid::from_u128(number), ..kept(0, "2") };
    assert_eq!(store.create(&Creation::Kept(kept(0, "1")), at(1)).await.unwrap(), Ok(()));
    let view = view(store).await;
    assert_eq!((view.state, events(&view), view.is_draft), (State::Open, vec![Event::Saved], true));
    assert_eq!(store.create(&Creation::Kept(kept(0, "1")), at(2)).await.unwrap(), Err(Refusal::IdTaken));
    assert_eq!(store.create(&Creation::Kept(other(2)), at(2)).await.unwrap(), Err(Refusal::UniqueIdTaken));
    let new = Creation::Submitted(NewVersion { author: Some("ann".to_owned()), ..version(3, 1) });
    assert!(!format!("{new:?}").contains("key"));
    assert_eq!(store.create(&new, at(3)).await.unwrap(), Ok(()));
    assert_eq!(store.create(&new, at(4)).await.unwrap(), Err(Refusal::IdTaken));
    let submitted = store.registration(Uuid::from_u128(3), at(5)).await.unwrap().unwrap();
    assert_eq!((submitted.state, events(&submitted)), (State::Sending, vec![Event::SubmittedByUser]));
    assert_eq!(submitted.versions[0].author.as_deref(), Some("ann"));
    assert_eq!((store.waiting().await.unwrap(), store.unanswered(Uuid::nil(), false, 9).await.unwrap().len()), (1, 1));
    assert!(store.registration(Uuid::from_u128(2), at(5)).await.unwrap().is_none());
}

/// A later word about the same version counts, and what was said before is shown all the same, in its order.
pub(super) async fn a_request_that_comes_late_shows_its_comments_and_asks(store: &dyn Hd4dpStore) {
    confirmed(store).await;
    assert!(!store.latest(ID, at(4)).await.unwrap().unwrap().is_asked);
    store.feedback(&[received(1, 7, FeedbackKind::FollowUpRequest)], at(4), &[]).await.unwrap();
    for _ in 0..2 {
        store.feedback(&[received(1, 6, FeedbackKind::CorrectionRequest)], at(5), &[]).await.unwrap();
    }
    let shown = view(store).await;
    assert_eq!(shown.state, State::FollowUpNeeded);
    assert_eq!(shown.comments.iter().map(|comment| comment.number).collect::<Vec<_>>(), [6, 6, 7, 7]);
    assert!(store.latest(ID, at(6)).await.unwrap().unwrap().is_asked);
    submitted(store, vec![version(1, 2)], vec![]).await;
    assert!(!store.latest(ID, at(7)).await.unwrap().unwrap().is_asked);
    assert!(view(store).await.comments.is_empty());
}

/// Whatever happens to a registration after the look, a wish about what was looked at is refused in the transaction that would fulfil it.
pub(super) async fn a_wish_about_what_was_seen_is_refused_when_it_is_so_no_more(store: &dyn Hd4dpStore) {
    confirmed(store).await;
    let by = |seen: Seen| By { author: "ann", seen: Some(seen) };
    let (draft, stale) = (draft_of(vec![1], Vec::new()), Err(Refusal::StaleVersion));
    let pending = view(store).await.seen();
    assert_eq!(pending, Seen { version: 1, status: Status::Submitted, happened: 0 });
    store.feedback(&[received(1, 2, FeedbackKind::CorrectionRequest)], at(4), &[]).await.unwrap();
    assert_eq!(store.save(ID, &draft, by(pending), at(5)).await.unwrap(), stale);
    assert_eq!(store.reopen(ID, by(pending), at(5)).await.unwrap(), stale);
    let asked = view(store).await.seen();
    // The same version in the same status, with one more thing said.
    store.feedback(&[received(1, 1, FeedbackKind::CorrectionRequest)], at(5), &[]).await.unwrap();
    assert_eq!(store.save(ID, &draft, by(asked), at(6)).await.unwrap(), stale);
    let asked = view(store).await.seen();
    assert_eq!(store.save(ID, &draft, by(asked), at(6)).await.unwrap(), Ok(State::Open));
    assert_eq!(store.save(ID, &draft, by(asked), at(7)).await.unwrap(), stale, "it was kept meanwhile");
    let kept = view(store).await.seen();
    for kind in [ContentKind::Registration, ContentKind::Deletion] {
        assert_eq!(store.advance(&by_hand(2, kind), Some(asked), at(8)).await.unwrap(), Err(Refusal::StaleVersion));
    }
    assert_eq!(view(store).await.seen(), kept, "nothing came of it");
    assert_eq!(store.advance(&by_hand(2, ContentKind::Registration), Some(kept), at(8)).await.unwrap(), Ok(true));
    assert_eq!(Refusal::StaleVersion.code(), "STALE_VERSION");
}

pub(super) async fn what_was_never_submitted_is_removed_as_it_was_seen(store: &dyn Hd4dpStore) {
    keep(store, vec![kept(0, "1")]).await;
    let seen = view(store).await.seen();
    keep(store, vec![kept(0, "2")]).await;
    assert_eq!(store.remove(ID, Some(seen), at(2)).await.unwrap(), Err(Refusal::StaleVersion));
    let seen = view(store).await.seen();
    assert_eq!(store.remove(ID, Some(seen), at(2)).await.unwrap(), Ok(()));
}
