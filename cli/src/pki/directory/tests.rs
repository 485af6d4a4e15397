#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::{collections::BTreeSet, os::unix::fs::PermissionsExt as _, time::Duration};

use tempfile::TempDir;

use super::*;
use crate::pki::{Purpose, Reason, Role, Serial, SubjectName, Validity};

const WEEK: Duration = Duration::from_secs(7 * 86_400);
const DAY: Duration = Duration::from_secs(86_400);

struct Bench {
    folder: TempDir,
    directory: Directory,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let directory = Directory::new(folder.path(), Existing::Keep);
        directory.init(&Authority::create("a test's authority", Validity::days(1000)).unwrap()).unwrap();
        Self { folder, directory }
    }

    fn client(&self, name: &str, days: u32) -> Leaf {
        let profile = ClientProfile { name: name.to_owned(), role: Role::Operator, validity: Validity::days(days) };
        let leaf = Leaf::from(&profile);
        self.directory.issue(&leaf).unwrap();
        leaf
    }

    fn certificate(&self, name: &str) -> Certificate {
        let pem = self.text(&format!("{name}.crt"));
        Certificate::parse_signed_by(&pem, &self.text("ca.crt")).unwrap()
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    fn revoke(&self, target: RevokeTarget) -> Result<Revocation, PkiError> {
        self.directory.revoke(&[target], Reason::KeyCompromise, WEEK, false)
    }

    /// What the list says, read by another library than the one that wrote it, its signature checked.
    fn listed(&self) -> (u64, BTreeSet<Serial>) {
        use x509_parser::{parse_x509_crl, pem::parse_x509_pem};
        let (_, authority) =
            parse_x509_pem(self.text("ca.crt").as_bytes()).map(|(rest, pem)| (rest.to_vec(), pem)).unwrap();
        let (_, pem) = parse_x509_pem(self.text("ca.crl").as_bytes()).map(|(rest, pem)| (rest.to_vec(), pem)).unwrap();
        let (_, list) = parse_x509_crl(&pem.contents).unwrap();
        list.verify_signature(authority.parse_x509().unwrap().public_key()).unwrap();
        let number = u64::try_from(list.crl_number().unwrap().clone()).unwrap();
        (number, list.iter_revoked_certificates().map(|revoked| Serial::from_bytes(revoked.raw_serial())).collect())
    }
}

fn name(text: &str) -> RevokeTarget {
    RevokeTarget::Name(text.to_owned())
}

#[test]
fn a_renewed_certificate_says_the_same_with_another_key_and_serial_number() {
    let bench = Bench::new();
    let leaf = Leaf {
        organisations: vec!["operator".to_owned(), "sre".to_owned()],
        spiffe_id: Some("spiffe://example.org/alice".parse().unwrap()),
        ..bench.client("unused", 10)
    };
    let leaf = Leaf { name: "alice".to_owned(), ..leaf };
    bench.directory.issue(&leaf).unwrap();
    let (old, old_key) = (bench.certificate("alice"), bench.text("alice.key"));
    let key = bench.folder.path().join("alice.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let Renewal::Renewed { old: serial, leaf: said, .. } =
        bench.directory.renew("alice", RenewOptions::default()).unwrap()
    else {
        panic!("not renewed")
    };
    let new = bench.certificate("alice");
    assert_eq!((serial, said.name.as_str()), (old.serial.clone(), "alice"));
    assert_ne!(new.serial, old.serial);
    assert_ne!(bench.text("alice.key"), old_key);
    let same = |certificate: &Certificate| Leaf { validity: leaf.validity, ..certificate.leaf().unwrap() };
    assert_eq!(same(&new), leaf);
    assert_eq!(same(&old), leaf);
    let length = |certificate: &Certificate| certificate.not_after.duration_since(certificate.not_before).unwrap();
    assert_eq!(length(&new), length(&old));
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o640, "the group keeps its key");
    assert_eq!(bench.directory.registry().unwrap().entries().len(), 3);
}

