//! One seed and one list are one itinerary.

use std::sync::Arc;

use flow::laboratory;
use simulator::simulation::{Laboratory, Violation, list};

fn itinerary(laboratory: &Arc<Laboratory>, seed: u64, list: u64) -> Result<String, Violation> {
    let world = list::run(laboratory, seed, &list::of_seed(list)).map_err(|failure| failure.violation)?;
    world.itinerary()
}

#[test]
fn the_same_seed_gives_the_same_itinerary_byte_for_byte() -> Result<(), Violation> {
    let laboratory = laboratory()?;
    for seed in 0..20 {
        assert_eq!(itinerary(&laboratory, seed, seed)?, itinerary(&laboratory, seed, seed)?);
    }
    Ok(())
}

/// The list is the same; the schedule and the ids are others.
#[test]
fn another_seed_gives_another_itinerary() -> Result<(), Violation> {
    let laboratory = laboratory()?;
    for list in 0..5 {
        assert_ne!(itinerary(&laboratory, 1, list)?, itinerary(&laboratory, 2, list)?);
    }
    Ok(())
}

/// Other keys make other pseudonyms and ciphertexts, and nothing may be ordered by those.
#[test]
fn other_keys_change_nothing() -> Result<(), Violation> {
    let (these, others) = (laboratory()?, Arc::new(Laboratory::new()?));
    for seed in 0..20 {
        assert_eq!(itinerary(&these, seed, seed)?, itinerary(&others, seed, seed)?);
    }
    Ok(())
}
