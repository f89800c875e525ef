//! The clear texts of sealed parts, and a hospital's stored row.

use dcd::{Context, NoAttachments};
use envelope::sealed::ReturnPart;
use hd4dp::row;
use identifying::IdentityPart;
use jiff::civil::date;
use pseudonymised::{PseudonymPart, RecodePart, RecodedPart};
use registration::{Content, FEEDBACK_PADDING_STEP, Feedback, PADDING_STEP, Submitted};

use crate::{REGISTERS, chosen, given, telling::assert_no_cell};

/// What a choosing byte has when the frame of a content or feedback is put around the rest.
const FRAMED: u8 = 0x80;

/// Bytes that came out of a seal: the first byte chooses as what they are read, and whether a frame is put around them.
///
/// Holds: every part has one form, so that what is read is written as the same bytes; and healthdata looks through any content
/// without a word of it.
pub fn parts(bytes: &[u8]) {
    let (choice, rest) = chosen(bytes);
    let framed = |step: usize| if choice & FRAMED != 0 { frame(rest, step) } else { rest.to_vec() };
    let one_form = |written: Option<Vec<u8>>, read: &[u8]| {
        assert!(written.is_none_or(|written| written == read), "a part of another form was read");
    };
    match (choice & !FRAMED) % 7 {
        0 => content(&framed(PADDING_STEP)),
        1 => {
            let feedback = framed(FEEDBACK_PADDING_STEP);
            one_form(Feedback::decode(&feedback).ok().map(|read| read.encode()), &feedback);
        }
        2 => one_form(IdentityPart::decode(rest).ok().map(|part| part.encode()), rest),
        3 => one_form(PseudonymPart::decode(rest).ok().map(|part| part.encode()), rest),
        4 => one_form(ReturnPart::decode(rest).ok().map(|part| given(part.encode().ok(), "the bytes of a part")), rest),
        5 => {
            one_form(RecodePart::decode(rest).ok().map(|part| part.encode()), rest);
            one_form(RecodedPart::decode(rest).ok().map(|part| part.encode()), rest);
        }
        _ => {
            let read = row::decode(rest);
            let again = read.as_deref().map(|cells| row::decode(&row::encode(cells)));
            assert!(again.is_none_or(|again| again == read), "a stored row is read as another");
        }
    }
}

/// The frame of docs/WIRE.md, section 5.2: form, length, body, zeros.
fn frame(body: &[u8], step: usize) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes();
    let mut bytes = [&[1], &length[..], body].concat();
    bytes.resize(bytes.len().next_multiple_of(step), 0);
    bytes
}

fn content(bytes: &[u8]) {
    match Submitted::decode(bytes) {
        Ok(Submitted::Content(content)) => {
            assert_eq!(content.encode(), bytes);
            assert_eq!(Content::decode(bytes).as_ref(), Ok(&content));
            for definition in REGISTERS.iter() {
                // What is refused by its policies is looked at no further; here it is, since nothing may come of it but findings.
                let _refused = content.check(&definition.policies());
                let context = Context { today: date(2026, 6, 1), organisation: "00000196", attachments: &NoAttachments };
                assert_no_cell(&definition.recheck(content.cells(), &context));
            }
        }
        Ok(Submitted::Receipt(receipt)) => assert_eq!(receipt.encode(), bytes),
        Err(_) => assert!(Content::decode(bytes).is_err(), "a content that nobody could have submitted"),
    }
}
