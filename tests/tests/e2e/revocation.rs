//! Clients who were good when they connected and are not any more, and those who never get in.

use std::time::{Duration, SystemTime};

use procwire_client::{Client, ErrorKind, SystemEvent, SystemWatch};
use procwire_proto::FieldMask;
use procwire_proto::v1::{
    ErrorReason, GetInfoRequest, GoodbyeReason, WatchSystemRequest, agent_service_client::AgentServiceClient,
    system_service_client::SystemServiceClient, watch_system_response::Event,
};
use procwire_tests::{
    Agent, AgentOptions, Identity, Pki, Role, Victim,
    raw::Connection,
    waiting::{eventually, eventually_async, within_patience},
};
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_types::StatusExt as _;

const SHORT: Duration = Duration::from_millis(100);
const MINUTE: Duration = Duration::from_secs(60);

fn with_list() -> AgentOptions {
    Agent::options().file("tls.client_crl", "ca.crl", |pki| pki.revocation_list(&[]))
}

fn with_deny_list() -> AgentOptions {
    Agent::options().file("tls.deny_list", "denied", |_| "# nobody yet\n".to_owned())
}

async fn watch(client: &Client) -> SystemWatch {
    client.system().watch().fields(["load"]).interval(SHORT).reconnect(true).await.unwrap()
}

