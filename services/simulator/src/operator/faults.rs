//! What goes wrong on demand: which faults there are, which are on, switching them, and what they struck.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use topology::Arrow;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;
use web::{Access, Api, Call, Code, Json, Path, Problem, Query, Reply, Trace, problem::FoundLine};

use super::{OPERATE, Operator};
use crate::{
    faults::{FaultError, On, Strike, Switchboard, Switched, vocabulary},
    scenario::{
        page,
        places::Places,
        problem,
        read::read_step,
        steps::{FAULTS, KEY_PAIRS, about_fault},
        words::POINTS,
        write,
    },
    simulation::Op,
};

/// Adds the routes.
pub(super) fn routes(api: Api<Arc<Operator>>) -> Api<Arc<Operator>> {
    const SWITCH: &[Code] = &[Code::InvalidFault];
    const ONE: &[Code] = &[Code::UnknownFault];
    api.route(routes!(list), Access::figures(OPERATE))
        .route(routes!(switch), Access::change(OPERATE).problems(SWITCH))
        .route(routes!(off), Access::change(OPERATE))
        .route(routes!(one_off), Access::change(OPERATE).problems(ONE))
        .route(routes!(vocabulary_of), Access::figures(OPERATE))
        .route(routes!(log), Access::figures(OPERATE))
}

/// A fault that is on.
#[derive(Debug, Serialize, ToSchema)]
struct FaultOn {
    /// By which it can be switched off.
    number: u64,
    /// When it was switched on, as RFC 3339 has it.
    since: String,
    /// What it is, in the words of scenarios.
    words: String,
    /// How often it still strikes; none until it is switched off.
    left: Option<u32>,
}

impl From<On> for FaultOn {
    fn from(on: On) -> Self {
        Self { number: on.number, since: on.since.to_string(), words: write::step(on.op), left: on.left }
    }
}

/// What shall happen: one step of a scenario, as its table. docs/SCENARIOS.md has the words; `faults/vocabulary` those of this installation.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Wish {
    /// A fault of the next publications on the step `on`.
    fault: Option<String>,
    /// A fault of every publication on the step `on`, until `calm`.
    keep_fault: Option<String>,
    /// A service that crashes when it reaches the point `at`.
    crash: Option<String>,
    /// A service that crashes now.
    kill: Option<String>,
    /// A service that stops.
    down: Option<String>,
    /// A stopped service that starts.
    up: Option<String>,
    /// A service that takes `by` longer for each delivery.
    slow: Option<String>,
    /// A service whose store refuses what is to be written.
    disk_full: Option<String>,
    /// A service whose store takes it again.
    disk_free: Option<String>,
    /// A service whose clock is set on `by` a time, or `back` by one.
    jump_clock: Option<String>,
    /// A step whose first publication comes once more.
    replay: Option<String>,
    /// A service that starts again with the key pair `pair`.
    use_keys: Option<String>,
    /// A hospital where somebody asks for patients, so many `times`.
    guess_patients: Option<String>,
    /// A hospital where somebody forges a STATUS.
    forge_status: Option<String>,
    /// No more faults of publications.
    calm: Option<bool>,
    /// Every connection to the broker breaks.
    cut_broker: Option<bool>,
    /// The broker cannot be reached.
    broker_away: Option<bool>,
    /// The broker can be reached again.
    broker_back: Option<bool>,
    /// The step of an arrow.
    on: Option<String>,
    /// A point of a service's work.
    at: Option<String>,
    /// A time.
    by: Option<String>,
    /// A time.
    back: Option<String>,
    /// How often.
    times: Option<u16>,
    /// A key pair.
    pair: Option<String>,
}

