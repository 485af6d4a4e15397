//! Files that are fine, missing, garbled, open to others or of somebody else.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::*;
use crate::pki::Pki;

struct Files {
    pki: Pki,
    files: TlsFiles,
}

impl Files {
    fn new() -> Files {
        let pki = Pki::new();
        let agent = pki.agent();
        let certificate = pki.write("agent.pem", &agent.certificate.pem(), 0o644).into();
        let key = pki.write("agent.key", &agent.key.serialize_pem(), 0o600).into();
        let client_ca = pki.write("ca.pem", &pki.authority_pem(), 0o644).into();
        Files { pki, files: TlsFiles { certificate, key, client_ca } }
    }

    fn write(&self, name: &str, text: &str) {
        self.pki.write(name, text, 0o600);
    }

    fn problem(&self) -> String {
        let text = TlsIdentity::load(&self.files).unwrap_err().to_string();
        text.replace(&self.pki.path("").display().to_string(), "")
    }
}

#[test]
fn good_files_give_an_identity_without_resumption() {
    let identity = TlsIdentity::load(&Files::new().files).unwrap();
    assert_eq!(identity.config.alpn_protocols, [b"h2"]);
    assert_eq!(identity.config.send_tls13_tickets, 0);
    assert_eq!(identity.config.max_early_data_size, 0);
    assert!(!identity.config.session_storage.can_cache());
    assert!(!identity.config.ticketer.enabled());
    let first = identity.config.crypto_provider().kx_groups.first().unwrap();
    assert_eq!(first.name(), rustls::NamedGroup::X25519MLKEM768);
    assert!(identity.expires.seconds > 0);
}

#[test]
fn missing_files_are_named() {
    for (name, role) in [("agent.pem", "tls.certificate"), ("agent.key", "tls.key"), ("ca.pem", "tls.client_ca")] {
        let files = Files::new();
        std::fs::remove_file(files.pki.path(name)).unwrap();
        let problem = files.problem();
        assert!(problem.starts_with(&format!("{role} {name}: No such file")), "{problem}");
    }
}

#[test]
fn garbled_files_are_named() {
    let begin = "-----BEGIN CERTIFICATE-----\n";
    let end = "-----END CERTIFICATE-----\n";
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
    ];
    for (name, text, wanted) in cases {
        let files = Files::new();
        files.write(name, text);
        let problem = files.problem();
        assert!(problem.starts_with(wanted), "{problem}");
        assert!(!problem.contains('\n'), "{problem}");
    }
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let files = Files::new();
    files.write("agent.key", &files.pki.agent().key.serialize_pem());
    assert_eq!(files.problem(), "tls.certificate agent.pem and tls.key agent.key: they do not belong together");
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    for mode in [0o640, 0o604, 0o620, 0o666] {
        let files = Files::new();
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
fn an_expired_certificate_is_only_warned_of() {
    let files = Files::new();
    let expired = files.pki.expired_client();
    files.write("agent.pem", &expired.certificate.pem());
    files.write("agent.key", &expired.key.serialize_pem());
    let identity = TlsIdentity::load(&files.files).unwrap();
    assert_eq!(identity.expires.to_string(), "2002-01-01T00:00:00Z");
}
