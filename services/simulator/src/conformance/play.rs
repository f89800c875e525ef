//! What the neighbours of a part make: registrations, and each step's message around them.

use ::hd4dp::prepare::{self, Enclosed, Naming};
use anyhow::Context as _;
use envelope::{
    B64, ItemId, KeyIdHex, Text, content_hash,
    sealed::{
        ContentSeal, Encapsulation, PseudonymisedItem, PseudonymisedSubmission, ReturnPart, ReturnedFeedback, ReturnedItem,
        SealedFeedback, SealedFeedbackItem, SealedItem, SealedSubmission,
    },
};
use hd_messages::ArrivalItem;
use identifying::{GeneratedId, Identity, IdentityPart};
use pseudonymisation::{HandleKey, HandleSealer, Pseudonymiser, Quarter, SenderKey, sender_code};
use pseudonymised::{Pseudonym, PseudonymPart, SenderCode};
use registration::{Cell, CodeKey, Content, ContentHead, Feedback, FeedbackHead, Place, Policy};
use sealing::{Part, Sealer, keys::Party, seal_header};
use topology::Nihdi;
use uuid::Uuid;

use super::neighbours::Neighbours;
use crate::installation::secrets;

/// The register of the registrations.
const REGISTER: &str = "Precision_Local_MAB";

/// Numbers of nobody: their counters are never issued.
const NUMBERS: [&str; 4] = ["64031299906", "64031200035", "05031299957", "05031200086"];

/// A patient of the played hospitals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patient {
    /// One with a national number, which every hospital knows.
    Numbered(usize),
    /// One without.
    Unnumbered,
}

/// A registration that a neighbour sends.
#[derive(Clone)]
pub struct Draft {
    /// The item.
    pub id: ItemId,
    /// The hospital.
    pub hospital: Nihdi,
    /// The patient.
    pub identity: Identity,
    /// The registration.
    pub registration_id: Uuid,
    /// The encoded content.
    pub content: Vec<u8>,
}

impl Draft {
    /// A STATUS on it, as healthdata answers.
    #[must_use]
    pub fn status(&self) -> Feedback {
        Feedback::Status { head: self.head(1), content_hash: content_hash(&self.content) }
    }

    /// What a feedback on it says that it answers.
    #[must_use]
    pub fn head(&self, number: u64) -> FeedbackHead {
        FeedbackHead { registration_id: self.registration_id, version: 1, item_id: self.id.uuid(), number }
    }
}

/// A change to the clear text of an item's part before it is sealed: the item's number, the bytes.
pub type Twist<'a> = &'a (dyn Fn(usize, &mut Vec<u8>) + Send + Sync);

/// No change.
pub const AS_IS: Twist<'static> = &|_, _| {};

/// A feedback on its way to a hospital.
#[derive(Clone)]
pub struct Answer {
    /// The item.
    pub id: ItemId,
    /// What the TTP gave with the registration.
    pub handle: Vec<u8>,
    /// The patient.
    pub identity: Identity,
    /// The encoded feedback.
    pub feedback: Vec<u8>,
}

/// A value of the register's unique id, another one for every registration. Letters only, so that no national number stands in it by chance.
#[must_use]
pub fn code_of(registration_id: Uuid) -> String {
    let digits = registration_id.simple().to_string();
    digits.chars().filter_map(|digit| char::from_digit(digit.to_digit(16)? + 10, 36)).collect()
}

fn encapsulation(sealer: &Sealer) -> Encapsulation {
    let (key, enc) = sealer.encapsulation();
    Encapsulation::new(key.0, enc)
}

