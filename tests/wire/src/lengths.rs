//! What is sealed has a length that tells nothing of what it is: measured on generated registrations of every register, sealed by the
//! services themselves.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use dcd::{Cells, Context, NoAttachments, NotUtf8};
use envelope::{B64, Publication};
use hco_messages::Submission;
use hd4dp::AcceptedRow;
use identifying::IdentityPart;
use population::{Order, Rows};
use pseudonymisation::Handle;
use registration::{FEEDBACK_PADDING_STEP, PADDING_STEP};
use topology::Arrow;

use crate::{
    document::{bytes, items},
    rig::{DEFINITIONS, HOSPITAL, Rig, START},
};

const REGISTERS: [&str; 3] = ["Precision_Local_MAB", "Precision_Central_MAB", "Precision_Treatment"];

/// Registrations of each register.
const ROWS: u64 = 2_000;

/// Bytes that the sealing adds.
const SEAL: usize = 4 + 16;

/// How many blobs have which length.
type Lengths = BTreeMap<usize, u64>;

struct Texts<'a>(&'a [String]);

impl Cells for Texts<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, column: usize) -> Result<&str, NotUtf8> {
        Ok(self.0.get(column).map(String::as_str).unwrap_or_default())
    }
}

/// Rows of a register as they come out of the check that a file's rows pass.
fn rows(register: &str) -> Vec<AcceptedRow> {
    let definition = DEFINITIONS.get(register).unwrap();
    let order = Order { definition: &definition, organisation: HOSPITAL, count: ROWS, seed: 1, faulty_percent: 0 };
    let rows = Rows::new(&order).unwrap();
    let header: Vec<String> = rows.header().iter().map(ToString::to_string).collect();
    let layout = definition.layout(&header).unwrap();
    let context = Context { today: START.date(), organisation: HOSPITAL, attachments: &NoAttachments };
    let accepted = rows.map(|row| {
        let checked = layout.check(&Texts(row.cells()), &context);
        assert!(!checked.has_errors());
        AcceptedRow { cells: checked.cells, attachments: Vec::new() }
    });
    accepted.collect()
}

/// The lengths of a member in base64 of all items.
fn lengths<'a>(documents: impl IntoIterator<Item = &'a Bytes>, name: &str) -> Lengths {
    let mut lengths = Lengths::new();
    for item in documents.into_iter().flat_map(|document| items(document)) {
        *lengths.entry(bytes(&item[name]).len()).or_default() += 1;
    }
    lengths
}

/// The lengths of everything that is sealed on the whole way of a register's registrations, by arrow and member.
fn measured(register: &str) -> BTreeMap<(Arrow, &'static str), Lengths> {
    let mut rig = Rig::new();
    let mut documents = BTreeMap::from([(Arrow::HandOver, rig.submit(HOSPITAL, register, rows(register)))]);
    for (from, to) in [
        (Arrow::HandOver, Arrow::ToTtp),
        (Arrow::ToTtp, Arrow::ToHd),
        (Arrow::ToHd, Arrow::ToHd4res),
        (Arrow::ToHd4res, Arrow::FeedbackOut),
        (Arrow::FeedbackOut, Arrow::ToTtpBack),
        (Arrow::ToTtpBack, Arrow::ToHco),
    ] {
        let outcome = rig.feed(from, documents[&from].clone());
        assert!(outcome.is_clean());
        documents.insert(to, outcome.at(to).to_vec());
    }
    let sealed = [
        (Arrow::ToTtp, "identity"),
        (Arrow::ToTtp, "content"),
        (Arrow::ToHd, "pseudonym"),
        (Arrow::ToHd, "content"),
        (Arrow::ToTtpBack, "return"),
        (Arrow::ToTtpBack, "feedback"),
        (Arrow::ToHco, "identity"),
        (Arrow::ToHco, "feedback"),
    ];
    sealed.into_iter().map(|(arrow, name)| ((arrow, name), lengths(&documents[&arrow], name))).collect()
}

/// Whether somebody who sees one of these lengths learns of which register it is: whether they are not one flat step for all but one in a
/// thousand, or one register has a length that another lacks.
fn tell_the_register(lengths: &[Lengths]) -> bool {
    let distinct = |lengths: &Lengths| lengths.keys().copied().collect::<BTreeSet<usize>>();
    let is_flat = |lengths: &Lengths| {
        let (all, most): (u64, u64) = (lengths.values().sum(), lengths.values().copied().max().unwrap_or_default());
        most * 1_000 >= all * 999
    };
    !lengths.iter().all(is_flat) || lengths.iter().any(|other| distinct(other) != distinct(&lengths[0]))
}

#[test]
fn lengths_do_not_tell_the_register() {
    let of_registers = REGISTERS.map(measured);
    for of_register in &of_registers {
        assert!(of_register.values().all(|lengths| lengths.values().sum::<u64>() == ROWS));
    }
    let of = |arrow, name| of_registers.each_ref().map(|of_register| of_register[&(arrow, name)].clone());
    for arrow in [Arrow::ToTtp, Arrow::ToHd] {
        let contents = of(arrow, "content");
        assert!(!tell_the_register(&contents), "{contents:?}");
        let step = PADDING_STEP + SEAL;
        assert!(contents.iter().all(|lengths| lengths[&step] * 1_000 >= ROWS * 999), "{contents:?}");
    }
    for (arrow, name, length) in [
        (Arrow::ToTtp, "identity", IdentityPart::LENGTH),
        (Arrow::ToHd, "pseudonym", 114 + Handle::LENGTH),
        (Arrow::ToTtpBack, "return", 3 + Handle::LENGTH + 32),
        (Arrow::ToTtpBack, "feedback", FEEDBACK_PADDING_STEP),
        (Arrow::ToHco, "identity", IdentityPart::LENGTH),
        (Arrow::ToHco, "feedback", FEEDBACK_PADDING_STEP),
    ] {
        let one_length = Lengths::from([(length + SEAL, ROWS)]);
        assert_eq!(of(arrow, name), [(); 3].map(|()| one_length.clone()), "{name} at {arrow:?}");
    }
}

/// The registrations have patients with and without a national number, and they are of very different lengths: what the test above sees is
/// the padding's doing, and without the padding it would fail.
#[test]
fn without_padding_lengths_would_tell_the_register() {
    let unpadded = REGISTERS.map(|register| {
        let mut rig = Rig::new();
        let mut kinds = BTreeSet::new();
        let cut = rig.submit(HOSPITAL, register, rows(register)).into_iter().map(|document| {
            let mut submission = Publication::<Submission>::decode(&document).unwrap();
            for item in &mut submission.data.items {
                kinds.insert(item.identity.parse().unwrap().kind().as_str());
                let body = u32::from_be_bytes(item.content[1..5].try_into().unwrap()) as usize;
                assert!(item.content[5 + body..].iter().all(|byte| *byte == 0));
                item.content = B64(item.content[..5 + body].to_vec());
            }
            submission.encode().unwrap()
        });
        let cut: Vec<Bytes> = cut.collect();
        assert_eq!(kinds.len(), 2);
        lengths(rig.feed(Arrow::HandOver, cut).at(Arrow::ToTtp), "content")
    });
    assert!(tell_the_register(&unpadded));
    let mean = |lengths: &Lengths| lengths.iter().map(|(length, count)| *length as u64 * count).sum::<u64>() / ROWS;
    let means = unpadded.each_ref().map(mean);
    assert!(means.iter().max().unwrap() > &(means.iter().min().unwrap() + 100), "{means:?}");
}
