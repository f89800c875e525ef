//! Documents that cannot be read: each goes to the dead-letter queue as it is, and the next one is handled.

use bytes::Bytes;
use envelope::{MAX_BYTES, MAX_ITEMS};
use serde_json::{Value, json};
use topology::Arrow;

use super::taken;
use crate::{
    document::{bytes, changed, ids, member, parse, write},
    journey::{Journey, PATIENTS, row},
    rig::Rig,
};

/// Gives all these to the reader of an arrow, and behind them a good one.
#[track_caller]
fn assert_unreadable(rig: &mut Rig, arrow: Arrow, bad: &[Bytes], code: &str, good: &Bytes) {
    let outcome = rig.feed(arrow, bad.iter().chain([good]).cloned());
    for (at, found) in outcome.codes.iter().enumerate() {
        assert_eq!(found, code, "at {arrow:?}: {}", String::from_utf8_lossy(&bad[at][..bad[at].len().min(3_000)]));
    }
    assert_eq!(outcome.codes.len(), bad.len(), "each of them is refused at {arrow:?}");
    assert!(outcome.dead(arrow) == bad, "each of them is set aside as it is, at {arrow:?}");
    assert_eq!(taken(rig, arrow, good, &outcome), ids([good]), "the good one behind them goes on from {arrow:?}");
}

/// A small publication on an arrow, which its reader has not had yet.
fn small(arrow: Arrow) -> (Rig, Bytes) {
    let mut rig = Rig::new();
    let document = Journey::of(&mut rig, &[row(PATIENTS[0], "A-1")]).at(&mut rig, arrow);
    (rig, document)
}

#[test]
fn truncated_at_every_byte() {
    for arrow in Arrow::FLOW {
        let (mut rig, good) = small(arrow);
        let cut: Vec<Bytes> = (0..good.len()).map(|length| good.slice(..length)).collect();
        assert_unreadable(&mut rig, arrow, &cut, "TRUNCATED", &good);
    }
}

#[test]
fn bytes_behind_the_document_and_no_document_at_all() {
    for arrow in Arrow::FLOW {
        let (mut rig, good) = small(arrow);
        let behind = ["\n", " ", "}", "{}"].map(|behind| Bytes::from([&good, behind.as_bytes()].concat()));
        assert_unreadable(&mut rig, arrow, &behind, "TRAILING_BYTES", &good);
        let none = [&b"\xef\xbb\xbf{}"[..], b"<xml/>", b"\xff", &[0; 1_000]].map(Bytes::from);
        assert_unreadable(&mut rig, arrow, &none, "NOT_JSON", &good);
    }
}

