//! Both messages, byte by byte and with every item judged alone.

use clock::Timestamp;
use envelope::{B64, ItemId, Message, Publication, PublicationId};
use identifying::{Identity, IdentityError, IdentityKind};
use registration::{
    CodeKey, Content, ContentError, ContentHead, ContentKind, FEEDBACK_PADDING_STEP, Feedback, FeedbackHead, PADDING_STEP,
};
use uuid::Uuid;

use super::*;

/// Number of nobody: its counter is outside the issued range.
const SSIN: &str = "64031299906";

fn identity() -> Identity {
    Identity::from_parts(IdentityKind::Ssin, SSIN).unwrap()
}

fn item_id() -> ItemId {
    ItemId::from_uuid(Uuid::from_u128(1))
}

fn publication<D: Message>(data: D) -> Publication<D> {
    let id = PublicationId::from_uuid(Uuid::from_u128(2));
    Publication::new(id, "hd4dp-00000196".parse().unwrap(), Timestamp::EPOCH, data)
}

fn content() -> Content {
    let head = ContentHead {
        registration_id: Uuid::from_u128(3),
        version: 1,
        kind: ContentKind::Registration,
        dcd: "Precision_Local_MAB".into(),
        dcd_version: 1,
        organisation: "00000196".into(),
        patient_tag: [4; 16],
    };
    Content::reduce(head, [], vec![], &[], &CodeKey::new([0; 32])).unwrap()
}

fn feedback() -> Feedback {
    let head = FeedbackHead { registration_id: Uuid::from_u128(3), version: 1, item_id: Uuid::from_u128(1), number: 1 };
    Feedback::Approval { head }
}

#[test]
fn a_submission_has_its_documented_members() {
    let submission = publication(Submission { items: vec![SubmissionItem::new(item_id(), &identity(), vec![1, 2, 3])] });
    let expected = concat!(
        r#"{"specversion":"1.0","id":"00000000-0000-0000-0000-000000000002","source":"hd4dp-00000196","#,
        r#""type":"be.healthdata.precision.submission.v1","time":"1970-01-01T00:00:00.000000Z","#,
        r#""data":{"items":[{"id":"00000000-0000-0000-0000-000000000001","#,
        r#""identity":{"kind":"ssin","value":"64031299906"},"content":"AQID"}]}}"#
    );
    assert_eq!(submission.encode().unwrap(), expected);
    assert_eq!(Publication::<Submission>::decode(expected.as_bytes()).unwrap(), submission);
}

#[test]
fn a_feedback_delivery_has_its_documented_members() {
    let delivery = publication(FeedbackDelivery { items: vec![DeliveredItem::new(item_id(), &identity(), vec![1, 2, 3])] });
    let expected = concat!(
        r#"{"specversion":"1.0","id":"00000000-0000-0000-0000-000000000002","source":"hd4dp-00000196","#,
        r#""type":"be.healthdata.precision.feedback.v1","time":"1970-01-01T00:00:00.000000Z","#,
        r#""data":{"items":[{"id":"00000000-0000-0000-0000-000000000001","#,
        r#""identity":{"kind":"ssin","value":"64031299906"},"feedback":"AQID"}]}}"#
    );
    assert_eq!(delivery.encode().unwrap(), expected);
    assert_eq!(Publication::<FeedbackDelivery>::decode(expected.as_bytes()).unwrap(), delivery);
}

#[test]
fn what_goes_in_comes_out() {
    let item = SubmissionItem::new(item_id(), &identity(), content().encode());
    let read = Publication::<Submission>::decode(&publication(Submission { items: vec![item] }).encode().unwrap()).unwrap();
    assert_eq!(read.data.items[0].content.len(), PADDING_STEP);
    assert!(read.data.items[0].content() == Ok(content()));
    assert!(read.data.items[0].identity.parse() == Ok(identity()));

    let item = DeliveredItem::new(item_id(), &identity(), feedback().encode());
    let delivery = publication(FeedbackDelivery { items: vec![item] });
    let read = Publication::<FeedbackDelivery>::decode(&delivery.encode().unwrap()).unwrap();
    assert_eq!(read.data.items[0].feedback.len(), FEEDBACK_PADDING_STEP);
    assert_eq!(read.data.items[0].feedback(), Ok(feedback()));
}

