//! Which agents a client talks to: by SPIFFE id in place of a name, and by revocation list.

use std::net::SocketAddr;
use std::path::Path;

use procwire_client::v1::GetInfoResponse;
use procwire_client::{Client, ClientBuilder, Error, ErrorKind};
use rcgen::ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};

use crate::authority::{Authority, Identity};
use crate::fake_agent::FakeAgent;
use crate::script::Step;
use crate::tls_door;

const ID: &str = "spiffe://example.org/procwire/web1";

struct Door {
    agent: FakeAgent,
    authority: Authority,
}

impl Door {
    fn new() -> Self {
        Self { agent: FakeAgent::default(), authority: Authority::new("ours") }
    }

    async fn open(&self, identity: &Identity) -> SocketAddr {
        tls_door::open(&self.agent, identity, &self.authority).await
    }

    fn client(&self, address: SocketAddr) -> ClientBuilder {
        let Identity { certificate, key } = self.authority.issue("reader");
        Client::builder(address.to_string())
            .ca_pem(self.authority.pem())
            .identity_pem(certificate, key)
            .read_attempts(1)
    }

    async fn info(&self, builder: ClientBuilder) -> Result<(), Error> {
        self.agent.info.then([Step::Send(GetInfoResponse::default())]);
        builder.build()?.agent().info().await.map(|_| ())
    }

    async fn refusal(&self, builder: ClientBuilder) -> Error {
        let error = builder.build().unwrap().agent().info().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ServerCertificate, "{error}");
        error
    }
}

#[tokio::test]
async fn an_agent_with_the_id_is_taken_whatever_it_is_reached_by() {
    let door = Door::new();
    // As `procwire pki issue` makes it, and as SPIRE does.
    for purposes in [&[ServerAuth][..], &[ServerAuth, ClientAuth]] {
        let address = door.open(&door.authority.issue_uris(&[ID], purposes, 7)).await;
        door.info(door.client(address).agent_spiffe_id(ID)).await.unwrap();
        door.info(door.client(address).agent_trust_domain("example.org")).await.unwrap();
        // The name counts where no id is asked for.
        let error = door.refusal(door.client(address)).await;
        assert!(error.detail().contains("127.0.0.1"), "{error}");
    }
}

#[tokio::test]
async fn an_agent_with_another_id_or_none_is_not() {
    let door = Door::new();
    for (uris, found) in [
        (&["spiffe://example.org/procwire/web2"][..], "spiffe://example.org/procwire/web2"),
        (&["spiffe://evil.test/procwire/web1"], "spiffe://evil.test/procwire/web1"),
        (&["https://example.org/procwire/web1"], "no SPIFFE id"),
        (&[ID, "spiffe://example.org/b"], "2 URIs"),
        (&[], "no SPIFFE id"),
    ] {
        let address = door.open(&door.authority.issue_uris(uris, &[ServerAuth], 7)).await;
        let error = door.refusal(door.client(address).agent_spiffe_id(ID)).await;
        assert!(error.detail().contains(found) && error.detail().contains(ID), "{uris:?}: {error}");
    }
    let address = door.open(&door.authority.issue_uris(&["spiffe://evil.test/a"], &[ServerAuth], 7)).await;
    let error = door.refusal(door.client(address).agent_trust_domain("example.org")).await;
    assert!(error.detail().contains("the trust domain example.org"), "{error}");
    // A name is no id.
    let address = door.open(&door.authority.issue("127.0.0.1")).await;
    door.refusal(door.client(address).agent_spiffe_id(ID)).await;
}

#[tokio::test]
async fn the_id_alone_is_not_enough() {
    let door = Door::new();
    let foreign = Authority::new("theirs").issue_uris(&[ID], &[ServerAuth], 7);
    for (identity, words) in [
        (foreign, "not signed by the certificate authority"),
        (door.authority.issue_uris(&[ID], &[ClientAuth], 7), "not for servers"),
        (door.authority.issue_uris(&[ID], &[], 7), "not for servers"),
    ] {
        let address = door.open(&identity).await;
        let error = door.refusal(door.client(address).agent_spiffe_id(ID)).await;
        assert!(error.detail().contains(words), "{words:?}: {error}");
    }
}

#[tokio::test]
async fn an_agent_that_is_revoked_is_not_trusted() {
    let door = Door::new();
    let folder = tempfile::tempdir().unwrap();
    let list = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let naming = list("naming.crl", &door.authority.revocation_list(&[7], 2099));
    let other = list("other.crl", &door.authority.revocation_list(&[8], 2099));
    let old = list("old.crl", &door.authority.revocation_list(&[8], 2021));
    let foreign = list("foreign.crl", &Authority::new("theirs").revocation_list(&[8], 2099));
    // Signed by another key under the same name.
    let forged = list("forged.crl", &Authority::new("ours").revocation_list(&[8], 2099));

    let by_id = door.open(&door.authority.issue_uris(&[ID], &[ServerAuth], 7)).await;
    let by_name = door.open(&door.authority.issue_numbered("127.0.0.1", 7)).await;
    let with = |path: &Path, id: bool| {
        let builder = if id { door.client(by_id).agent_spiffe_id(ID) } else { door.client(by_name) };
        builder.ca_revocation_list(path)
    };
    for id in [true, false] {
        door.info(with(&other, id)).await.unwrap();
        for (path, words) in [
            (&naming, "it is revoked"),
            (&old, "past its time"),
            (&foreign, "no revocation list of its authority"),
            (&forged, "its signature is not that of the authority"),
        ] {
            let error = door.refusal(with(path, id)).await;
            assert!(error.detail().contains(words), "{words:?} is not in {error}");
        }
        // Read again at the next connection.
        let changing = list("changing.crl", &door.authority.revocation_list(&[8], 2099));
        let client = with(&changing, id).build().unwrap();
        list("changing.crl", &door.authority.revocation_list(&[7], 2099));
        let error = client.agent().info().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ServerCertificate, "{error}");
    }
}

#[tokio::test]
async fn faults_of_ids_and_lists_are_named() {
    let door = Door::new();
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.crl");
    std::fs::write(&empty, door.authority.pem()).unwrap();
    let base = || door.client(SocketAddr::from(([127, 0, 0, 1], 1)));
    for (builder, words) in [
        (base().agent_spiffe_id("web1"), "\"web1\" is no SPIFFE id"),
        (base().agent_trust_domain("example.org/a"), "\"example.org/a\" is no trust domain"),
        (base().agent_spiffe_id(ID).server_name("web1"), "cannot both be asked for"),
        (base().ca_revocation_list(folder.path().join("absent.crl")), "absent.crl"),
        (base().ca_revocation_list(&empty), "empty.crl has no revocation list in it"),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
        assert!(error.to_string().contains(words), "{words:?} is not in {error}");
    }
}
