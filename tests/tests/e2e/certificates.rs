//! Who gets in.

use std::process::Command;

use procwire_client::{Client, Error, ErrorKind};
use procwire_tests::{Agent, Identity, Pki, Role, python};

async fn refusal(client: Client) -> Error {
    client.agent().info().await.expect_err("the agent answered")
}

async fn refusal_of(agent: &Agent, identity: &Identity) -> ErrorKind {
    refusal(agent.client_as(identity)).await.kind()
}

async fn assert_serves(agent: &Agent) {
    agent.client(Role::Reader).agent().info().await.unwrap();
}

#[tokio::test]
async fn a_client_with_a_certificate_of_the_authority_is_served_under_its_own_name() {
    let agent = Agent::start();
    let info = agent.client(Role::Operator).agent().info().await.unwrap();
    let caller = info.caller.unwrap();
    assert_eq!(caller.principal, "test-operator");
    assert!(caller.roles.contains(&"operator".to_owned()), "{caller:?}");
    assert!(!caller.roles.contains(&"admin".to_owned()), "{caller:?}");
    assert_eq!(info.agent.unwrap().pid, agent.pid());
}

#[tokio::test]
async fn a_client_without_a_certificate_is_refused() {
    let agent = Agent::start();
    let error = refusal(agent.anonymous().build().unwrap()).await;
    assert_eq!(error.kind(), ErrorKind::ClientCertificate, "{error}");
    assert!(error.to_string().contains(&agent.address().to_string()), "the error names no host: {error}");
    assert_serves(&agent).await;
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let agent = Agent::start();
    let stranger = Pki::new().client(Role::Admin);
    assert_eq!(refusal_of(&agent, &stranger).await, ErrorKind::ClientCertificate);
    assert_serves(&agent).await;
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let agent = Agent::start();
    let expired = agent.pki.expired_client(Role::Admin);
    assert_eq!(refusal_of(&agent, &expired).await, ErrorKind::ClientCertificate);
    assert_serves(&agent).await;
}

#[tokio::test]
async fn an_agents_certificate_does_not_make_a_client() {
    let agent = Agent::start();
    let server = agent.pki.agent();
    let kind = refusal_of(&agent, &server).await;
    assert_eq!(kind, ErrorKind::ClientCertificate);
    assert_serves(&agent).await;
}

#[tokio::test]
async fn a_certificate_for_no_stated_purpose_does_not_make_a_client() {
    let agent = Agent::start();
    // OpenSSL and Go accept such a certificate for every purpose; the agent must not.
    let kind = refusal_of(&agent, &agent.pki.client_without_usage()).await;
    assert_eq!(kind, ErrorKind::ClientCertificate);
    assert_serves(&agent).await;
}

#[tokio::test]
async fn a_client_refuses_an_agent_of_another_authority() {
    let agent = Agent::start();
    let other = Pki::new();
    let identity = agent.pki.client(Role::Reader);
    let client = Client::builder(agent.endpoint())
        .ca_pem(other.ca_pem())
        .identity_pem(identity.certificate_pem, identity.key_pem)
        .build()
        .unwrap();
    assert_eq!(refusal(client).await.kind(), ErrorKind::ServerCertificate);
}

#[tokio::test]
async fn a_client_refuses_an_agent_under_another_name() {
    let agent = Agent::start();
    let identity = agent.pki.client(Role::Reader);
    let client = agent
        .anonymous()
        .identity_pem(identity.certificate_pem, identity.key_pem)
        .server_name("elsewhere.example")
        .build()
        .unwrap();
    assert_eq!(refusal(client).await.kind(), ErrorKind::ServerCertificate);
}

/// OpenSSL, as Python has it, is the judge here: it can speak what rustls was built without.
fn openssl(agent: &Agent, version: &str) -> serde_json::Value {
    let identity = agent.pki.client(Role::Reader);
    std::fs::write(agent.path("client.crt"), &identity.certificate_pem).unwrap();
    std::fs::write(agent.path("client.key"), &identity.key_pem).unwrap();
    let output = Command::new(python::python())
        .arg(python::script("tls_probe.py"))
        .arg(agent.address().to_string())
        .args([agent.path("ca.crt"), agent.path("client.crt"), agent.path("client.key")])
        .arg(version)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn openssl_gets_in_with_tls_1_3_and_is_given_no_session_to_resume() {
    let agent = Agent::start();
    let told = openssl(&agent, "TLSv1.3");
    assert_eq!(told["version"], "TLSv1.3", "{told}");
    assert_eq!(told["alpn"], "h2", "{told}");
    assert_eq!(told["answered"], true, "{told}");
    assert_eq!(told["has_ticket"], false, "{told}");
}

#[tokio::test]
async fn tls_1_2_is_refused() {
    let agent = Agent::start();
    let told = openssl(&agent, "TLSv1.2");
    assert_eq!(told["version"], serde_json::Value::Null, "{told}");
    assert!(told["error"].as_str().unwrap().to_uppercase().contains("PROTOCOL_VERSION"), "{told}");
    assert_serves(&agent).await;
}
