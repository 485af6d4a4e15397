#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, SanType};
use tempfile::TempDir;

use super::{
    facts::{Caller, Kind, Revocation},
    *,
};
use crate::{
    pki::{AgentProfile, Authority, ClientProfile, Leaf, Reason, RevokeTarget, Role, Validity},
    private_file::Existing,
};

struct Bench {
    folder: TempDir,
    directory: Directory,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let directory = Directory::new(folder.path().join("pki"), Existing::Keep);
        directory.init(&Authority::create("a test's authority", Validity::days(1000)).unwrap()).unwrap();
        let client = ClientProfile { name: "alice".to_owned(), role: Role::Operator, validity: Validity::days(40) };
        let id = Some("spiffe://example.org/alice".parse().unwrap());
        directory.issue(&Leaf { spiffe_id: id, ..Leaf::from(&client) }).unwrap();
        let agent = AgentProfile {
            name: "web1".to_owned(),
            subject_names: vec!["DNS:web1.example.org".parse().unwrap(), "IP:192.0.2.7".parse().unwrap()],
            validity: Validity::days(40),
        };
        directory.issue_agent(&agent).unwrap();
        Self { folder, directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn put(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, contents).unwrap();
        path
    }

    fn inspect(&self, paths: &[PathBuf]) -> Vec<Inspection> {
        inspect(paths, Judge::of(&self.directory)).unwrap()
    }

