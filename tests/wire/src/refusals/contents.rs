//! Contents and feedback that open, and that their reader must not have all the same.

use bytes::Bytes;
use envelope::{B64, Publication};
use hco_messages::Submission;
use hd_messages::OutgoingFeedback;
use registration::{Attachment, CodeKey, Comment, Content, ContentHead, Feedback, FeedbackHead, Place, Policy};
use sealing::{Part, Sealer, keys::Party};
use topology::Arrow;

use super::{
    Fate, assert_fate,
    keys::{hco, resealed, sealed_feedback},
};
use crate::{
    journey::{Journey, PATIENTS, place, row},
    rig::{HOSPITAL, OTHER_HOSPITAL, Rig},
};

const ITEM: usize = 1;

/// The submission with the content of an item made anew: with this head, these cells and files more, and no policy applied.
fn with_content(submission: &Bytes, head: impl FnOnce(&mut ContentHead), more: &[(&str, &str)], files: Vec<Attachment>) -> Bytes {
    let mut submission = Publication::<Submission>::decode(submission).unwrap();
    let item = &mut submission.data.items[ITEM];
    let content = item.content().unwrap();
    let mut changed = content.head().clone();
    head(&mut changed);
    let more: Vec<(Place, &str)> = more.iter().map(|(column, value)| (place(column), *value)).collect();
    let kept = content.cells().iter().filter(|cell| more.iter().all(|(place, _)| *place != cell.place));
    let cells = kept.map(|cell| (cell.place, cell.value.as_str())).chain(more.iter().copied());
    let content = Content::reduce(changed, cells, files, &[Policy::AsIs; 200], &CodeKey::new([0; 32])).unwrap();
    item.content = B64(content.encode());
    submission.encode().unwrap()
}

/// The hospital seals such a content; healthdata's client sets it aside under `code`, and the other two go on.
#[track_caller]
fn assert_refused(code: &'static str, forge: impl FnOnce(&Bytes) -> Bytes) {
    let mut rig = Rig::new();
    let mut journey = Journey::new(&mut rig);
    let good = journey.at(&mut rig, Arrow::HandOver);
    let bad = Journey::starting_with(Arrow::HandOver, forge(&good)).at(&mut rig, Arrow::ToHd);
    assert_fate(&mut rig, Arrow::ToHd, &bad, ITEM, Fate::Item(code));
    let good = journey.at(&mut rig, Arrow::ToHd);
    assert_fate(&mut rig, Arrow::ToHd, &good, ITEM, Fate::Passes);
}

#[test]
fn another_hospitals_installation_id() {
    // As the hand of this test makes it, the content is as good as before.
    let mut rig = Rig::new();
    let good = Journey::new(&mut rig).at(&mut rig, Arrow::HandOver);
    let same = with_content(&good, |_| {}, &[("installation_id", HOSPITAL)], Vec::new());
    assert_eq!(same, good);

    assert_refused("FOREIGN_ORGANISATION", |good| with_content(good, |_| {}, &[("installation_id", OTHER_HOSPITAL)], Vec::new()));
    assert_refused("FOREIGN_ORGANISATION", |good| {
        with_content(good, |head| OTHER_HOSPITAL.clone_into(&mut head.organisation), &[], Vec::new())
    });
}

#[test]
fn what_healthdata_may_not_have() {
    for (column, value) in [
        ("patient_id|name", "Peeters"),
        ("patient_id|date_of_birth", "1964-03-12"),
        ("patient_id|place_of_residence", "9000"),
        ("responsible_physician", "10000000000"),
    ] {
        assert_refused("POLICY", |good| with_content(good, |_| {}, &[(column, value)], Vec::new()));
    }
}

#[test]
fn a_national_number_in_a_text_a_file_name_or_a_file() {
    let number = "see 64.03.12-999.06 please";
    assert_refused("NATIONAL_NUMBER", |good| with_content(good, |_| {}, &[("local_mab_comment", number)], Vec::new()));
    let file =
        |name: &str, bytes: &[u8]| vec![Attachment { place: place("vcf_file"), name: name.to_owned(), bytes: bytes.to_vec() }];
    assert_refused("NATIONAL_NUMBER", |good| with_content(good, |_| {}, &[], file("64031299906.vcf", b"x")));
    assert_refused("NATIONAL_NUMBER", |good| with_content(good, |_| {}, &[], file("a.vcf", b"##sample=64031299906\n")));
}

#[test]
fn a_definition_that_nobody_knows() {
    assert_refused("UNKNOWN_DEFINITION", |good| with_content(good, |head| head.dcd_version = 99, &[], Vec::new()));
    assert_refused("UNKNOWN_DEFINITION", |good| with_content(good, |head| "Other".clone_into(&mut head.dcd), &[], Vec::new()));
}

