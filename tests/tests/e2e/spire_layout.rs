//! The files of SPIRE on both sides: `svid.pem`, `svid_key.pem` and `bundle.pem`, renewed all the time by somebody else. Certificates as SPIRE
//! issues them: a URI and no name, for servers and clients alike, by an intermediate authority that changes too.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use procwire_client::{Client, ErrorKind, SystemEvent};
use procwire_tests::waiting::{PATIENCE, TIME_FOR_A_CALL, eventually_async, within_patience};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType,
};
use tempfile::TempDir;

use crate::laid_out::{LaidOut, Layout};

const AGENT: &str = "spiffe://example.org/procwire/web1";
const CLIENT: &str = "spiffe://example.org/team/alice";

/// The authority of a trust domain, as SPIRE's server has it: a root, and an intermediate that signs.
struct TrustDomain {
    root: CertifiedIssuer<'static, KeyPair>,
    intermediate: CertifiedIssuer<'static, KeyPair>,
}

impl TrustDomain {
    fn new(name: &str) -> Self {
        let root = CertifiedIssuer::self_signed(authority(name), KeyPair::generate().unwrap()).unwrap();
        let intermediate = Self::intermediate(name, &root);
        Self { root, intermediate }
    }

    fn intermediate(name: &str, root: &CertifiedIssuer<'static, KeyPair>) -> CertifiedIssuer<'static, KeyPair> {
        CertifiedIssuer::signed_by(authority(&format!("{name} below")), KeyPair::generate().unwrap(), root).unwrap()
    }

    fn rotate_intermediate(&mut self) {
        self.intermediate = Self::intermediate("example.org", &self.root);
    }

    /// Puts a workload's files in place, each by a rename, as SPIRE's helpers do.
    fn issue(&self, id: &str, folder: &Path, lasts: Duration) {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        // SPIRE's, the same for every workload, unless it is told otherwise.
        params.distinguished_name.push(DnType::CountryName, "US");
        params.distinguished_name.push(DnType::OrganizationName, "reader");
        params.subject_alt_names = vec![SanType::URI(id.try_into().unwrap())];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.is_ca = IsCa::ExplicitNoCa;
        params.not_before = (SystemTime::now() - Duration::from_secs(60)).into();
        params.not_after = (SystemTime::now() + lasts).into();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.intermediate).unwrap();
        put(folder, "svid_key.pem", &key.serialize_pem());
        put(folder, "svid.pem", &format!("{}{}", certificate.pem(), self.intermediate.pem()));
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.subject_alt_names = vec![SanType::URI("spiffe://example.org".try_into().unwrap())];
    params
}

fn put(folder: &Path, name: &str, text: &str) {
    let new = folder.join(format!(".{name}.new"));
    fs::write(&new, text).unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(new, folder.join(name)).unwrap();
}

/// Both sides and their files.
struct Site {
    folder: TempDir,
    domain: TrustDomain,
    agent: LaidOut,
}

const HOUR: Duration = Duration::from_secs(3600);

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let domain = TrustDomain::new("example.org");
        for (side, id) in [("agent", AGENT), ("client", CLIENT)] {
            let side = folder.path().join(side);
            fs::create_dir(&side).unwrap();
            put(&side, "bundle.pem", &domain.root.pem());
            domain.issue(id, &side, HOUR);
        }
        let side = folder.path().join("agent");
        let (certificate, key, bundle) = (side.join("svid.pem"), side.join("svid_key.pem"), side.join("bundle.pem"));
        let layout = Layout { folder: folder.path(), certificate: &certificate, key: &key, client_ca: &bundle };
        let agent = LaidOut::start(&layout, &["tls.spiffe_trust_domains=example.org"]);
        Self { folder, domain, agent }
    }

    fn side(&self, side: &str) -> PathBuf {
        self.folder.path().join(side)
    }

    fn client(&self) -> Client {
        self.client_of("client", AGENT)
    }

    fn client_of(&self, side: &str, agent: &str) -> Client {
        let side = self.side(side);
        Client::builder(&self.agent.endpoint)
            .ca_file(side.join("bundle.pem"))
            .identity_files(side.join("svid.pem"), side.join("svid_key.pem"))
            .agent_spiffe_id(agent)
            .read_attempts(1)
            .default_timeout(TIME_FOR_A_CALL)
            .connect_timeout(PATIENCE)
            .build()
            .unwrap()
    }
}

async fn agent_serial(client: &Client) -> Option<String> {
    Some(client.agent().status().await.ok()?.certificates?.serial)
}