#[test]
fn what_does_not_end_soon_is_left_alone() {
    let bench = Bench::new();
    bench.client("alice", 40);
    bench.client("bob", 20);
    let within = RenewOptions { if_within: Some(30 * DAY), days: Some(90) };
    assert_eq!(bench.directory.renewable_names().unwrap(), ["bob", "alice"]);
    assert!(matches!(bench.directory.renew("alice", within).unwrap(), Renewal::NotDue { .. }));
    assert!(matches!(bench.directory.renew("bob", within).unwrap(), Renewal::Renewed { .. }));
    assert!(matches!(bench.directory.renew("bob", within).unwrap(), Renewal::NotDue { .. }));
}

#[test]
fn nothing_is_renewed_that_this_authority_did_not_sign_or_took_back() {
    let bench = Bench::new();
    bench.client("alice", 40);
    // Put there by somebody: one of another authority that calls itself the same, with more rights.
    let other = Authority::create("a test's authority", Validity::days(1000)).unwrap();
    let admin = ClientProfile { name: "alice".to_owned(), role: Role::Admin, validity: Validity::days(10) };
    let forged = other.issue_client(&admin).unwrap();
    let path = bench.folder.path().join("alice.crt");
    let own = bench.text("alice.crt");
    fs::write(&path, &forged.certificate_pem).unwrap();
    let error = bench.directory.renew("alice", RenewOptions::default()).unwrap_err().to_string();
    assert!(error.contains("no certificate of this authority"), "{error}");
    // One of its own under another's name.
    bench.client("mallory", 40);
    fs::copy(&path, bench.folder.path().join("x")).unwrap();
    fs::copy(bench.folder.path().join("mallory.crt"), &path).unwrap();
    assert!(bench.directory.renew("alice", RenewOptions::default()).is_err());
    fs::write(&path, own).unwrap();
    bench.revoke(name("alice")).unwrap();
    let error = bench.directory.renew("alice", RenewOptions::default()).unwrap_err().to_string();
    assert!(error.contains("revoked") && error.contains("--force"), "{error}");
    assert!(bench.directory.renew("nobody", RenewOptions::default()).unwrap_err().to_string().contains("pki list"));
    assert!(bench.directory.renew("../alice", RenewOptions::default()).is_err());
    assert_eq!(bench.directory.renewable_names().unwrap(), ["mallory"]);
}

#[test]
fn a_renewal_does_not_outlive_the_authority() {
    let bench = Bench::new();
    bench.client("alice", 900);
    let end = bench.directory.authority().unwrap().not_after();
    bench.directory.renew("alice", RenewOptions { days: Some(999), if_within: None }).unwrap();
    assert!(bench.certificate("alice").not_after <= end);
    assert!(bench.directory.renew("alice", RenewOptions { days: Some(2000), if_within: None }).is_err());
    bench.directory.renew("alice", RenewOptions::default()).unwrap();
    assert!(bench.certificate("alice").not_after <= end);
}

#[test]
fn a_name_means_all_of_its_certificates_and_each_list_has_the_next_number() {
    let bench = Bench::new();
    bench.client("alice", 40);
    bench.client("bob", 40);
    let first = bench.certificate("alice").serial;
    bench.directory.renew("alice", RenewOptions::default()).unwrap();
    let second = bench.certificate("alice").serial;
    bench.directory.refresh_list(WEEK).unwrap();
    assert_eq!(bench.listed(), (1, BTreeSet::new()));
    let revocation = bench.revoke(name("alice")).unwrap();
    assert_eq!((revocation.revoked.len(), revocation.already.len(), revocation.list.number), (2, 0, 2));
    assert_eq!(bench.listed(), (2, BTreeSet::from([first.clone(), second.clone()])));
    // Again: it is said, the list goes on, and since when does not change.
    let again = bench.revoke(name("alice")).unwrap();
    assert_eq!((again.revoked.len(), again.already.len()), (0, 2));
    assert_eq!(again.already, revocation.revoked);
    let bob = bench.certificate("bob").serial;
    bench.revoke(RevokeTarget::File(bench.folder.path().join("bob.crt"))).unwrap();
    assert_eq!(bench.listed(), (4, BTreeSet::from([first, second, bob])));
}

