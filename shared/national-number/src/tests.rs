use super::*;
use proptest::prelude::*;

/// Fictitious persons: counters 000 and 999 are never issued.
const MALE_1964: &str = "64031299906";

fn known(digits: &str, birth: (i16, i8, i8), sex: Option<Sex>, bis: bool) {
    let facts = facts(digits).unwrap_or_else(|| panic!("{digits} is valid"));
    assert!(facts == Facts { birth: Some(birth), year: Some(birth.0), sex, bis }, "{digits}");
}

fn partly_known(digits: &str, year: Option<i16>, sex: Sex) {
    let facts = facts(digits).unwrap_or_else(|| panic!("{digits} is valid"));
    assert!(facts == Facts { birth: None, year, sex: Some(sex), bis: false }, "{digits}");
}

#[test]
fn reads_birth_and_sex_of_either_century() {
    known(MALE_1964, (1964, 3, 12), Some(Sex::Male), false);
    known("64031200035", (1964, 3, 12), Some(Sex::Female), false);
    known("05031299957", (2005, 3, 12), Some(Sex::Male), false);
    known("05031200086", (2005, 3, 12), Some(Sex::Female), false);
    known("85073003328", (1985, 7, 30), Some(Sex::Male), false);
    known("17073003384", (2017, 7, 30), Some(Sex::Male), false);
}

#[test]
fn reads_bis_numbers_and_their_sex_only_when_it_was_known() {
    known("64431299992", (1964, 3, 12), Some(Sex::Male), true);
    known("64231299949", (1964, 3, 12), None, true);
    known("01510500063", (2001, 11, 5), Some(Sex::Female), true);
    known("98472899765", (1998, 7, 28), Some(Sex::Male), true);
}

#[test]
fn unknown_parts_of_the_birth_date_are_not_guessed() {
    partly_known("58070099974", Some(1958), Sex::Male);
    partly_known("58000099925", Some(1958), Sex::Male);
    partly_known("00000199938", None, Sex::Male);
    partly_known("00000199967", None, Sex::Male);
    let bis = facts("01490700185").unwrap();
    assert!(bis == Facts { birth: Some((2001, 9, 7)), year: Some(2001), sex: Some(Sex::Male), bis: true });
}

fn numbered(first_nine: u32, since_2000: bool) -> String {
    format!("{first_nine:09}{:02}", check_digits(first_nine, since_2000))
}

#[test]
fn a_day_that_its_month_does_not_have_is_unknown() {
    partly_known(&numbered(630_229_999, false), Some(1963), Sex::Male);
    known(&numbered(640_229_999, false), (1964, 2, 29), Some(Sex::Male), false);
    partly_known(&numbered(229_999, false), Some(1900), Sex::Male);
    known(&numbered(229_999, true), (2000, 2, 29), Some(Sex::Male), false);
}

#[test]
fn a_number_with_an_impossible_month_is_valid_and_tells_nothing() {
    for month in [13, 19, 33, 39, 53, 99] {
        let digits = numbered(640_012_999 + month * 100_000, false);
        assert!(is_valid(&digits));
        assert!(facts(&digits) == Some(Facts { birth: None, year: None, sex: None, bis: false }), "month {month}");
        assert!(!contains_number(&digits), "month {month}");
    }
}

#[test]
fn refuses_wrong_check_digits_and_other_shapes() {
    for digits in ["64031299907", "12345678901", "", "6403129990", "640312999060", "64031299 06", "6403129990x", "٦٤٠٣١٢٩٩٩٠٦"]
    {
        assert!(!is_valid(digits), "{digits}");
        assert!(facts(digits).is_none(), "{digits}");
    }
    // The check digits of a remainder of 0 are 97, never 00.
    assert_eq!(check_digits(0, false), 97);
    assert!(is_valid("00000000097"));
    assert!(!is_valid("00000000000"));
}

#[test]
fn separators_are_taken_where_people_write_them() {
    for text in ["64031299906", "64.03.12-999.06", "64 03 12 999 06", "640312-999-06", "640312 99906", "64/03/12-999.06"] {
        assert_eq!(strip_separators(text).as_deref(), Some(MALE_1964), "{text}");
    }
    for text in
        ["6.40312-999.06", "64.03.12--999.06", "64.03.12-999.0", "64.03.12-999.061", " 64031299906", "64.03.12-99906x", ""]
    {
        assert_eq!(strip_separators(text), None, "{text}");
    }
}

