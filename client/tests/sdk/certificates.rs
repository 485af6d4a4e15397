//! Mutual TLS: who is let in, and how each refusal shows on this side.

use std::error::Error as _;
use std::future;
use std::net::SocketAddr;
use std::time::Duration;

use procwire_client::v1::GetInfoResponse;
use procwire_client::{Client, ClientBuilder, Error, ErrorKind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::authority::{Authority, Identity};
use crate::fake_agent::FakeAgent;
use crate::script::Step;
use crate::tls_door::{self, Then};

const NAME: &str = "agent.test";

/// A client of the agent at `address` that trusts `authority` and expects the name of the test's agents.
fn client_of(address: SocketAddr, authority: &Authority) -> ClientBuilder {
    Client::builder(address.to_string()).ca_pem(authority.pem()).server_name(NAME)
}

fn with_identity(builder: ClientBuilder, identity: &Identity) -> ClientBuilder {
    builder.identity_pem(identity.certificate.clone(), identity.key.clone())
}

/// The root of an error's chain of causes, as text.
fn root(error: &Error) -> String {
    let mut cause = error.source().unwrap();
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

async fn refusal(builder: ClientBuilder) -> Error {
    let error = builder.build().unwrap().agent().info().await.unwrap_err();
    assert!(error.to_string().contains(error.target()), "{error}");
    error
}

/// Answers each connection with these bytes and stays silent.
async fn something_else(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut hello = [0; 4096];
                let _ = stream.read(&mut hello).await;
                let _ = stream.write_all(answer).await;
                future::pending::<()>().await;
            });
        }
    });
    address
}

#[tokio::test]
async fn with_the_right_certificates_calls_go_through() {
    let (agent, authority) = (FakeAgent::default(), Authority::new("ours"));
    agent.info.then([Step::Send(GetInfoResponse { agent_version: "1.2.3".into(), ..Default::default() })]);
    let address = tls_door::open(&agent, &authority.issue(NAME), &authority).await;
    let client = with_identity(client_of(address, &authority), &authority.issue("reader")).build().unwrap();
    assert_eq!(client.agent().info().await.unwrap().agent_version, "1.2.3");
    assert_eq!(client.target(), format!("https://{address}"));
}

