//! What a service's process is told on its standard input, and what it says on its standard output: one JSON object to a line.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{
    scenario::words::{DEEDS, POINTS, SERVICES, word_of},
    simulation::{Deed, Point, Service},
};

/// The first line: what the process is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Setup {
    /// As scenarios name it.
    pub(super) service: String,
    /// The address of its line to the broker.
    pub(super) broker: String,
    /// Prefix of all exchanges and queues.
    pub(super) prefix: String,
    /// Folder of its store file.
    pub(super) store: PathBuf,
    /// Folder of its keys, and of nobody else's.
    pub(super) keys: PathBuf,
    /// Items of a publication at most.
    pub(super) publication_size: usize,
    /// Registrations that may wait for an answer before the next are sent.
    pub(super) window: u64,
    /// Distinct patients per sender and day at the TTP.
    pub(super) quota: Option<u32>,
}

/// What it is told then: first how things stand, then to begin, then what happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Order {
    /// The world's time is so many microseconds before the system's.
    Time(i64),
    /// Its own clock is set so many minutes on, or back when negative.
    Jump(i64),
    /// It stays where it is when it reaches this point the next so many times, and says so; it is killed there.
    Crash {
        /// The point.
        point: String,
        /// How often; 0 for no more.
        times: u32,
    },
    /// Its store refuses what is to be written, or takes it again.
    DiskFull(bool),
    /// It begins to work.
    Begin,
    /// It takes in a file.
    Upload {
        /// Number of the order, for the answer.
        number: u64,
        /// Technical name of the register.
        register: String,
        /// The file.
        file: PathBuf,
    },
    /// Somebody does something to a registration.
    Deed {
        /// Number of the order, for the answer.
        number: u64,
        /// As scenarios name it.
        deed: String,
        /// Technical name of the register.
        register: String,
        /// The registration.
        registration: String,
    },
    /// Has everything re-coded to this epoch.
    Recode {
        /// Number of the order, for the answer.
        number: u64,
        /// The epoch.
        epoch: u32,
    },
}

/// What it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Word {
    /// It is put together and works.
    Ready,
    /// It stands at a point where it is to be killed.
    Reached(String),
    /// An order is carried out.
    Done {
        /// The order.
        number: u64,
        /// The upload, when it was one.
        upload: Option<i64>,
        /// Why not, when it failed.
        failed: Option<String>,
        /// Whether its disk was full when it failed.
        is_disk_full: bool,
    },
}

fn named<T: Copy>(words: &[(&'static str, T)], name: &str) -> Option<T> {
    words.iter().find(|(word, _)| *word == name).map(|(_, thing)| *thing)
}

pub(super) fn service_name(service: Service) -> String {
    word_of(&SERVICES, &service).to_owned()
}

pub(super) fn service(name: &str) -> Option<Service> {
    named(&SERVICES, name)
}

pub(super) fn point_name(point: Point) -> String {
    word_of(&POINTS, &point).to_owned()
}

pub(super) fn point(name: &str) -> Option<Point> {
    named(&POINTS, name)
}

pub(super) fn deed_name(deed: Deed) -> String {
    word_of(&DEEDS, &deed).to_owned()
}

pub(super) fn deed(name: &str) -> Option<Deed> {
    named(&DEEDS, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back() {
        for one in Service::ALL {
            assert_eq!(service(&service_name(one)), Some(one));
        }
        for one in Point::ALL {
            assert_eq!(point(&point_name(one)), Some(one));
        }
        for one in Deed::ALL {
            assert_eq!(deed(&deed_name(one)), Some(one));
        }
    }

    #[test]
    fn orders_and_words_are_lines_that_are_read_back() {
        let order = Order::Upload { number: 3, register: "Register".into(), file: "a\nb".into() };
        let line = serde_json::to_string(&order).unwrap();
        assert!(!line.contains('\n'));
        assert_eq!(serde_json::from_str::<Order>(&line).unwrap(), order);
        let word = Word::Done { number: 3, upload: Some(1), failed: None, is_disk_full: false };
        assert_eq!(serde_json::from_str::<Word>(&serde_json::to_string(&word).unwrap()).unwrap(), word);
    }
}
