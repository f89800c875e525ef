use proptest::prelude::*;

use super::*;

fn head() -> ContentHead {
    ContentHead {
        registration_id: Uuid::from_bytes([1; 16]),
        version: 3,
        kind: ContentKind::Registration,
        dcd: "Precision_Local_MAB".into(),
        dcd_version: 1,
        organisation: "00000196".into(),
        patient_tag: [9; 16],
    }
}

fn key() -> CodeKey {
    CodeKey::new([5; 32])
}

fn reduce(cells: &[(Place, &str)], policies: &[Policy]) -> Result<Content, ContentError> {
    Content::reduce(head(), cells.iter().copied(), vec![], policies, &key())
}

fn file(field: u16) -> Attachment {
    Attachment { place: Place::of(field), name: "A1.vcf".into(), bytes: vec![0, 255, 7] }
}

#[test]
fn reduction_applies_each_fields_policy_and_leaves_out_the_rest() {
    let policies = [Policy::Never, Policy::Year, Policy::AsIs, Policy::Never];
    let cells = [(Place::of(2), "text"), (Place::of(0), "Janssens"), (Place::of(1), "1964-03-12"), (Place::in_item(3, 0), "x")];
    let content = reduce(&cells, &policies).unwrap();
    let values: Vec<_> = content.cells().iter().map(|cell| (cell.place, cell.value.as_str())).collect();
    assert_eq!(values, [(Place::of(1), "1964"), (Place::of(2), "text")]);
    assert_eq!(content.value(Place::of(2)), Some("text"));
    assert_eq!(content.value(Place::of(0)), None);
    assert_eq!(content.check(&policies), Ok(()));
}

#[test]
fn nothing_of_a_never_field_is_in_the_bytes() {
    let content =
        reduce(&[(Place::of(0), "CANARY-NAME"), (Place::of(1), "CANARY-CODE")], &[Policy::Never, Policy::Code]).unwrap();
    let bytes = content.encode();
    assert!(!bytes.windows(6).any(|window| window == b"CANARY"));
}

#[test]
fn reduction_refuses_what_it_cannot_place_or_reduce() {
    assert_eq!(reduce(&[(Place::of(1), "x")], &[Policy::AsIs]), Err(ContentError::UnknownField { field: 1 }));
    assert_eq!(reduce(&[(Place::of(0), "12/03/1964")], &[Policy::Year]), Err(ContentError::Unreducible { field: 0 }));
    assert_eq!(reduce(&[(Place::of(0), "a"), (Place::of(0), "b")], &[Policy::AsIs]), Err(ContentError::Order { field: 0 }));
    let badly_named = ContentHead { organisation: "0000 196".into(), ..head() };
    let refused = Content::reduce(badly_named, [], vec![], &[], &key());
    assert_eq!(refused, Err(ContentError::Malformed { what: "organisation" }));
}

#[test]
fn healthdata_refuses_unreduced_values_never_columns_and_unknown_fields() {
    let content = reduce(&[(Place::of(0), "1964-03-12"), (Place::of(1), "x")], &[Policy::AsIs, Policy::AsIs]).unwrap();
    assert_eq!(content.check(&[Policy::Year, Policy::AsIs]), Err(PolicyViolation { field: 0 }));
    assert_eq!(content.check(&[Policy::AsIs, Policy::Never]), Err(PolicyViolation { field: 1 }));
    assert_eq!(content.check(&[Policy::AsIs]), Err(PolicyViolation { field: 1 }));
}

#[test]
fn attachments_travel_as_is_or_not_at_all() {
    let with = |policy| Content::reduce(head(), [], vec![file(0)], &[policy], &key());
    assert_eq!(with(Policy::AsIs).unwrap().attachments(), [file(0)]);
    assert!(with(Policy::Never).unwrap().attachments().is_empty());
    assert_eq!(with(Policy::Code), Err(ContentError::Unreducible { field: 0 }));
    assert_eq!(with(Policy::AsIs).unwrap().check(&[Policy::Never]), Err(PolicyViolation { field: 0 }));
    let outside = Attachment { name: "../A1.vcf".into(), ..file(0) };
    let refused = Content::reduce(head(), [], vec![outside], &[Policy::AsIs], &key());
    assert_eq!(refused, Err(ContentError::Malformed { what: "file name" }));
}

/// The bytes of one small content, written out: a change here is a change of the format.
#[test]
fn the_bytes_are_as_documented() {
    let content = reduce(&[(Place::of(2), "IV"), (Place::in_item(5, 1), "é")], &[Policy::AsIs; 6]).unwrap();
    let answer = Answer { number: 300, comment: Comment { place: Some(Place::of(2)), text: "yes".into() } };
    let content = content.with_answers(vec![answer]);
    let mut expected = vec![1, 0, 0, 0, 84];
    expected.extend([1; 16]);
    expected.extend([3, 1, 19]);
    expected.extend(b"Precision_Local_MAB");
    expected.extend([1, 8]);
    expected.extend(b"00000196");
    expected.extend([9; 16]);
    expected.extend([2, 4, 2]);
    expected.extend(b"IV");
    expected.extend([7, 1, 2, 0xc3, 0xa9]);
    expected.extend([0, 1, 0xac, 0x02, 1, 4, 3]);
    expected.extend(b"yes");
    assert_eq!(expected.len(), 5 + 84);
    expected.resize(PADDING_STEP, 0);
    assert_eq!(content.encode(), expected);
}

