//! Opens recorded publications, changes them and seals them again, as far as the keys at hand allow.
//!
//! A part opens with the private key of its recipient, and proves its sender by the sender's private key; so whoever edits must hold both. Only an
//! installation of a test has the keys of all parties in one folder. What is sealed anew is as good as what its party sealed: services judge it by their own rules.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use data_encoding::HEXLOWER;
use dcd::Definitions;
use envelope::{
    B64, content_hash,
    sealed::{ContentSeal, Encapsulation, PseudonymisedItem, PseudonymisedSubmission, SealedItem, SealedSubmission},
};
use identifying::{IdentityPart, TagKey, patient_tag};
use pseudonymised::PseudonymPart;
use registration::Content;
use sealing::{
    KeyId, Keyring, Opener, Part, Sealer,
    keys::{KeyDirectory, Party, PublicDirectory},
    seal_header,
};
use sha2::{Digest, Sha256};
use topology::Nihdi;
use uuid::Uuid;

use super::{document::Document, edit::Edits, replay::Change};

/// Edits, and the keys to make them with.
pub struct Resealing {
    edits: Edits,
    directory: KeyDirectory,
    public: PublicDirectory,
    definitions: Arc<Definitions>,
    digest: String,
}

impl Resealing {
    /// Edits with the keys in a directory.
    ///
    /// # Errors
    ///
    /// A directory that is none; or the identity is to be changed and the TTP's keys are not there.
    pub fn new(edits: Edits, directory: KeyDirectory, definitions: Arc<Definitions>) -> anyhow::Result<Self> {
        let public = directory.public()?;
        let mut hash = Sha256::new_with_prefix(edits.values().to_string());
        if let Some(identity) = edits.identity() {
            // Under a key: all numbers can be tried in minutes, and the replay's id follows from this.
            let ttp = directory.ttp().context("change an identity: it takes the keys of ehealth-ttp")?;
            hash.update(patient_tag(&TagKey::new(*ttp.quota.bytes()), identity));
        }
        let digest = HEXLOWER.encode(&hash.finalize());
        Ok(Self { edits, directory, public, definitions, digest })
    }

    fn keyring(&self, party: Party, what: &str) -> anyhow::Result<Keyring> {
        let keys = match party {
            Party::EhealthTtp => self.directory.ttp().map(|keys| keys.keyring),
            Party::EhboxHco(_) | Party::EhboxHd | Party::Hd4dp(_) => self.directory.messaging(party).map(|keys| keys.keyring),
        };
        keys.with_context(|| format!("{what}: it takes the private key of {party}"))
    }

    fn opener(&self, keyring: &Keyring, part: Part, sender: Party, key: KeyId, enc: &[u8; 32]) -> anyhow::Result<Opener> {
        let senders = self.public.keys(sender)?.all();
        Ok(keyring.opener(part, senders, key, enc)?)
    }

    fn sealer(&self, keyring: &Keyring, part: Part, recipient: Party) -> anyhow::Result<Sealer> {
        Ok(keyring.sealer(part, self.public.keys(recipient)?.current())?)
    }

    /// The tag of the new patient, where there is one: the hospital's own secret makes it.
    fn tag(&self, hospital: Nihdi) -> anyhow::Result<Option<[u8; 16]>> {
        let Some(identity) = self.edits.identity() else { return Ok(None) };
        let secrets = self.directory.hospital_secrets(&hospital);
        let secrets =
            secrets.with_context(|| format!("change the patient tag: it takes the secrets of {}", Party::Hd4dp(hospital)))?;
        Ok(Some(patient_tag(&TagKey::new(*secrets.tag_key.bytes()), identity)))
    }

    fn edited(&self, clear: &[u8], tag: Option<[u8; 16]>) -> anyhow::Result<Vec<u8>> {
        let content = Content::decode(clear).context("read the content: it is no registration")?;
        Ok(self.edits.content(&content, tag, &self.definitions)?.encode())
    }

    fn submission(&self, source: Party, data: SealedSubmission, replay: Uuid) -> anyhow::Result<SealedSubmission> {
        let Party::EhboxHco(hospital) = source else { bail!("find the hospital: the envelope names none") };
        let own = self.keyring(source, "seal the publication again")?;
        let mut contents = Contents::of(self, source, &own, &data.content)?;
        let ttp = self.keyring(Party::EhealthTtp, "open the identities")?;
        let (key, enc) = (KeyId(data.identity.key.0), &data.identity.enc.0);
        let opener = self.opener(&ttp, Part::Identity, source, key, enc)?;
        let mut sealer = self.sealer(&own, Part::Identity, Party::EhealthTtp)?;
        let tag = self.tag(hospital)?;
        let mut items = Vec::with_capacity(data.items.len());
        for item in data.items {
            let id = self.edits.item(item.id, replay);
            let clear = contents.opener.open(item.id.as_bytes(), &item.content).context("open a content")?;
            let content = contents.sealer.seal(id.as_bytes(), &self.edited(&clear, tag)?)?;
            let part = opener.open(item.id.as_bytes(), &item.identity).context("open an identity")?;
            let IdentityPart { identity, .. } = IdentityPart::decode(&part)?;
            let identity = self.edits.identity().cloned().unwrap_or(identity);
            let part = IdentityPart { identity, content_hash: content_hash(&content) };
            let identity = sealer.seal(id.as_bytes(), &part.encode())?;
            items.push(SealedItem { id, identity: B64(identity), content: B64(content) });
        }
        Ok(SealedSubmission { identity: encapsulation(&sealer), content: contents.seal(), items })
    }

