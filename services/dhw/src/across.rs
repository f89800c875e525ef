//! Rules across the registrations of one patient, as pure functions of facts.
//!
//! Registrations are compared in groups: those of one patient, or those with the same value in a linking column. What a rule says of a
//! registration depends on its whole group and on nothing else. So whenever a registration comes, changes or goes, the groups that it was
//! or is in are judged again as a whole, and the outcome does not depend on the order of arrival.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::registers::{Demand, FactNo, Register, Registers};

/// What a registration says to the rules across registrations.
#[derive(Clone, PartialEq, Eq)]
pub struct Member {
    /// Number of its register.
    pub register: usize,
    /// The hospital's code.
    pub sender: String,
    /// The patient.
    pub pseudonym: String,
    /// Healthdata's form of the unique id.
    pub unique_id: String,
    /// One value per fact, where it is filled.
    pub facts: Vec<Option<String>>,
}

impl Member {
    /// The value of a fact.
    #[must_use]
    pub fn fact(&self, fact: FactNo) -> Option<&str> {
        self.facts.get(fact)?.as_deref()
    }
}

impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Member").field("register", &self.register).finish_non_exhaustive()
    }
}

/// What one rule says of one registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Judgement {
    /// The registration, as its place among the members.
    pub member: usize,
    /// The rule, as its place in the definition.
    pub rule: usize,
    /// Whether it is broken.
    pub broken: bool,
}

/// The groups of registrations that must be judged.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Touched<'a> {
    /// Patients.
    pub patients: HashSet<&'a str>,
    /// Linking facts with their values.
    pub links: HashSet<(FactNo, &'a str)>,
}

impl<'a> Touched<'a> {
    /// The groups that `members` are in.
    #[must_use]
    pub fn by(registers: &Registers, members: impl IntoIterator<Item = &'a Member>) -> Self {
        let mut touched = Self::default();
        for member in members {
            if registers.patient_facts().iter().any(|fact| member.fact(*fact).is_some()) {
                touched.patients.insert(&member.pseudonym);
            }
            touched.links.extend(registers.links().iter().filter_map(|link| Some((*link, member.fact(*link)?))));
        }
        touched
    }
}

/// Judges the touched groups. `members` holds every living registration of these groups; others may be among them and are left alone.
/// The judgements come in order of member and rule.
#[must_use]
pub fn judge(registers: &Registers, members: &[&Member], touched: &Touched<'_>) -> Vec<Judgement> {
    let mut patients: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut links: HashMap<(FactNo, &str), Vec<usize>> = HashMap::new();
    for (number, member) in members.iter().enumerate() {
        if touched.patients.contains(member.pseudonym.as_str()) {
            patients.entry(&member.pseudonym).or_default().push(number);
        }
        for link in registers.links() {
            if let Some(key) = member.fact(*link).map(|value| (*link, value)).filter(|key| touched.links.contains(key)) {
                links.entry(key).or_default().push(number);
            }
        }
    }
    let mut judgements = Vec::new();
    for group in patients.values() {
        judge_patient(registers, members, group, &mut judgements);
    }
    for ((link, _), group) in &links {
        judge_linked(registers, members, *link, group, &mut judgements);
    }
    judgements.sort_unstable();
    judgements
}

fn judge_patient(registers: &Registers, members: &[&Member], group: &[usize], judgements: &mut Vec<Judgement>) {
    let values = |fact: FactNo| group.iter().filter_map(|at| members.get(*at)?.fact(fact)).collect::<BTreeSet<&str>>();
    let varies: Vec<FactNo> = registers.patient_facts().iter().copied().filter(|fact| values(*fact).len() > 1).collect();
    for (at, member, register) in of_group(registers, members, group) {
        for check in register.rules() {
            if let Demand::Constant { fact } = check.demand {
                let broken = varies.contains(&fact) && member.fact(fact).is_some();
                judgements.push(Judgement { member: at, rule: check.rule, broken });
            }
        }
    }
}

fn judge_linked(registers: &Registers, members: &[&Member], link: FactNo, group: &[usize], judgements: &mut Vec<Judgement>) {
    let patients: BTreeSet<&str> = of_group(registers, members, group).map(|(_, member, _)| member.pseudonym.as_str()).collect();
    let present: BTreeSet<usize> = of_group(registers, members, group).map(|(_, member, _)| member.register).collect();
    let mut latest: BTreeMap<(usize, FactNo), Option<&str>> = BTreeMap::new();
    for (at, member, register) in of_group(registers, members, group) {
        for check in register.rules().iter().filter(|check| check.demand.link() == Some(link)) {
            let broken = match &check.demand {
                Demand::Constant { .. } => continue,
                Demand::SamePatient { .. } => patients.len() > 1,
                Demand::Exists { others, .. } => !others.iter().any(|other| present.contains(other)),
                Demand::NotBefore { date, others, .. } => member.fact(*date).is_some_and(|own| {
                    others.iter().any(|other| {
                        let (of, fact) = *other;
                        let dates = || of_group(registers, members, group).filter(|(_, member, _)| member.register == of);
                        let latest =
                            latest.entry(*other).or_insert_with(|| dates().filter_map(|(_, member, _)| member.fact(fact)).max());
                        // Dates are written year first, so their order is that of their texts.
                        latest.is_some_and(|latest| own < latest)
                    })
                }),
            };
            judgements.push(Judgement { member: at, rule: check.rule, broken });
        }
    }
}

fn of_group<'a>(
    registers: &'a Registers,
    members: &'a [&'a Member],
    group: &'a [usize],
) -> impl Iterator<Item = (usize, &'a Member, &'a Register)> {
    group.iter().filter_map(move |at| {
        let member = *members.get(*at)?;
        Some((*at, member, registers.get(member.register)?))
    })
}
