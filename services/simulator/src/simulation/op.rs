//! What can happen to a world, one thing at a time. A list of these is a test: it prints as the code that repeats it.

use std::fmt;

use host::Point;
use topology::Arrow;

/// The hospitals of every world. They share patients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hospital {
    /// The busier one.
    North,
    /// The other one.
    South,
}

impl Hospital {
    /// Both.
    pub const ALL: [Self; 2] = [Self::North, Self::South];

    /// Its NIHDI number: fictitious, as all that begin with 0.
    #[must_use]
    pub const fn number(self) -> &'static str {
        match self {
            Self::North => "00000196",
            Self::South => "00000295",
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
    pub(super) const fn comment(self) -> &'static str {
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
    /// Which one, below [`super::ROWS`].
    pub number: u8,
}

impl RowName {
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
}

impl fmt::Display for RowName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?} {}", self.hospital, self.register, self.number)
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
    /// All of them.
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
    /// Handed out so many minutes later.
    Delay(u32),
    /// Handed out behind whatever is published within the next second.
    Reorder,
    /// Stored, but its publisher hears that the confirm was lost.
    ConfirmLost,
    /// Refused: the queue is full.
    Refuse,
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
        first: u8,
        /// How many.
        count: u8,
    },
    /// A person changes rows and uploads them.
    Change {
        /// Where.
        hospital: Hospital,
        /// In which register.
        register: Register,
        /// The first row.
        first: u8,
        /// How many.
        count: u8,
    },
    /// A person at the hospital reopens a registration. As with all that follow: the `number`-th of the hospital's rows that were taken in,
    /// modulo how many there are; nothing happens when there is none, or when the status does not allow it.
    Reopen {
        /// Whose.
        hospital: Hospital,
        /// Which.
        number: u8,
    },
    /// A person at the hospital submits a registration again, with the values that it has.
    SubmitAgain {
        /// Whose.
        hospital: Hospital,
        /// Which.
        number: u8,
    },
    /// A person at the hospital deletes a registration.
    Delete {
        /// Whose.
        hospital: Hospital,
        /// Which.
        number: u8,
    },
    /// A researcher approves a registration.
    Approve {
        /// Whose.
        hospital: Hospital,
        /// Which.
        number: u8,
    },
    /// A researcher asks for corrections of a registration.
    RequestCorrections {
        /// Whose.
        hospital: Hospital,
        /// Which.
        number: u8,
    },
    /// A researcher asks for a follow-up of a registration.
    RequestFollowUp {
        /// Whose.
        hospital: Hospital,
        /// Which.
        number: u8,
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
    /// In its answers of the current epoch the TTP takes one patient for another, once. Pseudonyms of the epoch before must be there.
    MistakePatient,
}
