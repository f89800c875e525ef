//! Makes the vectors: every document as the party before it would, but under fixed keys and with fixed randomness.

use clock::Timestamp;
use envelope::{
    B64, IdBatch, ItemId, KeyIdHex, Message, Publication, PublicationId, Text, content_hash,
    sealed::{
        ContentSeal, Encapsulation, PseudonymisedItem, PseudonymisedSubmission, ReturnPart, ReturnedFeedback, ReturnedItem,
        SealedFeedback, SealedFeedbackItem, SealedItem, SealedSubmission,
    },
};
use hco_messages::{DeliveredItem, FeedbackDelivery, Submission, SubmissionItem};
use hd_messages::{
    Arrival, ArrivalItem, OutgoingFeedback, OutgoingItem, Validation, ValidationItem, Verdict, VerdictFinding, VerdictItem,
    VerdictSeverity,
};
use hd4dp::prepare::{self, Enclosed, Naming, Prepared};
use identifying::IdentityPart;
use pseudonymisation::{
    Handle, HandleKey, Pseudonymiser, Quarter, SenderKey, fixed_for_vectors_only::handle_sealer_for_vectors_only, sender_code,
};
use pseudonymised::{Pseudonym, PseudonymPart, SenderCode};
use registration::{Attachment, Cell, Comment, Content, Feedback, FeedbackHead, Place};
use sealing::{Part, PrivateKey, Sealer, fixed_for_vectors_only::sealer_for_vectors_only};
use uuid::Uuid;

use super::{
    by_hand::{self, bytes, hex},
    fixed, format,
};
use crate::rig::{DEFINITIONS, HOSPITAL, START, nihdi};

const HCO: &str = "ehbox-hco-00000196";
const TTP: &str = "ehealth-ttp";
const HD: &str = "ehbox-hd";

pub(super) const DOMAIN: &str = "healthdata";

/// The quarter of [`START`].
const QUARTER: (i16, i8) = (2026, 11);

pub(super) fn keys() -> format::Keys {
    let pair = |(party, byte): (&str, u8)| {
        let public = by_hand::public_key(&[byte; 32]);
        format::Pair {
            party: party.to_owned(),
            private: hex([byte; 32]),
            key: hex(by_hand::key_id(&public)),
            public: hex(public),
        }
    };
    let secret = |party: &str, name: &str, value: &[u8]| format::Secret {
        party: party.to_owned(),
        name: name.to_owned(),
        value: hex(value),
    };
    let derived = |label| secret("hd4dp-00000196", label, fixed::derived(label).bytes());
    format::Keys {
        about: "Keys of the test vectors, see docs/WIRE.md. Known to everybody, so never to be used. Bytes are in hexadecimal digits."
            .to_owned(),
        domain: DOMAIN.to_owned(),
        pairs: fixed::PRIVATE_KEYS.map(pair).into(),
        secrets: vec![
            secret("hd4dp-00000196", "patient-tag.key", &[fixed::TAG; 32]),
            secret("hd4dp-00000196", "hospitals.key", &[fixed::HOSPITALS; 32]),
            secret(TTP, "pseudonym-1.key", &[fixed::MASTER; 32]),
            secret(TTP, "handle.key", &[fixed::HANDLE; 32]),
            secret(TTP, "sender.key", &[fixed::SENDER; 32]),
        ],
        derived: vec![derived("precision/1 generated id"), derived("precision/1 code")],
    }
}

/// A registration before it leaves the hospital: register, version, values by column and item, files by column.
struct Row {
    register: &'static str,
    version: u32,
    cells: Vec<(&'static str, Option<u16>, &'static str)>,
    files: Vec<(&'static str, &'static str, Vec<u8>)>,
}

fn local_board() -> Row {
    let cells = vec![
        ("patient_id", None, "64031299906"),
        ("patient_id|date_of_birth", None, "1964-03-12"),
        ("patient_id|sex", None, "248153007"),
        ("patient_id|place_of_residence", None, "9000"),
        ("installation_id", None, HOSPITAL),
        ("responsible_physician", None, "00000196001"),
        ("local_mab_date", None, "2024-02-12"),
        ("primary_tumour_site", None, "C34.1"),
        ("vcf_identifier", None, "VCF-0001"),
        ("tumour_mutational_burden", None, "12.5"),
        ("variants|gene", Some(0), "EGFR"),
        ("variants|gene", Some(1), "TP53"),
        ("variants|vaf", Some(0), "31.4"),
        ("local_mab_comment", None, "Naïve to treatment; é, 漢字 and\na second line."),
    ];
    Row { register: "Precision_Local_MAB", version: 1, cells, files: Vec::new() }
}

