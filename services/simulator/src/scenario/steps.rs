//! What a step of a scenario can be: the table that reader, writer, schema and page share.

use topology::Arrow;

use super::words::{self, Word};
use crate::simulation::{Deed, Fault, Hospital, KeyPair, Name, Op, Point, Register, RowName, Service, Whose};

/// What a word of a step takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Nothing: the word alone is the step.
    Nothing,
    /// Rows: `north local 0-3`, `south treatment 1`, `january`, `january 3`, `all`.
    Rows,
    /// One registration: `north local 0`, or `north #2` for the third one that the hospital took in.
    Registration,
    /// A hospital.
    Hospital,
    /// A service.
    Service,
    /// A register.
    Register,
    /// An arrow, by its step.
    Step,
    /// A point of a service's work.
    Point,
    /// A time: `1 day 3 hours 5 minutes`.
    Span,
    /// A number from 1.
    Count,
    /// A fault of a publication.
    Fault,
    /// A key pair.
    KeyPair,
    /// What must be so.
    Expectation,
}

/// A word that begins a step.
#[derive(Debug, Clone, Copy)]
pub struct StepWord {
    /// The word.
    pub word: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// What may stand beside it, and whether it must.
    pub with: &'static [(&'static str, Takes, bool)],
    /// What happens.
    pub about: &'static str,
}

const fn alone(word: &'static str, about: &'static str) -> StepWord {
    StepWord { word, takes: Takes::Nothing, with: &[], about }
}

const fn with_one(word: &'static str, takes: Takes, about: &'static str) -> StepWord {
    StepWord { word, takes, with: &[], about }
}

/// Every word.
pub const STEPS: &[StepWord] = &[
    with_one("submit", Takes::Rows, "A person uploads rows as they last were: new ones, or the same again."),
    with_one("change", Takes::Rows, "A person changes rows and uploads them."),
    with_one("reopen", Takes::Registration, "A person at the hospital reopens a registration."),
    with_one(
        "submit-again",
        Takes::Registration,
        "A person at the hospital submits a registration again, with the values that it has.",
    ),
    with_one("delete", Takes::Registration, "A person at the hospital deletes a registration."),
    with_one("approve", Takes::Registration, "A researcher approves a registration."),
    with_one("request-corrections", Takes::Registration, "A researcher asks for corrections of a registration."),
    with_one("request-follow-up", Takes::Registration, "A researcher asks for a follow-up of a registration."),
    with_one(
        "pass",
        Takes::Span,
        "So much time passes. With `0 minutes` everything happens that can happen at the present moment.",
    ),
    with_one("polls", Takes::Count, "So many tasks are polled, in the order of the seed: what is under way stays under way."),
    StepWord {
        word: "fault",
        takes: Takes::Fault,
        with: &[("on", Takes::Step, true), ("by", Takes::Span, false), ("times", Takes::Count, false)],
        about: "The next publication on a step meets a fault, or the next so many; `delay` takes `by`.",
    },
    StepWord {
        word: "keep-fault",
        takes: Takes::Fault,
        with: &[("on", Takes::Step, true), ("by", Takes::Span, false)],
        about: "Every publication on a step meets a fault until `calm`.",
    },
    alone("calm", "No more faults of publications."),
    StepWord {
        word: "crash",
        takes: Takes::Service,
        with: &[("at", Takes::Point, true), ("times", Takes::Count, false)],
        about: "A service crashes when it next reaches a point, or the next so many times, and starts again.",
    },
    with_one("kill", Takes::Service, "A service crashes where it stands, and starts again."),
    with_one("down", Takes::Service, "A service stops."),
    with_one("up", Takes::Service, "A stopped service starts."),
    alone("cut-broker", "The broker restarts: every connection breaks, what waits in queues stays."),
    alone("lose-broker", "The one process that everything runs in dies with its embedded broker; the stores stay."),
    alone("broker-away", "The broker cannot be reached; what waits in queues stays."),
    alone("broker-back", "The broker can be reached again."),
    StepWord {
        word: "slow",
        takes: Takes::Service,
        with: &[("by", Takes::Span, true)],
        about: "A service takes so much longer for each of its deliveries; `0 minutes` ends it.",
    },
    with_one(
        "disk-full",
        Takes::Service,
        "A service's store refuses what is to be written; who uploads at a hospital tries again when it takes it.",
    ),
    with_one("disk-free", Takes::Service, "A service's store takes what is to be written again."),
    StepWord {
        word: "jump-clock",
        takes: Takes::Service,
        with: &[("by", Takes::Span, false), ("back", Takes::Span, false)],
        about: "A service's clock is set on `by` a time, or `back` by one.",
    },
    with_one("replay", Takes::Step, "The first publication that was ever sent on a step comes once more."),
    StepWord {
        word: "use-keys",
        takes: Takes::Service,
        with: &[("pair", Takes::KeyPair, true)],
        about: "A party starts again with another key pair: `wrong` is nobody's, `foreign` another party's, `own` its own again.",
    },
    StepWord {
        word: "guess-patients",
        takes: Takes::Hospital,
        with: &[("times", Takes::Count, true)],
        about: "Somebody inside a hospital asks the TTP for so many patients of the other one, with contents of its own.",
    },
    with_one(
        "forge-status",
        Takes::Hospital,
        "Somebody inside the hospital puts a STATUS with another content's hash on its queue.",
    ),
    alone("rotate", "The TTP begins a new epoch of pseudonyms."),
    alone("recode", "healthdata has everything re-coded to the current epoch."),
    with_one("renew-keys", Takes::Service, "A party with a key pair renews it: an `ehbox-hco`, `ehealth-ttp` or `ehbox-hd`."),
    StepWord {
        word: "new-definition",
        takes: Takes::Register,
        with: &[("at", Takes::Service, false)],
        about: "The second version of a register's definition comes into force: at one service, which starts again, or at everybody's. It has \
                one field more, and its fields other numbers.",
    },
    alone("mistake-patient", "In its re-coded pseudonyms the TTP takes one patient for another, once."),
    with_one("expect", Takes::Expectation, "What must be so at this moment, as in the table `[expect]` at the end."),
];