/// The paths of all objects of a document, of one item.
fn objects(value: &Value, path: &str) -> Vec<String> {
    let inner = |(key, value): (String, &Value)| objects(value, &format!("{path}/{key}"));
    match value {
        Value::Object(members) => {
            let own = std::iter::once(path.to_owned());
            own.chain(members.iter().flat_map(|(key, value)| inner((key.clone(), value)))).collect()
        }
        Value::Array(items) => items.first().map(|item| inner(("0".to_owned(), item))).unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// The document with each member of each object changed in turn: `change` is given the object's text without braces and the member's.
fn each_member(document: &Bytes, is_meant: impl Fn(&str) -> bool, change: impl Fn(&str, &str) -> String) -> Vec<Bytes> {
    const MARK: &str = "the object stands here";
    let whole = parse(document);
    let mut changed = Vec::new();
    for path in objects(&whole, "") {
        let Value::Object(members) = whole.pointer(&path).unwrap().clone() else { panic!("{path} is an object") };
        for (name, value) in members.iter().filter(|(name, _)| is_meant(name)) {
            let mut others = members.clone();
            others.remove(name);
            let others = Value::Object(others).to_string();
            let text = change(&others[1..others.len() - 1], &format!("{}:{value}", Value::from(name.as_str())));
            let mut marked = whole.clone();
            *marked.pointer_mut(&path).unwrap() = Value::from(MARK);
            changed.push(Bytes::from(marked.to_string().replace(&format!("\"{MARK}\""), &format!("{{{text}}}"))));
        }
    }
    changed
}

fn joined(parts: &[&str]) -> String {
    parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(",")
}

#[test]
fn a_member_twice_at_every_level() {
    for arrow in Arrow::FLOW {
        let (mut rig, good) = small(arrow);
        let mut bad = each_member(&good, |_| true, |others, member| joined(&[member, others, member]));
        assert!(bad.len() >= 8, "{}", bad.len());
        // The same name in another spelling is the same name.
        let text = String::from_utf8(good.to_vec()).unwrap();
        bad.push(text.replacen(r#""specversion":"#, r#""\u0073pecversion":"1.0","specversion":"#, 1).into());
        assert_unreadable(&mut rig, arrow, &bad, "REPEATED_MEMBER", &good);
    }
}

#[test]
fn a_member_too_few_or_too_many_or_null_at_every_level() {
    for arrow in Arrow::FLOW {
        let (mut rig, good) = small(arrow);
        // A finding may be about no rule and no column.
        let missing = each_member(&good, |name| !["rule", "column"].contains(&name), |others, _| others.to_owned());
        assert_unreadable(&mut rig, arrow, &missing, "MISSING_MEMBER", &good);
        let unknown = each_member(&good, |_| true, |others, member| joined(&[r#""subject":"x""#, others, member]));
        assert_unreadable(&mut rig, arrow, &unknown, "UNKNOWN_MEMBER", &good);
        let null = each_member(
            &good,
            |_| true,
            |others, member| {
                let (name, _) = member.split_once(':').unwrap();
                joined(&[others, &format!("{name}:null")])
            },
        );
        assert_unreadable(&mut rig, arrow, &null, "INVALID_MEMBER", &good);
    }
}

/// The members in base64 of the documents on an arrow, of its first item.
fn in_base64(arrow: Arrow) -> &'static [&'static str] {
    match arrow {
        Arrow::HandOver => &["/data/items/0/content"],
        Arrow::ToTtp => &[
            "/data/identity/enc",
            "/data/content/enc",
            "/data/content/header",
            "/data/items/0/identity",
            "/data/items/0/content",
        ],
        Arrow::ToHd => &[
            "/data/pseudonym/enc",
            "/data/content/enc",
            "/data/content/header",
            "/data/items/0/pseudonym",
            "/data/items/0/content",
        ],
        Arrow::ToHd4res => &["/data/items/0/handle", "/data/items/0/content"],
        Arrow::ToDhw => &["/data/items/0/content"],
        Arrow::Verdicts => &[],
        Arrow::FeedbackOut => &["/data/items/0/handle", "/data/items/0/feedback"],
        Arrow::ToTtpBack => &["/data/return/enc", "/data/feedback/enc", "/data/items/0/return", "/data/items/0/feedback"],
        Arrow::ToHco => &["/data/identity/enc", "/data/feedback/enc", "/data/items/0/identity", "/data/items/0/feedback"],
        Arrow::ToHd4dp => &["/data/items/0/feedback"],
        Arrow::RecodeRequest => &["/data/pseudonyms/enc", "/data/items/0/pseudonyms"],
        Arrow::RecodeAnswer => &["/data/pairs/enc", "/data/items/0/pairs"],
        Arrow::RecodedToHd4res | Arrow::RecodedToDhw => &[],
    }
}

/// Texts that lenient readers take for `text`, or for something near it.
fn not_canonical(text: &str) -> Vec<String> {
    let half = text.len() / 2;
    let mut others = vec![
        format!("{text}===="),
        format!("{}\n{}", &text[..half], &text[half..]),
        format!(" {text}"),
        format!("{text}\0"),
        text.replacen(char::is_alphanumeric, "_", 1),
        text.replacen(char::is_alphanumeric, "-", 1),
        format!("{}é", &text[..text.len() - 1]),
        text[..text.len() - 1].to_owned(),
    ];
    if text.ends_with('=') {
        others.push(text.trim_end_matches('=').to_owned());
        // The last character before the padding has bits that mean nothing: they are zero, and here they are not.
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let (bare, padding) = text.split_at(text.find('=').unwrap());
        let (before, last) = bare.split_at(bare.len() - 1);
        let other = alphabet.as_bytes()[alphabet.find(last).unwrap() ^ 1];
        others.push(format!("{before}{}{padding}", char::from(other)));
    }
    others
}

#[test]
fn base64_that_is_not_canonical() {
    let mut unused_bits = 0;
    for arrow in Arrow::FLOW {
        let (mut rig, good) = small(arrow);
        for path in in_base64(arrow) {
            let text = member(&mut parse(&good), path).as_str().unwrap().to_owned();
            unused_bits += u32::from(text.ends_with('='));
            let bad =
                not_canonical(&text).into_iter().map(|other| changed(&good, |document| *member(document, path) = other.into()));
            assert_unreadable(&mut rig, arrow, &bad.collect::<Vec<_>>(), "NOT_BASE64", &good);
        }
    }
    assert!(unused_bits > 5, "most texts end in padding, or unused bits were never tried");
}

#[test]
fn an_encapsulated_key_of_another_length() {
    for arrow in [Arrow::ToTtp, Arrow::ToHd, Arrow::ToTtpBack, Arrow::ToHco] {
        let (mut rig, good) = small(arrow);
        for path in in_base64(arrow).iter().filter(|path| path.ends_with("enc")) {
            let key = bytes(member(&mut parse(&good), path));
            let bad = [&[][..], &key[..31], &[&key[..], &[0]].concat()]
                .map(|other| changed(&good, |document| *member(document, path) = crate::document::base64(other)));
            assert_unreadable(&mut rig, arrow, &bad, "WRONG_LENGTH", &good);
        }
    }
}

#[test]
fn another_type_or_version() {
    for arrow in Arrow::FLOW {
        let (mut rig, good) = small(arrow);
        let of_type = |name: &str| changed(&good, |document| document["type"] = name.into());
        let own = parse(&good)["type"].as_str().unwrap().to_owned();
        let version = changed(&good, |document| document["specversion"] = "1.1".into());
        assert_unreadable(&mut rig, arrow, &[version, of_type(&own.replace(".v1", ".v2"))], "UNKNOWN_VERSION", &good);
        // What stands on every other arrow is not what is read here.
        let others = Arrow::FLOW.into_iter().filter(|other| *other != arrow).map(|other| small(other).1);
        let others: Vec<Bytes> = others.chain([of_type("be.healthdata.precision.other.v1")]).collect();
        assert_unreadable(&mut rig, arrow, &others, "UNKNOWN_TYPE", &good);
    }
}

#[test]
fn no_item_and_one_too_many() {
    for arrow in Arrow::FLOW {
        let (mut rig, good) = small(arrow);
        let none = changed(&good, |document| document["data"]["items"] = json!([]));
        assert_unreadable(&mut rig, arrow, &[none], "NO_ITEMS", &good);
        let mut item = parse(&good)["data"]["items"][0].clone();
        for name in ["identity", "pseudonym", "handle", "content", "return", "feedback"] {
            if item[name].is_string() {
                item[name] = "".into();
            }
        }
        if item["findings"].is_array() {
            item["findings"] = json!([]);
        }
        let many = changed(&good, |document| document["data"]["items"] = vec![item; MAX_ITEMS + 1].into());
        assert!(many.len() < MAX_BYTES);
        assert_unreadable(&mut rig, arrow, &[many], "TOO_MANY_ITEMS", &good);
    }
}

#[test]
fn one_byte_too_many() {
    for arrow in Arrow::FLOW {
        let (mut rig, good) = small(arrow);
        let of_length = |length: usize| {
            let blanks = " ".repeat(length - good.len());
            Bytes::from([&good[..1], blanks.as_bytes(), &good[1..]].concat())
        };
        assert_unreadable(&mut rig, arrow, &[of_length(MAX_BYTES + 1)], "TOO_LARGE", &of_length(MAX_BYTES));
    }
}

#[test]
fn the_document_that_a_client_writes_in_another_order_is_the_same() {
    for arrow in Arrow::FLOW {
        let (mut rig, good) = small(arrow);
        // serde_json writes members in the order of the alphabet.
        let other = write(&parse(&good));
        assert_ne!(other, good);
        let outcome = rig.feed(arrow, [other]);
        assert!(outcome.is_clean());
        assert_eq!(taken(&mut rig, arrow, &good, &outcome), ids([&good]));
    }
}
