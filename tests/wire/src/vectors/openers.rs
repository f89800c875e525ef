//! Reads the vectors with what the services read with, and nothing else: no key, no clear text comes from where they were made.

use envelope::{
    Message, Publication, content_hash,
    sealed::{Encapsulation, PseudonymisedSubmission, ReturnPart, ReturnedFeedback, SealedFeedback, SealedSubmission},
};
use hco_messages::{FeedbackDelivery, Submission};
use hd_messages::{Arrival, OutgoingFeedback, Validation, Verdict};
use identifying::{IdentityPart, TagKey, patient_tag};
use pseudonymisation::{HandleKey, HandleOpener, Pseudonymiser, SenderKey, sender_code};
use pseudonymised::PseudonymPart;
use registration::{Content, Feedback};
use sealing::{KeyId, Opener, Part, keys::Party};

use super::{
    by_hand::{bytes, hex},
    fixed, format, read_keys, read_publications,
};
use crate::{parties::Parties, rig::HOSPITAL};

/// One file, and the keys of those who read it.
struct Vectors {
    file: format::Publication,
    parties: Parties,
}

fn all() -> Vec<Vectors> {
    let keys = read_keys();
    let parties = fixed::parties();
    // The keys of the file are those that the parties read with.
    for pair in &keys.pairs {
        let key = parties.key(pair.party.parse().unwrap());
        assert_eq!((hex(key.public().to_bytes()), key.id().to_string()), (pair.public.clone(), pair.key.clone()));
    }
    let secret = |name: &str| bytes(&keys.secrets.iter().find(|secret| secret.name == name).unwrap().value);
    assert_eq!(secret("handle.key"), parties.handle.bytes());
    assert_eq!(secret("sender.key"), parties.sender.bytes());
    assert_eq!(secret("pseudonym-1.key"), parties.master.bytes());
    assert_eq!(secret("patient-tag.key"), parties.tags[&HOSPITAL.parse().unwrap()].bytes());
    read_publications().into_iter().map(|file| Vectors { file, parties: parties.clone() }).collect()
}

impl Vectors {
    fn document<D: Message>(&self, step: &str) -> Publication<D> {
        let step = self.file.steps.iter().find(|other| other.step == step).unwrap();
        let publication = Publication::<D>::decode(step.document.as_bytes()).unwrap();
        assert_eq!(publication.encode().unwrap(), step.document.as_bytes(), "written again it is the same");
        publication
    }

    fn opener(&self, part: Part, sender: &str, recipient: &str, seal: &Encapsulation) -> Opener {
        let [sender, recipient]: [Party; 2] = [sender, recipient].map(|party| party.parse().unwrap());
        let public = self.parties.public();
        let senders = public.keys(sender).unwrap().all();
        self.parties.keyring(recipient).opener(part, senders, KeyId(seal.key.0), &seal.enc.0).unwrap()
    }

    /// The clear texts that the file has for a part of a step, in the order of the items.
    fn clear(&self, step: &str, part: Part) -> Vec<Vec<u8>> {
        let step = self.file.steps.iter().find(|other| other.step == step).unwrap();
        let part = step.parts.iter().find(|other| other.tag == part.tag()).unwrap();
        part.items.iter().map(|item| bytes(&item.clear)).collect()
    }

    fn contents(&self) -> Vec<Vec<u8>> {
        self.file.registrations.iter().map(|registration| bytes(&registration.content.bytes)).collect()
    }

    fn feedback(&self) -> Vec<Vec<u8>> {
        self.file.feedback.iter().map(|feedback| bytes(&feedback.bytes)).collect()
    }

    fn identities(&self) -> Vec<(String, String)> {
        self.file.registrations.iter().map(|one| (one.identity.kind.clone(), one.identity.value.clone())).collect()
    }
}

const HCO: &str = "ehbox-hco-00000196";

#[test]
fn the_steps_stand_in_their_order() {
    for vectors in all() {
        let steps: Vec<_> = vectors.file.steps.iter().map(|step| step.step.as_str()).collect();
        let expected: Vec<_> = topology::Arrow::FLOW.iter().map(|arrow| arrow.step()).collect();
        assert_eq!(steps, expected);
    }
}

