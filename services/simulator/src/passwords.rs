//! The passwords of the broker's users, as its definitions file has them.

use std::{collections::BTreeMap, fs, io::ErrorKind, path::Path};

use anyhow::{Context, bail, ensure};
use data_encoding::BASE64;
use sha2::{Digest, Sha256};
use topology::{Password, User};

/// Bytes of salt in front of a hash: RabbitMQ has these and no others.
const SALT: usize = 4;

/// Users by name: with their passwords, and those who have none.
#[derive(Debug)]
pub struct Passwords {
    /// Those with a password.
    pub known: BTreeMap<String, Password>,
    /// Those without a file.
    pub missing: Vec<String>,
}

impl Passwords {
    /// Reads them, each from the first line of `folder/USER/broker`, where a service has its own (`broker.ZONE.password_file`).
    ///
    /// # Errors
    ///
    /// A file that is empty or cannot be read, or a folder that has none of them.
    pub fn read(users: &[User], folder: &Path) -> anyhow::Result<Self> {
        let mut passwords = Self { known: BTreeMap::new(), missing: Vec::new() };
        for user in users.iter().map(ToString::to_string) {
            let path = folder.join(&user).join("broker");
            match password_in(&path)? {
                Some(password) => {
                    let hash = hash(&user, &password);
                    passwords.known.insert(user, Password::Hash(hash));
                }
                None => passwords.missing.push(user),
            }
        }
        ensure!(
            !passwords.known.is_empty(),
            "find a password in {}: none of the users has a file USER/broker there",
            folder.display()
        );
        Ok(passwords)
    }
}

fn password_in(path: &Path) -> anyhow::Result<Option<String>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("read the password in {}", path.display())),
    };
    match text.lines().next() {
        None | Some("") => bail!("read the password in {}: its first line is empty", path.display()),
        Some(password) => Ok(Some(password.to_owned())),
    }
}

/// RabbitMQ's salted SHA-256 of a password, as `rabbitmqctl hash_password` prints it. The salt follows from both, so that the same passwords
/// give the same file. Two brokers that know one password for one user have one hash of it: passwords are random, as make-secrets.sh makes them.
fn hash(user: &str, password: &str) -> String {
    let chosen = Sha256::new().chain_update(user).chain_update([0]).chain_update(password).finalize();
    let salt = &chosen[..SALT];
    let hashed = Sha256::new().chain_update(salt).chain_update(password).finalize();
    BASE64.encode(&[salt, &hashed].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users() -> Vec<User> {
        topology::Topology::for_hospitals(&[]).users()
    }

    fn give(folder: &Path, user: &str, text: &str) {
        fs::create_dir_all(folder.join(user)).unwrap();
        fs::write(folder.join(user).join("broker"), text).unwrap();
    }

    /// What RabbitMQ does with a hash when somebody logs in.
    fn admits(hash: &str, password: &str) -> bool {
        let bytes = BASE64.decode(hash.as_bytes()).unwrap();
        let (salt, expected) = bytes.split_at(SALT);
        Sha256::new().chain_update(salt).chain_update(password).finalize()[..] == *expected
    }

    #[test]
    fn a_hash_admits_its_password_alone() {
        for (user, password) in [("dhw", "a"), ("dhw", "b"), ("hd4res", "a"), ("hd4res", "éé 1")] {
            let hash = hash(user, password);
            assert!(admits(&hash, password) && !admits(&hash, "c"), "{user}");
        }
        assert_ne!(hash("dhw", "a")[..6], hash("hd4res", "a")[..6], "one salt for two users");
        assert_eq!(hash("dhw", "a"), hash("dhw", "a"));
    }

    #[test]
    fn who_has_no_file_is_named_and_a_folder_without_any_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let refused = Passwords::read(&users(), folder.path()).unwrap_err().to_string();
        assert!(refused.contains("none of the users has a file"), "{refused}");
        give(folder.path(), "dhw", "secret-1\nand a remark\n");
        let passwords = Passwords::read(&users(), folder.path()).unwrap();
        assert_eq!(passwords.missing, ["ehealth-ttp", "ehbox-hd", "hd4res"]);
        assert_eq!(passwords.known, BTreeMap::from([("dhw".to_owned(), Password::Hash(hash("dhw", "secret-1")))]));
    }

    #[test]
    fn an_empty_password_is_refused_by_the_name_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        give(folder.path(), "hd4res", "secret");
        give(folder.path(), "dhw", "\nsecret");
        let refused = format!("{:#}", Passwords::read(&users(), folder.path()).unwrap_err());
        assert!(refused.ends_with("dhw/broker: its first line is empty") && !refused.contains("secret"), "{refused}");
    }
}
