//! The registers as the warehouse sees them: their definitions, and what their rules across registrations look at.
//!
//! A *fact* is a column that some rule across registrations compares, named as healthdata names it. Every register gives its own facts; a
//! register without the column has none.

use std::{collections::HashMap, sync::Arc};

use dcd::{AcrossKind, Definition, Definitions, FieldNo};
use registration::{Cell, Content, Place, Policy};

/// Number of a fact in [`Registers::facts`].
pub type FactNo = usize;

/// All definitions that the warehouse knows, ready to be asked for across rules.
#[derive(Debug)]
pub struct Registers {
    list: Vec<Register>,
    numbers: HashMap<String, Vec<(u32, usize)>>,
    facts: Vec<String>,
    links: Vec<FactNo>,
    patient_facts: Vec<FactNo>,
}

/// One version of one register's definition.
#[derive(Debug)]
pub struct Register {
    definition: Arc<Definition>,
    policies: Vec<Policy>,
    facts: Vec<Option<FieldNo>>,
    rules: Vec<AcrossCheck>,
}

/// A rule across registrations, compiled to facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcrossCheck {
    /// Its place in the definition's list of rules across registrations.
    pub rule: usize,
    /// What it demands.
    pub demand: Demand,
}

/// What a rule across registrations demands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Demand {
    /// One value over all registrations of a patient.
    Constant {
        /// The fact that must not vary.
        fact: FactNo,
    },
    /// Registrations that share the link belong to one patient.
    SamePatient {
        /// The fact that joins registrations.
        link: FactNo,
    },
    /// A registration of one of the others has the same link.
    Exists {
        /// The fact that joins registrations.
        link: FactNo,
        /// Numbers of the other registers.
        others: Vec<usize>,
    },
    /// The date is not before that of any other registration with the same link.
    NotBefore {
        /// The fact that joins registrations.
        link: FactNo,
        /// This registration's date.
        date: FactNo,
        /// Numbers of the other registers, each with the fact that is its date.
        others: Vec<(usize, FactNo)>,
    },
}

impl Demand {
    /// The fact by whose value registrations are compared; none when it is the patient.
    #[must_use]
    pub const fn link(&self) -> Option<FactNo> {
        match self {
            Self::Constant { .. } => None,
            Self::SamePatient { link } | Self::Exists { link, .. } | Self::NotBefore { link, .. } => Some(*link),
        }
    }
}

impl Registers {
    /// The registers of `definitions`.
    #[must_use]
    pub fn new(definitions: &Definitions) -> Self {
        Self::of(definitions.iter().map(Arc::clone))
    }

    /// The registers of these definitions.
    #[must_use]
    pub fn of(definitions: impl IntoIterator<Item = Arc<Definition>>) -> Self {
        let mut definitions: Vec<Arc<Definition>> = definitions.into_iter().collect();
        definitions.sort_by(|a, b| (a.name(), a.version()).cmp(&(b.name(), b.version())));
        let mut facts = Facts::default();
        let demands: Vec<Vec<AcrossCheck>> =
            definitions.iter().map(|definition| facts.checks(definition, &definitions)).collect();
        let register = |(definition, rules): (&Arc<Definition>, Vec<AcrossCheck>)| Register {
            policies: definition.policies(),
            facts: facts.names.iter().map(|name| field_of(definition, name)).collect(),
            definition: Arc::clone(definition),
            rules,
        };
        let list: Vec<Register> = definitions.iter().zip(demands).map(register).collect();
        let mut numbers: HashMap<String, Vec<(u32, usize)>> = HashMap::new();
        for (number, register) in list.iter().enumerate() {
            numbers.entry(register.definition.name().to_owned()).or_default().push((register.definition.version(), number));
        }
        let demands = || list.iter().flat_map(|register| &register.rules).map(|check| &check.demand);
        let mut links: Vec<FactNo> = demands().filter_map(Demand::link).collect();
        let constant = |demand: &Demand| if let Demand::Constant { fact } = demand { Some(*fact) } else { None };
        let mut patient_facts: Vec<FactNo> = demands().filter_map(constant).collect();
        for numbers in [&mut links, &mut patient_facts] {
            numbers.sort_unstable();
            numbers.dedup();
        }
        Self { list, numbers, facts: facts.names, links, patient_facts }
    }

    /// All registers, in order of name and version.
    #[must_use]
    pub fn list(&self) -> &[Register] {
        &self.list
    }

    /// The register with a number.
    #[must_use]
    pub fn get(&self, number: usize) -> Option<&Register> {
        self.list.get(number)
    }

    /// The number of a definition's register.
    #[must_use]
    pub fn number(&self, name: &str, version: u32) -> Option<usize> {
        self.numbers.get(name)?.iter().find(|(of, _)| *of == version).map(|(_, number)| *number)
    }

