//! The life of a certificate, with the tools that people have: issued, used, taken back, refused, renewed.

use std::path::PathBuf;

use procwire_client::{Client, ErrorKind, SystemEvent};
use procwire_tests::{
    Shell,
    waiting::{PATIENCE, TIME_FOR_A_CALL, eventually, eventually_async, within_patience},
};

use crate::laid_out::{LaidOut, Layout};

const PKI: &str = "procwire-pki";

/// A person's folder with an authority, an agent that checks the revocation list, and that person's clients.
struct Life {
    shell: Shell,
    agent: LaidOut,
}

impl Life {
    fn begin() -> Self {
        let shell = Shell::new();
        shell.answer(&["pki", "init"]);
        shell.answer(&["pki", "issue", "agent", "web1", "--san", "IP:127.0.0.1"]);
        shell.answer(&["pki", "crl"]);
        let file = |name: &str| shell.path(PKI).join(name);
        let (certificate, key, client_ca) = (file("web1.crt"), file("web1.key"), file("ca.crt"));
        let layout = Layout { folder: shell.home(), certificate: &certificate, key: &key, client_ca: &client_ca };
        let agent = LaidOut::start(&layout, &[&format!("tls.client_crl={}", file("ca.crl").display())]);
        Self { shell, agent }
    }

    fn issue(&self, name: &str) {
        self.shell.answer(&["pki", "issue", "client", name, "--role", "reader"]);
    }

    fn file(&self, name: &str) -> PathBuf {
        self.shell.path(PKI).join(name)
    }

    /// A client that does not try again, so that each refusal shows.
    fn client(&self, name: &str) -> Client {
        Client::builder(&self.agent.endpoint)
            .ca_file(self.file("ca.crt"))
            .identity_files(self.file(&format!("{name}.crt")), self.file(&format!("{name}.key")))
            .ca_revocation_list(self.file("ca.crl"))
            .read_attempts(1)
            .default_timeout(TIME_FOR_A_CALL)
            .connect_timeout(PATIENCE)
            .build()
            .unwrap()
    }

    async fn principal(&self, name: &str) -> Result<String, ErrorKind> {
        let info = self.client(name).agent().info().await.map_err(|error| error.kind())?;
        Ok(info.caller.unwrap_or_default().principal)
    }

