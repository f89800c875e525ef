//! The kept inputs: each once, through its target.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use hostile::TARGETS;

/// Bytes of all kept inputs together at most: everybody who looks at the repository has them.
const CORPUS_MAX: u64 = 2 << 20;

fn folder(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(below)
}

/// Names in a folder, without what hides itself.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| !name.starts_with('.')).collect()
}

fn targets() -> BTreeSet<String> {
    TARGETS.iter().map(|target| target.name.to_owned()).collect()
}

#[test]
fn every_kept_input_keeps_what_its_target_promises() {
    for target in TARGETS {
        let folder = folder("corpus").join(target.name);
        for name in names(&folder) {
            let bytes = fs::read(folder.join(&name)).unwrap();
            let kept = std::panic::catch_unwind(|| (target.run)(&bytes));
            assert!(kept.is_ok(), "{} breaks its promise with the kept input {name}", target.name);
        }
    }
}

#[test]
fn every_target_has_a_corpus_and_a_program_and_neither_is_without_its_target() {
    assert_eq!(names(&folder("corpus")), targets());
    for target in TARGETS {
        assert!(!names(&folder("corpus").join(target.name)).is_empty(), "{} has no kept input", target.name);
        let program = fs::read_to_string(folder("fuzz/fuzz_targets").join(format!("{}.rs", target.name))).unwrap();
        assert!(program.contains(&format!("hostile::{}(bytes)", target.name)), "the program {} runs another target", target.name);
    }
    let programs = names(&folder("fuzz/fuzz_targets"));
    assert_eq!(programs.iter().map(|name| name.trim_end_matches(".rs").to_owned()).collect::<BTreeSet<_>>(), targets());
    let manifest = fs::read_to_string(folder("fuzz/Cargo.toml")).unwrap();
    assert!(TARGETS.iter().all(|target| manifest.contains(&format!("\nname = \"{}\"\n", target.name))), "a program is not built");
}

#[test]
fn the_page_names_every_target() {
    let page = fs::read_to_string(folder("../../docs/ARCHITECTURE.md")).unwrap();
    let missing: Vec<&str> =
        TARGETS.iter().map(|target| target.name).filter(|name| !page.contains(&format!("`{name}`"))).collect();
    assert_eq!(missing, Vec::<&str>::new(), "docs/ARCHITECTURE.md says nothing of them");
}

#[test]
fn the_corpus_is_small() {
    let files = TARGETS.iter().flat_map(|target| {
        let folder = folder("corpus").join(target.name);
        names(&folder).into_iter().map(move |name| fs::metadata(folder.join(name)).unwrap().len())
    });
    let bytes: u64 = files.sum();
    assert!(bytes <= CORPUS_MAX, "the kept inputs have {bytes} bytes; {CORPUS_MAX} are the most");
}
