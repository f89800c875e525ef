//! What a file must be to go with a registration: a plain name, an extension that the field allows, and a content of that kind.
//!
//! Archives are no kind of attachment here: nobody looks into them on the way, so they are refused by what they begin with, whatever they
//! are called.

use dcd::{Code, Definition, Expected, Field, Finding};

/// Longest name in bytes, as most file systems have it.
const NAME_MAX: usize = 255;

/// A file as a person gives it. Debug prints its column only: the name is the hospital's.
#[derive(Clone)]
pub struct GivenFile {
    /// Column of the attachment field, in a list with the item's number.
    pub column: String,
    /// The file's name, which becomes the field's value.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for GivenFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GivenFile").finish_non_exhaustive()
    }
}

/// What is wrong with a file for `field`, without a column; its size, the sum and the rules of the register are the row's check.
pub(crate) fn fault(definition: &Definition, field: &Field, name: &str, bytes: &[u8]) -> Option<Finding> {
    if !is_plain(name) {
        return Some(Finding::new(Code::E36).expecting(Expected::AtMost(NAME_MAX as u64)));
    }
    let limits = definition.attachments();
    let expected = Expected::File { max_bytes: limits.max_bytes, extensions: field.extensions().to_vec().into() };
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default();
    if !field.extensions().contains(&extension) || bytes.len() as u64 > limits.max_bytes {
        return Some(Finding::new(Code::E11).expecting(expected));
    }
    if !is_of_kind(&extension, bytes) {
        return Some(Finding::new(Code::E35).expecting(expected));
    }
    // The head of a VCF is where laboratories put names and numbers of samples; its rows hold positions.
    let says_who = extension == "vcf" && std::str::from_utf8(head_of_vcf(bytes)).is_ok_and(national_number::contains_number);
    says_who.then(|| Finding::new(Code::E17))
}