impl Neighbours {
    /// A new registration of a patient at a hospital, complete and reduced.
    ///
    /// # Errors
    ///
    /// The hospital's keys or the register are not at hand.
    pub fn draft(&mut self, hospital: Nihdi, patient: Patient) -> anyhow::Result<Draft> {
        let id = self.item_id();
        let registration_id = self.item_id().uuid();
        let secrets = secrets(self.ground.keys.hospital(hospital)?);
        let identity = self.identity(patient)?;
        let definition = self.ground.definitions.get(REGISTER).context("find the register that is sent")?;
        let code = code_of(registration_id);
        let own = [
            ("patient_id|date_of_birth", "1964-03-12"),
            ("patient_id|sex", "248153007"),
            ("patient_id|place_of_residence", "9000"),
            ("installation_id", hospital.as_str()),
            ("primary_tumour_site", "C34.1"),
            ("vcf_identifier", code.as_str()),
        ];
        let mut cells = Vec::new();
        for (column, value) in own {
            let field = definition.field_no(column).with_context(|| format!("find the column {column}"))?;
            cells.push(Cell { place: Place::of(field), value: value.to_owned() });
        }
        cells.sort_by_key(|cell| cell.place);
        let naming = Naming { registration_id, version: 1, organisation: hospital.as_str() };
        let (policies, enclosed) = (definition.policies(), Enclosed::default());
        let prepared = prepare::prepare(&definition, naming, identity.clone(), &cells, enclosed, &policies, &secrets)?;
        Ok(Draft { id, hospital, identity, registration_id, content: prepared.content })
    }

    /// Registrations of three patients, one of them without a national number.
    ///
    /// # Errors
    ///
    /// As [`Self::draft`].
    pub fn drafts(&mut self, hospital: Nihdi) -> anyhow::Result<Vec<Draft>> {
        let patients = [Patient::Numbered(0), Patient::Numbered(1), Patient::Unnumbered];
        patients.into_iter().map(|patient| self.draft(hospital, patient)).collect()
    }

    /// Who a patient is, to every hospital that knows the shared key.
    ///
    /// # Errors
    ///
    /// No hospital's keys are at hand, for a patient without a number.
    pub fn identity(&self, patient: Patient) -> anyhow::Result<Identity> {
        match patient {
            Patient::Numbered(number) => {
                let digits = NUMBERS.get(number).copied().unwrap_or(NUMBERS[0]);
                Ok(Identity::Ssin(digits.parse().context("take a national number")?))
            }
            Patient::Unnumbered => {
                let (secrets, sex) = (secrets(self.ground.keys.any_hospital()?), "248153007");
                let id = GeneratedId::derive(&secrets.generated_id, "Peeters", "Zoë", (1964, 3, 12), sex);
                Ok(Identity::Generated(id))
            }
        }
    }

    /// The registration with its content made anew: another head, other values, and no policy applied.
    ///
    /// # Errors
    ///
    /// The register is not at hand.
    pub fn reworked(&self, draft: Draft, head: impl FnOnce(&mut ContentHead), values: &[(&str, &str)]) -> anyhow::Result<Draft> {
        let definition = self.ground.definitions.get(REGISTER).context("find the register that is sent")?;
        let content = Content::decode(&draft.content)?;
        let mut changed = content.head().clone();
        head(&mut changed);
        let mut cells: Vec<(Place, &str)> = content.cells().iter().map(|cell| (cell.place, cell.value.as_str())).collect();
        for (column, value) in values {
            let place = Place::of(definition.field_no(column).with_context(|| format!("find the column {column}"))?);
            cells.retain(|(other, _)| *other != place);
            cells.push((place, *value));
        }
        let policies = vec![Policy::AsIs; definition.fields().len()];
        let content = Content::reduce(changed, cells, Vec::new(), &policies, &CodeKey::new([0; 32]))?;
        Ok(Draft { content: content.encode(), ..draft })
    }

