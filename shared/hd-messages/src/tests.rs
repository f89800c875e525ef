//! The four messages, byte by byte and with every item judged alone.

use clock::Timestamp;
use envelope::{B64, ItemId, KeyIdHex, Message, Publication, PublicationId, Text};
use pseudonymised::{Pseudonym, PseudonymisedError, SenderCode};
use registration::{ContentError, Feedback, FeedbackHead};
use uuid::Uuid;

use super::*;

const PSEUDONYM: &str = "healthdata.12.ABCDEFGHIJKLMNOPQRSTUVWXYZ4";
const SENDER: &str = "SABCDEFGHIJKLMNO7";

fn item_id() -> ItemId {
    ItemId::from_uuid(Uuid::from_u128(1))
}

fn pseudonym() -> Pseudonym {
    PSEUDONYM.parse().unwrap()
}

fn sender() -> SenderCode {
    SENDER.parse().unwrap()
}

fn publication<D: Message>(data: D) -> Publication<D> {
    Publication::new(PublicationId::from_uuid(Uuid::from_u128(2)), "ehbox-hd".parse().unwrap(), Timestamp::EPOCH, data)
}

fn text<D: Message>(data: D) -> String {
    String::from_utf8(publication(data).encode().unwrap().to_vec()).unwrap()
}

fn arrival() -> Arrival {
    let hospital = KeyIdHex([0, 1, 2, 3, 4, 5, 6, 0xff]);
    let (handle, content) = (B64(vec![4, 5, 6]), B64(vec![1, 2, 3]));
    Arrival {
        items: vec![ArrivalItem {
            id: item_id(),
            pseudonym: (&pseudonym()).into(),
            recoded_from: Vec::new(),
            sender: (&sender()).into(),
            hospital,
            handle,
            content,
        }],
    }
}

fn validation() -> Validation {
    let (pseudonym, sender) = ((&pseudonym()).into(), (&sender()).into());
    Validation {
        items: vec![ValidationItem { id: item_id(), pseudonym, recoded_from: Vec::new(), sender, content: B64(vec![1, 2, 3]) }],
    }
}

fn verdict() -> Verdict {
    let finding = |rule: Option<&str>, severity, column: Option<&str>| VerdictFinding {
        rule: rule.map(Into::into),
        code: "V03".into(),
        severity,
        column: column.map(Into::into),
    };
    let findings =
        vec![finding(Some("X01"), VerdictSeverity::Error, Some("variants|gene")), finding(None, VerdictSeverity::Warning, None)];
    Verdict { items: vec![VerdictItem { id: item_id(), sender: (&sender()).into(), clean: false, findings }] }
}

fn outgoing(feedback: Vec<u8>) -> OutgoingFeedback {
    let (handle, hospital) = (B64(vec![4, 5, 6]), KeyIdHex([9; 8]));
    OutgoingFeedback { items: vec![OutgoingItem { id: item_id(), handle, hospital, feedback: B64(feedback) }] }
}

