//! Which hospitals and services a text may name: those of a scenario, or those of an installation.

use topology::Nihdi;

use super::words;
use crate::simulation::{Hospital, Service};

/// Hospitals and services, by their words.
#[derive(Debug, Clone)]
pub struct Places {
    /// The hospitals.
    pub hospitals: Vec<(String, Hospital)>,
    /// The services, each hospital's own ones with its word.
    pub services: Vec<(String, Service)>,
}

impl Places {
    fn of(hospitals: Vec<(String, Hospital)>) -> Self {
        let mut services = Vec::new();
        for of_hospital in [Service::Hd4dp, Service::EhboxHco] {
            for (word, hospital) in &hospitals {
                let service = of_hospital(*hospital);
                let (kind, _) = words::service_and_hospital(service);
                services.push((format!("{kind} {word}"), service));
            }
        }
        let central = [Service::EhealthTtp, Service::EhboxHd, Service::Hd4res, Service::Dhw];
        services.extend(central.map(|service| (words::service(service), service)));
        Self { hospitals, services }
    }

    /// Those of a scenario with these hospitals, by their names.
    #[must_use]
    pub fn with(hospitals: &[Hospital]) -> Self {
        Self::of(hospitals.iter().map(|hospital| (hospital.name().to_owned(), *hospital)).collect())
    }

    /// Those of a scenario that names no hospitals of its own.
    #[must_use]
    pub fn of_scenarios() -> Self {
        Self::with(&Hospital::ALL)
    }

    /// Those of an installation with these hospitals: by their numbers, and by the scenarios' words where it has their hospitals.
    #[must_use]
    pub fn of_installation(hospitals: &[Nihdi]) -> Self {
        let by_number = hospitals.iter().map(|nihdi| (nihdi.to_string(), Hospital::of(*nihdi)));
        let is_here = |hospital: Hospital| hospitals.iter().any(|nihdi| Hospital::of(*nihdi) == hospital);
        let by_word = words::HOSPITALS.into_iter().filter(|(_, hospital)| is_here(*hospital));
        Self::of(by_number.chain(by_word.map(|(word, hospital)| (word.to_owned(), hospital))).collect())
    }

    /// Each hospital and each service once.
    #[must_use]
    pub fn every(&self) -> (Vec<Hospital>, Vec<Service>) {
        let mut hospitals: Vec<Hospital> = self.hospitals.iter().map(|(_, hospital)| *hospital).collect();
        let mut services: Vec<Service> = self.services.iter().map(|(_, service)| *service).collect();
        hospitals.sort_unstable();
        hospitals.dedup();
        services.sort_unstable();
        services.dedup();
        (hospitals, services)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installation_names_hospitals_by_number_and_scenarios_by_word() {
        let scenarios = Places::of_scenarios();
        let named: Vec<_> = scenarios.services.iter().map(|(word, service)| (word.as_str(), *service)).collect();
        assert_eq!(named, words::SERVICES);
        let places = Places::of_installation(&["00000196".parse().unwrap(), "71000012".parse().unwrap()]);
        let words: Vec<_> = places.hospitals.iter().map(|(word, _)| word.as_str()).collect();
        assert_eq!(words, ["00000196", "71000012", "north"]);
        let (hospitals, services) = places.every();
        assert_eq!((hospitals.len(), services.len()), (2, 2 * 2 + 4));
        assert!(places.services.contains(&("ehbox-hco 71000012".to_owned(), Service::EhboxHco(hospitals[1]))));
    }
}
