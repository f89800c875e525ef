//! Where patients live, and which language is spoken there.

use crate::draw::Draw;
use crate::names::Community;

/// The language in which a hospital writes about a patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tongue {
    Dutch,
    French,
    English,
}

/// Postal code of people who live abroad.
pub(crate) const ABROAD: &str = "9999";
/// Postal code of people whose residence is not known.
pub(crate) const UNKNOWN: &str = "999";

const FLANDERS: &[&str] = &[
    "2000", "2018", "2060", "2100", "2140", "2170", "2200", "2300", "2440", "2500", "2600", "2610", "2800", "2900", "3000",
    "3010", "3200", "3300", "3500", "3530", "3600", "3700", "3800", "3920", "1500", "1600", "1700", "1800", "8000", "8200",
    "8300", "8400", "8500", "8530", "8600", "8790", "8800", "8900", "8930", "9000", "9040", "9100", "9160", "9200", "9300",
    "9400", "9500", "9600", "9700", "9800", "9900",
];
const WALLONIA: &[&str] = &[
    "1300", "1340", "1400", "1410", "1480", "4000", "4020", "4040", "4100", "4300", "4430", "4500", "4600", "4800", "4900",
    "4960", "5000", "5030", "5060", "5100", "5300", "5500", "5590", "6000", "6040", "6060", "6200", "6460", "6600", "6700",
    "6760", "6900", "7000", "7060", "7100", "7130", "7330", "7500", "7700", "7800",
];
const BRUSSELS: &[&str] =
    &["1000", "1020", "1030", "1040", "1050", "1060", "1070", "1080", "1090", "1140", "1160", "1180", "1190", "1200", "1210"];
const EAST_CANTONS: &[&str] = &["4700", "4720", "4780"];

/// Draws a postal code.
pub(crate) fn residence(community: Community, draw: &mut Draw) -> &'static str {
    if draw.percent(1) {
        return UNKNOWN;
    }
    if draw.percent(1) {
        return ABROAD;
    }
    let region = match (community, draw.below(100)) {
        (Community::Dutch, 0..5) | (Community::French, 0..18) | (Community::German, 0..5) => BRUSSELS,
        (Community::Dutch, _) => FLANDERS,
        (Community::French, _) => WALLONIA,
        (Community::German, _) => EAST_CANTONS,
        (_, 0..40) => BRUSSELS,
        (_, 40..75) => FLANDERS,
        _ => WALLONIA,
    };
    draw.pick(region)
}

/// Draws the language of the texts about a patient. Some hospitals write for the national board in English.
pub(crate) fn tongue(postal_code: &str, draw: &mut Draw) -> Tongue {
    let number = postal_code.parse().unwrap_or_default();
    match (number, draw.below(100)) {
        (_, 0..12) => Tongue::English,
        (1500..=3999 | 8000..=9998, _) => Tongue::Dutch,
        (1300..=1499 | 4000..=7999, _) => Tongue::French,
        (_, 12..50) => Tongue::Dutch,
        _ => Tongue::French,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_follows_the_region() {
        let mut draw = crate::draw::Source::new(1, crate::draw::Purpose::Visits, 0).draw(0);
        for _ in 0..200 {
            assert_ne!(tongue("9000", &mut draw), Tongue::French);
            assert_ne!(tongue("4000", &mut draw), Tongue::Dutch);
        }
    }
}