impl Wish {
    /// The step in a scenario's form, and where each member begins in it, in characters.
    fn written(&self) -> Result<(String, Vec<(usize, String)>), Problem> {
        let Value::Object(members) = serde_json::to_value(self).map_err(|_| Code::Internal)? else {
            return Err(Code::Internal.into());
        };
        let (mut text, mut places) = (String::from("{"), Vec::new());
        for (name, value) in members.into_iter().filter(|(_, value)| !value.is_null()) {
            let value = if let Value::String(text) = &value { write::quoted(text) } else { value.to_string() };
            text.push_str(if places.is_empty() { " " } else { ", " });
            places.push((text.chars().count(), name.clone()));
            text.push_str(&format!("{name} = {value}"));
        }
        Ok((text + " }", places))
    }

    fn read(&self, places: &Places) -> Result<Vec<Op>, Problem> {
        let (text, members) = self.written()?;
        read_step(&text, places).map_err(|problems| {
            let findings: Vec<FoundLine> = problems.iter().map(|problem| finding(problem, &members)).collect();
            let pointer = findings.first().and_then(|first| first.column.as_ref()).map(|member| format!("/{member}"));
            Problem { code: Code::InvalidFault, pointer, findings }
        })
    }
}

/// What was expected, without what was given.
fn finding(problem: &problem::Problem, members: &[(usize, String)]) -> FoundLine {
    let member = members.iter().rev().find(|(begin, _)| *begin < problem.column).map(|(_, name)| name.clone());
    let message = problem.help.clone().unwrap_or_else(|| problem.message.clone());
    let (code, severity) = (Code::InvalidFault.as_str().to_owned(), "error".to_owned());
    FoundLine { code, severity, line: None, column: member, rule: None, message }
}

/// What came of a wish.
#[derive(Debug, Serialize, ToSchema)]
struct Came {
    /// `on`: it is on, under `number`. `done`: it happened, once. `off`: so many faults are off. `nothing`: there was nothing that it could have
    /// happened to.
    outcome: &'static str,
    /// By which it can be switched off.
    number: Option<u64>,
    /// How many faults went off.
    off: Option<usize>,
    /// The wish, in the words of scenarios.
    words: Option<String>,
}

impl Came {
    fn of(switched: Switched, op: Option<Op>) -> Self {
        let (outcome, number, off) = match switched {
            Switched::On(on) => ("on", Some(on.number), None),
            Switched::Done => ("done", None, None),
            Switched::Off(count) => ("off", None, Some(count)),
            Switched::Nothing => ("nothing", None, None),
        };
        Self { outcome, number, off, words: op.map(write::step) }
    }

    fn reply(&self) -> Result<Reply, Problem> {
        let ids = self.number.map(|number| number.to_string()).into_iter().collect();
        Ok(Reply::json(self)?.traced(Trace { register: None, ids, count: 1 }))
    }
}

impl From<FaultError> for Problem {
    fn from(error: FaultError) -> Self {
        match error {
            FaultError::Store(error) => error.into(),
            FaultError::Elsewhere => Code::InvalidFault.into(),
            error @ (FaultError::NoKey(_) | FaultError::Keys(_)) => {
                tracing::error!(service = super::SERVICE, %error, "a fault could not be switched on");
                Code::Internal.into()
            }
        }
    }
}

fn board(operator: &Operator) -> Result<&Switchboard, Problem> {
    // Without one there is no such route.
    operator.faults.as_deref().ok_or_else(|| Code::UnknownRoute.into())
}

/// The faults that are on.
#[utoipa::path(get, path = "/faults", responses((status = 200, body = Vec<FaultOn>)))]
async fn list(State(operator): State<Arc<Operator>>) -> Result<Reply, Problem> {
    let on: Vec<FaultOn> = board(&operator)?.lines().board.all().into_iter().map(FaultOn::from).collect();
    Reply::json(&on)
}

/// Switches a fault on, or lets something happen once.
#[utoipa::path(post, path = "/faults", request_body = Wish, responses((status = 200, body = Came)))]
async fn switch(State(operator): State<Arc<Operator>>, _call: Call, Json(wish): Json<Wish>) -> Result<Reply, Problem> {
    let board = board(&operator)?;
    let ops = wish.read(board.places())?;
    Came::of(board.switch(&ops).await?, ops.first().copied()).reply()
}

