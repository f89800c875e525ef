//! Plausible, fictitious patients and their records, by seed.
//!
//! A seed is a population: every patient, visit and row is a pure function of the seed, the hospital and a number, so a file
//! can be made again byte for byte, on every machine. Hospitals of one seed share patients, and the three registers of one
//! seed belong together: a visit has a row in the local board's register, half of the visits one in the central board's with
//! the same VCF identifier, two thirds one in the register of treatments.
//!
//! Nobody of them lives: national numbers have counters that are never issued (000 and 999), hospitals, physicians and
//! laboratories have numbers that begin with 0, trials have numbers from NCT99000000 on. Dates lie before a fixed day,
//! 2026-06-30, so that a file does not depend on when it is made.

mod alteration;
mod central;
mod column;
mod day;
mod draw;
mod drug;
mod fault;
mod hospital;
mod local;
mod names;
mod number;
mod patient;
mod patient_block;
mod phrases;
mod population;
mod residence;
mod rows;
mod sheet;
#[cfg(test)]
mod tests;
mod treatment;
mod tumour;
mod visit;

pub use hospital::REFERRED_PERCENT;
pub use number::Sex;
pub use patient::Patient;
pub use population::{PATIENTS, Population};
pub use rows::{FaultyRow, Order, Report, Row, Rows, write};

/// Why no file came about.
#[derive(Debug, thiserror::Error)]
pub enum PopulationError {
    /// The population knows three registers.
    #[error("fill register {name}: the population has no records for it")]
    UnknownRegister {
        /// The technical name of the definition.
        name: String,
    },
    /// A NIHDI number has 8 or 11 digits.
    #[error("take the organisation: not 8 or 11 digits")]
    Organisation,
    /// A share is a percentage.
    #[error("take the share of faulty rows: above 100 %")]
    FaultyPercent,
    /// A patient cannot start two treatments on one day.
    #[error("make so many rows: at most {max} in this register")]
    TooMany {
        /// The most rows of the register.
        max: u64,
    },
    /// The output cannot be written.
    #[error("write the rows")]
    Io(#[from] std::io::Error),
}
