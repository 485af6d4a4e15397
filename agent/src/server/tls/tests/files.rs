//! Files that are fine, missing, garbled, open to others or of somebody else.

use super::{
    super::{Certificates, Handshake},
    Fixture,
};
use crate::pki::Authority;

#[test]
fn good_files_give_an_identity_without_resumption() {
    let loaded = Fixture::new().load();
    let peer = "192.0.2.1:1".parse().unwrap();
    let config = Handshake::new(&loaded.certificates.in_force(), peer).unwrap().config;
    assert_eq!(config.alpn_protocols, [b"h2"]);
    assert_eq!(config.send_tls13_tickets, 0);
    assert_eq!(config.max_early_data_size, 0);
    assert!(!config.session_storage.can_cache());
    assert!(!config.ticketer.enabled());
    let first = config.crypto_provider().kx_groups.first().unwrap();
    assert_eq!(first.name(), rustls::NamedGroup::X25519MLKEM768);
    let status = loaded.certificates.status(7);
    assert_eq!((status.problem.as_str(), status.reloads, status.connections_ended), ("", 0, 7));
    assert!(!status.serial.is_empty() && status.warnings.is_empty(), "{status:?}");
    assert!(status.revocation_list_next_update.is_none() && status.client_ca_expires.is_some());
}

#[test]
fn missing_files_are_named() {
    for (name, role) in [
        ("agent.pem", "tls.certificate"),
        ("agent.key", "tls.key"),
        ("ca.pem", "tls.client_ca"),
        ("ca.crl", "tls.client_crl"),
        ("denied", "tls.deny_list"),
    ] {
        let mut files = Fixture::new();
        files.files.client_crl = vec![files.write("ca.crl", &files.pki.authority.crl(&[]).pem().unwrap())];
        files.files.deny_list = Some(files.write("denied", ""));
        Certificates::load(&files.files).map(drop).unwrap();
        std::fs::remove_file(files.pki.path(name)).unwrap();
        let problem = files.problem();
        assert!(problem.starts_with(&format!("{role} {name}: No such file")), "{problem}");
    }
}

#[test]
fn garbled_files_are_named() {
    let begin = "-----BEGIN CERTIFICATE-----\n";
    let end = "-----END CERTIFICATE-----\n";
    let crl = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";
    let cases = [
        ("agent.pem", "", "tls.certificate agent.pem: no certificate in it"),
        ("agent.pem", "garbage", "tls.certificate agent.pem: no certificate in it"),
        ("agent.pem", begin, "tls.certificate agent.pem: not PEM: a section begins and does not end"),
        ("agent.pem", &format!("{begin}AAAA\n{end}"), "tls.certificate agent.pem: not a certificate"),
        ("ca.pem", &format!("{begin}AAAA\n{end}"), "tls.client_ca ca.pem: not the certificate of an authority"),
        ("ca.pem", "", "tls.client_ca ca.pem: no certificate in it"),
        ("agent.key", "", "tls.key agent.key: no private key in it"),
        ("agent.key", &format!("{begin}AAAA\n{end}"), "tls.key agent.key: no private key in it"),
        (
            "agent.key",
            "-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----\n",
            "tls.key agent.key: not PEM: not base64",
        ),
        ("ca.crl", "", "tls.client_crl ca.crl: it is empty"),
        ("ca.crl", "garbage", "tls.client_crl ca.crl: not a revocation list"),
        ("ca.crl", crl, "tls.client_crl ca.crl: not a revocation list"),
        ("ca.crl", &format!("{begin}AAAA\n{end}"), "tls.client_crl ca.crl: no revocation list in it"),
        ("denied", "alice\n\u{feff}bob\n", "tls.deny_list denied: line 2: the name \"\\u{feff}bob\" has characters"),
        ("denied", "alice\nserail: 7\n", "tls.deny_list denied: line 2: \"serail\" is none of"),
    ];
    for (name, text, wanted) in cases {
        let mut files = Fixture::new();
        files.files.client_crl = vec![files.write("ca.crl", &files.pki.authority.crl(&[]).pem().unwrap())];
        files.files.deny_list = Some(files.write("denied", ""));
        files.write(name, text);
        let problem = files.problem();
        assert!(problem.starts_with(wanted), "{problem}");
        assert!(!problem.contains('\n'), "{problem}");
    }
}

