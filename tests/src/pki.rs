//! Certificates of a fresh authority, good ones and bad ones.

use std::time::{Duration, SystemTime};

use procwire_cli::pki::{
    AgentProfile, Authority, ClientProfile, Issued, Leaf, Purpose, Reason, RevocationList, Revoked, Role, SubjectName,
    Validity,
};
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use x509_parser::{certificate::X509Certificate, prelude::FromDer as _};

const MINUTE: Duration = Duration::from_secs(60);

/// An authority as `procwire pki` makes it.
pub struct Pki {
    authority: Authority,
}

/// What a client shows.
#[derive(Clone)]
pub struct Identity {
    /// Certificate, PEM.
    pub certificate_pem: String,
    /// Private key, PEM.
    pub key_pem: String,
}

impl From<Issued> for Identity {
    fn from(issued: Issued) -> Self {
        Self { certificate_pem: issued.certificate_pem, key_pem: issued.key_pem }
    }
}

impl Identity {
    /// The serial number of its certificate, highest byte first.
    pub fn serial(&self) -> Vec<u8> {
        let der = CertificateDer::from_pem_slice(self.certificate_pem.as_bytes()).unwrap();
        X509Certificate::from_der(&der).unwrap().1.raw_serial().to_vec()
    }

    /// SHA-256 of its certificate, hexadecimal.
    pub fn fingerprint(&self) -> String {
        let der = CertificateDer::from_pem_slice(self.certificate_pem.as_bytes()).unwrap();
        let provider = rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
        let hash = provider.tls13().unwrap().common.hash_provider.hash(&der);
        hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Its serial number in hexadecimal.
    pub fn serial_text(&self) -> String {
        self.serial().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Pki {
    /// A new authority.
    pub fn new() -> Self {
        Self { authority: Authority::create("procwire test authority", Validity::days(3650)).unwrap() }
    }

    /// The authority's certificate, PEM.
    pub fn ca_pem(&self) -> &str {
        self.authority.certificate_pem()
    }

    /// For an agent on loopback.
    pub fn agent(&self) -> Identity {
        self.agent_valid(Validity::days(365))
    }

    /// For an agent on loopback, issued so long ago and valid for so long from now.
    pub fn agent_with_validity(&self, age: Duration, left: Duration) -> Identity {
        let now = SystemTime::now();
        self.agent_valid(Validity { not_before: now - age, not_after: now + left })
    }

    fn agent_valid(&self, validity: Validity) -> Identity {
        let subject_names = ["DNS:localhost", "IP:127.0.0.1"].map(|name| name.parse::<SubjectName>().unwrap());
        let profile = AgentProfile { name: "agent".to_owned(), subject_names: subject_names.into(), validity };
        self.authority.issue_agent(&profile).unwrap().into()
    }

    /// For a client with a role; its name is "test-ROLE".
    pub fn client(&self, role: Role) -> Identity {
        self.client_valid(role, Validity::days(365))
    }

    /// For a client whose certificate ended an hour ago.
    pub fn expired_client(&self, role: Role) -> Identity {
        let hours_ago = |hours: u64| SystemTime::now() - Duration::from_secs(hours * 3600);
        self.client_valid(role, Validity { not_before: hours_ago(2), not_after: hours_ago(1) })
    }

    /// For a client whose organisation is no role of procwire.
    pub fn client_without_role(&self) -> Identity {
        self.odd(|params| {
            params.distinguished_name.push(DnType::OrganizationName, "accounting");
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        })
    }

    /// For any purpose, or for none: no extended key usage.
    pub fn client_without_usage(&self) -> Identity {
        self.odd(|params| params.distinguished_name.push(DnType::OrganizationName, "admin"))
    }

    /// For a workload with a SPIFFE id, as SPIRE issues them, valid for an hour.
    pub fn workload(&self, id: &str, purpose: Purpose) -> Identity {
        let agent_names = ["DNS:localhost", "IP:127.0.0.1"].map(|name| name.parse::<SubjectName>().unwrap());
        let (organisations, subject_names) = match purpose {
            Purpose::Client => (vec!["reader".to_owned()], Vec::new()),
            Purpose::Agent => (Vec::new(), agent_names.into()),
        };
        let now = SystemTime::now();
        let validity = Validity { not_before: now - MINUTE, not_after: now + 60 * MINUTE };
        let spiffe_id = Some(id.parse().unwrap());
        let leaf = Leaf { name: "workload".to_owned(), purpose, organisations, subject_names, spiffe_id, validity };
        self.authority.issue(&leaf).unwrap().into()
    }

    /// For a client whose certificate is valid from then to then.
    pub fn client_between(&self, role: Role, not_before: SystemTime, not_after: SystemTime) -> Identity {
        self.client_valid(role, Validity { not_before, not_after })
    }

    /// The list of what is revoked, good for a day.
    pub fn revocation_list(&self, revoked: &[&Identity]) -> String {
        let now = SystemTime::now();
        self.revocation_list_between(revoked, now - MINUTE, now + 24 * 60 * MINUTE)
    }

    /// The list of what is revoked, good from then to then.
    pub fn revocation_list_between(&self, revoked: &[&Identity], from: SystemTime, to: SystemTime) -> String {
        let entry = |identity: &&Identity| Revoked { serial: identity.serial(), at: from, reason: Reason::Unspecified };
        let revoked = revoked.iter().map(entry).collect();
        let list = RevocationList { number: 1, this_update: from, next_update: to, revoked };
        self.authority.revocation_list(&list).unwrap()
    }

    fn client_valid(&self, role: Role, validity: Validity) -> Identity {
        let profile = ClientProfile { name: format!("test-{role}"), role, validity };
        self.authority.issue_client(&profile).unwrap().into()
    }

    /// Signed by the same authority, with contents that it would not issue by itself.
    fn odd(&self, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let authority_key = KeyPair::from_pem(&self.authority.key_pem()).unwrap();
        let issuer = Issuer::from_ca_cert_pem(self.ca_pem(), authority_key).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "test-odd");
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        Identity { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() }
    }
}

impl Default for Pki {
    fn default() -> Self {
        Self::new()
    }
}
