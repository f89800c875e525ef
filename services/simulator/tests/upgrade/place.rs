//! An installation in a folder of the test's own, worked on with the command line, and what is kept of one.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Command,
};

use serde_json::Value;
use simulator::stores::names;
use store::{Location, kept, test_server};
use tempfile::TempDir;
use topology::Nihdi;

pub(crate) const HOSPITAL: &str = "00000196";
pub(crate) const ELSEWHERE: &str = "00000295";
pub(crate) const TREATMENT: &str = "Precision_Treatment";
pub(crate) const LOCAL_BOARD: &str = "Precision_Local_MAB";

/// What the stores are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub(crate) const ALL: [Self; 2] = [Self::Sqlite, Self::Postgres];

    /// The folder of its texts.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

pub(crate) fn hospitals() -> [Nihdi; 2] {
    [HOSPITAL, ELSEWHERE].map(|digits| digits.parse().unwrap())
}

/// An installation: files, keys and stores.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    store: String,
}

impl Place {
    /// One with these files and nothing else.
    pub(crate) async fn with_files(release: &Path, engine: Engine) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&release.join("files"), folder.path());
        let store = match engine {
            Engine::Sqlite => folder.path().join("store").display().to_string(),
            Engine::Postgres => test_server::address().await.unwrap(),
        };
        Self { folder, store }
    }

    /// What a release left.
    pub(crate) async fn restored(release: &Path, engine: Engine) -> Self {
        let place = Self::with_files(release, engine).await;
        let kept = release.join(engine.name());
        copy(&kept.join("keys"), &place.keys());
        for name in names(&hospitals()) {
            let text = fs::read_to_string(kept.join(format!("stores/{name}.sql"))).unwrap();
            kept::put_back(&place.location(), &name, &text).await.unwrap();
        }
        place
    }

    pub(crate) fn location(&self) -> Location {
        self.store.parse().unwrap()
    }

    pub(crate) fn keys(&self) -> std::path::PathBuf {
        self.folder.path().join("keys")
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.folder.path().join(file)).unwrap()
    }

    /// What a command on the stores says, which ends well.
    #[track_caller]
    pub(crate) fn call(&self, command: &str, more: &[&str]) -> Value {
        let (status, said, complained) = self.try_call(command, more);
        assert_eq!(status, Some(0), "{command} {more:?}: {complained}");
        serde_json::from_str(&said).unwrap_or_default()
    }

    /// Exit status, answer and complaint of a command on the stores.
    pub(crate) fn try_call(&self, command: &str, more: &[&str]) -> (Option<i32>, String, String) {
        let place = ["--store", &self.store, "--json"];
        // What starts no service has no use for keys.
        let keys: &[&str] = if command == "trace" { &[] } else { &["--keys", "keys"] };
        precision(self.folder.path(), &[&[command], &place[..], keys, more].concat())
    }

    /// Takes a file through all steps; what researchers have then lies in `out`.
    #[track_caller]
    pub(crate) fn run(&self, register: &str, hospital: &str, file: &str) -> Value {
        self.call("run", &["--dcd", register, "--org", hospital, "--out", "out", file])
    }
}

/// Runs the program in a folder.
pub(crate) fn precision(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_precision")).args(arguments).current_dir(folder).output().unwrap();
    let [said, complained] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    (output.status.code(), said, complained)
}

/// Copies a folder; what there is is its owner's alone, as keys must be, whatever rights it came with.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, Permissions::from_mode(0o700)).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), &to).unwrap();
            fs::set_permissions(&to, Permissions::from_mode(0o600)).unwrap();
        }
    }
}