#[tokio::test]
async fn a_missing_foreign_or_expired_client_certificate_is_told_from_everything_else() {
    let (agent, authority) = (FakeAgent::default(), Authority::new("ours"));
    let address = tls_door::open(&agent, &authority.issue(NAME), &authority).await;
    let ours = || client_of(address, &authority);

    let missing = refusal(ours()).await;
    let foreign = refusal(with_identity(ours(), &Authority::new("theirs").issue("reader"))).await;
    let expired = refusal(with_identity(ours(), &authority.issue_expired("reader"))).await;
    for (error, words, alert) in [
        (missing, "this client has none", "CertificateRequired"),
        (foreign, "not signed by an authority that the agent knows", "UnknownCA"),
        (expired, "expired", "CertificateExpired"),
    ] {
        assert_eq!(error.kind(), ErrorKind::ClientCertificate, "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(root(&error).contains(alert), "{}", root(&error));
    }
    assert_eq!(agent.info.asked().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_refusal_of_a_client_certificate_is_never_lost() {
    // The alert races with our own writing, and the agent's closing with both, so once is not enough. The second and third
    // tries make requests meet connections that are just ending, which must not leave them waiting either.
    let (agent, authority) = (FakeAgent::default(), Authority::new("ours"));
    let address = tls_door::open(&agent, &authority.issue(NAME), &authority).await;
    for _ in 0..200 {
        let error = refusal(client_of(address, &authority)).await;
        assert_eq!(error.kind(), ErrorKind::ClientCertificate, "{error} {error:#?}");
    }
}

#[tokio::test]
async fn an_agent_of_another_authority_or_name_or_time_is_not_trusted() {
    let (agent, authority) = (FakeAgent::default(), Authority::new("ours"));
    let reader = authority.issue("reader");
    let open = async |identity: &Identity| tls_door::open(&agent, identity, &authority).await;

    let foreign = open(&Authority::new("theirs").issue(NAME)).await;
    let error = refusal(with_identity(client_of(foreign, &authority), &reader)).await;
    assert_eq!(error.kind(), ErrorKind::ServerCertificate, "{error}");
    assert!(error.detail().contains("not signed by the certificate authority"), "{error}");
    assert!(error.detail().contains(&foreign.to_string()), "{error}");
    assert!(root(&error).contains("UnknownIssuer"), "{}", root(&error));

    let other = open(&authority.issue("other.test")).await;
    let error = refusal(with_identity(client_of(other, &authority), &reader)).await;
    assert_eq!(error.kind(), ErrorKind::ServerCertificate, "{error}");
    assert!(error.detail().contains("other.test") && error.detail().contains(NAME), "{error}");

    let expired = open(&authority.issue_expired(NAME)).await;
    let error = refusal(with_identity(client_of(expired, &authority), &reader)).await;
    assert_eq!(error.kind(), ErrorKind::ServerCertificate, "{error}");
    assert!(error.detail().contains("expired"), "{error}");
}

#[tokio::test]
async fn the_endpoints_own_name_is_checked_unless_told_otherwise() {
    let (agent, authority) = (FakeAgent::default(), Authority::new("ours"));
    agent.info.then([Step::Send(GetInfoResponse::default())]);
    let reader = authority.issue("reader");
    let address = tls_door::open(&agent, &authority.issue("127.0.0.1"), &authority).await;
    let by_address = Client::builder(address.to_string()).ca_pem(authority.pem());
    with_identity(by_address, &reader).build().unwrap().agent().info().await.unwrap();
    let by_name = Client::builder(format!("localhost:{}", address.port())).ca_pem(authority.pem());
    let error = refusal(with_identity(by_name, &reader)).await;
    assert_eq!(error.kind(), ErrorKind::ServerCertificate, "{error}");
}

#[tokio::test]
async fn what_is_no_agent_is_told_apart() {
    let (agent, authority) = (FakeAgent::default(), Authority::new("ours"));
    let plain = something_else(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let error = refusal(client_of(plain, &authority)).await;
    assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
    assert!(error.detail().contains("not TLS"), "{error}");

    // A fatal alert, protocol_version(70), as servers of TLS 1.2 send it.
    let old = something_else(b"\x15\x03\x03\x00\x02\x02\x46").await;
    let error = refusal(client_of(old, &authority)).await;
    assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
    assert!(error.detail().contains("does not speak TLS 1.3"), "{error}");

    let no_http2 = tls_door::open_with(&agent, &authority.issue(NAME), &authority, &[], Then::Serve).await;
    let error = refusal(with_identity(client_of(no_http2, &authority), &authority.issue("reader"))).await;
    assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
    assert!(error.detail().contains("HTTP/2"), "{error}");
}

#[tokio::test]
async fn a_door_that_is_shut_right_after_the_handshake_is_a_lost_connection() {
    let (agent, authority) = (FakeAgent::default(), Authority::new("ours"));
    let address = tls_door::open_with(&agent, &authority.issue(NAME), &authority, &[b"h2"], Then::Close).await;
    let error = refusal(with_identity(client_of(address, &authority), &authority.issue("reader"))).await;
    assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error}");
    assert!(error.detail().contains("before it answered anything"), "{error}");
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_a_timeout() {
    let authority = Authority::new("ours");
    let silent = something_else(b"").await;
    let error = refusal(client_of(silent, &authority).connect_timeout(Duration::from_millis(100))).await;
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(error.detail().contains("TLS handshake"), "{error}");
}

#[tokio::test]
async fn the_time_for_all_calls_covers_connecting_too() {
    let authority = Authority::new("ours");
    let silent = something_else(b"").await;
    let builder = client_of(silent, &authority).connect_timeout(Duration::from_secs(600));
    let error = refusal(builder.default_timeout(Duration::from_millis(100))).await;
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(error.detail().contains("no answer within 100ms"), "{error}");
}

#[tokio::test]
async fn nobody_listening_and_no_such_host_are_told_apart() {
    let authority = Authority::new("ours");
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "the port must be free");
    let error = refusal(client_of(address, &authority)).await;
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error}");

    // A label of more than 63 characters: the resolver refuses it without asking anybody.
    let unresolvable = Client::builder(format!("https://{}.invalid", "x".repeat(64)));
    let error = refusal(unresolvable.ca_pem(authority.pem()).server_name(NAME)).await;
    assert_eq!(error.kind(), ErrorKind::Resolve, "{error}");
}

#[test]
fn faults_of_files_and_arguments_are_named() {
    use std::os::unix::fs::PermissionsExt as _;

    let authority = Authority::new("ours");
    let (one, other) = (authority.issue("one"), authority.issue("other"));
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str, mode: u32| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    };
    let ca = write("ca.pem", &authority.pem(), 0o644);
    let certificate = write("one.pem", &one.certificate, 0o644);
    let key = write("one.key", &one.key, 0o600);
    let base = || Client::builder("agent.test").ca_file(&ca);
    base().identity_files(&certificate, &key).build().unwrap();

    let absent = folder.path().join("absent.pem");
    let empty = write("empty.pem", "", 0o600);
    let torn = write("torn.pem", "-----BEGIN CERTIFICATE-----\nabc\n", 0o600);
    let open_key = write("open.key", &one.key, 0o644);
    let other_key = write("other.key", &other.key, 0o600);
    for (builder, words) in [
        (Client::builder("agent.test"), vec!["no certificate authority"]),
        (Client::builder("http://agent.test").ca_file(&ca), vec!["https only"]),
        (base().server_name("a b"), vec!["\"a b\"", "server name"]),
        (Client::builder("agent.test").ca_file(&absent), vec!["absent.pem", "No such file"]),
        (Client::builder("agent.test").ca_file(&empty), vec!["empty.pem", "no certificate"]),
        (Client::builder("agent.test").ca_file(&torn), vec!["torn.pem", "PEM"]),
        (Client::builder("agent.test").ca_pem("nonsense"), vec!["ca_pem", "no certificate"]),
        (base().identity_files(&absent, &key), vec!["absent.pem", "No such file"]),
        (base().identity_files(&certificate, &absent), vec!["absent.pem", "No such file"]),
        (base().identity_files(&certificate, &empty), vec!["empty.pem", "no private key"]),
        (base().identity_files(&certificate, &open_key), vec!["open.key", "chmod 600"]),
        (base().identity_files(&certificate, &other_key), vec!["one.pem", "other.key"]),
        (base().identity_pem(one.certificate.clone(), "nonsense"), vec!["identity_pem's key", "no private key"]),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
        for word in words {
            assert!(error.to_string().contains(word), "{word:?} is not in {error}");
        }
    }
}
