//! Files of TLS that change while the agent runs: what is new is in force within seconds, nobody is cut off for it, and what cannot be used
//! changes nothing.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt as _, symlink},
    time::Duration,
};

use procwire_client::{Client, ErrorKind, SystemEvent, SystemWatch};
use procwire_proto::v1::CertificateStatus;
use procwire_tests::{
    Agent, Pki, Role, signal,
    waiting::{eventually, eventually_async, within_patience},
};

const SHORT: Duration = Duration::from_millis(100);

async fn watch(client: &Client) -> SystemWatch {
    client.system().watch().fields(["load"]).interval(SHORT).reconnect(false).await.unwrap()
}

/// The next sample: nothing came between that would tell of an end.
async fn sample(watch: &mut SystemWatch) -> u64 {
    loop {
        match within_patience("a sample", watch.next()).await.unwrap().expect("the stream ended") {
            SystemEvent::Sample { seq, .. } => return seq,
            SystemEvent::Header(_) | SystemEvent::Heartbeat(_) | SystemEvent::Loss(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn status(client: &Client) -> CertificateStatus {
    client.agent().status().await.unwrap().certificates.unwrap()
}

async fn until(client: &Client, what: &str, wanted: impl Fn(&CertificateStatus) -> bool) -> CertificateStatus {
    eventually_async(what, || async { Some(status(client).await).filter(&wanted) }).await
}

#[tokio::test]
async fn a_certificate_replaced_under_load_cuts_nobody_off() {
    let agent = Agent::start();
    let client = agent.client(Role::Reader);
    let mut stream = watch(&client).await;
    sample(&mut stream).await;
    let mut serial = status(&client).await.serial;
    for turn in 1..=3 {
        let new = agent.pki.agent();
        // One after the other: for a moment they do not belong together.
        agent.replace("agent.crt", &new.certificate_pem);
        sample(&mut stream).await;
        agent.replace("agent.key", &new.key_pem);
        let now = until(&client, "the new certificate", |now| now.serial == new.serial_text()).await;
        assert_ne!(now.serial, serial);
        assert_eq!((now.problem.as_str(), now.reloads), ("", turn), "{now:?}");
        serial = now.serial;
        // New connections are shown the new one, and what goes on goes on.
        agent.client(Role::Inspector).agent().info().await.unwrap();
        sample(&mut stream).await;
    }
    let status = client.agent().status().await.unwrap();
    assert_eq!((status.connections_refused, status.certificates.unwrap().connections_ended), (0, 0));
    assert!(!agent.log().contains("cannot be used"), "half a change is no alarm");
    let reloaded = agent.audit().into_iter().filter(|record| record["event"] == "reloaded").count();
    assert_eq!(reloaded, 3);
}

#[tokio::test]
async fn a_broken_file_changes_nothing_is_said_once_and_its_repair_is_seen() {
    let agent = Agent::start();
    let client = agent.client(Role::Reader);
    let mut stream = watch(&client).await;
    let before = status(&client).await;
    agent.replace("agent.crt", "garbage");
    let broken = until(&client, "the problem", |now| !now.problem.is_empty()).await;
    assert!(broken.problem.contains("agent.crt: no certificate in it"), "{}", broken.problem);
    assert_eq!((&broken.serial, broken.reloads), (&before.serial, 0));
    agent.client(Role::Inspector).agent().info().await.unwrap();
    sample(&mut stream).await;
    signal(agent.pid(), "HUP");
    eventually("the look at SIGHUP", || agent.log().contains("as asked by a signal").then_some(()));
    agent.replace("agent.crt", &fs::read_to_string(agent.path("ca.crt")).unwrap());
    until(&client, "another problem", |now| now.problem.contains("do not belong together")).await;
    assert_eq!(agent.log().matches("no certificate in it").count(), 1, "{}", agent.log());

    let good = agent.pki.agent();
    agent.replace("agent.key", &good.key_pem);
    agent.replace("agent.crt", &good.certificate_pem);
    let repaired = until(&client, "the repair", |now| now.problem.is_empty()).await;
    assert_eq!(repaired.serial, good.serial_text());
    sample(&mut stream).await;
    let events = |event: &str| agent.audit().into_iter().filter(|record| record["event"] == event).count();
    assert_eq!((events("reload_refused"), events("reloaded")), (2, 1), "{:?}", agent.audit());
}

#[tokio::test]
async fn a_key_that_others_can_read_is_refused_on_reload_too() {
    let agent = Agent::start();
    let client = agent.client(Role::Reader);
    let before = status(&client).await;
    fs::set_permissions(agent.path("agent.key"), Permissions::from_mode(0o644)).unwrap();
    let refused = until(&client, "the refusal", |now| !now.problem.is_empty()).await;
    assert!(refused.problem.contains("agent.key: mode 644 lets others"), "{}", refused.problem);
    assert_eq!(refused.serial, before.serial);
    fs::set_permissions(agent.path("agent.key"), Permissions::from_mode(0o600)).unwrap();
    until(&client, "its end", |now| now.problem.is_empty()).await;
}

#[tokio::test]
async fn sighup_looks_at_once_and_what_is_the_same_is_not_taken_again() {
    let agent = Agent::start();
    let client = agent.client(Role::Reader);
    let text = fs::read_to_string(agent.path("agent.crt")).unwrap();
    agent.replace("agent.crt", &text);
    signal(agent.pid(), "HUP");
    eventually("the look", || agent.log().contains("as asked by a signal").then_some(()));
    // Whoever is asked while something is wrong says so at once, not after a while.
    agent.replace("ca.crt", "garbage");
    signal(agent.pid(), "HUP");
    let now = until(&client, "the problem", |now| !now.problem.is_empty()).await;
    assert!(now.problem.contains("tls.client_ca"), "{}", now.problem);
    assert_eq!(now.reloads, 0);
}

#[tokio::test]
async fn a_new_authority_is_trusted_and_the_clients_of_one_taken_away_are_cut_off() {
    let agent = Agent::start();
    let new = Pki::new();
    let old_client = agent.client(Role::Reader);
    let new_client = agent.client_as(&new.client(Role::Inspector));
    let refused = new_client.agent().info().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ClientCertificate, "{refused}");
    let mut stream = watch(&old_client).await;
    sample(&mut stream).await;

    agent.replace("ca.crt", &format!("{}{}", agent.pki.ca_pem(), new.ca_pem()));
    eventually_async("the new authority", || async { new_client.agent().info().await.ok() }).await;
    sample(&mut stream).await;

    let mut other = watch(&new_client).await;
    agent.replace("ca.crt", new.ca_pem());
    let end = async { while let Ok(Some(_)) = stream.next().await {} };
    within_patience("the end of the old authority's client", end).await;
    sample(&mut other).await;
    let refused = agent.client(Role::Reader).agent().info().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ClientCertificate, "{refused}");
    assert_eq!(status(&new_client).await.connections_ended, 1);
}

#[tokio::test]
async fn a_mounted_secret_that_is_swapped_as_a_whole_is_followed() {
    let agent = Agent::start();
    let client = agent.client(Role::Reader);
    // As Kubernetes mounts one: agent.crt -> ..data/agent.crt, ..data -> ..1, a folder for each version.
    let publish = |version: &str, identity: &procwire_tests::Identity| {
        fs::create_dir(agent.path(version)).unwrap();
        for (name, text) in [("agent.crt", &identity.certificate_pem), ("agent.key", &identity.key_pem)] {
            let file = agent.path(version).join(name);
            fs::write(&file, text).unwrap();
            fs::set_permissions(file, Permissions::from_mode(0o600)).unwrap();
        }
        symlink(version, agent.path("..data_tmp")).unwrap();
        fs::rename(agent.path("..data_tmp"), agent.path("..data")).unwrap();
    };
    let identities: Vec<_> = (0..3).map(|_| agent.pki.agent()).collect();
    publish("..0", &identities[0]);
    for name in ["agent.crt", "agent.key"] {
        symlink(format!("..data/{name}"), agent.path("link")).unwrap();
        fs::rename(agent.path("link"), agent.path(name)).unwrap();
    }
    until(&client, "the first version", |now| now.serial == identities[0].serial_text()).await;
    for (version, identity) in ["..1", "..2"].into_iter().zip(&identities[1..]) {
        publish(version, identity);
        until(&client, version, |now| now.serial == identity.serial_text()).await;
    }
    assert_eq!(status(&client).await.problem, "");
}

#[tokio::test]
async fn an_agent_says_what_nears_its_end() {
    let agent = Agent::start();
    let client = agent.client(Role::Reader);
    assert!(status(&client).await.warnings.is_empty());
    let old = agent.pki.agent_with_validity(Duration::from_secs(100 * 86400), Duration::from_secs(86400));
    agent.replace("agent.key", &old.key_pem);
    agent.replace("agent.crt", &old.certificate_pem);
    let now = until(&client, "the warning", |now| !now.warnings.is_empty()).await;
    assert!(now.warnings[0].contains("tls.certificate") && now.warnings[0].contains("ends soon"), "{now:?}");
    eventually("the log", || agent.log().contains("ends soon").then_some(()));
    assert_eq!(now.problem, "");
}
