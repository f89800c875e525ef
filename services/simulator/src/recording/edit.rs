//! What is changed in a registration before it is replayed, and by which names.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use dcd::{Definition, Definitions};
use envelope::ItemId;
use identifying::{GeneratedId, Identity, Ssin};
use registration::{CodeKey, Content, Policy};
use sealing::random_bytes;
use uuid::Uuid;

/// Changes that are wanted. Debug prints no value.
#[derive(Clone, Default)]
pub struct Edits {
    /// New values by column; an empty one empties the field.
    cells: BTreeMap<String, String>,
    version: Option<u32>,
    identity: Option<Identity>,
    /// Whether each edited item becomes another item.
    new_item: bool,
}

const FORMS: &str =
    "expected content.COLUMN=VALUE, version=N or identity=NUMBER; @FILE in place of a value takes the file's first line";

impl Edits {
    /// Reads what was typed. No answer repeats a value, since an identity may be one.
    ///
    /// # Errors
    ///
    /// What cannot be an edit, or a file of a value that cannot be read.
    pub fn read(typed: &[String], new_item: bool) -> anyhow::Result<Self> {
        let mut edits = Self { new_item, ..Self::default() };
        for text in typed {
            let (name, value) = text.split_once('=').with_context(|| format!("edit: {FORMS}"))?;
            let value = value_of(value).with_context(|| format!("edit {name}"))?;
            let is_twice = match name.split_once('.') {
                Some(("content", column)) if !column.is_empty() => edits.cells.insert(column.to_owned(), value).is_some(),
                None if name == "version" => {
                    let version =
                        value.parse().ok().filter(|version| *version > 0).context("edit version: expected a number from 1")?;
                    edits.version.replace(version).is_some()
                }
                None if name == "identity" => edits.identity.replace(identity(&value)?).is_some(),
                _ => bail!("edit {name}: {FORMS}"),
            };
            anyhow::ensure!(!is_twice, "edit {name} twice");
        }
        Ok(edits)
    }

    /// Whether nothing is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty() && self.version.is_none() && self.identity.is_none() && !self.new_item
    }

    /// The names of what is changed.
    #[must_use]
    pub fn fields(&self) -> Vec<String> {
        let cells = self.cells.keys().map(|column| format!("content.{column}"));
        let version = self.version.map(|_| "version".to_owned());
        let identity = self.identity.as_ref().map(|_| "identity".to_owned());
        cells.chain(version).chain(identity).chain(self.new_item.then(|| "item".to_owned())).collect()
    }

    /// Values by name, but the identity.
    #[must_use]
    pub fn values(&self) -> serde_json::Value {
        serde_json::json!([self.cells, self.version, self.new_item])
    }

    /// The patient that registrations are to be of.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// Whether items become other items.
    #[must_use]
    pub fn makes_new_items(&self) -> bool {
        self.new_item
    }

    /// The id of an edited item: the same again for the same replay.
    #[must_use]
    pub fn item(&self, item: ItemId, replay: Uuid) -> ItemId {
        if self.new_item { item.derived(&format!("edited {replay}")) } else { item }
    }

    /// A content with the changes made, and with another patient's tag if there is one. Values stand as they were typed: whether healthdata may have them
    /// is for healthdata to say.
    ///
    /// # Errors
    ///
    /// A column that the register does not have, or what can be no content at all.
    pub fn content(&self, content: &Content, tag: Option<[u8; 16]>, definitions: &Definitions) -> anyhow::Result<Content> {
        let mut head = content.head().clone();
        let definition = definitions.exact(&head.dcd, head.dcd_version);
        let definition = definition.with_context(|| format!("find version {} of {}", head.dcd_version, head.dcd))?;
        head.version = self.version.unwrap_or(head.version);
        head.patient_tag = tag.unwrap_or(head.patient_tag);
        let mut cells: BTreeMap<_, &str> = content.cells().iter().map(|cell| (cell.place, cell.value.as_str())).collect();
        for (column, value) in &self.cells {
            let place = place(&definition, column)?;
            cells.insert(place, value);
        }
        let policies = vec![Policy::AsIs; definition.policies().len()];
        // Nothing is reduced here, so the key is of no use to anybody.
        let unused = CodeKey::new(random_bytes().context("draw a key")?);
        let edited = Content::reduce(head, cells, content.attachments().to_vec(), &policies, &unused)?;
        Ok(edited.with_answers(content.answers().to_vec()))
    }
}