#[test]
fn nothing_is_revoked_if_one_of_them_is_not_known() {
    let bench = Bench::new();
    bench.client("alice", 40);
    let unknown: Serial = "4f2a".parse().unwrap();
    let targets = [name("alice"), RevokeTarget::Serial(unknown.clone())];
    let error = bench.directory.revoke(&targets, Reason::Unspecified, WEEK, false).unwrap_err();
    assert!(matches!(error, PkiError::UnknownTarget { .. }), "{error}");
    assert!(bench.directory.registry().unwrap().entries().iter().all(|entry| entry.revoked.is_none()));
    assert!(!bench.folder.path().join("ca.crl").exists());
    for wrong in [name("carol"), name("ca"), RevokeTarget::File(bench.folder.path().join("ca.key"))] {
        bench.revoke(wrong).unwrap_err();
    }
    let other = Authority::create("a test's authority", Validity::days(100)).unwrap();
    let admin = ClientProfile { name: "alice".to_owned(), role: Role::Admin, validity: Validity::days(10) };
    let foreign = bench.folder.path().join("foreign.pem");
    fs::write(&foreign, other.issue_client(&admin).unwrap().certificate_pem).unwrap();
    bench.revoke(RevokeTarget::File(foreign)).unwrap_err();
    bench.directory.revoke(&targets, Reason::Unspecified, WEEK, true).unwrap();
    assert!(bench.listed().1.contains(&unknown));
}

#[test]
fn a_folder_of_an_earlier_version_goes_on() {
    let bench = Bench::new();
    bench.client("alice", 40);
    bench.client("bob", 40);
    bench.revoke(name("bob")).unwrap();
    fs::remove_file(bench.folder.path().join("registry.json")).unwrap();
    fs::remove_file(bench.folder.path().join(".lock")).unwrap();
    // What lies there and is no certificate disturbs nobody.
    fs::write(bench.folder.path().join("notes.crt"), [0xff, 0, 1]).unwrap();
    fs::create_dir(bench.folder.path().join("odd.crt")).unwrap();
    let revocation = bench.revoke(name("alice")).unwrap();
    assert_eq!(revocation.list.number, 2, "numbers go on");
    let expected = BTreeSet::from([bench.certificate("alice").serial, bench.certificate("bob").serial]);
    assert_eq!(bench.listed().1, expected, "what was taken back stays taken back");
}

#[test]
fn a_registry_that_cannot_be_understood_stops_everything() {
    let bench = Bench::new();
    bench.client("alice", 40);
    let path = bench.folder.path().join("registry.json");
    let good = bench.text("registry.json");
    for wrong in ["", "{", &good.replace("\"version\": 1", "\"version\": 2"), &good.replace("\"name\"", "\"nmae\"")] {
        fs::write(&path, wrong).unwrap();
        let error = bench.revoke(name("alice")).unwrap_err().to_string();
        assert!(error.contains("registry.json"), "{error}");
        assert_eq!(bench.text("registry.json"), *wrong, "it is left for people to look at");
    }
    fs::write(&path, good).unwrap();
    bench.revoke(name("alice")).unwrap();
    fs::write(bench.folder.path().join("ca.crl"), "torn").unwrap();
    assert!(bench.directory.refresh_list(WEEK).unwrap_err().to_string().contains("ca.crl"));
}

