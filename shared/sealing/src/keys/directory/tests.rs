//! Key folders: made once, opened by their owner, refused to others.

use std::{fs, os::unix::fs::PermissionsExt};

use tempfile::TempDir;

use super::*;
use crate::{Part, SealingError};

const A: &str = "00000196";
const B: &str = "00000295";

fn nihdi(digits: &str) -> Nihdi {
    digits.parse().unwrap()
}

fn created(hospitals: &[&str]) -> (TempDir, KeyDirectory) {
    let folder = tempfile::tempdir().unwrap();
    let hospitals: Vec<Nihdi> = hospitals.iter().map(|digits| nihdi(digits)).collect();
    let directory = KeyDirectory::create(&folder.path().join("keys"), &hospitals).unwrap();
    (folder, directory)
}

/// Every file below a folder with its content, by path.
fn content(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(content(&path));
        } else {
            files.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    files
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_new_directory_holds_a_folder_per_party_with_strict_modes() {
    let (_folder, directory) = created(&[A]);
    let mut found: Vec<String> = content(&directory.root)
        .into_keys()
        .map(|path| {
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            let name = path.strip_prefix(&directory.root).unwrap().display().to_string();
            format!("{name} {:o} {:o}", mode(path.parent().unwrap()), mode(&path))
        })
        .collect();
    found.sort();
    let expected = [
        "ehbox-hco-00000196/messaging-1.key 700 600",
        "ehbox-hd/messaging-1.key 700 600",
        "ehealth-ttp/handle.key 700 600",
        "ehealth-ttp/messaging-1.key 700 600",
        "ehealth-ttp/pseudonym-1.key 700 600",
        "ehealth-ttp/quota.key 700 600",
        "ehealth-ttp/sender.key 700 600",
        "hd4dp-00000196/hospitals.key 700 600",
        "hd4dp-00000196/patient-tag.key 700 600",
        "public/ehbox-hco-00000196.json 755 644",
        "public/ehbox-hd.json 755 644",
        "public/ehealth-ttp.json 755 644",
    ];
    assert_eq!(found, expected);
}

#[test]
fn every_party_reads_its_keys_and_they_work_together() {
    let (_folder, directory) = created(&[A, B]);
    let hco = directory.messaging(Party::EhboxHco(nihdi(A))).unwrap();
    let ttp = directory.ttp().unwrap();
    let mut sealer = hco.keyring.sealer(Part::Identity, hco.public.keys(Party::EhealthTtp).unwrap().current()).unwrap();
    let (key, enc) = sealer.encapsulation();
    let blob = sealer.seal(&[1; 16], b"identity").unwrap();

    let open_as = |party| {
        let senders = ttp.public.keys(party).unwrap().all();
        ttp.keyring.opener(Part::Identity, senders, key, &enc).unwrap().open(&[1; 16], &blob)
    };
    assert_eq!(open_as(Party::EhboxHco(nihdi(A))).unwrap(), b"identity");
    assert_eq!(open_as(Party::EhboxHco(nihdi(B))), Err(SealingError::DoesNotOpen(Part::Identity)));

    let (party, public) = ttp.public.by_id(hco.keyring.public().id()).unwrap();
    assert_eq!((party, public), (Party::EhboxHco(nihdi(A)), hco.keyring.public()));
    assert_eq!(ttp.public.hospitals().copied().collect::<Vec<_>>(), [nihdi(A), nihdi(B)]);
    assert!(matches!(ttp.public.keys(Party::EhboxHco(nihdi("99999999"))), Err(KeyError::UnknownParty(_))));
    assert_eq!(ttp.masters.keys().copied().collect::<Vec<_>>(), [1]);
}

#[test]
fn hospitals_share_one_key_and_have_tags_of_their_own() {
    let (_folder, directory) = created(&[A]);
    directory.add_hospital(&nihdi(B)).unwrap();
    let (a, b) = (directory.hospital_secrets(&nihdi(A)).unwrap(), directory.hospital_secrets(&nihdi(B)).unwrap());
    assert_eq!((&a.generated_id_key, &a.code_key), (&b.generated_id_key, &b.code_key));
    assert_ne!(a.generated_id_key, a.code_key);
    assert_ne!(a.tag_key, b.tag_key);
    assert!(matches!(directory.add_hospital(&nihdi(B)), Err(KeyError::Exists { .. })));
}

#[test]
fn a_hospital_is_not_added_where_the_shared_key_is_not_at_hand() {
    let (_folder, directory) = created(&[A]);
    fs::remove_dir_all(directory.root.join("hd4dp-00000196")).unwrap();
    assert!(matches!(directory.add_hospital(&nihdi(B)), Err(KeyError::NoSharedKey { .. })));
}

#[test]
fn the_first_hospital_may_come_later() {
    let (_folder, directory) = created(&[]);
    directory.add_hospital(&nihdi(A)).unwrap();
    assert!(directory.hospital_secrets(&nihdi(A)).is_ok());
}

#[test]
fn keys_are_never_written_over() {
    let (_folder, directory) = created(&[A]);
    let before = content(&directory.root);
    assert!(matches!(KeyDirectory::create(&directory.root, &[nihdi(A)]), Err(KeyError::Exists { .. })));
    KeyDirectory::open_or_create(&directory.root, &[nihdi(A)]).unwrap();
    assert_eq!(content(&directory.root), before);

    KeyDirectory::open_or_create(&directory.root, &[nihdi(A), nihdi(B)]).unwrap();
    let after = content(&directory.root);
    assert!(before.iter().all(|(path, bytes)| after.get(path) == Some(bytes)));
    assert!(directory.messaging(Party::EhboxHco(nihdi(B))).is_ok());
}

/// Two shared keys would give one patient two generated ids.
#[test]
fn hospitals_that_are_added_at_once_share_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("keys");
    let hospitals: Vec<Nihdi> = (1..=8).map(|number| nihdi(&format!("0000000{number}"))).collect();
    std::thread::scope(|scope| {
        for hospital in &hospitals {
            scope.spawn(|| KeyDirectory::open_or_create(&root, std::slice::from_ref(hospital)).unwrap());
        }
    });
    let directory = KeyDirectory::open(&root).unwrap();
    let first = directory.hospital_secrets(&hospitals[0]).unwrap().code_key;
    assert!(hospitals.iter().all(|hospital| directory.hospital_secrets(hospital).unwrap().code_key == first));
    assert_eq!(directory.public().unwrap().hospitals().count(), 8);
}

