//! What a command says when it cannot do what was asked: what is wrong, a code where there is one, and never a secret.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use clock::SystemClock;
use host::Chance;
use simulator::client::{ClientError, Secrets, SidesPlan, connection::Manner, secrets, sides::Needs};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};
use web::Role;

use super::{Terminal, held, registration};
use crate::house::{HOSPITAL, House, OTHER_HOSPITAL, REGISTER};

const NOBODY: &str = "018f3c2e-0000-8000-8000-000000000001";

/// Answers every connection once with these bytes, and tells what it was asked.
async fn answering(answer: &'static str) -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, (tell, told)) = (listener.local_addr().unwrap(), mpsc::unbounded_channel());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = vec![0; 4096];
            let length = stream.read(&mut asked).await.unwrap_or(0);
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = tell.send(String::from_utf8_lossy(&asked[..length]).into_owned());
        }
    });
    (address, told)
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_are_not_ours_are_told_apart_and_get_no_secret() {
    let house = House::open_in(tempfile::tempdir().unwrap()).await;
    let terminal = |at: String| Terminal::new(&house).at(&[at]);
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (status, said) = terminal(format!("http://{closed}")).fails(&["list"]).await;
    assert!(status == 2 && said.contains(&format!("failed to reach http://{closed}")) && said.contains("refused"), "{said}");

    const PAGE: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\nconnection: close\r\n\r\n<html>";
    const MOVED: &str = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    for (answer, expected) in
        [(PAGE, "something else (200 OK, text/html)"), (MOVED, "302 Found, a redirect"), ("\x16\x03", "reach")]
    {
        let (address, mut told) = answering(answer).await;
        let (status, said) = terminal(format!("http://{address}")).fails(&["list"]).await;
        assert!(status == 2 && said.contains(expected), "{said}");
        while let Ok(asked) = told.try_recv() {
            assert!(!asked.to_lowercase().contains("authorization"), "{asked}");
        }
    }
    let (status, said) = terminal(format!("https://{}", house.address)).fails(&["list"]).await;
    assert!(status == 2 && (said.contains("reach https://") || said.contains("authorities")), "{said}");
    let (status, said) = terminal("http://registers.example".to_owned()).fails(&["list"]).await;
    assert!(status == 2 && said.contains("in clear") && said.contains("--plain-http"), "{said}");
    let (status, said) = terminal("http://me:hidden@registers.example".to_owned()).fails(&["list"]).await;
    assert!(status == 2 && said.contains("before the host") && !said.contains("hidden"), "{said}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_is_told_why_with_the_services_code() {
    let house = House::open().await;
    let listing = Terminal::new(&house).json(&["list"]).await;
    let first = registration(&listing, 0);
    let secret = |role: &str, at: &str| house.token(role, at).strip_prefix("Bearer ").unwrap().to_owned();
    let entry = |name: &str, role, at, secret: &str| Terminal::with(&house, name, &secrets::entry(role, at, secret));
    let nobody = entry("nobody", Role::Researcher, None, "precision_nobody");
    let support = Terminal::with(&house, "support", &held(&house, Role::Support, None));
    let foreign = entry("foreign", Role::DataProvider, Some(HOSPITAL), &secret("data-provider", OTHER_HOSPITAL));
    let elsewhere = entry("elsewhere", Role::DataProvider, Some(OTHER_HOSPITAL), &secret("data-provider", OTHER_HOSPITAL));
    let both = Terminal::new(&house);
    let at_service = Terminal::new(&house).at(&[format!("http://{}/hd4res", house.address)]);
    let research = Terminal::with(&house, "research", &held(&house, Role::Researcher, None));
    let file = house.folder.path().join("rows.csv");
    std::fs::write(house.folder.path().join("huge.csv"), vec![b'x'; 12 * 1024 * 1024 + 1]).unwrap();
    let upload = ["submit", "--file", file.to_str().unwrap(), "--dcd"];
    for (terminal, arguments, expected) in [
        (&nobody, &["list"][..], "(UNAUTHENTICATED)"),
        (&support, &["approve", &first], "(FORBIDDEN_ROLE)"),
        (&support, &["reopen", &first], "it needs a data provider's"),
        (&foreign, &["list"], "(FOREIGN_ORGANISATION)"),
        (&elsewhere, &["list"], "find HD4DP of hospital 00000295 at http://"),
        (&both, &["status", NOBODY], "(UNKNOWN_REGISTRATION)"),
        (&research, &["status", NOBODY], "(UNKNOWN_RECORD)"),
        (&both, &["approve", NOBODY], "(UNKNOWN_RECORD)"),
        (&both, &["delete", &first], "failed to delete the registration: The status does not allow it (WRONG_STATUS)"),
        (&both, &["submit", &first], "(WRONG_STATUS)"),
        (&both, &["correct", &first, "--comment", "Is it 64031299906?"], "(FORBIDDEN_TEXT)"),
        (&both, &["reopen", &first, "--by", "nurse"], "the token says who does it"),
        (&both, &[&upload[..], &["No_Such_Register"]].concat(), "(UNKNOWN_REGISTER)"),
        (&both, &[&upload[..], &["no/such"]].concat(), "letters, digits and `_`"),
        (&both, &[&upload[..], &["Precision_Treatment"]].concat(), "(FILE_REFUSED) | E01"),
        (&both, &["submit", "--dcd", REGISTER, "--file", "huge.csv"], "(E12)"),
        (&both, &["download", "--dcd", REGISTER, "-o", "no/such/folder.csv"], "write no/such/folder.csv"),
        (&at_service, &["reopen", &first], "that is HD4RES, and HD4DP is needed"),
    ] {
        let (status, said) = terminal.fails(arguments).await;
        assert!(status == 2 && said.contains(expected), "{arguments:?}: {status} {said}");
        assert!(!said.contains("64031299906"), "{said}");
        let json = terminal.run(&[arguments, &["--json"]].concat()).await.stdout;
        let document: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert!(said.contains(document["error"].as_str().unwrap()), "{document}");
    }
    assert_eq!(Terminal::new(&house).json(&["list"]).await, listing, "nothing came of it");
    house.close().await;
}

/// Somebody else changes it between the look and the change.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_meanwhile_is_not_changed_again() {
    let house = House::open().await;
    let secrets = Terminal::new(&house).secrets;
    let manner = Manner {
        clock: Arc::new(SystemClock),
        chance: Arc::new(Chance::seeded(1)),
        patience: Duration::from_secs(5),
        is_plain_allowed: false,
    };
    let addresses = vec![format!("http://{}", house.address).parse().unwrap()];
    let plan = SidesPlan { secrets: Secrets::load(&secrets).unwrap(), addresses, org: None, manner };
    let sides = plan.open(Needs::Any).await.unwrap();
    let hospital = &sides.hospitals[0];
    let id = hospital.list(None, None, 1).await.unwrap()[0].registration_id;
    let seen = hospital.registration(id).await.unwrap();
    house.hd4dp().reopen(id, "somebody").await.unwrap();
    let error = hospital.reopen(id, &seen).await.unwrap_err();
    assert!(error.is("STALE_VERSION") && error.ended().status() == 2, "{error}");
    let told = "reopen the registration: It has changed since it was looked at: look again, and decide again (STALE_VERSION)";
    assert_eq!(error.to_string(), told);
    assert!(matches!(error, ClientError::Refused(refused) if !refused.is_again));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_taken_from_a_file_or_the_environment_only() {
    use std::os::unix::fs::PermissionsExt;
    let house = House::open_in(tempfile::tempdir().unwrap()).await;
    let terminal = Terminal::new(&house);
    let run = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_precision"));
        let command = command.args(arguments).envs(variables.iter().copied()).current_dir(house.folder.path()).output();
        async {
            let output = command.await.unwrap();
            (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
        }
    };
    let at = terminal.at[0].clone();
    let secret = house.token("researcher", "healthdata").strip_prefix("Bearer ").unwrap().to_owned();
    let file = terminal.secrets.to_str().unwrap().to_owned();
    assert_eq!(run(&["list"], &[("PRECISION_AT", &at), ("PRECISION_TOKEN", &secret)]).await, (0, String::new()));
    assert_eq!(run(&["list"], &[("PRECISION_AT", &at), ("PRECISION_TOKEN_FILE", &file)]).await, (0, String::new()));
    let with_address = format!("[[token]]\nrole = \"researcher\"\nat = {at:?}\nsecret = {secret:?}\n");
    let with_address = Terminal::with(&house, "with-address", &with_address).secrets;
    assert_eq!(run(&["list", "--token-file", with_address.to_str().unwrap()], &[]).await, (0, String::new()));
    for (arguments, variables, expected) in [
        (&["list"][..], &[][..], "--store names its stores, or --at"),
        (&["list", "--token-file", &file], &[], "--store names its stores, or --at"),
        (&["list", "--at", &at], &[], "PRECISION_TOKEN"),
        (&["list", "--at", &at, "--token-file", &secret], &[], "write it into a file"),
        (&["list", "--at", &at, "--token-file", "nowhere"], &[], "read the secrets nowhere"),
        (&["list", "--at", &at], &[("PRECISION_TOKEN", "two words")], "use PRECISION_TOKEN"),
        (&["list", "--at", &at, "--store", "store"], &[], "cannot be used with"),
        // What is typed counts more than the environment: this is a folder without a store.
        (&["list", "--store", "empty"], &[("PRECISION_AT", &at), ("PRECISION_TOKEN", &secret)], "find a hospital in the store"),
    ] {
        let (status, said) = run(arguments, variables).await;
        assert!(status == 2 && said.contains(expected) && !said.contains(&secret), "{arguments:?}: {said}");
    }
    std::fs::set_permissions(&terminal.secrets, std::fs::Permissions::from_mode(0o640)).unwrap();
    let (status, said) = terminal.fails(&["list"]).await;
    assert!(status == 2 && said.contains("chmod 600"), "{said}");
    house.close().await;
}
