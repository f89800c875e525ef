//! A run with canaries: two hospitals' registrations go through the whole route and through their lives, and everything that passes is kept to be
//! looked at.

use std::{
    io::{self, Write},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use async_trait::async_trait;
use broker::{Broker, BrokerError, Consumer, Depth, Payload, PublishError};
use clock::{Clock, SystemClock};
use dcd::{Definitions, Language};
use hd4dp::{
    GivenAnswer, Hd4dp,
    options::{How, UploadOptions},
    store::Filter,
    upload::{CsvFile, upload_with},
};
use hd4res::{Action, store::By};
use needle::Form;
use registration::Comment;
use store::Location;
use topology::{Arrow, Nihdi, QueueName, Route};
use uuid::Uuid;

use super::{
    canary::{Planter, Words, shared},
    field::{Field, Kind},
    publication::Recorded,
    watch::WatchList,
};
use crate::{
    broker_choice::BrokerChoice,
    commands::{
        files,
        session::{Prepared, Session, Wanted},
    },
    flow::{Ending, Watch},
    installation::Tuning,
    own_part::LeftOut,
    tally,
};

/// The hospitals of a trial.
pub const HOSPITALS: [&str; 2] = ["00000196", "00000295"];
/// How long a flow may stand still.
const PATIENCE: Duration = Duration::from_secs(60);
/// Items of a publication: several publications even of few rows.
const PUBLICATION_SIZE: usize = 5;

/// Where a trial takes place.
pub struct Ground<'a> {
    /// The folder of the run.
    pub data: &'a Path,
    /// The stores, empty ones.
    pub location: &'a Location,
    /// The folder of the keys.
    pub keys: &'a Path,
    /// The broker.
    pub broker: &'a BrokerChoice,
    /// Rows of each register at each hospital.
    pub rows: usize,
}

/// What a trial leaves.
#[derive(Clone)]
pub struct Trial {
    /// Everything that was published, in order.
    pub publications: Vec<Recorded>,
    /// What was planted.
    pub planted: WatchList,
}

/// Runs a trial with every line that the services log kept, in `log/precision.log` of the run's folder. What libraries log on threads of their own
/// is not in it.
///
/// # Errors
///
/// What keeps the flow from coming to rest.
pub fn run(ground: &Ground<'_>, definitions: Arc<Definitions>) -> anyhow::Result<Trial> {
    let log = Log::default();
    let writer = log.clone();
    // The subscriber is this thread's, and so all services stay on it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let trial = tracing::subscriber::with_default(host::logging::everything(move || writer.clone()), || {
        runtime.block_on(send(ground, definitions))
    });
    let folder = ground.data.join("log");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("precision.log"), &*log.0.lock().unwrap_or_else(PoisonError::into_inner))
        .context("keep the log")?;
    trial
}

/// A log that is kept in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn send(ground: &Ground<'_>, definitions: Arc<Definitions>) -> anyhow::Result<Trial> {
    let hospitals: Vec<Nihdi> = HOSPITALS.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    let wanted = Wanted {
        hospitals: &hospitals,
        store: ground.location,
        keys: ground.keys,
        broker: ground.broker,
        definitions: Arc::clone(&definitions),
        tuning: Tuning { publication_size: PUBLICATION_SIZE, ..Tuning::default() },
        left_out: LeftOut::default(),
    };
    let prepared = Prepared::open(&wanted).await?;
    let mut broker = prepared.broker(&wanted).await?;
    let recorder = Arc::new(Recorder { broker: Arc::clone(&broker.broker), publications: Mutex::default() });
    broker.broker = Arc::clone(&recorder) as Arc<dyn Broker>;
    let stores = prepared.stores().clone();
    let marks = tally::marks(&stores).await?;
    let session = prepared.start(wanted, broker).await?;
    let mut course = Course { session: &session, words: Words::default(), planted: WatchList::default(), uploads: Vec::new() };
    let clock = SystemClock;
    let started = clock.now();
    course.submit(ground, &definitions, &hospitals).await?;
    for hospital in &hospitals {
        course.live(hospital).await?;
    }
    course.spoil(&recorder).await?;
    let Course { planted, uploads, .. } = course;
    let items = tally::items(&stores, &uploads).await?;
    let summary = tally::summary(&stores, &uploads, &items, &marks, clock.now().since(started)).await?;
    let names: Vec<&str> = definitions.iter().map(|definition| definition.name()).collect();
    files::write(ground.data, &names, Language::English, &stores, session.installation.registers(), &items, &summary).await?;
    session.close(true).await;
    Ok(Trial { publications: recorder.taken(), planted })
}

/// What happens in a trial.
struct Course<'a> {
    session: &'a Session,
    words: Words,
    planted: WatchList,
    uploads: Vec<(Nihdi, hd4dp::store::UploadId)>,
}

