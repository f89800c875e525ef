//! What the envelope refuses, a test per code, and what it keeps.

use proptest::prelude::*;

use super::*;
use crate::{
    B64, ItemId,
    sealed::{
        ContentSeal, Encapsulation, PseudonymisedItem, PseudonymisedSubmission, ReturnedFeedback, ReturnedItem, SealedFeedback,
        SealedFeedbackItem, SealedItem, SealedSubmission,
    },
};

type Sealed = Publication<SealedSubmission>;

/// A publication of one item, as WIRE.md shows it. Each line ends in a member, so that tests can replace it.
const DOCUMENT: &str = concat!(
    r#"{"specversion":"1.0","#,
    r#""id":"01234567-89ab-8cde-bc04-8c0000000000","#,
    r#""source":"ehbox-hco-00000196","#,
    r#""type":"be.healthdata.precision.sealed-submission.v1","#,
    r#""time":"2026-11-21T10:00:00.000001Z","#,
    r#""data":{"identity":{"key":"0001020304050607","enc":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="},"#,
    r#""content":{"key":"08090a0b0c0d0e0f","enc":"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=","header":"Aw=="},"#,
    r#""items":[{"id":"01234567-89ab-8cde-bc04-8c0000000001","identity":"++//","content":"/+8="}]}}"#
);

fn item_id(number: u128) -> ItemId {
    ItemId::from_uuid(uuid::Uuid::from_u128(0x0123_4567_89ab_8cde_bc04_8c00_0000_0000 + number))
}

fn publication<D: Message>(data: D) -> Publication<D> {
    let id = PublicationId::from_uuid(item_id(0).uuid());
    let time = Timestamp::from_micros(1_795_255_200_000_001);
    Publication::new(id, "ehbox-hco-00000196".parse().unwrap(), time, data)
}

fn sealed(items: Vec<SealedItem>) -> Sealed {
    publication(SealedSubmission {
        identity: Encapsulation::new([0, 1, 2, 3, 4, 5, 6, 7], [1; 32]),
        content: ContentSeal::new([8, 9, 10, 11, 12, 13, 14, 15], [2; 32], vec![3]),
        items,
    })
}

fn sealed_item(number: u128, identity: Vec<u8>, content: Vec<u8>) -> SealedItem {
    SealedItem { id: item_id(number), identity: B64(identity), content: B64(content) }
}

fn one_item() -> Sealed {
    sealed(vec![sealed_item(1, vec![0xfb, 0xef, 0xff], vec![0xff, 0xef])])
}

fn code_of(document: impl AsRef<[u8]>) -> &'static str {
    Sealed::decode(document.as_ref()).expect_err("refused").code()
}

/// The document with `from`, which stands in it once, replaced by `to`.
fn changed(from: &str, to: &str) -> String {
    assert_eq!(DOCUMENT.matches(from).count(), 1, "{from} stands once in the document");
    DOCUMENT.replace(from, to)
}

#[test]
fn a_publication_has_its_documented_bytes() {
    assert_eq!(one_item().encode().unwrap(), DOCUMENT);
    assert_eq!(Sealed::decode(DOCUMENT.as_bytes()).unwrap(), one_item());
}

