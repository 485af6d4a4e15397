#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::{
    os::unix::fs::PermissionsExt as _,
    time::{Duration, SystemTime},
};

use x509_parser::{certificate::X509Certificate, pem::parse_x509_pem};

use super::*;
use crate::private_file::Existing;

fn agent(name: &str) -> AgentProfile {
    AgentProfile {
        name: name.to_owned(),
        subject_names: vec!["DNS:web1.example.org".parse().unwrap(), "IP:127.0.0.1".parse().unwrap()],
        validity: Validity::days(30),
    }
}

fn client(name: &str, role: Role) -> ClientProfile {
    ClientProfile { name: name.to_owned(), role, validity: Validity::days(30) }
}

fn authority() -> Authority {
    Authority::create("a test's authority", Validity::days(100)).unwrap()
}

/// Reads a certificate as another library sees it.
fn with_parsed<T>(pem: &str, look: impl FnOnce(&X509Certificate<'_>) -> T) -> T {
    let (_, pem) = parse_x509_pem(pem.as_bytes()).unwrap();
    look(&pem.parse_x509().unwrap())
}

fn subject_and_extensions(certificate: &X509Certificate<'_>) -> (String, Vec<String>, bool, bool, bool) {
    let names = certificate.subject_alternative_name().unwrap();
    let names = names.map(|names| names.value.general_names.iter().map(ToString::to_string).collect());
    let usage = certificate.extended_key_usage().unwrap().unwrap().value;
    assert!(!usage.any && usage.other.is_empty());
    (
        certificate.subject().to_string(),
        names.unwrap_or_default(),
        usage.server_auth,
        usage.client_auth,
        certificate.is_ca(),
    )
}

#[test]
fn the_authority_signs_leaves_only() {
    with_parsed(authority().certificate_pem(), |certificate| {
        let constraints = certificate.basic_constraints().unwrap().unwrap();
        assert!(constraints.critical && constraints.value.ca);
        assert_eq!(constraints.value.path_len_constraint, Some(0));
        let usage = certificate.key_usage().unwrap().unwrap().value;
        assert!(usage.key_cert_sign() && usage.crl_sign() && !usage.digital_signature());
        certificate.verify_signature(None).unwrap();
    });
}

#[test]
fn an_agent_certificate_is_for_servers_only() {
    let authority = authority();
    let issued = authority.issue_agent(&agent("web1")).unwrap();
    with_parsed(&issued.certificate_pem, |certificate| {
        let (subject, names, server, client, is_ca) = subject_and_extensions(certificate);
        assert_eq!(subject, "CN=web1");
        assert_eq!(names, ["DNSName(web1.example.org)", "IPAddress(7f:00:00:01)"]);
        assert!(server && !client && !is_ca);
        with_parsed(authority.certificate_pem(), |ca| certificate.verify_signature(Some(ca.public_key())).unwrap());
    });
}

#[test]
fn a_client_certificate_is_for_clients_only_and_says_its_role() {
    let issued = authority().issue_client(&client("alice", Role::Operator)).unwrap();
    with_parsed(&issued.certificate_pem, |certificate| {
        let (subject, names, server, client, is_ca) = subject_and_extensions(certificate);
        assert_eq!(subject, "O=operator, CN=alice");
        assert!(names.is_empty());
        assert!(client && !server && !is_ca);
    });
}

#[test]
fn serial_numbers_are_positive_and_differ() {
    let authority = authority();
    let serial = || {
        let issued = authority.issue_client(&client("alice", Role::Reader)).unwrap();
        with_parsed(&issued.certificate_pem, |certificate| certificate.raw_serial().to_vec())
    };
    let (one, other) = (serial(), serial());
    assert_ne!(one, other);
    assert!(one.len() == 16 && one.first().is_some_and(|byte| (0x40..0x80).contains(byte)));
}

#[test]
fn validity_can_be_in_the_past() {
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let validity = Validity { not_before: long_ago, not_after: long_ago + Duration::from_secs(60) };
    let expired = ClientProfile { validity, ..client("alice", Role::Reader) };
    let issued = authority().issue_client(&expired).unwrap();
    with_parsed(&issued.certificate_pem, |certificate| {
        assert_eq!(certificate.validity().not_before.timestamp(), 1_000_000_000);
        assert_eq!(certificate.validity().not_after.timestamp(), 1_000_000_060);
    });
}

#[test]
fn a_certificate_does_not_outlive_its_authority() {
    let authority = Authority::create("short", Validity::days(1)).unwrap();
    let error = authority.issue_agent(&agent("web1")).err().unwrap();
    assert!(matches!(error, PkiError::Validity { .. }), "{error}");
    let again = Authority::from_pem(authority.certificate_pem(), &authority.key_pem()).unwrap();
    assert!(matches!(again.issue_agent(&agent("web1")).err().unwrap(), PkiError::Validity { .. }));
}

#[test]
fn an_agent_without_names_is_refused() {
    let nameless = AgentProfile { subject_names: Vec::new(), ..agent("web1") };
    assert!(matches!(authority().issue_agent(&nameless).err().unwrap(), PkiError::SubjectName { .. }));
}

#[test]
fn an_authority_taken_up_again_signs_for_the_same_clients() {
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::new(folder.path().join("pki"), Existing::Keep);
    directory.init(&authority()).unwrap();
    let stored = directory.issue_client(&client("alice", Role::Admin)).unwrap();
    assert_eq!(stored.certificate, directory.path().join("alice.crt"));
    let leaf = std::fs::read_to_string(&stored.certificate).unwrap();
    let ca = std::fs::read_to_string(directory.authority_certificate()).unwrap();
    with_parsed(&leaf, |leaf| {
        with_parsed(&ca, |ca| {
            assert_eq!(leaf.issuer(), ca.subject());
            leaf.verify_signature(Some(ca.public_key())).unwrap();
        });
    });
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
    }
    assert_eq!(std::fs::metadata(directory.path()).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn nothing_is_overwritten_unless_told() {
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::new(folder.path(), Existing::Keep);
    directory.init(&authority()).unwrap();
    let before = std::fs::read(directory.authority_certificate()).unwrap();
    assert!(matches!(directory.init(&authority()).unwrap_err(), PkiError::Exists { .. }));
    assert_eq!(std::fs::read(directory.authority_certificate()).unwrap(), before);
    directory.issue_agent(&agent("web1")).unwrap();
    std::fs::remove_file(folder.path().join("web1.key")).unwrap();
    assert!(matches!(directory.issue_agent(&agent("web1")).unwrap_err(), PkiError::Exists { .. }));
    assert!(!folder.path().join("web1.key").exists(), "a refusal writes neither half");
    Directory::new(folder.path(), Existing::Replace).issue_agent(&agent("web1")).unwrap();
}

#[test]
fn a_missing_authority_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let error = Directory::new(folder.path(), Existing::Keep).issue_agent(&agent("web1")).unwrap_err();
    assert!(error.to_string().contains("procwire pki init --dir"), "{error}");
}

#[test]
fn agents_understand_every_role_that_is_issued() {
    use clap::ValueEnum as _;
    let understood = |role: &Role| procwire_agent::access::Role::from_organization(role.as_str());
    let names: Vec<_> =
        Role::value_variants().iter().filter_map(understood).map(procwire_agent::access::Role::name).collect();
    assert_eq!(names, procwire_agent::access::Role::ALL.map(procwire_agent::access::Role::name));
}