fn treatment() -> Row {
    let cells = vec![
        ("patient_id", None, "64031200035"),
        ("patient_id|date_of_birth", None, "1964-03-12"),
        ("patient_id|sex", None, "248152002"),
        ("patient_id|place_of_residence", None, "9999"),
        ("installation_id", None, HOSPITAL),
        ("treatment_start_date", None, "2024-03-01"),
        ("treatment_ongoing", None, "TRUE"),
        ("drugs|substance", Some(0), "L01EB04"),
        ("drugs|substance", Some(1), "L01XA02"),
    ];
    Row { register: "Precision_Treatment", version: 1, cells, files: Vec::new() }
}

/// A patient without a national number, and a file that takes the content over one step of padding.
fn local_board_with_file() -> Row {
    let cells = vec![
        ("patient_id|generated", None, "TRUE"),
        ("patient_id|name", None, "Van den Bérg-O'Neil"),
        ("patient_id|first_name", None, "Zoë"),
        ("patient_id|date_of_birth", None, "1964-03-12"),
        ("patient_id|sex", None, "248152002"),
        ("patient_id|place_of_residence", None, "999"),
        ("installation_id", None, HOSPITAL),
        ("vcf_identifier", None, "VCF-0002.vcf"),
        ("vcf_file", None, "VCF-0002.vcf"),
    ];
    let file = b"##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\n".iter().copied().cycle().take(1_000).collect();
    Row { register: "Precision_Local_MAB", version: 1, cells, files: vec![("vcf_file", "VCF-0002.vcf", file)] }
}

fn central_board() -> Row {
    let cells = vec![
        ("patient_id", None, "05031299957"),
        ("patient_id|date_of_birth", None, "2005-03-12"),
        ("patient_id|sex", None, "248153007"),
        ("installation_id", None, HOSPITAL),
        ("vcf_identifier", None, "VCF-0003"),
        ("submitting_centre", None, "00000295"),
        ("recommendations|rank", Some(0), "1"),
        ("recommendations|target_gene", Some(0), "EGFR"),
    ];
    Row { register: "Precision_Central_MAB", version: 130, cells, files: Vec::new() }
}

/// A registration with everything that the parties know of it.
struct Known {
    item: ItemId,
    prepared: Prepared,
    pseudonym: Pseudonym,
    sender: SenderCode,
    handle: Vec<u8>,
}

impl Known {
    fn content(&self) -> Content {
        Content::decode(&self.prepared.content).unwrap()
    }
}

fn prepared(row: &Row, registration_id: Uuid) -> Prepared {
    let definition = DEFINITIONS.get(row.register).unwrap();
    let place = |column: &str, item: Option<u16>| {
        let field = definition.field_no(column).unwrap_or_else(|| panic!("no column {column} in {}", row.register));
        item.map_or(Place::of(field), |item| Place::in_item(field, item))
    };
    let mut cells: Vec<Cell> = (row.cells.iter())
        .map(|(column, item, value)| Cell { place: place(column, *item), value: (*value).to_owned() })
        .collect();
    cells.sort_by_key(|cell| cell.place);
    let files = row.files.iter().map(|(column, name, bytes)| Attachment {
        place: place(column, None),
        name: (*name).to_owned(),
        bytes: bytes.clone(),
    });
    let secrets = fixed::parties().hospital(&nihdi(HOSPITAL));
    let identity = prepare::identity(&definition, &cells, &secrets).unwrap();
    let naming = Naming { registration_id, version: row.version, organisation: HOSPITAL };
    let enclosed = Enclosed { attachments: files.collect(), answers: Vec::new() };
    prepare::prepare(&definition, naming, identity, &cells, enclosed, &definition.policies(), &secrets).unwrap()
}

/// The ids of a publication's registrations, of their items, and of itself.
struct Ids {
    registrations: Vec<Uuid>,
    items: Vec<ItemId>,
    publication: PublicationId,
}