/// The faults of publications.
pub const FAULTS: [Word<Fault>; 16] = [
    ("drop", Fault::Lose),
    ("duplicate", Fault::Duplicate),
    ("delay", Fault::Delay { seconds: 0 }),
    ("reorder", Fault::Reorder),
    ("lose-confirm", Fault::ConfirmLost),
    ("full-queue", Fault::Refuse),
    ("corrupt", Fault::Corrupt),
    ("truncate", Fault::Truncate),
    ("tamper", Fault::Tamper),
    ("poison", Fault::Poison),
    ("forge-sender", Fault::ForgeSender),
    ("foreign-items", Fault::ForeignItems),
    ("swap-patients", Fault::SwapPatients),
    ("swap-handles", Fault::SwapHandles),
    ("pseudonym-in-comment", Fault::PseudonymInComment),
    ("invent-feedback", Fault::InventFeedback),
];

/// What a fault does, for the page.
#[must_use]
pub const fn about_fault(fault: Fault) -> &'static str {
    match fault {
        Fault::Lose => "The broker confirms it and loses it.",
        Fault::Duplicate => "The broker stores it twice.",
        Fault::Delay { .. } => "It is handed out so much later (`by`).",
        Fault::Reorder => "It is handed out behind whatever is published within the next second.",
        Fault::ConfirmLost => "The broker stores it, and its confirm gets lost: a connection cut between both.",
        Fault::Refuse => "The queue is full, and the broker refuses it.",
        Fault::Corrupt => "A byte in its middle is another, so that nobody can read it.",
        Fault::Truncate => "Its second half is missing.",
        Fault::Tamper => "One letter of what is sealed in its last item is another. On sealed steps only.",
        Fault::Poison => "Whoever reads it dies of it, every time.",
        Fault::ForgeSender => "A hospital sends it in the other hospital's name. On step 4 only.",
        Fault::ForeignItems => "A hospital's registrations come under item ids of the other hospital's. On step 3 only.",
        Fault::SwapPatients => "The TTP swaps the pseudonyms of its first and last item. On step 5 only.",
        Fault::SwapHandles => "healthdata swaps the return handles of its first and last answer. On step 6 back only.",
        Fault::PseudonymInComment => "healthdata writes a pseudonym into a researcher's comment. On step 6 back only.",
        Fault::InventFeedback => "The TTP puts feedback of its own in the place of healthdata's. On step 4 back only.",
    }
}