    /// What the hospital's messaging client makes of registrations (step 4).
    ///
    /// # Errors
    ///
    /// A key is not at hand.
    pub fn seal_submission(&self, hospital: Nihdi, drafts: &[Draft], twist: Twist<'_>) -> anyhow::Result<SealedSubmission> {
        let keys = &self.ground.keys;
        let keyring = keys.keyring(Party::EhboxHco(hospital))?;
        let (ttp, hd) = (keys.current(Party::EhealthTtp)?, keys.current(Party::EhboxHd)?);
        let (mut identity, mut content) = (keyring.sealer(Part::Identity, ttp)?, keyring.sealer(Part::Content, hd)?);
        let header = seal_header(hd, keyring.public().id())?;
        let mut items = Vec::with_capacity(drafts.len());
        for (number, draft) in drafts.iter().enumerate() {
            let sealed = content.seal(draft.id.as_bytes(), &draft.content)?;
            let part = IdentityPart { identity: draft.identity.clone(), content_hash: content_hash(&sealed) };
            let mut clear = part.encode();
            twist(number, &mut clear);
            items.push(SealedItem {
                id: draft.id,
                identity: B64(identity.seal(draft.id.as_bytes(), &clear)?),
                content: B64(sealed),
            });
        }
        let (key, enc) = content.encapsulation();
        Ok(SealedSubmission { identity: encapsulation(&identity), content: ContentSeal::new(key.0, enc, header), items })
    }

    /// What the TTP makes of registrations (step 5), and the return handles in it.
    ///
    /// # Errors
    ///
    /// A key is not at hand.
    pub fn pseudonymise(
        &self,
        hospital: Nihdi,
        drafts: &[Draft],
        twist: Twist<'_>,
    ) -> anyhow::Result<(PseudonymisedSubmission, Vec<Vec<u8>>)> {
        let sealed = self.seal_submission(hospital, drafts, AS_IS)?;
        let hd = self.ground.keys.current(Party::EhboxHd)?;
        let mut sealer = self.ground.keys.keyring(Party::EhealthTtp)?.sealer(Part::Pseudonym, hd)?;
        let (mut items, mut handles) = (Vec::with_capacity(drafts.len()), Vec::with_capacity(drafts.len()));
        for (number, (draft, item)) in drafts.iter().zip(sealed.items).enumerate() {
            let handle = self.handle(draft)?;
            let part = PseudonymPart {
                pseudonym: self.pseudonym(draft)?,
                sender: self.sender(hospital)?,
                handle: handle.clone(),
                content_hash: content_hash(&item.content),
            };
            let mut clear = part.encode();
            twist(number, &mut clear);
            items.push(PseudonymisedItem {
                id: draft.id,
                pseudonym: B64(sealer.seal(draft.id.as_bytes(), &clear)?),
                content: item.content,
            });
            handles.push(handle);
        }
        let pseudonym = encapsulation(&sealer);
        Ok((PseudonymisedSubmission { pseudonym, content: sealed.content, items }, handles))
    }

    /// The pseudonym of a registration's patient: the same in every run on these keys.
    ///
    /// # Errors
    ///
    /// The TTP's keys are not at hand.
    pub fn pseudonym(&self, draft: &Draft) -> anyhow::Result<Pseudonym> {
        let keys = self.ground.keys.ttp()?;
        let masters = keys.masters.iter().map(|(epoch, master)| (*epoch, master.bytes()));
        Ok(Pseudonymiser::new(ehealth_ttp::DOMAIN, masters)?.pseudonym(&draft.identity)?)
    }

    /// What healthdata may call a hospital.
    ///
    /// # Errors
    ///
    /// The TTP's keys are not at hand.
    pub fn sender(&self, hospital: Nihdi) -> anyhow::Result<SenderCode> {
        let key = SenderKey::new(*self.ground.keys.ttp()?.sender.bytes());
        Ok(sender_code(&key, hospital.as_str())?)
    }

    /// A return handle of the TTP's.
    ///
    /// # Errors
    ///
    /// The TTP's keys are not at hand.
    pub fn handle(&self, draft: &Draft) -> anyhow::Result<Vec<u8>> {
        let today = self.ground.clock.now().date();
        let key = HandleKey::new(*self.ground.keys.ttp()?.handle.bytes());
        let mut sealer = HandleSealer::new(&key, Quarter::of(today.year(), today.month())?)?;
        Ok(sealer.seal(draft.hospital.as_str(), &draft.identity, draft.id.uuid())?)
    }

