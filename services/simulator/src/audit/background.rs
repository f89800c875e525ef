//! What stands everywhere: the words of the registers themselves. A name that is also such a word is not looked for alone.

use std::fmt::Write as _;

use dcd::{Definitions, Language};
use topology::Actor;

/// Words of the services themselves.
const OWN: &str = "precision researcher hospital person operator administrator support nobody unknown system healthdata ehealth";

/// The registers' columns, labels, codes and texts, in all languages.
pub(crate) fn background(definitions: &Definitions) -> Vec<u8> {
    let mut text = format!("{OWN}\n");
    for actor in Actor::ALL {
        let _ = writeln!(text, "{actor}");
    }
    for definition in definitions.iter() {
        let _ = writeln!(text, "{} {}", definition.name(), definition.project());
        for field in definition.fields() {
            let _ = writeln!(text, "{}", field.column());
            for language in [Language::English, Language::Dutch, Language::French] {
                let _ = writeln!(text, "{}", field.label().get(language));
                field.help().into_iter().for_each(|help| text.extend([help.get(language), "\n"]));
            }
            for code in field.code_list().map(dcd::CodeList::codes).unwrap_or_default() {
                let _ = writeln!(text, "{}", code.code);
                for language in [Language::English, Language::Dutch, Language::French] {
                    let _ = writeln!(text, "{}", code.label.get(language));
                }
            }
        }
    }
    text.push_str(&dcd::errors_markdown());
    text.into_bytes()
}
