//! An installation behind TLS, whose certificate an authority of tests has signed. That authority's key is gone.

use std::{net::SocketAddr, path::Path, sync::Arc};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

use super::Terminal;
use crate::house::House;

fn certificates() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/certificates")
}

/// Stands before a service and speaks TLS for it.
async fn sealing(service: SocketAddr) -> SocketAddr {
    let chain = CertificateDer::pem_file_iter(certificates().join("localhost.pem")).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(certificates().join("localhost.key")).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
    let (acceptor, listener) = (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((caller, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut caller) = acceptor.accept(caller).await else { return };
                let mut service = TcpStream::connect(service).await.unwrap();
                let _ = copy_bidirectional(&mut caller, &mut service).await;
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn https_is_held_against_the_authorities_and_the_name() {
    let house = House::open().await;
    let port = sealing(house.address).await.port();
    let (authority, own) = (certificates().join("authority.pem"), certificates().join("localhost.pem"));
    let terminal = |host: &str, authority: &Path| {
        Terminal::new(&house).at(&[format!("https://{host}:{port}")]).with_variable("SSL_CERT_FILE", authority)
    };
    let listed = terminal("localhost", &authority).json(&["list"]).await;
    assert_eq!(listed, Terminal::new(&house).json(&["list"]).await);
    for (host, authority) in [("localhost", &own), ("127.0.0.1", &authority)] {
        let (status, said) = terminal(host, authority).fails(&["list"]).await;
        assert!(status == 2 && said.contains("failed to reach https://") && said.contains("certificate"), "{said}");
    }
    house.close().await;
}
