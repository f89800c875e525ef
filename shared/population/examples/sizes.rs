//! How large contents are before padding, per register, and how fast files are written: the padding step is chosen by it.
//!
//!     cargo run --release -p population --example sizes [ROWS]

use std::io::Write;
use std::time::Instant;

use dcd::{Cells, Context, Definitions, NoAttachments, NotUtf8};
use population::{Order, Rows, write};
use registration::{CodeKey, Content, ContentHead, ContentKind};

struct Texts<'a>(&'a [String]);

impl Cells for Texts<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, column: usize) -> Result<&str, NotUtf8> {
        Ok(self.0.get(column).map(String::as_str).unwrap_or_default())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count = std::env::args().nth(1).map_or(Ok(100_000), |count| count.parse())?;
    let definitions = Definitions::built_in()?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{count} rows each; bytes of a content before padding")?;
    writeln!(
        out,
        "{:24} {:>6} {:>6} {:>6} {:>6} {:>6} {:>8} {:>10}",
        "register", "mean", "p50", "p99", "p99.9", "max", "<=1 KiB", "rows/s"
    )?;
    for name in ["Precision_Local_MAB", "Precision_Central_MAB", "Precision_Treatment"] {
        let definition = definitions.get(name).ok_or("built in")?;
        let order = Order { definition: &definition, organisation: "00000196", count, seed: 1, faulty_percent: 0 };
        let mut sizes = sizes(&order)?;
        sizes.sort_unstable();
        let at = |share: f64| sizes.get((sizes.len() as f64 * share) as usize).copied().unwrap_or_default();
        let mean = sizes.iter().sum::<usize>() / sizes.len().max(1);
        let fitting = sizes.iter().filter(|size| **size <= 1024).count() as f64 * 100.0 / sizes.len().max(1) as f64;
        #[expect(clippy::disallowed_methods, reason = "a measurement, not a behaviour")]
        let start = Instant::now();
        let mut bytes = Counted(0);
        write(&order, &mut bytes)?;
        let rate = count as f64 / start.elapsed().as_secs_f64();
        let max = sizes.last().copied().unwrap_or_default();
        writeln!(
            out,
            "{name:24} {mean:>6} {:>6} {:>6} {:>6} {max:>6} {fitting:>7.3}% {rate:>10.0}",
            at(0.5),
            at(0.99),
            at(0.999)
        )?;
        writeln!(out, "{:24} {} bytes of CSV per row", "", bytes.0 / count.max(1))?;
    }
    Ok(())
}

fn sizes(order: &Order<'_>) -> Result<Vec<usize>, Box<dyn std::error::Error>> {
    let rows = Rows::new(order)?;
    let header: Vec<String> = rows.header().iter().map(ToString::to_string).collect();
    let layout = order.definition.layout(&header).map_err(|findings| format!("{findings:?}"))?;
    let context =
        Context { today: jiff::civil::date(2026, 11, 21), organisation: order.organisation, attachments: &NoAttachments };
    let policies = order.definition.policies();
    let key = CodeKey::new([7; 32]);
    let mut sizes = Vec::new();
    for row in rows {
        let checked = layout.check(&Texts(row.cells()), &context);
        let head = ContentHead {
            registration_id: uuid::Uuid::from_u128(u128::MAX / 3),
            version: 1,
            kind: ContentKind::Registration,
            dcd: order.definition.name().to_owned(),
            dcd_version: order.definition.version(),
            organisation: order.organisation.to_owned(),
            patient_tag: [9; 16],
        };
        let cells = checked.cells.iter().map(|cell| (cell.place, cell.value.as_str()));
        let encoded = Content::reduce(head, cells, vec![], &policies, &key)?.encode();
        // The frame says its length: one byte of version, four of length, the body.
        let length = encoded.get(1..5).and_then(|length| length.try_into().ok()).map_or(0, u32::from_be_bytes);
        sizes.push(5 + length as usize);
    }
    Ok(sizes)
}

/// Swallows a file and counts its bytes.
struct Counted(u64);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
