//! Pairs of pseudonyms, and what follows from them. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// Two pseudonyms of one patient.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair {
    /// Of the earlier epoch.
    pub old: String,
    /// Of the later one.
    pub new: String,
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pair")
    }
}

/// Domain and epoch of a pseudonym; none for a text that is no pseudonym.
#[must_use]
pub fn epoch_of(pseudonym: &str) -> Option<(&str, u32)> {
    let (domain, rest) = pseudonym.split_once('.')?;
    let (epoch, _code) = rest.split_once('.')?;
    Some((domain, epoch.parse().ok()?))
}

/// Why a pair changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// Another pseudonym of the same epoch became the same one: two patients would become one.
    Collision,
    /// It says something else than a pair that was learned before.
    Contradiction,
    /// Rows of both stand where only one may stand: two tags of one hospital, or two living records under one unique id.
    Conflict,
    /// The TTP did not make the earlier pseudonym, so there is no later one.
    Unknown,
    /// It is no pair of pseudonyms of one domain.
    Malformed,
}

impl Refusal {
    /// The code under which it is kept and logged.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Collision => "RECODE_COLLISION",
            Self::Contradiction => "RECODE_CONTRADICTION",
            Self::Conflict => "RECODE_CONFLICT",
            Self::Unknown => "RECODE_UNKNOWN",
            Self::Malformed => "RECODE_MALFORMED",
        }
    }

    /// The refusal of a code.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        let all = [Self::Collision, Self::Contradiction, Self::Conflict, Self::Unknown, Self::Malformed];
        all.into_iter().find(|refusal| refusal.code() == code)
    }
}

/// A pair that changes nothing, and why. Whoever works at healthdata must look into it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The pair; an unknown one has no `new`.
    pub pair: Pair,
    /// Why.
    pub refusal: Refusal,
}

/// Pairs as they were learned: all of them, or those that a batch is about.
#[derive(Clone, Default)]
pub struct Pairs {
    /// The latest pseudonym of each earlier one.
    latest: BTreeMap<String, String>,
    earlier: BTreeMap<String, BTreeSet<String>>,
}

impl Pairs {
    /// These pairs, each with the latest pseudonym as `new`.
    pub fn of(pairs: impl IntoIterator<Item = Pair>) -> Self {
        let mut all = Self::default();
        for Pair { old, new } in pairs {
            all.earlier.entry(new.clone()).or_default().insert(old.clone());
            all.latest.insert(old, new);
        }
        all
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.latest.is_empty()
    }

    /// What a pseudonym is now.
    #[must_use]
    pub fn now<'a>(&'a self, pseudonym: &'a str) -> &'a str {
        self.latest.get(pseudonym).map_or(pseudonym, String::as_str)
    }

    /// What a pseudonym was in earlier epochs.
    pub fn earlier(&self, pseudonym: &str) -> impl Iterator<Item = &str> {
        self.earlier.get(pseudonym).into_iter().flatten().map(String::as_str)
    }

    /// All pairs.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.latest.iter().map(|(old, new)| (old.as_str(), new.as_str()))
    }

    /// Learns a pair. Says which pseudonym is another one from now on, if one is.
    ///
    /// # Errors
    ///
    /// [`Refusal`]; then nothing was learned.
    pub fn learn(&mut self, pair: &Pair) -> Result<Option<String>, Refusal> {
        let (one, other) = (self.now(&pair.old).to_owned(), self.now(&pair.new).to_owned());
        if one == other {
            return Ok(None);
        }
        let (Some((domain, epoch)), Some((other_domain, other_epoch))) = (epoch_of(&one), epoch_of(&other)) else {
            return Err(Refusal::Malformed);
        };
        if domain != other_domain {
            return Err(Refusal::Malformed);
        }
        let (from, to) = match epoch.cmp(&other_epoch) {
            std::cmp::Ordering::Less => (one, other),
            // Known by way of a later epoch already; so the pair tells of the step between.
            std::cmp::Ordering::Greater => (other, one),
            std::cmp::Ordering::Equal => return Err(Refusal::Contradiction),
        };
        let moved: Vec<String> = self.earlier(&from).map(str::to_owned).chain([from.clone()]).collect();
        let epochs: BTreeSet<_> = moved.iter().map(|name| epoch_of(name)).collect();
        if self.earlier(&to).any(|name| epochs.contains(&epoch_of(name))) {
            return Err(Refusal::Collision);
        }
        self.earlier.remove(&from);
        for name in moved {
            self.latest.insert(name.clone(), to.clone());
            self.earlier.entry(to.clone()).or_default().insert(name);
        }
        Ok(Some(from))
    }
}

/// What a batch of pairs leads to.
#[derive(Default)]
pub struct Decision {
    /// All pairs that are known afterwards.
    pub pairs: Pairs,
    /// Pseudonyms that are another one from now on, each with its latest.
    pub moves: Vec<Pair>,
    /// Pairs that change nothing.
    pub findings: Vec<Finding>,
}