    /// The names of the facts, as healthdata names the columns.
    #[must_use]
    pub fn facts(&self) -> &[String] {
        &self.facts
    }

    /// The facts by whose value registrations are compared.
    #[must_use]
    pub fn links(&self) -> &[FactNo] {
        &self.links
    }

    /// The facts that must be constant over a patient's registrations.
    #[must_use]
    pub fn patient_facts(&self) -> &[FactNo] {
        &self.patient_facts
    }
}

impl Register {
    /// The definition.
    #[must_use]
    pub const fn definition(&self) -> &Arc<Definition> {
        &self.definition
    }

    /// One policy per field.
    #[must_use]
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// The field that gives a fact; none when the register lacks the column.
    #[must_use]
    pub fn fact(&self, fact: FactNo) -> Option<FieldNo> {
        self.facts.get(fact).copied().flatten()
    }

    /// Its rules across registrations.
    #[must_use]
    pub fn rules(&self) -> &[AcrossCheck] {
        &self.rules
    }

    /// The facts of a registration.
    #[must_use]
    pub fn facts_of(&self, content: &Content) -> Vec<Option<String>> {
        let value = |field: &Option<FieldNo>| content.value(Place::of((*field)?)).map(str::to_owned);
        self.facts.iter().map(value).collect()
    }

    /// The facts of a registration's values, in order of their places.
    #[must_use]
    pub fn facts_in(&self, cells: &[Cell]) -> Vec<Option<String>> {
        let value = |field: &Option<FieldNo>| {
            let at = cells.binary_search_by_key(&Place::of((*field)?), |cell| cell.place).ok()?;
            cells.get(at).map(|cell| cell.value.clone())
        };
        self.facts.iter().map(value).collect()
    }

    /// Healthdata's form of the unique id: the values joined by `|`, with the pseudonym in the place of the patient. None when no field
    /// of it is filled.
    #[must_use]
    pub fn unique_id(&self, content: &Content, pseudonym: &str) -> Option<String> {
        let (mut id, mut filled) = (String::new(), false);
        for (at, number) in self.definition.unique_id().iter().enumerate() {
            if at > 0 {
                id.push('|');
            }
            let is_patient = *number == self.definition.patient().id;
            let value = if is_patient { Some(pseudonym) } else { content.value(Place::of(*number)) };
            filled |= value.is_some();
            id.push_str(value.unwrap_or_default());
        }
        filled.then_some(id)
    }
}

/// The facts that were asked for so far.
#[derive(Default)]
struct Facts {
    names: Vec<String>,
}

impl Facts {
    fn number(&mut self, definition: &Definition, field: FieldNo) -> Option<FactNo> {
        let name = definition.field(field)?.hd_column()?;
        let known = self.names.iter().position(|other| *other == name);
        Some(known.unwrap_or_else(|| {
            self.names.push(name);
            self.names.len() - 1
        }))
    }

    /// A rule about a column that healthdata does not have cannot be checked here and is left out.
    fn checks(&mut self, definition: &Definition, all: &[Arc<Definition>]) -> Vec<AcrossCheck> {
        let rules = definition.across().iter().enumerate();
        let check = |(rule, across): (usize, &dcd::AcrossRule)| {
            let fact = self.number(definition, across.field())?;
            let demand = match across.kind() {
                AcrossKind::ConstantPerPatient => Demand::Constant { fact },
                AcrossKind::SamePatient => Demand::SamePatient { link: fact },
                AcrossKind::Exists { others } => {
                    let is_other = |other: &Definition| others.iter().any(|name| other.name().eq_ignore_ascii_case(name));
                    Demand::Exists { link: fact, others: numbers(all, is_other).collect() }
                }
                AcrossKind::NotBefore { link, others } => {
                    let link = self.number(definition, *link)?;
                    let mut dates = Vec::new();
                    for other in others {
                        for number in numbers(all, |definition| definition.name().eq_ignore_ascii_case(&other.dcd)) {
                            let column = all.get(number).and_then(|of| self.number(of, of.field_no(&other.column)?));
                            dates.extend(column.map(|date| (number, date)));
                        }
                    }
                    Demand::NotBefore { link, date: fact, others: dates }
                }
            };
            Some(AcrossCheck { rule, demand })
        };
        rules.filter_map(check).collect()
    }
}

fn numbers(all: &[Arc<Definition>], wanted: impl Fn(&Definition) -> bool) -> impl Iterator<Item = usize> {
    all.iter().enumerate().filter(move |(_, definition)| wanted(definition)).map(|(number, _)| number)
}

/// The field outside of lists that gives a column of healthdata.
fn field_of(definition: &Definition, name: &str) -> Option<FieldNo> {
    let is_it = |field: &dcd::Field| field.list().is_none() && field.hd_column().is_some_and(|column| column == name);
    definition.fields().iter().position(is_it).and_then(|number| FieldNo::try_from(number).ok())
}