#[test]
fn every_deviation_is_refused_with_its_own_error() {
    let good = reduce(&[(Place::of(2), "IV")], &[Policy::AsIs; 3]).unwrap().encode();
    let changed = |at: usize, to: u8| {
        let mut bytes = good.clone();
        bytes[at] = to;
        Content::decode(&bytes)
    };
    assert_eq!(Content::decode(&[]), Err(ContentError::Truncated));
    assert_eq!(changed(0, 2), Err(ContentError::FormatVersion { found: 2 }));
    assert_eq!(changed(good.len() - 1, 1), Err(ContentError::Padding));
    assert_eq!(changed(22, 3), Err(ContentError::Tag { found: 3 }));
    assert_eq!(changed(24, 0xff), Err(ContentError::Text));
    assert_eq!(changed(24, b' '), Err(ContentError::Malformed { what: "definition name" }));
    assert_eq!(Content::decode(&good[..good.len() - 1]), Err(ContentError::Length));
    assert_eq!(Content::decode(&good[..60]), Err(ContentError::Truncated));
    let mut longer = good.clone();
    longer.resize(good.len() + PADDING_STEP, 0);
    assert_eq!(Content::decode(&longer), Err(ContentError::Length));
}

#[test]
fn bytes_behind_the_body_and_unordered_places_are_refused() {
    let write = |places: &[Place], behind: bool| {
        let mut writer = FrameWriter::with_capacity(256);
        writer.raw(&[1; 16]);
        writer.number(1);
        writer.byte(1);
        writer.block(b"D");
        writer.number(1);
        writer.block(b"1");
        writer.raw(&[0; 16]);
        writer.number(places.len() as u64);
        for place in places {
            writer.place(*place);
            writer.block(b"v");
        }
        writer.number(0);
        writer.number(0);
        if behind {
            writer.byte(0);
        }
        Content::decode(&writer.finish(PADDING_STEP))
    };
    assert!(write(&[Place::of(0), Place::of(1)], false).is_ok());
    assert_eq!(write(&[Place::of(0)], true), Err(ContentError::Length));
    assert_eq!(write(&[Place::of(4), Place::of(4)], false), Err(ContentError::Order { field: 4 }));
    assert_eq!(write(&[Place::in_item(4, 1), Place::in_item(4, 0)], false), Err(ContentError::Order { field: 4 }));
}

#[test]
fn attachments_are_ordered_and_stand_once_at_a_place() {
    let with = |fields: &[u16]| {
        let files = fields.iter().map(|field| file(*field)).collect();
        Content::reduce(head(), [], files, &[Policy::AsIs; 4], &key())
            .map(|content| content.attachments().iter().map(|file| file.place).collect())
    };
    assert_eq!(with(&[3, 1]), Ok(vec![Place::of(1), Place::of(3)]));
    assert_eq!(with(&[2, 2]), Err(ContentError::Order { field: 2 }));
}

#[test]
fn debug_prints_counts_only() {
    let content = Content::reduce(head(), [(Place::of(0), "CANARY")], vec![file(1)], &[Policy::AsIs; 2], &key()).unwrap();
    assert_eq!(format!("{content:?}"), "Content { cells: 1, attachments: 1, .. }");
    assert!(!format!("{:?}", file(0)).contains("A1.vcf"));
}

prop_compose! {
    fn contents()(
        cells in proptest::collection::btree_map((0_u16..300, proptest::option::of(0_u16..300)), "\\PC{1,40}", 0..60),
        file in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..3000)),
        version in any::<u32>(),
        deletion in any::<bool>(),
        answers in proptest::collection::vec((0_u64..1 << 40, proptest::option::of(0_u16..300), "\\PC{0,40}"), 0..4),
    ) -> Content {
        let kind = if deletion { ContentKind::Deletion } else { ContentKind::Registration };
        let attachments = file.into_iter().map(|bytes| Attachment { place: Place::of(7), name: "f.vcf".into(), bytes }).collect();
        let cells = cells.iter().map(|((field, item), value)| (Place { field: *field, item: *item }, value.as_str()));
        let answer = |(number, field, text): (u64, Option<u16>, String)| {
            Answer { number, comment: Comment { place: field.map(Place::of), text } }
        };
        let head = ContentHead { kind, version, ..head() };
        let content = Content::reduce(head, cells, attachments, &[Policy::AsIs; 300], &key()).unwrap();
        content.with_answers(answers.into_iter().map(answer).collect())
    }
}

proptest! {
    #[test]
    fn a_content_reads_back_and_fills_flat_steps(content in contents()) {
        let bytes = content.encode();
        prop_assert_eq!(bytes.len() % PADDING_STEP, 0);
        prop_assert_eq!(Content::decode(&bytes), Ok(content));
    }

    /// There is one accepted form: whatever decodes encodes to the same bytes.
    #[test]
    fn what_decodes_encodes_to_the_same_bytes(content in contents(), at in any::<proptest::sample::Index>(), to in any::<u8>()) {
        let mut bytes = content.encode();
        let at = at.index(bytes.len());
        bytes[at] = to;
        if let Ok(read) = Content::decode(&bytes) {
            prop_assert_eq!(read.encode(), bytes);
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Content::decode(&bytes);
        let mut framed = vec![1, 0, 0, 0, u8::try_from(bytes.len()).unwrap()];
        framed.extend(&bytes);
        framed.resize(PADDING_STEP, 0);
        let _ = Content::decode(&framed);
    }
}
