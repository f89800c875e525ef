//! The contract on the embedded broker, and what letters show.

use std::sync::Arc;

use async_trait::async_trait;
use broker::{Broker, EmbeddedBroker, EmbeddedOptions, contract::Subject};
use clock::{Clock, SystemClock, Timestamp};
use envelope::{ItemId, Publication};
use hco_messages::Submission;
use serde_json::json;
use topology::{Arrow, Topology};
use uuid::Uuid;

use super::*;

struct Embedded(Arc<EmbeddedBroker>);

#[async_trait]
impl Subject for Embedded {
    fn broker(&self) -> Arc<dyn Broker> {
        Arc::clone(&self.0) as Arc<dyn Broker>
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(SystemClock)
    }

    async fn cut(&self) {
        self.0.cut();
    }

    async fn retire(&self) {}
}

#[tokio::test]
async fn the_embedded_broker_keeps_the_contract() {
    for case in contract::CASES {
        println!("{}", case.name);
        let subject = |topology: Topology| async move {
            let options = EmbeddedOptions::new(Uuid::from_u128(1));
            Box::new(Embedded(Arc::new(EmbeddedBroker::new(Arc::new(SystemClock), &topology, options)))) as Box<dyn Subject>
        };
        contract::check(case, subject).await;
    }
}

const SSIN: &str = "64031299906";
const ID: &str = "018f3c2e-0000-8000-8000-000000000001";

/// A step 3 letter names the patient in clear. Nothing that is shown of it does.
#[test]
fn what_is_clear_is_not_shown() {
    let place = Place { arrow: Arrow::HandOver, nihdi: Some("71000012".parse().unwrap()) };
    let item = json!({ "id": ID, "identity": { "kind": "ssin", "value": SSIN }, "content": "c2VjcmV0" });
    let data: Submission = serde_json::from_str(&json!({ "items": [item] }).to_string()).expect("the form of step 3");
    let source = "hd4dp-71000012".parse().unwrap();
    let mut publication = Publication::new(ID.parse().unwrap(), source, Timestamp::EPOCH, data);
    publication.reason = Some("IDENTITY".parse().unwrap());
    let document = publication.encode().unwrap();
    assert!(String::from_utf8_lossy(&document).contains(SSIN));
    let letter = Letter::read(place, &document);
    assert_eq!(letter.items, [ID.parse::<ItemId>().unwrap()]);
    let detail = LetterDetail::from(&letter);
    let shown = serde_json::to_string(&detail).unwrap() + &format!("{letter:?}");
    assert!(!shown.contains(SSIN) && !shown.contains("c2VjcmV0") && !shown.contains("secret"), "{shown}");
    assert_eq!(detail.items[0].parts[0].form, "clear");
    assert_eq!(
        (detail.letter.set_aside_by.as_str(), detail.letter.hospital.as_deref()),
        ("ehbox-hco-71000012", Some("71000012"))
    );
}

/// Whoever made the document may have written a patient's number into any member.
#[test]
fn nothing_of_an_unreadable_document_is_repeated() {
    let place = Place { arrow: Arrow::ToTtp, nihdi: None };
    let documents = [
        format!("{{\"specversion\":\"1.0\",\"id\":\"{SSIN}\",\"source\":\"n{SSIN}\",\"type\":\"{SSIN}\",\"time\":\"{SSIN}\""),
        format!(
            "{{\"specversion\":\"1.0\",\"id\":\"{ID}\",\"source\":\"ehbox-hco-{SSIN}\",\"type\":\"t\",\"reason\":\"R{SSIN}\",\"data\":{{}}}}"
        ),
        SSIN.to_owned(),
        format!("{{\"data\":{{\"id\":\"{ID}\",\"{SSIN}\":1}}}}"),
    ];
    for document in documents {
        let letter = Letter::read(place, document.as_bytes());
        let shown = serde_json::to_string(&LetterDetail::from(&letter)).unwrap() + &format!("{letter:?}");
        assert!(!shown.contains(SSIN), "{shown}");
        assert!(letter.fault.is_some() && letter.items.is_empty());
    }
}

/// What is readable in the head of a document that was cut short is still of use.
#[test]
fn a_document_that_was_cut_short_keeps_its_id() {
    let place = Place { arrow: Arrow::ToTtp, nihdi: None };
    let kind = "be.healthdata.precision.sealed-submission.v1";
    let whole =
        format!("{{\"specversion\":\"1.0\",\"id\":\"{ID}\",\"source\":\"ehbox-hco-71000012\",\"type\":\"{kind}\",\"time\":\"");
    let letter = Letter::read(place, whole.as_bytes());
    assert_eq!((letter.publication.map(|id| id.to_string()).as_deref(), letter.kind), (Some(ID), Some(kind)));
    assert_eq!((letter.fault, letter.hospital()), (Some("TRUNCATED"), Some("71000012".parse().unwrap())));
    for end in 0..whole.len() {
        assert_eq!(Letter::read(place, &whole.as_bytes()[..end]).bytes, end);
    }
}

#[test]
fn a_filter_takes_what_everything_in_it_applies_to() {
    let place = Place { arrow: Arrow::ToTtpBack, nihdi: None };
    let letter = Letter::read(place, format!("{{\"id\":\"{ID}\",\"source\":\"ehbox-hd\"").as_bytes());
    let takes = |wanted: Wanted| Filter::try_from(&wanted).map(|filter| filter.takes(&letter, Timestamp::EPOCH));
    let of = |change: fn(&mut Wanted, String), text: &str| {
        let mut wanted = Wanted::default();
        change(&mut wanted, text.to_owned());
        takes(wanted)
    };
    assert_eq!(takes(Wanted::default()), Ok(true));
    for (text, expected) in [
        ("ttp.return", Ok(true)),
        ("ttp.return.dead", Ok(true)),
        ("ttp.in", Ok(false)),
        ("hco.71000012.in", Ok(false)),
        ("hco.in", Err(FilterError::Queue)),
        ("dead", Err(FilterError::Queue)),
    ] {
        assert_eq!(of(|wanted, text| wanted.queue = Some(text), text), expected, "{text}");
    }
    for (text, expected) in
        [("5 back", Ok(true)), ("5-back", Ok(true)), ("5", Ok(false)), ("r1", Ok(false)), ("8", Err(FilterError::Step))]
    {
        assert_eq!(of(|wanted, text| wanted.step = Some(text), text), expected, "{text}");
    }
    for (text, expected) in
        [("TRUNCATED", Ok(true)), ("QUOTA", Ok(false)), ("NONE", Ok(false)), ("quota", Err(FilterError::Reason))]
    {
        assert_eq!(of(|wanted, text| wanted.reason = Some(text), text), expected, "{text}");
    }
    assert_eq!(of(|wanted, text| wanted.publication = Some(text), ID), Ok(true));
    assert_eq!(of(|wanted, text| wanted.publication = Some(text), "none"), Err(FilterError::Publication));
    assert_eq!(of(|wanted, text| wanted.item = Some(text), ID), Ok(false));
    assert_eq!(of(|wanted, text| wanted.hospital = Some(text), "71000012"), Ok(false));
    assert_eq!(of(|wanted, text| wanted.hospital = Some(text), SSIN), Err(FilterError::Hospital));
    // It cannot be read, so nobody knows its age.
    assert_eq!(takes(Wanted { older_than_s: Some(0), ..Wanted::default() }), Ok(false));
}
