//! All services of an installation in memory, none of which works on what it is given: a request is answered, and nothing follows.

use std::{collections::BTreeMap, io::Write as _, sync::Arc};

use axum::Router;
use broker::{Broker, EmbeddedBroker, EmbeddedOptions};
use clock::{Clock, SystemClock};
use envelope::IdBatch;
use hd4dp::{entry::NewRegistration, form::Form};
use hd4res::store::{Arrived, Judged};
use host::{Chance, Context, NoProbe};
use registration::{CodeKey, Content, ContentHead, ContentKind};
use serde_json::Value;
use simulator::{
    faults::Switchboard,
    installation::{Installation, Plan, Tuning, Zones},
    keys::AllKeys,
    site,
    stores::Stores,
};
use tempfile::NamedTempFile;
use tokio::runtime::Runtime;
use topology::{Nihdi, Topology};
use uuid::Uuid;
use web::{
    Caller, Role, Tokens,
    token::{NewToken, Registers},
};

use crate::DEFINITIONS;

const HOSPITAL: &str = "00000196";
const REGISTER: &str = "Precision_Local_MAB";
/// The registration that is there: kept, and not submitted.
const REGISTRATION: Uuid = Uuid::from_u128(0x0123_4567_89ab_8cde_bc04_8c00_0000_0001);
const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];

/// What a caller of a role shows, at the hospital and elsewhere.
type Secrets = BTreeMap<(Role, bool), String>;

/// An installation whose APIs answer.
pub(super) struct House {
    pub(super) runtime: Runtime,
    pub(super) router: Router,
    pub(super) operations: Vec<Operation>,
    secrets: Secrets,
    _installation: Installation,
    _tokens: NamedTempFile,
}

/// A route of an API.
pub(super) struct Operation {
    pub(super) method: String,
    template: String,
    /// Where it stands, with everything in place that it is about.
    pub(super) path: String,
    pub(super) document: Value,
}

impl Operation {
    pub(super) fn route(&self) -> String {
        format!("{} {}", self.method, self.template)
    }

    /// Whether it changes something: a change has a key of its own.
    pub(super) fn is_change(&self) -> bool {
        let mut parameters = self.document["parameters"].as_array().into_iter().flatten();
        parameters.any(|one| one["in"] == "header" && one["name"] == "Idempotency-Key")
    }

    pub(super) fn media_type(&self) -> Option<&str> {
        self.document["requestBody"]["content"].as_object()?.keys().next().map(String::as_str)
    }
}

impl House {
    pub(super) fn open() -> Option<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        let (tokens, secrets) = tokens()?;
        let known = Arc::new(Tokens::load(tokens.path()).ok()?);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let (installation, site) = runtime.block_on(async {
            let installation = installation(&clock).await?;
            let site = site::open(&installation, &known, &clock, "").await.ok()?;
            Some((installation, site))
        })?;
        let mut operations = Vec::new();
        for (base, document) in &site.documents {
            for (template, item) in document["paths"].as_object().into_iter().flatten() {
                for method in METHODS.into_iter().filter(|method| item.get(*method).is_some()) {
                    let template = format!("{base}{template}");
                    let (method, document) = (method.to_uppercase(), item[method].clone());
                    operations.push(Operation { path: placed(&template), method, template, document });
                }
            }
        }
        Some(Self { runtime, router: site.router, operations, secrets, _installation: installation, _tokens: tokens })
    }

    /// What a caller shows who may use a route.
    pub(super) fn token(&self, operation: &Operation) -> Option<String> {
        let roles = operation.document["x-roles"].as_array()?;
        let role = roles.iter().rev().find_map(|role| role.as_str()?.parse::<Role>().ok())?;
        let secret = self.secrets.get(&(role, operation.template.starts_with("/hd4dp/")))?;
        Some(format!("Bearer {secret}"))
    }
}

/// A route's template with everything that it is about in place.
fn placed(template: &str) -> String {
    let places = [
        ("{registration}", REGISTRATION.to_string()),
        ("{register}", REGISTER.to_owned()),
        ("{column}", "vcf_file".to_owned()),
        ("{upload}", "1".to_owned()),
        ("{report}", "success".to_owned()),
        ("{record}", "1".to_owned()),
        ("{number}", "0".to_owned()),
        ("{version}", "1".to_owned()),
        ("{fault}", "1".to_owned()),
    ];
    let path = places.iter().fold(template.to_owned(), |path, (name, value)| path.replace(name, value));
    // All others are ids.
    let mut parts = path.split('/').map(|part| if part.starts_with('{') { REGISTRATION.to_string() } else { part.to_owned() });
    let first = parts.next().unwrap_or_default();
    parts.fold(first, |path, part| path + "/" + &part)
}