/// The key pairs that a party may use.
pub const KEY_PAIRS: [Word<KeyPair>; 3] = [("wrong", KeyPair::Wrong), ("foreign", KeyPair::Foreign), ("own", KeyPair::Own)];

/// Rows of one register of one hospital.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// Where.
    pub hospital: Hospital,
    /// In which register.
    pub register: Register,
    /// The input that they are of, if they are of one.
    pub input: Option<Name>,
    /// The first row.
    pub first: u16,
    /// How many.
    pub count: u16,
}

impl Range {
    /// The rows one by one.
    pub fn rows(self) -> impl Iterator<Item = RowName> {
        let Self { hospital, register, input, first, count } = self;
        (first..first.saturating_add(count)).map(move |number| RowName { hospital, register, input, number })
    }
}

/// What was given for a [`Takes`].
#[derive(Debug, Clone)]
pub enum Given {
    /// See [`Takes::Nothing`].
    Nothing,
    /// See [`Takes::Rows`].
    Rows(Vec<Range>),
    /// See [`Takes::Registration`].
    Registration(Whose),
    /// See [`Takes::Hospital`].
    Hospital(Hospital),
    /// See [`Takes::Service`].
    Service(Service),
    /// See [`Takes::Register`].
    Register(Register),
    /// See [`Takes::Step`].
    Step(Arrow),
    /// See [`Takes::Point`].
    Point(Point),
    /// See [`Takes::Span`]; in seconds.
    Span(u32),
    /// See [`Takes::Count`].
    Count(u16),
    /// See [`Takes::Fault`].
    Fault(Fault),
    /// See [`Takes::KeyPair`].
    KeyPair(KeyPair),
}

/// Seconds as minutes.
fn whole_minutes(seconds: u32) -> Result<u32, String> {
    if seconds.is_multiple_of(60) { Ok(seconds / 60) } else { Err("it takes whole minutes".to_owned()) }
}

/// A service that has a key pair.
fn with_keys(service: Service) -> Result<Service, String> {
    match service {
        Service::EhboxHco(_) | Service::EhealthTtp | Service::EhboxHd => Ok(service),
        Service::Hd4dp(_) | Service::Hd4res | Service::Dhw => Err("this service has no key pair".to_owned()),
    }
}

/// A step as it was read: its word, what the word takes, and what stands beside it.
pub struct Read<'a> {
    /// The word.
    pub word: &'static str,
    /// What it takes.
    pub given: &'a Given,
    /// What stands beside it, by word.
    pub with: &'a [(&'static str, Given)],
}

