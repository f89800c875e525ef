//! Files that a hospital's systems put into folders (domain sheet 3.3).
//!
//! Below `<root>/<nihdi>/<register>` there are `provisioning`, whose rows become Open registrations, and `fast-track`, whose rows are sent at
//! once. What becomes of a file is told by five folders beside it: `SUCCESS`, `IGNORE` and `ERROR` get its rows, `ARCHIVE` gets the file itself, or
//! `ARCHIVE_ERROR` when it could not be read to its end.
//!
//! A file is taken when two looks, an interval apart, found it unchanged. It is claimed by a rename into a folder of its own; its upload
//! names that folder and the content's hash. Every step from there on can be done again: the upload is taken up behind its last row, result
//! files carry the upload's number and are renamed into place, and the file is archived last. So a crash anywhere is completed at the next look.
//!
//! Logs say which register a file was for, never what it is called.

mod arrivals;
mod results;

use std::{
    ffi::OsString,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use dcd::{Definition, Language};
use host::{Point, Work};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use uuid::Uuid;

use self::arrivals::Arrivals;
use crate::{
    Hd4dp,
    centre::Incoming,
    options::{How, UploadOptions},
    store::{Progress, UploadView, Way},
    upload::UploadError,
};

/// Where files stand while they are taken in.
const TAKEN: &str = ".taken";
/// What the points between the steps are told in the name of.
pub const SERVICE: &str = "hd4dp folders";

/// The folders of a hospital.
pub struct Folders {
    hd4dp: Arc<Hd4dp>,
    root: PathBuf,
    interval: Duration,
    language: Language,
    /// One look at a time.
    arrivals: Mutex<Arrivals>,
}

/// One folder that files arrive in.
struct Inbox<'a> {
    definition: &'a Arc<Definition>,
    way: Way,
    path: PathBuf,
}

/// Why a file has to wait for the next look.
enum Later {
    /// The file system does not do what it should: full, gone, or forbidden.
    Files(io::ErrorKind),
    /// The store does not take it.
    Store,
}

impl From<io::Error> for Later {
    fn from(error: io::Error) -> Self {
        Self::Files(error.kind())
    }
}

impl Folders {
    /// The folders below `root`, looked at once in an `interval`. Reasons are written in `language`.
    #[must_use]
    pub fn new(hd4dp: &Arc<Hd4dp>, root: &Path, interval: Duration, language: Language) -> Arc<Self> {
        let (hd4dp, root, arrivals) = (Arc::clone(hd4dp), root.to_path_buf(), Mutex::default());
        Arc::new(Self { hd4dp, root, interval: interval.max(Duration::from_secs(1)), language, arrivals })
    }

    /// The work of looking.
    #[must_use]
    pub fn work(self: &Arc<Self>) -> Work {
        let folders = Arc::clone(self);
        Work::new("hd4dp watching folders", move || {
            let folders = Arc::clone(&folders);
            Box::pin(async move {
                loop {
                    folders.look().await;
                    clock::sleep(&*folders.hd4dp.context().clock, folders.interval).await;
                }
            })
        })
    }

    /// One look: completes what was claimed before, then takes what has arrived and is complete.
    pub async fn look(&self) {
        let mut arrivals = self.arrivals.lock().await;
        let definitions = Arc::clone(self.hd4dp.definitions());
        let newest = |definition: &&Arc<Definition>| {
            definitions.get(definition.name()).is_some_and(|newest| newest.version() == definition.version())
        };
        for definition in definitions.iter().filter(newest) {
            for (way, name) in [(Way::Provisioning, "provisioning"), (Way::FastTrack, "fast-track")] {
                let path = self.root.join(self.hd4dp.nihdi().as_str()).join(definition.name()).join(name);
                let inbox = Inbox { definition, way, path };
                if let Err(later) = self.empty(&inbox, &mut arrivals).await {
                    inbox.complain(&later);
                }
            }
        }
    }

    async fn empty(&self, inbox: &Inbox<'_>, arrivals: &mut Arrivals) -> Result<(), Later> {
        results::make_folders(&inbox.path)?;
        let now = self.hd4dp.context().clock.now();
        for claim in claims(&inbox.path.join(TAKEN))? {
            // One file that has to wait must not keep the others waiting.
            self.complete(inbox, claim).await.unwrap_or_else(|later| inbox.complain(&later));
        }
        let found = arrivals.look(&inbox.path, now, self.interval)?;
        if found.strange > 0 {
            let (register, entries) = (inbox.definition.name(), found.strange);
            tracing::warn!(register, entries, "a folder for files holds links, folders or devices; they are left alone");
        }
        for name in found.complete {
            match self.claim(inbox, &name).await {
                Ok(Some(claim)) => self.complete(inbox, claim).await.unwrap_or_else(|later| inbox.complain(&later)),
                // It disappeared: whoever put it there took it back.
                Ok(None) => {}
                Err(later) => inbox.complain(&later),
            }
        }
        Ok(())
    }