/// A content may be cut, lengthened or padded otherwise by who seals it. It has one form.
#[test]
fn a_content_of_another_form() {
    let with_bytes = |good: &Bytes, change: fn(&mut Vec<u8>)| {
        let mut submission = Publication::<Submission>::decode(good).unwrap();
        change(&mut submission.data.items[ITEM].content.0);
        submission.encode().unwrap()
    };
    let changes: [fn(&mut Vec<u8>); 6] = [
        |content| content.truncate(1_023),
        |content| content.push(0),
        |content| content.extend([0; 1_024]),
        Vec::clear,
        |content| content[0] = 2,
        |content| *content.last_mut().unwrap() = 1,
    ];
    for change in changes {
        assert_refused("CONTENT", |good| with_bytes(good, change));
    }
}

/// Changes the clear text of a part of one item, as only its sender can: it opens, and is none.
#[track_caller]
fn assert_none(arrow: Arrow, part: (Part, &str), parties: (Party, Party), code: &'static str, change: impl Fn(&mut Vec<u8>)) {
    let mut rig = Rig::new();
    let mut journey = Journey::of(&mut rig, &[row(PATIENTS[0], "A-1"), row(PATIENTS[1], "A-2"), row(PATIENTS[2], "A-3")]);
    let good = journey.at(&mut rig, arrow);
    let (sender, recipient) = (rig.parties.key(parties.0).clone(), rig.parties.key(parties.1).clone());
    let sealer = || Sealer::authenticated(part.0, &sender, recipient.public()).unwrap();
    let again = resealed(&good, part, (&sender, &recipient), sealer(), |_, _| {});
    assert_fate(&mut rig, arrow, &again, ITEM, Fate::Passes);
    let bad = resealed(&good, part, (&sender, &recipient), sealer(), |place, clear| {
        if place == ITEM {
            change(clear);
        }
    });
    assert_fate(&mut rig, arrow, &bad, ITEM, Fate::Item(code));
}

/// Changes that make no part of any kind: another form, one byte fewer or more, nothing.
const OTHER_FORMS: [fn(&mut Vec<u8>); 4] =
    [|clear| clear[0] = 2, |clear| clear.truncate(clear.len() - 1), |clear| clear.push(0), Vec::clear];

/// The TTP is asked about numbers that nobody has: check digits that fail, other kinds, other forms.
#[test]
fn an_identity_that_is_none() {
    let changes: [fn(&mut Vec<u8>); 5] = [
        |clear| clear[12] ^= 1,
        |clear| clear[2..13].swap(3, 4),
        |clear| clear[1] = 2,
        |clear| clear[1] = 3,
        |clear| clear[13] = b'0',
    ];
    for change in changes.into_iter().chain(OTHER_FORMS) {
        let parties = (hco(), Party::EhealthTtp);
        assert_none(Arrow::ToTtp, (Part::Identity, "identity"), parties, "IDENTITY", change);
        let parties = (Party::EhealthTtp, hco());
        assert_none(Arrow::ToHco, (Part::ReturnedIdentity, "identity"), parties, "IDENTITY", change);
    }
}

#[test]
fn a_pseudonym_part_that_is_none() {
    let changes: [fn(&mut Vec<u8>); 5] =
        [|clear| clear[0] = 2, |clear| clear[20] ^= 1, |clear| clear[65] = b'T', |clear| clear.truncate(113), Vec::clear];
    for change in changes {
        let parties = (Party::EhealthTtp, Party::EhboxHd);
        assert_none(Arrow::ToHd, (Part::Pseudonym, "pseudonym"), parties, "PSEUDONYM_PART", change);
    }
}

#[test]
fn a_return_part_or_handle_that_is_none() {
    let assert = |code, change: fn(&mut Vec<u8>)| {
        assert_none(Arrow::ToTtpBack, (Part::Return, "return"), (Party::EhboxHd, Party::EhealthTtp), code, change);
    };
    let [form, lengths @ ..] = OTHER_FORMS;
    assert("RETURN_PART_FORM", form);
    lengths.into_iter().for_each(|change| assert("RETURN_PART_LENGTH", change));
    assert("RETURN_PART_LENGTH", |clear| clear[2] ^= 1);
    // Form, quarter, salt, number, sender, tag of the handle, which begins at byte 3; and a handle of another length.
    assert("HANDLE", |clear| clear[3] ^= 1);
    assert("HANDLE", |clear| clear[5] ^= 1);
    assert("HANDLE", |clear| clear[6] ^= 1);
    assert("HANDLE", |clear| clear[7] ^= 1);
    assert("HANDLE", |clear| clear[26] ^= 1);
    assert("HANDLE", |clear| clear[27] ^= 1);
    assert("HANDLE", |clear| clear[99] ^= 1);
    assert("HANDLE", |clear| {
        clear.remove(99);
        clear[2] -= 1;
    });
}