impl Course<'_> {
    fn word(&mut self, kind: Kind, hospital: Option<Nihdi>) -> String {
        let word = self.words.next_word();
        self.planted.plant(&Field::beside(kind), hospital, "trial", word.as_str(), Form::Text);
        word
    }

    async fn rest(&self) -> anyhow::Result<()> {
        let ending = Watch::over(&self.session.installation, &self.session.clock).until_rest(PATIENCE).await?;
        anyhow::ensure!(ending == Ending::AtRest, "bring the planted registrations through: nothing moved any more");
        Ok(())
    }

    fn hd4dp(&self, hospital: &Nihdi) -> anyhow::Result<Arc<Hd4dp>> {
        self.session.installation.hd4dp.get(hospital).cloned().context("find the hospital")
    }

    /// Every register of every hospital, planted and uploaded.
    async fn submit(&mut self, ground: &Ground<'_>, definitions: &Definitions, hospitals: &[Nihdi]) -> anyhow::Result<()> {
        let first = shared(definitions, hospitals, ground.rows)?;
        for hospital in hospitals {
            let author = self.word(Kind::HospitalUser, Some(*hospital));
            let how = How::by_command(UploadOptions::default(), &author);
            let folder = ground.data.join("input").join(hospital.as_str());
            let reports = ground.data.join("reports").join(hospital.as_str());
            let mut planter = Planter::new(*hospital, &folder, &mut self.words, &mut self.planted);
            let mut files = Vec::new();
            for definition in definitions.iter() {
                files.push((Arc::clone(definition), planter.plant(definition, ground.rows, &first)?));
            }
            let hd4dp = self.hd4dp(hospital)?;
            for (definition, path) in files {
                let file = CsvFile::open(&path, &definition, SystemClock.now().date())?;
                let to = (&reports, Language::English);
                let upload = upload_with(&hd4dp, &definition, file, to, &how, async |_| {}).await?;
                let tally = hd4dp.store().tally(upload).await?;
                anyhow::ensure!(tally.accepted > 0, "plant in {}: every row was refused", definition.name());
                self.uploads.push((*hospital, upload));
            }
        }
        self.rest().await
    }

    /// What people do to registrations: comments and answers on one, an approval, a deletion, a new version.
    async fn live(&mut self, hospital: &Nihdi) -> anyhow::Result<()> {
        let hd4dp = self.hd4dp(hospital)?;
        let listed = hd4dp.list(&Filter::default(), None, 4).await?;
        let ids: Vec<Uuid> = listed.iter().map(|one| one.registration_id).collect();
        let [asked, approved, renewed, deleted] = ids.as_slice() else {
            anyhow::bail!("find four registrations to live");
        };
        let author = self.word(Kind::HospitalUser, Some(*hospital));
        let comment = Comment { place: None, text: format!("Graag nakijken: {}?", self.word(Kind::Comment, None)) };
        self.act(*asked, &Action::RequestCorrections(vec![comment])).await?;
        self.act(*approved, &Action::Approve).await?;
        hd4dp.reopen(*renewed, &author).await?;
        hd4dp.submit_again(*renewed, &author).await?;
        hd4dp.reopen(*deleted, &author).await?;
        self.rest().await?;
        let answer = GivenAnswer { column: None, text: format!("Gecorrigeerd, {}", self.word(Kind::Answer, Some(*hospital))) };
        hd4dp.submit_with(*asked, vec![answer], &author).await?;
        hd4dp.delete(*deleted, &author).await?;
        self.rest().await
    }

    async fn act(&mut self, registration: Uuid, action: &Action) -> anyhow::Result<()> {
        let author = self.word(Kind::HealthdataUser, None);
        let hd4res = &self.session.installation.hd4res;
        let record = hd4res.store().of_registration(registration).await?.context("find the record")?;
        hd4res.act(record, action, &By::role(&author)).await??;
        Ok(())
    }

    /// A publication that was damaged on its way becomes a dead letter.
    async fn spoil(&self, recorder: &Recorder) -> anyhow::Result<()> {
        let queue = Arrow::ToTtp.queue(None);
        let sent = recorder.publications().iter().find(|one| one.queue == queue.as_str()).cloned();
        let mut document: serde_json::Value = serde_json::from_slice(&sent.context("find a publication")?.payload)?;
        let identity = document.pointer_mut("/data/items/0/identity").context("find an item")?;
        let spoiled: String = identity.as_str().unwrap_or_default().chars().rev().skip_while(|sign| *sign == '=').collect();
        *identity = spoiled.get(..64).unwrap_or_default().into();
        recorder.publish(&Arrow::ToTtp.route(None), serde_json::to_vec(&document)?.into()).await?;
        self.rest().await?;
        let is_dead = |one: &Recorded| one.queue == queue.dead().as_str();
        anyhow::ensure!(recorder.publications().iter().any(is_dead), "make a dead letter");
        Ok(())
    }
}

/// A broker that keeps what is published.
struct Recorder {
    broker: Arc<dyn Broker>,
    publications: Mutex<Vec<Recorded>>,
}

impl Recorder {
    fn publications(&self) -> std::sync::MutexGuard<'_, Vec<Recorded>> {
        self.publications.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn taken(&self) -> Vec<Recorded> {
        std::mem::take(&mut *self.publications())
    }
}

#[async_trait]
impl Broker for Recorder {
    async fn publish(&self, route: &Route, payload: Payload) -> Result<(), PublishError> {
        self.publications().push(Recorded { queue: route.routing_key.clone(), payload: payload.clone() });
        self.broker.publish(route, payload).await
    }

    async fn consume(&self, queue: &QueueName, prefetch: u16) -> Result<Box<dyn Consumer>, BrokerError> {
        self.broker.consume(queue, prefetch).await
    }

    async fn depth(&self, queue: &QueueName) -> Result<Depth, BrokerError> {
        self.broker.depth(queue).await
    }

    fn incarnation(&self) -> Uuid {
        self.broker.incarnation()
    }
}