    async fn eventually_refused(&self, name: &str) {
        eventually_async("the refusal", async || {
            match self.principal(name).await {
                Ok(_) => None,
                Err(kind @ (ErrorKind::ClientCertificate | ErrorKind::Unauthenticated)) => Some(kind),
                // A connection that is being ended while it is made.
                Err(_) => None,
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_certificate_is_issued_used_taken_back_refused_and_issued_again() {
    let life = Life::begin();
    life.issue("alice");
    life.issue("bob");
    assert_eq!(life.principal("alice").await, Ok("alice".to_owned()));
    let said = life.shell.answer(&["pki", "revoke", "alice", "--reason", "key-compromise"]);
    assert!(said.contains("revoked alice, serial number"), "{said}");
    life.eventually_refused("alice").await;
    assert_eq!(life.principal("bob").await, Ok("bob".to_owned()), "nobody else is concerned");
    let list = life.shell.answer(&["pki", "list"]);
    assert!(list.lines().any(|line| line.contains("alice") && line.contains("key-compromise")), "{list}");
    // A renewal does not give it back; a new one does.
    let problem = life.shell.fails_with(1, &["pki", "renew", "alice"]);
    assert!(problem.contains("is revoked"), "{problem}");
    life.shell.answer(&["pki", "issue", "client", "alice", "--role", "reader", "--force"]);
    assert_eq!(life.principal("alice").await, Ok("alice".to_owned()));
}

#[tokio::test]
async fn an_open_stream_ends_when_its_certificate_is_taken_back() {
    let life = Life::begin();
    life.issue("alice");
    let client = life.client("alice");
    let mut watch = client.system().watch().fields(["load"]).await.unwrap();
    within_patience("a sample", async {
        while !matches!(watch.next().await.unwrap(), Some(SystemEvent::Sample { .. })) {}
    })
    .await;
    let certificate = life.file("alice.crt").display().to_string();
    life.shell.answer(&["pki", "revoke", &certificate]);
    let end = within_patience("the end of the stream", async {
        loop {
            match watch.next().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the stream ended without a reason"),
                Err(error) => break error,
            }
        }
    })
    .await;
    assert!(matches!(end.kind(), ErrorKind::ClientCertificate | ErrorKind::Unauthenticated), "{end}");
}

#[tokio::test]
async fn a_renewed_certificate_is_another_of_the_same_name_and_the_old_one_can_be_taken_back() {
    let life = Life::begin();
    life.issue("alice");
    let old = std::fs::read_to_string(life.file("alice.crt")).unwrap();
    let kept = life.shell.answer(&["pki", "renew", "--all", "--if-within", "30d"]);
    assert!(kept.contains("kept alice") && kept.contains("kept web1"), "{kept}");
    assert_eq!(std::fs::read_to_string(life.file("alice.crt")).unwrap(), old);
    // A client that lives through it, connected before.
    let client = life.client("alice");
    client.agent().info().await.unwrap();
    life.shell.answer(&["pki", "renew", "alice", "--revoke-old"]);
    assert_ne!(std::fs::read_to_string(life.file("alice.crt")).unwrap(), old);
    // Its connection is ended with the old certificate, and it takes the new one.
    let rows = life.shell.rows(&["pki", "list"]);
    let states: Vec<_> = rows.iter().filter(|row| row["name"] == "alice").map(|row| row["state"].clone()).collect();
    assert_eq!(states.len(), 2, "{rows:?}");
    assert!(states.contains(&"revoked".into()) && states.contains(&"good".into()), "{rows:?}");
    eventually_async("a call with the new certificate after the old one is refused", async || {
        let status = client.agent().status().await.ok()?;
        (status.certificates.unwrap_or_default().revoked == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_agent_takes_up_its_renewed_certificate_and_one_that_is_taken_back_is_not_trusted() {
    let life = Life::begin();
    life.issue("alice");
    let client = life.client("alice");
    let serial = async || client.agent().status().await.ok()?.certificates.map(|certificates| certificates.serial);
    let old = serial().await.unwrap();
    life.shell.answer(&["pki", "renew", "web1"]);
    eventually_async("the agent's new certificate", async || serial().await.filter(|serial| *serial != old)).await;
    let said = life.shell.answer(&["pki", "inspect", "-o", "json", &life.file("web1.crt").display().to_string()]);
    let inspected: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(inspected[0]["contents"][0]["kind"], "agent", "{inspected}");
    life.shell.answer(&["pki", "revoke", "web1"]);
    let error = life.client("alice").agent().info().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ServerCertificate, "{error}");
    assert!(error.to_string().contains("it is revoked"), "{error}");
}

#[tokio::test]
async fn people_see_in_the_status_what_agents_hold_certificates_against() {
    let life = Life::begin();
    life.issue("alice");
    let file = |name: &str| life.file(name).display().to_string();
    let (ca, cert, key) = (file("ca.crt"), file("alice.crt"), file("alice.key"));
    let endpoint = life.agent.endpoint.clone();
    let agent = ["--endpoint", &endpoint, "--ca", &ca, "--cert", &cert, "--key", &key];
    let status = || life.shell.answer(&[&["agent", "status"], agent.as_slice()].concat());
    let page = status();
    for words in ["own certificate", "ends in 364 days", "revocation list", "0 certificates", "Audit trail"] {
        assert!(page.contains(words), "{words:?} is not in\n{page}");
    }
    let info = life.shell.answer(&["pki", "issue", "client", "carol", "--role", "reader"]);
    assert!(info.contains("carol"), "{info}");
    life.shell.answer(&["pki", "revoke", "carol"]);
    eventually("the new list", || status().contains("1 certificates").then_some(()));
}

#[tokio::test]
async fn an_agent_is_checked_by_its_spiffe_id_by_flags_and_by_a_context() {
    let life = Life::begin();
    life.issue("alice");
    let id = "spiffe://example.org/procwire/web1";
    life.shell.answer(&["pki", "issue", "agent", "web1", "--spiffe-id", id, "--force"]);
    let file = |name: &str| life.file(name).display().to_string();
    let (ca, cert, key, crl) = (file("ca.crt"), file("alice.crt"), file("alice.key"), file("ca.crl"));
    let endpoint = life.agent.endpoint.clone();
    let asked = |id: &str| {
        let arguments = ["agent", "info", "--endpoint", &endpoint, "--ca", &ca, "--cert", &cert, "--key", &key];
        life.shell.run(&[arguments.as_slice(), &["--crl", &crl, "--agent-id", id]].concat())
    };
    eventually("the agent's new certificate", || asked(id).status.success().then_some(()));
    assert!(asked("spiffe://example.org").status.success());
    for (wrong, code) in [("spiffe://example.org/procwire/web2", 6), ("spiffe://evil.test", 6), ("web1", 2)] {
        assert_eq!(asked(wrong).status.code(), Some(code), "{wrong}");
    }
    let context = ["context", "add", "web", "--endpoint", &endpoint, "--ca", &ca, "--cert", &cert, "--key", &key];
    life.shell.answer(&[context.as_slice(), &["--crl", &crl, "--agent-id", id]].concat());
    let info = life.shell.answer(&["agent", "info"]);
    assert!(info.contains("alice"), "{info}");
    let refused = life.shell.run(&["agent", "info", "--agent-id", "spiffe://evil.test"]);
    assert_eq!(refused.status.code(), Some(6), "{refused:?}");
}