#[test]
fn a_revocation_list_may_be_der_and_a_file_may_hold_those_of_several_authorities() {
    let mut files = Fixture::new();
    let der = files.pki.path("der.crl");
    std::fs::write(&der, files.pki.authority.crl(&[1, 2]).der()).unwrap();
    let pem = |name: &str, serials: &[u64]| Authority::root(name).crl(serials).pem().unwrap();
    let several = files.write("several.crl", &format!("{}{}", pem("second", &[3]), pem("third", &[4, 5])));
    files.files.client_crl = vec![der, several];
    let status = files.load().certificates.status(0);
    assert_eq!((status.revoked, status.warnings), (5, vec![]));
    assert!(status.revocation_list_next_update.is_some());
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let files = Fixture::new();
    files.write("agent.key", &files.pki.agent().key.serialize_pem());
    assert_eq!(files.problem(), "tls.certificate agent.pem and tls.key agent.key: they do not belong together");
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    for mode in [0o640, 0o604, 0o620, 0o666] {
        let files = Fixture::new();
        let pem = files.pki.agent().key.serialize_pem();
        files.pki.write("agent.key", &pem, mode);
        let problem = files.problem();
        let wanted = format!(
            "tls.key agent.key: mode {mode:03o} lets others than its owner read or write it; run chmod 600 on it"
        );
        assert_eq!(problem, wanted);
    }
}

#[test]
fn what_everyone_can_write_decides_on_nobody() {
    let make = |mode| {
        let mut files = Fixture::new();
        let crl = files.pki.authority.crl(&[]).pem().unwrap();
        files.files.client_crl = vec![files.pki.write("ca.crl", &crl, mode).into()];
        files.files.deny_list = Some(files.pki.write("denied", "alice", mode).into());
        files.pki.write("ca.pem", &files.pki.authority_pem(), mode);
        files
    };
    // As Kubernetes mounts them, with and without fsGroup, and as an administrator might have them.
    for mode in [0o644, 0o440, 0o444, 0o600, 0o664] {
        make(mode).load();
    }
    for (name, role) in [("ca.pem", "tls.client_ca"), ("ca.crl", "tls.client_crl"), ("denied", "tls.deny_list")] {
        let files = make(0o644);
        let mut loaded = files.load();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o646);
        std::fs::set_permissions(files.pki.path(name), mode).unwrap();
        let wanted = format!("{role} {name}: mode 646 lets everyone write it; run chmod o-w on it");
        assert_eq!(files.problem(), wanted);
        let refused: Vec<String> = loaded.take_all().into_iter().filter_map(Result::err).collect();
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert_eq!(files.without_folder(&refused[0]), wanted);
    }
}

#[test]
fn a_key_of_another_user_is_refused() {
    let files = Fixture::new();
    let mut loaded = files.load();
    if let Err(error) = std::os::unix::fs::chown(files.pki.path("agent.key"), Some(12345), None) {
        eprintln!("not tried, because only root can give a file away: {error}");
        return;
    }
    assert!(files.problem().starts_with("tls.key agent.key: it belongs to user 12345, neither the agent's"));
    assert!(
        loaded.take_all().remove(0).unwrap_err().contains("it belongs to user 12345"),
        "when it is read again, too"
    );
}

#[test]
fn an_expired_certificate_is_only_warned_of() {
    let files = Fixture::new();
    files.write_agent(&files.pki.expired_client());
    let certificates = files.load().certificates;
    assert_eq!(certificates.expires().to_string(), "2002-01-01T00:00:00Z");
    let warnings = certificates.status(0).warnings;
    assert_eq!(files.without_folder(&warnings[0]), "tls.certificate agent.pem has ended: 2002-01-01T00:00:00Z");
}
