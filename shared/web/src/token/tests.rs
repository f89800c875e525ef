use super::*;

fn caller() -> Caller {
    Caller {
        name: "desk 1".to_owned(),
        role: Role::DataProvider,
        organisation: Some("00000196".to_owned()),
        registers: Registers::Only(["A".to_owned(), "B".to_owned()].into()),
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000)
}

fn reason(entry: &str) -> String {
    match Known::parse(entry) {
        Err(Wrong::Entry(_, reason)) => reason.to_owned(),
        Err(Wrong::Form(error)) => error.message().to_owned(),
        Ok(_) => "accepted".to_owned(),
    }
}

#[test]
fn a_drawn_token_is_known_until_it_expires_and_no_other_is() {
    let (one, other) = (NewToken::draw(&caller(), Some(at(100))).unwrap(), NewToken::draw(&caller(), None).unwrap());
    assert!(!one.entry.contains(&one.secret) && one.secret != other.secret);
    let tokens = Known::parse(&one.entry).unwrap();
    let header = format!("Bearer {}", one.secret);
    assert_eq!(tokens.caller(Some(&header), at(99)), Ok(&caller()));
    assert_eq!(tokens.caller(Some(&header), at(100)), Err(Code::TokenExpired));
    let foreign = format!("Bearer {}", other.secret);
    for header in [None, Some(""), Some("Bearer"), Some("Bearer "), Some(&*foreign), Some(&*header.replace("Bearer", "Basic"))] {
        assert_eq!(tokens.caller(header, at(0)), Err(Code::Unauthenticated), "{header:?}");
    }
    assert!(!format!("{one:?}").contains(&one.secret));
}

#[test]
fn a_token_extends_to_its_registers_in_any_case() {
    assert!(caller().may_see("a") && !caller().may_see("C"));
    assert_eq!(caller().must_see("C"), Err(Code::ForeignRegister));
    assert!(Caller { registers: Registers::All, ..caller() }.may_see("C"));
}

#[test]
fn entries_that_contradict_themselves_are_refused_with_their_reason() {
    let good = NewToken::draw(&caller(), None).unwrap().entry;
    assert_eq!(reason(&good), "accepted");
    assert_eq!(reason(&good.repeat(2)), "another one has its name or its secret");
    let cases = [
        ("role = \"data-provider\"", "role = \"researcher\"", "a data provider has an organisation"),
        ("00000196", "196", "an organisation is a NIHDI number"),
        ("[\"A\", \"B\"]", "\"none\"", "registers are \"all\""),
        ("[\"A\", \"B\"]", "[]", "registers are \"all\""),
        ("name = \"desk 1\"", "name = \"\"", "a name has"),
        ("sha256 = \"", "sha256 = \"0", "sha256 has"),
        ("role = \"data-provider\"", "role = \"king\"", "unknown variant"),
        ("name =", "colour = 1\nname =", "unknown field"),
    ];
    for (from, to, expected) in cases {
        assert!(reason(&good.replace(from, to)).starts_with(expected), "{to}: {}", reason(&good.replace(from, to)));
    }
    let refused = NewToken::draw(&Caller { organisation: None, ..caller() }, None).unwrap_err();
    assert!(refused.to_string().contains("a data provider has an organisation"), "{refused}");
}