#[test]
fn finds_a_number_anywhere_in_a_text() {
    for text in [
        "64031299906",
        "see patient 64.03.12-999.06 again",
        "INSZ:64031299906.",
        "x64031299906y",
        "1 64 03 12 999 06",
        "12345678901 and 64031299906",
        "123 64031299906",
        "médecin n° 640312-999-06",
        "64231299949",
        "58070099974",
        "58000099925",
        "00000199938",
        "00000199967",
        "64\u{a0}03\u{a0}12\u{a0}999\u{a0}06",
    ] {
        assert!(contains_number(text), "{text}");
    }
}

#[test]
fn passes_what_is_not_a_number() {
    for text in [
        "",
        "no digits at all, é漢",
        "64031299907",
        "164031299906",
        "640312999061",
        "64031 299906",
        "64031299 906",
        "64..03.12-999.06",
        "tel. 02 123 45 67",
        "6403129990",
    ] {
        assert!(!contains_number(text), "{text}");
    }
    // Right check digits, but the 31st of February, and the 12th day of an unknown month.
    assert!(!contains_number(&numbered(640_231_999, false)));
    assert!(!contains_number(&numbered(640_012_999, false)));
}

#[test]
fn debug_prints_no_facts() {
    assert_eq!(format!("{:?}", facts(MALE_1964).unwrap()), "Facts");
}

/// A date of 1900 to 2099 that exists, with what BIS adds to the month, and a counter.
fn person() -> impl Strategy<Value = (i16, i8, i8, i8, u32)> {
    (1900_i16..2100, 1_i8..=12, 1_i8..=31, prop::sample::select(vec![0_i8, 20, 40]), 0_u32..1000)
        .prop_filter("a date that exists", |(year, month, day, _, _)| *day <= days_in_month(*year, *month))
}

fn number_of((year, month, day, bis, counter): (i16, i8, i8, i8, u32)) -> String {
    let date = u32::try_from(i32::from(year % 100) * 10_000 + i32::from(month + bis) * 100 + i32::from(day)).unwrap();
    numbered(date * 1000 + counter, year >= 2000)
}

proptest! {
    #[test]
    fn every_person_is_read_back_and_found(person in person()) {
        let digits = number_of(person);
        let (year, month, day, bis, counter) = person;
        let sex = (bis != 20).then_some(if counter % 2 == 1 { Sex::Male } else { Sex::Female });
        let expected = Facts { birth: Some((year, month, day)), year: Some(year), sex, bis: bis != 0 };
        prop_assert!(facts(&digits) == Some(expected));
        prop_assert!(contains_number(&digits));
        let written = format!("{}.{}.{}-{}.{}", &digits[..2], &digits[2..4], &digits[4..6], &digits[6..9], &digits[9..]);
        prop_assert_eq!(strip_separators(&written), Some(digits));
        prop_assert!(contains_number(&written));
    }

    /// The check digits find every change of one digit and every two neighbours in the wrong order, in the nine digits.
    #[test]
    fn the_check_digits_find_typing_errors(person in person(), at in 0_usize..9, by in 1_u8..10) {
        let digits = number_of(person);
        let mut wrong = digits.clone().into_bytes();
        wrong[at] = b'0' + (wrong[at] - b'0' + by) % 10;
        let since_2000 = person.0 >= 2000;
        let check = |digits: &[u8]| {
            let nine: u32 = std::str::from_utf8(&digits[..9]).unwrap().parse().unwrap();
            check_digits(nine, since_2000)
        };
        prop_assert_ne!(check(&wrong), check(digits.as_bytes()));
        let mut swapped = digits.clone().into_bytes();
        if at < 8 && swapped[at] != swapped[at + 1] {
            swapped.swap(at, at + 1);
            prop_assert_ne!(check(&swapped), check(digits.as_bytes()));
        }
    }

    /// The scanner agrees with a slow reading of its own rule, and never panics.
    #[test]
    fn the_scanner_agrees_with_a_model(text in "([0-9]{0,12}|[.\\- xé\u{2013}]{0,2}|64[. ]?03[. ]?12[- ]?999[. ]?06|58070099974){0,6}") {
        let characters: Vec<char> = text.chars().collect();
        let mut found = false;
        for start in 0..characters.len() {
            for end in start + 11..=characters.len().min(start + 15) {
                let piece: String = characters[start..end].iter().collect();
                let alone = !start.checked_sub(1).is_some_and(|before| characters[before].is_ascii_digit())
                    && !characters.get(end).is_some_and(char::is_ascii_digit);
                found |= alone
                    && strip_separators(&piece).is_some_and(|digits| parts(&digits).is_some_and(|parts| parts.has_plausible_date()));
            }
        }
        prop_assert_eq!(contains_number(&text), found, "{}", text);
    }

    #[test]
    fn any_text_is_scanned_without_panic(text in any::<String>()) {
        contains_number(&text);
        strip_separators(&text);
        facts(&text);
    }
}