    fn pseudonymised(&self, data: PseudonymisedSubmission, replay: Uuid) -> anyhow::Result<PseudonymisedSubmission> {
        anyhow::ensure!(self.edits.identity().is_none(), "change the identity: behind the TTP there is none; edit step 4");
        anyhow::ensure!(!self.edits.makes_new_items(), "make new items: the TTP's return handles name the old ones; edit step 4");
        let hd = self.keyring(Party::EhboxHd, "open the contents")?;
        let hospital_key = hd.open_header(KeyId(data.content.key.0), &data.content.header).context("open the content header")?;
        let (source, _) = self.public.by_id(hospital_key).context("find the hospital whose key sealed the contents")?;
        let own = self.keyring(source, "seal the contents again")?;
        let ttp = self.keyring(Party::EhealthTtp, "seal the pseudonyms again")?;
        let mut contents = Contents::of(self, source, &own, &data.content)?;
        let (key, enc) = (KeyId(data.pseudonym.key.0), &data.pseudonym.enc.0);
        let opener = self.opener(&hd, Part::Pseudonym, Party::EhealthTtp, key, enc)?;
        let mut sealer = self.sealer(&ttp, Part::Pseudonym, Party::EhboxHd)?;
        let mut items = Vec::with_capacity(data.items.len());
        for item in data.items {
            let id = self.edits.item(item.id, replay);
            let clear = contents.opener.open(item.id.as_bytes(), &item.content).context("open a content")?;
            let content = contents.sealer.seal(id.as_bytes(), &self.edited(&clear, None)?)?;
            let part = opener.open(item.id.as_bytes(), &item.pseudonym).context("open a pseudonym")?;
            let part = PseudonymPart { content_hash: content_hash(&content), ..PseudonymPart::decode(&part)? };
            let pseudonym = sealer.seal(id.as_bytes(), &part.encode())?;
            items.push(PseudonymisedItem { id, pseudonym: B64(pseudonym), content: B64(content) });
        }
        Ok(PseudonymisedSubmission { pseudonym: encapsulation(&sealer), content: contents.seal(), items })
    }
}

/// What opens the contents of a publication and seals them again, from a hospital for healthdata.
struct Contents {
    opener: Opener,
    sealer: Sealer,
    header: Vec<u8>,
}

impl Contents {
    fn of(resealing: &Resealing, source: Party, own: &Keyring, seal: &ContentSeal) -> anyhow::Result<Self> {
        let hd = resealing.keyring(Party::EhboxHd, "open the contents")?;
        Ok(Self {
            opener: resealing.opener(&hd, Part::Content, source, KeyId(seal.key.0), &seal.enc.0)?,
            sealer: resealing.sealer(own, Part::Content, Party::EhboxHd)?,
            header: seal_header(resealing.public.keys(Party::EhboxHd)?.current(), own.public().id())?,
        })
    }

    fn seal(self) -> ContentSeal {
        let (key, enc) = self.sealer.encapsulation();
        ContentSeal::new(key.0, enc, self.header)
    }
}

fn encapsulation(sealer: &Sealer) -> Encapsulation {
    let (key, enc) = sealer.encapsulation();
    Encapsulation::new(key.0, enc)
}

impl Change for Resealing {
    fn change(&self, document: Document, replay: Uuid) -> anyhow::Result<Document> {
        Ok(match document {
            Document::Submission(mut publication) => {
                let source = publication.source.as_str().parse().context("find the hospital")?;
                publication.data = self.submission(source, publication.data, replay)?;
                Document::Submission(publication)
            }
            Document::Pseudonymised(mut publication) => {
                publication.data = self.pseudonymised(publication.data, replay)?;
                Document::Pseudonymised(publication)
            }
            Document::Feedback(_) | Document::Returned(_) | Document::RecodeRequest(_) | Document::RecodeAnswer(_) => {
                bail!("find a registration in it: only steps 4 and 5 have some; say --step 4 or --step 5")
            }
        })
    }

    fn fields(&self) -> Vec<String> {
        self.edits.fields()
    }

    fn digest(&self) -> String {
        self.digest.clone()
    }
}
