#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use tempfile::TempDir;

use super::*;
use crate::pki::{SubjectName, Validity};

struct Bench {
    folder: TempDir,
    authority: Authority,
    provision: Provision,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let into = folder.path().join("identities");
        let provision = Provision { into, owner: None, renew_within: Duration::from_secs(30 * 86_400) };
        Self { folder, authority: authority(), provision }
    }

    fn agent(&self, days: u32) -> [Found; 2] {
        let profile =
            AgentProfile { name: "host-a".into(), subject_names: names("DNS:host-a"), validity: Validity::days(days) };
        self.found(&profile)
    }

    fn found(&self, profile: &AgentProfile) -> [Found; 2] {
        let provisioned = self.provision.agent(&self.authority, profile).unwrap();
        <[Found; 2]>::try_from(provisioned.iter().map(|one| one.found).collect::<Vec<_>>()).unwrap()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("identities/host-a").join(name)
    }

    fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.file(name)).unwrap().permissions().mode() & 0o7777
    }
}

fn authority() -> Authority {
    Authority::create("a test's authority", Validity::days(1000)).unwrap()
}

fn names(text: &str) -> Vec<SubjectName> {
    text.split(',').map(|name| name.parse().unwrap()).collect()
}

#[test]
fn what_is_missing_is_made_and_what_is_good_stays() {
    let bench = Bench::new();
    assert_eq!(bench.agent(365), [Found::Nothing, Found::Nothing]);
    let key = fs::read(bench.file("tls.key")).unwrap();
    assert_eq!(bench.agent(365), [Found::Good, Found::Good]);
    assert_eq!(fs::read(bench.file("tls.key")).unwrap(), key);
    fs::remove_file(bench.file("health.crt")).unwrap();
    assert_eq!(bench.agent(365), [Found::Good, Found::Nothing]);
}

#[test]
fn keys_are_for_their_owner_and_the_rest_for_everybody() {
    let bench = Bench::new();
    bench.agent(365);
    for (name, mode) in [
        ("tls.key", 0o600),
        ("health.key", 0o600),
        ("tls.crt", 0o644),
        ("health.crt", 0o644),
        ("ca.crt", 0o644),
        (".", 0o755),
    ] {
        assert_eq!(bench.mode(name), mode, "{name}");
    }
    assert_eq!(fs::read_dir(bench.file(".")).unwrap().count(), 5);
}

#[test]
fn what_ends_soon_is_made_anew() {
    let bench = Bench::new();
    bench.agent(20);
    assert_eq!(bench.agent(365), [Found::Unfit, Found::Unfit]);
    assert_eq!(bench.agent(365), [Found::Good, Found::Good]);
}

#[test]
fn what_is_of_another_authority_is_made_anew() {
    let mut bench = Bench::new();
    bench.agent(365);
    bench.authority = authority();
    assert_eq!(bench.agent(365), [Found::Unfit, Found::Unfit]);
    assert_eq!(fs::read_to_string(bench.file("ca.crt")).unwrap(), bench.authority.certificate_pem());
}

#[test]
fn what_was_interrupted_is_made_anew() {
    let bench = Bench::new();
    bench.agent(365);
    fs::remove_file(bench.file("ca.crt")).unwrap();
    assert_eq!(bench.agent(365), [Found::Unfit, Found::Unfit]);
}

#[test]
fn an_agent_with_other_names_and_a_file_that_is_no_certificate_are_made_anew() {
    let bench = Bench::new();
    let profile =
        |text: &str| AgentProfile { name: "host-a".into(), subject_names: names(text), validity: Validity::days(365) };
    bench.found(&profile("DNS:host-a,IP:127.0.0.1"));
    assert_eq!(bench.found(&profile("DNS:host-a,IP:127.0.0.1")), [Found::Good, Found::Good]);
    assert_eq!(bench.found(&profile("DNS:host-a,IP:::1")), [Found::Unfit, Found::Good]);
    fs::write(bench.file("tls.crt"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    assert_eq!(bench.found(&profile("DNS:host-a,IP:::1")), [Found::Unfit, Found::Good]);
}

#[test]
fn a_client_whose_role_changes_gets_another_certificate() {
    let bench = Bench::new();
    let client = |role| {
        let profile = ClientProfile { name: "alice".into(), role, validity: Validity::days(365) };
        bench.provision.client(&bench.authority, &profile).unwrap().first().unwrap().found
    };
    assert_eq!(client(Role::Reader), Found::Nothing);
    assert_eq!(client(Role::Reader), Found::Good);
    assert_eq!(client(Role::Operator), Found::Unfit);
}

#[test]
fn a_certificate_is_never_beside_another_ones_key() {
    let bench = Bench::new();
    bench.agent(20);
    // The key cannot be written: a directory has its name.
    fs::remove_file(bench.file("tls.key")).unwrap();
    fs::create_dir(bench.file("tls.key")).unwrap();
    let profile =
        AgentProfile { name: "host-a".into(), subject_names: names("DNS:host-a"), validity: Validity::days(365) };
    bench.provision.agent(&bench.authority, &profile).unwrap_err();
    assert!(!bench.file("tls.crt").exists());
}
