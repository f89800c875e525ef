//! Kinds of tumours: where they sit, what they look like, which alterations they carry and what is given against them.
//!
//! The shares are those of patients who come to a molecular board, not of all people with cancer.

mod chest_and_breast;
mod digestive;
mod elsewhere;
mod pelvis;

use crate::alteration::Alteration;
use crate::draw::Draw;
use crate::drug::{Drug, Regimen};
use crate::number::Sex;

/// A kind of tumour.
#[derive(Debug)]
pub(crate) struct Tumour {
    /// How often it is seen in women and in men, for one scale over all kinds.
    pub(crate) women: u32,
    pub(crate) men: u32,
    /// Seen in the young too; the other kinds are not.
    pub(crate) in_the_young: bool,
    pub(crate) sites: &'static [Site],
    /// Codes of ICDO3_MORPH.
    pub(crate) histologies: &'static [&'static str],
    /// In an organ that people have two of.
    pub(crate) paired: bool,
    /// Tumours of the brain have no stage and do not spread.
    pub(crate) staged: bool,
    /// Codes of METASITE.
    pub(crate) spreads_to: &'static [&'static str],
    /// What is given first, second and so on.
    pub(crate) standard: &'static [Regimen],
    /// Alterations that call for a substance.
    pub(crate) targets: &'static [Target],
    /// Alterations that call for none.
    pub(crate) companions: &'static [&'static Alteration],
}

/// Where a tumour sits, in two classifications.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Site {
    /// Code of ICDO3_TOPO.
    pub(crate) topography: &'static str,
    /// Code of ICD10.
    pub(crate) diagnosis: &'static str,
}

const fn site(topography: &'static str, diagnosis: &'static str) -> Site {
    Site { topography, diagnosis }
}

/// An alteration with the substance that it calls for in this kind of tumour.
#[derive(Debug)]
pub(crate) struct Target {
    /// How often it is the reason for an advice.
    weight: u32,
    pub(crate) alteration: &'static Alteration,
    pub(crate) drug: &'static Drug,
    /// Codes of ESCAT and ONCOKB.
    pub(crate) escat: &'static str,
    pub(crate) oncokb: &'static str,
    advice: &'static [(u32, Advice)],
}

/// What a board advises, as in the code list ADVICE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Advice {
    Approved,
    Trial,
    MedicalNeed,
    OffLabel,
    Standard,
    AdditionalTest,
    None,
    Other,
}

impl Advice {
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Approved => "APPROVED",
            Self::Trial => "TRIAL",
            Self::MedicalNeed => "MNP",
            Self::OffLabel => "OFF_LABEL",
            Self::Standard => "STANDARD",
            Self::AdditionalTest => "ADD_TEST",
            Self::None => "NO_ADVICE",
            Self::Other => "OTHER",
        }
    }
}

const fn target(
    weight: u32,
    alteration: &'static Alteration,
    drug: &'static Drug,
    (escat, oncokb): (&'static str, &'static str),
    advice: &'static [(u32, Advice)],
) -> Target {
    Target { weight, alteration, drug, escat, oncokb, advice }
}

/// Reimbursed in this indication.
const LABEL: &[(u32, Advice)] = &[(9, Advice::Approved), (1, Advice::Trial)];
/// A trial if there is a place in one.
const STUDY: &[(u32, Advice)] = &[(7, Advice::Trial), (2, Advice::OffLabel), (1, Advice::MedicalNeed)];
/// Known from another indication.
const BORROWED: &[(u32, Advice)] = &[(4, Advice::MedicalNeed), (3, Advice::OffLabel), (3, Advice::Trial)];

impl Target {
    /// Draws the way to the substance that the board advises.
    pub(crate) fn advice(&self, draw: &mut Draw) -> Advice {
        draw.weighted(self.advice, |advice| advice.0).1
    }

    /// The number of the trial for this target. Numbers from NCT99000000 on are not given out.
    pub(crate) fn trial_number(&self) -> u32 {
        let bytes = self.alteration.gene.bytes().chain(self.drug.atc.bytes());
        99_000_000 + bytes.fold(7_u32, |sum, byte| sum.wrapping_mul(131).wrapping_add(u32::from(byte))) % 1_000_000
    }
}

impl Tumour {
    /// Draws a kind of tumour for a patient.
    pub(crate) fn draw(sex: Sex, young: bool, draw: &mut Draw) -> &'static Self {
        let all = [chest_and_breast::TUMOURS, digestive::TUMOURS, pelvis::TUMOURS, elsewhere::TUMOURS];
        let weight = |tumour: &Self| match sex {
            _ if young && !tumour.in_the_young => 0,
            Sex::Female => tumour.women,
            Sex::Male => tumour.men,
        };
        let group = draw.weighted(&all, |tumours| tumours.iter().map(weight).sum());
        draw.weighted(group, weight)
    }

    /// Draws an alteration that calls for a substance.
    pub(crate) fn target(&self, draw: &mut Draw) -> &'static Target {
        draw.weighted(self.targets, |target| target.weight)
    }

    /// What is given in a line of therapy, counted from 1.
    pub(crate) fn regimen(&self, line: u32) -> &'static Regimen {
        let last = self.standard.len().saturating_sub(1);
        &self.standard[(line.saturating_sub(1) as usize).min(last)]
    }

    #[cfg(test)]
    fn all() -> impl Iterator<Item = &'static Self> {
        [chest_and_breast::TUMOURS, digestive::TUMOURS, pelvis::TUMOURS, elsewhere::TUMOURS].into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::{Purpose, Source};

    #[test]
    fn every_kind_can_be_told_and_treated() {
        for tumour in Tumour::all() {
            assert!(!tumour.sites.is_empty() && !tumour.histologies.is_empty() && !tumour.standard.is_empty(), "{tumour:?}");
            assert!(!tumour.targets.is_empty() && tumour.companions.len() >= 2, "{tumour:?}");
            assert_eq!(tumour.staged, !tumour.spreads_to.is_empty(), "{tumour:?}");
            assert!(tumour.standard.iter().all(|regimen| (1..=3).contains(&regimen.drugs.len())), "{tumour:?}");
            let mut trials: Vec<_> = tumour.targets.iter().map(Target::trial_number).collect();
            trials.sort_unstable();
            trials.dedup();
            assert!(trials.iter().all(|number| (99_000_000..100_000_000).contains(number)));
        }
    }

    #[test]
    fn sexes_and_ages_have_their_own_tumours() {
        let source = Source::new(1, Purpose::Patients, 0);
        for number in 0..2000 {
            let woman = Tumour::draw(Sex::Female, false, &mut source.draw(number));
            assert_ne!(woman.sites[0].topography, "C61.9");
            let man = Tumour::draw(Sex::Male, false, &mut source.draw(number));
            assert!(!["C54.1", "C56.9", "C53.9"].contains(&man.sites[0].topography));
            assert!(Tumour::draw(Sex::Male, true, &mut source.draw(number)).in_the_young);
        }
    }
}
