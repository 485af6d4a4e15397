//! Certificates that are renewed while a client lives.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use procwire_client::v1::GetInfoResponse;
use procwire_client::{Client, ClientBuilder, Error, ErrorKind};
use tempfile::TempDir;

use crate::authority::{Authority, Identity};
use crate::fake_agent::FakeAgent;
use crate::script::Step;
use crate::tls_door;

const NAME: &str = "agent.test";

/// A client's files, as SPIRE lays them out.
struct Files(TempDir);

impl Files {
    fn of(authority: &Authority, identity: &Identity) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.put_authority(authority);
        files.put(identity);
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let new = self.path(&format!(".{name}"));
        std::fs::write(&new, text).unwrap();
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::rename(new, self.path(name)).unwrap();
    }

    fn put(&self, identity: &Identity) {
        self.write("svid_key.pem", &identity.key);
        self.write("svid.pem", &identity.certificate);
    }

    fn put_authority(&self, authority: &Authority) {
        self.write("bundle.pem", &authority.pem());
    }

    fn builder(&self, address: std::net::SocketAddr) -> ClientBuilder {
        Client::builder(address.to_string())
            .server_name(NAME)
            .ca_file(self.path("bundle.pem"))
            .identity_files(self.path("svid.pem"), self.path("svid_key.pem"))
            .read_attempts(1)
    }
}

fn answering(agent: &FakeAgent, times: usize) {
    for _ in 0..times {
        agent.info.then([Step::Send(GetInfoResponse::default())]);
    }
}

async fn refusal(client: &Client) -> Error {
    client.agent().info().await.unwrap_err()
}

#[tokio::test]
async fn a_client_takes_its_renewed_certificate_when_it_connects_again() {
    let (agent, authority) = (FakeAgent::default(), Authority::new("ours"));
    answering(&agent, 1);
    let files = Files::of(&authority, &authority.issue("reader"));
    let address = tls_door::open(&agent, &authority.issue(NAME), &authority).await;
    let client = files.builder(address).build().unwrap();
    // Before the first connection it is replaced by one that has ended, and then by a good one.
    files.put(&authority.issue_expired("reader"));
    let error = refusal(&client).await;
    assert_eq!(error.kind(), ErrorKind::ClientCertificate, "{error}");
    files.put(&authority.issue("reader"));
    client.agent().info().await.unwrap();
}

#[tokio::test]
async fn a_client_follows_its_authority() {
    let (agent, old, new) = (FakeAgent::default(), Authority::new("old"), Authority::new("new"));
    answering(&agent, 1);
    let files = Files::of(&old, &old.issue("reader"));
    let address = tls_door::open(&agent, &new.issue(NAME), &new).await;
    let client = files.builder(address).build().unwrap();
    assert_eq!(refusal(&client).await.kind(), ErrorKind::ServerCertificate);
    files.put_authority(&new);
    files.put(&new.issue("reader"));
    client.agent().info().await.unwrap();
}

#[tokio::test]
async fn files_that_cannot_be_used_do_not_replace_those_that_could() {
    let (agent, authority) = (FakeAgent::default(), Authority::new("ours"));
    let address = tls_door::open(&agent, &authority.issue(NAME), &authority).await;
    let damages = [
        ("svid.pem", Some(authority.issue("reader").certificate)),
        ("svid.pem", None),
        ("svid_key.pem", Some("-----BEGIN PRIVATE KEY-----\n".to_owned())),
        ("svid_key.pem", None),
        ("bundle.pem", Some(String::new())),
        ("bundle.pem", None),
    ];
    answering(&agent, damages.len());
    for (name, text) in damages {
        let files = Files::of(&authority, &authority.issue("reader"));
        let client = files.builder(address).build().unwrap();
        match text {
            Some(text) => files.write(name, &text),
            None => std::fs::remove_file(files.path(name)).unwrap(),
        }
        client.agent().info().await.unwrap();
    }
}

#[tokio::test]
async fn when_the_old_certificate_is_refused_the_error_says_what_is_wrong_with_the_new_one() {
    let (agent, authority) = (FakeAgent::default(), Authority::new("ours"));
    let files = Files::of(&authority, &authority.issue_expired("reader"));
    let address = tls_door::open(&agent, &authority.issue(NAME), &authority).await;
    let client = files.builder(address).build().unwrap();
    files.write("svid.pem", "torn");
    let error = refusal(&client).await;
    assert_eq!(error.kind(), ErrorKind::ClientCertificate, "{error}");
    for words in ["expired", "svid.pem has no certificate in it", "put certificate, key and authorities in order"] {
        assert!(error.to_string().contains(words), "{words:?} is not in {error}");
    }
}

#[tokio::test]
async fn when_the_agent_is_not_trusted_the_error_says_what_is_wrong_with_the_new_authorities() {
    let (agent, authority) = (FakeAgent::default(), Authority::new("ours"));
    let files = Files::of(&authority, &authority.issue("reader"));
    let address = tls_door::open(&agent, &Authority::new("theirs").issue(NAME), &authority).await;
    let client = files.builder(address).build().unwrap();
    std::fs::remove_file(files.path("bundle.pem")).unwrap();
    let error = refusal(&client).await;
    assert_eq!(error.kind(), ErrorKind::ServerCertificate, "{error}");
    assert!(error.to_string().contains("bundle.pem") && error.to_string().contains("No such file"), "{error}");
}

#[tokio::test]
async fn a_connection_is_left_for_a_new_one_when_there_is_another_certificate() {
    let (agent, authority) = (FakeAgent::default(), Authority::new("ours"));
    answering(&agent, 3);
    let files = Files::of(&authority, &authority.issue("reader"));
    let address = tls_door::open(&agent, &authority.issue(NAME), &authority).await;
    let client = files.builder(address).build().unwrap();
    client.agent().info().await.unwrap();
    // One that has ended shows which is in use; the agent of this test looks at the handshake only.
    files.put(&authority.issue_expired("reader"));
    client.agent().info().await.unwrap();
    half_a_minute_later().await;
    assert_eq!(refusal(&client).await.kind(), ErrorKind::ClientCertificate);
    // What cannot be used is no reason to leave a connection that works.
    files.put(&authority.issue("reader"));
    client.agent().info().await.unwrap();
    files.write("svid.pem", "torn");
    half_a_minute_later().await;
    let made = agent.info.asked().len();
    answering(&agent, 1);
    client.agent().info().await.unwrap();
    assert_eq!(agent.info.asked().len(), made + 1);
}

/// As the client's clock has it.
async fn half_a_minute_later() {
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(31)).await;
    tokio::time::resume();
}