    fn certificate(&self, path: PathBuf) -> CertificateFacts {
        match self.inspect(&[path]).remove(0).contents.remove(0) {
            Contents::Certificate(facts) => *facts,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn certificates_are_told_as_agents_see_them() {
    let bench = Bench::new();
    let alice = bench.certificate(bench.path("alice.crt"));
    assert_eq!((alice.kind, alice.subject.as_str()), (Kind::Client, "O=operator, CN=alice"));
    assert_eq!(alice.spiffe_id.as_deref(), Some("spiffe://example.org/alice"));
    let roles = vec!["operator".to_owned()];
    assert_eq!(alice.caller, Caller::Known { principal: "spiffe://example.org/alice".to_owned(), roles });
    assert_eq!((alice.is_of_authority, alice.revocation), (Some(true), Revocation::Unknown));
    assert_eq!((alice.key_file, alice.key.as_str()), (Some(bench.path("alice.key")), "EC, 256 bits"));
    let web1 = bench.certificate(bench.path("web1.crt"));
    assert_eq!((web1.kind, web1.caller, web1.purposes), (Kind::Agent, Caller::None, vec!["servers".to_owned()]));
    assert_eq!(web1.names, ["DNS:web1.example.org", "IP:192.0.2.7"]);
    let authority = bench.certificate(bench.path("ca.crt"));
    assert_eq!((authority.kind, authority.is_of_authority), (Kind::Authority, Some(true)));
}

#[test]
fn revocation_is_told_by_the_list_of_the_same_authority_only() {
    let bench = Bench::new();
    bench.directory.refresh_list(std::time::Duration::from_secs(86_400)).unwrap();
    assert_eq!(bench.certificate(bench.path("alice.crt")).revocation, Revocation::NotRevoked);
    let target = [RevokeTarget::Name("alice".to_owned())];
    bench.directory.revoke(&target, Reason::KeyCompromise, std::time::Duration::from_secs(86_400), false).unwrap();
    let revocation = bench.certificate(bench.path("alice.crt")).revocation;
    assert!(matches!(revocation, Revocation::Revoked { reason: Reason::KeyCompromise, .. }), "{revocation:?}");
    let other = Authority::create("somebody else's", Validity::days(100)).unwrap();
    let foreign = ClientProfile { name: "alice".to_owned(), role: Role::Reader, validity: Validity::days(40) };
    let foreign = bench.put("foreign.pem", other.issue_client(&foreign).unwrap().certificate_pem);
    let foreign = bench.certificate(foreign);
    assert_eq!((foreign.is_of_authority, foreign.revocation), (Some(false), Revocation::Unknown));
    let list = bench.inspect(&[bench.path("ca.crl")]).remove(0).contents.remove(0);
    let Contents::RevocationList(list) = list else { panic!("{list:?}") };
    assert_eq!((list.number.as_deref(), list.revoked.len(), list.is_of_authority), (Some("2"), 1, Some(true)));
}

#[test]
fn a_key_that_is_another_ones_is_told() {
    let bench = Bench::new();
    fs::copy(bench.path("web1.key"), bench.path("alice.key")).unwrap();
    let alice = bench.certificate(bench.path("alice.crt"));
    assert_eq!((alice.key_file, alice.foreign_key_file), (None, Some(bench.path("alice.key"))));
    // As SPIRE names them; and a key given by name.
    let svid = bench.put("svid.pem", fs::read(bench.path("web1.crt")).unwrap());
    let key = bench.put("svid_key.pem", fs::read(bench.path("web1.key")).unwrap());
    assert_eq!(bench.certificate(svid).key_file, Some(key.clone()));
    let all = bench.inspect(&[bench.path("ca.crt"), key]);
    assert!(matches!(&all[1].contents[0], Contents::PrivateKey(_)), "{all:?}");
}

#[test]
fn chains_and_der_are_read_and_what_is_neither_is_named() {
    let bench = Bench::new();
    let chain = [fs::read(bench.path("web1.crt")).unwrap(), fs::read(bench.path("ca.crt")).unwrap()].concat();
    assert_eq!(bench.inspect(&[bench.put("chain.pem", chain)])[0].contents.len(), 2);
    let text = fs::read(bench.path("web1.crt")).unwrap();
    let (_, pem) = x509_parser::pem::parse_x509_pem(&text).unwrap();
    let der = bench.put("web1.der", &pem.contents);
    assert_eq!(bench.certificate(der).kind, Kind::Agent);
    for (name, contents) in [
        ("empty", Vec::new()),
        ("text", b"hello\n".to_vec()),
        ("torn.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n".to_vec()),
        ("cut.der", pem.contents[..40].to_vec()),
    ] {
        let path = bench.put(name, contents);
        let error = inspect(&[path], Judge::default()).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
    let garbage = bench.put("garbage.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assert!(matches!(bench.inspect(&[garbage])[0].contents[0], Contents::Unreadable { .. }));
    assert!(inspect(&[bench.path("absent")], Judge::default()).unwrap_err().to_string().contains("absent"));
}

#[test]
fn hostile_certificates_neither_panic_nor_pass_for_somebody() {
    let bench = Bench::new();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "a\u{1b}[2J\n\u{202e}b");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.subject_alt_names =
        vec![SanType::URI("spiffe://a/b".try_into().unwrap()), SanType::URI("spiffe://c/d".try_into().unwrap())];
    let text = params.self_signed(&key).unwrap();
    let facts = bench.certificate(bench.put("odd.pem", text.pem()));
    assert!(matches!(facts.caller, Caller::Refused(_)), "{:?}", facts.caller);
    let shown = {
        let page = crate::render::certificates::page(
            &bench.inspect(&[bench.folder.path().join("odd.pem")]),
            &crate::render::clock::Clock::system(),
        );
        let mut out = Vec::new();
        page.write(&mut out, Some(80)).unwrap();
        anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string()
    };
    assert!(shown.contains(r"\x1b[2J"), "{shown}");
    assert!(shown.chars().all(|character| character == '\n' || !character.is_control()), "{shown:?}");
    assert!(!shown.contains('\u{202e}') && shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    // Every cut and every flipped bit of a certificate is read or refused, without a panic.
    let der = text.der();
    for end in 0..der.len() {
        let _ = CertificateFacts::of(&der[..end], Path::new("x"), &Judge::default());
        let mut flipped = der.to_vec();
        flipped[end] ^= 0x21;
        let _ = CertificateFacts::of(&flipped, Path::new("x"), &Judge::default());
    }
}
