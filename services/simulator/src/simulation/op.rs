//! What can happen to a world, one thing at a time. A list of these is a test: it prints as the code that repeats it.

use std::fmt;

use host::Point;
use topology::{Arrow, Nihdi};

use super::name::Name;

/// A hospital of a world or of an installation. Hospitals of a world share patients.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hospital {
    /// The busier one of the two that every world has unless its scenario names others.
    North,
    /// The other one.
    South,
    /// Any other: one that a scenario names, or one of an installation.
    Other {
        /// What a scenario calls it; none in an installation, where it goes by its number.
        name: Option<Name>,
        /// Its NIHDI number; in an installation never that of one of the two above.
        nihdi: Nihdi,
    },
}

impl Hospital {
    /// The two that every world has unless its scenario names others.
    pub const ALL: [Self; 2] = [Self::North, Self::South];

    /// The hospital of a number in an installation.
    #[must_use]
    pub fn of(nihdi: Nihdi) -> Self {
        Self::ALL.into_iter().find(|one| one.number() == nihdi.as_str()).unwrap_or(Self::Other { name: None, nihdi })
    }

    /// Its NIHDI number. Those of worlds are fictitious, as all that begin with 0.
    #[must_use]
    pub fn number(&self) -> &str {
        match self {
            Self::North => "00000196",
            Self::South => "00000295",
            Self::Other { nihdi, .. } => nihdi.as_str(),
        }
    }

    /// What texts call it: its name in scenarios, else its number.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::North => "north",
            Self::South => "south",
            Self::Other { name: Some(name), .. } => name.as_str(),
            Self::Other { name: None, nihdi } => nihdi.as_str(),
        }
    }
}

impl fmt::Debug for Hospital {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::North => f.write_str("North"),
            Self::South => f.write_str("South"),
            Self::Other { .. } => f.write_str(self.name()),
        }
    }
}

/// The registers of project PRECISION.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Register {
    /// Advice of the hospital's own molecular board.
    Local,
    /// Advice of the central board.
    Central,
    /// What became of it. Its unique id contains the patient, so healthdata's contains the pseudonym.
    Treatment,
}

impl Register {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Local, Self::Central, Self::Treatment];

    /// Technical name of its definition.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Local => "Precision_Local_MAB",
            Self::Central => "Precision_Central_MAB",
            Self::Treatment => "Precision_Treatment",
        }
    }

    /// The column of free text that a simulation writes a row's name and revision into.
    pub(crate) const fn comment(self) -> &'static str {
        match self {
            Self::Local => "local_mab_comment",
            Self::Central => "central_mab_comment",
            Self::Treatment => "treatment_comment",
        }
    }
}

/// Names a row of a hospital's source system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowName {
    /// Where.
    pub hospital: Hospital,
    /// In which register.
    pub register: Register,
    /// The input whose row it is; none for the rows that every hospital has.
    pub input: Option<Name>,
    /// Which one, from 0: below [`super::ROWS_MAX`], or the rows of its input.
    pub number: u16,
}

impl RowName {
    /// A row that every hospital has.
    #[must_use]
    pub const fn new(hospital: Hospital, register: Register, number: u16) -> Self {
        Self { hospital, register, input: None, number }
    }

    /// Uploads the row as it was last.
    #[must_use]
    pub const fn submit(self) -> Op {
        Op::Submit { hospital: self.hospital, register: self.register, first: self.number, count: 1 }
    }

    /// Changes the row and uploads it.
    #[must_use]
    pub const fn change(self) -> Op {
        Op::Change { hospital: self.hospital, register: self.register, first: self.number, count: 1 }
    }

    /// Does something to the row's registration.
    #[must_use]
    pub const fn deed(self, deed: Deed) -> Op {
        Op::Deed { deed, of: Whose::Row(self) }
    }
}

impl fmt::Display for RowName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.input {
            Some(input) => write!(f, "{input} {}", self.number),
            None => write!(f, "{:?} {:?} {}", self.hospital, self.register, self.number),
        }
    }
}

/// A row's name as scenarios and reports write it: `north local 0`.
#[must_use]
pub fn written(row: RowName) -> String {
    row.to_string().to_lowercase()
}

/// What somebody does to a registration that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Deed {
    /// A person at the hospital reopens it.
    Reopen,
    /// A person at the hospital submits it again, with the values that it has.
    SubmitAgain,
    /// A person at the hospital deletes it.
    Delete,
    /// A researcher approves it.
    Approve,
    /// A researcher asks for corrections.
    RequestCorrections,
    /// A researcher asks for a follow-up.
    RequestFollowUp,
}

impl Deed {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Reopen, Self::SubmitAgain, Self::Delete, Self::Approve, Self::RequestCorrections, Self::RequestFollowUp];
}

