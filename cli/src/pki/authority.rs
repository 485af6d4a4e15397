//! The authority: signs agents' and clients' certificates, each for one use only.

use std::time::SystemTime;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    RevokedCertParams, SanType, SerialNumber,
};
use time::OffsetDateTime;

use super::{AgentProfile, ClientProfile, Leaf, PkiError, Purpose, RevocationList, SubjectName, Validity, subject};

/// A certificate and its key.
pub struct Issued {
    /// The certificate, PEM.
    pub certificate_pem: String,
    /// Its private key, PKCS #8 PEM.
    pub key_pem: String,
}

/// An authority: a self-signed certificate and its key. It signs leaves only (path length 0).
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate_pem: String,
    not_after: SystemTime,
}

impl Authority {
    /// Makes a new one.
    pub fn create(name: &str, validity: Validity) -> Result<Self, PkiError> {
        if name.is_empty() || name.chars().count() > 64 || name.chars().any(char::is_control) {
            return Err(PkiError::Name { name: name.to_owned(), problem: "1 to 64 printable characters" });
        }
        let mut params = params(name, validity)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        // It signs revocation lists too.
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = new_key()?;
        let certificate = params.self_signed(&key).map_err(certificate_error("sign the authority"))?;
        let certificate_pem = certificate.pem();
        Ok(Self { issuer: Issuer::new(params, key), certificate_pem, not_after: validity.not_after })
    }

    /// Takes one up again from its two files.
    pub fn from_pem(certificate_pem: &str, key_pem: &str) -> Result<Self, PkiError> {
        let key = KeyPair::from_pem(key_pem).map_err(certificate_error("read the authority's key"))?;
        let issuer = Issuer::from_ca_cert_pem(certificate_pem, key)
            .map_err(certificate_error("read the authority's certificate"))?;
        let not_after = not_after(certificate_pem)?;
        Ok(Self { issuer, certificate_pem: certificate_pem.to_owned(), not_after })
    }

    /// Its certificate, PEM: what agents and clients trust.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The last moment of its validity.
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// Its private key, PKCS #8 PEM.
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// Issues the certificate of an agent: for servers only.
    pub fn issue_agent(&self, profile: &AgentProfile) -> Result<Issued, PkiError> {
        self.issue(&Leaf::from(profile))
    }

    /// Issues the certificate of a client: for clients only, with its role as organisation.
    pub fn issue_client(&self, profile: &ClientProfile) -> Result<Issued, PkiError> {
        self.issue(&Leaf::from(profile))
    }

    /// Issues a certificate with a new key: for servers or for clients, never for both.
    pub fn issue(&self, leaf: &Leaf) -> Result<Issued, PkiError> {
        leaf.check()?;
        let mut params = params(&leaf.name, leaf.validity)?;
        let spiffe_id = leaf.spiffe_id.iter().map(|id| id.as_str().try_into().map(SanType::URI));
        let spiffe_id = spiffe_id.map(|san| san.map_err(certificate_error("SPIFFE id")));
        params.subject_alt_names =
            leaf.subject_names.iter().map(san_type).chain(spiffe_id).collect::<Result<_, _>>()?;
        params.extended_key_usages = vec![match leaf.purpose {
            Purpose::Agent => ExtendedKeyUsagePurpose::ServerAuth,
            Purpose::Client => ExtendedKeyUsagePurpose::ClientAuth,
        }];
        self.sign(params, leaf)
    }

    /// Signs the list of what is revoked; PEM.
    pub fn revocation_list(&self, list: &RevocationList) -> Result<String, PkiError> {
        let revoked = list.revoked.iter().map(|revoked| RevokedCertParams {
            serial_number: SerialNumber::from_slice(&revoked.serial),
            revocation_time: OffsetDateTime::from(revoked.at),
            reason_code: revoked.reason.code(),
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: OffsetDateTime::from(list.this_update),
            next_update: OffsetDateTime::from(list.next_update),
            crl_number: SerialNumber::from(list.number),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            // As its certificate has it.
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let signed = params.signed_by(&self.issuer).map_err(certificate_error("sign the revocation list"))?;
        signed.pem().map_err(certificate_error("write the revocation list"))
    }

    fn sign(&self, mut params: CertificateParams, leaf: &Leaf) -> Result<Issued, PkiError> {
        if leaf.validity.not_after > self.not_after {
            let problem = "the certificate would outlive its authority; give fewer --days".to_owned();
            return Err(PkiError::Validity { problem });
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        params.is_ca = IsCa::ExplicitNoCa;
        let key = new_key()?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(certificate_error("sign the certificate"))?;
        let certificate_pem = match leaf.organisations.as_slice() {
            [] => certificate.pem(),
            organisations => {
                subject::with_organisations(certificate.der(), &leaf.name, organisations, self.issuer.key())?
            }
        };
        Ok(Issued { certificate_pem, key_pem: key.serialize_pem() })
    }
}

fn params(name: &str, validity: Validity) -> Result<CertificateParams, PkiError> {
    if validity.not_after <= validity.not_before {
        return Err(PkiError::Validity { problem: "it ends before it begins".to_owned() });
    }
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    let mut params = CertificateParams::default();
    params.distinguished_name = subject;
    params.not_before = OffsetDateTime::from(validity.not_before);
    params.not_after = OffsetDateTime::from(validity.not_after);
    params.serial_number = Some(random_serial()?);
    Ok(params)
}

/// 126 random bits: positive, never 0, and at most 20 bytes as RFC 5280 (4.1.2.2) demands.
fn random_serial() -> Result<SerialNumber, PkiError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(PkiError::Random)?;
    let [first, ..] = &mut bytes;
    *first = (*first & 0x7f) | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

fn not_after(certificate_pem: &str) -> Result<SystemTime, PkiError> {
    let error = || PkiError::Certificate {
        what: "read the authority's certificate",
        source: rcgen::Error::CouldNotParseCertificate,
    };
    let (_, pem) = x509_parser::pem::parse_x509_pem(certificate_pem.as_bytes()).map_err(|_| error())?;
    let certificate = pem.parse_x509().map_err(|_| error())?;
    Ok(certificate.validity().not_after.to_datetime().into())
}

fn new_key() -> Result<KeyPair, PkiError> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(certificate_error("make a key"))
}

fn san_type(name: &SubjectName) -> Result<SanType, PkiError> {
    Ok(match name {
        SubjectName::Dns(name) => {
            SanType::DnsName(name.as_str().try_into().map_err(certificate_error("subject alternative name"))?)
        }
        SubjectName::Ip(address) => SanType::IpAddress(*address),
    })
}

fn certificate_error(what: &'static str) -> impl FnOnce(rcgen::Error) -> PkiError {
    move |source| PkiError::Certificate { what, source }
}