#[test]
fn identities_and_contents_open_at_step_4() {
    for vectors in all() {
        let data = vectors.document::<SealedSubmission>("4").data;
        let identity = vectors.opener(Part::Identity, HCO, "ehealth-ttp", &data.identity);
        let keyring = vectors.parties.keyring(Party::EhboxHd);
        let header = keyring.open_header(KeyId(data.content.key.0), &data.content.header).unwrap();
        let public = vectors.parties.public();
        let (sender, _) = public.by_id(header).unwrap();
        assert_eq!(sender.to_string(), HCO);
        let seal = Encapsulation { key: data.content.key, enc: data.content.enc };
        let content = vectors.opener(Part::Content, &sender.to_string(), "ehbox-hd", &seal);
        let (mut identities, mut contents, mut clear) = (Vec::new(), Vec::new(), Vec::new());
        for item in &data.items {
            let opened = identity.open(item.id.as_bytes(), &item.identity).unwrap();
            let part = IdentityPart::decode(&opened).unwrap();
            assert_eq!(part.content_hash, content_hash(&item.content));
            identities.push((part.identity.kind().as_str().to_owned(), part.identity.reveal().to_owned()));
            contents.push(content.open(item.id.as_bytes(), &item.content).unwrap());
            clear.push(opened);
        }
        assert_eq!((identities, contents), (vectors.identities(), vectors.contents()));
        assert_eq!(clear, vectors.clear("4", Part::Identity));
        assert_eq!(vectors.contents(), vectors.clear("4", Part::Content));
        assert_eq!(vectors.clear("4", Part::ContentHeader), [header.0.to_vec()]);
    }
}

#[test]
fn contents_say_what_the_file_says() {
    for vectors in all() {
        let keys = TagKey::new(*vectors.parties.tags[&HOSPITAL.parse().unwrap()].bytes());
        let submission = vectors.document::<Submission>("3").data;
        for (item, registration) in submission.items.iter().zip(&vectors.file.registrations) {
            let (content, expected) = (item.content().unwrap(), &registration.content);
            let head = content.head();
            assert_eq!(item.id.to_string(), registration.item);
            assert_eq!(hex(&item.content.0), expected.bytes);
            assert_eq!(hex(content.hash()), expected.hash);
            assert_eq!(head.registration_id.to_string(), expected.registration_id);
            assert_eq!(
                (head.version, head.dcd.as_str(), head.dcd_version),
                (expected.version, expected.dcd.as_str(), expected.dcd_version)
            );
            assert_eq!(head.organisation, expected.organisation);
            assert_eq!(hex(head.patient_tag), registration.patient_tag);
            assert_eq!(patient_tag(&keys, &item.identity.parse().unwrap()), head.patient_tag);
            let cells = content.cells().iter().map(|cell| (cell.place.field, cell.place.item, cell.value.as_str()));
            assert!(cells.eq(expected.cells.iter().map(|cell| (cell.field, cell.item, cell.value.as_str()))));
            let files = content.attachments().iter().map(|file| (file.place.field, file.name.as_str(), hex(&file.bytes)));
            assert!(files.eq(expected.attachments.iter().map(|file| (file.field, file.name.as_str(), file.bytes.clone()))));
        }
    }
}

#[test]
fn pseudonym_parts_open_at_step_5_and_contents_are_untouched() {
    for vectors in all() {
        let before = vectors.document::<SealedSubmission>("4").data;
        let data = vectors.document::<PseudonymisedSubmission>("5").data;
        assert_eq!(data.content, before.content);
        let opener = vectors.opener(Part::Pseudonym, "ehealth-ttp", "ehbox-hd", &data.pseudonym);
        let pseudonymiser = Pseudonymiser::new(super::make::DOMAIN, [(1, vectors.parties.master.bytes())]).unwrap();
        let handles = HandleOpener::new(HandleKey::new(*vectors.parties.handle.bytes()));
        let sender = sender_code(&SenderKey::new(*vectors.parties.sender.bytes()), HOSPITAL).unwrap();
        let mut clear = Vec::new();
        for ((item, before), registration) in data.items.iter().zip(&before.items).zip(&vectors.file.registrations) {
            assert_eq!((item.id, &item.content), (before.id, &before.content));
            let opened = opener.open(item.id.as_bytes(), &item.pseudonym).unwrap();
            let part = PseudonymPart::decode(&opened).unwrap();
            assert_eq!(part.content_hash, content_hash(&item.content));
            assert_eq!(
                (part.pseudonym.as_str(), part.sender.as_str()),
                (registration.pseudonym.as_str(), registration.sender.as_str())
            );
            assert_eq!(part.sender, sender);
            assert_eq!(hex(&part.handle), registration.handle.bytes);
            let handle = handles.open(&part.handle).unwrap();
            assert_eq!((handle.sender.as_str(), handle.item_id), (HOSPITAL, item.id.uuid()));
            assert_eq!(handle.identity.reveal(), registration.identity.value);
            assert_eq!(pseudonymiser.pseudonym(&handle.identity).unwrap(), part.pseudonym);
            clear.push(opened);
        }
        assert_eq!(clear, vectors.clear("5", Part::Pseudonym));
    }
}