impl Decision {
    /// Decides on `wanted`, but for those that lead to one of `conflicts`.
    #[must_use]
    pub fn on(known: &Pairs, wanted: &[Pair], conflicts: &BTreeSet<Pair>) -> Self {
        let mut decision = Self { pairs: known.clone(), ..Self::default() };
        let mut moved = Vec::new();
        for pair in wanted {
            if conflicts.contains(pair) {
                decision.findings.push(Finding { pair: pair.clone(), refusal: Refusal::Conflict });
                continue;
            }
            match decision.pairs.learn(pair) {
                Ok(from) => moved.extend(from),
                Err(refusal) => decision.findings.push(Finding { pair: pair.clone(), refusal }),
            }
        }
        let latest = |old: String| Pair { new: decision.pairs.now(&old).to_owned(), old };
        decision.moves = moved.into_iter().map(latest).collect();
        decision
    }

    /// Those of `wanted` that lead to one of these pseudonyms.
    #[must_use]
    pub fn leading_to(&self, wanted: &[Pair], conflicting: &BTreeSet<String>) -> BTreeSet<Pair> {
        wanted.iter().filter(|pair| conflicting.contains(self.pairs.now(&pair.old))).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(patient: u8, epoch: u32) -> String {
        format!("healthdata.{epoch}.PATIENT{patient}")
    }

    fn pair(patient: u8, from: u32, to: u32) -> Pair {
        Pair { old: name(patient, from), new: name(patient, to) }
    }

    #[test]
    fn a_pair_is_learned_once() {
        let mut pairs = Pairs::default();
        assert_eq!(pairs.learn(&pair(1, 1, 2)), Ok(Some(name(1, 1))));
        assert_eq!(pairs.learn(&pair(1, 1, 2)), Ok(None));
        assert_eq!((pairs.now(&name(1, 1)), pairs.now(&name(1, 2))), (name(1, 2).as_str(), name(1, 2).as_str()));
        assert_eq!(pairs.earlier(&name(1, 2)).collect::<Vec<_>>(), [name(1, 1)]);
    }

    #[test]
    fn two_patients_never_become_one() {
        let mut pairs = Pairs::default();
        pairs.learn(&pair(1, 1, 2)).unwrap();
        assert_eq!(pairs.learn(&Pair { old: name(2, 1), new: name(1, 2) }), Err(Refusal::Collision));
        assert_eq!(pairs.now(&name(2, 1)), name(2, 1));
        // Nor by way of a later epoch.
        pairs.learn(&pair(2, 1, 2)).unwrap();
        pairs.learn(&pair(1, 2, 3)).unwrap();
        assert_eq!(pairs.learn(&Pair { old: name(2, 2), new: name(1, 3) }), Err(Refusal::Collision));
        assert_eq!(pairs.learn(&Pair { old: name(1, 1), new: name(2, 3) }), Err(Refusal::Contradiction));
    }

    #[test]
    fn what_is_no_pair_is_refused() {
        let mut pairs = Pairs::default();
        for (old, new) in [("healthdata.1.A", "register.2.A"), ("P1", "healthdata.2.A"), ("healthdata.1.A", "")] {
            let pair = Pair { old: old.to_owned(), new: new.to_owned() };
            assert_eq!(pairs.learn(&pair), Err(Refusal::Malformed), "{old} {new}");
        }
        assert!(pairs.is_empty());
    }

    #[test]
    fn every_code_is_read_back() {
        for code in ["RECODE_COLLISION", "RECODE_CONTRADICTION", "RECODE_CONFLICT", "RECODE_UNKNOWN", "RECODE_MALFORMED"] {
            assert_eq!(Refusal::of_code(code).unwrap().code(), code);
        }
        assert_eq!(Refusal::of_code("OTHER"), None);
    }

    proptest! {
        /// Whatever steps are learned in whatever order, connected pseudonyms of a patient end as the latest of them, and nobody else's do.
        #[test]
        fn the_order_of_learning_makes_no_difference(
            steps in prop::collection::vec((0..3_u8, 1..5_u32, 1..5_u32), 0..14).prop_shuffle(),
        ) {
            let mut pairs = Pairs::default();
            let mut connected: BTreeMap<(u8, u32), BTreeSet<u32>> = BTreeMap::new();
            for (patient, from, to) in steps.iter().filter(|(_, from, to)| from < to) {
                prop_assert!(pairs.learn(&pair(*patient, *from, *to)).is_ok());
                let group = |epoch| connected.get(&(*patient, epoch)).cloned().unwrap_or_else(|| [epoch].into());
                let joined: BTreeSet<u32> = group(*from).union(&group(*to)).copied().collect();
                for epoch in &joined {
                    connected.insert((*patient, *epoch), joined.clone());
                }
            }
            for ((patient, epoch), group) in connected {
                let latest = *group.last().unwrap();
                let now = pairs.now(&name(patient, epoch)).to_owned();
                prop_assert_eq!(now, name(patient, latest));
                let earlier: BTreeSet<String> = group.into_iter().filter(|epoch| *epoch != latest).map(|epoch| name(patient, epoch)).collect();
                prop_assert!(pairs.earlier(&name(patient, latest)).eq(earlier.iter().map(String::as_str)));
            }
        }
    }
}