impl Ids {
    fn new(items: usize) -> Self {
        let mut batch = IdBatch::new(fixed::IDS);
        Self {
            registrations: (0..items).map(|_| batch.next_uuid()).collect(),
            items: (0..items).map(|_| batch.next_item()).collect(),
            publication: batch.next_publication(),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "these are the test vectors")]
fn known(ids: &Ids, rows: &[Row]) -> Vec<Known> {
    let parties = fixed::parties();
    let pseudonymiser = Pseudonymiser::new(DOMAIN, [(1, parties.master.bytes())]).unwrap();
    let sender = sender_code(&SenderKey::new(*parties.sender.bytes()), HOSPITAL).unwrap();
    let handle_key = HandleKey::new(*parties.handle.bytes());
    let quarter = Quarter::of(QUARTER.0, QUARTER.1).unwrap();
    let mut handles = handle_sealer_for_vectors_only(&handle_key, quarter, fixed::SALT).unwrap();
    let known = rows.iter().zip(&ids.registrations).zip(&ids.items).map(|((row, registration), item)| {
        let prepared = prepared(row, *registration);
        let pseudonym = pseudonymiser.pseudonym(&prepared.identity).unwrap();
        let handle = handles.seal(HOSPITAL, &prepared.identity, item.uuid()).unwrap();
        Known { item: *item, prepared, pseudonym, sender: sender.clone(), handle }
    });
    known.collect()
}

/// What healthdata answers, with the id of the feedback's own item.
fn feedback(known: &[Known]) -> Vec<(ItemId, Feedback)> {
    let answers = known.iter().enumerate().map(|(number, one)| {
        let content = one.content();
        let head = FeedbackHead {
            registration_id: content.head().registration_id,
            version: content.head().version,
            item_id: one.item.uuid(),
            number: [1, 300, 7][number],
        };
        let comment = |place, text: &str| Comment { place, text: text.to_owned() };
        let feedback = match number {
            0 => Feedback::Status { head, content_hash: one.prepared.content_hash },
            1 => Feedback::CorrectionRequest {
                head,
                comments: vec![
                    comment(Some(content.cells()[0].place), "Is this right?"),
                    comment(Some(Place::in_item(60, 2)), "The third item of the list: please complete it."),
                    comment(None, "Merci de vérifier l'ensemble."),
                ],
            },
            _ => Feedback::Approval { head },
        };
        (one.item.derived(feedback.kind()), feedback)
    });
    answers.collect()
}

/// Seals a part under a fixed encapsulation and notes everything about it.
struct Maker {
    sealer: Sealer,
    part: Part,
    noted: format::Part,
}

impl Maker {
    #[expect(clippy::disallowed_methods, reason = "these are the test vectors")]
    fn new(part: Part, sender: &str, recipient: &str, ephemeral: u8) -> Self {
        let (own, other): (PrivateKey, PrivateKey) = (fixed::private_key(sender), fixed::private_key(recipient));
        let is_authenticated = part != Part::ContentHeader;
        let sealer = sealer_for_vectors_only(part, is_authenticated.then_some(&own), other.public(), [ephemeral; 32]).unwrap();
        let (key, enc) = sealer.encapsulation();
        let private = fixed::PRIVATE_KEYS.iter().find(|(party, _)| *party == recipient).unwrap().1;
        let public = own.public().to_bytes();
        let item_key = by_hand::item_key(&[private; 32], is_authenticated.then_some(&public), &enc, part.tag());
        let noted = format::Part {
            part: part.to_string(),
            tag: part.tag(),
            mode: if is_authenticated { "authenticated" } else { "base" }.to_owned(),
            sender: sender.to_owned(),
            recipient: recipient.to_owned(),
            key: key.to_string(),
            ephemeral: hex([ephemeral; 32]),
            enc: hex(enc),
            info: hex(by_hand::info(part.tag())),
            item_key: hex(item_key),
            items: Vec::new(),
        };
        Self { sealer, part, noted }
    }

    fn seal(&mut self, item: [u8; 16], clear: &[u8]) -> Vec<u8> {
        let index = u32::try_from(self.noted.items.len()).unwrap();
        let blob = self.sealer.seal(&item, clear).unwrap();
        self.noted.items.push(format::Sealed {
            item: Uuid::from_bytes(item).to_string(),
            index,
            nonce: hex(by_hand::nonce(index)),
            aad: hex(by_hand::aad(self.part.tag(), index, &item)),
            clear: hex(clear),
            hash: hex(content_hash(&blob)),
            blob: hex(&blob),
        });
        blob
    }