/// The registration that a deed is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// That of a row.
    Row(RowName),
    /// The `number`-th of the hospital's rows that were taken in, modulo how many there are.
    Taken {
        /// Whose.
        hospital: Hospital,
        /// Which, from 0.
        number: u8,
    },
}

impl Whose {
    /// Where it was made.
    #[must_use]
    pub const fn hospital(self) -> Hospital {
        match self {
            Self::Row(row) => row.hospital,
            Self::Taken { hospital, .. } => hospital,
        }
    }
}

/// A process that can crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// A hospital's registration application.
    Hd4dp(Hospital),
    /// A hospital's messaging client.
    EhboxHco(Hospital),
    /// The trusted third party.
    EhealthTtp,
    /// healthdata's messaging client.
    EhboxHd,
    /// The research application.
    Hd4res,
    /// The data warehouse.
    Dhw,
}

impl Service {
    /// All of them, unless a scenario names other hospitals.
    pub const ALL: [Self; 8] = [
        Self::Hd4dp(Hospital::North),
        Self::Hd4dp(Hospital::South),
        Self::EhboxHco(Hospital::North),
        Self::EhboxHco(Hospital::South),
        Self::EhealthTtp,
        Self::EhboxHd,
        Self::Hd4res,
        Self::Dhw,
    ];

    /// All of a world with these hospitals.
    #[must_use]
    pub fn of_hospitals(hospitals: &[Hospital]) -> Vec<Self> {
        let of_hospitals = hospitals.iter().map(|one| Self::Hd4dp(*one)).chain(hospitals.iter().map(|one| Self::EhboxHco(*one)));
        of_hospitals.chain([Self::EhealthTtp, Self::EhboxHd, Self::Hd4res, Self::Dhw]).collect()
    }

    /// Whether it reads the registers' definitions.
    #[must_use]
    pub const fn reads_definitions(self) -> bool {
        matches!(self, Self::Hd4dp(_) | Self::EhboxHd | Self::Hd4res | Self::Dhw)
    }

    /// Its name in an installation.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Hd4dp(hospital) => format!("{}-{}", hd4dp::SERVICE, hospital.number()),
            Self::EhboxHco(hospital) => format!("{}-{}", ehbox_hco::SERVICE, hospital.number()),
            Self::EhealthTtp => ehealth_ttp::SERVICE.to_owned(),
            Self::EhboxHd => ehbox_hd::SERVICE.to_owned(),
            Self::Hd4res => hd4res::SERVICE.to_owned(),
            Self::Dhw => dhw::service::SERVICE.to_owned(),
        }
    }
}

/// What goes wrong with a publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Confirmed and gone.
    Lose,
    /// Stored twice.
    Duplicate,
    /// Handed out so much later.
    Delay {
        /// How much later.
        seconds: u32,
    },
    /// Handed out behind whatever is published within the next second.
    Reorder,
    /// Stored, but its publisher hears that the confirm was lost.
    ConfirmLost,
    /// Refused: the queue is full.
    Refuse,
    /// A byte in its middle is another: nobody can read it.
    Corrupt,
    /// Its second half is missing.
    Truncate,
    /// One letter in a text of its last item is another.
    Tamper,
    /// Whoever reads it dies of it, every time.
    Poison,
    /// A hospital sends it in another hospital's name.
    ForgeSender,
    /// A hospital's registrations come under the item ids of another hospital's.
    ForeignItems,
    /// The TTP gives the first patient the last one's pseudonym, and the other way round.
    SwapPatients,
    /// healthdata gives the first answer the last one's return handle, and the other way round.
    SwapHandles,
    /// A researcher's comment holds a pseudonym, past HD4RES's own check.
    PseudonymInComment,
    /// The TTP puts feedback of its own in the place of healthdata's.
    InventFeedback,
}

impl Fault {
    /// Handed out so many minutes later.
    #[must_use]
    pub const fn delay(minutes: u32) -> Self {
        Self::Delay { seconds: minutes.saturating_mul(60) }
    }

    /// Whether the publication itself is another behind the fault.
    #[must_use]
    pub const fn is_of_contents(self) -> bool {
        match self {
            Self::Lose | Self::Duplicate | Self::Delay { .. } | Self::Reorder | Self::ConfirmLost | Self::Refuse => false,
            Self::Corrupt
            | Self::Truncate
            | Self::Tamper
            | Self::Poison
            | Self::ForgeSender
            | Self::ForeignItems
            | Self::SwapPatients
            | Self::SwapHandles
            | Self::PseudonymInComment
            | Self::InventFeedback => true,
        }
    }

    /// The fault, whatever time it takes.
    #[must_use]
    pub const fn without_time(self) -> Self {
        if let Self::Delay { .. } = self { Self::Delay { seconds: 0 } } else { self }
    }

