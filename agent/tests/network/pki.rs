//! A small authority and what it signs, in a folder that goes away with it.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
    date_time_ymd,
};
use tempfile::TempDir;

pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// An authority with a folder.
pub(crate) struct Pki {
    folder: TempDir,
    pub(crate) authority: Authority,
}

/// Whoever signs certificates and revocation lists.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
pub(crate) struct Identity {
    pub(crate) certificate: rcgen::Certificate,
    pub(crate) key: KeyPair,
}

impl Pki {
    pub(crate) fn new() -> Pki {
        Pki { folder: TempDir::new().unwrap(), authority: Authority::root("test authority") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file and gives its path.
    pub(crate) fn write(&self, name: &str, text: &str, mode: u32) -> String {
        let path = self.path(name);
        write_with_mode(&path, text, mode);
        path.display().to_string()
    }

    pub(crate) fn authority_pem(&self) -> String {
        self.authority.pem()
    }

    pub(crate) fn authority_der(&self) -> rustls_pki_types::CertificateDer<'static> {
        self.authority.0.der().clone()
    }

    pub(crate) fn agent(&self) -> Identity {
        self.issue(|params| {
            *params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
            params.distinguished_name = named("agent", &[]).distinguished_name;
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        })
    }

    pub(crate) fn client(&self, name: &str, roles: &[&str]) -> Identity {
        self.issue(|params| params.distinguished_name = named(name, roles).distinguished_name)
    }

    pub(crate) fn expired_client(&self) -> Identity {
        self.issue(|params| {
            params.not_before = date_time_ymd(2001, 1, 1);
            params.not_after = date_time_ymd(2002, 1, 1);
        })
    }

    /// A client's certificate, unless `change` says otherwise.
    pub(crate) fn issue(&self, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        self.authority.issue(change)
    }
}

impl Authority {
    pub(crate) fn root(name: &str) -> Authority {
        Authority::root_with(name, |_| {})
    }

    pub(crate) fn root_with(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Authority {
        let mut params = authority(name);
        change(&mut params);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// One that this one vouches for.
    pub(crate) fn intermediate(&self, name: &str) -> Authority {
        Authority(CertifiedIssuer::signed_by(authority(name), KeyPair::generate().unwrap(), &self.0).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn der(&self) -> rustls_pki_types::CertificateDer<'static> {
        self.0.der().clone()
    }

    pub(crate) fn issue(&self, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let mut params = named("someone", &["procwire:reader"]);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        Identity { certificate: params.signed_by(&key, &self.0).unwrap(), key }
    }

    /// A list that names these serial numbers, issued an hour ago and good for a day.
    pub(crate) fn crl(&self, serials: &[u64]) -> rcgen::CertificateRevocationList {
        let now = SystemTime::now();
        self.crl_of(serials, now - HOUR, now + HOUR * 24)
    }

    pub(crate) fn crl_of(
        &self,
        serials: &[u64],
        begins: SystemTime,
        ends: SystemTime,
    ) -> rcgen::CertificateRevocationList {
        self.crl_numbered(serials, 1, begins, ends)
    }

    pub(crate) fn crl_numbered(
        &self,
        serials: &[u64],
        number: u64,
        begins: SystemTime,
        ends: SystemTime,
    ) -> rcgen::CertificateRevocationList {
        let at = |time: SystemTime| date_time_ymd(1970, 1, 1) + time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: at(begins),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: at(begins),
            next_update: at(ends),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.0).unwrap()
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = named(name, &[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn named(name: &str, organizations: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    for organization in organizations {
        params.distinguished_name.push(DnType::OrganizationName, *organization);
    }
    params
}

fn write_with_mode(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