#[tokio::test]
async fn both_sides_know_each_other_by_their_spiffe_ids() {
    let site = Site::new();
    let info = site.client().agent().info().await.unwrap();
    assert_eq!(info.caller.unwrap().principal, CLIENT);
    let status = site.client().agent().status().await.unwrap();
    assert_eq!(status.certificates.unwrap().spiffe_id, AGENT);
    let error = site.client_of("client", "spiffe://example.org/procwire/web2").agent().info().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ServerCertificate, "{error}");
    assert!(error.to_string().contains(AGENT), "{error}");
}

#[tokio::test]
async fn a_long_lived_client_goes_on_over_renewals_of_both_sides_and_of_the_intermediate() {
    let mut site = Site::new();
    let client = site.client();
    let mut serial = agent_serial(&client).await.unwrap();
    for round in 0..3 {
        if round == 1 {
            site.domain.rotate_intermediate();
        }
        site.domain.issue(AGENT, &site.side("agent"), HOUR);
        site.domain.issue(CLIENT, &site.side("client"), HOUR);
        serial = eventually_async("the agent's new certificate", async || {
            agent_serial(&client).await.filter(|found| *found != serial)
        })
        .await;
        // And one that connects now.
        assert_eq!(site.client().agent().info().await.unwrap().caller.unwrap().principal, CLIENT);
    }
}

#[tokio::test]
async fn a_client_whose_certificate_has_ended_goes_on_with_the_one_that_lies_there() {
    let site = Site::new();
    let brief = site.side("brief");
    fs::create_dir(&brief).unwrap();
    put(&brief, "bundle.pem", &site.domain.root.pem());
    site.domain.issue(CLIENT, &brief, Duration::from_secs(3));
    let client = site.client_of("brief", AGENT);
    // The first call may come too late already, on a busy machine; then it is refused for the same reason as later ones.
    let _ = client.agent().info().await;
    let refusal = eventually_async("the end of the certificate", async || client.agent().info().await.err()).await;
    assert!(
        matches!(refusal.kind(), ErrorKind::ClientCertificate | ErrorKind::Unauthenticated | ErrorKind::ConnectionLost),
        "{refusal}"
    );
    site.domain.issue(CLIENT, &brief, HOUR);
    eventually_async("a call with the next one", async || client.agent().info().await.ok()).await;
}

#[tokio::test]
async fn a_watch_goes_on_when_its_certificate_ends_and_another_lies_there() {
    let site = Site::new();
    let brief = site.side("brief");
    fs::create_dir(&brief).unwrap();
    put(&brief, "bundle.pem", &site.domain.root.pem());
    // Long enough for a busy machine to open the watch in.
    site.domain.issue(CLIENT, &brief, Duration::from_secs(15));
    let mut watch = site.client_of("brief", AGENT).system().watch().fields(["load"]).await.unwrap();
    site.domain.issue(CLIENT, &brief, HOUR);
    within_patience("a gap, and samples after it", async {
        while !matches!(watch.next().await.unwrap().unwrap(), SystemEvent::Gap(_)) {}
        while !matches!(watch.next().await.unwrap().unwrap(), SystemEvent::Sample { .. }) {}
    })
    .await;
}

#[tokio::test]
async fn a_trust_domain_that_changes_its_root_is_followed_by_both() {
    let mut site = Site::new();
    let client = site.client();
    client.agent().info().await.unwrap();
    let old = site.domain.root.pem();
    site.domain = TrustDomain::new("example.org anew");
    let both = format!("{old}{}", site.domain.root.pem());
    // As SPIRE does it: first the bundle with both, then certificates of the new one, then the bundle without the old one.
    for side in ["agent", "client"] {
        put(&site.side(side), "bundle.pem", &both);
    }
    site.domain.issue(AGENT, &site.side("agent"), HOUR);
    site.domain.issue(CLIENT, &site.side("client"), HOUR);
    eventually_async("calls under the new root", async || site.client().agent().info().await.ok()).await;
    for side in ["agent", "client"] {
        put(&site.side(side), "bundle.pem", &site.domain.root.pem());
    }
    eventually_async("calls under the new root alone", async || site.client().agent().info().await.ok()).await;
    eventually_async("the long-lived client too", async || client.agent().info().await.ok()).await;
}

#[tokio::test]
async fn a_workload_of_another_trust_domain_is_refused_though_its_authority_is_known() {
    let site = Site::new();
    let other = site.side("other");
    fs::create_dir(&other).unwrap();
    put(&other, "bundle.pem", &site.domain.root.pem());
    site.domain.issue("spiffe://evil.test/team/alice", &other, HOUR);
    let error = site.client_of("other", AGENT).agent().info().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::ClientCertificate | ErrorKind::Unauthenticated), "{error}");
}
