//! What was found, as it is kept and as it is handed out: `validation/findings.csv`.
//!
//! Findings are kept in all three languages, since their words come from definitions that may be gone when they are read. They are about
//! the registrations that stand: those of a registration that was replaced or deleted go with it.

use std::{fmt, io};

use dcd::{Definition, Finding, Language, LocalText, Severity};
use hd_messages::{VerdictFinding, VerdictSeverity};

use crate::{across::Member, error::ExportError, registers::Registers, store::DhwStore, validate::Registration};

/// Where a finding stands among all findings.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FindingKey {
    /// The patient.
    pub pseudonym: String,
    /// The register.
    pub dcd: String,
    /// Healthdata's form of the unique id.
    pub unique_id: String,
    /// The hospital's code.
    pub sender: String,
    /// Whether a rule across registrations found it.
    pub across: bool,
    /// Counts the registration's own findings from 0; for a rule across registrations, its place in the definition.
    pub number: u32,
}

impl FindingKey {
    fn new(registers: &Registers, member: &Member, across: bool, number: usize) -> Self {
        let dcd = registers.get(member.register).map_or("", |register| register.definition().name());
        Self {
            pseudonym: member.pseudonym.clone(),
            dcd: dcd.to_owned(),
            unique_id: member.unique_id.clone(),
            sender: member.sender.clone(),
            across,
            number: u32::try_from(number).unwrap_or(u32::MAX),
        }
    }

    /// The key of what the rule across registrations `rule` says of `member`.
    #[must_use]
    pub fn of_rule(registers: &Registers, member: &Member, rule: usize) -> Self {
        Self::new(registers, member, true, rule)
    }
}

impl fmt::Debug for FindingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FindingKey").field("dcd", &self.dcd).field("across", &self.across).field("number", &self.number).finish()
    }
}

/// A finding as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFinding {
    /// Where it stands.
    pub key: FindingKey,
    /// The definition's rule that found it; none for what holds for all definitions.
    pub rule: Option<String>,
    /// The catalogue's code.
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
    /// The column that it is about, as the hospital names it.
    pub column: Option<String>,
    /// What was expected, in the order of [`Language::ALL`].
    pub messages: [String; 3],
}

impl StoredFinding {
    /// What the rules within a registration found.
    pub fn own<'a>(registers: &'a Registers, registration: &'a Registration) -> impl Iterator<Item = Self> + 'a {
        registration.findings.iter().enumerate().map(|(number, finding)| Self {
            key: FindingKey::new(registers, &registration.member, false, number),
            rule: finding.rule.clone(),
            code: finding.code.as_str().to_owned(),
            severity: finding.severity,
            column: finding.column.clone(),
            messages: Language::ALL.map(|language| finding.message(language)),
        })
    }

    /// That a rule across registrations is broken by a registration; none when the definition has no such rule.
    #[must_use]
    pub fn across(registers: &Registers, member: &Member, rule: usize) -> Option<Self> {
        let definition: &Definition = registers.get(member.register)?.definition();
        let across = definition.across().get(rule)?;
        let message: &LocalText = across.message();
        Some(Self {
            key: FindingKey::of_rule(registers, member, rule),
            rule: Some(across.id().to_owned()),
            code: across.code().as_str().to_owned(),
            severity: across.code().severity(),
            column: definition.field(across.field()).map(|field| field.column().to_owned()),
            messages: Language::ALL.map(|language| message.get(language).to_owned()),
        })
    }

    /// The finding as it travels back to HD4RES.
    #[must_use]
    pub fn travelling(&self) -> VerdictFinding {
        VerdictFinding {
            rule: self.rule.clone(),
            code: self.code.clone(),
            severity: travelling(self.severity),
            column: self.column.clone(),
        }
    }
}

/// A finding within a registration as it travels back to HD4RES.
#[must_use]
pub fn travelling_own(finding: &Finding) -> VerdictFinding {
    VerdictFinding {
        rule: finding.rule.clone(),
        code: finding.code.as_str().to_owned(),
        severity: travelling(finding.severity),
        column: finding.column.clone(),
    }
}

const fn travelling(severity: Severity) -> VerdictSeverity {
    match severity {
        Severity::Error => VerdictSeverity::Error,
        Severity::Warning => VerdictSeverity::Warning,
    }
}

/// Findings that are read from the store at once.
const PAGE: u32 = 1_000;

/// Writes all findings as RFC 4180, sorted by pseudonym, and returns how many there are. The rule is the definition's, or the catalogue's
/// code where no rule of the definition is broken; the message names the column.
///
/// # Errors
///
/// [`ExportError`] of the store or of the writer.
pub async fn export(store: &dyn DhwStore, language: Language, writer: impl io::Write + Send) -> Result<u64, ExportError> {
    let at = Language::ALL.iter().position(|one| *one == language).unwrap_or_default();
    let mut file = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(writer);
    file.write_record(["pseudonym", "dcd", "unique_id", "rule", "severity", "message"])?;
    let (mut count, mut after) = (0, None);
    loop {
        let page = store.findings(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.key.clone());
        for StoredFinding { key, rule, code, severity, column, messages } in &page {
            let message = messages.get(at).map_or("", String::as_str);
            let message = column.as_ref().map_or_else(|| message.to_owned(), |column| format!("{column}: {message}"));
            let rule = rule.as_ref().unwrap_or(code);
            file.write_record([&key.pseudonym, &key.dcd, &key.unique_id, rule, severity.as_str(), &message])?;
            count += 1;
        }
    }
    file.flush()?;
    Ok(count)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        sample::{advice, cure, pseudonym, registers, settle},
        store::MemoryStore,
    };

    #[tokio::test]
    async fn the_file_is_sorted_and_speaks_its_language() {
        let registers = registers();
        let store = MemoryStore::new(Arc::clone(&registers));
        let drafts = [
            cure(1, "2024-05-01").with("code", "A,\"1\"").of_patient(3),
            advice(2, "A-2").with("weight", "301").with("given", "2024-05-01").of_patient(2),
            advice(3, "A-3").with("weight", "-1"),
        ];
        settle(&store, &registers, &drafts).await;
        let mut file = Vec::new();
        assert_eq!(export(&store, Language::Dutch, &mut file).await.unwrap(), 3);
        let expected = format!(
            "pseudonym,dcd,unique_id,rule,severity,message\r\n\
             {},Advice,A-3,V04,error,weight: een getal van ten minste 0 wordt verwacht\r\n\
             {},Advice,A-2,A01,error,weight: The weight is too high. (nl)\r\n\
             {},Cure,{}|2024-05-01,X05,warning,code: No advice has this code. (nl)\r\n",
            pseudonym(1),
            pseudonym(2),
            pseudonym(3),
            pseudonym(3)
        );
        assert_eq!(String::from_utf8(file).unwrap(), expected);
    }

    #[test]
    fn debug_of_a_key_prints_no_pseudonym() {
        let registers = registers();
        let registration = advice(1, "A-1").registration(&registers);
        let key = FindingKey::of_rule(&registers, &registration.member, 0);
        assert!(!format!("{key:?}").contains(&pseudonym(1)) && !format!("{registration:?}").contains(&pseudonym(1)));
    }
}
