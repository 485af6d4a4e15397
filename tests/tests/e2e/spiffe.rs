//! Identities as SPIRE hands them out: in the URI of a certificate that lives for an hour and is replaced, as files, long before.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use procwire_cli::pki::Purpose;
use procwire_client::{ErrorKind, SystemEvent};
use procwire_tests::{
    Agent, Identity, Pki, Role,
    waiting::{eventually, eventually_async, within_patience},
};

const SHORT: Duration = Duration::from_millis(100);
const AGENT: &str = "spiffe://example.org/procwired/web-3";
const COLLECTOR: &str = "spiffe://example.org/ns/metrics/collector";

/// With the files that spiffe-helper writes: svid.pem, svid_key.pem, bundle.pem.
fn spire_agent() -> Agent {
    // Certificate and key are made apart, and belong together.
    let svid = Arc::new(OnceLock::new());
    let (first, second) = (Arc::clone(&svid), svid);
    let of = |svid: &OnceLock<Identity>, pki: &Pki| svid.get_or_init(|| pki.workload(AGENT, Purpose::Agent)).clone();
    Agent::options()
        .file("tls.certificate", "svid.pem", move |pki| of(&first, pki).certificate_pem)
        .file("tls.key", "svid_key.pem", move |pki| of(&second, pki).key_pem)
        .file("tls.client_ca", "bundle.pem", |pki| pki.ca_pem().to_owned())
        .start()
}

#[tokio::test]
async fn an_svid_that_rotates_all_the_time_leaves_streams_and_calls_alone() {
    let agent = spire_agent();
    let client = agent.client_as(&agent.pki.workload(COLLECTOR, Purpose::Client));
    assert_eq!(client.agent().info().await.unwrap().caller.unwrap().principal, COLLECTOR);
    let mut stream = client.system().watch().fields(["load"]).interval(SHORT).reconnect(false).await.unwrap();
    let mut samples = 0;
    let mut calls = 0;
    for _ in 0..12 {
        let svid = agent.pki.workload(AGENT, Purpose::Agent);
        agent.replace("svid.pem", &svid.certificate_pem);
        agent.replace("svid_key.pem", &svid.key_pem);
        agent.replace("bundle.pem", agent.pki.ca_pem());
        let until = samples + 5;
        while samples < until {
            match within_patience("a sample", stream.next()).await.unwrap().expect("the stream ended") {
                SystemEvent::Sample { .. } => samples += 1,
                SystemEvent::Goodbye(_) | SystemEvent::Interrupted(_) => panic!("cut off"),
                _ => {}
            }
        }
        // A connection of its own each time, and one that stays.
        agent.client_as(&agent.pki.workload(COLLECTOR, Purpose::Client)).agent().info().await.unwrap();
        client.agent().info().await.unwrap();
        calls += 2;
    }
    assert_eq!((samples, calls), (60, 24));
    let last = agent.pki.workload(AGENT, Purpose::Agent);
    agent.replace("svid.pem", &last.certificate_pem);
    agent.replace("svid_key.pem", &last.key_pem);
    let status = eventually_async("the last one", || async {
        let status = client.agent().status().await.unwrap().certificates.unwrap();
        (status.serial == last.serial_text()).then_some(status)
    })
    .await;
    assert_eq!((status.spiffe_id.as_str(), status.problem.as_str()), (AGENT, ""));
    assert_eq!(status.connections_ended, 0);
    assert!(status.reloads >= 2, "{status:?}");
    assert!(status.warnings.is_empty(), "an hour is all such a certificate has: {status:?}");
}

#[tokio::test]
async fn only_ids_of_the_trust_domains_named_are_let_in() {
    let agent = Agent::options().set("tls.spiffe_trust_domains", "example.org,prod.example").start();
    for id in [COLLECTOR, "spiffe://prod.example/x"] {
        let client = agent.client_as(&agent.pki.workload(id, Purpose::Client));
        assert_eq!(client.agent().info().await.unwrap().caller.unwrap().principal, id);
    }
    let others = [
        agent.pki.workload("spiffe://example.com/ns/metrics/collector", Purpose::Client),
        agent.pki.workload("spiffe://evil.example.org/x", Purpose::Client),
        agent.pki.client(Role::Admin),
    ];
    for other in others {
        let error = agent.client_as(&other).agent().info().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ClientCertificate, "{error}");
        assert!(error.to_string().contains("trust domain"), "{error}");
    }
    eventually("the records", || {
        let denied = agent.audit().into_iter().filter(|record| record["event"] == "denial").count();
        (denied == 3).then_some(())
    });
}
