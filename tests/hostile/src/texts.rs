//! Names, ids and addresses: short texts that stand in documents, files and on command lines.

use std::{fmt::Display, str::FromStr};

use clock::Timestamp;
use envelope::{ItemId, KeyIdHex, PublicationId, ReasonCode, Source};
use host::config::BrokerSettings;
use identifying::{GeneratedId, IdentityKind, Ssin};
use pseudonymised::{Pseudonym, SenderCode};
use registration::Policy;
use sealing::keys::Party;
use simulator::{client::address::Address, simulation::Name};
use store::Location;
use topology::{Nihdi, Vhost};
use url::Url;

/// A text, read as everything that is one text.
///
/// Holds: a name is taken in one form only; a national number and a pseudonym that are taken are found in a text around them; no address that is
/// taken or refused shows who logs in with which password.
pub fn texts(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    one_form::<Nihdi>(text);
    one_form::<Party>(text);
    one_form::<ItemId>(text);
    one_form::<PublicationId>(text);
    one_form::<KeyIdHex>(text);
    one_form::<Source>(text);
    one_form::<ReasonCode>(text);
    one_form::<SenderCode>(text);
    one_form::<Name>(text);
    one_form::<web::Role>(text);
    one_form::<dcd::Language>(text);
    one_form::<hd4res::status::RecordStatus>(text);
    assert!(text.parse::<Policy>().map_or(true, |policy| policy.as_str() == text));
    assert!(text.parse::<IdentityKind>().map_or(true, |kind| kind.as_str() == text));
    assert!(text.parse::<GeneratedId>().map_or(true, |id| id.reveal() == text));
    if let Ok(moment) = text.parse::<Timestamp>() {
        assert_eq!(moment.to_string().parse(), Ok(moment), "a moment is read as another: {text}");
    }
    let _read = text.parse::<Vhost>().map(|vhost| assert_eq!(vhost.to_string().parse::<Vhost>().ok(), Some(vhost)));
    numbers(text);
    addresses(text);
}

/// What is taken is printed as it came.
fn one_form<T: FromStr + Display>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        assert_eq!(value.to_string(), text);
    }
}

fn numbers(text: &str) {
    if let Ok(ssin) = text.parse::<Ssin>() {
        assert_eq!(ssin.reveal(), text);
        assert_eq!(national_number::strip_separators(text).as_deref(), Some(text));
        let told = national_number::facts(text);
        assert!(told.is_some(), "a number that is one tells something");
        // Only a number with a plausible date is found, or any long number would be one.
        if told.is_some_and(|facts| facts.birth.is_some()) {
            assert!(national_number::contains_number(&format!("patient {text}, seen twice")));
        }
    }
    if let Some(digits) = national_number::strip_separators(text) {
        assert_eq!(national_number::strip_separators(&digits).as_deref(), Some(digits.as_str()));
    }
    if let Ok(pseudonym) = text.parse::<Pseudonym>() {
        assert_eq!(pseudonym.as_str(), text);
        let again = Pseudonym::assemble(pseudonym.domain(), pseudonym.epoch(), pseudonym.code());
        assert!(again.is_ok_and(|again| again == pseudonym));
        assert!(pseudonym_shape::contains_pseudonym(&format!("see {text}.")));
    }
    let _ = (national_number::contains_number(text), pseudonym_shape::contains_pseudonym(text));
}

/// What begins a password that is looked for. No text of the program has it.
const PASSWORD: &str = "pass-word";

/// What stands between the first colon and the last `@` in front of an address's path, where that is what is looked for.
fn password(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (login, _) = authority.rsplit_once('@')?;
    login.split_once(':').map(|(_, password)| password).filter(|password| password.starts_with(PASSWORD))
}

fn assert_hidden(said: &str, text: &str) {
    // Where it stands elsewhere in the address as well, it is no secret.
    let Some(password) = password(text).filter(|_| text.matches(PASSWORD).count() == 1) else { return };
    assert!(!said.contains(password), "an address shows its password: {said}");
}

fn addresses(text: &str) {
    match text.parse::<Address>() {
        Ok(address) => {
            assert!(!address.to_string().contains('@'));
            assert_eq!(address.to_string().parse().ok(), Some(address));
        }
        Err(error) => assert_hidden(&error.to_string(), text),
    }
    // No input may have files read: an address with TLS names some.
    let url = Url::parse(text).ok();
    let is_plain = url.as_ref().is_none_or(|url| url.scheme() == "amqp");
    if is_plain && let Err(error) = broker::check_address(text) {
        assert_hidden(&format!("{error} {error:?}"), text);
    }
    if Location::is_address(text) && url.is_none_or(|url| url.query().is_none()) {
        match text.parse::<Location>() {
            Ok(location) => assert_hidden(&format!("{location} {location:?}"), text),
            Err(error) => assert_hidden(&format!("{error} {error:?}"), text),
        }
    }
    let settings = BrokerSettings { url: text.to_owned(), password_file: None, prefix: None };
    match settings.address() {
        Ok(address) => assert!(address == text && password(text).is_none(), "a password was let pass"),
        Err(error) => assert_hidden(&format!("{error} {error:?}"), text),
    }
}