/// The document's text, and that it reads back as what it was.
fn assert_document<D: Message + Clone + PartialEq + std::fmt::Debug>(data: &D, tail: &str) {
    let whole = publication(data.clone());
    let encoded = whole.encode().unwrap();
    let head = r#"{"specversion":"1.0","id":"00000000-0000-0000-0000-000000000002","source":"ehbox-hd","#;
    let expected = format!("{head}{}", tail.replace('~', r#""id":"00000000-0000-0000-0000-000000000001""#));
    assert_eq!(std::str::from_utf8(&encoded).unwrap(), expected);
    assert_eq!(Publication::<D>::decode(&encoded).unwrap(), whole);
    assert!(encoded.len() <= data.size_max() + 256);
}

#[test]
fn an_arrival_has_its_documented_members() {
    assert_document(
        &arrival(),
        concat!(
            r#""type":"be.healthdata.precision.arrival.v1","time":"1970-01-01T00:00:00.000000Z","data":{"items":[{~,"#,
            r#""pseudonym":"healthdata.12.ABCDEFGHIJKLMNOPQRSTUVWXYZ4","sender":"SABCDEFGHIJKLMNO7","#,
            r#""hospital":"00010203040506ff","handle":"BAUG","content":"AQID"}]}}"#
        ),
    );
}

#[test]
fn a_validation_has_its_documented_members_and_no_way_back() {
    assert_document(
        &validation(),
        concat!(
            r#""type":"be.healthdata.precision.validation.v1","time":"1970-01-01T00:00:00.000000Z","data":{"items":[{~,"#,
            r#""pseudonym":"healthdata.12.ABCDEFGHIJKLMNOPQRSTUVWXYZ4","sender":"SABCDEFGHIJKLMNO7","content":"AQID"}]}}"#
        ),
    );
}

#[test]
fn a_verdict_has_its_documented_members() {
    assert_document(
        &verdict(),
        concat!(
            r#""type":"be.healthdata.precision.verdict.v1","time":"1970-01-01T00:00:00.000000Z","data":{"items":[{~,"#,
            r#""sender":"SABCDEFGHIJKLMNO7","clean":false,"findings":["#,
            r#"{"rule":"X01","code":"V03","severity":"error","column":"variants|gene"},"#,
            r#"{"code":"V03","severity":"warning"}]}]}}"#
        ),
    );
}

#[test]
fn outgoing_feedback_has_its_documented_members() {
    assert_document(
        &outgoing(vec![1, 2, 3]),
        concat!(
            r#""type":"be.healthdata.precision.outgoing-feedback.v1","time":"1970-01-01T00:00:00.000000Z","data":{"items":[{~,"#,
            r#""handle":"BAUG","hospital":"0909090909090909","feedback":"AQID"}]}}"#
        ),
    );
}

fn recoded() -> Vec<RecodedPatient> {
    vec![RecodedPatient::new(item_id(), &PSEUDONYM.replace(".12.", ".11."), PSEUDONYM)]
}

#[test]
fn re_coded_patients_have_their_documented_members() {
    let tail = |name| {
        format!(
            concat!(
                r#""type":"be.healthdata.precision.{}.v1","time":"1970-01-01T00:00:00.000000Z","data":{{"items":[{{~,"#,
                r#""old":"healthdata.11.ABCDEFGHIJKLMNOPQRSTUVWXYZ4","new":"healthdata.12.ABCDEFGHIJKLMNOPQRSTUVWXYZ4"}}]}}}}"#
            ),
            name
        )
    };
    assert_document(&RecodedPatients::of(recoded()), &tail("recoded-patients"));
    assert_document(&RecodedRows::of(recoded()), &tail("recoded-rows"));
}

#[test]
fn earlier_pseudonyms_stand_behind_the_current_one_or_nowhere() {
    let mut arrival = arrival();
    arrival.items[0].recoded_from = vec![Text::unchecked(PSEUDONYM.replace(".12.", ".11."))];
    let document = text(arrival.clone());
    let member = r#""recoded_from":["healthdata.11.ABCDEFGHIJKLMNOPQRSTUVWXYZ4"],"#;
    assert!(document.contains(&format!(r#""pseudonym":"{PSEUDONYM}",{member}"sender""#)), "{document}");
    assert_eq!(Publication::<Arrival>::decode(document.as_bytes()).unwrap().data, arrival);
    let many = format!(r#""recoded_from":[{}],"#, vec![r#""x""#; EARLIER_MAX + 1].join(","));
    for bad in [r#""recoded_from":null,"#, r#""recoded_from":[],"#, r#""recoded_from":["x",1],"#, &many] {
        let changed = document.replace(member, bad);
        assert_eq!(Publication::<Arrival>::decode(changed.as_bytes()).unwrap_err().code(), "INVALID_MEMBER", "{bad}");
    }
    let bad = document.replace("XYZ4\"],", "XYZ5\"],");
    assert!(Publication::<Arrival>::decode(bad.as_bytes()).is_ok(), "a bad one is its item's affair");
}

#[test]
fn a_bad_item_does_not_cost_its_publication() {
    let read = |from: &str, to: &str| {
        let changed = text(arrival()).replace(from, to);
        Publication::<Arrival>::decode(changed.as_bytes()).unwrap().data.items.remove(0)
    };
    assert_eq!(read("", "").pseudonym.parse(), Ok(pseudonym()));
    assert_eq!(read("", "").sender.parse(), Ok(sender()));
    assert_eq!(read("XYZ4", "XYZ5").pseudonym.parse(), Err(PseudonymisedError::CheckCharacter));
    assert_eq!(read("SABC", "TABC").sender.parse(), Err(PseudonymisedError::SenderCode));
    assert!(read("", "").submitted() == Err(ContentError::Truncated));
}

/// What was given room at step 3 has room at step 6.
#[test]
fn what_has_room_once_has_room_here() {
    let clear_len = 1_024;
    let mut capacity = envelope::Capacity::new(envelope::MAX_ITEMS);
    while capacity.take(clear_len) {}
    let mut item = arrival().items.remove(0);
    item.pseudonym = Text::unchecked("p".repeat(62));
    (item.handle, item.content) = (B64(vec![0; 97]), B64(vec![0; clear_len]));
    assert!(publication(Arrival { items: vec![item; capacity.items()] }).encode().is_ok());
}

#[test]
fn feedback_comes_out_as_it_went_in() {
    let head = FeedbackHead { registration_id: Uuid::from_u128(3), version: 1, item_id: Uuid::from_u128(1), number: 1 };
    let feedback = Feedback::Status { head, content_hash: [7; 32] };
    assert_eq!(outgoing(feedback.encode()).items[0].feedback(), Ok(feedback));
}

#[test]
fn members_are_as_strict_as_the_envelope() {
    let verdict = text(verdict());
    for (from, to, code) in [
        (r#""severity":"error""#, r#""severity":"fatal""#, "INVALID_MEMBER"),
        (r#""severity":"error""#, r#""severity":null"#, "INVALID_MEMBER"),
        (r#""severity":"error""#, r#""severity":[1]"#, "INVALID_MEMBER"),
        (r#""severity":"error""#, r#""severity":null,"#, "NOT_JSON"),
        (r#""clean":false"#, r#""clean":0"#, "INVALID_MEMBER"),
        (r#""rule":"X01""#, r#""rule":null"#, "INVALID_MEMBER"),
        (r#""rule":"X01""#, r#""rule":"X01","rule":"X01""#, "REPEATED_MEMBER"),
        (r#""rule":"X01""#, r#""value":"x""#, "UNKNOWN_MEMBER"),
        (r#""clean":false,"#, "", "MISSING_MEMBER"),
    ] {
        assert_eq!(Publication::<Verdict>::decode(verdict.replace(from, to).as_bytes()).unwrap_err().code(), code, "{to}");
    }
    let validation = text(validation());
    let smuggled = validation.replace(r#""content":"#, r#""handle":"BAUG","content":"#);
    assert_eq!(Publication::<Validation>::decode(smuggled.as_bytes()).unwrap_err().code(), "UNKNOWN_MEMBER");
    assert_eq!(Publication::<Arrival>::decode(validation.as_bytes()).unwrap_err().code(), "UNKNOWN_TYPE");
}

#[test]
fn debug_prints_neither_pseudonym_nor_content() {
    let printed = format!("{:?} {:?} {:?}", arrival(), validation(), outgoing(vec![1, 2, 3]));
    assert!(!printed.contains("ABCDEFGHIJ") && !printed.contains("1, 2, 3") && !printed.contains("4, 5, 6"), "{printed}");
}

#[test]
fn every_type_is_documented() {
    let wire = include_str!("../../../docs/WIRE.md");
    let recoded = [RecodedPatients::TYPE, RecodedRows::TYPE];
    for name in [Arrival::TYPE, Validation::TYPE, Verdict::TYPE, OutgoingFeedback::TYPE].into_iter().chain(recoded) {
        let short = name.strip_prefix("be.healthdata.precision.").unwrap();
        assert!(wire.contains(&format!("`{short}`")), "{name}");
    }
}