/// Whatever file an interrupted creation had come to, the next one keeps what is there and completes it.
#[test]
fn an_interrupted_creation_is_completed() {
    let (_folder, directory) = created(&[A]);
    let all = content(&directory.root);
    for missing in all.keys().filter(|path| !path.ends_with("hospitals.key")) {
        let before = content(&directory.root);
        fs::remove_file(missing).unwrap();
        let _gone = fs::remove_file(directory.root.join("public/ehealth-ttp.json"));
        KeyDirectory::create(&directory.root, &[nihdi(A)]).unwrap();
        assert!(directory.messaging(Party::EhboxHco(nihdi(A))).is_ok(), "{}", missing.display());
        let after = content(&directory.root);
        let kept = |path: &&PathBuf| path.extension().is_some_and(|kind| kind == "key") && path != &missing;
        assert!(before.keys().filter(kept).all(|path| before[path] == after[path]), "{}", missing.display());
        assert!(directory.ttp().is_ok() && directory.hospital_secrets(&nihdi(A)).is_ok(), "{}", missing.display());
    }
    let leftovers = content(&directory.root).into_keys().filter(|path| !all.contains_key(path)).count();
    assert_eq!(leftovers, 0);
}

#[test]
fn a_party_needs_its_own_folder_and_the_public_one_alone() {
    let (_folder, directory) = created(&[A]);
    let mounted = tempfile::tempdir().unwrap();
    for folder in [PUBLIC, "ehbox-hd"] {
        fs::rename(directory.root.join(folder), mounted.path().join(folder)).unwrap();
    }
    let own = KeyDirectory::open(mounted.path()).unwrap();
    assert!(own.messaging(Party::EhboxHd).is_ok());
    assert!(own.refuse_foreign(Party::EhboxHd).is_ok());
    assert_eq!(own.parties().unwrap(), [Party::EhboxHd]);
    assert!(matches!(own.ttp(), Err(KeyError::Missing { .. })));
    assert!(matches!(KeyDirectory::open(&directory.root), Err(KeyError::Missing { .. })));
}

#[test]
fn another_partys_readable_key_is_refused_by_name() {
    let (_folder, directory) = created(&[A]);
    for own in [Party::EhboxHd, Party::EhealthTtp, Party::EhboxHco(nihdi(A)), Party::Hd4dp(nihdi(A))] {
        assert!(matches!(directory.refuse_foreign(own), Err(KeyError::Foreign { .. })), "{own}");
    }
    for other in ["ehbox-hco-00000196", "hd4dp-00000196", "ehealth-ttp"] {
        let error = directory.refuse_foreign(Party::EhboxHd).unwrap_err();
        assert!(error.to_string().contains("ehbox-hd can read"), "{error}");
        fs::remove_dir_all(directory.root.join(other)).unwrap();
    }
    fs::write(directory.root.join("README"), "no folder").unwrap();
    assert!(directory.refuse_foreign(Party::EhboxHd).is_ok());
}

