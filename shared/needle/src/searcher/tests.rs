use data_encoding::{BASE64, BASE64URL, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;
use crate::Form;

const NAME: &str = "Zoë d'Hénin-Liétard";
const NUMBER: &str = "64031299906";

fn hits(value: &str, form: Form, haystack: &[u8]) -> Vec<(Encoding, Option<Layer>)> {
    let needle = Needle::new(value, form).unwrap();
    let searcher = Searcher::new([&needle]).unwrap();
    let mut found = Vec::new();
    searcher.search(haystack, |hit| found.push((hit.encoding, hit.within)));
    found
}

fn finds(value: &str, form: Form, haystack: impl AsRef<[u8]>) -> Vec<Encoding> {
    let around = [b"\x0b...", haystack.as_ref(), b" and so on"].concat();
    let mut found: Vec<_> = hits(value, form, &around).into_iter().map(|(encoding, _)| encoding).collect();
    found.dedup();
    found
}

#[test]
fn a_name_is_found_however_it_is_written() {
    let found = |text: &[u8]| finds(NAME, Form::Text, text);
    assert_eq!(found(NAME.as_bytes())[0], Encoding::Plain);
    assert_eq!(found("zoë d'hénin-liétard".as_bytes())[0], Encoding::OtherCase);
    assert_eq!(found("ZOË D'HÉNIN-LIÉTARD".as_bytes())[0], Encoding::OtherCase);
    assert_eq!(found("zoë_d_hénin_liétard".as_bytes()), [Encoding::Separators]);
    assert_eq!(found("ZoëdHéninLiétard".as_bytes()), [Encoding::Separators]);
    assert_eq!(found(b"Zoe d'Henin-Lietard"), [Encoding::Accents]);
    assert_eq!(found("Zoe\u{308} d'He\u{301}nin-Lie\u{301}tard".as_bytes()), [Encoding::Accents]);
    assert_eq!(found(br"Zo\u00eb d'H\u00E9nin-Li\u00e9tard"), [Encoding::Escaped]);
    assert_eq!(found("Zoë d''Hénin-Liétard".as_bytes()), [Encoding::Escaped]);
    assert_eq!(found("Zoë d&#39;Hénin-Liétard".as_bytes()), [Encoding::Escaped]);
    assert_eq!(found(b"Zo%C3%AB%20d%27H%c3%a9nin-Li%C3%A9tard"), [Encoding::Url]);
    assert_eq!(found(b"Zo%C3%AB+d%27H%C3%A9nin-Li%C3%A9tard"), [Encoding::Url]);
}

#[test]
fn bytes_of_a_name_are_found_in_every_encoding() {
    for offset in 0..3 {
        let bytes = [&[0xff, 0xfe, 0xfd][..offset], NAME.as_bytes(), &[0xfb]].concat();
        for text in [BASE64.encode(&bytes), BASE64URL.encode(&bytes), BASE64URL_NOPAD.encode(&bytes)] {
            assert!(finds(NAME, Form::Text, &text).contains(&Encoding::Base64), "offset {offset}: {text}");
        }
    }
    for text in [HEXLOWER.encode(NAME.as_bytes()), HEXUPPER.encode(NAME.as_bytes())] {
        assert!(finds(NAME, Form::Text, &text).contains(&Encoding::Hex), "{text}");
    }
    let units: Vec<u16> = NAME.encode_utf16().collect();
    for bytes in [u16::to_le_bytes, u16::to_be_bytes].map(|order| units.iter().copied().flat_map(order).collect::<Vec<u8>>()) {
        assert_eq!(finds(NAME, Form::Text, &bytes), [Encoding::Utf16]);
        let deep = BASE64.encode(HEXLOWER.encode(&bytes).as_bytes());
        assert!(hits(NAME, Form::Text, format!("\"{deep}\"").as_bytes()).contains(&(Encoding::Utf16, Some(Layer::Hex))));
    }
}

#[test]
fn a_number_is_found_as_text_as_bytes_and_as_a_hash() {
    let found = |bytes: &[u8]| finds(NUMBER, Form::NationalNumber, bytes);
    assert_eq!(found(b"x64031299906x"), [Encoding::Plain]);
    assert_eq!(found(b"64.03.12-999.06"), [Encoding::Separators]);
    assert_eq!(found(b"640312-999-06"), [Encoding::Separators]);
    let number: u64 = NUMBER.parse().unwrap();
    assert_eq!(found(&number.to_be_bytes()), [Encoding::Number]);
    assert_eq!(found(&number.to_le_bytes()), [Encoding::Number]);
    assert_eq!(found(&[0xc2, 0xb2, 0xc0, 0xc4, 0xee, 0x01]), [Encoding::Number], "LEB128, computed apart with Python");
    let hash = Sha256::digest(NUMBER);
    assert_eq!(found(&hash), [Encoding::Sha256]);
    assert!(found(HEXUPPER.encode(&hash).as_bytes()).contains(&Encoding::Sha256));
    assert!(found(BASE64.encode(&hash).as_bytes()).contains(&Encoding::Sha256));
    let separated = Sha256::digest("64.03.12-999.06");
    assert_eq!(found(&separated), [Encoding::Sha256]);
}

#[test]
fn the_hashes_are_the_known_ones() {
    // RFC 1321 and FIPS 180 have these of "message digest" and of "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".
    let md5 = finds("message digest", Form::Text, b"f96b697d7cb7938d525a2f31aaf161d0");
    let long = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    let sha1 = finds(long, Form::Text, b"84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    let sha256 = finds(long, Form::Text, b"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    for (found, expected) in [(md5, Encoding::Md5), (sha1, Encoding::Sha1), (sha256, Encoding::Sha256)] {
        assert!(found.contains(&expected), "{expected}: {found:?}");
    }
}

#[test]
fn a_day_is_found_and_a_longer_number_is_none() {
    for text in ["1964-03-12", "12/03/1964", "12.3.1964", "19640312", "12031964"] {
        assert!(!finds("1964-03-12", Form::Date, text).is_empty(), "{text}");
    }
    assert!(finds("1964-03-12", Form::Date, "at 1964031200000 micros, 120319640").is_empty());
    assert!(finds("1964-03-02", Form::Date, "12/3/1964, 12/03/1964").is_empty(), "the twelfth is another day");
    assert!(!finds("1964-03-02", Form::Date, "born 1964-03-02T00:00:00Z").is_empty());
}

/// At some offsets all signs that a day alone decides are those of its neighbours too.
#[test]
fn in_base64_a_day_is_told_from_the_next_one() {
    let days = [1, 2, 10, 11, 18, 19, 20].map(|day| format!("2025-07-{day:02}"));
    for (before, after) in [("", ""), ("x", "y"), ("xy", "zz"), ("abc", "\""), ("\"", "1")] {
        for day in &days {
            let text = data_encoding::BASE64.encode(format!("{before}{day}{after}").as_bytes());
            for other in &days {
                let found = finds(other, Form::Text, format!("\"{text}\""));
                assert_eq!(found.contains(&Encoding::Base64), other == day, "{other} in {text}, {day}");
            }
        }
    }
}

/// What was cut out of something keeps no bits beside it.
#[test]
fn a_value_is_found_in_base64_that_was_cut() {
    let whole = data_encoding::BASE64.encode(b"x2025-07-19y");
    assert_eq!(finds("2025-07-19", Form::Text, &whole[2..14]), [Encoding::Base64]);
}

#[test]
fn chance_gives_no_alarm() {
    // The signs of a name in base64 in other case are other bytes.
    let text = BASE64.encode(NAME.as_bytes()).to_lowercase();
    assert!(finds(NAME, Form::Text, text).is_empty());
    assert!(finds("Peeters", Form::Text, "Peetersstraat").is_empty(), "a short name is not found within a word");
    assert!(!finds("Peeters", Form::Text, "M. PEETERS, Gent").is_empty());
}

#[test]
fn each_needle_is_told_apart() {
    let needles = ["Vandenberghe", "den Berghe", "NotThere-1"].map(|value| Needle::new(value, Form::Text).unwrap());
    let mut found = Vec::new();
    Searcher::new(&needles).unwrap().search(b"J. Vandenberghe", |hit| found.push(hit.needle));
    found.sort_unstable();
    assert_eq!(found, [0, 1], "also where one stands within the other");
    assert_eq!(format!("{:?}", needles[0]), "Needle(Text)");
}

proptest! {
    #[test]
    fn bytes_are_found_at_any_place(before in prop::collection::vec(any::<u8>(), 0..40), value in prop::collection::vec(any::<u8>(), 12..40), after in prop::collection::vec(any::<u8>(), 0..40)) {
        let needle = Needle::new(value.clone(), Form::Bytes).unwrap();
        let searcher = Searcher::new([&needle]).unwrap();
        let whole = [before, value, after].concat();
        for haystack in [whole.clone(), HEXLOWER.encode(&whole).into_bytes(), BASE64.encode(&whole).into_bytes(), BASE64URL_NOPAD.encode(&whole).into_bytes()] {
            let mut count = 0;
            searcher.search(&haystack, |_| count += 1);
            prop_assert!(count > 0);
        }
    }
}