async fn sample(watch: &mut SystemWatch) {
    loop {
        match within_patience("a sample", watch.next()).await.unwrap().expect("the stream ended") {
            SystemEvent::Sample { .. } => return,
            SystemEvent::Header(_) | SystemEvent::Heartbeat(_) | SystemEvent::Loss(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Reads on to the end; gives the last words.
async fn goodbye(watch: &mut SystemWatch) -> GoodbyeReason {
    within_patience("the goodbye", async {
        loop {
            match watch.next().await.unwrap().expect("an end without a goodbye") {
                SystemEvent::Goodbye(goodbye) => return goodbye.reason(),
                SystemEvent::Interrupted(interruption) => panic!("{interruption:?}"),
                _ => {}
            }
        }
    })
    .await
}

async fn assert_shut_out(agent: &Agent, identity: &Identity, words: &str) {
    let error = agent.client_as(identity).agent().info().await.expect_err("the agent answered");
    assert_eq!(error.kind(), ErrorKind::ClientCertificate, "{error}");
    assert!(error.to_string().contains(words), "{error}");
}

#[tokio::test]
async fn the_open_stream_of_a_revoked_client_ends_and_anothers_goes_on() {
    let agent = with_list().start();
    let (mallory, alice) = (agent.pki.client(Role::Reader), agent.pki.client(Role::Inspector));
    let mut of_mallory = watch(&agent.client_as(&mallory)).await;
    let alice_client = agent.client_as(&alice);
    let mut of_alice = watch(&alice_client).await;
    sample(&mut of_mallory).await;
    sample(&mut of_alice).await;

    agent.replace("ca.crl", &agent.pki.revocation_list(&[&mallory]));
    assert_eq!(goodbye(&mut of_mallory).await, GoodbyeReason::AccessRevoked);
    assert!(within_patience("the end", of_mallory.next()).await.unwrap().is_none(), "there is no coming back");
    sample(&mut of_alice).await;
    assert_shut_out(&agent, &mallory, "revoked").await;
    sample(&mut of_alice).await;

    let status = alice_client.agent().status().await.unwrap().certificates.unwrap();
    assert_eq!((status.revoked, status.connections_ended), (1, 1), "{status:?}");
    assert!(status.revocation_list_next_update.is_some());
    let audit = eventually("the records", || {
        let audit = agent.audit();
        let has =
            |event: &str| audit.iter().any(|record| record["event"] == event && record["principal"] == "test-reader");
        (has("client_cut_off") && has("denial")).then_some(audit.clone())
    });
    let cut_off = audit.iter().find(|record| record["event"] == "client_cut_off").unwrap();
    assert!(cut_off.to_string().contains("revoked: serial"), "{cut_off}");
}

#[tokio::test]
async fn every_call_in_progress_is_told_why_it_ends() {
    let agent = with_deny_list().start();
    let mallory = agent.pki.client(Role::Reader);
    let connection = Connection::open(&agent, &mallory).await;
    let mut system = SystemServiceClient::with_origin(connection.clone(), Connection::origin());
    let request =
        WatchSystemRequest { read_mask: Some(FieldMask { paths: vec!["load".to_owned()] }), ..Default::default() };
    let mut stream = system.watch_system(request).await.unwrap().into_inner();
    within_patience("the header", stream.message()).await.unwrap().unwrap();
    let mut health = HealthClient::with_origin(connection.clone(), Connection::origin());
    let mut health = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    within_patience("the first answer", health.message()).await.unwrap().unwrap();
    let victim = Victim::start(&["sleep"]);
    let client = agent.client_as(&mallory);
    let waiting = tokio::spawn({
        let (client, target) = (client.clone(), victim.reference());
        async move { client.control().wait(&target).timeout(MINUTE).await.map(drop) }
    });
    eventually_async("the wait to begin", || async {
        let status = agent.client(Role::Admin).agent().status().await.unwrap();
        (status.calls_in_progress >= 4).then_some(())
    })
    .await;

    agent.replace("denied", "name: test-reader # left the company\n");
    let mut last = None;
    let status = within_patience("the end of the stream", async {
        loop {
            match stream.message().await {
                Ok(Some(message)) => last = message.event,
                Ok(None) => panic!("an end without a status"),
                Err(status) => return status,
            }
        }
    })
    .await;
    let Some(Event::Goodbye(goodbye)) = last else { panic!("{last:?}") };
    assert_eq!(goodbye.reason(), GoodbyeReason::AccessRevoked);
    let of_health = within_patience("the end of the health watch", health.message()).await.unwrap_err();
    for status in [&status, &of_health] {
        assert_eq!(status.code(), Code::Unauthenticated, "{status:?}");
        assert_eq!(status.get_details_error_info().unwrap().reason, "CERTIFICATE_REVOKED", "{status:?}");
    }
    let why = &of_health.get_details_error_info().unwrap().metadata["why"];
    assert_eq!(why, "the client is on tls.deny_list: name test-reader");
    let waited = within_patience("the end of the wait", waiting).await.unwrap().unwrap_err();
    assert_eq!((waited.kind(), waited.reason()), (ErrorKind::Unauthenticated, Some(ErrorReason::CertificateRevoked)));
    // The connection goes, too.
    let mut agent_service = AgentServiceClient::with_origin(connection, Connection::origin());
    agent_service.get_info(GetInfoRequest {}).await.unwrap_err();
    assert!(victim.is_alive());
    assert_shut_out(&agent, &mallory, "revoked").await;
}

#[tokio::test]
async fn each_kind_of_entry_of_the_deny_list_denies_and_its_removal_lets_in_again() {
    let agent = with_deny_list().start();
    let identity = agent.pki.client(Role::Reader);
    let client = agent.client_as(&identity);
    let admin = agent.client(Role::Admin);
    for line in [identity.serial_text(), format!("sha256:{}", identity.fingerprint()), "test-reader".to_owned()] {
        client.agent().info().await.unwrap();
        agent.replace("denied", &format!("{line}\n"));
        eventually_async(&line, || async { client.agent().info().await.err() }).await;
        assert_shut_out(&agent, &identity, "revoked").await;
        admin.agent().info().await.unwrap();
        agent.replace("denied", "");
        eventually_async("to be let in again", || async { client.agent().info().await.ok() }).await;
    }
    // A line that says nothing does not open the door for those that do.
    agent.replace("denied", "test-reader\n");
    eventually_async("the denial", || async { client.agent().info().await.err() }).await;
    agent.replace("denied", "test-reader\nserail: 7\n");
    let problem = eventually_async("the problem", || async {
        let status = admin.agent().status().await.unwrap().certificates.unwrap();
        Some(status.problem).filter(|problem| !problem.is_empty())
    })
    .await;
    assert!(problem.contains("denied: line 2: \"serail\" is none of"), "{problem}");
    assert_shut_out(&agent, &identity, "revoked").await;
}

#[tokio::test]
async fn where_revocation_cannot_be_told_nobody_gets_in() {
    let expired = |pki: &Pki| {
        let now = SystemTime::now();
        pki.revocation_list_between(&[], now - MINUTE * 10, now - MINUTE)
    };
    let strangers = |_: &Pki| Pki::new().revocation_list(&[]);
    let agents = [
        (Agent::options().file("tls.client_crl", "ca.crl", expired).start(), "past its next update"),
        (Agent::options().file("tls.client_crl", "ca.crl", strangers).start(), "tls.client_crl"),
    ];
    for (agent, words) in agents {
        let error = agent.client(Role::Admin).agent().info().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ClientCertificate, "{error}");
        eventually("the log", || agent.log().contains(words).then_some(()));
        // A list that tells of them lets them in.
        agent.replace("ca.crl", &agent.pki.revocation_list(&[]));
        let client = agent.client(Role::Admin);
        eventually_async("a good list", || async { client.agent().info().await.ok() }).await;
    }
}

#[tokio::test]
async fn a_list_that_runs_out_ends_what_rested_on_it() {
    let soon = |pki: &Pki| {
        let now = SystemTime::now();
        pki.revocation_list_between(&[], now - MINUTE, now + Duration::from_secs(6))
    };
    let agent = Agent::options().file("tls.client_crl", "ca.crl", soon).start();
    let mut stream = watch(&agent.client(Role::Reader)).await;
    sample(&mut stream).await;
    assert_eq!(goodbye(&mut stream).await, GoodbyeReason::AccessRevoked);
    let error = agent.client(Role::Reader).agent().info().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ClientCertificate, "{error}");
}

#[tokio::test]
async fn a_certificate_that_ends_takes_its_connection_with_it() {
    let agent = Agent::start();
    let now = SystemTime::now();
    let short = agent.pki.client_between(Role::Reader, now - MINUTE, now + Duration::from_secs(6));
    let mut stream = watch(&agent.client_as(&short)).await;
    let mut other = watch(&agent.client(Role::Inspector)).await;
    sample(&mut stream).await;
    assert_eq!(goodbye(&mut stream).await, GoodbyeReason::AccessRevoked);
    sample(&mut other).await;
    assert_shut_out(&agent, &short, "expired").await;
    let status = agent.client(Role::Reader).agent().status().await.unwrap().certificates.unwrap();
    assert_eq!(status.connections_ended, 1);
}

#[tokio::test]
async fn a_certificate_of_tomorrow_is_told_so() {
    let agent = Agent::start();
    let now = SystemTime::now();
    let early = agent.pki.client_between(Role::Admin, now + MINUTE * 60, now + MINUTE * 120);
    assert_shut_out(&agent, &early, "not valid yet").await;
    eventually("the log", || agent.log().contains("the certificate is not valid yet").then_some(()));
}
