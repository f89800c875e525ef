//! Nobody sees what is not for them. Every publication of every test is looked into; here it is made sure that there was something to see.

use flow::{all_rows, world};
use simulator::simulation::{Arrow, Fault, Hospital::North, Op, Service, Violation, Zone};

/// The inspector complains of a name, a number, a pseudonym or a content where it may not be, in clear or in base64 (its own tests plant
/// some). It knows what to look for from the publications inside hospitals and healthdata, so those must have shown it everybody.
#[test]
fn names_numbers_pseudonyms_and_contents_stay_in_their_zones() -> Result<(), Violation> {
    let mut world = world(3)?;
    world.run(all_rows())?;
    world.come_to_rest()?;
    for arrow in Arrow::FLOW {
        assert!(world.published().iter().any(|publication| publication.arrow == arrow), "nothing passed {arrow:?}");
    }
    let (patients, _) = world.patients_and_pseudonyms();
    assert!(patients >= 8, "{patients} patients were seen");
    assert_eq!(world.zones_of_contents(), [Zone::Hospital, Zone::Hd].into());
    Ok(())
}

/// One patient has one pseudonym, in every register and from every hospital, and two patients never share one.
#[test]
fn healthdata_can_join_what_belongs_together_and_nothing_else() -> Result<(), Violation> {
    let mut world = world(4)?;
    world.run(all_rows())?;
    world.come_to_rest()?;
    let (patients, pseudonyms) = world.patients_and_pseudonyms();
    assert_eq!(patients, pseudonyms);
    assert!(world.at_dhw()?.len() > patients, "no patient has two rows, so nothing was to be joined");
    Ok(())
}

/// Dead letters carry what the publication before them carried, so they are looked into as well.
#[test]
fn dead_letters_and_repeated_publications_tell_no_more() -> Result<(), Violation> {
    let mut world = world(5)?;
    world.run(Arrow::FLOW.map(|arrow| Op::Once { arrow, fault: Fault::Duplicate }))?;
    world.run(all_rows().chain([Op::Down(Service::EhealthTtp), Op::Minutes(0), Op::Forge(North), Op::Minutes(0)]))?;
    let dead = world.published().iter().filter(|publication| publication.is_dead).count();
    assert_eq!(dead, 2, "the forgery, doubled like the rest");
    world.come_to_rest()
}
