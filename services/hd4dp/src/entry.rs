//! What a person enters by hand (step 2): a new registration, other values of an open one, and the files that go with it.

use std::sync::Arc;

use dcd::{Definition, Finding};
use host::Point;
use registration::{Attachment, Place};
use uuid::Uuid;

use crate::{
    attachment::GivenFile,
    error::ItemError,
    form::{self, Filled, Form},
    gate::Gate,
    intake::{Named, kept},
    life::LifeError,
    options::{UploadOptions, Validation},
    prepare, row,
    service::{AcceptedRow, Hd4dp, SERVICE},
    status::State,
    store::{By, Creation, Draft, Kept, Latest, Refusal},
};

/// A registration to be created. Holds the patient, so it prints nothing of that.
#[derive(Debug, Clone)]
pub struct NewRegistration<'a> {
    /// Its register, in the version that new registrations get.
    pub definition: &'a Arc<Definition>,
    /// Its id, when the caller makes sure that a repeated wish creates once; a fresh one otherwise.
    pub registration_id: Option<Uuid>,
    /// Its values.
    pub form: Form,
    /// The files of its attachment fields; each sets its field's value.
    pub files: Vec<GivenFile>,
    /// Whether it is submitted at once, or kept as an Open registration.
    pub submit: bool,
    /// The user, for the history.
    pub author: &'a str,
}

/// A registration that was created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Its id.
    pub registration_id: Uuid,
    /// Whether this call created it; if not, it is what an earlier call with this id created, as it stands now.
    pub is_new: bool,
    /// Its version: 1 when it was submitted, 0 when it is kept.
    pub version: u32,
    /// Where it stands.
    pub state: State,
    /// What was found in its values: warnings, and of a kept one validation errors.
    pub findings: Vec<Finding>,
}

/// Values that were kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Where the registration stands.
    pub state: State,
    /// Whether it may be submitted: there are no validation errors.
    pub is_valid: bool,
    /// What was found in the values.
    pub findings: Vec<Finding>,
}

/// As a file with this choice: what has validation errors is kept.
const KEEPING: UploadOptions = UploadOptions { validation: Validation::SaveOnValidations, ..UploadOptions::PROVISIONING };

impl Hd4dp {
    /// Creates a registration by hand. Without errors it is submitted at once if that is asked for; otherwise it is kept as an Open one,
    /// also with validation errors. Durable when this returns.
    ///
    /// # Errors
    ///
    /// [`LifeError::Invalid`] with the findings that keep it from that; [`LifeError::Closed`]; [`Refusal::UniqueIdTaken`] when the register
    /// has a registration with this unique id already, and [`Refusal::IdTaken`] when the id given is that of another registration.
    pub async fn create(&self, new: NewRegistration<'_>) -> Result<Created, LifeError> {
        let NewRegistration { definition, registration_id, form, files, submit, author } = new;
        let deciding = self.deciding.lock().await;
        let now = self.parts.context.clock.now();
        let id = registration_id.unwrap_or_else(|| self.next_id());
        let known = if registration_id.is_some() { self.parts.store.latest(id, now).await? } else { None };
        if known.is_none() {
            Gate::Creation.pass(definition.collection(), now.date())?;
            if submit {
                Gate::Submission.pass(definition.collection(), now.date())?;
            }
        }
        let filled = self.filled(definition, form, files, &[])?;
        let is_valid = self.may_be_entered(definition, &filled, submit)?;
        let Filled { row, findings } = filled;
        let identity = prepare::identity(definition, &row.cells, &self.parts.secrets)?;
        let unique_key = prepare::unique_key(definition, &identity, &row.cells);
        if let Some(known) = known {
            if known.dcd != definition.name() || known.unique_key != unique_key {
                return Err(Refusal::IdTaken.into());
            }
            return Ok(Created { registration_id: id, is_new: false, version: known.version, state: known.state, findings });
        }
        let (creation, ready) = if submit {
            let (cells, row_hash) = kept(&row);
            let (author, item_id) = (Some(author.to_owned()), self.next_id());
            let named =
                Named { registration_id: id, version: 1, item_id, unique_key, author, answers: Vec::new(), cells, row_hash };
            let (version, ready) = self.new_version(definition, named, identity, row)?;
            (Creation::Submitted(version), Some(ready))
        } else {
            let (cells, dcd, author) = (row::encode(&row.cells), definition.name().to_owned(), author.to_owned());
            let draft = Draft { dcd_version: definition.version(), is_valid, cells, attachments: row.attachments };
            (Creation::Kept(Kept { registration_id: id, version: 0, dcd, unique_key, draft, author, reopens: false }), None)
        };
        let context = &self.parts.context;
        context.reach(SERVICE, Point::BeforeCommit).await;
        let holding = self.in_hand.take(ready.iter().map(|ready| ready.item_id));
        let write = self.parts.store.create(&creation, context.clock.now());
        if let Err(refusal) = self.counted(write, |created| i64::from(submit && created.is_ok())).await? {
            holding.done();
            return Err(refusal.into());
        }
        drop(deciding);
        context.reach(SERVICE, Point::AfterCommit).await;
        let (version, state) = if submit { (1, State::Sending) } else { (0, State::Open) };
        if let Some(ready) = ready {
            self.put_on_its_way(vec![ready], holding).await;
        }
        Ok(Created { registration_id: id, is_new: true, version, state, findings })
    }