/// Switches every fault off.
#[utoipa::path(delete, path = "/faults", responses((status = 200, body = Came)))]
async fn off(State(operator): State<Arc<Operator>>, _call: Call) -> Result<Reply, Problem> {
    Came::of(Switched::Off(board(&operator)?.switch_all_off().await?), None).reply()
}

/// Switches one fault off.
#[utoipa::path(delete, path = "/faults/{fault}", params(("fault" = u64, Path)), responses((status = 200, body = Came)))]
async fn one_off(State(operator): State<Arc<Operator>>, _call: Call, Path(fault): Path<u64>) -> Result<Reply, Problem> {
    match board(&operator)?.switch_off(fault).await? {
        true => Came::of(Switched::Off(1), None).reply(),
        false => Err(Code::UnknownFault.into()),
    }
}

/// The words that can be said here.
#[derive(Debug, Serialize, ToSchema)]
struct Vocabulary {
    /// What can happen.
    words: Vec<Word>,
    /// What can befall publications.
    faults: Vec<FaultWord>,
    /// The hospitals.
    hospitals: Vec<String>,
    /// The services.
    services: Vec<String>,
    /// The points at which a service can crash.
    points: Vec<&'static str>,
    /// The key pairs that a party can use.
    pairs: Vec<&'static str>,
}

/// Something that can happen.
#[derive(Debug, Serialize, ToSchema)]
struct Word {
    /// The word.
    word: &'static str,
    /// How it is written, with what it takes.
    form: String,
    /// What happens.
    about: &'static str,
}

/// A fault of publications.
#[derive(Debug, Serialize, ToSchema)]
struct FaultWord {
    /// The word.
    word: &'static str,
    /// What becomes of a publication.
    about: &'static str,
    /// The steps that it can happen on.
    steps: Vec<&'static str>,
}

/// Which faults can be had.
#[utoipa::path(get, path = "/faults/vocabulary", responses((status = 200, body = Vocabulary)))]
async fn vocabulary_of(State(operator): State<Arc<Operator>>) -> Result<Reply, Problem> {
    let places = board(&operator)?.places();
    let steps =
        |fault: crate::simulation::Fault| Arrow::ALL.into_iter().filter(move |arrow| fault.befalls(*arrow)).map(Arrow::step);
    Reply::json(&Vocabulary {
        words: vocabulary::words().map(|step| Word { word: step.word, form: page::written(step), about: step.about }).collect(),
        faults: FAULTS
            .into_iter()
            .map(|(word, fault)| FaultWord { word, about: about_fault(fault), steps: steps(fault).collect() })
            .collect(),
        hospitals: places.hospitals.iter().map(|(word, _)| word.clone()).collect(),
        services: places.services.iter().map(|(word, _)| word.clone()).collect(),
        points: POINTS.iter().map(|(word, _)| *word).collect(),
        pairs: KEY_PAIRS.iter().map(|(word, _)| *word).collect(),
    })
}

/// Which part of the log.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Part {
    /// What struck behind the strike of this number; from the beginning when not given.
    after: Option<u64>,
    /// Strikes at most, from 1 to 1000; 100 when not given.
    limit: Option<u32>,
}

/// A fault that struck.
#[derive(Debug, Serialize, ToSchema)]
struct Struck {
    /// From 1, in order.
    number: u64,
    /// When, as RFC 3339 has it.
    at: String,
    /// The fault.
    fault: &'static str,
    /// The step of the publication that it struck.
    step: Option<&'static str>,
    /// The service that it struck, or that published what it struck.
    service: Option<String>,
    /// The publication's id.
    publication: Option<String>,
    /// `struck`, or `nothing` when there was nothing that it could have changed.
    outcome: &'static str,
}