impl std::fmt::Debug for Edits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Edits").field(&self.fields()).finish()
    }
}

fn place(definition: &std::sync::Arc<Definition>, column: &str) -> anyhow::Result<registration::Place> {
    let layout = definition.layout_of_form(&[column.to_owned()]).ok();
    layout.and_then(|layout| layout.place(0)).with_context(|| format!("find column {column} in {}", definition.name()))
}

/// A value as it was typed, without quotes around it, or the first line of a file.
fn value_of(text: &str) -> anyhow::Result<String> {
    if let Some(path) = text.strip_prefix('@') {
        let text = std::fs::read_to_string(path).with_context(|| format!("read {path}"))?;
        return Ok(text.lines().next().unwrap_or_default().to_owned());
    }
    Ok(text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text).to_owned())
}

fn identity(value: &str) -> anyhow::Result<Identity> {
    let identity = if value.starts_with('G') {
        value.parse::<GeneratedId>().ok().map(Identity::Generated)
    } else {
        value.parse::<Ssin>().ok().map(Identity::Ssin)
    };
    identity.context("edit identity: expected a national number whose check digits are right, or a generated id")
}

#[cfg(test)]
mod tests {
    use registration::{ContentHead, ContentKind};

    use super::*;

    fn read(typed: &[&str]) -> anyhow::Result<Edits> {
        let typed: Vec<String> = typed.iter().map(|text| (*text).to_owned()).collect();
        Edits::read(&typed, false)
    }

    fn content() -> Content {
        let head = ContentHead {
            registration_id: Uuid::from_u128(1),
            version: 1,
            kind: ContentKind::Registration,
            dcd: "Precision_Local_MAB".to_owned(),
            dcd_version: 1,
            organisation: "00000196".to_owned(),
            patient_tag: [1; 16],
        };
        Content::reduce(head, [], Vec::new(), &[], &CodeKey::new([7; 32])).unwrap()
    }

    #[test]
    fn no_answer_and_no_print_repeats_a_value() {
        for typed in [
            "identity=64031299907",
            "identity=Janssens",
            "64031299906",
            "patient=64031299906",
            "content.=64031299906",
            "version=64031299906x",
        ] {
            let answer = format!("{:#}", read(&[typed]).unwrap_err());
            assert!(!answer.contains("6403129990") && !answer.contains("Janssens"), "{answer}");
        }
        let edits = read(&["identity=64031299906", "content.stage=\"III\""]).unwrap();
        assert_eq!(format!("{edits:?}"), r#"Edits(["content.stage", "identity"])"#);
        assert!(!edits.values().to_string().contains("64031299906"));
        assert!(read(&["version=2", "version=3"]).is_err(), "one of them would be ignored");
    }

    #[test]
    fn a_value_may_stand_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("number");
        std::fs::write(&path, "64031299906\n").unwrap();
        let edits = read(&[&format!("identity=@{}", path.display())]).unwrap();
        assert_eq!(edits.identity().unwrap().reveal(), "64031299906");
    }

    #[test]
    fn fields_are_changed_emptied_and_added_and_nothing_else() {
        let definitions = Definitions::built_in().unwrap();
        let edits = read(&["content.stage=III", "version=4"]).unwrap();
        let edited = edits.content(&content(), None, &definitions).unwrap();
        let definition = definitions.get("Precision_Local_MAB").unwrap();
        let stage = place(&definition, "stage").unwrap();
        assert_eq!((edited.value(stage), edited.head().version, edited.cells().len()), (Some("III"), 4, 1));
        assert_eq!(edited.head().patient_tag, [1; 16]);
        let emptied = read(&["content.stage="]).unwrap().content(&edited, Some([2; 16]), &definitions).unwrap();
        assert_eq!((emptied.value(stage), emptied.head().version, emptied.head().patient_tag), (None, 4, [2; 16]));
        let unknown = read(&["content.stadium=III"]).unwrap().content(&content(), None, &definitions).unwrap_err();
        assert!(unknown.to_string().contains("find column stadium in Precision_Local_MAB"), "{unknown}");
    }
}