    /// Keeps values without submitting them, also with validation errors. They stand for all values: what the form does not name is empty,
    /// and a file stays as long as the form holds its name.
    ///
    /// # Errors
    ///
    /// [`LifeError::Invalid`] with the errors that leave nothing to be kept; [`Refusal::OtherUniqueId`]; [`Refusal::WrongStatus`].
    pub async fn save<'a>(&self, id: Uuid, form: Form, files: Vec<GivenFile>, by: impl Into<By<'a>>) -> Result<Saved, LifeError> {
        let by = by.into();
        let _deciding = self.deciding.lock().await;
        let latest = self.latest(id).await?;
        latest.is_as(by.seen)?;
        self.save_over(id, &latest, form, files, by).await
    }

    /// Puts a file into an attachment field of an open registration, in the place of the one before. The other values stay.
    ///
    /// # Errors
    ///
    /// As [`Hd4dp::save`].
    pub async fn put_attachment<'a>(&self, id: Uuid, file: GivenFile, by: impl Into<By<'a>>) -> Result<Saved, LifeError> {
        let by = by.into();
        let _deciding = self.deciding.lock().await;
        let latest = self.latest(id).await?;
        latest.is_as(by.seen)?;
        let form = self.current_form(&latest)?;
        self.save_over(id, &latest, form, vec![file], by).await
    }

    /// Removes the file of an attachment field of an open registration.
    ///
    /// # Errors
    ///
    /// As [`Hd4dp::save`]; [`Refusal::UnknownAttachment`] when the column holds no file.
    pub async fn remove_attachment<'a>(&self, id: Uuid, column: &str, by: impl Into<By<'a>>) -> Result<Saved, LifeError> {
        let by = by.into();
        let _deciding = self.deciding.lock().await;
        let latest = self.latest(id).await?;
        latest.is_as(by.seen)?;
        self.file_of(&latest, column)?;
        let mut form = self.current_form(&latest)?;
        form.set(column, "");
        self.save_over(id, &latest, form, Vec::new(), by).await
    }

    /// The file of an attachment field: of what was kept, or else of the latest version.
    ///
    /// # Errors
    ///
    /// [`Refusal::UnknownRegistration`], [`Refusal::UnknownAttachment`].
    pub async fn attachment(&self, id: Uuid, column: &str) -> Result<Attachment, LifeError> {
        let latest = self.latest(id).await?;
        self.file_of(&latest, column)
    }

    /// The values that a registration has now, as a person gives them.
    ///
    /// # Errors
    ///
    /// [`Refusal::UnknownRegistration`], or an [`ItemError`] when what is stored cannot be read.
    pub async fn form(&self, id: Uuid) -> Result<Form, LifeError> {
        let latest = self.latest(id).await?;
        self.current_form(&latest)
    }

    async fn save_over(
        &self,
        id: Uuid,
        latest: &Latest,
        form: Form,
        files: Vec<GivenFile>,
        by: By<'_>,
    ) -> Result<Saved, LifeError> {
        let current = latest.current().ok_or(ItemError::DamagedRow)?;
        let definition = self.definition_of(&latest.dcd, current.dcd_version)?;
        if !latest.state.awaits_user() {
            return Err(Refusal::WrongStatus { state: latest.state }.into());
        }
        let filled = self.filled(&definition, form, files, &latest.files())?;
        let is_valid = self.may_be_entered(&definition, &filled, false)?;
        let Filled { row, findings } = filled;
        self.keeps_unique_id(&definition, &row, latest)?;
        let (cells, dcd_version) = (row::encode(&row.cells), current.dcd_version);
        let draft = Draft { dcd_version, is_valid, cells, attachments: row.attachments };
        let state = self.parts.store.save(id, &draft, by, self.parts.context.clock.now()).await??;
        Ok(Saved { state, is_valid, findings })
    }

    fn filled(
        &self,
        definition: &Arc<Definition>,
        form: Form,
        files: Vec<GivenFile>,
        known: &[Attachment],
    ) -> Result<Filled, LifeError> {
        let today = self.parts.context.clock.now().date();
        let filled = form::fill(definition, form, files, known, (self.parts.nihdi.as_str(), today));
        filled.map_err(|findings| LifeError::Invalid { findings })
    }

    /// Whether the values have no errors; those that have are kept where a file's would be.
    fn may_be_entered(&self, definition: &Definition, filled: &Filled, submit: bool) -> Result<bool, LifeError> {
        let errors = filled.errors();
        let is_kept = !submit && self.may_be_kept(definition, &errors, &filled.row.cells, &KEEPING);
        if errors.is_empty() || is_kept {
            Ok(errors.is_empty())
        } else {
            Err(LifeError::Invalid { findings: filled.findings.clone() })
        }
    }

    /// What is stored of values of another unique id would be another registration.
    pub(crate) fn keeps_unique_id(&self, definition: &Definition, row: &AcceptedRow, latest: &Latest) -> Result<(), LifeError> {
        let identity = prepare::identity(definition, &row.cells, &self.parts.secrets)?;
        if prepare::unique_key(definition, &identity, &row.cells) == latest.unique_key {
            Ok(())
        } else {
            Err(Refusal::OtherUniqueId.into())
        }
    }

    fn current_form(&self, latest: &Latest) -> Result<Form, LifeError> {
        let current = latest.current().ok_or(ItemError::DamagedRow)?;
        let definition = self.definition_of(&latest.dcd, current.dcd_version)?;
        let cells = row::decode(&current.cells).ok_or(ItemError::DamagedRow)?;
        Ok(Form::of(&definition, &cells))
    }

    fn file_of(&self, latest: &Latest, column: &str) -> Result<Attachment, LifeError> {
        let current = latest.current().ok_or(ItemError::DamagedRow)?;
        let definition = self.definition_of(&latest.dcd, current.dcd_version)?;
        let stands = |place: Place| definition.column_at(place).is_some_and(|at| at == column);
        let file = current.attachments.iter().find(|file| stands(file.place));
        Ok(file.cloned().ok_or(Refusal::UnknownAttachment)?)
    }
}
