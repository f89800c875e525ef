//! Documents that every reader must refuse as a whole, whatever arrow they stand on.
//!
//! The codes stand in the reader's log only; from outside it is seen that the document lies in the dead-letter queue byte by byte, and that
//! nothing of it went on.

use anyhow::Context as _;
use broker::Payload;
use envelope::ItemId;
use serde_json::{Value, json};
use topology::{Arrow, Nihdi, QueueName};

use super::{
    check::{Check, Protocol, hold, required},
    neighbours::{Neighbours, Sent},
};

/// How a good document becomes one that must be refused.
struct Fault {
    name: &'static str,
    section: &'static str,
    expected: &'static str,
    spoil: fn(&[u8], &Value) -> Option<Vec<u8>>,
}

/// The member of an item that holds base64, on the arrows that have one.
fn base64_member(document: &Value) -> Option<(&'static str, String)> {
    let item = document.pointer("/data/items/0")?;
    let members = ["identity", "pseudonym", "content", "return", "feedback", "handle", "pseudonyms", "pairs"];
    members.into_iter().find_map(|name| {
        let text = item.get(name)?.as_str()?;
        // A pseudonym in clear is a text too, but no base64.
        let is_base64 = text.len() > 100 && text.len().is_multiple_of(4);
        is_base64.then(|| (name, text.to_owned()))
    })
}

/// The first encapsulation of a sealed message.
fn encapsulation(document: &mut Value) -> Option<&mut Value> {
    let data = document.get_mut("data")?.as_object_mut()?;
    data.values_mut().find(|member| member.get("enc").is_some())
}

fn written(document: &Value) -> Option<Vec<u8>> {
    serde_json::to_vec(document).ok()
}

/// The document with one change.
fn changed(document: &Value, change: impl FnOnce(&mut Value) -> Option<()>) -> Option<Vec<u8>> {
    let mut other = document.clone();
    change(&mut other)?;
    written(&other)
}

fn in_text(good: &[u8], from: &str, to: &str) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(good).ok()?;
    text.contains(from).then(|| text.replacen(from, to, 1).into_bytes())
}

fn put(document: &mut Value, pointer: &str, value: Value) -> Option<()> {
    *document.pointer_mut(pointer)? = value;
    Some(())
}

fn base64_put(document: &Value, change: impl FnOnce(&str) -> Option<String>) -> Option<Vec<u8>> {
    let (member, text) = base64_member(document)?;
    changed(document, |other| put(other, &format!("/data/items/0/{member}"), json!(change(&text)?)))
}