async fn installation(clock: &Arc<dyn Clock>) -> Option<Installation> {
    let hospitals: [Nihdi; 1] = [HOSPITAL.parse().ok()?];
    let definitions = Arc::clone(&DEFINITIONS);
    let chance = Arc::new(Chance::seeded(1));
    let options = EmbeddedOptions::new(IdBatch::new(chance.bytes()).next_uuid());
    let broker = EmbeddedBroker::new(Arc::clone(clock), &Topology::for_hospitals(&hospitals), options);
    let zones = Zones::all_on(&(Arc::new(broker) as Arc<dyn Broker>));
    let context = Context { clock: Arc::clone(clock), chance, probe: Arc::new(NoProbe) };
    let keys = AllKeys::in_memory(&hospitals).ok()?;
    let stores = Stores::in_memory(&hospitals, &definitions);
    let switchboard = Arc::new(Switchboard::over(&hospitals, &context, &zones, &keys, &stores));
    let plan = Plan {
        hospitals: &hospitals,
        context,
        zones: switchboard.lines().of(None),
        stores: switchboard.stores().clone(),
        keys: switchboard.keys(),
        definitions,
        tuning: Tuning::default(),
    };
    let mut installation = Installation::new(plan).await.ok()?;
    installation.works.clear();
    installation.faults = Some(switchboard);
    keep(&installation).await?;
    receive(&installation, clock).await?;
    Some(installation)
}

/// Keeps one registration at the hospital, for routes that are about one.
async fn keep(installation: &Installation) -> Option<()> {
    let hd4dp = installation.hd4dp.values().next()?;
    let definition = hd4dp.definitions().get(REGISTER)?;
    let values = [("patient_id", "64031299906"), ("local_mab_date", "03/02/2025"), ("vcf_identifier", "P-1")];
    let form: Form = values.map(|(column, value)| (column.to_owned(), value.to_owned())).into_iter().collect();
    let registration_id = Some(REGISTRATION);
    let new = NewRegistration { definition: &definition, registration_id, form, files: Vec::new(), submit: false, author: "a" };
    hd4dp.create(new).await.ok().map(drop)
}

/// Has healthdata receive one registration and a clean verdict on it, for routes that are about a record.
async fn receive(installation: &Installation, clock: &Arc<dyn Clock>) -> Option<()> {
    let (sender, pseudonym) = ("SABCDEFGHIJKLMNO7".to_owned(), "healthdata.12.ABCDEFGHIJKLMNOPQRSTUVWXYZ4".to_owned());
    let head = ContentHead {
        registration_id: REGISTRATION,
        version: 1,
        kind: ContentKind::Registration,
        dcd: REGISTER.to_owned(),
        dcd_version: 1,
        organisation: HOSPITAL.to_owned(),
        patient_tag: [9; 16],
    };
    let content = Content::reduce(head, [], Vec::new(), &[], &CodeKey::new([1; 32])).ok()?;
    let arrived = Arrived {
        item_id: REGISTRATION,
        sender: sender.clone(),
        pseudonym,
        recoded_from: Vec::new(),
        hospital: [1; 8],
        handle: vec![1; 97],
        registration_id: REGISTRATION,
        version: 1,
        kind: ContentKind::Registration,
        dcd: REGISTER.to_owned(),
        dcd_version: 1,
        is_approved_automatically: false,
        unique_id: "P-1".to_owned(),
        answers: Vec::new(),
        content_hash: content.hash(),
        content: content.encode(),
    };
    let (store, at) = (&installation.stores.hd4res, clock.now());
    store.receive(&[arrived], at, &|_| Vec::new()).await.ok()?;
    store.judge(&[Judged { item_id: REGISTRATION, sender, is_clean: true, at }], &[]).await.ok().map(drop)
}

/// A file with a token of every role, at the hospital and at healthdata.
fn tokens() -> Option<(NamedTempFile, Secrets)> {
    let (mut file, mut secrets) = (NamedTempFile::new().ok()?, Secrets::new());
    for role in Role::ALL {
        for is_hospital in [false, true] {
            let organisation = is_hospital.then(|| HOSPITAL.to_owned());
            let caller = Caller { name: format!("{role} {is_hospital}"), role, organisation, registers: Registers::All };
            // A role that does not exist there has no token.
            let Ok(token) = NewToken::draw(&caller, None) else { continue };
            file.write_all(token.entry.as_bytes()).ok()?;
            secrets.insert((role, is_hospital), token.secret);
        }
    }
    Some((file, secrets))
}