#[test]
fn healthdata_reads_its_own_documents() {
    for vectors in all() {
        let arrival = vectors.document::<Arrival>("6").data;
        let validation = vectors.document::<Validation>("7").data;
        for ((arrived, item), registration) in arrival.items.iter().zip(&validation.items).zip(&vectors.file.registrations) {
            assert_eq!(arrived.pseudonym.parse().unwrap().as_str(), registration.pseudonym);
            assert_eq!(arrived.sender.parse().unwrap().as_str(), registration.sender);
            assert_eq!(arrived.hospital.to_string(), vectors.parties.key(HCO.parse().unwrap()).id().to_string());
            assert_eq!(
                (hex(&arrived.handle.0), hex(&arrived.content.0)),
                (registration.handle.bytes.clone(), registration.content.bytes.clone())
            );
            assert_eq!(
                (item.id, &item.pseudonym, &item.sender, &item.content),
                (arrived.id, &arrived.pseudonym, &arrived.sender, &arrived.content)
            );
            assert!(Content::decode(&item.content).is_ok());
        }
        let verdict = vectors.document::<Verdict>("7 back").data;
        assert!(verdict.items.iter().map(|item| item.id).eq(validation.items.iter().map(|item| item.id)));
        let outgoing = vectors.document::<OutgoingFeedback>("6 back").data;
        for ((item, feedback), arrived) in outgoing.items.iter().zip(&vectors.file.feedback).zip(&arrival.items) {
            assert_eq!((item.id.to_string(), hex(&item.feedback.0)), (feedback.item.clone(), feedback.bytes.clone()));
            assert_eq!((&item.handle, item.hospital), (&arrived.handle, arrived.hospital));
            assert_feedback(&item.feedback().unwrap(), feedback);
        }
    }
}

fn assert_feedback(feedback: &Feedback, expected: &format::Feedback) {
    let head = feedback.head();
    assert_eq!((feedback.kind(), head.version, head.number), (expected.kind.as_str(), expected.version, expected.number));
    assert_eq!(
        (head.registration_id.to_string(), head.item_id.to_string()),
        (expected.registration_id.clone(), expected.answers.clone())
    );
    if let Feedback::Status { content_hash, .. } = feedback {
        assert_eq!(Some(hex(content_hash)), expected.content_hash);
    }
    let expected = expected.comments.iter().flatten();
    let expected = expected.map(|comment| (comment.field, comment.item, comment.text.as_str()));
    let comments = feedback.comments().iter();
    let place = |comment: &registration::Comment| comment.place;
    assert!(
        comments
            .map(|comment| (place(comment).map(|at| at.field), place(comment).and_then(|at| at.item), comment.text.as_str()))
            .eq(expected)
    );
}

#[test]
fn return_parts_and_feedback_open_on_the_way_back() {
    for vectors in all() {
        let sealed = vectors.document::<SealedFeedback>("5 back").data;
        let opener = vectors.opener(Part::Return, "ehbox-hd", "ehealth-ttp", &sealed.r#return);
        let mut clear = Vec::new();
        for (item, registration) in sealed.items.iter().zip(&vectors.file.registrations) {
            let opened = opener.open(item.id.as_bytes(), &item.r#return).unwrap();
            let part = ReturnPart::decode(&opened).unwrap();
            assert_eq!(part.feedback_hash, content_hash(&item.feedback));
            assert_eq!(hex(&part.handle), registration.handle.bytes);
            clear.push(opened);
        }
        assert_eq!(clear, vectors.clear("5 back", Part::Return));

        let returned = vectors.document::<ReturnedFeedback>("4 back").data;
        assert_eq!(returned.feedback, sealed.feedback);
        let identity = vectors.opener(Part::ReturnedIdentity, "ehealth-ttp", HCO, &returned.identity);
        let feedback = vectors.opener(Part::Feedback, "ehbox-hd", HCO, &returned.feedback);
        let (mut identities, mut answers, mut clear) = (Vec::new(), Vec::new(), Vec::new());
        for (item, before) in returned.items.iter().zip(&sealed.items) {
            assert_eq!((item.id, &item.feedback), (before.id, &before.feedback));
            let opened = identity.open(item.id.as_bytes(), &item.identity).unwrap();
            let part = IdentityPart::decode(&opened).unwrap();
            assert_eq!(part.content_hash, content_hash(&item.feedback));
            identities.push((part.identity.kind().as_str().to_owned(), part.identity.reveal().to_owned()));
            answers.push(feedback.open(item.id.as_bytes(), &item.feedback).unwrap());
            clear.push(opened);
        }
        assert_eq!(clear, vectors.clear("4 back", Part::ReturnedIdentity));
        assert_eq!((&identities, &answers), (&vectors.identities(), &vectors.feedback()));
        assert_eq!(answers, vectors.clear("5 back", Part::Feedback));

        let delivered = vectors.document::<FeedbackDelivery>("3 back").data;
        for ((item, answer), (_, value)) in delivered.items.iter().zip(&answers).zip(&identities) {
            assert_eq!(&item.feedback.0, answer);
            assert_eq!(item.identity.parse().unwrap().reveal(), value);
        }
    }
}
