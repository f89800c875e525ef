//! How many registrations the warehouse's store settles in a second: `cargo run --release -p dhw --example settle_speed [COUNT] [BATCH] [EXPORT]`,
//! where EXPORT above 0 writes the researcher's file as well.
//!
//! Advices of Precision_Local_MAB with most columns filled, three variants and two treatments each, of patients who come about twice.

use std::{sync::Arc, time::Duration};

use clock::{Clock, SystemClock};
use dcd::{Definitions, Field, Kind};
use dhw::{
    DhwStore, Registers, SqlStore, researcher,
    store::{Arrived, Batch},
    validate,
};
use envelope::{B64, ItemId, Text};
use hd_messages::ValidationItem;
use pseudonymised::Pseudonym;
use registration::{CodeKey, Content, ContentHead, ContentKind, Place};
use uuid::Uuid;

const DCD: &str = "Precision_Local_MAB";

/// Something that the field takes; rules between fields may be broken now and then, as in life.
fn value(field: &Field, number: u64) -> String {
    if let Some(codes) = field.code_list().map(|list| list.codes()).filter(|codes| !codes.is_empty()) {
        return codes[usize::try_from(number).unwrap_or(0) % codes.len()].code.clone();
    }
    match (field.kind(), field.column()) {
        (Kind::Date, _) => format!("2024-0{}-1{}", number % 9 + 1, number % 10),
        (Kind::Number, _) => (number % 60 + 30).to_string(),
        (Kind::Boolean, _) => "TRUE".to_owned(),
        (_, "vcf_identifier") => format!("VCF-00000196-1-{number:07}"),
        (_, "variants|hgvs_c") => format!("c.{number}A>T"),
        (_, "variants|hgvs_p") => format!("p.V{number}E"),
        (_, "local_mab_advice|trial_number") => "NCT01234567".to_owned(),
        (Kind::Multiline, _) => "Discussed at the meeting of this week; the lesion is stable and the patient is well.".to_owned(),
        _ => format!("CODE_{}", number % 7),
    }
}

/// Spreads numbers as a pseudonym does.
fn spread(number: u64) -> u64 {
    (number ^ (number >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

fn item(registers: &Registers, number: u64) -> anyhow::Result<ValidationItem> {
    let register = registers.number(DCD, 1).and_then(|at| registers.get(at)).ok_or_else(|| anyhow::anyhow!("no register"))?;
    let mut cells = Vec::new();
    for (field, at) in register.definition().fields().iter().zip(0..) {
        let items = if field.list().is_none() {
            1
        } else if field.column().starts_with("variants") {
            3
        } else {
            2
        };
        // A third of the columns stays empty.
        for item in (0..items).filter(|_| at % 3 != 2 || at < 13 || field.name() == "vcf_identifier") {
            let place = if field.list().is_some() { Place::in_item(at, item) } else { Place::of(at) };
            // What is the patient's own does not vary over a patient's registrations.
            let number = if field.column().starts_with("patient_id") { number / 2 } else { number };
            cells.push((place, value(field, number)));
        }
    }
    let head = ContentHead {
        registration_id: Uuid::from_u128((1 << 100) | u128::from(number)),
        version: 1,
        kind: ContentKind::Registration,
        dcd: DCD.to_owned(),
        dcd_version: 1,
        organisation: "00000196".to_owned(),
        patient_tag: [1; 16],
    };
    let cells = cells.iter().map(|(place, value)| (*place, value.as_str()));
    let content = Content::reduce(head, cells, Vec::new(), register.policies(), &CodeKey::new([1; 32]))?;
    let mut code = String::new();
    let (mut low, mut high) = (spread(number / 2), spread(number / 2 + (1 << 40)));
    for _ in 0..13 {
        for half in [&mut low, &mut high] {
            code.push(char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[usize::try_from(*half & 31)?]));
            *half >>= 5;
        }
    }
    Ok(ValidationItem {
        id: ItemId::from_uuid(Uuid::from_u128((2 << 100) | u128::from(number))),
        pseudonym: Text::from(&Pseudonym::assemble("healthdata", 1, &code)?),
        recoded_from: Vec::new(),
        sender: Text::unchecked("SAAAAAAAAAAAAAAAA".to_owned()),
        content: B64(content.encode()),
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>());
    let count = arguments.next().transpose()?.unwrap_or(20_000);
    let batch = arguments.next().transpose()?.unwrap_or(1_000);
    let with_export = arguments.next().transpose()?.unwrap_or(0) > 0;
    let folder = tempfile::tempdir()?;
    let registers = Arc::new(Registers::new(&Definitions::built_in()?));
    let store = SqlStore::open(folder.path(), Arc::clone(&registers)).await?;
    let clock = SystemClock;
    let (mut reading, mut settling) = (Duration::ZERO, Duration::ZERO);
    let say = |done: u64, reading: &mut Duration, settling: &mut Duration, since: u64| {
        let micros = |time: &mut Duration| std::mem::take(time).as_secs_f64() * 1e6 / (done - since) as f64;
        tracing::info!(done, read_us = micros(reading), settle_us = micros(settling), "microseconds per registration");
    };
    host::logging::start(host::logging::LogForm::Text, "info");
    let (mut said, mut findings) = (0, 0);
    for first in (0..count).step_by(usize::try_from(batch)?) {
        let items: Vec<ValidationItem> =
            (first..(first + batch).min(count)).map(|number| item(&registers, number)).collect::<Result<_, _>>()?;
        let start = clock.now();
        let today = start.date();
        let mut registrations: Vec<_> =
            items.iter().map(|item| validate::read(item, &registers, today)).collect::<Result<_, _>>()?;
        let arrived = Arrived { id: Uuid::from_u128(first.into()), at: start, registrations: registrations.len(), dead: vec![] };
        // The values above are made up field by field; a hospital's rows break few rules.
        for registration in &mut registrations {
            findings += registration.findings.len();
            registration.findings.clear();
        }
        let read = clock.now();
        store.settle(&mut Batch { registrations, publications: vec![arrived] }).await?;
        reading += read.since(start);
        settling += clock.now().since(read);
        let done = (first + batch).min(count);
        if done - said >= count.div_ceil(10) || done == count {
            say(done, &mut reading, &mut settling, said);
            said = done;
        }
    }
    tracing::info!(findings, "within registrations");
    if !with_export {
        return Ok(());
    }
    let start = clock.now();
    let rows = researcher::export(&store, &registers, DCD, std::fs::File::create(folder.path().join("export.csv"))?).await?;
    tracing::info!(
        rows,
        export_us = clock.now().since(start).as_secs_f64() * 1e6 / rows.max(1) as f64,
        "microseconds per exported row"
    );
    Ok(())
}