    /// Whether it can befall publications on this arrow.
    #[must_use]
    pub fn befalls(self, arrow: Arrow) -> bool {
        match self {
            Self::Tamper => arrow.form() == topology::Form::Sealed,
            Self::ForgeSender => arrow == Arrow::ToTtp,
            Self::ForeignItems => arrow == Arrow::HandOver,
            Self::SwapPatients => arrow == Arrow::ToHd,
            Self::SwapHandles | Self::PseudonymInComment => arrow == Arrow::FeedbackOut,
            Self::InventFeedback => arrow == Arrow::ToHco,
            _ => true,
        }
    }
}

/// Which key pair a party uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPair {
    /// One that nobody else knows: restored from the wrong backup.
    Wrong,
    /// Another party's.
    Foreign,
    /// Its own again.
    Own,
}

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// A person uploads rows as they last were: new ones, or the same again. An upload that a crash cuts off is repeated, as that person
    /// would.
    Submit {
        /// Where.
        hospital: Hospital,
        /// In which register.
        register: Register,
        /// The first row.
        first: u16,
        /// How many.
        count: u16,
    },
    /// A person changes rows and uploads them.
    Change {
        /// Where.
        hospital: Hospital,
        /// In which register.
        register: Register,
        /// The first row.
        first: u16,
        /// How many.
        count: u16,
    },
    /// A person uploads rows of an input, as they stand in it or, when `changed`, as somebody changed them afterwards.
    Upload {
        /// Which input.
        input: Name,
        /// The first row.
        first: u16,
        /// How many.
        count: u16,
        /// Whether they were changed.
        changed: bool,
    },
    /// Somebody does something to a registration; nothing happens when there is none, or when the status does not allow it.
    Deed {
        /// What.
        deed: Deed,
        /// To which.
        of: Whose,
    },
    /// So many tasks are polled at the present moment, in the order of the seed; what is under way stays under way.
    Steps(u16),
    /// So many minutes pass; with 0 everything happens that can happen at the present moment.
    Minutes(u32),
    /// The service crashes when it next reaches this point, and starts again; twice in a list, the next two times.
    Crash {
        /// Which.
        service: Service,
        /// Where.
        point: Point,
    },
    /// The service crashes where it stands, and starts again.
    Kill(Service),
    /// The service stops.
    Down(Service),
    /// A stopped service starts.
    Up(Service),
    /// The next publication on this arrow meets a fault.
    Once {
        /// Where.
        arrow: Arrow,
        /// What.
        fault: Fault,
    },
    /// Every publication on this arrow meets a fault until [`Op::Calm`].
    Keep {
        /// Where.
        arrow: Arrow,
        /// What.
        fault: Fault,
    },
    /// No more faults.
    Calm,
    /// Every connection to the broker breaks; what waits in queues stays.
    CutBroker,
    /// The one process that everything runs in dies, with the embedded broker and all that it held; the stores stay.
    LoseBroker,
    /// Somebody inside the hospital's zone puts a STATUS on its queue about a registration that waits for one, with another content's hash.
    Forge(Hospital),
    /// The TTP begins a new epoch of pseudonyms, while everything goes on.
    Rotate,
    /// healthdata has everything re-coded, without waiting for the first pseudonym of the current epoch.
    Recode,
    /// A party that has a key pair renews it. The others notice when they meet the new one.
    Renew(Service),
    /// The broker cannot be reached; what waits in queues stays.
    BrokerAway,
    /// The broker can be reached again.
    BrokerBack,
    /// A service takes so much longer for each of its deliveries; zero ends it.
    Slow {
        /// Which.
        service: Service,
        /// How much longer.
        seconds: u32,
    },
    /// A service's disk is full: its store refuses what is to be written.
    DiskFull(Service),
    /// A service's disk has room again.
    DiskFree(Service),
    /// The second version of a register's definition comes into force at one service, which starts again, or at everybody's.
    NewDefinition {
        /// Of which.
        register: Register,
        /// Where, when not everywhere.
        at: Option<Service>,
    },
    /// A service's clock is set so many minutes on, or back when negative.
    JumpClock {
        /// Which.
        service: Service,
        /// How far.
        minutes: i32,
    },
    /// The first publication that was ever sent on this arrow comes once more.
    Replay(Arrow),
    /// A party uses another key pair than the one that is public.
    UseKeys {
        /// Which.
        service: Service,
        /// Which pair.
        pair: KeyPair,
    },
    /// Somebody inside a hospital asks the TTP for so many of the other hospital's patients, to see what comes of it.
    Guess {
        /// Who asks.
        hospital: Hospital,
        /// For how many.
        patients: u16,
    },
    /// In its answers of the current epoch the TTP takes one patient for another, once. Pseudonyms of the epoch before must be there.
    MistakePatient,
}