#[test]
fn what_has_ended_leaves_the_list_a_day_later() {
    let bench = Bench::new();
    let now = SystemTime::now();
    let ended = |name: &str, ago: Duration| {
        let validity = Validity { not_before: now - 10 * DAY, not_after: now - ago };
        let profile = ClientProfile { name: name.to_owned(), role: Role::Reader, validity };
        bench.directory.issue_client(&profile).unwrap();
        bench.certificate(name).serial
    };
    let (just, long) = (ended("just", Duration::from_secs(60)), ended("long", 2 * DAY));
    let targets = [RevokeTarget::Serial(just.clone()), RevokeTarget::Serial(long)];
    bench.directory.revoke(&targets, Reason::Superseded, WEEK, false).unwrap();
    assert_eq!(bench.listed().1, BTreeSet::from([just]));
    // There is nothing to take back any more.
    bench.revoke(name("long")).unwrap_err();
}

#[test]
fn many_at_once_lose_nothing() {
    let bench = Bench::new();
    let issue = |number: u32| {
        // As processes do: each with its own idea of the directory.
        let directory = Directory::new(bench.folder.path(), Existing::Keep);
        let profile =
            ClientProfile { name: format!("client-{number}"), role: Role::Reader, validity: Validity::days(10) };
        directory.issue_client(&profile).unwrap();
        if number.is_multiple_of(3) {
            directory.revoke(&[name(&profile.name)], Reason::Unspecified, WEEK, false).unwrap();
        }
        if number.is_multiple_of(4) {
            directory.renew(&profile.name, RenewOptions::default()).ok();
        }
    };
    std::thread::scope(|scope| {
        for number in 0..12 {
            scope.spawn(move || issue(number));
        }
    });
    let registry = bench.directory.registry().unwrap();
    let names: BTreeSet<_> =
        registry.entries().iter().filter_map(|entry| entry.certificate.clone()).map(|known| known.name).collect();
    assert_eq!(names.len(), 12);
    let (number, listed) = bench.listed();
    assert_eq!((number, listed.len()), (4, 4));
    assert_eq!(registry.list_number, 4);
}

#[test]
fn a_new_authority_in_the_place_of_the_old_begins_anew() {
    let bench = Bench::new();
    bench.client("alice", 40);
    bench.revoke(name("alice")).unwrap();
    let replacing = Directory::new(bench.folder.path(), Existing::Replace);
    replacing.init(&Authority::create("another", Validity::days(100)).unwrap()).unwrap();
    assert_eq!(replacing.registry().unwrap().entries().len(), 0);
    assert!(!bench.folder.path().join("ca.crl").exists());
}

#[test]
fn an_agent_has_no_groups_and_a_client_no_addresses() {
    let bench = Bench::new();
    let client = bench.client("alice", 40);
    let authority = bench.directory.authority().unwrap();
    let address: SubjectName = "IP:127.0.0.1".parse().unwrap();
    for wrong in [
        Leaf { subject_names: vec![address.clone()], ..client.clone() },
        Leaf { purpose: Purpose::Agent, subject_names: vec![address], ..client.clone() },
        Leaf { purpose: Purpose::Agent, organisations: Vec::new(), ..client.clone() },
        Leaf { organisations: vec!["a\nb".to_owned()], ..client.clone() },
        Leaf { organisations: vec![String::new()], ..client.clone() },
    ] {
        assert!(authority.issue(&wrong).is_err(), "{wrong:?}");
    }
    // A SPIFFE id is enough for an agent.
    let id = Some("spiffe://example.org/web1".parse().unwrap());
    let agent = Leaf { purpose: Purpose::Agent, organisations: Vec::new(), spiffe_id: id, ..client };
    authority.issue(&agent).unwrap();
}

#[test]
fn any_number_of_groups_stand_in_the_subject_in_their_order() {
    let bench = Bench::new();
    for count in [1, 2, 3, 40] {
        let organisations: Vec<_> = (0..count).map(|number| format!("group-{number}-{}", "x".repeat(50))).collect();
        let leaf = Leaf { name: format!("with-{count}"), organisations, ..bench.client(&format!("c{count}"), 10) };
        bench.directory.issue(&leaf).unwrap();
        let certificate = bench.certificate(&leaf.name);
        assert_eq!(certificate.leaf().unwrap().organisations, leaf.organisations);
    }
}