    /// Moves a file where nobody else looks for it.
    async fn claim(&self, inbox: &Inbox<'_>, name: &OsString) -> Result<Option<Claim>, Later> {
        let id = self.hd4dp.next_id();
        let folder = inbox.path.join(TAKEN).join(id.to_string());
        fs::create_dir(&folder)?;
        self.reach().await;
        let file = folder.join(name);
        match fs::rename(inbox.path.join(name), &file) {
            Ok(()) => {}
            Err(error) => {
                let _ = fs::remove_dir(&folder);
                return if error.kind() == io::ErrorKind::NotFound { Ok(None) } else { Err(error.into()) };
            }
        }
        self.reach().await;
        Ok(Some(Claim { id, folder, file: Some(file) }))
    }

    /// Brings a claimed file to its end, from wherever it stands.
    async fn complete(&self, inbox: &Inbox<'_>, claim: Claim) -> Result<(), Later> {
        let Some(file) = &claim.file else {
            // Nothing was moved there, or everything was moved on.
            return Ok(fs::remove_dir(&claim.folder)?);
        };
        let name = file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let mark = format!("{}/{}", claim.id, content_mark(file));
        let store = self.hd4dp.store();
        let known = store.claimed(&mark).await.map_err(|_| Later::Store)?;
        let options = UploadOptions { autosubmit: inbox.way == Way::FastTrack, ..UploadOptions::PROVISIONING };
        let how = How { options, author: inbox.way.code(), way: inbox.way, claim: Some(&mark) };
        let incoming = Incoming { definition: inbox.definition, path: file, name: &name };
        let beside = Some(inbox.path.as_path());
        let taken = match known.as_ref().map(|known| (known.progress, known)) {
            Some((Progress::Done | Progress::Failed, _)) => Ok(()),
            Some((Progress::Running | Progress::CutOff, known)) => {
                let done = (known.id, known.attempted);
                self.hd4dp.take_up_beside(incoming, beside, done, &how, self.language).await.map(drop)
            }
            None => self.hd4dp.receive_beside(incoming, beside, &how, self.language).await.map(drop),
        };
        if let Err(UploadError::Submit(crate::SubmitError::Trouble(_))) = taken {
            return Err(Later::Store);
        }
        self.reach().await;
        let upload = store.claimed(&mark).await.map_err(|_| Later::Store)?.ok_or(Later::Store)?;
        let name = results::name(&upload, claim.id);
        for result in results::of(store, &upload).await.map_err(|_| Later::Store)? {
            result.write(&inbox.path, &name)?;
            self.reach().await;
        }
        results::archive(&inbox.path, file, &upload, &name)?;
        self.reach().await;
        fs::remove_dir(&claim.folder)?;
        self.tell(inbox, &upload);
        Ok(())
    }

    fn tell(&self, inbox: &Inbox<'_>, upload: &UploadView) {
        tracing::info!(
            register = inbox.definition.name(),
            way = inbox.way.code(),
            upload = upload.id.0,
            progress = upload.progress.code(),
            attempted = upload.attempted,
            rejected = upload.rejected,
            "a file was taken from its folder"
        );
    }

    /// Between two steps a simulation may let the process die.
    async fn reach(&self) {
        self.hd4dp.context().reach(SERVICE, Point::AfterCommit).await;
    }
}

impl Inbox<'_> {
    fn complain(&self, later: &Later) {
        let (register, way) = (self.definition.name(), self.way.code());
        match later {
            Later::Files(kind) => {
                tracing::warn!(register, way, %kind, "failed to move a file of a folder; trying again at the next look")
            }
            Later::Store => tracing::warn!(register, way, "failed to take in a file of a folder; trying again at the next look"),
        }
    }
}

impl std::fmt::Debug for Folders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Folders").field("interval", &self.interval).finish_non_exhaustive()
    }
}

/// A file that was moved into a folder of its own; gone when it was moved on.
struct Claim {
    id: Uuid,
    folder: PathBuf,
    file: Option<PathBuf>,
}

/// What stands claimed, oldest name first.
fn claims(taken: &Path) -> Result<Vec<Claim>, Later> {
    let mut claims = Vec::new();
    for entry in fs::read_dir(taken)? {
        let folder = entry?.path();
        let Some(id) = folder.file_name().and_then(|name| name.to_str()?.parse().ok()) else { continue };
        let file = fs::read_dir(&folder)?.next().transpose()?.map(|entry| entry.path());
        claims.push(Claim { id, folder, file });
    }
    claims.sort_by_key(|claim| claim.id);
    Ok(claims)
}

/// Tells the content of a file again; one that cannot be read has none.
fn content_mark(file: &Path) -> String {
    let hash = || -> io::Result<Sha256> {
        let (mut file, mut hash, mut buffer) = (fs::File::open(file)?, Sha256::new(), vec![0; 64 * 1024]);
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(hash),
                read => hash.update(buffer.get(..read).unwrap_or_default()),
            }
        }
    };
    hash().map_or_else(|_| "unreadable".to_owned(), |hash| hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