const FAULTS: &[Fault] = &[
    Fault {
        name: "truncated",
        section: "1, 9",
        expected: "a document whose end is missing is refused (TRUNCATED)",
        spoil: |good, _| Some(good.get(..good.len() - 2)?.to_vec()),
    },
    Fault {
        name: "line-end",
        section: "1, 9",
        expected: "a document with a line end behind it is refused (TRAILING_BYTES)",
        spoil: |good, _| Some([good, b"\n"].concat()),
    },
    Fault {
        name: "second-document",
        section: "1, 9",
        expected: "a document with another behind it is refused (TRAILING_BYTES)",
        spoil: |good, _| Some([good, good].concat()),
    },
    Fault {
        name: "byte-order-mark",
        section: "1, 9",
        expected: "a document with a byte order mark is refused (NOT_JSON)",
        spoil: |good, _| Some([b"\xef\xbb\xbf", good].concat()),
    },
    Fault {
        name: "not-utf-8",
        section: "1, 9",
        expected: "a document that is not UTF-8 is refused (NOT_JSON)",
        spoil: |good, _| Some([b"{\"\xff\":1,", good.get(1..)?].concat()),
    },
    Fault {
        name: "unknown-member",
        section: "1, 9",
        expected: "a member of the envelope that WIRE.md does not name is refused (UNKNOWN_MEMBER)",
        spoil: |_, document| {
            changed(document, |other| {
                other.as_object_mut()?.insert("subject".to_owned(), json!("x"));
                Some(())
            })
        },
    },
    Fault {
        name: "unknown-item-member",
        section: "1, 9",
        expected: "a member of an item that WIRE.md does not name is refused (UNKNOWN_MEMBER)",
        spoil: |_, document| {
            changed(document, |other| {
                other.pointer_mut("/data/items/0")?.as_object_mut()?.insert("note".to_owned(), json!("x"));
                Some(())
            })
        },
    },
    Fault {
        name: "repeated-member",
        section: "1, 9",
        expected: "a member of the envelope that stands twice is refused (REPEATED_MEMBER)",
        spoil: |good, _| in_text(good, "{\"specversion\":\"1.0\",", "{\"specversion\":\"1.0\",\"specversion\":\"1.0\","),
    },
    Fault {
        name: "repeated-item-member",
        section: "1, 9",
        expected: "a member of an item that stands twice is refused (REPEATED_MEMBER)",
        spoil: |good, document| {
            let id = format!("\"id\":\"{}\"", document.pointer("/data/items/0/id")?.as_str()?);
            in_text(good, &id, &format!("{id},{id}"))
        },
    },
    Fault {
        name: "missing-member",
        section: "1, 9",
        expected: "a document without `time` is refused (MISSING_MEMBER)",
        spoil: |_, document| changed(document, |other| other.as_object_mut()?.remove("time").map(drop)),
    },
    Fault {
        name: "null",
        section: "1, 9",
        expected: "a member that is `null` is refused (INVALID_MEMBER)",
        spoil: |_, document| {
            changed(document, |other| {
                other.as_object_mut()?.insert("reason".to_owned(), Value::Null);
                Some(())
            })
        },
    },
    Fault {
        name: "specversion",
        section: "1, 9",
        expected: "another `specversion` is refused (UNKNOWN_VERSION)",
        spoil: |_, document| changed(document, |other| put(other, "/specversion", json!("1.1"))),
    },
    Fault {
        name: "major-version",
        section: "1, 9",
        expected: "another major version of the type is refused (UNKNOWN_VERSION)",
        spoil: |_, document| {
            changed(document, |other| {
                let kind = other.get("type")?.as_str()?.replace(".v1", ".v2");
                put(other, "/type", json!(kind))
            })
        },
    },
    Fault {
        name: "other-type",
        section: "1, 9",
        expected: "another message is refused (UNKNOWN_TYPE)",
        spoil: |_, document| changed(document, |other| put(other, "/type", json!("be.healthdata.precision.other.v1"))),
    },
    Fault {
        name: "upper-case-id",
        section: "1, 9",
        expected: "an id in upper case is refused (INVALID_MEMBER)",
        spoil: |_, document| changed(document, |other| put(other, "/id", json!("ABCDEF01-89AB-8CDE-BC04-8C0000000000"))),
    },
    Fault {
        name: "time-form",
        section: "1, 9",
        expected: "a time without six decimals is refused (INVALID_MEMBER)",
        spoil: |_, document| changed(document, |other| put(other, "/time", json!("2026-11-21T10:00:00Z"))),
    },
    Fault {
        name: "no-items",
        section: "1, 9",
        expected: "a publication of no items is refused (NO_ITEMS)",
        spoil: |_, document| changed(document, |other| put(other, "/data/items", json!([]))),
    },
    Fault {
        name: "too-many-items",
        section: "1, 9",
        expected: "a publication of 10,001 items is refused (TOO_MANY_ITEMS)",
        spoil: |_, document| {
            changed(document, |other| {
                let mut item = other.pointer("/data/items/0")?.clone();
                if let Some((member, _)) = base64_member(document) {
                    item[member] = json!("");
                }
                for member in ["identity", "content", "feedback", "pseudonym", "return", "handle"] {
                    if item.get(member).is_some_and(Value::is_string) {
                        item[member] = json!("");
                    }
                }
                put(other, "/data/items", vec![item; 10_001].into())
            })
        },
    },
    Fault {
        name: "base64-blank",
        section: "1, 9",
        expected: "base64 with a blank in it is refused (NOT_BASE64)",
        spoil: |_, document| base64_put(document, |text| Some(format!("{} {}", text.get(..8)?, text.get(8..)?))),
    },
    Fault {
        name: "base64-padding",
        section: "1, 9",
        expected: "base64 with surplus padding is refused (NOT_BASE64)",
        spoil: |_, document| base64_put(document, |text| Some(format!("{text}===="))),
    },
    Fault {
        name: "enc-length",
        section: "2.2, 9",
        expected: "an encapsulated key that is not 32 bytes long is refused (WRONG_LENGTH)",
        spoil: |_, document| changed(document, |other| put(encapsulation(other)?, "/enc", json!("AAAA"))),
    },
    Fault {
        name: "upper-case-key",
        section: "1, 9",
        expected: "a key id in upper case is refused (INVALID_MEMBER)",
        spoil: |_, document| changed(document, |other| put(encapsulation(other)?, "/key", json!("ABCDEF0123456789"))),
    },
];