#[test]
fn files_and_folders_that_others_may_read_are_refused() {
    let (_folder, directory) = created(&[A]);
    let folder = directory.root.join("ehbox-hd");
    let file = folder.join("messaging-1.key");
    for mode in [0o640, 0o604, 0o660, 0o666] {
        set_mode(&file, mode);
        let error = directory.messaging(Party::EhboxHd).unwrap_err();
        assert!(matches!(error, KeyError::Mode { mode: found, .. } if found == mode), "{error}");
        assert!(error.to_string().contains(&format!("its mode is {mode:o}, it must be 600")), "{error}");
    }
    set_mode(&file, 0o400);
    assert!(directory.messaging(Party::EhboxHd).is_ok());
    for mode in [0o750, 0o701, 0o777] {
        set_mode(&folder, mode);
        assert!(matches!(directory.messaging(Party::EhboxHd), Err(KeyError::Mode { .. })), "{mode:o}");
    }
    set_mode(&folder, 0o500);
    assert!(directory.messaging(Party::EhboxHd).is_ok());
}

#[test]
fn files_of_another_form_are_refused_without_their_content() {
    let (_folder, directory) = created(&[A]);
    let file = directory.root.join("ehbox-hd/messaging-1.key");
    for text in ["", "5a5a", &"5A".repeat(32), &"5a".repeat(33), &format!("{}\n\n", "5a".repeat(32)), &"zz".repeat(32)] {
        fs::write(&file, text).unwrap();
        let error = directory.messaging(Party::EhboxHd).unwrap_err();
        assert!(matches!(error, KeyError::Form { .. }), "{error}");
        assert!(text.is_empty() || !format!("{error} {error:?}").contains(text), "{error}");
    }
    let public = directory.root.join("public/ehbox-hd.json");
    for text in [
        r#"{"party":"ehbox-hd","keys":[]}"#,
        r#"{"party":"ehbox-hd","keys":["5a"]}"#,
        r#"{"party":"ehealth-ttp","keys":[]}"#,
        r#"{"party":"ehbox-hd","keys":[],"more":1}"#,
        "",
    ] {
        fs::write(&public, text).unwrap();
        assert!(matches!(directory.public(), Err(KeyError::Form { .. } | KeyError::Key { .. })), "{text}");
    }
    fs::remove_file(public).unwrap();
    fs::write(directory.root.join("public/somebody.json"), "{}").unwrap();
    assert!(matches!(directory.public(), Err(KeyError::Form { .. })));
}

#[test]
fn a_renewed_key_pair_seals_and_the_old_one_still_opens() {
    let (_folder, directory) = created(&[A]);
    let before = directory.messaging(Party::EhboxHd).unwrap();
    let hco = directory.messaging(Party::EhboxHco(nihdi(A))).unwrap();
    let mut sealer = hco.keyring.sealer(Part::Content, before.keyring.public()).unwrap();
    let (key, enc) = sealer.encapsulation();
    let blob = sealer.seal(&[1; 16], b"content").unwrap();
    let fingerprint = directory.fingerprint(Party::EhboxHd).unwrap();

    directory.renew_key_pair(Party::EhboxHd).unwrap();
    let after = directory.messaging(Party::EhboxHd).unwrap();
    assert_ne!(after.keyring.public(), before.keyring.public());
    let known = after.public.keys(Party::EhboxHd).unwrap();
    assert_eq!(known.all(), [after.keyring.public().clone(), before.keyring.public().clone()]);
    assert_eq!(after.public.by_id(before.keyring.public().id()).unwrap().0, Party::EhboxHd);
    let opener = after.keyring.opener(Part::Content, &[hco.keyring.public().clone()], key, &enc).unwrap();
    assert_eq!(opener.open(&[1; 16], &blob).unwrap(), b"content");
    assert_eq!(directory.fingerprint(Party::EhboxHd).unwrap(), fingerprint);
}

#[test]
fn the_tenth_key_pair_follows_the_ninth() {
    let (_folder, directory) = created(&[]);
    for _ in 0..10 {
        directory.renew_key_pair(Party::EhboxHd).unwrap();
    }
    let newest = read_secret(&directory.root.join("ehbox-hd/messaging-11.key")).unwrap();
    let newest = PrivateKey::from_bytes(newest.bytes()).unwrap();
    assert_eq!(directory.messaging(Party::EhboxHd).unwrap().keyring.public(), newest.public());
}

#[test]
fn a_public_file_that_does_not_show_the_current_key_is_refused() {
    let (_folder, directory) = created(&[A]);
    make_secret(&directory.root.join("ehbox-hd/messaging-2.key")).unwrap();
    let error = directory.messaging(Party::EhboxHd).unwrap_err();
    assert!(matches!(error, KeyError::PublicDiffers { party: Party::EhboxHd, .. }), "{error}");
}

