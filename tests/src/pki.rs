//! Certificates of a fresh authority, good ones and bad ones.

use std::time::{Duration, SystemTime};

use procwire_cli::pki::{AgentProfile, Authority, ClientProfile, Issued, Role, SubjectName, Validity};
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair};

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
        let subject_names = ["DNS:localhost", "IP:127.0.0.1"].map(|name| name.parse::<SubjectName>().unwrap());
        let validity = Validity::days(365);
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