impl Read<'_> {
    fn beside(&self, word: &str) -> Option<&Given> {
        self.with.iter().find(|(known, _)| *known == word).map(|(_, given)| given)
    }

    fn times(&self) -> u16 {
        if let Some(Given::Count(times)) = self.beside("times") { *times } else { 1 }
    }

    /// Minutes on, or back.
    fn jump(&self) -> Result<i32, String> {
        let (seconds, is_on) = match (self.beside("by"), self.beside("back")) {
            (Some(Given::Span(on)), None) => (*on, true),
            (None, Some(Given::Span(back))) => (*back, false),
            _ => return Err("it needs `by` or `back`, a time, and not both".to_owned()),
        };
        let minutes = i32::try_from(whole_minutes(seconds)?).map_err(|_| "no clock is set so far".to_owned())?;
        Ok(if is_on { minutes } else { -minutes })
    }

    /// The fault, with its time when it takes one.
    fn fault(&self, fault: Fault) -> Result<Fault, String> {
        match (fault, self.beside("by")) {
            (Fault::Delay { .. }, Some(Given::Span(seconds))) => Ok(Fault::Delay { seconds: *seconds }),
            (Fault::Delay { .. }, _) => Err("`delay` needs `by`, such as by = \"3 hours\"".to_owned()),
            (_, Some(_)) => Err("only `delay` takes `by`".to_owned()),
            (fault, None) => Ok(fault),
        }
    }

    /// The operations that the step stands for.
    ///
    /// # Errors
    ///
    /// A sentence when what stands together does not go together.
    pub fn ops(&self) -> Result<Vec<Op>, String> {
        let upload = |change: bool| {
            move |range: &Range| {
                let Range { hospital, register, input, first, count } = *range;
                if let Some(input) = input {
                    Op::Upload { input, first, count, changed: change }
                } else if change {
                    Op::Change { hospital, register, first, count }
                } else {
                    Op::Submit { hospital, register, first, count }
                }
            }
        };
        Ok(match (self.word, self.given) {
            (word, Given::Rows(ranges)) => ranges.iter().map(upload(word == "change")).collect(),
            (word, Given::Registration(of)) => {
                let deed = words::DEEDS.iter().find(|(known, _)| *known == word).map(|(_, deed)| *deed);
                let deed: Deed = deed.ok_or_else(|| format!("`{word}` is no deed"))?;
                vec![Op::Deed { deed, of: *of }]
            }
            (_, Given::Span(seconds)) => vec![Op::Minutes(whole_minutes(*seconds)?)],
            (_, Given::Count(polls)) => vec![Op::Steps(*polls)],
            (word, Given::Fault(fault)) => {
                let Some(Given::Step(arrow)) = self.beside("on") else {
                    return Err("it needs `on`, the step of an arrow".to_owned());
                };
                let (arrow, fault) = (*arrow, self.fault(*fault)?);
                if !fault.befalls(arrow) {
                    return Err(format!("this fault does not happen on step {}: {}", arrow.step(), about_fault(fault)));
                }
                if word == "keep-fault" {
                    vec![Op::Keep { arrow, fault }]
                } else {
                    vec![Op::Once { arrow, fault }; self.times().into()]
                }
            }
            ("crash", Given::Service(service)) => {
                let Some(Given::Point(point)) = self.beside("at") else { return Err("it needs `at`, a point".to_owned()) };
                vec![Op::Crash { service: *service, point: *point }; self.times().into()]
            }
            ("kill", Given::Service(service)) => vec![Op::Kill(*service)],
            ("down", Given::Service(service)) => vec![Op::Down(*service)],
            ("up", Given::Service(service)) => vec![Op::Up(*service)],
            ("renew-keys", Given::Service(service)) => vec![Op::Renew(with_keys(*service)?)],
            ("use-keys", Given::Service(service)) => {
                let Some(Given::KeyPair(pair)) = self.beside("pair") else { return Err("it needs `pair`".to_owned()) };
                with_keys(*service).map(|service| vec![Op::UseKeys { service, pair: *pair }])?
            }
            ("slow", Given::Service(service)) => {
                let Some(Given::Span(seconds)) = self.beside("by") else { return Err("it needs `by`, a time".to_owned()) };
                vec![Op::Slow { service: *service, seconds: *seconds }]
            }
            ("disk-full", Given::Service(service)) => vec![Op::DiskFull(*service)],
            ("disk-free", Given::Service(service)) => vec![Op::DiskFree(*service)],
            ("jump-clock", Given::Service(service)) => vec![Op::JumpClock { service: *service, minutes: self.jump()? }],
            ("replay", Given::Step(arrow)) => vec![Op::Replay(*arrow)],
            ("guess-patients", Given::Hospital(hospital)) => vec![Op::Guess { hospital: *hospital, patients: self.times() }],
            ("new-definition", Given::Register(register)) => {
                let at = if let Some(Given::Service(service)) = self.beside("at") { Some(*service) } else { None };
                if at.is_some_and(|service| !service.reads_definitions()) {
                    return Err("this service reads no definitions".to_owned());
                }
                vec![Op::NewDefinition { register: *register, at }]
            }
            ("broker-away", _) => vec![Op::BrokerAway],
            ("broker-back", _) => vec![Op::BrokerBack],
            ("forge-status", Given::Hospital(hospital)) => vec![Op::Forge(*hospital)],
            ("calm", _) => vec![Op::Calm],
            ("cut-broker", _) => vec![Op::CutBroker],
            ("lose-broker", _) => vec![Op::LoseBroker],
            ("rotate", _) => vec![Op::Rotate],
            ("recode", _) => vec![Op::Recode],
            ("mistake-patient", _) => vec![Op::MistakePatient],
            (word, _) => return Err(format!("`{word}` is no step")),
        })
    }
}
