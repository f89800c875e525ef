use super::*;
use crate::sample::{JSON, LISTS};
use crate::{AcrossKind, Approval, Code, GroupKind, Kind};

fn error(from: &str, to: &str) -> String {
    assert!(JSON.contains(from), "{from}");
    Definitions::single(&JSON.replacen(from, to, 1), LISTS).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn the_sample_is_understood() {
    let definition = Definitions::single(JSON, LISTS).unwrap();
    assert_eq!((definition.name(), definition.version(), definition.project()), ("Sample", 2, "HDBP0000"));
    assert_eq!(definition.approval(), Approval::Automatic);
    let gene = definition.field(definition.field_no("variants|gene").unwrap()).unwrap();
    assert_eq!((gene.list(), gene.kind(), gene.is_required()), (Some("variants"), Kind::Text, true));
    assert_eq!(gene.column_at(Some(7)), "variants|07|gene");
    let kinds: Vec<_> = definition.groups().iter().map(|group| (group.column(), group.kind())).collect();
    assert!(kinds.contains(&("patient_id", GroupKind::Patient)) && kinds.contains(&("g8", GroupKind::Questionnaire)));
    let nested = definition.field(definition.field_no("sites|specify").unwrap()).unwrap();
    assert_eq!(nested.list(), None);
    assert_eq!(definition.sections().len(), 2);
    assert_eq!(definition.unique_id(), [definition.field_no("case").unwrap()]);
    assert_eq!(definition.policies().len(), definition.fields().len());
    assert_eq!(definition.rules()[0].code(), Code::V02);
    assert!(matches!(definition.across()[0].kind(), AcrossKind::ConstantPerPatient));
    assert_eq!(definition.across()[2].code(), Code::W06);
}

#[test]
fn the_collection_opens_and_closes() {
    let definition = Definitions::single(JSON, LISTS).unwrap();
    let day = |year, month, of_month| jiff::civil::date(year, month, of_month);
    assert!(definition.collection().may_create(day(2021, 6, 15)).is_err());
    assert!(definition.collection().may_create(day(2021, 6, 16)).is_ok());
    assert!(definition.collection().may_create(day(2026, 12, 31)).is_ok());
    assert_eq!(definition.collection().may_create(day(2027, 1, 1)).unwrap_err().code, Code::E13);
    assert!(definition.collection().may_submit(day(2027, 1, 1)).is_ok());
}

#[test]
fn the_fingerprint_is_the_same_for_another_lay_out_only() {
    let fingerprint = |json: &str| Definitions::single(json, LISTS).unwrap().fingerprint();
    let compact = serde_json::to_string(&serde_json::from_str::<serde_json::Value>(JSON).unwrap()).unwrap();
    assert_eq!(fingerprint(JSON), fingerprint(&compact));
    assert_ne!(fingerprint(JSON), fingerprint(&JSON.replace("\"max_items\": 3", "\"max_items\": 4")));
}

#[test]
fn shape_faults_name_file_line_column_and_path() {
    let message = error("\"max_items\": 3", "\"max_item\": 3");
    assert!(message.contains("definition.json, line 71, column 56") && message.contains("sections[1].fields[8]"), "{message}");
    assert!(message.contains("max_item") && !message.contains("at line"), "{message}");
    let message = error("\"version\": 2", "\"version\": \"2\"");
    assert!(message.contains("line 2,") && message.contains("at version"), "{message}");
    let message = error("\"severity\": \"error\"", "\"severity\": \"fatal\"");
    assert!(message.contains("rules[0].severity"), "{message}");
    assert!(error("\"required\": true", "\"required\": \"yes\"").contains("true, false or a condition"));
    let behind = Definitions::single(&format!("{JSON} x"), LISTS).map(|_| ()).unwrap_err().to_string();
    assert!(behind.contains("trailing"), "{behind}");
}

/// What contradicts itself is refused, with the JSON path of the place.
#[test]
fn faults_of_meaning_name_the_path() {
    for (from, to, path, reason) in [
        ("\"name\": \"Sample\"", "\"name\": \"1 Sample\"", "at name", "a name starts"),
        ("\"version\": 2", "\"version\": 0", "at version", "count from 1"),
        ("\"nl\": \"Staal\"", "\"nl\": \" \"", "at title", "missing in one"),
        ("\"start\": \"2021-06-16\"", "\"start\": \"16/06/2021\"", "at collection.start", "yyyy-mm-dd"),
        ("\"start\": \"2021-06-16\"", "\"start\": \"2027-06-16\"", "at collection:", "ends before"),
        ("\"unique_id\": [\"case\"]", "\"unique_id\": []", "at unique_id", "at least one"),
        ("\"unique_id\": [\"case\"]", "\"unique_id\": [\"none\"]", "at unique_id[0]", "no column none"),
        ("\"unique_id\": [\"case\"]", "\"unique_id\": [\"variants|gene\"]", "at unique_id[0]", "of a list"),
        ("\"unique_id\": [\"case\"]", "\"unique_id\": [\"patient_id|name\"]", "at unique_id[0]", "as it is"),
        ("\"list\": \"SITE\", \"hd\": \"as_is\"", "\"list\": \"SITE\"", "at sections[1].fields[5]", "hd is missing"),
        ("\"list\": \"SITE\"", "\"list\": \"NONE\"", "at sections[1].fields[5].list", "no list NONE"),
        ("\"list\": \"STAGE\", \"required\"", "\"required\"", "at sections[1].fields[4]", "needs the member list"),
        ("\"default\": \"IV\"", "\"default\": \"V\"", "fields[4].default", "does not take"),
        ("\"hd\": \"pseudonym\"", "\"hd\": \"as_is\"", "at sections[0].fields[0].hd", "pseudonym"),
        ("\"hd\": \"year\"", "\"hd\": \"postal_area\"", "fields[4].hd", "cannot be reduced"),
        ("\"hd\": \"year\"", "\"filterable\": true, \"hd\": \"year\"", "at sections:", "identifies the patient"),
        ("\"hd_name\": \"year_of_birth\"", "\"hd_name\": \"sex\"", "at sections", "would exist twice"),
        ("\"min\": 100", "\"min\": 100, \"pattern\": \"x\"", "fields[1].pattern", "means nothing"),
        ("\"pattern\": \"[A-Z0-9-]+\"", "\"pattern\": \"[A-Z\"", "fields[0].pattern", "regex"),
        ("\"max_items\": 3", "\"max_items\": 0", "fields[8].max_items", "from 1"),
        ("\"name\": \"reported\"", "\"name\": \"seen\"", "at sections[1].fields[2]", "exists already"),
        ("{ \"empty\": \"patient_id\" }", "{ \"empty\": \"x\" }", "fields[2].required.empty", "no column x"),
        ("{ \"empty\": \"patient_id\" }", "{ }", "fields[2].required", "exactly one form"),
        (
            "{ \"empty\": \"patient_id\" }",
            "{ \"empty\": \"case\", \"filled\": \"case\" }",
            "fields[2].required",
            "exactly one form",
        ),
        ("[\"seen\", \"<=\", \"today\"]", "[\"case\", \"<=\", \"today\"]", "at rules[0].check.compare", "cannot be compared"),
        ("[\"seen\", \"<=\", \"today\"]", "[\"variants|found\", \"<=\", \"today\"]", "at rules[0].check.compare", "use any_item"),
        (
            "{ \"rising\": \"variants|found\" }",
            "{ \"rising\": \"seen\" }",
            "at rules[8].check.rising",
            "does not stand in a list",
        ),
        ("\"in\": [\"OTHER\"]", "\"in\": [\"OTHERS\"]", "required.in", "never holds OTHERS"),
        ("\"id\": \"R02\"", "\"id\": \"R01\"", "at rules[1].id", "another rule"),
        ("\"column\": \"reported\", \"severity\"", "\"column\": \"x\", \"severity\"", "at rules[1].column", "no column x"),
        ("[\"g8|food\", \"g8|health\", \"g8|age\"]", "[\"g8|total\"]", "fields[3].computed", "computed later"),
        ("{ \"organisation\": true }", "{ }", "fields[1].computed", "exactly one form"),
        ("\"link\": \"case\", ", "", "at across[2]", "needs the member link"),
        ("[{ \"dcd\": \"Other\" }]", "[]", "at across[3].other", "at least one"),
    ] {
        let message = error(from, to);
        assert!(message.contains(path) && message.contains(reason), "{to}: {message}");
    }
}

#[test]
fn a_definition_has_exactly_one_patient() {
    let none = error("\"name\": \"patient_id\", \"type\": \"patient_id\"", "\"name\": \"patient_id\", \"type\": \"text\"");
    assert!(none.contains("means nothing"), "{none}");
}

/// The built-in definitions load, and every column that a hospital may fill fits their own header.
#[test]
fn the_built_in_definitions_load() {
    let definitions = Definitions::built_in().unwrap_or_else(|error| panic!("{error}"));
    let names: Vec<_> = definitions.iter().map(|definition| definition.name().to_owned()).collect();
    for name in ["Precision_Central_MAB", "Precision_Local_MAB", "Precision_Treatment"] {
        assert!(names.iter().any(|there| there == name), "{name}");
        let definition = definitions.get(&name.to_uppercase()).unwrap();
        assert_eq!(definition.name(), name);
        assert!(definitions.exact(name, definition.version()).is_some());
        assert!(definitions.exact(&name.to_lowercase(), definition.version()).is_none());
        assert!(definition.layout(&definition.header_template()).is_ok());
        let hd = definition.hd_columns();
        for identifying in [
            "patient_id",
            "patient_id|name",
            "patient_id|first_name",
            "patient_id|internal_patient_id",
            "patient_id|date_of_birth",
        ] {
            assert!(!hd.iter().any(|column| column == identifying), "{identifying}");
        }
    }
}

#[test]
fn a_folder_adds_definitions_and_replaces_shared_lists() {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    std::fs::create_dir_all(at("Sample/2/lists")).unwrap();
    std::fs::create_dir_all(at("lists")).unwrap();
    std::fs::write(at("Sample/2/definition.json"), JSON).unwrap();
    std::fs::write(at("README.md"), "not read").unwrap();
    for (name, text) in LISTS.iter().filter(|(name, _)| *name != "STAGE") {
        std::fs::write(at(&format!("lists/{name}.csv")), text).unwrap();
    }
    let own = LISTS.iter().find(|(name, _)| *name == "STAGE").unwrap().1;
    std::fs::write(at("Sample/2/lists/STAGE.csv"), own).unwrap();
    let definitions = Definitions::built_in().unwrap().with_directory(folder.path()).unwrap();
    let stage = |name: &str| {
        let definition = definitions.get(name).unwrap();
        let field = definition.field(definition.field_no("stage").unwrap()).unwrap();
        field.code_list().unwrap().codes().len()
    };
    assert_eq!(stage("sample"), 4);
    assert!(stage("precision_local_mab") > 4);
    std::fs::rename(at("Sample/2"), at("Sample/3")).unwrap();
    let error = Definitions::built_in().unwrap().with_directory(folder.path()).unwrap_err().to_string();
    assert!(error.contains("Sample/3") && error.contains("version 2"), "{error}");
    let error = Definitions::built_in().unwrap().with_directory(&at("absent")).unwrap_err().to_string();
    assert!(error.contains("absent"), "{error}");
}
