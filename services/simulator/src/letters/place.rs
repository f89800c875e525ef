//! Where dead letters stand, and where they go back to.

use topology::{Arrow, Nihdi, QueueName, Route};

/// A queue of an arrow, with the queue of its dead letters beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// The arrow.
    pub arrow: Arrow,
    /// The hospital whose queue it is, where the arrow has one per hospital.
    pub nihdi: Option<Nihdi>,
}

impl Place {
    /// Every place of an installation with these hospitals, in the order of the flow.
    #[must_use]
    pub fn all(hospitals: &[Nihdi]) -> Vec<Self> {
        let of = |arrow: Arrow| match arrow.per_hospital() {
            true => hospitals.iter().map(|nihdi| Self { arrow, nihdi: Some(*nihdi) }).collect(),
            false => vec![Self { arrow, nihdi: None }],
        };
        Arrow::ALL.into_iter().flat_map(of).collect()
    }

    /// The queue that the letters were set aside from.
    #[must_use]
    pub fn queue(&self) -> QueueName {
        self.arrow.queue(self.nihdi.as_ref())
    }

    /// The queue that they stand in.
    #[must_use]
    pub fn dead(&self) -> QueueName {
        self.queue().dead()
    }

    /// The way back.
    #[must_use]
    pub fn route(&self) -> Route {
        self.arrow.route(self.nihdi.as_ref())
    }

    /// Who set them aside: each queue has one reader.
    #[must_use]
    pub fn reader(&self) -> String {
        self.arrow.to().user(self.nihdi.as_ref()).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_goes_back_to_the_queue_that_its_place_belongs_to() {
        let hospitals: Vec<Nihdi> = ["71000012", "71000111"].map(|text| text.parse().unwrap()).into();
        let places = Place::all(&hospitals);
        // Three arrows of each hospital, eleven that they share.
        assert_eq!(places.len(), 2 * 3 + 11);
        for place in places {
            assert_eq!(place.route().routing_key, place.queue().as_str());
            assert_eq!(place.dead().as_str(), format!("{}.dead", place.queue()));
            assert!(place.reader().starts_with(place.arrow.to().as_str()));
        }
        let at_hospital = Place { arrow: Arrow::ToHco, nihdi: Some(hospitals[1]) };
        assert_eq!(at_hospital.reader(), "ehbox-hco-71000111");
        assert_eq!(at_hospital.dead().as_str(), "hco.71000111.in.dead");
    }
}