/// Faults that only sealed messages can have.
const OF_SEALED: [&str; 2] = ["enc-length", "upper-case-key"];

/// Faults that only messages with base64 can have.
const OF_BASE64: [&str; 2] = ["base64-blank", "base64-padding"];

fn applies(fault: &Fault, arrow: Arrow) -> bool {
    let has_base64 = !matches!(arrow, Arrow::Verdicts | Arrow::RecodedToHd4res | Arrow::RecodedToDhw);
    let is_sealed = arrow.form() == topology::Form::Sealed;
    (is_sealed || !OF_SEALED.contains(&fault.name)) && (has_base64 || !OF_BASE64.contains(&fault.name))
}

fn check_name(arrow: Arrow, fault: &Fault) -> String {
    format!("{}/refuses/{}", arrow.exchange(), fault.name)
}

/// The checks of the documents on an arrow.
#[must_use]
pub fn checks(arrow: Arrow) -> Vec<Check> {
    let mut checks = Vec::new();
    for fault in FAULTS.iter().filter(|fault| applies(fault, arrow)) {
        let name = check_name(arrow, fault);
        let expected = format!("step {}: {}, byte by byte into the dead-letter queue", arrow.step(), fault.expected);
        checks.extend(required(&[(name.as_str(), fault.section, expected.as_str())]));
    }
    checks
}

/// Sends every document that must be refused, each made of a good one of its own, and looks where they end.
///
/// # Errors
///
/// The broker's; or a good document cannot be made.
pub async fn refused(
    neighbours: &mut Neighbours,
    protocol: &mut Protocol,
    arrow: Arrow,
    hospital: Option<Nihdi>,
    onward: &[QueueName],
    mut good: impl FnMut(&mut Neighbours) -> anyhow::Result<(ItemId, Payload)>,
) -> anyhow::Result<()> {
    let mut sent = Vec::new();
    for fault in FAULTS.iter().filter(|fault| applies(fault, arrow)) {
        let (item, payload) = good(neighbours)?;
        let document: Value = serde_json::from_slice(&payload).context("read a document of ours")?;
        let spoilt = (fault.spoil)(&payload, &document).with_context(|| format!("spoil a document ({})", fault.name))?;
        sent.push((fault, Sent { items: vec![item], payload: spoilt.into() }));
    }
    for (_, document) in &sent {
        neighbours.send(arrow, hospital.as_ref(), document.payload.clone()).await?;
    }
    let (dead, until) = (arrow.queue(hospital.as_ref()).dead(), neighbours.deadline());
    let mut outcomes = Vec::new();
    for (fault, document) in sent {
        let came = neighbours.receive_until(&dead, &document, until).await?;
        outcomes.push((fault, document, came));
    }
    neighbours.look_around().await?;
    for (fault, document, came) in outcomes {
        let went_on = onward.iter().find(|queue| neighbours.ever_came(queue, &document.items));
        let came = match (went_on, came) {
            (Some(queue), _) => Err(format!("it was passed on to {queue}")),
            (None, Err(nothing)) => Err(nothing),
            (None, Ok(letter)) => {
                hold(letter == document.payload, || "a dead letter that is another document than was sent".to_owned())
            }
        };
        protocol.judge(&check_name(arrow, fault), "a good document with this one fault", came);
    }
    Ok(())
}