impl From<Strike> for Struck {
    fn from(Strike { number, at, fault, step, service, publication, outcome }: Strike) -> Self {
        let publication = publication.map(|id| id.to_string());
        Self { number, at: at.to_string(), fault, step, service, publication, outcome: outcome.as_str() }
    }
}

/// What struck, in order: fault, step, publication and time; nothing of a patient. The last 10,000 are remembered.
#[utoipa::path(get, path = "/faults/log", params(Part), responses((status = 200, body = Vec<Struck>)))]
async fn log(State(operator): State<Arc<Operator>>, Query(part): Query<Part>) -> Result<Reply, Problem> {
    let limit = part.limit.unwrap_or(100);
    if !(1..=1000).contains(&limit) {
        return Err(Code::InvalidParameter.into());
    }
    let strikes = board(&operator)?.lines().strikes.after(part.after.unwrap_or(0), limit as usize);
    Reply::json(&strikes.into_iter().map(Struck::from).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::{Fault, Service};

    fn places() -> Places {
        Places::of_installation(&["71000012".parse().unwrap()])
    }

    fn read(document: Value) -> Result<Vec<Op>, Problem> {
        serde_json::from_value::<Wish>(document).unwrap().read(&places())
    }

    /// Who adds a word adds its member.
    #[test]
    fn every_word_of_the_vocabulary_is_a_member() {
        let Value::Object(members) = serde_json::to_value(Wish::default()).unwrap() else { panic!("a wish is an object") };
        for step in vocabulary::words() {
            for word in [step.word].into_iter().chain(step.with.iter().map(|(word, _, _)| *word)) {
                assert!(members.contains_key(word), "{word} cannot be said over HTTP");
            }
        }
    }

    #[test]
    fn a_wish_is_read_as_a_step() {
        let drop = Op::Once { arrow: Arrow::ToTtp, fault: Fault::Lose };
        assert_eq!(read(serde_json::json!({ "fault": "drop", "on": "4", "times": 2 })).unwrap(), [drop; 2]);
        assert_eq!(read(serde_json::json!({ "down": "ehealth-ttp" })).unwrap(), [Op::Down(Service::EhealthTtp)]);
        assert_eq!(read(serde_json::json!({ "calm": true })).unwrap(), [Op::Calm]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_member_and_without_its_value() {
        let told = |document: Value| {
            let problem = read(document).unwrap_err();
            assert_eq!(problem.code, Code::InvalidFault);
            assert!(!format!("{problem:?}").contains("64031299906"), "{problem:?}");
            (problem.pointer.unwrap_or_default(), problem.findings[0].message.clone())
        };
        assert_eq!(
            told(serde_json::json!({ "fault": "drp", "on": "4" })),
            ("/fault".to_owned(), "did you mean `drop`?".to_owned())
        );
        let (pointer, _) = told(serde_json::json!({ "fault": "drop", "on": "64031299906" }));
        assert_eq!(pointer, "/on");
        for document in [
            serde_json::json!({}),
            serde_json::json!({ "calm": false }),
            serde_json::json!({ "down": "64031299906" }),
            serde_json::json!({ "fault": "64031299906", "on": "4" }),
            serde_json::json!({ "slow": "dhw", "by": "64031299906" }),
            serde_json::json!({ "crash": "dhw", "at": "64031299906\n\"\\" }),
            serde_json::json!({ "down": "dhw", "up": "dhw" }),
            serde_json::json!({ "down": "dhw", "times": 3 }),
            serde_json::json!({ "guess-patients": "71000012", "times": 0 }),
        ] {
            assert!(!told(document).1.is_empty());
        }
    }

    #[test]
    fn what_is_on_is_shown_in_words() {
        let on = On { number: 3, since: clock::Timestamp::EPOCH, op: Op::Down(Service::Dhw), left: None };
        assert_eq!(FaultOn::from(on).words, "{ down = \"dhw\" }");
    }
}
