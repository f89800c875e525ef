//! An installation with a hospital's registrations in it, its APIs on a port that the system chose, and a token for everybody.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use dcd::{Definitions, Language};
use hd4dp::{
    Hd4dp,
    centre::Incoming,
    options::{How, UploadOptions},
    store::{UploadId, Way},
};
use serde_json::Value;
use simulator::{
    commands::session::{Prepared, Session, Wanted},
    flow::{Ending, Watch},
    installation::Tuning,
    site,
};
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};
use topology::Nihdi;
use web::{
    Caller, Journal, Role, Tokens,
    token::{NewToken, Registers},
};

use super::http::{Ask, Told};

pub(crate) const HOSPITAL: &str = "00000196";
pub(crate) const OTHER_HOSPITAL: &str = "00000295";
pub(crate) const REGISTER: &str = "Precision_Local_MAB";
pub(crate) const OTHER_REGISTER: &str = "Precision_Treatment";

pub(crate) struct House {
    pub(crate) address: SocketAddr,
    pub(crate) documents: BTreeMap<String, Arc<Value>>,
    pub(crate) session: Session,
    operator_journal: Arc<dyn Journal>,
    secrets: BTreeMap<String, String>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
    uploads: Mutex<Vec<UploadId>>,
    pub(crate) folder: TempDir,
}

/// Every role at its place, then with other registers, then at another place.
fn callers() -> Vec<Caller> {
    let mut callers = Vec::new();
    for (role, home) in [
        (Role::DataProvider, Some(HOSPITAL)),
        (Role::Administrator, Some(HOSPITAL)),
        (Role::Administrator, None),
        (Role::Researcher, None),
        (Role::Support, None),
        (Role::DataValidator, None),
        (Role::DataAnalyst, None),
        (Role::Operator, None),
        (Role::DataProvider, Some(OTHER_HOSPITAL)),
        (Role::Administrator, Some(OTHER_HOSPITAL)),
    ] {
        let at = home.unwrap_or("healthdata");
        for (registers, of) in [(Registers::All, "all"), (Registers::Only([OTHER_REGISTER.to_owned()].into()), "other")] {
            let name = format!("{role} {at} {of}");
            callers.push(Caller { name, role, organisation: home.map(str::to_owned), registers });
        }
    }
    callers
}

fn tokens(folder: &Path) -> (Tokens, BTreeMap<String, String>) {
    use std::os::unix::fs::PermissionsExt;
    let (mut file, mut secrets) = (String::new(), BTreeMap::new());
    for caller in callers() {
        let token = NewToken::draw(&caller, None).unwrap();
        file.push_str(&token.entry);
        secrets.insert(caller.name, token.secret);
    }
    let path = folder.join("tokens.toml");
    std::fs::write(&path, file).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    (Tokens::load(&path).unwrap(), secrets)
}

/// A file of so many rows, and of which share some are faulty.
pub(crate) fn rows(folder: &Path, name: &str, count: u32, faulty: u32) -> PathBuf {
    let path = folder.join(name);
    let (count, faulty) = (count.to_string(), faulty.to_string());
    let arguments = ["generate", "--dcd", REGISTER, "--org", HOSPITAL, "--seed", "4", "--count", &count, "--faulty", &faulty];
    let made = Command::new(env!("CARGO_BIN_EXE_precision")).args(arguments).arg("-o").arg(&path).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    path
}

impl House {
    /// A house with eight registrations.
    pub(crate) async fn open() -> Self {
        let house = Self::open_in(tempfile::tempdir().unwrap()).await;
        house.upload(8).await;
        house
    }

    /// A house with eight registrations in which faults may be switched on.
    pub(crate) async fn open_with_faults() -> Self {
        let house = Self::open_as(tempfile::tempdir().unwrap(), true).await;
        house.upload(8).await;
        house
    }

    /// A house as it was left; its tokens are new.
    pub(crate) async fn open_in(folder: TempDir) -> Self {
        Self::open_as(folder, false).await
    }