/// Whether a name stands for a file beside others on every system that the file may come to.
pub(crate) fn is_plain(name: &str) -> bool {
    const RESERVED: [&str; 4] = ["CON", "PRN", "AUX", "NUL"];
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let is_port = |prefix| stem.strip_prefix(prefix).is_some_and(|rest: &str| rest.len() == 1 && rest != "0");
    let is_device = RESERVED.contains(&stem.as_str()) || is_port("COM") || is_port("LPT");
    let is_printable = |character: char| {
        !character.is_control()
            && !r#"/\:*?"<>|"#.contains(character)
            // Marks that turn the direction of writing make a name look like another one.
            && !matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let has_clean_ends = !name.starts_with(['.', ' ']) && !name.ends_with(['.', ' ']);
    (1..=NAME_MAX).contains(&name.len()) && has_clean_ends && !is_device && name.chars().all(is_printable)
}

/// Whether a content is what its extension says. An extension that is not known here is taken as text: a definition that allows another
/// kind of bytes needs its signature in this table first.
fn is_of_kind(extension: &str, bytes: &[u8]) -> bool {
    match extension {
        "pdf" => bytes.starts_with(b"%PDF-"),
        "png" => bytes.starts_with(b"\x89PNG\r\n\x1a\n"),
        "jpg" | "jpeg" => bytes.starts_with(b"\xff\xd8\xff"),
        "tif" | "tiff" => bytes.starts_with(b"II*\0") || bytes.starts_with(b"MM\0*"),
        "vcf" => bytes.starts_with(b"##fileformat=VCF") && is_text(bytes),
        _ => is_text(bytes),
    }
}

/// UTF-8 or a single-byte script of Western Europe, without the control characters that no text has. What begins like a file of another
/// kind has such characters, or is a document that readers run.
fn is_text(bytes: &[u8]) -> bool {
    let is_control = |byte: &u8| (*byte < 0x20 && !matches!(*byte, b'\t' | b'\n' | b'\r' | 0x0c)) || *byte == 0x7f;
    let is_other = [&b"%PDF-"[..], b"{\\rtf", b"#!", b"MZ", b"PK\x03\x04"].iter().any(|start| bytes.starts_with(start));
    !is_other && !bytes.iter().any(is_control)
}

/// The lines that begin with `#`.
fn head_of_vcf(bytes: &[u8]) -> &[u8] {
    let mut end = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if !line.starts_with(b"#") {
            break;
        }
        end += line.len();
    }
    bytes.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(register: &str, column: &str, name: &str, bytes: &[u8]) -> Option<Code> {
        let definition = dcd::Definitions::built_in().unwrap().get(register).unwrap();
        let field = definition.field(definition.field_no(column).unwrap()).unwrap();
        fault(&definition, field, name, bytes).map(|finding| finding.code)
    }

    fn vcf(name: &str, bytes: &[u8]) -> Option<Code> {
        found("Precision_Local_MAB", "vcf_file", name, bytes)
    }

    const VCF: &[u8] = b"##fileformat=VCFv4.2\n#CHROM\tPOS\nchr7\t64031299906\n";

    #[test]
    fn a_name_is_plain() {
        assert_eq!(vcf("P-1.vcf", VCF), None);
        assert_eq!(vcf("rapport \u{e9}t\u{e9}.vcf", VCF), None);
        let long = format!("{}.vcf", "x".repeat(252));
        for name in [
            "",
            ".",
            "..",
            "../P-1.vcf",
            "a/P-1.vcf",
            "a\\P-1.vcf",
            "C:P-1.vcf",
            ".P-1.vcf",
            "P-1.vcf ",
            "P-1.vcf.",
            "P\0.vcf",
            "P\n.vcf",
            "CON.vcf",
            "nul.txt",
            "com1.vcf",
            "P\u{202e}fcv.txt",
            "P?.vcf",
            &long,
        ] {
            assert_eq!(vcf(name, VCF), Some(Code::E36), "{name:?}");
        }
    }

    #[test]
    fn the_content_is_what_the_extension_says() {
        let (pdf, png, zip) = (b"%PDF-1.7\n\0", b"\x89PNG\r\n\x1a\n\0\0", b"PK\x03\x04\x14\0\0\0");
        let report = |name, bytes: &[u8]| found("Precision_Central_MAB", "report", name, bytes);
        for (name, bytes) in [("a.pdf", &pdf[..]), ("a.png", png), ("a.txt", b"plain\r\n"), ("a.TXT", b"caf\xe9"), ("a.txt", b"")]
        {
            assert_eq!(report(name, bytes), None, "{name}");
        }
        for (name, bytes) in [
            ("a.pdf", &png[..]),
            ("a.png", pdf),
            ("a.txt", pdf),
            ("a.txt", zip),
            ("a.pdf", zip),
            ("a.txt", b"#!/bin/sh\n"),
            ("a.txt", b"MZ program"),
            ("a.txt", b"nul\0"),
            ("a.pdf", b""),
        ] {
            assert_eq!(report(name, bytes), Some(Code::E35), "{name}");
        }
        assert_eq!(report("a.zip", zip), Some(Code::E11));
        assert_eq!(report("a", b"x"), Some(Code::E11));
        assert_eq!(vcf("P.vcf", b"chr7\t1\n"), Some(Code::E35));
    }

    #[test]
    fn a_file_is_not_larger_than_6_mb_and_its_head_says_not_who() {
        let mut large = VCF.to_vec();
        large.resize(6 * 1024 * 1024, b'x');
        assert_eq!(vcf("P.vcf", &large), None);
        large.push(b'x');
        assert_eq!(vcf("P.vcf", &large), Some(Code::E11));
        assert_eq!(vcf("P.vcf", b"##fileformat=VCFv4.2\n##patient=64031299906\nchr7\n"), Some(Code::E17));
    }

    proptest! {
        #[test]
        fn a_plain_name_leads_nowhere_else(name in "\\PC{0,40}") {
            if is_plain(&name) {
                let path = std::path::Path::new("folder").join(&name);
                prop_assert_eq!(path.parent(), Some(std::path::Path::new("folder")));
            }
        }
    }
}