#[test]
fn epochs_have_no_gaps() {
    let (_folder, directory) = created(&[]);
    assert_eq!(directory.add_epoch().unwrap(), 2);
    assert_eq!(directory.add_epoch().unwrap(), 3);
    assert_eq!(directory.ttp().unwrap().masters.keys().copied().collect::<Vec<_>>(), [1, 2, 3]);
    fs::remove_file(directory.root.join("ehealth-ttp/pseudonym-2.key")).unwrap();
    let error = directory.ttp().unwrap_err();
    assert!(matches!(&error, KeyError::Missing { path } if path.ends_with("pseudonym-2.key")), "{error}");
}

#[test]
fn a_fingerprint_tells_keys_apart_and_tells_nothing_of_them() {
    let (_folder, directory) = created(&[A, B]);
    let parties = directory.parties().unwrap();
    assert_eq!(parties.len(), 6);
    let prints: Vec<String> = parties.iter().map(|party| directory.fingerprint(*party).unwrap()).collect();
    let distinct: std::collections::BTreeSet<_> = prints.iter().collect();
    assert_eq!(distinct.len(), parties.len());
    assert!(prints.iter().all(|print| print.len() == 32));

    for (party, print) in parties.iter().zip(&prints) {
        for name in files::names(&directory.root.join(party.to_string())).unwrap() {
            let path = directory.root.join(party.to_string()).join(name);
            let kept = fs::read(&path).unwrap();
            fs::write(&path, format!("{}\n", "5a".repeat(32))).unwrap();
            assert_ne!(&directory.fingerprint(*party).unwrap(), print, "{}", path.display());
            fs::write(&path, kept).unwrap();
        }
        assert_eq!(&directory.fingerprint(*party).unwrap(), print);
    }
}

#[test]
fn debug_prints_no_key() {
    let (_folder, directory) = created(&[A]);
    let (secrets, ttp) = (directory.hospital_secrets(&nihdi(A)).unwrap(), directory.ttp().unwrap());
    let printed = format!("{secrets:?} {ttp:?} {:?}", directory.messaging(Party::EhboxHd).unwrap());
    for bytes in content(&directory.root).values().filter(|bytes| bytes.len() == 65) {
        let digits = std::str::from_utf8(bytes).unwrap().trim();
        let as_list = format!("{:?}", HEXLOWER.decode(digits.as_bytes()).unwrap());
        assert!(!printed.contains(digits) && !printed.contains(&as_list[1..20]), "{printed}");
    }
}

#[test]
fn renewed_keys_are_found_by_the_next_look() {
    let folder = tempfile::tempdir().unwrap();
    let hospital = "00000196".parse().unwrap();
    let keys = KeyDirectory::create(folder.path(), &[hospital]).unwrap();
    let (ttp, client) = (keys.ttp_in_use().unwrap(), keys.messaging_in_use(Party::EhboxHco(hospital)).unwrap());
    let before = ttp.get();
    assert!(!ttp.look_again().unwrap() && !client.look_again().unwrap());
    keys.add_epoch().unwrap();
    assert!(ttp.look_again().unwrap(), "a new epoch is the TTP's own");
    assert!(!client.look_again().unwrap());
    assert_eq!((before.masters.len(), ttp.get().masters.len()), (1, 2));
    keys.renew_key_pair(Party::EhealthTtp).unwrap();
    assert!(ttp.look_again().unwrap() && client.look_again().unwrap(), "a new key pair is everybody's");
    assert!(!ttp.look_again().unwrap() && !client.look_again().unwrap());
    let current = client.get().public.keys(Party::EhealthTtp).unwrap().current().id();
    assert_eq!(current, ttp.get().keyring.public().id());
    assert_ne!(current, before.keyring.public().id());
}

#[test]
fn a_look_in_the_middle_of_a_renewal_keeps_what_there_was() {
    let folder = tempfile::tempdir().unwrap();
    let keys = KeyDirectory::create(folder.path(), &["00000196".parse().unwrap()]).unwrap();
    let ttp = keys.ttp_in_use().unwrap();
    let before = ttp.get().keyring.public().id();
    let public = folder.path().join("public/ehealth-ttp.json");
    let shown = std::fs::read(&public).unwrap();
    keys.renew_key_pair(Party::EhealthTtp).unwrap();
    let renewed = std::fs::read(&public).unwrap();
    std::fs::write(&public, shown).unwrap();
    assert!(matches!(ttp.look_again(), Err(KeyError::PublicDiffers { .. })));
    assert_eq!(ttp.get().keyring.public().id(), before);
    std::fs::write(&public, renewed).unwrap();
    assert!(ttp.look_again().unwrap());
    assert_ne!(ttp.get().keyring.public().id(), before);
}