    async fn open_as(folder: TempDir, with_faults: bool) -> Self {
        let hospitals: [Nihdi; 1] = [HOSPITAL.parse().unwrap()];
        let store = folder.path().join("store").as_path().into();
        let wanted = Wanted {
            hospitals: &hospitals,
            store: &store,
            keys: &folder.path().join("keys"),
            broker: &"embedded".parse().unwrap(),
            definitions: Arc::new(Definitions::built_in().unwrap()),
            tuning: Tuning::default(),
            left_out: simulator::own_part::LeftOut::default(),
        };
        let prepared = Prepared::open(&wanted).await.unwrap();
        let broker = prepared.broker(&wanted).await.unwrap();
        let session = match with_faults {
            true => prepared.start_with_faults(wanted, broker).await.unwrap(),
            false => prepared.start(wanted, broker).await.unwrap(),
        };
        let (tokens, secrets) = tokens(folder.path());
        let site = site::open(&session.installation, &Arc::new(tokens), &session.clock, "").await.unwrap();
        let listener = web::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(web::serve(listener, site.router, Arc::clone(&session.clock), async move {
            let _ = stopped.await;
        }));
        let (documents, operator_journal) = (site.documents, site.operator_journal);
        Self { address, documents, session, secrets, stop, server, operator_journal, uploads: Mutex::default(), folder }
    }

    /// The hospital's registration application.
    pub(crate) fn hd4dp(&self) -> &Hd4dp {
        &self.session.installation.hd4dp[&HOSPITAL.parse::<Nihdi>().unwrap()]
    }

    /// Takes in generated rows at the hospital, and waits until the data warehouse has validated them.
    pub(crate) async fn upload(&self, count: u32) {
        self.take_in(count).await;
        self.rest().await;
    }

    /// Takes in generated rows at the hospital.
    pub(crate) async fn take_in(&self, count: u32) {
        let hd4dp = self.hd4dp();
        let definition = hd4dp.definitions().get(REGISTER).unwrap();
        let path = rows(self.folder.path(), "rows.csv", count, 0);
        let how = How { way: Way::UploadCentre, ..How::by_command(UploadOptions::default(), "test") };
        let incoming = Incoming { definition: &definition, path: &path, name: "rows.csv" };
        let outcome = hd4dp.receive(incoming, &how, Language::English).await.unwrap();
        assert!(outcome.refused.is_empty());
        self.uploads.lock().unwrap().push(outcome.upload);
    }

    /// Everything that it took in.
    pub(crate) fn uploads(&self) -> Vec<(Nihdi, UploadId)> {
        let nihdi = HOSPITAL.parse().unwrap();
        self.uploads.lock().unwrap().iter().map(|upload| (nihdi, *upload)).collect()
    }

    /// Waits until nothing is on its way.
    pub(crate) async fn rest(&self) {
        let watch = Watch::over(&self.session.installation, &self.session.clock);
        assert_eq!(watch.until_rest(Duration::from_secs(60)).await.unwrap(), Ending::AtRest);
    }

    /// The token of a role at a place, for all registers.
    pub(crate) fn token(&self, role: &str, at: &str) -> String {
        self.token_of(&format!("{role} {at} all"))
    }

    pub(crate) fn token_of(&self, name: &str) -> String {
        format!("Bearer {}", self.secrets[name])
    }

    /// A new token with these registers, which counts from the next request on.
    pub(crate) fn token_for(&self, role: &str, base: &str, registers: [String; 3]) -> String {
        let path = self.folder.path().join("tokens.toml");
        let known = std::fs::read_to_string(&path).unwrap();
        let organisation = base.starts_with("/hd4dp").then(|| HOSPITAL.to_owned());
        let name = format!("{role} behind {} others", known.matches("[[token]]").count());
        let caller = Caller { name, role: role.parse().unwrap(), organisation, registers: Registers::Only(registers.into()) };
        let token = NewToken::draw(&caller, None).unwrap();
        std::fs::write(&path, format!("{known}{}", token.entry)).unwrap();
        format!("Bearer {}", token.secret)
    }

    pub(crate) async fn ask(&self, ask: &Ask) -> Told {
        ask.send(self.address).await
    }

    /// What an API remembers.
    pub(crate) fn journal(&self, base: &str) -> &Arc<dyn Journal> {
        let stores = &self.session.installation.stores;
        match base {
            "/hd4res" => &stores.hd4res_journal,
            "/dhw" => &stores.dhw_journal,
            "/operator" => &self.operator_journal,
            _ => &stores.hospitals[&HOSPITAL.parse::<Nihdi>().unwrap()].journal,
        }
    }

    /// Ends it in order, and leaves its folder.
    pub(crate) async fn close(self) -> TempDir {
        self.stop.send(()).unwrap();
        self.server.await.unwrap();
        self.session.close(true).await;
        self.folder
    }
}