#[test]
fn members_may_stand_in_any_order_and_blanks_between_them() {
    let document = changed(r#"{"specversion":"1.0","#, " {\n").replace("]}}", "]}\t,\r\"specversion\" : \"1.0\"}");
    assert_eq!(Sealed::decode(document.as_bytes()).unwrap(), one_item());
}

#[test]
fn truncated_at_every_byte() {
    for length in 0..DOCUMENT.len() {
        assert_eq!(code_of(&DOCUMENT[..length]), "TRUNCATED", "{length} bytes");
    }
}

#[test]
fn bytes_behind_the_document() {
    for behind in ["}", " ", "\n", "\0", "{}", DOCUMENT] {
        assert_eq!(code_of(format!("{DOCUMENT}{behind}")), "TRAILING_BYTES", "{behind:?}");
    }
}

#[test]
fn text_that_is_not_json() {
    for (from, to) in [("\"data\":", "data:"), ("\"1.0\",", "'1.0',"), ("]}}", "],}}"), ("\"1.0\",", "\"1.0\",,")] {
        assert_eq!(code_of(changed(from, to)), "NOT_JSON", "{to}");
    }
    assert_eq!(code_of([b"\xef\xbb\xbf", DOCUMENT.as_bytes()].concat()), "NOT_JSON");
    let mut not_utf8 = DOCUMENT.as_bytes().to_vec();
    not_utf8[DOCUMENT.find("ehbox").unwrap()] = 0xff;
    assert_eq!(code_of(not_utf8), "NOT_JSON");
}

/// Beginnings of the objects of the document: the envelope, data, both encapsulations, and an item.
const OBJECTS: [&str; 5] =
    [r#"{"specversion""#, r#"{"identity":{"#, r#"{"key":"0001020304050607""#, r#"{"key":"08090a0b0c0d0e0f""#, r#"{"id""#];

#[test]
fn unknown_members_at_every_level() {
    for object in OBJECTS {
        let document = changed(object, &object.replacen('{', r#"{"datacontenttype":"x","#, 1));
        assert_eq!(code_of(document), "UNKNOWN_MEMBER", "{object}");
    }
}

#[test]
fn repeated_members_at_every_level() {
    let members = [
        r#""specversion":"1.0","#,
        r#""id":"01234567-89ab-8cde-bc04-8c0000000000","#,
        r#""source":"ehbox-hco-00000196","#,
        r#""type":"be.healthdata.precision.sealed-submission.v1","#,
        r#""time":"2026-11-21T10:00:00.000001Z","#,
        r#""key":"0001020304050607","#,
        r#""enc":"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=","#,
        r#""id":"01234567-89ab-8cde-bc04-8c0000000001","#,
        r#""identity":"++//","#,
    ];
    for member in members {
        assert_eq!(code_of(changed(member, &format!("{member}{member}"))), "REPEATED_MEMBER", "{member}");
    }
    for (member, end) in [(r#""header":"Aw==""#, "},"), (r#""content":"/+8=""#, "}]"), (r#""items":["#, "")] {
        let again = if end.is_empty() { r#""items":[],"items":["#.to_owned() } else { format!("{member},{member}") };
        assert_eq!(code_of(changed(member, &again)), "REPEATED_MEMBER", "{member}");
    }
    // The same name written with an escape is the same name.
    assert_eq!(code_of(changed(r#""source":"#, r#""source":"a","\u0073ource":"#)), "REPEATED_MEMBER");
    let document = changed(r#""data":"#, r#""reason":"QUOTA","reason":"QUOTA","data":"#);
    assert_eq!(code_of(document), "REPEATED_MEMBER");
}

#[test]
fn missing_members_at_every_level() {
    let members = [
        r#""specversion":"1.0","#,
        r#""id":"01234567-89ab-8cde-bc04-8c0000000000","#,
        r#""source":"ehbox-hco-00000196","#,
        r#""type":"be.healthdata.precision.sealed-submission.v1","#,
        r#""time":"2026-11-21T10:00:00.000001Z","#,
        r#""key":"0001020304050607","#,
        r#""key":"08090a0b0c0d0e0f","#,
        r#","header":"Aw==""#,
        r#""id":"01234567-89ab-8cde-bc04-8c0000000001","#,
        r#""identity":"++//","#,
        r#","content":"/+8=""#,
    ];
    for member in members {
        assert_eq!(code_of(changed(member, "")), "MISSING_MEMBER", "{member}");
    }
    assert_eq!(code_of("{}"), "MISSING_MEMBER");
}

#[test]
fn an_unknown_version_is_told_from_an_unknown_type_wherever_they_stand() {
    let own = r#""type":"be.healthdata.precision.sealed-submission.v1","#;
    let cases = [
        (r#""specversion":"1.0","#, r#""specversion":"0.3","#, "UNKNOWN_VERSION"),
        (r#""specversion":"1.0","#, r#""specversion":"1.0.0","#, "UNKNOWN_VERSION"),
        (own, r#""type":"be.healthdata.precision.sealed-submission.v2","#, "UNKNOWN_VERSION"),
        (own, r#""type":"be.healthdata.precision.sealed-submission.v","#, "UNKNOWN_VERSION"),
        (own, r#""type":"be.healthdata.precision.submission.v1","#, "UNKNOWN_TYPE"),
        (own, r#""type":"be.healthdata.precision.sealed-submission","#, "UNKNOWN_TYPE"),
        (own, r#""type":"","#, "UNKNOWN_TYPE"),
    ];
    for (from, to, code) in cases {
        assert_eq!(code_of(changed(from, to)), code, "{to}");
        // Behind data of another shape.
        let behind = changed(from, "").replace(r#""content":{"#, r#""contents":{"#).replace("]}}", &format!("]}},{to}}}"));
        assert_eq!(code_of(behind.replace(",}", "}")), code, "{to} behind the data");
    }
    let other = r#"{"type":"be.healthdata.precision.arrival.v1","specversion":"1.0","data":{}}"#;
    assert_eq!(code_of(other), "UNKNOWN_TYPE");
}

#[test]
fn base64_that_is_not_canonical() {
    let others = [
        "__-_", // another alphabet
        "++/",  // no padding
        "+w",
        "+w=",
        "+x==", // unused bits that are not zero
        "++8==",
        "++//=",
        "====",
        " ++//",
        "++//\\n",
        "++/é",
        "++//\\u0000",
    ];
    for other in others {
        assert_eq!(code_of(changed(r#""++//""#, &format!("\"{other}\""))), "NOT_BASE64", "{other}");
    }
    // An escape is JSON's business: the text is the same.
    let escaped = changed(r#""++//""#, r#""\u002b+\/\/""#);
    assert_eq!(Sealed::decode(escaped.as_bytes()).unwrap(), one_item());
}

#[test]
fn an_encapsulated_key_has_32_bytes() {
    let key = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    for other in ["", "AQEB", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"] {
        assert_eq!(code_of(changed(key, other)), "WRONG_LENGTH", "{other}");
    }
}

#[test]
fn members_of_another_form() {
    let time = "2026-11-21T10:00:00.000001Z";
    let id = "01234567-89ab-8cde-bc04-8c0000000001";
    let cases = [
        (time, "2026-11-21T10:00:00Z"),
        (time, "2026-11-21T11:00:00.000001+01:00"),
        (time, "2026-11-21 10:00:00.000001Z"),
        (time, "2026-11-31T10:00:00.000001Z"),
        (id, "01234567-89AB-8cde-bc04-8c0000000001"),
        (id, "0123456789ab8cdebc048c0000000001"),
        ("\"ehbox-hco-00000196\"", "\"EHBOX\""),
        ("\"ehbox-hco-00000196\"", "null"),
        ("\"ehbox-hco-00000196\"", "1"),
        ("0001020304050607", "000102030405060"),
        ("08090a0b0c0d0e0f", "08090A0B0C0D0E0F"),
        ("\"++//\"", "[251,239,255]"),
        ("\"++//\"", "null"),
        (r#""data":"#, r#""reason":null,"data":"#),
        (r#""data":"#, r#""reason":"not a code","data":"#),
    ];
    for (from, to) in cases {
        assert_eq!(code_of(changed(from, to)), "INVALID_MEMBER", "{to}");
    }
    for document in ["null", "[]", "\"x\"", "1.5"] {
        assert_eq!(code_of(document), "INVALID_MEMBER", "{document}");
    }
}

#[test]
fn no_items() {
    let document = DOCUMENT.split_once(r#"{"id":"01234567-89ab-8cde-bc04-8c0000000001""#).unwrap().0;
    assert_eq!(code_of(format!("{document}]}}}}")), "NO_ITEMS");
    assert_eq!(sealed(vec![]).encode(), Err(EnvelopeError::NoItems));
}

#[test]
fn one_item_too_many() {
    let items = |number: usize| (0..number).map(|at| sealed_item(at as u128, vec![], vec![])).collect::<Vec<_>>();
    let full = sealed(items(MAX_ITEMS)).encode().unwrap();
    assert_eq!(Sealed::decode(&full).unwrap().data.len(), MAX_ITEMS);

    assert_eq!(sealed(items(MAX_ITEMS + 1)).encode(), Err(EnvelopeError::TooManyItems));
    let (head, item) = (DOCUMENT.split_once(r#"[{"#).unwrap().0, r#"{"id":"01234567-89ab-8cde-bc04-8c0000000001","#);
    let item = format!(r#"{item}"identity":"","content":""}}"#);
    let items = vec![item; MAX_ITEMS + 1].join(",");
    assert_eq!(code_of(format!("{head}[{items}]}}}}")), "TOO_MANY_ITEMS");
}

#[test]
fn one_byte_too_many() {
    let of_size = |bytes: usize| {
        let empty = sealed(vec![sealed_item(1, vec![], vec![])]).encode().unwrap().len();
        let missing = bytes - empty;
        // Base64 grows in steps of four characters; the source takes the rest.
        let mut publication = sealed(vec![sealed_item(1, vec![], vec![7; missing / 4 * 3])]);
        publication.source = format!("ehbox-hco-00000196{}", "a".repeat(missing % 4)).parse().unwrap();
        publication
    };
    let largest = of_size(MAX_BYTES);
    let document = largest.encode().unwrap();
    assert_eq!(document.len(), MAX_BYTES);
    assert_eq!(Sealed::decode(&document).unwrap(), largest);

    assert_eq!(of_size(MAX_BYTES + 1).encode(), Err(EnvelopeError::TooLarge { bytes: MAX_BYTES + 1 }));
    let mut document = document.to_vec();
    document.push(b' ');
    assert_eq!(Sealed::decode(&document), Err(EnvelopeError::TooLarge { bytes: 10_000_001 }));
}

#[test]
fn a_dead_letter_keeps_its_reason() {
    let mut letter = one_item();
    letter.reason = Some(ReasonCode::from_static("QUOTA"));
    let document = letter.encode().unwrap();
    assert!(document.windows(17).any(|part| part == br#""reason":"QUOTA","#));
    assert_eq!(Sealed::decode(&document).unwrap(), letter);
}

#[test]
fn no_refusal_repeats_the_document() {
    let canary = "64031299906";
    for (from, to) in [
        (r#""time":"#, format!(r#""{canary}":"x","time":"#)),
        (r#""++//""#, format!(r#""{canary}""#)),
        (r#""++//""#, canary.to_owned()),
        ("\"ehbox-hco-00000196\"", format!("\"{canary}\"")),
        (r#"sealed-submission.v1"#, canary.to_owned()),
    ] {
        let error = Sealed::decode(changed(from, &to).as_bytes()).unwrap_err();
        assert!(!format!("{error} {error:?} {}", error.code()).contains(canary), "{to}");
    }
}

#[test]
fn debug_prints_no_bytes() {
    let printed = format!("{:?}", sealed(vec![sealed_item(1, b"canary".to_vec(), vec![99, 97, 110, 97, 114, 121])]));
    assert!(printed.contains("B64(6 bytes)"));
    assert!(!printed.contains("canary") && !printed.contains("99, 97") && !printed.contains("Y2FuYXJ5"), "{printed}");
}

#[test]
fn every_code_and_type_is_documented() {
    let wire = include_str!("../../../../docs/WIRE.md");
    let faults = [
        Fault::Truncated,
        Fault::TrailingBytes,
        Fault::NotJson,
        Fault::UnknownMember,
        Fault::RepeatedMember,
        Fault::MissingMember,
        Fault::UnknownVersion,
        Fault::UnknownType,
        Fault::NotBase64,
        Fault::WrongLength,
        Fault::InvalidMember,
    ];
    let errors = faults.map(|fault| EnvelopeError::Refused { fault, at: Place { line: 1, column: 1 } }).into_iter().chain([
        EnvelopeError::NoItems,
        EnvelopeError::TooManyItems,
        EnvelopeError::TooLarge { bytes: 0 },
        EnvelopeError::Unwritable,
    ]);
    for code in errors.map(|error| error.code()).chain(["RETURN_PART_FORM", "RETURN_PART_LENGTH"]) {
        assert!(wire.contains(&format!("`{code}`")), "{code}");
    }
    for name in [SealedSubmission::TYPE, PseudonymisedSubmission::TYPE, SealedFeedback::TYPE, ReturnedFeedback::TYPE] {
        let short = name.strip_prefix("be.healthdata.precision.").unwrap();
        assert!(wire.contains(&format!("`{short}`")), "{name}");
    }
}

/// What was given room at step 3 has room at step 5, where most stands around a content.
#[test]
fn what_has_room_once_has_room_at_every_step() {
    for clear_len in [1_024, 4_096, 3 * 1_024 * 1_024] {
        let mut capacity = crate::Capacity::new(MAX_ITEMS);
        while capacity.take(clear_len) {}
        let item = |at: usize| PseudonymisedItem {
            id: item_id(at as u128),
            pseudonym: B64(vec![1; 114 + 97 + 20]),
            content: B64(vec![2; clear_len + 20]),
        };
        let whole = publication(PseudonymisedSubmission {
            pseudonym: Encapsulation::new([0; 8], [0; 32]),
            content: ContentSeal::new([0; 8], [0; 32], vec![0; 60]),
            items: (0..capacity.items()).map(item).collect(),
        });
        assert!(whole.encode().is_ok(), "{clear_len}");
    }
}

/// The other three documents, so that a slip in a member's name cannot pass unseen.
#[test]
fn every_sealed_document_has_its_documented_members() {
    let seal = || Encapsulation::new([0; 8], [0; 32]);
    let shown = |encoded: Bytes| {
        let text = String::from_utf8(encoded.to_vec()).unwrap();
        let enc = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let item = "01234567-89ab-8cde-bc04-8c0000000001";
        let (_, tail) = text.split_once(r#""type":"be.healthdata.precision."#).unwrap();
        tail.replace(enc, "E").replace("0000000000000000", "K").replace(item, "I")
    };
    let pseudonymised = publication(PseudonymisedSubmission {
        pseudonym: seal(),
        content: ContentSeal::new([0; 8], [0; 32], vec![0]),
        items: vec![PseudonymisedItem { id: item_id(1), pseudonym: B64(vec![1]), content: B64(vec![2]) }],
    });
    assert_eq!(
        shown(pseudonymised.encode().unwrap()),
        concat!(
            r#"pseudonymised-submission.v1","time":"2026-11-21T10:00:00.000001Z","data":{"pseudonym":{"key":"K","enc":"E"},"#,
            r#""content":{"key":"K","enc":"E","header":"AA=="},"items":[{"id":"I","pseudonym":"AQ==","content":"Ag=="}]}}"#
        )
    );
    let feedback = publication(SealedFeedback {
        r#return: seal(),
        feedback: seal(),
        items: vec![SealedFeedbackItem { id: item_id(1), r#return: B64(vec![1]), feedback: B64(vec![2]) }],
    });
    assert_eq!(
        shown(feedback.encode().unwrap()),
        concat!(
            r#"sealed-feedback.v1","time":"2026-11-21T10:00:00.000001Z","data":{"return":{"key":"K","enc":"E"},"#,
            r#""feedback":{"key":"K","enc":"E"},"items":[{"id":"I","return":"AQ==","feedback":"Ag=="}]}}"#
        )
    );
    let returned = publication(ReturnedFeedback {
        identity: seal(),
        feedback: seal(),
        items: vec![ReturnedItem { id: item_id(1), identity: B64(vec![1]), feedback: B64(vec![2]) }],
    });
    assert_eq!(
        shown(returned.encode().unwrap()),
        concat!(
            r#"returned-feedback.v1","time":"2026-11-21T10:00:00.000001Z","data":{"identity":{"key":"K","enc":"E"},"#,
            r#""feedback":{"key":"K","enc":"E"},"items":[{"id":"I","identity":"AQ==","feedback":"Ag=="}]}}"#
        )
    );
}

prop_compose! {
    fn any_sealed()(
        items in prop::collection::vec((any::<u128>(), prop::collection::vec(any::<u8>(), 0..200), prop::collection::vec(any::<u8>(), 0..4_000)), 1..20),
        key in any::<[u8; 8]>(),
        enc in any::<[u8; 32]>(),
        header in prop::collection::vec(any::<u8>(), 0..80),
        id in any::<u128>(),
        micros in 0_i64..4_102_444_800_000_000,
        source in "[a-z][a-z0-9-]{0,63}",
        reason in prop::option::of("[A-Z][A-Z0-9_]{0,31}"),
    ) -> Sealed {
        let items = items.into_iter().map(|(id, identity, content)| SealedItem {
            id: ItemId::from_uuid(uuid::Uuid::from_u128(id)), identity: B64(identity), content: B64(content),
        }).collect();
        let data = SealedSubmission { identity: Encapsulation::new(key, enc), content: ContentSeal::new(key, enc, header), items };
        Publication {
            id: PublicationId::from_uuid(uuid::Uuid::from_u128(id)),
            source: source.parse().unwrap(),
            time: Timestamp::from_micros(micros),
            reason: reason.map(|code| code.parse().unwrap()),
            data,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn written_is_read_back_and_written_the_same(publication in any_sealed()) {
        let document = publication.encode().unwrap();
        let read = Sealed::decode(&document).unwrap();
        prop_assert_eq!(read.encode().unwrap(), document);
        prop_assert_eq!(read, publication);
    }

    #[test]
    fn the_buffer_is_made_large_enough_and_hardly_larger(publication in any_sealed()) {
        let made = ENVELOPE_MAX + publication.data.size_max();
        let used = publication.encode().unwrap().len();
        prop_assert!(used <= made && made < used + 1_024 + 40 * publication.data.len(), "{} of {}", used, made);
    }

    /// Whatever comes, there is an answer; and what is accepted means what it says.
    #[test]
    fn a_changed_byte_is_refused_or_read_as_another_document(at in 0..DOCUMENT.len(), byte in any::<u8>()) {
        let mut document = DOCUMENT.as_bytes().to_vec();
        prop_assume!(document[at] != byte);
        document[at] = byte;
        match Sealed::decode(&document) {
            Ok(read) => prop_assert!(read != one_item()),
            Err(error) => prop_assert!(!error.code().is_empty()),
        }
    }

    #[test]
    fn any_bytes_get_an_answer(document in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Sealed::decode(&document).is_err());
    }
}

#[test]
fn the_id_of_what_is_written_is_found_without_reading_it() {
    let written = Sealed::decode(DOCUMENT.as_bytes()).unwrap();
    let document = written.encode().unwrap();
    assert_eq!(id_of(&document), Some(written.id));
    for none in [&document[1..], &document[..60], b"", br#"{"specversion":"1.0","id":"64031299906"}"#.as_slice()] {
        assert_eq!(id_of(none), None);
    }
}
