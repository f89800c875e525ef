//! Step 7: reads an item and validates its registration against its definition.

use dcd::{AttachmentSource, Context, Field, Finding, Kind, Number};
use hd_messages::ValidationItem;
use jiff::civil::Date;
use pseudonymised::Pseudonym;
use registration::{Content, ContentKind, Policy};
use uuid::Uuid;

use crate::{across::Member, error::ItemError, registers::Registers};

/// Findings of one registration that are kept and reported at most. Who has so many has them all from one cause.
pub const FINDINGS_MAX: usize = 500;

/// A registration that was read and validated by itself.
#[derive(Debug)]
pub struct Registration {
    /// The item that brought it.
    pub item: Uuid,
    /// What it says to the rules across registrations. A deletion has no unique id and no facts.
    pub member: Member,
    /// What the patient was in earlier epochs, as the item says.
    pub recoded_from: Vec<String>,
    /// What the hospital registered, as far as healthdata may have it.
    pub content: Content,
    /// What the rules within the registration found.
    pub findings: Vec<Finding>,
}

impl Registration {
    /// Names the registration over all its versions: the hospital's code and the registration's id.
    #[must_use]
    pub fn id(&self) -> (&str, Uuid) {
        (&self.member.sender, self.content.head().registration_id)
    }

    /// Its version.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.content.head().version
    }
}

/// Reads one item and validates it on the day `today`.
///
/// # Errors
///
/// [`ItemError`] when there is no registration to validate.
pub fn read(item: &ValidationItem, registers: &Registers, today: Date) -> Result<Registration, ItemError> {
    let pseudonym = item.pseudonym.parse().map_err(|_| ItemError::Pseudonym)?.to_string();
    let earlier = |text: &envelope::Text<Pseudonym>| Ok(text.parse().map_err(|_| ItemError::Pseudonym)?.to_string());
    let recoded_from = item.recoded_from.iter().map(earlier).collect::<Result<_, ItemError>>()?;
    let sender = item.sender.parse().map_err(|_| ItemError::Sender)?.to_string();
    let content = item.content()?;
    let head = content.head();
    let unknown = || ItemError::UnknownDefinition { name: head.dcd.clone(), version: head.dcd_version };
    let number = registers.number(&head.dcd, head.dcd_version).ok_or_else(unknown)?;
    let register = registers.get(number).ok_or_else(unknown)?;
    let mut member = Member { register: number, sender, pseudonym, unique_id: String::new(), facts: Vec::new() };
    let mut findings = Vec::new();
    if head.kind == ContentKind::Registration {
        content.check(register.policies())?;
        for cell in content.cells() {
            let field = register.definition().field(cell.place.field);
            if field.is_some_and(|field| field.list().is_some()) != cell.place.item.is_some() {
                return Err(ItemError::Place { field: cell.place.field });
            }
            if field.is_some_and(holds_numbers) && !is_canonical(&cell.value) {
                return Err(ItemError::NotANumber { field: cell.place.field });
            }
        }
        member.unique_id = register.unique_id(&content, &member.pseudonym).ok_or(ItemError::NoUniqueId)?;
        member.facts = register.facts_of(&content);
        let context = Context { today, organisation: &head.organisation, attachments: &Files(&content) };
        findings = register.definition().recheck(content.cells(), &context);
        findings.truncate(FINDINGS_MAX);
    }
    Ok(Registration { item: item.id.uuid(), member, recoded_from, content, findings })
}

/// Whether healthdata has the field's values as numbers, which its table then holds as such.
pub(crate) fn holds_numbers(field: &Field) -> bool {
    field.kind() == Kind::Number && field.policy() == Some(Policy::AsIs)
}

fn is_canonical(number: &str) -> bool {
    Number::from_canonical(number).is_some_and(|read| read.to_string() == number)
}

/// The files that came inside the content.
struct Files<'a>(&'a Content);

impl AttachmentSource for Files<'_> {
    fn size(&self, name: &str) -> Option<u64> {
        self.0.attachments().iter().find(|file| file.name == name).map(|file| file.bytes.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use envelope::{B64, Text};

    use super::*;
    use crate::sample::{TODAY, advice, pseudonym, registers};

    #[test]
    fn a_registration_is_read_with_its_facts() {
        let registers = registers();
        let item = advice(1, "A-1").with("patient_id|date_of_birth", "1964-03-12").with("patient_id|name", "Peeters").item();
        let read = read(&item, &registers, TODAY).unwrap();
        assert_eq!((read.member.unique_id.as_str(), read.version()), ("A-1", 1));
        let facts: Vec<&str> = read.member.facts.iter().flatten().map(String::as_str).collect();
        assert!(facts.contains(&"1964") && facts.contains(&"A-1"), "{facts:?}");
        assert!(read.content.cells().iter().all(|cell| cell.value != "Peeters"));
    }

    #[test]
    fn what_is_no_registration_has_a_code() {
        let registers = registers();
        let good = advice(1, "A-1").item();
        let code = |change: &dyn Fn(&mut ValidationItem)| {
            let mut item = good.clone();
            change(&mut item);
            read(&item, &registers, TODAY).err().map(|error| error.disposition())
        };
        use host::Disposition::DeadLetter;
        assert_eq!(code(&|_| {}), None);
        assert_eq!(code(&|item| item.pseudonym = Text::unchecked(pseudonym(1).replace('A', "B"))), Some(DeadLetter("PSEUDONYM")));
        assert_eq!(code(&|item| item.sender = Text::unchecked("00000196".to_owned())), Some(DeadLetter("SENDER")));
        assert_eq!(code(&|item| item.content.0.truncate(100)), Some(DeadLetter("CONTENT")));
        let unknown = advice(1, "A-1");
        let mut head = unknown.content().head().clone();
        head.dcd_version = 9;
        let content = Content::reduce(head.clone(), [], Vec::new(), &[], &registration::CodeKey::new([0; 32])).unwrap();
        assert_eq!(code(&|item| item.content = B64(content.encode())), Some(DeadLetter("UNKNOWN_DEFINITION")));
        head.dcd_version = 1;
        let as_is = vec![registration::Policy::AsIs; 20];
        let forged = |place, value| {
            let key = registration::CodeKey::new([0; 32]);
            B64(Content::reduce(head.clone(), [(place, value)], Vec::new(), &as_is, &key).unwrap().encode())
        };
        let definition = &unknown.definition;
        let name = registration::Place::of(definition.field_no("patient_id|name").unwrap());
        assert_eq!(code(&|item| item.content = forged(name, "Peeters")), Some(DeadLetter("POLICY")));
        let gene = registration::Place::of(definition.field_no("variants|gene").unwrap());
        assert_eq!(code(&|item| item.content = forged(gene, "EGFR")), Some(DeadLetter("PLACE")));
        let weight = registration::Place::of(definition.field_no("weight").unwrap());
        for odd in ["heavy", "7,5", "7.50", "1e3", "07"] {
            assert_eq!(code(&|item| item.content = forged(weight, odd)), Some(DeadLetter("NOT_A_NUMBER")), "{odd}");
        }
        let notes = registration::Place::of(definition.field_no("notes").unwrap());
        assert_eq!(code(&|item| item.content = forged(notes, "n")), Some(DeadLetter("NO_UNIQUE_ID")));
    }
}