#[test]
fn a_bad_item_does_not_cost_its_publication() {
    let good = publication(Submission { items: vec![SubmissionItem::new(item_id(), &identity(), content().encode())] });
    let text = String::from_utf8(good.encode().unwrap().to_vec()).unwrap();
    let judged = |from: &str, to: &str| {
        let read = Publication::<Submission>::decode(text.replace(from, to).as_bytes()).unwrap();
        read.data.items[0].identity.parse().err()
    };
    assert_eq!(judged(SSIN, "64031299907"), Some(IdentityError::NotAnSsin));
    assert_eq!(judged("\"ssin\"", "\"generated\""), Some(IdentityError::NotAGeneratedId));
    assert_eq!(judged("\"ssin\"", "\"name\""), Some(IdentityError::UnknownKind));

    let mut cut = good;
    cut.data.items[0].content = B64(vec![1]);
    let read = Publication::<Submission>::decode(&cut.encode().unwrap()).unwrap();
    assert!(read.data.items[0].content() == Err(ContentError::Truncated));
}

#[test]
fn an_identity_has_two_members_and_no_more() {
    let good = publication(Submission { items: vec![SubmissionItem::new(item_id(), &identity(), vec![])] });
    let text = String::from_utf8(good.encode().unwrap().to_vec()).unwrap();
    for (from, to, code) in [
        (r#""kind":"ssin","#, "", "MISSING_MEMBER"),
        (r#""kind":"ssin","#, r#""kind":"ssin","kind":"ssin","#, "REPEATED_MEMBER"),
        (r#""kind":"ssin","#, r#""kind":"ssin","name":"x","#, "UNKNOWN_MEMBER"),
        (r#""kind":"ssin""#, r#""kind":1"#, "INVALID_MEMBER"),
    ] {
        assert_eq!(Publication::<Submission>::decode(text.replace(from, to).as_bytes()).unwrap_err().code(), code, "{to}");
    }
    let canary = text.replace(r#""value":"64031299906""#, r#""value":64031299906"#);
    let error = Publication::<Submission>::decode(canary.as_bytes()).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(SSIN));
}

#[test]
fn debug_prints_no_identity() {
    let submission = Submission { items: vec![SubmissionItem::new(item_id(), &identity(), SSIN.into())] };
    let delivery = FeedbackDelivery { items: vec![DeliveredItem::new(item_id(), &identity(), SSIN.into())] };
    let printed = format!("{submission:?} {delivery:?}");
    assert!(printed.contains("ClearIdentity") && !printed.contains(SSIN) && !printed.contains("54, 52"), "{printed}");
}

#[test]
fn the_sizes_are_no_less_than_the_texts() {
    let items = vec![SubmissionItem::new(item_id(), &identity(), vec![0; 1_000]); 40];
    let whole = publication(Submission { items });
    assert!(whole.encode().unwrap().len() <= whole.data.size_max() + 256);
    let items = vec![DeliveredItem::new(item_id(), &identity(), vec![0; 256]); 40];
    let whole = publication(FeedbackDelivery { items });
    assert!(whole.encode().unwrap().len() <= whole.data.size_max() + 256);
}

#[test]
fn every_type_is_documented() {
    let wire = include_str!("../../../docs/WIRE.md");
    for name in [Submission::TYPE, FeedbackDelivery::TYPE] {
        let short = name.strip_prefix("be.healthdata.precision.").unwrap();
        assert!(wire.contains(&format!("`{short}`")), "{name}");
    }
}