    /// What arrives at HD4RES of a registration (step 6).
    ///
    /// # Errors
    ///
    /// A key is not at hand.
    pub fn arrival(&self, draft: &Draft) -> anyhow::Result<ArrivalItem> {
        Ok(ArrivalItem {
            id: draft.id,
            pseudonym: Text::from(&self.pseudonym(draft)?),
            recoded_from: Vec::new(),
            sender: Text::from(&self.sender(draft.hospital)?),
            hospital: KeyIdHex(self.ground.keys.current(Party::EhboxHco(draft.hospital))?.id().0),
            handle: B64(self.handle(draft)?),
            content: B64(draft.content.clone()),
        })
    }

    /// What healthdata's messaging client makes of answers to a hospital (step 5 back).
    ///
    /// # Errors
    ///
    /// A key is not at hand.
    pub fn seal_feedback(&self, hospital: Nihdi, answers: &[Answer], twist: Twist<'_>) -> anyhow::Result<SealedFeedback> {
        self.seal_feedback_as(Party::EhboxHd, hospital, answers, twist)
    }

    /// The same by whoever pretends to be healthdata.
    ///
    /// # Errors
    ///
    /// A key is not at hand.
    pub fn seal_feedback_as(
        &self,
        sender: Party,
        hospital: Nihdi,
        answers: &[Answer],
        twist: Twist<'_>,
    ) -> anyhow::Result<SealedFeedback> {
        let keys = &self.ground.keys;
        let keyring = keys.keyring(sender)?;
        let mut handle = keyring.sealer(Part::Return, keys.current(Party::EhealthTtp)?)?;
        let mut feedback = keyring.sealer(Part::Feedback, keys.current(Party::EhboxHco(hospital))?)?;
        let mut items = Vec::with_capacity(answers.len());
        for (number, answer) in answers.iter().enumerate() {
            let sealed = feedback.seal(answer.id.as_bytes(), &answer.feedback)?;
            let part = ReturnPart { handle: answer.handle.clone(), feedback_hash: content_hash(&sealed) };
            let mut clear = part.encode()?;
            twist(number, &mut clear);
            items.push(SealedFeedbackItem {
                id: answer.id,
                r#return: B64(handle.seal(answer.id.as_bytes(), &clear)?),
                feedback: B64(sealed),
            });
        }
        Ok(SealedFeedback { r#return: encapsulation(&handle), feedback: encapsulation(&feedback), items })
    }

    /// What the TTP makes of answers (step 4 back), by the party that seals the identities.
    ///
    /// # Errors
    ///
    /// A key is not at hand.
    pub fn return_feedback(
        &self,
        sender: Party,
        hospital: Nihdi,
        answers: &[Answer],
        twist: Twist<'_>,
    ) -> anyhow::Result<ReturnedFeedback> {
        let keys = &self.ground.keys;
        let own = keys.current(Party::EhboxHco(hospital))?;
        let mut identity = keys.keyring(sender)?.sealer(Part::ReturnedIdentity, own)?;
        let mut feedback = keys.keyring(Party::EhboxHd)?.sealer(Part::Feedback, own)?;
        let mut items = Vec::with_capacity(answers.len());
        for (number, answer) in answers.iter().enumerate() {
            let sealed = feedback.seal(answer.id.as_bytes(), &answer.feedback)?;
            let part = IdentityPart { identity: answer.identity.clone(), content_hash: content_hash(&sealed) };
            let mut clear = part.encode();
            twist(number, &mut clear);
            items.push(ReturnedItem {
                id: answer.id,
                identity: B64(identity.seal(answer.id.as_bytes(), &clear)?),
                feedback: B64(sealed),
            });
        }
        Ok(ReturnedFeedback { identity: encapsulation(&identity), feedback: encapsulation(&feedback), items })
    }
}