/// What healthdata's client has no eye for, and the data warehouse cannot place.
#[test]
fn a_registration_that_the_data_warehouse_cannot_place() {
    let (gene, outside) = (place("variants|gene"), Place::of(place("variants|gene").field));
    assert_ne!(gene, outside);
    let without_unique_id = |content: &Content| {
        let kept = content.cells().iter().filter(|cell| cell.place != place("vcf_identifier"));
        kept.map(|cell| (cell.place, cell.value.clone())).collect::<Vec<_>>()
    };
    let gene_outside_of_its_list = |content: &Content| {
        let moved = |at| if at == gene { outside } else { at };
        content.cells().iter().map(|cell| (moved(cell.place), cell.value.clone())).collect::<Vec<_>>()
    };
    let weight_in_words = |content: &Content| {
        let mut cells: Vec<_> = content.cells().iter().map(|cell| (cell.place, cell.value.clone())).collect();
        let weight = place("anthropometry|weight");
        cells.retain(|(place, _)| *place != weight);
        cells.push((weight, "heavy".to_owned()));
        cells.sort();
        cells
    };
    type Forge<'a> = &'a dyn Fn(&Content) -> Vec<(Place, String)>;
    for (code, forge) in [
        ("NO_UNIQUE_ID", &without_unique_id as Forge<'_>),
        ("PLACE", &gene_outside_of_its_list),
        ("NOT_A_NUMBER", &weight_in_words),
    ] {
        let mut rig = Rig::new();
        let mut journey = Journey::new(&mut rig);
        let mut submission = Publication::<Submission>::decode(&journey.at(&mut rig, Arrow::HandOver)).unwrap();
        let item = &mut submission.data.items[ITEM];
        let content = item.content().unwrap();
        let cells = forge(&content);
        let cells = cells.iter().map(|(place, value)| (*place, value.as_str()));
        let key = CodeKey::new([0; 32]);
        let bad = Content::reduce(content.head().clone(), cells, Vec::new(), &[Policy::AsIs; 200], &key).unwrap();
        item.content = B64(bad.encode());
        let bad = Journey::starting_with(Arrow::HandOver, submission.encode().unwrap()).at(&mut rig, Arrow::ToDhw);
        assert_fate(&mut rig, Arrow::ToDhw, &bad, ITEM, Fate::Item(code));
    }
}

/// The feedback with that of an item replaced by a correction request with these comments.
fn with_comments(feedback: &Bytes, comments: &[&str]) -> Bytes {
    let mut feedback = Publication::<OutgoingFeedback>::decode(feedback).unwrap();
    let item = &mut feedback.data.items[ITEM];
    let head: FeedbackHead = *item.feedback().unwrap().head();
    let comments = comments.iter().map(|text| Comment { place: None, text: (*text).to_owned() }).collect();
    item.feedback = B64(Feedback::CorrectionRequest { head, comments }.encode());
    feedback.encode().unwrap()
}

/// Neither client lets a pseudonym pass to a hospital: each looks for itself.
#[test]
fn a_pseudonym_in_a_comment() {
    for comment in [
        "this is healthdata.1.L3FTAOXERZTFXKSG2EB2PHDKZIE, is it not?",
        "L3FTAOXERZTFXKSG2EB2PHDKZIE",
        "l3ftaoxerztfxksg2eb2phdkzie",
        "healthdata.1.L3FTAOXERZTFXKSG2EB2PHDKZI",
    ] {
        let mut rig = Rig::new();
        let good = Journey::new(&mut rig).at(&mut rig, Arrow::FeedbackOut);
        let bad = with_comments(&good, &["please look", comment]);
        assert_fate(&mut rig, Arrow::FeedbackOut, &bad, ITEM, Fate::Item("PSEUDONYM_IN_FEEDBACK"));
        let harmless = with_comments(&good, &["please look", "the date of the sample lies behind that of the board"]);
        let harmless = rig.feed(Arrow::FeedbackOut, [harmless]).only(Arrow::ToTtpBack);
        let harmless = rig.feed(Arrow::ToTtpBack, [harmless]).only(Arrow::ToHco);
        assert_fate(&mut rig, Arrow::ToHco, &harmless, ITEM, Fate::Passes);
    }
}

/// The hospital's client does not rely on healthdata's: here that one does not look.
#[test]
fn a_pseudonym_in_a_comment_that_healthdata_let_pass() {
    let mut rig = Rig::new();
    let good = Journey::new(&mut rig).at(&mut rig, Arrow::FeedbackOut);
    let bad = with_comments(&good, &["healthdata.1.L3FTAOXERZTFXKSG2EB2PHDKZIE"]);
    let sealed = sealed_feedback(&rig, &bad);
    let returned = rig.feed(Arrow::ToTtpBack, [sealed]).only(Arrow::ToHco);
    assert_fate(&mut rig, Arrow::ToHco, &returned, ITEM, Fate::Item("PSEUDONYM_IN_FEEDBACK"));
}

/// A request for corrections is acted upon like a STATUS, once all of it is this hospital's.
#[test]
fn a_correction_request_passes() {
    let mut rig = Rig::new();
    let good = Journey::new(&mut rig).at(&mut rig, Arrow::FeedbackOut);
    let request = Journey::starting_with(Arrow::FeedbackOut, with_comments(&good, &["please look"])).at(&mut rig, Arrow::ToHd4dp);
    assert_fate(&mut rig, Arrow::ToHd4dp, &request, ITEM, Fate::Passes);
}