    fn encapsulation(&self) -> Encapsulation {
        let (key, enc) = self.sealer.encapsulation();
        Encapsulation::new(key.0, enc)
    }
}

/// The documents so far, and the id and source of the next.
struct Documents {
    steps: Vec<format::Step>,
}

impl Documents {
    fn add<D: Message>(&mut self, step: &str, id: PublicationId, source: &str, data: D, parts: Vec<Maker>) {
        // The TTP's time has no fractions of a second.
        let time: Timestamp = if source == TTP { START.rounded_to_seconds() } else { START };
        let document = Publication::new(id, source.parse().unwrap(), time, data).encode().unwrap();
        self.steps.push(format::Step {
            step: step.to_owned(),
            document: String::from_utf8(document.to_vec()).unwrap(),
            parts: parts.into_iter().map(|maker| maker.noted).collect(),
        });
    }
}

/// A publication of 1 or 3 items at every step.
pub(super) fn publication(items: usize) -> format::Publication {
    let rows = if items == 1 { vec![local_board()] } else { vec![treatment(), local_board_with_file(), central_board()] };
    let ids = Ids::new(items);
    let known = known(&ids, &rows);
    let feedback = feedback(&known);
    let mut documents = Documents { steps: Vec::new() };
    let arrival = forward(&mut documents, &ids, &known);
    inside_healthdata(&mut documents, arrival, &known, &feedback);
    back(&mut documents, arrival, &known, &feedback);
    format::Publication {
        about: format!(
            "A publication of {items} and the answer to it, at every step; see docs/WIRE.md. Bytes are in hexadecimal digits."
        ),
        registrations: known.iter().enumerate().map(|(number, one)| registration(number, one)).collect(),
        feedback: feedback.iter().map(|(item, feedback)| noted_feedback(*item, feedback)).collect(),
        steps: documents.steps,
    }
}

/// Steps 3 to 5; gives the id of the publication at step 6.
fn forward(documents: &mut Documents, ids: &Ids, known: &[Known]) -> PublicationId {
    let items = known.iter().map(|one| SubmissionItem::new(one.item, &one.prepared.identity, one.prepared.content.clone()));
    documents.add("3", ids.publication, "hd4dp-00000196", Submission { items: items.collect() }, Vec::new());

    let mut identity = Maker::new(Part::Identity, HCO, TTP, 0x41);
    let mut content = Maker::new(Part::Content, HCO, HD, 0x42);
    let mut header = Maker::new(Part::ContentHeader, HCO, HD, 0x43);
    let own = fixed::private_key(HCO).id();
    let header_blob = header.seal([0; 16], &own.0);
    let header_bytes = [&header.encapsulation().enc.0[..], &header_blob].concat();
    let sealed: Vec<SealedItem> = known
        .iter()
        .map(|one| {
            let content = content.seal(*one.item.as_bytes(), &one.prepared.content);
            let part = IdentityPart { identity: one.prepared.identity.clone(), content_hash: content_hash(&content) };
            let identity = identity.seal(*one.item.as_bytes(), &part.encode());
            SealedItem { id: one.item, identity: B64(identity), content: B64(content) }
        })
        .collect();
    let Encapsulation { key, enc } = content.encapsulation();
    let seal = ContentSeal::new(key.0, enc.0, header_bytes);
    let data = SealedSubmission { identity: identity.encapsulation(), content: seal.clone(), items: sealed.clone() };
    let id = ids.publication.derived("sealed");
    documents.add("4", id, HCO, data, vec![identity, content, header]);

    let mut pseudonym = Maker::new(Part::Pseudonym, TTP, HD, 0x44);
    let items = known.iter().zip(sealed).map(|(one, sealed)| {
        let part = PseudonymPart {
            pseudonym: one.pseudonym.clone(),
            sender: one.sender.clone(),
            handle: one.handle.clone(),
            content_hash: content_hash(&sealed.content),
        };
        let pseudonym = pseudonym.seal(*one.item.as_bytes(), &part.encode());
        PseudonymisedItem { id: one.item, pseudonym: B64(pseudonym), content: sealed.content }
    });
    let items = items.collect();
    let data = PseudonymisedSubmission { pseudonym: pseudonym.encapsulation(), content: seal, items };
    let id = id.derived(TTP);
    documents.add("5", id, TTP, data, vec![pseudonym]);
    id.derived("opened")
}

/// Steps 6 and 7, 7 back and 6 back.
fn inside_healthdata(documents: &mut Documents, id: PublicationId, known: &[Known], feedback: &[(ItemId, Feedback)]) {
    let hospital = KeyIdHex(fixed::private_key(HCO).id().0);
    let items = known.iter().map(|one| ArrivalItem {
        id: one.item,
        pseudonym: Text::from(&one.pseudonym),
        recoded_from: Vec::new(),
        sender: Text::from(&one.sender),
        hospital,
        handle: B64(one.handle.clone()),
        content: B64(one.prepared.content.clone()),
    });
    documents.add("6", id, HD, Arrival { items: items.collect() }, Vec::new());
    let items = known.iter().map(|one| ValidationItem {
        id: one.item,
        pseudonym: Text::from(&one.pseudonym),
        recoded_from: Vec::new(),
        sender: Text::from(&one.sender),
        content: B64(one.prepared.content.clone()),
    });
    let validation = id.derived("validation");
    documents.add("7", validation, "hd4res", Validation { items: items.collect() }, Vec::new());
    let finding = |rule: Option<&str>, code: &str, severity, column: Option<&str>| VerdictFinding {
        rule: rule.map(str::to_owned),
        code: code.to_owned(),
        severity,
        column: column.map(str::to_owned),
    };
    let items = known.iter().enumerate().map(|(number, one)| VerdictItem {
        id: one.item,
        sender: Text::from(&one.sender),
        clean: number != 1,
        findings: match number {
            0 => Vec::new(),
            1 => vec![
                finding(None, "V01", VerdictSeverity::Error, Some("local_mab_date")),
                finding(Some("X01"), "V03", VerdictSeverity::Warning, None),
            ],
            _ => vec![finding(Some("L04"), "V03", VerdictSeverity::Warning, Some("recommendations|rank"))],
        },
    });
    documents.add("7 back", validation.derived("verdict 0"), "dhw", Verdict { items: items.collect() }, Vec::new());
    let items = known.iter().zip(feedback).map(|(one, (item, feedback))| OutgoingItem {
        id: *item,
        handle: B64(one.handle.clone()),
        hospital,
        feedback: B64(feedback.encode()),
    });
    documents.add("6 back", id.derived("STATUS"), "hd4res", OutgoingFeedback { items: items.collect() }, Vec::new());
}

/// Steps 5 back to 3 back.
fn back(documents: &mut Documents, arrival: PublicationId, known: &[Known], feedback: &[(ItemId, Feedback)]) {
    let mut handle = Maker::new(Part::Return, HD, TTP, 0x45);
    let mut sealed = Maker::new(Part::Feedback, HD, HCO, 0x46);
    let items: Vec<SealedFeedbackItem> = known
        .iter()
        .zip(feedback)
        .map(|(one, (item, feedback))| {
            let feedback = sealed.seal(*item.as_bytes(), &feedback.encode());
            let part = ReturnPart { handle: one.handle.clone(), feedback_hash: content_hash(&feedback) };
            let handle = handle.seal(*item.as_bytes(), &part.encode().unwrap());
            SealedFeedbackItem { id: *item, r#return: B64(handle), feedback: B64(feedback) }
        })
        .collect();
    let encapsulation = sealed.encapsulation();
    let data = SealedFeedback { r#return: handle.encapsulation(), feedback: encapsulation.clone(), items: items.clone() };
    let id = arrival.derived("STATUS").derived(&format!("sealed {HOSPITAL}"));
    documents.add("5 back", id, HD, data, vec![handle, sealed]);

    let mut identity = Maker::new(Part::ReturnedIdentity, TTP, HCO, 0x47);
    let items: Vec<ReturnedItem> = known
        .iter()
        .zip(items)
        .map(|(one, item)| {
            let part = IdentityPart { identity: one.prepared.identity.clone(), content_hash: content_hash(&item.feedback) };
            let identity = identity.seal(*item.id.as_bytes(), &part.encode());
            ReturnedItem { id: item.id, identity: B64(identity), feedback: item.feedback }
        })
        .collect();
    let data = ReturnedFeedback { identity: identity.encapsulation(), feedback: encapsulation, items };
    let id = id.derived(HOSPITAL).derived(TTP);
    documents.add("4 back", id, TTP, data, vec![identity]);

    let items = known
        .iter()
        .zip(feedback)
        .map(|(one, (item, feedback))| DeliveredItem::new(*item, &one.prepared.identity, feedback.encode()));
    documents.add("3 back", id.derived("opened"), HCO, FeedbackDelivery { items: items.collect() }, Vec::new());
}

fn registration(number: usize, one: &Known) -> format::Registration {
    let (content, identity) = (one.content(), &one.prepared.identity);
    let head = content.head();
    format::Registration {
        item: one.item.to_string(),
        identity: format::Identity { kind: identity.kind().as_str().to_owned(), value: identity.reveal().to_owned() },
        patient_tag: hex(one.prepared.patient_tag),
        pseudonym: one.pseudonym.to_string(),
        sender: one.sender.to_string(),
        handle: noted_handle(number, one),
        content: format::Content {
            registration_id: head.registration_id.to_string(),
            version: head.version,
            kind: "registration".to_owned(),
            dcd: head.dcd.clone(),
            dcd_version: head.dcd_version,
            organisation: head.organisation.clone(),
            cells: (content.cells().iter())
                .map(|Cell { place, value }| format::Cell { field: place.field, item: place.item, value: value.clone() })
                .collect(),
            attachments: (content.attachments().iter())
                .map(|file| format::Attachment {
                    field: file.place.field,
                    item: file.place.item,
                    name: file.name.clone(),
                    bytes: hex(&file.bytes),
                })
                .collect(),
            bytes: hex(&one.prepared.content),
            hash: hex(one.prepared.content_hash),
        },
    }
}

fn noted_handle(number: usize, one: &Known) -> format::Handle {
    let number = u32::try_from(number).unwrap();
    let quarter_number = QUARTER.1.unsigned_abs().div_ceil(3);
    let year = QUARTER.0.unsigned_abs();
    let quarter = [&year.to_be_bytes()[..], &[quarter_number]].concat();
    let quarter_key = by_hand::hkdf(&[fixed::HANDLE; 32], b"precision/handle/1", &quarter);
    let publication_key = by_hand::hkdf(&quarter_key, &fixed::SALT, &[]);
    let identity = &one.prepared.identity;
    let kind = if identity.kind().as_str() == "ssin" { 1 } else { 2 };
    let mut clear = [HOSPITAL.as_bytes(), &[kind], identity.reveal().as_bytes()].concat();
    clear.resize(8 + 1 + 32, 0);
    clear.extend_from_slice(one.item.as_bytes());
    assert_eq!(one.handle.len(), Handle::LENGTH);
    format::Handle {
        year,
        quarter: quarter_number,
        salt: hex(fixed::SALT),
        number,
        quarter_key: hex(quarter_key),
        publication_key: hex(publication_key),
        nonce: hex(by_hand::nonce(number)),
        aad: hex(&one.handle[..24]),
        clear: hex(clear),
        bytes: hex(&one.handle),
    }
}

fn noted_feedback(item: ItemId, feedback: &Feedback) -> format::Feedback {
    let head = feedback.head();
    let comment = |comment: &Comment| format::Comment {
        field: comment.place.map(|place| place.field),
        item: comment.place.and_then(|place| place.item),
        text: comment.text.clone(),
    };
    format::Feedback {
        item: item.to_string(),
        kind: feedback.kind().to_owned(),
        registration_id: head.registration_id.to_string(),
        version: head.version,
        answers: head.item_id.to_string(),
        number: head.number,
        content_hash: match feedback {
            Feedback::Status { content_hash, .. } => Some(hex(content_hash)),
            _ => None,
        },
        comments: matches!(feedback, Feedback::CorrectionRequest { .. } | Feedback::FollowUpRequest { .. })
            .then(|| feedback.comments().iter().map(comment).collect()),
        bytes: hex(feedback.encode()),
    }
}

#[test]
fn digits_are_read_back() {
    assert_eq!(bytes(&hex([0, 1, 0xff])), [0, 1, 0xff]);
}
