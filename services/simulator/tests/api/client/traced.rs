//! Where a registration is, asked over the APIs: each token shows its own party's passages, and no more.

use serde_json::Value;
use web::Role;

use super::{Terminal, held, registration};
use crate::{
    house::{HOSPITAL, House, OTHER_REGISTER, REGISTER},
    http::Ask,
};

/// Party, step and outcome of the stops of the first version.
fn stops(traced: &Value) -> Vec<String> {
    let of = |stop: &Value| ["party", "step", "outcome"].map(|member| stop[member].as_str().unwrap().to_owned()).join(" ");
    let mut stops: Vec<String> = traced["traced"][0]["courses"][0]["stops"].as_array().unwrap().iter().map(of).collect();
    stops.sort();
    stops
}

#[tokio::test(flavor = "multi_thread")]
async fn each_token_shows_where_a_registration_was_at_its_own_party() {
    let house = House::open().await;
    let tokens = [
        held(&house, Role::DataProvider, Some(HOSPITAL)),
        held(&house, Role::Support, None),
        held(&house, Role::DataValidator, None),
    ];
    let all = Terminal::with(&house, "all", &tokens.join("\n"));
    let first = registration(&all.json(&["list"]).await, 0);
    let traced = all.json(&["trace", &first]).await;
    let expected = [
        "dhw 7 validated".to_owned(),
        format!("hd4dp-{HOSPITAL} 3 back arrived"),
        format!("hd4dp-{HOSPITAL} 3 sent"),
        "hd4res 6 arrived".to_owned(),
        "hd4res 6 back sent".to_owned(),
        "hd4res 7 back arrived".to_owned(),
    ];
    assert_eq!(stops(&traced), expected);
    let now = traced["traced"][0]["now"].as_str().unwrap();
    assert!(now.starts_with("at HD4RES, validated, New; the hospital sees Submitted, OK"), "{now}");
    let not_asked = traced["traced"][0]["not_asked"].as_array().unwrap();
    assert_eq!(not_asked.len(), 3, "the messaging clients and the TTP: {not_asked:?}");
    assert!(!traced.to_string().contains("healthdata.1."), "{traced}");
    // An item leads to its registration.
    let item = traced["traced"][0]["courses"][0]["item"].as_str().unwrap();
    assert_eq!(stops(&all.json(&["trace", item]).await), expected);

    for (number, (token, own)) in tokens.iter().zip([&expected[1..3], &expected[3..], &expected[..1]]).enumerate() {
        let alone = Terminal::with(&house, &format!("alone{number}"), token);
        // The warehouse knows items only.
        let id = if number == 2 { item } else { first.as_str() };
        let traced = alone.json(&["trace", id]).await;
        assert_eq!(stops(&traced), own);
        assert_eq!(traced["traced"][0]["not_asked"].as_array().unwrap().len(), 5);
        let file = format!("incident{number}.json");
        let said = alone.json(&["incident", id, "-o", &file]).await;
        assert_eq!(said["passages"], own.len());
        let text = std::fs::read_to_string(house.folder.path().join(&file)).unwrap();
        assert!(!text.contains("healthdata.1.") && text.contains(item), "{text}");
    }
    let followed = String::from_utf8(all.run(&["trace", "--follow", &first]).await.stdout).unwrap();
    assert_eq!(followed.lines().count(), expected.len() + 1, "all that passed, and where it is: {followed}");
    let unknown = "01234567-89ab-8def-8123-456789abcdef";
    let (status, said) = all.fails(&["trace", unknown]).await;
    assert_eq!((status, said), (2, format!("precision: no party that was asked knows {unknown}")));
    let (status, said) = all.fails(&["incident", &first, "-o", "x.json"]).await;
    assert!(status == 2 && said.contains("--party"), "{said}");

    // What a token does not extend to is not there for it.
    let path = format!("/hd4dp/{HOSPITAL}/itinerary/{first}");
    let other = house.token_of(&format!("data-provider {HOSPITAL} other"));
    let told = house.ask(&Ask::new("get", &path).with("authorization", &other)).await;
    assert_eq!(told.code(), "UNKNOWN_REGISTRATION", "{REGISTER} is not {OTHER_REGISTER}");
    house.close().await;
}
